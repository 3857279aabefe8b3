//! A feed that has more than one answer has room for.

use serde_json::{Value, json};

use super::{AUDIENCE, Reader, prepared, token};
use crate::support::TestApp;

on_both_engines!(
    it_comes_in_parts,
    what_one_change_removed_comes_at_once,
    a_removal_between_two_parts_is_in_the_second,
);

/// Removes so many permissions that the API gets for that, in one change.
async fn remove_at_once(t: &TestApp, id: &str, name: &str, count: usize) {
    let scopes: Vec<Value> = (0..count).map(|number| json!({ "value": format!("{name}{number}") })).collect();
    for scopes in [json!(scopes), json!([])] {
        let reply = t.patch(&format!("resource-servers/{id}"), json!({ "scopes": scopes })).send().await;
        assert_eq!(reply.status, 200);
    }
}

async fn it_comes_in_parts(t: TestApp) {
    let id = t.api(AUDIENCE, &[]).await;
    for name in ["a", "b", "c"] {
        remove_at_once(&t, &id, name, 450).await;
    }
    let first = t.feed(&id, 0).await;
    assert_eq!((first["permissions"].as_array().unwrap().len(), &first["more"]), (900, &json!(true)));
    let begins = |feed: &Value, letter: char| {
        let list = feed["permissions"].as_array().unwrap().iter();
        list.filter(|gone| gone["value"].as_str().unwrap().starts_with(letter)).count()
    };
    assert_eq!((begins(&first, 'a'), begins(&first, 'b')), (450, 450), "the oldest first");
    let revision = first["revision"].as_i64().unwrap();
    assert_eq!(first["permissions"][899]["revision"], revision);
    assert!(revision < t.app.revision().0);
    let second = t.feed(&id, revision).await;
    assert_eq!((begins(&second, 'c'), &second["more"]), (450, &json!(false)));
    assert_eq!(second["revision"], t.app.revision().0);
    let mut reader = Reader::default();
    assert_eq!(reader.read(&t, &id).await, 2);
    assert_eq!(reader.removed.len(), 3 * 450, "each once");
    assert_eq!((reader.read(&t, &id).await, reader.removed.len()), (1, 3 * 450));
}

async fn what_one_change_removed_comes_at_once(t: TestApp) {
    let id = t.api(AUDIENCE, &["x"]).await;
    remove_at_once(&t, &id, "a", 1200).await;
    assert_eq!(t.post(&format!("resource-servers/{id}/scopes"), json!({ "value": "y" })).send().await.status, 201);
    assert_eq!(t.delete(&format!("resource-servers/{id}/scopes/y")).send().await.status, 204);
    // The signing keys are from before; `x` goes in the change in which the others come.
    let first = t.feed(&id, 0).await;
    assert_eq!((first["permissions"].as_array().unwrap().len(), &first["more"]), (1, &json!(true)));
    let second = t.feed(&id, first["revision"].as_i64().unwrap()).await;
    assert_eq!((second["permissions"].as_array().unwrap().len(), &second["more"]), (1200, &json!(true)));
    let third = t.feed(&id, second["revision"].as_i64().unwrap()).await;
    assert_eq!((&third["permissions"][0]["value"], &third["more"]), (&json!("y"), &json!(false)));
    // An API goes with all that it has.
    let scopes: Vec<Value> = (0..1200).map(|number| json!({ "value": format!("z{number}") })).collect();
    t.patch(&format!("resource-servers/{id}"), json!({ "scopes": scopes })).send().await;
    assert_eq!(t.delete(&format!("resource-servers/{id}")).send().await.status, 204);
    let id = t.api(AUDIENCE, &[]).await;
    let mut reader = Reader::default();
    reader.read(&t, &id).await;
    assert_eq!(reader.removed.len(), 2402);
}

async fn a_removal_between_two_parts_is_in_the_second(t: TestApp) {
    let (id, machine) = prepared(&t, &["read:a"]).await;
    let old = token(&t, &machine).await;
    t.clock.advance(10);
    t.v2_data("permissions.deletePermission", json!({ "permission": "read:a" })).await;
    for name in ["b", "c", "d"] {
        remove_at_once(&t, &id, name, 600).await;
    }
    let mut reader = Reader::default();
    assert!(reader.read_part(&t, &id).await && !reader.accepts(&old, "read:a"), "the oldest removal is in the first");
    t.v2_data("permissions.restorePermission", json!({ "permission": "read:a" })).await;
    reader.read(&t, &id).await;
    assert!(reader.accepts(&old, "read:a"), "it is back");
    let known = reader.revision;
    t.v2_data("permissions.deletePermission", json!({ "permission": "read:a" })).await;
    for name in ["e", "f"] {
        remove_at_once(&t, &id, name, 600).await;
    }
    t.v2_data("permissions.restorePermission", json!({ "permission": "read:a" })).await;
    reader.read(&t, &id).await;
    assert!(reader.accepts(&old, "read:a") && reader.revision > known);
    assert_eq!(reader.removed.len(), 5 * 600);
}
