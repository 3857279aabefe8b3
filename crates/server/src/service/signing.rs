//! Signatures with the current key, made where they keep nobody waiting.

use std::sync::Arc;

use keyward_core::{Problem, model::api::SigningAlgorithm};

use crate::app::{App, View};

/// A token with these claims, JSON, signed with the current key.
///
/// RSA takes a quarter of a millisecond, which nobody on an async thread should wait for. ES256 takes fifteen
/// microseconds, about as much as going elsewhere.
///
/// # Errors
/// [`Problem::Internal`] when the provider refuses to sign.
pub(super) async fn sign(
    app: &App,
    view: &View,
    algorithm: SigningAlgorithm,
    kind: &'static str,
    claims: String,
) -> Result<String, Problem> {
    let key = Arc::clone(view.keyring.current()?);
    if algorithm == SigningAlgorithm::ES256 {
        return key.sign(algorithm, kind, &claims);
    }
    app.signers.run(move || key.sign(algorithm, kind, &claims)).await
}
