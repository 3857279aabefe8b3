//! `keys.migrateKeys`, and the first use of keys that were taken over.

use aws_lc_rs::digest::{SHA256, digest};
use base64::{Engine, prelude::BASE64_STANDARD};
use keyward_server::service::key::announce;
use serde_json::{Value, json};

use crate::{
    support::TestApp,
    unkey::answers::{invalid, refusal, said},
};

on_both_engines!(
    keys_with_a_sha256_go_on_as_they_were,
    everything_of_a_key_is_taken_over,
    a_prefixed_key_is_taken_over_by_its_first_use,
    hashes_that_are_there_or_are_none_are_named,
    what_is_not_there_is_said,
    nothing_is_taken_over_by_halves,
    an_algorithm_nobody_knows_is_not_announced,
);

const PREFIXED: &str = "github.com/seamapi/prefixed-api-key";

async fn announced(t: &TestApp, algorithm: &str) -> String {
    announce(&t.app, "from elsewhere".to_owned(), algorithm).await.unwrap()
}

fn sha256(text: &str) -> Vec<u8> {
    digest(&SHA256, text.as_bytes()).as_ref().to_vec()
}

fn base64(text: &str) -> String {
    BASE64_STANDARD.encode(sha256(text))
}

fn hex(text: &str) -> String {
    sha256(text).iter().map(|byte| format!("{byte:02x}")).collect()
}

async fn keys_with_a_sha256_go_on_as_they_were(t: TestApp) {
    let api = t.key_api("payments").await;
    assert_eq!(t.code("sk_live_old").await, "NOT_FOUND");
    let migration = announced(&t, "sha256").await;
    let keys = json!([{ "hash": base64("sk_live_old") }, { "hash": base64("plain") }]);
    let body = json!({ "migrationId": migration, "apiId": api, "keys": keys });
    let done = t.v2_data("keys.migrateKeys", body).await;
    assert_eq!(done["failed"], json!([]));
    assert_eq!(done["migrated"][0]["hash"], base64("sk_live_old"));
    let id = done["migrated"][0]["keyId"].as_str().unwrap();
    assert_eq!(t.shown(id).await["start"], "", "nobody knows how it begins");
    let verdict = t.verify("sk_live_old", None).await;
    assert_eq!((&verdict["code"], &verdict["keyId"]), (&json!("VALID"), &json!(id)));
    assert_eq!(t.code("plain").await, "VALID");
    assert_eq!(t.code("other").await, "NOT_FOUND");
    for migration_id in [migration.as_str(), "mig_nothing"] {
        let body = json!({ "key": "unknown", "migrationId": migration_id });
        assert_eq!(t.v2_data("keys.verifyKey", body).await, json!({ "valid": false, "code": "NOT_FOUND" }));
        let body = json!({ "key": "plain", "migrationId": migration_id });
        assert_eq!(t.v2_data("keys.verifyKey", body).await["code"], "VALID");
    }
}

async fn everything_of_a_key_is_taken_over(t: TestApp) {
    let api = t.key_api("payments").await;
    let migration = announced(&t, "sha256").await;
    t.v2_data("permissions.createRole", json!({ "name": "reader", "permissions": ["files.read"] })).await;
    let key = json!({
        "hash": base64("old"), "name": "old one", "externalId": "any id, with spaces", "meta": {"a": 1},
        "roles": ["READER", "new role"], "permissions": ["docs.read", "DOCS.READ"], "expires": 1_900_000_000_000_i64,
        "enabled": false,
        "credits": {"remaining": 3, "refill": {"interval": "daily", "amount": 4}},
        "ratelimits": [{"name": "requests", "limit": 1, "duration": 1000, "autoApply": true}],
    });
    let unlimited = json!({ "hash": base64("unlimited"), "credits": {"remaining": null} });
    let body = json!({ "migrationId": migration, "apiId": api, "keys": [key, unlimited] });
    let done = t.v2_data("keys.migrateKeys", body).await;
    let shown = t.shown(done["migrated"][0]["keyId"].as_str().unwrap()).await;
    assert_eq!(shown["name"], "old one");
    assert_eq!(shown["identity"]["externalId"], "any id, with spaces");
    assert_eq!(shown["meta"], json!({ "a": 1 }));
    assert_eq!(shown["roles"], json!(["new role", "reader"]), "a role that nobody has is made");
    assert_eq!(shown["permissions"], json!(["docs.read", "files.read"]));
    assert_eq!(shown["credits"], json!({ "remaining": 3, "refill": {"interval": "daily", "amount": 4} }));
    assert_eq!(shown["ratelimits"][0]["name"], "requests");
    assert_eq!(t.code("old").await, "DISABLED");
    assert_eq!(t.verify("unlimited", None).await.get("credits"), None);
}

