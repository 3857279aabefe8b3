//! Rate limits of keys and identities.

use serde_json::{Value, json};

use crate::{
    support::TestApp,
    unkey::answers::{invalid, said},
};

on_both_engines!(
    a_named_limit_is_checked_when_it_is_named,
    an_automatic_limit_is_always_checked,
    several_limits_pass_together_or_not_at_all,
    keys_of_an_identity_share_its_limits,
    a_keys_own_limit_comes_before_its_identitys,
    a_call_brings_a_limit_of_its_own,
    a_limit_nobody_has_is_a_failed_precondition,
    values_that_no_window_has_are_refused,
    a_window_slides,
    a_changed_limit_goes_on_counting,
);

fn limit(name: &str, limit: i64, auto_apply: bool) -> Value {
    json!({ "name": name, "limit": limit, "duration": 60_000, "autoApply": auto_apply })
}

async fn key_with(t: &TestApp, limits: Value) -> (String, String) {
    let api = t.key_api("payments").await;
    t.key(json!({ "apiId": api, "ratelimits": limits })).await
}

async fn ask(t: &TestApp, key: &str, limits: Value) -> Value {
    t.v2_data("keys.verifyKey", json!({ "key": key, "ratelimits": limits })).await
}

/// What an answer says of the limit with this name: what is left, and whether it refused.
fn left(verdict: &Value, name: &str) -> Option<(i64, bool)> {
    let found = verdict["ratelimits"].as_array()?.iter().find(|limit| limit["name"] == name)?;
    Some((found["remaining"].as_i64().unwrap(), found["exceeded"].as_bool().unwrap()))
}

async fn a_named_limit_is_checked_when_it_is_named(t: TestApp) {
    let (id, key) = key_with(&t, json!([limit("requests", 5, false)])).await;
    assert_eq!(t.verify(&key, None).await.get("ratelimits"), None);
    let verdict = ask(&t, &key, json!([{ "name": "requests" }])).await;
    let limit_id = t.shown(&id).await["ratelimits"][0]["id"].clone();
    assert_eq!(
        verdict["ratelimits"],
        json!([{
            "id": limit_id, "name": "requests", "limit": 5, "duration": 60_000, "reset": 1_767_225_660_000_i64,
            "remaining": 4, "exceeded": false, "autoApply": false,
        }])
    );
    assert_eq!(left(&ask(&t, &key, json!([{ "name": "requests", "cost": 3 }])).await, "requests"), Some((1, false)));
    let refused = ask(&t, &key, json!([{ "name": "requests", "cost": 2 }])).await;
    assert_eq!((&refused["valid"], &refused["code"]), (&json!(false), &json!("RATE_LIMITED")));
    assert_eq!(left(&refused, "requests"), Some((0, true)));
    let verdict = ask(&t, &key, json!([{ "name": "requests", "cost": 0 }])).await;
    assert_eq!(left(&verdict, "requests"), Some((1, false)), "what was refused took nothing");
    assert_eq!(ask(&t, &key, json!([{ "name": "requests" }])).await["code"], "VALID");
    let verdict = ask(&t, &key, json!([{ "name": "requests", "cost": 0 }])).await;
    assert_eq!((&verdict["code"], left(&verdict, "requests")), (&json!("VALID"), Some((0, false))), "it only looks");
    // One of both values is not looked at where the limit is known.
    let verdict = ask(&t, &key, json!([{ "name": "requests", "limit": 100 }])).await;
    assert_eq!((&verdict["code"], &verdict["ratelimits"][0]["limit"]), (&json!("RATE_LIMITED"), &json!(5)));
    assert_eq!(t.code(&key).await, "VALID");
}

async fn an_automatic_limit_is_always_checked(t: TestApp) {
    let (_, key) = key_with(&t, json!([limit("auto", 4, true), limit("named", 1, false)])).await;
    let verdict = t.verify(&key, None).await;
    assert_eq!((left(&verdict, "auto"), left(&verdict, "named")), (Some((3, false)), None));
    let verdict = ask(&t, &key, json!([{ "name": "named" }])).await;
    assert_eq!((left(&verdict, "auto"), left(&verdict, "named")), (Some((2, false)), Some((0, false))));
    let verdict = ask(&t, &key, json!([{ "name": "auto", "cost": 2 }])).await;
    assert_eq!(left(&verdict, "auto"), Some((0, false)), "with the cost of the call, once");
    let refused = t.verify(&key, None).await;
    assert_eq!((&refused["code"], left(&refused, "auto")), (&json!("RATE_LIMITED"), Some((0, true))));
    assert_eq!(ask(&t, &key, json!([])).await["code"], "RATE_LIMITED");
}

