//! Identities: the owners of keys.

use keyward_core::{
    Problem,
    grants::Action,
    model::{
        identity::{Identity, IdentityNumber},
        limit::{NamedLimit, WantedLimit},
    },
    problem::{Conflict, Invalid, Missing, Part},
};
use keyward_store::{Error, Tx, keys::identity};
use serde_json::{Value, json};

use super::{key::named_limits, repeatable};
use crate::{app::Call, ids};

/// The most bytes of an identity's meta data, as JSON (contract: slug and name rules).
const META: usize = 1024 * 1024;

/// What somebody wants an identity to be.
#[derive(Debug, Clone)]
pub struct WantedIdentity {
    /// What its owner calls it.
    pub external_id: String,
    /// A JSON object.
    pub meta: Option<Value>,
    /// What all of its keys together may do.
    pub limits: Vec<WantedLimit>,
}

fn stored_meta(meta: Option<Value>) -> Result<Option<String>, Problem> {
    let Some(meta) = meta.filter(|meta| meta.as_object().is_some_and(|fields| !fields.is_empty())) else {
        return Ok(None);
    };
    let text = meta.to_string();
    if text.len() <= META {
        return Ok(Some(text));
    }
    // To a tenth, as the original says it.
    let tenths = text.len().saturating_mul(10).div_ceil(META);
    let detail = format!("Metadata is too large: it must be at most 1.0 MB, but is {}.{} MB", tenths / 10, tenths % 10);
    Err(Problem::Invalid(Invalid::whole(Part::Body, detail)))
}

fn describe(identity: &Identity) -> Value {
    let mut seen = json!({ "id": identity.id, "externalId": identity.external_id });
    if !identity.limits.is_empty() {
        seen["ratelimits"] = serde_json::to_value(&identity.limits).unwrap_or_default();
    }
    if let Some(meta) = &identity.meta {
        seen["metaBytes"] = meta.len().into();
    }
    seen
}

/// Makes an identity and returns its id.
///
/// # Errors
/// [`Problem::Conflict`] when the external id is taken; [`Problem::Invalid`].
pub async fn create(call: &Call, wanted: WantedIdentity) -> Result<String, Problem> {
    let meta = stored_meta(wanted.meta)?;
    let limits = named_limits(call, &[], wanted.limits)?;
    let work = call.clone();
    repeatable::change(call, move |change| {
        Box::pin(async move {
            let external_id = wanted.external_id;
            if identity::find_external(change.tx(), work.workspace, &external_id).await?.is_some() {
                return Err(Problem::Conflict(Conflict::ExternalId(external_id)).into());
            }
            let identity = Identity {
                number: IdentityNumber(0),
                workspace: work.workspace,
                id: ids::prefixed(work.app.entropy.as_ref(), "id"),
                external_id,
                meta,
                limits,
                created_at: work.now,
            };
            let identity = identity::insert(change, identity).await?;
            let draft = work.audit(json!({ "identityId": identity.id }), Value::Null, describe(&identity));
            Ok((identity.id, draft))
        })
    })
    .await
}

async fn locate(tx: &mut Tx<'_>, call: &Call, text: &str) -> Result<Identity, Error> {
    let found = identity::find(tx, call.workspace, text).await?;
    found.ok_or_else(|| Problem::NotFound(Missing::Identity).into())
}

/// The identity with this id or external id.
///
/// # Errors
/// [`Problem::NotFound`]; [`Problem::Insufficient`] when the caller may not see it.
pub async fn get(call: &Call, text: String) -> Result<Identity, Problem> {
    let work = call.clone();
    let found = call.app.store.read(move |tx| Box::pin(async move { locate(tx, &work, &text).await }));
    let identity = found.await?;
    call.require_on(Action::ReadIdentity, &identity.id)?;
    Ok(identity)
}

/// One page of the identities, and the id of the next one.
///
/// # Errors
/// [`Problem::Insufficient`] when the caller may not see one of the page.
pub async fn list(
    call: &Call,
    search: Option<String>,
    (from, limit): (String, i64),
) -> Result<(Vec<Identity>, Option<String>), Problem> {
    let workspace = call.workspace;
    let read = call.app.store.read(move |tx| {
        Box::pin(async move { identity::list(tx, workspace, search.as_deref(), (&from, limit + 1)).await })
    });
    let mut page = read.await?;
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let next = (page.len() > limit).then(|| page.pop().map(|identity| identity.id)).flatten();
    page.iter().try_for_each(|identity| call.require_on(Action::ReadIdentity, &identity.id))?;
    Ok((page, next))
}

/// Changes an identity: what is given replaces what there is.
///
/// # Errors
/// [`Problem::NotFound`]; [`Problem::Invalid`].
pub async fn update(
    call: &Call,
    text: String,
    meta: Option<Value>,
    limits: Option<Vec<WantedLimit>>,
) -> Result<Identity, Problem> {
    let meta = meta.map(|meta| stored_meta(Some(meta))).transpose()?;
    let work = call.clone();
    let id = repeatable::change(call, move |change| {
        Box::pin(async move {
            let before = locate(change.tx(), &work, &text).await?;
            let mut after = before.clone();
            if let Some(meta) = meta {
                after.meta = meta;
            }
            if let Some(limits) = limits {
                after.limits = named_limits(&work, &before.limits, limits)?;
            }
            if after == before {
                return Ok((after.id, None));
            }
            identity::update(change, &after, work.now).await?;
            let (mut old, mut new) = (describe(&before), describe(&after));
            let gone = missing_from(&before.limits, &after.limits);
            old["removedRatelimits"] = gone;
            new["addedRatelimits"] = missing_from(&after.limits, &before.limits);
            Ok((after.id, Some(work.audit(Value::Null, old, new))))
        })
    })
    .await?;
    let work = call.clone();
    let found = call.app.store.read(move |tx| Box::pin(async move { locate(tx, &work, &id).await }));
    Ok(found.await?)
}

/// The ids of limits that only the first list has.
fn missing_from(one: &[NamedLimit], other: &[NamedLimit]) -> Value {
    let only = one.iter().filter(|limit| !other.iter().any(|known| known.id == limit.id));
    only.map(|limit| Value::from(limit.id.clone())).collect()
}

/// Deletes an identity. Its keys go on without it.
///
/// # Errors
/// [`Problem::NotFound`].
pub async fn delete(call: &Call, text: String) -> Result<(), Problem> {
    let work = call.clone();
    repeatable::change(call, move |change| {
        Box::pin(async move {
            let identity = locate(change.tx(), &work, &text).await?;
            identity::tombstone(change, &identity, work.now).await?;
            Ok(((), work.audit(json!({}), describe(&identity), Value::Null)))
        })
    })
    .await
}
