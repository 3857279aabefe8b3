//! Root keys: who may manage keys, and what else they may do.

use super::WorkspaceNumber;
use crate::{grants::Grants, time::Timestamp};

/// A SHA-256.
pub type Hash = [u8; 32];

/// A credential of the keys' API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RootKey {
    /// The row's number.
    pub number: i64,
    /// The workspace it acts on.
    pub workspace: WorkspaceNumber,
    /// The identity on the wire.
    pub id: String,
    /// For people.
    pub name: String,
    /// The SHA-256 of the whole text.
    pub hash: Hash,
    /// How the text begins, so that a person recognises it.
    pub start: String,
    /// What it may do.
    pub grants: Grants,
    /// When it ends, if it does.
    pub expires_at: Option<Timestamp>,
    /// When it was made.
    pub created_at: Timestamp,
}

/// Why a root key is not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RootKeyRefusal {
    /// There was no `Authorization` header.
    Missing,
    /// The header is not `Bearer` and a token.
    Malformed,
    /// No root key has this text.
    Unknown,
    /// It is a key, and not a root key.
    Ordinary,
    /// It has ended.
    Expired(Timestamp),
}
