//! What exists. One file per noun; a noun has the same file name on every level of the program.

pub mod administrator;
pub mod api;
pub mod client;
pub mod client_grant;
pub mod connection;
pub mod consent;
pub mod credential;
pub mod identity;
pub mod key;
pub mod limit;
pub mod log;
pub mod migration;
pub mod permission;
pub mod permission_usage;
pub mod revocation;
pub mod role;
pub mod root_key;
pub mod signing_key;
pub mod system_api;
pub mod user;
pub mod workspace;

use serde::{Deserialize, Serialize};

/// The number of a workspace. Every row and every finder carries one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WorkspaceNumber(pub i64);

impl WorkspaceNumber {
    /// The workspace that exists from the first start on.
    pub const FIRST: Self = Self(1);

    /// The identity on the wire of the keys' API. There is one workspace, and this is its id.
    pub const ID: &str = "ws_default";
}

/// The number of a committed change. Later changes have larger numbers, across all nodes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Revision(pub i64);
