//! Why there is no token (contract: error catalogue).

use keyward_server::config::ErrorStatus;
use serde_json::{Value, json};

use super::Machine;
use crate::support::{Place, Settings, TestApp};

on_both_engines!(
    each_refusal_has_its_words,
    whoever_fails_too_often_waits,
    a_client_that_is_gone_gets_nothing,
    nothing_else_is_read_as_a_request,
    who_is_locked_out_fills_no_log,
    a_secret_in_the_query_string_is_not_kept,
    a_secret_in_another_place_is_neither_shown_nor_kept,
    what_only_looks_like_a_secret_is_taken_as_it_is,
    a_body_that_cannot_be_read_is_not_repeated,
);

const AUDIENCE: &str = "https://api.example/";

/// An API, an application with a grant of it, and one without.
async fn world(t: &TestApp) -> (Machine, Machine) {
    t.api(AUDIENCE, &["a", "b", "c"]).await;
    let (machine, other) = (t.machine().await, t.machine().await);
    t.grant(&machine, AUDIENCE, &["a"]).await;
    (machine, other)
}

fn asked(machine: &Machine, changes: &[(&str, Value)]) -> Value {
    let mut body = json!({
        "grant_type": "client_credentials", "client_id": machine.id, "client_secret": machine.secret,
        "audience": AUDIENCE,
    });
    for (name, value) in changes {
        body[*name] = value.clone();
    }
    body
}

/// What is asked, and what each profile answers: the status and the error; then the text.
async fn cases(t: &TestApp) -> Vec<(Value, (u16, &'static str), (u16, &'static str), String)> {
    let (machine, other) = world(t).await;
    let public = t.post("clients", json!({ "name": "spa", "token_endpoint_auth_method": "none" })).send().await;
    let public = Machine { id: public.body["client_id"].as_str().unwrap().to_owned(), secret: "x".to_owned() };
    let same = |status, error| ((status, error), (status, error));
    let case = |body, (auth0, rfc6749): ((u16, _), (u16, _)), text: &str| (body, auth0, rfc6749, text.to_owned());
    let ask = |changes: &[(&str, Value)]| asked(&machine, changes);
    vec![
        case(
            ask(&[("grant_type", Value::Null)]),
            same(400, "invalid_request"),
            "Missing required parameter: grant_type",
        ),
        case(
            ask(&[("grant_type", json!("magic"))]),
            same(400, "unsupported_grant_type"),
            "Unsupported grant type: magic",
        ),
        case(
            asked(&public, &[]),
            ((403, "unauthorized_client"), (400, "unauthorized_client")),
            "Grant type 'client_credentials' not allowed for the client.",
        ),
        case(
            ask(&[("client_secret", json!("wrong"))]),
            ((401, "access_denied"), (401, "invalid_client")),
            "Unauthorized",
        ),
        case(ask(&[("client_secret", Value::Null)]), ((401, "access_denied"), (401, "invalid_client")), "Unauthorized"),
        case(ask(&[("client_id", json!("nobody"))]), ((401, "access_denied"), (401, "invalid_client")), "Unauthorized"),
        case(
            ask(&[("client_id", Value::Null)]),
            ((401, "invalid_client"), (400, "invalid_client")),
            "Missing client_id",
        ),
        case(
            ask(&[("audience", json!(""))]),
            ((403, "access_denied"), (400, "invalid_request")),
            "Non-global clients are not allowed access to APIv1",
        ),
        case(
            ask(&[("audience", json!("https://api.example"))]),
            ((403, "access_denied"), (400, "invalid_target")),
            "Service not found: https://api.example",
        ),
        case(
            asked(&other, &[]),
            ((403, "access_denied"), (400, "unauthorized_client")),
            "Client is not authorized to access \"https://api.example/\". You need to create a \"client-grant\" \
             associated to this API.",
        ),
        case(
            ask(&[("scope", json!("a b openid"))]),
            ((403, "access_denied"), (400, "invalid_scope")),
            "Client has not been granted scopes: b, openid",
        ),
        case(ask(&[("scope", json!("a\u{7f}"))]), same(400, "invalid_scope"), ""),
    ]
}

