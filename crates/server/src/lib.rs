//! Keyward: who may do what on your APIs.
//!
//! Data takes one way, `http → service → store → core`. A noun has the same file name on every level.

pub mod app;
pub mod cli;
pub mod config;
pub mod control;
pub mod credits;
pub mod environment;
pub mod failures;
pub mod http;
pub mod ids;
pub mod key_cache;
pub mod key_text;
pub mod keyring;
pub mod lease;
pub mod members;
pub mod memory;
pub mod passwords;
pub mod private_file;
pub mod service;
pub mod signers;
pub mod telemetry;
pub mod token_log;
pub mod usage;
pub mod windows;
