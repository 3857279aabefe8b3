//! One role under two ids: what is made, given and taken on one side is so on the other.

use serde_json::{Value, json};

use super::{give, given, no_role, pairs, role, take};
use crate::support::TestApp;

on_both_engines!(
    a_role_made_here_is_given_to_keys,
    what_is_taken_here_is_gone_for_keys_at_once,
    a_role_deleted_here_is_gone_for_keys_and_comes_back,
    a_role_made_there_is_one_here,
    what_is_set_there_is_given_here,
    names_that_the_other_side_would_refuse,
    permissions_of_the_management_api_open_nothing_for_keys,
);

const A: &str = "https://a.example/";
const CATALOGUE: &str = "urn:keyward:catalogue";

fn key_id(id: &str) -> String {
    format!("role_{}", id.strip_prefix("rol_").unwrap())
}

async fn code(t: &TestApp, key: &str, query: &str) -> Value {
    t.verify(key, Some(query)).await["code"].clone()
}

/// A role that gives `a` and `b`, and a key that has it.
async fn role_and_key(t: &TestApp) -> (String, String, String) {
    let api = t.api(A, &["a", "b"]).await;
    let id = role(t, "Reader").await;
    give(t, &id, &[(A, "a"), (A, "b")]).await;
    let (key, text) = t.key(json!({ "apiId": format!("api_{api}"), "roles": ["reader"] })).await;
    assert_eq!(code(t, &text, "a AND b").await, "VALID");
    (id, key, text)
}

async fn a_role_made_here_is_given_to_keys(t: TestApp) {
    let (id, key, text) = role_and_key(&t).await;
    let shown = t.v2_data("permissions.getRole", json!({ "role": key_id(&id) })).await;
    assert_eq!((&shown["id"], &shown["name"]), (&json!(key_id(&id)), &json!("Reader")));
    assert_eq!(shown["permissions"].as_array().unwrap().len(), 2);
    assert_eq!(shown.get("description"), None);
    t.patch(&format!("roles/{id}"), json!({ "name": "Renamed", "description": "Reads" })).send().await;
    assert_eq!(t.v2_data("keys.getKey", json!({ "keyId": key })).await["roles"], json!(["Renamed"]));
    let shown = t.v2_data("permissions.getRole", json!({ "role": "renamed" })).await;
    assert_eq!((&shown["id"], &shown["description"]), (&json!(key_id(&id)), &json!("Reads")));
    let verdict = t.verify(&text, Some("a")).await;
    assert_eq!((&verdict["code"], &verdict["roles"]), (&json!("VALID"), &json!(["Renamed"])));
    let taken = t.v2("permissions.createRole", json!({ "name": "RENAMED" })).send().await;
    assert_eq!(taken.status, 409);
}

async fn what_is_taken_here_is_gone_for_keys_at_once(t: TestApp) {
    let (id, _, text) = role_and_key(&t).await;
    take(&t, &id, &[(A, "a")]).await;
    assert_eq!(code(&t, &text, "a").await, "INSUFFICIENT_PERMISSIONS");
    assert_eq!(code(&t, &text, "b").await, "VALID");
    give(&t, &id, &[(A, "a")]).await;
    assert_eq!(code(&t, &text, "a AND b").await, "VALID");
    for _ in 0..20 {
        take(&t, &id, &[(A, "b")]).await;
        assert_eq!(code(&t, &text, "b").await, "INSUFFICIENT_PERMISSIONS");
        give(&t, &id, &[(A, "b")]).await;
        assert_eq!(code(&t, &text, "b").await, "VALID");
    }
}

async fn a_role_deleted_here_is_gone_for_keys_and_comes_back(t: TestApp) {
    let (id, key, text) = role_and_key(&t).await;
    assert_eq!(t.delete(&format!("roles/{id}")).send().await.status, 200);
    assert_eq!(code(&t, &text, "a").await, "INSUFFICIENT_PERMISSIONS");
    assert_eq!(t.v2_data("keys.getKey", json!({ "keyId": key })).await.get("roles"), None);
    assert_eq!(t.v2("permissions.getRole", json!({ "role": key_id(&id) })).send().await.status, 404);
    // Another role of its name gives its keys nothing.
    let other = role(&t, "Reader").await;
    give(&t, &other, &[(A, "a")]).await;
    assert_eq!(code(&t, &text, "a").await, "INSUFFICIENT_PERMISSIONS");
    t.delete(&format!("roles/{other}")).send().await;
    t.v2_data("permissions.restoreRole", json!({ "role": key_id(&id) })).await;
    assert_eq!(given(&t, &id).await, pairs(&[(A, "a"), (A, "b")]));
    assert_eq!(code(&t, &text, "a AND b").await, "VALID");
}

