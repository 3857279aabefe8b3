//! Roles and the permissions they have.

use std::collections::HashMap;

use keyward_core::{
    model::{
        WorkspaceNumber,
        permission::PermissionNumber,
        role::{Role, RoleNumber, folded},
    },
    snapshot,
    time::Timestamp,
};

use crate::{
    Error,
    engine::{Row, Sql, Tx},
    writer::{Change, Kind, take_numbers},
};

const INSERT: Sql =
    Sql("INSERT INTO roles (number, workspace, id, name, folded, description, created_at, updated_at) \
     VALUES ($1, $2, $3, $4, $5, $6, $7, $7)");
const UPDATE: Sql = Sql("UPDATE roles SET name = $3, folded = $4, description = $5, updated_at = $6 \
     WHERE workspace = $1 AND number = $2 AND deleted_at IS NULL");
const TOMBSTONE: Sql =
    Sql("UPDATE roles SET deleted_at = $3 WHERE workspace = $1 AND number = $2 AND deleted_at IS NULL");
const REVIVE: Sql = Sql("UPDATE roles SET deleted_at = NULL WHERE workspace = $1 AND number = $2");
const FIND: Sql = Sql("SELECT number, workspace, id, name, description, created_at FROM roles \
     WHERE workspace = $1 AND id = $2 AND deleted_at IS NULL");
const FIND_BY_NAME: Sql = Sql("SELECT number, workspace, id, name, description, created_at FROM roles \
     WHERE workspace = $1 AND folded = $2 AND deleted_at IS NULL");
const FIND_DELETED: Sql = Sql("SELECT number, workspace, id, name, description, created_at FROM roles \
     WHERE workspace = $1 AND (id = $2 OR folded = $3) AND deleted_at > $4 \
     ORDER BY CASE WHEN id = $2 THEN 0 ELSE 1 END, deleted_at DESC, number DESC LIMIT 1");
const DELETED: Sql = Sql("SELECT deleted_at, number, workspace, id, name, description, created_at FROM roles \
     WHERE workspace = $1 AND deleted_at > $2 ORDER BY deleted_at DESC, number DESC LIMIT $3");
const ALL: Sql = Sql("SELECT number, workspace, id, name, description, created_at FROM roles \
     WHERE deleted_at IS NULL ORDER BY number");
const CHANGED: Sql =
    Sql("SELECT number, workspace, id, name, description, created_at FROM roles WHERE deleted_at IS NULL \
     AND number IN (SELECT number FROM changes WHERE kind = 'role' AND revision > $1 AND revision <= $2)");
const PERMISSIONS: Sql = Sql("SELECT permission FROM role_permissions WHERE role = $1 ORDER BY permission");
const ALL_PERMISSIONS: Sql = Sql("SELECT role, permission FROM role_permissions ORDER BY role, permission");
const CHANGED_PERMISSIONS: Sql = Sql("SELECT role, permission FROM role_permissions WHERE role IN \
     (SELECT number FROM changes WHERE kind = 'role' AND revision > $1 AND revision <= $2) ORDER BY role, permission");
const ADD: Sql = Sql("INSERT INTO role_permissions (role, permission) VALUES ($1, $2)");
const REMOVE: Sql = Sql("DELETE FROM role_permissions WHERE role = $1 AND permission = $2");
const HELD: Sql = Sql("SELECT p.number, p.id, a.identifier, p.value, COALESCE(p.deleted_at, a.deleted_at) \
     FROM role_permissions h JOIN permissions p ON p.number = h.permission JOIN apis a ON a.number = p.api \
     WHERE h.role = $1 ORDER BY p.number");
const HOLDING: Sql = Sql("SELECT r.id, r.name FROM role_permissions h JOIN roles r ON r.number = h.role \
     WHERE h.permission = $1 AND r.deleted_at IS NULL ORDER BY h.role");

