//! What uses a permission, and whose use it is.

use keyward_core::{access::ManagementScope, model::permission_usage::DAYS, time::Clock};
use keyward_server::{token_log, usage::note_tokens};
use keyward_store::ledger::log_block::Issued;
use serde_json::{Value, json};

use super::{AUDIENCE, used};
use crate::support::{Settings, TestApp};

on_both_engines!(
    verifications_use_what_they_ask_for,
    what_is_refused_uses_nothing,
    tokens_use_what_they_carry,
    tokens_from_the_command_line,
    a_restored_permission_keeps_it_and_a_namesake_has_none,
    a_renamed_permission_keeps_it,
    whoever_goes_is_still_named,
);

async fn verifications_use_what_they_ask_for(t: TestApp) {
    let id = t.api(AUDIENCE, &["read", "write", "idle", "other"]).await;
    let (key_id, key) = t.key_with(&id, &["read", "write", "other"]).await;
    t.clock.advance(5);
    let fresh = t.permission_usage(&id, "").await;
    assert_eq!((&fresh[0]["last_used_at"], &fresh[0]["last_used_by"]), (&Value::Null, &Value::Null));
    assert_eq!(fresh[0]["uses"][0], json!({ "day": "2025-12-03", "count": 0 }));
    assert_eq!(fresh[0]["uses"][29], json!({ "day": "2026-01-01", "count": 0 }));
    // From memory, and once the key had to be read.
    for (query, code) in [
        (Some("read"), "VALID"),
        (Some("read AND read"), "VALID"),
        (Some("read OR write OR idle"), "VALID"),
        (Some("(idle OR write) AND (read OR (idle AND write))"), "VALID"),
        (None, "VALID"),
    ] {
        assert_eq!(t.verify(&key, query).await["code"], code);
    }
    assert_eq!(
        t.uses(&id).await,
        [used("read", &[(0, 4)]), used("write", &[(0, 2)]), used("idle", &[]), used("other", &[])],
        "each once for each verification, and what the key does not hold is not used"
    );
    // What names limits goes through the schema.
    t.clock.advance(1);
    let body =
        json!({ "key": key, "permissions": "write", "ratelimits": [{"name": "own", "limit": 9, "duration": 1000}] });
    assert_eq!(t.v2_data("keys.verifyKey", body).await["code"], "VALID");
    let shown = t.permission_usage(&id, "").await;
    assert_eq!(shown[0]["last_used_at"], "2026-01-01T00:00:05.000Z");
    assert_eq!(shown[1]["last_used_at"], "2026-01-01T00:00:06.000Z");
    assert_eq!(shown[1]["last_used_by"], json!({ "kind": "key", "id": key_id }));
    assert_eq!(shown[1]["uses"][29], json!({ "day": "2026-01-01", "count": 3 }));
    // By a role, by a counted key, and by another one.
    t.v2_data("permissions.createRole", json!({ "name": "reader" })).await;
    let role = t.get("roles").send().await.body[0]["id"].as_str().unwrap().to_owned();
    let given = json!({ "permissions": [{"resource_server_identifier": AUDIENCE, "permission_name": "read"}] });
    assert_eq!(t.post(&format!("roles/{role}/permissions"), given).send().await.status, 201);
    let body = json!({ "apiId": format!("api_{id}"), "roles": ["reader"], "credits": {"remaining": 1} });
    let (second_id, second) = t.key(body).await;
    assert_eq!(t.verify(&second, Some("read")).await["code"], "VALID");
    assert_eq!(t.verify(&second, Some("read")).await["code"], "USAGE_EXCEEDED");
    let shown = t.permission_usage(&id, "").await;
    assert_eq!(shown[0]["uses"][29]["count"], 5);
    assert_eq!(shown[0]["last_used_by"], json!({ "kind": "key", "id": second_id }));
}

async fn what_is_refused_uses_nothing(t: TestApp) {
    let id = t.api(AUDIENCE, &["read", "write"]).await;
    let api = format!("api_{id}");
    let (_, plain) = t.key_with(&id, &["read"]).await;
    let (disabled_id, disabled) = t.key_with(&id, &["read"]).await;
    t.v2_data("keys.updateKey", json!({ "keyId": disabled_id, "enabled": false })).await;
    let (gone_id, gone) = t.key_with(&id, &["read"]).await;
    t.v2_data("keys.deleteKey", json!({ "keyId": gone_id })).await;
    let expires = t.clock.now().0 + 1000;
    let (_, expired) = t.key(json!({ "apiId": api, "permissions": ["read"], "expires": expires })).await;
    let limit = json!([{"name": "requests", "limit": 1, "duration": 60_000, "autoApply": true}]);
    let (_, limited) = t.key(json!({ "apiId": api, "permissions": ["read"], "ratelimits": limit })).await;
    assert_eq!(t.verify(&limited, None).await["code"], "VALID");
    let (_, spent) = t.key(json!({ "apiId": api, "permissions": ["read"], "credits": {"remaining": 0} })).await;
    t.clock.advance(2);
    for (key, query, code) in [
        (&plain, "read AND write", "INSUFFICIENT_PERMISSIONS"),
        (&plain, "write", "INSUFFICIENT_PERMISSIONS"),
        (&disabled, "read", "DISABLED"),
        (&gone, "read", "NOT_FOUND"),
        (&expired, "read", "EXPIRED"),
        (&limited, "read", "RATE_LIMITED"),
        (&spent, "read", "USAGE_EXCEEDED"),
    ] {
        assert_eq!(t.verify(key, Some(query)).await["code"], code);
    }
    let stranger = t.root_key_with(&["api.*.read_key"]).await;
    t.v2_as(&stranger, "keys.verifyKey", json!({ "key": plain, "permissions": "read" })).await;
    assert_eq!(t.v2("keys.verifyKey", json!({ "key": plain, "permissions": "read (" })).send().await.status, 400);
    let machine = t.machine().await;
    t.grant(&machine, AUDIENCE, &["read"]).await;
    assert_eq!(t.ask_as(&machine, AUDIENCE, "read write").await.status, 403);
    assert_eq!(t.uses(&id).await, [used("read", &[]), used("write", &[])]);
}

