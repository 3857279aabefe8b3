//! Users.

use keyward_core::{
    model::{
        WorkspaceNumber,
        connection::ConnectionNumber,
        user::{User, UserNumber, UserOrder, UserPlace},
    },
    time::Timestamp,
};

use super::{connection, user_holdings};
use crate::{
    Error,
    engine::{Row, Sql, Tx, Value},
    writer::{Change, Kind, take_numbers},
};

const INSERT: Sql =
    Sql("INSERT INTO users (number, workspace, connection, id, email, username, name, fields, password, created_at, \
     updated_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $10)");
const UPDATE: Sql =
    Sql("UPDATE users SET email = $3, username = $4, name = $5, fields = $6, password = COALESCE($7, password), \
     updated_at = $8 WHERE workspace = $1 AND number = $2");
const DELETE: Sql = Sql("DELETE FROM users WHERE workspace = $1 AND number = $2");
const FIND: Sql = Sql("SELECT number, workspace, connection, (SELECT c.name FROM connections c \
     WHERE c.number = users.connection) AS in_connection, id, fields, created_at, updated_at FROM users \
     WHERE workspace = $1 AND id = $2");
const FIND_BY_EMAIL: Sql = Sql("SELECT number, workspace, connection, (SELECT c.name FROM connections c \
     WHERE c.number = users.connection) AS in_connection, id, fields, created_at, updated_at FROM users \
     WHERE workspace = $1 AND email = $2 AND email <> '' ORDER BY number");
const EMAIL_TAKEN: Sql =
    Sql("SELECT number FROM users WHERE connection = $1 AND email = $2 AND email <> '' AND number <> $3");
const USERNAME_TAKEN: Sql =
    Sql("SELECT number FROM users WHERE connection = $1 AND username = $2 AND username <> '' AND number <> $3");

/// Stores a new user with the next number and returns it. The password is a PHC string.
pub async fn insert(change: &mut Change<'_>, user: User, password: Option<&str>) -> Result<User, Error> {
    let number = UserNumber(take_numbers(change.tx(), "user", 1).await?);
    let user = User { number, ..user };
    let values = [
        number.0.into(),
        user.workspace.0.into(),
        user.connection.0.into(),
        (&user.id).into(),
        column(&user, UserOrder::Email),
        column(&user, UserOrder::Username),
        column(&user, UserOrder::Name),
        fields(&user)?,
        password.into(),
        user.created_at.0.into(),
    ];
    change.tx().query(INSERT, &values).await?;
    connection::add_users(change.tx(), user.connection, 1).await?;
    Ok(user)
}

/// Stores what a user has become, and another password if there is one.
pub async fn update(change: &mut Change<'_>, user: &User, password: Option<&str>) -> Result<(), Error> {
    change.touch(Kind::User, user.number.0);
    let values = [
        user.workspace.0.into(),
        user.number.0.into(),
        column(user, UserOrder::Email),
        column(user, UserOrder::Username),
        column(user, UserOrder::Name),
        fields(user)?,
        password.into(),
        user.updated_at.0.into(),
    ];
    change.tx().query(UPDATE, &values).await?;
    Ok(())
}

/// Deletes a user with all that it holds: nothing of it is left for another one with the same id.
pub async fn delete(change: &mut Change<'_>, user: &User) -> Result<(), Error> {
    change.touch(Kind::User, user.number.0);
    user_holdings::remove_all(change.tx(), user.number).await?;
    change.tx().query(DELETE, &[user.workspace.0.into(), user.number.0.into()]).await?;
    connection::add_users(change.tx(), user.connection, -1).await
}

/// The user with this id.
pub async fn find(tx: &mut Tx<'_>, workspace: WorkspaceNumber, id: &str) -> Result<Option<User>, Error> {
    tx.query(FIND, &[workspace.0.into(), id.into()]).await?.into_iter().next().map(whole).transpose()
}

/// The users with this email, in whatever connection.
pub async fn find_by_email(tx: &mut Tx<'_>, workspace: WorkspaceNumber, email: &str) -> Result<Vec<User>, Error> {
    tx.query(FIND_BY_EMAIL, &[workspace.0.into(), email.into()]).await?.into_iter().map(whole).collect()
}

/// Whether another user of the connection has the email or the username of this one.
pub async fn is_taken(tx: &mut Tx<'_>, user: &User) -> Result<bool, Error> {
    for (sql, order) in [(EMAIL_TAKEN, UserOrder::Email), (USERNAME_TAKEN, UserOrder::Username)] {
        let values = [user.connection.0.into(), column(user, order), user.number.0.into()];
        if !tx.query(sql, &values).await?.is_empty() {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The column by which users are ordered so.
fn column(user: &User, order: UserOrder) -> Value {
    place(&user.place(order))
}

pub(super) fn place(place: &UserPlace) -> Value {
    match place {
        UserPlace::Time(time) => (*time).into(),
        UserPlace::Text(text) => text.into(),
    }
}

fn fields(user: &User) -> Result<Value, Error> {
    serde_json::to_string(&user.fields).map(Value::from).map_err(|error| Error::Engine(Box::new(error)))
}

pub(super) fn whole(row: Row) -> Result<User, Error> {
    decode(&mut row.of("users"))
}

pub(super) fn decode(row: &mut Row) -> Result<User, Error> {
    Ok(User {
        number: UserNumber(row.int()?),
        workspace: WorkspaceNumber(row.int()?),
        connection: ConnectionNumber(row.int()?),
        connection_name: row.text()?,
        id: row.text()?,
        fields: serde_json::from_str(&row.text()?).map_err(|error| Error::inconsistent("users", error.to_string()))?,
        created_at: Timestamp(row.int()?),
        updated_at: Timestamp(row.int()?),
    })
}
