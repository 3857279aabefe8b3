//! The authorization server's endpoints.

pub mod credentials;
pub mod discovery;
pub mod problem;
pub mod receive;
pub mod revoke;
pub mod table;
pub mod token;
