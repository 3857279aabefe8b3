//! Applications: create, change, delete, and their secrets.

use std::sync::Arc;

use aws_lc_rs::digest::{SHA256, digest};
use keyward_core::{
    Problem,
    model::{
        Revision, WorkspaceNumber,
        api::Api,
        client::{Client, ClientAuthentication, ClientNumber, ClientSettings, GLOBAL_NAME},
        consent::ConsentsOf,
        credential::{AuthenticationMethods, Credential},
    },
    problem::{Invalid, Missing, Part},
    secret::Secret,
    snapshot::Snapshot,
    time::Timestamp,
};
use keyward_store::{
    Change, Error, catalogue,
    ledger::{connection, connection_client},
};
use serde_json::{Map, Value, json};

use super::{
    Precondition, client_grant, client_secret, consent,
    credential::{self, NewCredential},
    difference,
};
use crate::{app::Call, ids};

/// The length of a `client_id` (contract: identifier formats).
const ID_LENGTH: usize = 32;
/// The prefix of those of third parties.
const THIRD_PARTY: &str = "tpc_";
/// How many letters and digits those have behind their prefix.
const THIRD_PARTY_LENGTH: usize = 22;

/// The settings that say how an application proves who it is: one of them at most is there.
const METHOD: &str = "token_endpoint_auth_method";
const METHODS: &str = "client_authentication_methods";

/// What somebody wants an application to be. The fields' form was checked.
#[derive(Debug, Clone, Default)]
pub struct ClientFields {
    /// For people.
    pub name: Option<String>,
    /// Everything else: a value replaces, null clears.
    pub settings: Map<String, Value>,
    /// A secret that the caller chose.
    pub secret: Option<Secret>,
    /// Public keys that it gets and uses from the beginning on. Only for a new one.
    pub credentials: Vec<NewCredential>,
}

/// The application with this `client_id`.
///
/// # Errors
/// [`Problem::NotFound`].
pub fn find<'s>(snapshot: &'s Snapshot, call: &Call, id: &str) -> Result<&'s Arc<Client>, Problem> {
    snapshot.client(call.workspace, id).ok_or(Problem::NotFound(Missing::Client))
}

/// The secret of an application, if it has one.
///
/// # Errors
/// [`Problem::Unavailable`] when the store can't be read.
pub async fn secret(call: &Call, client: &Client) -> Result<Option<Secret>, Problem> {
    let (workspace, number, master) = (client.workspace, client.number, Arc::clone(call.app.store.master()));
    let read = call.app.store.read_briefly(move |tx| {
        Box::pin(async move { catalogue::client::secret(tx, workspace, number, &master).await })
    });
    Ok(read.await?)
}

/// Creates an application, and returns it with its secret. One that can't keep a secret has none.
///
/// # Errors
/// [`Problem::Invalid`] when the fields contradict each other.
pub async fn create(call: &Call, mut fields: ClientFields) -> Result<(Client, Option<Secret>), Problem> {
    let app_type = fields.settings.get("app_type").and_then(Value::as_str);
    let keys = fields.credentials.into_iter().map(|key| key.read(call)).collect::<Result<Vec<_>, _>>()?;
    let mut base = ClientSettings::of_new(app_type);
    if is_set(&fields.settings, METHOD) {
        base.client_authentication_methods = None;
    }
    if !keys.is_empty() {
        let methods = AuthenticationMethods::with_keys(keys.iter().map(|key| key.id.as_str()));
        fields.settings.insert(METHODS.to_owned(), serde_json::to_value(methods).map_err(Problem::internal)?);
    }
    let settings = settled((&base, &keys), fields.settings)?;
    let entropy = call.app.entropy.as_ref();
    let id = if settings.is_first_party {
        ids::alphanumeric(entropy, ID_LENGTH)
    } else {
        format!("{THIRD_PARTY}{}", ids::alphanumeric(entropy, THIRD_PARTY_LENGTH))
    };
    let name = fields.name.unwrap_or_default();
    let secret = has_secret(&settings).then(|| fields.secret.unwrap_or_else(|| client_secret::generate(entropy)));
    let (work, kept) = (call.clone(), secret.clone());
    let (client, _) = call
        .app
        .change(move |change| {
            Box::pin(async move {
                let client = insert(change, &work, (id, name), settings, (kept.as_ref(), keys)).await?;
                let after = Value::Object(client.describe());
                let draft = work.audit(after.clone(), Value::Null, after);
                Ok((client, draft))
            })
        })
        .await?;
    Ok((client, secret))
}