async fn a_role_made_there_is_one_here(t: TestApp) {
    let api = t.key_api("payments").await;
    let body = json!({ "name": "r", "description": "Reads", "permissions": ["x", "y"] });
    let made = t.v2_data("permissions.createRole", body).await["roleId"].as_str().unwrap().to_owned();
    let id = format!("rol_{}", made.strip_prefix("role_").unwrap());
    let shown = json!({ "id": id, "name": "r", "description": "Reads" });
    assert_eq!(t.get(&format!("roles/{id}")).send().await.body, shown);
    assert_eq!(t.get("roles").send().await.body, json!([shown]));
    assert_eq!(given(&t, &id).await, pairs(&[(CATALOGUE, "x"), (CATALOGUE, "y")]));
    let (_, text) = t.key(json!({ "apiId": api, "roles": ["r"] })).await;
    take(&t, &id, &[(CATALOGUE, "x")]).await;
    assert_eq!(code(&t, &text, "x").await, "INSUFFICIENT_PERMISSIONS");
    assert_eq!(code(&t, &text, "y").await, "VALID");
    let taken = t.post("roles", json!({ "name": "R" })).send().await;
    assert_eq!(taken.status, 409);
    t.v2_data("permissions.deleteRole", json!({ "role": made })).await;
    assert_eq!(t.get(&format!("roles/{id}")).send().await.body, no_role());
    assert_eq!(t.get("roles").send().await.body, json!([]));
}

async fn what_is_set_there_is_given_here(t: TestApp) {
    let (id, _, text) = role_and_key(&t).await;
    let body = json!({ "roleId": key_id(&id), "permissions": ["b", "new"] });
    t.v2_data("permissions.setRolePermissions", body).await;
    assert_eq!(given(&t, &id).await, pairs(&[(A, "b"), (CATALOGUE, "new")]));
    assert_eq!(code(&t, &text, "b AND new").await, "VALID");
    assert_eq!(code(&t, &text, "a").await, "INSUFFICIENT_PERMISSIONS");
    t.v2_data("permissions.deletePermission", json!({ "permission": "b" })).await;
    assert_eq!(given(&t, &id).await, pairs(&[(CATALOGUE, "new")]));
}

/// Each protocol has its own rules for names; what one let in, the other shows.
async fn names_that_the_other_side_would_refuse(t: TestApp) {
    let name = format!("The <One> & Only {}", "x".repeat(400));
    let made = t.post("roles", json!({ "name": name, "description": "d".repeat(1000) })).send().await.body;
    let id = made["id"].as_str().unwrap();
    let shown = t.v2_data("permissions.getRole", json!({ "role": key_id(id) })).await;
    assert_eq!((&shown["name"], &shown["description"]), (&made["name"], &made["description"]));
    assert_eq!(t.v2_data("permissions.listRoles", json!({})).await[0]["name"], made["name"]);
    let api = t.key_api("payments").await;
    let (key, _) = t.key(json!({ "apiId": api, "roles": [key_id(id)] })).await;
    assert_eq!(t.v2_data("keys.getKey", json!({ "keyId": key })).await["roles"], json!([made["name"]]));
}

async fn permissions_of_the_management_api_open_nothing_for_keys(t: TestApp) {
    let (id, _, text) = role_and_key(&t).await;
    give(&t, &id, &[("https://keyward.test/api/v2/", "read:roles")]).await;
    assert_eq!(given(&t, &id).await.len(), 3);
    assert_eq!(code(&t, &text, "read:roles").await, "INSUFFICIENT_PERMISSIONS");
    assert_eq!(t.get("roles").bearer(&text).send().await.status, 400);
}
