mod create;
pub(crate) use create::PEM;
mod delete;
mod get;
mod list;
mod patch;
mod system;
mod versions;
