//! APIs, as far as keys are concerned.

use serde_json::json;

use super::{each, lacks, pages, refusal, refused, text};
use crate::support::TestApp;

on_both_engines!(
    made_and_shown,
    deleted_with_its_keys,
    protected_against_deletion,
    keys_are_used_from_allowed_addresses,
    what_new_keys_are_like,
    what_an_update_refuses,
    keys_in_pages,
    keys_of_one_owner,
    texts_of_recoverable_keys,
    what_may_not_be_seen_looks_absent,
    who_may_do_what,
);

fn no_api() -> super::Refusal {
    refused(404, "api_not_found", "The requested API does not exist or has been deleted.")
}

/// The refusal of what belongs to an API that is not there.
fn not_specified() -> super::Refusal {
    refused(404, "api_not_found", "The specified API was not found.")
}

async fn made_and_shown(t: TestApp) {
    let first = t.key_api("payments").await;
    let second = t.key_api("payments").await;
    assert_ne!(first, second, "a name may be there twice");
    for id in [&first, &second] {
        assert!(id.starts_with("api_") && id.len() > 8, "{id}");
        assert_eq!(t.v2_data("apis.getApi", json!({ "apiId": id })).await, json!({ "id": id, "name": "payments" }));
    }
    assert_eq!(t.v2_data("apis.updateApi", json!({ "apiId": first, "name": "billing" })).await, json!({}));
    assert_eq!(t.v2_data("apis.getApi", json!({ "apiId": first })).await["name"], "billing");
    assert_eq!(t.v2_data("apis.getApi", json!({ "apiId": second })).await["name"], "payments");
    for absent in ["api_0123456789", &first[4..], &first.to_uppercase()] {
        assert_eq!(refusal(t.v2("apis.getApi", json!({ "apiId": absent }))).await, no_api(), "{absent}");
    }
}

async fn deleted_with_its_keys(t: TestApp) {
    let api = t.key_api("payments").await;
    let other = t.key_api("other").await;
    let (id, key) = t.key(json!({ "apiId": api, "permissions": ["a"] })).await;
    let (_, kept) = t.key(json!({ "apiId": other })).await;
    assert_eq!(t.v2_data("apis.deleteApi", json!({ "apiId": api })).await, json!({}));
    assert_eq!(t.verify(&key, None).await, json!({ "valid": false, "code": "NOT_FOUND" }));
    assert_eq!(t.verify(&kept, None).await["code"], "VALID");
    for operation in ["apis.getApi", "apis.deleteApi"] {
        assert_eq!(refusal(t.v2(operation, json!({ "apiId": api }))).await, no_api());
    }
    assert_eq!(refusal(t.v2("apis.updateApi", json!({ "apiId": api, "name": "new" }))).await, no_api());
    assert_eq!(refusal(t.v2("apis.listKeys", json!({ "apiId": api }))).await.0, 404);
    assert_eq!(refusal(t.v2("keys.createKey", json!({ "apiId": api }))).await, not_specified());
    let no_key = refused(404, "key_not_found", "We could not find the requested key.");
    assert_eq!(refusal(t.v2("keys.getKey", json!({ "keyId": id }))).await, no_key);
    assert_eq!(refusal(t.v2("keys.whoami", json!({ "key": key }))).await, no_key);
    assert_eq!(refusal(t.v2("keys.deleteKey", json!({ "keyId": id }))).await, no_key);
    let given = refusal(t.v2("keys.addPermissions", json!({ "keyId": id, "permissions": ["new"] }))).await;
    assert_eq!(given, refused(404, "key_not_found", "The specified key was not found."));
    assert_eq!(each(&t.v2_data("permissions.listPermissions", json!({})).await, "slug"), ["a"]);
}

