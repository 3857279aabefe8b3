mod bad_input;
mod connections;
mod logs;
mod resource_servers;
pub(crate) use resource_servers::PEM;
mod scopes;
mod users;
