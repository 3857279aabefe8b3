//! One model behind both protocols: an API is a resource server, its scopes are permissions.

use serde_json::{Value, json};

use super::{code, each, no_permission, permission, refusal, refused, role, text};
use crate::support::TestApp;

on_both_engines!(
    an_api_of_the_other_side_has_keys,
    a_scope_that_is_deleted_there_is_gone_here,
    a_list_without_it_takes_it_away,
    with_the_api_go_its_keys,
    a_scope_that_is_renamed_there_is_still_held,
    an_api_made_here_is_a_resource_server,
    a_permission_deleted_here_is_no_scope_there,
    a_permission_restored_here_is_a_scope_there,
    permissions_of_another_api_reach_no_key,
    an_own_permission_comes_first,
    the_catalogue_is_a_resource_server,
    the_program_s_own_permissions_are_not_handed_out,
);

const CATALOGUE: &str = "resource-servers/urn%3Akeyward%3Acatalogue";

/// An API of the other side; its id there, and here.
async fn server(t: &TestApp, identifier: &str, scopes: &[&str]) -> (String, String) {
    let id = t.api(identifier, scopes).await;
    (format!("resource-servers/{id}"), format!("api_{id}"))
}

async fn an_api_of_the_other_side_has_keys(t: TestApp) {
    let (path, api) = server(&t, "https://a.example/", &["read", "write"]).await;
    assert_eq!(t.v2_data("apis.getApi", json!({ "apiId": api })).await, json!({ "id": api, "name": "Test" }));
    let (id, key) = t.key(json!({ "apiId": api, "permissions": ["read"] })).await;
    assert_eq!(code(&t, &key, "read").await, "VALID");
    assert_eq!(code(&t, &key, "write").await, "INSUFFICIENT_PERMISSIONS");
    assert_eq!(t.v2_data("keys.getKey", json!({ "keyId": id })).await["permissions"], json!(["read"]));
    assert_eq!(each(&t.v2_data("apis.listKeys", json!({ "apiId": api })).await, "keyId"), [id.as_str()]);
    // It did not become a permission of the catalogue on the way.
    assert_eq!(t.scopes(path.strip_prefix("resource-servers/").unwrap()).await, ["read", "write"]);
    assert_eq!(t.get(CATALOGUE).send().await.status, 404);
    let list = t.v2_data("permissions.listPermissions", json!({})).await;
    assert_eq!(list.as_array().unwrap().len(), 2);
    let nameless = t.post("resource-servers", json!({ "identifier": "https://nameless.example/" })).send().await.body;
    let shown = t.v2_data("apis.getApi", json!({ "apiId": format!("api_{}", text(&nameless["id"])) })).await;
    assert!(!text(&shown["name"]).is_empty(), "{shown}");
    // By the identifier it is not known here.
    assert_eq!(refusal(t.v2("apis.listKeys", json!({ "apiId": "https://a.example/" }))).await.0, 404);
}

async fn a_scope_that_is_deleted_there_is_gone_here(t: TestApp) {
    let (path, api) = server(&t, "https://a.example/", &["read", "write"]).await;
    let (id, key) = t.key(json!({ "apiId": api, "permissions": ["read", "write"] })).await;
    role(&t, "reader", &["read"]).await;
    let (_, by_role) = t.key(json!({ "apiId": api, "roles": ["reader"] })).await;
    assert_eq!(code(&t, &by_role, "read").await, "VALID");
    assert_eq!(t.delete(&format!("{path}/scopes/read")).send().await.status, 204);
    for key in [&key, &by_role] {
        let verdict = t.verify(key, Some("read")).await;
        assert_eq!(verdict["code"], "INSUFFICIENT_PERMISSIONS");
        assert_eq!(verdict["missingPermissions"], json!(["read"]));
    }
    assert_eq!(t.v2_data("keys.getKey", json!({ "keyId": id })).await["permissions"], json!(["write"]));
    assert_eq!(refusal(t.v2("permissions.getPermission", json!({ "permission": "read" }))).await, no_permission());
    // With the same value again, it is another one.
    assert_eq!(t.post(&format!("{path}/scopes"), json!({ "value": "read" })).send().await.status, 201);
    for key in [&key, &by_role] {
        assert_eq!(code(&t, key, "read").await, "INSUFFICIENT_PERMISSIONS");
    }
}

