//! Which applications may use a connection.

use std::{collections::HashMap, sync::Arc};

use keyward_core::{
    Problem,
    model::{
        client::{Client, ClientNumber},
        connection::{Connection, ConnectionNumber},
    },
    problem::Missing,
    snapshot::Snapshot,
};
use keyward_store::{catalogue, ledger::connection_client};
use serde_json::{Value, json};

use super::connection::find;
use crate::app::Call;

/// The applications that may use each connection, oldest first.
///
/// # Errors
/// Why the store can't be read.
pub async fn all(call: &Call) -> Result<HashMap<ConnectionNumber, Vec<ClientNumber>>, Problem> {
    Ok(call.app.store.read(|tx| Box::pin(async move { connection_client::all(tx).await })).await?)
}

/// The applications that may use this connection, oldest first.
///
/// # Errors
/// Why the store can't be read.
pub async fn of(call: &Call, connection: &Connection) -> Result<Vec<ClientNumber>, Problem> {
    let number = connection.number;
    let read = call.app.store.read_briefly(move |tx| Box::pin(async move { connection_client::of(tx, number).await }));
    Ok(read.await?)
}

/// Those of these applications that this state has.
pub fn known<'s>(snapshot: &'s Snapshot, clients: &[ClientNumber]) -> Vec<&'s Arc<Client>> {
    clients.iter().filter_map(|client| snapshot.client_numbered(*client)).collect()
}

/// Lets applications, by their ids, use a connection or not: all of them or none. What is said of one last counts.
///
/// # Errors
/// [`Problem::NotFound`] for the connection or an application.
pub async fn set(call: &Call, id: String, wanted: Vec<(String, bool)>) -> Result<(), Problem> {
    let work = call.clone();
    call.app
        .change(move |change| {
            Box::pin(async move {
                let found = find(change.tx(), &work, &id).await?;
                let connection = found.ok_or(Problem::NotFound(Missing::Connection))?;
                let had = connection_client::of(change.tx(), connection.number).await?;
                let (mut before, mut after) = (Vec::new(), Vec::new());
                for (client_id, is_enabled) in wanted {
                    let client = catalogue::client::find(change.tx(), work.workspace, &client_id).await?;
                    let client = client.ok_or(Problem::NotFound(Missing::Client))?;
                    connection_client::set(change, (connection.number, client.number), is_enabled).await?;
                    before.push(json!({ "client_id": client_id, "status": had.contains(&client.number) }));
                    after.push(json!({ "client_id": client_id, "status": is_enabled }));
                }
                let of = |clients: Vec<Value>| json!({ "id": connection.id, "clients": clients });
                Ok(((), work.audit(Value::Null, of(before), of(after))))
            })
        })
        .await?;
    Ok(())
}
