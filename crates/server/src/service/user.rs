//! Users: find, create, change, delete.

use aws_lc_rs::digest::{SHA256, digest};
use keyward_core::{
    Problem, held,
    model::{
        connection::{Connection, PROVIDER},
        consent::ConsentsOf,
        user::{APPLICATION_ENDING, FIELDS_MAX, PASSWORD_MIN, User, UserNumber, lay_over},
    },
    problem::{Conflict, Invalid, Missing, Part, UserRefusal},
    secret::Secret,
};
pub use keyward_store::ledger::user_holdings::Given;
use keyward_store::{
    Change, Error, Tx,
    ledger::{connection, user, user_holdings},
};
use serde_json::{Map, Value, json};

use super::{api::Reference, consent, difference, slug::NAMED, user_permissions, user_roles};
use crate::{app::Call, ids};

/// What somebody wants a new user to be. The form of the fields was checked.
#[derive(Debug)]
pub struct WantedUser {
    /// The name of the connection it belongs to.
    pub connection: String,
    /// Its own part of the id, if it is not to be made up.
    pub id: Option<String>,
    /// How it signs in.
    pub password: Secret,
    /// Everything else.
    pub fields: Map<String, Value>,
}

/// What somebody wants to change about a user. The form of the fields was checked.
#[derive(Debug)]
pub struct UserChange {
    /// The name of the connection that the user is thought to belong to.
    pub connection: Option<String>,
    /// Another password.
    pub password: Option<Secret>,
    /// Laid over the fields there are.
    pub fields: Map<String, Value>,
    /// The fields that it must still have.
    pub seen: Option<Map<String, Value>>,
}

/// What an entry of the audit log says of a user.
fn describe(user: &User) -> Map<String, Value> {
    let mut seen = user.fields.clone();
    seen.insert("user_id".to_owned(), user.id.clone().into());
    seen.insert("connection".to_owned(), user.connection_name.clone().into());
    seen
}

/// The user that a caller names.
pub(crate) async fn locate(tx: &mut Tx<'_>, call: &Call, reference: &Reference) -> Result<User, Error> {
    for text in reference {
        if let Some(found) = user::find(tx, call.workspace, text).await? {
            return Ok(found);
        }
    }
    Err(Problem::NotFound(Missing::User).into())
}

/// The user that a caller names.
///
/// # Errors
/// [`Problem::NotFound`].
pub async fn get(call: &Call, reference: Reference) -> Result<User, Problem> {
    let work = call.clone();
    let read = call.app.store.read_briefly(move |tx| Box::pin(async move { locate(tx, &work, &reference).await }));
    Ok(read.await?)
}

/// What a user was given, with what is deleted by now.
///
/// # Errors
/// [`Problem::NotFound`].
pub async fn given(call: &Call, reference: Reference) -> Result<Given, Problem> {
    let work = call.clone();
    let read = call.app.store.read_briefly(move |tx| {
        Box::pin(async move {
            let user = locate(tx, &work, &reference).await?;
            user_holdings::of_user(tx, user.number).await
        })
    });
    Ok(read.await?)
}

/// The users with this email.
///
/// # Errors
/// Why the store can't be read.
pub async fn find_by_email(call: &Call, email: String) -> Result<Vec<User>, Problem> {
    let workspace = call.workspace;
    let read = call
        .app
        .store
        .read_briefly(move |tx| Box::pin(async move { user::find_by_email(tx, workspace, &email).await }));
    Ok(read.await?)
}

