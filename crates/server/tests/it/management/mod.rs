mod bad_input;
mod client_grants;
mod clients;
mod logs;
mod resource_servers;
pub(crate) use resource_servers::PEM;
mod roles;
mod scopes;
mod tenants;
