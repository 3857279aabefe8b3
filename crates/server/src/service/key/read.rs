//! Showing keys.

use std::{collections::HashMap, sync::Arc};

use keyward_core::{
    Problem,
    grants::Action,
    model::{
        api::ApiNumber,
        identity::Identity,
        key::{Credits, Key},
    },
    problem::Missing,
    secret::Secret,
};
use keyward_store::{
    Error, Tx,
    keys::{credits, holder, identity, key},
};

use super::locate;
use crate::{app::Call, key_text};

/// A key with all that is shown of it.
#[derive(Debug, Clone)]
pub struct KeyData {
    /// The key.
    pub key: Key,
    /// How often it may still be used, at this moment; none when that is not counted.
    pub credits: Option<Credits>,
    /// Its owner, if it is not deleted.
    pub identity: Option<Identity>,
    /// Its text, if it was asked for and may be shown.
    pub text: Option<Secret>,
}

/// What of an API's keys is to be listed.
#[derive(Debug, Clone)]
pub struct Listing {
    /// The API's id.
    pub api: String,
    /// The id to begin with.
    pub from: String,
    /// How many at most.
    pub limit: i64,
    /// Only those of this owner.
    pub external_id: Option<String>,
    /// With their texts.
    pub decrypt: bool,
}

async fn complete(tx: &mut Tx<'_>, call: &Call, key: Key, decrypt: bool) -> Result<KeyData, Error> {
    let credits = if key.counted { credits::find(tx, key.number).await? } else { None };
    let identity = match key.identity {
        Some(number) => identity::find_numbered(tx, number).await?,
        None => None,
    };
    let text = if decrypt && key.recoverable { key::reveal(tx, &key, call.app.store.master()).await? } else { None };
    Ok(KeyData { credits: credits.map(|credits| credits.at(call.now)), identity, text, key })
}

/// The key with this id.
///
/// # Errors
/// [`Problem::NotFound`]; [`Problem::Insufficient`] when the caller may not see it, or its text if that is asked for.
pub async fn get(call: &Call, id: String, decrypt: bool) -> Result<KeyData, Problem> {
    let work = call.clone();
    let read = call.app.store.read(move |tx| {
        Box::pin(async move {
            let (api, key) = locate(tx, &work, &id, Missing::Key { specified: false }).await?;
            work.require_on_key(Action::ReadKey, &api, &key.id)?;
            if decrypt {
                work.require_on_key(Action::DecryptKey, &api, &key.id)?;
            }
            complete(tx, &work, key, decrypt).await
        })
    });
    Ok(read.await?)
}

/// What people call the key with this id, if there is one: its name, or how its text begins. It tells nothing that a
/// caller may not see who may see who uses a permission.
///
/// # Errors
/// Why the store can't be read.
pub async fn label(call: &Call, id: String) -> Result<Option<String>, Problem> {
    let workspace = call.workspace;
    let found = call.app.store.read_briefly(move |tx| Box::pin(async move { key::find(tx, workspace, &id).await }));
    Ok(found.await?.map(|key| key.name.unwrap_or(format!("{}…", key.start))))
}

/// The key with this text. One that the caller may not see is absent.
///
/// # Errors
/// [`Problem::NotFound`].
pub async fn whoami(call: &Call, text: String) -> Result<KeyData, Problem> {
    let work = call.clone();
    let hash = key_text::hash(&text);
    let read = call.app.store.read(move |tx| {
        Box::pin(async move {
            let absent = || Problem::NotFound(Missing::Key { specified: false });
            let found = key::find_by_hash(tx, &hash).await?.ok_or_else(absent)?;
            // Before its first use, what is known of a migrated key is a part of its text, and that is not the key.
            if found.workspace != work.workspace || found.deleted_at.is_some() || found.migration.is_some() {
                return Err(absent().into());
            }
            let (api, key) = locate(tx, &work, &found.id, Missing::Key { specified: false }).await?;
            if !work.may_on_key(Action::ReadKey, &api, &key.id) {
                return Err(absent().into());
            }
            complete(tx, &work, key, false).await
        })
    });
    Ok(read.await?)
}

/// One page of an API's keys, and the id of the next one. An API that the caller may not see is absent.
///
/// # Errors
/// [`Problem::NotFound`]; [`Problem::Insufficient`] when the texts are asked for and may not be shown.
pub async fn list(call: &Call, listing: Listing) -> Result<(Vec<KeyData>, Option<String>), Problem> {
    let absent = || Problem::NotFound(Missing::KeyApi { specified: true });
    let view = Arc::clone(&call.app.view());
    let entry = view.snapshot.key_api(call.workspace, &listing.api).ok_or_else(absent)?;
    let space = entry.api.key_space_id();
    let all_keys = ["keyspaces", &space, "keys", "*"];
    let may_read_keys = call.may_on(Action::ReadKey, &listing.api) || call.may_urn(&all_keys, "read_key");
    let may_read_api =
        call.may_on(Action::ReadApi, &listing.api) || call.may_urn(&["keyspaces", &space], "read_keyspace");
    if !may_read_keys || !may_read_api {
        return Err(absent());
    }
    if listing.decrypt && !call.may_urn(&all_keys, "decrypt_key") {
        call.require_on(Action::DecryptKey, &listing.api)?;
    }
    let (work, number) = (call.clone(), entry.api.number);
    let read = call.app.store.read(move |tx| {
        Box::pin(async move {
            let owner = match &listing.external_id {
                None => None,
                Some(external_id) => {
                    let found = identity::find_external(tx, work.workspace, external_id).await?;
                    let Some(identity) = found else { return Ok((Vec::new(), None)) };
                    Some(identity.number)
                }
            };
            let page = (listing.from.as_str(), listing.limit + 1);
            let mut keys = key::list(tx, (work.workspace, number), owner, page).await?;
            let limit = usize::try_from(listing.limit).unwrap_or(usize::MAX);
            let next = (keys.len() > limit).then(|| keys.pop().map(|key| key.id)).flatten();
            let mut list = Vec::with_capacity(keys.len());
            for key in keys {
                list.push(complete(tx, &work, key, listing.decrypt).await?);
            }
            Ok((list, next))
        })
    });
    Ok(read.await?)
}

/// How many keys each API has that has any.
///
/// # Errors
/// [`Problem::Insufficient`].
pub async fn counts(call: &Call) -> Result<HashMap<ApiNumber, i64>, Problem> {
    call.require(Action::ReadKey)?;
    Ok(call.app.store.read_briefly(|tx| Box::pin(holder::of_apis(tx))).await?)
}

/// How the API's key with this id began, if it is deleted.
///
/// # Errors
/// [`Problem::Insufficient`].
pub async fn deleted(call: &Call, api: ApiNumber, id: String) -> Result<Option<String>, Problem> {
    call.require(Action::ReadKey)?;
    let workspace = call.workspace;
    let read =
        call.app.store.read_briefly(move |tx| Box::pin(async move { key::deleted(tx, (workspace, api), &id).await }));
    Ok(read.await?)
}
