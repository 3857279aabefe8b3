//! What was consented to no longer: taken away, or gone with what it was about.

use keyward_core::model::{WorkspaceNumber, consent::Consent};
use serde_json::json;

use super::{API, client, consent, encoded, listed, numbers, scope, store};
use crate::support::TestApp;

on_both_engines!(
    one_is_deleted_and_no_other,
    those_of_a_user_are_deleted_and_no_others,
    a_name_used_again_resurrects_nothing,
    with_the_client_go_its_consents,
    with_the_api_go_its_consents,
    with_the_user_go_its_consents,
    with_the_connection_go_its_users_consents,
    what_is_stored_too_late_is_not_there,
);

async fn one_is_deleted_and_no_other(t: TestApp) {
    t.api(API, &["read:a"]).await;
    let app = client(&t).await;
    consent(&t, 1, ("auth0|1", &app), Some(API), &["openid", "read:a"]).await;
    consent(&t, 2, ("auth0|2", &app), Some(API), &["read:a"]).await;
    let shown = listed(&t, "").await[0].clone();
    let path = format!("grants/{}", shown["id"].as_str().unwrap());
    let reply = t.delete(&path).send().await;
    assert_eq!((reply.status.as_u16(), reply.bytes.len()), (204, 0));
    assert_eq!(numbers(&t, "").await, [2]);
    let entries = t.entries("sapi").await;
    assert_eq!((&entries[0]["description"], &entries[0]["details"]["before"]), (&json!("Delete a grant"), &shown));
    for path in [path.as_str(), "grants/never", "grants/%00"] {
        assert_eq!(t.delete(path).send().await.status, 204, "it is deleted already");
    }
    assert_eq!(t.entries("sapi").await.len(), entries.len(), "which is no change");
    consent(&t, 3, ("auth0|1", &app), Some(API), &["openid"]).await;
    assert_eq!(listed(&t, "?user_id=auth0%7C1").await[0]["scope"], json!(["openid"]), "nothing of it is left");
}

async fn those_of_a_user_are_deleted_and_no_others(t: TestApp) {
    t.api(API, &["read:a"]).await;
    let app = client(&t).await;
    consent(&t, 1, ("auth0|1", &app), Some(API), &["read:a"]).await;
    consent(&t, 2, ("auth0|1", &app), None, &["openid"]).await;
    consent(&t, 3, ("auth0|11", &app), Some(API), &["read:a"]).await;
    for query in ["", "?user_id=", "?user_id", "?client_id=x"] {
        let reply = t.delete(&format!("grants{query}")).send().await;
        assert_eq!((reply.status.as_u16(), &reply.body["errorCode"]), (400, &json!("invalid_query_string")), "{query}");
    }
    let missing = t.delete("grants").send().await;
    assert_eq!(missing.body["message"], "Query validation error: 'Missing required property: user_id'.");
    assert_eq!(numbers(&t, "").await, [1, 2, 3], "nobody's are not everybody's");
    assert_eq!(t.delete(&format!("grants?user_id={}", encoded("auth0|1"))).send().await.status, 204);
    assert_eq!(numbers(&t, "").await, [3]);
    let entries = t.entries("sapi").await;
    let before = &entries[0]["details"]["before"];
    assert_eq!((&before["count"], &before["user_id"]), (&json!(2), &json!("auth0|1")));
    assert_eq!(before["grants"][1]["scope"], json!(["openid"]));
    assert_eq!(t.delete("grants?user_id=nobody").send().await.status, 204);
    assert_eq!(t.entries("sapi").await.len(), entries.len());
}

