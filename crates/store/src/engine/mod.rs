//! The only place that knows which engine runs.

pub(crate) mod lease;
pub(crate) mod postgres;
pub(crate) mod sqlite;
pub(crate) mod tx;
mod value;

pub use tx::Tx;
pub use value::{Row, Value};

/// A statement. Only this type reaches an engine, and a test prepares every literal of it on both.
#[derive(Debug, Clone, Copy)]
pub struct Sql(pub(crate) &'static str);