async fn several_limits_pass_together_or_not_at_all(t: TestApp) {
    let (_, key) = key_with(&t, json!([limit("auto", 10, true), limit("small", 2, false)])).await;
    let refused = ask(&t, &key, json!([{ "name": "small", "cost": 3 }])).await;
    assert_eq!(refused["code"], "RATE_LIMITED");
    assert_eq!((left(&refused, "auto"), left(&refused, "small")), (Some((10, false)), Some((0, true))));
    let verdict = ask(&t, &key, json!([{ "name": "small", "cost": 2 }])).await;
    assert_eq!((left(&verdict, "auto"), left(&verdict, "small")), (Some((9, false)), Some((0, false))));
}

async fn keys_of_an_identity_share_its_limits(t: TestApp) {
    let api = t.key_api("payments").await;
    let other_api = t.key_api("other").await;
    let identity =
        json!({ "externalId": "user_1", "ratelimits": [limit("shared", 4, true), limit("named", 1, false)] });
    let id = t.v2_data("identities.createIdentity", identity).await["identityId"].clone();
    let (_, one) = t.key(json!({ "apiId": api, "externalId": "user_1" })).await;
    let (_, two) = t.key(json!({ "apiId": other_api, "externalId": "user_1" })).await;
    let (_, foreign) = t.key(json!({ "apiId": api, "externalId": "user_2" })).await;
    assert_eq!(left(&t.verify(&one, None).await, "shared"), Some((3, false)));
    assert_eq!(left(&t.verify(&two, None).await, "shared"), Some((2, false)));
    assert_eq!(ask(&t, &one, json!([{ "name": "named" }])).await["code"], "VALID");
    let refused = ask(&t, &two, json!([{ "name": "named" }])).await;
    assert_eq!((&refused["code"], left(&refused, "named")), (&json!("RATE_LIMITED"), Some((0, true))));
    assert_eq!(left(&refused, "shared"), Some((1, false)), "untouched");
    assert_eq!(t.code(&foreign).await, "VALID");
    let more = json!({ "identity": id, "ratelimits": [limit("shared", 6, true)] });
    t.v2_data("identities.updateIdentity", more).await;
    assert_eq!(left(&t.verify(&two, None).await, "shared"), Some((2, false)), "the same counter, with more room");
    t.v2("identities.deleteIdentity", json!({ "identity": id })).send().await;
    let verdict = t.verify(&one, None).await;
    assert_eq!((&verdict["code"], verdict.get("ratelimits")), (&json!("VALID"), None), "its limits are gone with it");
}

async fn a_keys_own_limit_comes_before_its_identitys(t: TestApp) {
    let api = t.key_api("payments").await;
    let identity = json!({ "externalId": "user_1", "ratelimits": [limit("requests", 1, true)] });
    t.v2_data("identities.createIdentity", identity).await;
    let own = json!({ "apiId": api, "externalId": "user_1", "ratelimits": [limit("requests", 3, false)] });
    let (_, own) = t.key(own).await;
    let (_, shared) = t.key(json!({ "apiId": api, "externalId": "user_1" })).await;
    let verdict = t.verify(&own, None).await;
    assert_eq!(verdict.get("ratelimits"), None, "its own does not apply by itself");
    assert_eq!(verdict["identity"].get("ratelimits"), None, "the other one is not shown");
    assert_eq!(left(&ask(&t, &own, json!([{ "name": "requests" }])).await, "requests"), Some((2, false)));
    assert_eq!(left(&t.verify(&shared, None).await, "requests"), Some((0, false)), "another counter");
}

async fn a_call_brings_a_limit_of_its_own(t: TestApp) {
    let (_, key) = key_with(&t, json!([limit("requests", 1, true)])).await;
    let own = |limit: i64, cost: i64| json!([{ "name": "requests", "limit": limit, "duration": 30_000, "cost": cost }]);
    let verdict = ask(&t, &key, own(10, 4)).await;
    assert_eq!(
        verdict["ratelimits"],
        json!([{
            "id": "", "name": "requests", "limit": 10, "duration": 30_000, "reset": 1_767_225_630_000_i64,
            "remaining": 6, "exceeded": false, "autoApply": false,
        }]),
        "instead of the one with that name"
    );
    assert_eq!(left(&ask(&t, &key, own(10, 6)).await, "requests"), Some((0, false)));
    assert_eq!(ask(&t, &key, own(10, 1)).await["code"], "RATE_LIMITED");
    assert_eq!(t.code(&key).await, "VALID", "the key's limit has a window of its own");
    assert_eq!(t.code(&key).await, "RATE_LIMITED");
    // Counted for each key, also where keys have one owner.
    let api = t.key_api("other").await;
    let limits = json!([{ "name": "adhoc", "limit": 1, "duration": 1000 }]);
    for _ in 0..2 {
        let (_, key) = t.key(json!({ "apiId": api, "externalId": "user_1" })).await;
        assert_eq!(ask(&t, &key, limits.clone()).await["code"], "VALID");
        assert_eq!(ask(&t, &key, limits.clone()).await["code"], "RATE_LIMITED");
    }
}

