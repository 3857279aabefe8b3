//! The authorization server.

mod assertions;
mod audience;
mod cors;
mod first_client;
mod log;
mod private_key_jwt;
mod refusals;
mod removal;
mod revoke;
pub(crate) mod signer;
mod token;

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use crate::support::{Reply, TestApp};

/// An application and its secret.
pub(crate) struct Machine {
    pub(crate) id: String,
    pub(crate) secret: String,
}

impl TestApp {
    /// Makes an application that may ask for tokens for itself.
    pub(crate) async fn machine(&self) -> Machine {
        let body = json!({ "name": "machine", "app_type": "non_interactive", "grant_types": ["client_credentials"] });
        let reply = self.post("clients", body).send().await;
        assert_eq!(reply.status, 201, "{}", reply.body);
        let text = |name: &str| reply.body[name].as_str().unwrap().to_owned();
        Machine { id: text("client_id"), secret: text("client_secret") }
    }

    /// Grants scopes of an API to an application, and returns the grant's id.
    pub(crate) async fn grant(&self, machine: &Machine, audience: &str, scope: &[&str]) -> String {
        let body = json!({ "client_id": machine.id, "audience": audience, "scope": scope });
        let reply = self.post("client-grants", body).send().await;
        assert_eq!(reply.status, 201, "{}", reply.body);
        reply.body["id"].as_str().unwrap().to_owned()
    }

    /// What the token endpoint answers to this.
    pub(crate) async fn ask(&self, body: Value) -> Reply {
        self.call(http::Method::POST, "/oauth/token").anonymous().json(body).send().await
    }

    /// What it answers to an application that asks for itself.
    pub(crate) async fn ask_as(&self, machine: &Machine, audience: &str, scope: &str) -> Reply {
        self.ask(json!({
            "grant_type": "client_credentials", "client_id": machine.id, "client_secret": machine.secret,
            "audience": audience, "scope": scope,
        }))
        .await
    }

    /// The scopes that an application gets that asks for nothing in particular.
    pub(crate) async fn granted(&self, machine: &Machine, audience: &str) -> String {
        let reply = self.ask_as(machine, audience, "").await;
        assert_eq!(reply.status, 200, "{}", reply.body);
        reply.body["scope"].as_str().unwrap_or_default().to_owned()
    }
}

/// A token's header and claims, unverified.
pub(crate) fn read(token: &str) -> (Value, Value) {
    let part = |at: usize| {
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(token.split('.').nth(at).unwrap()).unwrap();
        serde_json::from_slice(&bytes).unwrap()
    };
    (part(0), part(1))
}
