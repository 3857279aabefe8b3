//! What roles give, permission by permission, as the Management API names them: the API's identifier and the value.

use std::collections::{HashMap, HashSet};

use keyward_core::{
    Problem,
    model::{
        permission::{Permission, PermissionNumber},
        role::Role,
    },
    problem::Missing,
    snapshot::{ApiEntry, Snapshot},
};
use keyward_store::{
    Change, Error,
    catalogue::{
        api, permission,
        role::{self, HeldPermission},
    },
};
use serde_json::{Value, json};

use super::{change::locked, fits, held_by, permissions};
use crate::app::Call;

/// A permission as a caller names it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct NamedPermission {
    /// The identifier of its API, never the API's id.
    pub identifier: String,
    /// Its value.
    pub value: String,
}

/// What an entry of the audit log says of a permission that a role has or had.
pub(super) fn describe(held: &HeldPermission) -> Value {
    let mut seen = json!({
        "id": held.id, "resource_server_identifier": held.identifier, "permission_name": held.value,
    });
    if held.deleted {
        seen["deleted"] = true.into();
    }
    seen
}

/// What a role gives: the permissions that are not deleted with their APIs, in the order of their values, and of those
/// that are spelt alike in the order of identifiers.
pub fn list<'s>(snapshot: &'s Snapshot, role: &Role) -> Vec<(&'s Permission, &'s ApiEntry)> {
    let given = permissions(snapshot, role).into_iter();
    let mut list: Vec<(&Permission, &ApiEntry)> =
        given.filter_map(|given| Some((given, &**snapshot.api_numbered(given.api)?))).collect();
    list.sort_by(|(one, of), (other, of_other)| {
        (&one.value, &of.api.identifier).cmp(&(&other.value, &of_other.api.identifier))
    });
    list
}

/// Gives a role these permissions, all or none. One that it gives already is given already.
///
/// # Errors
/// [`Problem::NotFound`] when the role, an API or a permission does not exist, [`Problem::Limit`].
pub async fn add(call: &Call, id: String, wanted: Vec<NamedPermission>) -> Result<(), Problem> {
    let work = call.clone();
    let changed = call.app.change(move |change| {
        Box::pin(async move {
            let role = locked(change, &work, &id).await?;
            let named = resolve(change, &work, wanted).await?;
            let new: Vec<_> =
                named.into_iter().filter(|held| role.permissions.binary_search(&held.number).is_err()).collect();
            if new.is_empty() {
                return Ok(((), None));
            }
            let gave = role::held(change.tx(), role.number).await?.iter().filter(|held| !held.deleted).count();
            if !fits(&work, gave, gave + new.len()) {
                return Err(Problem::Limit("You reached the limit of entities of this type for this tenant.").into());
            }
            let numbers: Vec<PermissionNumber> = new.iter().map(|held| held.number).collect();
            role::set_permissions(change, role.number, &numbers, &[]).await?;
            let after = json!({ "id": role.management_id(), "added": new.iter().map(describe).collect::<Vec<_>>() });
            Ok(((), Some(work.audit(json!({}), Value::Null, after))))
        })
    });
    changed.await.map(|((), _)| ())
}

/// The permissions that these names mean at this moment, each once. Each API is read once.
async fn resolve(
    change: &mut Change<'_>,
    call: &Call,
    wanted: Vec<NamedPermission>,
) -> Result<Vec<HeldPermission>, Error> {
    let mut apis: HashMap<String, HashMap<String, HeldPermission>> = HashMap::new();
    let mut found = Vec::with_capacity(wanted.len());
    for NamedPermission { identifier, value } in wanted {
        if !apis.contains_key(&identifier) {
            let known = by_value(change, call, &identifier).await?;
            apis.insert(identifier.clone(), known);
        }
        let known = apis.get(&identifier).and_then(|known| known.get(&value));
        found.push(known.ok_or(Problem::NotFound(Missing::Permission(identifier, value)))?.clone());
    }
    let mut seen = HashSet::new();
    found.retain(|held| seen.insert(held.number));
    Ok(found)
}

/// The permissions of the API with this identifier.
async fn by_value(
    change: &mut Change<'_>,
    call: &Call,
    identifier: &str,
) -> Result<HashMap<String, HeldPermission>, Error> {
    let master = call.app.store.master();
    let found = api::find_by_identifier(change.tx(), call.workspace, identifier, master).await?;
    let api = found.ok_or(Problem::NotFound(Missing::Api))?;
    let permissions = permission::of_api(change.tx(), call.workspace, api.number).await?;
    let known = permissions.iter().map(|permission| {
        let held = HeldPermission {
            number: permission.number,
            id: permission.id.clone(),
            identifier: identifier.to_owned(),
            value: permission.value.to_string(),
            deleted: false,
        };
        (held.value.clone(), held)
    });
    Ok(known.collect())
}

/// Takes these permissions from a role: whoever has it loses them once this is answered. What it does not give is not
/// given already. One that is deleted is taken, too: the names are an explicit statement, and an undo of the deletion
/// must not give it again.
///
/// # Errors
/// [`Problem::NotFound`] when the role does not exist.
pub async fn remove(call: &Call, id: String, unwanted: Vec<NamedPermission>) -> Result<(), Problem> {
    let work = call.clone();
    let changed = call.app.change(move |change| {
        Box::pin(async move {
            let role = locked(change, &work, &id).await?;
            let unwanted: HashSet<(&str, &str)> =
                unwanted.iter().map(|named| (named.identifier.as_str(), named.value.as_str())).collect();
            let mut gone = role::held(change.tx(), role.number).await?;
            gone.retain(|held| unwanted.contains(&(held.identifier.as_str(), held.value.as_str())));
            if gone.is_empty() {
                return Ok(((), None));
            }
            let numbers: Vec<PermissionNumber> = gone.iter().map(|held| held.number).collect();
            role::set_permissions(change, role.number, &[], &numbers).await?;
            let removed: Vec<Value> = gone.iter().map(describe).collect();
            let before = json!({
                "id": role.management_id(), "removed": removed, "heldBy": held_by(change, &role).await?,
            });
            Ok(((), Some(work.audit(Value::Null, before, Value::Null))))
        })
    });
    changed.await.map(|((), _)| ())
}
