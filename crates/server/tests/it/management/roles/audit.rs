//! What the audit log says of roles.

use serde_json::{Value, json};

use super::{give, named, role, take};
use crate::support::TestApp;

on_both_engines!(
    before_and_after,
    what_was_given_and_taken,
    what_a_deletion_took_away,
    refusals,
    a_change_without_an_entry_is_not_made,
);

const A: &str = "https://a.example/";

/// The newest entry: what it is called, what was answered, and both sides.
async fn newest(t: &TestApp) -> (Value, Value, Value, Value) {
    let entry = t.get("logs?per_page=1").send().await.body[0].clone();
    let details = &entry["details"];
    assert_eq!(entry["type"], "sapi");
    (
        entry["description"].clone(),
        details["response"]["statusCode"].clone(),
        details["before"].clone(),
        details["after"].clone(),
    )
}

async fn before_and_after(t: TestApp) {
    let id = role(&t, "Reader").await;
    let made = json!({ "id": id, "name": "Reader", "description": "" });
    assert_eq!(newest(&t).await, (json!("Create a role"), json!(200), Value::Null, made.clone()));
    t.patch(&format!("roles/{id}"), json!({ "name": "Editor", "description": "Edits" })).send().await;
    let changed = json!({ "id": id, "name": "Editor", "description": "Edits" });
    assert_eq!(newest(&t).await, (json!("Update a role"), json!(200), made, changed));
}

async fn what_was_given_and_taken(t: TestApp) {
    let api = t.api(A, &["a", "b"]).await;
    let id = role(&t, "r").await;
    give(&t, &id, &[(A, "a")]).await;
    give(&t, &id, &[(A, "a"), (A, "b")]).await;
    let (description, status, before, after) = newest(&t).await;
    assert_eq!((description, status), (json!("Associate permissions with a role"), json!(201)));
    let permission = after["added"][0]["id"].clone();
    let seen = json!({ "id": permission, "resource_server_identifier": A, "permission_name": "b" });
    assert_eq!((before, after), (Value::Null, json!({ "id": id, "added": [seen] })), "only what is new");
    let (key, _) = t.key(json!({ "apiId": format!("api_{api}"), "roles": ["r"] })).await;
    take(&t, &id, &[(A, "b")]).await;
    let (description, status, before, after) = newest(&t).await;
    assert_eq!((description, status), (json!("Remove permissions from a role"), json!(204)));
    let held = json!({ "keys": {"count": 1, "ids": [key]} });
    assert_eq!((before, after), (json!({ "id": id, "removed": [seen], "heldBy": held }), Value::Null));
    // One that was deleted before is named as such.
    t.delete("resource-servers/https%3A%2F%2Fa.example%2F/scopes/a").send().await;
    take(&t, &id, &[(A, "a")]).await;
    let (_, _, before, _) = newest(&t).await;
    let removed = &before["removed"][0];
    assert_eq!((&removed["permission_name"], &removed["deleted"]), (&json!("a"), &json!(true)));
}

async fn what_a_deletion_took_away(t: TestApp) {
    let api = t.api(A, &["a"]).await;
    let id = role(&t, "r").await;
    give(&t, &id, &[(A, "a")]).await;
    let (key, _) = t.key(json!({ "apiId": format!("api_{api}"), "roles": ["r"] })).await;
    t.delete(&format!("roles/{id}")).send().await;
    let (description, status, before, after) = newest(&t).await;
    assert_eq!((description, status, after), (json!("Delete a role"), json!(200), Value::Null));
    assert_eq!((&before["id"], &before["name"], &before["description"]), (&json!(id), &json!("r"), &json!("")));
    assert_eq!(before["heldBy"], json!({ "keys": {"count": 1, "ids": [key]} }));
    let gave = &before["permissions"];
    assert_eq!((&gave["count"], &gave["permissions"][0]["permission_name"]), (&json!(1), &json!("a")));
}

async fn refusals(t: TestApp) {
    let id = role(&t, "r").await;
    t.post("roles", json!({ "name": "R" })).send().await;
    t.post(&format!("roles/{id}/permissions"), named(&[(A, "a")])).send().await;
    let entries = t.entries("fapi").await;
    let told: Vec<_> =
        entries.iter().map(|entry| (&entry["description"], &entry["details"]["response"]["statusCode"])).collect();
    assert_eq!(
        told,
        [(&json!("Associate permissions with a role"), &json!(404)), (&json!("Create a role"), &json!(409)),]
    );
}

async fn a_change_without_an_entry_is_not_made(t: TestApp) {
    t.api(A, &["a", "b"]).await;
    let id = role(&t, "r").await;
    give(&t, &id, &[(A, "a")]).await;
    t.break_the_audit_log().await;
    let path = format!("roles/{id}");
    for call in [
        t.post("roles", json!({ "name": "s" })),
        t.patch(&path, json!({ "name": "s" })),
        t.delete(&path),
        t.post(&format!("{path}/permissions"), named(&[(A, "b")])),
        t.delete(&format!("{path}/permissions")).json(named(&[(A, "a")])),
    ] {
        assert_eq!(call.send().await.status, 500);
    }
    assert_eq!(t.get("roles").send().await.body, json!([{ "id": id, "name": "r", "description": "" }]));
    assert_eq!(super::given(&t, &id).await.len(), 1);
}
