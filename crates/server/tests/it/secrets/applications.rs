//! The secrets of applications, and the private keys that they keep to themselves.

use serde_json::json;

use super::{AUDIENCE, Run};
use crate::oauth::signer::Signer;

/// An application with a grant of [`AUDIENCE`], its secret, and one that proves who it is with a key.
pub(super) struct Machine {
    pub(super) id: String,
    pub(super) secret: String,
    pub(super) basic: (String, String),
    pub(super) signing: String,
}

/// Makes an application that may ask for tokens; remembers its secret, and returns it with its id.
async fn application(run: &mut Run, what: &str, body: serde_json::Value) -> (String, String) {
    let made = run.shown("POST", "clients", body).await;
    let id = made["client_id"].as_str().unwrap().to_owned();
    let secret = made["client_secret"].as_str().unwrap();
    run.shown("POST", "client-grants", json!({ "client_id": id, "audience": AUDIENCE, "scope": ["read:x"] })).await;
    (id, run.knows(what, secret))
}

pub(super) async fn make_and_misuse(run: &mut Run) -> Machine {
    let body = json!({ "name": "made", "token_endpoint_auth_method": "client_secret_post" });
    let (id, first) = application(run, "a made secret", body).await;
    let rotated = run.shown("POST", &format!("clients/{id}/rotate-secret"), json!({})).await;
    let secret = run.knows("a rotated secret", rotated["client_secret"].as_str().unwrap());
    assert_ne!(first, secret);

    let given = run.knows("a given secret", "a given secret of \"36\" characters long");
    let body = json!({ "name": "given", "client_secret": given, "token_endpoint_auth_method": "client_secret_basic" });
    let (other, _) = application(run, "a given secret, as it is shown", body).await;
    let changed = run.knows("a changed secret", "another given secret of many characters");
    run.shown("PATCH", &format!("clients/{other}"), json!({ "client_secret": changed })).await;
    run.shown("GET", &format!("clients/{other}"), json!({})).await;
    run.shown("GET", "clients", json!({})).await;

    refused_secrets(run, &other).await;
    let keys = json!([{ "credential_type": "public_key", "pem": Signer::one().pem() }]);
    let methods = json!({ "private_key_jwt": { "credentials": keys } });
    let body = json!({ "name": "signing", "client_authentication_methods": methods });
    let made = run.shown("POST", "clients", body).await;
    let signing = made["client_id"].as_str().unwrap().to_owned();
    run.shown("POST", "client-grants", json!({ "client_id": signing, "audience": AUDIENCE, "scope": [] })).await;
    private_keys(run, &signing).await;
    Machine { id, secret, basic: (other, changed), signing }
}

/// Secrets in requests that are refused.
async fn refused_secrets(run: &mut Run, id: &str) {
    let text = run.knows("a secret that was refused", "this given secret was never accepted");
    let path = format!("clients/{id}");
    for body in [
        json!({ "client_secret": text, "color": "red" }),
        json!({ "client_secret": [text] }),
        json!({ "client_secret": { "text": text } }),
        json!({ "client_secret": text, "name": "" }),
    ] {
        assert_eq!(run.quiet("PATCH", &path, body.clone()).await, 400);
        assert_eq!(run.quiet("POST", "clients", body).await, 400);
    }
    assert_eq!(run.quiet("PATCH", "clients/nobody", json!({ "client_secret": text })).await, 404);
}

/// The private half of a key, sent instead of the public one.
async fn private_keys(run: &mut Run, id: &str) {
    let pem = Signer::other().private_pem();
    let line = pem.lines().nth(3).unwrap().to_owned();
    run.knows("a line of a private key", line);
    let path = format!("clients/{id}/credentials");
    for body in [
        json!({ "credential_type": "public_key", "pem": pem }),
        json!({ "credential_type": pem, "pem": "x" }),
        json!({ "credential_type": "public_key", "pem": [pem] }),
        json!({ "credential_type": "public_key", "pem": pem, "private_key": pem }),
    ] {
        assert_eq!(run.quiet("POST", &path, body).await, 400);
    }
}
