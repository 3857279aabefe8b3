//! What a key holds: permissions and roles, given and taken.

use serde_json::{Value, json};

use crate::{
    support::TestApp,
    unkey::answers::{each, refusal, said},
};

on_both_engines!(
    permissions_are_added_and_those_of_roles_stay_apart,
    permissions_are_removed_all_or_none,
    permissions_are_set,
    permissions_are_named_by_id_and_in_any_case,
    roles_are_added_removed_and_set,
    an_unknown_role_changes_nothing,
    lists_have_bounds,
    a_slug_of_another_api_is_not_for_this_key,
    a_urn_on_the_key_is_enough,
);

async fn seeded(t: &TestApp) -> (String, String) {
    let api = t.key_api("payments").await;
    for (name, slugs) in [("reader", json!(["files.read"])), ("writer", json!(["files.write"])), ("empty", json!([]))] {
        t.v2_data("permissions.createRole", json!({ "name": name, "permissions": slugs })).await;
    }
    t.key(json!({ "apiId": api, "roles": ["reader"], "permissions": ["docs.read"] })).await
}

/// The slugs that an operation on the key's permissions answers, in order.
async fn slugs(t: &TestApp, operation: &str, key: &str, permissions: Value) -> Vec<String> {
    let data = t.v2_data(operation, json!({ "keyId": key, "permissions": permissions })).await;
    let mut slugs = each(&data, "slug");
    slugs.sort();
    slugs
}

/// The names that an operation on the key's roles answers, in order.
async fn names(t: &TestApp, operation: &str, key: &str, roles: Value) -> Vec<String> {
    let data = t.v2_data(operation, json!({ "keyId": key, "roles": roles })).await;
    let mut names = each(&data, "name");
    names.sort();
    names
}

async fn permissions_are_added_and_those_of_roles_stay_apart(t: TestApp) {
    let (id, text) = seeded(&t).await;
    let add = "keys.addPermissions";
    assert_eq!(slugs(&t, add, &id, json!(["docs.read"])).await, ["docs.read"], "it has that already");
    assert_eq!(
        slugs(&t, add, &id, json!(["fresh.one", "files.write"])).await,
        ["docs.read", "files.write", "fresh.one"]
    );
    assert_eq!(t.verify(&text, Some("fresh.one AND files.read AND docs.read")).await["code"], "VALID");
    let data = t.v2_data(add, json!({ "keyId": id, "permissions": ["files.read"] })).await;
    let given = data.as_array().unwrap().iter().find(|permission| permission["slug"] == "files.read").unwrap();
    assert_eq!(given["name"], "files.read");
    assert!(given["id"].as_str().unwrap().starts_with("perm_") && given.get("description").is_none());
    t.v2_data("keys.setRoles", json!({ "keyId": id, "roles": [] })).await;
    assert_eq!(t.verify(&text, Some("files.read")).await["code"], "VALID", "it holds that by itself, too");
}

async fn permissions_are_removed_all_or_none(t: TestApp) {
    let (id, text) = seeded(&t).await;
    t.v2_data("keys.addPermissions", json!({ "keyId": id, "permissions": ["a.b", "c.d"] })).await;
    let remove = "keys.removePermissions";
    let missing = said(404, "unkey/data/permission_not_found", "Permission 'not.there' was not found.");
    let body = json!({ "keyId": id, "permissions": ["a.b", "not.there"] });
    assert_eq!(t.v2_refused(remove, body).await, missing);
    assert_eq!(t.verify(&text, Some("a.b")).await["code"], "VALID");
    assert_eq!(slugs(&t, remove, &id, json!(["a.b", "A.B"])).await, ["c.d", "docs.read"]);
    assert_eq!(slugs(&t, remove, &id, json!(["a.b"])).await, ["c.d", "docs.read"], "it is not there, and that is fine");
    assert_eq!(slugs(&t, remove, &id, json!(["files.read"])).await, ["c.d", "docs.read"]);
    assert_eq!(t.verify(&text, Some("files.read")).await["code"], "VALID", "its role gives that");
    assert_eq!(t.verify(&text, Some("a.b")).await["code"], "INSUFFICIENT_PERMISSIONS");
    assert_eq!(slugs(&t, remove, &id, json!(["c.d", "docs.read"])).await, Vec::<String>::new());
}

