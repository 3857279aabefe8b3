use serde_json::json;

use super::{API, client, consent, encoded, listed, numbers, scope, userinfo};
use crate::support::TestApp;

on_both_engines!(it_shows_what_was_consented_to, filters_and_pages, what_is_given_twice_is_one, bad_input_is_refused);

async fn it_shows_what_was_consented_to(t: TestApp) {
    assert_eq!(listed(&t, "").await, json!([]));
    t.api(API, &["write:b", "read:a"]).await;
    let app = client(&t).await;
    consent(&t, 1, ("auth0|1", &app), Some(API), &["openid", "read:a", "write:b"]).await;
    consent(&t, 2, ("auth0|1", &app), None, &["openid", "email"]).await;
    assert_eq!(
        listed(&t, "").await,
        json!([
            {
                "id": "000000000000000000000001", "clientID": app, "user_id": "auth0|1", "audience": API,
                "scope": ["openid", "write:b", "read:a"],
            },
            {
                "id": "000000000000000000000002", "clientID": app, "user_id": "auth0|1", "audience": userinfo(),
                "scope": ["email", "openid"],
            },
        ])
    );
}

async fn filters_and_pages(t: TestApp) {
    t.api(API, &["read:a"]).await;
    let (one, two) = (client(&t).await, client(&t).await);
    for (number, user, app, audience) in [
        (1, "auth0|1", &one, Some(API)),
        (2, "auth0|1", &two, Some(API)),
        (3, "auth0|2", &one, Some(API)),
        (4, "auth0|2", &one, None),
        (5, "auth0|3", &two, None),
    ] {
        consent(&t, number, (user, app), audience, &[]).await;
    }
    let (api, own, user) = (encoded(API), encoded(&userinfo()), encoded("auth0|2"));
    for (query, wanted) in [
        (String::new(), vec![1, 2, 3, 4, 5]),
        (format!("?user_id={user}"), vec![3, 4]),
        (format!("?client_id={two}"), vec![2, 5]),
        (format!("?audience={api}"), vec![1, 2, 3]),
        (format!("?audience={own}"), vec![4, 5]),
        (format!("?audience={api}&client_id={one}&user_id={user}"), vec![3]),
        (format!("?user_id={user}&client_id={two}"), vec![]),
        ("?user_id=nobody".to_owned(), vec![]),
        ("?client_id=nobody".to_owned(), vec![]),
        ("?audience=nothing".to_owned(), vec![]),
        ("?per_page=2".to_owned(), vec![1, 2]),
        ("?per_page=2&page=2".to_owned(), vec![5]),
        ("?per_page=2&page=3".to_owned(), vec![]),
        (format!("?per_page=1&page=1&audience={api}"), vec![2]),
    ] {
        assert_eq!(numbers(&t, &query).await, wanted, "{query}");
    }
    let page = listed(&t, &format!("?include_totals=true&per_page=2&page=1&audience={api}")).await;
    assert_eq!((&page["start"], &page["limit"], &page["total"]), (&json!(2), &json!(2), &json!(3)));
    assert_eq!(page["grants"].as_array().unwrap().len(), 1);
    let none = listed(&t, "?include_totals=true&client_id=nobody").await;
    assert_eq!(none, json!({ "start": 0, "limit": 50, "total": 0, "grants": [] }));
}

async fn what_is_given_twice_is_one(t: TestApp) {
    t.api(API, &["read:a", "read:b"]).await;
    let app = client(&t).await;
    for (number, words) in [(1, ["openid", "read:a"]), (2, ["email", "read:b"]), (3, ["openid", "read:a"])] {
        consent(&t, number, ("auth0|1", &app), Some(API), &words).await;
    }
    assert_eq!(numbers(&t, "").await, [1]);
    assert_eq!(scope(&t).await, json!(["email", "openid", "read:a", "read:b"]));
    consent(&t, 4, ("auth0|1", &app), None, &["openid"]).await;
    consent(&t, 5, ("auth0|1", &app), None, &["name"]).await;
    assert_eq!(numbers(&t, "").await, [1, 4], "so it is without an API");
}

async fn bad_input_is_refused(t: TestApp) {
    for query in ["?page=x", "?per_page=0", "?per_page=101", "?color=1", "?user_id=%00"] {
        let reply = t.get(&format!("grants{query}")).send().await;
        assert_eq!((reply.status.as_u16(), &reply.body["errorCode"]), (400, &json!("invalid_query_string")), "{query}");
    }
    assert_eq!(t.get("grants?page=9&per_page=100").send().await.status, 200);
    let far = t.get("grants?page=10&per_page=100").send().await;
    assert_eq!((far.status.as_u16(), &far.body["errorCode"]), (400, &json!("invalid_paging")));
}
