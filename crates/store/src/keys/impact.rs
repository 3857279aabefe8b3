//! How many keys hold a permission, and which: directly, and by roles. A key holds permissions of its own API and of the
//! catalogue API; keys that are deleted, or whose API is, hold none.

use std::collections::{HashMap, HashSet};

use keyward_core::{
    impact::Counts,
    model::{
        WorkspaceNumber,
        api::ApiNumber,
        permission::{Permission, PermissionNumber},
        role::RoleNumber,
    },
};

use super::{
    holder::{self, Holding},
    key::read_numbers,
};
use crate::{
    Error,
    catalogue::slug,
    engine::{Row, Sql, Tx, Value},
};

const IN_A_ROLE: Sql = Sql("SELECT h.role FROM role_permissions h JOIN roles r ON r.number = h.role \
     WHERE h.permission = $1 AND r.deleted_at IS NULL LIMIT 1");
const KEYS_WITHOUT_API: Sql =
    Sql("SELECT a.number FROM apis a JOIN holders h ON h.kind = 'api' AND h.number = a.number \
     WHERE a.deleted_at IS NOT NULL AND h.keys > 0 LIMIT 1");
const COUNT: Sql = Sql("SELECT COUNT(*), COALESCE(SUM(held.direct), 0), COALESCE(SUM(held.by_role), 0) FROM \
     (SELECT h.key, MAX(h.direct) AS direct, MAX(h.by_role) AS by_role FROM \
     (SELECT d.key, 1 AS direct, 0 AS by_role FROM key_permissions d WHERE d.permission = $1 UNION ALL \
     SELECT m.key, 0 AS direct, 1 AS by_role FROM role_permissions p JOIN roles r ON r.number = p.role \
     JOIN key_roles m ON m.role = p.role WHERE p.permission = $1 AND r.deleted_at IS NULL) h GROUP BY h.key) held \
     WHERE EXISTS (SELECT 1 FROM keys k JOIN apis a ON a.number = k.api WHERE k.number = held.key \
     AND a.deleted_at IS NULL AND (CAST($2 AS BIGINT) IS NULL OR k.api = $2))");
// A key's other permission of this value is of the catalogue API, which is named then, or else of its own.
const COUNT_KEPT: Sql = Sql("SELECT COUNT(*) FROM \
     (SELECT d.key FROM key_permissions d WHERE d.permission = $1 UNION \
     SELECT m.key FROM role_permissions p JOIN roles r ON r.number = p.role \
     JOIN key_roles m ON m.role = p.role WHERE p.permission = $1 AND r.deleted_at IS NULL) held \
     WHERE EXISTS (SELECT 1 FROM keys k JOIN apis a ON a.number = k.api \
     JOIN permissions q ON q.api = COALESCE(CAST($3 AS BIGINT), k.api) AND q.value = $4 AND q.deleted_at IS NULL \
     WHERE k.number = held.key AND a.deleted_at IS NULL AND (CAST($2 AS BIGINT) IS NULL OR k.api = $2) AND \
     (EXISTS (SELECT 1 FROM key_permissions d WHERE d.permission = q.number AND d.key = k.number) OR \
     EXISTS (SELECT 1 FROM role_permissions p JOIN roles r ON r.number = p.role \
     JOIN key_roles m ON m.role = p.role AND m.key = k.number \
     WHERE p.permission = q.number AND r.deleted_at IS NULL)))");
// That the numbers are the same ones, PostgreSQL does not see by itself: it would read all keys before the page.
const DIRECT: Sql = Sql(
    "SELECT k.number, k.id, k.start, k.name, k.api, k.permissions, k.roles FROM key_permissions h \
     JOIN keys k ON k.number = h.key JOIN apis a ON a.number = k.api WHERE h.permission = $1 AND h.key > $3 \
     AND k.number > $3 AND a.deleted_at IS NULL AND (CAST($2 AS BIGINT) IS NULL OR k.api = $2) ORDER BY h.key LIMIT $4",
);
const OF_ROLE: Sql = Sql("SELECT k.number, k.id, k.start, k.name, k.api, k.permissions, k.roles FROM key_roles h \
     JOIN keys k ON k.number = h.key JOIN apis a ON a.number = k.api WHERE h.role = $1 AND h.key > $3 \
     AND k.number > $3 AND a.deleted_at IS NULL AND (CAST($2 AS BIGINT) IS NULL OR k.api = $2) ORDER BY h.key LIMIT $4");

