//! Signing keys: their public halves, rotation and revocation (contract: signing keys).

use base64::{Engine, prelude::BASE64_STANDARD};
use http::StatusCode;
use keyward_core::{
    model::signing_key::{KeyState, SigningKey},
    snapshot::Snapshot,
};
use serde_json::{Map, Value, json};
use yasna::{Tag, models::ObjectIdentifier};

use crate::{
    http::{
        answer::Answer,
        operation::{Handled, Request},
    },
    keyring,
    service::{log, signing_key},
};

/// Bytes as text under a label (RFC 7468).
fn pem(label: &str, bytes: &[u8]) -> String {
    let mut text = format!("-----BEGIN {label}-----\n");
    for line in BASE64_STANDARD.encode(bytes).as_bytes().chunks(64) {
        text.extend(line.iter().map(|byte| char::from(*byte)));
        text.push('\n');
    }
    text.push_str(&format!("-----END {label}-----\n"));
    text
}

fn certificate_pem(certificate: &[u8]) -> String {
    pem("CERTIFICATE", certificate)
}

/// A bundle of this certificate and nothing else, which signs nothing (RFC 2315 §9.1).
fn bundle(certificate: &[u8]) -> Vec<u8> {
    let (signed_data, data) = ([1, 2, 840, 113_549, 1, 7, 2], [1, 2, 840, 113_549, 1, 7, 1]);
    yasna::construct_der(|whole| {
        whole.write_sequence(|whole| {
            whole.next().write_oid(&ObjectIdentifier::from_slice(&signed_data));
            whole.next().write_tagged(Tag::context(0), |content| {
                content.write_sequence(|content| {
                    content.next().write_u8(1);
                    content.next().write_set(|_no_digests| {});
                    content.next().write_sequence(|of| of.next().write_oid(&ObjectIdentifier::from_slice(&data)));
                    content.next().write_tagged_implicit(Tag::context(0), |certificates| {
                        certificates.write_set(|certificates| certificates.next().write_der(certificate));
                    });
                    content.next().write_set(|_no_signers| {});
                });
            });
        });
    })
}

/// A key as the wire shows it. The private halves are not looked at here.
fn render(key: &SigningKey) -> Value {
    let mut fields = Map::new();
    let mut field = |name: &str, value: Value| fields.insert(name.to_owned(), value);
    field("kid", key.kid.clone().into());
    if let Some(certificate) = &key.certificate {
        let bytes = keyring::fingerprint(certificate);
        let pairs: Vec<String> = bytes.iter().map(|byte| format!("{byte:02X}")).collect();
        field("cert", certificate_pem(certificate).into());
        field("pkcs7", pem("PKCS7", &bundle(certificate)).into());
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
            field(name, log::date(time).into());
        }
    }
    Value::Object(fields)
}

/// The key that signs, as applications show it, if it has a certificate: what some readers check tokens with (contract:
/// clients). The subject is what the original says of it by now.
pub(super) fn shown_by_clients(snapshot: &Snapshot) -> Option<Value> {
    let current = snapshot.signing_keys().find(|key| key.state == KeyState::Current)?;
    let certificate = current.certificate.as_deref()?;
    let bundle = pem("PKCS7", &bundle(certificate));
    Some(json!([{ "cert": certificate_pem(certificate), "pkcs7": bundle, "subject": "deprecated" }]))
}

/// What is answered to a change of a key.
fn brief(key: &SigningKey) -> Value {
    json!({ "cert": key.certificate.as_deref().map(certificate_pem), "kid": key.kid })
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