async fn insert(
    change: &mut Change<'_>,
    call: &Call,
    (id, name): (String, String),
    settings: ClientSettings,
    (secret, keys): (Option<&Secret>, Vec<Credential>),
) -> Result<Client, Error> {
    let mut client = Client {
        number: catalogue::client::next_number(change).await?,
        workspace: call.workspace,
        id,
        name,
        settings,
        secret: secret.map(|secret| client_secret::hash(secret.expose())),
        credentials: Vec::new(),
        revision: change.revision(),
        created_at: call.now,
    };
    catalogue::client::insert(change, &client, stored(call, &client, secret)).await?;
    for key in keys {
        let key = credential::insert(change, &client, key).await?;
        client.credentials.push(key);
    }
    Ok(client)
}

fn stored<'s>(call: &'s Call, client: &Client, secret: Option<&'s Secret>) -> Option<catalogue::client::NewSecret<'s>> {
    Some(catalogue::client::NewSecret {
        hash: client.secret?,
        secret: secret?,
        master: call.app.store.master(),
        entropy: call.app.entropy.as_ref(),
    })
}

/// Changes an application: what is not sent stays. Saving without an edit changes nothing.
///
/// # Errors
/// [`Problem::NotFound`], [`Problem::Stale`], or [`Problem::Invalid`] when the fields contradict each other.
pub async fn update(
    call: &Call,
    id: String,
    fields: ClientFields,
    precondition: Precondition,
) -> Result<Client, Problem> {
    let work = call.clone();
    let (client, _) = call
        .app
        .change(move |change| {
            Box::pin(async move {
                let found = catalogue::client::find(change.tx(), work.workspace, &id).await?;
                let before = found.ok_or(Problem::NotFound(Missing::Client))?;
                precondition.check(before.revision)?;
                stays_global(&before, &fields)?;
                let settings = settled((&before.settings, &before.credentials), fields.settings)?;
                if settings.is_first_party != before.settings.is_first_party {
                    let text = "Whose application it is can't be changed";
                    return Err(Problem::Invalid(Invalid::property(Part::Body, "is_first_party", text)).into());
                }
                let name = fields.name.unwrap_or_else(|| before.name.clone());
                let mut after = Client { name, settings, ..before.clone() };
                // Who can keep no secret has none, and who can has one.
                let secret = match (has_secret(&after.settings), fields.secret) {
                    (false, _) => None,
                    (true, None) if before.secret.is_some() => None,
                    (true, sent) => Some(sent.unwrap_or_else(|| client_secret::generate(work.app.entropy.as_ref()))),
                };
                let takes_away = !has_secret(&after.settings) && before.secret.is_some();
                if after == before && secret.is_none() {
                    return Ok((
                        before.clone(),
                        work.audit(Value::Object(before.describe()), Value::Null, Value::Null),
                    ));
                }
                after.revision = change.revision();
                catalogue::client::update(change, &after, work.now).await?;
                if secret.is_some() || takes_away {
                    after.secret = secret.as_ref().map(|secret| client_secret::hash(secret.expose()));
                    let stored = stored(&work, &after, secret.as_ref());
                    catalogue::client::set_secret(change, &after, stored).await?;
                }
                let (mut old, mut new) = difference::fields(&before.describe(), &after.describe());
                if before.secret != after.secret {
                    old["client_secret"] = "[changed]".into();
                    new["client_secret"] = "[changed]".into();
                }
                let draft = work.audit(Value::Object(after.describe()), old, new);
                Ok((after, draft))
            })
        })
        .await?;
    Ok(client)
}

/// Gives an application another secret. The one before is worth nothing once this is answered.
///
/// # Errors
/// [`Problem::NotFound`]; [`Problem::Invalid`] for one that has no secret.
pub async fn rotate_secret(call: &Call, id: String) -> Result<(Client, Secret), Problem> {
    let work = call.clone();
    let secret = client_secret::generate(call.app.entropy.as_ref());
    let kept = secret.clone();
    let (client, _) = call
        .app
        .change(move |change| {
            Box::pin(async move {
                let found = catalogue::client::find(change.tx(), work.workspace, &id).await?;
                let before = found.ok_or(Problem::NotFound(Missing::Client))?;
                if !has_secret(&before.settings) || before.settings.client_authentication_methods.is_some() {
                    let text = "The client does not authenticate with a secret";
                    return Err(Problem::Invalid(Invalid::whole(Part::Body, text)).into());
                }
                let hash = client_secret::hash(kept.expose());
                let after = Client { secret: Some(hash), revision: change.revision(), ..before };
                catalogue::client::update(change, &after, work.now).await?;
                catalogue::client::set_secret(change, &after, stored(&work, &after, Some(&kept))).await?;
                let note = json!({ "client_id": after.id, "client_secret": "[changed]" });
                let draft = work.audit(Value::Object(after.describe()), note.clone(), note);
                Ok((after, draft))
            })
        })
        .await?;
    Ok((client, secret))
}

