//! Which applications may use a connection.

use std::collections::HashMap;

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
const OF: Sql = Sql("SELECT client FROM connection_clients WHERE connection = $1 ORDER BY client");
const ENABLE: Sql = Sql("INSERT INTO connection_clients (connection, client) VALUES ($1, $2) ON CONFLICT DO NOTHING");
const DISABLE: Sql = Sql("DELETE FROM connection_clients WHERE connection = $1 AND client = $2");
const OF_CLIENT: Sql = Sql("SELECT connection FROM connection_clients WHERE client = $1 ORDER BY connection");
const FORGET_CLIENT: Sql = Sql("DELETE FROM connection_clients WHERE client = $1");
const FORGET_CONNECTION: Sql = Sql("DELETE FROM connection_clients WHERE connection = $1");

/// The applications of each connection that has any, oldest first.
pub async fn all(tx: &mut Tx<'_>) -> Result<HashMap<ConnectionNumber, Vec<ClientNumber>>, Error> {
    let mut all: HashMap<_, Vec<_>> = HashMap::new();
    for row in tx.query(ALL, &[]).await? {
        let mut row = row.of("connection_clients");
        let connection = ConnectionNumber(row.int()?);
        all.entry(connection).or_default().push(ClientNumber(row.int()?));
    }
    Ok(all)
}

/// The applications that may use this connection, oldest first.
pub async fn of(tx: &mut Tx<'_>, connection: ConnectionNumber) -> Result<Vec<ClientNumber>, Error> {
    tx.query(OF, &[connection.0.into()]).await?.into_iter().map(|row| number(row).map(ClientNumber)).collect()
}

/// Lets an application use a connection, or lets it no longer.
pub async fn set(
    change: &mut Change<'_>,
    (connection, client): (ConnectionNumber, ClientNumber),
    is_enabled: bool,
) -> Result<(), Error> {
    let sql = if is_enabled { ENABLE } else { DISABLE };
    change.tx().query(sql, &[connection.0.into(), client.0.into()]).await.map(drop)
}

/// Lets an application use no connection any more. Returns which ones it could.
pub async fn forget_client(change: &mut Change<'_>, client: ClientNumber) -> Result<Vec<ConnectionNumber>, Error> {
    let rows = change.tx().query(OF_CLIENT, &[client.0.into()]).await?;
    change.tx().query(FORGET_CLIENT, &[client.0.into()]).await?;
    rows.into_iter().map(|row| number(row).map(ConnectionNumber)).collect()
}

/// Lets no application use a connection any more. Returns which ones could.
pub async fn forget_connection(change: &mut Change<'_>, connection: &Connection) -> Result<Vec<ClientNumber>, Error> {
    let known = of(change.tx(), connection.number).await?;
    change.tx().query(FORGET_CONNECTION, &[connection.number.0.into()]).await?;
    Ok(known)
}

fn number(row: Row) -> Result<i64, Error> {
    row.of("connection_clients").int()
}
