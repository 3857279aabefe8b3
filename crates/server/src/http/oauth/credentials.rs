//! How applications say who they are.

use base64::{Engine, prelude::BASE64_STANDARD};
use http::{HeaderMap, header};
use keyward_core::{Problem, problem::TokenRefusal, secret::Secret};
use percent_encoding::percent_decode_str;
use serde_json::Value;

use crate::service::client_credentials::Credentials;

/// Who asks: from the header or from the body, and never from both (RFC 6749 §2.3).
///
/// # Errors
/// [`Problem::Token`] when it comes in both ways, or in one that can't be read.
pub fn credentials(headers: &HeaderMap, body: &Value) -> Result<Credentials, Problem> {
    let text = |name: &str| body.get(name).and_then(Value::as_str).map(str::to_owned);
    let (id, secret) = (text("client_id"), text("client_secret").map(Secret::from));
    let Some(sent) = headers.get(header::AUTHORIZATION) else {
        return Ok(Credentials { id, secret, in_header: false });
    };
    if secret.is_some() {
        return Err(Problem::Token(TokenRefusal::Request("Use one way to authenticate the client".to_owned())));
    }
    let refused = || Problem::Token(TokenRefusal::Client { in_header: true });
    let (named, secret) = basic(sent.to_str().unwrap_or_default()).ok_or_else(refused)?;
    // A body that says the same is only long-winded.
    if id.is_some_and(|id| id != named) {
        return Err(refused());
    }
    Ok(Credentials { id: Some(named), secret: Some(secret), in_header: true })
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
