//! The preview against what is so before the deletion, after it, and after its undo.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{
    entries,
    world::{Able, Holder, World},
};
use crate::support::TestApp;

on_both_engines!(a_permission_takes_from_whom_it_was_said);

const SEEDS: u64 = 4;

fn ids(list: &[Value], name: &str) -> BTreeSet<String> {
    let found: BTreeSet<String> = list.iter().map(|entry| entry[name].as_str().unwrap().to_owned()).collect();
    assert_eq!(found.len(), list.len(), "nobody stands twice: {list:?}");
    found
}

/// The counts of one kind are those of its list, and the first ones are the list's.
fn agree(said: &Value, list: &[Value]) {
    assert_eq!(said["count"], list.len(), "{said}");
    assert_eq!(said["first"].as_array().unwrap(), &list[..list.len().min(10)]);
    if said.get("direct").is_some() {
        let count = |has: fn(&Value) -> bool| list.iter().filter(|entry| has(entry)).count();
        assert_eq!(said["direct"], count(|entry| entry["direct"] == true), "{said} {list:?}");
        assert_eq!(said["by_roles"], count(|entry| entry["roles"] != json!([])), "{said} {list:?}");
    }
}

/// Why somebody holds a permission, as the rules have it; nothing for whoever does not.
fn reasons(world: &World<'_>, holder: &Holder, permission: usize) -> Option<(bool, BTreeSet<String>)> {
    let api = world.permissions[permission].api;
    if holder.deleted || (holder.api.is_some() && api.is_some() && holder.api != api) {
        return None;
    }
    let direct = holder.permissions.contains(&permission);
    let gives = |at: &&usize| !world.roles[**at].deleted && world.roles[**at].permissions.contains(&permission);
    let roles: BTreeSet<String> =
        holder.roles.iter().filter(gives).map(|at| format!("rol_{}", world.roles[*at].id)).collect();
    (direct || !roles.is_empty()).then_some((direct, roles))
}

fn check_reasons(world: &World<'_>, holders: &[Holder], permission: usize, (list, name): (&[Value], &str)) {
    let shown: BTreeSet<(String, bool, BTreeSet<String>)> = list
        .iter()
        .map(|entry| {
            let roles = ids(entry["roles"].as_array().unwrap(), "id");
            (entry[name].as_str().unwrap().to_owned(), entry["direct"].as_bool().unwrap(), roles)
        })
        .collect();
    let wanted = holders.iter().filter_map(|holder| {
        reasons(world, holder, permission).map(|(direct, roles)| (holder.id.clone(), direct, roles))
    });
    assert_eq!(shown, wanted.collect());
}

async fn a_permission_takes_from_whom_it_was_said(t: TestApp) {
    let mut seen = [0; 4];
    for seed in 0..SEEDS {
        let world = World::new(&t, seed).await;
        for permission in world.live() {
            let lost = check(&world, permission).await;
            for (seen, lost) in seen.iter_mut().zip(lost) {
                *seen += lost;
            }
        }
    }
    assert!(seen.iter().all(|count| *count > 10), "worlds in which nobody holds anything prove nothing: {seen:?}");
}

