//! The rules of Keyward: what exists and who may do what.
//!
//! Everything here is pure. There is no I/O, no clock, no randomness and no async code, so that a rule can be
//! read, tested and fuzzed by itself. Time and random bytes come in as arguments.

pub mod access;
pub mod model;
pub mod problem;
pub mod secret;
pub mod snapshot;
pub mod time;

pub use problem::Problem;