/// A number for a role that is about to be made.
pub async fn next_number(change: &mut Change<'_>) -> Result<RoleNumber, Error> {
    take_numbers(change.tx(), "role", 1).await.map(RoleNumber)
}

/// Stores a new role with its permissions.
pub async fn insert(change: &mut Change<'_>, role: &Role) -> Result<(), Error> {
    change.touch(Kind::Role, role.number.0);
    let values = [
        role.number.0.into(),
        role.workspace.0.into(),
        (&role.id).into(),
        (&role.name).into(),
        folded(&role.name).into(),
        role.description.clone().into(),
        role.created_at.0.into(),
    ];
    change.tx().query(INSERT, &values).await?;
    set_permissions(change, role.number, &role.permissions, &[]).await
}

/// Stores what a role is called by now; what it gives stays.
pub async fn update(change: &mut Change<'_>, role: &Role, now: Timestamp) -> Result<(), Error> {
    change.touch(Kind::Role, role.number.0);
    let values = [
        role.workspace.0.into(),
        role.number.0.into(),
        (&role.name).into(),
        folded(&role.name).into(),
        role.description.clone().into(),
        now.0.into(),
    ];
    change.tx().query(UPDATE, &values).await?;
    Ok(())
}

/// Gives a role these permissions and takes those away.
pub async fn set_permissions(
    change: &mut Change<'_>,
    role: RoleNumber,
    added: &[PermissionNumber],
    removed: &[PermissionNumber],
) -> Result<(), Error> {
    change.touch(Kind::Role, role.0);
    let pairs = |numbers: &[PermissionNumber]| -> Vec<_> {
        numbers.iter().map(|number| vec![role.0.into(), number.0.into()]).collect()
    };
    change.tx().execute_each(REMOVE, &pairs(removed)).await?;
    change.tx().execute_each(ADD, &pairs(added)).await
}

/// Deletes a role. Whoever has it keeps the number, which is worth nothing.
pub async fn tombstone(change: &mut Change<'_>, role: &Role, now: Timestamp) -> Result<(), Error> {
    change.touch(Kind::Role, role.number.0);
    change.tx().query(TOMBSTONE, &[role.workspace.0.into(), role.number.0.into(), now.0.into()]).await?;
    Ok(())
}

/// Undoes a deletion: the same role, for the same ones.
pub async fn revive(change: &mut Change<'_>, role: &Role) -> Result<(), Error> {
    change.touch(Kind::Role, role.number.0);
    change.tx().query(REVIVE, &[role.workspace.0.into(), role.number.0.into()]).await?;
    Ok(())
}

/// The role with this id, without its prefix.
pub async fn find(tx: &mut Tx<'_>, workspace: WorkspaceNumber, id: &str) -> Result<Option<Role>, Error> {
    let rows = tx.query(FIND, &[workspace.0.into(), id.into()]).await?;
    one(tx, rows).await
}

/// The role with this name, however it is spelt.
pub async fn find_by_name(tx: &mut Tx<'_>, workspace: WorkspaceNumber, name: &str) -> Result<Option<Role>, Error> {
    let rows = tx.query(FIND_BY_NAME, &[workspace.0.into(), folded(name).into()]).await?;
    one(tx, rows).await
}

/// The role with this id or name that was deleted after `since`; of several with one name the last one.
pub async fn find_deleted(
    tx: &mut Tx<'_>,
    workspace: WorkspaceNumber,
    (id, name): (&str, &str),
    since: Timestamp,
) -> Result<Option<Role>, Error> {
    let rows = tx.query(FIND_DELETED, &[workspace.0.into(), id.into(), folded(name).into(), since.0.into()]).await?;
    one(tx, rows).await
}

