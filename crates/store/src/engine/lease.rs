//! What the nodes of one database know of each other: until when each may believe its memory, and how far it has
//! followed. The database's own clock counts, because all nodes share it.

use keyward_core::model::Revision;

use super::{Value, postgres::Postgres};
use crate::Error;

const NOW: &str = "(EXTRACT(EPOCH FROM clock_timestamp()) * 1000)::BIGINT";

/// Says that a node has followed up to this change and may believe its memory for so many milliseconds from now on.
pub(crate) async fn renew(postgres: &Postgres, node: &str, revision: Revision, length: i64) -> Result<(), Error> {
    let sql = format!(
        "INSERT INTO nodes (id, revision, lease_until) VALUES ($1, $2, {NOW} + $3) \
         ON CONFLICT (id) DO UPDATE SET revision = EXCLUDED.revision, lease_until = EXCLUDED.lease_until"
    );
    let values: [Value; 3] = [node.into(), revision.0.into(), length.into()];
    let mut client = postgres.client().await?;
    super::postgres::query(&mut client, &sql, &values).await.map(drop)
}

/// Takes a node off the list, with those that were never heard of again.
pub(crate) async fn leave(postgres: &Postgres, node: &str) -> Result<(), Error> {
    let sql = format!("DELETE FROM nodes WHERE id = $1 OR lease_until < {NOW} - 86400000");
    let mut client = postgres.client().await?;
    super::postgres::query(&mut client, &sql, &[node.into()]).await.map(drop)
}

/// How many other nodes may still believe a memory without this change.
pub(crate) async fn behind(postgres: &Postgres, node: &str, revision: Revision) -> Result<i64, Error> {
    let sql = format!("SELECT COUNT(*) FROM nodes WHERE id <> $1 AND revision < $2 AND lease_until > {NOW}");
    let mut client = postgres.client().await?;
    let rows = super::postgres::query(&mut client, &sql, &[node.into(), revision.0.into()]).await?;
    rows.into_iter().next().ok_or_else(|| Error::inconsistent("nodes", "no count"))?.int()
}
