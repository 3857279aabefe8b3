//! `kill -9` while assertions are used: none that was answered with a token is good again.

use keyward_core::time::Clock;
use keyward_server::environment::SystemClock;
use serde_json::{Value, json};

use crate::{
    oauth::signer::{KIND, Signer},
    support::{
        PUBLIC_URL,
        postgres::fresh_schema,
        process::{self, Process, serve},
    },
};

const ROUNDS: usize = 3;
const AT_ONCE: usize = 40;
const AUDIENCE: &str = "https://api.example/";

fn assertion(client: &str, name: &str) -> String {
    let now = SystemClock.now().seconds();
    let claims = json!({ "iss": client, "sub": client, "aud": PUBLIC_URL, "exp": now + 240, "jti": name });
    Signer::one().sign(&json!({ "alg": "RS256" }), &claims)
}

/// The status, unless the server is gone.
async fn send(client: &reqwest::Client, http: &str, assertion: &str) -> Option<u16> {
    let body = json!({
        "grant_type": "client_credentials", "audience": AUDIENCE, "client_assertion_type": KIND,
        "client_assertion": assertion,
    });
    Some(client.post(format!("{http}/oauth/token")).json(&body).send().await.ok()?.status().as_u16())
}

/// Makes an application with a key and a grant.
async fn application(client: &reqwest::Client, http: &str, token: &str) -> String {
    let post = async |path: &str, body: Value| {
        let call = client.post(format!("{http}/api/v2/{path}")).bearer_auth(token).json(&body);
        let (status, body) = process::json(call.send().await.unwrap()).await;
        assert_eq!(status, 201, "{body}");
        body
    };
    post("resource-servers", json!({ "identifier": AUDIENCE })).await;
    let keys = json!([{ "credential_type": "public_key", "pem": Signer::one().pem() }]);
    let methods = json!({ "private_key_jwt": { "credentials": keys } });
    let made = post("clients", json!({ "name": "machine", "client_authentication_methods": methods })).await;
    let id = made["client_id"].as_str().unwrap().to_owned();
    post("client-grants", json!({ "client_id": id, "audience": AUDIENCE, "scope": [] })).await;
    id
}

async fn killed_while_assertions_are_used(start: impl Fn() -> Process, token: impl Fn() -> String) {
    let mut server = start();
    let caller = reqwest::Client::new();
    let application = application(&caller, &server.http, &token()).await;
    for round in 0..ROUNDS {
        let all: Vec<String> = (0..AT_ONCE).map(|n| assertion(&application, &format!("{round}-{n}"))).collect();
        let (tell, mut told) = tokio::sync::mpsc::unbounded_channel();
        let sending: Vec<_> = all
            .iter()
            .map(|assertion| {
                let (caller, http, assertion) = (caller.clone(), server.http.clone(), assertion.clone());
                let tell = tell.clone();
                tokio::spawn(async move {
                    if send(&caller, &http, &assertion).await == Some(200) {
                        let _ = tell.send(assertion);
                    }
                })
            })
            .collect();
        drop(tell);
        let mut used = vec![told.recv().await.expect("one of them gets a token")];
        server.kill();
        for task in sending {
            task.await.unwrap();
        }
        while let Some(assertion) = told.recv().await {
            used.push(assertion);
        }
        server = start();
        let fresh = assertion(&application, &format!("{round}-fresh"));
        assert_eq!(send(&caller, &server.http, &fresh).await, Some(200), "the test itself is right");
        // Ten refusals, and the application would have to wait, in the next round as well.
        for assertion in used.iter().take(9) {
            assert_eq!(send(&caller, &server.http, assertion).await, Some(401));
        }
    }
}

#[tokio::test]
async fn no_assertion_is_good_again_after_a_crash() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("data");
    let start = || serve(&data, &["--public-url", PUBLIC_URL]);
    killed_while_assertions_are_used(start, || process::token(&data, &[])).await;
}

#[tokio::test]
async fn no_assertion_is_good_again_after_a_crash_on_postgres() {
    let Some(url) = fresh_schema().await else { return };
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("data");
    let more = ["--public-url", PUBLIC_URL, "--database-url", url.as_str()];
    killed_while_assertions_are_used(|| serve(&data, &more), || process::token(&data, &more[2..])).await;
}
