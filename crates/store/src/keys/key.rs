//! Keys.

use keyward_core::{
    model::{
        Revision, WorkspaceNumber,
        api::ApiNumber,
        identity::IdentityNumber,
        key::{Key, KeyNumber},
        limit::NamedLimit,
        permission::PermissionNumber,
        role::RoleNumber,
        root_key::Hash,
    },
    secret::Secret,
    snapshot,
    time::{Entropy, Timestamp},
};

use super::holder;
use crate::{
    Error,
    engine::{Row, Sql, Tx, Value},
    sealing::MasterKey,
    writer::{Change, Kind, take_numbers},
};

const INSERT: Sql = Sql(
    "INSERT INTO keys (number, workspace, api, id, hash, start, name, meta, identity, enabled, expires_at, \
     permissions, roles, limits, counted, prefix, bytes, sealed, migration, created_at) VALUES ($1, $2, $3, $4, $5, $6, \
     $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20)",
);
const UPDATE: Sql =
    Sql("UPDATE keys SET hash = $3, start = $4, name = $5, meta = $6, identity = $7, enabled = $8, expires_at = $9, \
     permissions = $10, roles = $11, limits = $12, counted = $13, migration = $14, updated_at = $15, prefix = $16 \
     WHERE workspace = $1 AND number = $2");
const TOMBSTONE: Sql = Sql("UPDATE keys SET deleted_at = $3, sealed = NULL WHERE workspace = $1 AND number = $2");
const ERASE: Sql = Sql("UPDATE keys SET deleted_at = $3, erased_at = $3, name = NULL, meta = NULL, identity = NULL, \
     permissions = '', roles = '', limits = NULL, sealed = NULL, start = '', prefix = NULL \
     WHERE workspace = $1 AND number = $2");
const DELETE_CREDITS: Sql = Sql("DELETE FROM credits WHERE key = $1");
const FIND: Sql = Sql(
    "SELECT number, workspace, api, id, hash, start, name, meta, identity, enabled, expires_at, permissions, roles, \
     limits, counted, prefix, bytes, sealed IS NOT NULL, migration, last_used_at, created_at, updated_at, deleted_at \
     FROM keys WHERE workspace = $1 AND id = $2 AND deleted_at IS NULL",
);
const FIND_BY_HASH: Sql = Sql(
    "SELECT number, workspace, api, id, hash, start, name, meta, identity, enabled, expires_at, permissions, roles, \
     limits, counted, prefix, bytes, sealed IS NOT NULL, migration, last_used_at, created_at, updated_at, deleted_at \
     FROM keys WHERE hash = $1 AND erased_at IS NULL",
);
/// The same, with the last change that is in it.
const KNOWN_BY_HASH: Sql =
    Sql("SELECT r.value, k.number, k.workspace, k.api, k.id, k.hash, k.start, k.name, k.meta, k.identity, k.enabled, \
     k.expires_at, k.permissions, k.roles, k.limits, k.counted, k.prefix, k.bytes, k.sealed IS NOT NULL, k.migration, \
     k.last_used_at, k.created_at, k.updated_at, k.deleted_at FROM keys k JOIN revision r ON r.singleton = 1 \
     WHERE k.hash = $1 AND k.erased_at IS NULL");
const LIST: Sql = Sql(
    "SELECT number, workspace, api, id, hash, start, name, meta, identity, enabled, expires_at, permissions, roles, \
     limits, counted, prefix, bytes, sealed IS NOT NULL, migration, last_used_at, created_at, updated_at, deleted_at \
     FROM keys WHERE workspace = $1 AND api = $2 AND id >= $3 AND deleted_at IS NULL ORDER BY id LIMIT $4",
);
const LIST_OF_IDENTITY: Sql = Sql(
    "SELECT number, workspace, api, id, hash, start, name, meta, identity, enabled, expires_at, permissions, roles, \
     limits, counted, prefix, bytes, sealed IS NOT NULL, migration, last_used_at, created_at, updated_at, deleted_at \
     FROM keys WHERE workspace = $1 AND api = $2 AND id >= $3 AND deleted_at IS NULL AND identity = $5 \
     ORDER BY id LIMIT $4",
);
const DELETED: Sql =
    Sql("SELECT start FROM keys WHERE workspace = $1 AND id = $2 AND api = $3 AND deleted_at IS NOT NULL");
const SEALED: Sql = Sql("SELECT sealed FROM keys WHERE number = $1");
const CHANGED: Sql = Sql("SELECT number, hash FROM keys WHERE number IN \
     (SELECT number FROM changes WHERE kind = 'key' AND revision > $1 AND revision <= $2)");
const NAMES: Sql = Sql("SELECT k.id, a.id FROM keys k JOIN apis a ON a.number = k.api WHERE k.number = $1");
const USED: Sql =
    Sql("UPDATE keys SET last_used_at = $2 WHERE number = $1 AND (last_used_at IS NULL OR last_used_at < $2)");