async fn protected_against_deletion(t: TestApp) {
    let api = t.key_api("payments").await;
    let (_, key) = t.key(json!({ "apiId": api })).await;
    t.v2_data("apis.updateApi", json!({ "apiId": api, "deleteProtection": true })).await;
    let detail = "This API has delete protection enabled. Disable it before attempting to delete.";
    let reply = t.v2("apis.deleteApi", json!({ "apiId": api })).send().await;
    assert_eq!(reply.body["error"]["title"], "Resource is protected");
    let refusals = refusal(t.v2("apis.deleteApi", json!({ "apiId": api }))).await;
    assert_eq!(refusals, refused(412, "protected_resource", detail));
    assert_eq!(t.verify(&key, None).await["code"], "VALID");
    t.v2_data("apis.updateApi", json!({ "apiId": api, "deleteProtection": false })).await;
    t.v2_data("apis.deleteApi", json!({ "apiId": api })).await;
}

async fn keys_are_used_from_allowed_addresses(t: TestApp) {
    let api = t.key_api("payments").await;
    let (_, key) = t.key(json!({ "apiId": api })).await;
    // Tests call from 192.0.2.1.
    for (list, expected) in [
        (json!(["198.51.100.7", "2001:db8::1"]), "FORBIDDEN"),
        (json!(["198.51.100.7", "192.0.2.1"]), "VALID"),
        (json!(["::ffff:192.0.2.1"]), "VALID"),
        (json!(["192.0.2.10"]), "FORBIDDEN"),
        (json!([]), "VALID"),
    ] {
        t.v2_data("apis.updateApi", json!({ "apiId": api, "ipAllowList": list })).await;
        let verdict = t.verify(&key, None).await;
        assert_eq!((&verdict["code"], &verdict["valid"]), (&json!(expected), &json!(expected == "VALID")), "{list}");
    }
    // Whoever calls may write any address into a header; only a proxy that is trusted is believed.
    t.v2_data("apis.updateApi", json!({ "apiId": api, "ipAllowList": ["198.51.100.7"] })).await;
    let forwarded = t.v2("keys.verifyKey", json!({ "key": key })).header("x-forwarded-for", "198.51.100.7");
    assert_eq!(forwarded.send().await.body["data"]["code"], "FORBIDDEN");
}

async fn what_new_keys_are_like(t: TestApp) {
    let api = t.key_api("payments").await;
    t.v2_data("apis.updateApi", json!({ "apiId": api, "defaultPrefix": "my_app", "defaultBytes": 32 })).await;
    let (id, key) = t.key(json!({ "apiId": api })).await;
    assert!(key.starts_with("my_app_") && key.len() > 45, "{key}");
    let start = text(&t.v2_data("keys.getKey", json!({ "keyId": id })).await["start"]);
    assert_eq!(start, key[.."my_app_".len() + 4]);
    let (_, own) = t.key(json!({ "apiId": api, "prefix": "own", "byteLength": 16 })).await;
    assert!(own.starts_with("own_") && own.len() < key.len(), "{own}");
    t.v2_data("apis.updateApi", json!({ "apiId": api, "defaultPrefix": null, "defaultBytes": null })).await;
    let (_, plain) = t.key(json!({ "apiId": api })).await;
    assert!(!plain.contains('_') && plain.len() < key.len(), "{plain}");
    assert_eq!(t.verify(&key, None).await["code"], "VALID", "keys that were made stay as they are");
}

async fn what_an_update_refuses(t: TestApp) {
    let api = t.key_api("payments").await;
    let before = t.entries("sapi").await.len();
    for address in ["10.0.0.0/8", "localhost", "192.0.2.256"] {
        let body = json!({ "apiId": api, "name": "changed", "ipAllowList": ["192.0.2.1", address] });
        let (status, kind, detail) = refusal(t.v2("apis.updateApi", body)).await;
        assert_eq!((status, kind.as_str()), (400, "invalid_input"));
        assert!(detail.contains(address), "{detail}");
    }
    for body in [
        json!({ "apiId": api }),
        json!({ "apiId": api, "name": "ab" }),
        json!({ "apiId": api, "name": null }),
        json!({ "apiId": api, "defaultPrefix": "a b" }),
        json!({ "apiId": api, "defaultBytes": 15 }),
        json!({ "apiId": api, "deleteProtection": "yes" }),
        json!({ "apiId": api, "colour": "red" }),
    ] {
        assert_eq!(refusal(t.v2("apis.updateApi", body)).await.0, 400);
    }
    assert_eq!(t.v2_data("apis.getApi", json!({ "apiId": api })).await["name"], "payments", "nothing was done");
    assert_eq!(t.entries("sapi").await.len(), before);
}

