//! Credits are spent exactly, whoever spends them where.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::support::{Settings, TestApp};

const TASKS: usize = 64;
const CALLS: usize = 400;

/// Uses the key so often, by many tasks at once, on all of these nodes; how often that was accepted.
async fn use_up(nodes: &[Arc<TestApp>], key: &str, calls: usize) -> usize {
    let tasks: Vec<_> = (0..TASKS)
        .map(|task| {
            let (node, key) = (Arc::clone(&nodes[task % nodes.len()]), key.to_owned());
            let own = calls / TASKS + usize::from(task < calls % TASKS);
            tokio::spawn(async move {
                let mut accepted = 0;
                for _ in 0..own {
                    let verdict = node.verify(&key, None).await;
                    match verdict["code"].as_str() {
                        Some("VALID") => accepted += 1,
                        other => assert_eq!(other, Some("USAGE_EXCEEDED"), "{verdict}"),
                    }
                }
                accepted
            })
        })
        .collect();
    let mut accepted = 0;
    for task in tasks {
        accepted += task.await.unwrap();
    }
    accepted
}

async fn remaining(t: &TestApp, id: &str) -> Value {
    t.v2_data("keys.getKey", json!({ "keyId": id })).await["credits"]["remaining"].clone()
}

async fn are_spent_exactly(nodes: Vec<Arc<TestApp>>) {
    let api = nodes[0].key_api("credits").await;
    let (id, key) = nodes[0].key(json!({ "apiId": api, "credits": { "remaining": 200 } })).await;
    assert_eq!(use_up(&nodes, &key, CALLS).await, 200);
    for node in &nodes {
        assert_eq!(remaining(node, &id).await, 0);
        assert_eq!(node.verify(&key, None).await["code"], "USAGE_EXCEEDED");
    }
}

/// More is added, and something else about the credits is changed, while they are spent: nothing is lost either way.
async fn are_added_exactly(nodes: Vec<Arc<TestApp>>) {
    let api = nodes[0].key_api("credits").await;
    let (id, key) = nodes[0].key(json!({ "apiId": api, "credits": { "remaining": 1000 } })).await;
    let adding = async {
        for round in 0..60 {
            let node = &nodes[round % nodes.len()];
            let more = json!({ "keyId": id, "operation": "increment", "value": 5 });
            node.v2_data("keys.updateCredits", more).await;
            let refill = json!({ "interval": "monthly", "amount": 1000, "refillDay": round % 28 + 1 });
            node.v2_data("keys.updateKey", json!({ "keyId": id, "credits": { "refill": refill } })).await;
        }
    };
    let (accepted, ()) = tokio::join!(use_up(&nodes, &key, 800), adding);
    assert_eq!(accepted, 800);
    assert_eq!(remaining(&nodes[0], &id).await, 1000 + 60 * 5 - 800);
}

async fn two_nodes() -> Option<Vec<Arc<TestApp>>> {
    let first = TestApp::postgres().await?;
    let second = TestApp::on(first.place.clone(), Settings { seed: 77, ..Settings::default() }).await;
    Some(vec![Arc::new(first), Arc::new(second)])
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_sqlite() {
    let nodes = vec![Arc::new(TestApp::sqlite().await)];
    are_spent_exactly(nodes.clone()).await;
    are_added_exactly(nodes).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_postgres() {
    let Some(t) = TestApp::postgres().await else { return };
    are_spent_exactly(vec![Arc::new(t)]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_two_nodes() {
    let Some(nodes) = two_nodes().await else { return };
    are_spent_exactly(nodes.clone()).await;
    are_added_exactly(nodes).await;
}
