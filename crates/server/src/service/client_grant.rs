//! What applications may ask for of APIs: create, change, delete.

use std::collections::HashMap;

use keyward_core::{
    Problem,
    model::{
        client::Client,
        client_grant::{ClientGrant, ClientGrantSettings, GrantedScope, SubjectType},
        permission::PermissionNumber,
        system_api::SystemApi,
    },
    problem::{Conflict, Invalid, Missing, Part},
    snapshot::{ApiEntry, Snapshot},
};
use keyward_store::{Change, Error, catalogue};
use serde_json::{Map, Value, json};

use super::{Precondition, difference};
use crate::{app::Call, ids};

/// How many grants that went with something an entry names.
const NAMED: usize = 100;

/// What somebody wants a grant to be.
#[derive(Debug, Clone, Default)]
pub struct GrantFields {
    /// The whole list of scopes, if it was sent; `Some(None)` takes the list away.
    pub scope: Option<Option<Vec<String>>>,
    /// Everything else: a value replaces, null clears.
    pub settings: Map<String, Value>,
}

/// For whom and for what a new grant is.
#[derive(Debug, Clone)]
pub struct NewGrant {
    /// The application's `client_id`; without one, all third parties'.
    pub client_id: Option<String>,
    /// The API's identifier.
    pub audience: String,
    /// For whom its tokens speak.
    pub subject_type: SubjectType,
}

/// The grant with this id.
///
/// # Errors
/// [`Problem::NotFound`].
pub fn find<'s>(snapshot: &'s Snapshot, call: &Call, id: &str) -> Result<&'s ClientGrant, Problem> {
    let found = snapshot.client_grant(call.workspace, id);
    found.map(|grant| &**grant).ok_or(Problem::NotFound(Missing::ClientGrant))
}

/// A grant as the wire shows it. A scope has the name that its permission has now, or the one it was sent with if there
/// was no such permission yet. One whose permission is deleted is not shown: whoever sends the list back as it was read
/// must not hand out another permission of that name.
pub fn describe(snapshot: &Snapshot, grant: &ClientGrant) -> Map<String, Value> {
    let mut fields = Map::new();
    fields.insert("id".to_owned(), grant.id.clone().into());
    match grant.client.and_then(|number| snapshot.client_numbered(number)) {
        Some(client) => fields.insert("client_id".to_owned(), client.id.clone().into()),
        None => fields.insert("default_for".to_owned(), "third_party_clients".into()),
    };
    let audience = snapshot.api_numbered(grant.api).map(|entry| entry.api.identifier.clone());
    fields.insert("audience".to_owned(), audience.into());
    fields.insert("subject_type".to_owned(), grant.subject_type.as_str().into());
    if let Ok(Value::Object(settings)) = serde_json::to_value(&grant.settings) {
        fields.extend(settings);
    }
    if let Some(scopes) = &grant.scope
        && !grant.covers_all()
    {
        let name = |scope: &GrantedScope| match scope.permission {
            None => Some(scope.value.clone()),
            Some(number) => snapshot.permission(number).map(|permission| permission.value.as_str().to_owned()),
        };
        fields.insert("scope".to_owned(), scopes.iter().filter_map(name).collect::<Vec<_>>().into());
    }
    fields
}