async fn each_refusal_has_its_words(t: TestApp) {
    for (body, (status, error), _, text) in cases(&t).await {
        let reply = t.ask(body.clone()).await;
        assert_eq!((reply.status.as_u16(), reply.body["error"].as_str().unwrap()), (status, error), "{body}");
        if !text.is_empty() {
            assert_eq!(reply.body["error_description"], text.as_str());
        }
        assert_eq!(reply.header("cache-control"), "no-store");
        assert_eq!(reply.header("www-authenticate"), "", "nothing came in the header");
    }
}

#[tokio::test]
async fn each_refusal_has_the_standards_words() {
    let directory = tempfile::tempdir().unwrap();
    let settings = Settings { error_status: ErrorStatus::Rfc6749, ..Settings::default() };
    let t = TestApp::on(Place::Directory(directory.path().join("data")), settings).await;
    for (body, _, (status, error), text) in cases(&t).await {
        let reply = t.ask(body.clone()).await;
        assert_eq!((reply.status.as_u16(), reply.body["error"].as_str().unwrap()), (status, error), "{body}");
        let said = reply.body["error_description"].as_str().unwrap();
        assert!(!said.contains(['"', '\\']), "{said}");
        if !text.is_empty() {
            assert_eq!(said, text.replace('"', "'"));
        }
    }
}

async fn whoever_fails_too_often_waits(t: TestApp) {
    let (machine, _) = world(&t).await;
    let wrong = || asked(&machine, &[("client_secret", json!("wrong"))]);
    for _ in 0..10 {
        assert_eq!(t.ask(wrong()).await.status, 401);
    }
    let refused = t.ask(asked(&machine, &[])).await;
    assert_eq!(refused.status, 429, "also with the right secret");
    assert_eq!(refused.body["error"], "too_many_attempts");
    assert_eq!(refused.header("retry-after"), "60");
    let rate = ["limit", "remaining", "reset"].map(|name| refused.header(&format!("x-ratelimit-{name}")).to_owned());
    assert_eq!(rate, ["10", "0", "1767225660"], "a minute after the first one, in seconds since 1970");
    t.clock.advance(60);
    assert_eq!(t.ask(asked(&machine, &[])).await.status, 200);
}

async fn a_client_that_is_gone_gets_nothing(t: TestApp) {
    let (machine, _) = world(&t).await;
    let old = t.post(&format!("clients/{}/rotate-secret", machine.id), json!({})).send().await;
    assert_eq!(old.status, 200, "{}", old.body);
    assert_eq!(t.ask(asked(&machine, &[])).await.status, 401, "the old secret is worth nothing");
    let machine = Machine { id: machine.id, secret: old.body["client_secret"].as_str().unwrap().to_owned() };
    assert_eq!(t.ask(asked(&machine, &[])).await.status, 200);
    assert_eq!(t.delete(&format!("clients/{}", machine.id)).send().await.status, 204);
    assert_eq!(t.ask(asked(&machine, &[])).await.status, 401);
}

