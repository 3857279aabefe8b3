//! The SQL of what lives in memory: one file per noun.

pub mod api;
pub mod permission;
pub mod signing_key;
pub mod workspace;
