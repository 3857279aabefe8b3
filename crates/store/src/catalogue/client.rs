//! Applications.

use keyward_core::{
    model::{
        Revision, WorkspaceNumber,
        client::{Client, ClientNumber},
        root_key::Hash,
    },
    secret::Secret,
    snapshot,
    time::{Entropy, Timestamp},
};

use super::credential::{self, OfClients};
use crate::{
    Error,
    engine::{Row, Sql, Tx, Value},
    sealing::MasterKey,
    writer::{Change, Kind, take_numbers},
};

const INSERT: Sql = Sql(
    "INSERT INTO clients (number, workspace, id, name, settings, secret_hash, secret, revision, created_at, updated_at) \
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $9)",
);
const UPDATE: Sql = Sql("UPDATE clients SET name = $3, settings = $4, revision = $5, updated_at = $6 \
     WHERE workspace = $1 AND number = $2 AND deleted_at IS NULL");
const SET_SECRET: Sql = Sql("UPDATE clients SET secret_hash = $3, secret = $4 WHERE workspace = $1 AND number = $2");
const TOMBSTONE: Sql = Sql("UPDATE clients SET deleted_at = $3, secret_hash = NULL, secret = NULL, revision = $4 \
     WHERE workspace = $1 AND number = $2 AND deleted_at IS NULL");
const FIND: Sql = Sql("SELECT number, workspace, id, name, settings, secret_hash, revision, created_at FROM clients \
     WHERE workspace = $1 AND id = $2 AND deleted_at IS NULL");
const ALL: Sql = Sql("SELECT number, workspace, id, name, settings, secret_hash, revision, created_at FROM clients \
     WHERE deleted_at IS NULL ORDER BY number");
const CHANGED: Sql =
    Sql("SELECT number, workspace, id, name, settings, secret_hash, revision, created_at FROM clients \
     WHERE deleted_at IS NULL AND number IN \
     (SELECT number FROM changes WHERE kind = 'client' AND revision > $1 AND revision <= $2) ORDER BY number");
const SEALED: Sql = Sql("SELECT id, secret FROM clients WHERE workspace = $1 AND number = $2 AND deleted_at IS NULL");
const ANY: Sql = Sql("SELECT number FROM clients WHERE workspace = $1 AND id <> $2 LIMIT 1");

fn place(id: &str) -> String {
    format!("clients/{id}/secret")
}

/// A client's secret, with what it takes to store it.
#[derive(Clone, Copy)]
pub struct NewSecret<'s> {
    /// Its SHA-256.
    pub hash: Hash,
    /// The secret.
    pub secret: &'s Secret,
    /// What it is sealed with.
    pub master: &'s MasterKey,
    /// Random bytes for that.
    pub entropy: &'s dyn Entropy,
}

impl std::fmt::Debug for NewSecret<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("NewSecret([secret])")
    }
}

impl NewSecret<'_> {
    fn values(&self, id: &str) -> Result<[Value; 2], Error> {
        Ok([self.hash.to_vec().into(), self.master.seal(self.entropy, &place(id), self.secret)?.into()])
    }
}

/// A number for a client that is about to be made.
pub async fn next_number(change: &mut Change<'_>) -> Result<ClientNumber, Error> {
    take_numbers(change.tx(), "client", 1).await.map(ClientNumber)
}

/// Stores a new client.
pub async fn insert(change: &mut Change<'_>, client: &Client, secret: Option<NewSecret<'_>>) -> Result<(), Error> {
    change.touch(Kind::Client, client.number.0);
    let [hash, sealed] = match secret {
        Some(secret) => secret.values(&client.id)?,
        None => [Value::Null, Value::Null],
    };
    let values = [
        client.number.0.into(),
        client.workspace.0.into(),
        (&client.id).into(),
        (&client.name).into(),
        settings(client)?,
        hash,
        sealed,
        client.revision.0.into(),
        client.created_at.0.into(),
    ];
    change.tx().query(INSERT, &values).await?;
    Ok(())
}

/// Stores what a client has become, but for its secret.
pub async fn update(change: &mut Change<'_>, client: &Client, now: Timestamp) -> Result<(), Error> {
    change.touch(Kind::Client, client.number.0);
    let values = [
        client.workspace.0.into(),
        client.number.0.into(),
        (&client.name).into(),
        settings(client)?,
        client.revision.0.into(),
        now.0.into(),
    ];
    change.tx().query(UPDATE, &values).await?;
    Ok(())
}

