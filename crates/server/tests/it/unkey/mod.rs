//! The keys' API.

pub(crate) mod answers;
mod concurrent;
mod credits_exact;
pub(crate) mod examples;
mod keys;
mod never_stale;
mod oracle;
mod root_keys;
mod seed;
mod steps;
mod verify;