const COUNT_OF_ROLE: Sql = Sql("SELECT k.api, COUNT(*) FROM key_roles h JOIN keys k ON k.number = h.key \
     JOIN apis a ON a.number = k.api WHERE h.role = $1 AND a.deleted_at IS NULL GROUP BY k.api");
const HELD_DIRECTLY: Sql = Sql("SELECT g.permission FROM role_permissions g \
     JOIN holders h ON h.kind = 'permission' AND h.number = g.permission WHERE g.role = $1 AND h.keys > 0");
// Those who have it from elsewhere are fewer, as a rule, than those who have the role: they are looked up among these.
const COUNT_KEPT_OF_ROLE: Sql = Sql("SELECT COUNT(*) FROM (SELECT d.key FROM permissions p \
     JOIN permissions q ON q.workspace = p.workspace AND q.folded = p.folded AND q.value = p.value \
     JOIN key_permissions d ON d.permission = q.number WHERE p.number = $2 AND q.deleted_at IS NULL \
     AND EXISTS (SELECT 1 FROM key_roles m WHERE m.role = $1 AND m.key = d.key) \
     AND EXISTS (SELECT 1 FROM keys k JOIN apis a ON a.number = k.api WHERE k.number = d.key AND a.deleted_at IS NULL \
     AND (p.api = k.api OR p.api = CAST($3 AS BIGINT)) AND (q.api = k.api OR q.api = CAST($3 AS BIGINT))) UNION \
     SELECT o.key FROM permissions p \
     JOIN permissions q ON q.workspace = p.workspace AND q.folded = p.folded AND q.value = p.value \
     JOIN role_permissions x ON x.permission = q.number AND x.role <> $1 \
     JOIN roles r ON r.number = x.role AND r.deleted_at IS NULL JOIN key_roles o ON o.role = x.role \
     WHERE p.number = $2 AND q.deleted_at IS NULL \
     AND EXISTS (SELECT 1 FROM key_roles m WHERE m.role = $1 AND m.key = o.key) \
     AND EXISTS (SELECT 1 FROM keys k JOIN apis a ON a.number = k.api WHERE k.number = o.key AND a.deleted_at IS NULL \
     AND (p.api = k.api OR p.api = CAST($3 AS BIGINT)) AND (q.api = k.api OR q.api = CAST($3 AS BIGINT)))) held");

/// A key, as far as a list of holders shows it, and what it holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HoldingKey {
    /// The identity on the wire (`key_…`).
    pub id: String,
    /// How its text begins.
    pub start: String,
    /// For people.
    pub name: Option<String>,
    /// The API it is for.
    pub api: ApiNumber,
    /// What it holds directly. Deleted ones are among them.
    pub permissions: Vec<PermissionNumber>,
    /// Its roles. Deleted ones are among them.
    pub roles: Vec<RoleNumber>,
}

/// What is asked about: a permission, and the catalogue API, whose permissions are for the keys of all APIs.
#[derive(Debug, Clone)]
pub struct Asked {
    /// The workspace.
    pub workspace: WorkspaceNumber,
    /// The permission.
    pub permission: Permission,
    /// The catalogue API, if there is one yet.
    pub catalogue: Option<ApiNumber>,
}

impl Asked {
    /// The API whose keys alone may hold it; none if those of all may.
    pub fn api(&self) -> Option<ApiNumber> {
        Some(self.permission.api).filter(|api| self.catalogue != Some(*api))
    }
}

/// Whether a live role has the permission.
pub async fn is_in_a_role(tx: &mut Tx<'_>, permission: PermissionNumber) -> Result<bool, Error> {
    Ok(!tx.query(IN_A_ROLE, &[permission.0.into()]).await?.is_empty())
}

/// Whether keys of a deleted API are among those that are counted as holders.
async fn some_have_no_api(tx: &mut Tx<'_>) -> Result<bool, Error> {
    Ok(!tx.query(KEYS_WITHOUT_API, &[]).await?.is_empty())
}

/// How many keys hold the permission. What is written down is enough when no role has it: of a million keys none is
/// looked at.
pub async fn count(tx: &mut Tx<'_>, asked: &Asked) -> Result<Counts, Error> {
    let number = asked.permission.number;
    let by_number = asked.api().is_some() || !some_have_no_api(tx).await?;
    if by_number && !is_in_a_role(tx, number).await? {
        return holder::stored(tx, Holding::Permission(number)).await.map(Counts::without_roles);
    }
    let rows = tx.query(COUNT, &[number.0.into(), asked.api().map(|api| api.0).into()]).await?;
    let row = rows.into_iter().next().ok_or_else(|| Error::inconsistent("keys", "no count"))?;
    counts(row.of("keys"))
}

