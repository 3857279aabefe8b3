//! Who is not known, and what the known may not know.

use keyward_core::time::Timestamp;
use keyward_server::service::root_key::{self, WantedRootKey};
use serde_json::json;

use super::{lacks, refusal, refused};
use crate::support::TestApp;

on_both_engines!(root_keys, the_body_before_the_caller, keys_one_may_not_know_of);

async fn root_keys(t: TestApp) {
    let with = |value: &str| t.v2("permissions.listPermissions", json!({})).header("authorization", value);
    let missing = t.v2("permissions.listPermissions", json!({})).anonymous().send().await;
    assert_eq!(missing.header("content-type"), "application/json");
    assert_eq!(
        missing.body["error"],
        json!({
            "title": "Bad Request", "detail": "Authorization header for 'bearer' scheme", "status": 400,
            "type": "https://unkey.com/docs/errors/unkey/application/invalid_input",
            "errors": [{
                "message": "Authorization header was not found", "location": "security",
                "fix": "Add an 'Authorization' header to this request",
            }],
        })
    );
    let malformed = "You must provide a valid root key in the Authorization header in the format 'Bearer ROOT_KEY'. ";
    let root = &t.root_key;
    for value in ["Bearer", "Bearer ", "", &format!("bearer {root}"), &format!("Basic {root}"), root.as_str()] {
        let (status, kind, detail) = refusal(with(value)).await;
        assert_eq!((status, kind.as_str()), (400, "malformed"), "{value}");
        assert!(detail.starts_with(malformed), "{detail}");
    }
    let unknown =
        refused(401, "key_not_found", "The provided root key is invalid. We could not find the requested key.");
    let changed = format!("{}x", &root[..root.len() - 1]);
    for token in ["nobody", "root_", &changed, &root.to_uppercase(), &format!(" {root}"), &t.token, "ü"] {
        assert_eq!(refusal(with(&format!("Bearer {token}"))).await, unknown, "{token}");
    }
    let api = t.key_api("payments").await;
    let (_, ordinary) = t.key(json!({ "apiId": api })).await;
    let refusals = refusal(with(&format!("Bearer {ordinary}"))).await;
    assert_eq!(refusals, refused(401, "key_not_found", "The provided root key is invalid."));
    let expires_at = Some(Timestamp(1_767_225_600_000 + 1000));
    let wanted = WantedRootKey { name: "short".to_owned(), permissions: vec!["*".to_owned()], expires_at };
    let call = |action| root_key::local_call(&t.app, action);
    let short = root_key::create(&call("rootkey.create"), wanted).await.unwrap().text;
    assert_eq!(with(&format!("Bearer {short}")).send().await.status, 200);
    t.clock.advance(2);
    let (status, kind, detail) = refusal(with(&format!("Bearer {short}"))).await;
    assert_eq!((status, kind.as_str()), (403, "forbidden"));
    assert!(
        detail.starts_with("The provided root key is invalid. ") && detail.contains("2026-01-01T00:00:01Z"),
        "{detail}"
    );
    // A root key that was revoked is not known any more.
    let gone = t.root_key_with(&["*"]).await;
    let id = {
        let view = t.app.view();
        view.snapshot.root_key(&keyward_server::key_text::hash(&gone)).unwrap().id.clone()
    };
    assert!(root_key::revoke(&call("rootkey.delete"), id).await.unwrap());
    assert_eq!(refusal(with(&format!("Bearer {gone}"))).await, unknown);
    // And no key of the other side's opens anything here, or the reverse.
    assert_eq!(t.get("resource-servers").bearer(root).send().await.status, 400);
}

async fn the_body_before_the_caller(t: TestApp) {
    let bad = json!({ "name": "ab" });
    assert_eq!(refusal(t.v2("apis.createApi", bad.clone()).bearer("nobody")).await.0, 400);
    let (_, _, detail) = refusal(t.v2("apis.createApi", bad).anonymous()).await;
    assert_eq!(detail, "Authorization header for 'bearer' scheme");
    let absent = json!({ "permission": "absent" });
    assert_eq!(refusal(t.v2("permissions.deletePermission", absent.clone()).bearer("nobody")).await.0, 401);
    let some = t.root_key_with(&["rbac.*.read_permission"]).await;
    let refusals = refusal(t.v2("permissions.deletePermission", absent).bearer(&some)).await;
    assert_eq!(refusals, lacks("rbac.*.delete_permission"));
}

async fn keys_one_may_not_know_of(t: TestApp) {
    let (api, other) = (t.key_api("payments").await, t.key_api("other").await);
    let doomed = t.key_api("doomed").await;
    let (_, key) = t.key(json!({ "apiId": api })).await;
    let (deleted_id, deleted) = t.key(json!({ "apiId": api })).await;
    let (_, orphan) = t.key(json!({ "apiId": doomed })).await;
    t.v2_data("keys.deleteKey", json!({ "keyId": deleted_id })).await;
    t.v2_data("apis.deleteApi", json!({ "apiId": doomed })).await;
    let not_found = json!({ "valid": false, "code": "NOT_FOUND" });
    for absent in ["unknown", &deleted, &orphan, &t.root_key, &key[..key.len() - 1]] {
        let body = json!({ "key": absent, "permissions": "( broken" });
        assert_eq!(t.v2_data("keys.verifyKey", body).await, not_found, "not even the query is looked at");
    }
    for grants in [vec![], vec![format!("api.{other}.verify_key")], vec!["api.*.read_key".to_owned()]] {
        let grants: Vec<&str> = grants.iter().map(String::as_str).collect();
        let stranger = t.root_key_with(&grants).await;
        let reply = t.v2("keys.verifyKey", json!({ "key": key })).bearer(&stranger).send().await;
        assert_eq!((reply.status.as_u16(), &reply.body["data"]), (200, &not_found));
        if grants != ["api.*.read_key"] {
            let whoami = refusal(t.v2("keys.whoami", json!({ "key": key })).bearer(&stranger)).await;
            assert_eq!(whoami, refused(404, "key_not_found", "We could not find the requested key."));
        }
    }
}