async fn a_prefixed_key_is_taken_over_by_its_first_use(t: TestApp) {
    let api = t.key_api("payments").await;
    let (migration, other) = (announced(&t, PREFIXED).await, announced(&t, PREFIXED).await);
    let keys = json!([{ "hash": hex("longsecret"), "permissions": ["a.b"] }]);
    let body = json!({ "migrationId": migration, "apiId": api, "keys": keys });
    let done = t.v2_data("keys.migrateKeys", body).await;
    let id = done["migrated"][0]["keyId"].as_str().unwrap();
    let verify = async |key: &str, migration: Option<&str>| {
        let mut body = json!({ "key": key });
        if let Some(migration) = migration {
            body["migrationId"] = migration.into();
        }
        t.v2_data("keys.verifyKey", body).await["code"].as_str().unwrap().to_owned()
    };
    for (key, with) in [
        ("longsecret", None),
        ("longsecret", None),
        ("acme_shorttoken_longsecret", None),
        ("acme_shorttoken_longsecret", Some(other.as_str())),
        ("acme_shorttoken_longsecret", Some("mig_nothing")),
        ("acme_shorttoken_other", Some(migration.as_str())),
        ("a_b_c", Some(migration.as_str())),
    ] {
        assert_eq!(verify(key, with).await, "NOT_FOUND", "{key} {with:?}");
    }
    let absent = said(404, "unkey/data/key_not_found", "We could not find the requested key.");
    assert_eq!(t.v2_refused("keys.whoami", json!({ "key": "longsecret" })).await, absent, "a part is not the key");
    for malformed in ["nothing", "acme_longsecret"] {
        let body = json!({ "key": malformed, "migrationId": migration });
        let refused = said(400, "unkey/authentication/malformed", "Invalid key format");
        assert_eq!(t.v2_refused("keys.verifyKey", body).await, refused);
    }
    assert_eq!(t.shown(id).await["start"], "");
    assert_eq!(verify("acme_shorttoken_longsecret", Some(&migration)).await, "VALID");
    assert_eq!(t.shown(id).await["start"], "acme_shor");
    assert_eq!(verify("acme_shorttoken_longsecret", None).await, "VALID");
    assert_eq!(verify("acme_shorttoken_longsecret", Some(&other)).await, "VALID");
    assert_eq!(t.verify("acme_shorttoken_longsecret", Some("a.b")).await["code"], "VALID");
    for wrong in ["longsecret", "acme_other_longsecret"] {
        assert_eq!(verify(wrong, None).await, "NOT_FOUND", "{wrong}");
    }
    assert_eq!(verify("acme_other_longsecret", Some(&migration)).await, "NOT_FOUND", "the first use said which it is");
}

async fn hashes_that_are_there_or_are_none_are_named(t: TestApp) {
    let api = t.key_api("payments").await;
    let (id, text) = t.key(json!({ "apiId": api })).await;
    let plain = announced(&t, "sha256").await;
    let prefixed = announced(&t, PREFIXED).await;
    let migrate = async |migration: &str, hashes: &[String]| {
        let keys: Vec<Value> = hashes.iter().map(|hash| json!({ "hash": hash })).collect();
        let body = json!({ "migrationId": migration, "apiId": api, "keys": keys });
        let done = t.v2_data("keys.migrateKeys", body).await;
        assert_eq!(done["migrated"].as_array().unwrap().len() + done["failed"].as_array().unwrap().len(), hashes.len());
        done["failed"].clone()
    };
    let (one, two, long) = (base64("one"), base64("two"), hex("long"));
    let hashes = [one.clone(), base64(&text), "abc".to_owned(), one.clone(), long.clone(), two.clone()];
    assert_eq!(migrate(&plain, &hashes).await, json!([base64(&text), "abc", one, long]));
    let failed = migrate(&prefixed, &[long.clone(), long.clone(), one.clone(), "zz".repeat(32), "ab".repeat(31)]).await;
    assert_eq!(failed, json!([long, one, "zz".repeat(32), "ab".repeat(31)]));
    assert_eq!(t.code("one").await, "VALID");
    assert_eq!(t.verify(&text, None).await["keyId"], id);
    // A key that was erased is there no more.
    let listed = t.v2_data("apis.listKeys", json!({ "apiId": api })).await;
    assert_eq!(listed.as_array().unwrap().len(), 4);
    let taken = t.verify("two", None).await["keyId"].clone();
    t.v2_data("keys.deleteKey", json!({ "keyId": taken })).await;
    assert_eq!(migrate(&plain, std::slice::from_ref(&two)).await, json!([two]), "a deleted key does not come back");
    let taken = t.verify("one", None).await["keyId"].clone();
    t.v2_data("keys.deleteKey", json!({ "keyId": taken, "permanent": true })).await;
    assert_eq!(migrate(&plain, std::slice::from_ref(&one)).await, json!([]));
    assert_eq!(t.code("one").await, "VALID");
}

