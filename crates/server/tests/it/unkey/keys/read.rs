//! `keys.getKey`, `keys.whoami` and `apis.listKeys`.

use serde_json::{Value, json};

use crate::{
    support::TestApp,
    unkey::answers::{each, refusal, said},
};

on_both_engines!(
    a_key_is_shown_whatever_its_state,
    its_text_is_shown_to_those_who_may_decrypt_it,
    a_key_says_who_it_is_to_those_who_may_read_it,
    keys_are_listed_page_by_page,
    keys_of_one_owner_are_listed,
    a_list_is_for_those_who_may_read_keys_and_their_api,
    keys_of_a_deleted_api_are_gone,
);

const ABSENT: &str = "We could not find the requested key.";

async fn a_key_is_shown_whatever_its_state(t: TestApp) {
    let api = t.key_api("payments").await;
    let (id, text) = t.key(json!({ "apiId": api, "enabled": false, "expires": 1, "permissions": ["b", "a"] })).await;
    let shown = t.shown(&id).await;
    assert_eq!(shown["enabled"], false);
    assert_eq!(shown["expires"], 1);
    assert_eq!(shown["permissions"], json!(["a", "b"]));
    assert_eq!(t.v2_data("keys.whoami", json!({ "key": text })).await, shown);
    assert_eq!(shown.get("updatedAt"), None);
    t.clock.advance(5);
    t.v2_data("keys.updateKey", json!({ "keyId": id, "name": "new" })).await;
    assert_eq!(t.shown(&id).await["updatedAt"], 1_767_225_605_000_i64);
    let absent = said(404, "unkey/data/key_not_found", ABSENT);
    assert_eq!(t.v2_refused("keys.getKey", json!({ "keyId": "key_nothing" })).await, absent);
    assert_eq!(t.v2_refused("keys.getKey", json!({ "keyId": api })).await, absent);
    let reply = t.v2("keys.getKey", json!({ "keyId": "a-b" })).send().await;
    assert_eq!(reply.body["error"]["errors"][0]["location"], "/properties/keyId/pattern");
}

async fn its_text_is_shown_to_those_who_may_decrypt_it(t: TestApp) {
    let api = t.key_api("payments").await;
    let (kept, text) = t.key(json!({ "apiId": api, "recoverable": true })).await;
    let (not_kept, _) = t.key(json!({ "apiId": api })).await;
    let asked = json!({ "keyId": kept, "decrypt": true });
    assert_eq!(t.v2_data("keys.getKey", asked.clone()).await["plaintext"], text);
    assert_eq!(t.shown(&kept).await.get("plaintext"), None);
    let other = t.v2_data("keys.getKey", json!({ "keyId": not_kept, "decrypt": true })).await;
    assert_eq!(other.get("plaintext"), None);
    let space = api.replace("api_", "ks_");
    let reader = t.root_key_with(&["api.*.read_key", "api.*.read_api"]).await;
    let reply = t.v2_as(&reader, "keys.getKey", asked.clone()).await;
    let detail = refusal(&reply).2;
    assert_eq!(reply.status, 403);
    assert!(detail.starts_with("Missing one of these permissions: api.*.decrypt_key or "), "{detail}");
    let list = json!({ "apiId": api, "decrypt": true });
    let reply = t.v2_as(&reader, "apis.listKeys", list.clone()).await;
    assert_eq!(reply.status, 403, "{}", reply.body);
    for grant in [
        "api.*.decrypt_key".to_owned(),
        format!("api.{api}.decrypt_key"),
        format!("unkey:v1:ws_default:keyspaces/{space}/keys/*#decrypt_key"),
    ] {
        let may = t.root_key_with(&["api.*.read_key", "api.*.read_api", &grant]).await;
        let reply = t.v2_as(&may, "keys.getKey", asked.clone()).await;
        assert_eq!(reply.body["data"]["plaintext"], text, "{grant}");
        let listed = t.v2_as(&may, "apis.listKeys", list.clone()).await.body["data"].clone();
        let texts: Vec<&Value> = listed.as_array().unwrap().iter().filter_map(|key| key.get("plaintext")).collect();
        assert_eq!(texts, [&json!(text)], "{grant}: of the keys whose text is kept");
    }
}

