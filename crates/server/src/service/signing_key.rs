//! The keys that sign tokens: see them, rotate them, revoke one.

use std::sync::Arc;

use keyward_core::{
    Problem,
    model::{
        Revision,
        log::LogDraft,
        signing_key::{KeyPairs, KeyState, SigningKey},
    },
    problem::Missing,
    snapshot::Snapshot,
    time::{Entropy, Timestamp},
};
use keyward_store::catalogue::signing_key as rows;
use serde_json::{Value, json};

use crate::{
    app::Call,
    ids,
    keyring::{self, NewKeyPairs},
};

/// The length of a key's id (contract: identifier formats).
const KID_LENGTH: usize = 21;

/// A key that was made and is not stored yet.
#[derive(Debug)]
pub(super) struct Made {
    kid: String,
    pairs: KeyPairs,
    certificate: Vec<u8>,
}

impl Made {
    /// Makes one. Takes a tenth of a second and more.
    pub(super) fn new(
        pairs: &NewKeyPairs,
        entropy: &dyn Entropy,
        public_url: &str,
        now: Timestamp,
    ) -> Result<Self, Problem> {
        let pairs = pairs()?;
        let certificate = certificate(&pairs, entropy, public_url, now)?;
        Ok(Self { kid: ids::alphanumeric(entropy, KID_LENGTH), pairs, certificate })
    }

    /// The row it becomes.
    pub(super) fn stored(&self, number: i64, state: KeyState, revision: Revision, now: Timestamp) -> SigningKey {
        SigningKey {
            number,
            kid: self.kid.clone(),
            state,
            private: self.pairs.rsa.clone(),
            elliptic: Some(self.pairs.elliptic.clone()),
            certificate: Some(self.certificate.clone()),
            current_since: (state == KeyState::Current).then_some(now),
            current_until: None,
            revoked_at: None,
            revision,
            created_at: now,
        }
    }
}

fn certificate(pairs: &KeyPairs, entropy: &dyn Entropy, public_url: &str, now: Timestamp) -> Result<Vec<u8>, Problem> {
    let host = public_url.split_once("://").map_or(public_url, |(_, rest)| rest).trim_end_matches('/');
    let mut serial = [0; 16];
    entropy.fill(&mut serial);
    // A serial number is positive (RFC 5280 §4.1.2.2).
    serial[0] &= 0x7f;
    keyring::self_signed(&pairs.rsa, host, serial, now)
}

/// What an older program did not give this key, made now; `None` if it has everything.
pub(super) fn completed(
    key: &SigningKey,
    pairs: &NewKeyPairs,
    entropy: &dyn Entropy,
    public_url: &str,
) -> Result<Option<SigningKey>, Problem> {
    if key.is_complete() {
        return Ok(None);
    }
    let elliptic = match &key.elliptic {
        Some(pair) => pair.clone(),
        None => pairs()?.elliptic,
    };
    let own = KeyPairs { rsa: key.private.clone(), elliptic };
    let certificate = match &key.certificate {
        Some(certificate) => certificate.clone(),
        None => certificate(&own, entropy, public_url, key.created_at)?,
    };
    Ok(Some(SigningKey { elliptic: Some(own.elliptic), certificate: Some(certificate), ..key.clone() }))
}

/// The key with this id.
///
/// # Errors
/// [`Problem::NotFound`].
pub fn find<'s>(snapshot: &'s Snapshot, kid: &str) -> Result<&'s Arc<SigningKey>, Problem> {
    snapshot.signing_keys().find(|key| key.kid == kid).ok_or(Problem::NotFound(Missing::SigningKey))
}

/// What the audit log shows of a key.
fn describe(key: &SigningKey) -> Value {
    json!({ "kid": key.kid, "state": key.state.as_str() })
}

/// Lets the next key sign from now on, and makes another next one, which is returned. Tokens of the key that signed
/// until now stay valid. Of two rotations at once, one comes after the other.
///
/// # Errors
/// [`Problem::Internal`] when there is no next key or none can be made.
pub async fn rotate(call: &Call) -> Result<SigningKey, Problem> {
    let work = call.clone();
    let made = call.app.signers.run(move || {
        let app = &work.app;
        Made::new(&app.new_key_pairs, app.entropy.as_ref(), &app.public_url, work.now)
    });
    let (made, work) = (made.await?, call.clone());
    let change = call.app.change(move |change| {
        Box::pin(async move {
            let (master, entropy) = (Arc::clone(work.app.store.master()), Arc::clone(&work.app.entropy));
            let sealing = (master.as_ref(), entropy.as_ref());
            let (mut before, mut after) = (Vec::new(), Vec::new());
            for key in rows::of_workspace(change.tx(), work.workspace, &master).await? {
                let next = match key.state {
                    KeyState::Current => {
                        SigningKey { state: KeyState::Previous, current_until: Some(work.now), ..key.clone() }
                    }
                    KeyState::Next => {
                        SigningKey { state: KeyState::Current, current_since: Some(work.now), ..key.clone() }
                    }
                    KeyState::Previous | KeyState::Revoked => continue,
                };
                let next = SigningKey { revision: change.revision(), ..next };
                before.push(describe(&key));
                after.push(describe(&next));
                rows::update(change, work.workspace, &next, sealing).await?;
            }
            // Otherwise nothing would sign from now on.
            if !after.iter().any(|key| key["state"] == KeyState::Current.as_str()) {
                return Err(Problem::internal("there is no next signing key").into());
            }
            let number = rows::next_number(change).await?;
            let next = made.stored(number, KeyState::Next, change.revision(), work.now);
            rows::insert(change, work.workspace, &next, sealing).await?;
            after.push(describe(&next));
            let draft = work.audit(describe(&next), before.into(), after.into());
            Ok((next, draft))
        })
    });
    Ok(change.await?.0)
}

/// Revokes a key that signed before, for ever: none of its tokens is valid once this is answered. One that is revoked
/// already stays so.
///
/// # Errors
/// [`Problem::NotFound`]; [`Problem::Precondition`] when it signs, or will.
pub async fn revoke(call: &Call, kid: String) -> Result<SigningKey, Problem> {
    let work = call.clone();
    let change = call.app.change(move |change| {
        Box::pin(async move {
            let (master, entropy) = (Arc::clone(work.app.store.master()), Arc::clone(&work.app.entropy));
            let keys = rows::of_workspace(change.tx(), work.workspace, &master).await?;
            let found = keys.into_iter().find(|key| key.kid == kid);
            let key = found.ok_or(Problem::NotFound(Missing::SigningKey))?;
            match key.state {
                KeyState::Previous => {}
                KeyState::Revoked => return Ok((key, None)),
                KeyState::Current | KeyState::Next => {
                    let text = "Only a previous signing key can be revoked: rotate the keys first.";
                    return Err(Problem::Precondition(text.to_owned()).into());
                }
            }
            let revision = change.revision();
            let revoked = SigningKey { state: KeyState::Revoked, revoked_at: Some(work.now), revision, ..key.clone() };
            rows::update(change, work.workspace, &revoked, (&master, entropy.as_ref())).await?;
            let draft: LogDraft = work.audit(describe(&revoked), describe(&key), describe(&revoked));
            Ok((revoked, Some(draft)))
        })
    });
    Ok(change.await?.0)
}
