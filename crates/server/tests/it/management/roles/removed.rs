//! What a role gives no longer: taken from it, or deleted.

use serde_json::json;

use super::{give, given, pairs, role, take};
use crate::support::TestApp;

on_both_engines!(
    taken_and_only_it,
    what_is_not_given_is_taken_already,
    a_deleted_permission_is_not_given,
    with_the_api_go_its_permissions,
    what_was_taken_meanwhile_is_not_restored,
);

const A: &str = "https://a.example/";
const B: &str = "https://b.example/";
const PATH: &str = "resource-servers/https%3A%2F%2Fa.example%2F";

async fn taken_and_only_it(t: TestApp) {
    t.api(A, &["a", "b", "c"]).await;
    t.api(B, &["a"]).await;
    let (id, other) = (role(&t, "r").await, role(&t, "s").await);
    for id in [&id, &other] {
        give(&t, id, &[(A, "a"), (A, "b"), (A, "c"), (B, "a")]).await;
    }
    take(&t, &id, &[(A, "a"), (A, "c"), (A, "a")]).await;
    assert_eq!(given(&t, &id).await, pairs(&[(B, "a"), (A, "b")]));
    assert_eq!(given(&t, &other).await.len(), 4);
    give(&t, &id, &[(A, "a")]).await;
    assert_eq!(given(&t, &id).await.len(), 3, "and can be given again");
}

async fn what_is_not_given_is_taken_already(t: TestApp) {
    t.api(A, &["a", "b"]).await;
    let id = role(&t, "r").await;
    give(&t, &id, &[(A, "a")]).await;
    let (revision, entries) = (t.app.revision(), t.entries("sapi").await.len());
    for pair in [(A, "b"), (A, "never"), (B, "a"), (A, "A"), ("", ""), ("HTTPS://A.EXAMPLE/", "a")] {
        take(&t, &id, &[pair]).await;
    }
    assert_eq!((t.app.revision(), t.entries("sapi").await.len()), (revision, entries), "nothing was written");
    assert_eq!(given(&t, &id).await, pairs(&[(A, "a")]));
    take(&t, &id, &[(B, "never"), (A, "a")]).await;
    assert_eq!(given(&t, &id).await, []);
}

async fn a_deleted_permission_is_not_given(t: TestApp) {
    t.api(A, &["a", "b", "c"]).await;
    let id = role(&t, "r").await;
    give(&t, &id, &[(A, "a"), (A, "b"), (A, "c")]).await;
    t.delete(&format!("{PATH}/scopes/a")).send().await;
    assert_eq!(given(&t, &id).await, pairs(&[(A, "b"), (A, "c")]));
    t.patch(PATH, json!({ "scopes": [] })).send().await;
    assert_eq!(given(&t, &id).await, []);
    take(&t, &id, &[(A, "a"), (A, "b")]).await;
    // The same names again are other permissions.
    t.patch(PATH, json!({ "scopes": [{"value": "a"}, {"value": "b"}, {"value": "c"}] })).send().await;
    assert_eq!(given(&t, &id).await, []);
    give(&t, &id, &[(A, "c")]).await;
    assert_eq!(given(&t, &id).await, pairs(&[(A, "c")]));
    take(&t, &id, &[(A, "c")]).await;
    assert_eq!(given(&t, &id).await, []);
}

async fn with_the_api_go_its_permissions(t: TestApp) {
    let api = t.api(A, &["a"]).await;
    t.api(B, &["a"]).await;
    let id = role(&t, "r").await;
    give(&t, &id, &[(A, "a"), (B, "a")]).await;
    t.delete(&format!("resource-servers/{api}")).send().await;
    assert_eq!(given(&t, &id).await, pairs(&[(B, "a")]));
    take(&t, &id, &[(A, "a")]).await;
    t.api(A, &["a"]).await;
    assert_eq!(given(&t, &id).await, pairs(&[(B, "a")]), "the identifier again is another API");
}

/// Undoing a deletion gives a permission to the roles that had it, but not where somebody took it meanwhile.
async fn what_was_taken_meanwhile_is_not_restored(t: TestApp) {
    t.api(A, &["a", "b"]).await;
    let (had, lost) = (role(&t, "r").await, role(&t, "s").await);
    for id in [&had, &lost] {
        give(&t, id, &[(A, "a"), (A, "b")]).await;
    }
    let permission = t.v2_data("permissions.getPermission", json!({ "permission": "a" })).await["id"].clone();
    t.delete(&format!("{PATH}/scopes/a")).send().await;
    take(&t, &lost, &[(A, "a")]).await;
    t.v2_data("permissions.restorePermission", json!({ "permission": permission })).await;
    assert_eq!(given(&t, &had).await, pairs(&[(A, "a"), (A, "b")]));
    assert_eq!(given(&t, &lost).await, pairs(&[(A, "b")]));
}