pub(crate) fn counts(mut row: Row) -> Result<Counts, Error> {
    Ok(Counts { all: row.int()?, direct: row.int()?, by_roles: row.int()? })
}

/// How many of those keys hold another permission with the same value, by which they go on to verify.
pub async fn count_kept(tx: &mut Tx<'_>, asked: &Asked) -> Result<i64, Error> {
    let (permission, value) = (&asked.permission, asked.permission.value.as_str());
    let other = asked.api().and(asked.catalogue);
    if asked.api().is_some() && other.is_none() {
        return Ok(0);
    }
    let same = slug::find_by_slug(tx, asked.workspace, value).await?;
    let stands_in = |found: &Permission| {
        found.number != permission.number && found.value == permission.value && other.is_none_or(|api| found.api == api)
    };
    if !same.iter().any(stands_in) {
        return Ok(0);
    }
    let (api, other) = (asked.api().map(|api| api.0), other.map(|api| api.0));
    let values: [Value; 4] = [permission.number.0.into(), api.into(), other.into(), value.into()];
    let rows = tx.query(COUNT_KEPT, &values).await?;
    rows.into_iter().next().ok_or_else(|| Error::inconsistent("keys", "no count"))?.int()
}

/// The keys that hold a permission directly, or a role, by number: those behind a number, at most so many; only those of
/// one API, if one is given.
pub async fn list(
    tx: &mut Tx<'_>,
    api: Option<ApiNumber>,
    holding: Holding,
    (after, limit): (i64, i64),
) -> Result<Vec<(i64, HoldingKey)>, Error> {
    let sql = match holding {
        Holding::Permission(_) => DIRECT,
        Holding::Role(_) => OF_ROLE,
        Holding::Api(_) => return Ok(Vec::new()),
    };
    let api = api.map(|api| api.0);
    let rows = tx.query(sql, &[holding.number().into(), api.into(), after.into(), limit.into()]).await?;
    rows.into_iter().map(decode).collect()
}

/// How many keys have a role. What is written down is enough unless some of them have no API any more.
pub async fn count_having(tx: &mut Tx<'_>, role: RoleNumber) -> Result<i64, Error> {
    if some_have_no_api(tx).await? {
        return Ok(count_of_role(tx, role).await?.into_values().sum());
    }
    holder::stored(tx, Holding::Role(role)).await
}

/// How many keys of each API have a role.
pub async fn count_of_role(tx: &mut Tx<'_>, role: RoleNumber) -> Result<HashMap<ApiNumber, i64>, Error> {
    let pair = |row: Row| {
        let mut row = row.of("key_roles");
        Ok((ApiNumber(row.int()?), row.int()?))
    };
    tx.query(COUNT_OF_ROLE, &[role.0.into()]).await?.into_iter().map(pair).collect()
}

/// Those of a role's permissions that some key holds directly.
pub async fn held_directly(tx: &mut Tx<'_>, role: RoleNumber) -> Result<HashSet<PermissionNumber>, Error> {
    permissions(tx.query(HELD_DIRECTLY, &[role.0.into()]).await?)
}

pub(crate) fn permissions(rows: Vec<Row>) -> Result<HashSet<PermissionNumber>, Error> {
    rows.into_iter().map(|row| row.of("role_permissions").int().map(PermissionNumber)).collect()
}

/// How many keys with a role have one of its permissions from elsewhere as well: it, or one with the same value.
pub async fn count_kept_of_role(tx: &mut Tx<'_>, role: RoleNumber, asked: &Asked) -> Result<i64, Error> {
    let catalogue = asked.catalogue.map(|api| api.0);
    let rows =
        tx.query(COUNT_KEPT_OF_ROLE, &[role.0.into(), asked.permission.number.0.into(), catalogue.into()]).await?;
    rows.into_iter().next().ok_or_else(|| Error::inconsistent("keys", "no count"))?.int()
}

fn decode(row: Row) -> Result<(i64, HoldingKey), Error> {
    let mut row = row.of("keys");
    let number = row.int()?;
    let key = HoldingKey {
        id: row.text()?,
        start: row.text()?,
        name: row.text_or_null()?,
        api: ApiNumber(row.int()?),
        permissions: read_numbers(&row.text()?, PermissionNumber)?,
        roles: read_numbers(&row.text()?, RoleNumber)?,
    };
    Ok((number, key))
}
