//! Nobody gives a key, or a role, what they may not give, and nobody makes on the way what they may not make.

use aws_lc_rs::digest::{SHA256, digest};
use base64::{Engine, prelude::BASE64_STANDARD};
use keyward_server::service::key::announce;
use serde_json::{Value, json};

use crate::{support::TestApp, unkey::answers::refusal};

on_both_engines!(
    a_new_key_gets_what_its_maker_may_give,
    a_changed_key_gets_what_its_changer_may_give,
    keys_that_are_taken_over_get_what_may_be_given,
    roles_are_given_by_those_who_may,
    a_role_gets_what_its_maker_may_give,
    an_undone_deletion_gives_what_may_be_given,
);

/// Refused for lack of each of these permissions, carried out with all of them.
async fn needs(t: &TestApp, operation: &str, body: &Value, permissions: &[&str]) {
    let before = everything(t).await;
    for missing in permissions {
        let others: Vec<&str> = permissions.iter().copied().filter(|permission| permission != missing).collect();
        let root = t.root_key_with(&others).await;
        let reply = t.v2_as(&root, operation, body.clone()).await;
        let expected = if missing.starts_with("api.") { missing } else { &*format!("Missing permission: '{missing}'") };
        let (status, _, detail) = refusal(&reply);
        // An API that the caller may make no key for is not there for them.
        assert!(
            (status == 403 && detail.contains(expected)) || (status == 404 && operation == "keys.createKey"),
            "{operation} without {missing}: {}",
            reply.body
        );
        assert_eq!(everything(t).await, before, "{operation} without {missing} changed something");
    }
    let root = t.root_key_with(permissions).await;
    let reply = t.v2_as(&root, operation, body.clone()).await;
    assert_eq!(reply.status, 200, "{operation}: {}", reply.body);
}

/// All that these operations could have made or changed.
async fn everything(t: &TestApp) -> Vec<Value> {
    let mut all = Vec::new();
    for operation in ["permissions.listPermissions", "permissions.listRoles", "identities.listIdentities"] {
        all.push(t.v2_data(operation, json!({})).await);
    }
    let apis = t.get("resource-servers").send().await.body;
    for api in apis.as_array().unwrap() {
        let id = format!("api_{}", api["id"].as_str().unwrap());
        all.push(t.v2("apis.listKeys", json!({ "apiId": id })).send().await.body["data"].clone());
    }
    all
}

async fn seeded(t: &TestApp) -> String {
    let api = t.key_api("payments").await;
    t.v2_data("permissions.createRole", json!({ "name": "reader", "permissions": ["files.read"] })).await;
    api
}

const CREATE: &str = "api.*.create_key";
const UPDATE: &str = "api.*.update_key";
const GIVE: &str = "rbac.*.add_permission_to_key";
const GIVE_ROLE: &str = "rbac.*.add_role_to_key";
const MAKE: &str = "rbac.*.create_permission";

async fn a_new_key_gets_what_its_maker_may_give(t: TestApp) {
    let api = seeded(&t).await;
    let with = |permissions: Value, roles: Value| json!({ "apiId": api, "permissions": permissions, "roles": roles });
    let make = "keys.createKey";
    needs(&t, make, &with(json!([]), json!([])), &[CREATE]).await;
    needs(&t, make, &with(json!(["files.read"]), json!([])), &[CREATE, GIVE]).await;
    needs(&t, make, &with(json!([]), json!(["reader"])), &[CREATE, GIVE_ROLE]).await;
    needs(&t, make, &with(json!(["fresh.one", "files.read"]), json!([])), &[CREATE, GIVE, MAKE]).await;
    let recoverable = json!({ "apiId": api, "recoverable": true });
    let reply = t.v2_as(&t.root_key_with(&[CREATE]).await, make, recoverable).await;
    assert_eq!(reply.status, 403);
    // What is there already is not made, however it is spelt.
    needs(&t, make, &with(json!(["FRESH.ONE"]), json!([])), &[CREATE, GIVE]).await;
}

async fn a_changed_key_gets_what_its_changer_may_give(t: TestApp) {
    let api = seeded(&t).await;
    let (id, _) = t.key(json!({ "apiId": api })).await;
    let update = "keys.updateKey";
    let permissions = |slugs: &[&str]| json!({ "keyId": id, "permissions": slugs });
    needs(&t, update, &json!({ "keyId": id, "name": "x", "externalId": "user_1" }), &[UPDATE]).await;
    needs(&t, update, &permissions(&["files.read"]), &[UPDATE, GIVE]).await;
    needs(&t, update, &permissions(&["files.read"]), &[UPDATE]).await;
    needs(&t, update, &permissions(&["files.read", "fresh.one"]), &[UPDATE, GIVE, MAKE]).await;
    needs(&t, update, &permissions(&["fresh.one"]), &[UPDATE]).await;
    needs(&t, update, &json!({ "keyId": id, "roles": ["reader"] }), &[UPDATE, GIVE_ROLE]).await;
    needs(&t, update, &json!({ "keyId": id, "roles": [], "permissions": [] }), &[UPDATE]).await;
    for (operation, slugs, more) in [
        ("keys.addPermissions", json!(["files.read"]), &[GIVE][..]),
        ("keys.addPermissions", json!(["files.read", "fresh.two"]), &[GIVE, MAKE]),
        ("keys.setPermissions", json!(["files.read"]), &[GIVE, "rbac.*.remove_permission_from_key"]),
        ("keys.setPermissions", json!(["fresh.three"]), &[GIVE, "rbac.*.remove_permission_from_key", MAKE]),
        ("keys.removePermissions", json!(["fresh.three"]), &["rbac.*.remove_permission_from_key"]),
    ] {
        needs(&t, operation, &json!({ "keyId": id, "permissions": slugs }), &[&[UPDATE], more].concat()).await;
    }
}

