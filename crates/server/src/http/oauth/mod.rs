//! The authorization server's endpoints.

pub mod discovery;
pub mod problem;
pub mod receive;
pub mod table;
pub mod token;