async fn a_key_says_who_it_is_to_those_who_may_read_it(t: TestApp) {
    let api = t.key_api("payments").await;
    let (id, text) = t.key(json!({ "apiId": api, "name": "mine" })).await;
    let absent = said(404, "unkey/data/key_not_found", ABSENT);
    let asked = json!({ "key": text });
    for unknown in ["x", "key_1234", &text[1..], &format!("{text}1")] {
        assert_eq!(t.v2_refused("keys.whoami", json!({ "key": unknown })).await, absent, "{unknown}");
    }
    for grants in [&["api.*.verify_key"][..], &["api.api_other.read_key"], &["unkey:v1:ws_other:**#*"]] {
        let may_not = t.root_key_with(grants).await;
        assert_eq!(refusal(&t.v2_as(&may_not, "keys.whoami", asked.clone()).await), absent, "no word of permissions");
    }
    let space = api.replace("api_", "ks_");
    for grant in [
        format!("api.{api}.read_key"),
        format!("unkey:v1:ws_default:keyspaces/{space}/keys/{id}#read_key"),
        format!("unkey:v1:ws_default:keyspaces/{space}/**#*"),
    ] {
        let may = t.root_key_with(&[&grant]).await;
        assert_eq!(t.v2_as(&may, "keys.whoami", asked.clone()).await.body["data"]["name"], "mine", "{grant}");
    }
    t.v2_data("keys.deleteKey", json!({ "keyId": id })).await;
    assert_eq!(t.v2_refused("keys.whoami", asked).await, absent);
}

async fn keys_are_listed_page_by_page(t: TestApp) {
    let api = t.key_api("payments").await;
    let other = t.key_api("other").await;
    t.key(json!({ "apiId": other })).await;
    let mut made = Vec::new();
    for n in 0..5 {
        made.push(t.key(json!({ "apiId": api, "enabled": n != 2, "expires": 1 + n })).await.0);
    }
    let deleted = t.key(json!({ "apiId": api })).await.0;
    t.v2_data("keys.deleteKey", json!({ "keyId": deleted })).await;
    made.sort();
    let mut seen = Vec::new();
    let mut cursor = Value::Null;
    for page in 1.. {
        let mut body = json!({ "apiId": api, "limit": 2, "revalidateKeysCache": true });
        if !cursor.is_null() {
            body["cursor"] = cursor;
        }
        let answer = t.v2("apis.listKeys", body).send().await.body;
        seen.extend(each(&answer["data"], "keyId"));
        assert_eq!(answer["pagination"]["hasMore"], page < 3);
        cursor = answer["pagination"]["cursor"].clone();
        if cursor.is_null() {
            assert_eq!(answer["pagination"], json!({ "hasMore": false }));
            break;
        }
        assert_eq!(cursor, made[page * 2], "the first of the next page");
    }
    assert_eq!(seen, made);
    let from = t.v2_data("apis.listKeys", json!({ "apiId": api, "cursor": "zzz" })).await;
    assert_eq!(from, json!([]), "any text is a place to begin");
    for (limit, location) in [(0, "/properties/limit/minimum"), (101, "/properties/limit/maximum")] {
        let reply = t.v2("apis.listKeys", json!({ "apiId": api, "limit": limit })).send().await;
        assert_eq!(reply.body["error"]["errors"][0]["location"], location);
    }
    assert_eq!(t.v2_data("apis.listKeys", json!({ "apiId": api })).await[0], t.shown(&made[0]).await);
}

async fn keys_of_one_owner_are_listed(t: TestApp) {
    let api = t.key_api("payments").await;
    let mut own = Vec::new();
    for owner in ["user_1", "user_2", "user_1", "user_1"] {
        let (id, _) = t.key(json!({ "apiId": api, "externalId": owner })).await;
        if owner == "user_1" {
            own.push(id);
        }
    }
    own.sort();
    let first = t.v2("apis.listKeys", json!({ "apiId": api, "externalId": "user_1", "limit": 2 })).send().await.body;
    assert_eq!(each(&first["data"], "keyId"), own[..2]);
    let cursor = &first["pagination"]["cursor"];
    let body = json!({ "apiId": api, "externalId": "user_1", "limit": 2, "cursor": cursor });
    assert_eq!(each(&t.v2_data("apis.listKeys", body).await, "keyId"), own[2..]);
    let nobody = t.v2("apis.listKeys", json!({ "apiId": api, "externalId": "nobody" })).send().await.body;
    assert_eq!((&nobody["data"], &nobody["pagination"]), (&json!([]), &json!({ "hasMore": false })));
}