async fn keys_in_pages(t: TestApp) {
    let api = t.key_api("payments").await;
    let other = t.key_api("other").await;
    t.key(json!({ "apiId": other })).await;
    let mut ids = Vec::new();
    for n in 0..5 {
        let body = json!({ "apiId": api, "name": format!("key {n}"), "enabled": n != 1, "permissions": ["p"] });
        ids.push(t.key(body).await.0);
    }
    let (expired, _) = t.key(json!({ "apiId": api, "expires": 1 })).await;
    let (deleted, _) = t.key(json!({ "apiId": api })).await;
    t.v2_data("keys.deleteKey", json!({ "keyId": deleted })).await;
    ids.push(expired);
    ids.sort_unstable();
    let found = pages(&t, "apis.listKeys", json!({ "apiId": api })).await;
    assert_eq!(found.iter().map(Vec::len).collect::<Vec<_>>(), [2, 2, 2]);
    let all = found.concat();
    assert_eq!(all.iter().map(|key| text(&key["keyId"])).collect::<Vec<_>>(), ids);
    assert_eq!(all.iter().filter(|key| key["permissions"] == json!(["p"])).count(), 5);
    assert_eq!(all.iter().filter(|key| key["enabled"] == json!(false)).count(), 1);
    let first = &all[0];
    assert_eq!(&t.v2_data("keys.getKey", json!({ "keyId": first["keyId"] })).await, first, "the same object");
    let past = t.v2("apis.listKeys", json!({ "apiId": api, "cursor": "~" })).send().await.body;
    assert_eq!((&past["data"], &past["pagination"]), (&json!([]), &json!({ "hasMore": false })));
    for limit in [json!(0), json!(101), json!("2")] {
        assert_eq!(refusal(t.v2("apis.listKeys", json!({ "apiId": api, "limit": limit }))).await.0, 400);
    }
}

async fn keys_of_one_owner(t: TestApp) {
    let api = t.key_api("payments").await;
    let (his, _) = t.key(json!({ "apiId": api, "externalId": "joe" })).await;
    t.key(json!({ "apiId": api, "externalId": "ann" })).await;
    t.key(json!({ "apiId": api })).await;
    let list = t.v2_data("apis.listKeys", json!({ "apiId": api, "externalId": "joe" })).await;
    assert_eq!(each(&list, "keyId"), [his.as_str()]);
    assert_eq!(list[0]["identity"]["externalId"], "joe");
    let body = json!({ "apiId": api, "externalId": "nobody", "revalidateKeysCache": true });
    assert_eq!(t.v2_data("apis.listKeys", body).await, json!([]));
}

async fn texts_of_recoverable_keys(t: TestApp) {
    let api = t.key_api("payments").await;
    let (kept, key) = t.key(json!({ "apiId": api, "recoverable": true })).await;
    t.key(json!({ "apiId": api })).await;
    let list = t.v2_data("apis.listKeys", json!({ "apiId": api, "decrypt": true })).await;
    for shown in list.as_array().unwrap() {
        let expected = if shown["keyId"] == json!(kept) { Some(json!(key)) } else { None };
        assert_eq!(shown.get("plaintext").cloned(), expected);
    }
    let list = t.v2_data("apis.listKeys", json!({ "apiId": api })).await;
    assert!(list.as_array().unwrap().iter().all(|shown| shown.get("plaintext").is_none()));
    let reader = t.root_key_with(&["api.*.read_key", "api.*.read_api"]).await;
    let (status, kind, detail) =
        refusal(t.v2("apis.listKeys", json!({ "apiId": api, "decrypt": true })).bearer(&reader)).await;
    assert_eq!((status, kind.as_str()), (403, "insufficient_permissions"));
    assert!(detail.contains("api.*.decrypt_key") && detail.contains(&format!("api.{api}.decrypt_key")), "{detail}");
}

