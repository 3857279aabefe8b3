//! Who has a permission, and who keeps it by another way: what its deletion takes away. The parts that need no store.

use std::{collections::BTreeMap, sync::Arc};

use crate::{
    model::{
        api::ApiNumber,
        client::{Client, ClientNumber},
        client_grant::ClientGrant,
        permission::{Permission, PermissionNumber},
        role::{Role, RoleNumber},
    },
    snapshot::Snapshot,
};

/// How many hold something.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// All of them, each once.
    pub all: i64,
    /// Those that hold it directly.
    pub direct: i64,
    /// Those that hold it by a role, or by several. Some of them may hold it directly as well.
    pub by_roles: i64,
}

impl Counts {
    /// So many, and no role is involved.
    pub fn without_roles(all: i64) -> Self {
        Self { all, direct: all, by_roles: 0 }
    }
}

/// Where somebody may have something from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// From nobody else.
    Direct,
    /// From a role.
    Role(RoleNumber),
}

/// Somebody who holds something, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder<T> {
    /// The number of the holder, by which lists of holders are ordered.
    pub number: i64,
    /// The holder.
    pub who: T,
    /// Whether it is held directly.
    pub direct: bool,
    /// The roles that give it.
    pub roles: Vec<RoleNumber>,
}

/// The first holders among those of several sources, each once and with all of its reasons: every source brings its own
/// first `limit` ones, by number, so that none of the first `limit` of all can lack a reason.
pub fn merge<T>(sources: Vec<(Source, Vec<(i64, T)>)>, limit: usize) -> Vec<Holder<T>> {
    let mut found: BTreeMap<i64, Holder<T>> = BTreeMap::new();
    for (source, holders) in sources {
        for (number, who) in holders {
            let holder =
                found.entry(number).or_insert_with(|| Holder { number, who, direct: false, roles: Vec::new() });
            match source {
                Source::Direct => holder.direct = true,
                Source::Role(role) => holder.roles.push(role),
            }
        }
    }
    found.into_values().take(limit).collect()
}

/// The roles that have a permission, by number.
pub fn roles<'s>(snapshot: &'s Snapshot, permission: &Permission) -> Vec<&'s Arc<Role>> {
    let Some(entry) = snapshot.api_numbered(permission.api) else { return Vec::new() };
    let all = snapshot.roles(entry.api.workspace);
    all.filter(|role| role.permissions.binary_search(&permission.number).is_ok()).collect()
}

/// An application that may ask for a permission.
#[derive(Debug, Clone)]
pub struct Application<'s> {
    /// The application; none for every third-party application that has no grant of its own.
    pub client: Option<&'s Arc<Client>>,
    /// Its grants that have the permission: one for each kind of subject at most.
    pub grants: Vec<&'s Arc<ClientGrant>>,
}

impl Application<'_> {
    /// The number by which lists are ordered: that of the application, or 0, which none has.
    pub fn number(&self) -> i64 {
        self.client.map_or(0, |client| client.number.0)
    }
}

/// The applications whose grants have a permission, by number.
pub fn applications<'s>(snapshot: &'s Snapshot, permission: &Permission) -> Vec<Application<'s>> {
    let Some(entry) = snapshot.api_numbered(permission.api) else { return Vec::new() };
    let names = |grant: &ClientGrant| grant.scopes().iter().any(|scope| scope.permission == Some(permission.number));
    let mut found: BTreeMap<Option<ClientNumber>, Application<'s>> = BTreeMap::new();
    for grant in snapshot.client_grants(entry.api.workspace) {
        if grant.api != permission.api || !(grant.covers_all() || names(grant)) {
            continue;
        }
        let client = match grant.client {
            Some(number) => match snapshot.client_numbered(number) {
                Some(client) => Some(client),
                None => continue,
            },
            None => None,
        };
        let application = found.entry(grant.client).or_insert_with(|| Application { client, grants: Vec::new() });
        application.grants.push(grant);
    }
    found.into_values().collect()
}

/// The other permission with the same value that a key of an API holds: a verification asks for a value, so with this one
/// it goes on as before. A key may hold permissions of two APIs alone, its own and the catalogue, and each has a value
/// once.
pub fn kept_by<'s>(
    snapshot: &'s Snapshot,
    permission: &Permission,
    key_api: ApiNumber,
    (direct, roles): (&[PermissionNumber], &[RoleNumber]),
) -> Option<&'s Arc<Permission>> {
    let workspace = snapshot.api_numbered(permission.api)?.api.workspace;
    let other = if permission.api == key_api { snapshot.catalogue(workspace)? } else { key_api };
    let other = snapshot.api_numbered(other).filter(|entry| entry.api.number != permission.api)?;
    let found = other.permission(permission.value.as_str())?;
    let given = |role: &RoleNumber| {
        snapshot.role(*role).is_some_and(|role| role.permissions.binary_search(&found.number).is_ok())
    };
    (direct.contains(&found.number) || roles.iter().any(given)).then_some(found)
}

/// Whether there is another permission with the same value that a key may hold beside this one.
pub fn has_namesake(snapshot: &Snapshot, permission: &Permission) -> bool {
    let Some(entry) = snapshot.api_numbered(permission.api) else { return false };
    let catalogue = snapshot.catalogue(entry.api.workspace);
    let of_all = catalogue == Some(permission.api);
    let others = snapshot
        .apis(entry.api.workspace)
        .filter(|other| other.api.number != permission.api && (of_all || catalogue == Some(other.api.number)));
    others.into_iter().any(|other| other.permission(permission.value.as_str()).is_some())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Page after page, everybody comes once and with every reason, however the sources overlap.
        #[test]
        fn pages_show_everybody_once_with_every_reason(
            direct in proptest::collection::btree_set(1..40_i64, 0..20),
            roles in proptest::collection::vec(proptest::collection::btree_set(1..40_i64, 0..20), 0..4),
            limit in 1..7_usize,
        ) {
            let role = |at: usize| RoleNumber(i64::try_from(at).unwrap());
            let mut shown = Vec::new();
            let mut after = 0;
            loop {
                let first = |all: &std::collections::BTreeSet<i64>| -> Vec<(i64, ())> {
                    all.range(after + 1..).take(limit).map(|number| (*number, ())).collect()
                };
                let mut sources = vec![(Source::Direct, first(&direct))];
                sources.extend(roles.iter().enumerate().map(|(at, all)| (Source::Role(role(at)), first(all))));
                let page = merge(sources, limit);
                let Some(last) = page.last() else { break };
                after = last.number;
                shown.extend(page);
            }
            let all: std::collections::BTreeSet<i64> = roles.iter().fold(direct.clone(), |all, role| &all | role);
            prop_assert_eq!(shown.iter().map(|holder| holder.number).collect::<Vec<_>>(), all.into_iter().collect::<Vec<_>>());
            for holder in shown {
                prop_assert_eq!(holder.direct, direct.contains(&holder.number));
                let by: Vec<RoleNumber> =
                    (0..roles.len()).filter(|at| roles[*at].contains(&holder.number)).map(role).collect();
                prop_assert_eq!(holder.roles, by);
            }
        }
    }
}
