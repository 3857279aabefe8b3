//! Identities: the owners of keys. All keys of one share its limits.

use super::{WorkspaceNumber, limit::NamedLimit};
use crate::time::Timestamp;

/// The number of an identity. Never used twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct IdentityNumber(pub i64);

/// The owner of keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The row's number.
    pub number: IdentityNumber,
    /// The workspace it belongs to.
    pub workspace: WorkspaceNumber,
    /// The identity on the wire (`id_…`).
    pub id: String,
    /// What its owner calls it; unique in the workspace.
    pub external_id: String,
    /// A JSON object, as text.
    pub meta: Option<String>,
    /// What all of its keys together may do.
    pub limits: Vec<NamedLimit>,
    /// When it was made.
    pub created_at: Timestamp,
}
