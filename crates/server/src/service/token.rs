//! Management API access tokens: issue them, and find out who holds one.

use std::{
    hash::{Hash, Hasher},
    sync::Arc,
    time::Duration,
};

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, Validation, errors::ErrorKind};
use keyward_core::{
    Problem,
    access::{ManagementScope, ManagementScopes},
    model::{
        WorkspaceNumber,
        api::SigningAlgorithm,
        log::{Actor, LogDetail, LogDraft, LogType, Origin},
    },
    problem::Unauthenticated,
    time::Timestamp,
};
use keyward_store::ledger::{log, log_block::Issued};
use quick_cache::{Equivalent, sync::Cache};
use serde::Deserialize;
use serde_json::{Value, json};
use zeroize::Zeroizing;

use super::signing;
use crate::{
    app::{App, View},
    ids,
    usage::note_tokens,
};

/// How many tokens are remembered whose signature was checked.
const REMEMBERED: usize = 4096;
/// How far the clocks of two machines may be apart, in seconds.
const SKEW: i64 = 5;
/// The longest token that is looked at, in bytes.
const LONGEST: usize = 16 * 1024;
/// The length of a token's id: 131 bits.
const TOKEN_ID_LENGTH: usize = 22;
/// The longest life of a token: 30 days (contract: `token_lifetime`).
pub const LONGEST_LIFE: Duration = Duration::from_secs(30 * 24 * 60 * 60);
/// The application that tokens from the command line name.
const CLI_CLIENT: &str = "keyward-cli";

/// What a token says, once its signature is known to be ours.
#[derive(Debug)]
pub struct Verified {
    /// For the audit log.
    pub actor: Arc<Actor>,
    /// What it allows.
    pub scopes: ManagementScopes,
    kid: String,
    expires: i64,
}

/// A token that was verified, as it was sent. Wiped when it is forgotten, and never shown.
struct Sent(Zeroizing<String>);

impl Hash for Sent {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.as_str().hash(state);
    }
}

impl PartialEq for Sent {
    fn eq(&self, other: &Self) -> bool {
        *self.0 == *other.0
    }
}

impl Eq for Sent {}

impl Equivalent<Sent> for str {
    fn equivalent(&self, key: &Sent) -> bool {
        self == key.0.as_str()
    }
}

/// Tokens that were verified. What can change is checked each time anew: the key's state and the time. The issuer and
/// the audience can't, for as long as the program runs.
///
/// They are found by the token itself, under a hash with a random seed: a digest of it would take as long as the rest of
/// a lookup in memory. The comparison is reached only by a token with the same hash, so its time tells nothing.
pub struct TokenCache(Cache<Sent, Arc<Verified>>);

impl std::fmt::Debug for TokenCache {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "TokenCache({} tokens)", self.0.len())
    }
}

impl Default for TokenCache {
    fn default() -> Self {
        Self::new()
    }
}

impl TokenCache {
    /// An empty one.
    pub fn new() -> Self {
        Self(Cache::new(REMEMBERED))
    }
}

#[derive(Deserialize)]
struct Header {
    alg: String,
    #[serde(default)]
    typ: Option<String>,
    kid: String,
    #[serde(default)]
    crit: Option<Value>,
}

#[derive(Deserialize)]
struct Claims {
    sub: String,
    exp: i64,
    iat: i64,
    #[serde(default)]
    nbf: Option<i64>,
    #[serde(default)]
    azp: Option<String>,
    #[serde(default)]
    jti: Option<String>,
    #[serde(default)]
    scope: String,
}

/// Who sends this `Authorization` header.
///
/// # Errors
/// [`Problem::Unauthenticated`] with the reason (contract: authentication).
pub fn authenticate(app: &App, view: &View, header: Option<&str>, now: Timestamp) -> Result<Arc<Verified>, Problem> {
    let refused = Problem::Unauthenticated;
    let header = header.ok_or(refused(Unauthenticated::Missing))?;
    let token = bearer(header).ok_or(refused(Unauthenticated::Malformed))?;
    if let Some(verified) = app.tokens.0.get(token) {
        if view.keyring.verifying(&verified.kid).is_none() {
            return Err(refused(Unauthenticated::Signature));
        }
        if verified.expires.saturating_add(SKEW) <= now.seconds() {
            return Err(refused(Unauthenticated::Expired));
        }
        return Ok(verified);
    }
    let verified = Arc::new(verify(app, view, token, now).map_err(refused)?);
    app.tokens.0.insert(Sent(Zeroizing::new(token.to_owned())), Arc::clone(&verified));
    Ok(verified)
}

