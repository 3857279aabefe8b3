//! Credits as they are spent, and refilled.

use keyward_core::access::ManagementScope;
use serde_json::{Value, json};

use crate::support::TestApp;

on_both_engines!(
    the_examples_of_the_contract,
    a_key_without_credits_has_no_cost,
    a_refused_call_spends_nothing,
    limits_are_counted_before_credits,
    a_daily_refill_comes_at_midnight,
    a_monthly_refill_comes_on_the_last_day_of_a_short_month,
    a_higher_balance_is_kept,
    each_credit_is_spent_once,
);

const DAY: i64 = 86_400;

async fn key_with(t: &TestApp, credits: Value) -> (String, String) {
    let api = t.key_api("payments").await;
    t.key(json!({ "apiId": api, "credits": credits })).await
}

/// Verifies with a cost, or none, and returns the code and what is left.
async fn spend(t: &TestApp, key: &str, cost: Option<i64>) -> (String, Option<i64>) {
    let mut body = json!({ "key": key });
    if let Some(cost) = cost {
        body["credits"] = json!({ "cost": cost });
    }
    let verdict = t.v2_data("keys.verifyKey", body).await;
    assert_eq!(verdict["valid"], verdict["code"] == "VALID");
    (verdict["code"].as_str().unwrap().to_owned(), verdict.get("credits").map(|left| left.as_i64().unwrap()))
}

fn is(code: &str, left: i64) -> (String, Option<i64>) {
    (code.to_owned(), Some(left))
}

async fn the_examples_of_the_contract(t: TestApp) {
    for (remaining, cost, code, left) in [
        (5_i64, None, "VALID", 4_i64),
        (0, None, "USAGE_EXCEEDED", 0),
        (5, Some(5), "VALID", 0),
        (5, Some(15), "USAGE_EXCEEDED", 5),
        (0, Some(0), "VALID", 0),
        (1_000_000_000_001, Some(1_000_000_000_000), "VALID", 1),
    ] {
        let (id, key) = key_with(&t, json!({ "remaining": remaining })).await;
        assert_eq!(spend(&t, &key, cost).await, is(code, left), "{remaining} {cost:?}");
        assert_eq!(t.shown(&id).await["credits"], json!({ "remaining": left }));
    }
}

async fn a_key_without_credits_has_no_cost(t: TestApp) {
    let api = t.key_api("payments").await;
    let (_, key) = t.key(json!({ "apiId": api })).await;
    for cost in [None, Some(0), Some(1_000_000_000_000)] {
        assert_eq!(spend(&t, &key, cost).await, ("VALID".to_owned(), None));
    }
}

async fn a_refused_call_spends_nothing(t: TestApp) {
    let api = t.key_api("payments").await;
    let limit = json!({ "name": "requests", "limit": 1, "duration": 60_000, "autoApply": true });
    let (id, key) = t.key(json!({ "apiId": api, "credits": {"remaining": 5}, "ratelimits": [limit] })).await;
    assert_eq!(spend(&t, &key, Some(2)).await, is("VALID", 3));
    assert_eq!(spend(&t, &key, Some(2)).await, is("RATE_LIMITED", 3));
    let refused = t.verify(&key, Some("nothing")).await;
    assert_eq!((&refused["code"], &refused["credits"]), (&json!("INSUFFICIENT_PERMISSIONS"), &json!(3)));
    t.v2_data("apis.updateApi", json!({ "apiId": api, "ipAllowList": ["203.0.113.9"] })).await;
    assert_eq!(spend(&t, &key, None).await, is("FORBIDDEN", 3));
    t.v2_data("keys.updateKey", json!({ "keyId": id, "expires": 1 })).await;
    assert_eq!(spend(&t, &key, None).await, is("EXPIRED", 3));
    t.v2_data("keys.updateKey", json!({ "keyId": id, "enabled": false })).await;
    assert_eq!(spend(&t, &key, None).await, is("DISABLED", 3));
    assert_eq!(t.v2("keys.verifyKey", json!({ "key": key, "permissions": "a b" })).send().await.status, 400);
    assert_eq!(t.shown(&id).await["credits"]["remaining"], 3);
}

async fn limits_are_counted_before_credits(t: TestApp) {
    let api = t.key_api("payments").await;
    let limit = json!({ "name": "requests", "limit": 2, "duration": 60_000, "autoApply": true });
    let (id, key) = t.key(json!({ "apiId": api, "credits": {"remaining": 0}, "ratelimits": [limit] })).await;
    for (code, left) in [("USAGE_EXCEEDED", 1), ("USAGE_EXCEEDED", 0), ("RATE_LIMITED", 0)] {
        let verdict = t.verify(&key, None).await;
        assert_eq!((&verdict["code"], &verdict["ratelimits"][0]["remaining"]), (&json!(code), &json!(left)));
    }
    let add = json!({ "keyId": id, "operation": "increment", "value": 5 });
    t.v2_data("keys.updateCredits", add).await;
    assert_eq!(spend(&t, &key, None).await, is("RATE_LIMITED", 5), "what it could not pay for has counted");
}

