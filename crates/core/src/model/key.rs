//! API keys: who calls an API, and what they may do there.

use super::{
    Revision, WorkspaceNumber, api::ApiNumber, identity::IdentityNumber, limit::NamedLimit,
    permission::PermissionNumber, role::RoleNumber, root_key::Hash,
};
use crate::{
    refill::{Interval, Refill},
    time::Timestamp,
};

/// The most characters of a key's name.
pub const NAME_MAX: u64 = 255;
/// The most characters of what a key's text begins with.
pub const PREFIX_MAX: u64 = 16;
/// The most characters of the id by which an owner is known outside.
pub const OWNER_MAX: u64 = 255;
/// The most characters of a key's text, as it is sent.
pub const TEXT_MAX: u64 = 512;
/// The most characters of a query of permissions.
pub const QUERY_MAX: u64 = 1000;
/// The most permissions that a key can be given at once.
pub const PERMISSIONS_MAX: u64 = 1000;
/// The most roles that a key can be given at once.
pub const ROLES_MAX: u64 = 100;
/// The latest end of a key, the first moment of the year 2100, and the longest grace period.
pub const EXPIRES_MAX: i64 = 4_102_444_800_000;

/// Whether a text has a length from one character up to a limit.
pub fn fits(text: &str, longest: u64) -> bool {
    !text.is_empty() && u64::try_from(text.chars().count()).is_ok_and(|length| length <= longest)
}

/// Whether a key's text may begin with this.
pub fn is_prefix(text: &str) -> bool {
    fits(text, PREFIX_MAX) && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// Whether an owner may be known by this id.
pub fn is_owner(text: &str) -> bool {
    fits(text, OWNER_MAX) && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-'))
}

/// The number of a key. Never used twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyNumber(pub i64);

/// A key as its row has it, but for the text itself.
#[derive(Debug, Clone, PartialEq)]
pub struct Key {
    /// The row's number.
    pub number: KeyNumber,
    /// The workspace it belongs to.
    pub workspace: WorkspaceNumber,
    /// The API it is for.
    pub api: ApiNumber,
    /// The identity on the wire (`key_…`).
    pub id: String,
    /// The SHA-256 of the whole text; of another part of it while `migration` is there.
    pub hash: Hash,
    /// How the text begins, so that a person recognises it.
    pub start: String,
    /// For people.
    pub name: Option<String>,
    /// A JSON object, as text.
    pub meta: Option<String>,
    /// Its owner.
    pub identity: Option<IdentityNumber>,
    /// Whether it may be used.
    pub enabled: bool,
    /// When it ends, if it does.
    pub expires_at: Option<Timestamp>,
    /// What it holds directly, in ascending order. Deleted ones stay among them, inert.
    pub permissions: Vec<PermissionNumber>,
    /// Its roles, in ascending order. Deleted ones stay among them, inert.
    pub roles: Vec<RoleNumber>,
    /// Its own limits.
    pub limits: Vec<NamedLimit>,
    /// Whether its uses are counted.
    pub counted: bool,
    /// What its text begins with, if anything.
    pub prefix: Option<String>,
    /// How many random bytes its text has.
    pub bytes: i64,
    /// Whether its text may be shown again.
    pub recoverable: bool,
    /// The migration whose first use of the key still has to tell its text.
    pub migration: Option<i64>,
    /// About when it was last used.
    pub last_used_at: Option<Timestamp>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Option<Timestamp>,
    /// When it was deleted.
    pub deleted_at: Option<Timestamp>,
}

/// How often a counted key may still be used, and when it gets more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credits {
    /// How much is left.
    pub remaining: i64,
    /// When it becomes how much again.
    pub refill: Option<Refill>,
    /// The refill that was last taken into account.
    pub refilled_at: Timestamp,
}

impl Credits {
    /// What is there at this moment: refills that were due since are in it.
    #[must_use]
    pub fn at(&self, now: Timestamp) -> Self {
        let due = self.refill.as_ref().and_then(|refill| refill.apply(self.remaining, self.refilled_at, now));
        match due {
            Some((remaining, refilled_at)) => Self { remaining, refilled_at, refill: self.refill },
            None => self.clone(),
        }
    }

    /// The next moment at which there is more, if there is one.
    pub fn refill_at(&self) -> Option<Timestamp> {
        // No two moments of a refill are further apart than a month.
        const MONTH: i64 = 31 * 24 * 60 * 60 * 1000;
        let refill = self.refill.as_ref()?;
        let last = refill.last_due(self.refilled_at);
        Some(refill.last_due(Timestamp(last.0 + MONTH))).map(|next| match refill.interval {
            Interval::Daily => Timestamp(last.0 + MONTH / 31),
            Interval::Monthly { .. } => next,
        })
    }
}