/// Creates a user.
///
/// # Errors
/// [`Problem::User`] when the connection does not take it, [`Problem::Conflict`] when there is one with its id, email or
/// username, [`Problem::Invalid`].
pub async fn create(call: &Call, wanted: WantedUser) -> Result<User, Problem> {
    if wanted.id.as_ref().is_some_and(|id| id.ends_with(APPLICATION_ENDING)) {
        let detail = format!("A user's id can't end with {APPLICATION_ENDING}, as those of applications do");
        return Err(Problem::Invalid(Invalid::property(Part::Body, "user_id", detail)));
    }
    let mut fields = Map::new();
    lay_over(&mut fields, with_lower_case_email(wanted.fields));
    complete(&mut fields)?;
    check_size(&fields)?;
    let password = hashed(call, wanted.password).await?;
    let own = wanted.id.unwrap_or_else(|| ids::object_id(call.app.entropy.as_ref(), call.now));
    let (id, name) = (format!("{PROVIDER}|{own}"), wanted.connection);
    let work = call.clone();
    let (user, _) = call
        .app
        .change(move |change| {
            Box::pin(async move {
                let connection = connection_named(change, &work, &name).await?;
                check_username(&connection, &fields)?;
                let user = User {
                    number: UserNumber(0),
                    workspace: work.workspace,
                    connection: connection.number,
                    connection_name: connection.name,
                    id,
                    fields,
                    created_at: work.now,
                    updated_at: work.now,
                };
                let known = user::find(change.tx(), work.workspace, &user.id).await?.is_some();
                if known || user::is_taken(change.tx(), &user).await? {
                    return Err(Problem::Conflict(Conflict::User).into());
                }
                let user = user::insert(change, user, Some(&password)).await?;
                let seen = Value::Object(describe(&user));
                Ok((user, work.audit(seen.clone(), Value::Null, seen)))
            })
        })
        .await?;
    Ok(user)
}

/// Changes a user: what is not sent stays.
///
/// # Errors
/// [`Problem::NotFound`]; [`Problem::Stale`] when it is not what was seen; as [`create`].
pub async fn update(call: &Call, reference: Reference, wanted: UserChange) -> Result<User, Problem> {
    let password = match wanted.password {
        Some(password) => Some(hashed(call, password).await?),
        None => None,
    };
    let (named, mut sent) = (wanted.connection, with_lower_case_email(wanted.fields));
    let work = call.clone();
    let (user, _) = call
        .app
        .change(move |change| {
            Box::pin(async move {
                let before = locate(change.tx(), &work, &reference).await?;
                if named.is_some_and(|name| name != before.connection_name) {
                    return Err(Problem::User(UserRefusal::Connection).into());
                }
                if wanted.seen.is_some_and(|seen| seen != before.fields) {
                    let current = work.app.view().snapshot.revision();
                    return Err(Problem::Stale { sent: "what was shown".to_owned(), current }.into());
                }
                // Nobody has verified another address.
                let other_email = sent.get("email").is_some_and(|email| before.fields.get("email") != Some(email));
                if other_email && !sent.contains_key("email_verified") {
                    sent.insert("email_verified".to_owned(), false.into());
                }
                let mut after = before.clone();
                lay_over(&mut after.fields, sent);
                if after.fields == before.fields && password.is_none() {
                    let draft = work.audit(Value::Object(describe(&after)), Value::Null, Value::Null);
                    return Ok((after, draft));
                }
                check_size(&after.fields)?;
                if after.fields.get("username") != before.fields.get("username") {
                    let connection = connection_named(change, &work, &after.connection_name).await?;
                    check_username(&connection, &after.fields)?;
                }
                if user::is_taken(change.tx(), &after).await? {
                    return Err(Problem::Conflict(Conflict::User).into());
                }
                after.updated_at = work.now;
                user::update(change, &after, password.as_deref()).await?;
                let (old, mut new) = difference::fields(&before.fields, &after.fields);
                if password.is_some() {
                    new["password"] = "[changed]".into();
                }
                let draft = work.audit(Value::Object(describe(&after)), old, new);
                Ok((after, draft))
            })
        })
        .await?;
    Ok(user)
}

/// Deletes a user with all that it holds. One that does not exist is deleted already.
///
/// # Errors
/// Why it could not be done.
pub async fn delete(call: &Call, reference: Reference) -> Result<(), Problem> {
    match get(call, reference.clone()).await {
        Err(Problem::NotFound(_)) => return call.app.shown_everywhere().await,
        Err(problem) => return Err(problem),
        Ok(_) => {}
    }
    let work = call.clone();
    call.app
        .change(move |change| {
            Box::pin(async move {
                let user = match locate(change.tx(), &work, &reference).await {
                    // Somebody else was quicker.
                    Err(Error::Refused(_)) => return Ok(((), None)),
                    found => found?,
                };
                let given = user_holdings::of_user(change.tx(), user.number).await?;
                user::delete(change, &user).await?;
                let consents = consent::take_away(change, &work, &ConsentsOf::User(user.id.clone())).await?;
                let mut before = describe(&user);
                before.extend(lost(&work, &given));
                if consents["count"] != 0 {
                    before.insert("grants".to_owned(), consents);
                }
                Ok(((), Some(work.audit(Value::Null, Value::Object(before), Value::Null))))
            })
        })
        .await?;
    Ok(())
}

