//! What all lists have in common (contract: pagination).

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use crate::support::TestApp;

on_both_engines!(pages_reach_only_so_far, a_page_of_nothing, a_cursor_is_good_for_its_own_list);

/// Each list with pages, the name it has in an answer, and whether a page may hold nothing.
const LISTS: [(&str, &str, bool); 9] = [
    ("resource-servers", "resource_servers", false),
    ("clients", "clients", true),
    ("client-grants", "client_grants", false),
    ("roles", "roles", false),
    ("users", "users", true),
    ("connections", "connections", false),
    ("logs", "logs", true),
    ("grants", "grants", false),
    ("device-credentials", "device_credentials", false),
];

async fn pages_reach_only_so_far(t: TestApp) {
    let refusal = json!({
        "statusCode": 400, "error": "Bad Request", "errorCode": "invalid_paging",
        "message": "You can only page through the first 1000 records. See \
                    https://auth0.com/docs/users/search/v3/view-search-results-by-page#limitation",
    });
    for (list, plural, _) in LISTS {
        for totals in [false, true] {
            let get = async |query: &str| t.get(&format!("{list}?{query}&include_totals={totals}")).send().await;
            for last in ["page=19", "page=19&per_page=50", "page=9&per_page=100", "page=999&per_page=1"] {
                let reply = get(last).await;
                assert_eq!(reply.status, 200, "{list} {last}: {}", reply.body);
                let shown = if totals { &reply.body[plural] } else { &reply.body };
                assert_eq!(shown, &json!([]), "{list} {last}");
            }
            for beyond in [
                "page=20",
                "page=20&per_page=50",
                "page=10&per_page=100",
                "page=1000&per_page=1",
                "page=13&per_page=75",
                "page=9223372036854775807&per_page=100",
            ] {
                assert_eq!(get(beyond).await.body, refusal, "{list} {beyond}");
            }
        }
    }
}

async fn a_page_of_nothing(t: TestApp) {
    t.post("clients", json!({ "name": "x" })).send().await;
    for (list, plural, allowed) in LISTS {
        let reply = t.get(&format!("{list}?per_page=0&page=3&include_totals=true")).send().await;
        if !allowed {
            assert_eq!(
                (reply.status.as_u16(), &reply.body["errorCode"]),
                (400, &json!("invalid_query_string")),
                "{list}"
            );
            continue;
        }
        let body = &reply.body;
        assert_eq!((&body[plural], &body["limit"], &body["start"]), (&json!([]), &json!(0), &json!(0)), "{list}");
        assert_eq!(t.get(&format!("{list}?per_page=0")).send().await.body, json!([]), "{list}");
    }
    let count = |body: Value| body["total"].as_i64().unwrap();
    assert!(count(t.get("clients?per_page=0&include_totals=true").send().await.body) > 0, "how many there are is said");
    assert_eq!(t.get("clients?per_page=-1").send().await.status, 400);
}

async fn a_cursor_is_good_for_its_own_list(t: TestApp) {
    for name in ["a", "b"] {
        t.api(&format!("https://{name}.example/"), &["x"]).await;
        let client = t.post("clients", json!({ "name": name })).send().await.body["client_id"].clone();
        let grant = json!({ "client_id": client, "audience": "https://a.example/", "scope": [] });
        assert_eq!(t.post("client-grants", grant).send().await.status, 201);
        assert_eq!(t.post("roles", json!({ "name": name })).send().await.status, 200);
    }
    let lists = ["resource-servers", "clients", "client-grants", "roles"];
    let mut cursors = Vec::new();
    for list in lists {
        cursors.push(t.get(&format!("{list}?take=1")).send().await.body["next"].as_str().unwrap().to_owned());
    }
    let encoded = |text: &str| BASE64_URL_SAFE_NO_PAD.encode(text);
    let forged = ["!".to_owned(), String::new(), encoded("1"), encoded("clients 01"), encoded("resource_servers x")];
    for list in lists.into_iter().chain(["connections"]) {
        for (of, cursor) in lists.iter().zip(&cursors).chain(forged.iter().map(|cursor| (&"nobody", cursor))) {
            let reply = t.get(&format!("{list}?take=1&from={cursor}")).send().await;
            assert_eq!(reply.status.as_u16(), if *of == list { 200 } else { 400 }, "{list} from {of}: {cursor}");
            if *of != list {
                let text =
                    "Query validation error: 'Not a value that `next` of an earlier answer had' on property from.";
                assert_eq!(
                    (&reply.body["message"], &reply.body["errorCode"]),
                    (&json!(text), &json!("invalid_query_string"))
                );
            }
        }
    }
}
