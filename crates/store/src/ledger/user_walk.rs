//! Users in an order, from one place of it to another: what every list and every search goes through.
//!
//! Each order has an index of its own, so that a piece of it costs what is read of it, however many users there are.
//! What is selected has no name that an order has: PostgreSQL would order by that.

use keyward_core::{
    model::{
        WorkspaceNumber,
        user::{User, UserOrder, UserPlace},
    },
    user_search::Span,
};

use super::user::{place, whole};
use crate::{
    Error,
    engine::{Sql, Tx},
};

const CREATED_AT: Sql = Sql("SELECT number, workspace, connection, (SELECT c.name FROM connections c \
     WHERE c.number = users.connection) AS in_connection, id, fields, created_at, updated_at FROM users \
     WHERE workspace = $1 AND (created_at, number) > ($2, $3) AND created_at <= $4 ORDER BY created_at, number \
     LIMIT $5 OFFSET $6");
const CREATED_AT_DOWN: Sql = Sql("SELECT number, workspace, connection, (SELECT c.name FROM connections c \
     WHERE c.number = users.connection) AS in_connection, id, fields, created_at, updated_at FROM users \
     WHERE workspace = $1 AND (created_at, number) < ($2, $3) AND created_at >= $4 ORDER BY created_at DESC, number DESC \
     LIMIT $5 OFFSET $6");
const UPDATED_AT: Sql = Sql("SELECT number, workspace, connection, (SELECT c.name FROM connections c \
     WHERE c.number = users.connection) AS in_connection, id, fields, created_at, updated_at FROM users \
     WHERE workspace = $1 AND (updated_at, number) > ($2, $3) AND updated_at <= $4 ORDER BY updated_at, number \
     LIMIT $5 OFFSET $6");
const UPDATED_AT_DOWN: Sql = Sql("SELECT number, workspace, connection, (SELECT c.name FROM connections c \
     WHERE c.number = users.connection) AS in_connection, id, fields, created_at, updated_at FROM users \
     WHERE workspace = $1 AND (updated_at, number) < ($2, $3) AND updated_at >= $4 ORDER BY updated_at DESC, number DESC \
     LIMIT $5 OFFSET $6");
const ID: Sql = Sql("SELECT number, workspace, connection, (SELECT c.name FROM connections c \
     WHERE c.number = users.connection) AS in_connection, id, fields, created_at, updated_at FROM users \
     WHERE workspace = $1 AND (id, number) > ($2, $3) AND id <= $4 ORDER BY id, number \
     LIMIT $5 OFFSET $6");
const ID_DOWN: Sql = Sql("SELECT number, workspace, connection, (SELECT c.name FROM connections c \
     WHERE c.number = users.connection) AS in_connection, id, fields, created_at, updated_at FROM users \
     WHERE workspace = $1 AND (id, number) < ($2, $3) AND id >= $4 ORDER BY id DESC, number DESC \
     LIMIT $5 OFFSET $6");
const EMAIL: Sql = Sql("SELECT number, workspace, connection, (SELECT c.name FROM connections c \
     WHERE c.number = users.connection) AS in_connection, id, fields, created_at, updated_at FROM users \
     WHERE workspace = $1 AND (email, number) > ($2, $3) AND email <= $4 ORDER BY email, number \
     LIMIT $5 OFFSET $6");
const EMAIL_DOWN: Sql = Sql("SELECT number, workspace, connection, (SELECT c.name FROM connections c \
     WHERE c.number = users.connection) AS in_connection, id, fields, created_at, updated_at FROM users \
     WHERE workspace = $1 AND (email, number) < ($2, $3) AND email >= $4 ORDER BY email DESC, number DESC \
     LIMIT $5 OFFSET $6");
const USERNAME: Sql = Sql("SELECT number, workspace, connection, (SELECT c.name FROM connections c \
     WHERE c.number = users.connection) AS in_connection, id, fields, created_at, updated_at FROM users \
     WHERE workspace = $1 AND (username, number) > ($2, $3) AND username <= $4 ORDER BY username, number \
     LIMIT $5 OFFSET $6");
const USERNAME_DOWN: Sql = Sql("SELECT number, workspace, connection, (SELECT c.name FROM connections c \
     WHERE c.number = users.connection) AS in_connection, id, fields, created_at, updated_at FROM users \
     WHERE workspace = $1 AND (username, number) < ($2, $3) AND username >= $4 ORDER BY username DESC, number DESC \
     LIMIT $5 OFFSET $6");
const NAME: Sql = Sql("SELECT number, workspace, connection, (SELECT c.name FROM connections c \
     WHERE c.number = users.connection) AS in_connection, id, fields, created_at, updated_at FROM users \
     WHERE workspace = $1 AND (name, number) > ($2, $3) AND name <= $4 ORDER BY name, number \
     LIMIT $5 OFFSET $6");
const NAME_DOWN: Sql = Sql("SELECT number, workspace, connection, (SELECT c.name FROM connections c \
     WHERE c.number = users.connection) AS in_connection, id, fields, created_at, updated_at FROM users \
     WHERE workspace = $1 AND (name, number) < ($2, $3) AND name >= $4 ORDER BY name DESC, number DESC \
     LIMIT $5 OFFSET $6");

/// A way through users in one order.
#[derive(Debug)]
pub struct Walk {
    sql: Sql,
    order: UserOrder,
    /// After the last user that was read.
    at: (UserPlace, i64),
    end: UserPlace,
}

impl Walk {
    /// From the first place of a piece to the last one, or back from the last one.
    pub fn new(span: Span, down: bool) -> Self {
        let sql = match (span.order, down) {
            (UserOrder::CreatedAt, false) => CREATED_AT,
            (UserOrder::CreatedAt, true) => CREATED_AT_DOWN,
            (UserOrder::UpdatedAt, false) => UPDATED_AT,
            (UserOrder::UpdatedAt, true) => UPDATED_AT_DOWN,
            (UserOrder::Id, false) => ID,
            (UserOrder::Id, true) => ID_DOWN,
            (UserOrder::Email, false) => EMAIL,
            (UserOrder::Email, true) => EMAIL_DOWN,
            (UserOrder::Username, false) => USERNAME,
            (UserOrder::Username, true) => USERNAME_DOWN,
            (UserOrder::Name, false) => NAME,
            (UserOrder::Name, true) => NAME_DOWN,
        };
        let (at, end) = if down { ((span.last, i64::MAX), span.first) } else { ((span.first, i64::MIN), span.last) };
        Self { sql, order: span.order, at, end }
    }

    /// The next users, at most so many, after so many that are passed over.
    pub async fn next(
        &mut self,
        tx: &mut Tx<'_>,
        workspace: WorkspaceNumber,
        (offset, limit): (i64, i64),
    ) -> Result<Vec<User>, Error> {
        let values =
            [workspace.0.into(), place(&self.at.0), self.at.1.into(), place(&self.end), limit.into(), offset.into()];
        let users: Vec<User> = tx.query(self.sql, &values).await?.into_iter().map(whole).collect::<Result<_, _>>()?;
        if let Some(last) = users.last() {
            self.at = (last.place(self.order), last.number.0);
        }
        Ok(users)
    }
}
