//! Signing keys.

use keyward_core::{
    model::{
        WorkspaceNumber,
        signing_key::{KeyState, SigningKey},
    },
    secret::Secret,
    snapshot,
    time::{Entropy, Timestamp},
};

use crate::{
    Error,
    engine::{Row, Sql, Tx},
    sealing::MasterKey,
    writer::{Change, Kind, take_numbers},
};

const INSERT: Sql = Sql(
    "INSERT INTO signing_keys (number, workspace, kid, state, private, created_at) VALUES ($1, $2, $3, $4, $5, $6)",
);
const ALL: Sql = Sql("SELECT number, kid, state, private, created_at FROM signing_keys ORDER BY number");
const CHANGED: Sql = Sql("SELECT number, kid, state, private, created_at FROM signing_keys WHERE number IN \
     (SELECT number FROM changes WHERE kind = 'signing_key' AND revision > $1 AND revision <= $2) ORDER BY number");
const OF_WORKSPACE: Sql =
    Sql("SELECT number, kid, state, private, created_at FROM signing_keys WHERE workspace = $1 ORDER BY number");

/// A key that was just made.
#[derive(Debug)]
pub struct NewKey {
    /// Its id.
    pub kid: String,
    /// Where it starts in its life.
    pub state: KeyState,
    /// PKCS#8, DER.
    pub private: Secret,
}

fn place(kid: &str) -> String {
    format!("signing_keys/{kid}")
}

/// Whether the workspace has keys. Each is opened, so that a foreign master key is found out before anything is
/// written under it.
pub async fn exist(tx: &mut Tx<'_>, workspace: WorkspaceNumber, master: &MasterKey) -> Result<bool, Error> {
    let rows = tx.query(OF_WORKSPACE, &[workspace.0.into()]).await?;
    let keys: Vec<_> = rows.into_iter().map(|row| decode(row, master)).collect::<Result<_, _>>()?;
    Ok(!keys.is_empty())
}

/// Stores a key, sealed.
pub async fn insert(
    change: &mut Change<'_>,
    workspace: WorkspaceNumber,
    key: &NewKey,
    (master, entropy): (&MasterKey, &dyn Entropy),
    now: Timestamp,
) -> Result<(), Error> {
    let number = take_numbers(change.tx(), "signing_key", 1).await?;
    change.touch(Kind::SigningKey, number);
    let sealed = master.seal(entropy, &place(&key.kid), &key.private)?;
    let values =
        [number.into(), workspace.0.into(), (&key.kid).into(), key.state.as_str().into(), sealed.into(), now.0.into()];
    change.tx().query(INSERT, &values).await?;
    Ok(())
}

pub(crate) async fn all(tx: &mut Tx<'_>, master: &MasterKey) -> Result<Vec<snapshot::Row>, Error> {
    tx.query(ALL, &[]).await?.into_iter().map(|row| decode(row, master)).collect()
}

pub(crate) async fn changed(
    tx: &mut Tx<'_>,
    (since, until): (i64, i64),
    master: &MasterKey,
) -> Result<Vec<snapshot::Row>, Error> {
    tx.query(CHANGED, &[since.into(), until.into()]).await?.into_iter().map(|row| decode(row, master)).collect()
}

fn decode(row: Row, master: &MasterKey) -> Result<snapshot::Row, Error> {
    let mut row = row.of("signing_keys");
    let number = row.int()?;
    let kid = row.text()?;
    let state = row.text()?;
    let state = KeyState::parse(&state).ok_or_else(|| Error::inconsistent("signing_keys", state))?;
    let private = master.open("signing_keys", &place(&kid), &row.blob()?)?;
    let key = SigningKey { number, kid, state, private, created_at: Timestamp(row.int()?) };
    Ok(snapshot::Row::SigningKey(number, Some(Box::new(key))))
}
