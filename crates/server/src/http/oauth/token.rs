//! The token endpoint (RFC 6749 §3.2).

use std::borrow::Cow;

use http::{HeaderMap, header};
use keyward_core::{Problem, model::client::CLIENT_CREDENTIALS, problem::TokenRefusal};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{credentials::credentials, problem};
use crate::{
    app::App,
    http::{
        attempt::AttemptAtToken,
        incoming::Incoming,
        operation::{Handled, Request},
    },
    service::{
        client_credentials::{self, Admitted, Asked},
        prepared_token::Answered,
    },
};

/// What the operation does, as the document and the audit log say it.
pub const SUMMARY: &str = "Get an access token (RFC 6749 §3.2)";

/// The most scopes that are looked at.
const SCOPES: usize = 200;

/// Issues a token.
pub fn issue(request: Request) -> Handled {
    Box::pin(async move {
        let text = |name: &str| request.body.get(name).and_then(Value::as_str);
        let grant = text("grant_type").ok_or(Problem::Token(TokenRefusal::Missing("grant_type")))?;
        if grant != CLIENT_CREDENTIALS {
            return Err(Problem::Token(TokenRefusal::UnknownGrant(grant.to_owned())));
        }
        let credentials = credentials(&request.incoming.headers, &request.body)?;
        let (audience, resource) = (text("audience").map(str::to_owned), text("resource").map(str::to_owned));
        let asked = Asked { audience, resource, scope: scopes(text("scope").unwrap_or_default())? };
        let answered = client_credentials::exchange(&request.call, &credentials, &asked).await?;
        Ok(problem::answer(answered.body()))
    })
}

/// A request in its usual form: with these parameters, each once, and nothing else that says who asks.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Usual<'b> {
    #[serde(borrow)]
    grant_type: Cow<'b, str>,
    #[serde(borrow)]
    client_id: Cow<'b, str>,
    #[serde(borrow)]
    client_secret: Cow<'b, str>,
    #[serde(borrow)]
    audience: Cow<'b, str>,
    #[serde(borrow, default)]
    scope: Cow<'b, str>,
}

impl<'b> Usual<'b> {
    /// The body, if it is in this form. Whatever has another one is left to the handler, which knows what is wrong.
    fn of(headers: &HeaderMap, body: &'b [u8]) -> Option<Self> {
        let usual = match headers.get(header::CONTENT_TYPE)?.as_bytes() {
            b"application/json" => serde_json::from_slice(body).ok()?,
            b"application/x-www-form-urlencoded" => Self::of_form(body)?,
            _ => return None,
        };
        let Self { grant_type, client_id, client_secret, audience, .. } = &usual;
        let is_whole = [client_id, client_secret, audience].into_iter().all(|text| !text.is_empty());
        (grant_type == CLIENT_CREDENTIALS && is_whole).then_some(usual)
    }

    fn of_form(body: &'b [u8]) -> Option<Self> {
        let [mut grant_type, mut client_id, mut client_secret, mut audience, mut scope] = [const { None }; 5];
        for pair in str::from_utf8(body).ok()?.split('&') {
            let (name, value) = pair.split_once('=')?;
            let place = match name {
                "grant_type" => &mut grant_type,
                "client_id" => &mut client_id,
                "client_secret" => &mut client_secret,
                "audience" => &mut audience,
                "scope" => &mut scope,
                _ => return None,
            };
            if place.replace(decoded(value)?).is_some() {
                return None;
            }
        }
        Some(Self {
            grant_type: grant_type?,
            client_id: client_id?,
            client_secret: client_secret?,
            audience: audience?,
            scope: scope.unwrap_or_default(),
        })
    }
}

/// A value of a form as it was meant, if it was encoded as it should be.
fn decoded(value: &str) -> Option<Cow<'_, str>> {
    if !value.bytes().any(|byte| matches!(byte, b'%' | b'+')) {
        return Some(Cow::Borrowed(value));
    }
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let (mut bytes, mut rest) = (Vec::with_capacity(value.len()), value.as_bytes());
    while let [first, others @ ..] = rest {
        rest = others;
        bytes.push(match first {
            b'+' => b' ',
            b'%' => {
                let [high, low, others @ ..] = rest else { return None };
                rest = others;
                digit(*high)? << 4 | digit(*low)?
            }
            other => *other,
        });
    }
    String::from_utf8(bytes).ok().map(Cow::Owned)
}

