//! A whole run of the keys' API, searched for every secret it made.

use reqwest::Client;
use serde_json::{Value, json};

use crate::support::process::{self, Process, serve};

struct Caller {
    client: Client,
    http: String,
    root_key: String,
    /// Answers that must not repeat a secret.
    answers: Vec<String>,
}

impl Caller {
    async fn send(&mut self, operation: &str, body: &Value, headers: &[(&str, &str)]) -> (u16, Value) {
        let mut call = self.client.post(format!("{}/v2/{operation}", self.http)).bearer_auth(&self.root_key);
        for (name, value) in headers {
            call = call.header(*name, *value);
        }
        process::json(call.json(body).send().await.unwrap()).await
    }

    /// A call that succeeds.
    async fn data(&mut self, operation: &str, body: Value) -> Value {
        let (status, answer) = self.send(operation, &body, &[("idempotency-key", operation)]).await;
        assert_eq!(status, 200, "{operation}: {answer}");
        answer["data"].clone()
    }

    /// A call whose answer must not repeat what it was given.
    async fn quiet(&mut self, operation: &str, body: Value) {
        let (_, answer) = self.send(operation, &body, &[]).await;
        self.answers.push(format!("{operation}: {answer}"));
    }
}

/// Everything that the program kept, but for the master key.
fn at_rest(data: &std::path::Path) -> String {
    let mut all = Vec::new();
    for file in std::fs::read_dir(data).unwrap() {
        let path = file.unwrap().path();
        if path.is_file() && !path.ends_with("master.key") {
            all.extend(std::fs::read(path).unwrap());
        }
    }
    String::from_utf8_lossy(&all).into_owned()
}

fn assert_none(secrets: &[String], place: &str, text: &str) {
    for secret in secrets {
        let found = text.find(secret.as_str()).map(|at| {
            let (from, to) = (text.floor_char_boundary(at.saturating_sub(120)), at + secret.len());
            &text[from..text.ceil_char_boundary(to + 40)]
        });
        assert_eq!(found, None, "{place} shows a secret");
    }
}

/// Makes keys of all kinds and uses them, well and badly; returns their texts.
async fn make_and_use(caller: &mut Caller) -> Vec<String> {
    let api = caller.data("apis.createApi", json!({ "name": "secrets" })).await["apiId"].clone();
    let body = json!({ "apiId": api, "recoverable": true, "prefix": "shown", "permissions": ["a"] });
    let made = caller.data("keys.createKey", body.clone()).await;
    let again = caller.data("keys.createKey", body).await;
    assert_eq!(made, again, "the same request is answered the same");
    let rerolled = caller.data("keys.rerollKey", json!({ "keyId": made["keyId"], "expiration": 60_000 })).await;
    let texts: Vec<String> = [&made, &rerolled].iter().map(|made| made["key"].as_str().unwrap().to_owned()).collect();
    let shown = caller.data("keys.getKey", json!({ "keyId": made["keyId"], "decrypt": true })).await;
    assert_eq!(shown["plaintext"], texts[0]);
    for text in &texts {
        for query in ["a", "a AND", "nothing"] {
            caller.quiet("keys.verifyKey", json!({ "key": text, "permissions": query, "tags": ["t=1"] })).await;
        }
        caller.quiet("keys.verifyKey", json!({ "key": text, "color": "red" })).await;
        caller.quiet("keys.verifyKey", json!({ "key": [text] })).await;
        caller.quiet("keys.verifyKey", json!({ "key": { "text": text } })).await;
        caller.quiet("keys.verifyKey", json!({ "key": text, "ratelimits": [{ "name": "unknown" }] })).await;
        caller.quiet("keys.verifyKey", json!({ "key": text, "migrationId": "unknown" })).await;
        caller.quiet("keys.whoami", json!({ "key": text })).await;
        // In the wrong place.
        caller.quiet("keys.deleteKey", json!({ "keyId": text })).await;
        caller.quiet("keys.whoami", json!({ "key": text, "color": "red" })).await;
        let url = format!("{}/v2/keys.verifyKey", caller.http);
        for wrong in [format!("Bearer {text}"), format!("Basic {text}"), text.clone()] {
            let call = caller.client.post(&url).header("authorization", wrong).json(&json!({ "key": text }));
            caller.answers.push(call.send().await.unwrap().text().await.unwrap());
        }
        let broken = format!("{{\"key\": \"{text}\"");
        let call = caller.client.post(&url).bearer_auth(&caller.root_key).header("content-type", "application/json");
        caller.answers.push(call.body(broken).send().await.unwrap().text().await.unwrap());
    }
    caller.quiet("keys.deleteKey", json!({ "keyId": rerolled["keyId"] })).await;
    let query = "SELECT * FROM key_verifications_v1".to_owned();
    caller.quiet("analytics.getVerifications", json!({ "query": query })).await;
    texts
}

#[tokio::test]
async fn no_key_reaches_a_log_an_error_an_entry_or_the_store() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("data");
    let server: Process = serve(&data, &[]);
    let root_key = process::root_key(&data, &[]);
    let token = process::token(&data, &[]);
    let (client, http) = (Client::new(), server.http.clone());
    let mut caller = Caller { client, http, root_key: root_key.clone(), answers: Vec::new() };
    let mut secrets = make_and_use(&mut caller).await;
    secrets.push(root_key.clone());
    let url = format!("{}/metrics", caller.http);
    caller.answers.push(caller.client.get(url).send().await.unwrap().text().await.unwrap());
    assert_none(&secrets, "an answer", &caller.answers.join("\n"));
    let url = format!("{}/api/v2/logs?take=100", caller.http);
    let (_, entries) = process::json(caller.client.get(url).bearer_auth(&token).send().await.unwrap()).await;
    assert!(entries.as_array().unwrap().len() >= 5, "{entries}");
    assert_none(&secrets, "the audit log", &entries.to_string());
    let (good, log) = server.stop();
    assert!(good && log.contains("\"ready\""), "{log}");
    assert_none(&secrets, "the log", &log);
    let kept = at_rest(&data);
    assert!(kept.contains("key.create"), "the store was read");
    assert_none(&secrets, "the store", &kept);
    // Nor the part of a text that is random: what people see of a key is how it begins.
    let tails: Vec<String> = secrets.iter().map(|secret| secret[secret.len() - 12..].to_owned()).collect();
    for (place, text) in [("the log", &log), ("the store", &kept), ("the audit log", &entries.to_string())] {
        assert_none(&tails, place, text);
    }
}

/// What is printed for people who look for a fault.
#[test]
fn debug_output_shows_no_text_of_a_key() {
    let made = keyward_server::service::key::MadeKey { id: "key_1".to_owned(), text: "the text".to_owned() };
    let printed = format!("{made:?}");
    assert!(printed.contains("key_1") && !printed.contains("the text"), "{printed}");
}
