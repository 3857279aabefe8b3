//! The token endpoint (RFC 6749 §3.2).

use keyward_core::{Problem, model::client::CLIENT_CREDENTIALS, problem::TokenRefusal};
use serde_json::{Value, json};

use super::{credentials::credentials, problem};
use crate::{
    http::operation::{Handled, Request},
    service::client_credentials::{self, Asked},
};

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
        Ok(problem::answer(&answered.describe()))
    })
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
