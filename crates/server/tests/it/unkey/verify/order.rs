//! Which check comes first.

use serde_json::{Value, json};

use crate::{
    support::{Settings, TestApp},
    unkey::answers::said,
};

on_both_engines!(
    of_several_failing_checks_the_first_is_shown,
    a_key_one_may_not_verify_is_not_there,
    grants_for_one_api_or_key_are_enough,
    the_body_comes_before_the_caller,
    what_is_in_an_answer,
    a_key_of_another_server_is_not_there,
);

/// A key that fails every check from credits up to a disabled key.
async fn worst(t: &TestApp) -> (String, String, String) {
    let api = t.key_api("payments").await;
    t.v2_data("apis.updateApi", json!({ "apiId": api, "ipAllowList": ["203.0.113.9"] })).await;
    let (id, text) = t
        .key(json!({
            "apiId": api, "enabled": false, "expires": 1, "permissions": ["files.read"], "credits": {"remaining": 0},
            "ratelimits": [{"name": "requests", "limit": 1, "duration": 60_000, "autoApply": true}],
        }))
        .await;
    (api, id, text)
}

async fn of_several_failing_checks_the_first_is_shown(t: TestApp) {
    let (api, id, text) = worst(&t).await;
    let ask = async |query: &str| {
        // One use is more than the limit lets through.
        let body = json!({ "key": text, "permissions": query, "ratelimits": [{"name": "requests", "cost": 2}] });
        t.v2_data("keys.verifyKey", body).await["code"].as_str().unwrap().to_owned()
    };
    let update = async |change: Value| {
        let mut body = change;
        body["keyId"] = id.clone().into();
        t.v2_data("keys.updateKey", body).await;
    };
    assert_eq!(ask("files.write").await, "DISABLED");
    update(json!({ "enabled": true })).await;
    assert_eq!(ask("files.write").await, "EXPIRED");
    update(json!({ "expires": null })).await;
    assert_eq!(ask("files.write").await, "FORBIDDEN");
    t.v2_data("apis.updateApi", json!({ "apiId": api, "ipAllowList": [] })).await;
    assert_eq!(ask("files.write").await, "INSUFFICIENT_PERMISSIONS");
    assert_eq!(ask("files.read").await, "RATE_LIMITED");
    update(json!({ "ratelimits": [{"name": "requests", "limit": 5, "duration": 60_000, "autoApply": true}] })).await;
    assert_eq!(ask("files.read").await, "USAGE_EXCEEDED");
    update(json!({ "credits": {"remaining": 1} })).await;
    assert_eq!(ask("files.read").await, "VALID");
    // A query that can't be read comes before what is wrong with the key.
    update(json!({ "enabled": false })).await;
    let (status, kind, _) = t.v2_refused("keys.verifyKey", json!({ "key": text, "permissions": "a b" })).await;
    assert_eq!((status, kind.as_str()), (400, "user/bad_request/permissions_query_syntax_error"));
    // And whether there is such a key comes before the query.
    t.v2_data("keys.deleteKey", json!({ "keyId": id })).await;
    assert_eq!(ask("a b").await, "NOT_FOUND");
}

/// There is no such key.
fn short() -> Value {
    json!({ "valid": false, "code": "NOT_FOUND" })
}

async fn a_key_one_may_not_verify_is_not_there(t: TestApp) {
    let (_, _, text) = worst(&t).await;
    assert_eq!(t.verify("unknown", None).await, short());
    assert_eq!(t.verify("unknown", Some("a b")).await, short());
    let root = t.root_key.clone();
    assert_eq!(t.verify(&root, None).await, short(), "a root key is no key");
    for grants in [
        &["api.*.read_key", "api.*.create_key", "api.*.update_key"][..],
        &["api.api_other.verify_key"],
        &["apis.*.verify_key"],
        &["unkey:v1:ws_other:**#*"],
        &["unkey:v1:ws_default:keyspaces/*#verify_key"],
        &["unkey:v1:ws_default:keyspaces/*/keys/*#*"],
    ] {
        let stranger = t.root_key_with(grants).await;
        for body in [
            json!({ "key": text }),
            json!({ "key": text, "permissions": "a b" }),
            json!({ "key": text, "ratelimits": [{"name": "nothing"}] }),
            json!({ "key": text, "ratelimits": [] }),
        ] {
            let reply = t.v2_as(&stranger, "keys.verifyKey", body.clone()).await;
            assert_eq!((reply.status.as_u16(), &reply.body["data"]), (200, &short()), "{grants:?} {body}");
        }
    }
}

