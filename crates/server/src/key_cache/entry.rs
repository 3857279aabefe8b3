//! A key in the cache, with all that an answer says of it, written out once for each state of the catalogue (contract:
//! `keys.verifyKey` in full).
//!
//! An entry is one piece of memory: a million of them are kept, each is far from the processor, and going there once is
//! what a verification spends most of its time with.

use std::{
    hash::BuildHasher,
    hint::black_box,
    sync::{
        Arc,
        atomic::{AtomicU8, AtomicU64, Ordering},
    },
};

use foldhash::fast::FixedState;
use keyward_core::{
    model::{Revision, identity::Identity, key::KnownKey, root_key::Hash},
    snapshot::Snapshot,
    time::Timestamp,
    verify::{self, Held, LimitCheck},
    window::Limit,
};
use serde::Serialize;
use smallvec::SmallVec;
use triomphe::ThinArc;

use crate::windows::{Counter, Use, Windows};

/// About how many bytes a counter takes, and its place among the others.
const COUNTER: usize = 112;
/// How many bytes a processor fetches at once.
const LINE: usize = 64;
/// From how many uses on an entry is not worth more.
const OFTEN: u8 = 3;

/// A key that was read, with its identity, and what is shown of them.
#[derive(Debug, Clone)]
pub struct Entry(ThinArc<Head, u8>);

/// What an entry begins with. The bytes behind it are the places of the permissions that a query can name, and then the
/// text: what stands before the credits, what stands behind them, and each limit that applies by itself.
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
    /// The state of what keys can hold that is shown, if any is.
    holdings: Option<Revision>,
    text_at: usize,
    credits_at: usize,
    limits_at: usize,
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

impl Entry {
    /// A key as it was read, when so many identities had been touched. Nothing is shown of it yet.
    pub(super) fn new(hash: Hash, key: KnownKey, identity: Option<Arc<Identity>>, touched: u64) -> Self {
        let head = Head {
            hash,
            used: AtomicU8::new(0),
            key,
            identity,
            identities: AtomicU64::new(touched),
            holdings: None,
            text_at: 0,
            credits_at: 0,
            limits_at: 0,
            limits: SmallVec::new(),
        };
        Self(ThinArc::from_header_and_slice(head, &[]))
    }