async fn permissions_are_set(t: TestApp) {
    let (id, text) = seeded(&t).await;
    let set = "keys.setPermissions";
    assert_eq!(slugs(&t, set, &id, json!(["fresh.one", "docs.read"])).await, ["docs.read", "fresh.one"]);
    assert_eq!(slugs(&t, set, &id, json!(["fresh.one", "docs.read"])).await, ["docs.read", "fresh.one"]);
    assert_eq!(slugs(&t, set, &id, json!(["fresh.one"])).await, ["fresh.one"]);
    assert_eq!(t.verify(&text, Some("docs.read")).await["code"], "INSUFFICIENT_PERMISSIONS");
    assert_eq!(slugs(&t, set, &id, json!([])).await, Vec::<String>::new());
    assert_eq!(t.verify(&text, None).await["permissions"], json!(["files.read"]), "its role's");
}

async fn permissions_are_named_by_id_and_in_any_case(t: TestApp) {
    let (id, _) = seeded(&t).await;
    let made = t.v2_data("permissions.createPermission", json!({ "name": "Upper", "slug": "Upper.Case" })).await;
    let permission = made["permissionId"].clone();
    for (operation, named, expected) in [
        ("keys.addPermissions", json!(["upper.case"]), &["Upper.Case", "docs.read"][..]),
        ("keys.removePermissions", json!(["UPPER.CASE"]), &["docs.read"]),
        ("keys.addPermissions", json!([permission]), &["Upper.Case", "docs.read"]),
        ("keys.removePermissions", json!([permission, "upper.case"]), &["docs.read"]),
        ("keys.setPermissions", json!([permission, "upper.case", "Upper.Case"]), &["Upper.Case"]),
    ] {
        assert_eq!(slugs(&t, operation, &id, named.clone()).await, expected, "{operation} {named}");
    }
    assert_eq!(
        t.v2_data("permissions.listPermissions", json!({ "search": "upper" })).await.as_array().unwrap().len(),
        1
    );
}

async fn roles_are_added_removed_and_set(t: TestApp) {
    let (id, text) = seeded(&t).await;
    assert_eq!(names(&t, "keys.addRoles", &id, json!(["writer"])).await, ["reader", "writer"]);
    assert_eq!(names(&t, "keys.addRoles", &id, json!(["WRITER", "reader"])).await, ["reader", "writer"]);
    let data = t.v2_data("keys.addRoles", json!({ "keyId": id, "roles": ["empty"] })).await;
    let role = |name: &str| data.as_array().unwrap().iter().find(|role| role["name"] == name).unwrap().clone();
    assert_eq!(each(&role("writer")["permissions"], "slug"), ["files.write"]);
    assert_eq!(role("empty").get("permissions"), None);
    assert_eq!(t.verify(&text, Some("files.read AND files.write AND docs.read")).await["code"], "VALID");
    let writer = role("writer")["id"].clone();
    assert_eq!(names(&t, "keys.removeRoles", &id, json!([writer])).await, ["empty", "reader"], "an id does as well");
    assert_eq!(names(&t, "keys.removeRoles", &id, json!(["writer"])).await, ["empty", "reader"]);
    assert_eq!(t.verify(&text, Some("files.write")).await["code"], "INSUFFICIENT_PERMISSIONS");
    assert_eq!(names(&t, "keys.setRoles", &id, json!(["writer", writer])).await, ["writer"]);
    assert_eq!(names(&t, "keys.setRoles", &id, json!(["writer"])).await, ["writer"]);
    assert_eq!(t.verify(&text, None).await["roles"], json!(["writer"]));
    assert_eq!(names(&t, "keys.setRoles", &id, json!([])).await, Vec::<String>::new());
    assert_eq!(t.verify(&text, None).await.get("roles"), None);
}