async fn a_limit_nobody_has_is_a_failed_precondition(t: TestApp) {
    let (id, key) = key_with(&t, json!([limit("auto", 5, true)])).await;
    let alone = format!(
        "ratelimit 'nothing' was requested but does not exist for key '{id}' and there is no identity connected."
    );
    let refuse = async |key: &str, limits: Value| {
        t.v2_refused("keys.verifyKey", json!({ "key": key, "ratelimits": limits })).await
    };
    let refused = |detail: &str| said(412, "unkey/application/precondition_failed", detail);
    for limits in [
        json!([{ "name": "nothing" }]),
        json!([{ "name": "nothing", "limit": 5 }]),
        json!([{ "name": "nothing", "duration": 5000 }]),
        json!([{ "name": "auto" }, { "name": "nothing" }]),
    ] {
        assert_eq!(refuse(&key, limits).await, refused(&alone));
    }
    assert_eq!(left(&t.verify(&key, None).await, "auto"), Some((4, false)), "nothing was counted");
    let api = t.key_api("other").await;
    let (id, key) = t.key(json!({ "apiId": api, "externalId": "user_1" })).await;
    let identity = t.shown(&id).await["identity"]["id"].as_str().unwrap().to_owned();
    let both = format!(
        "ratelimit 'nothing' was requested but does not exist for key '{id}' nor identity: '{identity}' external ID: \
         'user_1'"
    );
    assert_eq!(refuse(&key, json!([{ "name": "nothing" }])).await, refused(&both));
    t.v2_data("keys.updateKey", json!({ "keyId": id, "enabled": false })).await;
    let verdict = ask(&t, &key, json!([{ "name": "nothing" }])).await;
    assert_eq!(verdict["code"], "DISABLED", "what comes first is said first");
}

async fn values_that_no_window_has_are_refused(t: TestApp) {
    let (_, key) = key_with(&t, json!([limit("auto", 5, true)])).await;
    for (most, duration) in [(0, 1000), (1, 999), (0, 0), (1, 0)] {
        let limits = json!([{ "name": "adhoc", "limit": most, "duration": duration }]);
        let refused = t.v2_refused("keys.verifyKey", json!({ "key": key, "ratelimits": limits })).await;
        assert_eq!(refused, invalid("ratelimit 'adhoc': limit must be at least 1 and duration at least 1000"));
    }
    assert_eq!(left(&t.verify(&key, None).await, "auto"), Some((4, false)), "nothing was counted");
    let largest = json!([{ "name": "adhoc", "limit": i64::MAX, "duration": i64::MAX, "cost": i64::MAX }]);
    assert_eq!(ask(&t, &key, largest.clone()).await["code"], "VALID");
    assert_eq!(ask(&t, &key, largest).await["code"], "RATE_LIMITED");
}

async fn a_window_slides(t: TestApp) {
    let (_, key) = key_with(&t, json!([limit("requests", 10, true)])).await;
    let spend = async |cost: i64| ask(&t, &key, json!([{ "name": "requests", "cost": cost }])).await;
    assert_eq!(spend(10).await["code"], "VALID");
    assert_eq!(spend(1).await["code"], "RATE_LIMITED");
    t.clock.advance(59);
    assert_eq!(spend(1).await["code"], "RATE_LIMITED");
    t.clock.advance(1 + 30);
    let verdict = spend(5).await;
    assert_eq!(left(&verdict, "requests"), Some((0, false)), "half of the former window still counts");
    assert_eq!(verdict["ratelimits"][0]["reset"], 1_767_225_720_000_i64);
    assert_eq!(spend(1).await["code"], "RATE_LIMITED");
    t.clock.advance(120);
    assert_eq!(left(&spend(1).await, "requests"), Some((9, false)));
}

async fn a_changed_limit_goes_on_counting(t: TestApp) {
    let (id, key) = key_with(&t, json!([limit("requests", 2, true)])).await;
    t.verify(&key, None).await;
    t.verify(&key, None).await;
    assert_eq!(t.code(&key).await, "RATE_LIMITED");
    t.v2_data("keys.updateKey", json!({ "keyId": id, "ratelimits": [limit("requests", 3, true)] })).await;
    assert_eq!(t.code(&key).await, "VALID");
    assert_eq!(t.code(&key).await, "RATE_LIMITED");
    let longer = json!({ "name": "requests", "limit": 1, "duration": 3_600_000, "autoApply": true });
    t.v2_data("keys.updateKey", json!({ "keyId": id, "ratelimits": [longer] })).await;
    assert_eq!(t.code(&key).await, "VALID", "another duration is another counter");
}
