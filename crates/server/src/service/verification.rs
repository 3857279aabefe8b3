//! Verifying keys: find the key, ask the rules, count, pay, record.

use std::{net::IpAddr, sync::Arc};

use keyward_core::{
    Problem,
    grants::{Action, Grants},
    model::{
        WorkspaceNumber,
        identity::Identity,
        key::{Key, KnownKey},
        migration::KeyAlgorithm,
        permission::PermissionNumber,
        root_key::{Hash, RootKey},
    },
    snapshot::Snapshot,
    time::Timestamp,
    verify::{self, AskedLimit, Code, Demand, LimitError},
    window::Reading,
};
use keyward_store::keys::{credits, identity, key};
use serde_json::{Value, json};
use smallvec::SmallVec;

use crate::{
    app::{App, Call, View},
    credits::Spent,
    key_cache::{Entry, Found, Seen, limit_text},
    key_text,
    service::root_key::{self, entry},
    usage::Record,
    windows::{Counter, Readings, Use, take},
};

/// How often a key is read again because it changed while it was read.
const READ_AGAIN: usize = 100;
/// How many characters of a migrated key are shown, after its prefix.
const START: usize = 4;

/// What somebody wants to know of a key.
#[derive(Debug, Clone)]
pub struct Question<'q> {
    /// Which permissions it must hold.
    pub permissions: Option<&'q str>,
    /// The limits that are named.
    pub limits: Vec<AskedLimit<'q>>,
    /// How many credits this use takes.
    pub cost: Option<i64>,
    /// What the caller attached.
    pub tags: Vec<&'q str>,
    /// From where the key is used.
    pub address: IpAddr,
    /// When.
    pub now: Timestamp,
}

/// A key that was found, with the state of the catalogue that goes with it.
#[derive(Debug)]
pub struct Known {
    /// The state.
    pub view: Arc<View>,
    /// The key, with its owner, as it is shown in that state.
    pub entry: Entry,
}

/// What limits found.
#[derive(Debug)]
pub enum Limits {
    /// Those that apply by themselves, in their order; none if they were not asked.
    Own(Readings),
    /// Those that apply by themselves or were named, with their texts.
    Asked(Vec<(Vec<u8>, Reading)>),
}

/// What the rules say of a key.
#[derive(Debug)]
pub struct Judged<'s> {
    /// The key, as it is shown.
    pub shown: &'s Entry,
    /// What became of it, so far.
    pub code: Code,
    /// Which permissions it lacks.
    pub missing: Vec<&'s str>,
    /// Which permissions that the question names it holds, each once.
    pub held: SmallVec<[PermissionNumber; 4]>,
    /// The limits that were checked.
    pub limits: Limits,
    /// What is left, if its uses are counted.
    pub credits: Option<i64>,
    /// How many credits this use took.
    pub spent: i64,
}

impl Judged<'_> {
    /// The limits that were asked, as they are shown, and what each found.
    pub fn limits(&self) -> SmallVec<[(&[u8], &Reading); 2]> {
        match &self.limits {
            Limits::Own(readings) => self.shown.limits().zip(readings).collect(),
            Limits::Asked(asked) => asked.iter().map(|(text, reading)| (text.as_slice(), reading)).collect(),
        }
    }
}

/// What became of a question about a key, without asking the store.
#[derive(Debug)]
pub enum Remembered<R> {
    /// It was answered.
    Judged(R),
    /// The store has to be asked for the key with this hash, on behalf of this caller.
    Wanting(Hash, Arc<RootKey>),
    /// It has to be asked in another way.
    Declined,
}

impl<R> From<Option<R>> for Remembered<R> {
    fn from(judged: Option<R>) -> Self {
        judged.map_or(Self::Declined, Self::Judged)
    }
}

