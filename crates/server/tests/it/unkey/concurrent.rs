//! Verifications while everything changes: none that began after a revocation was answered accepts it, and none sees a
//! state that never was.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicU64, Ordering::SeqCst},
};

use serde_json::{Value, json};

use crate::support::{
    Place, Settings, TestApp,
    postgres::{Wire, fresh_schema},
};

/// The ways to take from a key what a query asks for.
const WAYS: usize = 8;

/// A key and a query, and what may be answered: in phase 0 it must be accepted, in phase 2 it must not, and from before
/// a call until its answer either will do. Phases count on.
struct Subject {
    key: String,
    query: String,
    phase: AtomicU64,
}

struct World {
    nodes: Vec<TestApp>,
    subjects: Vec<Subject>,
    /// Keys that crowd the others out of the cache.
    crowd: Vec<String>,
    /// How often each way of revoking is gone there and back.
    rounds: usize,
    over: AtomicBool,
}

impl World {
    /// A call on one of the nodes; it must succeed.
    async fn call(&self, node: usize, operation: &str, body: Value) -> Value {
        self.nodes[node % self.nodes.len()].v2_data(operation, body).await
    }

    /// Verifies until it is over, and says how many of the answers could be judged.
    async fn verify(self: Arc<Self>, verifier: usize) -> (u64, u64) {
        let (mut accepted, mut refused) = (0, 0);
        for round in verifier.. {
            if self.over.load(SeqCst) {
                break;
            }
            let subject = &self.subjects[round * 7 % self.subjects.len()];
            let node = &self.nodes[round % self.nodes.len()];
            let before = subject.phase.load(SeqCst);
            let verdict = node.verify(&subject.key, Some(&subject.query)).await;
            let is_certain = subject.phase.load(SeqCst) == before;
            match before % 4 {
                0 if is_certain => {
                    assert_eq!(verdict["code"], "VALID", "{} in phase {before}: {verdict}", subject.query);
                    accepted += 1;
                }
                2 if is_certain => {
                    assert_ne!(verdict["code"], "VALID", "{} in phase {before}: {verdict}", subject.query);
                    refused += 1;
                }
                _ => {}
            }
            if !self.crowd.is_empty() {
                node.verify(&self.crowd[round * 13 % self.crowd.len()], None).await;
            }
            tokio::task::yield_now().await;
        }
        (accepted, refused)
    }

    /// Takes away and gives back what a subject asks for, its own way.
    async fn revoke_and_give_back(self: Arc<Self>, at: usize, ids: Value) {
        let subject = &self.subjects[at];
        let (permission, slug, role, key) = (&ids["permission"], &subject.query, &ids["role"], &ids["key"]);
        let enabled = |enabled| ("keys.updateKey", json!({ "keyId": key, "enabled": enabled }));
        let renamed = |slug: &str| ("permissions.updatePermission", json!({ "permission": permission, "slug": slug }));
        let other = format!("{slug}.away");
        let set = |slugs: Value| ("permissions.setRolePermissions", json!({ "roleId": role, "permissions": slugs }));
        let held = |operation, member: &str| (operation, json!({ "keyId": key, member: [&ids[member]] }));
        let restore = ("permissions.restorePermission", json!({ "permission": permission }));
        let (take, give) = match at % WAYS {
            0 => (("permissions.deletePermission", json!({ "permission": permission })), restore),
            1 => (set(json!([])), set(json!([slug]))),
            2 => (
                ("permissions.deleteRole", json!({ "role": role })),
                ("permissions.restoreRole", json!({ "role": role })),
            ),
            3 => (held("keys.removePermissions", "permissions"), held("keys.addPermissions", "permissions")),
            4 => (held("keys.removeRoles", "roles"), held("keys.addRoles", "roles")),
            5 => (enabled(false), enabled(true)),
            6 => (renamed(&other), renamed(slug)),
            _ => (
                ("keys.setPermissions", json!({ "keyId": key, "permissions": [] })),
                held("keys.setPermissions", "permissions"),
            ),
        };
        for round in 0..self.rounds {
            subject.phase.fetch_add(1, SeqCst);
            self.call(at + round, take.0, take.1.clone()).await;
            subject.phase.fetch_add(1, SeqCst);
            // A few verifications, here and there, while it is taken away for certain.
            for node in &self.nodes {
                let verdict = node.verify(&subject.key, Some(slug)).await;
                assert_ne!(verdict["code"], "VALID", "way {}: {verdict}", at % WAYS);
            }
            subject.phase.fetch_add(1, SeqCst);
            self.call(at + round + 1, give.0, give.1.clone()).await;
            subject.phase.fetch_add(1, SeqCst);
        }
    }

    /// Goes through states none of which gives the key the role and the role the permission at once.
    async fn go_around(self: Arc<Self>, ids: Value) {
        let (role, key) = (&ids["role"], &ids["key"]);
        for round in 0..self.rounds {
            self.call(round, "permissions.setRolePermissions", json!({ "roleId": role, "permissions": [] })).await;
            self.call(round + 1, "keys.addRoles", json!({ "keyId": key, "roles": ["around"] })).await;
            self.call(round, "keys.removeRoles", json!({ "keyId": key, "roles": ["around"] })).await;
            let given = json!({ "roleId": role, "permissions": ["around.x"] });
            self.call(round + 1, "permissions.setRolePermissions", given).await;
        }
    }

