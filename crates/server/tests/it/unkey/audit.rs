//! What the audit log says of the keys' API.

use serde_json::{Value, json};

use super::{each, permission, role, text};
use crate::support::TestApp;

on_both_engines!(
    every_change_leaves_one_entry,
    who_and_from_where,
    before_and_after,
    what_a_deleted_permission_took_away,
    what_deletions_on_the_other_side_took_away,
    what_a_deleted_role_and_api_took_away,
    what_changes_nothing_leaves_no_entry,
    refusals_of_known_callers,
    reading_leaves_no_entry,
    no_secret_is_in_an_entry,
    deep_bodies_can_be_read_again,
);

/// Carries a change out; what it answered, and the one entry that it left.
async fn changed(t: &TestApp, operation: &str, body: Value) -> (Value, Value) {
    let last = t.entries("sapi").await[0]["log_id"].clone();
    let reply = t.v2(operation, body).send().await;
    assert_eq!(reply.status, 200, "{operation}: {}", reply.body);
    let entries = t.entries("sapi").await;
    let new: Vec<&Value> = entries.iter().take_while(|entry| entry["log_id"] != last).collect();
    assert_eq!(new.len(), 1, "{operation}: {new:?}");
    assert_eq!(new[0]["details"]["request_id"], reply.body["meta"]["requestId"], "{operation}");
    (reply.body["data"].clone(), new[0].clone())
}

fn root_key_id(t: &TestApp) -> String {
    let view = t.app.view();
    let hash = keyward_server::key_text::hash(&t.root_key);
    view.snapshot.root_key(&hash).unwrap().id.clone()
}

async fn every_change_leaves_one_entry(t: TestApp) {
    let api = t.key_api("payments").await;
    let doomed = t.key_api("doomed").await;
    let actor = root_key_id(&t);
    let (key, _) = t.key(json!({ "apiId": api, "credits": {"remaining": 5} })).await;
    let first = role(&t, "first", &[]).await;
    t.v2_data("ratelimit.limit", json!({ "namespace": "n", "identifier": "i", "limit": 1, "duration": 1000 })).await;
    let over = json!({ "namespace": "n", "identifier": "i", "limit": 3, "duration": 1000 });
    for (operation, body, event) in [
        ("apis.createApi", json!({ "name": "other" }), "api.create"),
        ("apis.updateApi", json!({ "apiId": api, "name": "renamed" }), "api.update"),
        ("apis.deleteApi", json!({ "apiId": doomed }), "api.delete"),
        ("permissions.createPermission", json!({ "name": "n", "slug": "a" }), "permission.create"),
        ("permissions.updatePermission", json!({ "permission": "a", "name": "m" }), "permission.update"),
        ("permissions.deletePermission", json!({ "permission": "a" }), "permission.delete"),
        ("permissions.restorePermission", json!({ "permission": "a" }), "permission.restore"),
        ("permissions.createRole", json!({ "name": "r", "permissions": ["a", "new"] }), "role.create"),
        ("permissions.setRolePermissions", json!({ "roleId": first, "permissions": ["a"] }), "role.update"),
        ("permissions.deleteRole", json!({ "role": "r" }), "role.delete"),
        ("permissions.restoreRole", json!({ "role": "r" }), "role.restore"),
        ("keys.createKey", json!({ "apiId": api, "permissions": ["a"], "externalId": "joe" }), "key.create"),
        ("keys.updateKey", json!({ "keyId": key, "name": "n", "permissions": ["b"] }), "key.update"),
        ("keys.updateCredits", json!({ "keyId": key, "operation": "set", "value": 2 }), "key.update"),
        (
            "keys.addPermissions",
            json!({ "keyId": key, "permissions": ["a", "c"] }),
            "authorization.connect_permission_and_key",
        ),
        (
            "keys.removePermissions",
            json!({ "keyId": key, "permissions": ["a"] }),
            "authorization.disconnect_permission_and_key",
        ),
        ("keys.addRoles", json!({ "keyId": key, "roles": ["r"] }), "authorization.connect_role_and_key"),
        ("keys.removeRoles", json!({ "keyId": key, "roles": ["r"] }), "authorization.disconnect_role_and_key"),
        ("keys.rerollKey", json!({ "keyId": key, "expiration": 60_000 }), "key.reroll"),
        ("keys.deleteKey", json!({ "keyId": key }), "key.delete"),
        ("identities.createIdentity", json!({ "externalId": "ann" }), "identity.create"),
        ("identities.updateIdentity", json!({ "identity": "ann", "meta": {"a": 1} }), "identity.update"),
        ("identities.deleteIdentity", json!({ "identity": "ann" }), "identity.delete"),
        (
            "ratelimit.limit",
            json!({ "namespace": "new", "identifier": "i", "limit": 1, "duration": 1000 }),
            "ratelimitNamespace.create",
        ),
        ("ratelimit.setOverride", over, "ratelimit.set_override"),
        ("ratelimit.deleteOverride", json!({ "namespace": "n", "identifier": "i" }), "ratelimit.delete_override"),
    ] {
        let (_, entry) = changed(&t, operation, body).await;
        assert_eq!(entry["description"], event, "{operation}");
        assert_eq!(entry["client_id"], actor, "{operation}");
        assert_eq!(entry["ip"], "192.0.2.1", "{operation}");
        assert_eq!(entry["details"]["request"]["path"], format!("/v2/{operation}"));
        let told = entry["details"].get("before").is_some() || entry["details"].get("after").is_some();
        assert!(told, "{operation}: {entry}");
    }
}

