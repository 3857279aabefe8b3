//! Permissions by what callers of the keys' API name them: an id, or a slug of any API in the workspace.

use keyward_core::{
    model::{WorkspaceNumber, api::ApiNumber, permission::Permission, role::folded},
    time::Timestamp,
};

use super::{client_grant, permission::decode};
use crate::{
    Error,
    engine::{Row, Sql, Tx, Value},
    writer::{Change, Kind},
};

// The permissions of the program's own APIs are what its operations need, and not to be handed out here.
const FIND: Sql =
    Sql("SELECT p.number, p.api, p.id, p.value, p.name, p.description, p.position, p.created_at FROM permissions p \
     JOIN apis a ON a.number = p.api WHERE p.workspace = $1 AND p.id = $2 AND p.deleted_at IS NULL \
     AND a.deleted_at IS NULL AND (a.system IS NULL OR a.system = 'catalogue')");
const FIND_BY_SLUG: Sql =
    Sql("SELECT p.number, p.api, p.id, p.value, p.name, p.description, p.position, p.created_at FROM permissions p \
     JOIN apis a ON a.number = p.api WHERE p.workspace = $1 AND p.folded = $2 AND p.deleted_at IS NULL \
     AND a.deleted_at IS NULL AND (a.system IS NULL OR a.system = 'catalogue') ORDER BY p.number");
const FIND_DELETED: Sql =
    Sql("SELECT p.number, p.api, p.id, p.value, p.name, p.description, p.position, p.created_at FROM permissions p \
     JOIN apis a ON a.number = p.api WHERE p.workspace = $1 AND p.id = $2 AND p.deleted_at > $3 \
     AND a.deleted_at IS NULL AND (a.system IS NULL OR a.system = 'catalogue')");
const FIND_DELETED_BY_SLUG: Sql =
    Sql("SELECT p.number, p.api, p.id, p.value, p.name, p.description, p.position, p.created_at FROM permissions p \
     JOIN apis a ON a.number = p.api WHERE p.workspace = $1 AND p.folded = $2 AND p.deleted_at > $3 \
     AND a.deleted_at IS NULL AND (a.system IS NULL OR a.system = 'catalogue') \
     ORDER BY p.deleted_at DESC, p.number DESC LIMIT 1");
const DELETED_OF_API: Sql =
    Sql("SELECT p.deleted_at, p.number, p.api, p.id, p.value, p.name, p.description, p.position, p.created_at \
     FROM permissions p JOIN apis a ON a.number = p.api WHERE p.workspace = $1 AND p.api = $2 AND p.deleted_at > $3 \
     AND a.deleted_at IS NULL AND (a.system IS NULL OR a.system = 'catalogue') \
     ORDER BY p.deleted_at DESC, p.number DESC LIMIT $4");
const REVIVE: Sql = Sql(
    "UPDATE permissions SET deleted_at = NULL, updated_at = $3, revision = $4 WHERE workspace = $1 AND number = $2",
);
const LAST_POSITION: Sql =
    Sql("SELECT COALESCE(MAX(position), 0) FROM permissions WHERE api = $1 AND deleted_at IS NULL");
const COUNT: Sql = Sql("SELECT COUNT(*) FROM permissions WHERE api = $1 AND deleted_at IS NULL");

/// The permission with this id.
pub async fn find(tx: &mut Tx<'_>, workspace: WorkspaceNumber, id: &str) -> Result<Option<Permission>, Error> {
    one(tx, FIND, &[workspace.0.into(), id.into()]).await
}

/// The permissions of all APIs with this slug, however it is spelt, oldest first.
pub async fn find_by_slug(tx: &mut Tx<'_>, workspace: WorkspaceNumber, slug: &str) -> Result<Vec<Permission>, Error> {
    let rows = tx.query(FIND_BY_SLUG, &[workspace.0.into(), folded(slug).into()]).await?;
    rows.into_iter().map(decode).collect()
}

/// The permission with this id, or else the last one with this slug, that was deleted after `since`. An API that is
/// deleted itself keeps its permissions deleted.
pub async fn find_deleted(
    tx: &mut Tx<'_>,
    workspace: WorkspaceNumber,
    id_or_slug: &str,
    since: Timestamp,
) -> Result<Option<Permission>, Error> {
    let found = one(tx, FIND_DELETED, &[workspace.0.into(), id_or_slug.into(), since.0.into()]).await?;
    if found.is_some() {
        return Ok(found);
    }
    one(tx, FIND_DELETED_BY_SLUG, &[workspace.0.into(), folded(id_or_slug).into(), since.0.into()]).await
}

/// An API's permissions that were deleted after `since`, the last one first, and when each was.
pub async fn deleted_of_api(
    tx: &mut Tx<'_>,
    (workspace, api): (WorkspaceNumber, ApiNumber),
    since: Timestamp,
    limit: i64,
) -> Result<Vec<(Permission, Timestamp)>, Error> {
    let values = [workspace.0.into(), api.0.into(), since.0.into(), limit.into()];
    let read = |row: Row| {
        let mut row = row.of("permissions");
        let deleted_at = Timestamp(row.int()?);
        Ok((decode(row)?, deleted_at))
    };
    tx.query(DELETED_OF_API, &values).await?.into_iter().map(read).collect()
}

/// Undoes a deletion: the same permission, held by the same ones.
pub async fn revive(
    change: &mut Change<'_>,
    workspace: WorkspaceNumber,
    permission: &Permission,
    now: Timestamp,
) -> Result<(), Error> {
    change.touch(Kind::Permission, permission.number.0);
    let revision = change.revision().0;
    let values = [workspace.0.into(), permission.number.0.into(), now.0.into(), revision.into()];
    change.tx().query(REVIVE, &values).await?;
    client_grant::bind(change, (workspace, permission.api), std::slice::from_ref(permission)).await
}

/// The largest place among an API's permissions, and how many there are.
pub async fn extent(tx: &mut Tx<'_>, api: ApiNumber) -> Result<(i64, i64), Error> {
    let number = |rows: Vec<Row>| match rows.into_iter().next() {
        Some(row) => row.of("permissions").int(),
        None => Ok(0),
    };
    let last = number(tx.query(LAST_POSITION, &[api.0.into()]).await?)?;
    Ok((last, number(tx.query(COUNT, &[api.0.into()]).await?)?))
}

async fn one(tx: &mut Tx<'_>, sql: Sql, params: &[Value]) -> Result<Option<Permission>, Error> {
    tx.query(sql, params).await?.into_iter().next().map(decode).transpose()
}
