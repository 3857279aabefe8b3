//! The schemas of the Unkey API: one function for what an operation takes and one for what it answers.
//!
//! They are written out in full, without references, because a refusal names the path of the keyword that refused
//! (contract: schema validation errors).

pub mod analytics;
pub mod apis;
pub mod identities;
pub mod impact;
pub mod key_grants;
pub mod keys;
pub mod permissions;
pub mod ratelimit;
pub mod shared;
pub mod verify;
