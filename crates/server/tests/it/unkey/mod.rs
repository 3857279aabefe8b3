//! The keys' API.

mod analytics;
pub(crate) mod answers;
mod apis;
mod audit;
mod bad_input;
mod callers;
mod concurrent;
mod credits_exact;
pub(crate) mod examples;
mod holders;
mod idempotency;
mod identities;
mod impact;
mod keys;
mod migrated;
mod never_stale;
mod one_model;
mod oracle;
mod permissions;
mod ratelimit;
mod repeated;
mod roles;
mod root_keys;
mod seed;
mod steps;
mod verify;

use answers::{Refusal, each};
use serde_json::{Value, json};

use crate::support::{Call, TestApp};

/// Sends a call that must be refused; of the type, only its last word.
async fn refusal(call: Call<'_>) -> Refusal {
    let reply = call.send().await;
    let (status, kind, detail) = answers::refusal(&reply);
    assert_eq!(reply.body["error"].get("errors").is_some(), matches!(status, 400 | 408 | 413), "{}", reply.body);
    (status, kind.rsplit('/').next().unwrap().to_owned(), detail)
}

fn refused(status: u16, kind: &str, detail: &str) -> Refusal {
    (status, kind.to_owned(), detail.to_owned())
}

/// The refusal of a root key that lacks this one permission.
fn lacks(permission: &str) -> Refusal {
    refused(403, "insufficient_permissions", &format!("Missing permission: '{permission}'"))
}

fn no_permission() -> Refusal {
    refused(404, "permission_not_found", "The requested permission does not exist.")
}

fn no_role() -> Refusal {
    refused(404, "role_not_found", "The requested role does not exist.")
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("{value} is no text")).to_owned()
}

/// Makes a permission of the catalogue and returns its id.
async fn permission(t: &TestApp, slug: &str) -> String {
    text(&t.v2_data("permissions.createPermission", json!({ "name": slug, "slug": slug })).await["permissionId"])
}

/// Makes a role and returns its id.
async fn role(t: &TestApp, name: &str, permissions: &[&str]) -> String {
    text(&t.v2_data("permissions.createRole", json!({ "name": name, "permissions": permissions })).await["roleId"])
}

/// The code of a verification.
async fn code(t: &TestApp, key: &str, query: &str) -> String {
    text(&t.verify(key, Some(query)).await["code"])
}

/// The pages of a list, two items each, with everything that was asked for besides.
async fn pages(t: &TestApp, operation: &str, body: Value) -> Vec<Vec<Value>> {
    let mut pages = Vec::new();
    let mut body = body;
    body["limit"] = 2.into();
    loop {
        let reply = t.v2(operation, body.clone()).send().await;
        assert_eq!(reply.status, 200, "{operation}: {}", reply.body);
        pages.push(reply.body["data"].as_array().unwrap().clone());
        let pagination = &reply.body["pagination"];
        assert_eq!(pagination["hasMore"], pagination.get("cursor").is_some());
        let Some(cursor) = pagination.get("cursor") else { return pages };
        body["cursor"] = cursor.clone();
    }
}
