//! Sessions of administrators: who is signed in to the console, and how one gets there.

use std::sync::Arc;

use aws_lc_rs::hmac::{self, HMAC_SHA256};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use keyward_core::{
    Problem,
    model::{administrator::Administrator, log::Actor, root_key::Hash},
    problem::ConsoleRefusal,
    secret::Secret,
    time::{Entropy, Timestamp},
};
use keyward_store::{
    Change, Error,
    ledger::{administrator, session},
};

use serde_json::{Value, json};

use super::administrator::session_entry;
use crate::{app::Call, key_text};

/// How many milliseconds a link is good for.
const LINK_LIFE: i64 = 24 * 60 * 60 * 1000;
/// After how many milliseconds a session ends, whatever was done in it.
const LONGEST: i64 = 24 * 60 * 60 * 1000;
/// After how many milliseconds without a request it ends.
const IDLE: i64 = 2 * 60 * 60 * 1000;
/// How exactly it is written down when a session was used, in milliseconds.
const SEEN: i64 = 60 * 1000;
/// How many random bytes a link or a session has.
const BYTES: usize = 32;

/// Somebody who is signed in.
#[derive(Debug, Clone)]
pub struct SignedIn {
    /// Who it is, as it is now.
    pub administrator: Administrator,
    /// What each form of this session's pages carries, and no other site's page knows.
    pub token: String,
    hash: Hash,
}

/// A text that lets somebody in, and what of it is stored.
#[derive(Debug)]
pub struct Link {
    /// The text.
    pub text: Secret,
    /// Its SHA-256.
    pub hash: Hash,
}

impl Link {
    /// One that nobody knows yet.
    pub fn new(entropy: &dyn Entropy) -> Self {
        let mut random = [0; BYTES];
        entropy.fill(&mut random);
        let text = BASE64_URL_SAFE_NO_PAD.encode(random);
        Self { hash: key_text::hash(&text), text: Secret::from(text) }
    }
}

/// What an entry says of an administrator who did something.
pub fn actor(who: &Administrator) -> Actor {
    Actor { subject: Some(who.id.clone()), scope: who.role.as_str().to_owned(), ..Actor::default() }
}

/// The times after which a session must have begun, and must have been used.
fn since(now: Timestamp) -> (Timestamp, Timestamp) {
    (Timestamp(now.0.saturating_sub(LONGEST)), Timestamp(now.0.saturating_sub(IDLE)))
}

/// Who is signed in with this cookie. The store is asked each time: a session that was ended anywhere is over.
///
/// # Errors
/// Why the store can't be read.
pub async fn find(call: &Call, cookie: &str) -> Result<Option<SignedIn>, Problem> {
    let (hash, now) = (key_text::hash(cookie), call.now);
    let found =
        call.app.store.read_briefly(move |tx| Box::pin(async move { session::find(tx, &hash, since(now)).await }));
    let Some((administrator, seen_at)) = found.await? else { return Ok(None) };
    if now.0 - seen_at.0 >= SEEN {
        let seen = call.app.store.ledger(move |tx| Box::pin(async move { session::seen(tx, &hash, now).await }));
        seen.await?;
    }
    Ok(Some(SignedIn { administrator, token: form_token(cookie), hash }))
}

/// Made of the cookie, so that it need not be stored; it does not tell the cookie.
fn form_token(cookie: &str) -> String {
    let key = hmac::Key::new(HMAC_SHA256, cookie.as_bytes());
    BASE64_URL_SAFE_NO_PAD.encode(hmac::sign(&key, b"forms of the console").as_ref())
}

/// Signs in whoever has this link, which is used up by it. Returns what belongs in the cookie.
///
/// # Errors
/// [`Problem::Console`].
pub async fn begin_with_link(call: &Call, link: &Secret) -> Result<Secret, Problem> {
    let used = key_text::hash(link.expose_text().unwrap_or_default());
    check_failures(call, "link")?;
    let (cookie, work) = (Link::new(call.app.entropy.as_ref()), call.clone());
    let hash = cookie.hash;
    let begun = call.app.change(move |change| {
        Box::pin(async move {
            let Some(who) = session::use_link(change, &used, work.now).await? else {
                return Err(Problem::Console(ConsoleRefusal::Link).into());
            };
            begin(change, &work, &hash, &who).await?;
            Ok(((), session_entry(&work, &who, work.now)))
        })
    });
    if let Err(problem) = begun.await {
        return Err(counted(call, "link", problem));
    }
    Ok(cookie.text)
}

/// Signs in whoever has this address and password. Returns what belongs in the cookie.
///
/// # Errors
/// [`Problem::Console`]; the same, and after as long, whether there is nobody with the address or it has another password.
pub async fn begin_with_password(call: &Call, address: &str, password: Secret) -> Result<Secret, Problem> {
    let email = address.trim().to_lowercase();
    check_failures(call, &email)?;
    let (workspace, searched) = (call.workspace, email.clone());
    let found = call.app.store.read_briefly(move |tx| {
        Box::pin(async move {
            let Some(who) = administrator::find_by_email(tx, workspace, &searched).await? else { return Ok(None) };
            let stored = administrator::password(tx, who.number).await?;
            Ok(Some((who, stored)))
        })
    });
    let (who, stored) = found.await?.map_or((None, None), |(who, stored)| (Some(who), stored));
    let is_right = call.app.passwords.is_of(stored.clone(), password).await?;
    let Some(who) = who.filter(|_| is_right) else {
        return Err(counted(call, &email, Problem::Console(ConsoleRefusal::Password)));
    };
    let (cookie, work) = (Link::new(call.app.entropy.as_ref()), call.clone());
    let hash = cookie.hash;
    let begun = call.app.change(move |change| {
        Box::pin(async move {
            // The password may have been changed, or its administrator deleted, while it was compared.
            if administrator::password(change.tx(), who.number).await? != stored {
                return Err(Problem::Console(ConsoleRefusal::Password).into());
            }
            begin(change, &work, &hash, &who).await?;
            Ok(((), session_entry(&work, &who, work.now)))
        })
    });
    begun.await?;
    Ok(cookie.text)
}

