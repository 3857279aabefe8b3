//! Making a key.

use std::sync::Arc;

use keyward_core::{
    Problem,
    grants::Action,
    model::{api::Api, key::Key, limit::WantedLimit},
    problem::Missing,
    time::Timestamp,
};
use keyward_store::keys::{credits, key};
use serde_json::{Value, json};

use super::{
    MadeKey, credits_of, describe, describe_credits, describe_roles, ensure_identity, find_roles, live_api,
    named_limits, numbers_of, stored_meta,
};
use crate::{
    app::Call,
    ids,
    key_text::DEFAULT_BYTES,
    service::{repeatable, role, slug},
};

/// How often a new key may be used.
#[derive(Debug, Clone)]
pub struct WantedCredits {
    /// How much it has; none for any number of uses.
    pub remaining: Option<i64>,
    /// When it gets more.
    pub refill: Option<WantedRefill>,
}

/// When a key gets more credits.
#[derive(Debug, Clone)]
pub struct WantedRefill {
    /// Every month, and not every day.
    pub monthly: bool,
    /// On which day of the month.
    pub day: Option<u8>,
    /// How much it has then.
    pub amount: i64,
}

/// What somebody wants a key to be.
#[derive(Debug, Clone, Default)]
pub struct WantedKey {
    /// The id of the API it is for.
    pub api: String,
    /// What its text begins with.
    pub prefix: Option<String>,
    /// For people.
    pub name: Option<String>,
    /// How many random bytes it has.
    pub bytes: Option<i64>,
    /// Its owner.
    pub external_id: Option<String>,
    /// A JSON object.
    pub meta: Option<Value>,
    /// Names of roles.
    pub roles: Vec<String>,
    /// Slugs of permissions.
    pub permissions: Vec<String>,
    /// When it ends.
    pub expires_at: Option<Timestamp>,
    /// How often it may be used.
    pub credits: Option<WantedCredits>,
    /// Its limits.
    pub limits: Vec<WantedLimit>,
    /// Whether it may be used.
    pub enabled: bool,
    /// Whether its text may be shown again.
    pub recoverable: bool,
}

/// The API for whose keys the caller may do this. One that is not there and one that the caller may not see look alike.
pub(super) fn api_for(call: &Call, id: &str, action: Action) -> Result<Api, Problem> {
    let absent = || Problem::NotFound(Missing::KeyApi { specified: true });
    let view = Arc::clone(&call.app.view());
    let entry = view.snapshot.key_api(call.workspace, id).ok_or_else(absent)?;
    let path = ["keyspaces", &entry.api.key_space_id()];
    if !call.may_on(action, id) && !call.may_urn(&path, action.verb()) {
        return Err(absent());
    }
    Ok(entry.api.clone())
}

/// Makes a key. Its text is in the answer and nowhere else.
///
/// # Errors
/// [`Problem::NotFound`] for the API or a role; [`Problem::Insufficient`] when the caller may not give what the key is to
/// hold; [`Problem::Invalid`].
pub async fn create(call: &Call, wanted: WantedKey) -> Result<MadeKey, Problem> {
    let api = api_for(call, &wanted.api, Action::CreateKey)?;
    if wanted.recoverable && !call.may_urn(&["keyspaces", &api.key_space_id()], Action::EncryptKey.verb()) {
        call.require_on(Action::EncryptKey, &wanted.api)?;
    }
    require_to_give(call, &wanted.permissions, &wanted.roles)?;
    let credits = credits_of(wanted.credits.as_ref(), call.now)?;
    let limits = named_limits(call, &[], wanted.limits.clone())?;
    let meta = stored_meta(wanted.meta.clone())?;
    let work = call.clone();
    repeatable::change(call, move |change| {
        Box::pin(async move {
            // Deleted meanwhile, it gets no key.
            let api = live_api(change.tx(), &work, api.number).await?;
            let api = api.ok_or(Problem::NotFound(Missing::KeyApi { specified: true }))?;
            let roles = find_roles(change.tx(), &work, &wanted.roles).await?;
            let resolved = role::resolve_or_create(change, &work, Some(&api), wanted.permissions).await?;
            let identity = match &wanted.external_id {
                Some(external_id) => Some(ensure_identity(change, &work, external_id).await?),
                None => None,
            };
            let prefix = wanted.prefix.or_else(|| api.key_settings.default_prefix.clone());
            let bytes = wanted.bytes.or(api.key_settings.default_bytes).unwrap_or(DEFAULT_BYTES);
            let entropy = work.app.entropy.as_ref();
            let made = work.app.key_texts.make(entropy, prefix.as_deref(), usize::try_from(bytes).unwrap_or(16));
            let key = Key {
                number: key::next_numbers(change, 1).await?,
                workspace: work.workspace,
                api: api.number,
                id: ids::prefixed(entropy, "key"),
                hash: made.hash,
                start: made.start,
                name: wanted.name,
                meta,
                identity: identity.as_ref().map(|identity| identity.number),
                enabled: wanted.enabled,
                expires_at: wanted.expires_at,
                permissions: resolved.numbers,
                roles: numbers_of(&roles),
                limits,
                counted: credits.is_some(),
                prefix,
                bytes,
                recoverable: wanted.recoverable,
                migration: None,
                last_used_at: None,
                created_at: work.now,
                updated_at: None,
                deleted_at: None,
            };
            let sealing = (work.app.store.master().as_ref(), entropy);
            key::insert(change, &key, wanted.recoverable.then_some(&made.text), sealing).await?;
            credits::set(change.tx(), key.workspace, key.number, credits.as_ref()).await?;
            let mut after = describe(&api, &key);
            after["permissions"] = resolved.permissions.iter().map(slug::describe).collect();
            after["roles"] = describe_roles(&roles);
            after["credits"] = describe_credits(credits.as_ref());
            if let Some(identity) = identity {
                after["identity"] = json!({ "id": identity.id, "externalId": identity.external_id });
            }
            role::note_created(&mut after, resolved.created);
            let text = made.text.expose_text().unwrap_or_default().to_owned();
            let draft = work.audit(json!({ "keyId": key.id }), Value::Null, after);
            Ok((MadeKey { id: key.id, text }, draft))
        })
    })
    .await
}

/// Refuses a caller who may not give these permissions and roles to a key.
pub(super) fn require_to_give(call: &Call, permissions: &[String], roles: &[String]) -> Result<(), Problem> {
    if !permissions.is_empty() {
        call.require(Action::AddPermissionToKey)?;
    }
    if !roles.is_empty() {
        call.require(Action::AddRoleToKey)?;
    }
    Ok(())
}
