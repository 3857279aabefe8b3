//! Which roles and permissions users have, and which users have them.

use keyward_core::{
    model::{
        permission::PermissionNumber,
        role::RoleNumber,
        user::{User, UserNumber},
    },
    time::Timestamp,
};

use super::user::decode;
use crate::{
    Error,
    engine::{Row, Sql, Tx},
    keys::holder::Holding,
    writer::{Change, Kind},
};

const ROLES: Sql = Sql("SELECT h.role, r.deleted_at IS NULL FROM user_roles h JOIN roles r ON r.number = h.role \
     WHERE h.user_number = $1 ORDER BY h.role");
const PERMISSIONS: Sql =
    Sql("SELECT h.permission, p.deleted_at IS NULL AND a.deleted_at IS NULL FROM user_permissions h \
     JOIN permissions p ON p.number = h.permission JOIN apis a ON a.number = p.api \
     WHERE h.user_number = $1 ORDER BY h.permission");
const ADD_ROLE: Sql = Sql("INSERT INTO user_roles (user_number, role, assigned_at) VALUES ($1, $2, $3)");
const REMOVE_ROLE: Sql = Sql("DELETE FROM user_roles WHERE user_number = $1 AND role = $2");
const ADD_PERMISSION: Sql =
    Sql("INSERT INTO user_permissions (user_number, permission, assigned_at) VALUES ($1, $2, $3)");
const REMOVE_PERMISSION: Sql = Sql("DELETE FROM user_permissions WHERE user_number = $1 AND permission = $2");
const REMOVE_ROLES: Sql = Sql("DELETE FROM user_roles WHERE user_number = $1");
const REMOVE_PERMISSIONS: Sql = Sql("DELETE FROM user_permissions WHERE user_number = $1");
const COUNT_OF_ROLE: Sql = Sql("SELECT COUNT(*) FROM user_roles WHERE role = $1");
const COUNT_OF_PERMISSION: Sql = Sql("SELECT COUNT(*) FROM user_permissions WHERE permission = $1");
const FIRST_OF_ROLE: Sql = Sql("SELECT u.id FROM user_roles h JOIN users u ON u.number = h.user_number \
     WHERE h.role = $1 ORDER BY h.assigned_at, h.user_number LIMIT $2");
const FIRST_OF_PERMISSION: Sql = Sql("SELECT u.id FROM user_permissions h JOIN users u ON u.number = h.user_number \
     WHERE h.permission = $1 ORDER BY h.user_number LIMIT $2");
// The first condition on the time is the one that the index knows.
const MEMBERS: Sql = Sql("SELECT u.number, u.workspace, u.connection, \
     (SELECT c.name FROM connections c WHERE c.number = u.connection) AS in_connection, u.id, u.fields, u.created_at, u.updated_at, h.assigned_at \
     FROM user_roles h JOIN users u ON u.number = h.user_number WHERE h.role = $1 AND h.assigned_at >= $2 AND (h.assigned_at > $2 OR u.id > $3) \
     ORDER BY h.assigned_at, u.id LIMIT $4 OFFSET $5");

/// What a user was given: each with whether it is still there.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Given {
    /// Roles, by number.
    pub roles: Vec<(RoleNumber, bool)>,
    /// Permissions, by number.
    pub permissions: Vec<(PermissionNumber, bool)>,
}

impl Given {
    /// The numbers of the roles, with those of deleted ones.
    pub fn role_numbers(&self) -> Vec<RoleNumber> {
        self.roles.iter().map(|(number, _)| *number).collect()
    }

    /// The numbers of the permissions, with those of deleted ones.
    pub fn permission_numbers(&self) -> Vec<PermissionNumber> {
        self.permissions.iter().map(|(number, _)| *number).collect()
    }
}

/// What a user was given.
pub async fn of_user(tx: &mut Tx<'_>, user: UserNumber) -> Result<Given, Error> {
    let mut given = Given::default();
    for row in tx.query(ROLES, &[user.0.into()]).await? {
        let mut row = row.of("user_roles");
        given.roles.push((RoleNumber(row.int()?), row.bool()?));
    }
    for row in tx.query(PERMISSIONS, &[user.0.into()]).await? {
        let mut row = row.of("user_permissions");
        given.permissions.push((PermissionNumber(row.int()?), row.bool()?));
    }
    Ok(given)
}

/// Gives a user what it does not have yet.
pub async fn add(change: &mut Change<'_>, user: UserNumber, holdings: &[Holding], now: Timestamp) -> Result<(), Error> {
    change.touch(Kind::User, user.0);
    for holding in holdings {
        let sql = match holding {
            Holding::Role(_) => ADD_ROLE,
            Holding::Permission(_) => ADD_PERMISSION,
            Holding::Api(_) => continue,
        };
        change.tx().query(sql, &[user.0.into(), holding.number().into(), now.0.into()]).await?;
    }
    Ok(())
}

/// Takes from a user what it has.
pub async fn remove(change: &mut Change<'_>, user: UserNumber, holdings: &[Holding]) -> Result<(), Error> {
    change.touch(Kind::User, user.0);
    for holding in holdings {
        let sql = match holding {
            Holding::Role(_) => REMOVE_ROLE,
            Holding::Permission(_) => REMOVE_PERMISSION,
            Holding::Api(_) => continue,
        };
        change.tx().query(sql, &[user.0.into(), holding.number().into()]).await?;
    }
    Ok(())
}

pub(super) async fn remove_all(tx: &mut Tx<'_>, user: UserNumber) -> Result<(), Error> {
    tx.query(REMOVE_ROLES, &[user.0.into()]).await?;
    tx.query(REMOVE_PERMISSIONS, &[user.0.into()]).await?;
    Ok(())
}

/// How many users have it.
pub async fn count(tx: &mut Tx<'_>, holding: Holding) -> Result<i64, Error> {
    let sql = match holding {
        Holding::Role(_) => COUNT_OF_ROLE,
        Holding::Permission(_) => COUNT_OF_PERMISSION,
        Holding::Api(_) => return Ok(0),
    };
    let rows = tx.query(sql, &[holding.number().into()]).await?;
    rows.into_iter().next().ok_or_else(|| Error::inconsistent("users", "no count"))?.int()
}

/// The ids of the first users that have it.
pub async fn first(tx: &mut Tx<'_>, holding: Holding, limit: i64) -> Result<Vec<String>, Error> {
    let sql = match holding {
        Holding::Role(_) => FIRST_OF_ROLE,
        Holding::Permission(_) => FIRST_OF_PERMISSION,
        Holding::Api(_) => return Ok(Vec::new()),
    };
    let rows = tx.query(sql, &[holding.number().into(), limit.into()]).await?;
    rows.into_iter().map(|row: Row| row.of("users").text()).collect()
}

/// The users that have a role, in the order in which they got it, then of their ids: those after this time and id, at
/// most so many, after so many that are passed over. Each with the time.
pub async fn members(
    tx: &mut Tx<'_>,
    role: RoleNumber,
    (at, id): (Timestamp, &str),
    (offset, limit): (i64, i64),
) -> Result<Vec<(User, Timestamp)>, Error> {
    let values = [role.0.into(), at.0.into(), id.into(), limit.into(), offset.into()];
    let rows = tx.query(MEMBERS, &values).await?;
    rows.into_iter()
        .map(|row| {
            let mut row = row.of("users");
            let user = decode(&mut row)?;
            Ok((user, Timestamp(row.int()?)))
        })
        .collect()
}
