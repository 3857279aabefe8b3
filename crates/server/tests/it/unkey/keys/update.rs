//! `keys.updateKey`.

use serde_json::{Value, json};

use crate::{
    support::TestApp,
    unkey::answers::{invalid, said},
};

on_both_engines!(
    what_is_absent_stays_and_null_clears,
    limits_keep_their_ids_by_name,
    credits_and_their_refill_are_changed_one_by_one,
    roles_and_permissions_are_replaced,
    a_refused_change_changes_nothing,
    a_change_counts_for_the_next_verification,
);

/// A key with something in every field.
async fn full(t: &TestApp) -> (String, String) {
    let api = t.key_api("payments").await;
    t.v2_data("permissions.createRole", json!({ "name": "reader" })).await;
    t.key(json!({
        "apiId": api, "name": "first", "externalId": "user_1", "meta": {"a": 1}, "expires": 1_900_000_000_000_i64,
        "credits": {"remaining": 7, "refill": {"interval": "daily", "amount": 9}}, "enabled": true,
        "ratelimits": [{"name": "requests", "limit": 10, "duration": 60_000, "autoApply": false}],
        "roles": ["reader"], "permissions": ["files.read"],
    }))
    .await
}

/// Changes the key and returns which of its members are not what they were.
async fn changed(t: &TestApp, id: &str, change: Value) -> Value {
    let before = t.shown(id).await;
    let mut body = change;
    body["keyId"] = id.into();
    assert_eq!(t.v2_data("keys.updateKey", body).await, json!({}));
    let after = t.shown(id).await;
    let mut different = json!({});
    let names = before.as_object().unwrap().keys().chain(after.as_object().unwrap().keys());
    for name in names.filter(|name| *name != "updatedAt") {
        if before.get(name) != after.get(name) {
            different[name.as_str()] = after.get(name).cloned().unwrap_or_default();
        }
    }
    different
}

async fn what_is_absent_stays_and_null_clears(t: TestApp) {
    let (id, _) = full(&t).await;
    assert_eq!(changed(&t, &id, json!({})).await, json!({}), "nothing");
    let new = json!({
        "name": "second", "meta": {"b": [2]}, "expires": 1_900_000_000_001_i64, "enabled": false,
    });
    assert_eq!(changed(&t, &id, new.clone()).await, new);
    let owner = changed(&t, &id, json!({ "externalId": "user_2" })).await;
    assert_eq!(owner["identity"]["externalId"], "user_2");
    assert_eq!(changed(&t, &id, json!({ "meta": {} })).await, json!({ "meta": null }), "nothing is left out");
    changed(&t, &id, json!({ "meta": {"c": 3} })).await;
    for name in ["name", "meta", "expires"] {
        assert_eq!(changed(&t, &id, json!({ name: null })).await, json!({ name: null }));
    }
    assert_eq!(changed(&t, &id, json!({ "externalId": null })).await, json!({ "identity": null }));
    assert_eq!(changed(&t, &id, json!({ "credits": null })).await, json!({ "credits": null }));
    assert_eq!(changed(&t, &id, json!({ "ratelimits": [] })).await, json!({ "ratelimits": null }));
    let gone = changed(&t, &id, json!({ "roles": [], "permissions": [] })).await;
    assert_eq!(gone, json!({ "roles": null, "permissions": null }));
    for name in ["enabled", "ratelimits", "roles", "permissions"] {
        let reply = t.v2("keys.updateKey", json!({ "keyId": id, name: null })).send().await;
        let error = &reply.body["error"]["errors"][0];
        assert_eq!(error["location"], format!("/properties/{name}/type"), "{name} is not nullable");
    }
}

fn limit(name: &str, limit: i64) -> Value {
    json!({ "name": name, "limit": limit, "duration": 60_000, "autoApply": true })
}

async fn limits_keep_their_ids_by_name(t: TestApp) {
    let (id, _) = full(&t).await;
    let before = t.shown(&id).await["ratelimits"][0].clone();
    changed(&t, &id, json!({ "ratelimits": [limit("uploads", 3), limit("requests", 20)] })).await;
    let shown = t.shown(&id).await["ratelimits"].clone();
    let named = |name: &str| shown.as_array().unwrap().iter().find(|limit| limit["name"] == name).unwrap().clone();
    let mut kept = limit("requests", 20);
    kept["id"] = before["id"].clone();
    assert_eq!(named("requests"), kept);
    assert!(named("uploads")["id"] != before["id"]);
    let uploads = named("uploads")["id"].clone();
    changed(&t, &id, json!({ "ratelimits": [limit("uploads", 4)] })).await;
    assert_eq!(t.shown(&id).await["ratelimits"].as_array().unwrap().len(), 1);
    assert_eq!(t.shown(&id).await["ratelimits"][0]["id"], uploads);
    changed(&t, &id, json!({ "ratelimits": [limit("requests", 1)] })).await;
    assert_ne!(t.shown(&id).await["ratelimits"][0]["id"], before["id"], "one that was gone comes back as another");
    let twice = json!({ "keyId": id, "ratelimits": [limit("same", 1), limit("same", 2)] });
    let refused = invalid("Ratelimit with name 'same' is already defined in the request");
    assert_eq!(t.v2_refused("keys.updateKey", twice).await, refused);
}

