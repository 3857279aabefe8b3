//! Root keys: who may be a caller.

use keyward_server::control::{Answer, Ask, carry_out};
use serde_json::{Value, json};

use crate::{
    support::{Settings, TestApp},
    unkey::answers::{Refusal, refusal, said},
};

on_both_engines!(
    headers_that_name_nobody,
    a_key_is_no_root_key,
    a_root_key_ends_when_its_time_is_over,
    a_revoked_root_key_is_refused_at_once,
    what_is_listed_is_what_was_made,
    texts_that_grant_nothing_are_refused,
    root_keys_survive_a_restart,
);

/// What the command line is answered.
async fn ask(t: &TestApp, ask: Ask) -> Result<String, String> {
    match carry_out(&t.app, ask).await {
        Answer::Done(text) => Ok(text),
        Answer::Refused(text) => Err(text),
    }
}

async fn create(t: &TestApp, name: &str, permissions: &[&str], ttl: Option<u64>) -> Result<String, String> {
    let permissions = permissions.iter().map(|text| (*text).to_owned()).collect();
    ask(t, Ask::RootKeyCreate { name: name.to_owned(), permissions, ttl, database: None }).await
}

async fn list(t: &TestApp) -> Vec<Value> {
    serde_json::from_str(&ask(t, Ask::RootKeyList { database: None }).await.unwrap()).unwrap()
}

async fn named(t: &TestApp, name: &str) -> Value {
    list(t).await.into_iter().find(|key| key["name"] == name).unwrap()
}

fn unknown() -> Refusal {
    let detail = "The provided root key is invalid. We could not find the requested key.";
    said(401, "unkey/authentication/key_not_found", detail)
}

