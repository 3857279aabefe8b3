//! How many keys hold a permission or a role or are for an API is written down, and always right.

use std::collections::{BTreeMap, BTreeSet};

use rand::{RngExt, SeedableRng, rngs::StdRng};
use serde_json::{Value, json};

use crate::support::{Place, TestApp};

type Counts = BTreeMap<(String, i64), i64>;

/// The rows of two columns or three, the last one of which is a number.
fn rows<T>(store: &rusqlite::Connection, sql: &str, read: fn(&rusqlite::Row<'_>) -> rusqlite::Result<T>) -> Vec<T> {
    let mut statement = store.prepare(sql).unwrap();
    statement.query_map([], read).unwrap().collect::<Result<_, _>>().unwrap()
}

fn pairs(store: &rusqlite::Connection, sql: &str) -> BTreeSet<(i64, i64)> {
    rows(store, sql, |row| Ok((row.get(0)?, row.get(1)?))).into_iter().collect()
}

/// What the rows of live keys list: pairs of a number and a key.
fn listed(store: &rusqlite::Connection, column: &str) -> BTreeSet<(i64, i64)> {
    let sql = format!("SELECT number, {column} FROM keys WHERE deleted_at IS NULL");
    let lists = rows(store, &sql, |row| Ok((row.get::<_, i64>(0)?, row.get::<_, String>(1)?)));
    let numbers = |list: &str| list.split(',').filter_map(|number| number.parse().ok()).collect::<Vec<i64>>();
    lists.iter().flat_map(|(key, list)| numbers(list).into_iter().map(|number| (number, *key))).collect()
}

fn assert_counts(t: &TestApp) {
    let Place::Directory(path) = &t.place else { unreachable!("it is on SQLite") };
    let store = rusqlite::Connection::open(path.join("keyward.db")).unwrap();
    let (permissions, roles) = (
        pairs(&store, "SELECT permission, key FROM key_permissions"),
        pairs(&store, "SELECT role, key FROM key_roles"),
    );
    assert_eq!(permissions, listed(&store, "permissions"));
    assert_eq!(roles, listed(&store, "roles"));
    let apis = pairs(&store, "SELECT api, number FROM keys WHERE deleted_at IS NULL");
    let mut counted = Counts::new();
    for (kind, pairs) in [("permission", permissions), ("role", roles), ("api", apis)] {
        for (number, _) in pairs {
            *counted.entry((kind.to_owned(), number)).or_default() += 1;
        }
    }
    let stored: Counts = rows(&store, "SELECT kind, number, keys FROM holders WHERE keys <> 0", |row| {
        Ok(((row.get(0)?, row.get(1)?), row.get(2)?))
    })
    .into_iter()
    .collect();
    assert_eq!(stored, counted);
}

/// What is done to keys at random: several calls at once, so that they share commits, and some that are refused.
fn call(random: &mut StdRng, api: &Value, keys: &[Value]) -> (&'static str, Value) {
    let some = |random: &mut StdRng, of: &[&str]| -> Vec<String> {
        of.iter().filter(|_| random.random_bool(0.5)).map(|text| (*text).to_owned()).collect()
    };
    let (slugs, roles) = (some(random, &["a", "b", "c", "d"]), some(random, &["one", "two", "three"]));
    let key = &keys[random.random_range(0..keys.len())];
    match random.random_range(0..12) {
        0..3 => ("keys.createKey", json!({ "apiId": api, "permissions": slugs, "roles": roles })),
        3 => ("keys.addPermissions", json!({ "keyId": key, "permissions": slugs })),
        4 => ("keys.removePermissions", json!({ "keyId": key, "permissions": slugs })),
        5 => ("keys.setPermissions", json!({ "keyId": key, "permissions": slugs })),
        6 => ("keys.setRoles", json!({ "keyId": key, "roles": roles })),
        7 => ("keys.updateKey", json!({ "keyId": key, "permissions": slugs, "roles": roles })),
        8 => ("keys.deleteKey", json!({ "keyId": key, "permanent": random.random::<bool>() })),
        9 => ("keys.rerollKey", json!({ "keyId": key, "expiration": 0 })),
        10 => ("permissions.deletePermission", json!({ "permission": if random.random() { "a" } else { "b" } })),
        // None of it may count: the role does not exist.
        _ => ("keys.updateKey", json!({ "keyId": key, "permissions": slugs, "roles": ["nobody's"] })),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn are_counted_right() {
    let t = TestApp::sqlite().await;
    let api = Value::from(t.key_api("holders").await);
    for name in ["one", "two", "three"] {
        t.v2_data("permissions.createRole", json!({ "name": name })).await;
    }
    let mut random = StdRng::seed_from_u64(3);
    let mut keys: Vec<Value> = vec![t.key(json!({ "apiId": api })).await.0.into()];
    for _ in 0..60 {
        let calls: Vec<_> = (0..8)
            .map(|_| {
                let (operation, body) = call(&mut random, &api, &keys);
                t.v2(operation, body).send()
            })
            .collect();
        for reply in futures_util::future::join_all(calls).await {
            assert!([200, 400, 404, 409].contains(&reply.status.as_u16()), "{}", reply.body);
            if reply.body["data"]["keyId"].is_string() {
                keys.push(reply.body["data"]["keyId"].clone());
            }
        }
        assert_counts(&t);
    }
    // What a deletion says of its holders is what is there.
    let made = t.v2_data("permissions.createPermission", json!({ "name": "z", "slug": "z" })).await;
    let bodies = (0..30).map(|_| t.v2("keys.createKey", json!({ "apiId": api, "permissions": ["z"] })).send());
    futures_util::future::join_all(bodies).await;
    t.v2_data("permissions.deletePermission", json!({ "permission": made["permissionId"] })).await;
    let entry = t.entries("sapi").await.into_iter().find(|entry| entry["description"] == "permission.delete").unwrap();
    assert_eq!(entry["details"]["before"]["heldBy"]["keys"]["count"], 30, "{entry}");
}
