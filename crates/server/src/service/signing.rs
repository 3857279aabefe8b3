//! Signatures with the current key, made where they keep nobody waiting.

use std::sync::Arc;

use keyward_core::{Problem, model::api::SigningAlgorithm};
use serde_json::Value;

use crate::app::{App, View};

/// A token with these claims, signed with the current key.
///
/// RSA takes a quarter of a millisecond, which nobody on an async thread should wait for. Only as many of them are under
/// way as there are cores: the pool would start hundreds of threads for hundreds of tokens, which then share the cores
/// with each other and with everybody else, so that each of the signatures is late. Whoever comes later waits in order.
/// ES256 takes fifteen microseconds, less than going elsewhere.
///
/// # Errors
/// [`Problem::Internal`] when the provider refuses to sign.
pub(super) async fn sign(
    app: &App,
    view: &View,
    algorithm: SigningAlgorithm,
    kind: &'static str,
    claims: Value,
) -> Result<String, Problem> {
    let key = Arc::clone(view.keyring.current()?);
    if algorithm == SigningAlgorithm::ES256 {
        return key.sign(algorithm, kind, &claims);
    }
    slowly(app, move || key.sign(algorithm, kind, &claims)).await
}

/// Carries out work on an RSA key in its turn, off the async threads. The turn ends with the work, also when nobody
/// waits for it any more.
pub(super) async fn slowly<T, F>(app: &App, work: F) -> Result<T, Problem>
where
    T: Send + 'static,
    F: FnOnce() -> Result<T, Problem> + Send + 'static,
{
    let turn = Arc::clone(&app.signing).acquire_owned().await.map_err(Problem::internal)?;
    let done = tokio::task::spawn_blocking(move || {
        let result = work();
        drop(turn);
        result
    });
    done.await.map_err(Problem::internal)?
}
