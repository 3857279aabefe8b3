//! What tokens are signed with: the secrets of APIs, and the private keys of the program.

use serde_json::json;

use super::{
    Run,
    applications::Machine,
    tokens::{asked, issued},
};

/// An API whose tokens are signed with a secret.
const SYMMETRIC: &str = "https://symmetric.example/";

pub(super) async fn make_and_misuse(run: &mut Run, machine: &Machine) {
    let made = run.shown("POST", "resource-servers", json!({ "identifier": SYMMETRIC, "signing_alg": "HS256" })).await;
    run.knows("a made signing secret", made["signing_secret"].as_str().unwrap());
    let path = format!("resource-servers/{}", made["id"].as_str().unwrap());
    let given = run.knows("a given signing secret", "a given signing secret of many characters");
    run.shown("PATCH", &path, json!({ "signing_secret": given })).await;
    run.shown("GET", &path, json!({})).await;
    for body in [
        json!({ "signing_secret": given, "color": "red" }),
        json!({ "signing_secret": [given] }),
        json!({ "signing_secret": given, "token_lifetime": -1 }),
    ] {
        assert_eq!(run.quiet("PATCH", &path, body).await, 400);
    }
    run.shown("POST", "client-grants", json!({ "client_id": machine.id, "audience": SYMMETRIC, "scope": [] })).await;
    let body = json!({ "client_id": machine.id, "client_secret": machine.secret, "audience": SYMMETRIC });
    let call = run.request("POST", "/oauth/token").json(&asked(&body));
    let token = issued(run, "a token that is signed with a secret", call).await;
    let call = run.request("DELETE", "/api/v2/clients/x").bearer_auth(&token);
    assert_eq!(run.send_quietly("a token that is signed with a secret", call).await, 401);
    rotated_keys(run).await;
}

/// The private halves of old, current and next keys are looked for by their form.
async fn rotated_keys(run: &mut Run) {
    for (method, path) in [("POST", "keys/signing/rotate"), ("GET", "keys/signing")] {
        assert!(run.quiet(method, path, json!({})).await < 300);
    }
    for path in ["/.well-known/jwks.json", "/.well-known/openid-configuration", "/openapi.json"] {
        let call = run.request("GET", path);
        assert_eq!(run.send_quietly(path, call).await, 200);
    }
}
