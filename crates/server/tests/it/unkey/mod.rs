//! The keys' API.

mod never_stale;
mod oracle;
mod seed;
mod steps;
