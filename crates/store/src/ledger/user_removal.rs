//! All users of a connection, and all that they have, at once.
//!
//! Each statement looks through all users once: there is no index by connection, since nothing else would use it.

use keyward_core::model::connection::Connection;

use crate::{
    Error,
    engine::{Row, Sql, Value},
    writer::Change,
};

const COUNT_ROLES: Sql = Sql("SELECT COUNT(*) FROM user_roles WHERE user_number IN \
     (SELECT number FROM users WHERE workspace = $1 AND connection = $2)");
const COUNT_PERMISSIONS: Sql = Sql("SELECT COUNT(*) FROM user_permissions WHERE user_number IN \
     (SELECT number FROM users WHERE workspace = $1 AND connection = $2)");
const COUNT_CONSENTS: Sql = Sql("SELECT COUNT(*) FROM consents WHERE workspace = $1 AND user_id IN \
     (SELECT id FROM users WHERE workspace = $1 AND connection = $2)");
const COUNT: Sql = Sql("SELECT COUNT(*) FROM users WHERE workspace = $1 AND connection = $2");
const FIRST: Sql = Sql("SELECT id FROM users WHERE workspace = $1 AND connection = $2 ORDER BY number LIMIT $3");
const REMOVE_ROLES: Sql = Sql("DELETE FROM user_roles WHERE user_number IN \
     (SELECT number FROM users WHERE workspace = $1 AND connection = $2)");
const REMOVE_PERMISSIONS: Sql = Sql("DELETE FROM user_permissions WHERE user_number IN \
     (SELECT number FROM users WHERE workspace = $1 AND connection = $2)");
// What was consented to, the store deletes by itself.
const REMOVE_CONSENTS: Sql = Sql("DELETE FROM consents WHERE workspace = $1 AND user_id IN \
     (SELECT id FROM users WHERE workspace = $1 AND connection = $2)");
const REMOVE: Sql = Sql("DELETE FROM users WHERE workspace = $1 AND connection = $2");

/// What went with a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gone {
    /// How many users.
    pub users: i64,
    /// The ids of the first of them.
    pub first: Vec<String>,
    /// How many roles they had, each counted as often as somebody had it.
    pub roles: i64,
    /// The same of the permissions of their own.
    pub permissions: i64,
    /// How many consents of theirs.
    pub consents: i64,
}

/// Deletes all users of a connection with all that they have, so that nothing is left for others with the same ids. Says
/// how much that was, and names at most so many.
pub async fn of_connection(change: &mut Change<'_>, connection: &Connection, named: i64) -> Result<Gone, Error> {
    let (workspace, number) = (connection.workspace.0, connection.number.0);
    let of: [Value; 2] = [workspace.into(), number.into()];
    let tx = change.tx();
    let mut counts = [0; 4];
    for (sql, count) in [COUNT, COUNT_ROLES, COUNT_PERMISSIONS, COUNT_CONSENTS].into_iter().zip(&mut counts) {
        let rows = tx.query(sql, &of).await?;
        *count = rows.into_iter().next().ok_or_else(|| Error::inconsistent("users", "no count"))?.int()?;
    }
    let [users, roles, permissions, consents] = counts;
    let rows = tx.query(FIRST, &[workspace.into(), number.into(), named.into()]).await?;
    let first = rows.into_iter().map(|row: Row| row.of("users").text()).collect::<Result<_, _>>()?;
    for sql in [REMOVE_ROLES, REMOVE_PERMISSIONS, REMOVE_CONSENTS, REMOVE] {
        tx.query(sql, &of).await?;
    }
    Ok(Gone { users, first, roles, permissions, consents })
}
