//! The keys' API.

mod concurrent;
mod credits_exact;
mod never_stale;
mod oracle;
mod seed;
mod steps;
