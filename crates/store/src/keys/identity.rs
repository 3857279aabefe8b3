//! Identities.

use keyward_core::{
    model::{
        WorkspaceNumber,
        identity::{Identity, IdentityNumber},
    },
    time::Timestamp,
};

use super::key::{limits, read_limits};
use crate::{
    Error,
    engine::{Row, Sql, Tx, Value},
    writer::{Change, Kind, take_numbers},
};

const INSERT: Sql =
    Sql("INSERT INTO identities (number, workspace, id, external_id, meta, limits, created_at, updated_at) \
     VALUES ($1, $2, $3, $4, $5, $6, $7, $7)");
const UPDATE: Sql =
    Sql("UPDATE identities SET meta = $3, limits = $4, updated_at = $5 WHERE workspace = $1 AND number = $2");
const TOMBSTONE: Sql = Sql("UPDATE identities SET deleted_at = $3 WHERE workspace = $1 AND number = $2");
const FIND: Sql = Sql("SELECT number, workspace, id, external_id, meta, limits, created_at FROM identities \
     WHERE workspace = $1 AND id = $2 AND deleted_at IS NULL");
const FIND_EXTERNAL: Sql = Sql("SELECT number, workspace, id, external_id, meta, limits, created_at FROM identities \
     WHERE workspace = $1 AND external_id = $2 AND deleted_at IS NULL");
const FIND_NUMBERED: Sql = Sql("SELECT number, workspace, id, external_id, meta, limits, created_at FROM identities \
     WHERE number = $1 AND deleted_at IS NULL");
const NAMES: Sql = Sql("SELECT id, external_id FROM identities WHERE number = $1");
const LIST: Sql = Sql("SELECT number, workspace, id, external_id, meta, limits, created_at FROM identities \
     WHERE workspace = $1 AND id >= $2 AND deleted_at IS NULL ORDER BY id LIMIT $3");
const SEARCH: Sql = Sql("SELECT number, workspace, id, external_id, meta, limits, created_at FROM identities \
     WHERE workspace = $1 AND id >= $2 AND deleted_at IS NULL \
     AND (lower(id) LIKE $4 ESCAPE '~' OR lower(external_id) LIKE $4 ESCAPE '~') ORDER BY id LIMIT $3");

/// Stores a new identity with the next number and returns it.
pub async fn insert(change: &mut Change<'_>, identity: Identity) -> Result<Identity, Error> {
    let number = IdentityNumber(take_numbers(change.tx(), "identity", 1).await?);
    let identity = Identity { number, ..identity };
    let values = [
        number.0.into(),
        identity.workspace.0.into(),
        (&identity.id).into(),
        (&identity.external_id).into(),
        identity.meta.clone().into(),
        limits(&identity.limits)?,
        identity.created_at.0.into(),
    ];
    change.tx().query(INSERT, &values).await?;
    Ok(identity)
}

/// Stores what an identity has become.
pub async fn update(change: &mut Change<'_>, identity: &Identity, now: Timestamp) -> Result<(), Error> {
    change.touch(Kind::Identity, identity.number.0);
    let values = [
        identity.workspace.0.into(),
        identity.number.0.into(),
        identity.meta.clone().into(),
        limits(&identity.limits)?,
        now.0.into(),
    ];
    change.tx().query(UPDATE, &values).await?;
    Ok(())
}

/// Deletes an identity. Its keys go on without one, also when another with the same external id is made.
pub async fn tombstone(change: &mut Change<'_>, identity: &Identity, now: Timestamp) -> Result<(), Error> {
    change.touch(Kind::Identity, identity.number.0);
    change.tx().query(TOMBSTONE, &[identity.workspace.0.into(), identity.number.0.into(), now.0.into()]).await?;
    Ok(())
}

/// The identity with this id, or else with this external id. An id is never ambiguous, so it comes first.
pub async fn find(tx: &mut Tx<'_>, workspace: WorkspaceNumber, text: &str) -> Result<Option<Identity>, Error> {
    match one(tx, FIND, &[workspace.0.into(), text.into()]).await? {
        Some(identity) => Ok(Some(identity)),
        None => find_external(tx, workspace, text).await,
    }
}

/// The identity with this external id.
pub async fn find_external(tx: &mut Tx<'_>, workspace: WorkspaceNumber, text: &str) -> Result<Option<Identity>, Error> {
    one(tx, FIND_EXTERNAL, &[workspace.0.into(), text.into()]).await
}

/// The identity with this number, if it is not deleted.
pub async fn find_numbered(tx: &mut Tx<'_>, number: IdentityNumber) -> Result<Option<Identity>, Error> {
    one(tx, FIND_NUMBERED, &[number.0.into()]).await
}

/// The identity's id and external id, also if it is deleted.
pub async fn names(tx: &mut Tx<'_>, number: IdentityNumber) -> Result<Option<(String, String)>, Error> {
    let Some(row) = tx.query(NAMES, &[number.0.into()]).await?.into_iter().next() else { return Ok(None) };
    let mut row = row.of("identities");
    Ok(Some((row.text()?, row.text()?)))
}

/// The identities from this id on, at most so many; only those with `search` in an id, if it is given.
pub async fn list(
    tx: &mut Tx<'_>,
    workspace: WorkspaceNumber,
    search: Option<&str>,
    (from, limit): (&str, i64),
) -> Result<Vec<Identity>, Error> {
    let mut values: Vec<Value> = vec![workspace.0.into(), from.into(), limit.into()];
    let sql = match search {
        Some(text) => {
            let literal = text.to_lowercase().replace('~', "~~").replace('%', "~%").replace('_', "~_");
            values.push(format!("%{literal}%").into());
            SEARCH
        }
        None => LIST,
    };
    tx.query(sql, &values).await?.into_iter().map(decode).collect()
}

async fn one(tx: &mut Tx<'_>, sql: Sql, params: &[Value]) -> Result<Option<Identity>, Error> {
    tx.query(sql, params).await?.into_iter().next().map(decode).transpose()
}

fn decode(row: Row) -> Result<Identity, Error> {
    let mut row = row.of("identities");
    Ok(Identity {
        number: IdentityNumber(row.int()?),
        workspace: WorkspaceNumber(row.int()?),
        id: row.text()?,
        external_id: row.text()?,
        meta: row.text_or_null()?,
        limits: read_limits("identities", row.text_or_null()?)?,
        created_at: Timestamp(row.int()?),
    })
}
