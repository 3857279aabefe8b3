//! A whole run's output, searched for every secret it made.

use serde_json::json;

use crate::support::process::{self, serve};

/// Whatever the program wrote is searched for these texts.
fn assert_none(secrets: &[String], where_found: &str, text: &str) {
    for secret in secrets {
        assert!(!secret.is_empty() && !text.contains(secret.as_str()), "{where_found} shows a secret");
    }
}

#[tokio::test]
async fn no_secret_reaches_a_log_an_error_an_entry_or_the_store() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("data");
    let server = serve(&data, &[]);
    let token = process::token(&data, &[]);
    let client = reqwest::Client::new();
    let url = format!("{}/api/v2/resource-servers", server.http);
    let given = "a given secret of 36 characters long".to_owned();
    let (status, made) = process::json(
        client
            .post(&url)
            .bearer_auth(&token)
            .json(&json!({ "identifier": "a", "signing_alg": "HS256" }))
            .send()
            .await
            .unwrap(),
    )
    .await;
    assert_eq!(status, 201);
    let generated = made["signing_secret"].as_str().unwrap().to_owned();
    let path = format!("{url}/{}", made["id"].as_str().unwrap());
    let secrets = vec![token.clone(), given.clone(), generated, token.rsplit('.').next().unwrap().to_owned()];
    let mut bodies = Vec::new();
    for body in [
        json!({ "signing_secret": given }),
        json!({ "signing_secret": given, "color": "red" }),
        json!({ "signing_secret": [given] }),
    ] {
        let (status, answer) =
            process::json(client.patch(&path).bearer_auth(&token).json(&body).send().await.unwrap()).await;
        if status != 200 {
            bodies.push(answer.to_string());
        }
    }
    let broken = token.replace('.', "-");
    for header in [format!("Bearer {broken}"), format!("Basic {token}"), token.clone()] {
        bodies.push(client.get(&path).header("authorization", header).send().await.unwrap().text().await.unwrap());
    }
    assert_eq!(client.get(format!("{path}?token={token}")).send().await.unwrap().status(), 401);
    let (_, entries) =
        process::json(client.get(format!("{}/api/v2/logs", server.http)).bearer_auth(&token).send().await.unwrap())
            .await;
    assert!(entries.as_array().unwrap().len() >= 5, "{entries}");
    assert_none(&secrets[1..], "the audit log", &entries.to_string());
    bodies.push(client.get(format!("{}/metrics", server.http)).send().await.unwrap().text().await.unwrap());
    assert_none(&secrets, "an answer", &bodies.join("\n"));
    let (good, log) = server.stop();
    assert!(good);
    assert!(log.contains("\"ready\""), "{log}");
    // Bad requests are the caller's affair.
    assert!(log.contains("\"INFO\"") && !log.contains("\"WARN\"") && !log.contains("\"ERROR\""), "{log}");
    assert_none(&secrets, "the log", &log);
    let master = std::fs::read_to_string(data.join("master.key")).unwrap();
    let mut at_rest = Vec::new();
    for file in std::fs::read_dir(&data).unwrap() {
        let file = file.unwrap().path();
        if file.file_name().unwrap().to_str().unwrap().starts_with("keyward.db") {
            at_rest.extend(std::fs::read(file).unwrap());
        }
    }
    let at_rest = String::from_utf8_lossy(&at_rest);
    assert!(at_rest.contains("resource_servers"), "the store was read");
    assert_none(&secrets, "the store", &at_rest);
    assert_none(&[master.trim().to_owned()], "the store", &at_rest);
}
