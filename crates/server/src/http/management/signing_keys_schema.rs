//! The schemas of signing keys.

use serde_json::{Value, json};

/// A key.
pub fn signing_key() -> Value {
    let text = |description: &str| json!({ "type": "string", "description": description });
    let flag = |description: &str| json!({ "type": "boolean", "description": description });
    json!({
        "type": "object", "additionalProperties": false,
        "required": ["kid", "current", "next", "previous", "revoked"],
        "properties": {
            "kid": text("Id of the key; `-RS512`, `-PS256` or `-ES256` behind it for APIs that ask for one of these"),
            "cert": text("The public certificate of the RSA key, PEM"),
            "pkcs7": text("The same certificate in a PKCS #7 bundle of its own, PEM"),
            "fingerprint": text("The certificate's SHA-1, in pairs of digits"),
            "thumbprint": text("The certificate's SHA-1"),
            "current": flag("Whether it signs"),
            "next": flag("Whether it will sign after the next rotation"),
            "previous": flag("Whether it signed before and still verifies"),
            "revoked": flag("Whether it verifies nothing any more"),
            "current_since": text("When it began to sign"),
            "current_until": text("When it ceased to sign"),
            "revoked_at": text("When it was revoked"),
        },
    })
}

/// All keys.
pub fn signing_key_list() -> Value {
    json!({ "type": "array", "items": signing_key() })
}

/// A key that was made or revoked.
pub fn changed_key() -> Value {
    json!({
        "type": "object", "additionalProperties": false, "required": ["cert", "kid"],
        "properties": {
            "cert": {"type": "string", "description": "The public certificate, PEM"},
            "kid": {"type": "string", "description": "Id of the key"},
        },
    })
}