    /// Gives one or the other permission, never both and never none, by a role and directly.
    async fn swap(self: Arc<Self>, ids: Value) {
        for round in 0..self.rounds * 2 {
            let one = json!([if round % 2 == 0 { "swap.v" } else { "swap.u" }]);
            let by_role = json!({ "roleId": ids["role"], "permissions": one });
            self.call(round, "permissions.setRolePermissions", by_role).await;
            self.call(round, "keys.setPermissions", json!({ "keyId": ids["key"], "permissions": one })).await;
        }
    }
}

/// Everything that is changed and verified, and the ids that the changes need.
async fn world(nodes: Vec<TestApp>, rounds: usize, crowd: usize) -> (Arc<World>, Vec<Value>, Value, Value) {
    let t = &nodes[0];
    let api = t.key_api("concurrent").await;
    let over = AtomicBool::new(false);
    let mut world = World { subjects: Vec::new(), crowd: Vec::new(), rounds, over, nodes: Vec::new() };
    let mut ids = Vec::new();
    for at in 0..WAYS {
        let (slug, role) = (format!("subject.{at}"), format!("subject {at}"));
        let body = json!({ "name": slug, "slug": slug });
        let permission = t.v2_data("permissions.createPermission", body).await["permissionId"].clone();
        let body = json!({ "name": role, "permissions": [slug] });
        let by_role = t.v2_data("permissions.createRole", body).await["roleId"].clone();
        let mut body = json!({ "apiId": api, "externalId": format!("owner_{}", at % 3) });
        match at % WAYS {
            1 | 2 | 4 => body["roles"] = json!([role]),
            _ => body["permissions"] = json!([slug]),
        }
        let (key, text) = t.key(body).await;
        ids.push(json!({
            "permission": permission, "role": by_role, "key": key, "permissions": slug, "roles": role,
        }));
        world.subjects.push(Subject { key: text, query: slug, phase: AtomicU64::new(0) });
    }
    let fixed = |key: &str, query: &str, phase| Subject {
        key: key.to_owned(),
        query: query.to_owned(),
        phase: AtomicU64::new(phase),
    };
    let role = t.v2_data("permissions.createRole", json!({ "name": "around", "permissions": ["around.x"] })).await;
    let (key, text) = t.key(json!({ "apiId": api })).await;
    let around = json!({ "role": role["roleId"], "key": key });
    world.subjects.push(fixed(&text, "around.x", 2));
    let role = t.v2_data("permissions.createRole", json!({ "name": "swap", "permissions": ["swap.u"] })).await;
    t.v2_data("permissions.createPermission", json!({ "name": "v", "slug": "swap.v" })).await;
    let (_, by_role) = t.key(json!({ "apiId": api, "roles": ["swap"] })).await;
    let (key, direct) = t.key(json!({ "apiId": api, "permissions": ["swap.u"] })).await;
    let swap = json!({ "role": role["roleId"], "key": key });
    for text in [&by_role, &direct] {
        world.subjects.push(fixed(text, "swap.u AND swap.v", 2));
        world.subjects.push(fixed(text, "swap.u OR swap.v", 0));
    }
    for _ in 0..crowd {
        let meta = json!({ "text": "x".repeat(16_000) });
        world.crowd.push(t.key(json!({ "apiId": api, "meta": meta })).await.1);
    }
    world.nodes = nodes;
    (Arc::new(world), ids, around, swap)
}

/// One after the other, and with few verifiers: other tests want to get on too.
async fn hammer(nodes: Vec<TestApp>, rounds: usize, crowd: usize) {
    static ALONE: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());
    let _alone = ALONE.lock().await;
    let (world, ids, around, swap) = world(nodes, rounds, crowd).await;
    let verifiers: Vec<_> = (0..2).map(|verifier| tokio::spawn(Arc::clone(&world).verify(verifier * 1001))).collect();
    let mut changers: Vec<_> = ids
        .into_iter()
        .enumerate()
        .map(|(at, ids)| tokio::spawn(Arc::clone(&world).revoke_and_give_back(at, ids)))
        .collect();
    changers.push(tokio::spawn(Arc::clone(&world).go_around(around)));
    changers.push(tokio::spawn(Arc::clone(&world).swap(swap)));
    for changer in changers {
        changer.await.unwrap();
    }
    world.over.store(true, SeqCst);
    let mut judged = (0, 0);
    for verifier in verifiers {
        let (accepted, refused) = verifier.await.unwrap();
        judged = (judged.0 + accepted, judged.1 + refused);
    }
    assert!(judged.0 > 50 && judged.1 > 50, "too few answers could be judged: {judged:?}");
}