/// An operation for every masking, and the one that has a way of its own.
fn calls() -> [(&'static str, Value); 4] {
    [
        ("permissions.listPermissions", json!({})),
        ("keys.getKey", json!({ "keyId": "key_1" })),
        ("keys.verifyKey", json!({ "key": "x" })),
        ("keys.deleteKey", json!({ "keyId": "key_1" })),
    ]
}

async fn headers_that_name_nobody(t: TestApp) {
    for (operation, body) in calls() {
        let reply = t.v2(operation, body.clone()).anonymous().send().await;
        let missing = said(400, "unkey/application/invalid_input", "Authorization header for 'bearer' scheme");
        assert_eq!(refusal(&reply), missing);
        assert_eq!(
            reply.body["error"]["errors"],
            json!([{
                "message": "Authorization header was not found", "location": "security",
                "fix": "Add an 'Authorization' header to this request",
            }])
        );
        let root = &t.root_key;
        for header in [
            root.clone(),
            format!("bearer {root}"),
            format!("Basic {root}"),
            "Bearer".to_owned(),
            "Bearer ".to_owned(),
            format!("BEARER {root}"),
        ] {
            let reply = t.v2(operation, body.clone()).header("authorization", &header).send().await;
            let (status, kind, detail) = refusal(&reply);
            assert_eq!((status, kind.as_str()), (400, "unkey/authentication/malformed"), "{header}");
            assert!(detail.starts_with("You must provide a valid root key in the Authorization header"), "{detail}");
            assert_eq!(reply.body["error"]["errors"], json!([]));
        }
        for token in ["nobody", &root[1..], &format!("{root}1"), &format!(" {root}"), &t.token] {
            assert_eq!(refusal(&t.v2_as(token, operation, body.clone()).await), unknown(), "{token}");
        }
    }
    // A root key is no token of the other protocol.
    assert_eq!(t.get("resource-servers").bearer(&t.root_key).send().await.status, 400, "it has not the form of one");
}

async fn a_key_is_no_root_key(t: TestApp) {
    let api = t.key_api("payments").await;
    let (id, key) = t.key(json!({ "apiId": api, "prefix": "root", "permissions": ["api.*.create_key", "*"] })).await;
    let ordinary = said(401, "unkey/authentication/key_not_found", "The provided root key is invalid.");
    for (operation, body) in calls() {
        assert_eq!(refusal(&t.v2_as(&key, operation, body.clone()).await), ordinary);
    }
    t.v2_data("keys.deleteKey", json!({ "keyId": id })).await;
    assert_eq!(refusal(&t.v2_as(&key, "permissions.listPermissions", json!({})).await), unknown());
    // What a root key may do is no permission that a key could hold or lose.
    t.v2_data("permissions.deletePermission", json!({ "permission": "api.*.create_key" })).await;
    let root = t.root_key_with(&["api.*.create_key"]).await;
    assert_eq!(t.v2_as(&root, "keys.createKey", json!({ "apiId": api })).await.status, 200);
}

async fn a_root_key_ends_when_its_time_is_over(t: TestApp) {
    let root = create(&t, "short", &["*"], Some(60)).await.unwrap();
    let end = named(&t, "short").await["expires"].clone();
    assert_eq!(end, 1_767_225_660_000_i64);
    t.clock.advance(60);
    for (operation, body) in calls() {
        assert_ne!(t.v2_as(&root, operation, body).await.status, 403, "still within the minute");
    }
    t.clock.advance(1);
    for (operation, body) in calls() {
        let expired = said(
            403,
            "unkey/authorization/forbidden",
            "The provided root key is invalid. The key expired at 2026-01-01T00:01:00Z.",
        );
        assert_eq!(refusal(&t.v2_as(&root, operation, body).await), expired);
    }
}

async fn a_revoked_root_key_is_refused_at_once(t: TestApp) {
    let api = t.key_api("payments").await;
    let (_, key) = t.key(json!({ "apiId": api })).await;
    let root = create(&t, "leaving", &["*"], None).await.unwrap();
    for body in [json!({ "key": key }), json!({ "key": key, "ratelimits": [] })] {
        assert_eq!(t.v2_as(&root, "keys.verifyKey", body).await.body["data"]["valid"], true);
    }
    let id = named(&t, "leaving").await["id"].as_str().unwrap().to_owned();
    let revoke = async |id: &str| ask(&t, Ask::RootKeyRevoke { id: id.to_owned(), database: None }).await;
    assert_eq!(revoke(&id).await, Ok(String::new()));
    for body in [json!({ "key": key }), json!({ "key": key, "ratelimits": [] })] {
        assert_eq!(refusal(&t.v2_as(&root, "keys.verifyKey", body).await), unknown());
    }
    for (operation, body) in calls() {
        assert_eq!(refusal(&t.v2_as(&root, operation, body).await), unknown());
    }
    assert!(!list(&t).await.iter().any(|key| key["id"] == id.as_str()));
    for id in [&id, "key_nothing", ""] {
        let refused = format!("there is no root key `{id}`; `keyward root-key list` shows them");
        assert_eq!(revoke(id).await, Err(refused));
    }
    let entries = t.entries("sapi").await;
    let of = |event: &str| entries.iter().find(|entry| entry["description"] == event).unwrap().clone();
    assert_eq!(of("rootkey.delete")["details"]["before"]["id"], id);
    assert!(!of("rootkey.create").to_string().contains(&root));
}

async fn what_is_listed_is_what_was_made(t: TestApp) {
    let root = create(&t, "two things", &["api.*.create_key", "rbac.*.read_role"], None).await.unwrap();
    let shown = named(&t, "two things").await;
    assert_eq!(
        shown,
        json!({
            "id": shown["id"], "name": "two things", "start": &root[..9],
            "permissions": ["api.*.create_key", "rbac.*.read_role"], "createdAt": 1_767_225_600_000_i64,
        })
    );
    assert!(root.starts_with("root_") && shown["id"].as_str().unwrap().starts_with("key_"));
    create(&t, "all", &["*"], None).await.unwrap();
    assert_eq!(named(&t, "all").await["permissions"], json!(["unkey:v1:ws_default:**#*"]));
}

async fn texts_that_grant_nothing_are_refused(t: TestApp) {
    let before = list(&t).await.len();
    for text in ["create_key", "api.create_key", "a.b.c.d", "api..create_key", "unkey:v1:ws:x", ""] {
        let refused = create(&t, "x", &["api.*.create_key", text], None).await.unwrap_err();
        assert!(refused.contains(&format!("`{text}` is not a permission of root keys")), "{refused}");
    }
    assert_eq!(list(&t).await.len(), before);
    // A tuple of the original's page is kept, and grants nothing.
    let root = create(&t, "apis", &["apis.*.create_key"], None).await.unwrap();
    let api = t.key_api("payments").await;
    assert_eq!(t.v2_as(&root, "keys.createKey", json!({ "apiId": api })).await.status, 404);
}

async fn root_keys_survive_a_restart(t: TestApp) {
    let stays = create(&t, "stays", &["rbac.*.read_role"], None).await.unwrap();
    let gone = create(&t, "gone", &["*"], None).await.unwrap();
    let id = named(&t, "gone").await["id"].as_str().unwrap().to_owned();
    ask(&t, Ask::RootKeyRevoke { id, database: None }).await.unwrap();
    let t = t.restart(Settings { seed: 9, ..Settings::default() }).await;
    assert_eq!(t.v2_as(&stays, "permissions.listRoles", json!({})).await.status, 200);
    assert_eq!(t.v2_as(&stays, "permissions.listPermissions", json!({})).await.status, 403);
    assert_eq!(refusal(&t.v2_as(&gone, "permissions.listRoles", json!({})).await), unknown());
}
