//! The text of keys: made here, shown once, recognised without asking the store.
//!
//! A key ends in a tag that only this program can make of what stands before it, so a flood of invented keys costs a
//! few hashes and never a read. Keys that were made elsewhere have none; they are looked for only where a migration
//! was announced.

use aws_lc_rs::{
    constant_time::verify_slices_are_equal,
    digest::{SHA256, digest},
    hmac::{self, HMAC_SHA256},
};
use keyward_core::{model::root_key::Hash, secret::Secret, time::Entropy};
use keyward_store::MasterKey;
use zeroize::Zeroizing;

/// The digits of base58, in the order of their values (Bitcoin's alphabet).
const DIGITS: &[u8; 58] = b"123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
/// How many characters of a tag there are: a guess is right once in 38 billion.
const TAG: usize = 6;
/// How many random characters may be shown.
const START: usize = 4;
/// How many random bytes a key has if nobody says otherwise (contract: key strings).
pub const DEFAULT_BYTES: i64 = 16;

/// Makes and recognises the text of keys.
pub struct KeyTexts {
    tag: hmac::Key,
}

impl std::fmt::Debug for KeyTexts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("KeyTexts([secret])")
    }
}

/// A text that was just made.
#[derive(Debug)]
pub struct NewText {
    /// The whole text.
    pub text: Secret,
    /// Its SHA-256.
    pub hash: Hash,
    /// What of it may be shown.
    pub start: String,
}

/// The SHA-256 of a key's text, under which it is stored.
pub fn hash(text: &str) -> Hash {
    let mut hash = [0; 32];
    hash.copy_from_slice(digest(&SHA256, text.as_bytes()).as_ref());
    hash
}

impl KeyTexts {
    /// Those of a store with this master key.
    pub fn of(master: &MasterKey) -> Self {
        Self { tag: hmac::Key::new(HMAC_SHA256, &master.derive("tags of API keys")) }
    }

    /// A new text with so many random bytes, after a prefix.
    pub fn make(&self, entropy: &dyn Entropy, prefix: Option<&str>, bytes: usize) -> NewText {
        let mut random = Zeroizing::new(vec![0; bytes]);
        entropy.fill(&mut random);
        let encoded = Zeroizing::new(bs58::encode(random.as_slice()).into_string());
        let start: String = encoded.chars().take(START).collect();
        let (mut text, start) = match prefix {
            Some(prefix) => (format!("{prefix}_{}", *encoded), format!("{prefix}_{start}")),
            None => (encoded.to_string(), start),
        };
        let tag = self.tag_of(&text);
        text.extend(tag.iter().copied().map(char::from));
        NewText { hash: hash(&text), text: text.into(), start }
    }

    /// Whether the text has the tag of a key that was made here.
    pub fn is_ours(&self, text: &str) -> bool {
        let Some((body, tag)) = text.as_bytes().split_last_chunk::<TAG>() else { return false };
        let Ok(body) = std::str::from_utf8(body) else { return false };
        verify_slices_are_equal(&self.tag_of(body), tag).is_ok()
    }

    fn tag_of(&self, body: &str) -> [u8; TAG] {
        let mut first = [0; 8];
        first.copy_from_slice(&hmac::sign(&self.tag, body.as_bytes()).as_ref()[..8]);
        let mut number = u64::from_be_bytes(first);
        [(); TAG].map(|()| {
            let digit = usize::try_from(number % 58).unwrap_or(0);
            number /= 58;
            DIGITS[digit]
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::environment::SystemEntropy;

    #[test]
    fn our_keys_are_recognised_and_others_are_not() {
        let texts = KeyTexts::of(&MasterKey::new(&[1; 32]));
        let other = KeyTexts::of(&MasterKey::new(&[2; 32]));
        for (prefix, bytes) in [(None, 16), (Some("my_app"), 24), (Some("p"), 255)] {
            let made = texts.make(&SystemEntropy, prefix, bytes);
            let text = made.text.expose_text().expect("it is text");
            assert!(texts.is_ours(text) && !other.is_ours(text));
            assert!(text.starts_with(&made.start), "{}", made.start);
            assert_eq!(made.hash, hash(text));
            let mut changed = text.to_owned();
            let last = changed.pop();
            changed.push(if last == Some('1') { '2' } else { '1' });
            assert!(!texts.is_ours(&changed));
        }
        for text in ["", "x", "12345", "123456", "ключ-ключ-ключ", "\u{10ffff}\u{10ffff}"] {
            assert!(!texts.is_ours(text), "{text}");
        }
    }
}
