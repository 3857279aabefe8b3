//! The preview of a role's deletion against what is so before it, after it, and after its undo.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{
    entries,
    world::{Able, Holder, World},
};
use crate::support::TestApp;

on_both_engines!(a_role_takes_from_as_many_as_it_was_said);

async fn a_role_takes_from_as_many_as_it_was_said(t: TestApp) {
    let mut seen = [0; 4];
    for seed in 0..4 {
        let world = World::new(&t, seed).await;
        for role in 1..world.roles.len() {
            for (seen, more) in seen.iter_mut().zip(check(&world, role).await) {
                *seen += more;
            }
        }
    }
    assert!(seen.iter().all(|count| *count > 5), "worlds in which nobody has anything prove nothing: {seen:?}");
}

fn with_role(holders: &[Holder], role: usize) -> impl Iterator<Item = &Holder> {
    holders.iter().filter(move |holder| !holder.deleted && holder.roles.contains(&role))
}

async fn able(world: &World<'_>, permissions: &[usize]) -> Vec<Able> {
    let mut all = Vec::new();
    for permission in permissions {
        all.push(world.able(*permission).await);
    }
    all
}

/// How many users and keys kept a permission of the role, and how many lost one.
async fn check(world: &World<'_>, role: usize) -> [i64; 4] {
    let t = world.t;
    let path = format!("roles/rol_{}/impact", world.roles[role].id);
    let said = t.get(&path).send().await.body;
    for (plural, name, holders) in [("users", "user_id", &world.users), ("keys", "id", &world.keys)] {
        let list = entries(t, &path, plural).await;
        let shown: BTreeSet<&str> = list.iter().map(|entry| entry[name].as_str().unwrap()).collect();
        assert_eq!(shown, with_role(holders, role).map(|holder| holder.id.as_str()).collect());
        assert_eq!((&said[plural]["count"], said[plural]["first"].as_array().unwrap()), (&json!(list.len()), &list));
    }
    let live: Vec<usize> =
        world.live().into_iter().filter(|permission| world.roles[role].permissions.contains(permission)).collect();
    assert_eq!(said["permissions"].as_array().unwrap().len(), live.len());
    let body = json!({ "role": format!("role_{}", world.roles[role].id) });
    let by_keys = t.v2_data("permissions.getRoleImpact", body.clone()).await;

    let before = able(world, &live).await;
    assert_eq!(t.delete(&format!("roles/rol_{}", world.roles[role].id)).send().await.status, 200);
    assert_eq!(t.get(&path).send().await.status, 404);
    let after = able(world, &live).await;
    let mut sums = [0; 4];
    for (at, permission) in live.iter().enumerate() {
        let id = &world.permissions[*permission].id;
        let told = said["permissions"].as_array().unwrap().iter().find(|told| told["id"] == **id).unwrap();
        let users: BTreeSet<&str> = with_role(&world.users, role).map(|user| user.id.as_str()).collect();
        let api = world.permissions[*permission].api;
        let fits = |key: &&Holder| api.is_none() || key.api == api;
        let keys: BTreeSet<&str> = with_role(&world.keys, role).filter(fits).map(|key| key.id.as_str()).collect();
        let outcome = |had: &BTreeSet<&str>, after: &BTreeSet<String>| -> [usize; 2] {
            let keeps = had.iter().filter(|id| after.contains(**id)).count();
            [keeps, had.len() - keeps]
        };
        assert!(users.iter().all(|user| before[at].users.contains(*user)));
        assert!(keys.iter().all(|key| before[at].keys.contains(*key)));
        let counts = [outcome(&users, &after[at].users), outcome(&keys, &after[at].keys)];
        for (kind, [keeps, loses]) in ["users", "keys"].into_iter().zip(counts) {
            assert_eq!(told[kind], json!({ "keeps": keeps, "loses": loses }), "{kind} {told}");
        }
        for (sum, count) in sums.iter_mut().zip(counts.into_iter().flatten()) {
            *sum += i64::try_from(count).unwrap();
        }
        let same: &Value = &by_keys["permissions"][at_of(&by_keys, id)];
        assert_eq!((&same["users"], &same["keys"]), (&told["users"], &told["keys"]));
    }
    t.v2_data("permissions.restoreRole", body).await;
    assert_eq!(able(world, &live).await, before, "an undo brings all of it back");
    assert_eq!(t.get(&path).send().await.body, said);
    sums
}

fn at_of(shown: &Value, id: &str) -> usize {
    shown["permissions"].as_array().unwrap().iter().position(|one| one["permission"]["id"] == *id).unwrap()
}
