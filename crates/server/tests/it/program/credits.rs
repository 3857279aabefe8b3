//! `kill -9` while credits are spent: none is spent twice, and what is lost is what one commit had spent at most.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::support::{
    postgres::fresh_schema,
    process::{self, Process, serve},
};

const CREDITS: i64 = 1500;
const TASKS: usize = 64;
const ROUNDS: usize = 4;

/// A root key, and where it is good for something.
struct Caller {
    http: String,
    root_key: String,
}

impl Caller {
    async fn send(&self, client: &reqwest::Client, operation: &str, body: &Value) -> Option<Value> {
        let url = format!("{}/v2/{operation}", self.http);
        let reply = client.post(url).bearer_auth(&self.root_key).json(body).send().await.ok()?;
        let status = reply.status();
        let body: Value = reply.json().await.ok()?;
        assert_eq!(status, 200, "{operation}: {body}");
        Some(body["data"].clone())
    }
}

/// Uses the key, one use after the other, until the server is gone or nothing is left; how often that was accepted.
async fn spend(
    client: reqwest::Client,
    caller: Arc<Caller>,
    key: String,
    told: tokio::sync::mpsc::UnboundedSender<()>,
) -> i64 {
    let mut accepted = 0;
    loop {
        let Some(verdict) = caller.send(&client, "keys.verifyKey", &json!({ "key": key })).await else { break };
        match verdict["code"].as_str() {
            Some("VALID") => accepted += 1,
            other => {
                assert_eq!(other, Some("USAGE_EXCEEDED"), "{verdict}");
                break;
            }
        }
        let _ = told.send(());
    }
    accepted
}

async fn killed_while_credits_are_spent(start: impl Fn() -> Process, root_key: impl Fn() -> String) {
    let mut server = Some(start());
    let root_key = root_key();
    let caller = |server: &Option<Process>| {
        let http = server.as_ref().unwrap().http.clone();
        Arc::new(Caller { http, root_key: root_key.clone() })
    };
    let client = reqwest::Client::new();
    let ask = caller(&server);
    let api = ask.send(&client, "apis.createApi", &json!({ "name": "crash" })).await.unwrap()["apiId"].clone();
    let body = json!({ "apiId": api, "credits": { "remaining": CREDITS } });
    let made = ask.send(&client, "keys.createKey", &body).await.unwrap();
    let (id, key) = (made["keyId"].clone(), made["key"].as_str().unwrap().to_owned());
    let (mut answered, mut left) = (0, CREDITS);
    for round in 0..=ROUNDS {
        let (told, mut hear) = tokio::sync::mpsc::unbounded_channel();
        let tasks: Vec<_> = (0..TASKS)
            .map(|_| tokio::spawn(spend(client.clone(), caller(&server), key.clone(), told.clone())))
            .collect();
        drop(told);
        if round < ROUNDS {
            // In the middle of it all, after another number of answers in each round.
            for _ in 0..(40 + round * 53) {
                hear.recv().await.unwrap();
            }
            server.take().unwrap().kill();
        }
        let mut accepted = 0;
        for task in tasks {
            accepted += task.await.unwrap();
        }
        answered += accepted;
        if round < ROUNDS {
            server = Some(start());
        }
        let shown = caller(&server).send(&client, "keys.getKey", &json!({ "keyId": id })).await.unwrap();
        let now = shown["credits"]["remaining"].as_i64().unwrap();
        let lost = left - now - accepted;
        // Each task waits for one answer, so one commit has at most as many uses as there are tasks.
        let most = if round < ROUNDS { i64::try_from(TASKS).unwrap() } else { 0 };
        assert!((0..=most).contains(&lost), "round {round}: {lost} credits are neither there nor answered");
        left = now;
    }
    assert_eq!(left, 0, "the last round used up what there was");
    assert!(answered <= CREDITS && answered > CREDITS / 2, "{answered} of {CREDITS}");
}

#[tokio::test(flavor = "multi_thread")]
async fn on_sqlite() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("data");
    killed_while_credits_are_spent(|| serve(&data, &[]), || process::root_key(&data, &[])).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn on_postgres() {
    let Some(url) = fresh_schema().await else { return };
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("data");
    let more = ["--database-url", url.as_str()];
    killed_while_credits_are_spent(|| serve(&data, &more), || process::root_key(&data, &more)).await;
}
