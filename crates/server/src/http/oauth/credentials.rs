//! How applications say who they are.

use base64::{Engine, prelude::BASE64_STANDARD};
use http::{HeaderMap, header};
use keyward_core::{Problem, problem::TokenRefusal, secret::Secret};
use percent_encoding::percent_decode_str;
use serde_json::Value;

use crate::service::{
    client_assertion::Assertion,
    client_credentials::{Credentials, Proof},
};

/// The kind of assertion that is taken (RFC 7523 §2.2).
const ASSERTION: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// Who asks: from the header or from the body, and in one way alone (RFC 6749 §2.3).
///
/// # Errors
/// [`Problem::Token`] when it comes in several ways, or in one that can't be read.
pub fn credentials(headers: &HeaderMap, body: &Value) -> Result<Credentials, Problem> {
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
}