/// Asks `judge` about the key with this text, which is `None` if there is no such key; it is told the state of the
/// catalogue and who asks.
pub fn remembered<R>(
    app: &App,
    text: &str,
    header: Option<&[u8]>,
    now: Timestamp,
    judge: impl FnOnce(&Snapshot, &RootKey, Option<&Entry>) -> Option<R>,
) -> Remembered<R> {
    let hash = key_text::hash(text);
    let (view, looking) = app.keys.look(&hash, || app.view());
    // Who asks is found out while the key is on its way from memory.
    let Ok(caller) = root_key::authenticate(&view.snapshot, header, now) else { return Remembered::Declined };
    let entry = match looking.see() {
        Seen::Here(entry) if entry.is_shown_in(&view.snapshot) => {
            return judge(&view.snapshot, caller, Some(entry)).into();
        }
        Seen::Here(entry) => entry.clone(),
        Seen::Unknown => {
            drop(looking);
            return match unpack(app, &hash, now) {
                // Who asks was found out in the state at hand.
                Some(known) if !Arc::ptr_eq(&known.view, &view) => Remembered::Declined,
                Some(known) => judge(&view.snapshot, caller, Some(&known.entry)).into(),
                None if is_no_key(app, &view, text) => judge(&view.snapshot, caller, None).into(),
                None => Remembered::Wanting(hash, Arc::clone(caller)),
            };
        }
        Seen::Changed => return Remembered::Declined,
    };
    drop(looking);
    let entry = app.keys.shown(entry, &view.snapshot, &app.windows, now);
    judge(&view.snapshot, caller, Some(&entry)).into()
}

/// The key with this hash, if the cache has it packed.
fn unpack(app: &App, hash: &Hash, now: Timestamp) -> Option<Known> {
    let show = |view: &Arc<View>, read| app.keys.written(read, &view.snapshot, &app.windows, now);
    let (view, entry) = app.keys.unpack(hash, || Arc::clone(&app.view()), show)?;
    Some(Known { view, entry })
}

/// Whether the store need not be asked for a text: without our tag it can only be a key that was taken over from
/// elsewhere.
fn is_no_key(app: &App, view: &View, text: &str) -> bool {
    !app.key_texts.is_ours(text) && view.snapshot.key_migrations().next().is_none()
}

/// The key with this text, read from the store if need be.
///
/// # Errors
/// [`Problem::Unavailable`] when the store can't be read.
pub async fn find(app: &Arc<App>, text: &str, now: Timestamp) -> Result<Option<Known>, Problem> {
    let hash = key_text::hash(text);
    let view = match app.keys.find(&hash, || Arc::clone(&app.view())) {
        Found::Here(view, entry) => {
            let entry = app.keys.shown(entry, &view.snapshot, &app.windows, now);
            return Ok(Some(Known { view, entry }));
        }
        Found::Unknown(view) => view,
    };
    if let Some(known) = unpack(app, &hash, now) {
        return Ok(Some(known));
    }
    if is_no_key(app, &view, text) {
        return Ok(None);
    }
    read(app, hash, now).await
}

/// The key with this hash, as the store has it.
///
/// # Errors
/// [`Problem::Unavailable`] when the store can't be read.
pub async fn read(app: &Arc<App>, hash: Hash, now: Timestamp) -> Result<Option<Known>, Problem> {
    for _ in 0..READ_AGAIN {
        let reader = Arc::clone(app);
        let read = app.store.read_briefly(move |tx| {
            Box::pin(async move {
                let (revision, key) = key::find_with_revision(tx, &hash).await?;
                let Some(key) = key else { return Ok((revision, None)) };
                let Some(number) = key.identity.filter(|number| !reader.keys.has_identity(*number)) else {
                    return Ok((revision, Some((key, None))));
                };
                let identity = identity::find_numbered(tx, number).await?;
                let key = Key { identity: identity.as_ref().map(|identity| identity.number), ..key };
                Ok((revision, Some((key, identity))))
            })
        });
        let (revision, found) = read.await?;
        app.keys.read.inc();
        // Memory must not be behind what was read.
        app.shown(revision).await?;
        // What a migration announced is not found by the hash of a part of its text, and its place may become another
        // key's: it is not remembered.
        let Some((key, identity)) = found.filter(|(key, _)| key.migration.is_none()) else { return Ok(None) };
        let key = KnownKey::of(key, revision);
        let show = |view: &Arc<View>, read| app.keys.written(read, &view.snapshot, &app.windows, now);
        if let Some((view, entry)) = app.keys.keep(&hash, key, identity, || Arc::clone(&app.view()), show) {
            return Ok(Some(Known { view, entry }));
        }
    }
    Err(Problem::Unavailable("the key is changed all the time", None))
}

