//! APIs, as the keys' API has them: the same ones as on the other side, with what concerns their keys.

use std::{net::IpAddr, sync::Arc};

use keyward_core::{
    Problem,
    model::{
        api::{Api, ApiSettings, KeySettings},
        consent::ConsentsOf,
    },
    problem::{Invalid, Missing, Part},
    snapshot::ApiEntry,
};
use keyward_store::{Change, Error, catalogue, keys::holder::Holding};
use serde_json::{Value, json};

use super::{client_grant, consent, repeatable, slug};
use crate::{app::Call, ids};

fn absent() -> Problem {
    Problem::NotFound(Missing::KeyApi { specified: false })
}

fn describe(api: &Api) -> Value {
    let mut seen = json!({ "id": api.key_id(), "name": api.display_name(), "identifier": api.identifier });
    if api.key_settings != KeySettings::default() {
        seen["keySettings"] = serde_json::to_value(&api.key_settings).unwrap_or_default();
    }
    seen
}

/// Makes an API of this name and returns its id. What tokens call it is that id, too: it can't be changed, and a name
/// may be there twice.
///
/// # Errors
/// [`Problem::Unavailable`].
pub async fn create(call: &Call, name: String) -> Result<String, Problem> {
    let work = call.clone();
    repeatable::change(call, move |change| {
        Box::pin(async move {
            let id = ids::object_id(work.app.entropy.as_ref(), work.now);
            let mut api = Api {
                number: catalogue::api::next_number(change).await?,
                workspace: work.workspace,
                id,
                identifier: String::new(),
                name: Some(name),
                system: None,
                settings: ApiSettings::default(),
                key_settings: KeySettings::default(),
                signing_secret: None,
                revision: change.revision(),
                created_at: work.now,
            };
            api.identifier = api.key_id();
            let sealing = (work.app.store.master().as_ref(), work.app.entropy.as_ref());
            catalogue::api::insert(change, &api, sealing).await?;
            let draft = work.audit(json!({ "apiId": api.key_id() }), Value::Null, describe(&api));
            Ok((api.key_id(), draft))
        })
    })
    .await
}

/// The API with this id.
///
/// # Errors
/// [`Problem::NotFound`].
pub fn get(call: &Call, id: &str) -> Result<Arc<ApiEntry>, Problem> {
    call.app.view().snapshot.key_api(call.workspace, id).cloned().ok_or_else(absent)
}

/// The API with this id, under the lock.
async fn locked(change: &mut Change<'_>, call: &Call, id: &str) -> Result<Api, Error> {
    let number = get(call, id)?.api.number;
    let found = catalogue::api::find(change.tx(), call.workspace, number, call.app.store.master()).await?;
    found.ok_or_else(|| absent().into())
}

/// What somebody wants to change about an API's keys. The inner `None` clears.
#[derive(Debug, Clone, Default)]
pub struct ApiChange {
    /// For people.
    pub name: Option<String>,
    /// The addresses from which keys may be used; none for any.
    pub ip_allow_list: Option<Vec<String>>,
    /// Whether the API can't be deleted through the keys' API.
    pub delete_protection: Option<bool>,
    /// What a key's text begins with if its creator says nothing.
    pub default_prefix: Option<Option<String>>,
    /// How many random bytes a key has if its creator says nothing.
    pub default_bytes: Option<Option<i64>>,
}

fn parse_addresses(texts: &[String]) -> Result<Vec<IpAddr>, Problem> {
    let parse = |text: &String| {
        text.parse::<IpAddr>().map(|address| address.to_canonical()).map_err(|_| {
            let detail = format!("`ipAllowList` takes addresses as 192.0.2.1 or 2001:db8::1, and not '{text}'.");
            Problem::Invalid(Invalid::whole(Part::Body, detail))
        })
    };
    texts.iter().map(parse).collect()
}

/// Changes how an API's keys are made and from where they may be used.
///
/// # Errors
/// [`Problem::NotFound`]; [`Problem::Invalid`] for something that is no address.
pub async fn update(call: &Call, id: String, wanted: ApiChange) -> Result<(), Problem> {
    let addresses = wanted.ip_allow_list.as_deref().map(parse_addresses).transpose()?;
    let work = call.clone();
    repeatable::change(call, move |change| {
        Box::pin(async move {
            let before = locked(change, &work, &id).await?;
            let mut after = before.clone();
            after.name = wanted.name.or(after.name);
            let settings = &mut after.key_settings;
            if let Some(addresses) = addresses {
                settings.ip_allow_list = addresses;
            }
            settings.delete_protection = wanted.delete_protection.unwrap_or(settings.delete_protection);
            if let Some(prefix) = wanted.default_prefix {
                settings.default_prefix = prefix;
            }
            if let Some(bytes) = wanted.default_bytes {
                settings.default_bytes = bytes;
            }
            if after == before {
                return Ok(((), None));
            }
            after.revision = change.revision();
            let sealing = (work.app.store.master().as_ref(), work.app.entropy.as_ref());
            catalogue::api::update(change, &after, sealing, work.now).await?;
            Ok(((), Some(work.audit(json!({}), describe(&before), describe(&after)))))
        })
    })
    .await
}

/// Deletes an API: its keys are refused from the answer on.
///
/// # Errors
/// [`Problem::NotFound`]; [`Problem::Protected`].
pub async fn delete(call: &Call, id: String) -> Result<(), Problem> {
    let work = call.clone();
    repeatable::change(call, move |change| {
        Box::pin(async move {
            let api = locked(change, &work, &id).await?;
            if api.key_settings.delete_protection {
                let text = "This API has delete protection enabled. Disable it before attempting to delete.";
                return Err(Problem::Protected(text).into());
            }
            let permissions = catalogue::permission::of_api(change.tx(), work.workspace, api.number).await?;
            let consents = consent::take_away(change, &work, &ConsentsOf::Api(api.number)).await?;
            catalogue::api::tombstone(change, &api, work.app.clock.now()).await?;
            let mut before = describe(&api);
            let grants = catalogue::client_grant::of_api(change.tx(), work.workspace, api.number).await?;
            let grants = client_grant::take_away(change, &work, &grants).await?;
            for (name, gone) in [("client_grants", grants), ("grants", consents)] {
                if gone["count"] != 0 {
                    before[name] = gone;
                }
            }
            before["permissions"] = slug::with_holders(change, api.number, &permissions, slug::describe).await?.into();
            before["keys"] = slug::keys(change, Holding::Api(api.number)).await?;
            Ok(((), work.audit(json!({}), before, Value::Null)))
        })
    })
    .await
}
