//! Which applications may use a connection.

use std::sync::Arc;

use keyward_core::{
    Problem,
    model::{client::Client, connection::Connection},
    problem::Missing,
    snapshot::Snapshot,
};
use keyward_store::{
    catalogue,
    ledger::{
        connection,
        connection_client::{self, Enabled},
    },
};
use serde_json::{Value, json};

use crate::app::Call;

/// What may be used, of all connections.
#[derive(Debug)]
pub struct EnabledClients(Vec<Enabled>);

impl EnabledClients {
    /// The applications that may use this connection, oldest first.
    pub fn of<'s>(&self, snapshot: &'s Snapshot, connection: &Connection) -> Vec<&'s Arc<Client>> {
        let own = self.0.iter().filter(|(number, _)| *number == connection.number);
        own.filter_map(|(_, client)| snapshot.client_numbered(*client)).collect()
    }
}

/// Which applications may use which connection.
///
/// # Errors
/// Why the store can't be read.
pub async fn all(call: &Call) -> Result<EnabledClients, Problem> {
    let read = call.app.store.read_briefly(|tx| Box::pin(async move { connection_client::all(tx).await }));
    Ok(EnabledClients(read.await?))
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
                let all = connection::list(change.tx(), work.workspace).await?;
                let found = all.into_iter().find(|connection| connection.id == id);
                let connection = found.ok_or(Problem::NotFound(Missing::Connection))?;
                let had = connection_client::all(change.tx()).await?;
                let (mut before, mut after) = (Vec::new(), Vec::new());
                for (client_id, is_enabled) in wanted {
                    let client = catalogue::client::find(change.tx(), work.workspace, &client_id).await?;
                    let client = client.ok_or(Problem::NotFound(Missing::Client))?;
                    let pair = (connection.number, client.number);
                    connection_client::set(change, pair, is_enabled).await?;
                    before.push(json!({ "client_id": client_id, "status": had.contains(&pair) }));
                    after.push(json!({ "client_id": client_id, "status": is_enabled }));
                }
                let of = |clients: Vec<Value>| json!({ "id": connection.id, "clients": clients });
                Ok(((), work.audit(Value::Null, of(before), of(after))))
            })
        })
        .await?;
    Ok(())
}
