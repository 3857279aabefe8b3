//! The signing keys, parsed once: signing with a parsed key takes a third of the time that parsing and signing takes.

use std::sync::Arc;

use aws_lc_rs::{
    hmac,
    rand::SystemRandom,
    rsa::KeySize,
    signature::{KeyPair, RSA_PKCS1_SHA256, RSA_PKCS1_SHA512, RSA_PSS_SHA256, RsaEncoding, RsaKeyPair},
};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use jsonwebtoken::DecodingKey;
use keyward_core::{
    Problem,
    model::{
        api::SigningAlgorithm,
        signing_key::{KeyState, SigningKey},
    },
    secret::Secret,
    snapshot::Snapshot,
};
use serde_json::{Value, json};

/// One key, ready for use.
pub struct Key {
    /// Its id.
    pub kid: String,
    /// Where it is in its life.
    pub state: KeyState,
    pair: RsaKeyPair,
    decoding: DecodingKey,
}

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Key({}, {:?})", self.kid, self.state)
    }
}

/// All keys of one state of the catalogue.
#[derive(Debug, Default)]
pub struct Keyring {
    stored: Vec<Arc<SigningKey>>,
    keys: Vec<Arc<Key>>,
}

impl Keyring {
    /// The keys of this snapshot; those that `before` had are not parsed again.
    ///
    /// # Errors
    /// [`Problem::Internal`] when a stored key is not one.
    pub fn of(snapshot: &Snapshot, before: &Self) -> Result<Self, Problem> {
        let stored: Vec<_> = snapshot.signing_keys().cloned().collect();
        let mut keys = Vec::with_capacity(stored.len());
        for key in &stored {
            let known = before.stored.iter().position(|old| old == key);
            keys.push(match known {
                Some(at) => Arc::clone(&before.keys[at]),
                None => Arc::new(Key::parse(key)?),
            });
        }
        Ok(Self { stored, keys })
    }

    /// Whether these are the keys of the snapshot.
    pub fn is_of(&self, snapshot: &Snapshot) -> bool {
        self.stored.iter().eq(snapshot.signing_keys())
    }

    /// The key that signs.
    ///
    /// # Errors
    /// [`Problem::Internal`] when there is none.
    pub fn current(&self) -> Result<&Arc<Key>, Problem> {
        let current = self.keys.iter().rev().find(|key| key.state == KeyState::Current);
        current.ok_or_else(|| Problem::internal("no signing key is current"))
    }

    /// The key with this id, unless it is revoked.
    pub fn verifying(&self, kid: &str) -> Option<&Arc<Key>> {
        self.keys.iter().find(|key| key.kid == kid && key.state != KeyState::Revoked)
    }

    /// The public halves of all keys that verify or will (RFC 7517), for the usual algorithm and those that APIs ask for.
    /// Private parts are not within reach here.
    pub fn jwks(&self, asked: &[SigningAlgorithm]) -> Value {
        let public = |key: &Arc<Key>, algorithm: SigningAlgorithm| {
            let (modulus, exponent) = key.public();
            json!({
                "kty": "RSA", "use": "sig", "alg": format!("{algorithm:?}"), "kid": key.kid_of(algorithm),
                "n": BASE64_URL_SAFE_NO_PAD.encode(modulus), "e": BASE64_URL_SAFE_NO_PAD.encode(exponent),
            })
        };
        let live = || self.keys.iter().filter(|key| key.state != KeyState::Revoked);
        // The usual one first: some clients look at nothing else.
        let others = [SigningAlgorithm::RS512, SigningAlgorithm::PS256].into_iter().filter(|one| asked.contains(one));
        let algorithms = std::iter::once(SigningAlgorithm::RS256).chain(others);
        let keys = algorithms.flat_map(|algorithm| live().map(move |key| public(key, algorithm)));
        json!({ "keys": keys.collect::<Vec<_>>() })
    }