/// What a user that goes held: how much, and the first of it.
fn lost(call: &Call, given: &Given) -> Map<String, Value> {
    let view = call.app.view();
    let roles = held::named(&view.snapshot, &given.role_numbers());
    let direct = held::with_sources(&view.snapshot, &[], &given.permission_numbers());
    let mut seen = Map::new();
    let first: Vec<Value> = roles.iter().take(NAMED).map(|role| user_roles::describe(role)).collect();
    seen.insert("roles".to_owned(), json!({ "count": roles.len(), "first": first }));
    let first = direct.iter().take(NAMED);
    let first: Vec<Value> =
        first.map(|held| user_permissions::describe(&held.api.api.identifier, held.permission)).collect();
    seen.insert("permissions".to_owned(), json!({ "count": direct.len(), "first": first }));
    seen
}

async fn connection_named(change: &mut Change<'_>, call: &Call, name: &str) -> Result<Connection, Error> {
    let all = connection::list(change.tx(), call.workspace).await?;
    let found = all.into_iter().find(|connection| connection.name == name);
    found.ok_or_else(|| Problem::User(UserRefusal::Connection).into())
}

fn check_username(connection: &Connection, fields: &Map<String, Value>) -> Result<(), Problem> {
    match (connection.has_usernames(), fields.contains_key("username")) {
        (false, true) => Err(Problem::User(UserRefusal::Username)),
        (true, false) => Err(Problem::Invalid(Invalid::whole(Part::Body, "Missing required property: username"))),
        _ => Ok(()),
    }
}

/// Each user's fields are read whole, so they may not grow without an end.
fn check_size(fields: &Map<String, Value>) -> Result<(), Problem> {
    let length = serde_json::to_string(fields).map_or(0, |text| text.len());
    if length <= FIELDS_MAX {
        return Ok(());
    }
    let detail = format!("The user would be too large: {length} bytes, maximum {FIELDS_MAX}");
    Err(Problem::Invalid(Invalid::whole(Part::Body, detail)))
}

async fn hashed(call: &Call, password: Secret) -> Result<String, Problem> {
    if password.expose_text().is_none_or(|text| text.chars().count() < PASSWORD_MIN) {
        return Err(Problem::User(UserRefusal::WeakPassword));
    }
    call.app.passwords.hash(call.app.entropy.as_ref(), password).await
}

fn with_lower_case_email(mut fields: Map<String, Value>) -> Map<String, Value> {
    if let Some(Value::String(email)) = fields.get_mut("email") {
        *email = email.to_lowercase();
    }
    fields
}

/// Adds what every new user has (contract: users).
fn complete(fields: &mut Map<String, Value>) -> Result<(), Problem> {
    let text = |name: &str| fields.get(name).and_then(Value::as_str).map(str::to_owned);
    let email = text("email");
    let Some(called) = email.clone().or_else(|| text("username")).or_else(|| text("phone_number")) else {
        return Err(Problem::Invalid(Invalid::whole(Part::Body, "Missing required property: email")));
    };
    let mut set = |name: &str, value: Value| {
        if !fields.contains_key(name) {
            fields.insert(name.to_owned(), value);
        }
    };
    let local = called.split('@').next().unwrap_or_default().to_owned();
    set("name", called.clone().into());
    set("nickname", local.into());
    if let Some(email) = email {
        set("email_verified", false.into());
        let hash = ids::hex(digest(&SHA256, email.as_bytes()).as_ref());
        set("picture", format!("https://www.gravatar.com/avatar/{hash}?s=480&r=pg&d=mp").into());
    }
    Ok(())
}
