//! Requests that are sent again.

use serde_json::{Value, json};

use super::{code, permission, refusal, refused, role, text};
use crate::support::{Call, Settings, TestApp};

on_both_engines!(
    the_same_key_again,
    another_request_under_the_same_key,
    many_at_once,
    forgotten_after_a_day,
    each_root_key_has_its_own,
    what_was_refused_is_not_remembered,
    every_change_is_made_once,
    remembered_by_the_next_program,
    keys_that_are_none,
);

const DAY: i64 = 24 * 60 * 60;

impl<'a> Call<'a> {
    fn again(self, key: &str) -> Self {
        self.header("idempotency-key", key)
    }
}

async fn data(call: Call<'_>) -> Value {
    let reply = call.send().await;
    assert_eq!(reply.status, 200, "{}", reply.body);
    reply.body["data"].clone()
}

async fn keys_of(t: &TestApp, api: &str) -> usize {
    t.v2_data("apis.listKeys", json!({ "apiId": api })).await.as_array().unwrap().len()
}

async fn the_same_key_again(t: TestApp) {
    let api = t.key_api("payments").await;
    let body = json!({ "apiId": api, "name": "retried" });
    let first = data(t.v2("keys.createKey", body.clone()).again("abc")).await;
    let entries = t.entries("sapi").await.len();
    let second = data(t.v2("keys.createKey", body.clone()).again("abc")).await;
    assert_eq!(first, second, "the text, too");
    assert_eq!((keys_of(&t, &api).await, t.entries("sapi").await.len()), (1, entries));
    assert_eq!(t.verify(&text(&second["key"]), None).await["code"], "VALID");
    assert_ne!(data(t.v2("keys.createKey", body.clone()).again("abd")).await, first);
    assert_ne!(data(t.v2("keys.createKey", body)).await, first);
    assert_eq!(keys_of(&t, &api).await, 3);
}

async fn another_request_under_the_same_key(t: TestApp) {
    let api = t.key_api("payments").await;
    data(t.v2("keys.createKey", json!({ "apiId": api })).again("abc")).await;
    let detail = "The Idempotency-Key was used for another request. Choose another one for this request";
    for call in [
        t.v2("keys.createKey", json!({ "apiId": api, "name": "other" })),
        t.v2("apis.createApi", json!({ "name": "other" })),
        t.v2("apis.deleteApi", json!({ "apiId": api })),
    ] {
        assert_eq!(refusal(call.again("abc")).await, refused(400, "invalid_input", detail));
    }
    assert_eq!(keys_of(&t, &api).await, 1);
}

async fn many_at_once(t: TestApp) {
    let api = t.key_api("payments").await;
    let body = json!({ "apiId": api, "externalId": "joe", "permissions": ["a"] });
    let calls = (0..16).map(|_| data(t.v2("keys.createKey", body.clone()).again("abc")));
    let made = futures_util::future::join_all(calls).await;
    assert!(made.iter().all(|key| *key == made[0]), "{made:?}");
    assert_eq!(keys_of(&t, &api).await, 1);
    let entries = t.entries("sapi").await;
    assert_eq!(entries.iter().filter(|entry| entry["description"] == "key.create").count(), 1);
    // Two that differ: one of them is made.
    let calls = ["x", "y"].map(|name| t.v2("apis.createApi", json!({ "name": name.repeat(3) })).again("abd").send());
    let mut statuses: Vec<u16> =
        futures_util::future::join_all(calls).await.iter().map(|reply| reply.status.as_u16()).collect();
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 400]);
}

async fn forgotten_after_a_day(t: TestApp) {
    let api = t.key_api("payments").await;
    let body = json!({ "apiId": api });
    let first = data(t.v2("keys.createKey", body.clone()).again("abc")).await;
    t.clock.advance(DAY - 1);
    assert_eq!(data(t.v2("keys.createKey", body.clone()).again("abc")).await, first);
    t.clock.advance(1);
    let second = data(t.v2("keys.createKey", body.clone()).again("abc")).await;
    assert_ne!(second, first);
    assert_eq!(data(t.v2("keys.createKey", body).again("abc")).await, second);
    let other = json!({ "name": "other" });
    t.clock.advance(DAY);
    assert_eq!(t.v2("apis.createApi", other).again("abc").send().await.status, 200, "it stands for nothing any more");
}

async fn each_root_key_has_its_own(t: TestApp) {
    let other = t.root_key_with(&["api.*.create_key"]).await;
    let stranger = t.root_key_with(&["api.*.read_key"]).await;
    let api = t.key_api("payments").await;
    let body = json!({ "apiId": api });
    let first = data(t.v2("keys.createKey", body.clone()).again("abc")).await;
    let second = data(t.v2("keys.createKey", body.clone()).again("abc").bearer(&other)).await;
    assert_ne!(first, second);
    let refusals = refusal(t.v2("keys.createKey", body).again("abc").bearer(&stranger)).await;
    assert_eq!(refusals, refused(404, "api_not_found", "The specified API was not found."));
}

