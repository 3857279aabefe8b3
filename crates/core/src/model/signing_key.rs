//! The keys that sign tokens.

use super::{
    Revision,
    api::{SigningAlgorithm, TOKEN_LIFETIME_MAX},
};
use crate::{secret::Secret, time::Timestamp};

/// Where a key is in its life. Only the current one signs; all but a revoked one verify.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum KeyState {
    /// Published ahead of its use, so that no verifier has to learn it in a hurry.
    Next,
    /// Signs.
    Current,
    /// Signed before; its tokens stay valid.
    Previous,
    /// Verifies nothing any more.
    Revoked,
}

impl KeyState {
    /// The word the store uses.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Next => "next",
            Self::Current => "current",
            Self::Previous => "previous",
            Self::Revoked => "revoked",
        }
    }

    /// The state with this word.
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Next, Self::Current, Self::Previous, Self::Revoked].into_iter().find(|state| state.as_str() == word)
    }
}

/// The private halves of a key, each PKCS#8, DER.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyPairs {
    /// RSA, 2048 bits.
    pub rsa: Secret,
    /// On the curve P-256.
    pub elliptic: Secret,
}

/// A key of a workspace: one for RSA and one on an elliptic curve, with one id and one life.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SigningKey {
    /// The row's number.
    pub number: i64,
    /// The key id that token headers and the JWKS carry; never used twice.
    pub kid: String,
    /// Where it is in its life.
    pub state: KeyState,
    /// RSA: PKCS#8, DER.
    pub private: Secret,
    /// P-256: PKCS#8, DER. A key that an older program made has none until the next start.
    pub elliptic: Option<Secret>,
    /// The certificate of the RSA key, DER, signed with it. As with `elliptic`.
    pub certificate: Option<Vec<u8>>,
    /// When it began to sign, if it has.
    pub current_since: Option<Timestamp>,
    /// When it ceased to sign.
    pub current_until: Option<Timestamp>,
    /// When it was revoked.
    pub revoked_at: Option<Timestamp>,
    /// The change that brought it to its state.
    pub revision: Revision,
    /// When it was made.
    pub created_at: Timestamp,
}

/// What a key signs with: it is published once for each of these that is asked for.
pub const ALGORITHMS: [SigningAlgorithm; 4] =
    [SigningAlgorithm::RS256, SigningAlgorithm::RS512, SigningAlgorithm::PS256, SigningAlgorithm::ES256];

impl SigningAlgorithm {
    /// All of them, the usual one first.
    pub const ALL: [Self; 5] = [Self::RS256, Self::ES256, Self::PS256, Self::RS512, Self::HS256];

    /// The name in headers of tokens (RFC 7518 §3.1).
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::HS256 => "HS256",
            Self::RS256 => "RS256",
            Self::RS512 => "RS512",
            Self::PS256 => "PS256",
            Self::ES256 => "ES256",
        }
    }
}

/// For how many milliseconds a key that signed is published: as long as a token of it may live, and a day more for
/// clocks that differ and for nodes that learn late that it signs no more.
const PUBLISHED_AFTER: i64 = (TOKEN_LIFETIME_MAX as i64 + 86_400) * 1000;

impl SigningKey {
    /// Whether verifiers have a use for it. A key that signed long ago has no token any more that is still good.
    pub fn is_published(&self, now: Timestamp) -> bool {
        match (self.state, self.current_until) {
            (KeyState::Current | KeyState::Next, _) | (KeyState::Previous, None) => true,
            (KeyState::Previous, Some(until)) => now.0.saturating_sub(until.0) <= PUBLISHED_AFTER,
            (KeyState::Revoked, _) => false,
        }
    }

    /// Whether it has all that a key of this program has.
    pub fn is_complete(&self) -> bool {
        self.elliptic.is_some() && self.certificate.is_some()
    }
}