    /// The same key, as it is shown in this state of the catalogue.
    pub fn shown_in(&self, snapshot: &Snapshot, windows: &Windows, now: Timestamp) -> Self {
        let (key, identity) = (self.key(), self.identity());
        let held = Held::of(snapshot, key);
        let mut text = String::new();
        member(&mut text, "keyId", key.id());
        if let Some(name) = key.name() {
            member(&mut text, "name", name);
        }
        if let Some(meta) = key.meta() {
            // Stored as JSON, and shown as it is.
            text.extend([r#","meta":"#, meta]);
        }
        if let Some(end) = key.expires_at.filter(|end| end.0 > 0) {
            member(&mut text, "expires", &end.0);
        }
        let credits_at = text.len();
        member(&mut text, "enabled", &key.enabled);
        let mut places = Vec::with_capacity(held.permissions.len());
        let values = held.permissions.iter().map(|permission| permission.value.as_str());
        list(&mut text, "permissions", values, |at, value| places.push(Place::new(value, at)));
        places.sort_unstable_by_key(|place| place.hash);
        list(&mut text, "roles", held.roles.iter().map(|role| role.name.as_str()), |_, _| {});
        if let Some(identity) = identity {
            write_identity(&mut text, key, identity);
        }
        let mut bytes: Vec<u8> = places.into_iter().flat_map(Place::into_bytes).collect();
        let (text_at, limits_at) = (bytes.len(), bytes.len() + text.len());
        // Without a limit that is asked for there is nothing to refuse.
        let checks = verify::limits(key, identity, &[]).unwrap_or_default();
        let limits = checks.iter().map(|check| {
            text.push_str(&limit_text(check));
            let counter = windows.counter_of(check, key, now);
            Automatic { counter, limit: check.window(), end: text_at + text.len() }
        });
        let head = Head {
            limits: limits.collect(),
            hash: *self.hash(),
            used: AtomicU8::new(0),
            key: key.clone(),
            identity: self.head().identity.clone(),
            identities: AtomicU64::new(self.head().identities.load(Ordering::Acquire)),
            holdings: Some(snapshot.holdings()),
            text_at,
            credits_at: text_at + credits_at,
            limits_at,
        };
        bytes.extend_from_slice(text.as_bytes());
        Self(ThinArc::from_header_and_slice(head, &bytes))
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
        black_box((key.number, key.workspace, key.api, key.expires_at, key.deleted, head.holdings, head.limits_at));
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
        self.head().holdings == Some(snapshot.holdings())
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

    /// Whether the key holds a permission with this value. A term of a query has nothing that JSON escapes, so it stands
    /// in the text as it is, and a quote ends it.
    pub fn has(&self, term: &str) -> bool {
        let wanted = hash(term);
        let (places, _) = self.bytes()[..self.head().text_at].as_chunks();
        let first = places.partition_point(|place| Place::from_bytes(*place).hash < wanted);
        let same =
            places[first..].iter().map(|place| Place::from_bytes(*place)).take_while(|place| place.hash == wanted);
        let mut texts = same.filter_map(|place| self.bytes().get(self.head().text_at + place.at()..));
        texts.any(|text| text.strip_prefix(term.as_bytes()).is_some_and(|rest| rest.starts_with(b"\"")))
    }

    /// The members before the credits; a comma comes first.
    pub fn before_credits(&self) -> &[u8] {
        &self.bytes()[self.head().text_at..self.head().credits_at]
    }

    /// The members behind the credits, but for limits; a comma comes first.
    pub fn after_credits(&self) -> &[u8] {
        &self.bytes()[self.head().credits_at..self.head().limits_at]
    }

    /// What a verification counts by itself.
    pub fn uses(&self) -> impl Iterator<Item = Use<'_>> {
        self.head().limits.iter().map(|limit| Use { counter: &limit.counter, limit: limit.limit, cost: 1 })
    }

    /// What the first of those counts with.
    pub(super) fn counter(&self) -> Option<&Arc<Counter>> {
        self.head().limits.first().map(|limit| &limit.counter)
    }

    /// The texts of the limits that apply by themselves, as [`limit_text`] writes them.
    pub fn limits(&self) -> impl Iterator<Item = &[u8]> {
        let ends = self.head().limits.iter().map(|limit| limit.end);
        ends.scan(self.head().limits_at, |start, end| Some(&self.bytes()[std::mem::replace(start, end)..end]))
    }

    /// About how many bytes of memory it takes, with the counters that it keeps.
    pub(super) fn weight(&self) -> usize {
        let head = size_of::<Head>() - size_of::<KnownKey>() + self.key().weight();
        head + self.bytes().len() + self.head().limits.len() * COUNTER
    }
}

/// Where a permission begins in the text.
struct Place {
    hash: u32,
    at: u32,
}

impl Place {
    fn new(value: &str, at: usize) -> Self {
        Self { hash: hash(value), at: u32::try_from(at).unwrap_or(u32::MAX) }
    }

    fn into_bytes(self) -> [u8; 8] {
        (u64::from(self.hash) << 32 | u64::from(self.at)).to_le_bytes()
    }

    fn from_bytes(bytes: [u8; 8]) -> Self {
        let both = u64::from_le_bytes(bytes);
        Self { hash: (both >> 32) as u32, at: both as u32 }
    }

    fn at(&self) -> usize {
        usize::try_from(self.at).unwrap_or(usize::MAX)
    }
}

/// What is shown of a limit, up to what is counted: an object whose last members and end are still missing.
pub fn limit_text(check: &LimitCheck<'_>) -> String {
    let mut text = r#"{"id":"#.to_owned();
    json(&mut text, check.id);
    member(&mut text, "name", check.name);
    member(&mut text, "limit", &check.limit);
    member(&mut text, "duration", &check.duration);
    member(&mut text, "autoApply", &check.auto_apply);
    text
}

/// The identity, with those of its limits that the key has none of the same name for.
fn write_identity(out: &mut String, key: &KnownKey, identity: &Identity) {
    out.push_str(r#","identity":{"id":"#);
    json(out, &identity.id);
    member(out, "externalId", &identity.external_id);
    if let Some(meta) = &identity.meta {
        out.extend([r#","meta":"#, meta]);
    }
    let own = key.limits();
    let shown: Vec<_> =
        identity.limits.iter().filter(|limit| !own.iter().any(|first| first.name == limit.name)).collect();
    if !shown.is_empty() {
        member(out, "ratelimits", &shown);
    }
    out.push('}');
}

fn member(out: &mut String, name: &str, value: &(impl Serialize + ?Sized)) {
    out.extend([",\"", name, "\":"]);
    json(out, value);
}

fn json(out: &mut String, value: &(impl Serialize + ?Sized)) {
    // Texts and numbers always serialize.
    out.push_str(&serde_json::to_string(value).unwrap_or_default());
}

/// A list of texts, if there are any; `each` is told where every one begins, behind its quote.
fn list<'t>(out: &mut String, name: &str, texts: impl Iterator<Item = &'t str>, mut each: impl FnMut(usize, &'t str)) {
    let mut texts = texts.peekable();
    if texts.peek().is_none() {
        return;
    }
    out.extend([",\"", name, "\":"]);
    for (at, text) in texts.enumerate() {
        out.push(if at == 0 { '[' } else { ',' });
        each(out.len() + 1, text);
        json(out, text);
    }
    out.push(']');
}

/// A hash that tells most values apart; those it does not are compared.
fn hash(value: &str) -> u32 {
    (FixedState::with_seed(0).hash_one(value) >> 32) as u32
}
