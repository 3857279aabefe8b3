//! Signing keys: their public halves, rotation and revocation (contract: signing keys).

use base64::{Engine, prelude::BASE64_STANDARD};
use http::StatusCode;
use keyward_core::{
    model::signing_key::{KeyState, SigningKey},
    time::Timestamp,
};
use serde_json::{Map, Value, json};

use crate::{
    http::{
        answer::Answer,
        operation::{Handled, Request},
    },
    keyring,
    service::signing_key,
};

/// A certificate as text (RFC 7468).
fn pem(certificate: &[u8]) -> String {
    let mut text = "-----BEGIN CERTIFICATE-----\n".to_owned();
    for line in BASE64_STANDARD.encode(certificate).as_bytes().chunks(64) {
        text.extend(line.iter().map(|byte| char::from(*byte)));
        text.push('\n');
    }
    text.push_str("-----END CERTIFICATE-----\n");
    text
}

fn date(time: Timestamp) -> String {
    let time = jiff::Timestamp::from_millisecond(time.0).unwrap_or_default();
    time.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string()
}

/// A key as the wire shows it. The private halves are not looked at here.
fn render(key: &SigningKey) -> Value {
    let mut fields = Map::new();
    let mut field = |name: &str, value: Value| fields.insert(name.to_owned(), value);
    field("kid", key.kid.clone().into());
    if let Some(certificate) = &key.certificate {
        let bytes = keyring::fingerprint(certificate);
        let pairs: Vec<String> = bytes.iter().map(|byte| format!("{byte:02X}")).collect();
        field("cert", pem(certificate).into());
        field("fingerprint", pairs.join(":").into());
        field("thumbprint", pairs.concat().into());
    }
    for (name, state) in [
        ("current", KeyState::Current),
        ("next", KeyState::Next),
        ("previous", KeyState::Previous),
        ("revoked", KeyState::Revoked),
    ] {
        field(name, (key.state == state).into());
    }
    for (name, time) in
        [("current_since", key.current_since), ("current_until", key.current_until), ("revoked_at", key.revoked_at)]
    {
        if let Some(time) = time {
            field(name, date(time).into());
        }
    }
    Value::Object(fields)
}

/// What is answered to a change of a key.
fn brief(key: &SigningKey) -> Value {
    json!({ "cert": key.certificate.as_deref().map(pem), "kid": key.kid })
}

/// Lists the keys, oldest first.
pub fn list(request: Request) -> Handled {
    Box::pin(async move {
        let keys: Vec<Value> = request.view.snapshot.signing_keys().map(|key| render(key)).collect();
        Ok(Answer::json(StatusCode::OK, &keys))
    })
}

/// Shows a key.
pub fn get(request: Request) -> Handled {
    Box::pin(async move {
        let key = signing_key::find(&request.view.snapshot, &request.segments[0])?;
        Ok(Answer::json(StatusCode::OK, &render(key)))
    })
}

/// Lets the next key sign, and makes another next one.
pub fn rotate(request: Request) -> Handled {
    Box::pin(async move {
        let next = signing_key::rotate(&request.call).await?;
        Ok(Answer::json(StatusCode::CREATED, &brief(&next)))
    })
}

/// Revokes a key that signed before.
pub fn revoke(request: Request) -> Handled {
    Box::pin(async move {
        let revoked = signing_key::revoke(&request.call, request.segments[0].clone()).await?;
        Ok(Answer::json(StatusCode::OK, &brief(&revoked)))
    })
}
