//! The keys' API.

pub(crate) mod answers;
pub(crate) mod examples;
mod keys;
mod root_keys;
mod seed;
mod verify;
