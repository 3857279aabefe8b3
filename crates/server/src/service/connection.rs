//! Connections: find, change. There is one from the first start on; none can be made or deleted yet.

use keyward_core::{Problem, model::connection::Connection, problem::Missing};
use keyward_store::ledger::connection;
use serde_json::{Map, Value};

use super::difference;
use crate::app::Call;

/// What an entry of the audit log says of a connection.
fn describe(connection: &Connection) -> Map<String, Value> {
    let mut seen = Map::new();
    seen.insert("id".to_owned(), connection.id.clone().into());
    seen.insert("name".to_owned(), connection.name.clone().into());
    seen.extend(connection.settings.clone());
    seen
}

/// All connections, oldest first.
///
/// # Errors
/// Why the store can't be read.
pub async fn list(call: &Call) -> Result<Vec<Connection>, Problem> {
    let workspace = call.workspace;
    let read = call.app.store.read_briefly(move |tx| Box::pin(async move { connection::list(tx, workspace).await }));
    Ok(read.await?)
}

/// The connection with this id.
///
/// # Errors
/// [`Problem::NotFound`].
pub async fn get(call: &Call, id: &str) -> Result<Connection, Problem> {
    let found = list(call).await?.into_iter().find(|connection| connection.id == id);
    found.ok_or(Problem::NotFound(Missing::Connection))
}

/// Changes a connection: each setting that is sent replaces the stored one whole, and null clears it.
///
/// # Errors
/// [`Problem::NotFound`].
pub async fn update(call: &Call, id: String, settings: Map<String, Value>) -> Result<Connection, Problem> {
    let work = call.clone();
    let (connection, _) = call
        .app
        .change(move |change| {
            Box::pin(async move {
                let all = connection::list(change.tx(), work.workspace).await?;
                let found = all.into_iter().find(|connection| connection.id == id);
                let before = found.ok_or(Problem::NotFound(Missing::Connection))?;
                let mut after = before.clone();
                after.set(settings);
                let answer = Value::Object(describe(&after));
                if after == before {
                    return Ok((after, work.audit(answer, Value::Null, Value::Null)));
                }
                connection::update(change, &after, work.now).await?;
                let (old, new) = difference::fields(&before.settings, &after.settings);
                Ok((after, work.audit(answer, old, new)))
            })
        })
        .await?;
    Ok(connection)
}
