//! The token endpoint (RFC 6749 §3.2).

use base64::{Engine, prelude::BASE64_STANDARD};
use http::{HeaderMap, header};
use keyward_core::{Problem, model::client::CLIENT_CREDENTIALS, problem::TokenRefusal, secret::Secret};
use percent_encoding::percent_decode_str;
use serde_json::{Value, json};

use super::problem;
use crate::{
    http::operation::{Handled, Request},
    service::{
        client_assertion::Assertion,
        client_credentials::{self, Asked, Credentials, Proof},
    },
};

/// The most scopes that are looked at.
const SCOPES: usize = 200;

/// The kind of assertion that is taken (RFC 7523 §2.2).
const ASSERTION: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// Issues a token.
pub fn issue(request: Request) -> Handled {
    Box::pin(async move {
        let text = |name: &str| request.body.get(name).and_then(Value::as_str);
        let grant = text("grant_type").ok_or(Problem::Token(TokenRefusal::Missing("grant_type")))?;
        if grant != CLIENT_CREDENTIALS {
            return Err(Problem::Token(TokenRefusal::UnknownGrant(grant.to_owned())));
        }
        let credentials = credentials(&request.incoming.headers, &request.body)?;
        let audience = text("audience").map(str::to_owned);
        let asked = Asked { audience, scope: scopes(text("scope").unwrap_or_default())? };
        let answered = client_credentials::exchange(&request.call, &credentials, &asked).await?;
        Ok(problem::answer(&answered.describe()))
    })
}

/// Who asks: from the header or from the body, and in one way alone (RFC 6749 §2.3).
fn credentials(headers: &HeaderMap, body: &Value) -> Result<Credentials, Problem> {
    let text = |name: &str| body.get(name).and_then(Value::as_str).map(str::to_owned);
    let (id, secret) = (text("client_id"), text("client_secret").map(Secret::from));
    let (kind, assertion) = (text("client_assertion_type"), text("client_assertion"));
    let asserts = kind.is_some() || assertion.is_some();
    let sent = headers.get(header::AUTHORIZATION);
    if [sent.is_some(), secret.is_some(), asserts].into_iter().filter(|way| *way).count() > 1 {
        return Err(Problem::Token(TokenRefusal::Request("Use one way to authenticate the client".to_owned())));
    }
    if asserts {
        return asserted(id, kind, assertion);
    }
    let Some(sent) = sent else {
        let proof = secret.map_or(Proof::Nothing, |secret| Proof::Secret { secret, in_header: false });
        return Ok(Credentials { id, proof });
    };
    let refused = || Problem::Token(TokenRefusal::Client { in_header: true });
    let (named, secret) = basic(sent.to_str().unwrap_or_default()).ok_or_else(refused)?;
    // A body that says the same is only long-winded.
    if id.is_some_and(|id| id != named) {
        return Err(refused());
    }
    Ok(Credentials { id: Some(named), proof: Proof::Secret { secret, in_header: true } })
}

/// Whoever sends an assertion need not say who it is: the assertion does (RFC 7521 §4.2). One that can't be read is
/// refused as one that is wrong.
fn asserted(id: Option<String>, kind: Option<String>, assertion: Option<String>) -> Result<Credentials, Problem> {
    let missing = |name| Problem::Token(TokenRefusal::Missing(name));
    let kind = kind.ok_or(missing("client_assertion_type"))?;
    let text = assertion.ok_or(missing("client_assertion"))?;
    let read = Assertion::read(&text).filter(|_| kind == ASSERTION);
    let id = id.or_else(|| read.as_ref()?.issuer().map(str::to_owned)).unwrap_or_default();
    Ok(Credentials { id: Some(id), proof: Proof::Assertion(read.map(Box::new)) })
}

/// The two halves of a header, each encoded as in a form before both were (RFC 6749 §2.3.1).
fn basic(header: &str) -> Option<(String, Secret)> {
    let (scheme, encoded) = header.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let both = String::from_utf8(BASE64_STANDARD.decode(encoded.trim()).ok()?).ok()?;
    let (id, secret) = both.split_once(':')?;
    let decode = |text: &str| {
        let spaced = text.replace('+', " ");
        percent_decode_str(&spaced).decode_utf8().ok().map(std::borrow::Cow::into_owned)
    };
    Some((decode(id)?, Secret::from(decode(secret)?)))
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
            "audience": text("The identifier of the API that the token is for"),
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
    fn the_header_has_two_halves_each_encoded_by_itself() {
        let header = |text: &str| format!("Basic {}", BASE64_STANDARD.encode(text));
        let (id, secret) = basic(&header("a%3Ab:c+d%25:e")).expect("it is one");
        assert_eq!((id.as_str(), secret.expose_text()), ("a:b", Some("c d%:e")));
        for bad in ["", "Basic", "Bearer eA==", "Basic ?", &header("nothing"), &header("%ff:x")] {
            assert!(basic(bad).is_none(), "{bad}");
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
