use serde_json::{Value, json};

use super::{CONNECTION, create, each, user, wanted};
use crate::support::{Place, TestApp};

on_both_engines!(pages_totals_and_ends, orders, queries, by_email, bad_queries, too_many_to_look_at,);

async fn found(t: &TestApp, query: &str, more: &str) -> Vec<String> {
    let query: String = form_urlencoded::byte_serialize(query.as_bytes()).collect();
    let reply = t.get(&format!("users?q={query}{more}")).send().await;
    assert_eq!(reply.status, 200, "{query}: {}", reply.body);
    assert_eq!(reply.body.is_array(), !more.contains("include_totals"), "{}", reply.body);
    let list = if reply.body.is_array() { reply.body.clone() } else { reply.body["users"].clone() };
    each(&list, "user_id").iter().map(|id| id.replace("auth0|", "")).collect()
}

async fn pages_totals_and_ends(t: TestApp) {
    for own in ["e", "d", "c", "b", "a"] {
        user(&t, own).await;
    }
    let all = t.get("users").send().await.body;
    assert_eq!(each(&all, "user_id"), ["auth0|e", "auth0|d", "auth0|c", "auth0|b", "auth0|a"], "oldest first");
    let page = t.get("users?page=1&per_page=2&include_totals=true&fields=user_id").send().await.body;
    assert_eq!(
        page,
        json!({
            "start": 2, "limit": 2, "length": 2, "total": 5,
            "users": [{"user_id": "auth0|c"}, {"user_id": "auth0|b"}],
        })
    );
    let last = t.get("users?page=2&per_page=2&include_totals=true").send().await.body;
    assert_eq!((&last["length"], each(&last["users"], "user_id")), (&json!(1), vec!["auth0|a".to_owned()]));
    assert_eq!(t.get("users?page=3&per_page=2").send().await.body, json!([]), "past the end");
    let none = t.get("users?per_page=0&include_totals=true").send().await.body;
    assert_eq!(none, json!({ "start": 0, "limit": 0, "length": 0, "total": 5, "users": [] }));
    assert_eq!(t.get("users?include_totals=true").send().await.body["limit"], 50, "the default");
    assert_eq!(t.get("users?page=9&per_page=100").send().await.body, json!([]));
    for far in ["page=10&per_page=100", "page=20", "page=9223372036854775807&per_page=100"] {
        let reply = t.get(&format!("users?{far}")).send().await;
        assert_eq!((reply.status.as_u16(), &reply.body["errorCode"]), (400, &json!("invalid_paging")), "{far}");
        assert!(reply.body["message"].as_str().unwrap().starts_with("You can only page through the first 1000"));
    }
    t.delete("users/auth0%7Cc").send().await;
    assert_eq!(t.get("users?include_totals=true&per_page=1").send().await.body["total"], 4);
}

async fn orders(t: TestApp) {
    for (own, email, name) in [("1", "c@x.example", "b"), ("2", "a@x.example", "C"), ("3", "b@x.example", "A")] {
        let mut body = wanted(email);
        body["user_id"] = own.into();
        body["name"] = name.into();
        create(&t, body).await;
        t.clock.advance(1);
    }
    t.patch("users/auth0%7C1", json!({ "nickname": "x" })).send().await;
    for (sort, ids) in [
        ("email:1", ["2", "3", "1"]),
        ("email:-1", ["1", "3", "2"]),
        ("name:1", ["3", "1", "2"]),
        ("name:-1", ["2", "1", "3"]),
        ("created_at:-1", ["3", "2", "1"]),
        ("created_at:1", ["1", "2", "3"]),
        ("updated_at:1", ["2", "3", "1"]),
        ("updated_at:-1", ["1", "3", "2"]),
        ("user_id:-1", ["3", "2", "1"]),
        ("username:-1", ["3", "2", "1"]),
    ] {
        let all = t.get(&format!("users?sort={sort}")).send().await.body;
        assert_eq!(each(&all, "user_id"), ids.map(|id| format!("auth0|{id}")), "{sort}");
        let second = t.get(&format!("users?sort={sort}&per_page=1&page=1")).send().await.body;
        assert_eq!(each(&second, "user_id"), [format!("auth0|{}", ids[1])], "{sort}");
        // A search goes through another index, and its answer is in the same order.
        let searched = found(&t, "email:*", &format!("&sort={sort}")).await;
        assert_eq!(searched, ids, "{sort}");
        let searched = found(&t, "name:a* OR name:*", &format!("&sort={sort}&per_page=2&page=1")).await;
        assert_eq!(searched, ids[2..], "{sort}");
        let begin = found(&t, "user_id:auth0\\|*", &format!("&sort={sort}&per_page=2")).await;
        assert_eq!(begin, ids[..2], "{sort}");
    }
}

