//! What was answered to requests that may be sent again.

use keyward_core::{
    model::WorkspaceNumber,
    secret::Secret,
    time::{Entropy, Timestamp},
};

use crate::{
    Error,
    engine::{Sql, Tx},
    sealing::MasterKey,
};

const FIND: Sql =
    Sql("SELECT operation, fingerprint, outcome FROM idempotency WHERE workspace = $1 AND root_key = $2 AND key = $3 \
     AND created_at > $4");
const REMEMBER: Sql =
    Sql("INSERT INTO idempotency (workspace, root_key, key, operation, fingerprint, outcome, created_at) \
     VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (workspace, root_key, key) DO UPDATE SET operation = $4, \
     fingerprint = $5, outcome = $6, created_at = $7");
const FORGET: Sql = Sql("DELETE FROM idempotency WHERE created_at <= $1");

/// How long an answer is remembered, in milliseconds: a day.
pub const RETENTION: i64 = 24 * 60 * 60 * 1000;

/// Which request it is: of a root key, under a key that its caller chose.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Repeatable {
    /// The workspace.
    pub workspace: WorkspaceNumber,
    /// The number of the root key.
    pub root_key: i64,
    /// What the caller calls the request.
    pub key: String,
    /// The operation.
    pub operation: &'static str,
    /// The SHA-256 of the body.
    pub fingerprint: [u8; 32],
}

/// What is known of a request.
#[derive(Debug)]
pub enum Earlier {
    /// It was not carried out, or too long ago.
    Unknown,
    /// It was carried out, and this came of it.
    Done(Secret),
    /// Another request was carried out under the same key.
    Other,
}

fn place(request: &Repeatable) -> String {
    format!("idempotency/{}/{}", request.root_key, request.key)
}

/// What came of this request when it was sent before.
pub async fn find(tx: &mut Tx<'_>, request: &Repeatable, master: &MasterKey, now: Timestamp) -> Result<Earlier, Error> {
    let since = now.0 - RETENTION;
    let values = [request.workspace.0.into(), request.root_key.into(), (&request.key).into(), since.into()];
    let Some(row) = tx.query(FIND, &values).await?.into_iter().next() else { return Ok(Earlier::Unknown) };
    let mut row = row.of("idempotency");
    if row.text()? != request.operation || row.blob()? != request.fingerprint {
        return Ok(Earlier::Other);
    }
    master.open("idempotency", &place(request), &row.blob()?).map(Earlier::Done)
}

/// Remembers what came of a request, sealed, and forgets what is too old.
pub async fn remember(
    tx: &mut Tx<'_>,
    request: &Repeatable,
    outcome: &Secret,
    (master, entropy): (&MasterKey, &dyn Entropy),
    now: Timestamp,
) -> Result<(), Error> {
    let sealed = master.seal(entropy, &place(request), outcome)?;
    let values = [
        request.workspace.0.into(),
        request.root_key.into(),
        (&request.key).into(),
        request.operation.into(),
        request.fingerprint.to_vec().into(),
        sealed.into(),
        now.0.into(),
    ];
    tx.query(REMEMBER, &values).await?;
    tx.query(FORGET, &[(now.0 - RETENTION).into()]).await.map(drop)
}
