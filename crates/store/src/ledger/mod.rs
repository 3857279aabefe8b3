//! The SQL of what traffic writes: one file per noun.

pub mod assertion;
pub mod log;
