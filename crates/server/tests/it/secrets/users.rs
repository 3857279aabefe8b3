//! The passwords of users.

use serde_json::{Value, json};

use super::Run;

const CONNECTION: &str = "Username-Password-Authentication";

fn user(password: &Value) -> Value {
    json!({ "connection": CONNECTION, "email": "jane@secrets.example", "user_id": "jane", "password": password })
}

pub(super) async fn make_and_misuse(run: &mut Run) {
    let first = run.knows("a password", "correct horse \"battery\" staple 1");
    let second = run.knows("a changed password", "Correct-Horse-Battery-Staple-2");
    let refused = run.knows("a password that was refused", "Never-Accepted-Horse-Battery-3");
    assert_eq!(run.quiet("POST", "users", user(&json!(first))).await, 201);
    let path = "users/auth0%7Cjane";
    assert_eq!(run.quiet("PATCH", path, json!({ "password": second, "connection": CONNECTION })).await, 200);
    for (name, wrong) in [("color", json!("red")), ("email", json!("no address")), ("blocked", json!("x"))] {
        let mut body = user(&json!(refused));
        body[name] = wrong;
        assert_eq!(run.quiet("POST", "users", body.clone()).await, 400, "{body}");
        body.as_object_mut().unwrap().remove("user_id");
        assert_eq!(run.quiet("PATCH", path, body.clone()).await, 400, "{body}");
    }
    for password in [json!([refused]), json!({ "text": refused }), json!({ "password": refused })] {
        assert_eq!(run.quiet("POST", "users", user(&password)).await, 400);
        assert_eq!(run.quiet("PATCH", path, json!({ "password": password })).await, 400);
    }
    assert_eq!(run.quiet("POST", "users", user(&json!(refused))).await, 409, "she is there already");
    let elsewhere = json!({ "connection": "nowhere", "email": "x@secrets.example", "password": refused });
    assert_eq!(run.quiet("POST", "users", elsewhere).await, 400);
    assert_eq!(run.quiet("PATCH", "users/nobody", json!({ "password": refused, "connection": CONNECTION })).await, 404);
    for (method, path) in [("GET", path), ("GET", "users"), ("DELETE", path)] {
        assert!(run.quiet(method, path, json!({})).await < 300);
    }
}
