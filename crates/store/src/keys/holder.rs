//! Which keys hold a permission or a role or belong to an API, and how many.

use std::collections::{HashMap, HashSet};

use keyward_core::model::{
    api::ApiNumber,
    key::{Key, KeyNumber},
    permission::PermissionNumber,
    role::RoleNumber,
};

use crate::{
    Error,
    engine::{Row, Sql, Tx},
    writer::Change,
};

const ADD_PERMISSION: Sql = Sql("INSERT INTO key_permissions (permission, key) VALUES ($1, $2)");
const REMOVE_PERMISSION: Sql = Sql("DELETE FROM key_permissions WHERE permission = $1 AND key = $2");
const ADD_ROLE: Sql = Sql("INSERT INTO key_roles (role, key) VALUES ($1, $2)");
const REMOVE_ROLE: Sql = Sql("DELETE FROM key_roles WHERE role = $1 AND key = $2");
const COUNT: Sql = Sql("SELECT keys FROM holders WHERE kind = $1 AND number = $2");
const COUNTS: Sql = Sql("SELECT number, keys FROM holders WHERE kind = $1 AND keys > 0");
const ADD_COUNT: Sql = Sql("INSERT INTO holders (kind, number, keys) VALUES ($1, $2, $3) \
     ON CONFLICT (kind, number) DO UPDATE SET keys = holders.keys + $3");
const OF_PERMISSION: Sql =
    Sql("SELECT k.id FROM key_permissions h JOIN keys k ON k.number = h.key WHERE h.permission = $1 \
     ORDER BY h.key LIMIT $2");
const OF_ROLE: Sql =
    Sql("SELECT k.id FROM key_roles h JOIN keys k ON k.number = h.key WHERE h.role = $1 ORDER BY h.key LIMIT $2");
const OF_API: Sql = Sql("SELECT id FROM keys WHERE api = $1 AND deleted_at IS NULL ORDER BY id LIMIT $2");
const HELD_BY_KEYS: Sql = Sql("SELECT p.number FROM permissions p \
     JOIN holders h ON h.kind = 'permission' AND h.number = p.number \
     WHERE p.api = $1 AND p.deleted_at IS NULL AND h.keys > 0");
const HELD_BY_GRANTS: Sql = Sql("SELECT p.number FROM permissions p \
     JOIN client_grant_scopes s ON s.permission = p.number WHERE p.api = $1 AND p.deleted_at IS NULL");
const HELD_BY_USERS: Sql = Sql("SELECT p.number FROM permissions p WHERE p.api = $1 AND p.deleted_at IS NULL \
     AND EXISTS (SELECT 1 FROM user_permissions h WHERE h.permission = p.number)");
const HELD_BY_ROLES: Sql = Sql("SELECT p.number FROM permissions p \
     JOIN role_permissions r ON r.permission = p.number WHERE p.api = $1 AND p.deleted_at IS NULL");

/// What can be held.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Holding {
    /// A permission, directly.
    Permission(PermissionNumber),
    /// A role.
    Role(RoleNumber),
    /// An API, by the keys that are for it.
    Api(ApiNumber),
}

impl Holding {
    const fn kind(self) -> &'static str {
        match self {
            Self::Permission(_) => "permission",
            Self::Role(_) => "role",
            Self::Api(_) => "api",
        }
    }

    pub(crate) const fn number(self) -> i64 {
        match self {
            Self::Permission(number) => number.0,
            Self::Role(number) => number.0,
            Self::Api(number) => number.0,
        }
    }
}

/// Says that a key holds what it did not hold before, and no longer holds what it did.
pub(super) async fn moved(change: &mut Change<'_>, before: Option<&Key>, after: Option<&Key>) -> Result<(), Error> {
    match (before, after) {
        (None, Some(key)) => change.count_holder(Holding::Api(key.api), 1),
        (Some(key), None) => change.count_holder(Holding::Api(key.api), -1),
        _ => {}
    }
    let Some(key) = after.or(before).map(|key| key.number) else { return Ok(()) };
    let permissions = |key: Option<&Key>| key.map(|key| key.permissions.clone()).unwrap_or_default();
    let (added, removed) = difference(&permissions(before), &permissions(after));
    write(change, key, Holding::Permission, (ADD_PERMISSION, &added), (REMOVE_PERMISSION, &removed)).await?;
    let roles = |key: Option<&Key>| key.map(|key| key.roles.clone()).unwrap_or_default();
    let (added, removed) = difference(&roles(before), &roles(after));
    write(change, key, Holding::Role, (ADD_ROLE, &added), (REMOVE_ROLE, &removed)).await
}