/// Whether the key may do what it is used for, but for credits. Limits are counted. `None` when there is no such key for
/// this caller.
///
/// # Errors
/// [`Problem::Query`], or [`Problem::Precondition`] for a limit that the key does not have.
pub fn judge<'s>(
    app: &App,
    snapshot: &'s Snapshot,
    shown: &'s Entry,
    grants: &Grants,
    question: &Question<'s>,
) -> Result<Option<Judged<'s>>, Problem> {
    let (key, identity) = (shown.key(), shown.identity());
    let Some(api) = verify::locate(snapshot, WorkspaceNumber::FIRST, key, grants) else { return Ok(None) };
    let demand = Demand { permissions: question.permissions, address: question.address, now: question.now };
    let mut held = SmallVec::new();
    let has = |term: &str| {
        let found = shown.permission(term);
        held.extend(found.filter(|number| !held.contains(number)));
        found.is_some()
    };
    let refused = verify::examine(&api.api, key, has, &demand);
    let refused = refused.map_err(|error| Problem::Query(error.to_string()))?;
    if let Some((code, missing)) = refused {
        return Ok(Some(Judged {
            shown,
            code,
            missing,
            held,
            limits: Limits::Own(Readings::new()),
            credits: None,
            spent: 0,
        }));
    }
    let (passed, limits) = if question.limits.is_empty() {
        let uses: SmallVec<[Use<'_>; 2]> = shown.uses().collect();
        let (passed, readings) = take(&uses, question.now);
        (passed, Limits::Own(readings))
    } else {
        let checks = verify::limits(key, identity, &question.limits);
        let checks = checks.map_err(|error| refuse_limit(error, key, identity))?;
        let counters: Vec<Arc<Counter>> =
            checks.iter().map(|check| app.windows.counter_of(check, key, question.now)).collect();
        let counted = checks.iter().zip(&counters);
        let uses: Vec<Use<'_>> =
            counted.map(|(check, counter)| Use { counter, limit: check.window(), cost: check.cost }).collect();
        let (passed, readings) = take(&uses, question.now);
        (passed, Limits::Asked(checks.iter().map(limit_text).zip(readings).collect()))
    };
    let code = if passed { Code::Valid } else { Code::RateLimited };
    Ok(Some(Judged { shown, code, missing: Vec::new(), held, limits, credits: None, spent: 0 }))
}

fn refuse_limit(error: LimitError, key: &KnownKey, identity: Option<&Identity>) -> Problem {
    let name = match error {
        LimitError::Values(name) => {
            let text = format!("ratelimit '{name}': limit must be at least 1 and duration at least 1000");
            return Problem::Invalid(keyward_core::problem::Invalid::whole(keyward_core::problem::Part::Body, text));
        }
        LimitError::Unknown(name) => name,
    };
    let whose = match identity {
        Some(identity) => {
            format!("nor identity: '{}' external ID: '{}'", identity.id, identity.external_id)
        }
        None => "and there is no identity connected.".to_owned(),
    };
    Problem::Precondition(format!("ratelimit '{name}' was requested but does not exist for key '{}' {whose}", key.id()))
}