async fn what_may_not_be_seen_looks_absent(t: TestApp) {
    let api = t.key_api("payments").await;
    let other = t.key_api("other").await;
    t.key(json!({ "apiId": api })).await;
    let absent = refusal(t.v2("apis.listKeys", json!({ "apiId": "api_0123456789" }))).await;
    assert_eq!(absent.0, 404);
    let tuple = |api: &str, action: &str| format!("api.{api}.{action}");
    let combinations: [Vec<String>; 4] = [
        vec![tuple(&api, "read_key")],
        vec![tuple(&api, "read_api")],
        vec![tuple(&other, "read_api"), tuple(&other, "read_key")],
        vec![tuple(&api, "read_api"), tuple(&other, "read_key")],
    ];
    for held in &combinations {
        let held: Vec<&str> = held.iter().map(String::as_str).collect();
        let some = t.root_key_with(&held).await;
        assert_eq!(refusal(t.v2("apis.listKeys", json!({ "apiId": api })).bearer(&some)).await, absent, "{held:?}");
        assert_eq!(refusal(t.v2("keys.createKey", json!({ "apiId": api })).bearer(&some)).await, not_specified());
    }
    let (read_api, read_key) = (tuple(&api, "read_api"), tuple(&api, "read_key"));
    let both = t.root_key_with(&[&read_api, &read_key]).await;
    assert_eq!(t.v2("apis.listKeys", json!({ "apiId": api })).bearer(&both).send().await.status, 200);
    assert_eq!(refusal(t.v2("apis.listKeys", json!({ "apiId": other })).bearer(&both)).await, absent);
    let space = api.replace("api_", "ks_");
    let urns = [
        format!("unkey:v1:ws_default:keyspaces/{space}/keys/*#read_key"),
        format!("unkey:v1:ws_default:keyspaces/{space}#read_keyspace"),
    ];
    let by_urn = t.root_key_with(&[&urns[0], &urns[1]]).await;
    assert_eq!(t.v2("apis.listKeys", json!({ "apiId": api })).bearer(&by_urn).send().await.status, 200);
    let half = t.root_key_with(&[&urns[0]]).await;
    assert_eq!(refusal(t.v2("apis.listKeys", json!({ "apiId": api })).bearer(&half)).await, absent);
}

async fn who_may_do_what(t: TestApp) {
    let api = t.key_api("payments").await;
    let nobody = t.root_key_with(&["api.*.create_key", "api.x.create_api"]).await;
    let create = json!({ "name": "new" });
    let refusals = refusal(t.v2("apis.createApi", create.clone()).bearer(&nobody)).await;
    assert_eq!(refusals, lacks("api.*.create_api"));
    let maker = t.root_key_with(&["api.*.create_api"]).await;
    assert_eq!(t.v2("apis.createApi", create).bearer(&maker).send().await.status, 200);
    for (operation, action, more) in [
        ("apis.getApi", "read_api", None),
        ("apis.updateApi", "update_api", Some("name")),
        ("apis.deleteApi", "delete_api", None),
    ] {
        for id in [api.as_str(), "api_0123456789"] {
            let mut body = json!({ "apiId": id });
            if let Some(more) = more {
                body[more] = "changed".into();
            }
            let (status, _, detail) = refusal(t.v2(operation, body.clone()).bearer(&nobody)).await;
            let expected = format!("Missing one of these permissions: api.*.{action} or api.{id}.{action}");
            assert_eq!((status, detail), (403, expected), "whether it is there or not");
            let on_it = t.root_key_with(&[&format!("api.{id}.{action}")]).await;
            let status = t.v2(operation, body).bearer(&on_it).send().await.status.as_u16();
            assert_eq!(status, if id == api { 200 } else { 404 }, "{operation}");
        }
    }
}