fn place(id: &str) -> String {
    format!("keys/{id}/text")
}

/// The first of `count` numbers for keys that are about to be made.
pub async fn next_numbers(change: &mut Change<'_>, count: usize) -> Result<KeyNumber, Error> {
    take_numbers(change.tx(), "key", count).await.map(KeyNumber)
}

/// Stores a new key, and its text, sealed, if that may be shown again. Nobody can remember a key that was not there, so
/// no follower has to read it.
pub async fn insert(
    change: &mut Change<'_>,
    key: &Key,
    text: Option<&Secret>,
    (master, entropy): (&MasterKey, &dyn Entropy),
) -> Result<(), Error> {
    let sealed = text.map(|text| master.seal(entropy, &place(&key.id), text)).transpose()?;
    let values = [
        key.number.0.into(),
        key.workspace.0.into(),
        key.api.0.into(),
        (&key.id).into(),
        key.hash.to_vec().into(),
        (&key.start).into(),
        key.name.clone().into(),
        key.meta.clone().into(),
        key.identity.map(|identity| identity.0).into(),
        key.enabled.into(),
        key.expires_at.map(|time| time.0).into(),
        numbers(key.permissions.iter().map(|permission| permission.0)),
        numbers(key.roles.iter().map(|role| role.0)),
        limits(&key.limits)?,
        key.counted.into(),
        key.prefix.clone().into(),
        key.bytes.into(),
        sealed.into(),
        key.migration.into(),
        key.created_at.0.into(),
    ];
    change.tx().query(INSERT, &values).await?;
    holder::moved(change, None, Some(key)).await
}

/// Stores what a key has become.
pub async fn update(change: &mut Change<'_>, before: &Key, after: &Key, now: Timestamp) -> Result<(), Error> {
    change.touch(Kind::Key, after.number.0);
    let values = [
        after.workspace.0.into(),
        after.number.0.into(),
        after.hash.to_vec().into(),
        (&after.start).into(),
        after.name.clone().into(),
        after.meta.clone().into(),
        after.identity.map(|identity| identity.0).into(),
        after.enabled.into(),
        after.expires_at.map(|time| time.0).into(),
        numbers(after.permissions.iter().map(|permission| permission.0)),
        numbers(after.roles.iter().map(|role| role.0)),
        limits(&after.limits)?,
        after.counted.into(),
        after.migration.into(),
        now.0.into(),
        after.prefix.clone().into(),
    ];
    change.tx().query(UPDATE, &values).await?;
    holder::moved(change, Some(before), Some(after)).await
}

/// Deletes a key. For good, nothing of it is left but what makes followers forget it.
pub async fn delete(change: &mut Change<'_>, key: &Key, for_good: bool, now: Timestamp) -> Result<(), Error> {
    change.touch(Kind::Key, key.number.0);
    let values = [key.workspace.0.into(), key.number.0.into(), now.0.into()];
    change.tx().query(if for_good { ERASE } else { TOMBSTONE }, &values).await?;
    change.tx().query(DELETE_CREDITS, &[key.number.0.into()]).await?;
    holder::moved(change, Some(key), None).await
}

/// The key with this id, if it is not deleted.
pub async fn find(tx: &mut Tx<'_>, workspace: WorkspaceNumber, id: &str) -> Result<Option<Key>, Error> {
    tx.query(FIND, &[workspace.0.into(), id.into()]).await?.into_iter().next().map(decode).transpose()
}

/// The key with this SHA-256, whosoever it is, and also if it is deleted.
pub async fn find_by_hash(tx: &mut Tx<'_>, hash: &Hash) -> Result<Option<Key>, Error> {
    tx.query(FIND_BY_HASH, &[hash.to_vec().into()]).await?.into_iter().next().map(decode).transpose()
}

/// As [`find_by_hash`], with the number of the last committed change: one statement, because whoever verifies a key waits
/// for it.
pub async fn find_with_revision(tx: &mut Tx<'_>, hash: &Hash) -> Result<(Revision, Option<Key>), Error> {
    let Some(mut row) = tx.query(KNOWN_BY_HASH, &[hash.to_vec().into()]).await?.into_iter().next() else {
        return Ok((crate::revision(tx).await?, None));
    };
    Ok((Revision(row.int()?), Some(decode(row)?)))
}

/// The API's keys from this id on, at most so many; only those of one identity, if one is given.
pub async fn list(
    tx: &mut Tx<'_>,
    (workspace, api): (WorkspaceNumber, ApiNumber),
    identity: Option<IdentityNumber>,
    (from, limit): (&str, i64),
) -> Result<Vec<Key>, Error> {
    let mut values: Vec<Value> = vec![workspace.0.into(), api.0.into(), from.into(), limit.into()];
    let sql = match identity {
        Some(identity) => {
            values.push(identity.0.into());
            LIST_OF_IDENTITY
        }
        None => LIST,
    };
    tx.query(sql, &values).await?.into_iter().map(decode).collect()
}