async fn tokens_use_what_they_carry(t: TestApp) {
    let id = t.api(AUDIENCE, &["read", "write", "idle"]).await;
    let other = t.api("https://b.example/", &["read"]).await;
    let (machine, second) = (t.machine().await, t.machine().await);
    t.grant(&machine, AUDIENCE, &["write", "read"]).await;
    t.grant(&machine, "https://b.example/", &["read"]).await;
    t.grant(&second, AUDIENCE, &["read"]).await;
    t.clock.advance(7);
    assert_eq!(t.granted(&machine, AUDIENCE).await, "read write");
    assert_eq!(t.granted(&second, AUDIENCE).await, "read");
    t.clock.advance(1);
    assert_eq!(t.ask_as(&machine, AUDIENCE, "read").await.status, 200);
    let shown = t.permission_usage(&id, "").await;
    let client = json!({ "kind": "client", "id": machine.id });
    assert_eq!((&shown[0]["last_used_by"], &shown[1]["last_used_by"]), (&client, &client));
    assert_eq!(shown[0]["last_used_at"], "2026-01-01T00:00:08.000Z");
    assert_eq!(shown[1]["last_used_at"], "2026-01-01T00:00:07.000Z");
    assert_eq!(t.uses(&id).await, [used("read", &[(0, 3)]), used("write", &[(0, 1)]), used("idle", &[])]);
    assert_eq!(t.uses(&other).await, [used("read", &[])], "of the other API's");
    assert_eq!(t.granted(&machine, "https://b.example/").await, "read");
    assert_eq!(t.uses(&other).await, [used("read", &[(0, 1)])]);
    // A key later on the same day, then it is that.
    t.clock.advance(1);
    let (key_id, key) = t.key_with(&id, &["read"]).await;
    t.verify(&key, Some("read")).await;
    let shown = t.permission_usage(&id, "").await;
    assert_eq!(shown[0]["last_used_by"], json!({ "kind": "key", "id": key_id }));
}

async fn tokens_from_the_command_line(t: TestApp) {
    t.clock.advance(60);
    t.token_with(&[ManagementScope::ReadLogs]).await;
    let system = "https:%2F%2Fkeyward.test%2Fapi%2Fv2%2F";
    let shown = t.permission_usage(system, "?per_page=100").await;
    let of = |value: &str| shown.iter().find(|entry| entry["value"] == value).unwrap();
    assert_eq!(of("read:logs")["last_used_by"], json!({ "kind": "client", "id": "keyward-cli" }));
    assert_eq!(of("read:logs")["last_used_at"], "2026-01-01T00:01:00.000Z");
    assert_eq!(of("read:clients")["last_used_at"], "2026-01-01T00:00:00.000Z", "by the test's own token");
}

async fn a_restored_permission_keeps_it_and_a_namesake_has_none(t: TestApp) {
    let api = t.key_api("payments").await;
    let id = api.trim_start_matches("api_");
    t.v2_data("permissions.createPermission", json!({ "name": "a", "slug": "a" })).await;
    let catalogue = "urn:keyward:catalogue";
    let (_, key) = t.key_with(id, &["a"]).await;
    let machine = t.machine().await;
    t.grant(&machine, catalogue, &["a"]).await;
    t.verify(&key, Some("a")).await;
    assert_eq!(t.granted(&machine, catalogue).await, "a");
    assert_eq!(t.uses(catalogue).await, [used("a", &[(0, 2)])]);
    // What is deleted is not held, and so not used.
    t.v2_data("permissions.deletePermission", json!({ "permission": "a" })).await;
    assert_eq!(t.verify(&key, Some("a")).await["code"], "INSUFFICIENT_PERMISSIONS");
    assert!(t.uses(catalogue).await.is_empty());
    t.v2_data("permissions.restorePermission", json!({ "permission": "a" })).await;
    assert_eq!(t.uses(catalogue).await, [used("a", &[(0, 2)])]);
    t.verify(&key, Some("a")).await;
    assert_eq!(t.uses(catalogue).await, [used("a", &[(0, 3)])]);
    // A token that was issued before belongs to the one that it carries, also if that is written after.
    assert_eq!(t.granted(&machine, catalogue).await, "a");
    t.clock.advance(1);
    t.v2_data("permissions.deletePermission", json!({ "permission": "a" })).await;
    t.v2_data("permissions.createPermission", json!({ "name": "a", "slug": "a" })).await;
    token_log::flush(&t.app).await.unwrap();
    assert_eq!(t.uses(catalogue).await, [used("a", &[])]);
    assert_eq!(t.permission_usage(catalogue, "").await[0]["last_used_at"], Value::Null);
}

