//! Brings the schema up to this program's, forward only.

use keyward_core::time::Timestamp;

use crate::{
    Error,
    engine::{Sql, Tx},
};

/// Every migration ever published, in order. One that was published is never edited.
const MIGRATIONS: &[(i64, &str, &str)] = &[
    (1, "foundation", include_str!("../schema/0001_foundation.sql")),
    (2, "keys", include_str!("../schema/0002_keys.sql")),
    (3, "clients", include_str!("../schema/0003_clients.sql")),
    (4, "users", include_str!("../schema/0004_users.sql")),
    (5, "signing_keys", include_str!("../schema/0005_signing_keys.sql")),
    (6, "credentials", include_str!("../schema/0006_credentials.sql")),
    (7, "tenant", include_str!("../schema/0007_tenant.sql")),
    (8, "log_blocks", include_str!("../schema/0008_log_blocks.sql")),
    (9, "administrators", include_str!("../schema/0009_administrators.sql")),
    (10, "permission_usage", include_str!("../schema/0010_permission_usage.sql")),
    (11, "impact", include_str!("../schema/0011_impact.sql")),
    (12, "log_times", include_str!("../schema/0012_log_times.sql")),
    (13, "connection_clients", include_str!("../schema/0013_connection_clients.sql")),
];

const CREATE: &str = "CREATE TABLE IF NOT EXISTS migrations (version BIGINT PRIMARY KEY, name TEXT NOT NULL, \
                      applied_at BIGINT NOT NULL);--table";
const LAST: Sql = Sql("SELECT COALESCE(MAX(version), 0) FROM migrations");
const RECORD: Sql = Sql("INSERT INTO migrations (version, name, applied_at) VALUES ($1, $2, $3)");

/// Applies what is missing, in one transaction, alone among all nodes.
///
/// # Errors
/// [`Error::NewerSchema`] when a newer program has been here.
pub(crate) async fn migrate(tx: &mut Tx<'_>, now: Timestamp) -> Result<(), Error> {
    tx.begin().await?;
    let result = apply(tx, now).await;
    tx.batch(if result.is_ok() { "COMMIT" } else { "ROLLBACK" }).await?;
    result
}

async fn apply(tx: &mut Tx<'_>, now: Timestamp) -> Result<(), Error> {
    tx.lock_schema().await?;
    tx.define(CREATE).await?;
    let rows = tx.query(LAST, &[]).await?;
    let found = rows.into_iter().next().ok_or_else(|| Error::inconsistent("migrations", "no answer"))?.int()?;
    let known = MIGRATIONS.last().map_or(0, |(version, ..)| *version);
    if found > known {
        return Err(Error::NewerSchema { found, known });
    }
    for (version, name, text) in MIGRATIONS.iter().filter(|(version, ..)| *version > found) {
        tx.define(text).await?;
        tx.query(RECORD, &[(*version).into(), (*name).into(), now.0.into()]).await?;
    }
    Ok(())
}
