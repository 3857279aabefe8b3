mod bad_input;
mod logs;
mod resource_servers;
pub(crate) use resource_servers::PEM;
mod revocations;
mod roles;
mod scopes;
mod signing_keys;