async fn what_was_refused_is_not_remembered(t: TestApp) {
    let api = t.key_api("payments").await;
    let body = json!({ "apiId": api, "roles": ["reader"] });
    let no_role = refused(404, "role_not_found", "Role 'reader' was not found.");
    assert_eq!(refusal(t.v2("keys.createKey", body.clone()).again("abc")).await, no_role);
    role(&t, "reader", &["a"]).await;
    let made = data(t.v2("keys.createKey", body.clone()).again("abc")).await;
    assert_eq!(code(&t, &text(&made["key"]), "a").await, "VALID");
    assert_eq!(data(t.v2("keys.createKey", body).again("abc")).await, made);
    // What is not well formed never stands for the key either.
    assert_eq!(refusal(t.v2("apis.createApi", json!({ "name": "x" })).again("new")).await.0, 400);
    data(t.v2("apis.createApi", json!({ "name": "xyz" })).again("new")).await;
}

async fn every_change_is_made_once(t: TestApp) {
    let api = t.key_api("payments").await;
    permission(&t, "doomed").await;
    role(&t, "doomed", &[]).await;
    let (key, _) = t.key(json!({ "apiId": api, "credits": {"remaining": 5} })).await;
    t.v2_data("ratelimit.limit", json!({ "namespace": "n", "identifier": "i", "limit": 1, "duration": 1000 })).await;
    let over = json!({ "namespace": "n", "identifier": "i", "limit": 3, "duration": 1000 });
    for (n, (operation, body)) in [
        ("apis.createApi", json!({ "name": "other" })),
        ("apis.updateApi", json!({ "apiId": api, "name": "renamed" })),
        ("permissions.createPermission", json!({ "name": "n", "slug": "new" })),
        ("permissions.updatePermission", json!({ "permission": "new", "description": "d" })),
        ("permissions.createRole", json!({ "name": "new", "permissions": ["new", "newer"] })),
        ("permissions.deletePermission", json!({ "permission": "doomed" })),
        ("permissions.restorePermission", json!({ "permission": "doomed" })),
        ("permissions.deleteRole", json!({ "role": "doomed" })),
        ("permissions.restoreRole", json!({ "role": "doomed" })),
        ("identities.createIdentity", json!({ "externalId": "joe" })),
        ("identities.updateIdentity", json!({ "identity": "joe", "meta": {"a": 1} })),
        ("keys.updateCredits", json!({ "keyId": key, "operation": "increment", "value": 2 })),
        ("keys.addPermissions", json!({ "keyId": key, "permissions": ["newest"] })),
        ("keys.addRoles", json!({ "keyId": key, "roles": ["new"] })),
        ("keys.rerollKey", json!({ "keyId": key, "expiration": 0 })),
        ("ratelimit.setOverride", over),
        ("ratelimit.deleteOverride", json!({ "namespace": "n", "identifier": "i" })),
        ("keys.deleteKey", json!({ "keyId": key })),
    ]
    .into_iter()
    .enumerate()
    {
        let first = data(t.v2(operation, body.clone()).again(&format!("request {n}"))).await;
        let entries = t.entries("sapi").await.len();
        let second = data(t.v2(operation, body).again(&format!("request {n}"))).await;
        assert_eq!(first, second, "{operation}");
        assert_eq!(t.entries("sapi").await.len(), entries, "{operation}");
    }
    let identity = json!({ "identity": "joe" });
    for _ in 0..2 {
        let reply = t.v2("identities.deleteIdentity", identity.clone()).again("last").send().await;
        assert_eq!(reply.status, 200);
    }
    assert_eq!(refusal(t.v2("identities.deleteIdentity", identity)).await.0, 404);
}

async fn remembered_by_the_next_program(t: TestApp) {
    let api = t.key_api("payments").await;
    let body = json!({ "apiId": api });
    let first = data(t.v2("keys.createKey", body.clone()).again("abc")).await;
    let t = t.restart(Settings { seed: 8, ..Settings::default() }).await;
    assert_eq!(data(t.v2("keys.createKey", body).again("abc")).await, first);
    assert_eq!(keys_of(&t, &api).await, 1);
}

async fn keys_that_are_none(t: TestApp) {
    let detail = "The Idempotency-Key header must have 1 to 255 characters";
    for key in ["", &"x".repeat(256)] {
        let refusals = refusal(t.v2("apis.createApi", json!({ "name": "abc" })).again(key)).await;
        assert_eq!(refusals, refused(400, "invalid_input", detail));
    }
    data(t.v2("apis.createApi", json!({ "name": "abc" })).again(&"x".repeat(255))).await;
    // Reading is not made twice by being repeated, so the header is not looked at.
    assert_eq!(t.v2("permissions.listRoles", json!({})).again("").send().await.status, 200);
}