async fn a_list_is_for_those_who_may_read_keys_and_their_api(t: TestApp) {
    let api = t.key_api("payments").await;
    t.key(json!({ "apiId": api })).await;
    let space = api.replace("api_", "ks_");
    let absent = said(404, "unkey/data/api_not_found", "The specified API was not found.");
    let (all_keys, the_space) = (
        format!("unkey:v1:ws_default:keyspaces/{space}/keys/*#read_key"),
        format!("unkey:v1:ws_default:keyspaces/{space}#read_keyspace"),
    );
    assert_eq!(t.v2_refused("apis.listKeys", json!({ "apiId": "api_nothing" })).await, absent);
    for grants in [
        &["api.*.read_key"][..],
        &["api.*.read_api"],
        &["api.*.read_key", "api.api_other.read_api"],
        &[all_keys.as_str()],
        &[the_space.as_str()],
    ] {
        let root = t.root_key_with(grants).await;
        assert_eq!(refusal(&t.v2_as(&root, "apis.listKeys", json!({ "apiId": api })).await), absent, "{grants:?}");
    }
    let (read_key, read_api) = (format!("api.{api}.read_key"), format!("api.{api}.read_api"));
    for grants in [
        &["api.*.read_key", read_api.as_str()][..],
        &[read_key.as_str(), "api.*.read_api"],
        &[all_keys.as_str(), the_space.as_str()],
        &[all_keys.as_str(), "api.*.read_api"],
    ] {
        let root = t.root_key_with(grants).await;
        let reply = t.v2_as(&root, "apis.listKeys", json!({ "apiId": api })).await;
        assert_eq!(reply.body["data"].as_array().map(Vec::len), Some(1), "{grants:?}: {}", reply.body);
    }
}

async fn keys_of_a_deleted_api_are_gone(t: TestApp) {
    let api = t.key_api("payments").await;
    let (id, text) = t.key(json!({ "apiId": api })).await;
    assert_eq!(t.code(&text).await, "VALID");
    t.v2_data("apis.deleteApi", json!({ "apiId": api })).await;
    assert_eq!(t.verify(&text, None).await, json!({ "valid": false, "code": "NOT_FOUND" }));
    let absent = said(404, "unkey/data/key_not_found", ABSENT);
    let specified = said(404, "unkey/data/key_not_found", "The specified key was not found.");
    assert_eq!(t.v2_refused("keys.whoami", json!({ "key": text })).await, absent);
    for (operation, more, expected) in [
        ("keys.getKey", json!({}), &absent),
        ("keys.updateKey", json!({ "name": "x" }), &absent),
        ("keys.deleteKey", json!({}), &absent),
        ("keys.updateCredits", json!({ "operation": "set", "value": 1 }), &absent),
        ("keys.rerollKey", json!({ "expiration": 0 }), &specified),
        ("keys.addPermissions", json!({ "permissions": ["aaa"] }), &specified),
        ("keys.removePermissions", json!({ "permissions": ["aaa"] }), &specified),
        ("keys.setPermissions", json!({ "permissions": ["aaa"] }), &specified),
        ("keys.addRoles", json!({ "roles": ["a"] }), &specified),
        ("keys.removeRoles", json!({ "roles": ["a"] }), &specified),
        ("keys.setRoles", json!({ "roles": ["a"] }), &specified),
    ] {
        let mut body = json!({ "keyId": id });
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        assert_eq!(&t.v2_refused(operation, body.clone()).await, expected, "{operation}");
        body["keyId"] = "key_nothing".into();
        assert_eq!(&t.v2_refused(operation, body).await, expected, "{operation} of a key that never was");
    }
}
