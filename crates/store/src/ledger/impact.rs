//! How many users hold a permission, and which: directly, and by roles; and the consents that name it.

use std::collections::HashSet;

use keyward_core::{
    impact::Counts,
    model::{api::ApiNumber, permission::PermissionNumber, role::RoleNumber},
};

use super::user_holdings;
use crate::{
    Error,
    engine::{Row, Sql, Tx},
    keys::{holder::Holding, impact},
};

const COUNT: Sql = Sql("SELECT COUNT(*), COALESCE(SUM(held.direct), 0), COALESCE(SUM(held.by_role), 0) FROM \
     (SELECT h.user_number, MAX(h.direct) AS direct, MAX(h.by_role) AS by_role FROM \
     (SELECT d.user_number, 1 AS direct, 0 AS by_role FROM user_permissions d WHERE d.permission = $1 UNION ALL \
     SELECT m.user_number, 0 AS direct, 1 AS by_role FROM role_permissions p JOIN roles r ON r.number = p.role \
     JOIN user_roles m ON m.role = p.role WHERE p.permission = $1 AND r.deleted_at IS NULL) h \
     GROUP BY h.user_number) held");
// Both conditions on the number, as for keys.
const DIRECT: Sql =
    Sql("SELECT u.number, u.id, u.name, u.email FROM user_permissions h JOIN users u ON u.number = h.user_number \
     WHERE h.permission = $1 AND h.user_number > $2 AND u.number > $2 ORDER BY h.user_number LIMIT $3");
const OF_ROLE: Sql =
    Sql("SELECT u.number, u.id, u.name, u.email FROM user_roles h JOIN users u ON u.number = h.user_number \
     WHERE h.role = $1 AND h.user_number > $2 AND u.number > $2 ORDER BY h.user_number LIMIT $3");
const HELD_DIRECTLY: Sql = Sql("SELECT g.permission FROM role_permissions g WHERE g.role = $1 \
     AND EXISTS (SELECT 1 FROM user_permissions d WHERE d.permission = g.permission)");
const COUNT_KEPT_OF_ROLE: Sql =
    Sql("SELECT COUNT(*) FROM (SELECT d.user_number FROM user_permissions d WHERE d.permission = $2 \
     AND EXISTS (SELECT 1 FROM user_roles m WHERE m.role = $1 AND m.user_number = d.user_number) UNION \
     SELECT o.user_number FROM role_permissions x JOIN roles r ON r.number = x.role AND r.deleted_at IS NULL \
     JOIN user_roles o ON o.role = x.role WHERE x.permission = $2 AND x.role <> $1 \
     AND EXISTS (SELECT 1 FROM user_roles m WHERE m.role = $1 AND m.user_number = o.user_number)) held");
const COUNT_OF_API: Sql = Sql("SELECT COUNT(*) FROM (SELECT h.user_number FROM user_permissions h \
     JOIN permissions p ON p.number = h.permission WHERE p.api = $1 AND p.deleted_at IS NULL UNION \
     SELECT m.user_number FROM user_roles m WHERE m.role IN (SELECT g.role FROM role_permissions g \
     JOIN permissions p ON p.number = g.permission JOIN roles r ON r.number = g.role \
     WHERE p.api = $1 AND p.deleted_at IS NULL AND r.deleted_at IS NULL)) held");
// A consent to an application that is deleted is none.
const COUNT_CONSENTS: Sql = Sql("SELECT COUNT(*) FROM consent_permissions p JOIN consents c ON c.number = p.consent \
     JOIN clients l ON l.number = c.client WHERE p.permission = $1 AND l.deleted_at IS NULL");

/// A user, as far as a list of holders shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HoldingUser {
    /// The identity on the wire.
    pub id: String,
    /// For people; empty for none.
    pub name: String,
    /// The address; empty for none.
    pub email: String,
}

/// How many users hold the permission.
pub async fn count(tx: &mut Tx<'_>, permission: PermissionNumber) -> Result<Counts, Error> {
    if !impact::is_in_a_role(tx, permission).await? {
        return user_holdings::count(tx, Holding::Permission(permission)).await.map(Counts::without_roles);
    }
    let rows = tx.query(COUNT, &[permission.0.into()]).await?;
    let row = rows.into_iter().next().ok_or_else(|| Error::inconsistent("users", "no count"))?;
    impact::counts(row.of("users"))
}

/// The users that have a permission directly, or a role, by number: those behind a number, at most so many.
pub async fn list(
    tx: &mut Tx<'_>,
    holding: Holding,
    (after, limit): (i64, i64),
) -> Result<Vec<(i64, HoldingUser)>, Error> {
    let sql = match holding {
        Holding::Permission(_) => DIRECT,
        Holding::Role(_) => OF_ROLE,
        Holding::Api(_) => return Ok(Vec::new()),
    };
    let rows = tx.query(sql, &[holding.number().into(), after.into(), limit.into()]).await?;
    rows.into_iter().map(decode).collect()
}

/// Those of a role's permissions that some user has directly.
pub async fn held_directly(tx: &mut Tx<'_>, role: RoleNumber) -> Result<HashSet<PermissionNumber>, Error> {
    impact::permissions(tx.query(HELD_DIRECTLY, &[role.0.into()]).await?)
}

/// How many users with a role have one of its permissions from elsewhere as well.
pub async fn count_kept_of_role(tx: &mut Tx<'_>, role: RoleNumber, permission: PermissionNumber) -> Result<i64, Error> {
    let rows = tx.query(COUNT_KEPT_OF_ROLE, &[role.0.into(), permission.0.into()]).await?;
    rows.into_iter().next().ok_or_else(|| Error::inconsistent("users", "no count"))?.int()
}

/// How many users hold some permission of an API.
pub async fn count_of_api(tx: &mut Tx<'_>, api: ApiNumber) -> Result<i64, Error> {
    let rows = tx.query(COUNT_OF_API, &[api.0.into()]).await?;
    rows.into_iter().next().ok_or_else(|| Error::inconsistent("users", "no count"))?.int()
}

fn decode(row: Row) -> Result<(i64, HoldingUser), Error> {
    let mut row = row.of("users");
    let number = row.int()?;
    Ok((number, HoldingUser { id: row.text()?, name: row.text()?, email: row.text()? }))
}

/// How many consents name the permission.
pub async fn count_consents(tx: &mut Tx<'_>, permission: PermissionNumber) -> Result<i64, Error> {
    let rows = tx.query(COUNT_CONSENTS, &[permission.0.into()]).await?;
    rows.into_iter().next().ok_or_else(|| Error::inconsistent("consents", "no count"))?.int()
}
