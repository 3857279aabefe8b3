//! Roles: permissions under one name.

use super::{WorkspaceNumber, permission::PermissionNumber};
use crate::time::Timestamp;

/// The most characters a name may have (contract: slug and name rules).
pub const NAME_MAX: usize = 128;
/// The most characters of a name where the contract names no bound: both engines can index that many.
pub const INDEXED_NAME_MAX: usize = 500;
/// The most characters of a description where the contract names no bound: roles live in memory.
pub const DESCRIPTION_MAX: usize = 1000;

/// The number of a role. Never used twice, so whoever has a deleted one has nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RoleNumber(pub i64);

/// Permissions under one name, of any APIs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Role {
    /// The row's number.
    pub number: RoleNumber,
    /// The workspace it belongs to.
    pub workspace: WorkspaceNumber,
    /// The identity on the wire, without the prefix that each protocol puts before it.
    pub id: String,
    /// Unique in the workspace, however it is spelt.
    pub name: String,
    /// For people.
    pub description: Option<String>,
    /// In ascending order. Deleted ones stay among them, inert.
    pub permissions: Vec<PermissionNumber>,
    /// When it was made.
    pub created_at: Timestamp,
}

impl Role {
    /// The identity in the words of the keys' API.
    pub fn key_id(&self) -> String {
        format!("role_{}", self.id)
    }

    /// The identity in the words of the Management API.
    pub fn management_id(&self) -> String {
        format!("rol_{}", self.id)
    }
}

/// A name as it is compared: spellings that differ in case only are the same name.
pub fn folded(name: &str) -> String {
    name.to_lowercase()
}
