//! The keys' API.

mod concurrent;
mod credits_exact;
mod holders;
mod migrated;
mod never_stale;
mod oracle;
mod repeated;
mod seed;
mod steps;
