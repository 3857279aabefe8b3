//! The console: pages for the people who say who may do what. Each works without script; forms are answered by a
//! redirection to a page that shows what is so now.

mod account;
mod administrators;
mod apis;
mod assets;
mod form;
mod log;
mod log_page;
mod page;
mod permission_page;
mod permissions;
pub mod problem;
pub mod receive;
mod settings;
mod sign_in;
pub mod table;