/// What only the second of two sorted lists has, and what only the first one has.
fn difference<N: Ord + Copy>(before: &[N], after: &[N]) -> (Vec<N>, Vec<N>) {
    let only = |one: &[N], other: &[N]| one.iter().filter(|n| other.binary_search(n).is_err()).copied().collect();
    (only(after, before), only(before, after))
}

async fn write<N: Copy>(
    change: &mut Change<'_>,
    key: KeyNumber,
    holding: fn(N) -> Holding,
    (add, added): (Sql, &[N]),
    (remove, removed): (Sql, &[N]),
) -> Result<(), Error> {
    let pairs = |numbers: &[N]| -> Vec<_> {
        numbers.iter().map(|number| vec![holding(*number).number().into(), key.0.into()]).collect()
    };
    change.tx().execute_each(remove, &pairs(removed)).await?;
    change.tx().execute_each(add, &pairs(added)).await?;
    for number in added {
        change.count_holder(holding(*number), 1);
    }
    for number in removed {
        change.count_holder(holding(*number), -1);
    }
    Ok(())
}

/// How many keys hold it, as it was committed.
pub async fn stored(tx: &mut Tx<'_>, holding: Holding) -> Result<i64, Error> {
    let rows = tx.query(COUNT, &[holding.kind().into(), holding.number().into()]).await?;
    rows.into_iter().next().map_or(Ok(0), |row| row.of("holders").int())
}

/// How many keys each API has that has any, as it was committed.
pub async fn of_apis(tx: &mut Tx<'_>) -> Result<HashMap<ApiNumber, i64>, Error> {
    let rows = tx.query(COUNTS, &[Holding::Api(ApiNumber(0)).kind().into()]).await?;
    let read = |row: Row| {
        let mut row = row.of("holders");
        Ok((ApiNumber(row.int()?), row.int()?))
    };
    rows.into_iter().map(read).collect()
}

/// How many keys hold it.
pub async fn count(change: &mut Change<'_>, holding: Holding) -> Result<i64, Error> {
    Ok(stored(change.tx(), holding).await? + change.uncommitted_holders(holding))
}

/// The ids of the first keys that hold it.
pub async fn first(tx: &mut Tx<'_>, holding: Holding, limit: i64) -> Result<Vec<String>, Error> {
    let sql = match holding {
        Holding::Permission(_) => OF_PERMISSION,
        Holding::Role(_) => OF_ROLE,
        Holding::Api(_) => OF_API,
    };
    let rows = tx.query(sql, &[holding.number().into(), limit.into()]).await?;
    rows.into_iter().map(|row: Row| row.of("keys").text()).collect()
}

/// Those of an API's permissions that a key, a role, a client grant or a user has.
pub async fn held(
    change: &mut Change<'_>,
    api: ApiNumber,
    permissions: impl Iterator<Item = PermissionNumber>,
) -> Result<HashSet<PermissionNumber>, Error> {
    let mut rows = change.tx().query(HELD_BY_KEYS, &[api.0.into()]).await?;
    rows.extend(change.tx().query(HELD_BY_ROLES, &[api.0.into()]).await?);
    rows.extend(change.tx().query(HELD_BY_GRANTS, &[api.0.into()]).await?);
    rows.extend(change.tx().query(HELD_BY_USERS, &[api.0.into()]).await?);
    let numbers = rows.into_iter().map(|row: Row| row.of("permissions").int().map(PermissionNumber));
    let mut held = numbers.collect::<Result<HashSet<_>, _>>()?;
    held.extend(permissions.filter(|number| change.uncommitted_holders(Holding::Permission(*number)) != 0));
    Ok(held)
}

/// Writes down how the counts changed. In one order on every node, so that no two of them wait for each other.
pub(crate) async fn settle(tx: &mut Tx<'_>, counts: &std::collections::BTreeMap<Holding, i64>) -> Result<(), Error> {
    let changed = counts.iter().filter(|(_, count)| **count != 0);
    let rows: Vec<_> =
        changed.map(|(holding, count)| vec![holding.kind().into(), holding.number().into(), (*count).into()]).collect();
    tx.execute_each(ADD_COUNT, &rows).await
}
