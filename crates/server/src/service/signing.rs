//! Signatures with the current key, made where they keep nobody waiting.

use std::sync::Arc;

use keyward_core::{
    Problem,
    model::api::{Api, SigningAlgorithm},
    secret::Secret,
};

use crate::{
    app::{App, View},
    keyring::{Key, Keyring, message},
};

/// What signs tokens that all have the same header.
#[derive(Debug)]
pub(super) struct Signer {
    /// The header, as they begin with it.
    begin: String,
    with: With,
}

#[derive(Debug)]
enum With {
    Secret(Secret),
    Pair(Arc<Key>, SigningAlgorithm),
}

impl Signer {
    /// The current key of this state, with this algorithm, for tokens of this kind.
    ///
    /// # Errors
    /// [`Problem::Internal`] when no key is current.
    pub(super) fn of(view: &View, algorithm: SigningAlgorithm, kind: &str) -> Result<Self, Problem> {
        let key = Arc::clone(view.keyring.current()?);
        Ok(Self { begin: key.begin(algorithm, kind), with: With::Pair(key, algorithm) })
    }

    /// What signs an API's tokens of this kind: the current key, or the API's own secret.
    ///
    /// # Errors
    /// [`Problem::Internal`] when there is none.
    pub(super) fn for_api(view: &View, api: &Api, kind: &str) -> Result<Self, Problem> {
        let algorithm = api.settings.signing_alg;
        if algorithm != SigningAlgorithm::HS256 {
            return Self::of(view, algorithm, kind);
        }
        let secret = api.signing_secret.clone();
        let secret = secret.ok_or_else(|| Problem::internal("an API with a symmetric algorithm has no secret"))?;
        Ok(Self { begin: Keyring::begin_with_secret(kind), with: With::Secret(secret) })
    }

    /// Whether a signature may be made where others wait meanwhile. RSA takes a quarter of a millisecond. ES256 takes
    /// fifteen microseconds, about as much as going elsewhere.
    pub(super) fn is_quick(&self) -> bool {
        matches!(self.with, With::Secret(_) | With::Pair(_, SigningAlgorithm::ES256))
    }

    /// A token with these claims, JSON, signed here and now.
    ///
    /// # Errors
    /// [`Problem::Internal`] when the provider refuses to sign.
    pub(super) fn sign_here(&self, claims: &str) -> Result<String, Problem> {
        let message = message(&self.begin, claims);
        match &self.with {
            With::Secret(secret) => Ok(Keyring::sign_with_secret(secret, message)),
            With::Pair(key, algorithm) => key.sign(*algorithm, message),
        }
    }

    /// The same, on a signing thread unless it is quick.
    ///
    /// # Errors
    /// [`Problem::Internal`] when the provider refuses to sign.
    pub(super) async fn sign(&self, app: &App, claims: &str) -> Result<String, Problem> {
        match &self.with {
            With::Pair(key, algorithm) if !self.is_quick() => {
                let (key, algorithm, message) = (Arc::clone(key), *algorithm, message(&self.begin, claims));
                app.signers.run(move || key.sign(algorithm, message)).await
            }
            _ => self.sign_here(claims),
        }
    }
}

/// A token with these claims, JSON, signed with the current key.
///
/// # Errors
/// [`Problem::Internal`] when the provider refuses to sign.
pub(super) async fn sign(
    app: &App,
    view: &View,
    algorithm: SigningAlgorithm,
    kind: &str,
    claims: &str,
) -> Result<String, Problem> {
    Signer::of(view, algorithm, kind)?.sign(app, claims).await
}
