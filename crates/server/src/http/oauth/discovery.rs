//! What this issuer offers, and its public keys. Only what really works is listed.

use http::{StatusCode, header};
use keyward_core::model::{client::OFFERED_GRANTS, credential::AssertionAlgorithm};
use serde_json::json;

use crate::http::{
    answer::Answer,
    operation::{Handled, Request},
};

/// How long a client may keep either document (contract: discovery and keys). Keys are published before they sign.
const KEEP: &str = "public, max-age=300";

fn public(answer: Answer) -> Answer {
    answer.with(header::CACHE_CONTROL, KEEP)
}

/// The discovery document.
pub fn configuration(request: Request) -> Handled {
    Box::pin(async move {
        let issuer = &request.call.app.public_url;
        let document = json!({
            "issuer": issuer,
            "jwks_uri": format!("{issuer}.well-known/jwks.json"),
            "token_endpoint": format!("{issuer}oauth/token"),
            "revocation_endpoint": format!("{issuer}oauth/revoke"),
            "grant_types_supported": OFFERED_GRANTS,
            "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post", "private_key_jwt"],
            "token_endpoint_auth_signing_alg_values_supported": AssertionAlgorithm::ALL.map(AssertionAlgorithm::as_str),
            "response_types_supported": [],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256"],
            "request_uri_parameter_supported": false,
            "request_parameter_supported": false,
        });
        Ok(public(Answer::json(StatusCode::OK, &document)))
    })
}

/// The public keys.
pub fn jwks(request: Request) -> Handled {
    Box::pin(async move {
        // The keys as they are once it is known that this node may believe its memory, not as the request found them.
        let app = &request.call.app;
        app.lease.check()?;
        let view = app.view();
        let asked: Vec<_> =
            view.snapshot.apis(request.call.workspace).map(|entry| entry.api.settings.signing_alg).collect();
        Ok(public(Answer::json(StatusCode::OK, &view.keyring.jwks(&asked, request.call.now))))
    })
}