async fn who_and_from_where(t: TestApp) {
    let call = t.v2("apis.createApi", json!({ "name": "payments" }));
    let call = call.header("user-agent", "a test").header("x-correlation-id", "c1").header("host", "keyward.test:8443");
    call.send().await;
    let entry = t.entries("sapi").await[0].clone();
    let actor = root_key_id(&t);
    assert!(actor.starts_with("key_"), "{actor}");
    assert_eq!((&entry["client_id"], &entry["user_id"]), (&json!(actor), &json!(format!("{actor}@rootkeys"))));
    assert_eq!((&entry["user_agent"], &entry["hostname"]), (&json!("a test"), &json!("keyward.test")));
    assert_eq!(entry["references"]["correlation_id"], "c1");
    assert_eq!(entry["details"]["request"]["body"], json!({ "name": "payments" }));
    assert_eq!(entry["details"]["request"]["auth"]["credentials"]["scopes"], json!(["unkey:v1:ws_default:**#*"]));
    assert_eq!(entry["details"]["response"]["statusCode"], 200);
}

async fn before_and_after(t: TestApp) {
    let id = permission(&t, "a").await;
    let (_, entry) = changed(&t, "permissions.updatePermission", json!({ "permission": id, "slug": "b" })).await;
    assert_eq!(entry["details"]["before"], json!({ "id": id, "name": "a", "slug": "a" }));
    assert_eq!(entry["details"]["after"], json!({ "id": id, "name": "a", "slug": "b" }));
    let (made, entry) =
        changed(&t, "permissions.createRole", json!({ "name": "r", "permissions": ["b", "new"] })).await;
    let after = &entry["details"]["after"];
    assert_eq!((&after["id"], each(&after["permissions"], "slug").len()), (&made["roleId"], 2));
    assert_eq!(each(&after["createdPermissions"], "slug"), ["new"]);
    assert_eq!(entry["details"].get("before"), None);
    let body = json!({ "roleId": made["roleId"], "permissions": ["new", "c"] });
    let (_, entry) = changed(&t, "permissions.setRolePermissions", body).await;
    assert_eq!(each(&entry["details"]["before"]["removed"], "id"), [id.as_str()]);
    assert_eq!(each(&entry["details"]["after"]["added"], "slug"), ["c"]);
    let api = t.key_api("payments").await;
    let (made, entry) = changed(&t, "keys.createKey", json!({ "apiId": api, "roles": ["r"], "name": "n" })).await;
    let after = &entry["details"]["after"];
    assert_eq!((&after["id"], &after["apiId"], &after["name"]), (&made["keyId"], &json!(api), &json!("n")));
    assert_eq!(each(&after["roles"], "name"), ["r"]);
    let (_, entry) = changed(&t, "keys.updateKey", json!({ "keyId": made["keyId"], "roles": [] })).await;
    assert_eq!(each(&entry["details"]["before"]["removedRoles"], "name"), ["r"]);
}

/// Three keys that hold `a` (one of them deleted), and two roles that give it.
async fn holders(t: &TestApp, api: &str) -> Value {
    let roles = [role(t, "r1", &["a"]).await, role(t, "r2", &["a"]).await];
    let mut keys = Vec::new();
    for _ in 0..3 {
        keys.push(t.key(json!({ "apiId": api, "permissions": ["a"] })).await.0);
    }
    t.key(json!({ "apiId": api, "roles": ["r1"] })).await;
    t.v2_data("keys.deleteKey", json!({ "keyId": keys.pop() })).await;
    json!({ "roles": {"count": 2, "ids": roles}, "keys": {"count": 2, "ids": keys} })
}