async fn nothing_else_is_read_as_a_request(t: TestApp) {
    let call = |kind: &str, body: String| {
        t.call(http::Method::POST, "/oauth/token").anonymous().header("content-type", kind).body(body).send()
    };
    for (kind, body) in [
        ("application/json", "[]".to_owned()),
        ("application/json", "{".to_owned()),
        ("application/json", r#"{"scope":["a"]}"#.to_owned()),
        ("text/plain", "grant_type=client_credentials".to_owned()),
        ("application/x-www-form-urlencoded", "a=1&a=2".to_owned()),
    ] {
        let reply = call(kind, body.clone()).await;
        assert_eq!((reply.status.as_u16(), reply.body["error"].as_str().unwrap()), (400, "invalid_request"), "{body}");
    }
    let reply = call("application/json", "x".repeat(65 * 1024)).await;
    assert_eq!(reply.status, 413);
    let query = t.call(http::Method::POST, "/oauth/token?grant_type=client_credentials").anonymous().send().await;
    assert_eq!(
        query.body["error_description"], "Missing required parameter: grant_type",
        "never from the query string"
    );
}

async fn who_is_locked_out_fills_no_log(t: TestApp) {
    let (machine, _) = world(&t).await;
    for _ in 0..30 {
        t.ask(asked(&machine, &[("client_secret", json!("wrong"))])).await;
    }
    assert_eq!(t.entries("feccft").await.len(), 10, "the failures, and none of the attempts behind them");
}

async fn a_secret_in_the_query_string_is_not_kept(t: TestApp) {
    let (machine, _) = world(&t).await;
    let path = format!("/oauth/token?client_secret={}&more=1", machine.secret);
    let reply = t.call(http::Method::POST, &path).anonymous().json(asked(&machine, &[])).send().await;
    assert_eq!(reply.status, 200);
    let entry = t.entries("seccft").await.into_iter().find(|entry| entry["client_id"] == machine.id.as_str()).unwrap();
    assert_eq!(entry["details"]["request"]["query"], json!({ "client_secret": "[redacted]", "more": "1" }));
    assert!(!entry.to_string().contains(&machine.secret));
}

async fn a_secret_in_another_place_is_neither_shown_nor_kept(t: TestApp) {
    let (machine, other) = world(&t).await;
    let token = t.ask(asked(&machine, &[])).await.body["access_token"].as_str().unwrap().to_owned();
    let given = json!({ "client_secret": "a secret that somebody chose" });
    assert_eq!(t.patch(&format!("clients/{}", other.id), given).send().await.status, 200);
    for secret in [&machine.secret, &token, "a secret that somebody chose", &"aB3x".repeat(16)] {
        for (name, status) in [("client_id", 401), ("scope", 403), ("audience", 403), ("grant_type", 400)] {
            let reply = t.ask(asked(&machine, &[(name, json!(secret))])).await;
            assert_eq!(reply.status, status, "{name}");
            assert!(!reply.body.to_string().contains(secret), "{name}: {}", reply.body);
        }
    }
    let entries = t.entries("feccft").await;
    // An unknown grant is refused before anybody is asked who it is.
    assert_eq!(entries.len(), 12);
    for entry in &entries {
        let text = entry.to_string();
        assert!(text.contains("[redacted]"), "{text}");
        assert!(![&machine.secret, &token, "somebody chose"].iter().any(|secret| text.contains(*secret)), "{text}");
        assert!(!text.contains(&"aB3x".repeat(16)), "{text}");
    }
}

async fn what_only_looks_like_a_secret_is_taken_as_it_is(t: TestApp) {
    let [audience, scope] = ["Ab1".repeat(21) + "x", "Cd2".repeat(21) + "y"];
    t.api(&audience, &[&scope]).await;
    let machine = t.machine().await;
    t.grant(&machine, &audience, &[&scope]).await;
    let reply = t.ask_as(&machine, &audience, &scope).await;
    assert_eq!((reply.status.as_u16(), &reply.body["scope"]), (200, &json!(scope)), "{}", reply.body);
}

async fn a_body_that_cannot_be_read_is_not_repeated(t: TestApp) {
    for body in
        ["\"the secret\"", "{\"client_secret\": 12345678}", "{\"the secret\": [1]}", "{\"a\": \"b\", \"a\": \"c\"}"]
    {
        let call = t.call(http::Method::POST, "/oauth/token").anonymous().header("content-type", "application/json");
        let reply = call.body(body).send().await;
        assert_eq!(reply.status, 400);
        let said = reply.body["error_description"].as_str().unwrap();
        assert!(!said.contains("the secret") && !said.contains("1234") && said.contains("line 1"), "{said}");
    }
}