/// The token in the header: three parts, separated by dots.
fn bearer(header: &str) -> Option<&str> {
    let (scheme, token) = header.split_once(' ')?;
    let token = token.trim();
    let whole = scheme.eq_ignore_ascii_case("bearer") && token.len() <= LONGEST && token.split('.').count() == 3;
    whole.then_some(token)
}

fn verify(app: &App, view: &View, token: &str, now: Timestamp) -> Result<Verified, Unauthenticated> {
    let head = token.split('.').next().unwrap_or_default();
    let head = BASE64_URL_SAFE_NO_PAD.decode(head).map_err(|_| Unauthenticated::Invalid)?;
    let header: Header = serde_json::from_slice(&head).map_err(|_| Unauthenticated::Invalid)?;
    // The algorithm is ours to say: a token that asks for another one is not one of ours (RFC 8725 §3.1).
    let plain = header.typ.as_deref().is_none_or(|typ| typ.eq_ignore_ascii_case("jwt"));
    if header.alg != "RS256" || !plain || header.crit.is_some() {
        return Err(Unauthenticated::Invalid);
    }
    let key = view.keyring.verifying(&header.kid).ok_or(Unauthenticated::Signature)?;
    let mut validation = Validation::new(Algorithm::RS256);
    validation.set_issuer(&[&app.public_url]);
    validation.set_audience(&[&app.audience]);
    validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
    // Time is an argument here; the library would ask the machine's clock.
    validation.validate_exp = false;
    let data = jsonwebtoken::decode::<Claims>(token, key.decoding(), &validation).map_err(|error| {
        if matches!(error.kind(), ErrorKind::InvalidSignature) {
            Unauthenticated::Signature
        } else {
            Unauthenticated::Invalid
        }
    })?;
    let claims = data.claims;
    let seconds = now.seconds();
    if claims.exp.saturating_add(SKEW) <= seconds {
        return Err(Unauthenticated::Expired);
    }
    if claims.iat > seconds + SKEW || claims.nbf.is_some_and(|begin| begin > seconds + SKEW) {
        return Err(Unauthenticated::Invalid);
    }
    let scopes = ManagementScopes::from_values(claims.scope.split(' '));
    let actor = Actor {
        client_id: claims.azp,
        subject: Some(claims.sub),
        token_id: claims.jti,
        scope: claims.scope,
        audience: app.audience.clone(),
    };
    Ok(Verified { actor: Arc::new(actor), scopes, kid: header.kid, expires: claims.exp })
}

/// Issues a Management API token for whoever may use the data directory, and says so in the audit log.
///
/// # Errors
/// [`Problem::Unavailable`] when the audit log can't be written; without an entry there is no token.
pub async fn issue(app: &Arc<App>, scopes: &[ManagementScope], ttl: Duration) -> Result<String, Problem> {
    let now = app.clock.now();
    let ttl = i64::try_from(ttl.as_secs()).unwrap_or(i64::MAX);
    let scope = scopes.iter().map(|scope| scope.value()).collect::<Vec<_>>().join(" ");
    let subject = format!("{CLI_CLIENT}@clients");
    let token_id = ids::alphanumeric(app.entropy.as_ref(), TOKEN_ID_LENGTH);
    let mut claims = json!({
        "iss": app.public_url, "sub": subject, "aud": app.audience,
        "iat": now.seconds(), "exp": now.seconds().saturating_add(ttl), "azp": CLI_CLIENT, "gty": "client-credentials",
        // Tells one token's deeds from another's in the audit log.
        "jti": token_id,
    });
    if !scope.is_empty() {
        claims["scope"] = scope.clone().into();
    }
    let actor = Actor {
        client_id: Some(CLI_CLIENT.to_owned()),
        subject: Some(subject),
        token_id: Some(token_id),
        scope,
        audience: app.audience.clone(),
    };
    let draft = LogDraft {
        workspace: WorkspaceNumber::FIRST,
        at: now,
        kind: LogType::TokenIssued,
        description: "Issue a Management API token from the command line".to_owned(),
        detail: LogDetail {
            actor,
            origin: Origin { request_id: "command line".to_owned(), ..Origin::default() },
            status: 200,
            after: json!({ "expires_in": ttl }),
            ..LogDetail::default()
        },
    };
    let written = draft.clone();
    app.store.ledger(move |tx| Box::pin(async move { log::insert(tx, &written).await })).await?;
    let Actor { scope, audience, .. } = &draft.detail.actor;
    note_tokens(app, &[Issued { client_id: CLI_CLIENT, scope, audience, count: 1, last_at: now }]);
    let view = Arc::clone(&app.view());
    signing::sign(app, &view, SigningAlgorithm::RS256, "JWT", &claims.to_string()).await
}
