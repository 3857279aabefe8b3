//! Administrators: people who use the console.

use keyward_core::{
    model::{
        WorkspaceNumber,
        administrator::{Administrator, AdministratorNumber, AdministratorRole},
    },
    time::Timestamp,
};

use crate::{
    Error,
    engine::{Row, Sql, Tx},
    writer::{Change, take_numbers},
};

const INSERT: Sql =
    Sql("INSERT INTO administrators (number, workspace, id, email, role, password, created_at, updated_at) \
     VALUES ($1, $2, $3, $4, $5, $6, $7, $7)");
const UPDATE: Sql = Sql("UPDATE administrators SET email = $3, role = $4, updated_at = $5 \
     WHERE workspace = $1 AND number = $2");
const SET_PASSWORD: Sql =
    Sql("UPDATE administrators SET password = $3, updated_at = $4 WHERE workspace = $1 AND number = $2");
const DELETE: Sql = Sql("DELETE FROM administrators WHERE workspace = $1 AND number = $2");
const LIST: Sql = Sql("SELECT number, workspace, id, email, role, created_at FROM administrators \
     WHERE workspace = $1 ORDER BY number");
const FIND: Sql = Sql("SELECT number, workspace, id, email, role, created_at FROM administrators \
     WHERE workspace = $1 AND id = $2");
const FIND_BY_EMAIL: Sql = Sql("SELECT number, workspace, id, email, role, created_at FROM administrators \
     WHERE workspace = $1 AND email = $2 AND email <> ''");
const PASSWORD: Sql = Sql("SELECT password FROM administrators WHERE number = $1");
const LAST: Sql = Sql("SELECT last FROM numbers WHERE kind = 'administrator'");

/// A number for an administrator who is about to be made.
pub async fn next_number(change: &mut Change<'_>) -> Result<AdministratorNumber, Error> {
    take_numbers(change.tx(), "administrator", 1).await.map(AdministratorNumber)
}

/// Stores a new administrator, with the hash of a password or without one.
pub async fn insert(change: &mut Change<'_>, new: &Administrator, password: Option<&str>) -> Result<(), Error> {
    let values = [
        new.number.0.into(),
        new.workspace.0.into(),
        (&new.id).into(),
        new.email.as_deref().unwrap_or_default().into(),
        new.role.as_str().into(),
        password.into(),
        new.created_at.0.into(),
    ];
    change.tx().query(INSERT, &values).await?;
    Ok(())
}

/// Stores what an administrator has become.
pub async fn update(change: &mut Change<'_>, after: &Administrator, now: Timestamp) -> Result<(), Error> {
    let values = [
        after.workspace.0.into(),
        after.number.0.into(),
        after.email.as_deref().unwrap_or_default().into(),
        after.role.as_str().into(),
        now.0.into(),
    ];
    change.tx().query(UPDATE, &values).await?;
    Ok(())
}

/// Stores the hash of an administrator's new password.
pub async fn set_password(
    change: &mut Change<'_>,
    of: &Administrator,
    password: &str,
    now: Timestamp,
) -> Result<(), Error> {
    let values = [of.workspace.0.into(), of.number.0.into(), password.into(), now.0.into()];
    change.tx().query(SET_PASSWORD, &values).await?;
    Ok(())
}

/// Deletes an administrator. Sessions and links go with the row.
pub async fn delete(change: &mut Change<'_>, gone: &Administrator) -> Result<(), Error> {
    change.tx().query(DELETE, &[gone.workspace.0.into(), gone.number.0.into()]).await?;
    Ok(())
}

/// Whether there is or ever was one.
pub async fn existed(tx: &mut Tx<'_>) -> Result<bool, Error> {
    let rows = tx.query(LAST, &[]).await?;
    Ok(rows.into_iter().next().ok_or_else(|| Error::inconsistent("numbers", "administrator"))?.int()? > 0)
}

/// All administrators, oldest first.
pub async fn list(tx: &mut Tx<'_>, workspace: WorkspaceNumber) -> Result<Vec<Administrator>, Error> {
    tx.query(LIST, &[workspace.0.into()]).await?.into_iter().map(decode).collect()
}

/// The administrator with this id.
pub async fn find(tx: &mut Tx<'_>, workspace: WorkspaceNumber, id: &str) -> Result<Option<Administrator>, Error> {
    tx.query(FIND, &[workspace.0.into(), id.into()]).await?.into_iter().next().map(decode).transpose()
}

/// The administrator with this address, in lower case.
pub async fn find_by_email(
    tx: &mut Tx<'_>,
    workspace: WorkspaceNumber,
    email: &str,
) -> Result<Option<Administrator>, Error> {
    tx.query(FIND_BY_EMAIL, &[workspace.0.into(), email.into()]).await?.into_iter().next().map(decode).transpose()
}

/// The hash of an administrator's password, if it has one.
pub async fn password(tx: &mut Tx<'_>, number: AdministratorNumber) -> Result<Option<String>, Error> {
    let rows = tx.query(PASSWORD, &[number.0.into()]).await?;
    rows.into_iter().next().map_or(Ok(None), |mut row| row.text_or_null())
}

/// Reads the columns of [`FIND`].
pub(super) fn decode(row: Row) -> Result<Administrator, Error> {
    let mut row = row.of("administrators");
    let (number, workspace, id) = (row.int()?, row.int()?, row.text()?);
    let (email, role) = (row.text()?, row.text()?);
    Ok(Administrator {
        number: AdministratorNumber(number),
        workspace: WorkspaceNumber(workspace),
        id,
        email: (!email.is_empty()).then_some(email),
        role: AdministratorRole::parse(&role).ok_or_else(|| Error::inconsistent("administrators", role))?,
        created_at: Timestamp(row.int()?),
    })
}