/// Pays for the use of a counted key, or says what it has if it was refused before.
///
/// # Errors
/// [`Problem::Unavailable`] when the store does not answer; then nothing was spent.
pub async fn pay(app: &App, key: &KnownKey, judged: &mut Judged<'_>, question: &Question<'_>) -> Result<(), Problem> {
    if !key.counted {
        return Ok(());
    }
    if judged.code != Code::Valid {
        let number = key.number;
        let read = app.store.read_briefly(move |tx| Box::pin(async move { credits::find(tx, number).await }));
        judged.credits = read.await?.map(|credits| credits.at(question.now).remaining);
        return Ok(());
    }
    let cost = question.cost.unwrap_or(1);
    match app.credits.spend((key.number, key.id()), cost, question.now).await? {
        Spent::Paid(left) => (judged.credits, judged.spent) = (Some(left), cost),
        Spent::Short(left) => (judged.credits, judged.code) = (Some(left), Code::UsageExceeded),
        Spent::Uncounted => {}
    }
    Ok(())
}

/// Records what became of a verification.
pub fn record(
    app: &App,
    key: &KnownKey,
    judged: &Judged<'_>,
    question: &Question<'_>,
    (request, microseconds): (u64, u32),
) {
    let record = Record {
        at: question.now,
        microseconds,
        code: judged.code,
        spent: judged.spent,
        key: key.number,
        identity: key.identity,
        request,
        tags: question.tags.iter().copied().collect(),
    };
    // What is refused uses nothing.
    let used = if judged.code == Code::Valid { judged.held.as_slice() } else { &[] };
    app.usage.record(&record, used);
}

/// Finds a key of a migration that was not used here before, and takes its text over (contract: migrated keys).
///
/// # Errors
/// [`Problem::RootKey`] for a text that such a key can't have; [`Problem::Unavailable`].
pub async fn take_over(call: &Call, migration: &str, text: &str) -> Result<bool, Problem> {
    let view = Arc::clone(&call.app.view());
    let Some(migration) = view.snapshot.key_migration(call.workspace, migration) else { return Ok(false) };
    if migration.algorithm != KeyAlgorithm::PrefixedApiKey {
        return Ok(false);
    }
    let parts: Vec<&str> = text.split('_').collect();
    let [prefix, .., long] = parts.as_slice() else { return Err(malformed()) };
    if parts.len() < 3 {
        return Err(malformed());
    }
    let (old, new, number) = (key_text::hash(long), key_text::hash(text), migration.number);
    let shown: String = parts[1].chars().take(START).collect();
    let (start, now) = (format!("{prefix}_{shown}"), call.now);
    let prefix = (*prefix).to_owned();
    let work = call.clone();
    let (found, _) = call
        .app
        .change(move |change| {
            Box::pin(async move {
                let found = key::find_by_hash(change.tx(), &old).await?;
                let may = |key: &Key| {
                    let view = work.app.view();
                    let api = view.snapshot.api_numbered(key.api);
                    api.is_some_and(|entry| work.may_on_key(Action::VerifyKey, &entry.api, &key.id))
                };
                let pending = found.filter(|key| key.migration == Some(number) && key.deleted_at.is_none());
                let pending = pending.filter(|key| key.workspace == work.workspace && may(key));
                let draft = |id: &str| entry(now, "key.update", Value::Null, json!({ "id": id, "migrated": true }));
                let Some(before) = pending else {
                    return Err(Problem::NotFound(keyward_core::problem::Missing::Key { specified: false }).into());
                };
                let prefix = Some(prefix).filter(|prefix| !prefix.is_empty());
                let after = Key { hash: new, start, prefix, migration: None, ..before.clone() };
                key::update(change, &before, &after, now).await?;
                Ok((true, draft(&after.id)))
            })
        })
        .await
        .or_else(|problem| match problem {
            Problem::NotFound(_) => Ok((false, call.app.revision())),
            other => Err(other),
        })?;
    Ok(found)
}

fn malformed() -> Problem {
    Problem::Malformed("Invalid key format")
}