/// The roles that were deleted after `since`, the last one first, and when each was. What they gave is not read.
pub async fn deleted(
    tx: &mut Tx<'_>,
    workspace: WorkspaceNumber,
    since: Timestamp,
    limit: i64,
) -> Result<Vec<(Role, Timestamp)>, Error> {
    let rows = tx.query(DELETED, &[workspace.0.into(), since.0.into(), limit.into()]).await?;
    let read = |row: Row| {
        let mut row = row.of("roles");
        let deleted_at = Timestamp(row.int()?);
        Ok((decode(row)?, deleted_at))
    };
    rows.into_iter().map(read).collect()
}

/// A permission that a role has, under the names that it has or had.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeldPermission {
    /// The permission.
    pub number: PermissionNumber,
    /// Its identity on the wire.
    pub id: String,
    /// The identifier of its API.
    pub identifier: String,
    /// Its value.
    pub value: String,
    /// Whether it is deleted, by itself or with its API: the role has it, inert.
    pub deleted: bool,
}

/// What a role has, deleted permissions among it.
pub async fn held(tx: &mut Tx<'_>, role: RoleNumber) -> Result<Vec<HeldPermission>, Error> {
    let whole = |row: Row| {
        let mut row = row.of("role_permissions");
        Ok(HeldPermission {
            number: PermissionNumber(row.int()?),
            id: row.text()?,
            identifier: row.text()?,
            value: row.text()?,
            deleted: row.int_or_null()?.is_some(),
        })
    };
    tx.query(HELD, &[role.0.into()]).await?.into_iter().map(whole).collect()
}

/// The live roles that have a permission: ids without their prefix, and names.
pub async fn holding(tx: &mut Tx<'_>, permission: PermissionNumber) -> Result<Vec<(String, String)>, Error> {
    let rows = tx.query(HOLDING, &[permission.0.into()]).await?;
    let pair = |row: Row| {
        let mut row = row.of("roles");
        Ok((row.text()?, row.text()?))
    };
    rows.into_iter().map(pair).collect()
}

async fn one(tx: &mut Tx<'_>, rows: Vec<Row>) -> Result<Option<Role>, Error> {
    let Some(row) = rows.into_iter().next() else { return Ok(None) };
    let mut role = decode(row)?;
    for row in tx.query(PERMISSIONS, &[role.number.0.into()]).await? {
        role.permissions.push(PermissionNumber(row.of("role_permissions").int()?));
    }
    Ok(Some(role))
}

pub(crate) async fn all(tx: &mut Tx<'_>) -> Result<Vec<snapshot::Row>, Error> {
    let permissions = tx.query(ALL_PERMISSIONS, &[]).await?;
    rows(tx.query(ALL, &[]).await?, permissions)
}

pub(crate) async fn changed(tx: &mut Tx<'_>, (since, until): (i64, i64)) -> Result<Vec<snapshot::Row>, Error> {
    let permissions = tx.query(CHANGED_PERMISSIONS, &[since.into(), until.into()]).await?;
    rows(tx.query(CHANGED, &[since.into(), until.into()]).await?, permissions)
}

fn rows(roles: Vec<Row>, pairs: Vec<Row>) -> Result<Vec<snapshot::Row>, Error> {
    let mut permissions: HashMap<i64, Vec<PermissionNumber>> = HashMap::new();
    for pair in pairs {
        let mut pair = pair.of("role_permissions");
        permissions.entry(pair.int()?).or_default().push(PermissionNumber(pair.int()?));
    }
    let whole = |row| {
        let mut role = decode(row)?;
        role.permissions = permissions.remove(&role.number.0).unwrap_or_default();
        Ok(snapshot::Row::Role(role.number, Some(Box::new(role))))
    };
    roles.into_iter().map(whole).collect()
}

fn decode(row: Row) -> Result<Role, Error> {
    let mut row = row.of("roles");
    Ok(Role {
        number: RoleNumber(row.int()?),
        workspace: WorkspaceNumber(row.int()?),
        id: row.text()?,
        name: row.text()?,
        description: row.text_or_null()?,
        permissions: Vec::new(),
        created_at: Timestamp(row.int()?),
    })
}
