//! Assertions that applications sign to prove who they are (RFC 7523; contract: client authentication).

use std::sync::atomic::{AtomicU64, Ordering};

use aws_lc_rs::signature::{
    RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_2048_8192_SHA384, RSA_PSS_2048_8192_SHA256, UnparsedPublicKey,
    VerificationAlgorithm,
};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use jsonwebtoken::Algorithm;
use keyward_core::{
    Problem,
    model::{
        client::Client,
        credential::{AssertionAlgorithm, Credential},
        log::LogDraft,
    },
    secret::Secret,
    time::Timestamp,
};
use keyward_store::ledger::assertion;
use serde_json::{Map, Value};

use super::client_secret;
use crate::{
    app::{Call, View},
    members::Members,
};

/// The longest assertion that is looked at, in bytes.
const LONGEST: usize = 16 * 1024;
/// How far the clocks of two machines may be apart, in seconds.
const SKEW: i64 = 5;
/// How far ahead the end of an assertion may be, in seconds.
const LONGEST_LIFE: i64 = 5 * 60;
/// The most characters of the `jti`.
const JTI_MAX: usize = 128;
/// The most bytes of a name that is taken for a `client_id`.
const NAME_MAX: usize = 128;
/// For how many seconds after its end an assertion is remembered: another node's clock may be that much behind.
const KEPT: i64 = 5 * 60;
/// After so many assertions a node forgets old ones. It then forgets more than have come since.
const TURN: u64 = 64;
/// The kinds of token that an assertion may say it is; without a word it is one.
const KINDS: [&str; 2] = ["jwt", "client-authentication+jwt"];

/// An assertion that can be read. Nothing of it is known to be true.
pub struct Assertion {
    text: Secret,
    header: Map<String, Value>,
    claims: Map<String, Value>,
}

impl std::fmt::Debug for Assertion {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Assertion([secret])")
    }
}

/// How many assertions this node has accepted.
#[derive(Debug, Default)]
pub struct Accepted(AtomicU64);

impl Assertion {
    /// Reads one: two JSON objects and a signature, each encoded, with dots between them.
    pub fn read(text: &str) -> Option<Self> {
        if text.len() > LONGEST {
            return None;
        }
        let mut parts = text.split('.');
        let mut object = || {
            let bytes = BASE64_URL_SAFE_NO_PAD.decode(parts.next()?).ok()?;
            serde_json::from_slice::<Members<Value>>(&bytes).ok().map(|members| members.map)
        };
        let (header, claims) = (object()?, object()?);
        let ends = parts.next().is_some() && parts.next().is_none();
        ends.then(|| Self { text: Secret::from(text.to_owned()), header, claims })
    }

    /// Who it says it is from.
    pub fn issuer(&self) -> Option<&str> {
        self.claim("iss").filter(|name| name.len() <= NAME_MAX)
    }

    fn claim(&self, name: &str) -> Option<&str> {
        self.claims.get(name)?.as_str()
    }

    /// What is signed, and the signature.
    fn halves(&self) -> Option<(&str, &str)> {
        self.text.expose_text()?.rsplit_once('.')
    }

    /// How it says it is signed, and the key that it names, if it names one.
    fn key(&self) -> Option<(AssertionAlgorithm, Option<&str>)> {
        let word = |name: &str| self.header.get(name).map(Value::as_str);
        let kind = match word("typ") {
            None => KINDS[0],
            Some(kind) => kind?,
        };
        // Whoever may not ignore something must refuse it (RFC 7515 §4.1.11), and nothing of that kind is known here.
        if self.header.contains_key("crit") || !KINDS.iter().any(|known| kind.eq_ignore_ascii_case(known)) {
            return None;
        }
        let algorithm = AssertionAlgorithm::parse(word("alg")??)?;
        match word("kid") {
            None => Some((algorithm, None)),
            Some(kid) => Some((algorithm, Some(kid?))),
        }
    }

    /// Its end in seconds, if it says all that it has to say, and says it of this client, to this issuer, at this time.
    fn end(&self, client: &Client, issuer: &str, now: Timestamp) -> Option<i64> {
        let now = now.seconds();
        let is_of = |name: &str| self.claim(name) == Some(client.id.as_str());
        let audience = match self.claims.get("aud")? {
            Value::Array(several) if several.len() == 1 => several.first()?,
            other => other,
        };
        let end = seconds(self.claims.get("exp")?)?;
        let has_begun = |name: &str| match self.claims.get(name) {
            None => true,
            Some(begin) => seconds(begin).is_some_and(|begin| begin <= now + SKEW && begin <= end),
        };
        let is_now = now < end.saturating_add(SKEW) && end <= now + LONGEST_LIFE + SKEW;
        let is_whole = is_of("iss") && is_of("sub") && audience.as_str() == Some(issuer) && self.jti().is_some();
        (is_whole && is_now && has_begun("iat") && has_begun("nbf")).then_some(end)
    }