async fn grants_for_one_api_or_key_are_enough(t: TestApp) {
    let (api, other) = (t.key_api("payments").await, t.key_api("other").await);
    let (id, text) = t.key(json!({ "apiId": api })).await;
    let (_, elsewhere) = t.key(json!({ "apiId": other })).await;
    let (_, sibling) = t.key(json!({ "apiId": api })).await;
    let space = api.replace("api_", "ks_");
    for (grant, knows_sibling, knows_elsewhere) in [
        ("api.*.verify_key".to_owned(), true, true),
        (format!("api.{api}.verify_key"), true, false),
        (format!("unkey:v1:ws_default:keyspaces/{space}/keys/{id}#verify_key"), false, false),
        (format!("unkey:v1:ws_default:keyspaces/{space}/keys/*#verify_key"), true, false),
        (format!("unkey:v1:ws_default:keyspaces/{space}/**#*"), true, false),
        ("unkey:v1:ws_default:keyspaces/*/keys/*#verify_key".to_owned(), true, true),
    ] {
        let root = t.root_key_with(&[&grant]).await;
        for (key, known) in [(&text, true), (&sibling, knows_sibling), (&elsewhere, knows_elsewhere)] {
            for body in [json!({ "key": key }), json!({ "key": key, "ratelimits": [] })] {
                let reply = t.v2_as(&root, "keys.verifyKey", body).await;
                assert_eq!(reply.body["data"]["valid"], known, "{grant}");
            }
        }
    }
}

async fn the_body_comes_before_the_caller(t: TestApp) {
    let (_, _, text) = worst(&t).await;
    for (body, location) in [
        (json!({}), "/required"),
        (json!({ "key": "" }), "/properties/key/minLength"),
        (json!({ "key": "k".repeat(513) }), "/properties/key/maxLength"),
        (json!({ "key": text, "permissions": "" }), "/properties/permissions/minLength"),
        (json!({ "key": text, "permissions": "p".repeat(1001) }), "/properties/permissions/maxLength"),
        (json!({ "key": text, "tags": vec!["t"; 21] }), "/properties/tags/maxItems"),
        (json!({ "key": text, "tags": [""] }), "/properties/tags/items/minLength"),
        (json!({ "key": text, "credits": {} }), "/properties/credits/required"),
        (json!({ "key": text, "credits": {"cost": -1} }), "/properties/credits/properties/cost/minimum"),
        (
            json!({ "key": text, "credits": {"cost": 1_000_000_000_001_i64} }),
            "/properties/credits/properties/cost/maximum",
        ),
        (json!({ "key": text, "ratelimits": [{}] }), "/properties/ratelimits/items/required"),
        (
            json!({ "key": text, "ratelimits": [{"name": "ab"}] }),
            "/properties/ratelimits/items/properties/name/minLength",
        ),
        (
            json!({ "key": text, "ratelimits": [{"name": "abc", "cost": -1}] }),
            "/properties/ratelimits/items/properties/cost/minimum",
        ),
        (json!({ "key": text, "migrationId": "m".repeat(257) }), "/properties/migrationId/maxLength"),
        (json!({ "key": text, "apiId": "x" }), "/additionalProperties"),
    ] {
        let reply = t.v2_as("nobody", "keys.verifyKey", body.clone()).await;
        assert_eq!(reply.status, 400, "{body}");
        assert_eq!(reply.body["error"]["errors"][0]["location"], location);
    }
    let reply = t.v2_as("nobody", "keys.verifyKey", json!({ "key": text })).await;
    assert_eq!(reply.status, 401, "{}", reply.body);
    let long = json!({ "key": text, "tags": vec!["ü".repeat(512); 20], "permissions": "p".repeat(1000) });
    assert_eq!(t.v2_data("keys.verifyKey", long).await["code"], "DISABLED", "at the bounds");
}

