//! The SQL of what lives in memory: one file per noun.

pub mod api;
pub mod client;
pub mod client_grant;
pub mod credential;
pub mod key_migration;
pub mod namespace;
pub mod permission;
pub mod revocation;
pub mod role;
pub mod root_key;
pub mod signing_key;
pub mod slug;
pub mod workspace;
