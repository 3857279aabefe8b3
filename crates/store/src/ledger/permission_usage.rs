//! Uses of permissions: one row for each permission and day.

use std::collections::{BTreeMap, BTreeSet};

use keyward_core::{
    model::{
        WorkspaceNumber,
        api::ApiNumber,
        permission::PermissionNumber,
        permission_usage::{DayUses, PermissionHistory, UsedBy, User},
    },
    time::{Day, Timestamp},
};

use crate::{
    Error,
    engine::{Sql, Tx, Value},
};

/// About how many permissions one statement asks; whoever asks for less asks for one of them again.
const TOGETHER: usize = 16;

const ADD: Sql = Sql("INSERT INTO permission_usage (permission, day, uses, last_at, last_key, last_client) \
     VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (permission, day) DO UPDATE SET \
     uses = permission_usage.uses + excluded.uses, \
     last_at = CASE WHEN excluded.last_at >= permission_usage.last_at \
     THEN excluded.last_at ELSE permission_usage.last_at END, \
     last_key = CASE WHEN excluded.last_at >= permission_usage.last_at \
     THEN excluded.last_key ELSE permission_usage.last_key END, \
     last_client = CASE WHEN excluded.last_at >= permission_usage.last_at \
     THEN excluded.last_client ELSE permission_usage.last_client END");
const FORGET: Sql =
    Sql("DELETE FROM permission_usage WHERE day < $1 AND EXISTS (SELECT 1 FROM permission_usage later \
     WHERE later.permission = permission_usage.permission AND later.day > permission_usage.day)");
const LAST: Sql = Sql("SELECT u.permission, u.last_at, k.id, u.last_client FROM permission_usage u \
     LEFT JOIN keys k ON k.number = u.last_key \
     WHERE u.permission IN ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16) \
     AND u.day = (SELECT MAX(newest.day) FROM permission_usage newest WHERE newest.permission = u.permission)");
const DAYS: Sql = Sql("SELECT permission, day, uses FROM permission_usage \
     WHERE permission IN ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16) \
     AND day >= $17 AND day <= $18 ORDER BY permission, day");
const USED_SINCE: Sql = Sql("SELECT DISTINCT u.permission FROM permissions p \
     JOIN permission_usage u ON u.permission = p.number \
     WHERE p.workspace = $1 AND p.api = $2 AND u.day >= $3 AND u.last_at >= $4");

/// Adds to what is counted. Several nodes do: their counts add up, and the later last use is the last one.
///
/// # Errors
/// As [`Tx::query`].
pub async fn add(tx: &mut Tx<'_>, uses: &[DayUses]) -> Result<(), Error> {
    let values = |uses: &DayUses| -> Vec<Value> {
        let (key, client) = match &uses.last_by {
            UsedBy::Key(key) => (Some(key.0), None),
            UsedBy::Client(id) => (None, Some(&**id)),
        };
        vec![
            uses.permission.0.into(),
            uses.day.0.into(),
            uses.count.into(),
            uses.last_at.0.into(),
            key.into(),
            client.into(),
        ]
    };
    let rows: Vec<_> = uses.iter().map(values).collect();
    tx.execute_each(ADD, &rows).await
}

/// Forgets days before this one, but for the last one of each permission.
///
/// # Errors
/// As [`Tx::query`].
pub async fn forget(tx: &mut Tx<'_>, before: Day) -> Result<(), Error> {
    tx.query(FORGET, &[before.0.into()]).await.map(drop)
}

/// What is known of these permissions, with the days between two, both included. One that was never used is not there.
///
/// # Errors
/// As [`Tx::query`].
pub async fn histories(
    tx: &mut Tx<'_>,
    permissions: &[PermissionNumber],
    (since, until): (Day, Day),
) -> Result<BTreeMap<PermissionNumber, PermissionHistory>, Error> {
    let mut found: BTreeMap<PermissionNumber, PermissionHistory> = BTreeMap::new();
    for some in permissions.chunks(TOGETHER) {
        let again = std::iter::repeat(&some[0]);
        let mut values: Vec<Value> = some.iter().chain(again).take(TOGETHER).map(|number| number.0.into()).collect();
        for row in tx.query(LAST, &values).await? {
            let mut row = row.of("permission_usage");
            let (permission, at) = (PermissionNumber(row.int()?), Timestamp(row.int()?));
            let user = match (row.text_or_null()?, row.text_or_null()?) {
                (Some(key), _) => User::Key(key),
                (None, client) => User::Client(client.unwrap_or_default()),
            };
            found.entry(permission).or_default().last = Some((at, user));
        }
        values.extend([since.0.into(), until.0.into()]);
        for row in tx.query(DAYS, &values).await? {
            let mut row = row.of("permission_usage");
            let (permission, day) = (PermissionNumber(row.int()?), Day(row.int()?));
            found.entry(permission).or_default().days.push((day, row.int()?));
        }
    }
    Ok(found)
}

/// Those of the API's permissions that were used at this time or later.
///
/// # Errors
/// As [`Tx::query`].
pub async fn used_since(
    tx: &mut Tx<'_>,
    (workspace, api): (WorkspaceNumber, ApiNumber),
    since: Timestamp,
) -> Result<BTreeSet<PermissionNumber>, Error> {
    let values = [workspace.0.into(), api.0.into(), since.day().0.into(), since.0.into()];
    let rows = tx.query(USED_SINCE, &values).await?;
    rows.into_iter().map(|row| row.of("permission_usage").int().map(PermissionNumber)).collect()
}
