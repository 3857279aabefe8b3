//! Deleting a key.

use keyward_core::{Problem, grants::Action, problem::Missing};
use keyward_store::keys::key;
use serde_json::{Value, json};

use super::{describe, locate};
use crate::{app::Call, service::repeatable};

/// Deletes a key: it is refused from the answer on. For good, nothing of it stays readable.
///
/// # Errors
/// [`Problem::NotFound`], [`Problem::Insufficient`].
pub async fn delete(call: &Call, id: String, for_good: bool) -> Result<(), Problem> {
    let work = call.clone();
    repeatable::change(call, move |change| {
        Box::pin(async move {
            let (api, found) = locate(change.tx(), &work, &id, Missing::Key { specified: false }).await?;
            work.require_on_key(Action::DeleteKey, &api, &found.id)?;
            key::delete(change, &found, for_good, work.now).await?;
            let mut before = describe(&api, &found);
            before["permissions"] = found.permissions.len().into();
            before["roles"] = found.roles.len().into();
            before["permanent"] = for_good.into();
            Ok(((), work.audit(json!({}), before, Value::Null)))
        })
    })
    .await
}
