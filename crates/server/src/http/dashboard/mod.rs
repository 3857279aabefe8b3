//! The console: pages for the people who say who may do what. Each works without script; forms are answered by a
//! redirection to a page that shows what is so now.

mod apis;
mod assets;
mod form;
mod key_apis;
mod key_form;
mod key_grants;
mod key_page;
mod key_trial;
mod keys;
mod page;
mod permission_page;
mod permissions;
pub mod problem;
pub mod receive;
mod root_key_page;
mod root_keys;
mod sign_in;
pub mod table;
mod token_trial;
mod trial_page;
