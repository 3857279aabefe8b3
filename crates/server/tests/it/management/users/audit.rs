use serde_json::{Value, json};

use super::{pairs, role, user};
use crate::support::TestApp;

on_both_engines!(
    who_got_and_lost_what,
    what_a_deleted_user_held,
    who_lost_it_with_a_deletion,
    nothing_without_an_entry
);

const A: &str = "https://a.example/";

async fn last(t: &TestApp) -> Value {
    t.entries("sapi").await[0].clone()
}

async fn who_got_and_lost_what(t: TestApp) {
    let id = user(&t, "one").await;
    let entry = last(&t).await;
    assert_eq!(entry["description"], "Create a User");
    assert_eq!(entry["details"]["after"]["user_id"], "auth0|one");
    assert_eq!(entry["details"]["response"]["statusCode"], 201);
    t.patch(&format!("users/{id}"), json!({ "name": "One", "user_metadata": {"a": 1} })).send().await;
    let entry = last(&t).await;
    assert_eq!(entry["description"], "Update a User");
    assert_eq!(entry["details"]["before"], json!({ "name": "one@example.com" }));
    assert_eq!(entry["details"]["after"], json!({ "name": "One", "user_metadata": {"a": 1} }));
    t.api(A, &["x", "y"]).await;
    let (r, s) = (role(&t, "r", &[]).await, role(&t, "s", &[]).await);
    let (roles, permissions) = (format!("users/{id}/roles"), format!("users/{id}/permissions"));
    t.post(&roles, json!({ "roles": [r] })).send().await;
    t.post(&roles, json!({ "roles": [r, s] })).send().await;
    let entry = last(&t).await;
    let given = json!({ "user_id": "auth0|one", "roles": [{"id": s, "name": "s"}] });
    assert_eq!((&entry["description"], &entry["details"]["after"]), (&json!("Assign roles to a user"), &given));
    t.delete(&roles).json(json!({ "roles": [s] })).send().await;
    let entry = last(&t).await;
    assert_eq!((&entry["description"], &entry["details"]["before"]), (&json!("Remove roles from a user"), &given));
    t.post(&permissions, pairs(A, &["x"])).send().await;
    let entry = last(&t).await;
    assert_eq!(entry["description"], "Assign permissions to a user");
    let given = &entry["details"]["after"]["permissions"];
    assert_eq!((&given["count"], &given["first"][0]["value"]), (&json!(1), &json!("x")));
    assert_eq!(given["first"][0]["resource_server_identifier"], A);
    t.delete(&permissions).json(pairs(A, &["x", "y"])).send().await;
    let entry = last(&t).await;
    assert_eq!(entry["description"], "Remove permissions from a user");
    assert_eq!(entry["details"]["before"]["permissions"], *given, "only what was there");
    t.post(&format!("roles/{s}/users"), json!({ "users": ["auth0|one"] })).send().await;
    let entry = last(&t).await;
    assert_eq!(
        entry["details"]["after"],
        json!({ "role": {"id": s, "name": "s"}, "users": {"count": 1, "ids": ["auth0|one"]} })
    );
    // A refusal has an entry as well.
    t.post(&roles, json!({ "roles": ["rol_x"] })).send().await;
    let refused = &t.entries("fapi").await[0];
    assert_eq!(
        (&refused["description"], &refused["details"]["response"]["statusCode"]),
        (&json!("Assign roles to a user"), &json!(404))
    );
}

async fn what_a_deleted_user_held(t: TestApp) {
    let id = user(&t, "one").await;
    t.api(A, &["x", "y"]).await;
    let (r, gone) = (role(&t, "r", &[]).await, role(&t, "gone", &[]).await);
    t.post(&format!("users/{id}/roles"), json!({ "roles": [r, gone] })).send().await;
    t.post(&format!("users/{id}/permissions"), pairs(A, &["x", "y"])).send().await;
    t.v2_data("permissions.deleteRole", json!({ "role": "gone" })).await;
    t.delete(&format!("users/{id}")).send().await;
    let entry = last(&t).await;
    assert_eq!(entry["description"], "Delete a User");
    let before = &entry["details"]["before"];
    assert_eq!((&before["user_id"], &before["email"]), (&json!("auth0|one"), &json!("one@example.com")));
    assert_eq!(before["roles"], json!({ "count": 1, "first": [{"id": r, "name": "r"}] }));
    assert_eq!(
        (&before["permissions"]["count"], &before["permissions"]["first"][1]["value"]),
        (&json!(2), &json!("y"))
    );
    let entries = t.entries("sapi").await.len();
    t.delete(&format!("users/{id}")).send().await;
    assert_eq!(t.entries("sapi").await.len(), entries, "what is gone already is no change");
}

async fn who_lost_it_with_a_deletion(t: TestApp) {
    let api = t.api(A, &["x", "y", "z"]).await;
    let r = role(&t, "r", &[]).await;
    for own in ["one", "two"] {
        let id = user(&t, own).await;
        t.post(&format!("users/{id}/permissions"), pairs(A, &["x", "y"])).send().await;
        t.post(&format!("users/{id}/roles"), json!({ "roles": [r] })).send().await;
    }
    let users = json!({ "count": 2, "ids": ["auth0|one", "auth0|two"] });
    t.v2_data("permissions.deletePermission", json!({ "permission": "x" })).await;
    assert_eq!(t.entries("sapi").await[0]["details"]["before"]["heldBy"]["users"], users);
    t.patch(&format!("resource-servers/{api}"), json!({ "scopes": [] })).send().await;
    let gone = t.entries("sapi").await[0]["details"]["before"]["scopes"].clone();
    assert_eq!((&gone[0]["value"], &gone[0]["heldBy"]["users"]), (&json!("y"), &users));
    assert_eq!((&gone[1]["value"], gone[1].get("heldBy")), (&json!("z"), None));
    t.v2_data("permissions.deleteRole", json!({ "role": "r" })).await;
    assert_eq!(t.entries("sapi").await[0]["details"]["before"]["heldBy"]["users"], users);
}

async fn nothing_without_an_entry(t: TestApp) {
    let id = user(&t, "one").await;
    t.api(A, &["x"]).await;
    let r = role(&t, "r", &[]).await;
    let before = t.get(&format!("users/{id}")).send().await.body;
    t.break_the_audit_log().await;
    for call in [
        t.post("users", super::wanted("two@example.com")),
        t.patch(&format!("users/{id}"), json!({ "name": "x" })),
        t.delete(&format!("users/{id}")),
        t.post(&format!("users/{id}/roles"), json!({ "roles": [r] })),
        t.post(&format!("users/{id}/permissions"), pairs(A, &["x"])),
        t.post(&format!("roles/{r}/users"), json!({ "users": ["auth0|one"] })),
    ] {
        assert_eq!(call.send().await.status, 500);
    }
    assert_eq!(t.get("users").send().await.body, json!([before]));
    assert_eq!(t.get(&format!("users/{id}/roles")).send().await.body, json!([]));
    assert_eq!(t.get(&format!("users/{id}/permissions")).send().await.body, json!([]));
}