async fn a_list_without_it_takes_it_away(t: TestApp) {
    let (path, api) = server(&t, "https://a.example/", &["read", "write"]).await;
    let (_, key) = t.key(json!({ "apiId": api, "permissions": ["read", "write"] })).await;
    let shorter = json!({ "scopes": [{"value": "write"}] });
    assert_eq!(t.patch(&path, shorter).send().await.status, 200);
    assert_eq!(code(&t, &key, "read").await, "INSUFFICIENT_PERMISSIONS");
    assert_eq!(code(&t, &key, "write").await, "VALID", "what is in both lists stays the same one");
    let again = json!({ "scopes": [{"value": "read"}, {"value": "write", "description": "d"}] });
    assert_eq!(t.patch(&path, again).send().await.status, 200);
    assert_eq!(code(&t, &key, "read").await, "INSUFFICIENT_PERMISSIONS");
    assert_eq!(code(&t, &key, "write").await, "VALID");
    assert_eq!(t.patch(&path, json!({ "scopes": [] })).send().await.status, 200);
    assert_eq!(t.verify(&key, None).await.get("permissions"), None);
}

async fn with_the_api_go_its_keys(t: TestApp) {
    let (path, api) = server(&t, "https://a.example/", &["read"]).await;
    let (_, key) = t.key(json!({ "apiId": api, "permissions": ["read"] })).await;
    let id = role(&t, "reader", &["read"]).await;
    assert_eq!(t.delete(&path).send().await.status, 204);
    assert_eq!(t.verify(&key, None).await, json!({ "valid": false, "code": "NOT_FOUND" }));
    assert_eq!(t.v2("apis.getApi", json!({ "apiId": api })).send().await.status, 404);
    assert_eq!(t.v2_data("permissions.getRole", json!({ "role": id })).await.get("permissions"), None);
    assert_eq!(t.v2_data("permissions.listPermissions", json!({})).await, json!([]));
}

async fn a_scope_that_is_renamed_there_is_still_held(t: TestApp) {
    let (path, api) = server(&t, "https://a.example/", &["read"]).await;
    let (_, key) = t.key(json!({ "apiId": api, "permissions": ["read"] })).await;
    let renamed = t.patch(&format!("{path}/scopes/read"), json!({ "value": "view" })).send().await;
    assert_eq!(renamed.status, 200);
    assert_eq!(code(&t, &key, "view").await, "VALID");
    assert_eq!(code(&t, &key, "read").await, "INSUFFICIENT_PERMISSIONS");
    let shown = t.v2_data("permissions.getPermission", json!({ "permission": "view" })).await;
    assert_eq!(shown["id"], renamed.body["id"]);
}

async fn an_api_made_here_is_a_resource_server(t: TestApp) {
    let api = t.key_api("payments").await;
    let path = format!("resource-servers/{}", &api[4..]);
    let shown = t.get(&path).send().await.body;
    assert_eq!((&shown["identifier"], &shown["name"]), (&json!(api), &json!("payments")));
    let list = t.get("resource-servers").send().await.body;
    assert!(list.as_array().unwrap().iter().any(|server| server["identifier"] == json!(api)), "{list}");
    // Its scopes are for its keys.
    assert_eq!(t.patch(&path, json!({ "name": "Renamed", "scopes": [{"value": "pay"}] })).send().await.status, 200);
    assert_eq!(t.v2_data("apis.getApi", json!({ "apiId": api })).await["name"], "Renamed");
    let (_, key) = t.key(json!({ "apiId": api, "permissions": ["pay"] })).await;
    assert_eq!(code(&t, &key, "pay").await, "VALID");
    assert_eq!(t.delete(&format!("{path}/scopes/pay")).send().await.status, 204);
    assert_eq!(code(&t, &key, "pay").await, "INSUFFICIENT_PERMISSIONS");
    t.v2_data("apis.deleteApi", json!({ "apiId": api })).await;
    assert_eq!(t.get(&path).send().await.status, 404);
}