async fn what_a_deleted_permission_took_away(t: TestApp) {
    let api = t.key_api("payments").await;
    let id = permission(&t, "a").await;
    let held = holders(&t, &api).await;
    let (_, entry) = changed(&t, "permissions.deletePermission", json!({ "permission": "a" })).await;
    assert_eq!(entry["details"]["before"], json!({ "id": id, "name": "a", "slug": "a", "heldBy": held }));
    assert_eq!(entry["details"].get("after"), None);
    let (_, entry) = changed(&t, "permissions.restorePermission", json!({ "permission": id })).await;
    assert_eq!(entry["details"]["after"]["heldBy"], held);
}

async fn what_deletions_on_the_other_side_took_away(t: TestApp) {
    let server = t.api("https://a.example/", &["a", "b", "c"]).await;
    let api = format!("api_{server}");
    let held = holders(&t, &api).await;
    let path = format!("resource-servers/{server}");
    assert_eq!(t.delete(&format!("{path}/scopes/a")).send().await.status, 204);
    let gone = t.entries("sapi").await[0]["details"]["before"]["scopes"].clone();
    assert_eq!((&gone[0]["value"], &gone[0]["heldBy"]), (&json!("a"), &held));
    t.key(json!({ "apiId": api, "permissions": ["b"] })).await;
    t.patch(&path, json!({ "scopes": [{"value": "c"}] })).send().await;
    let gone = t.entries("sapi").await[0]["details"]["before"]["scopes"].clone();
    assert_eq!((&gone[0]["value"], &gone[0]["heldBy"]["keys"]["count"]), (&json!("b"), &json!(1)));
    t.delete(&path).send().await;
    let before = t.entries("sapi").await[0]["details"]["before"].clone();
    assert_eq!((&before["keys"]["count"], before["keys"]["ids"].as_array().map(Vec::len)), (&json!(4), Some(4)));
}

async fn what_a_deleted_role_and_api_took_away(t: TestApp) {
    let api = t.key_api("payments").await;
    let id = role(&t, "r", &["a"]).await;
    let (first, _) = t.key(json!({ "apiId": api, "roles": ["r"] })).await;
    let (second, _) = t.key(json!({ "apiId": api })).await;
    let (_, entry) = changed(&t, "permissions.deleteRole", json!({ "role": "r" })).await;
    let held = json!({ "keys": {"count": 1, "ids": [first]} });
    assert_eq!(entry["details"]["before"], json!({ "id": id, "name": "r", "heldBy": held }));
    let (_, entry) = changed(&t, "apis.deleteApi", json!({ "apiId": api })).await;
    let before = &entry["details"]["before"];
    let mut ids: Vec<String> = before["keys"]["ids"].as_array().unwrap().iter().map(text).collect();
    let mut expected = vec![first, second];
    ids.sort_unstable();
    expected.sort_unstable();
    assert_eq!((&before["keys"]["count"], ids), (&json!(2), expected));
}

async fn what_changes_nothing_leaves_no_entry(t: TestApp) {
    let api = t.key_api("payments").await;
    let id = role(&t, "r", &["a"]).await;
    let (key, _) = t.key(json!({ "apiId": api, "permissions": ["a"], "roles": ["r"] })).await;
    let before = t.entries("sapi").await.len();
    for (operation, body) in [
        ("permissions.setRolePermissions", json!({ "roleId": id, "permissions": ["a"] })),
        ("permissions.updatePermission", json!({ "permission": "a", "slug": "a" })),
        ("keys.addPermissions", json!({ "keyId": key, "permissions": ["a"] })),
        ("keys.setPermissions", json!({ "keyId": key, "permissions": ["A", "a"] })),
        ("keys.addRoles", json!({ "keyId": key, "roles": ["r"] })),
        ("keys.setRoles", json!({ "keyId": key, "roles": ["R"] })),
        ("apis.updateApi", json!({ "apiId": api, "name": "payments" })),
    ] {
        t.v2_data(operation, body).await;
        assert_eq!(t.entries("sapi").await.len(), before, "{operation}");
    }
}

