//! The console: pages for the people who say who may do what. Each works without script; forms are answered by a
//! redirection to a page that shows what is so now.

mod api_deletion;
mod api_settings;
mod apis;
mod assets;
mod client;
mod client_grant_page;
mod client_grants;
mod client_page;
mod clients;
mod credentials;
mod difference;
mod edited;
mod form;
mod page;
mod permission_deletion;
mod permission_page;
mod permissions;
mod picker;
pub mod problem;
mod quickstart;
pub mod receive;
mod role_holders;
mod role_permissions;
mod role_settings;
mod roles;
mod sign_in;
pub mod table;
mod usage_plot;
mod user_permissions;
mod user_roles;
mod user_settings;
mod users;
