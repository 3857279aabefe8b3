//! `keys.updateCredits`.

use serde_json::{Value, json};

use crate::{support::TestApp, unkey::answers::invalid};

on_both_engines!(
    every_line_of_the_table,
    nothing_is_added_to_what_is_not_counted,
    a_sum_that_is_too_large_is_refused,
    what_has_the_wrong_form_is_named,
    a_refill_that_was_due_is_counted_first,
);

async fn every_line_of_the_table(t: TestApp) {
    let api = t.key_api("payments").await;
    let refill = json!({ "interval": "daily", "amount": 9 });
    let with = |remaining: i64| json!({ "remaining": remaining, "refill": refill });
    let unlimited = json!({ "remaining": null });
    let cases = [
        ("set", Some(json!(100)), with(100)),
        ("set", Some(json!(0)), with(0)),
        ("set", Some(Value::Null), unlimited.clone()),
        ("set", None, unlimited),
        ("increment", Some(json!(5)), with(12)),
        ("increment", Some(json!(0)), with(7)),
        ("decrement", Some(json!(5)), with(2)),
        ("decrement", Some(json!(7)), with(0)),
        ("decrement", Some(json!(8)), with(0)),
        ("decrement", Some(json!(i64::MAX)), with(0)),
    ];
    for (operation, value, expected) in cases {
        let (id, text) = t.key(json!({ "apiId": api, "credits": {"remaining": 7, "refill": refill} })).await;
        let mut body = json!({ "keyId": id, "operation": operation });
        if let Some(value) = value {
            body["value"] = value;
        }
        let said = t.v2_data("keys.updateCredits", body.clone()).await;
        assert_eq!(said, expected, "{body}");
        let shown = t.shown(&id).await;
        let limited = !expected["remaining"].is_null();
        assert_eq!(shown.get("credits"), Some(&expected).filter(|_| limited), "{body}");
        let verdict = t.verify(&text, None).await;
        assert_eq!(verdict["valid"], expected["remaining"] != 0, "{body}");
        assert_eq!(verdict.get("credits").is_some(), limited, "{body}");
    }
}

async fn nothing_is_added_to_what_is_not_counted(t: TestApp) {
    let api = t.key_api("payments").await;
    let (counted, _) = t.key(json!({ "apiId": api, "credits": {"remaining": 7} })).await;
    let (unlimited, _) = t.key(json!({ "apiId": api })).await;
    for operation in ["increment", "decrement"] {
        for body in [json!({}), json!({ "value": null })] {
            let mut body = body;
            body["operation"] = operation.into();
            body["keyId"] = counted.clone().into();
            let detail = "When specifying an increment or decrement operation, a value must be provided.";
            assert_eq!(t.v2_refused("keys.updateCredits", body.clone()).await, invalid(detail));
            body["keyId"] = unlimited.clone().into();
            assert_eq!(t.v2_refused("keys.updateCredits", body).await, invalid(detail));
        }
        let body = json!({ "keyId": unlimited, "operation": operation, "value": 1 });
        let detail = "You cannot increment or decrement a key with unlimited credits.";
        assert_eq!(t.v2_refused("keys.updateCredits", body).await, invalid(detail));
    }
    assert_eq!(t.shown(&counted).await["credits"], json!({ "remaining": 7 }));
    let set = json!({ "keyId": unlimited, "operation": "set", "value": 3 });
    assert_eq!(t.v2_data("keys.updateCredits", set).await, json!({ "remaining": 3 }));
}

async fn a_sum_that_is_too_large_is_refused(t: TestApp) {
    let api = t.key_api("payments").await;
    let (id, text) = t.key(json!({ "apiId": api, "credits": {"remaining": i64::MAX} })).await;
    let body = json!({ "keyId": id, "operation": "increment", "value": 1 });
    let (status, kind, _) = t.v2_refused("keys.updateCredits", body).await;
    assert_eq!((status, kind.as_str()), (400, "unkey/application/invalid_input"));
    assert_eq!(t.shown(&id).await["credits"], json!({ "remaining": i64::MAX }));
    assert_eq!(t.verify(&text, None).await["credits"], i64::MAX - 1);
}

async fn what_has_the_wrong_form_is_named(t: TestApp) {
    for (body, location) in [
        (json!({ "keyId": "ab", "operation": "set" }), "/properties/keyId/minLength"),
        (json!({ "keyId": "abc", "operation": "add" }), "/properties/operation/enum"),
        (json!({ "keyId": "abc", "operation": "set", "value": -1 }), "/properties/value/minimum"),
        (json!({ "keyId": "abc", "operation": "set", "value": 1.5 }), "/properties/value/type"),
        (json!({ "keyId": "abc" }), "/required"),
        (json!({ "keyId": "abc", "operation": "set", "more": 1 }), "/additionalProperties"),
    ] {
        let reply = t.v2("keys.updateCredits", body.clone()).send().await;
        assert_eq!(reply.status, 400, "{body}");
        assert_eq!(reply.body["error"]["errors"][0]["location"], location, "{body}");
    }
    // No pattern: whatever is no key is absent.
    let reply = t.v2("keys.updateCredits", json!({ "keyId": "a-b", "operation": "set" })).send().await;
    assert_eq!(reply.body["error"]["detail"], "We could not find the requested key.");
    let reply = t.v2("keys.updateCredits", json!({ "keyId": "abc", "operation": "set", "value": 1e300 })).send().await;
    assert_eq!(reply.status, 400, "more than 64 bits hold");
}

async fn a_refill_that_was_due_is_counted_first(t: TestApp) {
    let api = t.key_api("payments").await;
    let credits = json!({ "remaining": 1, "refill": {"interval": "daily", "amount": 9} });
    let (id, text) = t.key(json!({ "apiId": api, "credits": credits })).await;
    t.clock.advance(86_400);
    assert_eq!(t.shown(&id).await["credits"]["remaining"], 9);
    let body = json!({ "keyId": id, "operation": "decrement", "value": 2 });
    assert_eq!(t.v2_data("keys.updateCredits", body).await["remaining"], 7);
    assert_eq!(t.verify(&text, None).await["credits"], 6, "the same refill is not given again");
    t.clock.advance(86_400);
    assert_eq!(t.verify(&text, None).await["credits"], 8);
}
