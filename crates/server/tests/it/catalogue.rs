//! Memory is what the store says, whatever happened and on every node.

use keyward_core::{model::WorkspaceNumber, snapshot::Snapshot};
use keyward_store::Location;
use rand::{Rng, RngExt, SeedableRng, rngs::StdRng};
use serde_json::{Value, json};

use crate::support::{Settings, TestApp};

on_both_engines!(what_was_followed_is_what_a_fresh_start_loads, a_restart_finds_everything, many_writers_at_once);

/// A snapshot as text: two that print the same are the same.
fn print(snapshot: &Snapshot) -> Vec<String> {
    let mut lines: Vec<String> = snapshot.apis(WorkspaceNumber::FIRST).map(|entry| format!("{entry:?}")).collect();
    lines.extend(snapshot.signing_keys().map(|key| format!("{key:?}")));
    lines.push(format!("{} {}", snapshot.api_count(), snapshot.permission_count()));
    lines
}

async fn assert_memory_is_disk(t: &TestApp) {
    let fresh = Snapshot::default().apply(t.app.store.load().await.unwrap());
    let view = t.app.view();
    assert_eq!(view.snapshot.revision(), fresh.revision());
    assert_eq!(print(&view.snapshot), print(&fresh));
    // What can be found by id and by identifier is what is listed.
    for entry in fresh.apis(WorkspaceNumber::FIRST) {
        for name in [&entry.api.id, &entry.api.identifier] {
            assert_eq!(view.snapshot.api(WorkspaceNumber::FIRST, name).map(|e| e.api.number), Some(entry.api.number));
        }
        for permission in &entry.permissions {
            assert!(view.snapshot.permission(permission.number).is_some());
        }
    }
}

fn pick<'v>(random: &mut StdRng, from: &'v [&'v str]) -> &'v str {
    from[random.random_range(0..from.len())]
}

async fn random_operation(t: &TestApp, random: &mut StdRng) {
    let identifiers = ["https://a.example/", "https://b.example/", "c"];
    let values = ["p", "q", "r", "s", "t"];
    let api = format!("resource-servers/{}", pick(random, &identifiers).replace('/', "%2F"));
    let value = pick(random, &values);
    let call = match random.random_range(0..7) {
        0 => t.post(
            "resource-servers",
            json!({ "identifier": pick(random, &identifiers), "scopes": [{"value": value}] }),
        ),
        1 => {
            let mut list: Vec<Value> =
                values.iter().filter(|_| random.random_bool(0.5)).map(|v| json!({ "value": v })).collect();
            if random.random_bool(0.5) {
                list.reverse();
            }
            t.patch(&api, json!({ "scopes": list }))
        }
        2 => t.patch(
            &api,
            json!({ "name": format!("n{}", random.next_u32()), "token_lifetime": random.random_range(1..90_000) }),
        ),
        3 => t.post(&format!("{api}/scopes"), json!({ "value": value })),
        4 => t.patch(&format!("{api}/scopes/{value}"), json!({ "value": pick(random, &values), "description": "d" })),
        5 => t.delete(&format!("{api}/scopes/{value}")),
        _ => t.delete(&api),
    };
    let status = call.send().await.status.as_u16();
    assert!([200, 201, 204, 404, 409].contains(&status), "{status}");
}

async fn what_was_followed_is_what_a_fresh_start_loads(t: TestApp) {
    for seed in 0..12 {
        let mut random = StdRng::seed_from_u64(seed);
        for _ in 0..15 {
            random_operation(&t, &mut random).await;
        }
        assert_memory_is_disk(&t).await;
    }
}

async fn a_restart_finds_everything(t: TestApp) {
    let id = t.api("https://a.example/", &["a", "b"]).await;
    let made = t
        .post("resource-servers", json!({ "identifier": "https://b.example/", "signing_alg": "HS256" }))
        .send()
        .await
        .body;
    let before = print(&t.app.view().snapshot);
    let token = t.token.clone();
    let t = t.restart(Settings { seed: 8, ..Settings::default() }).await;
    assert_eq!(print(&t.app.view().snapshot), before);
    assert_eq!(t.scopes(&id).await, ["a", "b"]);
    let secret = t.get(&format!("resource-servers/{}", made["id"].as_str().unwrap())).bearer(&token).send().await;
    assert_eq!(secret.body["signing_secret"], made["signing_secret"], "with a token from before");
}

async fn many_writers_at_once(t: TestApp) {
    let id = t.api("https://a.example/", &[]).await;
    let writing = (0..60).map(|n| {
        let (good, bad) = (format!("p{n}"), "openid");
        let add = t.post(&format!("resource-servers/{id}/scopes"), json!({ "value": good }));
        let refused = t.post(&format!("resource-servers/{id}/scopes"), json!({ "value": bad }));
        let doubled = t.post(&format!("resource-servers/{id}/scopes"), json!({ "value": format!("p{}", n % 7) }));
        async move {
            let statuses = (add.send().await.status.as_u16(), refused.send().await.status.as_u16());
            doubled.send().await;
            statuses
        }
    });
    let statuses = futures_util::future::join_all(writing).await;
    assert!(statuses.iter().all(|(_, refused)| *refused == 400));
    let mut values = t.scopes(&id).await;
    values.sort();
    values.dedup();
    assert_eq!(values.len(), 60);
    assert_memory_is_disk(&t).await;
}

/// Two nodes on one database: what one changes, the other shows.
#[tokio::test]
async fn two_nodes_follow_each_other() {
    let Some(first) = TestApp::postgres().await else { return };
    let second = TestApp::on(first.location.clone(), Settings { seed: 99, ..Settings::default() }).await;
    assert!(matches!(first.location, Location::Database(_)));
    let id = first.api("https://a.example/", &["a"]).await;
    until_same(&first, &second).await;
    assert_eq!(second.scopes(&id).await, ["a"]);
    let mut random = StdRng::seed_from_u64(5);
    for round in 0..60 {
        let node = if round % 2 == 0 { &first } else { &second };
        random_operation(node, &mut random).await;
    }
    until_same(&first, &second).await;
    assert_memory_is_disk(&first).await;
    assert_memory_is_disk(&second).await;
    // Both write at the same moment, and neither loses anything.
    let id = first.api("https://both.example/", &[]).await;
    until_same(&first, &second).await;
    let writing = (0..40).map(|n| {
        let node = if n % 2 == 0 { &first } else { &second };
        let call = node.post(&format!("resource-servers/{id}/scopes"), json!({ "value": format!("p{n}") }));
        async move { assert_eq!(call.send().await.status, 201) }
    });
    futures_util::future::join_all(writing).await;
    until_same(&first, &second).await;
    assert_eq!(first.scopes(&id).await.len(), 40);
    assert_eq!(first.scopes(&id).await, second.scopes(&id).await);
}

/// Waits for what is announced, not for a time.
async fn until_same(first: &TestApp, second: &TestApp) {
    let newest = first.app.revision().max(second.app.revision());
    for app in [&first.app, &second.app] {
        app.shown(newest).await.unwrap();
    }
}
