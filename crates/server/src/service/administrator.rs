//! Administrators: who may use the console, and as what.

use std::sync::Arc;

use keyward_core::{
    Problem,
    guessable::is_guessable,
    model::{
        WorkspaceNumber,
        administrator::{Administrator, AdministratorRole, PASSWORD_MAX, PASSWORD_MIN, email},
        log::{Actor, LogDetail, LogDraft, LogType, Origin},
    },
    problem::{Conflict, ConsoleRefusal, Missing},
    secret::Secret,
    time::Timestamp,
};
use keyward_store::{Change, Error, ledger::administrator};
use serde_json::{Value, json};

use super::session::{self, Link};
use crate::{
    app::{App, Call},
    ids,
};

/// Who does what whoever may use the data directory asks for.
const COMMAND_LINE: &str = "keyward";

/// What an entry of the audit log says of an administrator.
pub fn describe(who: &Administrator) -> Value {
    json!({ "id": who.id, "email": who.email, "role": who.role.as_str() })
}

/// What somebody wants a new administrator to be.
#[derive(Debug)]
pub struct WantedAdministrator {
    /// As it was typed.
    pub email: String,
    /// What it may do.
    pub role: AdministratorRole,
    /// How it signs in; none for somebody who gets a link.
    pub password: Option<Secret>,
}

/// A call of whoever may use the data directory: from the command line or at the first start.
pub fn local_call(app: &Arc<App>, action: &'static str) -> Call {
    Call {
        app: Arc::clone(app),
        workspace: WorkspaceNumber::FIRST,
        actor: Arc::new(Actor { client_id: Some(COMMAND_LINE.to_owned()), ..Actor::default() }),
        origin: Arc::new(Origin { request_id: "command".to_owned(), ..Origin::default() }),
        now: app.clock.now(),
        action: (action, 200),
        scopes: keyward_core::access::ManagementScopes::default(),
        root_key: None,
        repeatable: None,
        session: None,
    }
}

/// All administrators, oldest first.
///
/// # Errors
/// Why the store can't be read.
pub async fn list(call: &Call) -> Result<Vec<Administrator>, Problem> {
    let workspace = call.workspace;
    let read = call.app.store.read_briefly(move |tx| Box::pin(administrator::list(tx, workspace)));
    Ok(read.await?)
}

/// Makes an administrator.
///
/// # Errors
/// [`Problem::Console`] for an address or a password that can't be taken; [`Problem::Conflict`] when somebody has the
/// address already.
pub async fn create(call: &Call, wanted: WantedAdministrator) -> Result<Administrator, Problem> {
    let email = checked_email(&wanted.email)?;
    let password = match wanted.password {
        Some(password) => Some(hashed(call, password, &email).await?),
        None => None,
    };
    let work = call.clone();
    let made = call.app.change(move |change| {
        Box::pin(async move {
            refuse_taken(change, &work, &email).await?;
            let made = insert(change, &work, Some(email), wanted.role, password.as_deref()).await?;
            let seen = describe(&made);
            Ok((made, work.audit(seen.clone(), Value::Null, seen)))
        })
    });
    Ok(made.await?.0)
}

/// The owner that the first start makes, with a link by which to sign in; none if there ever was an administrator.
///
/// # Errors
/// Why it can't be made.
pub async fn first(app: &Arc<App>) -> Result<Option<Secret>, Problem> {
    let existed = app.store.read_briefly(|tx| Box::pin(administrator::existed(tx)));
    if existed.await? {
        return Ok(None);
    }
    let work = local_call(app, "Create an administrator");
    let link = Link::new(app.entropy.as_ref());
    let hash = link.hash;
    let made = app.change(move |change| {
        Box::pin(async move {
            // Another node may have started at the same moment.
            if administrator::existed(change.tx()).await? {
                return Ok((false, None));
            }
            let made = insert(change, &work, None, AdministratorRole::Owner, None).await?;
            session::add_link(change, &work, &hash, &made).await?;
            let seen = describe(&made);
            Ok((true, Some(work.audit(seen.clone(), Value::Null, seen))))
        })
    });
    Ok(made.await?.0.then_some(link.text))
}

/// Makes an administrator, with a link by which to sign in once.
///
/// # Errors
/// Those of [`create`].
pub async fn invite(call: &Call, address: &str, role: AdministratorRole) -> Result<(Administrator, Secret), Problem> {
    let (email, work) = (checked_email(address)?, call.clone());
    let link = Link::new(call.app.entropy.as_ref());
    let hash = link.hash;
    let made = call.app.change(move |change| {
        Box::pin(async move {
            refuse_taken(change, &work, &email).await?;
            let made = insert(change, &work, Some(email), role, None).await?;
            session::add_link(change, &work, &hash, &made).await?;
            let seen = describe(&made);
            Ok((made, work.audit(seen.clone(), Value::Null, seen)))
        })
    });
    Ok((made.await?.0, link.text))
}