/// Lets an application ask for tokens of an API.
///
/// # Errors
/// [`Problem::NotFound`] for the application or the API, [`Problem::Conflict`] when it has such a grant already,
/// [`Problem::Invalid`].
pub async fn create(call: &Call, new: NewGrant, fields: GrantFields) -> Result<ClientGrant, Problem> {
    let work = call.clone();
    let (grant, _) = call
        .app
        .change(move |change| {
            Box::pin(async move {
                let (entry, client) = {
                    let view = work.app.view();
                    let found = view.snapshot.api(work.workspace, &new.audience);
                    let entry = found.filter(|entry| entry.api.identifier == new.audience);
                    let entry = entry.cloned().ok_or(Problem::NotFound(Missing::Api))?;
                    let client = match &new.client_id {
                        Some(id) => {
                            let client = super::client::find(&view.snapshot, &work, id)?;
                            check_kind(client, &entry)?;
                            Some(client.number)
                        }
                        None => None,
                    };
                    (entry, client)
                };
                let entry = current(change, &work, &entry).await?;
                let known = catalogue::client_grant::of_api(change.tx(), work.workspace, entry.api.number).await?;
                if known.iter().any(|grant| grant.client == client && grant.subject_type == new.subject_type) {
                    return Err(Problem::Conflict(Conflict::ClientGrant).into());
                }
                let base = ClientGrantSettings::default();
                let (scope, settings) = settled(&entry, (None, &base), &fields)?;
                let grant = ClientGrant {
                    number: catalogue::client_grant::next_number(change).await?,
                    workspace: work.workspace,
                    id: ids::prefixed(work.app.entropy.as_ref(), "cgr"),
                    client,
                    api: entry.api.number,
                    subject_type: new.subject_type,
                    scope,
                    settings,
                    revision: change.revision(),
                    created_at: work.now,
                };
                catalogue::client_grant::insert(change, &grant).await?;
                let after = Value::Object(describe(&work.app.view().snapshot, &grant));
                let draft = work.audit(after.clone(), Value::Null, after);
                Ok((grant, draft))
            })
        })
        .await?;
    Ok(grant)
}

/// Applications of one kind are for one API alone.
fn check_kind(client: &Client, entry: &ApiEntry) -> Result<(), Problem> {
    let kind = client.settings.app_type.as_deref();
    if kind == Some("express_configuration") && entry.api.system != Some(SystemApi::ExpressConfiguration) {
        return Err(Problem::WrongKind("Client of type express_configuration cannot be used"));
    }
    Ok(())
}

/// The API as it is under the lock.
async fn current(change: &mut Change<'_>, call: &Call, entry: &ApiEntry) -> Result<ApiEntry, Error> {
    let number = entry.api.number;
    let found = catalogue::api::find(change.tx(), call.workspace, number, call.app.store.master()).await?;
    let api = found.ok_or(Problem::NotFound(Missing::Api))?;
    let permissions = catalogue::permission::of_api(change.tx(), call.workspace, number).await?;
    Ok(ApiEntry { api, permissions })
}

/// Changes what an application may ask for. What is not sent stays; a list of scopes that is sent replaces the whole
/// list. Saving without an edit changes nothing.
///
/// # Errors
/// [`Problem::NotFound`], [`Problem::Stale`], [`Problem::Invalid`].
pub async fn update(
    call: &Call,
    id: String,
    fields: GrantFields,
    precondition: Precondition,
) -> Result<ClientGrant, Problem> {
    let work = call.clone();
    let (grant, _) = call
        .app
        .change(move |change| {
            Box::pin(async move {
                let found = catalogue::client_grant::find(change.tx(), work.workspace, &id).await?;
                let before = found.ok_or(Problem::NotFound(Missing::ClientGrant))?;
                precondition.check(before.revision)?;
                let view = work.app.view().clone();
                let entry = view.snapshot.api_numbered(before.api).ok_or(Problem::NotFound(Missing::ClientGrant))?;
                let entry = current(change, &work, entry).await?;
                let (scope, settings) = settled(&entry, (before.scope.as_deref(), &before.settings), &fields)?;
                let mut after = ClientGrant { scope, settings, ..before.clone() };
                let seen = |grant: &ClientGrant| describe(&view.snapshot, grant);
                if after == before {
                    return Ok((after, work.audit(seen(&before).into(), Value::Null, Value::Null)));
                }
                after.revision = change.revision();
                catalogue::client_grant::update(change, &after, work.now).await?;
                let answer = seen(&after);
                let (mut old, mut new) = difference::fields(&seen(&before), &answer);
                old["id"] = id.clone().into();
                new["id"] = id.into();
                let draft = work.audit(answer.into(), old, new);
                Ok((after, draft))
            })
        })
        .await?;
    Ok(grant)
}