async fn a_daily_refill_comes_at_midnight(t: TestApp) {
    // The tests' clock begins at midnight.
    let (id, key) = key_with(&t, json!({ "remaining": 2, "refill": {"interval": "daily", "amount": 3} })).await;
    assert_eq!(spend(&t, &key, Some(2)).await, is("VALID", 0));
    t.clock.advance(DAY - 1);
    assert_eq!(spend(&t, &key, None).await, is("USAGE_EXCEEDED", 0));
    t.clock.advance(1);
    assert_eq!(spend(&t, &key, None).await, is("VALID", 2));
    assert_eq!(spend(&t, &key, Some(2)).await, is("VALID", 0));
    assert_eq!(spend(&t, &key, None).await, is("USAGE_EXCEEDED", 0));
    t.clock.advance(10 * DAY);
    assert_eq!(spend(&t, &key, Some(4)).await, is("USAGE_EXCEEDED", 3), "several that were missed are one");
    assert_eq!(t.shown(&id).await["credits"]["remaining"], 3);
    let token = t.token_with(&[ManagementScope::ReadLogs]).await;
    let entries = t.get("logs?per_page=100").bearer(&token).send().await.body;
    let system = |entry: &&Value| entry["client_id"] == "keyrefill" && entry["description"] == "key.update";
    let refills: Vec<&Value> = entries.as_array().unwrap().iter().filter(system).collect();
    assert_eq!(refills.len(), 2);
    assert_eq!(refills[0]["details"]["before"], json!({ "id": id, "remaining": 0 }));
    assert_eq!(refills[0]["details"]["after"], json!({ "id": id, "remaining": 3 }));
}

async fn a_monthly_refill_comes_on_the_last_day_of_a_short_month(t: TestApp) {
    // It is the 1st of January 2026.
    let refill = json!({ "interval": "monthly", "amount": 5, "refillDay": 31 });
    let (_, key) = key_with(&t, json!({ "remaining": 0, "refill": refill })).await;
    for (days, what) in [(30, "the 31st of January"), (28, "the 28th of February"), (31, "the 31st of March")] {
        t.clock.advance(days * DAY - 1);
        assert_eq!(spend(&t, &key, None).await, is("USAGE_EXCEEDED", 0), "the second before {what}");
        t.clock.advance(1);
        assert_eq!(spend(&t, &key, Some(5)).await, is("VALID", 0), "{what}");
    }
    let refill = json!({ "interval": "monthly", "amount": 5, "refillDay": 1 });
    let (_, key) = key_with(&t, json!({ "remaining": 0, "refill": refill })).await;
    assert_eq!(spend(&t, &key, None).await, is("USAGE_EXCEEDED", 0));
    t.clock.advance(DAY);
    assert_eq!(spend(&t, &key, None).await, is("VALID", 4), "the 1st of April");
}

async fn a_higher_balance_is_kept(t: TestApp) {
    let (id, key) = key_with(&t, json!({ "remaining": 10, "refill": {"interval": "daily", "amount": 3} })).await;
    t.clock.advance(DAY);
    assert_eq!(spend(&t, &key, Some(9)).await, is("VALID", 1));
    t.clock.advance(DAY);
    assert_eq!(spend(&t, &key, Some(0)).await, is("VALID", 3));
    t.v2_data("keys.updateKey", json!({ "keyId": id, "credits": {"refill": null} })).await;
    t.clock.advance(DAY);
    assert_eq!(spend(&t, &key, Some(3)).await, is("VALID", 0));
    t.clock.advance(DAY);
    assert_eq!(spend(&t, &key, None).await, is("USAGE_EXCEEDED", 0));
}

async fn each_credit_is_spent_once(t: TestApp) {
    let (id, key) = key_with(&t, json!({ "remaining": 40 })).await;
    let calls = (0..64).map(|_| spend(&t, &key, None));
    let answers = futures_util::future::join_all(calls).await;
    let mut left: Vec<i64> =
        answers.iter().filter(|(code, _)| code == "VALID").map(|(_, left)| left.unwrap()).collect();
    left.sort_unstable();
    assert_eq!(left, (0..40).collect::<Vec<_>>());
    assert_eq!(answers.iter().filter(|(code, _)| code == "USAGE_EXCEEDED").count(), 24);
    assert_eq!(t.shown(&id).await["credits"]["remaining"], 0);
}