async fn a_name_used_again_resurrects_nothing(t: TestApp) {
    let id = t.api(API, &["read:a", "read:b"]).await;
    let scopes = format!("resource-servers/{id}/scopes");
    let app = client(&t).await;
    consent(&t, 1, ("auth0|1", &app), Some(API), &["openid", "read:a", "read:b"]).await;
    assert_eq!(t.patch(&format!("{scopes}/read:b"), json!({ "value": "read:z" })).send().await.status, 200);
    assert_eq!(scope(&t).await, json!(["openid", "read:a", "read:z"]), "a renamed one is the same one");
    assert_eq!(t.delete(&format!("{scopes}/read:a")).send().await.status, 204);
    assert_eq!(scope(&t).await, json!(["openid", "read:z"]));
    assert_eq!(t.post(&scopes, json!({ "value": "read:a" })).send().await.status, 201);
    assert_eq!(scope(&t).await, json!(["openid", "read:z"]), "another one of that name is another one");
    let list = json!({ "scopes": [{"value": "read:a"}] });
    assert_eq!(t.patch(&format!("resource-servers/{id}"), list).send().await.status, 200);
    assert_eq!(t.post(&scopes, json!({ "value": "read:z" })).send().await.status, 201);
    assert_eq!(scope(&t).await, json!(["openid"]));
    // Taking a deletion back is another matter: it is the same permission.
    t.v2_data("permissions.createPermission", json!({ "name": "x:y", "slug": "x:y" })).await;
    consent(&t, 2, ("auth0|2", &app), Some("urn:keyward:catalogue"), &["x:y"]).await;
    let of_second = async || listed(&t, "?user_id=auth0%7C2").await[0]["scope"].clone();
    t.v2_data("permissions.deletePermission", json!({ "permission": "x:y" })).await;
    assert_eq!(of_second().await, json!([]));
    t.v2_data("permissions.restorePermission", json!({ "permission": "x:y" })).await;
    assert_eq!(of_second().await, json!(["x:y"]));
}

async fn with_the_client_go_its_consents(t: TestApp) {
    t.api(API, &["read:a"]).await;
    let (app, other) = (client(&t).await, client(&t).await);
    consent(&t, 1, ("auth0|1", &app), Some(API), &["read:a"]).await;
    consent(&t, 2, ("auth0|2", &app), None, &["openid"]).await;
    consent(&t, 3, ("auth0|1", &other), Some(API), &["read:a"]).await;
    assert_eq!(t.delete(&format!("clients/{app}")).send().await.status, 204);
    assert_eq!(numbers(&t, "").await, [3]);
    let gone = &t.entries("sapi").await[0]["details"]["before"]["grants"];
    assert_eq!((&gone["count"], &gone["grants"][0]["user_id"]), (&json!(2), &json!("auth0|1")));
    assert_eq!(t.delete(&format!("clients/{other}")).send().await.status, 204);
    let empty = client(&t).await;
    assert_eq!(t.delete(&format!("clients/{empty}")).send().await.status, 204);
    assert!(
        t.entries("sapi").await[0]["details"]["before"].get("grants").is_none(),
        "nobody says that there were none"
    );
}

async fn with_the_connection_go_its_users_consents(t: TestApp) {
    t.api(API, &["read:a"]).await;
    let app = client(&t).await;
    let made = t.post("connections", json!({ "name": "staff", "strategy": "auth0" })).send().await.body;
    let body = json!({ "connection": "staff", "email": "a@example.com", "password": "long enough", "user_id": "1" });
    assert_eq!(t.post("users", body.clone()).send().await.status, 201);
    consent(&t, 1, ("auth0|1", &app), Some(API), &["openid", "read:a"]).await;
    consent(&t, 2, ("auth0|1", &app), None, &["openid"]).await;
    consent(&t, 3, ("auth0|2", &app), Some(API), &["read:a"]).await;
    let path = format!("connections/{}", made["id"].as_str().unwrap());
    assert_eq!(t.delete(&path).send().await.status, 202);
    assert_eq!(numbers(&t, "").await, [3]);
    assert_eq!(t.entries("sapi").await[0]["details"]["before"]["users"]["grants"], 2);
    assert_eq!(t.post("connections", json!({ "name": "staff", "strategy": "auth0" })).send().await.status, 201);
    assert_eq!(t.post("users", body).send().await.status, 201);
    assert_eq!(numbers(&t, "?user_id=auth0%7C1").await, [] as [u32; 0], "another user of that id is another one");
}

