//! The keys' API.

mod concurrent;
mod never_stale;
mod oracle;
mod seed;
mod steps;
