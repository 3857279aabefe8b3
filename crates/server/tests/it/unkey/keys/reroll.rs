//! `keys.rerollKey`.

use serde_json::{Value, json};

use crate::{
    support::TestApp,
    unkey::answers::{refusal, said},
};

on_both_engines!(
    the_new_key_is_as_the_old_one_was,
    without_grace_the_old_key_is_refused_at_once,
    grace_ends_with_its_minute_and_never_after_the_former_end,
    credits_are_copied_and_not_shared,
    the_form_of_the_text_stays,
    a_kept_text_stays_kept,
    rerolling_needs_what_making_needs,
);

async fn reroll(t: &TestApp, id: &str, expiration: i64) -> (String, String) {
    let made = t.v2_data("keys.rerollKey", json!({ "keyId": id, "expiration": expiration })).await;
    (made["keyId"].as_str().unwrap().to_owned(), made["key"].as_str().unwrap().to_owned())
}

async fn the_new_key_is_as_the_old_one_was(t: TestApp) {
    let api = t.key_api("payments").await;
    t.v2_data("permissions.createRole", json!({ "name": "reader", "permissions": ["files.read"] })).await;
    let (id, text) = t
        .key(json!({
            "apiId": api, "name": "first", "externalId": "user_1", "meta": {"a": 1}, "expires": 1_900_000_000_000_i64,
            "credits": {"remaining": 7, "refill": {"interval": "monthly", "amount": 9, "refillDay": 2}},
            "ratelimits": [
                {"name": "requests", "limit": 10, "duration": 60_000, "autoApply": true},
                {"name": "uploads", "limit": 1, "duration": 1000, "autoApply": false},
            ],
            "roles": ["reader"], "permissions": ["docs.read"],
        }))
        .await;
    let old = t.shown(&id).await;
    t.clock.advance(10);
    let (new_id, new_text) = reroll(&t, &id, 60_000).await;
    assert!(new_id != id && new_text != text);
    let new = t.shown(&new_id).await;
    let ids = |key: &Value| [key["ratelimits"][0]["id"].clone(), key["ratelimits"][1]["id"].clone()];
    assert!(ids(&new).iter().all(|id| !ids(&old).contains(id)), "its limits have ids of their own");
    let mut expected = old.clone();
    expected["keyId"] = new_id.into();
    expected["start"] = new_text[..4].into();
    expected["createdAt"] = 1_767_225_610_000_i64.into();
    (expected["ratelimits"][0]["id"], expected["ratelimits"][1]["id"]) = ids(&new).into();
    assert_eq!(new, expected);
    assert_eq!(t.verify(&new_text, Some("files.read AND docs.read")).await["code"], "VALID");
    assert_eq!(t.verify(&text, Some("files.read AND docs.read")).await["code"], "VALID", "within the minute");
    // Unknown members are not looked at.
    let body = json!({ "keyId": id, "expiration": 0, "colour": "red" });
    assert_eq!(t.v2("keys.rerollKey", body).send().await.status, 200);
}

async fn without_grace_the_old_key_is_refused_at_once(t: TestApp) {
    let api = t.key_api("payments").await;
    let (id, text) = t.key(json!({ "apiId": api })).await;
    assert_eq!(t.code(&text).await, "VALID");
    let (_, new) = reroll(&t, &id, 0).await;
    assert_eq!(t.code(&text).await, "EXPIRED", "at the very same moment");
    assert_eq!(t.code(&new).await, "VALID");
}

async fn grace_ends_with_its_minute_and_never_after_the_former_end(t: TestApp) {
    // The tests' clock begins with a minute.
    const NOW: i64 = 1_767_225_600_000;
    let api = t.key_api("payments").await;
    for (former, grace, end) in [
        (None, 60_000, NOW + 60_000),
        (None, 60_001, NOW + 120_000),
        (None, 1, NOW + 60_000),
        (Some(NOW + 30_000), 60_000, NOW + 30_000),
        (Some(NOW + 90_000), 60_000, NOW + 60_000),
        (Some(NOW - 1), 3_600_000, NOW - 1),
        (Some(5), 0, 5),
        (Some(NOW + 5), 4_102_444_800_000, NOW + 5),
    ] {
        let mut body = json!({ "apiId": api });
        if let Some(former) = former {
            body["expires"] = former.into();
        }
        let (id, _) = t.key(body).await;
        let (new, _) = reroll(&t, &id, grace).await;
        assert_eq!(t.shown(&id).await["expires"], end, "{former:?} {grace}");
        assert_eq!(t.shown(&new).await.get("expires").and_then(Value::as_i64), former, "its own end is the former one");
    }
    let (id, text) = t.key(json!({ "apiId": api })).await;
    reroll(&t, &id, 60_000).await;
    t.clock.advance(60);
    assert_eq!(t.code(&text).await, "VALID");
    t.clock.advance(1);
    assert_eq!(t.code(&text).await, "EXPIRED");
    for (expiration, location) in [
        (json!(-1), "/properties/expiration/minimum"),
        (json!(4_102_444_800_001_i64), "/properties/expiration/maximum"),
    ] {
        let reply = t.v2("keys.rerollKey", json!({ "keyId": id, "expiration": expiration })).send().await;
        assert_eq!(reply.body["error"]["errors"][0]["location"], location);
    }
    let reply = t.v2("keys.rerollKey", json!({ "keyId": id })).send().await;
    assert_eq!(reply.body["error"]["errors"][0]["message"], "missing property 'expiration'");
}

