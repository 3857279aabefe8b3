//! Migrations of keys: keys that were made elsewhere, of which only hashes are known.

use super::WorkspaceNumber;

/// How the hashes of a migration were made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyAlgorithm {
    /// SHA-256 of the whole key, base64.
    Sha256,
    /// Keys of `seamapi/prefixed-api-key`: hexadecimal SHA-256 of the last of three parts.
    PrefixedApiKey,
}

impl KeyAlgorithm {
    /// The word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Sha256 => "sha256",
            Self::PrefixedApiKey => "github.com/seamapi/prefixed-api-key",
        }
    }

    /// The algorithm with this word.
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Sha256, Self::PrefixedApiKey].into_iter().find(|algorithm| algorithm.as_str() == word)
    }
}

/// A migration that was announced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyMigration {
    /// The row's number.
    pub number: i64,
    /// The workspace it belongs to.
    pub workspace: WorkspaceNumber,
    /// The identity on the wire.
    pub id: String,
    /// For people.
    pub name: String,
    /// How its hashes were made.
    pub algorithm: KeyAlgorithm,
}
