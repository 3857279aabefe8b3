//! What was taken away is in no token that is issued after the answer.

use serde_json::json;

use super::Machine;
use crate::support::TestApp;

on_both_engines!(
    a_permission_that_is_gone_is_in_no_token,
    a_name_used_again_brings_nothing_back,
    an_undo_brings_the_same_grant_back,
    a_rename_keeps_the_grant,
    a_permission_that_was_granted_before_it_was_there,
    a_deleted_api_takes_its_grants_with_it,
);

const AUDIENCE: &str = "https://api.example/";

/// An API with a and b, and an application that was granted both.
async fn world(t: &TestApp) -> (String, Machine, String) {
    let id = t.api(AUDIENCE, &["a", "b"]).await;
    let machine = t.machine().await;
    let grant = t.grant(&machine, AUDIENCE, &["a", "b"]).await;
    assert_eq!(t.granted(&machine, AUDIENCE).await, "a b");
    (id, machine, grant)
}

async fn refuses(t: &TestApp, machine: &Machine, scope: &str) {
    let reply = t.ask_as(machine, AUDIENCE, scope).await;
    assert_eq!(reply.body["error_description"], format!("Client has not been granted scopes: {scope}"));
}

async fn a_permission_that_is_gone_is_in_no_token(t: TestApp) {
    let (id, machine, grant) = world(&t).await;
    let server = format!("resource-servers/{id}");
    // Each way in which a permission, or the grant of one, can go.
    assert_eq!(t.delete(&format!("{server}/scopes/a")).send().await.status, 204);
    assert_eq!(t.granted(&machine, AUDIENCE).await, "b");
    refuses(&t, &machine, "a").await;
    let reply = t.patch(&server, json!({ "scopes": [{"value": "c"}] })).send().await;
    assert_eq!(reply.status, 200);
    assert_eq!(t.granted(&machine, AUDIENCE).await, "");
    refuses(&t, &machine, "b").await;
    let path = format!("client-grants/{grant}");
    assert_eq!(t.patch(&path, json!({ "scope": ["c"] })).send().await.status, 200);
    assert_eq!(t.granted(&machine, AUDIENCE).await, "c");
    assert_eq!(t.patch(&path, json!({ "scope": [] })).send().await.status, 200);
    refuses(&t, &machine, "c").await;
    assert_eq!(t.patch(&path, json!({ "allow_all_scopes": true })).send().await.status, 200);
    assert_eq!(t.granted(&machine, AUDIENCE).await, "c");
    t.v2_data("permissions.deletePermission", json!({ "permission": "c" })).await;
    assert_eq!(t.granted(&machine, AUDIENCE).await, "", "by the keys' API");
    assert_eq!(t.delete(&path).send().await.status, 204);
    assert_eq!(t.ask_as(&machine, AUDIENCE, "").await.status, 403);
}

async fn a_name_used_again_brings_nothing_back(t: TestApp) {
    let (id, machine, grant) = world(&t).await;
    let server = format!("resource-servers/{id}");
    assert_eq!(t.delete(&format!("{server}/scopes/a")).send().await.status, 204);
    let shown = t.get(&format!("client-grants/{grant}")).send().await.body;
    assert_eq!(shown["scope"], json!(["b"]), "whoever sends this list back hands out nothing else");
    assert_eq!(t.post(&format!("{server}/scopes"), json!({ "value": "a" })).send().await.status, 201);
    assert_eq!(t.granted(&machine, AUDIENCE).await, "b");
    refuses(&t, &machine, "a").await;
    let path = format!("client-grants/{grant}");
    assert_eq!(t.patch(&path, json!({ "scope": shown["scope"] })).send().await.status, 200);
    assert_eq!(t.granted(&machine, AUDIENCE).await, "b");
    assert_eq!(t.patch(&path, json!({ "scope": ["a", "b"] })).send().await.status, 200);
    assert_eq!(t.granted(&machine, AUDIENCE).await, "b a", "once somebody says so");
}

async fn an_undo_brings_the_same_grant_back(t: TestApp) {
    let (_, machine, _) = world(&t).await;
    t.v2_data("permissions.deletePermission", json!({ "permission": "a" })).await;
    assert_eq!(t.granted(&machine, AUDIENCE).await, "b");
    t.v2_data("permissions.restorePermission", json!({ "permission": "a" })).await;
    assert_eq!(t.granted(&machine, AUDIENCE).await, "a b");
}

async fn a_rename_keeps_the_grant(t: TestApp) {
    let (id, machine, grant) = world(&t).await;
    let path = format!("resource-servers/{id}/scopes/a");
    assert_eq!(t.patch(&path, json!({ "value": "z" })).send().await.status, 200);
    assert_eq!(t.granted(&machine, AUDIENCE).await, "z b");
    let shown = t.get(&format!("client-grants/{grant}")).send().await.body;
    assert_eq!(shown["scope"], json!(["z", "b"]));
}

async fn a_permission_that_was_granted_before_it_was_there(t: TestApp) {
    let id = t.api(AUDIENCE, &["a"]).await;
    let machine = t.machine().await;
    let grant = t.grant(&machine, AUDIENCE, &["a", "later"]).await;
    assert_eq!(t.granted(&machine, AUDIENCE).await, "a");
    let shown = t.get(&format!("client-grants/{grant}")).send().await.body;
    assert_eq!(shown["scope"], json!(["a", "later"]), "it is kept as it was sent");
    let scopes = format!("resource-servers/{id}/scopes");
    assert_eq!(t.post(&scopes, json!({ "value": "later" })).send().await.status, 201);
    assert_eq!(t.granted(&machine, AUDIENCE).await, "a later", "deployment tools send both in any order");
    assert_eq!(t.delete(&format!("{scopes}/later")).send().await.status, 204);
    assert_eq!(t.post(&scopes, json!({ "value": "later" })).send().await.status, 201);
    assert_eq!(t.granted(&machine, AUDIENCE).await, "a", "only the first one was meant");
}

async fn a_deleted_api_takes_its_grants_with_it(t: TestApp) {
    let (id, machine, grant) = world(&t).await;
    assert_eq!(t.delete(&format!("resource-servers/{id}")).send().await.status, 204);
    assert_eq!(t.get(&format!("client-grants/{grant}")).send().await.status, 404);
    let reply = t.ask_as(&machine, AUDIENCE, "").await;
    assert_eq!(reply.body["error_description"], "Service not found: https://api.example/");
    t.api(AUDIENCE, &["a", "b"]).await;
    assert_eq!(t.ask_as(&machine, AUDIENCE, "").await.status, 403, "another API with its name is another API");
    let entries = t.entries("sapi").await;
    let entry = entries.iter().find(|entry| entry["description"] == "Delete a resource server").unwrap();
    let gone = &entry["details"]["before"]["client_grants"];
    assert_eq!((&gone["count"], &gone["grants"][0]["id"]), (&json!(1), &json!(grant)));
}