/// Deletes an application with all its grants. One that does not exist is deleted already.
///
/// # Errors
/// [`Problem::System`] for the one that stands for all of them.
pub async fn delete(call: &Call, id: String) -> Result<(), Problem> {
    if call.app.view().snapshot.client(call.workspace, &id).is_none() {
        return call.app.shown_everywhere().await;
    }
    let work = call.clone();
    call.app
        .change(move |change| {
            Box::pin(async move {
                let Some(client) = catalogue::client::find(change.tx(), work.workspace, &id).await? else {
                    // Somebody else was quicker.
                    return Ok(((), work.audit(Value::Null, Value::Null, Value::Null)));
                };
                if client.settings.global {
                    return Err(Problem::System("Global client cannot be deleted.").into());
                }
                let grants = catalogue::client_grant::of_client(change.tx(), work.workspace, client.number).await?;
                let gone = client_grant::take_away(change, &work, &grants).await?;
                let consents = consent::take_away(change, &work, &ConsentsOf::Client(client.number)).await?;
                catalogue::client::tombstone(change, &client, work.now).await?;
                let connections = connection_client::forget_client(change, client.number).await?;
                let mut before = client.describe();
                before.insert("client_grants".to_owned(), gone);
                if !connections.is_empty() {
                    let all = connection::list(change.tx(), work.workspace).await?;
                    let own = all.into_iter().filter(|connection| connections.contains(&connection.number));
                    before.insert("connections".to_owned(), own.map(|connection| connection.id).collect());
                }
                if consents["count"] != 0 {
                    before.insert("grants".to_owned(), consents);
                }
                let keys: Vec<Value> = client.credentials.iter().map(|key| credential::describe(key).into()).collect();
                if !keys.is_empty() {
                    catalogue::credential::delete_all(change, &client).await?;
                    before.insert("credentials".to_owned(), keys.into());
                }
                Ok(((), work.audit(Value::Null, before.into(), Value::Null)))
            })
        })
        .await?;
    Ok(())
}

/// The `client_id` of the application that stands for all of them. It is made of the Management API's id, so that a
/// start finds it without a look at every application.
pub(super) fn global_id(management: &Api) -> String {
    let whole = ids::hex(digest(&SHA256, format!("global client of {}", management.id).as_bytes()).as_ref());
    whole.chars().take(ID_LENGTH).collect()
}

/// What the application that stands for all of them is, from the beginning on.
pub(super) fn global(number: ClientNumber, id: String, revision: Revision, now: Timestamp) -> Client {
    Client {
        number,
        workspace: WorkspaceNumber::FIRST,
        id,
        name: GLOBAL_NAME.to_owned(),
        settings: ClientSettings { global: true, grant_types: Vec::new(), ..ClientSettings::of_new(None) },
        secret: None,
        credentials: Vec::new(),
        revision,
        created_at: now,
    }
}

/// Refuses to let the application that stands for all of them be one that gets tokens.
fn stays_global(client: &Client, fields: &ClientFields) -> Result<(), Problem> {
    let refused = [METHOD, METHODS, "grant_types"].into_iter().find(|name| is_set(&fields.settings, name));
    let refused = refused.or(fields.secret.is_some().then_some("client_secret"));
    match refused.filter(|_| client.settings.global) {
        Some(name) => {
            let text = "The global client gets no tokens";
            Err(Problem::Invalid(Invalid::property(Part::Body, name, text)))
        }
        None => Ok(()),
    }
}

fn has_secret(settings: &ClientSettings) -> bool {
    !settings.global && settings.token_endpoint_auth_method != Some(ClientAuthentication::None)
}

fn is_set(fields: &Map<String, Value>, name: &str) -> bool {
    fields.get(name).is_some_and(|value| !value.is_null())
}

/// The settings with these fields, of an application with these keys. It has one way of proving who it is: with keys, or
/// the one that `token_endpoint_auth_method` says.
fn settled(
    (base, keys): (&ClientSettings, &[Credential]),
    mut fields: Map<String, Value>,
) -> Result<ClientSettings, Problem> {
    if is_set(&fields, METHODS) {
        if is_set(&fields, METHOD) {
            return Err(two_ways());
        }
        fields.insert(METHOD.to_owned(), Value::Null);
    }
    let settings = base.with(&fields).map_err(|text| Problem::Invalid(Invalid::whole(Part::Body, text)))?;
    let Some(methods) = &settings.client_authentication_methods else { return Ok(settings) };
    if settings.token_endpoint_auth_method.is_some() {
        return Err(two_ways());
    }
    for (at, used) in methods.private_key_jwt.credentials.iter().enumerate() {
        if !keys.iter().any(|key| key.id == used.id) {
            let place = format!("{METHODS}.private_key_jwt.credentials[{at}].id");
            let text = format!("The client has no credential {}", used.id);
            return Err(Problem::Invalid(Invalid::property(Part::Body, place, text)));
        }
    }
    Ok(settings)
}

fn two_ways() -> Problem {
    let text = "Use either client_authentication_methods or token_endpoint_auth_method, and null for the other one";
    Problem::Invalid(Invalid::whole(Part::Body, text))
}
