//! Keys that were taken over: whose text a hash is can change, and what was read before does not stand in its way.

use base64::{Engine, prelude::BASE64_STANDARD};
use keyward_server::{key_text, service::key::announce};
use serde_json::json;

use crate::support::TestApp;

on_both_engines!(a_hash_that_became_free_is_another_keys);

async fn a_hash_that_became_free_is_another_keys(t: TestApp) {
    let api = t.key_api("migrated").await;
    let prefixed = announce(&t.app, "old keys".to_owned(), "github.com/seamapi/prefixed-api-key").await.unwrap();
    let whole = announce(&t.app, "other keys".to_owned(), "sha256").await.unwrap();
    let hash = key_text::hash("long");
    let hex: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
    let keys = json!([{ "hash": hex }]);
    let taken = t.v2_data("keys.migrateKeys", json!({ "migrationId": prefixed, "apiId": api, "keys": keys })).await;
    assert_eq!(taken["failed"], json!([]), "{taken}");
    // Its text is not known yet, and a part of it is no key.
    assert_eq!(t.verify("long", None).await["code"], "NOT_FOUND");
    let first = json!({ "key": "prefix_short_long", "migrationId": prefixed });
    assert_eq!(t.v2_data("keys.verifyKey", first).await["code"], "VALID");
    assert_eq!(t.verify("prefix_short_long", None).await["code"], "VALID");
    assert_eq!(t.verify("long", None).await["code"], "NOT_FOUND");
    // Now the hash is nobody's, and becomes that of a key whose whole text it is.
    let keys = json!([{ "hash": BASE64_STANDARD.encode(hash) }]);
    let taken = t.v2_data("keys.migrateKeys", json!({ "migrationId": whole, "apiId": api, "keys": keys })).await;
    assert_eq!(taken["failed"], json!([]), "{taken}");
    assert_eq!(t.verify("long", None).await["code"], "VALID");
}
