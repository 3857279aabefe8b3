//! Keys: make, show, change and delete them. One file per use case.

mod change;
mod create;
mod credits;
mod delete;
mod grants;
mod migrate;
mod read;
mod reroll;

use std::sync::Arc;

use keyward_core::{
    Problem,
    model::{
        api::{Api, ApiNumber},
        identity::Identity,
        key::{Credits, Key},
        limit::{NamedLimit, WantedLimit, replace},
        role::{Role, RoleNumber},
    },
    problem::{Invalid, Missing, Part},
    refill::{Interval, Refill},
    time::Timestamp,
};
use keyward_store::{
    Change, Error, Tx,
    catalogue::{self, role},
    keys::{identity, key},
};
use serde_json::{Value, json};

pub use change::{CreditsChange, KeyChange, SeenKey, update};
pub use create::{WantedCredits, WantedKey, WantedRefill, create};
pub use credits::{CreditsOperation, update_credits};
pub use delete::delete;
pub use grants::{add_permissions, add_roles, remove_permissions, remove_roles, set_permissions, set_roles};
pub use migrate::{MigratedKey, Migration, announce, migrate};
pub use read::{KeyData, Listing, counts, deleted, get, label, list, whoami};
pub use reroll::reroll;

use crate::{app::Call, ids};

/// The most bytes of a key's meta data, as JSON.
const META: usize = 64 * 1024;

/// A key that was made, and its text.
#[derive(Clone, serde::Serialize, serde::Deserialize)]
pub struct MadeKey {
    /// The key's id.
    pub id: String,
    /// The whole text. Never shown again.
    pub text: String,
}

impl std::fmt::Debug for MadeKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "MadeKey({}, [secret])", self.id)
    }
}

fn refused(text: impl Into<String>) -> Problem {
    Problem::Invalid(Invalid::whole(Part::Body, text))
}

/// What an entry of the audit log says of a key.
fn describe(api: &Api, key: &Key) -> Value {
    let mut seen = json!({ "id": key.id, "start": key.start, "apiId": api.key_id(), "enabled": key.enabled });
    if let Some(name) = &key.name {
        seen["name"] = name.clone().into();
    }
    if let Some(end) = key.expires_at {
        seen["expires"] = end.0.into();
    }
    if !key.limits.is_empty() {
        seen["ratelimits"] = serde_json::to_value(&key.limits).unwrap_or_default();
    }
    if key.migration.is_some() {
        seen["pendingMigration"] = true.into();
    }
    seen
}

/// The live key with this id and its live API, under the lock or in one state.
async fn locate(tx: &mut Tx<'_>, call: &Call, id: &str, missing: Missing) -> Result<(Api, Key), Error> {
    let found = key::find(tx, call.workspace, id).await?;
    let key = found.ok_or_else(|| Problem::NotFound(missing.clone()))?;
    let api = live_api(tx, call, key.api).await?;
    let api = api.ok_or(Problem::NotFound(missing))?;
    Ok((api, key))
}

async fn live_api(tx: &mut Tx<'_>, call: &Call, number: ApiNumber) -> Result<Option<Api>, Error> {
    catalogue::api::find(tx, call.workspace, number, call.app.store.master()).await
}

/// The roles with these names or ids. All of them must be there.
async fn find_roles(tx: &mut Tx<'_>, call: &Call, names: &[String]) -> Result<Vec<Role>, Error> {
    let mut roles: Vec<Role> = Vec::with_capacity(names.len());
    for name in names {
        let found = super::role::find(tx, call, name).await?;
        let role = found.ok_or_else(|| Problem::NotFound(Missing::RoleNamed(name.clone())))?;
        if !roles.iter().any(|known| known.number == role.number) {
            roles.push(role);
        }
    }
    Ok(roles)
}

fn numbers_of(roles: &[Role]) -> Vec<RoleNumber> {
    let mut numbers: Vec<RoleNumber> = roles.iter().map(|role| role.number).collect();
    numbers.sort_unstable();
    numbers.dedup();
    numbers
}

