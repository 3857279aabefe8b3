//! What is refused.

use serde_json::{Value, json};

use crate::support::TestApp;

on_both_engines!(what_is_not_there, cursors_of_other_lists, what_is_no_list, roles);

const AUDIENCE: &str = "https://api.example/";

async fn what_is_not_there(t: TestApp) {
    let id = t.api(AUDIENCE, &["a"]).await;
    for (path, code) in [
        ("resource-servers/000000000000000000000000/scopes/a/impact".to_owned(), 404),
        (format!("resource-servers/{id}/scopes/b/impact"), 404),
        (format!("resource-servers/{id}/scopes/b/impact/keys"), 404),
        (format!("resource-servers/{id}/scopes/A/impact"), 404),
        (format!("resource-servers/{id}/scopes/a/impact"), 200),
        (format!("resource-servers/{id}/scopes/a/impact?take=1"), 400),
    ] {
        assert_eq!(t.get(&path).send().await.status, code, "{path}");
    }
    assert_eq!(t.delete(&format!("resource-servers/{id}/scopes/a")).send().await.status, 204);
    let reply = t.get(&format!("resource-servers/{id}/scopes/a/impact")).send().await;
    assert_eq!(reply.status, 404, "a deleted one is held by nobody");
    // Asking changes nothing, and says nothing to the log.
    assert_eq!(t.entries("fapi").await, Vec::<Value>::new());
}

async fn cursors_of_other_lists(t: TestApp) {
    let id = t.api(AUDIENCE, &["a"]).await;
    let api = format!("api_{id}");
    for _ in 0..2 {
        t.key(json!({ "apiId": api, "permissions": ["a"] })).await;
        t.v2_data(
            "permissions.createRole",
            json!({ "name": format!("r{}", t.app.next_key_request()), "permissions": ["a"] }),
        )
        .await;
    }
    let path = format!("resource-servers/{id}/scopes/a/impact");
    let next = t.get(&format!("{path}/roles?take=1")).send().await.body["next"].as_str().unwrap().to_owned();
    assert_eq!(t.get(&format!("{path}/roles?from={next}")).send().await.status, 200);
    for (list, from) in [("keys", next.as_str()), ("users", &next), ("clients", &next), ("roles", "7"), ("roles", "")] {
        let reply = t.get(&format!("{path}/{list}?from={from}")).send().await;
        assert_eq!(reply.status, 400, "{list} {from}: {}", reply.body);
    }
    for take in ["0", "101", "x"] {
        assert_eq!(t.get(&format!("{path}/keys?take={take}")).send().await.status, 400, "{take}");
    }
}

async fn what_is_no_list(t: TestApp) {
    let id = t.api(AUDIENCE, &["a"]).await;
    let reply = t.get(&format!("resource-servers/{id}/scopes/a/impact/consents")).send().await;
    assert_eq!(reply.status, 400);
    let message = reply.body["message"].as_str().unwrap();
    assert!(message.contains("There is no such list: ask for roles, users, clients or keys"), "{message}");
}

async fn roles(t: TestApp) {
    let made = t.v2_data("permissions.createRole", json!({ "name": "reader" })).await;
    let id = made["roleId"].as_str().unwrap().replace("role_", "rol_");
    for (path, code) in [
        (format!("roles/{id}/impact"), 200),
        (format!("roles/{id}/impact/users"), 200),
        (format!("roles/{id}/impact/keys"), 200),
        (format!("roles/{id}/impact/clients"), 400),
        (format!("roles/{id}/impact/keys?from=x"), 400),
        ("roles/rol_nothing/impact".to_owned(), 404),
        ("roles/reader/impact".to_owned(), 404),
        ("roles/rol_nothing/impact/keys".to_owned(), 404),
    ] {
        let reply = t.get(&path).send().await;
        assert_eq!(reply.status, code, "{path}: {}", reply.body);
    }
}
