//! Which permissions users have directly.

use std::{collections::HashMap, sync::Arc};

use keyward_core::{
    Problem,
    model::{permission::Permission, user::User},
    problem::{Missing, UserRefusal},
};
use keyward_store::{Error, Tx, catalogue, keys::holder::Holding, ledger::user_holdings};
use serde_json::{Value, json};

use super::{api::Reference, slug::NAMED, user::locate};
use crate::app::Call;

/// A permission as callers name it: the API's identifier and the permission's value.
pub type Pair = (String, String);

/// A permission that was found, with its API's identifier.
type Named = (String, Arc<Permission>);

/// What an entry of the audit log says of a permission.
pub(crate) fn describe(identifier: &str, permission: &Permission) -> Value {
    json!({ "id": permission.id, "resource_server_identifier": identifier, "value": permission.value.as_str() })
}

/// The permissions that these pairs name, each once, and what is not there.
async fn find_all(tx: &mut Tx<'_>, call: &Call, pairs: Vec<Pair>) -> Result<(Vec<Named>, Option<Missing>), Error> {
    let mut apis: HashMap<String, Option<Vec<Arc<Permission>>>> = HashMap::new();
    let (mut found, mut missing): (Vec<Named>, Option<Missing>) = (Vec::new(), None);
    for (identifier, value) in pairs {
        if !apis.contains_key(&identifier) {
            let master = call.app.store.master();
            let api = catalogue::api::find_by_identifier(tx, call.workspace, &identifier, master).await?;
            let permissions = match api {
                Some(api) => Some(catalogue::permission::of_api(tx, call.workspace, api.number).await?),
                None => None,
            };
            apis.insert(identifier.clone(), permissions);
        }
        let Some(permissions) = apis.get(&identifier).and_then(Option::as_ref) else {
            missing.get_or_insert(Missing::Api);
            continue;
        };
        match permissions.iter().find(|permission| permission.value.as_str() == value) {
            Some(permission) if found.iter().any(|(_, known)| known.number == permission.number) => {}
            Some(permission) => found.push((identifier, Arc::clone(permission))),
            None => {
                missing.get_or_insert(Missing::Permission(identifier, value));
            }
        }
    }
    Ok((found, missing))
}

/// What an entry says of permissions that a user got or lost; nothing if there are none.
fn said(user: &User, permissions: &[Named]) -> Value {
    if permissions.is_empty() {
        return Value::Null;
    }
    let first = permissions.iter().take(NAMED);
    let first: Vec<Value> = first.map(|(identifier, permission)| describe(identifier, permission)).collect();
    json!({ "user_id": user.id, "permissions": {"count": permissions.len(), "first": first} })
}

fn holdings(permissions: &[Named]) -> Vec<Holding> {
    permissions.iter().map(|(_, permission)| Holding::Permission(permission.number)).collect()
}

/// Gives a user these permissions: all of them or none.
///
/// # Errors
/// [`Problem::NotFound`]; [`Problem::User`] when it would have too many.
pub async fn assign(call: &Call, reference: Reference, pairs: Vec<Pair>) -> Result<(), Problem> {
    let work = call.clone();
    call.app
        .change(move |change| {
            Box::pin(async move {
                let user = locate(change.tx(), &work, &reference).await?;
                let (mut new, missing) = find_all(change.tx(), &work, pairs).await?;
                if let Some(missing) = missing {
                    return Err(Problem::NotFound(missing).into());
                }
                let given = user_holdings::of_user(change.tx(), user.number).await?;
                let had = given.permission_numbers();
                new.retain(|(_, permission)| had.binary_search(&permission.number).is_err());
                let alive = given.permissions.iter().filter(|(_, alive)| *alive).count();
                let limit = work.app.limits.permissions_per_user;
                if limit > 0 && !new.is_empty() && alive + new.len() > limit {
                    return Err(Problem::User(UserRefusal::Permissions).into());
                }
                if !new.is_empty() {
                    user_holdings::add(change, user.number, &holdings(&new), work.now).await?;
                }
                Ok(((), work.audit(json!({}), Value::Null, said(&user, &new))))
            })
        })
        .await?;
    Ok(())
}

/// Takes these permissions from a user. What it does not have, or what does not exist, is taken already.
///
/// # Errors
/// [`Problem::NotFound`] when the user does not exist.
pub async fn remove(call: &Call, reference: Reference, pairs: Vec<Pair>) -> Result<(), Problem> {
    let work = call.clone();
    call.app
        .change(move |change| {
            Box::pin(async move {
                let user = locate(change.tx(), &work, &reference).await?;
                let (mut gone, _) = find_all(change.tx(), &work, pairs).await?;
                let had = user_holdings::of_user(change.tx(), user.number).await?.permission_numbers();
                gone.retain(|(_, permission)| had.binary_search(&permission.number).is_ok());
                if !gone.is_empty() {
                    user_holdings::remove(change, user.number, &holdings(&gone)).await?;
                }
                Ok(((), work.audit(Value::Null, said(&user, &gone), Value::Null)))
            })
        })
        .await?;
    Ok(())
}