async fn refusals_of_known_callers(t: TestApp) {
    permission(&t, "a").await;
    let nobody = t.root_key_with(&["rbac.*.read_role"]).await;
    let before = t.entries("fapi").await.len();
    for (call, event, status) in [
        (t.v2("permissions.createPermission", json!({ "name": "n", "slug": "A" })), "permission.create", 409),
        (t.v2("permissions.deletePermission", json!({ "permission": "b" })), "permission.delete", 404),
        (t.v2("permissions.deletePermission", json!({ "permission": "a" })).bearer(&nobody), "permission.delete", 403),
        (t.v2("keys.createKey", json!({ "apiId": "api_0123456789" })), "key.create", 404),
    ] {
        let reply = call.send().await;
        assert_eq!(reply.status.as_u16(), status);
        let entry = t.entries("fapi").await[0].clone();
        assert_eq!(
            (&entry["description"], &entry["details"]["response"]["statusCode"]),
            (&json!(event), &json!(status))
        );
        assert_eq!(entry["details"]["response"]["body"]["error"], reply.body["error"]);
        assert_eq!(entry["details"]["request_id"], reply.body["meta"]["requestId"]);
    }
    // Strangers, and what is not well formed, would only fill the log.
    for call in [
        t.v2("permissions.deletePermission", json!({ "permission": "a" })).bearer("nobody"),
        t.v2("permissions.deletePermission", json!({ "permission": "a" })).anonymous(),
    ] {
        assert!(call.send().await.status.as_u16() >= 400);
    }
    assert_eq!(t.entries("fapi").await.len(), before + 4);
}

async fn reading_leaves_no_entry(t: TestApp) {
    let api = t.key_api("payments").await;
    let (id, key) = t.key(json!({ "apiId": api, "recoverable": true })).await;
    let before = t.get("logs?per_page=100").send().await.body.as_array().unwrap().len();
    for (operation, body) in [
        ("keys.verifyKey", json!({ "key": key })),
        ("keys.verifyKey", json!({ "key": "unknown" })),
        ("keys.getKey", json!({ "keyId": id })),
        ("permissions.listPermissions", json!({})),
        ("identities.listIdentities", json!({})),
        ("apis.listKeys", json!({ "apiId": api })),
    ] {
        t.v2_data(operation, body).await;
    }
    assert_eq!(t.v2("keys.getKey", json!({ "keyId": "key_absent" })).send().await.status, 404);
    assert_eq!(t.get("logs?per_page=100").send().await.body.as_array().unwrap().len(), before);
}

async fn no_secret_is_in_an_entry(t: TestApp) {
    let api = t.key_api("payments").await;
    let (id, key) = t.key(json!({ "apiId": api, "prefix": "live", "recoverable": true })).await;
    let rerolled = t.v2_data("keys.rerollKey", json!({ "keyId": id, "expiration": 0 })).await;
    let body = json!({ "apiId": api, "migrationId": "absent", "keys": [{"hash": "0123456789abcdef"}] });
    assert_eq!(t.v2("keys.migrateKeys", body).send().await.status, 404);
    let again = t.v2("keys.createKey", json!({ "apiId": api })).header("idempotency-key", "k");
    let made = again.send().await.body["data"]["key"].clone();
    t.v2("keys.deleteKey", json!({ "keyId": rerolled["keyId"], "permanent": true })).send().await;
    let all = format!("{:?}{:?}", t.entries("sapi").await, t.entries("fapi").await);
    assert!(all.contains("absent") && all.contains("key.reroll"), "they are there");
    for secret in [t.root_key.as_str(), key.as_str(), &text(&rerolled["key"]), &text(&made), "0123456789abcdef"] {
        let random = secret.rsplit('_').next().unwrap();
        assert!(!all.contains(&random[4..]), "{random}");
    }
}

async fn deep_bodies_can_be_read_again(t: TestApp) {
    // As deep as a body may be: its entry has it a few levels deeper.
    let deep = |levels: usize| format!("{}1{}", r#"{"a":"#.repeat(levels), "}".repeat(levels));
    let body = format!(r#"{{"externalId": "joe", "meta": {}}}"#, deep(120));
    assert_eq!(t.v2("identities.createIdentity", json!(null)).body(body.clone()).send().await.status, 200);
    assert_eq!(t.v2("identities.createIdentity", json!(null)).body(body).send().await.status, 409);
    let body = format!(r#"{{"externalId": "ann", "meta": {}}}"#, deep(126));
    t.v2("identities.createIdentity", json!(null)).body(body).send().await;
    for kind in ["sapi", "fapi"] {
        assert!(!t.entries(kind).await.is_empty());
    }
}
