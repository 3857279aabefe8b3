//! Secrets of applications: random, compared by their SHA-256, and shown to whoever may see them.

use aws_lc_rs::{
    constant_time::verify_slices_are_equal,
    digest::{SHA256, digest},
};
use keyward_core::{
    model::{
        WorkspaceNumber,
        client::{Client, SECRET_MIN},
        root_key::Hash,
    },
    secret::Secret,
    snapshot::Snapshot,
    time::Entropy,
};

use crate::ids;

/// The length of a secret: 381 bits (contract: identifier formats).
const LENGTH: usize = 64;

/// Whether a text is the secret of some application, or has the form of those that are made here: then it is one that was
/// rotated away, or another installation's.
pub(crate) fn is_one(snapshot: &Snapshot, workspace: WorkspaceNumber, text: &str) -> bool {
    let has = |kind: fn(&u8) -> bool| text.bytes().any(|byte| kind(&byte));
    let is_plain = text.len() == LENGTH && text.bytes().all(|byte| byte.is_ascii_alphanumeric());
    let is_random = has(u8::is_ascii_uppercase) && has(u8::is_ascii_lowercase) && has(u8::is_ascii_digit);
    (is_plain && is_random)
        || (text.len() >= SECRET_MIN && snapshot.has_client_secret(workspace, &hash(text.as_bytes())))
}

/// A new secret.
pub(crate) fn generate(entropy: &dyn Entropy) -> Secret {
    Secret::from(ids::alphanumeric(entropy, LENGTH))
}

/// The hash that a secret is compared by. It is random, so a fast one is enough.
pub(crate) fn hash(secret: &[u8]) -> Hash {
    let mut hash = [0; 32];
    hash.copy_from_slice(digest(&SHA256, secret).as_ref());
    hash
}

/// Whether this is the client's secret. Without a client, or one with a secret, it takes as long as with one.
pub(crate) fn is_of(client: Option<&Client>, secret: &[u8]) -> bool {
    let known = client.and_then(|client| client.secret);
    let same = verify_slices_are_equal(&hash(secret), &known.unwrap_or_default()).is_ok();
    known.is_some() && same
}