async fn what_is_in_an_answer(t: TestApp) {
    let api = t.key_api("payments").await;
    let (id, text) = t.key(json!({ "apiId": api })).await;
    let least = json!({ "valid": true, "code": "VALID", "keyId": id, "enabled": true });
    assert_eq!(t.verify(&text, None).await, least, "nothing empty");
    t.v2_data("permissions.createRole", json!({ "name": "b", "permissions": ["files.read"] })).await;
    t.v2_data("permissions.createRole", json!({ "name": "a", "permissions": ["files.read", "a.b"] })).await;
    let limits = |names: &[&str], limit: i64| -> Vec<Value> {
        let of = |name: &&str| json!({ "name": name, "limit": limit, "duration": 60_000, "autoApply": false });
        names.iter().map(of).collect()
    };
    let identity = json!({ "externalId": "user_1", "meta": {"x": "\"ü\\"}, "ratelimits": limits(&["both", "its"], 9) });
    let identity = t.v2_data("identities.createIdentity", identity).await["identityId"].clone();
    let (id, text) = t
        .key(json!({
            "apiId": api, "name": "a \"name\" \\ ключ", "externalId": "user_1", "meta": {"b": [1, {"c": null}]},
            "roles": ["b", "a"], "permissions": ["z.z", "files.read", "B.b"], "expires": 1_900_000_000_000_i64,
            "credits": {"remaining": 7}, "ratelimits": limits(&["both", "own"], 3),
        }))
        .await;
    let verdict = t.verify(&text, Some("z.z")).await;
    let its = verdict["identity"]["ratelimits"][0]["id"].clone();
    assert!(its.as_str().unwrap().starts_with("rl_"));
    assert_eq!(
        verdict,
        json!({
            "valid": true, "code": "VALID", "keyId": id, "name": "a \"name\" \\ ключ", "enabled": true,
            "meta": {"b": [1, {"c": null}]}, "expires": 1_900_000_000_000_i64, "credits": 6,
            "permissions": ["files.read", "a.b", "B.b", "z.z"], "roles": verdict["roles"],
            "identity": {
                "id": identity, "externalId": "user_1", "meta": {"x": "\"ü\\"},
                "ratelimits": [{"id": its, "name": "its", "limit": 9, "duration": 60_000, "autoApply": false}],
            },
        })
    );
    let mut roles: Vec<&str> = verdict["roles"].as_array().unwrap().iter().map(|role| role.as_str().unwrap()).collect();
    roles.sort_unstable();
    assert_eq!(roles, ["a", "b"]);
    t.v2_data("keys.updateKey", json!({ "keyId": id, "enabled": false })).await;
    let refused = t.verify(&text, Some("z.z")).await;
    assert_eq!((&refused["code"], &refused["enabled"]), (&json!("DISABLED"), &json!(false)));
    for member in ["permissions", "roles", "identity", "credits", "meta", "name", "expires"] {
        assert_eq!(refused[member], verdict[member], "{member} of a key that is refused");
    }
    assert_eq!(t.v2("identities.deleteIdentity", json!({ "identity": "user_1" })).send().await.status, 200);
    assert_eq!(t.verify(&text, None).await.get("identity"), None);
}

async fn a_key_of_another_server_is_not_there(t: TestApp) {
    let directory = tempfile::tempdir().unwrap();
    let place = crate::support::Place::Directory(directory.path().join("data"));
    let other = TestApp::on(place, Settings { seed: 8, ..Settings::default() }).await;
    let api = other.key_api("payments").await;
    let (_, foreign) = other.key(json!({ "apiId": api })).await;
    assert_eq!(other.code(&foreign).await, "VALID");
    assert_eq!(t.verify(&foreign, None).await, short());
    let refused = said(
        401,
        "unkey/authentication/key_not_found",
        "The provided root key is invalid. We could not find the requested key.",
    );
    assert_eq!(
        crate::unkey::answers::refusal(&t.v2_as(&other.root_key, "keys.verifyKey", json!({ "key": foreign })).await),
        refused
    );
}