async fn credits_are_copied_and_not_shared(t: TestApp) {
    let api = t.key_api("payments").await;
    let (id, text) = t.key(json!({ "apiId": api, "credits": {"remaining": 5} })).await;
    t.verify(&text, None).await;
    let (_, new) = reroll(&t, &id, 60_000).await;
    assert_eq!(t.verify(&new, None).await["credits"], 3);
    assert_eq!(t.verify(&new, None).await["credits"], 2);
    assert_eq!(t.verify(&text, None).await["credits"], 3);
}

async fn the_form_of_the_text_stays(t: TestApp) {
    let api = t.key_api("payments").await;
    for (prefix, bytes) in [("my_app", 64), ("_", 16), ("a_b_c_", 255)] {
        let (id, text) = t.key(json!({ "apiId": api, "prefix": prefix, "byteLength": bytes })).await;
        let (new, again) = reroll(&t, &id, 0).await;
        let prefix = format!("{prefix}_");
        assert!(again.starts_with(&prefix) && again.len().abs_diff(text.len()) <= 2, "{again}");
        assert_eq!(t.shown(&new).await["start"], again[..prefix.len() + 4]);
        let (_, third) = reroll(&t, &new, 0).await;
        assert!(third.starts_with(&prefix) && third.len().abs_diff(text.len()) <= 2, "{third}");
    }
    // What the API says now is for new keys.
    let (id, text) = t.key(json!({ "apiId": api })).await;
    t.v2_data("apis.updateApi", json!({ "apiId": api, "defaultPrefix": "pay", "defaultBytes": 99 })).await;
    let (_, again) = reroll(&t, &id, 0).await;
    assert!(again.len().abs_diff(text.len()) <= 2 && !again.contains('_'), "{again}");
}

async fn a_kept_text_stays_kept(t: TestApp) {
    let api = t.key_api("payments").await;
    let (id, text) = t.key(json!({ "apiId": api, "recoverable": true })).await;
    let (new, again) = reroll(&t, &id, 60_000).await;
    let plaintext =
        async |id: &str| t.v2_data("keys.getKey", json!({ "keyId": id, "decrypt": true })).await["plaintext"].clone();
    assert_eq!((plaintext(&id).await, plaintext(&new).await), (json!(text), json!(again)));
}

async fn rerolling_needs_what_making_needs(t: TestApp) {
    let api = t.key_api("payments").await;
    let (plain, _) = t.key(json!({ "apiId": api })).await;
    let (kept, text) = t.key(json!({ "apiId": api, "recoverable": true })).await;
    let body = |id: &str| json!({ "keyId": id, "expiration": 0 });
    let update = t.root_key_with(&["api.*.update_key", "api.*.encrypt_key"]).await;
    let create = t.root_key_with(&[&format!("api.{api}.create_key")]).await;
    let both = t.root_key_with(&["api.*.create_key", &format!("api.{api}.encrypt_key")]).await;
    let space = api.replace("api_", "ks_");
    let detail = |verb: &str, id: &str| {
        let detail = format!(
            "Missing one of these permissions: api.*.{verb} or api.{api}.{verb} or \
             unkey:v1:ws_default:keyspaces/{space}/keys/{id}#{verb}"
        );
        said(403, "unkey/authorization/insufficient_permissions", &detail)
    };
    assert_eq!(refusal(&t.v2_as(&update, "keys.rerollKey", body(&plain)).await), detail("create_key", &plain));
    assert_eq!(refusal(&t.v2_as(&create, "keys.rerollKey", body(&kept)).await), detail("encrypt_key", &kept));
    assert_eq!(t.code(&text).await, "VALID", "a refused call ends no key");
    assert_eq!(t.v2_as(&create, "keys.rerollKey", body(&plain)).await.status, 200);
    assert_eq!(t.v2_as(&both, "keys.rerollKey", body(&kept)).await.status, 200);
    let absent = said(404, "unkey/data/key_not_found", "The specified key was not found.");
    assert_eq!(refusal(&t.v2_as(&update, "keys.rerollKey", body("key_nothing")).await), absent);
}
