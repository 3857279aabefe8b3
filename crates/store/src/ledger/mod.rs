//! The SQL of what traffic writes: one file per noun.

pub mod log;