/// Deletes a grant: the application gets no tokens of the API once this is answered. One that does not exist is deleted
/// already.
///
/// # Errors
/// [`Problem::Unavailable`].
pub async fn delete(call: &Call, id: String) -> Result<(), Problem> {
    if call.app.view().snapshot.client_grant(call.workspace, &id).is_none() {
        return call.app.shown_everywhere().await;
    }
    let work = call.clone();
    call.app
        .change(move |change| {
            Box::pin(async move {
                let Some(grant) = catalogue::client_grant::find(change.tx(), work.workspace, &id).await? else {
                    // Somebody else was quicker.
                    return Ok(((), work.audit(Value::Null, Value::Null, Value::Null)));
                };
                let before = describe(&work.app.view().snapshot, &grant);
                catalogue::client_grant::tombstone(change, &grant, work.now).await?;
                Ok(((), work.audit(Value::Null, before.into(), Value::Null)))
            })
        })
        .await?;
    Ok(())
}

/// Deletes the grants of something that is being deleted, and says which.
pub(crate) async fn take_away(change: &mut Change<'_>, call: &Call, grants: &[ClientGrant]) -> Result<Value, Error> {
    for grant in grants {
        catalogue::client_grant::tombstone(change, grant, call.now).await?;
    }
    let view = call.app.view();
    let named: Vec<Value> = grants.iter().take(NAMED).map(|grant| describe(&view.snapshot, grant).into()).collect();
    Ok(json!({ "count": grants.len(), "grants": named }))
}

/// What a grant becomes. Scopes that stand twice are kept once.
fn settled(
    entry: &ApiEntry,
    (scope, settings): (Option<&[GrantedScope]>, &ClientGrantSettings),
    fields: &GrantFields,
) -> Result<(Option<Vec<GrantedScope>>, ClientGrantSettings), Problem> {
    let invalid = |text: &str| Problem::Invalid(Invalid::whole(Part::Body, text));
    let mut whole = serde_json::to_value(settings).map_err(Problem::internal)?;
    if let Some(object) = whole.as_object_mut() {
        object.extend(fields.settings.clone());
    }
    let settings: ClientGrantSettings = serde_json::from_value(whole).map_err(|error| invalid(&error.to_string()))?;
    let system = entry.api.system == Some(SystemApi::Management);
    if system && fields.settings.contains_key("allow_all_scopes") {
        return Err(invalid("`allow_all_scopes` cannot be provided when `audience` is a system API"));
    }
    let all = settings.allow_all_scopes == Some(true);
    if all && matches!(&fields.scope, Some(Some(list)) if !list.is_empty()) {
        return Err(invalid("`scope` cannot be provided when `allow_all_scopes` is true"));
    }
    let scope = match &fields.scope {
        None if all => None,
        None => scope.map(<[GrantedScope]>::to_vec),
        Some(None) => None,
        Some(Some(list)) => Some(bound(entry, list)),
    };
    if system && scope.iter().flatten().any(|scope| scope.permission.is_none()) {
        return Err(Problem::Subset);
    }
    Ok((scope, settings))
}

fn bound(entry: &ApiEntry, list: &[String]) -> Vec<GrantedScope> {
    let live: HashMap<&str, PermissionNumber> =
        entry.permissions.iter().map(|permission| (permission.value.as_str(), permission.number)).collect();
    let mut scopes: Vec<GrantedScope> = Vec::with_capacity(list.len());
    let mut seen = std::collections::HashSet::new();
    for value in list {
        if !seen.insert(value) {
            continue;
        }
        scopes.push(GrantedScope { value: value.clone(), permission: live.get(value.as_str()).copied() });
    }
    scopes
}
