//! A key in the cache, with all that an answer says of it, written out once for each state of the catalogue (contract:
//! `keys.verifyKey` in full).
//!
//! An entry is one piece of memory: a million of them are kept, each is far from the processor, and going there once is
//! what a verification spends most of its time with.

use std::{
    hint::black_box,
    sync::{
        Arc,
        atomic::{AtomicU8, AtomicU64, Ordering},
    },
};

use keyward_core::{
    model::{Revision, identity::Identity, key::KnownKey, permission::PermissionNumber, root_key::Hash},
    snapshot::Snapshot,
    time::Timestamp,
    verify::{self, LimitCheck},
    window::Limit,
};
use smallvec::SmallVec;
use triomphe::ThinArc;

use super::{
    holdings::{Holdings, HoldingsTable},
    written::{json, member, raw},
};
use crate::windows::{Counter, Use, Windows};

/// About how many bytes a counter takes, and its place among the others.
const COUNTER: usize = 112;
/// How many bytes a processor fetches at once.
const LINE: usize = 64;
/// From how many uses on an entry is not worth more.
const OFTEN: u8 = 3;
/// About how many bytes the text of one has that no other key has.
const TYPICAL_TEXT: usize = 256;

/// A key that was read, with its identity, and what is shown of them.
#[derive(Debug, Clone)]
pub struct Entry(ThinArc<Head, u8>);

/// What an entry begins with. The bytes behind it are the text that no other key has: what stands before the credits,
/// the identity, and each limit that applies by itself.
#[derive(Debug)]
struct Head {
    /// Of the key's text.
    hash: Hash,
    /// How often it was used lately, up to [`OFTEN`].
    used: AtomicU8,
    key: KnownKey,
    identity: Option<Arc<Identity>>,
    /// How many identities had been touched when this one was last known to be as it is.
    identities: AtomicU64,
    /// What it holds, and in which state of what keys can hold, if it is shown in any.
    holdings: Option<(Revision, Holdings)>,
    identity_at: usize,
    limits_at: usize,
    /// About how many bytes of memory it takes.
    weight: usize,
    limits: SmallVec<[Automatic; 1]>,
}

/// A limit that every verification counts against.
#[derive(Debug)]
struct Automatic {
    counter: Arc<Counter>,
    limit: Limit,
    /// Where its text ends.
    end: usize,
}

/// A key that was read, with its identity, of which nothing is shown yet.
#[derive(Debug)]
pub struct Unshown {
    pub(super) hash: Hash,
    pub(super) key: KnownKey,
    pub(super) identity: Option<Arc<Identity>>,
    /// How many identities had been touched when it was read.
    pub(super) touched: u64,
}

