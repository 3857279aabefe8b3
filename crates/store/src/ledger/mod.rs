//! The SQL of what traffic writes: one file per noun.

pub mod consent;
pub mod log;
