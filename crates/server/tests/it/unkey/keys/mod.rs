//! Keys: made, shown, changed, deleted.

mod create;
mod credits;
mod delete;
mod grants;
mod least_privilege;
mod migrate;
mod read;
mod reroll;
mod update;
