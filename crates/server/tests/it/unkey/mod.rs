//! The keys' API.

mod seed;