    fn jti(&self) -> Option<&str> {
        self.claim("jti").filter(|jti| !jti.is_empty() && jti.chars().count() <= JTI_MAX)
    }
}

/// A time in whole seconds (RFC 7519 §2: it may have a fraction).
fn seconds(time: &Value) -> Option<i64> {
    #[expect(clippy::cast_possible_truncation, reason = "what is too large becomes the largest number")]
    let rounded = |time: f64| time.floor() as i64;
    time.as_i64().or_else(|| time.as_f64().map(rounded))
}

/// Whether the assertion proves that the client sent it. One that does is used up: the same proves nothing any more, on
/// whichever node, and also after a crash.
///
/// The signature is checked on the spot. That takes less than a tenth of a millisecond, and it is done for each key that
/// fits: twice at most.
///
/// # Errors
/// [`Problem::Unavailable`] when it can't be found out whether it was used before.
pub(super) async fn proves(
    call: &Call,
    view: &View,
    client: Option<&Client>,
    sent: Option<&Assertion>,
) -> Result<bool, Problem> {
    let Some(assertion) = sent else { return Ok(false) };
    let signed_by = client.filter(|client| is_signed(call, view, client, assertion));
    let (Some(client), Some(jti)) = (signed_by, assertion.jti()) else {
        if client.is_none() {
            pretend(view, assertion);
        }
        return Ok(false);
    };
    let Some(end) = assertion.end(client, &call.app.public_url, call.now) else { return Ok(false) };
    let (number, jti) = (client.number, client_secret::hash(jti.as_bytes()));
    let until = Timestamp(end.saturating_add(KEPT).saturating_mul(1000));
    let used =
        call.app.store.ledger(move |tx| Box::pin(async move { assertion::use_up(tx, number, &jti, until).await }));
    let is_first = used.await?;
    if is_first && call.app.assertions.0.fetch_add(1, Ordering::Relaxed).is_multiple_of(TURN) {
        forget(call).await;
    }
    Ok(is_first)
}

/// Whether one of the client's keys that count now has signed it.
fn is_signed(call: &Call, view: &View, client: &Client, assertion: &Assertion) -> bool {
    let Some((algorithm, kid)) = assertion.key() else { return false };
    let Some((message, signature)) = assertion.halves() else { return false };
    let Ok(signature) = BASE64_URL_SAFE_NO_PAD.decode(signature) else { return false };
    let fits = |key: &&Credential| key.algorithm == algorithm && kid.is_none_or(|kid| key.kid == kid);
    let mut keys = client.keys_in_use(call.now).filter(fits).peekable();
    if keys.peek().is_none() {
        pretend(view, assertion);
    }
    keys.any(|key| {
        UnparsedPublicKey::new(verification(key.algorithm), &key.key).verify(message.as_bytes(), &signature).is_ok()
    })
}

fn verification(algorithm: AssertionAlgorithm) -> &'static dyn VerificationAlgorithm {
    match algorithm {
        AssertionAlgorithm::RS256 => &RSA_PKCS1_2048_8192_SHA256,
        AssertionAlgorithm::RS384 => &RSA_PKCS1_2048_8192_SHA384,
        AssertionAlgorithm::PS256 => &RSA_PSS_2048_8192_SHA256,
    }
}

/// Takes as long as a wrong signature, so that the time does not tell which clients there are.
fn pretend(view: &View, assertion: &Assertion) {
    if let (Some((message, signature)), Ok(key)) = (assertion.halves(), view.keyring.current()) {
        let _ = jsonwebtoken::crypto::verify(signature, message.as_bytes(), key.decoding(), Algorithm::RS256);
    }
}

/// Forgets assertions that no clock takes for good any more. That it failed is no reason to refuse anyone.
async fn forget(call: &Call) {
    let now = call.now;
    let forgotten = call.app.store.change(move |change| {
        Box::pin(async move { assertion::forget(change, now).await.map(|()| ((), None::<LogDraft>)) })
    });
    if let Err(error) = forgotten.await {
        tracing::warn!(%error, "old assertions were not removed");
    }
}
