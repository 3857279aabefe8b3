//! Access tokens, however they were asked for, and the assertions with which some are.

use keyward_core::time::Clock;
use keyward_server::environment::SystemClock;
use serde_json::{Value, json};

use super::{AUDIENCE, Run, applications::Machine};
use crate::{
    oauth::signer::{KIND, Signer},
    support::{PUBLIC_URL, process},
};

/// What an application asks with.
pub(super) fn asked(more: &Value) -> Value {
    let mut body = json!({ "grant_type": "client_credentials", "audience": AUDIENCE });
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    body
}

/// Gets a token, and remembers it.
pub(super) async fn issued(run: &mut Run, what: &str, call: reqwest::RequestBuilder) -> String {
    let (status, answer) = process::json(call.send().await.unwrap()).await;
    assert_eq!(status, 200, "{what}: {answer}");
    let token = answer["access_token"].as_str().unwrap().to_owned();
    run.knows_signed(what, &token);
    token
}

/// An assertion of this application, remembered.
fn assertion(run: &mut Run, (what, signer): (&str, &Signer), client: &str, audience: &str) -> String {
    let now = SystemClock.now().seconds();
    let claims = json!({ "iss": client, "sub": client, "aud": audience, "exp": now + 200, "jti": what });
    let text = signer.sign(&json!({ "alg": "RS256" }), &claims);
    run.knows_signed(what, &text);
    text
}

pub(super) async fn make_and_misuse(run: &mut Run, machine: &Machine) {
    let body = asked(&json!({ "client_id": machine.id, "client_secret": machine.secret }));
    let call = run.request("POST", "/oauth/token").json(&body);
    let posted = issued(run, "a token for a secret in a JSON body", call).await;
    let call = run.form("/oauth/token", &body);
    issued(run, "a token for a secret in a form", call).await;
    let (id, secret) = &machine.basic;
    let call = run.request("POST", "/oauth/token").json(&asked(&json!({}))).basic_auth(id, Some(secret));
    issued(run, "a token for a secret in the header", call).await;
    refused(run, &machine.id, &posted).await;
    asserted(run, &machine.signing).await;
    let wrong = run.knows("a wrong secret", "a secret that is no application's");
    run.refused("a wrong secret", &asked(&json!({ "client_id": machine.id, "client_secret": wrong }))).await;
    let call = run.request("POST", "/oauth/token").json(&asked(&json!({}))).basic_auth(id, Some(&wrong));
    assert_eq!(run.send_quietly("a wrong secret in the header", call).await, 401);
}

/// A token where it opens nothing.
async fn refused(run: &mut Run, client: &str, token: &str) {
    let management = run.token.clone();
    for token in [token, &token.replace('.', "-"), &format!("{token}x"), &management.replace('.', "-")] {
        for header in [format!("Bearer {token}"), format!("Basic {token}"), token.to_owned()] {
            for (method, path) in [("GET", "clients"), ("DELETE", "clients/x")] {
                let call = run.request(method, &format!("/api/v2/{path}")).header("authorization", header.clone());
                assert!(run.send_quietly("a call with a token that opens nothing", call).await >= 400);
            }
        }
    }
    for name in ["token", "access_token"] {
        let call = run.request("GET", &format!("/api/v2/clients?{name}={token}"));
        assert_eq!(run.send_quietly("a token in the query string", call).await, 401);
    }
    let body = json!({ "client_id": client, "client_secret": "not the right one", "token": token });
    let call = run.form("/oauth/revoke", &body);
    assert_eq!(run.send_quietly("a revocation", call).await, 401);
}

async fn asserted(run: &mut Run, client: &str) {
    let body = |text: &str| asked(&json!({ "client_assertion_type": KIND, "client_assertion": text }));
    let good = assertion(run, ("a good assertion", Signer::one()), client, PUBLIC_URL);
    let call = run.request("POST", "/oauth/token").json(&body(&good));
    issued(run, "a token for an assertion", call).await;
    run.refused("an assertion that was used before", &body(&good)).await;
    let foreign = assertion(run, ("an assertion by another key", Signer::other()), client, PUBLIC_URL);
    run.refused("an assertion by another key", &body(&foreign)).await;
    let elsewhere = assertion(run, ("an assertion for somebody else", Signer::one()), client, "https://other.example/");
    run.refused("an assertion for somebody else", &body(&elsewhere)).await;
    let unknown = assertion(run, ("an assertion of nobody", Signer::one()), "nobody", PUBLIC_URL);
    run.refused("an assertion of nobody", &body(&unknown)).await;
    run.refused("an assertion that was cut", &body(&good[..good.len() - 8])).await;
    let both = json!({ "client_assertion_type": KIND, "client_assertion": foreign, "client_secret": "and a secret" });
    run.refused("an assertion and a secret", &asked(&both)).await;
    run.refused("an assertion of no kind", &asked(&json!({ "client_assertion": elsewhere }))).await;
    run.refused(
        "an assertion of another kind",
        &asked(&json!({ "client_assertion_type": "saml", "client_assertion": good })),
    )
    .await;
}
