//! The SQL of what traffic writes: one file per noun.

pub mod administrator;
pub mod assertion;
pub mod connection;
pub mod connection_client;
pub mod consent;
pub mod impact;
pub mod log;
pub mod log_block;
mod log_columns;
pub mod log_search;
pub mod permission_usage;
pub mod session;
pub mod user;
pub mod user_holdings;
pub mod user_removal;
pub mod user_walk;
