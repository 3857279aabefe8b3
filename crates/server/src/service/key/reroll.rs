//! Making a key anew: another text, the same rights.

use keyward_core::{
    Problem,
    grants::Action,
    model::{
        key::{Credits, Key},
        limit::NamedLimit,
    },
    problem::Missing,
    time::Timestamp,
};
use keyward_store::keys::{credits, key};
use serde_json::json;

use super::{MadeKey, describe, locate};
use crate::{app::Call, ids, service::repeatable};

/// A grace period ends with the minute.
const MINUTE: i64 = 60_000;

/// Makes a key with the rights of another one, which ends after so many milliseconds, and never later than it would
/// have anyway. Credits are copied: both keys may be used as often.
///
/// # Errors
/// [`Problem::NotFound`], [`Problem::Insufficient`].
pub async fn reroll(call: &Call, id: String, expiration: i64) -> Result<MadeKey, Problem> {
    let work = call.clone();
    repeatable::change(call, move |change| {
        Box::pin(async move {
            let (api, old) = locate(change.tx(), &work, &id, Missing::Key { specified: true }).await?;
            work.require_on_key(Action::CreateKey, &api, &old.id)?;
            if old.recoverable {
                work.require_on_key(Action::EncryptKey, &api, &old.id)?;
            }
            let entropy = work.app.entropy.as_ref();
            let bytes = usize::try_from(old.bytes).unwrap_or(16);
            let made = work.app.key_texts.make(entropy, old.prefix.as_deref(), bytes);
            let renamed = |limit: &NamedLimit| NamedLimit { id: ids::prefixed(entropy, "rl"), ..limit.clone() };
            let new = Key {
                number: key::next_numbers(change, 1).await?,
                id: ids::prefixed(entropy, "key"),
                hash: made.hash,
                start: made.start,
                limits: old.limits.iter().map(renamed).collect(),
                migration: None,
                last_used_at: None,
                created_at: work.now,
                updated_at: None,
                ..old.clone()
            };
            let sealing = (work.app.store.master().as_ref(), entropy);
            key::insert(change, &new, old.recoverable.then_some(&made.text), sealing).await?;
            let credits: Option<Credits> = credits::hold(change.tx(), old.number).await?.map(|c| c.at(work.now));
            credits::set(change.tx(), new.workspace, new.number, credits.as_ref()).await?;
            let end = end_of_grace(work.now, expiration);
            let ended = Key { expires_at: Some(old.expires_at.map_or(end, |before| before.min(end))), ..old.clone() };
            key::update(change, &old, &ended, work.now).await?;
            let after = json!({ "key": describe(&api, &new), "previous": describe(&api, &ended) });
            let text = made.text.expose_text().unwrap_or_default().to_owned();
            let draft = work.audit(json!({ "keyId": new.id }), describe(&api, &old), after);
            Ok((MadeKey { id: new.id, text }, draft))
        })
    })
    .await
}

/// Without a grace period the key has ended already: the moment of the request is over when it is answered.
fn end_of_grace(now: Timestamp, expiration: i64) -> Timestamp {
    if expiration == 0 {
        return Timestamp(now.0 - 1);
    }
    let end = now.0.saturating_add(expiration);
    Timestamp(end.div_euclid(MINUTE).saturating_add(i64::from(end.rem_euclid(MINUTE) > 0)).saturating_mul(MINUTE))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_grace_period_ends_with_its_minute() {
        let now = Timestamp(1_700_000_000_000);
        assert_eq!(end_of_grace(now, 0), Timestamp(now.0 - 1));
        assert_eq!(end_of_grace(Timestamp(60_000), 60_000), Timestamp(120_000));
        assert_eq!(end_of_grace(Timestamp(60_001), 60_000), Timestamp(180_000));
    }
}
