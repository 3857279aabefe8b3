//! The walk-through of the original's page: a permission is deleted, and whoever held it holds nothing.

use serde_json::json;

use crate::support::TestApp;

on_both_engines!(a_deleted_permission_is_gone_when_the_answer_arrives);

async fn a_deleted_permission_is_gone_when_the_answer_arrives(t: TestApp) {
    let api = t.key_api("payments").await;
    let permission = t
        .v2_data("permissions.createPermission", json!({ "name": "Read documents", "slug": "documents.read" }))
        .await["permissionId"]
        .clone();
    t.v2_data("permissions.createRole", json!({ "name": "reader", "permissions": ["documents.read"] })).await;
    let (_, direct) = t.key(json!({ "apiId": api, "permissions": ["documents.read"] })).await;
    let (_, by_role) = t.key(json!({ "apiId": api, "roles": ["reader"] })).await;
    for key in [&direct, &by_role] {
        let verdict = t.verify(key, Some("documents.read")).await;
        assert_eq!((&verdict["valid"], &verdict["code"]), (&json!(true), &json!("VALID")), "{verdict}");
    }
    let deleted = t.v2("permissions.deletePermission", json!({ "permission": permission })).send().await;
    assert_eq!((deleted.status.as_u16(), &deleted.body["data"]), (200, &json!({})));
    for key in [&direct, &by_role] {
        let verdict = t.verify(key, Some("documents.read")).await;
        assert_eq!(verdict["code"], "INSUFFICIENT_PERMISSIONS", "{verdict}");
        assert_eq!(verdict["missingPermissions"], json!(["documents.read"]));
    }
    let again = t.v2("permissions.deletePermission", json!({ "permission": permission })).send().await;
    assert_eq!(again.status, 404);
    assert_eq!(again.body["error"]["detail"], "The requested permission does not exist.");
}
