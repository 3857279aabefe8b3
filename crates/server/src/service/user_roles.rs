//! Which roles users have, from either side.

use keyward_core::{
    Problem,
    model::{role::Role, user::User},
    problem::Missing,
    time::Timestamp,
};
use keyward_store::{
    Change, Error, Tx,
    catalogue::role,
    keys::holder::Holding,
    ledger::{user, user_holdings},
};
use serde_json::{Value, json};

use super::{api::Reference, slug::NAMED, user::locate};
use crate::app::Call;

/// What the Management API puts before a role's id.
const PREFIX: &str = "rol_";

/// A role's id in the words of the Management API.
pub fn role_id(role: &Role) -> String {
    format!("{PREFIX}{}", role.id)
}

/// What an entry of the audit log says of a role.
pub(crate) fn describe(role: &Role) -> Value {
    json!({ "id": role_id(role), "name": role.name })
}

async fn find(tx: &mut Tx<'_>, call: &Call, id: &str) -> Result<Role, Error> {
    let found = match id.strip_prefix(PREFIX) {
        Some(own) => role::find(tx, call.workspace, own).await?,
        None => None,
    };
    found.ok_or_else(|| Problem::NotFound(Missing::Role).into())
}

/// The roles with these ids, each once.
async fn find_all(tx: &mut Tx<'_>, call: &Call, ids: &[String]) -> Result<Vec<Role>, Error> {
    let mut roles: Vec<Role> = Vec::with_capacity(ids.len());
    for id in ids {
        let role = find(tx, call, id).await?;
        if roles.iter().all(|known| known.number != role.number) {
            roles.push(role);
        }
    }
    Ok(roles)
}

/// Gives a user those of the roles that it does not have, and returns them.
async fn give<'r>(
    change: &mut Change<'_>,
    call: &Call,
    user: &User,
    roles: &'r [Role],
) -> Result<Vec<&'r Role>, Error> {
    let given = user_holdings::of_user(change.tx(), user.number).await?;
    let had = given.role_numbers();
    let new: Vec<&Role> = roles.iter().filter(|role| !had.contains(&role.number)).collect();
    if new.is_empty() {
        return Ok(new);
    }
    let (limit, alive) = (call.app.limits.roles_per_user, given.roles.iter().filter(|(_, alive)| *alive).count());
    if limit > 0 && alive + new.len() > limit {
        return Err(Problem::Limit("The user has as many roles as the configuration allows.").into());
    }
    let holdings: Vec<Holding> = new.iter().map(|role| Holding::Role(role.number)).collect();
    user_holdings::add(change, user.number, &holdings, call.now).await?;
    Ok(new)
}

/// Gives a user these roles: all of them or none.
///
/// # Errors
/// [`Problem::NotFound`], [`Problem::Limit`].
pub async fn assign(call: &Call, reference: Reference, ids: Vec<String>) -> Result<(), Problem> {
    let work = call.clone();
    call.app
        .change(move |change| {
            Box::pin(async move {
                let user = locate(change.tx(), &work, &reference).await?;
                let roles = find_all(change.tx(), &work, &ids).await?;
                let new = give(change, &work, &user, &roles).await?;
                let added: Vec<Value> = new.into_iter().map(describe).collect();
                Ok(((), work.audit(Value::Null, Value::Null, said(&user, added))))
            })
        })
        .await?;
    Ok(())
}

/// Takes these roles from a user. One that it does not have is taken already.
///
/// # Errors
/// [`Problem::NotFound`], also when one of the roles does not exist.
pub async fn remove(call: &Call, reference: Reference, ids: Vec<String>) -> Result<(), Problem> {
    let work = call.clone();
    call.app
        .change(move |change| {
            Box::pin(async move {
                let user = locate(change.tx(), &work, &reference).await?;
                let roles = find_all(change.tx(), &work, &ids).await?;
                let had = user_holdings::of_user(change.tx(), user.number).await?.role_numbers();
                let gone: Vec<&Role> = roles.iter().filter(|role| had.contains(&role.number)).collect();
                let holdings: Vec<Holding> = gone.iter().map(|role| Holding::Role(role.number)).collect();
                if !holdings.is_empty() {
                    user_holdings::remove(change, user.number, &holdings).await?;
                }
                let removed: Vec<Value> = gone.into_iter().map(describe).collect();
                Ok(((), work.audit(Value::Null, said(&user, removed), Value::Null)))
            })
        })
        .await?;
    Ok(())
}

/// What an entry says of roles that a user got or lost; nothing if there are none.
fn said(user: &User, roles: Vec<Value>) -> Value {
    if roles.is_empty() {
        return Value::Null;
    }
    json!({ "user_id": user.id, "roles": Value::Array(roles) })
}

/// Gives a role to these users: to all of them or to none.
///
/// # Errors
/// [`Problem::NotFound`], [`Problem::Limit`].
pub async fn assign_to_users(call: &Call, id: String, users: Vec<String>) -> Result<(), Problem> {
    let work = call.clone();
    call.app
        .change(move |change| {
            Box::pin(async move {
                let role = [find(change.tx(), &work, &id).await?];
                let mut new: Vec<String> = Vec::new();
                for id in users {
                    let found = user::find(change.tx(), work.workspace, &id).await?;
                    let user = found.ok_or(Problem::NotFound(Missing::Users))?;
                    if !give(change, &work, &user, &role).await?.is_empty() {
                        new.push(user.id);
                    }
                }
                let after = if new.is_empty() {
                    Value::Null
                } else {
                    let first: Vec<&String> = new.iter().take(NAMED).collect();
                    json!({ "role": describe(&role[0]), "users": {"count": new.len(), "ids": first} })
                };
                Ok(((), work.audit(json!({}), Value::Null, after)))
            })
        })
        .await?;
    Ok(())
}

/// Which members of a role somebody wants to see.
#[derive(Debug)]
pub struct MembersPage {
    /// After the one who got the role at this time and has this id.
    pub after: Option<(Timestamp, String)>,
    /// How many to pass over.
    pub offset: i64,
    /// How many to show.
    pub limit: i64,
    /// Whether all of them are to be counted.
    pub totals: bool,
}

/// Users that have a role, each with the time it got it; and how many there are, if that was asked for.
pub type Members = (Vec<(User, Timestamp)>, Option<i64>);

/// The users that have a role, in the order in which they got it.
///
/// # Errors
/// [`Problem::NotFound`].
pub async fn members(call: &Call, id: String, page: MembersPage) -> Result<Members, Problem> {
    let work = call.clone();
    let read = call.app.store.read(move |tx| {
        Box::pin(async move {
            let role = find(tx, &work, &id).await?.number;
            let (at, id) = page.after.unwrap_or((Timestamp(i64::MIN), String::new()));
            let users = user_holdings::members(tx, role, (at, &id), (page.offset, page.limit)).await?;
            let total = if page.totals { Some(user_holdings::count(tx, Holding::Role(role)).await?) } else { None };
            Ok((users, total))
        })
    });
    Ok(read.await?)
}
