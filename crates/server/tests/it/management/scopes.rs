//! One permission at a time.

use serde_json::{Value, json};

use crate::support::TestApp;

on_both_engines!(
    added_at_the_end,
    renamed_and_still_the_same,
    deleted_and_only_it,
    what_is_refused,
    values_of_every_kind
);

async fn added_at_the_end(t: TestApp) {
    let id = t.api("https://a.example/", &["b"]).await;
    let reply =
        t.post(&format!("resource-servers/{id}/scopes"), json!({ "value": "a", "description": "First" })).send().await;
    assert_eq!(reply.status, 201);
    let perm = reply.body["id"].as_str().unwrap();
    assert!(perm.starts_with("perm_"), "{perm}");
    assert_eq!(reply.body, json!({ "id": perm, "value": "a", "description": "First" }));
    assert_eq!(t.scopes(&id).await, ["b", "a"]);
    let bare = t.post("resource-servers", json!({ "identifier": "https://b.example/" })).send().await.body;
    let path = format!("resource-servers/{}", bare["id"].as_str().unwrap());
    assert_eq!(t.post(&format!("{path}/scopes"), json!({ "value": "x" })).send().await.status, 201);
    assert_eq!(t.get(&path).send().await.body["scopes"], json!([{ "value": "x" }]));
}

async fn renamed_and_still_the_same(t: TestApp) {
    let id = t.api("https://a.example/", &["a", "b"]).await;
    let path = format!("resource-servers/{id}/scopes");
    let first = t.patch(&format!("{path}/a"), json!({ "description": "About" })).send().await.body;
    assert_eq!((&first["value"], &first["description"]), (&json!("a"), &json!("About")));
    let renamed = t.patch(&format!("{path}/a"), json!({ "value": "z" })).send().await;
    assert_eq!(renamed.status, 200);
    assert_eq!(renamed.body, json!({ "id": first["id"], "value": "z", "description": "About" }));
    assert_eq!(t.scopes(&id).await, ["z", "b"], "at its place");
    assert_eq!(t.patch(&format!("{path}/a"), json!({ "value": "y" })).send().await.status, 404);
    let cleared = t.patch(&format!("{path}/z"), json!({ "description": null })).send().await.body;
    assert_eq!(cleared.get("description"), None::<&Value>);
    // The old name is free, and is another permission.
    let again = t.post(&path, json!({ "value": "a" })).send().await.body;
    assert_ne!(again["id"], first["id"]);
}

async fn deleted_and_only_it(t: TestApp) {
    let id = t.api("https://a.example/", &["a", "b", "c"]).await;
    let path = format!("resource-servers/{id}/scopes");
    let reply = t.delete(&format!("{path}/b")).send().await;
    assert_eq!((reply.status.as_u16(), reply.bytes.len()), (204, 0));
    assert_eq!(t.scopes(&id).await, ["a", "c"]);
    assert_eq!(t.delete(&format!("{path}/b")).send().await.status, 204, "deleted already");
    assert_eq!(t.delete("resource-servers/nothing/scopes/a").send().await.status, 404, "but the API must exist");
}

async fn what_is_refused(t: TestApp) {
    let id = t.api("https://a.example/", &["a", "b"]).await;
    let path = format!("resource-servers/{id}/scopes");
    let conflict = t.post(&path, json!({ "value": "a" })).send().await;
    assert_eq!(
        conflict.body,
        json!({
            "statusCode": 409, "error": "Conflict", "errorCode": "resource_conflict",
            "message": "This permission already exists: 'https://a.example/ - a'",
        })
    );
    assert_eq!(t.patch(&format!("{path}/a"), json!({ "value": "b" })).send().await.status, 409);
    let missing = t.patch(&format!("{path}/x"), json!({ "description": "x" })).send().await;
    assert_eq!(
        missing.body,
        json!({
            "statusCode": 404, "error": "Not Found", "errorCode": "inexistent_resource_server_permission",
            "message": "This permission does not exist: 'https://a.example/ - x'",
        })
    );
    for body in [
        json!({}),
        json!({ "value": "" }),
        json!({ "value": "openid" }),
        json!({ "value": "a b" }),
        json!({ "value": 1 }),
        json!({ "value": "x", "color": "red" }),
        json!({ "value": "x", "description": "x".repeat(501) }),
        json!([]),
        json!("x"),
        json!(null),
    ] {
        let reply = t.post(&path, body.clone()).send().await;
        assert_eq!((reply.status.as_u16(), &reply.body["errorCode"]), (400, &json!("invalid_body")), "{body}");
        if body.get("description").is_none() {
            assert_eq!(t.patch(&format!("{path}/a"), body.clone()).send().await.status, 400, "{body}");
        }
    }
    assert_eq!(t.post("resource-servers/nothing/scopes", json!({ "value": "x" })).send().await.status, 404);
    assert_eq!(t.scopes(&id).await, ["a", "b"]);
}

async fn values_of_every_kind(t: TestApp) {
    let id = t.api("https://a.example/", &[]).await;
    let path = format!("resource-servers/{id}/scopes");
    for (value, encoded) in [
        ("read:posts", "read%3Aposts"),
        ("read:posts.all", "read:posts.all"),
        ("https://x/y", "https%3A%2F%2Fx%2Fy"),
        ("ümläut", "%C3%BCml%C3%A4ut"),
        ("100%2Fpure", "100%252Fpure"),
        ("a?b#c&d=e", "a%3Fb%23c%26d%3De"),
        ("<script>", "%3Cscript%3E"),
        ("😀", "%F0%9F%98%80"),
        ("..", "%2E%2E"),
    ] {
        assert_eq!(t.post(&path, json!({ "value": value })).send().await.status, 201, "{value}");
        let shown = t.patch(&format!("{path}/{encoded}"), json!({ "description": "d" })).send().await;
        assert_eq!((shown.status.as_u16(), &shown.body["value"]), (200, &json!(value)), "{value}");
        assert_eq!(t.delete(&format!("{path}/{encoded}")).send().await.status, 204);
        assert!(t.scopes(&id).await.is_empty(), "{value}");
    }
    // Clients that encode twice mean the same.
    t.post(&path, json!({ "value": "https://x/y" })).send().await;
    assert_eq!(
        t.patch(&format!("{path}/https%253A%252F%252Fx%252Fy"), json!({ "description": "d" })).send().await.status,
        200
    );
}
