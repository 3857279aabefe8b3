//! What the deletion of a role would take away: of each of its permissions, from those who have it in no other way.

use std::{collections::HashMap, sync::Arc};

use keyward_core::{
    Problem,
    impact::Counts,
    model::{
        api::ApiNumber,
        permission::{Permission, PermissionNumber},
        role::{Role, RoleNumber},
    },
    problem::Missing,
    snapshot::{ApiEntry, Snapshot},
};
use keyward_store::{
    Error, Tx,
    keys::{
        holder::Holding,
        impact::{self as keys, HoldingKey},
    },
    ledger::{
        impact::{self as users, HoldingUser},
        user_holdings,
    },
};

use super::{Concerned, FIRST, Part, one_more};
use crate::app::{Call, View};

/// What the deletion of a role would take away.
#[derive(Debug, Clone)]
pub struct Impact {
    /// The role.
    pub role: Arc<Role>,
    /// What it gives, in the order of the values.
    pub permissions: Vec<Given>,
    /// The users that have it.
    pub users: Concerned<HoldingUser>,
    /// The keys that have it.
    pub keys: Concerned<Key>,
}

/// A permission that a role gives, and what becomes of it without the role.
#[derive(Debug, Clone)]
pub struct Given {
    /// The permission.
    pub permission: Arc<Permission>,
    /// Its API.
    pub api: Arc<ApiEntry>,
    /// Among the users that have it by the role.
    pub users: Outcome,
    /// Among the keys that have it by the role.
    pub keys: Outcome,
}

/// Of those who have something by a role, how many would have it without the role, and how many not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outcome {
    /// They have it directly or by another role as well; keys also by another permission of the same value.
    pub keeps: i64,
    /// They have it from nowhere else.
    pub loses: i64,
}

/// A key that has a role.
#[derive(Debug, Clone)]
pub struct Key {
    /// The key.
    pub who: HoldingKey,
    /// The API it is for.
    pub api: Option<Arc<ApiEntry>>,
}

fn find(call: &Call, view: &View, number: RoleNumber) -> Result<Arc<Role>, Problem> {
    let found = view.snapshot.role(number).filter(|role| role.workspace == call.workspace);
    found.cloned().ok_or(Problem::NotFound(Missing::Role))
}

/// How many have a role, and how many of those have each of its permissions from elsewhere.
struct Known {
    users: i64,
    users_keep: HashMap<PermissionNumber, i64>,
    keys: HashMap<ApiNumber, i64>,
    keys_keep: HashMap<PermissionNumber, i64>,
}

impl Known {
    async fn read(tx: &mut Tx<'_>, role: RoleNumber, catalogue: Option<ApiNumber>) -> Result<Self, Error> {
        Ok(Self {
            users: user_holdings::count(tx, Holding::Role(role)).await?,
            users_keep: users::count_kept_of_role(tx, role).await?,
            keys: keys::count_of_role(tx, role).await?,
            keys_keep: keys::count_kept_of_role(tx, role, catalogue).await?,
        })
    }

    fn given(&self, snapshot: &Snapshot, number: PermissionNumber) -> Option<Given> {
        let permission = snapshot.permission(number)?;
        let api = snapshot.api_numbered(permission.api)?;
        // A permission of the catalogue is for the keys of every API.
        let keys = match snapshot.catalogue(api.api.workspace) {
            Some(catalogue) if catalogue == permission.api => self.keys.values().sum(),
            _ => self.keys.get(&permission.api).copied().unwrap_or(0),
        };
        let outcome = |all: i64, kept: &HashMap<PermissionNumber, i64>| {
            let keeps = kept.get(&number).copied().unwrap_or(0);
            Outcome { keeps, loses: all - keeps }
        };
        Some(Given {
            permission: Arc::clone(permission),
            api: Arc::clone(api),
            users: outcome(self.users, &self.users_keep),
            keys: outcome(keys, &self.keys_keep),
        })
    }
}

/// What the deletion of this role would take away.
///
/// # Errors
/// [`Problem::NotFound`]; [`Problem::Unavailable`] when the store can't be read.
pub async fn preview(call: &Call, view: &Arc<View>, number: RoleNumber) -> Result<Impact, Problem> {
    let (role, view) = (find(call, view, number)?, Arc::clone(view));
    let read = call.app.store.read(move |tx| {
        Box::pin(async move {
            let snapshot = &view.snapshot;
            let known = Known::read(tx, number, snapshot.catalogue(role.workspace)).await?;
            let given = role.permissions.iter().filter_map(|number| known.given(snapshot, *number));
            let mut permissions: Vec<Given> = given.collect();
            permissions.sort_by(|a, b| a.permission.value.cmp(&b.permission.value));
            let concerned = Counts::without_roles;
            let (users, keys) = (known.users, known.keys.values().sum());
            Ok(Impact {
                users: Concerned {
                    counts: concerned(users),
                    keeps: 0,
                    first: users_of(tx, number, (0, FIRST)).await?.items,
                },
                keys: Concerned {
                    counts: concerned(keys),
                    keeps: 0,
                    first: keys_of(tx, snapshot, number, (0, FIRST)).await?.items,
                },
                permissions,
                role,
            })
        })
    });
    Ok(read.await?)
}

async fn users_of(
    tx: &mut Tx<'_>,
    number: RoleNumber,
    (after, limit): (i64, usize),
) -> Result<Part<HoldingUser>, Error> {
    let found = users::list(tx, Holding::Role(number), (after, one_more(limit))).await?;
    Ok(Part::of(found, limit, |(number, _)| *number).map(|(_, user)| user))
}

async fn keys_of(
    tx: &mut Tx<'_>,
    snapshot: &Snapshot,
    number: RoleNumber,
    (after, limit): (i64, usize),
) -> Result<Part<Key>, Error> {
    let found = keys::list(tx, None, Holding::Role(number), (after, one_more(limit))).await?;
    let part = Part::of(found, limit, |(number, _)| *number);
    Ok(part.map(|(_, who)| Key { api: snapshot.api_numbered(who.api).cloned(), who }))
}

/// The users that have it behind a number, at most so many.
///
/// # Errors
/// As [`preview`].
pub async fn users(
    call: &Call,
    view: &Arc<View>,
    number: RoleNumber,
    page: (i64, usize),
) -> Result<Part<HoldingUser>, Problem> {
    find(call, view, number)?;
    Ok(call.app.store.read(move |tx| Box::pin(async move { users_of(tx, number, page).await })).await?)
}

/// The keys that have it behind a number, at most so many.
///
/// # Errors
/// As [`preview`].
pub async fn keys(call: &Call, view: &Arc<View>, number: RoleNumber, page: (i64, usize)) -> Result<Part<Key>, Problem> {
    find(call, view, number)?;
    let view = Arc::clone(view);
    let read = call.app.store.read(move |tx| Box::pin(async move { keys_of(tx, &view.snapshot, number, page).await }));
    Ok(read.await?)
}
