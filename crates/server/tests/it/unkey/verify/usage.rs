//! What is written down of verifications.

use serde_json::{Value, json};

use crate::support::TestApp;

on_both_engines!(every_verification_of_a_known_key_is_recorded, a_key_says_when_it_was_last_used);

async fn rows(t: &TestApp, query: &str) -> Vec<Value> {
    t.v2_data("analytics.getVerifications", json!({ "query": query })).await.as_array().unwrap().clone()
}

async fn every_verification_of_a_known_key_is_recorded(t: TestApp) {
    let api = t.key_api("payments").await;
    let (id, key) = t
        .key(json!({
            "apiId": api, "externalId": "user_1", "permissions": ["a"], "credits": {"remaining": 3},
            "ratelimits": [{"name": "requests", "limit": 3, "duration": 60_000, "autoApply": true}],
        }))
        .await;
    let (other, plain) = t.key(json!({ "apiId": api })).await;
    let sent = json!({ "key": key, "permissions": "a", "tags": ["b=2", "a=\"1\""], "credits": {"cost": 3} });
    let request = t.v2("keys.verifyKey", sent).send().await.body["meta"]["requestId"].clone();
    for body in [
        json!({ "key": key, "permissions": "b" }),
        json!({ "key": key }),
        json!({ "key": key, "credits": {"cost": 0} }),
        json!({ "key": key }),
        json!({ "key": plain, "tags": ["fast"] }),
        json!({ "key": plain, "ratelimits": [] }),
    ] {
        t.v2_data("keys.verifyKey", body).await;
    }
    // Nobody knows whose these are.
    t.verify("unknown", None).await;
    let stranger = t.root_key_with(&["api.*.read_key"]).await;
    t.v2_as(&stranger, "keys.verifyKey", json!({ "key": key })).await;
    let counts = rows(
        &t,
        "SELECT key_id, outcome, count(*) AS uses, sum(spent_credits) AS spent FROM key_verifications_v1 \
         GROUP BY key_id, outcome ORDER BY outcome, key_id",
    )
    .await;
    let mut expected = vec![
        json!({ "key_id": id, "outcome": "INSUFFICIENT_PERMISSIONS", "uses": 1, "spent": 0 }),
        json!({ "key_id": id, "outcome": "RATE_LIMITED", "uses": 1, "spent": 0 }),
        json!({ "key_id": id, "outcome": "USAGE_EXCEEDED", "uses": 1, "spent": 0 }),
        json!({ "key_id": id, "outcome": "VALID", "uses": 2, "spent": 3 }),
        json!({ "key_id": other, "outcome": "VALID", "uses": 2, "spent": 0 }),
    ];
    expected.sort_by_key(|row| (row["outcome"].to_string(), row["key_id"].to_string()));
    assert_eq!(counts, expected);
    let query = format!(
        "SELECT key_space_id, external_id, key_id, outcome, tags, spent_credits, workspace_id FROM key_verifications_v1 \
         WHERE request_id = '{}'",
        request.as_str().unwrap()
    );
    assert_eq!(
        rows(&t, &query).await,
        [json!({
            "key_space_id": api.replace("api_", "ks_"), "external_id": "user_1", "key_id": id, "outcome": "VALID",
            "tags": ["b=2", "a=\"1\""], "spent_credits": 3, "workspace_id": "ws_default",
        })]
    );
}

async fn a_key_says_when_it_was_last_used(t: TestApp) {
    let api = t.key_api("payments").await;
    let (id, key) = t.key(json!({ "apiId": api })).await;
    let flushed = async || {
        t.app.usage.flush(&t.app.store).await.unwrap();
        t.shown(&id).await["lastUsedAt"].as_i64()
    };
    assert_eq!(flushed().await, None);
    t.clock.advance(5);
    t.verify(&key, None).await;
    assert_eq!(flushed().await, Some(1_767_225_605_000));
    t.clock.advance(60);
    t.verify(&key, None).await;
    assert_eq!(flushed().await, Some(1_767_225_605_000), "to the hour");
    t.clock.advance(3600);
    t.verify(&key, None).await;
    assert_eq!(flushed().await, Some(1_767_229_265_000));
    let before = t.shown(&id).await;
    assert_eq!(before.get("updatedAt"), None, "being used is no change");
}
