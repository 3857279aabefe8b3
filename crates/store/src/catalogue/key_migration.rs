//! Migrations of keys that were made elsewhere.

use keyward_core::{
    model::{
        WorkspaceNumber,
        migration::{KeyAlgorithm, KeyMigration},
    },
    snapshot,
    time::Timestamp,
};

use crate::{
    Error,
    engine::{Row, Sql, Tx},
    writer::{Change, Kind, take_numbers},
};

const INSERT: Sql = Sql(
    "INSERT INTO key_migrations (number, workspace, id, name, algorithm, created_at) VALUES ($1, $2, $3, $4, $5, $6)",
);
const ALL: Sql = Sql("SELECT number, workspace, id, name, algorithm FROM key_migrations ORDER BY number");
const CHANGED: Sql = Sql("SELECT number, workspace, id, name, algorithm FROM key_migrations WHERE number IN \
     (SELECT number FROM changes WHERE kind = 'key_migration' AND revision > $1 AND revision <= $2) ORDER BY number");

/// A number for a migration that is about to be announced.
pub async fn next_number(change: &mut Change<'_>) -> Result<i64, Error> {
    take_numbers(change.tx(), "key_migration", 1).await
}

/// Stores a new migration.
pub async fn insert(change: &mut Change<'_>, migration: &KeyMigration, now: Timestamp) -> Result<(), Error> {
    change.touch(Kind::KeyMigration, migration.number);
    let values = [
        migration.number.into(),
        migration.workspace.0.into(),
        (&migration.id).into(),
        (&migration.name).into(),
        migration.algorithm.as_str().into(),
        now.0.into(),
    ];
    change.tx().query(INSERT, &values).await?;
    Ok(())
}

pub(crate) async fn all(tx: &mut Tx<'_>) -> Result<Vec<snapshot::Row>, Error> {
    tx.query(ALL, &[]).await?.into_iter().map(decode).collect()
}

pub(crate) async fn changed(tx: &mut Tx<'_>, (since, until): (i64, i64)) -> Result<Vec<snapshot::Row>, Error> {
    tx.query(CHANGED, &[since.into(), until.into()]).await?.into_iter().map(decode).collect()
}

fn decode(row: Row) -> Result<snapshot::Row, Error> {
    let mut row = row.of("key_migrations");
    let (number, workspace) = (row.int()?, WorkspaceNumber(row.int()?));
    let (id, name, word) = (row.text()?, row.text()?, row.text()?);
    let algorithm = KeyAlgorithm::parse(&word).ok_or_else(|| Error::inconsistent("key_migrations", word))?;
    let migration = KeyMigration { number, workspace, id, name, algorithm };
    Ok(snapshot::Row::KeyMigration(number, Some(Box::new(migration))))
}