async fn with_the_user_go_its_consents(t: TestApp) {
    t.api(API, &["read:a"]).await;
    let app = client(&t).await;
    let body = json!({
        "connection": "Username-Password-Authentication", "email": "a@example.com", "password": "long enough",
        "user_id": "1",
    });
    assert_eq!(t.post("users", body.clone()).send().await.status, 201);
    consent(&t, 1, ("auth0|1", &app), Some(API), &["read:a"]).await;
    consent(&t, 2, ("auth0|2", &app), Some(API), &["read:a"]).await;
    assert_eq!(t.delete(&format!("users/{}", encoded("auth0|1"))).send().await.status, 204);
    assert_eq!(numbers(&t, "").await, [2]);
    let entry = &t.entries("sapi").await[0];
    assert_eq!(entry["details"]["before"]["grants"]["count"], 1, "{entry}");
    assert_eq!(t.post("users", body).send().await.status, 201);
    assert_eq!(numbers(&t, "").await, [2], "the same id again brings nothing back");
}

async fn with_the_api_go_its_consents(t: TestApp) {
    let id = t.api(API, &["read:a"]).await;
    let app = client(&t).await;
    consent(&t, 1, ("auth0|1", &app), Some(API), &["read:a"]).await;
    consent(&t, 2, ("auth0|1", &app), None, &["openid"]).await;
    assert_eq!(t.delete(&format!("resource-servers/{id}")).send().await.status, 204);
    assert_eq!(numbers(&t, "").await, [2]);
    let gone = t.entries("sapi").await[0]["details"]["before"]["grants"].clone();
    assert_eq!((&gone["count"], &gone["grants"][0]["audience"]), (&json!(1), &json!(API)));
    let id = t.api(API, &["read:a"]).await;
    assert_eq!(numbers(&t, "").await, [2], "another API of that name is another API");
    // The other side deletes the same API with the same effect.
    consent(&t, 3, ("auth0|1", &app), Some(API), &["read:a"]).await;
    let grant = json!({ "client_id": app, "audience": API, "scope": [] });
    assert_eq!(t.post("client-grants", grant).send().await.status, 201);
    t.v2_data("apis.deleteApi", json!({ "apiId": format!("api_{id}") })).await;
    assert_eq!(numbers(&t, "").await, [2]);
    assert_eq!(t.get("client-grants").send().await.body, json!([]));
    let before = &t.entries("sapi").await[0]["details"]["before"];
    assert_eq!((&before["grants"]["count"], &before["client_grants"]["count"]), (&json!(1), &json!(1)));
}

/// What another node stores while this one deletes what it is about.
async fn what_is_stored_too_late_is_not_there(t: TestApp) {
    let id = t.api(API, &["read:a"]).await;
    let (app, other) = (client(&t).await, client(&t).await);
    let view = t.app.view().clone();
    let number = |id: &str| view.snapshot.client(WorkspaceNumber::FIRST, id).unwrap().number;
    let entry = view.snapshot.api(WorkspaceNumber::FIRST, API).unwrap();
    let late = |client: &str, id: &str| Consent {
        id: id.to_owned(),
        client: number(client),
        user_id: "auth0|1".to_owned(),
        api: Some(entry.api.number),
        permissions: vec![entry.permissions[0].number],
        identity: vec![],
    };
    assert_eq!(t.delete(&format!("clients/{app}")).send().await.status, 204);
    store(&t, late(&app, "a")).await;
    assert_eq!(listed(&t, "?include_totals=true").await["total"], 0);
    assert_eq!(t.delete(&format!("resource-servers/{id}")).send().await.status, 204);
    store(&t, late(&other, "b")).await;
    assert_eq!(listed(&t, "?include_totals=true").await["total"], 0);
}
