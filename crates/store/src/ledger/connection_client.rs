//! Which applications may use a connection.

use keyward_core::model::{
    client::ClientNumber,
    connection::{Connection, ConnectionNumber},
};

use crate::{
    Error,
    engine::{Row, Sql, Tx},
    writer::Change,
};

const ALL: Sql = Sql("SELECT connection, client FROM connection_clients ORDER BY connection, client");
const ENABLE: Sql = Sql("INSERT INTO connection_clients (connection, client) VALUES ($1, $2) ON CONFLICT DO NOTHING");
const DISABLE: Sql = Sql("DELETE FROM connection_clients WHERE connection = $1 AND client = $2");
const OF_CLIENT: Sql = Sql("SELECT connection, client FROM connection_clients WHERE client = $1 ORDER BY connection");
const FORGET_CLIENT: Sql = Sql("DELETE FROM connection_clients WHERE client = $1");
const FORGET_CONNECTION: Sql = Sql("DELETE FROM connection_clients WHERE connection = $1");

/// A connection, and an application that may use it.
pub type Enabled = (ConnectionNumber, ClientNumber);

/// All of them, in the order of the connections, and of each in the order of the applications.
pub async fn all(tx: &mut Tx<'_>) -> Result<Vec<Enabled>, Error> {
    tx.query(ALL, &[]).await?.into_iter().map(decode).collect()
}

/// Lets an application use a connection, or lets it no longer.
pub async fn set(change: &mut Change<'_>, (connection, client): Enabled, is_enabled: bool) -> Result<(), Error> {
    let sql = if is_enabled { ENABLE } else { DISABLE };
    change.tx().query(sql, &[connection.0.into(), client.0.into()]).await.map(drop)
}

/// Lets an application use no connection any more. Returns which ones it could.
pub async fn forget_client(change: &mut Change<'_>, client: ClientNumber) -> Result<Vec<Enabled>, Error> {
    let known: Result<Vec<Enabled>, Error> =
        change.tx().query(OF_CLIENT, &[client.0.into()]).await?.into_iter().map(decode).collect();
    change.tx().query(FORGET_CLIENT, &[client.0.into()]).await?;
    known
}

/// Lets no application use a connection any more.
pub(super) async fn forget_connection(change: &mut Change<'_>, connection: &Connection) -> Result<(), Error> {
    change.tx().query(FORGET_CONNECTION, &[connection.number.0.into()]).await.map(drop)
}

fn decode(row: Row) -> Result<Enabled, Error> {
    let mut row = row.of("connection_clients");
    Ok((ConnectionNumber(row.int()?), ClientNumber(row.int()?)))
}