async fn a_permission_deleted_here_is_no_scope_there(t: TestApp) {
    let (path, _) = server(&t, "https://a.example/", &["read", "write", "list"]).await;
    let before = t.get(&path).send().await;
    t.v2_data("permissions.deletePermission", json!({ "permission": "write" })).await;
    let after = t.get(&path).send().await;
    assert_eq!(after.body["scopes"], json!([{ "value": "read" }, { "value": "list" }]));
    assert_ne!(before.header("etag"), after.header("etag"), "it is another version");
    let stale = t.patch(&path, json!({ "scopes": [] })).header("if-match", before.header("etag")).send().await;
    assert_eq!(stale.status, 412, "whoever has not seen it can't undo it");
    let body = json!({ "permission": "read", "slug": "view", "description": "View" });
    t.v2_data("permissions.updatePermission", body).await;
    let shown = t.get(&path).send().await.body;
    assert_eq!(shown["scopes"], json!([{ "value": "view", "description": "View" }, { "value": "list" }]));
}

async fn a_permission_restored_here_is_a_scope_there(t: TestApp) {
    let (path, api) = server(&t, "https://a.example/", &["read", "write"]).await;
    let (_, key) = t.key(json!({ "apiId": api, "permissions": ["read"] })).await;
    t.delete(&format!("{path}/scopes/read")).send().await;
    let restored = t.v2_data("permissions.restorePermission", json!({ "permission": "read" })).await;
    assert_eq!(t.get(&path).send().await.body["scopes"], json!([{ "value": "read" }, { "value": "write" }]));
    assert_eq!(code(&t, &key, "read").await, "VALID");
    // When there is another one with its value, it has no place any more.
    t.delete(&format!("{path}/scopes/read")).send().await;
    t.post(&format!("{path}/scopes"), json!({ "value": "read" })).send().await;
    let refusals = refusal(t.v2("permissions.restorePermission", json!({ "permission": restored["id"] }))).await;
    let detail = "A permission with slug 'read' already exists in this workspace";
    assert_eq!(refusals, refused(409, "permission_already_exists", detail));
}

async fn permissions_of_another_api_reach_no_key(t: TestApp) {
    let (_, x) = server(&t, "https://x.example/", &["x.read"]).await;
    let (_, y) = server(&t, "https://y.example/", &["y.read"]).await;
    let (id, key) = t.key(json!({ "apiId": x })).await;
    let foreign = text(&t.v2_data("permissions.getPermission", json!({ "permission": "y.read" })).await["id"]);
    let foreign_refusal = |named: &str| {
        let detail = format!(
            "The permission '{named}' ({foreign}) belongs to another API: a key of {x} can hold permissions of that \
             API, and those that belong to none"
        );
        refused(400, "invalid_input", &detail)
    };
    for named in ["y.read", "Y.READ", &foreign] {
        for (operation, body) in [
            ("keys.createKey", json!({ "apiId": x, "permissions": ["new", named] })),
            ("keys.addPermissions", json!({ "keyId": id, "permissions": ["new", named] })),
            ("keys.setPermissions", json!({ "keyId": id, "permissions": ["new", named] })),
            ("keys.updateKey", json!({ "keyId": id, "permissions": ["new", named] })),
        ] {
            assert_eq!(refusal(t.v2(operation, body)).await, foreign_refusal(named), "{operation}");
        }
    }
    assert_eq!(refusal(t.v2("permissions.getPermission", json!({ "permission": "new" }))).await, no_permission());
    assert_eq!(t.v2_data("apis.listKeys", json!({ "apiId": x })).await.as_array().unwrap().len(), 1);
    // A role may have it, and gives it to keys of its API alone.
    role(&t, "both", &["x.read", "y.read", "neither"]).await;
    t.v2_data("keys.addRoles", json!({ "keyId": id, "roles": ["both"] })).await;
    let (_, other) = t.key(json!({ "apiId": y, "roles": ["both"] })).await;
    assert_eq!(code(&t, &key, "x.read AND neither").await, "VALID");
    assert_eq!(code(&t, &key, "y.read").await, "INSUFFICIENT_PERMISSIONS");
    assert_eq!(code(&t, &other, "y.read AND neither").await, "VALID");
    assert_eq!(code(&t, &other, "x.read").await, "INSUFFICIENT_PERMISSIONS");
    let shown = t.v2_data("keys.getKey", json!({ "keyId": id })).await;
    assert_eq!(shown["permissions"], json!(["neither", "x.read"]));
}