async fn credits_and_their_refill_are_changed_one_by_one(t: TestApp) {
    let (id, text) = full(&t).await;
    let daily = json!({ "interval": "daily", "amount": 9 });
    let monthly = json!({ "interval": "monthly", "amount": 3, "refillDay": 31 });
    let cases = [
        (json!({ "remaining": 5 }), json!({ "remaining": 5, "refill": daily })),
        (json!({ "refill": monthly }), json!({ "remaining": 5, "refill": monthly })),
        (json!({}), json!({ "remaining": 5, "refill": monthly })),
        (json!({ "refill": null }), json!({ "remaining": 5 })),
        (json!({ "remaining": 0, "refill": daily }), json!({ "remaining": 0, "refill": daily })),
        (json!({ "remaining": null }), Value::Null),
        (json!({ "remaining": 4 }), json!({ "remaining": 4 })),
        (json!({ "remaining": null, "refill": null }), Value::Null),
    ];
    for (change, expected) in cases {
        changed(&t, &id, json!({ "credits": change })).await;
        assert_eq!(t.shown(&id).await["credits"], expected, "{change}");
        assert_eq!(t.verify(&text, None).await["valid"], expected["remaining"] != 0, "{change}");
        if expected["remaining"].as_i64().is_some_and(|left| left > 0) {
            let back = json!({ "keyId": id, "operation": "increment", "value": 1 });
            t.v2_data("keys.updateCredits", back).await;
        }
    }
    let refuse =
        async |credits: Value| t.v2_refused("keys.updateKey", json!({ "keyId": id, "credits": credits })).await;
    assert_eq!(
        refuse(json!({ "remaining": 1, "refill": {"interval": "monthly", "amount": 1} })).await,
        invalid("`refillDay` must be provided when the refill interval is `monthly`.")
    );
    assert_eq!(
        refuse(json!({ "remaining": 1, "refill": {"interval": "daily", "amount": 1, "refillDay": 1} })).await,
        invalid("`refillDay` must not be provided when the refill interval is `daily`.")
    );
}

async fn roles_and_permissions_are_replaced(t: TestApp) {
    let (id, text) = full(&t).await;
    let role = t.v2_data("permissions.createRole", json!({ "name": "writer", "permissions": ["files.write"] })).await;
    changed(&t, &id, json!({ "roles": [role["roleId"]] })).await;
    let shown = t.shown(&id).await;
    assert_eq!(shown["roles"], json!(["writer"]));
    assert_eq!(shown["permissions"], json!(["files.read", "files.write"]));
    changed(&t, &id, json!({ "permissions": ["FILES.WRITE", "files.write", "fresh.one"] })).await;
    assert_eq!(t.shown(&id).await["permissions"], json!(["files.write", "fresh.one"]));
    assert_eq!(t.verify(&text, Some("files.write AND fresh.one")).await["code"], "VALID");
    assert_eq!(t.verify(&text, Some("files.read")).await["code"], "INSUFFICIENT_PERMISSIONS");
    changed(&t, &id, json!({ "roles": ["reader"] })).await;
    assert_eq!(t.shown(&id).await["permissions"], json!(["files.write", "fresh.one"]), "it has both itself");
}

async fn a_refused_change_changes_nothing(t: TestApp) {
    let (id, _) = full(&t).await;
    let before = t.shown(&id).await;
    let missing = said(404, "unkey/data/role_not_found", "Role 'nobody' was not found.");
    let body = json!({
        "keyId": id, "name": "new", "externalId": "user_9", "permissions": ["fresh.one"], "roles": ["reader", "nobody"],
        "credits": {"remaining": 1}, "enabled": false,
    });
    assert_eq!(t.v2_refused("keys.updateKey", body).await, missing);
    let large = json!({ "keyId": id, "name": "new", "meta": {"a": "x".repeat(65_536)} });
    assert_eq!(t.v2_refused("keys.updateKey", large).await.0, 400);
    assert_eq!(t.shown(&id).await, before);
    let nobody = said(404, "unkey/data/identity_not_found", "This identity does not exist.");
    assert_eq!(t.v2_refused("identities.getIdentity", json!({ "identity": "user_9" })).await, nobody);
    assert_eq!(t.v2_data("permissions.listPermissions", json!({ "search": "fresh" })).await, json!([]));
}

async fn a_change_counts_for_the_next_verification(t: TestApp) {
    let (id, text) = full(&t).await;
    assert_eq!(t.code(&text).await, "VALID");
    for (change, code) in [
        (json!({ "enabled": false }), "DISABLED"),
        (json!({ "enabled": true }), "VALID"),
        (json!({ "expires": 1 }), "EXPIRED"),
        (json!({ "expires": null }), "VALID"),
        (json!({ "credits": {"remaining": 0} }), "USAGE_EXCEEDED"),
        (json!({ "credits": null }), "VALID"),
        (json!({ "ratelimits": [limit("requests", 1)] }), "VALID"),
        (json!({}), "RATE_LIMITED"),
        (json!({ "ratelimits": [] }), "VALID"),
    ] {
        changed(&t, &id, change.clone()).await;
        assert_eq!(t.code(&text).await, code, "{change}");
    }
    changed(&t, &id, json!({ "name": "new", "meta": {"z": 1}, "externalId": "user_3" })).await;
    let verdict = t.verify(&text, None).await;
    assert_eq!((&verdict["name"], &verdict["meta"]), (&json!("new"), &json!({ "z": 1 })));
    assert_eq!(verdict["identity"]["externalId"], "user_3");
}
