//! Signing keys.

use keyward_core::{
    model::{
        Revision, WorkspaceNumber,
        signing_key::{KeyState, SigningKey},
    },
    secret::Secret,
    snapshot,
    time::{Entropy, Timestamp},
};

use crate::{
    Error,
    engine::{Row, Sql, Tx, Value},
    sealing::MasterKey,
    writer::{Change, Kind, take_numbers},
};

const INSERT: Sql =
    Sql("INSERT INTO signing_keys (number, workspace, kid, state, private, elliptic, certificate, current_since, \
     current_until, revoked_at, revision, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)");
const UPDATE: Sql = Sql(
    "UPDATE signing_keys SET state = $3, elliptic = $4, certificate = $5, current_since = $6, current_until = $7, \
     revoked_at = $8, revision = $9 WHERE workspace = $1 AND number = $2",
);
const ALL: Sql =
    Sql("SELECT number, kid, state, private, elliptic, certificate, current_since, current_until, revoked_at, \
     revision, created_at FROM signing_keys ORDER BY number");
const CHANGED: Sql =
    Sql("SELECT number, kid, state, private, elliptic, certificate, current_since, current_until, revoked_at, \
     revision, created_at FROM signing_keys WHERE number IN \
     (SELECT number FROM changes WHERE kind = 'signing_key' AND revision > $1 AND revision <= $2) ORDER BY number");
const OF_WORKSPACE: Sql =
    Sql("SELECT number, kid, state, private, elliptic, certificate, current_since, current_until, revoked_at, \
     revision, created_at FROM signing_keys WHERE workspace = $1 ORDER BY number");

fn place(kid: &str) -> String {
    format!("signing_keys/{kid}")
}

fn elliptic_place(kid: &str) -> String {
    format!("signing_keys/{kid}/elliptic")
}

/// The workspace's keys, oldest first. Each is opened, so that a foreign master key is found out before anything is
/// written under it.
pub async fn of_workspace(
    tx: &mut Tx<'_>,
    workspace: WorkspaceNumber,
    master: &MasterKey,
) -> Result<Vec<SigningKey>, Error> {
    tx.query(OF_WORKSPACE, &[workspace.0.into()]).await?.into_iter().map(|row| decode(row, master)).collect()
}

/// A number for a key that is about to be stored.
pub async fn next_number(change: &mut Change<'_>) -> Result<i64, Error> {
    take_numbers(change.tx(), "signing_key", 1).await
}

/// Stores a new key, its private halves sealed.
pub async fn insert(
    change: &mut Change<'_>,
    workspace: WorkspaceNumber,
    key: &SigningKey,
    (master, entropy): (&MasterKey, &dyn Entropy),
) -> Result<(), Error> {
    change.touch(Kind::SigningKey, key.number);
    let values = [
        key.number.into(),
        workspace.0.into(),
        (&key.kid).into(),
        key.state.as_str().into(),
        master.seal(entropy, &place(&key.kid), &key.private)?.into(),
        sealed(key, master, entropy)?,
        key.certificate.clone().into(),
        milliseconds(key.current_since),
        milliseconds(key.current_until),
        milliseconds(key.revoked_at),
        key.revision.0.into(),
        key.created_at.0.into(),
    ];
    change.tx().query(INSERT, &values).await?;
    Ok(())
}

/// Stores what a key has become. Its id and its RSA pair never change.
pub async fn update(
    change: &mut Change<'_>,
    workspace: WorkspaceNumber,
    key: &SigningKey,
    (master, entropy): (&MasterKey, &dyn Entropy),
) -> Result<(), Error> {
    change.touch(Kind::SigningKey, key.number);
    let values = [
        workspace.0.into(),
        key.number.into(),
        key.state.as_str().into(),
        sealed(key, master, entropy)?,
        key.certificate.clone().into(),
        milliseconds(key.current_since),
        milliseconds(key.current_until),
        milliseconds(key.revoked_at),
        key.revision.0.into(),
    ];
    change.tx().query(UPDATE, &values).await?;
    Ok(())
}

fn sealed(key: &SigningKey, master: &MasterKey, entropy: &dyn Entropy) -> Result<Value, Error> {
    let seal = |secret: &Secret| master.seal(entropy, &elliptic_place(&key.kid), secret);
    Ok(key.elliptic.as_ref().map(seal).transpose()?.into())
}

fn milliseconds(time: Option<Timestamp>) -> Value {
    time.map(|time| time.0).into()
}

pub(crate) async fn all(tx: &mut Tx<'_>, master: &MasterKey) -> Result<Vec<snapshot::Row>, Error> {
    rows(tx.query(ALL, &[]).await?, master)
}

pub(crate) async fn changed(
    tx: &mut Tx<'_>,
    (since, until): (i64, i64),
    master: &MasterKey,
) -> Result<Vec<snapshot::Row>, Error> {
    rows(tx.query(CHANGED, &[since.into(), until.into()]).await?, master)
}

fn rows(rows: Vec<Row>, master: &MasterKey) -> Result<Vec<snapshot::Row>, Error> {
    let whole = |row| decode(row, master).map(|key| snapshot::Row::SigningKey(key.number, Some(Box::new(key))));
    rows.into_iter().map(whole).collect()
}

fn decode(row: Row, master: &MasterKey) -> Result<SigningKey, Error> {
    let mut row = row.of("signing_keys");
    let number = row.int()?;
    let kid = row.text()?;
    let state = row.text()?;
    let state = KeyState::parse(&state).ok_or_else(|| Error::inconsistent("signing_keys", state))?;
    let private = master.open("signing_keys", &place(&kid), &row.blob()?)?;
    let open = |sealed: Vec<u8>| master.open("signing_keys", &elliptic_place(&kid), &sealed);
    let elliptic = row.blob_or_null()?.map(open).transpose()?;
    Ok(SigningKey {
        number,
        state,
        private,
        elliptic,
        certificate: row.blob_or_null()?,
        current_since: row.int_or_null()?.map(Timestamp),
        current_until: row.int_or_null()?.map(Timestamp),
        revoked_at: row.int_or_null()?.map(Timestamp),
        revision: Revision(row.int()?),
        created_at: Timestamp(row.int()?),
        kid,
    })
}
