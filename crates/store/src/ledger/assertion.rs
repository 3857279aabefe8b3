//! Assertions with which applications have proved who they are: none is good twice (RFC 7523 §3).

use keyward_core::{
    model::{client::ClientNumber, root_key::Hash},
    time::Timestamp,
};

use crate::{
    Error,
    engine::{Sql, Tx},
    writer::Change,
};

// Of several that try at once, on whichever node, one gets a row back; the others wait for its commit and get none.
const USE: Sql = Sql("INSERT INTO used_assertions (jti, client, expires_at) VALUES ($1, $2, $3) \
     ON CONFLICT (jti, client) DO NOTHING RETURNING expires_at");
const FORGET: Sql = Sql("DELETE FROM used_assertions WHERE jti IN \
     (SELECT jti FROM used_assertions WHERE expires_at <= $1 ORDER BY expires_at LIMIT 1000) AND expires_at <= $1");

/// Uses an assertion up: whether this was the first use of it.
pub async fn use_up(tx: &mut Tx<'_>, client: ClientNumber, jti: &Hash, until: Timestamp) -> Result<bool, Error> {
    let rows = tx.query(USE, &[jti.to_vec().into(), client.0.into(), until.0.into()]).await?;
    Ok(!rows.is_empty())
}

/// Forgets assertions that have expired, a thousand at most.
pub async fn forget(change: &mut Change<'_>, now: Timestamp) -> Result<(), Error> {
    change.tx().query(FORGET, &[now.0.into()]).await.map(drop)
}