/// Ends the session of whoever calls.
///
/// # Errors
/// Why it can't be ended.
pub async fn end(call: &Call) -> Result<(), Problem> {
    let Some(signed_in) = call.session.clone() else { return Ok(()) };
    let work = call.clone();
    let ended = call.app.change(move |change| {
        Box::pin(async move {
            session::end(change, &signed_in.hash).await?;
            Ok(((), session_entry(&work, &signed_in.administrator, work.now)))
        })
    });
    ended.await?;
    Ok(())
}

async fn begin(change: &mut Change<'_>, call: &Call, hash: &Hash, who: &Administrator) -> Result<(), Error> {
    session::forget(change, since(call.now)).await?;
    session::begin(change, hash, who.number, call.now).await
}

/// Stores a link of an administrator.
pub(super) async fn add_link(
    change: &mut Change<'_>,
    call: &Call,
    hash: &Hash,
    who: &Administrator,
) -> Result<(), Error> {
    session::add_link(change, hash, who.number, (call.now, Timestamp(call.now.0 + LINK_LIFE))).await
}

/// Ends the other sessions of whoever this is, and its links; how many that were.
pub(super) async fn end_others(change: &mut Change<'_>, of: &SignedIn) -> Result<(usize, usize), Error> {
    session::end_others(change, of.administrator.number, &of.hash).await
}

/// A session of whoever calls.
#[derive(Debug, Clone, Copy)]
pub struct OwnSession {
    /// When it was begun.
    pub begun_at: Timestamp,
    /// When it was used last, within a minute.
    pub seen_at: Timestamp,
    /// Whether it is the one that asks.
    pub is_this: bool,
}

fn signed_in(call: &Call) -> Result<Arc<SignedIn>, Problem> {
    call.session.clone().ok_or(Problem::Console(ConsoleRefusal::SignedOut))
}

/// The sessions of whoever calls, the one used last first.
///
/// # Errors
/// Why the store can't be read.
pub async fn list(call: &Call) -> Result<Vec<OwnSession>, Problem> {
    let (signed_in, now) = (signed_in(call)?, call.now);
    let of = signed_in.administrator.number;
    let found = call.app.store.read_briefly(move |tx| Box::pin(session::list(tx, of, since(now))));
    let own =
        |(hash, begun_at, seen_at): (Vec<u8>, _, _)| OwnSession { begun_at, seen_at, is_this: hash == signed_in.hash };
    Ok(found.await?.into_iter().map(own).collect())
}

/// Ends the other sessions of whoever calls, and the links that would begin one.
///
/// # Errors
/// Why they can't be ended.
pub async fn end_elsewhere(call: &Call) -> Result<(), Problem> {
    let (signed_in, work) = (signed_in(call)?, call.clone());
    let ended = call.app.change(move |change| {
        Box::pin(async move {
            let (sessions, links) = end_others(change, &signed_in).await?;
            let gone = json!({ "sessions": sessions, "links": links });
            Ok(((), (sessions + links > 0).then(|| work.audit(Value::Null, gone, Value::Null))))
        })
    });
    ended.await?;
    Ok(())
}

/// Whether whoever calls has a password.
///
/// # Errors
/// Why the store can't be read.
pub async fn has_password(call: &Call) -> Result<bool, Problem> {
    Ok(stored_password(call, &signed_in(call)?.administrator).await?.is_some())
}

async fn stored_password(call: &Call, who: &Administrator) -> Result<Option<String>, Problem> {
    let number = who.number;
    let stored = call.app.store.read_briefly(move |tx| Box::pin(administrator::password(tx, number)));
    Ok(stored.await?)
}

/// Makes sure that whoever calls knows the password it has, if it has one: a browser that was left alone does not.
/// Returns what is stored of it, which must still be so when something is changed. Wrong ones count as failures to sign
/// in do.
///
/// # Errors
/// [`Problem::Console`].
pub(super) async fn check_present_password(
    call: &Call,
    who: &Administrator,
    present: Secret,
) -> Result<Option<String>, Problem> {
    let stored = stored_password(call, who).await?;
    if stored.is_none() {
        return Ok(None);
    }
    let name = who.email.as_deref().unwrap_or(&who.id);
    check_failures(call, name)?;
    if call.app.passwords.is_of(stored.clone(), present).await? {
        return Ok(stored);
    }
    let refusal = ConsoleRefusal::Field("present_password", "This is not your present password.".to_owned());
    Err(counted(call, name, Problem::Console(refusal)))
}

fn check_failures(call: &Call, who: &str) -> Result<(), Problem> {
    let checked = call.app.failures.check((&place(who), &call.origin.ip), call.now);
    checked.map_err(|wait| Problem::Console(ConsoleRefusal::TooMany(wait)))
}

fn counted(call: &Call, who: &str, problem: Problem) -> Problem {
    if matches!(problem, Problem::Console(_)) {
        call.app.failures.count((&place(who), &call.origin.ip), call.now);
    }
    problem
}

/// Administrators and applications fail apart from each other.
fn place(who: &str) -> String {
    format!("console {who}")
}
