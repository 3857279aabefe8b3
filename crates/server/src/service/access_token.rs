//! Access tokens: what they say and how they are signed (contract: access tokens).

use std::borrow::Cow;

use keyward_core::{
    Problem,
    model::api::{Api, SigningAlgorithm, TokenDialect},
    time::Timestamp,
    token::Granted,
};
use serde::Serialize;

use super::signing::Signer;
use crate::{
    app::{App, View},
    ids,
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
    /// Its id, if its dialect has one.
    pub id: Option<String>,
}

/// What all tokens have in common that one holder gets of an API in one state of the catalogue, written out: the exact
/// set of claims that the API's dialect has, but for the times and the id.
#[derive(Debug)]
pub struct Form {
    signer: Signer,
    /// For how many seconds a token is good.
    pub lifetime: i64,
    has_id: bool,
    /// What comes before the times, with the first brace.
    whose: String,
    /// What comes between the times and the id, each member behind a comma.
    allows: String,
    /// What comes after the id, in the same way.
    rest: String,
}

impl Form {
    /// The form of the tokens that this holder gets of an API.
    ///
    /// # Errors
    /// [`Problem::Internal`] when there is no key.
    pub fn new(view: &View, issuer: &str, api: &Api, holder: Holder<'_>, granted: &Granted) -> Result<Self, Problem> {
        let dialect = api.settings.token_dialect.unwrap_or(TokenDialect::AccessToken);
        let profile = matches!(dialect, TokenDialect::Rfc9068Profile | TokenDialect::Rfc9068ProfileAuthz);
        let whose = Whose { iss: issuer, sub: holder.subject, aud: Audience::of(api, issuer, granted) };
        let scope = (!granted.scope.is_empty()).then(|| granted.scope.join(" "));
        // A profile that has ids has the application under another name.
        let (client_id, azp, gty) =
            if profile { (Some(holder.client_id), None, None) } else { (None, Some(holder.client_id), holder.grant) };
        Ok(Self {
            signer: Signer::for_api(view, api, if profile { "at+jwt" } else { "JWT" })?,
            lifetime: i64::from(api.settings.token_lifetime),
            has_id: profile,
            whose: unclosed(&whose)?,
            allows: members(&Allows { scope, client_id })?,
            rest: members(&Rest { azp, gty, permissions: granted.permissions.as_deref() })?,
        })
    }

    /// The claims of a token that is issued now.
    fn claims(&self, now: Timestamp, id: Option<&str>) -> String {
        const MORE: usize = 96;
        let (begin, mut number) = (now.seconds(), itoa::Buffer::new());
        let mut claims = String::with_capacity(self.length() + MORE);
        claims.push_str(&self.whose);
        claims.push_str(r#","iat":"#);
        claims.push_str(number.format(begin));
        claims.push_str(r#","exp":"#);
        claims.push_str(number.format(begin.saturating_add(self.lifetime)));
        claims.push_str(&self.allows);
        if let Some(id) = id {
            // Letters and digits.
            claims.push_str(r#","jti":""#);
            claims.push_str(id);
            claims.push('"');
        }
        claims.push_str(&self.rest);
        claims.push('}');
        claims
    }

    /// About how many bytes it takes.
    pub fn length(&self) -> usize {
        self.whose.len() + self.allows.len() + self.rest.len()
    }

    /// Whether a token may be made where others wait meanwhile.
    pub fn is_quick(&self) -> bool {
        self.signer.is_quick()
    }

    /// Makes a token here and now.
    ///
    /// # Errors
    /// [`Problem::Internal`] when the provider refuses to sign.
    pub fn issue_here(&self, app: &App, now: Timestamp) -> Result<Issued, Problem> {
        let (claims, id) = self.unsigned(app, now);
        Ok(Issued { token: self.signer.sign_here(&claims)?, id })
    }

    /// The same, on a signing thread unless it is quick.
    ///
    /// # Errors
    /// [`Problem::Internal`] when the provider refuses to sign.
    pub async fn issue(&self, app: &App, now: Timestamp) -> Result<Issued, Problem> {
        let (claims, id) = self.unsigned(app, now);
        Ok(Issued { token: self.signer.sign(app, &claims).await?, id })
    }

    fn unsigned(&self, app: &App, now: Timestamp) -> (String, Option<String>) {
        let id = self.has_id.then(|| ids::alphanumeric(app.entropy.as_ref(), TOKEN_ID_LENGTH));
        (self.claims(now, id.as_deref()), id)
    }
}

/// An object as JSON, but for its last brace.
fn unclosed(object: &impl Serialize) -> Result<String, Problem> {
    let mut text = serde_json::to_string(object).map_err(Problem::internal)?;
    text.pop();
    Ok(text)
}

/// The members of an object, as JSON, each behind a comma.
fn members(object: &impl Serialize) -> Result<String, Problem> {
    let mut text = unclosed(object)?;
    let is_empty = text.len() == 1;
    text.replace_range(..1, if is_empty { "" } else { "," });
    Ok(text)
}

/// The claims that come first.
#[derive(Serialize)]
struct Whose<'c> {
    iss: &'c str,
    sub: &'c str,
    aud: Audience<'c>,
}

/// The claims after the times.
#[derive(Serialize)]
struct Allows<'c> {
    #[serde(skip_serializing_if = "Option::is_none")]
    scope: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_id: Option<&'c str>,
}

/// The claims after the id.
#[derive(Serialize)]
struct Rest<'c> {
    #[serde(skip_serializing_if = "Option::is_none")]
    azp: Option<&'c str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    gty: Option<&'c str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    permissions: Option<&'c [String]>,
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
