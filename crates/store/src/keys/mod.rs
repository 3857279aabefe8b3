//! The SQL of keys and of what belongs to them, of which there may be any number: one file per noun.

pub mod credits;
pub mod holder;
pub mod idempotency;
pub mod identity;
pub mod impact;
pub mod key;
pub mod usage;
