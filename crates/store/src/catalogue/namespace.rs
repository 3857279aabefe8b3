//! Namespaces of the standalone limiter, and their overrides.

use std::collections::HashMap;

use keyward_core::{
    model::{
        WorkspaceNumber,
        limit::{Namespace, Override},
    },
    snapshot,
    time::Timestamp,
};

use crate::{
    Error,
    engine::{Row, Sql, Tx},
    writer::{Change, Kind, take_numbers},
};

const INSERT: Sql = Sql("INSERT INTO namespaces (number, workspace, id, name, created_at) VALUES ($1, $2, $3, $4, $5)");
const FIND: Sql = Sql("SELECT number, workspace, id, name FROM namespaces WHERE workspace = $1 \
     AND (id = $2 OR name = $2) AND deleted_at IS NULL ORDER BY CASE WHEN id = $2 THEN 0 ELSE 1 END LIMIT 1");
const ALL: Sql = Sql("SELECT number, workspace, id, name FROM namespaces WHERE deleted_at IS NULL ORDER BY number");
const CHANGED: Sql = Sql("SELECT number, workspace, id, name FROM namespaces WHERE deleted_at IS NULL AND number IN \
     (SELECT number FROM changes WHERE kind = 'namespace' AND revision > $1 AND revision <= $2)");
const OF_NAMESPACE: Sql =
    Sql("SELECT namespace, id, identifier, max_count, duration FROM overrides WHERE namespace = $1");
const ALL_OVERRIDES: Sql = Sql("SELECT namespace, id, identifier, max_count, duration FROM overrides");
const CHANGED_OVERRIDES: Sql =
    Sql("SELECT namespace, id, identifier, max_count, duration FROM overrides WHERE namespace IN \
     (SELECT number FROM changes WHERE kind = 'namespace' AND revision > $1 AND revision <= $2)");
const SET_OVERRIDE: Sql =
    Sql("INSERT INTO overrides (number, workspace, namespace, id, identifier, max_count, duration, created_at, \
     updated_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $8) ON CONFLICT (namespace, identifier) DO UPDATE SET \
     max_count = $6, duration = $7, updated_at = $8");
const REMOVE_OVERRIDE: Sql = Sql("DELETE FROM overrides WHERE workspace = $1 AND namespace = $2 AND identifier = $3");

/// Stores a new namespace and returns it.
pub async fn insert(
    change: &mut Change<'_>,
    workspace: WorkspaceNumber,
    (id, name): (String, String),
    now: Timestamp,
) -> Result<Namespace, Error> {
    let number = take_numbers(change.tx(), "namespace", 1).await?;
    change.touch(Kind::Namespace, number);
    let values = [number.into(), workspace.0.into(), (&id).into(), (&name).into(), now.0.into()];
    change.tx().query(INSERT, &values).await?;
    Ok(Namespace { number, workspace, id, name, overrides: Vec::new() })
}

/// The namespace with this id, or else with this name.
pub async fn find(tx: &mut Tx<'_>, workspace: WorkspaceNumber, id_or_name: &str) -> Result<Option<Namespace>, Error> {
    let rows = tx.query(FIND, &[workspace.0.into(), id_or_name.into()]).await?;
    let Some(row) = rows.into_iter().next() else { return Ok(None) };
    let mut namespace = decode(row)?;
    for row in tx.query(OF_NAMESPACE, &[namespace.number.into()]).await? {
        namespace.overrides.push(decode_override(row)?.1);
    }
    sort(&mut namespace);
    Ok(Some(namespace))
}

/// Stores an override; one for the same identifier keeps its id.
pub async fn set_override(
    change: &mut Change<'_>,
    namespace: &Namespace,
    over: &Override,
    now: Timestamp,
) -> Result<(), Error> {
    let number = take_numbers(change.tx(), "override", 1).await?;
    change.touch(Kind::Namespace, namespace.number);
    let values = [
        number.into(),
        namespace.workspace.0.into(),
        namespace.number.into(),
        (&over.id).into(),
        (&over.identifier).into(),
        over.limit.into(),
        over.duration.into(),
        now.0.into(),
    ];
    change.tx().query(SET_OVERRIDE, &values).await?;
    Ok(())
}

/// Takes the override for an identifier away.
pub async fn remove_override(change: &mut Change<'_>, namespace: &Namespace, identifier: &str) -> Result<(), Error> {
    change.touch(Kind::Namespace, namespace.number);
    let values = [namespace.workspace.0.into(), namespace.number.into(), identifier.into()];
    change.tx().query(REMOVE_OVERRIDE, &values).await?;
    Ok(())
}

pub(crate) async fn all(tx: &mut Tx<'_>) -> Result<Vec<snapshot::Row>, Error> {
    let overrides = tx.query(ALL_OVERRIDES, &[]).await?;
    rows(tx.query(ALL, &[]).await?, overrides)
}

pub(crate) async fn changed(tx: &mut Tx<'_>, (since, until): (i64, i64)) -> Result<Vec<snapshot::Row>, Error> {
    let overrides = tx.query(CHANGED_OVERRIDES, &[since.into(), until.into()]).await?;
    rows(tx.query(CHANGED, &[since.into(), until.into()]).await?, overrides)
}

fn rows(namespaces: Vec<Row>, overrides: Vec<Row>) -> Result<Vec<snapshot::Row>, Error> {
    let mut by_namespace: HashMap<i64, Vec<Override>> = HashMap::new();
    for row in overrides {
        let (namespace, over) = decode_override(row)?;
        by_namespace.entry(namespace).or_default().push(over);
    }
    let whole = |row| {
        let mut namespace = decode(row)?;
        namespace.overrides = by_namespace.remove(&namespace.number).unwrap_or_default();
        sort(&mut namespace);
        Ok(snapshot::Row::Namespace(namespace.number, Some(Box::new(namespace))))
    };
    namespaces.into_iter().map(whole).collect()
}

/// Byte by byte, as pages of them are cut; a database may have another order of letters.
fn sort(namespace: &mut Namespace) {
    namespace.overrides.sort_unstable_by(|one, other| one.id.cmp(&other.id));
}

fn decode(row: Row) -> Result<Namespace, Error> {
    let mut row = row.of("namespaces");
    let (number, workspace) = (row.int()?, WorkspaceNumber(row.int()?));
    Ok(Namespace { number, workspace, id: row.text()?, name: row.text()?, overrides: Vec::new() })
}

fn decode_override(row: Row) -> Result<(i64, Override), Error> {
    let mut row = row.of("overrides");
    let namespace = row.int()?;
    let (id, identifier) = (row.text()?, row.text()?);
    Ok((namespace, Override { id, identifier, limit: row.int()?, duration: row.int()? }))
}
