//! Root keys.

use keyward_core::{
    grants::Grants,
    model::{WorkspaceNumber, root_key::RootKey},
    snapshot,
    time::Timestamp,
};

use crate::{
    Error,
    engine::{Row, Sql, Tx},
    writer::{Change, Kind, take_numbers},
};

const INSERT: Sql =
    Sql("INSERT INTO root_keys (number, workspace, id, name, hash, start, permissions, expires_at, created_at) \
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)");
const REVOKE: Sql =
    Sql("UPDATE root_keys SET deleted_at = $3 WHERE workspace = $1 AND id = $2 AND deleted_at IS NULL \
     RETURNING number");
const ALL: Sql = Sql("SELECT number, workspace, id, name, hash, start, permissions, expires_at, created_at \
     FROM root_keys WHERE deleted_at IS NULL ORDER BY number");
const CHANGED: Sql = Sql("SELECT number, workspace, id, name, hash, start, permissions, expires_at, created_at \
     FROM root_keys WHERE deleted_at IS NULL AND number IN \
     (SELECT number FROM changes WHERE kind = 'root_key' AND revision > $1 AND revision <= $2)");

/// A number for a root key that is about to be made.
pub async fn next_number(change: &mut Change<'_>) -> Result<i64, Error> {
    take_numbers(change.tx(), "root_key", 1).await
}

/// Stores a new root key.
pub async fn insert(change: &mut Change<'_>, key: &RootKey) -> Result<(), Error> {
    change.touch(Kind::RootKey, key.number);
    let permissions = serde_json::to_string(key.grants.texts()).map_err(|error| Error::Engine(Box::new(error)))?;
    let values = [
        key.number.into(),
        key.workspace.0.into(),
        (&key.id).into(),
        (&key.name).into(),
        key.hash.to_vec().into(),
        (&key.start).into(),
        permissions.into(),
        key.expires_at.map(|time| time.0).into(),
        key.created_at.0.into(),
    ];
    change.tx().query(INSERT, &values).await?;
    Ok(())
}

/// Revokes the root key with this id; whether there was one.
pub async fn revoke(
    change: &mut Change<'_>,
    workspace: WorkspaceNumber,
    id: &str,
    now: Timestamp,
) -> Result<bool, Error> {
    let rows = change.tx().query(REVOKE, &[workspace.0.into(), id.into(), now.0.into()]).await?;
    let Some(row) = rows.into_iter().next() else { return Ok(false) };
    let number = row.of("root_keys").int()?;
    change.touch(Kind::RootKey, number);
    Ok(true)
}

pub(crate) async fn all(tx: &mut Tx<'_>) -> Result<Vec<snapshot::Row>, Error> {
    tx.query(ALL, &[]).await?.into_iter().map(decode).collect()
}

pub(crate) async fn changed(tx: &mut Tx<'_>, (since, until): (i64, i64)) -> Result<Vec<snapshot::Row>, Error> {
    tx.query(CHANGED, &[since.into(), until.into()]).await?.into_iter().map(decode).collect()
}

fn decode(row: Row) -> Result<snapshot::Row, Error> {
    let mut row = row.of("root_keys");
    let (number, workspace) = (row.int()?, WorkspaceNumber(row.int()?));
    let (id, name) = (row.text()?, row.text()?);
    let hash = row.blob()?.try_into().map_err(|_| Error::inconsistent("root_keys", "a hash has another length"))?;
    let start = row.text()?;
    let unreadable = |error: String| Error::inconsistent("root_keys", format!("permissions of {id}: {error}"));
    let texts: Vec<String> = serde_json::from_str(&row.text()?).map_err(|error| unreadable(error.to_string()))?;
    let grants = Grants::parse(&texts, WorkspaceNumber::ID).map_err(|error| unreadable(error.to_string()))?;
    let expires_at = row.int_or_null()?.map(Timestamp);
    let created_at = Timestamp(row.int()?);
    let key = RootKey { number, workspace, id, name, hash, grants, start, expires_at, created_at };
    Ok(snapshot::Row::RootKey(number, Some(Box::new(key))))
}
