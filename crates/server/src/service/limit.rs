//! The standalone limiter: namespaces, overrides, and counting.

use std::sync::Arc;

use keyward_core::{
    Problem,
    grants::Action,
    model::{
        limit::{Namespace, Override},
        log::Origin,
    },
    problem::Missing,
    window::{Limit, Reading},
};
use keyward_store::{Error, catalogue::namespace};
use serde_json::{Value, json};

use super::repeatable;
use crate::{
    app::Call,
    ids,
    windows::{Owner, Use, take},
};

/// A use that is to be counted.
#[derive(Debug, Clone)]
pub struct Counted {
    /// The namespace, by id or name.
    pub namespace: String,
    /// Who uses something.
    pub identifier: String,
    /// How much one window lets through.
    pub limit: i64,
    /// The window, in milliseconds.
    pub duration: i64,
    /// How much.
    pub cost: i64,
}

/// What became of a use.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// What the window says.
    pub reading: Reading,
    /// The limit that counted.
    pub limit: i64,
    /// The override whose limit it was.
    pub override_id: Option<String>,
}

fn find(call: &Call, text: &str) -> Option<Arc<Namespace>> {
    call.app.view().snapshot.namespace(call.workspace, text).cloned()
}

/// The namespaces of these uses; those that are not there are made, if the caller may do that and may count in them.
async fn ensure(
    call: &Call,
    names: &[String],
    origin: impl FnOnce() -> Origin,
) -> Result<Vec<Arc<Namespace>>, Problem> {
    let known: Vec<Option<Arc<Namespace>>> = names.iter().map(|name| find(call, name)).collect();
    let mut unknown: Vec<String> =
        names.iter().zip(&known).filter(|(_, known)| known.is_none()).map(|(name, _)| name.clone()).collect();
    unknown.sort_unstable();
    unknown.dedup();
    // Nobody makes what they may not use.
    for namespace in known.iter().flatten() {
        call.require_on(Action::Limit, &namespace.id)?;
    }
    if unknown.is_empty() {
        return Ok(known.into_iter().flatten().collect());
    }
    call.require(Action::CreateNamespace)?;
    call.require(Action::Limit)?;
    let work = Call { origin: Arc::new(origin()), ..call.clone() };
    call.app
        .change(move |change| {
            Box::pin(async move {
                let mut made = Vec::new();
                for name in unknown {
                    if namespace::find(change.tx(), work.workspace, &name).await?.is_some() {
                        continue;
                    }
                    let id = ids::prefixed(work.app.entropy.as_ref(), "rlns");
                    let space = namespace::insert(change, work.workspace, (id, name), work.now).await?;
                    made.push(json!({ "id": space.id, "name": space.name }));
                }
                if made.is_empty() {
                    return Ok(((), None));
                }
                let mut draft = work.audit(Value::Null, Value::Null, made.into());
                draft.description = "ratelimitNamespace.create".to_owned();
                Ok(((), Some(draft)))
            })
        })
        .await?;
    let there = |name: &String| find(call, name).ok_or(Problem::NotFound(Missing::Namespace));
    names.iter().map(there).collect()
}

/// Counts all of these uses, or none of them; whether they passed. Where the request came from is only asked for when
/// there is something to audit.
///
/// # Errors
/// [`Problem::Insufficient`].
pub async fn count(
    call: &Call,
    uses: Vec<Counted>,
    origin: impl FnOnce() -> Origin,
) -> Result<(bool, Vec<Outcome>), Problem> {
    let names: Vec<String> = uses.iter().map(|counted| counted.namespace.clone()).collect();
    let namespaces = ensure(call, &names, origin).await?;
    let mut counted = Vec::with_capacity(uses.len());
    let mut overrides = Vec::with_capacity(uses.len());
    for (one, namespace) in uses.iter().zip(&namespaces) {
        let over = namespace.override_for(&one.identifier);
        let limit = over.map_or(Limit { limit: one.limit, duration: one.duration }, |over| Limit {
            limit: over.limit,
            duration: over.duration,
        });
        let owner = Owner::Namespace(namespace.number, &one.identifier);
        counted.push((call.app.windows.counter(owner, "", limit.duration, call.now), limit, one.cost));
        overrides.push(over.map(|over| over.id.clone()));
    }
    let used = counted.iter().map(|(counter, limit, cost)| Use { counter, limit: *limit, cost: *cost });
    let (passed, readings) = take(&used.collect::<Vec<_>>(), call.now);
    let outcomes = readings
        .into_iter()
        .zip(counted)
        .zip(overrides)
        .map(|((reading, (_, limit, _)), override_id)| Outcome { reading, limit: limit.limit, override_id });
    Ok((passed, outcomes.collect()))
}

