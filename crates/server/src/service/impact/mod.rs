//! What a deletion would take away, and from whom, before it is made: counts are exact, lists have pages by number.
//!
//! What lives in memory is read from the catalogue's state at hand, the rest from one state of the store: a change in
//! between may be in one of them alone, and in both of the next answer.

pub mod api;
pub mod permission;
pub mod role;

use std::sync::Arc;

use keyward_core::{
    impact::{Counts, Holder},
    model::role::RoleNumber,
    snapshot::Snapshot,
};

pub use keyward_core::model::role::Role;
pub use keyward_store::{keys::impact::HoldingKey, ledger::impact::HoldingUser};

/// How many entries of each list stand beside its count.
pub const FIRST: usize = 10;

/// Those of one kind whom a deletion concerns.
#[derive(Debug, Clone)]
pub struct Concerned<T> {
    /// How many they are, and whence they have it.
    pub counts: Counts,
    /// How many of them keep it by another way.
    pub keeps: i64,
    /// The first of them.
    pub first: Vec<T>,
}

impl<T> Concerned<T> {
    /// How many lose it.
    pub fn loses(&self) -> i64 {
        self.counts.all - self.keeps
    }
}

/// A part of a list that is ordered by numbers.
#[derive(Debug, Clone)]
pub struct Part<T> {
    /// What stands in it.
    pub items: Vec<T>,
    /// The number behind which the list goes on, if there is more.
    pub next: Option<i64>,
}

impl<T> Part<T> {
    /// The first `limit` of these, which are one more if there is more.
    fn of(mut items: Vec<T>, limit: usize, number: impl Fn(&T) -> i64) -> Self {
        let more = items.len() > limit;
        items.truncate(limit);
        let next = items.last().filter(|_| more).map(number);
        Self { items, next }
    }

    /// The same part, of what its items have become.
    fn map<U>(self, become_what: impl FnMut(T) -> U) -> Part<U> {
        Part { items: self.items.into_iter().map(become_what).collect(), next: self.next }
    }

    /// What follows behind a number, of all there are.
    fn among(all: Vec<T>, (after, limit): (i64, usize), number: impl Fn(&T) -> i64) -> Self {
        let rest = all.into_iter().filter(|item| number(item) > after);
        Self::of(rest.take(limit + 1).collect(), limit, number)
    }
}

/// Somebody who holds something, with the roles by which it is held.
#[derive(Debug, Clone)]
pub struct Held<T> {
    /// The number by which the list is ordered.
    pub number: i64,
    /// Who holds it.
    pub who: T,
    /// Whether it is held directly.
    pub direct: bool,
    /// The roles that give it.
    pub roles: Vec<Arc<Role>>,
}

impl<T> Held<T> {
    fn of(snapshot: &Snapshot, holder: Holder<T>) -> Self {
        let named = |number: &RoleNumber| snapshot.role(*number).cloned();
        let roles = holder.roles.iter().filter_map(named).collect();
        Self { number: holder.number, who: holder.who, direct: holder.direct, roles }
    }
}

/// How many to ask for, so that it is known whether there is more.
fn one_more(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX).saturating_add(1)
}
