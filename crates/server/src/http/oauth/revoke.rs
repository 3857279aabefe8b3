//! The revocation endpoint (RFC 7009). There are no refresh tokens yet, and access tokens can't be called back.

use http::StatusCode;
use keyward_core::{Problem, problem::TokenRefusal};
use serde_json::{Value, json};

use super::{credentials::credentials, problem};
use crate::{
    http::{
        answer::Answer,
        operation::{Handled, Request},
    },
    service::client_credentials,
};

/// Revokes a token. Whether there was one, the answer does not say (RFC 7009 §2.2).
pub fn revoke(request: Request) -> Handled {
    Box::pin(async move {
        let credentials = credentials(&request.incoming.headers, &request.body)?;
        client_credentials::authenticate(&request.call, &request.view, &credentials).await?;
        if request.body.get("token").is_none() {
            return Err(Problem::Token(TokenRefusal::Missing("token")));
        }
        Ok(problem::private(Answer::empty(StatusCode::OK)))
    })
}

/// The schema of a request's parameters.
pub fn parameters() -> Value {
    let text = |description: &str| json!({"type": ["string", "null"], "description": description});
    json!({
        "type": "object", "required": ["token"],
        "properties": {
            "token": {"type": "string", "description": "The token that shall be worth nothing any more"},
            "token_type_hint": text("Ignored"),
            "client_id": text("Which application asks"),
            "client_secret": text("Its secret, unless it is in the Authorization header"),
        },
    })
}
