//! The signing keys, parsed once: signing with a parsed key takes a third of the time that parsing and signing takes.

use std::sync::Arc;

use aws_lc_rs::{
    digest::{SHA1_FOR_LEGACY_USE_ONLY, digest},
    hmac,
    rand::SystemRandom,
    rsa::KeySize,
    signature::{
        ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair, RSA_PKCS1_SHA256, RSA_PKCS1_SHA512, RSA_PSS_SHA256,
        RsaEncoding, RsaKeyPair,
    },
};
use base64::{
    Engine,
    prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD},
};
use jsonwebtoken::DecodingKey;
use keyward_core::{
    Problem,
    model::{
        api::SigningAlgorithm,
        signing_key::{KeyPairs, KeyState, SigningKey},
    },
    secret::Secret,
    snapshot::Snapshot,
    time::Timestamp,
};
use serde_json::{Value, json};

/// How long a key's certificate is good for, in seconds: ten years. Nobody but its reader looks at it; keys end by
/// rotation and revocation.
const CERTIFICATE_LIFE: i64 = 3650 * 86_400;

/// Makes the private halves of a key.
pub type NewKeyPairs = Arc<dyn Fn() -> Result<KeyPairs, Problem> + Send + Sync>;

/// One key, ready for use.
pub struct Key {
    /// Its id.
    pub kid: String,
    /// Where it is in its life.
    pub state: KeyState,
    certificate: Option<Vec<u8>>,
    pair: RsaKeyPair,
    elliptic: Option<EcdsaKeyPair>,
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

    /// The public halves of all keys that verify or will (RFC 7517), for the usual algorithm, those that APIs ask for,
    /// and elliptic curves; but for those that no good token is signed with any more. Private parts are not within reach
    /// here.
    pub fn jwks(&self, asked: &[SigningAlgorithm], now: Timestamp) -> Value {
        // The one that signs first: some clients look at nothing else.
        let live = || {
            let published = || self.stored.iter().zip(&self.keys).rev().filter(|(stored, _)| stored.is_published(now));
            let of = move |state| published().map(|(_, key)| key).filter(move |key| key.state == state);
            of(KeyState::Current).chain(of(KeyState::Next)).chain(of(KeyState::Previous))
        };
        let others = [SigningAlgorithm::RS512, SigningAlgorithm::PS256].into_iter().filter(|one| asked.contains(one));
        let algorithms = std::iter::once(SigningAlgorithm::RS256).chain(others);
        let keys = algorithms.flat_map(|algorithm| live().map(move |key| key.rsa_jwk(algorithm)));
        json!({ "keys": keys.chain(live().filter_map(|key| key.elliptic_jwk())).collect::<Vec<_>>() })
    }

    /// What a token begins with that is signed with a secret which the API shares (RFC 7515, `HS256`). It has no key id.
    pub fn begin_with_secret(kind: &str) -> String {
        begin(&format!(r#"{{"alg":"HS256","typ":"{kind}"}}"#))
    }

    /// The token that is made of this message with a secret.
    pub fn sign_with_secret(secret: &Secret, message: String) -> String {
        let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret.expose()), message.as_bytes());
        with_signature(message, tag.as_ref())
    }
}