impl Unshown {
    /// As it is shown in this state of the catalogue.
    pub(super) fn shown_in(
        self,
        snapshot: &Snapshot,
        holdings: &HoldingsTable,
        windows: &Windows,
        now: Timestamp,
    ) -> Entry {
        let Self { hash, key, identity, touched } = self;
        let mut text = Vec::with_capacity(TYPICAL_TEXT);
        member(&mut text, "keyId", key.id());
        if let Some(name) = key.name() {
            member(&mut text, "name", name);
        }
        if let Some(meta) = key.meta() {
            // Stored as JSON, and shown as it is.
            raw(&mut text, [r#","meta":"#, meta]);
        }
        if let Some(end) = key.expires_at.filter(|end| end.0 > 0) {
            member(&mut text, "expires", &end.0);
        }
        let identity_at = text.len();
        if let Some(identity) = &identity {
            write_identity(&mut text, &key, identity);
        }
        let limits_at = text.len();
        // Without a limit that is asked for there is nothing to refuse.
        let checks = verify::limits(&key, identity.as_deref(), &[]).unwrap_or_default();
        let limits = checks.iter().map(|check| {
            write_limit(&mut text, check);
            let counter = windows.counter_of(check, &key, now);
            Automatic { counter, limit: check.window(), end: text.len() }
        });
        let limits: SmallVec<[Automatic; 1]> = limits.collect();
        drop(checks);
        let holdings = holdings.of(snapshot, &key);
        let own = size_of::<Head>() - size_of::<KnownKey>() + key.weight() + limits.len() * COUNTER;
        let head = Head {
            weight: own + text.len() + holdings.share(),
            limits,
            hash,
            used: AtomicU8::new(0),
            key,
            identity,
            identities: AtomicU64::new(touched),
            holdings: Some((snapshot.holdings(), holdings)),
            identity_at,
            limits_at,
        };
        Entry(ThinArc::from_header_and_slice(head, &text))
    }
}

#[cfg(test)]
impl From<Unshown> for Entry {
    fn from(Unshown { hash, key, identity, touched }: Unshown) -> Self {
        let head = Head {
            hash,
            used: AtomicU8::new(0),
            weight: size_of::<Head>() - size_of::<KnownKey>() + key.weight(),
            key,
            identity,
            identities: AtomicU64::new(touched),
            holdings: None,
            identity_at: 0,
            limits_at: 0,
            limits: SmallVec::new(),
        };
        Self(ThinArc::from_header_and_slice(head, &[]))
    }
}

impl Entry {
    /// What was read, to be shown in another way.
    pub(super) fn unshown(&self) -> Unshown {
        let head = self.head();
        let touched = head.identities.load(Ordering::Acquire);
        Unshown { hash: head.hash, key: head.key.clone(), identity: head.identity.clone(), touched }
    }

    fn head(&self) -> &Head {
        &self.0.header.header
    }

    fn bytes(&self) -> &[u8] {
        &self.0.slice
    }

    /// Reads something of each of its cache lines, so that the processor fetches them together. One after the other, as
    /// they are needed, they would keep it waiting for each.
    pub(super) fn fetch(&self) {
        let head = self.head();
        let key = &head.key;
        black_box((key.number, key.workspace, key.api, key.expires_at, key.deleted, head.limits_at));
        black_box(self.bytes().iter().step_by(LINE).fold(0, |all, byte| all ^ byte));
    }

    /// The hash of the key's text.
    pub(super) fn hash(&self) -> &Hash {
        &self.head().hash
    }

    /// Notes that it was used. Of two that do so at once one may be lost, which does no harm.
    pub(super) fn mark_used(&self) {
        let used = self.head().used.load(Ordering::Relaxed);
        if used < OFTEN {
            self.head().used.store(used + 1, Ordering::Relaxed);
        }
    }

    /// Whether it was used since it was last asked; that counts less from then on.
    pub(super) fn grow_older(&self) -> bool {
        let used = self.head().used.load(Ordering::Relaxed);
        self.head().used.store(used.saturating_sub(1), Ordering::Relaxed);
        used > 0
    }

    /// The key.
    pub fn key(&self) -> &KnownKey {
        &self.head().key
    }

    /// Its owner.
    pub fn identity(&self) -> Option<&Identity> {
        self.head().identity.as_deref()
    }

    /// Whether it is the same piece of memory.
    pub(super) fn is(&self, other: &Self) -> bool {
        std::ptr::eq(self.head(), other.head())
    }

    /// Whether it shows what the key holds in this state of the catalogue.
    pub fn is_shown_in(&self, snapshot: &Snapshot) -> bool {
        self.head().holdings.as_ref().is_some_and(|(state, _)| *state == snapshot.holdings())
    }

    /// Its owner as it was read, unless nothing was touched since that was last known to be as it is.
    pub(super) fn doubtful_identity(&self, touched: u64) -> Option<&Arc<Identity>> {
        let head = self.head();
        head.identity.as_ref().filter(|_| head.identities.load(Ordering::Acquire) != touched)
    }

    /// Notes that its owner is as it was when so many identities had been touched.
    pub(super) fn confirm_identity(&self, touched: u64) {
        self.head().identities.store(touched, Ordering::Release);
    }

    /// The permission with this value, if the key holds it.
    pub fn permission(&self, term: &str) -> Option<PermissionNumber> {
        self.holdings().and_then(|holdings| holdings.find(term))
    }

    /// The members before the credits; a comma comes first.
    pub fn before_credits(&self) -> &[u8] {
        &self.bytes()[..self.head().identity_at]
    }

    /// The members behind the credits, but for limits: those that other keys have as well, and its own. A comma comes
    /// first.
    pub fn after_credits(&self) -> [&[u8]; 3] {
        let enabled: &[u8] = if self.key().enabled { br#","enabled":true"# } else { br#","enabled":false"# };
        let holdings = self.holdings().map(Holdings::text);
        [enabled, holdings.unwrap_or_default(), &self.bytes()[self.head().identity_at..self.head().limits_at]]
    }

    /// What a verification counts by itself.
    pub fn uses(&self) -> impl Iterator<Item = Use<'_>> {
        self.head().limits.iter().map(|limit| Use { counter: &limit.counter, limit: limit.limit, cost: 1 })
    }

    /// What the first of those counts with.
    pub(super) fn counter(&self) -> Option<&Arc<Counter>> {
        self.head().limits.first().map(|limit| &limit.counter)
    }

    /// What the key holds, if it is shown in any state.
    pub(super) fn holdings(&self) -> Option<&Holdings> {
        self.head().holdings.as_ref().map(|(_, holdings)| holdings)
    }

    /// The texts of the limits that apply by themselves, as [`limit_text`] writes them.
    pub fn limits(&self) -> impl Iterator<Item = &[u8]> {
        let ends = self.head().limits.iter().map(|limit| limit.end);
        ends.scan(self.head().limits_at, |start, end| Some(&self.bytes()[std::mem::replace(start, end)..end]))
    }

    /// About how many bytes of memory it takes, with the counters that it keeps.
    pub(super) fn weight(&self) -> usize {
        self.head().weight
    }
}

/// What is shown of a limit, up to what is counted: an object whose last members and end are still missing.
pub fn limit_text(check: &LimitCheck<'_>) -> Vec<u8> {
    let mut text = Vec::new();
    write_limit(&mut text, check);
    text
}

fn write_limit(out: &mut Vec<u8>, check: &LimitCheck<'_>) {
    raw(out, [r#"{"id":"#]);
    json(out, check.id);
    member(out, "name", check.name);
    member(out, "limit", &check.limit);
    member(out, "duration", &check.duration);
    member(out, "autoApply", &check.auto_apply);
}

/// The identity, with those of its limits that the key has none of the same name for.
fn write_identity(out: &mut Vec<u8>, key: &KnownKey, identity: &Identity) {
    raw(out, [r#","identity":{"id":"#]);
    json(out, &identity.id);
    member(out, "externalId", &identity.external_id);
    if let Some(meta) = &identity.meta {
        raw(out, [r#","meta":"#, meta]);
    }
    let own = key.limits();
    let shown: Vec<_> =
        identity.limits.iter().filter(|limit| !own.iter().any(|first| first.name == limit.name)).collect();
    if !shown.is_empty() {
        member(out, "ratelimits", &shown);
    }
    out.push(b'}');
}