/// A key as a verification needs it: in few pieces of memory, because a million of them are kept and each is far from
/// the processor.
#[derive(Debug, Clone, PartialEq)]
pub struct KnownKey {
    /// The row's number.
    pub number: KeyNumber,
    /// The workspace it belongs to.
    pub workspace: WorkspaceNumber,
    /// The API it is for.
    pub api: ApiNumber,
    /// Its owner.
    pub identity: Option<IdentityNumber>,
    /// When it ends, if it does.
    pub expires_at: Option<Timestamp>,
    /// The last change that the row it was read from may include.
    pub revision: Revision,
    /// Whether it may be used.
    pub enabled: bool,
    /// Whether its uses are counted.
    pub counted: bool,
    /// Whether it is not there for anybody: it was deleted, or its text is not known yet.
    pub deleted: bool,
    has_name: bool,
    /// Where the id ends and the name begins, and where that ends and the meta data begin.
    ends: (u32, u32),
    /// Id, name and meta data, one after the other.
    text: Box<str>,
    /// Permissions, then roles.
    numbers: Box<[i64]>,
    permissions: u32,
    limits: Option<Box<[NamedLimit]>>,
}

impl KnownKey {
    /// What a verification needs of a key that was read at this revision.
    pub fn of(key: Key, revision: Revision) -> Self {
        let end = |length: usize| u32::try_from(length).unwrap_or(u32::MAX);
        let name = key.name.as_deref().unwrap_or_default();
        let id_end = key.id.len();
        let numbers = key.permissions.iter().map(|number| number.0).chain(key.roles.iter().map(|number| number.0));
        Self {
            number: key.number,
            workspace: key.workspace,
            api: key.api,
            identity: key.identity,
            expires_at: key.expires_at,
            revision,
            enabled: key.enabled,
            counted: key.counted,
            deleted: key.deleted_at.is_some() || key.migration.is_some(),
            has_name: key.name.is_some(),
            ends: (end(id_end), end(id_end + name.len())),
            text: [&key.id, name, key.meta.as_deref().unwrap_or_default()].concat().into(),
            numbers: numbers.collect(),
            permissions: end(key.permissions.len()),
            limits: (!key.limits.is_empty()).then(|| key.limits.into()),
        }
    }

    fn part(&self, from: u32, to: Option<u32>) -> &str {
        let place = |at: u32| usize::try_from(at).unwrap_or(0);
        let to = to.map_or(self.text.len(), place);
        self.text.get(place(from)..to).unwrap_or_default()
    }

    /// The identity on the wire.
    pub fn id(&self) -> &str {
        self.part(0, Some(self.ends.0))
    }

    /// For people.
    pub fn name(&self) -> Option<&str> {
        self.has_name.then(|| self.part(self.ends.0, Some(self.ends.1)))
    }

    /// A JSON object, as text.
    pub fn meta(&self) -> Option<&str> {
        Some(self.part(self.ends.1, None)).filter(|meta| !meta.is_empty())
    }

    /// How many permissions it holds directly, and their numbers with its roles' behind them.
    pub fn numbers(&self) -> (usize, &[i64]) {
        (usize::try_from(self.permissions).unwrap_or(0), &self.numbers)
    }

    /// What it holds directly.
    pub fn permissions(&self) -> impl Iterator<Item = PermissionNumber> {
        let count = usize::try_from(self.permissions).unwrap_or(0);
        self.numbers.iter().take(count).map(|number| PermissionNumber(*number))
    }

    /// Its roles.
    pub fn roles(&self) -> impl Iterator<Item = RoleNumber> {
        let count = usize::try_from(self.permissions).unwrap_or(0);
        self.numbers.iter().skip(count).map(|number| RoleNumber(*number))
    }

    /// Its own limits.
    pub fn limits(&self) -> &[NamedLimit] {
        self.limits.as_deref().unwrap_or_default()
    }

    /// About how many bytes of memory it takes.
    pub fn weight(&self) -> usize {
        let limit = |limit: &NamedLimit| size_of::<NamedLimit>() + limit.id.len() + limit.name.len() + 16;
        let limits: usize = self.limits().iter().map(limit).sum();
        size_of::<Self>() + self.text.len() + self.numbers.len() * 8 + limits + 32
    }
}

mod packed;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_refill_is_the_first_one_after_the_last() {
        for day in 1..=31 {
            for interval in [Interval::Daily, Interval::Monthly { day }] {
                let refill = Refill { interval, amount: 10 };
                let mut credits =
                    Credits { remaining: 0, refill: Some(refill), refilled_at: Timestamp(1_700_000_000_000) };
                for _ in 0..40 {
                    let next = credits.refill_at().expect("there is a refill");
                    assert_eq!(credits.at(Timestamp(next.0 - 1)).remaining, 0, "not a moment before");
                    credits = credits.at(next);
                    assert_eq!((credits.remaining, credits.refilled_at), (10, next));
                    credits.remaining = 0;
                }
            }
        }
    }
}