/// A new link by which the administrator with this id signs in once.
///
/// # Errors
/// [`Problem::NotFound`].
pub async fn link_for(call: &Call, id: String) -> Result<(Administrator, Secret), Problem> {
    let work = call.clone();
    let link = Link::new(call.app.entropy.as_ref());
    let hash = link.hash;
    let made = call.app.change(move |change| {
        Box::pin(async move {
            let who = locked(change, &work, &id).await?;
            session::add_link(change, &work, &hash, &who).await?;
            let draft = work.audit(Value::Null, Value::Null, describe(&who));
            Ok((who, draft))
        })
    });
    Ok((made.await?.0, link.text))
}

/// A new link by which the administrator with this address signs in once, for whoever forgot a password.
///
/// # Errors
/// [`Problem::NotFound`].
pub async fn link(call: &Call, address: &str) -> Result<Secret, Problem> {
    let (work, email) = (call.clone(), address.trim().to_lowercase());
    let link = Link::new(call.app.entropy.as_ref());
    let hash = link.hash;
    let made = call.app.change(move |change| {
        Box::pin(async move {
            let found = administrator::find_by_email(change.tx(), work.workspace, &email).await?;
            let who = match found {
                Some(who) => who,
                // The first one has no address until it says which.
                None if email.is_empty() => nameless(change, &work).await?,
                None => return Err(Problem::NotFound(Missing::Administrator).into()),
            };
            session::add_link(change, &work, &hash, &who).await?;
            Ok(((), work.audit(Value::Null, Value::Null, describe(&who))))
        })
    });
    made.await?;
    Ok(link.text)
}

async fn nameless(change: &mut Change<'_>, call: &Call) -> Result<Administrator, Error> {
    let all = administrator::list(change.tx(), call.workspace).await?;
    all.into_iter().find(|who| who.email.is_none()).ok_or_else(|| Problem::NotFound(Missing::Administrator).into())
}

/// Says what an administrator may do from now on. The last owner stays one: nobody else could make another.
///
/// # Errors
/// [`Problem::NotFound`]; [`Problem::Console`] for the last owner; [`Problem::Stale`] when the role is neither the one
/// that was seen, if one was, nor the new one.
pub async fn set_role(
    call: &Call,
    id: String,
    role: AdministratorRole,
    seen: Option<AdministratorRole>,
) -> Result<(), Problem> {
    let work = call.clone();
    let changed = call.app.change(move |change| {
        Box::pin(async move {
            let before = locked(change, &work, &id).await?;
            if let Some(seen) = seen.filter(|seen| ![*seen, role].contains(&before.role)) {
                let sent = seen.as_str().to_owned();
                return Err(Problem::Stale { sent, current: change.revision() }.into());
            }
            if before.role == role {
                return Ok(((), None));
            }
            keep_an_owner(change, &work, &before).await?;
            let after = Administrator { role, ..before.clone() };
            administrator::update(change, &after, work.now).await?;
            Ok(((), Some(work.audit(describe(&after), describe(&before), describe(&after)))))
        })
    });
    changed.await?;
    Ok(())
}

/// Deletes an administrator, whose sessions end with it. One that does not exist is deleted already.
///
/// # Errors
/// [`Problem::Console`] for the last owner.
pub async fn delete(call: &Call, id: String) -> Result<(), Problem> {
    let work = call.clone();
    let deleted = call.app.change(move |change| {
        Box::pin(async move {
            let Some(gone) = administrator::find(change.tx(), work.workspace, &id).await? else {
                return Ok(((), None));
            };
            keep_an_owner(change, &work, &gone).await?;
            administrator::delete(change, &gone).await?;
            Ok(((), Some(work.audit(Value::Null, describe(&gone), Value::Null))))
        })
    });
    deleted.await?;
    Ok(())
}

