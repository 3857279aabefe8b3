//! The lists: their pages, and what else they show.

use keyward_core::model::{WorkspaceNumber, consent::Consent};
use keyward_store::ledger;
use serde_json::{Value, json};

use super::entries;
use crate::support::TestApp;

on_both_engines!(
    an_answer_reads_like_this,
    pages_stay_where_they_were_when_others_go,
    more_than_ten_are_counted_and_the_first_ten_shown,
    consents_are_counted,
);

const AUDIENCE: &str = "https://api.example/";

async fn an_answer_reads_like_this(t: TestApp) {
    let id = t.api(AUDIENCE, &[]).await;
    let scopes = format!("resource-servers/{id}/scopes");
    let body = json!({ "value": "read:posts", "description": "Read posts" });
    let permission = t.post(&scopes, body).send().await.body["id"].clone();
    let other = t.v2_data("permissions.createPermission", json!({ "name": "x", "slug": "read:posts" })).await;
    let role = t.v2_data("permissions.createRole", json!({ "name": "reader", "permissions": [permission] })).await;
    let role = role["roleId"].as_str().unwrap().replace("role_", "rol_");
    let body = json!({
        "apiId": format!("api_{id}"), "name": "mine", "prefix": "blog", "roles": ["reader"],
        "permissions": [permission, other["permissionId"]],
    });
    let (key, text) = t.key(body).await;
    let machine = t.machine().await;
    let grant = t.grant(&machine, AUDIENCE, &["read:posts"]).await;
    let said = t.get(&format!("{scopes}/read:posts/impact")).send().await.body;
    let reader = json!({ "id": role, "name": "reader" });
    let catalogue = t.get("resource-servers/urn%3Akeyward%3Acatalogue").send().await.body["id"].clone();
    let mine = json!({
        "id": key, "start": &text[..9], "name": "mine", "resource_server_id": id, "direct": true, "roles": [reader],
        "keeps": true,
        "kept_by": {
            "id": other["permissionId"], "value": "read:posts", "resource_server_id": catalogue,
            "resource_server_identifier": "urn:keyward:catalogue",
        },
    });
    let grant = json!({ "id": grant, "audience": AUDIENCE, "subject_type": "client", "allow_all_scopes": false });
    let wanted = json!({
        "permission": {
            "id": permission, "value": "read:posts", "description": "Read posts", "resource_server_id": id,
            "resource_server_identifier": AUDIENCE,
        },
        "roles": { "count": 1, "first": [reader] },
        "users": { "count": 0, "direct": 0, "by_roles": 0, "first": [] },
        "clients": { "count": 1, "first": [{ "client_id": machine.id, "name": "machine", "grants": [grant] }] },
        "keys": { "count": 1, "direct": 1, "by_roles": 1, "keeps": 1, "loses": 0, "first": [mine] },
        "consents": { "count": 0 },
        "last_used": null,
    });
    assert_eq!(said, wanted);
}

/// So many keys that hold a permission of the catalogue, and their ids.
async fn held_by(t: &TestApp, count: usize) -> (String, Vec<String>) {
    t.v2_data("permissions.createPermission", json!({ "name": "a", "slug": "a" })).await;
    let api = t.key_api("api").await;
    let mut keys = Vec::new();
    for _ in 0..count {
        keys.push(t.key(json!({ "apiId": api, "permissions": ["a"] })).await.0);
    }
    ("resource-servers/urn%3Akeyward%3Acatalogue/scopes/a/impact".to_owned(), keys)
}

fn each(list: &[Value]) -> Vec<&str> {
    list.iter().map(|entry| entry["id"].as_str().unwrap()).collect()
}

async fn pages_stay_where_they_were_when_others_go(t: TestApp) {
    let (path, keys) = held_by(&t, 5).await;
    let first = t.get(&format!("{path}/keys?take=2")).send().await.body;
    assert_eq!(each(first["keys"].as_array().unwrap()), keys[..2]);
    // What was shown goes, and what was the place to go on from.
    for key in &keys[..2] {
        t.v2_data("keys.deleteKey", json!({ "keyId": key })).await;
    }
    let from = first["next"].as_str().unwrap();
    let rest = t.get(&format!("{path}/keys?from={from}")).send().await.body;
    assert_eq!(each(rest["keys"].as_array().unwrap()), keys[2..]);
    assert_eq!(rest.get("next"), None);
}

async fn more_than_ten_are_counted_and_the_first_ten_shown(t: TestApp) {
    let (path, keys) = held_by(&t, 12).await;
    let said = t.get(&path).send().await.body;
    assert_eq!((&said["keys"]["count"], said["keys"]["first"].as_array().unwrap().len()), (&json!(12), 10));
    assert_eq!(each(&entries(&t, &path, "keys").await), keys);
}

async fn consents_are_counted(t: TestApp) {
    let id = t.api(AUDIENCE, &["a", "b"]).await;
    let machine = t.machine().await;
    let (client, api, permissions) = {
        let view = t.app.view();
        let entry = view.snapshot.api(WorkspaceNumber::FIRST, &id).unwrap();
        let numbers: Vec<_> = entry.permissions.iter().map(|permission| permission.number).collect();
        (view.snapshot.client(WorkspaceNumber::FIRST, &machine.id).unwrap().number, entry.api.number, numbers)
    };
    for (user, permissions) in [("auth0|one", permissions.clone()), ("auth0|two", permissions[..1].to_vec())] {
        let consent = Consent {
            id: format!("{:0>24}", user.len() + permissions.len()),
            client,
            user_id: user.to_owned(),
            api: Some(api),
            permissions,
            identity: Vec::new(),
        };
        let now = keyward_core::time::Timestamp(0);
        let give = t.app.store.ledger(move |tx| {
            Box::pin(async move { ledger::consent::give(tx, WorkspaceNumber::FIRST, &consent, now).await })
        });
        give.await.unwrap();
    }
    for (value, count) in [("a", 2), ("b", 1)] {
        let said = t.get(&format!("resource-servers/{id}/scopes/{value}/impact")).send().await.body;
        assert_eq!(said["consents"], json!({ "count": count }));
    }
}