/// Gives a client another secret, or takes it away. The one before is worth nothing from then on.
pub async fn set_secret(change: &mut Change<'_>, client: &Client, secret: Option<NewSecret<'_>>) -> Result<(), Error> {
    change.touch(Kind::Client, client.number.0);
    let [hash, sealed] = match secret {
        Some(secret) => secret.values(&client.id)?,
        None => [Value::Null, Value::Null],
    };
    let values = [client.workspace.0.into(), client.number.0.into(), hash, sealed];
    change.tx().query(SET_SECRET, &values).await?;
    Ok(())
}

/// Deletes a client. Its secret is gone for good.
pub async fn tombstone(change: &mut Change<'_>, client: &Client, now: Timestamp) -> Result<(), Error> {
    change.touch(Kind::Client, client.number.0);
    let revision = change.revision().0;
    let values = [client.workspace.0.into(), client.number.0.into(), now.0.into(), revision.into()];
    change.tx().query(TOMBSTONE, &values).await?;
    Ok(())
}

/// The client with this `client_id`, if it is not deleted.
pub async fn find(tx: &mut Tx<'_>, workspace: WorkspaceNumber, id: &str) -> Result<Option<Client>, Error> {
    let Some(row) = tx.query(FIND, &[workspace.0.into(), id.into()]).await?.into_iter().next() else { return Ok(None) };
    let client = decode(row)?;
    let mut credentials = credential::of_client(tx, client.number).await?;
    Ok(Some(with_keys(client, &mut credentials)))
}

/// Whether there is or ever was a client besides the one with this id.
pub async fn existed_beside(tx: &mut Tx<'_>, workspace: WorkspaceNumber, id: &str) -> Result<bool, Error> {
    Ok(!tx.query(ANY, &[workspace.0.into(), id.into()]).await?.is_empty())
}

/// The secret of a client, if it has one.
pub async fn secret(
    tx: &mut Tx<'_>,
    workspace: WorkspaceNumber,
    number: ClientNumber,
    master: &MasterKey,
) -> Result<Option<Secret>, Error> {
    let Some(row) = tx.query(SEALED, &[workspace.0.into(), number.0.into()]).await?.into_iter().next() else {
        return Ok(None);
    };
    let mut row = row.of("clients");
    let id = row.text()?;
    row.blob_or_null()?.map(|sealed| master.open("clients", &place(&id), &sealed)).transpose()
}

pub(crate) async fn all(tx: &mut Tx<'_>) -> Result<Vec<snapshot::Row>, Error> {
    let credentials = credential::all(tx).await?;
    whole(tx.query(ALL, &[]).await?, credentials)
}

pub(crate) async fn changed(tx: &mut Tx<'_>, (since, until): (i64, i64)) -> Result<Vec<snapshot::Row>, Error> {
    let credentials = credential::changed(tx, (since, until)).await?;
    whole(tx.query(CHANGED, &[since.into(), until.into()]).await?, credentials)
}

fn whole(rows: Vec<Row>, mut credentials: OfClients) -> Result<Vec<snapshot::Row>, Error> {
    let client = |row| {
        let client = with_keys(decode(row)?, &mut credentials);
        Ok(snapshot::Row::Client(client.number, Some(Box::new(client))))
    };
    rows.into_iter().map(client).collect()
}

fn with_keys(client: Client, credentials: &mut OfClients) -> Client {
    Client { credentials: credentials.remove(&client.number.0).unwrap_or_default(), ..client }
}

fn settings(client: &Client) -> Result<Value, Error> {
    serde_json::to_string(&client.settings).map(Value::from).map_err(|error| Error::Engine(Box::new(error)))
}

/// A client without its public keys.
fn decode(row: Row) -> Result<Client, Error> {
    let mut row = row.of("clients");
    let (number, workspace) = (ClientNumber(row.int()?), WorkspaceNumber(row.int()?));
    let (id, name, text) = (row.text()?, row.text()?, row.text()?);
    let settings = serde_json::from_str(&text)
        .map_err(|error| Error::inconsistent("clients", format!("settings of {id}: {error}")))?;
    let hash =
        |bytes: Vec<u8>| Hash::try_from(bytes).map_err(|_| Error::inconsistent("clients", "a hash has another length"));
    Ok(Client {
        number,
        workspace,
        id,
        name,
        settings,
        secret: row.blob_or_null()?.map(hash).transpose()?,
        credentials: Vec::new(),
        revision: Revision(row.int()?),
        created_at: Timestamp(row.int()?),
    })
}
