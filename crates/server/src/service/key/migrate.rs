//! Keys that were made elsewhere: announced, and taken over by their hashes.

use std::sync::Arc;

use base64::{Engine, prelude::BASE64_STANDARD};
use keyward_core::{
    Problem,
    grants::Action,
    model::{
        WorkspaceNumber,
        api::Api,
        key::{Key, KeyNumber},
        migration::{KeyAlgorithm, KeyMigration},
        role::Role,
        root_key::Hash,
    },
    problem::Missing,
};
use keyward_store::{
    Change, Error, catalogue,
    keys::{credits, key},
};
use serde_json::{Value, json};

use super::{
    WantedKey, create::require_to_give, credits_of, describe_roles, ensure_identity, live_api, named_limits,
    numbers_of, stored_meta,
};
use crate::{
    app::{App, Call},
    ids,
    key_text::DEFAULT_BYTES,
    service::{repeatable, role, root_key::entry, slug::NAMED},
};

/// A key that is to be taken over.
#[derive(Debug, Clone)]
pub struct MigratedKey {
    /// Its hash, as the migration's algorithm makes it.
    pub hash: String,
    /// What it is to be.
    pub wanted: WantedKey,
}

/// What became of a migration's keys.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
pub struct Migration {
    /// Hashes and the ids of their keys.
    pub migrated: Vec<(String, String)>,
    /// Hashes that are there already, or that are none.
    pub failed: Vec<String>,
}

/// Announces a migration for whoever may use the data directory, and returns its id.
///
/// # Errors
/// [`Problem::Precondition`] for an unknown algorithm; [`Problem::Unavailable`].
pub async fn announce(app: &Arc<App>, name: String, algorithm: &str) -> Result<String, Problem> {
    let algorithm = KeyAlgorithm::parse(algorithm).ok_or_else(|| {
        Problem::Precondition(format!(
            "there is no algorithm `{algorithm}`: it is {} or {}",
            KeyAlgorithm::Sha256.as_str(),
            KeyAlgorithm::PrefixedApiKey.as_str()
        ))
    })?;
    let (now, id) = (app.clock.now(), ids::prefixed(app.entropy.as_ref(), "mig"));
    let (id, _) = app
        .change(move |change| {
            Box::pin(async move {
                let number = catalogue::key_migration::next_number(change).await?;
                let workspace = WorkspaceNumber::FIRST;
                let migration = KeyMigration { number, workspace, id, name, algorithm };
                catalogue::key_migration::insert(change, &migration, now).await?;
                let after = json!({ "id": migration.id, "name": migration.name, "algorithm": algorithm.as_str() });
                Ok((migration.id, entry(now, "keyMigration.create", Value::Null, after)))
            })
        })
        .await?;
    Ok(id)
}

/// The hash under which a key is looked for before its text is known.
fn stored_hash(algorithm: KeyAlgorithm, text: &str) -> Option<Hash> {
    let bytes = match algorithm {
        KeyAlgorithm::Sha256 => BASE64_STANDARD.decode(text).ok()?,
        KeyAlgorithm::PrefixedApiKey => {
            let digits = text.as_bytes();
            let pair = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
            digits.chunks(2).map(pair).collect::<Option<Vec<u8>>>()?
        }
    };
    bytes.try_into().ok()
}

/// What was made on the way, so that keys can hold it.
#[derive(Default)]
struct Made {
    permissions: Vec<Value>,
    roles: Vec<Role>,
}