async fn an_own_permission_comes_first(t: TestApp) {
    let (path, x) = server(&t, "https://x.example/", &["read"]).await;
    let (_, y) = server(&t, "https://y.example/", &["read"]).await;
    let plain = t.key_api("plain").await;
    let shared = permission(&t, "read").await;
    let held = async |api: &str| {
        let (id, key) = t.key(json!({ "apiId": api, "permissions": ["read"] })).await;
        let held = t.v2_data("keys.addPermissions", json!({ "keyId": id, "permissions": ["read"] })).await;
        (text(&held[0]["id"]), key)
    };
    let ((of_x, key), (of_y, _), (of_plain, _)) = (held(&x).await, held(&y).await, held(&plain).await);
    assert!(of_x != of_y && of_x != shared && of_y != shared);
    assert_eq!(of_plain, shared);
    // Its own one is gone; the one that is shared was never given to it.
    t.delete(&format!("{path}/scopes/read")).send().await;
    assert_eq!(code(&t, &key, "read").await, "INSUFFICIENT_PERMISSIONS");
    assert_eq!(held(&x).await.0, shared, "now that one is meant");
}

async fn the_catalogue_is_a_resource_server(t: TestApp) {
    let list = async || {
        let servers = t.get("resource-servers").send().await.body;
        each(&servers, "identifier").iter().filter(|identifier| *identifier == "urn:keyward:catalogue").count()
    };
    assert_eq!((list().await, t.get(CATALOGUE).send().await.status.as_u16()), (0, 404));
    let api = t.key_api("payments").await;
    permission(&t, "a").await;
    let (_, key) = t.key(json!({ "apiId": api, "permissions": ["a", "b"] })).await;
    assert_eq!(list().await, 1);
    let shown = t.get(CATALOGUE).send().await.body;
    assert_eq!(shown["scopes"], json!([{ "value": "a" }, { "value": "b" }]));
    let deleted = t.delete(CATALOGUE).send().await;
    assert_eq!((deleted.status.as_u16(), &deleted.body["statusCode"]), (400, &json!(400)));
    assert_eq!(code(&t, &key, "a AND b").await, "VALID");
    let id = text(&shown["id"]);
    assert_eq!(t.delete(&format!("resource-servers/{id}")).send().await.status, 400);
    let patched = t.patch(CATALOGUE, json!({ "scopes": [{"value": "b", "description": "Bee"}, {"value": "c"}] }));
    assert_eq!(patched.send().await.status, 200);
    assert_eq!(code(&t, &key, "a").await, "INSUFFICIENT_PERMISSIONS");
    assert_eq!(code(&t, &key, "b").await, "VALID");
    let b = t.v2_data("permissions.getPermission", json!({ "permission": "b" })).await;
    assert_eq!((&b["slug"], &b["description"]), (&json!("b"), &json!("Bee")));
    assert_eq!(t.delete(&format!("{CATALOGUE}/scopes/b")).send().await.status, 204);
    assert_eq!(code(&t, &key, "b").await, "INSUFFICIENT_PERMISSIONS");
    // It has no keys of its own.
    for operation in ["keys.createKey", "apis.listKeys", "apis.getApi", "apis.deleteApi"] {
        assert_eq!(refusal(t.v2(operation, json!({ "apiId": format!("api_{id}") }))).await.0, 404, "{operation}");
    }
}

async fn the_program_s_own_permissions_are_not_handed_out(t: TestApp) {
    let servers = t.get("resource-servers").send().await.body;
    let management = servers.as_array().unwrap().iter().find(|server| server["is_system"] == json!(true)).unwrap();
    let api = format!("api_{}", text(&management["id"]));
    assert_eq!(refusal(t.v2("apis.getApi", json!({ "apiId": api }))).await.0, 404);
    assert_eq!(refusal(t.v2("apis.deleteApi", json!({ "apiId": api }))).await.0, 404);
    for operation in ["getPermission", "deletePermission", "restorePermission"] {
        let call = t.v2(&format!("permissions.{operation}"), json!({ "permission": "read:resource_servers" }));
        assert_eq!(refusal(call).await, no_permission());
    }
    let inside: Vec<Value> =
        t.app.view().snapshot.permissions().map(|permission| json!({ "permission": permission.id })).take(3).collect();
    assert_eq!(inside.len(), 3);
    for body in inside {
        assert_eq!(refusal(t.v2("permissions.deletePermission", body)).await, no_permission());
    }
    // A slug that reads the same is a permission of keys, and opens nothing there.
    let own = t.key_api("payments").await;
    let (_, key) = t.key(json!({ "apiId": own, "permissions": ["read:resource_servers"] })).await;
    assert_eq!(t.get("resource-servers").bearer(&key).send().await.status, 400);
}
