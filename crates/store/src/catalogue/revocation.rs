//! What was taken away from an API, for whoever verifies its tokens: permissions that were deleted, and signing keys
//! that are not what they were.

use keyward_core::{
    model::{
        Revision, WorkspaceNumber,
        revocation::{KeyNow, Removed, Revocations},
        signing_key::KeyState,
    },
    time::Timestamp,
};

use crate::{
    Error,
    engine::{Row, Sql, Tx, Value},
    follow,
};

// An API that was deleted and one that was made after it are the same audience, so tokens of the first one would do for
// the second. `revision > 0` is there for the index, which has only those.
const REMOVED: Sql =
    Sql("SELECT p.id, p.value, p.deleted_at, p.revision FROM apis a JOIN permissions p ON p.api = a.number \
     WHERE a.workspace = $1 AND a.identifier = $2 AND p.revision > 0 AND p.revision > $3 AND p.deleted_at > $4 \
     ORDER BY p.revision, p.number");
const REMOVED_WITH_THEIR_API: Sql =
    Sql("SELECT p.id, p.value, a.deleted_at, a.revision FROM apis a JOIN permissions p ON p.api = a.number \
     WHERE a.workspace = $1 AND a.identifier = $2 AND a.revision > $3 AND a.deleted_at > $4 \
     AND p.deleted_at IS NULL ORDER BY a.revision, p.number");
const RESTORED: Sql = Sql("SELECT p.id FROM apis a JOIN permissions p ON p.api = a.number \
     WHERE a.workspace = $1 AND a.identifier = $2 AND a.deleted_at IS NULL AND p.revision > 0 AND p.revision > $3 \
     AND p.deleted_at IS NULL ORDER BY p.revision, p.number");
const KEYS: Sql =
    Sql("SELECT kid, state, revision FROM signing_keys WHERE workspace = $1 AND revision > $2 ORDER BY number");

/// What was taken away of the tokens for an audience after `since`, unless it was before `horizon`. One state, and the
/// number of its last change.
pub async fn since(
    tx: &mut Tx<'_>,
    (workspace, audience): (WorkspaceNumber, &str),
    since: Revision,
    horizon: Timestamp,
) -> Result<Revocations, Error> {
    let revision = Revision(follow::revision(tx).await?);
    let (workspace, since) = (Value::from(workspace.0), Value::from(since.0));
    let of_audience = [workspace.clone(), audience.into(), since.clone()];
    let recent = [workspace.clone(), audience.into(), since.clone(), horizon.0.into()];
    let mut removed = Vec::new();
    for sql in [REMOVED, REMOVED_WITH_THEIR_API] {
        for row in tx.query(sql, &recent).await? {
            removed.push(decode(row)?);
        }
    }
    let mut restored = Vec::new();
    for row in tx.query(RESTORED, &of_audience).await? {
        restored.push(row.of("permissions").text()?);
    }
    let mut keys = Vec::new();
    for row in tx.query(KEYS, &[workspace, since]).await? {
        let mut row = row.of("signing_keys");
        let (kid, state) = (row.text()?, row.text()?);
        let state = KeyState::parse(&state).ok_or_else(|| Error::inconsistent("signing_keys", state))?;
        keys.push(KeyNow { kid, state, revision: Revision(row.int()?) });
    }
    Ok(Revocations { revision, removed, restored, keys })
}

fn decode(row: Row) -> Result<Removed, Error> {
    let mut row = row.of("permissions");
    Ok(Removed { id: row.text()?, value: row.text()?, at: Timestamp(row.int()?), revision: Revision(row.int()?) })
}
