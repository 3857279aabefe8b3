//! What the deletion of a permission would take away.
//!
//! Tokens are for one API, so whoever gets a permission by them, a user or an application, has no other one of that name
//! there: nobody keeps it. Keys are asked for a value, and may hold it from their own API and from the catalogue API.

use std::sync::Arc;

use keyward_core::{
    Problem,
    impact::{self, Application, Source, kept_by, merge},
    model::{
        client::Client,
        client_grant::ClientGrant,
        permission::{Permission, PermissionNumber},
        permission_usage::PermissionHistory,
        role::Role,
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
    ledger::impact::{self as users, HoldingUser},
};

use super::{Concerned, FIRST, Held, Part, one_more};
use crate::{
    app::{Call, View},
    service::permission_usage,
};

/// What the deletion of a permission would take away.
#[derive(Debug, Clone)]
pub struct Impact {
    /// The permission.
    pub permission: Arc<Permission>,
    /// What it was used for.
    pub history: PermissionHistory,
    /// Its API.
    pub api: Arc<ApiEntry>,
    /// The roles that have it.
    pub roles: Concerned<Arc<Role>>,
    /// The users that hold it.
    pub users: Concerned<Held<HoldingUser>>,
    /// The applications that may ask for it.
    pub clients: Concerned<Grantee>,
    /// The keys that hold it.
    pub keys: Concerned<Key>,
    /// How many consents name it.
    pub consents: i64,
}

/// An application that may ask for a permission.
#[derive(Debug, Clone)]
pub struct Grantee {
    /// The application; none for every third-party application that has no grant of its own.
    pub client: Option<Arc<Client>>,
    /// Its grants that have the permission.
    pub grants: Vec<Arc<ClientGrant>>,
}

impl Grantee {
    fn of(found: &Application<'_>) -> Self {
        Self { client: found.client.cloned(), grants: found.grants.iter().map(|grant| Arc::clone(grant)).collect() }
    }

    fn number(&self) -> i64 {
        self.client.as_ref().map_or(0, |client| client.number.0)
    }
}

/// A key that holds a permission.
#[derive(Debug, Clone)]
pub struct Key {
    /// The key, and why.
    pub held: Held<HoldingKey>,
    /// The API it is for.
    pub api: Option<Arc<ApiEntry>>,
    /// The other permission with the same value that it holds, if there is one: it goes on to verify by that.
    pub kept_by: Option<Arc<Permission>>,
}

/// A permission that is looked at, in one state of the catalogue.
struct Subject {
    view: Arc<View>,
    api: Arc<ApiEntry>,
    permission: Arc<Permission>,
    roles: Vec<Arc<Role>>,
}

impl Subject {
    fn find(call: &Call, view: &Arc<View>, number: PermissionNumber) -> Result<Self, Problem> {
        let snapshot = &view.snapshot;
        let found = snapshot.permission(number).and_then(|permission| {
            let api = snapshot.api_numbered(permission.api).filter(|entry| entry.api.workspace == call.workspace)?;
            Some((Arc::clone(api), Arc::clone(permission)))
        });
        let (api, permission) = found.ok_or(Problem::NotFound(Missing::WorkspacePermission))?;
        let roles = impact::roles(snapshot, &permission).into_iter().cloned().collect();
        Ok(Self { view: Arc::clone(view), api, permission, roles })
    }

    fn snapshot(&self) -> &Snapshot {
        &self.view.snapshot
    }

    fn asked(&self) -> Asked {
        Asked {
            workspace: self.api.api.workspace,
            permission: Permission::clone(&self.permission),
            catalogue: self.snapshot().catalogue(self.api.api.workspace),
        }
    }

    fn sources(&self) -> Vec<(Source, Holding)> {
        let direct = (Source::Direct, Holding::Permission(self.permission.number));
        let role = |role: &Arc<Role>| (Source::Role(role.number), Holding::Role(role.number));
        [direct].into_iter().chain(self.roles.iter().map(role)).collect()
    }

    fn grantees(&self) -> Vec<Grantee> {
        impact::applications(self.snapshot(), &self.permission).iter().map(Grantee::of).collect()
    }

    async fn users(&self, tx: &mut Tx<'_>, (after, limit): (i64, usize)) -> Result<Part<Held<HoldingUser>>, Error> {
        let mut lists = Vec::new();
        for (source, holding) in self.sources() {
            lists.push((source, users::list(tx, holding, (after, one_more(limit))).await?));
        }
        let found = merge(lists, limit + 1);
        let items = found.into_iter().map(|holder| Held::of(self.snapshot(), holder)).collect();
        Ok(Part::of(items, limit, |held| held.number))
    }

    async fn keys(&self, tx: &mut Tx<'_>, (after, limit): (i64, usize)) -> Result<Part<Key>, Error> {
        let api = self.asked().api();
        let mut lists = Vec::new();
        for (source, holding) in self.sources() {
            lists.push((source, keys::list(tx, api, holding, (after, one_more(limit))).await?));
        }
        let found = merge(lists, limit + 1);
        let items = found.into_iter().map(|holder| self.key(Held::of(self.snapshot(), holder))).collect();
        Ok(Part::of(items, limit, |key: &Key| key.held.number))
    }

    fn key(&self, held: Held<HoldingKey>) -> Key {
        let (snapshot, who) = (self.snapshot(), &held.who);
        let kept_by = kept_by(snapshot, &self.permission, who.api, (&who.permissions, &who.roles)).cloned();
        Key { api: snapshot.api_numbered(who.api).cloned(), kept_by, held }
    }
}

/// Those of a list that memory has whole.
fn whole<T>(all: Vec<T>, number: impl Fn(&T) -> i64) -> Concerned<T> {
    let counts = impact::Counts::without_roles(i64::try_from(all.len()).unwrap_or(i64::MAX));
    Concerned { counts, keeps: 0, first: Part::among(all, (-1, FIRST), number).items }
}

/// What the deletion of this permission would take away: how much, and the first of each kind.
///
/// # Errors
/// [`Problem::NotFound`]; [`Problem::Unavailable`] when the store can't be read.
pub async fn preview(call: &Call, view: &Arc<View>, number: PermissionNumber) -> Result<Impact, Problem> {
    let subject = Subject::find(call, view, number)?;
    let history = permission_usage::histories(call, vec![number]).await?.remove(&number).unwrap_or_default();
    let read = call.app.store.read(move |tx| {
        Box::pin(async move {
            let asked = subject.asked();
            let users = Concerned {
                counts: users::count(tx, number).await?,
                keeps: 0,
                first: subject.users(tx, (0, FIRST)).await?.items,
            };
            let keys = Concerned {
                counts: keys::count(tx, &asked).await?,
                keeps: keys::count_kept(tx, &asked).await?,
                first: subject.keys(tx, (0, FIRST)).await?.items,
            };
            Ok(Impact {
                roles: whole(subject.roles.clone(), |role| role.number.0),
                clients: whole(subject.grantees(), Grantee::number),
                users,
                keys,
                consents: users::count_consents(tx, number).await?,
                permission: subject.permission,
                history,
                api: subject.api,
            })
        })
    });
    Ok(read.await?)
}

/// The roles that have it behind a number, at most so many.
///
/// # Errors
/// [`Problem::NotFound`].
pub fn roles(
    call: &Call,
    view: &Arc<View>,
    number: PermissionNumber,
    page: (i64, usize),
) -> Result<Part<Arc<Role>>, Problem> {
    Ok(Part::among(Subject::find(call, view, number)?.roles, page, |role| role.number.0))
}

/// The applications that may ask for it behind a number, at most so many.
///
/// # Errors
/// [`Problem::NotFound`].
pub fn clients(
    call: &Call,
    view: &Arc<View>,
    number: PermissionNumber,
    page: (i64, usize),
) -> Result<Part<Grantee>, Problem> {
    Ok(Part::among(Subject::find(call, view, number)?.grantees(), page, Grantee::number))
}

/// The users that hold it behind a number, at most so many.
///
/// # Errors
/// As [`preview`].
pub async fn users(
    call: &Call,
    view: &Arc<View>,
    number: PermissionNumber,
    page: (i64, usize),
) -> Result<Part<Held<HoldingUser>>, Problem> {
    let subject = Subject::find(call, view, number)?;
    Ok(call.app.store.read(move |tx| Box::pin(async move { subject.users(tx, page).await })).await?)
}

/// The keys that hold it behind a number, at most so many.
///
/// # Errors
/// As [`preview`].
pub async fn keys(
    call: &Call,
    view: &Arc<View>,
    number: PermissionNumber,
    page: (i64, usize),
) -> Result<Part<Key>, Problem> {
    let subject = Subject::find(call, view, number)?;
    Ok(call.app.store.read(move |tx| Box::pin(async move { subject.keys(tx, page).await })).await?)
}
