//! Public keys of applications. They are part of the application in memory: whoever writes one also writes its
//! application, so that every follower reads it.

use std::collections::HashMap;

use keyward_core::{
    model::{
        client::{Client, ClientNumber},
        credential::{AssertionAlgorithm, Credential},
    },
    time::Timestamp,
};

use crate::{
    Error,
    engine::{Row, Sql, Tx},
    writer::{Change, Kind, take_numbers},
};

const INSERT: Sql = Sql("INSERT INTO credentials (number, workspace, id, client, name, kid, algorithm, key, \
     thumbprint, expires_at, created_at, updated_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $11)");
const SET_EXPIRY: Sql =
    Sql("UPDATE credentials SET expires_at = $3, updated_at = $4 WHERE client = $1 AND number = $2");
const DELETE: Sql = Sql("DELETE FROM credentials WHERE client = $1 AND number = $2");
const DELETE_ALL: Sql = Sql("DELETE FROM credentials WHERE client = $1");
const OF_CLIENT: Sql =
    Sql("SELECT client, number, id, name, kid, algorithm, key, thumbprint, expires_at, created_at, \
     updated_at FROM credentials WHERE client = $1 ORDER BY number");
const ALL: Sql = Sql("SELECT client, number, id, name, kid, algorithm, key, thumbprint, expires_at, created_at, \
     updated_at FROM credentials ORDER BY number");
const CHANGED: Sql = Sql("SELECT client, number, id, name, kid, algorithm, key, thumbprint, expires_at, created_at, \
     updated_at FROM credentials WHERE client IN \
     (SELECT number FROM changes WHERE kind = 'client' AND revision > $1 AND revision <= $2) ORDER BY number");

/// Public keys by the number of their application.
pub(crate) type OfClients = HashMap<i64, Vec<Credential>>;

/// A number for a key that is about to be stored.
pub async fn next_number(change: &mut Change<'_>) -> Result<i64, Error> {
    take_numbers(change.tx(), "credential", 1).await
}

/// Stores a new key of an application.
pub async fn insert(change: &mut Change<'_>, client: &Client, key: &Credential) -> Result<(), Error> {
    change.touch(Kind::Client, client.number.0);
    let values = [
        key.number.into(),
        client.workspace.0.into(),
        (&key.id).into(),
        client.number.0.into(),
        key.name.clone().into(),
        (&key.kid).into(),
        key.algorithm.as_str().into(),
        key.key.clone().into(),
        key.thumbprint.clone().into(),
        key.expires_at.map(|end| end.0).into(),
        key.created_at.0.into(),
    ];
    change.tx().query(INSERT, &values).await?;
    Ok(())
}

/// Stores when a key expires.
pub async fn set_expiry(change: &mut Change<'_>, client: &Client, key: &Credential) -> Result<(), Error> {
    change.touch(Kind::Client, client.number.0);
    let end = key.expires_at.map(|end| end.0).into();
    change.tx().query(SET_EXPIRY, &[client.number.0.into(), key.number.into(), end, key.updated_at.0.into()]).await?;
    Ok(())
}

/// Deletes a key for good. Its id is never given again.
pub async fn delete(change: &mut Change<'_>, client: &Client, number: i64) -> Result<(), Error> {
    change.touch(Kind::Client, client.number.0);
    change.tx().query(DELETE, &[client.number.0.into(), number.into()]).await?;
    Ok(())
}

/// Deletes all keys of an application.
pub async fn delete_all(change: &mut Change<'_>, client: &Client) -> Result<(), Error> {
    change.touch(Kind::Client, client.number.0);
    change.tx().query(DELETE_ALL, &[client.number.0.into()]).await?;
    Ok(())
}

pub(crate) async fn of_client(tx: &mut Tx<'_>, client: ClientNumber) -> Result<OfClients, Error> {
    by_client(tx.query(OF_CLIENT, &[client.0.into()]).await?)
}

pub(crate) async fn all(tx: &mut Tx<'_>) -> Result<OfClients, Error> {
    by_client(tx.query(ALL, &[]).await?)
}

pub(crate) async fn changed(tx: &mut Tx<'_>, (since, until): (i64, i64)) -> Result<OfClients, Error> {
    by_client(tx.query(CHANGED, &[since.into(), until.into()]).await?)
}

fn by_client(rows: Vec<Row>) -> Result<OfClients, Error> {
    let mut keys = OfClients::new();
    for row in rows {
        let mut row = row.of("credentials");
        keys.entry(row.int()?).or_default().push(decode(row)?);
    }
    Ok(keys)
}

fn decode(mut row: Row) -> Result<Credential, Error> {
    let (number, id) = (row.int()?, row.text()?);
    let (name, kid, word) = (row.text_or_null()?, row.text()?, row.text()?);
    let algorithm = AssertionAlgorithm::parse(&word).ok_or_else(|| Error::inconsistent("credentials", word))?;
    let (key, thumbprint) = (row.blob()?, row.text_or_null()?);
    let expires_at = row.int_or_null()?.map(Timestamp);
    let (created_at, updated_at) = (Timestamp(row.int()?), Timestamp(row.int()?));
    Ok(Credential { number, id, name, kid, algorithm, key, thumbprint, expires_at, created_at, updated_at })
}
