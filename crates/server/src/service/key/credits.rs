//! Changing how often a key may be used.

use keyward_core::{Problem, grants::Action, model::key::Credits, problem::Missing};
use keyward_store::keys::credits;
use serde_json::json;

use super::{change::write, describe_credits, locate, refused};
use crate::{app::Call, service::repeatable};

/// What is to become of a key's credits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CreditsOperation {
    /// So much, or any number of uses.
    Set(Option<i64>),
    /// So much more.
    Increment(Option<i64>),
    /// So much less, and not less than nothing.
    Decrement(Option<i64>),
}

/// Changes a key's credits and returns what it has then; none for any number of uses.
///
/// # Errors
/// [`Problem::NotFound`], [`Problem::Insufficient`]; [`Problem::Invalid`] when there is nothing to add to.
pub async fn update_credits(call: &Call, id: String, operation: CreditsOperation) -> Result<Option<Credits>, Problem> {
    let work = call.clone();
    let key = repeatable::change(call, move |change| {
        Box::pin(async move {
            let (api, before) = locate(change.tx(), &work, &id, Missing::Key { specified: false }).await?;
            work.require_on_key(Action::UpdateKey, &api, &before.id)?;
            let stored = credits::hold(change.tx(), before.number).await?.map(|credits| credits.at(work.now));
            let next = changed(stored.as_ref(), operation)?.map(|credits| Credits { refilled_at: work.now, ..credits });
            credits::set(change.tx(), before.workspace, before.number, next.as_ref()).await?;
            let mut after = before.clone();
            after.counted = next.is_some();
            write(change, (&before, &after), work.now).await?;
            let old = json!({ "id": before.id, "credits": describe_credits(stored.as_ref()) });
            let new = json!({ "id": before.id, "credits": describe_credits(next.as_ref()) });
            let answer = describe_credits(next.as_ref());
            Ok((answer, work.audit(serde_json::Value::Null, old, new)))
        })
    })
    .await?;
    if key.is_null() {
        return Ok(None);
    }
    let refill = serde_json::from_value(key["refill"].clone()).map_err(Problem::internal)?;
    let remaining = key["remaining"].as_i64().unwrap_or(0);
    Ok(Some(Credits { remaining, refill, refilled_at: call.now }))
}

fn changed(stored: Option<&Credits>, operation: CreditsOperation) -> Result<Option<Credits>, Problem> {
    let refill = stored.and_then(|credits| credits.refill);
    let of = |remaining| Some(Credits { remaining, refill, refilled_at: keyward_core::time::Timestamp(0) });
    let by = |value: Option<i64>| -> Result<(i64, i64), Problem> {
        let value = value
            .ok_or_else(|| refused("When specifying an increment or decrement operation, a value must be provided."))?;
        let there = stored
            .as_ref()
            .ok_or_else(|| refused("You cannot increment or decrement a key with unlimited credits."))?;
        Ok((there.remaining, value))
    };
    Ok(match operation {
        CreditsOperation::Set(None) => None,
        CreditsOperation::Set(Some(remaining)) => of(remaining),
        CreditsOperation::Increment(value) => {
            let (there, more) = by(value)?;
            let sum = there.checked_add(more);
            of(sum.ok_or_else(|| refused("The sum of the key's credits and the value is too large."))?)
        }
        CreditsOperation::Decrement(value) => {
            let (there, less) = by(value)?;
            of(there.saturating_sub(less).max(0))
        }
    })
}