fn describe(namespace: &Namespace, over: &Override) -> Value {
    json!({
        "namespaceId": namespace.id, "overrideId": over.id, "identifier": over.identifier, "limit": over.limit,
        "duration": over.duration,
    })
}

async fn locked(
    change: &mut keyward_store::Change<'_>,
    call: &Call,
    text: &str,
    action: Action,
) -> Result<Namespace, Error> {
    let found = namespace::find(change.tx(), call.workspace, text).await?;
    let namespace = found.ok_or(Problem::NotFound(Missing::Namespace))?;
    call.require_on(action, &namespace.id)?;
    Ok(namespace)
}

/// Sets another limit for an identifier, and returns the override's id.
///
/// # Errors
/// [`Problem::NotFound`] for the namespace; [`Problem::Insufficient`].
pub async fn set_override(
    call: &Call,
    namespace: String,
    (identifier, limit, duration): (String, i64, i64),
) -> Result<String, Problem> {
    let work = call.clone();
    repeatable::change(call, move |change| {
        Box::pin(async move {
            let namespace = locked(change, &work, &namespace, Action::SetOverride).await?;
            let stored = namespace.overrides.iter().find(|over| over.identifier == identifier);
            let before = stored.map_or(Value::Null, |over| describe(&namespace, over));
            let id = stored.map_or_else(|| ids::prefixed(work.app.entropy.as_ref(), "rlor"), |over| over.id.clone());
            let over = Override { id, identifier, limit, duration };
            namespace::set_override(change, &namespace, &over, work.now).await?;
            let after = describe(&namespace, &over);
            Ok((over.id, work.audit(Value::Null, before, after)))
        })
    })
    .await
}

/// The override that counts for an identifier.
///
/// # Errors
/// [`Problem::NotFound`] for the namespace or the override; whoever may not read it learns no more.
pub fn get_override(call: &Call, text: &str, identifier: &str) -> Result<Override, Problem> {
    let namespace = find(call, text).ok_or(Problem::NotFound(Missing::Namespace))?;
    let absent = || Problem::NotFound(Missing::Override);
    let over = namespace.override_for(identifier).ok_or_else(absent)?;
    let path = ["ratelimits", "namespaces", &namespace.id, "overrides", &over.id];
    let verb = Action::ReadOverride.verb();
    if !call.may_on(Action::ReadOverride, &namespace.id) && !call.may_urn(&path, verb) {
        return Err(absent());
    }
    Ok(over.clone())
}

/// Takes the override for exactly this identifier away.
///
/// # Errors
/// [`Problem::NotFound`]; [`Problem::Insufficient`].
pub async fn delete_override(call: &Call, namespace: String, identifier: String) -> Result<(), Problem> {
    let work = call.clone();
    repeatable::change(call, move |change| {
        Box::pin(async move {
            let namespace = locked(change, &work, &namespace, Action::DeleteOverride).await?;
            let stored = namespace.overrides.iter().find(|over| over.identifier == identifier);
            let over = stored.ok_or(Problem::NotFound(Missing::Override))?;
            namespace::remove_override(change, &namespace, &identifier).await?;
            Ok(((), work.audit(json!({}), describe(&namespace, over), Value::Null)))
        })
    })
    .await
}

/// One page of a namespace's overrides, and the id of the next one.
///
/// # Errors
/// [`Problem::NotFound`]; [`Problem::Insufficient`].
pub fn list_overrides(
    call: &Call,
    text: &str,
    (from, limit): (&str, usize),
) -> Result<(Vec<Override>, Option<String>), Problem> {
    let namespace = find(call, text).ok_or(Problem::NotFound(Missing::Namespace))?;
    call.require_on(Action::ReadOverride, &namespace.id)?;
    let rest = namespace.overrides.iter().filter(|over| over.id.as_str() >= from);
    let mut page: Vec<Override> = rest.take(limit + 1).cloned().collect();
    let next = (page.len() > limit).then(|| page.pop().map(|over| over.id)).flatten();
    Ok((page, next))
}
