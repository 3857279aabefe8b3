//! Secrets of applications: random, compared by their SHA-256, and shown to whoever may see them.

use aws_lc_rs::{
    constant_time::verify_slices_are_equal,
    digest::{SHA256, digest},
};
use keyward_core::{
    model::{client::Client, root_key::Hash},
    secret::Secret,
    time::Entropy,
};

use crate::ids;

/// The length of a secret: 381 bits (contract: identifier formats).
const LENGTH: usize = 64;

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
