//! Connections.

use keyward_core::{
    model::{
        WorkspaceNumber,
        connection::{Connection, ConnectionNumber},
    },
    time::Timestamp,
};

use crate::{
    Error,
    engine::{Row, Sql, Tx},
    writer::{Change, take_numbers},
};

const INSERT: Sql =
    Sql("INSERT INTO connections (number, workspace, id, name, settings, users, created_at, updated_at) \
     VALUES ($1, $2, $3, $4, $5, 0, $6, $6)");
const UPDATE: Sql = Sql("UPDATE connections SET settings = $3, updated_at = $4 WHERE workspace = $1 AND number = $2");
const LIST: Sql = Sql("SELECT number, workspace, id, name, settings, created_at FROM connections \
     WHERE workspace = $1 ORDER BY number");
const DELETE: Sql = Sql("DELETE FROM connections WHERE workspace = $1 AND number = $2");
const LAST: Sql = Sql("SELECT last FROM numbers WHERE kind = 'connection'");
const COUNT_USERS: Sql = Sql("UPDATE connections SET users = users + $2 WHERE number = $1");
const USERS: Sql = Sql("SELECT CAST(COALESCE(SUM(users), 0) AS BIGINT) FROM connections WHERE workspace = $1");

/// A number for a connection that is about to be made.
pub async fn next_number(change: &mut Change<'_>) -> Result<ConnectionNumber, Error> {
    take_numbers(change.tx(), "connection", 1).await.map(ConnectionNumber)
}

/// Stores a new connection.
pub async fn insert(change: &mut Change<'_>, connection: &Connection) -> Result<(), Error> {
    let values = [
        connection.number.0.into(),
        connection.workspace.0.into(),
        (&connection.id).into(),
        (&connection.name).into(),
        settings(connection)?.into(),
        connection.created_at.0.into(),
    ];
    change.tx().query(INSERT, &values).await?;
    Ok(())
}

/// Stores what a connection has become.
pub async fn update(change: &mut Change<'_>, connection: &Connection, now: Timestamp) -> Result<(), Error> {
    let values =
        [connection.workspace.0.into(), connection.number.0.into(), settings(connection)?.into(), now.0.into()];
    change.tx().query(UPDATE, &values).await?;
    Ok(())
}

/// Deletes a connection, which has no users and no applications any more.
pub async fn delete(change: &mut Change<'_>, connection: &Connection) -> Result<(), Error> {
    change.tx().query(DELETE, &[connection.workspace.0.into(), connection.number.0.into()]).await?;
    Ok(())
}

/// Whether there is or ever was a connection.
pub async fn existed(tx: &mut Tx<'_>) -> Result<bool, Error> {
    let rows = tx.query(LAST, &[]).await?;
    Ok(rows.into_iter().next().ok_or_else(|| Error::inconsistent("numbers", "connection"))?.int()? > 0)
}

/// All connections, oldest first.
pub async fn list(tx: &mut Tx<'_>, workspace: WorkspaceNumber) -> Result<Vec<Connection>, Error> {
    tx.query(LIST, &[workspace.0.into()]).await?.into_iter().map(decode).collect()
}

/// How many users there are in all connections.
pub async fn count_users(tx: &mut Tx<'_>, workspace: WorkspaceNumber) -> Result<i64, Error> {
    let rows = tx.query(USERS, &[workspace.0.into()]).await?;
    rows.into_iter().next().ok_or_else(|| Error::inconsistent("connections", "no count"))?.int()
}

/// Says that a connection has so many more users.
pub(super) async fn add_users(tx: &mut Tx<'_>, number: ConnectionNumber, more: i64) -> Result<(), Error> {
    tx.query(COUNT_USERS, &[number.0.into(), more.into()]).await?;
    Ok(())
}

fn settings(connection: &Connection) -> Result<String, Error> {
    serde_json::to_string(&connection.settings).map_err(|error| Error::Engine(Box::new(error)))
}

fn decode(row: Row) -> Result<Connection, Error> {
    let mut row = row.of("connections");
    Ok(Connection {
        number: ConnectionNumber(row.int()?),
        workspace: WorkspaceNumber(row.int()?),
        id: row.text()?,
        name: row.text()?,
        settings: serde_json::from_str(&row.text()?)
            .map_err(|error| Error::inconsistent("connections", error.to_string()))?,
        created_at: Timestamp(row.int()?),
    })
}
