//! Roles by their id alone, as the Management API names them: made, renamed, deleted.

use std::sync::Arc;

use keyward_core::{
    Problem,
    model::{WorkspaceNumber, role::Role},
    problem::Missing,
    snapshot::Snapshot,
};
use keyward_store::{Change, Error, catalogue::role};
use serde_json::{Value, json};

use super::{grants, held_by, insert, refuse_taken};
use crate::{app::Call, service::slug::NAMED};

/// What somebody wants to change about a role; what is not there stays.
#[derive(Debug, Clone, Default)]
pub struct RoleFields {
    /// Another name.
    pub name: Option<String>,
    /// Another description; an empty one is none.
    pub description: Option<String>,
    /// The name and the description that it must still have.
    pub seen: Option<(String, Option<String>)>,
}

/// The id as it is stored. A name is never tried: it may look like an id.
fn stored_id(id: &str) -> Result<&str, Problem> {
    id.strip_prefix("rol_").ok_or(Problem::NotFound(Missing::Role))
}

/// The role with this id.
///
/// # Errors
/// [`Problem::NotFound`].
pub fn find<'s>(snapshot: &'s Snapshot, workspace: WorkspaceNumber, id: &str) -> Result<&'s Arc<Role>, Problem> {
    let id = stored_id(id)?;
    snapshot.role_with_id(workspace, id).ok_or(Problem::NotFound(Missing::Role))
}

/// The role that a change is about, under the lock.
pub(super) async fn locked(change: &mut Change<'_>, call: &Call, id: &str) -> Result<Role, Error> {
    let found = role::find(change.tx(), call.workspace, stored_id(id)?).await?;
    found.ok_or_else(|| Problem::NotFound(Missing::Role).into())
}

/// What an entry of the audit log says of a role.
fn describe(role: &Role) -> Value {
    let description = role.description.as_deref().unwrap_or_default();
    json!({ "id": role.management_id(), "name": role.name, "description": description })
}

/// Makes a role that gives nothing yet.
///
/// # Errors
/// [`Problem::Conflict`] when the name is taken, however it is spelt.
pub async fn create(call: &Call, name: String, description: Option<String>) -> Result<Role, Problem> {
    let work = call.clone();
    let changed = call.app.change(move |change| {
        Box::pin(async move {
            refuse_taken(change, &work, &name, None).await?;
            let role = insert(change, &work, (name, description), Vec::new()).await?;
            let after = describe(&role);
            Ok((role, work.audit(after.clone(), Value::Null, after)))
        })
    });
    changed.await.map(|(role, _)| role)
}

/// Changes what a role is called; whoever has it keeps it. What is so already is not written again.
///
/// # Errors
/// [`Problem::NotFound`]; [`Problem::Conflict`] when another role has the name, however it is spelt;
/// [`Problem::Stale`] when it is not what was seen.
pub async fn update(call: &Call, id: String, fields: RoleFields) -> Result<Role, Problem> {
    let work = call.clone();
    let changed = call.app.change(move |change| {
        Box::pin(async move {
            let before = locked(change, &work, &id).await?;
            if fields.seen.is_some_and(|(name, description)| name != before.name || description != before.description) {
                let current = work.app.view().snapshot.revision();
                return Err(Problem::Stale { sent: "what was shown".to_owned(), current }.into());
            }
            let mut after = before.clone();
            if let Some(name) = fields.name {
                refuse_taken(change, &work, &name, Some(before.number)).await?;
                after.name = name;
            }
            if let Some(text) = fields.description {
                after.description = Some(text).filter(|text| !text.is_empty());
            }
            if after == before {
                return Ok((before, None));
            }
            role::update(change, &after, work.now).await?;
            let draft = work.audit(describe(&after), describe(&before), describe(&after));
            Ok((after, Some(draft)))
        })
    });
    changed.await.map(|(role, _)| role)
}

/// Deletes a role: whoever has it loses what it gave once this is answered. Who had it stays written down.
///
/// # Errors
/// [`Problem::NotFound`].
pub async fn delete(call: &Call, id: String) -> Result<(), Problem> {
    let work = call.clone();
    let changed = call.app.change(move |change| {
        Box::pin(async move {
            let role = locked(change, &work, &id).await?;
            let gave = role::held(change.tx(), role.number).await?;
            let gave: Vec<_> = gave.iter().filter(|held| !held.deleted).collect();
            let named: Vec<Value> = gave.iter().take(NAMED).map(|held| grants::describe(held)).collect();
            let mut before = describe(&role);
            before["permissions"] = json!({ "count": gave.len(), "permissions": named });
            before["heldBy"] = held_by(change, &role).await?;
            role::tombstone(change, &role, work.now).await?;
            Ok(((), work.audit(json!({}), before, Value::Null)))
        })
    });
    changed.await.map(|((), _)| ())
}
