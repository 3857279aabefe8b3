//! Roles and what they give.

mod audit;
mod crud;
mod list;
mod one_model;
mod permissions;
mod removed;

use serde_json::{Value, json};

use crate::support::TestApp;

/// The answer for a role that is not there: this family has no code.
fn no_role() -> Value {
    json!({ "statusCode": 404, "error": "Not Found", "message": "The role does not exist." })
}

/// Makes a role and returns its id.
async fn role(t: &TestApp, name: &str) -> String {
    let reply = t.post("roles", json!({ "name": name })).send().await;
    assert_eq!(reply.status, 200, "{}", reply.body);
    reply.body["id"].as_str().unwrap().to_owned()
}

/// A body that names permissions: an API's identifier and a value each.
fn named(pairs: &[(&str, &str)]) -> Value {
    let one = |(identifier, value): &(&str, &str)| json!({ "resource_server_identifier": identifier, "permission_name": value });
    json!({ "permissions": pairs.iter().map(one).collect::<Vec<_>>() })
}

/// Gives a role permissions; it must succeed.
async fn give(t: &TestApp, role: &str, pairs: &[(&str, &str)]) {
    let reply = t.post(&format!("roles/{role}/permissions"), named(pairs)).send().await;
    assert_eq!((reply.status.as_u16(), &reply.body), (201, &json!({})), "{pairs:?}");
}

/// Takes permissions from a role; it must succeed.
async fn take(t: &TestApp, role: &str, pairs: &[(&str, &str)]) {
    let reply = t.delete(&format!("roles/{role}/permissions")).json(named(pairs)).send().await;
    assert_eq!((reply.status.as_u16(), reply.bytes.len()), (204, 0), "{pairs:?}: {}", reply.body);
}

/// What a role gives: identifiers and values, in the order of the list.
async fn given(t: &TestApp, role: &str) -> Vec<(String, String)> {
    let reply = t.get(&format!("roles/{role}/permissions?per_page=100")).send().await;
    assert_eq!(reply.status, 200, "{}", reply.body);
    let text = |item: &Value, name: &str| item[name].as_str().unwrap().to_owned();
    let pair = |item: &Value| (text(item, "resource_server_identifier"), text(item, "permission_name"));
    reply.body.as_array().unwrap().iter().map(pair).collect()
}

/// The same as texts that are easy to compare.
fn pairs(list: &[(&str, &str)]) -> Vec<(String, String)> {
    list.iter().map(|(identifier, value)| ((*identifier).to_owned(), (*value).to_owned())).collect()
}