impl Key {
    fn parse(stored: &SigningKey) -> Result<Self, Problem> {
        let refused = |what: &dyn std::fmt::Display| Problem::internal(format!("signing key {}: {what}", stored.kid));
        let pair = RsaKeyPair::from_pkcs8(stored.private.expose()).map_err(|rejected| refused(&rejected))?;
        let read = |secret: &Secret| EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, secret.expose());
        let elliptic = stored.elliptic.as_ref().map(read).transpose().map_err(|rejected| refused(&rejected))?;
        let public = pair.public_key();
        let decoding = DecodingKey::from_rsa_raw_components(
            public.modulus().big_endian_without_leading_zero(),
            public.exponent().big_endian_without_leading_zero(),
        );
        let certificate = stored.certificate.clone();
        Ok(Self { kid: stored.kid.clone(), state: stored.state, certificate, pair, elliptic, decoding })
    }

    fn rsa_jwk(&self, algorithm: SigningAlgorithm) -> Value {
        let public = self.pair.public_key();
        let (modulus, exponent) =
            (public.modulus().big_endian_without_leading_zero(), public.exponent().big_endian_without_leading_zero());
        let mut jwk = json!({
            "kty": "RSA", "use": "sig", "alg": format!("{algorithm:?}"), "kid": kid_of(&self.kid, algorithm),
            "n": BASE64_URL_SAFE_NO_PAD.encode(modulus), "e": BASE64_URL_SAFE_NO_PAD.encode(exponent),
        });
        if let Some(certificate) = &self.certificate {
            jwk["x5c"] = json!([BASE64_STANDARD.encode(certificate)]);
            jwk["x5t"] = BASE64_URL_SAFE_NO_PAD.encode(fingerprint(certificate)).into();
        }
        jwk
    }

    fn elliptic_jwk(&self) -> Option<Value> {
        // A point that is not compressed: the byte 4, then both coordinates (SEC 1 §2.3.3).
        let point = self.elliptic.as_ref()?.public_key().as_ref().strip_prefix(&[4])?;
        let (x, y) = point.split_at_checked(32)?;
        Some(json!({
            "kty": "EC", "use": "sig", "alg": "ES256", "kid": kid_of(&self.kid, SigningAlgorithm::ES256), "crv": "P-256",
            "x": BASE64_URL_SAFE_NO_PAD.encode(x), "y": BASE64_URL_SAFE_NO_PAD.encode(y),
        }))
    }

    /// The half that verifies.
    pub fn decoding(&self) -> &DecodingKey {
        &self.decoding
    }

    /// What a token begins with that is signed with this algorithm and has this `typ`: its header (RFC 7515, compact
    /// form).
    pub fn begin(&self, algorithm: SigningAlgorithm, kind: &str) -> String {
        // Neither of the three has anything that JSON escapes.
        let kid = kid_of(&self.kid, algorithm);
        begin(&format!(r#"{{"alg":"{algorithm:?}","typ":"{kind}","kid":"{kid}"}}"#))
    }

    /// The token that is made of this message. With RSA that takes a quarter of a millisecond of processor time: call it
    /// off the async threads.
    ///
    /// # Errors
    /// [`Problem::Internal`] when the provider refuses to sign, or the algorithm is not one of key pairs.
    pub fn sign(&self, algorithm: SigningAlgorithm, message: String) -> Result<String, Problem> {
        match algorithm {
            SigningAlgorithm::RS256 => self.sign_rsa(&RSA_PKCS1_SHA256, message),
            SigningAlgorithm::RS512 => self.sign_rsa(&RSA_PKCS1_SHA512, message),
            SigningAlgorithm::PS256 => self.sign_rsa(&RSA_PSS_SHA256, message),
            SigningAlgorithm::ES256 => {
                let pair = self.elliptic.as_ref();
                let pair = pair.ok_or_else(|| Problem::internal("the key has no half on an elliptic curve"))?;
                let signature = pair.sign(&SystemRandom::new(), message.as_bytes()).map_err(Problem::internal)?;
                Ok(with_signature(message, signature.as_ref()))
            }
            SigningAlgorithm::HS256 => Err(Problem::internal("a key pair does not sign with a secret")),
        }
    }

    fn sign_rsa(&self, encoding: &'static dyn RsaEncoding, message: String) -> Result<String, Problem> {
        let mut signature = vec![0; self.pair.public_modulus_len()];
        self.pair
            .sign(encoding, &SystemRandom::new(), message.as_bytes(), &mut signature)
            .map_err(Problem::internal)?;
        Ok(with_signature(message, &signature))
    }
}

/// The id of a key for this algorithm. A verifier takes a key for the one algorithm that stands beside it, so the same
/// key is published once for each.
pub fn kid_of(kid: &str, algorithm: SigningAlgorithm) -> String {
    match algorithm {
        SigningAlgorithm::RS512 | SigningAlgorithm::PS256 | SigningAlgorithm::ES256 => format!("{kid}-{algorithm:?}"),
        SigningAlgorithm::RS256 | SigningAlgorithm::HS256 => kid.to_owned(),
    }
}

/// The SHA-1 of a certificate. It names the certificate and protects nothing (RFC 7515 §4.1.7).
pub fn fingerprint(certificate: &[u8]) -> Vec<u8> {
    digest(&SHA1_FOR_LEGACY_USE_ONLY, certificate).as_ref().to_vec()
}

/// What is signed of a token that begins so and has these claims, JSON; with room for the signature.
pub fn message(begin: &str, claims: &str) -> String {
    const SIGNATURE: usize = 400;
    let mut text = String::with_capacity(begin.len() + claims.len().div_ceil(3) * 4 + SIGNATURE);
    text.push_str(begin);
    BASE64_URL_SAFE_NO_PAD.encode_string(claims, &mut text);
    text
}

fn begin(header: &str) -> String {
    let mut text = BASE64_URL_SAFE_NO_PAD.encode(header);
    text.push('.');
    text
}

fn with_signature(mut message: String, signature: &[u8]) -> String {
    message.push('.');
    BASE64_URL_SAFE_NO_PAD.encode_string(signature, &mut message);
    message
}

/// Makes an RSA key of 2048 bits and one on the curve P-256. Takes a tenth of a second and more.
///
/// # Errors
/// [`Problem::Internal`] when the provider refuses.
pub fn generate() -> Result<KeyPairs, Problem> {
    use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
    let pair = aws_lc_rs::rsa::KeyPair::generate(KeySize::Rsa2048).map_err(Problem::internal)?;
    let rsa = AsDer::<Pkcs8V1Der<'_>>::as_der(&pair).map_err(Problem::internal)?;
    let elliptic = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new());
    let elliptic = elliptic.map_err(Problem::internal)?;
    Ok(KeyPairs { rsa: Secret::new(rsa.as_ref().to_vec()), elliptic: Secret::new(elliptic.as_ref().to_vec()) })
}

/// A certificate of an RSA key, DER, signed with the key itself, for readers that take keys in no other form.
///
/// # Errors
/// [`Problem::Internal`] when the key is not one.
pub fn self_signed(rsa: &Secret, host: &str, serial: [u8; 16], now: Timestamp) -> Result<Vec<u8>, Problem> {
    use rcgen::{CertificateParams, DistinguishedName, DnType, SerialNumber};
    use rustls_pki_types::PrivatePkcs8KeyDer;
    let pair = rcgen::KeyPair::try_from(&PrivatePkcs8KeyDer::from(rsa.expose())).map_err(Problem::internal)?;
    let mut params = CertificateParams::new(Vec::new()).map_err(Problem::internal)?;
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, host);
    params.serial_number = Some(SerialNumber::from_slice(&serial));
    let date =
        |seconds: i64| time::OffsetDateTime::from_unix_timestamp(seconds).unwrap_or(time::OffsetDateTime::UNIX_EPOCH);
    // A day back for clocks that are behind.
    (params.not_before, params.not_after) = (date(now.seconds() - 86_400), date(now.seconds() + CERTIFICATE_LIFE));
    Ok(params.self_signed(&pair).map_err(Problem::internal)?.der().to_vec())
}
