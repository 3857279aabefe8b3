//! The authorization server's endpoints.

pub mod discovery;
