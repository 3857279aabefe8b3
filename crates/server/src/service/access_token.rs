//! Access tokens: what they say and how they are signed (contract: access tokens).

use std::borrow::Cow;

use keyward_core::{
    Problem,
    model::api::{Api, SigningAlgorithm, TokenDialect},
    time::Timestamp,
    token::Granted,
};
use serde::Serialize;

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
    let claims = Claims::new(api, &app.public_url, holder, (granted, id.as_deref()), app.clock.now());
    let claims = serde_json::to_string(&claims).map_err(Problem::internal)?;
    let header = if profile { "at+jwt" } else { "JWT" };
    let token = sign(app, view, api, header, claims).await?;
    Ok(Issued { token, expires_in: i64::from(api.settings.token_lifetime), id })
}

/// The exact set of claims that the API's dialect has.
#[derive(Serialize)]
struct Claims<'c> {
    iss: &'c str,
    sub: &'c str,
    aud: Audience<'c>,
    iat: i64,
    exp: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    scope: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_id: Option<&'c str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    jti: Option<&'c str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    azp: Option<&'c str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    gty: Option<&'c str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    permissions: Option<&'c [String]>,
}

impl<'c> Claims<'c> {
    fn new(
        api: &'c Api,
        issuer: &'c str,
        holder: Holder<'c>,
        (granted, jti): (&'c Granted, Option<&'c str>),
        now: Timestamp,
    ) -> Self {
        let iat = now.seconds();
        // A profile that has ids has the application under another name.
        let (client_id, azp, gty) = match jti {
            Some(_) => (Some(holder.client_id), None, None),
            None => (None, Some(holder.client_id), holder.grant),
        };
        Self {
            iss: issuer,
            sub: holder.subject,
            aud: Audience::of(api, issuer, granted),
            iat,
            exp: iat.saturating_add(i64::from(api.settings.token_lifetime)),
            scope: (!granted.scope.is_empty()).then(|| granted.scope.join(" ")),
            client_id,
            jti,
            azp,
            gty,
            permissions: granted.permissions.as_deref(),
        }
    }
}

/// Whom a token is for.
#[derive(Serialize)]
#[serde(untagged)]
enum Audience<'c> {
    Api(&'c str),
    ApiAndUserinfo([Cow<'c, str>; 2]),
}

impl<'c> Audience<'c> {
    /// The API, and with it who the user is, if that was granted and others can check the signature.
    fn of(api: &'c Api, issuer: &str, granted: &Granted) -> Self {
        let asymmetric = api.settings.signing_alg != SigningAlgorithm::HS256;
        if asymmetric && granted.scope.iter().any(|scope| scope == "openid") {
            return Self::ApiAndUserinfo([api.identifier.as_str().into(), format!("{issuer}userinfo").into()]);
        }
        Self::Api(&api.identifier)
    }
}

async fn sign(app: &App, view: &View, api: &Api, kind: &'static str, claims: String) -> Result<String, Problem> {
    let algorithm = api.settings.signing_alg;
    if algorithm == SigningAlgorithm::HS256 {
        let secret = api.signing_secret.as_ref();
        let secret = secret.ok_or_else(|| Problem::internal("an API with a symmetric algorithm has no secret"))?;
        return Ok(Keyring::sign_with_secret(secret, kind, &claims));
    }
    signing::sign(app, view, algorithm, kind, claims).await
}