/// Changes how whoever calls, and knows its present password if it has one, signs in: another address, another password,
/// or both. Another password ends its other sessions and its links. Saving without an edit changes nothing.
///
/// # Errors
/// [`Problem::Console`] for what can't be taken; [`Problem::Conflict`] when somebody else has the address.
pub async fn set_credentials(
    call: &Call,
    address: &str,
    present: Secret,
    password: Option<Secret>,
) -> Result<(), Problem> {
    let signed_in = call.session.clone().ok_or(Problem::Console(ConsoleRefusal::SignedOut))?;
    let email = checked_email(address)?;
    if password.is_none() && signed_in.administrator.email.as_ref() == Some(&email) {
        return Ok(());
    }
    let stored = session::check_present_password(call, &signed_in.administrator, present).await?;
    let password = match password {
        Some(password) => Some(hashed(call, password, &email).await?),
        None => None,
    };
    let work = call.clone();
    let changed = call.app.change(move |change| {
        Box::pin(async move {
            let before = locked(change, &work, &signed_in.administrator.id).await?;
            // It may have been changed while it was compared.
            if administrator::password(change.tx(), before.number).await? != stored {
                return Err(Problem::Console(ConsoleRefusal::Password).into());
            }
            if before.email.as_ref() != Some(&email) {
                refuse_taken(change, &work, &email).await?;
            }
            let after = Administrator { email: Some(email), ..before.clone() };
            administrator::update(change, &after, work.now).await?;
            let (old, mut new) = (describe(&before), describe(&after));
            if let Some(password) = &password {
                administrator::set_password(change, &after, password, work.now).await?;
                session::end_others(change, &signed_in).await?;
                new["password"] = "[changed]".into();
            }
            Ok(((), work.audit(describe(&after), old, new)))
        })
    });
    changed.await?;
    Ok(())
}

async fn insert(
    change: &mut Change<'_>,
    call: &Call,
    email: Option<String>,
    role: AdministratorRole,
    password: Option<&str>,
) -> Result<Administrator, Error> {
    let made = Administrator {
        number: administrator::next_number(change).await?,
        workspace: call.workspace,
        id: ids::prefixed(call.app.entropy.as_ref(), "adm"),
        email,
        role,
        created_at: call.now,
    };
    administrator::insert(change, &made, password).await?;
    Ok(made)
}

async fn locked(change: &mut Change<'_>, call: &Call, id: &str) -> Result<Administrator, Error> {
    let found = administrator::find(change.tx(), call.workspace, id).await?;
    found.ok_or_else(|| Problem::NotFound(Missing::Administrator).into())
}

async fn refuse_taken(change: &mut Change<'_>, call: &Call, email: &str) -> Result<(), Error> {
    match administrator::find_by_email(change.tx(), call.workspace, email).await? {
        Some(_) => Err(Problem::Conflict(Conflict::Administrator(email.to_owned())).into()),
        None => Ok(()),
    }
}

async fn keep_an_owner(change: &mut Change<'_>, call: &Call, changed: &Administrator) -> Result<(), Error> {
    let all = administrator::list(change.tx(), call.workspace).await?;
    let another = all.iter().any(|who| who.role == AdministratorRole::Owner && who.number != changed.number);
    if changed.role != AdministratorRole::Owner || another {
        return Ok(());
    }
    let text = "This is the only owner. Make somebody else an owner first.".to_owned();
    Err(Problem::Console(ConsoleRefusal::Field("role", text)).into())
}

fn checked_email(text: &str) -> Result<String, Problem> {
    let refused = || "Enter an e-mail address, such as ada@example.com.".to_owned();
    email(text).ok_or_else(|| Problem::Console(ConsoleRefusal::Field("email", refused())))
}

async fn hashed(call: &Call, password: Secret, email: &str) -> Result<String, Problem> {
    let refused = |text: String| Problem::Console(ConsoleRefusal::Field("password", text));
    let text = password.expose_text().unwrap_or_default();
    if text.chars().count() < PASSWORD_MIN {
        return Err(refused(format!(
            "Use at least {PASSWORD_MIN} characters. A few words that nobody would guess do."
        )));
    }
    if text.len() > PASSWORD_MAX {
        return Err(refused(format!("Use at most {PASSWORD_MAX} bytes.")));
    }
    let local = email.split('@').next().unwrap_or_default();
    if is_guessable(text, &[email, local]) {
        let text = "This would be guessed soon: common words, rows of keys and your address count as one sign each.";
        return Err(refused(text.to_owned()));
    }
    call.app.passwords.hash(call.app.entropy.as_ref(), password).await
}

/// An entry about a session, in the name of whoever signs in or out.
pub(crate) fn session_entry(call: &Call, who: &Administrator, now: Timestamp) -> LogDraft {
    let (description, status) = call.action;
    LogDraft {
        workspace: call.workspace,
        at: now,
        kind: LogType::ManagementChange,
        description: description.to_owned(),
        detail: LogDetail {
            actor: session::actor(who),
            origin: Origin::clone(&call.origin),
            status,
            answer: describe(who),
            ..LogDetail::default()
        },
    }
}
