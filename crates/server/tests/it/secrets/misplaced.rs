//! Secrets where they do not belong: somebody sends them there all the same.

use base64::{Engine, prelude::BASE64_STANDARD};
use serde_json::json;

use super::{AUDIENCE, Run, applications::Machine, encoded, tokens::asked};

pub(super) async fn send(run: &mut Run, machine: &Machine) {
    let (id, given) = machine.basic.clone();
    let token = run.token.clone();
    let old = run.secrets.iter().find(|(what, _)| what == "a made secret").unwrap().1.clone();
    for secret in [&machine.secret, &given, &token, &old] {
        in_parameters(run, machine, secret).await;
        in_the_header(run, &id, secret).await;
        in_the_query_string(run, machine, secret).await;
        as_the_body(run, secret).await;
    }
    in_the_management_api(run, &token).await;
}

/// In the place of another parameter of a request for a token.
async fn in_parameters(run: &mut Run, machine: &Machine, secret: &str) {
    let right = json!({ "client_id": machine.id, "client_secret": machine.secret });
    let with = |name: &str, text: &str| {
        let mut body = asked(&right);
        body[name] = text.into();
        body
    };
    run.refused("a secret as client_id", &asked(&json!({ "client_id": secret, "client_secret": secret }))).await;
    let swapped = json!({ "client_id": secret, "client_secret": machine.id });
    run.refused("a secret and an id in each other's place", &asked(&swapped)).await;
    for name in ["scope", "audience", "grant_type"] {
        run.refused(&format!("a secret as {name}"), &with(name, secret)).await;
    }
    // One that somebody chose is only recognised whole: its letters may be any.
    if !secret.contains(' ') {
        run.refused("a secret among scopes", &with("scope", &format!("read:x {secret} read:y"))).await;
        run.refused("a secret in an audience", &with("audience", &format!("{AUDIENCE}{secret}"))).await;
    }
    let mut body = with("resource", secret);
    body["audience"] = "https://unknown.example/".into();
    body["password"] = secret.into();
    body["comment"] = secret.into();
    run.refused("a secret in parameters that nobody knows", &body).await;
}

/// In an `Authorization` header that is no good.
async fn in_the_header(run: &mut Run, id: &str, secret: &str) {
    for header in [
        format!("Basic {secret}"),
        format!("Basic {}", BASE64_STANDARD.encode(secret)),
        format!("Basic {}", BASE64_STANDARD.encode(format!("{secret}:{id}"))),
        format!("Basic {}", BASE64_STANDARD.encode(format!("{secret}:{secret}"))),
        format!("Bearer {secret}"),
        secret.to_owned(),
    ] {
        let call = run.request("POST", "/oauth/token").header("authorization", header).json(&asked(&json!({})));
        assert_eq!(run.send_quietly("a header that is no good", call).await, 401);
    }
}

async fn in_the_query_string(run: &mut Run, machine: &Machine, secret: &str) {
    let body = asked(&json!({ "client_id": machine.id, "client_secret": machine.secret, "scope": "nothing" }));
    for name in ["client_secret", "access_token", "secret", "anything", "client_id"] {
        let query = encoded(&json!({ name: secret }));
        let call = run.request("POST", &format!("/oauth/token?{query}")).json(&body);
        assert_eq!(run.send_quietly("a secret in the query string", call).await, 403);
    }
}

/// As a whole body, or as part of one that can't be read.
async fn as_the_body(run: &mut Run, secret: &str) {
    for body in
        [json!(secret).to_string(), format!("{{\"client_secret\": \"{}", secret.replace('"', "")), secret.to_owned()]
    {
        for kind in ["application/json", "text/plain"] {
            let call = run.request("POST", "/oauth/token").header("content-type", kind).body(body.clone());
            assert_eq!(run.send_quietly("a secret as the body", call).await, 400);
        }
    }
}

/// A token in a request to the Management API, where it can be recognised.
async fn in_the_management_api(run: &mut Run, token: &str) {
    for (method, path, body) in [
        ("POST", format!("clients?access_token={token}"), json!({ "name": "x" })),
        ("GET", format!("clients?fields={token}"), json!({})),
        ("GET", format!("users?sort={token}"), json!({})),
        ("POST", "clients".to_owned(), json!({ "name": "x", "app_type": token })),
        ("POST", "clients".to_owned(), json!({ "name": "<", "access_token": token })),
        ("POST", "users".to_owned(), json!({ "connection": "x", "email": token, "password": "x" })),
        ("POST", "roles/x/permissions".to_owned(), json!({ "permissions": [token] })),
    ] {
        assert!(run.quiet(method, &path, body).await >= 400, "{method} {path}");
    }
    assert_eq!(run.quiet("DELETE", &format!("clients/{token}"), json!({})).await, 204);
}
