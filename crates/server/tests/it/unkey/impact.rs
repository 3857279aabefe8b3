//! What a deletion would take away, as root keys are told. Whether it is right is tested on the Management API's side.

use serde_json::json;

use super::{no_permission, no_role, permission, refusal, role};
use crate::support::TestApp;

on_both_engines!(an_answer_reads_like_this, what_is_refused);

async fn an_answer_reads_like_this(t: TestApp) {
    let (id, role) = (permission(&t, "read").await, role(&t, "reader", &["read"]).await);
    let api = t.key_api("api").await;
    let body = json!({ "apiId": api, "name": "mine", "permissions": ["read"], "roles": ["reader"] });
    let (key, text) = t.key(body).await;
    let bare = json!({ "keyId": key, "start": &text[..4], "name": "mine", "apiId": api });
    let reader = json!({ "id": role, "name": "reader" });
    let mut whole = bare.clone();
    whole["direct"] = true.into();
    whole["roles"] = json!([reader]);
    whole["keeps"] = false.into();
    let permission = json!({ "id": id, "name": "read", "slug": "read" });
    assert_eq!(
        t.v2_data("permissions.getImpact", json!({ "permission": "read" })).await,
        json!({
            "permission": permission,
            "roles": { "count": 1, "first": [reader] },
            "users": { "count": 0, "direct": 0, "byRoles": 0 },
            "applications": { "count": 0 },
            "keys": { "count": 1, "direct": 1, "byRoles": 1, "keeps": 0, "loses": 1, "first": [whole] },
            "consents": { "count": 0 },
            "lastUsed": null,
        })
    );
    assert_eq!(
        t.v2_data("permissions.getRoleImpact", json!({ "role": "reader" })).await,
        json!({
            "role": reader,
            "users": { "count": 0 },
            "keys": { "count": 1, "first": [bare] },
            "permissions": [{
                "permission": permission, "users": { "keeps": 0, "loses": 0 }, "keys": { "keeps": 1, "loses": 0 },
            }],
        })
    );
    let list = async |operation: &str, body| t.v2(operation, body).send().await.body;
    let keys = list("permissions.getImpact", json!({ "permission": id, "holders": "keys" })).await;
    assert_eq!((&keys["data"], &keys["pagination"]), (&json!([whole]), &json!({ "hasMore": false })));
    let roles = list("permissions.getImpact", json!({ "permission": id, "holders": "roles" })).await;
    assert_eq!(roles["data"], json!([reader]));
    let keys = list("permissions.getRoleImpact", json!({ "role": role, "holders": "keys" })).await;
    assert_eq!(keys["data"], json!([bare]));
}

async fn what_is_refused(t: TestApp) {
    permission(&t, "read").await;
    for wrong in [
        json!({ "holders": "users" }),
        json!({ "holders": "keys", "cursor": "key_1" }),
        json!({ "holders": "keys", "cursor": "" }),
        json!({ "holders": "keys", "limit": 0 }),
        json!({ "holders": "keys", "limit": 101 }),
        json!({ "colour": 1 }),
    ] {
        let mut body = wrong.clone();
        body["permission"] = "read".into();
        assert_eq!(t.v2("permissions.getImpact", body).send().await.status, 400, "{wrong}");
    }
    let body = json!({ "permission": "nothing" });
    assert_eq!(refusal(t.v2("permissions.getImpact", body)).await, no_permission());
    assert_eq!(refusal(t.v2("permissions.getRoleImpact", json!({ "role": "nothing" }))).await, no_role());
}
