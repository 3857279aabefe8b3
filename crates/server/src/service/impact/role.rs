//! What the deletion of a role would take away: of each of its permissions, from those who have it in no other way.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use keyward_core::{
    Problem,
    impact::{self, Counts},
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
        impact::{self as keys, Asked, HoldingKey},
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

/// Whence else a permission of a role can be had. Permissions that can be had from the same roles and from nowhere else
/// share their counts: those are counted once, for a role has many permissions, and many may have the role.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Elsewhere {
    Nowhere,
    Roles(Vec<RoleNumber>, Option<ApiNumber>),
    Anywhere,
}

/// Counts while they are read.
struct Counting {
    view: Arc<View>,
    role: Arc<Role>,
    catalogue: Option<ApiNumber>,
    users: i64,
    users_directly: HashSet<PermissionNumber>,
    users_keep: HashMap<Elsewhere, i64>,
    keys: HashMap<ApiNumber, i64>,
    keys_directly: HashSet<PermissionNumber>,
    keys_keep: HashMap<Elsewhere, i64>,
}

impl Counting {
    async fn begin(tx: &mut Tx<'_>, view: Arc<View>, role: Arc<Role>) -> Result<Self, Error> {
        let number = role.number;
        Ok(Self {
            catalogue: view.snapshot.catalogue(role.workspace),
            users: user_holdings::count(tx, Holding::Role(number)).await?,
            users_directly: users::held_directly(tx, number).await?,
            users_keep: HashMap::new(),
            keys: keys::count_of_role(tx, number).await?,
            keys_directly: keys::held_directly(tx, number).await?,
            keys_keep: HashMap::new(),
            view,
            role,
        })
    }

    /// The API whose keys alone may hold a permission; none if those of all may.
    fn only_for(&self, permission: &Permission) -> Option<ApiNumber> {
        Some(permission.api).filter(|api| self.catalogue != Some(*api))
    }

    fn elsewhere(&self, permission: &Permission, directly: bool) -> Elsewhere {
        if directly {
            return Elsewhere::Anywhere;
        }
        let roles = impact::roles(&self.view.snapshot, permission);
        let others: Vec<RoleNumber> =
            roles.iter().map(|role| role.number).filter(|number| *number != self.role.number).collect();
        if others.is_empty() { Elsewhere::Nowhere } else { Elsewhere::Roles(others, self.only_for(permission)) }
    }

    async fn users_keep(&mut self, tx: &mut Tx<'_>, permission: &Permission) -> Result<i64, Error> {
        let elsewhere = self.elsewhere(permission, self.users_directly.contains(&permission.number));
        if let Some(known) = known(&self.users_keep, &elsewhere) {
            return Ok(known);
        }
        let count = users::count_kept_of_role(tx, self.role.number, permission.number).await?;
        self.users_keep.insert(elsewhere, count);
        Ok(count)
    }

    async fn keys_keep(&mut self, tx: &mut Tx<'_>, permission: &Permission) -> Result<i64, Error> {
        let namesake = impact::has_namesake(&self.view.snapshot, permission);
        let elsewhere = self.elsewhere(permission, namesake || self.keys_directly.contains(&permission.number));
        if let Some(known) = known(&self.keys_keep, &elsewhere) {
            return Ok(known);
        }
        let (workspace, catalogue) = (self.role.workspace, self.catalogue);
        let asked = Asked { workspace, permission: permission.clone(), catalogue };
        let count = keys::count_kept_of_role(tx, self.role.number, &asked).await?;
        self.keys_keep.insert(elsewhere, count);
        Ok(count)
    }

    async fn given(&mut self, tx: &mut Tx<'_>, permission: &Arc<Permission>) -> Result<Option<Given>, Error> {
        let Some(api) = self.view.snapshot.api_numbered(permission.api).cloned() else { return Ok(None) };
        let keys = match self.only_for(permission) {
            Some(api) => self.keys.get(&api).copied().unwrap_or(0),
            None => self.keys.values().sum(),
        };
        let users_keep = self.users_keep(tx, permission).await?;
        let keys_keep = self.keys_keep(tx, permission).await?;
        Ok(Some(Given {
            permission: Arc::clone(permission),
            api,
            users: Outcome { keeps: users_keep, loses: self.users - users_keep },
            keys: Outcome { keeps: keys_keep, loses: keys - keys_keep },
        }))
    }
}

/// What was counted before, for a permission that can be had from the same places.
fn known(counts: &HashMap<Elsewhere, i64>, elsewhere: &Elsewhere) -> Option<i64> {
    match elsewhere {
        Elsewhere::Nowhere => Some(0),
        Elsewhere::Roles(..) => counts.get(elsewhere).copied(),
        Elsewhere::Anywhere => None,
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
            let mut counting = Counting::begin(tx, Arc::clone(&view), Arc::clone(&role)).await?;
            let mut permissions = Vec::new();
            for permission in role.permissions.iter().filter_map(|number| view.snapshot.permission(*number)) {
                permissions.extend(counting.given(tx, permission).await?);
            }
            permissions.sort_by(|a, b| a.permission.value.cmp(&b.permission.value));
            let users = users_of(tx, number, (0, FIRST)).await?;
            let keys = keys_of(tx, &view.snapshot, number, (0, FIRST)).await?;
            Ok(Impact {
                users: concerned(counting.users, users),
                keys: concerned(counting.keys.values().sum(), keys),
                permissions,
                role,
            })
        })
    });
    Ok(read.await?)
}

fn concerned<T>(count: i64, first: Part<T>) -> Concerned<T> {
    Concerned { counts: Counts::without_roles(count), keeps: 0, first: first.items }
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
