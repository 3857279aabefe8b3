//! Users, and what they hold.

mod audit;
mod crud;
mod effective;
mod permissions;
mod roles;
mod search;

pub(super) use search::fill;

use serde_json::{Value, json};

use crate::support::{Reply, TestApp};

const CONNECTION: &str = "Username-Password-Authentication";
const PASSWORD: &str = "correct horse battery";

/// What a user is made of at least.
fn wanted(email: &str) -> Value {
    json!({ "connection": CONNECTION, "email": email, "password": PASSWORD })
}

async fn create(t: &TestApp, body: Value) -> Value {
    let reply = t.post("users", body).send().await;
    assert_eq!(reply.status, 201, "{}", reply.body);
    reply.body
}

/// Makes a user with this part of the id, and returns the id as a path has it.
async fn user(t: &TestApp, own: &str) -> String {
    let mut body = wanted(&format!("{own}@example.com"));
    body["user_id"] = own.into();
    create(t, body).await;
    format!("auth0%7C{own}")
}

/// Makes a role, and returns its id.
async fn role(t: &TestApp, name: &str, permissions: &[&str]) -> String {
    let made = t.v2_data("permissions.createRole", json!({ "name": name, "permissions": permissions })).await;
    made["roleId"].as_str().unwrap().replace("role_", "rol_")
}

/// A request's body for permissions of one API.
fn pairs(identifier: &str, values: &[&str]) -> Value {
    let pair = |value: &&str| json!({ "resource_server_identifier": identifier, "permission_name": value });
    json!({ "permissions": values.iter().map(pair).collect::<Vec<_>>() })
}

/// The texts under one name in a list.
fn each(list: &Value, name: &str) -> Vec<String> {
    list.as_array().unwrap().iter().map(|entry| entry[name].as_str().unwrap().to_owned()).collect()
}

fn no_user() -> Value {
    json!({
        "statusCode": 404, "error": "Not Found", "message": "The user does not exist.", "errorCode": "inexistent_user",
    })
}

fn no_role() -> Value {
    json!({ "statusCode": 404, "error": "Not Found", "message": "The role does not exist." })
}

/// The status and the text of a refusal.
fn refusal(reply: &Reply) -> (u16, &str) {
    (reply.status.as_u16(), reply.body["message"].as_str().unwrap_or_default())
}
