//! Connections: find, create, change, delete. There is one from the first start on.

use keyward_core::{
    Problem,
    model::{client::ClientNumber, connection::Connection},
    problem::{Conflict, Missing},
};
use keyward_store::{
    Error, Tx,
    ledger::{
        connection, connection_client,
        user_removal::{self, Gone},
    },
};
use serde_json::{Map, Value, json};

use super::difference;
use crate::{app::Call, ids};

/// How many users and applications an entry names, which went with a connection or could use it.
const NAMED: i64 = 100;

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

/// The connection with this id as the store has it.
pub(super) async fn find(tx: &mut Tx<'_>, call: &Call, id: &str) -> Result<Option<Connection>, Error> {
    let all = connection::list(tx, call.workspace).await?;
    Ok(all.into_iter().find(|connection| connection.id == id))
}

/// Creates a connection with these settings, whose form was checked.
///
/// # Errors
/// [`Problem::Conflict`] when there is one with this name.
pub async fn create(call: &Call, name: String, settings: Map<String, Value>) -> Result<Connection, Problem> {
    let id = ids::prefixed(call.app.entropy.as_ref(), "con");
    let work = call.clone();
    let (connection, _) = call
        .app
        .change(move |change| {
            Box::pin(async move {
                let all = connection::list(change.tx(), work.workspace).await?;
                if all.iter().any(|known| known.name == name) {
                    return Err(Problem::Conflict(Conflict::ConnectionName).into());
                }
                let mut connection = Connection {
                    number: connection::next_number(change).await?,
                    workspace: work.workspace,
                    id,
                    settings: Connection::default_settings(&name),
                    name,
                    created_at: work.now,
                };
                connection.set(settings);
                connection::insert(change, &connection).await?;
                let seen = Value::Object(describe(&connection));
                Ok((connection, work.audit(seen.clone(), Value::Null, seen)))
            })
        })
        .await?;
    Ok(connection)
}

/// Deletes a connection with all of its users and all that they have: another one with its name, or another user with
/// the id of one of them, begins with nothing. Returns whether there was one.
///
/// # Errors
/// Why it could not be done.
pub async fn delete(call: &Call, id: String) -> Result<bool, Problem> {
    let work = call.clone();
    let (was_there, _) = call
        .app
        .change(move |change| {
            Box::pin(async move {
                let Some(found) = find(change.tx(), &work, &id).await? else { return Ok((false, None)) };
                let gone = user_removal::of_connection(change, &found, NAMED).await?;
                let clients = connection_client::forget_connection(change, &found).await?;
                connection::delete(change, &found).await?;
                let mut before = describe(&found);
                before.insert("users".to_owned(), lost(&gone));
                if !clients.is_empty() {
                    before.insert("clients".to_owned(), shut_out(&work, &clients));
                }
                Ok((true, Some(work.audit(Value::Null, before.into(), Value::Null))))
            })
        })
        .await?;
    Ok(was_there)
}

/// What went with a connection, as an entry says it.
fn lost(gone: &Gone) -> Value {
    json!({
        "count": gone.users, "first": gone.first, "roles": gone.roles, "permissions": gone.permissions,
        "grants": gone.consents,
    })
}

/// The applications that could use it, as an entry says it.
fn shut_out(call: &Call, clients: &[ClientNumber]) -> Value {
    let view = call.app.view();
    let known = super::connection_client::known(&view.snapshot, clients).into_iter();
    let first: Vec<&str> = known.take(usize::try_from(NAMED).unwrap_or(0)).map(|client| client.id.as_str()).collect();
    json!({ "count": clients.len(), "first": first })
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
                let found = find(change.tx(), &work, &id).await?;
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