async fn keys_that_are_taken_over_get_what_may_be_given(t: TestApp) {
    let api = seeded(&t).await;
    let migration = announce(&t.app, "from elsewhere".to_owned(), "sha256").await.unwrap();
    let cases = [
        (json!({}), &[CREATE][..]),
        (json!({ "permissions": ["files.read"] }), &[CREATE, GIVE]),
        (json!({ "permissions": ["fresh.one"] }), &[CREATE, GIVE, MAKE]),
        (json!({ "roles": ["reader"] }), &[CREATE, GIVE_ROLE]),
        (json!({ "roles": ["fresh role"] }), &[CREATE, GIVE_ROLE, "rbac.*.create_role"]),
    ];
    for (n, (key, permissions)) in cases.into_iter().enumerate() {
        let mut key = key;
        let hash = |text: String| BASE64_STANDARD.encode(digest(&SHA256, text.as_bytes()).as_ref());
        key["hash"] = hash(format!("second {n}")).into();
        let keys = json!([{ "hash": hash(format!("first {n}")) }, key]);
        let body = json!({ "migrationId": migration, "apiId": api, "keys": keys });
        needs(&t, "keys.migrateKeys", &body, permissions).await;
    }
}

async fn roles_are_given_by_those_who_may(t: TestApp) {
    let api = seeded(&t).await;
    t.v2_data("permissions.createRole", json!({ "name": "writer" })).await;
    let (id, _) = t.key(json!({ "apiId": api })).await;
    let roles = |names: &[&str]| json!({ "keyId": id, "roles": names });
    needs(&t, "keys.addRoles", &roles(&["reader"]), &[UPDATE, GIVE_ROLE]).await;
    needs(&t, "keys.addRoles", &roles(&["reader"]), &[UPDATE, GIVE_ROLE]).await;
    needs(&t, "keys.setRoles", &roles(&["reader"]), &[UPDATE]).await;
    needs(&t, "keys.setRoles", &roles(&["reader", "writer"]), &[UPDATE, GIVE_ROLE]).await;
    needs(&t, "keys.setRoles", &roles(&["writer"]), &[UPDATE]).await;
    needs(&t, "keys.removeRoles", &roles(&["writer", "reader"]), &[UPDATE]).await;
    needs(&t, "keys.setRoles", &roles(&["writer"]), &[UPDATE, GIVE_ROLE]).await;
    needs(&t, "keys.setRoles", &roles(&[]), &[UPDATE]).await;
}

async fn a_role_gets_what_its_maker_may_give(t: TestApp) {
    seeded(&t).await;
    let create = "permissions.createRole";
    let give = "rbac.*.add_permission_to_role";
    let (make_role, take) = ("rbac.*.create_role", "rbac.*.remove_permission_from_role");
    needs(&t, create, &json!({ "name": "one" }), &[make_role]).await;
    needs(&t, create, &json!({ "name": "two", "permissions": ["files.read"] }), &[make_role, give]).await;
    needs(&t, create, &json!({ "name": "three", "permissions": ["fresh.one"] }), &[make_role, give, MAKE]).await;
    let role = t.v2_data("permissions.getRole", json!({ "role": "three" })).await["id"].clone();
    let set = "permissions.setRolePermissions";
    needs(&t, set, &json!({ "roleId": role, "permissions": ["files.read"] }), &[give, take]).await;
    needs(&t, set, &json!({ "roleId": role, "permissions": ["fresh.two"] }), &[give, take, MAKE]).await;
    needs(&t, set, &json!({ "roleId": role, "permissions": [] }), &[give, take]).await;
}

async fn an_undone_deletion_gives_what_may_be_given(t: TestApp) {
    let api = seeded(&t).await;
    let (_, text) = t.key(json!({ "apiId": api, "permissions": ["docs.read"], "roles": ["reader"] })).await;
    t.v2_data("permissions.deletePermission", json!({ "permission": "docs.read" })).await;
    t.v2_data("permissions.deleteRole", json!({ "role": "reader" })).await;
    let restore = "permissions.restorePermission";
    let all = [MAKE, "rbac.*.add_permission_to_role", GIVE];
    needs(&t, restore, &json!({ "permission": "docs.read" }), &all).await;
    let all = ["rbac.*.create_role", GIVE_ROLE];
    needs(&t, "permissions.restoreRole", &json!({ "role": "reader" }), &all).await;
    assert_eq!(t.verify(&text, Some("docs.read AND files.read")).await["code"], "VALID");
}