/// Issues a token without all that a request goes through on its usual way, if the request has its usual form and gets
/// one.
pub fn issue_at_once<'r>(app: &'r App, incoming: &'r Incoming, body: &'r [u8]) -> AttemptAtToken<'r> {
    let ip = incoming.arrival.ip_text();
    let Some(admitted) = admit(app, incoming, body, &ip) else { return AttemptAtToken::Declined };
    let answer = |answered: Answered| problem::answer(answered.body());
    if admitted.is_quick() {
        return AttemptAtToken::Answered(admitted.issue_here(app, incoming.seen(&ip, ""), SUMMARY).map(answer));
    }
    let issuing = async move { admitted.issue(app, incoming.seen(&ip, ""), SUMMARY).await.map(answer) };
    AttemptAtToken::Later(Box::pin(issuing))
}

fn admit(app: &App, incoming: &Incoming, body: &[u8], ip: &str) -> Option<Admitted> {
    let usual = Usual::of(&incoming.headers, body).filter(|_| !incoming.has_query())?;
    let asked = client_credentials::Usual {
        client_id: &usual.client_id,
        secret: usual.client_secret.as_bytes(),
        audience: &usual.audience,
        scope: &usual.scope,
        scopes: &scopes(&usual.scope).ok()?,
    };
    client_credentials::admit_at_once(app, &asked, ip)
}

/// The scopes of a request, each once (RFC 6749 §3.3).
fn scopes(text: &str) -> Result<Vec<String>, Problem> {
    let is_allowed = |byte: u8| matches!(byte, 0x20 | 0x21 | 0x23..=0x5b | 0x5d..=0x7e);
    let mut scopes: Vec<String> = Vec::new();
    for scope in text.split(' ').filter(|scope| !scope.is_empty()) {
        if !scopes.iter().any(|known| known == scope) {
            scopes.push(scope.to_owned());
        }
    }
    if !text.bytes().all(is_allowed) || scopes.len() > SCOPES {
        return Err(Problem::Token(TokenRefusal::BadScope));
    }
    Ok(scopes)
}

/// The schema of a request's parameters.
pub fn parameters() -> Value {
    let text = |description: &str| json!({"type": ["string", "null"], "description": description});
    json!({
        "type": "object", "required": ["grant_type"],
        "properties": {
            "grant_type": {"type": "string", "description": "client_credentials"},
            "client_id": text("Which application asks"),
            "client_secret": text("Its secret, unless it is in the Authorization header"),
            "client_assertion_type": text("urn:ietf:params:oauth:client-assertion-type:jwt-bearer"),
            "client_assertion": text("A JWT that it signed, in place of a secret (RFC 7523)"),
            "audience": text("The identifier of the API that the token is for; without one, the tenant's default"),
            "resource": text("The same, where the tenant's resource_parameter_profile is `compatibility`"),
            "scope": text("What it shall allow, separated by spaces; all that was granted, if nothing is named"),
        },
    })
}

/// The schema of the answer.
pub fn answer() -> Value {
    json!({
        "type": "object", "required": ["access_token", "token_type", "expires_in"], "additionalProperties": false,
        "properties": {
            "access_token": {"type": "string"}, "token_type": {"type": "string"},
            "expires_in": {"type": "integer", "description": "In seconds"},
            "scope": {"type": "string", "description": "What it allows, separated by spaces"},
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_decoded_as_forms_are_or_left_to_the_handler() {
        for value in ["", "plain", "a+b", "https%3A%2F%2Fapi.example%2f", "%C3%A9+%2B", "a=b", "é"] {
            let form = format!("v={value}");
            let (_, expected) = form_urlencoded::parse(form.as_bytes()).next().expect("one");
            assert_eq!(decoded(value).as_deref(), Some(&*expected), "{value}");
        }
        for broken in ["%", "%4", "%zz", "%C3", "%+1"] {
            assert_eq!(decoded(broken), None, "{broken}");
        }
    }

    #[test]
    fn scopes_are_words_of_printable_letters() {
        assert_eq!(scopes("b a  b").expect("valid"), ["b", "a"]);
        assert!(scopes("").expect("valid").is_empty());
        for bad in ["a\tb", "a\"b", "a\\b", "é", "a\nb"] {
            assert!(scopes(bad).is_err(), "{bad}");
        }
        let many = (0..=SCOPES).map(|n| n.to_string()).collect::<Vec<_>>().join(" ");
        assert!(scopes(&many).is_err());
    }
}