async fn queries(t: TestApp) {
    for (own, more) in [
        ("ann", json!({ "name": "Ann Lee", "blocked": true, "app_metadata": {"plan": {"level": 2}} })),
        ("bob", json!({ "name": "Bob Lee", "nickname": "bobby", "user_metadata": {"tags": ["red", "blue"]} })),
        ("cy", json!({ "name": "Çy \"Q\" Doe", "email_verified": true })),
    ] {
        let mut body = wanted(&format!("{own}@example.com"));
        body["user_id"] = own.into();
        for (name, value) in more.as_object().unwrap() {
            body[name] = value.clone();
        }
        create(&t, body).await;
        // Not for longer than the token is good for.
        t.clock.advance(6 * 3600);
    }
    let cases: [(&str, &[&str]); 27] = [
        ("email:\"ann@example.com\"", &["ann"]),
        ("email:ANN@example.com", &["ann"]),
        ("email:\"ann@example\"", &[]),
        ("email:b*", &["bob"]),
        ("user_id:\"auth0|cy\"", &["cy"]),
        ("user_id:auth0\\|c*", &["cy"]),
        ("user_id:\"auth0|CY\"", &[]),
        ("username:ann", &[]),
        ("name:\"ann lee\"", &["ann"]),
        ("name:\"Çy \\\"Q\\\" Doe\"", &["cy"]),
        ("name:çy*", &["cy"]),
        ("nickname:bob*", &["bob"]),
        ("blocked:true", &["ann"]),
        ("NOT blocked:true", &["bob", "cy"]),
        ("email_verified:false", &["ann", "bob"]),
        ("app_metadata.plan.level:2", &["ann"]),
        ("user_metadata.tags:blue", &["bob"]),
        ("email:a* OR email:c*", &["ann", "cy"]),
        ("(email:a* OR email:b*) AND NOT nickname:bobby", &["ann"]),
        ("created_at:[2026-01-01T06:00:00Z TO 2026-01-01T11:59:59.999Z]", &["bob"]),
        ("created_at:[2026-01-01T00:00:00.001Z TO *]", &["bob", "cy"]),
        ("created_at:[2026-01-01 TO 2026-01-01]", &["ann", "bob", "cy"]),
        ("created_at:[2026-01-02 TO *]", &[]),
        ("updated_at:[* TO 2026-01-01T00:00:00Z]", &["ann"]),
        ("identities.connection:\"Username-Password-Authentication\"", &["ann", "bob", "cy"]),
        ("identities.connection:other OR email:a*", &["ann"]),
        ("identities.provider:auth0 AND name:b*", &["bob"]),
    ];
    for (query, ids) in cases {
        assert_eq!(found(&t, query, "").await, ids, "{query}");
        assert_eq!(found(&t, query, "&include_totals=true&search_engine=v3").await, ids, "{query}");
    }
    let total = t.get("users?q=email:*&include_totals=true&per_page=1&page=1").send().await.body;
    assert_eq!((&total["total"], &total["length"], &total["start"]), (&json!(3), &json!(1), &json!(1)));
    let none = t.get("users?q=identities.connection:other&include_totals=true").send().await.body;
    assert_eq!((&none["total"], &none["users"]), (&json!(0), &json!([])));
    assert_eq!(t.get("users?connection=other").send().await.body, json!([]));
    assert_eq!(
        each(&t.get(&format!("users?connection={CONNECTION}&q=email:a*")).send().await.body, "user_id"),
        ["auth0|ann"]
    );
    // What somebody writes is a value and never part of a statement.
    for text in ["email:\"' OR 1=1 --\"", "email:\"%\"", "email:_*", "name:\"\\\\\"", "email:\"\u{10ffff}\""] {
        assert_eq!(found(&t, text, "").await, [""; 0], "{text}");
    }
}

async fn by_email(t: TestApp) {
    user(&t, "one").await;
    let found = t.get("users-by-email?email=one%40example.com").send().await.body;
    assert_eq!(each(&found, "user_id"), ["auth0|one"]);
    for other in ["One%40example.com", "one%40example", "", "%25"] {
        assert_eq!(t.get(&format!("users-by-email?email={other}")).send().await.body, json!([]), "{other}");
    }
    let some = t.get("users-by-email?email=one%40example.com&fields=email").send().await.body;
    assert_eq!(some, json!([{ "email": "one@example.com" }]));
    let missing = t.get("users-by-email").send().await;
    assert_eq!(
        missing.body,
        json!({
            "statusCode": 400, "error": "Bad Request", "errorCode": "invalid_query_string",
            "message": "Query validation error: 'Missing required property: email'.",
        })
    );
}

