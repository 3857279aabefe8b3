//! The rules of Keyward: what exists and who may do what.
//!
//! Everything here is pure. There is no I/O, no clock, no randomness and no async code, so that a rule can be
//! read, tested and fuzzed by itself. Time and random bytes come in as arguments.

pub mod access;
pub mod analytics;
pub mod grants;
pub mod guessable;
pub mod held;
pub mod impact;
pub mod model;
pub mod problem;
pub mod query;
pub mod refill;
pub mod secret;
pub mod slots;
pub mod snapshot;
pub mod time;
pub mod token;
pub mod user_search;
pub mod verify;
pub mod window;

pub use problem::Problem;
