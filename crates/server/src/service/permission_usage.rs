//! What permissions are used for: when last and by whom, and how often each day.

use std::{collections::BTreeMap, sync::Arc};

use keyward_core::{
    Problem,
    model::{
        permission::{Permission, PermissionNumber},
        permission_usage::{DAYS, PermissionHistory},
    },
    snapshot::ApiEntry,
    time::{Day, Timestamp},
};
use keyward_store::ledger::permission_usage;

use crate::{app::Call, token_log};

/// The days on which uses are counted, at this time: the present one is the last.
pub fn days(now: Timestamp) -> impl Iterator<Item = Day> {
    (now.day().0 - DAYS + 1..=now.day().0).map(Day)
}

/// What is known of these permissions; one that was never used is not there. The days are those of [`days`].
///
/// # Errors
/// [`Problem::Unavailable`] when the store can't be read, or what was used lately can't be written.
pub async fn histories(
    call: &Call,
    permissions: Vec<PermissionNumber>,
) -> Result<BTreeMap<PermissionNumber, PermissionHistory>, Problem> {
    flush(call).await?;
    let until = call.now.day();
    let span = (Day(until.0 - DAYS + 1), until);
    let read = call
        .app
        .store
        .read(move |tx| Box::pin(async move { permission_usage::histories(tx, &permissions, span).await }));
    Ok(read.await?)
}

/// The API's permissions that were not used at this time or later, in the API's order.
///
/// # Errors
/// As [`histories`].
pub async fn unused_since(call: &Call, entry: &ApiEntry, since: Timestamp) -> Result<Vec<Arc<Permission>>, Problem> {
    flush(call).await?;
    let api = (call.workspace, entry.api.number);
    let read =
        call.app.store.read(move |tx| Box::pin(async move { permission_usage::used_since(tx, api, since).await }));
    let used = read.await?;
    let unused = entry.permissions.iter().filter(|permission| !used.contains(&permission.number));
    Ok(unused.cloned().collect())
}

/// What was used before the question is part of the answer.
async fn flush(call: &Call) -> Result<(), Problem> {
    token_log::flush(&call.app).await?;
    Ok(call.app.usage.flush(&call.app.store).await?)
}