async fn bad_queries(t: TestApp) {
    for bad in [
        "q=john",
        "q=name:*lee",
        "q=email:*%40example.com",
        "q=color:red",
        "q=password:x",
        "q=name:a%00",
        "q=name:%22open",
        "sort=email",
        "sort=email:2",
        "sort=color:1",
        "search_engine=v1",
        "per_page=101",
        "per_page=-1",
        "page=x",
        "include_totals=yes",
        "fields=color",
        "color=red",
        "take=5",
    ] {
        let reply = t.get(&format!("users?{bad}")).send().await;
        assert_eq!((reply.status.as_u16(), &reply.body["errorCode"]), (400, &json!("invalid_query_string")), "{bad}");
    }
    let text = t.get("users?q=color:red").send().await.body["message"].as_str().unwrap().to_owned();
    assert!(
        text.starts_with("Query validation error: '`color` is not understood: no such field can be looked for."),
        "{text}"
    );
    let long = t.get(&format!("users?q=name:{}", "x".repeat(1025))).send().await;
    assert_eq!(long.status, 400);
}

/// Makes so many users from outside of the program, all of them alike but for a number.
pub(in crate::management) async fn fill(t: &TestApp, count: usize) {
    let digits = "WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < ";
    let insert = format!(
        "{digits} {count}) INSERT INTO users (number, workspace, connection, id, email, username, name, fields, created_at, \
         updated_at) SELECT 1000 + n, 1, 1, 'auth0|' || n, n || '@example.com', '', 'user ' || n, \
         '{{\"email\": \"' || n || '@example.com\", \"name\": \"User ' || n || '\", \"nickname\": \"n\"}}', n, n FROM n; \
         UPDATE connections SET users = {count};"
    );
    // Recursion comes with the statement on one engine and before it on the other.
    let insert = if matches!(t.place, Place::Database(_)) {
        let (with, rest) = insert.split_once("INSERT").unwrap();
        format!("{with} INSERT{rest}")
    } else {
        insert
    };
    match &t.place {
        Place::Directory(directory) => {
            rusqlite::Connection::open(directory.join("keyward.db")).unwrap().execute_batch(&insert).unwrap();
        }
        Place::Database(url) => {
            let (client, connection) = tokio_postgres::connect(url, tokio_postgres::NoTls).await.unwrap();
            tokio::spawn(connection);
            client.batch_execute(&insert).await.unwrap();
        }
    }
}

async fn too_many_to_look_at(t: TestApp) {
    fill(&t, 10_600).await;
    let status = async |query: &str| {
        let reply = t.get(&format!("users?{query}")).send().await;
        (reply.status.as_u16(), reply.body)
    };
    let (refused, body) = status("q=nickname:other").await;
    assert_eq!((refused, &body["errorCode"]), (400, &json!("invalid_query_string")));
    let text = body["message"].as_str().unwrap();
    assert!(text.contains("More than 10000 users would have to be looked at"), "{text}");
    assert_eq!(status("q=nickname:n&include_totals=true").await.0, 400);
    let other_order = status("q=name:user*&sort=email:1&include_totals=true&per_page=2").await;
    assert_eq!(other_order.0, 400, "they can't all be put in another order: {}", other_order.1);
    // What an index knows, or what is found soon, is answered.
    let (_, soon) = status("q=nickname:n&per_page=2").await;
    assert_eq!(each(&soon, "user_id"), ["auth0|1", "auth0|2"]);
    let exact = status("q=email:%2210600@example.com%22%20AND%20nickname:n&include_totals=true").await.1;
    assert_eq!((&exact["total"], each(&exact["users"], "user_id")), (&json!(1), vec!["auth0|10600".to_owned()]));
    let begin = status("q=name:%22user%2010600%22").await.1;
    assert_eq!(each(&begin, "name"), ["User 10600"]);
    let (_, last) = status("sort=created_at:-1&per_page=1&include_totals=true").await;
    assert_eq!((&last["total"], each(&last["users"], "user_id")), (&json!(10_600), vec!["auth0|10600".to_owned()]));
    let (_, all) =
        status(&format!("q=identities.connection:{CONNECTION}&include_totals=true&per_page=1&page=999")).await;
    assert_eq!((&all["total"], each(&all["users"], "user_id")), (&json!(10_600), vec!["auth0|1000".to_owned()]));
    assert_eq!(Value::from(status("page=1000&per_page=1").await.0), json!(400));
}