async fn a_renamed_permission_keeps_it(t: TestApp) {
    let id = t.api(AUDIENCE, &["read"]).await;
    let (_, key) = t.key_with(&id, &["read"]).await;
    t.verify(&key, Some("read")).await;
    let path = format!("resource-servers/{id}/scopes/read");
    assert_eq!(t.patch(&path, json!({ "value": "look" })).send().await.status, 200);
    t.verify(&key, Some("look")).await;
    assert_eq!(t.uses(&id).await, [used("look", &[(0, 2)])]);
}

async fn whoever_goes_is_still_named(t: TestApp) {
    let id = t.api(AUDIENCE, &["read", "write"]).await;
    let (key_id, key) = t.key_with(&id, &["read"]).await;
    let machine = t.machine().await;
    t.grant(&machine, AUDIENCE, &["write"]).await;
    t.verify(&key, Some("read")).await;
    t.granted(&machine, AUDIENCE).await;
    t.v2_data("keys.deleteKey", json!({ "keyId": key_id, "permanent": true })).await;
    assert_eq!(t.delete(&format!("clients/{}", machine.id)).send().await.status, 204);
    let shown = t.permission_usage(&id, "").await;
    assert_eq!(shown[0]["last_used_by"], json!({ "kind": "key", "id": key_id }));
    assert_eq!(shown[1]["last_used_by"], json!({ "kind": "client", "id": machine.id }));
}

/// Both write the same rows, also at once: their counts add up, and the later use is the last one.
#[tokio::test]
async fn two_nodes_add_up() {
    let Some(first) = TestApp::postgres().await else { return };
    let second = TestApp::on(first.place.clone(), Settings { seed: 99, ..Settings::default() }).await;
    let id = first.api(AUDIENCE, &["a", "b", "c"]).await;
    let (_, here) = first.key_with(&id, &["a", "b", "c"]).await;
    let (there_id, there) = first.key_with(&id, &["a", "b", "c"]).await;
    second.clock.advance(10);
    second.verify(&there, Some("a")).await;
    assert_eq!(second.uses(&id).await[0], used("a", &[(0, 1)]));
    // Written later, but used earlier.
    first.verify(&here, Some("a")).await;
    assert_eq!(first.uses(&id).await[0], used("a", &[(0, 2)]));
    let shown = second.permission_usage(&id, "").await;
    assert_eq!(shown[0]["last_used_by"], json!({ "kind": "key", "id": there_id }));
    assert_eq!(shown[0]["last_used_at"], "2026-01-01T00:00:10.000Z");
    for _ in 0..20 {
        for query in ["a AND b AND c", "c AND a"] {
            first.verify(&here, Some(query)).await;
            second.verify(&there, Some(query)).await;
        }
        let (one, other) =
            tokio::join!(first.app.usage.flush(&first.app.store), second.app.usage.flush(&second.app.store));
        one.unwrap();
        other.unwrap();
    }
    assert_eq!(first.uses(&id).await, [used("a", &[(0, 82)]), used("b", &[(0, 40)]), used("c", &[(0, 80)])]);
    assert_eq!(i64::try_from(first.permission_usage(&id, "").await[0]["uses"].as_array().unwrap().len()), Ok(DAYS));
}

/// What can't be told from an entry a moment later is not guessed.
#[tokio::test]
async fn what_is_lost_is_counted() {
    let t = TestApp::sqlite().await;
    let text = String::from_utf8(t.call(http::Method::GET, "/metrics").send().await.bytes.clone()).unwrap();
    assert!(text.contains("keyward_permission_uses_lost_total 0"), "{text}");
    let before = t.clock.now();
    t.clock.advance(1);
    let id = t.api(AUDIENCE, &["read", "write"]).await;
    let issued = |scope, last_at| Issued { client_id: "client", scope, audience: AUDIENCE, count: 3, last_at };
    note_tokens(&t.app, &[issued("read gone", t.clock.now()), issued("write", before)]);
    note_tokens(&t.app, &[Issued { audience: "https://gone.example/", ..issued("read", t.clock.now()) }]);
    assert_eq!(t.uses(&id).await, [used("read", &[(0, 3)]), used("write", &[])]);
    assert_eq!(t.app.usage.uses_lost.get(), 9, "deleted meanwhile, made later, and of an API that is gone");
}