/// The identity with this external id, made if there is none.
async fn ensure_identity(change: &mut Change<'_>, call: &Call, external_id: &str) -> Result<Identity, Error> {
    if let Some(found) = identity::find_external(change.tx(), call.workspace, external_id).await? {
        return Ok(found);
    }
    let identity = Identity {
        number: keyward_core::model::identity::IdentityNumber(0),
        workspace: call.workspace,
        id: ids::prefixed(call.app.entropy.as_ref(), "id"),
        external_id: external_id.to_owned(),
        meta: None,
        limits: Vec::new(),
        created_at: call.now,
    };
    identity::insert(change, identity).await
}

/// Meta data as it is stored; nothing for an empty object.
fn stored_meta(meta: Option<Value>) -> Result<Option<String>, Problem> {
    let Some(meta) = meta.filter(|meta| meta.as_object().is_some_and(|fields| !fields.is_empty())) else {
        return Ok(None);
    };
    let text = meta.to_string();
    if text.len() > META {
        let size = text.len();
        return Err(refused(format!("Metadata is too large: it must be at most {META} bytes, but is {size} bytes.")));
    }
    Ok(Some(text))
}

/// The limits that are wanted, each name once; a name that is there keeps its id.
pub(crate) fn named_limits(
    call: &Call,
    stored: &[NamedLimit],
    wanted: Vec<WantedLimit>,
) -> Result<Vec<NamedLimit>, Problem> {
    let mut names = std::collections::HashSet::new();
    if let Some(twice) = wanted.iter().find(|limit| !names.insert(limit.name.clone())) {
        return Err(refused(format!("Ratelimit with name '{}' is already defined in the request", twice.name)));
    }
    Ok(replace(stored, wanted, || ids::prefixed(call.app.entropy.as_ref(), "rl")))
}

/// The refill that is wanted.
fn refill(wanted: &WantedRefill) -> Result<Refill, Problem> {
    let interval = match (wanted.monthly, wanted.day) {
        (false, _) => Interval::Daily,
        (true, Some(day)) => Interval::Monthly { day },
        (true, None) => {
            return Err(refused("`refillDay` must be provided when the refill interval is `monthly`."));
        }
    };
    Ok(Refill { interval, amount: wanted.amount })
}

/// Credits as somebody asks for them on creation; none when uses are not to be counted.
fn credits_of(wanted: Option<&WantedCredits>, now: Timestamp) -> Result<Option<Credits>, Problem> {
    let Some(wanted) = wanted else { return Ok(None) };
    let refill = wanted.refill.as_ref().map(refill).transpose()?;
    match (wanted.remaining, refill) {
        (Some(remaining), refill) => Ok(Some(Credits { remaining, refill, refilled_at: now })),
        (None, Some(_)) => Err(refused("`credits.remaining` must be provided when `credits.refill` is set.")),
        (None, None) => Ok(None),
    }
}

/// What an entry of the audit log says of credits.
fn describe_credits(credits: Option<&Credits>) -> Value {
    credits.map_or(Value::Null, |credits| json!({ "remaining": credits.remaining, "refill": credits.refill }))
}

/// Everything about roles that an entry names.
fn describe_roles(roles: &[Role]) -> Value {
    roles.iter().map(|role| json!({ "id": role.key_id(), "name": role.name })).collect()
}

/// The names of these roles, as far as they are there.
async fn known_roles(tx: &mut Tx<'_>, call: &Call, numbers: &[RoleNumber]) -> Result<Vec<Role>, Error> {
    let view = Arc::clone(&call.app.view());
    let mut roles = Vec::with_capacity(numbers.len());
    for number in numbers {
        // The store has the last word: memory may be a moment behind.
        if let Some(known) = view.snapshot.role(*number)
            && let Some(role) = role::find(tx, call.workspace, &known.id).await?
        {
            roles.push(role);
        }
    }
    Ok(roles)
}