/// Holds the preview of one permission against its deletion, and says how many keys, users and applications lost it, and
/// how many keys kept it.
async fn check(world: &World<'_>, permission: usize) -> [usize; 4] {
    let t = world.t;
    let value = &world.permissions[permission].value;
    let api = world.identifier(permission).replace(':', "%3A").replace('/', "%2F");
    let path = format!("resource-servers/{api}/scopes/{value}/impact");
    let reply = t.get(&path).send().await;
    assert_eq!(reply.status, 200, "{}", reply.body);
    let said = reply.body;
    assert_eq!(said["permission"]["id"], world.permissions[permission].id);
    let (keys, users) = (entries(t, &path, "keys").await, entries(t, &path, "users").await);
    let (clients, roles) = (entries(t, &path, "clients").await, entries(t, &path, "roles").await);
    for (name, list) in [("keys", &keys), ("users", &users), ("clients", &clients), ("roles", &roles)] {
        agree(&said[name], list);
    }
    check_reasons(world, &world.keys, permission, (&keys, "id"));
    check_reasons(world, &world.users, permission, (&users, "user_id"));
    let live = world.roles.iter().filter(|role| !role.deleted && role.permissions.contains(&permission));
    assert_eq!(ids(&roles, "id"), live.map(|role| format!("rol_{}", role.id)).collect());
    let (keep, lose): (Vec<Value>, Vec<Value>) = keys.iter().cloned().partition(|key| key["keeps"] == true);
    assert_eq!((&said["keys"]["keeps"], &said["keys"]["loses"]), (&json!(keep.len()), &json!(lose.len())), "{said}");
    assert!(
        keep.iter().all(|key| key["kept_by"]["value"] == *value && key["kept_by"]["id"] != said["permission"]["id"])
    );

    agrees_with_the_keys_api(world, &said, &keys).await;

    let before = world.able(permission).await;
    t.v2_data("permissions.deletePermission", json!({ "permission": said["permission"]["id"] })).await;
    assert_eq!(t.get(&path).send().await.status, 404);
    let after = world.able(permission).await;
    let gone = lost(&before, &after);
    assert_eq!(gone.keys, ids(&lose, "id"));
    assert!(ids(&keep, "id").is_subset(&after.keys));
    assert_eq!(gone.users, ids(&users, "user_id"));
    let (named, default): (Vec<Value>, Vec<Value>) =
        clients.into_iter().partition(|one| one.get("client_id").is_some());
    let third = default.iter().map(|_| world.third_party().to_owned());
    assert_eq!(gone.clients, ids(&named, "client_id").into_iter().chain(third).collect());

    t.v2_data("permissions.restorePermission", json!({ "permission": said["permission"]["id"] })).await;
    assert_eq!(world.able(permission).await, before, "an undo brings all of it back");
    // Asking is using, so when it was used last is another time now.
    let mut again = t.get(&path).send().await.body;
    assert!(again["last_used"]["at"].as_str() >= said["last_used"]["at"].as_str(), "{again}");
    again["last_used"] = said["last_used"].clone();
    assert_eq!(again, said);
    [gone.keys.len(), gone.users.len(), gone.clients.len(), keep.len()]
}

fn lost(before: &Able, after: &Able) -> Able {
    let less = |before: &BTreeSet<String>, after: &BTreeSet<String>| {
        assert!(after.is_subset(before), "a deletion gives nobody anything");
        before - after
    };
    Able {
        keys: less(&before.keys, &after.keys),
        users: less(&before.users, &after.users),
        clients: less(&before.clients, &after.clients),
    }
}

/// A root key gets the same counts, and the same keys.
async fn agrees_with_the_keys_api(world: &World<'_>, said: &Value, keys: &[Value]) {
    let body = json!({ "permission": said["permission"]["id"] });
    let other = world.t.v2_data("permissions.getImpact", body.clone()).await;
    let same = [
        ("roles", "roles", ["count", "count"]),
        ("users", "users", ["count", "direct"]),
        ("users", "users", ["by_roles", "byRoles"]),
        ("clients", "applications", ["count", "count"]),
        ("keys", "keys", ["count", "direct"]),
        ("keys", "keys", ["by_roles", "byRoles"]),
        ("keys", "keys", ["keeps", "loses"]),
        ("consents", "consents", ["count", "count"]),
    ];
    for (here, there, names) in same {
        for name in names {
            let camel = name.replace("by_roles", "byRoles");
            let snake = name.replace("byRoles", "by_roles");
            assert_eq!(said[here][snake.as_str()], other[there][camel.as_str()], "{here}.{name}");
        }
    }
    let (mut shown, mut body) = (Vec::new(), body);
    body["holders"] = "keys".into();
    body["limit"] = 3.into();
    loop {
        let reply = world.t.v2("permissions.getImpact", body.clone()).send().await;
        shown.extend(reply.body["data"].as_array().unwrap().clone());
        let Some(cursor) = reply.body["pagination"].get("cursor") else { break };
        body["cursor"] = cursor.clone();
    }
    let mark = |list: &[Value], id: &str| -> Vec<Value> {
        list.iter().map(|key| json!([key[id], key["keeps"], key["direct"]])).collect()
    };
    assert_eq!(mark(&shown, "keyId"), mark(keys, "id"));
}
