//! Access tokens: what they say and how they are signed (contract: access tokens).

use keyward_core::{
    Problem,
    model::api::{Api, SigningAlgorithm, TokenDialect},
    time::Timestamp,
    token::Granted,
};
use serde_json::{Map, Value, json};

use super::signing;
use crate::{
    app::{App, View},
    ids,
    keyring::Keyring,
};

/// The length of a token's id: 131 bits.
const TOKEN_ID_LENGTH: usize = 22;

/// Who a token is for, and how it was asked for.
#[derive(Debug, Clone, Copy)]
pub struct Holder<'h> {
    /// The application.
    pub client_id: &'h str,
    /// Whom the token speaks for.
    pub subject: &'h str,
    /// How it was asked for, where that is said (`client-credentials`).
    pub grant: Option<&'h str>,
}

/// A token, and what is said of it beside it.
#[derive(Debug)]
pub struct Issued {
    /// The token.
    pub token: String,
    /// For how many seconds it is good.
    pub expires_in: i64,
    /// Its id, if its dialect has one.
    pub id: Option<String>,
}

/// Makes a token of an API.
///
/// # Errors
/// [`Problem::Internal`] when the provider refuses to sign.
pub async fn issue(
    app: &App,
    view: &View,
    api: &Api,
    holder: Holder<'_>,
    granted: &Granted,
) -> Result<Issued, Problem> {
    let dialect = api.settings.token_dialect.unwrap_or(TokenDialect::AccessToken);
    let profile = matches!(dialect, TokenDialect::Rfc9068Profile | TokenDialect::Rfc9068ProfileAuthz);
    let id = profile.then(|| ids::alphanumeric(app.entropy.as_ref(), TOKEN_ID_LENGTH));
    let claims = claims(api, &app.public_url, holder, (granted, id.as_deref()), app.clock.now());
    let header = if profile { "at+jwt" } else { "JWT" };
    let token = sign(app, view, api, header, claims).await?;
    Ok(Issued { token, expires_in: i64::from(api.settings.token_lifetime), id })
}

/// The exact set of claims that the API's dialect has.
fn claims(
    api: &Api,
    issuer: &str,
    holder: Holder<'_>,
    (granted, id): (&Granted, Option<&str>),
    now: Timestamp,
) -> Map<String, Value> {
    let begin = now.seconds();
    let mut claims = Map::new();
    let mut claim = |name: &str, value: Value| claims.insert(name.to_owned(), value);
    claim("iss", issuer.into());
    claim("sub", holder.subject.into());
    claim("aud", audience(api, issuer, granted));
    claim("iat", begin.into());
    claim("exp", begin.saturating_add(i64::from(api.settings.token_lifetime)).into());
    if !granted.scope.is_empty() {
        claim("scope", granted.scope.join(" ").into());
    }
    match id {
        Some(id) => {
            claim("client_id", holder.client_id.into());
            claim("jti", id.into());
        }
        None => {
            claim("azp", holder.client_id.into());
            if let Some(grant) = holder.grant {
                claim("gty", grant.into());
            }
        }
    }
    if let Some(permissions) = &granted.permissions {
        claim("permissions", json!(permissions));
    }
    claims
}

/// The API, and with it who the user is, if that was granted and others can check the signature.
fn audience(api: &Api, issuer: &str, granted: &Granted) -> Value {
    let asymmetric = api.settings.signing_alg != SigningAlgorithm::HS256;
    if asymmetric && granted.scope.iter().any(|scope| scope == "openid") {
        return json!([api.identifier, format!("{issuer}userinfo")]);
    }
    api.identifier.clone().into()
}

async fn sign(
    app: &App,
    view: &View,
    api: &Api,
    kind: &'static str,
    claims: Map<String, Value>,
) -> Result<String, Problem> {
    let claims = Value::Object(claims);
    let algorithm = api.settings.signing_alg;
    if algorithm == SigningAlgorithm::HS256 {
        let secret = api.signing_secret.as_ref();
        let secret = secret.ok_or_else(|| Problem::internal("an API with a symmetric algorithm has no secret"))?;
        return Ok(Keyring::sign_with_secret(secret, kind, &claims));
    }
    signing::sign(app, view, algorithm, kind, claims).await
}