/// With this much room to remember keys, and as many keys that crowd it.
async fn settled(t: TestApp, mebibytes: u64, seed: u64) -> TestApp {
    let mut settings = Settings { seed, ..Settings::default() };
    settings.limits.key_cache_mebibytes = mebibytes;
    t.restart(settings).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_sqlite() {
    hammer(vec![TestApp::sqlite().await], 120, 0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_sqlite_crowded_out() {
    hammer(vec![settled(TestApp::sqlite().await, 1, 21).await], 50, 120).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_sqlite_remembering_nothing() {
    hammer(vec![settled(TestApp::sqlite().await, 0, 22).await], 60, 0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_postgres_crowded_out() {
    let Some(t) = TestApp::postgres().await else { return };
    hammer(vec![settled(t, 1, 23).await], 12, 120).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_two_nodes() {
    let Some(first) = TestApp::postgres().await else { return };
    let second = other_node(&first.place, 31).await;
    hammer(vec![first, second], 15, 0).await;
}

/// Another node of the same database, called with the first one's root key.
async fn other_node(place: &Place, seed: u64) -> TestApp {
    TestApp::on(place.clone(), Settings { seed, ..Settings::default() }).await
}

/// Two nodes, the second of which reaches the database by a wire that can be cut, and a key that holds `a`.
async fn at_a_wire(lease: u64) -> Option<(TestApp, TestApp, Wire, Value, String)> {
    let url = fresh_schema().await?;
    let first = TestApp::on(Place::Database(url.clone()), Settings::default()).await;
    let wire = Wire::to(&url);
    let mut settings = Settings { seed: 99, ..Settings::default() };
    settings.limits.lease_milliseconds = lease;
    let second = TestApp::on(Place::Database(wire.url.clone()), settings).await;
    let api = first.key_api("wire").await;
    let body = json!({ "name": "a", "slug": "a" });
    let permission = first.v2_data("permissions.createPermission", body).await["permissionId"].clone();
    let (_, key) = first.key(json!({ "apiId": api, "permissions": ["a"] })).await;
    assert_eq!(second.verify(&key, Some("a")).await["code"], "VALID");
    Some((first, second, wire, permission, key))
}

async fn status(node: &TestApp, key: &str) -> u16 {
    let reply = node.v2("keys.verifyKey", json!({ "key": key, "permissions": "a" })).send().await;
    let status = reply.status.as_u16();
    assert!(status == 503 || reply.body["data"]["code"] == "VALID", "{}", reply.body);
    status
}

/// Answers of the cut-off node until the first one is there, and what it answers from then on.
async fn cut_off_until_answered(
    answered: impl Future<Output = crate::support::Reply>,
    second: &TestApp,
    keys: [&str; 2],
) -> u16 {
    let mut answered = std::pin::pin!(answered);
    let reply = loop {
        tokio::select! {
            biased;
            reply = &mut answered => break reply,
            _ = status(second, keys[0]) => {}
        }
        tokio::task::yield_now().await;
    };
    for key in keys {
        assert_eq!(status(second, key).await, 503, "nothing that may be out of date is answered");
    }
    reply.status.as_u16()
}

/// A node that lost the database stops verifying before a revocation is answered elsewhere.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_lost_the_database_verifies_nothing() {
    let Some((first, second, wire, permission, key)) = at_a_wire(1000).await else { return };
    wire.cut();
    let deletion = first.v2("permissions.deletePermission", json!({ "permission": permission })).send();
    assert_eq!(cut_off_until_answered(deletion, &second, [&key, "never seen"]).await, 200);
    assert_eq!(first.verify(&key, Some("a")).await["code"], "INSUFFICIENT_PERMISSIONS");
    wire.mend();
    // Back again, it knows of the deletion before it answers anything.
    let again = loop {
        let reply = second.v2("keys.verifyKey", json!({ "key": key, "permissions": "a" })).send().await;
        if reply.status == 200 {
            break reply;
        }
        tokio::task::yield_now().await;
    };
    assert_eq!(again.body["data"]["code"], "INSUFFICIENT_PERMISSIONS");
}

/// Nobody is told earlier than the first who asked: neither a request that is sent again, nor one that finds done what
/// it asks for.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_done_already_is_answered_when_every_node_shows_it() {
    for way in 0..2 {
        let Some((first, second, wire, permission, key)) = at_a_wire(1500).await else { return };
        let scope = first.api("https://done.example/", &["b"]).await;
        let call = || match way {
            0 => first
                .v2("permissions.deletePermission", json!({ "permission": permission }))
                .header("idempotency-key", "once"),
            _ => first.delete(&format!("resource-servers/{scope}/scopes/b")),
        };
        let done = || async {
            if way == 0 {
                return first.verify(&key, Some("a")).await["code"] != "VALID";
            }
            first.scopes(&scope).await.is_empty()
        };
        wire.cut();
        let mut original = std::pin::pin!(call().send());
        // The first request has made its change and waits for the other node.
        loop {
            tokio::select! {
                biased;
                _ = &mut original => panic!("the other node still believes its memory"),
                done = done() => if done { break },
            }
        }
        let again = call().send();
        let both = async {
            tokio::select! { reply = again => reply, reply = original => reply }
        };
        let status = cut_off_until_answered(both, &second, [&key, "never seen"]).await;
        assert_eq!(status, if way == 0 { 200 } else { 204 });
    }
}
