//! Permissions of APIs.

use std::sync::Arc;

use keyward_core::{
    model::{
        WorkspaceNumber,
        api::ApiNumber,
        permission::{Permission, PermissionNumber, PermissionValue},
        role::folded,
    },
    snapshot,
    time::Timestamp,
};

use super::client_grant;
use crate::{
    Error,
    engine::{Row, Sql, Tx, Value},
    writer::{Change, Kind, take_numbers},
};

const INSERT: Sql = Sql(
    "INSERT INTO permissions (number, workspace, api, id, value, folded, name, description, position, created_at, \
     updated_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $10)",
);
const UPDATE: Sql =
    Sql("UPDATE permissions SET value = $3, folded = $4, name = $5, description = $6, position = $7, updated_at = $8 \
     WHERE workspace = $1 AND number = $2 AND deleted_at IS NULL");
const TOMBSTONE: Sql =
    Sql("UPDATE permissions SET deleted_at = $3, revision = $4 WHERE workspace = $1 AND number = $2 \
     AND deleted_at IS NULL");
const OF_API: Sql = Sql("SELECT number, api, id, value, name, description, position, created_at FROM permissions \
     WHERE workspace = $1 AND api = $2 AND deleted_at IS NULL ORDER BY position, number");
const ALL: Sql =
    Sql("SELECT p.number, p.api, p.id, p.value, p.name, p.description, p.position, p.created_at FROM permissions p \
     JOIN apis a ON a.number = p.api WHERE p.deleted_at IS NULL AND a.deleted_at IS NULL \
     ORDER BY p.api, p.position, p.number");
const CHANGED: Sql = Sql("SELECT number, api, id, value, name, description, position, created_at FROM permissions \
     WHERE deleted_at IS NULL AND number IN \
     (SELECT number FROM changes WHERE kind = 'permission' AND revision > $1 AND revision <= $2) \
     ORDER BY api, position, number");

/// The first of `count` numbers for permissions that are about to be made.
pub async fn next_numbers(change: &mut Change<'_>, count: usize) -> Result<PermissionNumber, Error> {
    take_numbers(change.tx(), "permission", count).await.map(PermissionNumber)
}

/// Stores new permissions.
pub async fn insert(
    change: &mut Change<'_>,
    workspace: WorkspaceNumber,
    permissions: &[Permission],
) -> Result<(), Error> {
    let values = |p: &Permission| -> Vec<Value> {
        vec![
            p.number.0.into(),
            workspace.0.into(),
            p.api.0.into(),
            (&p.id).into(),
            p.value.as_str().into(),
            folded(p.value.as_str()).into(),
            p.name.clone().into(),
            p.description.clone().into(),
            p.position.into(),
            p.created_at.0.into(),
        ]
    };
    write(change, INSERT, permissions.iter().map(|p| (p.number, values(p))).collect()).await?;
    for of_one_api in permissions.chunk_by(|one, other| one.api == other.api) {
        client_grant::bind(change, (workspace, of_one_api[0].api), of_one_api).await?;
    }
    Ok(())
}

/// Stores what permissions have become; their identity stays.
pub async fn update(
    change: &mut Change<'_>,
    workspace: WorkspaceNumber,
    permissions: &[Permission],
    now: Timestamp,
) -> Result<(), Error> {
    let values = |p: &Permission| -> Vec<Value> {
        vec![
            workspace.0.into(),
            p.number.0.into(),
            p.value.as_str().into(),
            folded(p.value.as_str()).into(),
            p.name.clone().into(),
            p.description.clone().into(),
            p.position.into(),
            now.0.into(),
        ]
    };
    write(change, UPDATE, permissions.iter().map(|p| (p.number, values(p))).collect()).await
}

/// Deletes permissions. Whatever names them stays where it is, inert. `now` is the time under the lock, not that of the
/// request, which may have waited: tokens issued until then can carry the permissions.
pub async fn tombstone(
    change: &mut Change<'_>,
    workspace: WorkspaceNumber,
    numbers: &[PermissionNumber],
    now: Timestamp,
) -> Result<(), Error> {
    let revision = change.revision().0;
    let values = |number: &PermissionNumber| vec![workspace.0.into(), number.0.into(), now.0.into(), revision.into()];
    write(change, TOMBSTONE, numbers.iter().map(|number| (*number, values(number))).collect()).await
}

async fn write(change: &mut Change<'_>, sql: Sql, rows: Vec<(PermissionNumber, Vec<Value>)>) -> Result<(), Error> {
    let mut lists = Vec::with_capacity(rows.len());
    for (number, values) in rows {
        change.touch(Kind::Permission, number.0);
        lists.push(values);
    }
    change.tx().execute_each(sql, &lists).await
}

/// The API's permissions, in the order of their places.
pub async fn of_api(
    tx: &mut Tx<'_>,
    workspace: WorkspaceNumber,
    api: ApiNumber,
) -> Result<Vec<Arc<Permission>>, Error> {
    let rows = tx.query(OF_API, &[workspace.0.into(), api.0.into()]).await?;
    rows.into_iter().map(|row| decode(row).map(Arc::new)).collect()
}

pub(crate) async fn all(tx: &mut Tx<'_>) -> Result<Vec<snapshot::Row>, Error> {
    rows(tx.query(ALL, &[]).await?)
}

pub(crate) async fn changed(tx: &mut Tx<'_>, (since, until): (i64, i64)) -> Result<Vec<snapshot::Row>, Error> {
    rows(tx.query(CHANGED, &[since.into(), until.into()]).await?)
}

fn rows(rows: Vec<Row>) -> Result<Vec<snapshot::Row>, Error> {
    let whole = |row| decode(row).map(|p| snapshot::Row::Permission(p.number, Some(Box::new(p))));
    rows.into_iter().map(whole).collect()
}

pub(super) fn decode(row: Row) -> Result<Permission, Error> {
    let mut row = row.of("permissions");
    Ok(Permission {
        number: PermissionNumber(row.int()?),
        api: ApiNumber(row.int()?),
        id: row.text()?,
        value: PermissionValue::stored(row.text()?),
        name: row.text_or_null()?,
        description: row.text_or_null()?,
        position: row.int()?,
        created_at: Timestamp(row.int()?),
    })
}