/// Takes keys over, and makes the permissions and roles that they hold and nobody has, if the caller may. Hashes that are
/// there already, in whichever workspace, and those that are none, are named and left out.
///
/// # Errors
/// [`Problem::NotFound`] for the API or the migration; [`Problem::Insufficient`] when the caller may not give or make
/// what keys are to hold; [`Problem::Invalid`]. Then nothing was taken over.
pub async fn migrate(
    call: &Call,
    (migration, api): (String, String),
    keys: Vec<MigratedKey>,
) -> Result<Migration, Problem> {
    call.require_on(Action::CreateKey, &api)?;
    let view = Arc::clone(&call.app.view());
    let found = view.snapshot.key_api(call.workspace, &api);
    let api = found.ok_or(Problem::NotFound(Missing::KeyApi { specified: true }))?.api.number;
    let migration = view.snapshot.key_migration(call.workspace, &migration);
    let migration = Arc::clone(migration.ok_or(Problem::NotFound(Missing::KeyMigration))?);
    for key in &keys {
        require_to_give(call, &key.wanted.permissions, &key.wanted.roles)?;
    }
    let work = call.clone();
    repeatable::change(call, move |change| {
        Box::pin(async move {
            let api = live_api(change.tx(), &work, api).await?;
            let api = api.ok_or(Problem::NotFound(Missing::KeyApi { specified: true }))?;
            let first = key::next_numbers(change, keys.len()).await?;
            let mut outcome = Migration { migrated: Vec::new(), failed: Vec::new() };
            let mut made = Made::default();
            for (number, key) in (first.0..).zip(keys) {
                let hash = stored_hash(migration.algorithm, &key.hash);
                let is_new = match hash {
                    Some(hash) => key::find_by_hash(change.tx(), &hash).await?.is_none(),
                    None => false,
                };
                let (Some(hash), true) = (hash, is_new) else {
                    outcome.failed.push(key.hash);
                    continue;
                };
                let place = (&api, &*migration, &mut made);
                let id = take_over(change, &work, place, (KeyNumber(number), hash), key.wanted).await?;
                outcome.migrated.push((key.hash, id));
            }
            let named: Vec<&String> = outcome.migrated.iter().take(NAMED).map(|(_, id)| id).collect();
            let mut after = json!({
                "apiId": api.key_id(), "migrationId": migration.id,
                "keys": { "count": outcome.migrated.len(), "ids": named }, "failed": outcome.failed.len(),
            });
            role::note_created(&mut after, made.permissions);
            if !made.roles.is_empty() {
                after["createdRoles"] = describe_roles(&made.roles);
            }
            let draft = work.audit(Value::Null, Value::Null, after);
            Ok((outcome, draft))
        })
    })
    .await
}

async fn take_over(
    change: &mut Change<'_>,
    call: &Call,
    (api, migration, made): (&Api, &KeyMigration, &mut Made),
    (number, hash): (KeyNumber, Hash),
    wanted: WantedKey,
) -> Result<String, Error> {
    let credits = credits_of(wanted.credits.as_ref(), call.now)?;
    let mut roles = Vec::with_capacity(wanted.roles.len());
    for name in &wanted.roles {
        let (role, is_new) = role::find_or_create(change, call, name).await?;
        if is_new {
            made.roles.push(role.clone());
        }
        roles.push(role);
    }
    let resolved = role::resolve_or_create(change, call, Some(api), wanted.permissions).await?;
    made.permissions.extend(resolved.created);
    let identity = match &wanted.external_id {
        Some(external_id) => Some(ensure_identity(change, call, external_id).await?.number),
        None => None,
    };
    let entropy = call.app.entropy.as_ref();
    let key = Key {
        number,
        workspace: call.workspace,
        api: api.number,
        id: ids::prefixed(entropy, "key"),
        hash,
        start: String::new(),
        name: wanted.name,
        meta: stored_meta(wanted.meta)?,
        identity,
        enabled: wanted.enabled,
        expires_at: wanted.expires_at,
        permissions: resolved.numbers,
        roles: numbers_of(&roles),
        limits: named_limits(call, &[], wanted.limits)?,
        counted: credits.is_some(),
        prefix: None,
        bytes: DEFAULT_BYTES,
        recoverable: false,
        // Such a hash is of a part of the text: the first use tells the rest.
        migration: (migration.algorithm == KeyAlgorithm::PrefixedApiKey).then_some(migration.number),
        last_used_at: None,
        created_at: call.now,
        updated_at: None,
        deleted_at: None,
    };
    key::insert(change, &key, None, (call.app.store.master(), entropy)).await?;
    credits::set(change.tx(), key.workspace, number, credits.as_ref()).await?;
    Ok(key.id)
}
