//! The keys that sign tokens.

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

/// An RSA key of a workspace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SigningKey {
    /// The row's number.
    pub number: i64,
    /// The key id that token headers and the JWKS carry; never used twice.
    pub kid: String,
    /// Where it is in its life.
    pub state: KeyState,
    /// PKCS#8, DER.
    pub private: Secret,
    /// When it was made.
    pub created_at: Timestamp,
}
