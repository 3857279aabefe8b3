//! What users have let applications do: see it, and take it away. Nobody is asked for consent yet.

use keyward_core::{
    Problem,
    model::{
        api::ApiNumber,
        consent::{Consent, ConsentFilter, ConsentsOf},
    },
    snapshot::Snapshot,
};
use keyward_store::{Change, Error, ledger};
use serde_json::{Map, Value, json};

use super::audience::is_userinfo;
use crate::app::Call;

/// How many consents that went an entry names.
const NAMED: i64 = 100;

/// Which consents somebody wants, by the names of what they are about.
#[derive(Debug, Clone, Default)]
pub struct Wanted {
    /// Whose.
    pub user_id: Option<String>,
    /// The `client_id` of the application.
    pub client_id: Option<String>,
    /// The API's identifier, or where users' own data is.
    pub audience: Option<String>,
}

/// A consent as the wire shows it; nothing, if its application or its API is gone. A permission has the name that it
/// has now, and one that is deleted is not shown.
pub fn describe(snapshot: &Snapshot, call: &Call, consent: &Consent) -> Option<Map<String, Value>> {
    let client = snapshot.client_numbered(consent.client)?;
    let audience = match consent.api {
        Some(number) => snapshot.api_numbered(number)?.api.identifier.clone(),
        None => format!("{}userinfo", call.app.public_url),
    };
    let live = consent.permissions.iter().filter_map(|number| snapshot.permission(*number));
    let scope: Vec<&str> =
        consent.identity.iter().map(String::as_str).chain(live.map(|permission| permission.value.as_str())).collect();
    let fields = json!({
        "id": consent.id, "clientID": client.id, "user_id": consent.user_id, "audience": audience, "scope": scope,
    });
    match fields {
        Value::Object(fields) => Some(fields),
        _ => None,
    }
}

/// One page of the consents that are wanted, oldest first, and how many there are in all if that was asked for.
///
/// # Errors
/// [`Problem::Unavailable`] when the store can't be read.
pub async fn list(
    call: &Call,
    wanted: Wanted,
    (offset, limit): (i64, i64),
    totals: bool,
) -> Result<(Vec<Map<String, Value>>, Option<i64>), Problem> {
    let Some(filter) = filter(&call.app.view().snapshot, call, wanted) else {
        return Ok((Vec::new(), totals.then_some(0)));
    };
    let workspace = call.workspace;
    let read = call.app.store.read(move |tx| {
        Box::pin(async move {
            let page = ledger::consent::list(tx, workspace, &filter, (offset, limit)).await?;
            let total = if totals { Some(ledger::consent::count(tx, workspace, &filter).await?) } else { None };
            Ok((page, total))
        })
    });
    let (page, total) = read.await?;
    // What is shown is what counts once the page was read.
    let view = call.app.view();
    Ok((page.iter().filter_map(|consent| describe(&view.snapshot, call, consent)).collect(), total))
}

/// The filter for what is wanted; nothing, if it names what is not there.
fn filter(snapshot: &Snapshot, call: &Call, wanted: Wanted) -> Option<ConsentFilter> {
    let mut filter = ConsentFilter { user_id: wanted.user_id, ..ConsentFilter::default() };
    if let Some(id) = wanted.client_id {
        filter.client = Some(snapshot.client(call.workspace, &id)?.number);
    }
    if let Some(audience) = wanted.audience {
        filter.api = Some(named_api(snapshot, call, &audience)?);
    }
    Some(filter)
}

fn named_api(snapshot: &Snapshot, call: &Call, audience: &str) -> Option<Option<ApiNumber>> {
    if is_userinfo(audience, &call.app.public_url) {
        return Some(None);
    }
    let found = snapshot.api(call.workspace, audience).filter(|entry| entry.api.identifier == audience);
    found.map(|entry| Some(entry.api.number))
}

/// Deletes a consent: the user is asked again. One that does not exist is deleted already.
///
/// # Errors
/// [`Problem::Unavailable`].
pub async fn delete(call: &Call, id: String) -> Result<(), Problem> {
    let work = call.clone();
    call.app
        .change(move |change| {
            Box::pin(async move {
                let Some(consent) = ledger::consent::find(change.tx(), work.workspace, &id).await? else {
                    return Ok(((), None));
                };
                ledger::consent::delete(change.tx(), work.workspace, &id).await?;
                let before = describe(&work.app.view().snapshot, &work, &consent);
                Ok(((), Some(work.audit(Value::Null, before.unwrap_or_default().into(), Value::Null))))
            })
        })
        .await?;
    Ok(())
}

/// Deletes all consents of a user.
///
/// # Errors
/// [`Problem::Unavailable`].
pub async fn delete_of_user(call: &Call, user_id: String) -> Result<(), Problem> {
    let work = call.clone();
    call.app
        .change(move |change| {
            Box::pin(async move {
                let mut gone = take_away(change, &work, &ConsentsOf::User(user_id.clone())).await?;
                if gone["count"] == 0 {
                    return Ok(((), None));
                }
                gone["user_id"] = user_id.into();
                Ok(((), Some(work.audit(Value::Null, gone, Value::Null))))
            })
        })
        .await?;
    Ok(())
}

/// Deletes the consents of something that is about to be deleted, and says how many and which.
pub(crate) async fn take_away(change: &mut Change<'_>, call: &Call, of: &ConsentsOf) -> Result<Value, Error> {
    let filter = of.filter();
    let count = ledger::consent::count(change.tx(), call.workspace, &filter).await?;
    let named = ledger::consent::list(change.tx(), call.workspace, &filter, (0, NAMED)).await?;
    ledger::consent::delete_all(change.tx(), call.workspace, of).await?;
    let view = call.app.view();
    let named: Vec<_> = named.iter().filter_map(|consent| describe(&view.snapshot, call, consent)).collect();
    Ok(json!({ "count": count, "grants": named }))
}