/// How the API's key with this id began, if it is deleted.
pub async fn deleted(
    tx: &mut Tx<'_>,
    (workspace, api): (WorkspaceNumber, ApiNumber),
    id: &str,
) -> Result<Option<String>, Error> {
    let rows = tx.query(DELETED, &[workspace.0.into(), id.into(), api.0.into()]).await?;
    rows.into_iter().next().map(|row| row.of("keys").text()).transpose()
}

/// The key's text, if it may be shown again.
pub async fn reveal(tx: &mut Tx<'_>, key: &Key, master: &MasterKey) -> Result<Option<Secret>, Error> {
    let row = tx.query(SEALED, &[key.number.0.into()]).await?.into_iter().next();
    let sealed = row.map(|row| row.of("keys").blob_or_null()).transpose()?.flatten();
    sealed.map(|sealed| master.open("keys", &place(&key.id), &sealed)).transpose()
}

/// The key's id and its API's, also if it is deleted.
pub async fn names(tx: &mut Tx<'_>, number: KeyNumber) -> Result<Option<(String, String)>, Error> {
    let Some(row) = tx.query(NAMES, &[number.0.into()]).await?.into_iter().next() else { return Ok(None) };
    let mut row = row.of("keys");
    Ok(Some((row.text()?, row.text()?)))
}

/// Notes about when keys were last used.
pub async fn used(tx: &mut Tx<'_>, keys: &[(KeyNumber, Timestamp)]) -> Result<(), Error> {
    let rows: Vec<_> = keys.iter().map(|(key, at)| vec![key.0.into(), at.0.into()]).collect();
    tx.execute_each(USED, &rows).await
}

/// The keys that are not as they were.
pub(crate) async fn changed(tx: &mut Tx<'_>, (since, until): (i64, i64)) -> Result<Vec<snapshot::Row>, Error> {
    let forgotten = |row: Row| {
        let mut row = row.of("keys");
        Ok(snapshot::Row::Key(KeyNumber(row.int()?), hash(row.blob()?)?))
    };
    tx.query(CHANGED, &[since.into(), until.into()]).await?.into_iter().map(forgotten).collect()
}

fn hash(bytes: Vec<u8>) -> Result<Hash, Error> {
    bytes.try_into().map_err(|_| Error::inconsistent("keys", "a hash has another length"))
}

fn numbers(list: impl Iterator<Item = i64>) -> Value {
    list.map(|number| number.to_string()).collect::<Vec<_>>().join(",").into()
}

pub(super) fn read_numbers<N>(text: &str, wrap: fn(i64) -> N) -> Result<Vec<N>, Error> {
    let read = |part: &str| part.parse().map(wrap).map_err(|_| Error::inconsistent("keys", "a list is not of numbers"));
    text.split(',').filter(|part| !part.is_empty()).map(read).collect()
}

pub(super) fn limits(list: &[NamedLimit]) -> Result<Value, Error> {
    if list.is_empty() {
        return Ok(Value::Null);
    }
    serde_json::to_string(list).map(Value::from).map_err(|error| Error::Engine(Box::new(error)))
}

pub(super) fn read_limits(table: &'static str, text: Option<String>) -> Result<Vec<NamedLimit>, Error> {
    let Some(text) = text else { return Ok(Vec::new()) };
    serde_json::from_str(&text).map_err(|error| Error::inconsistent(table, format!("limits: {error}")))
}

fn decode(row: Row) -> Result<Key, Error> {
    let mut row = row.of("keys");
    Ok(Key {
        number: KeyNumber(row.int()?),
        workspace: WorkspaceNumber(row.int()?),
        api: ApiNumber(row.int()?),
        id: row.text()?,
        hash: hash(row.blob()?)?,
        start: row.text()?,
        name: row.text_or_null()?,
        meta: row.text_or_null()?,
        identity: row.int_or_null()?.map(IdentityNumber),
        enabled: row.bool()?,
        expires_at: row.int_or_null()?.map(Timestamp),
        permissions: read_numbers(&row.text()?, PermissionNumber)?,
        roles: read_numbers(&row.text()?, RoleNumber)?,
        limits: read_limits("keys", row.text_or_null()?)?,
        counted: row.bool()?,
        prefix: row.text_or_null()?,
        bytes: row.int()?,
        recoverable: row.bool()?,
        migration: row.int_or_null()?,
        last_used_at: row.int_or_null()?.map(Timestamp),
        created_at: Timestamp(row.int()?),
        updated_at: row.int_or_null()?.map(Timestamp),
        deleted_at: row.int_or_null()?.map(Timestamp),
    })
}
