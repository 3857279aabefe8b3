//! Keys as they are used.

mod addresses;
mod credits;
mod lanes;
mod limits;
mod order;
mod permissions;
mod reads;
mod usage;
