//! Trying what an application gets: a token, and what it says.
//!
//! The application's secret is asked for, and the token comes by the way that every token comes. Without it, whoever may
//! edit here could get tokens of applications that may do more than an editor.

use http::StatusCode;
use keyward_core::{
    Problem,
    model::client::{Client, ClientAuthentication},
    problem::TokenRefusal,
    secret::Secret,
};

use super::{
    apis::find,
    form,
    table::{EDIT, answer_at},
    trial_page::{Outcome, Token, granted, has_secret, show_trial},
};
use crate::{
    http::operation::{Handled, Operation, Request},
    service::client_credentials::{Asked, Credentials, Proof, exchange},
};

/// The rows.
pub(super) fn rows() -> Vec<Operation> {
    let get = answer_at(
        "console_token_get",
        "/apis/{id}/test/token",
        ("Get an access token as an application, in the console", EDIT),
        get,
    );
    // Tokens have entries of their own, also when there is none.
    vec![Operation { audit: None, ..get }]
}

/// Gets a token for an application that has a grant, with its secret.
pub(super) fn get(request: Request) -> Handled {
    Box::pin(async move {
        let entry = find(&request)?;
        let (id, secret) = (form::text(&request.body, "client_id"), form::text(&request.body, "client_secret"));
        let mut shown = Outcome { client_id: id.to_owned(), ..Outcome::default() };
        let refused = StatusCode::UNPROCESSABLE_ENTITY;
        let chosen = granted(&request, entry).into_iter().find(|client| client.id == id && has_secret(client));
        let Some(client) = chosen else {
            shown.errors.add("client_id", "Choose one of the applications that have a grant.");
            return show_trial(&request, entry, (refused, shown));
        };
        if secret.is_empty() {
            shown.errors.add("client_secret", "Paste the application's secret.");
            return show_trial(&request, entry, (refused, shown));
        }
        let asked = Asked { audience: Some(entry.api.identifier.clone()), ..Asked::default() };
        match exchange(&request.call, &credentials(client, secret), &asked).await {
            Ok(answered) => {
                let (token, lifetime) = answered.into_token();
                shown.token = Some(Token::new(token, lifetime));
                show_trial(&request, entry, (StatusCode::OK, shown))
            }
            Err(Problem::Token(refusal)) => {
                shown.errors.add("client_secret", said(&refusal));
                show_trial(&request, entry, (refused, shown))
            }
            Err(problem) => Err(problem),
        }
    })
}

/// What the application shows to get a token, in the way in which it says that it does.
fn credentials(client: &Client, secret: &str) -> Credentials {
    let method = client.settings.token_endpoint_auth_method;
    let in_header = method == Some(ClientAuthentication::ClientSecretBasic);
    let secret = Secret::from(secret.to_owned());
    Credentials { id: Some(client.id.clone()), proof: Proof::Secret { secret, in_header } }
}

fn said(refusal: &TokenRefusal) -> String {
    match refusal {
        TokenRefusal::Client { .. } => "This is not the application's secret.".to_owned(),
        TokenRefusal::TooMany(wait) => format!("Too many attempts. Try again in {} seconds.", wait.seconds),
        TokenRefusal::NotAuthorized(_) => {
            "The application gets no token for this API: it has no grant any more, or the API lets no application in."
                .to_owned()
        }
        TokenRefusal::GrantNotAllowed(_) => "The application may not get tokens for itself.".to_owned(),
        other => format!("There is no token: {other:?}"),
    }
}