    /// A token that is signed with a secret which the API shares (RFC 7515, `HS256`). It has no key id.
    pub fn sign_with_secret(secret: &Secret, kind: &str, claims: &Value) -> String {
        let message = message(&json!({ "alg": "HS256", "typ": kind }), claims);
        let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret.expose()), message.as_bytes());
        format!("{message}.{}", BASE64_URL_SAFE_NO_PAD.encode(tag))
    }
}

impl Key {
    fn parse(stored: &SigningKey) -> Result<Self, Problem> {
        let pair = RsaKeyPair::from_pkcs8(stored.private.expose())
            .map_err(|rejected| Problem::internal(format!("signing key {}: {rejected}", stored.kid)))?;
        let public = pair.public_key();
        let decoding = DecodingKey::from_rsa_raw_components(
            public.modulus().big_endian_without_leading_zero(),
            public.exponent().big_endian_without_leading_zero(),
        );
        Ok(Self { kid: stored.kid.clone(), state: stored.state, pair, decoding })
    }

    fn public(&self) -> (&[u8], &[u8]) {
        let public = self.pair.public_key();
        (public.modulus().big_endian_without_leading_zero(), public.exponent().big_endian_without_leading_zero())
    }

    /// The half that verifies.
    pub fn decoding(&self) -> &DecodingKey {
        &self.decoding
    }

    /// A signed token with these claims (RFC 7515, compact form), and this `typ` in its header. Takes a quarter of a
    /// millisecond of processor time: call it off the async threads.
    ///
    /// # Errors
    /// [`Problem::Internal`] when the provider refuses to sign, or the algorithm is not one of RSA.
    pub fn sign(&self, algorithm: SigningAlgorithm, kind: &str, claims: &Value) -> Result<String, Problem> {
        let (name, encoding): (_, &'static dyn RsaEncoding) = match algorithm {
            SigningAlgorithm::RS256 => ("RS256", &RSA_PKCS1_SHA256),
            SigningAlgorithm::RS512 => ("RS512", &RSA_PKCS1_SHA512),
            SigningAlgorithm::PS256 => ("PS256", &RSA_PSS_SHA256),
            SigningAlgorithm::HS256 => return Err(Problem::internal("a key pair does not sign with a secret")),
        };
        let message = message(&json!({ "alg": name, "typ": kind, "kid": self.kid_of(algorithm) }), claims);
        let mut signature = vec![0; self.pair.public_modulus_len()];
        self.pair
            .sign(encoding, &SystemRandom::new(), message.as_bytes(), &mut signature)
            .map_err(Problem::internal)?;
        Ok(format!("{message}.{}", BASE64_URL_SAFE_NO_PAD.encode(signature)))
    }

    /// The id of this key for this algorithm. A verifier takes a key for the one algorithm that stands beside it, so the
    /// same key is published once for each.
    fn kid_of(&self, algorithm: SigningAlgorithm) -> String {
        match algorithm {
            SigningAlgorithm::RS512 => format!("{}-RS512", self.kid),
            SigningAlgorithm::PS256 => format!("{}-PS256", self.kid),
            _ => self.kid.clone(),
        }
    }
}

/// What is signed of a token.
fn message(header: &Value, claims: &Value) -> String {
    let encode = |part: &Value| BASE64_URL_SAFE_NO_PAD.encode(part.to_string());
    format!("{}.{}", encode(header), encode(claims))
}

/// Makes an RSA key of 2048 bits, PKCS#8. Takes a tenth of a second and more.
///
/// # Errors
/// [`Problem::Internal`] when the provider refuses.
pub fn generate() -> Result<Secret, Problem> {
    use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
    let pair = aws_lc_rs::rsa::KeyPair::generate(KeySize::Rsa2048).map_err(Problem::internal)?;
    let der = AsDer::<Pkcs8V1Der<'_>>::as_der(&pair).map_err(Problem::internal)?;
    Ok(Secret::new(der.as_ref().to_vec()))
}
