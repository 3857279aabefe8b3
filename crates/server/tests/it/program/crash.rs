//! `kill -9` at any moment loses no answered change.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::support::{
    postgres::fresh_schema,
    process::{self, Process, serve},
};

const ROUNDS: usize = 6;
const WRITERS: usize = 4;

/// What the writers know: the values whose answer came, by whether they should be there.
#[derive(Default)]
struct Answered {
    added: BTreeSet<String>,
    deleted: BTreeSet<String>,
}

/// Adds and deletes permissions until the server is gone; returns what was answered.
async fn write(
    client: reqwest::Client,
    url: String,
    token: String,
    name: String,
    told: tokio::sync::mpsc::Sender<()>,
) -> Answered {
    let mut answered = Answered::default();
    for number in 0.. {
        let value = format!("{name}-{number}");
        let reply = client.post(&url).bearer_auth(&token).json(&json!({ "value": value })).send().await;
        let Ok(reply) = reply else { return answered };
        assert_eq!(reply.status(), 201);
        answered.added.insert(value.clone());
        let _ = told.try_send(());
        if number % 3 == 0 {
            let Ok(reply) = client.delete(format!("{url}/{value}")).bearer_auth(&token).send().await else {
                // The deletion may have happened or not; nobody was told.
                answered.added.remove(&value);
                return answered;
            };
            assert_eq!(reply.status(), 204);
            answered.added.remove(&value);
            answered.deleted.insert(value);
        }
    }
    answered
}

async fn killed_again_and_again(start: impl Fn() -> Process, token: impl Fn() -> String) {
    let mut server = start();
    let client = reqwest::Client::new();
    let body = json!({ "identifier": "crash" });
    let (status, api) = process::json(
        client
            .post(format!("{}/api/v2/resource-servers", server.http))
            .bearer_auth(token())
            .json(&body)
            .send()
            .await
            .unwrap(),
    )
    .await;
    assert_eq!(status, 201);
    let path = format!("/api/v2/resource-servers/{}", api["id"].as_str().unwrap());
    let mut answered = Answered::default();
    for round in 0..ROUNDS {
        let (told, mut hear) = tokio::sync::mpsc::channel(1000);
        let bearer = token();
        let writers: Vec<_> = (0..WRITERS)
            .map(|writer| {
                let url = format!("{}{path}/scopes", server.http);
                tokio::spawn(write(
                    reqwest::Client::new(),
                    url,
                    bearer.clone(),
                    format!("r{round}w{writer}"),
                    told.clone(),
                ))
            })
            .collect();
        // In the middle of it all: after some answers, another number of them in each round.
        for _ in 0..(5 + round * 7) {
            hear.recv().await.unwrap();
        }
        server.kill();
        for writer in writers {
            let more = writer.await.unwrap();
            answered.added.extend(more.added);
            answered.deleted.extend(more.deleted);
        }
        server = start();
        let bearer = token();
        let (_, api) =
            process::json(client.get(format!("{}{path}", server.http)).bearer_auth(&bearer).send().await.unwrap())
                .await;
        let there: BTreeSet<String> =
            api["scopes"].as_array().unwrap().iter().map(|s| s["value"].as_str().unwrap().to_owned()).collect();
        assert!(answered.added.is_subset(&there), "lost: {:?}", answered.added.difference(&there).collect::<Vec<_>>());
        assert!(
            answered.deleted.is_disjoint(&there),
            "back: {:?}",
            answered.deleted.intersection(&there).collect::<Vec<_>>()
        );
        assert_audited(&client, &server, &bearer, &answered).await;
    }
    assert!(!answered.added.is_empty() && !answered.deleted.is_empty());
}

/// Every answered change is in the audit log.
async fn assert_audited(client: &reqwest::Client, server: &Process, token: &str, answered: &Answered) {
    let mut url = format!("{}/api/v2/logs?take=100", server.http);
    let mut added = BTreeSet::new();
    let mut deleted = BTreeSet::new();
    loop {
        let (_, page) = process::json(client.get(&url).bearer_auth(token).send().await.unwrap()).await;
        let page: Vec<Value> = page.as_array().unwrap().clone();
        let Some(last) = page.last() else { break };
        url = format!("{}/api/v2/logs?take=100&from={}", server.http, last["log_id"].as_str().unwrap());
        for entry in page {
            let value = |side: &str| entry["details"][side]["scopes"][0]["value"].as_str().map(str::to_owned);
            added.extend(value("after"));
            deleted.extend(value("before"));
        }
    }
    assert!(answered.added.is_subset(&added) && answered.deleted.is_subset(&deleted));
}

#[tokio::test]
async fn on_sqlite() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("data");
    killed_again_and_again(|| serve(&data, &["--public-url", "http://crash.test"]), || process::token(&data, &[]))
        .await;
}

#[tokio::test]
async fn on_postgres() {
    let Some(url) = fresh_schema().await else { return };
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("data");
    let start = || serve(&data, &["--public-url", "http://crash.test", "--database-url", &url]);
    killed_again_and_again(start, || process::token(&data, &["--database-url", &url])).await;
}
