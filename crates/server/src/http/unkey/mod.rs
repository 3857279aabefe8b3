//! The keys' API: Unkey's words, one file per noun.

pub mod analytics;
pub mod apis;
pub mod envelope;
pub mod fields;
pub mod identities;
pub mod impact;
pub mod key_grants;
pub mod keys;
pub mod permissions;
pub mod problem;
pub mod ratelimit;
pub mod receive;
pub mod render;
pub mod roles;
pub mod schema;
pub mod table;
pub mod validation;
pub mod verify;