async fn what_is_not_there_is_said(t: TestApp) {
    let api = t.key_api("payments").await;
    let migration = announced(&t, "sha256").await;
    let body =
        |migration: &str, api: &str| json!({ "migrationId": migration, "apiId": api, "keys": [{ "hash": "abc" }] });
    let no_migration =
        said(404, "unkey/data/migration_not_found", "The requested Migration does not exist or has been deleted.");
    assert_eq!(t.v2_refused("keys.migrateKeys", body("mig_nothing", &api)).await, no_migration);
    let (status, kind, _) = t.v2_refused("keys.migrateKeys", body(&migration, "api_nothing")).await;
    assert_eq!((status, kind.as_str()), (404, "unkey/data/api_not_found"));
    let may_not = t.root_key_with(&["api.*.update_key"]).await;
    for api in [api.as_str(), "api_nothing"] {
        let reply = t.v2_as(&may_not, "keys.migrateKeys", body("mig_nothing", api)).await;
        assert_eq!(reply.status, 403, "before anything is looked up");
    }
    for (change, location) in [
        (json!({ "keys": [] }), "/properties/keys/minItems"),
        (json!({ "keys": [{ "hash": "ab" }] }), "/properties/keys/items/properties/hash/minLength"),
        (json!({ "keys": [{}] }), "/properties/keys/items/required"),
        (json!({ "keys": [{ "hash": "abc", "x": 1 }] }), "/properties/keys/items/additionalProperties"),
        (json!({ "migrationId": "ab" }), "/properties/migrationId/minLength"),
    ] {
        let mut body = body(&migration, &api);
        body.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        let reply = t.v2("keys.migrateKeys", body).send().await;
        assert_eq!(reply.body["error"]["errors"][0]["location"], location, "{change}");
    }
}

async fn nothing_is_taken_over_by_halves(t: TestApp) {
    let api = t.key_api("payments").await;
    let migration = announced(&t, "sha256").await;
    let limit = json!({ "name": "twice", "limit": 1, "duration": 1000, "autoApply": false });
    for (wrong, refused) in [
        (
            json!({ "ratelimits": [limit, limit] }),
            invalid("Ratelimit with name 'twice' is already defined in the request"),
        ),
        (
            json!({ "credits": {"remaining": 1, "refill": {"interval": "monthly", "amount": 1}} }),
            invalid("`refillDay` must be provided when the refill interval is `monthly`."),
        ),
    ] {
        let mut second = wrong.clone();
        second["hash"] = base64("two").into();
        let first = json!({ "hash": base64("one"), "permissions": ["fresh.one"], "externalId": "user_1" });
        let body = json!({ "migrationId": migration, "apiId": api, "keys": [first, second] });
        assert_eq!(t.v2_refused("keys.migrateKeys", body).await, refused);
    }
    assert_eq!(t.code("one").await, "NOT_FOUND");
    assert_eq!(t.v2_data("apis.listKeys", json!({ "apiId": api })).await, json!([]));
    assert_eq!(t.v2_data("permissions.listPermissions", json!({})).await, json!([]));
    let may_not = t.root_key_with(&["api.*.create_key", "rbac.*.add_permission_to_key"]).await;
    let keys = json!([{ "hash": base64("one") }, { "hash": base64("two"), "permissions": ["fresh.one"] }]);
    let body = json!({ "migrationId": migration, "apiId": api, "keys": keys });
    let reply = t.v2_as(&may_not, "keys.migrateKeys", body).await;
    assert_eq!(refusal(&reply).2, "Missing permission: 'rbac.*.create_permission'");
    assert_eq!(t.code("one").await, "NOT_FOUND");
}

async fn an_algorithm_nobody_knows_is_not_announced(t: TestApp) {
    let problem = announce(&t.app, "x".to_owned(), "md5").await.unwrap_err();
    let text = format!("there is no algorithm `md5`: it is sha256 or {PREFIXED}");
    assert!(problem.to_string().contains(&text), "{problem}");
}