async fn an_unknown_role_changes_nothing(t: TestApp) {
    let (id, _) = seeded(&t).await;
    let before = t.shown(&id).await;
    let missing = said(404, "unkey/data/role_not_found", "Role 'nobody' was not found.");
    for operation in ["keys.addRoles", "keys.removeRoles", "keys.setRoles"] {
        let body = json!({ "keyId": id, "roles": ["writer", "reader", "nobody"] });
        assert_eq!(t.v2_refused(operation, body).await, missing, "{operation}");
        assert_eq!(t.shown(&id).await, before, "{operation}");
    }
}

async fn lists_have_bounds(t: TestApp) {
    let (id, _) = seeded(&t).await;
    let many = |count: usize| (0..count).map(|n| format!("p.{n}")).collect::<Vec<_>>();
    for (operation, member, list, message) in [
        ("keys.addPermissions", "permissions", vec![], "minItems: got 0, want 1"),
        ("keys.removePermissions", "permissions", vec![], "minItems: got 0, want 1"),
        ("keys.addPermissions", "permissions", many(1001), "maxItems: got 1001, want 1000"),
        ("keys.removePermissions", "permissions", many(1001), "maxItems: got 1001, want 1000"),
        ("keys.addRoles", "roles", vec![], "minItems: got 0, want 1"),
        ("keys.removeRoles", "roles", vec![], "minItems: got 0, want 1"),
        ("keys.addRoles", "roles", many(101), "maxItems: got 101, want 100"),
        ("keys.setRoles", "roles", many(101), "maxItems: got 101, want 100"),
    ] {
        let reply = t.v2(operation, json!({ "keyId": id, member: list })).send().await;
        assert_eq!(reply.status, 400);
        assert_eq!(reply.body["error"]["errors"][0]["message"], message, "{operation}");
    }
    assert_eq!(slugs(&t, "keys.setPermissions", &id, json!(many(1001))).await.len(), 1001, "any count");
}

async fn a_slug_of_another_api_is_not_for_this_key(t: TestApp) {
    let (id, _) = seeded(&t).await;
    t.api("https://other.example/", &["other.read"]).await;
    for operation in ["keys.addPermissions", "keys.setPermissions"] {
        let body = json!({ "keyId": id, "permissions": ["fresh.one", "other.read"] });
        let (status, _, detail) = t.v2_refused(operation, body).await;
        assert!(status == 400 && detail.starts_with("The permission 'other.read' (perm_"), "{detail}");
    }
    assert_eq!(t.v2_data("permissions.listPermissions", json!({ "search": "fresh" })).await, json!([]));
}

async fn a_urn_on_the_key_is_enough(t: TestApp) {
    let api = t.key_api("payments").await;
    let (id, _) = t.key(json!({ "apiId": api })).await;
    let (other, _) = t.key(json!({ "apiId": api })).await;
    t.v2_data("permissions.createRole", json!({ "name": "reader", "permissions": ["files.read"] })).await;
    let space = api.replace("api_", "ks_");
    let root = t.root_key_with(&[&format!("unkey:v1:ws_default:keyspaces/{space}/keys/{id}#update_key")]).await;
    let permissions = json!({ "keyId": id, "permissions": ["files.read"] });
    let roles = json!({ "keyId": id, "roles": ["reader"] });
    for (operation, body) in [
        ("keys.addPermissions", &permissions),
        ("keys.setPermissions", &permissions),
        ("keys.removePermissions", &permissions),
        ("keys.addRoles", &roles),
        ("keys.setRoles", &roles),
        ("keys.removeRoles", &roles),
    ] {
        assert_eq!(t.v2_as(&root, operation, body.clone()).await.status, 200, "{operation}");
        let mut elsewhere = body.clone();
        elsewhere["keyId"] = other.clone().into();
        assert_eq!(t.v2_as(&root, operation, elsewhere).await.status, 403, "{operation} on another key");
    }
    let fresh = json!({ "keyId": id, "permissions": ["fresh.one"] });
    let refused =
        said(403, "unkey/authorization/insufficient_permissions", "Missing permission: 'rbac.*.create_permission'");
    assert_eq!(refusal(&t.v2_as(&root, "keys.addPermissions", fresh).await), refused, "it makes no permission");
}
