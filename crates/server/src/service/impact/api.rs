//! What the deletion of an API would take away.

use std::{collections::BTreeSet, sync::Arc};

use keyward_core::{
    Problem,
    model::{client_grant::ClientGrant, role::Role},
    snapshot::ApiEntry,
};
use keyward_store::{
    keys::holder::{self, Holding},
    ledger::impact as users,
};

use crate::app::{Call, View};

/// What goes with an API, besides its permissions.
#[derive(Debug, Clone)]
pub struct Impact {
    /// The roles that have one of its permissions.
    pub roles: Vec<Arc<Role>>,
    /// What applications may ask for of it.
    pub grants: Vec<Arc<ClientGrant>>,
    /// How many users hold one of its permissions.
    pub users: i64,
    /// How many keys are for it.
    pub keys: i64,
}

/// What the deletion of an API would take away.
///
/// # Errors
/// [`Problem::Unavailable`] when the store can't be read.
pub async fn preview(call: &Call, view: &View, entry: &ApiEntry) -> Result<Impact, Problem> {
    let (snapshot, number) = (&view.snapshot, entry.api.number);
    let own: BTreeSet<_> = entry.permissions.iter().map(|permission| permission.number).collect();
    let has = |role: &&Arc<Role>| role.permissions.iter().any(|permission| own.contains(permission));
    let roles = snapshot.roles(call.workspace).filter(has).cloned().collect();
    let grants = snapshot.client_grants(call.workspace).filter(|grant| grant.api == number).cloned().collect();
    let read = call.app.store.read(move |tx| {
        Box::pin(async move {
            let users = users::count_of_api(tx, number).await?;
            Ok((users, holder::stored(tx, Holding::Api(number)).await?))
        })
    });
    let (users, keys) = read.await?;
    Ok(Impact { roles, grants, users, keys })
}
