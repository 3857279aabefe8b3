//! Public keys of applications: register, change, delete.

use keyward_core::{
    Problem,
    model::{
        client::Client,
        credential::{AssertionAlgorithm, Credential, KEPT_MAX},
    },
    problem::{Conflict, Invalid, Missing, Part},
    snapshot::Snapshot,
    time::Timestamp,
};
use keyward_store::{Change, Error, catalogue};
use serde_json::{Map, Value, json};

use super::{log::date, public_key};
use crate::{app::Call, ids};

/// How many letters and digits an id has behind its prefix (contract: identifier formats).
const ID_LENGTH: usize = 22;

/// A public key that somebody wants an application to have. The fields' form was checked.
#[derive(Debug, Clone)]
pub struct NewCredential {
    /// Where it stands in the body, with a dot at its end; empty for the body itself.
    pub place: String,
    /// For people.
    pub name: Option<String>,
    /// What assertions will call it, if the caller says so.
    pub kid: Option<String>,
    /// How the application signs with it.
    pub algorithm: AssertionAlgorithm,
    /// The key or a certificate of it.
    pub pem: String,
    /// From when on it counts no more.
    pub expires_at: Option<Timestamp>,
    /// Whether that is when the certificate ends.
    pub expires_with_certificate: bool,
}

impl NewCredential {
    /// The key itself, without a number yet.
    ///
    /// # Errors
    /// [`Problem::Invalid`].
    pub(super) fn read(self, call: &Call) -> Result<Credential, Problem> {
        let invalid = |name: &str, text: &str| {
            Problem::Invalid(Invalid::property(Part::Body, format!("{}{name}", self.place), text))
        };
        let key = public_key::read(&self.pem).map_err(|text| invalid("pem", text))?;
        let expires_at = match (self.expires_with_certificate, self.expires_at, &key.certificate) {
            (false, end, _) => end,
            (true, None, Some(certificate)) => Some(certificate.ends_at),
            (true, Some(_), _) => {
                return Err(invalid("parse_expiry_from_cert", "Only one of parse_expiry_from_cert and expires_at"));
            }
            (true, None, None) => return Err(invalid("parse_expiry_from_cert", "No certificate was sent")),
        };
        if expires_at.is_some_and(|end| end <= call.now) {
            return Err(invalid("expires_at", "The credential would have expired already"));
        }
        Ok(Credential {
            number: 0,
            id: format!("cred_{}", ids::alphanumeric(call.app.entropy.as_ref(), ID_LENGTH)),
            name: self.name,
            kid: self.kid.unwrap_or(key.thumbprint),
            algorithm: self.algorithm,
            key: key.der,
            thumbprint: key.certificate.map(|certificate| certificate.thumbprint),
            expires_at,
            created_at: call.now,
            updated_at: call.now,
        })
    }
}

/// A key as the wire shows it. The key itself is not shown: its `kid` and the thumbprint tell which one it is.
pub fn describe(key: &Credential) -> Map<String, Value> {
    let mut fields = Map::new();
    let mut field = |name: &str, value: Value| fields.insert(name.to_owned(), value);
    field("id", key.id.clone().into());
    field("credential_type", "public_key".into());
    field("kid", key.kid.clone().into());
    field("alg", key.algorithm.as_str().into());
    if let Some(name) = &key.name {
        field("name", name.clone().into());
    }
    if let Some(thumbprint) = &key.thumbprint {
        field("thumbprint_sha256", thumbprint.clone().into());
    }
    if let Some(end) = key.expires_at {
        field("expires_at", date(end).into());
    }
    field("created_at", date(key.created_at).into());
    field("updated_at", date(key.updated_at).into());
    fields
}

/// The key of an application with this id.
///
/// # Errors
/// [`Problem::NotFound`].
pub fn find<'s>(snapshot: &'s Snapshot, call: &Call, (client, id): (&str, &str)) -> Result<&'s Credential, Problem> {
    of(super::client::find(snapshot, call, client)?, id)
}

fn of<'c>(client: &'c Client, id: &str) -> Result<&'c Credential, Problem> {
    client.credentials.iter().find(|key| key.id == id).ok_or(Problem::NotFound(Missing::Credential))
}

/// Gives an application a public key. It proves nothing with it before it is among those in use.
///
/// # Errors
/// [`Problem::NotFound`], [`Problem::Invalid`], [`Problem::Conflict`] when it has one with this `kid`,
/// [`Problem::Limit`].
pub async fn create(call: &Call, client: String, new: NewCredential) -> Result<Credential, Problem> {
    let (work, key) = (call.clone(), new.read(call)?);
    let (key, _) = call
        .app
        .change(move |change| {
            Box::pin(async move {
                let client = under_lock(change, &work, &client).await?;
                let key = insert(change, &client, key).await?;
                touch(change, &work, client).await?;
                let after = Value::Object(describe(&key));
                let draft = work.audit(after.clone(), Value::Null, after);
                Ok((key, draft))
            })
        })
        .await?;
    Ok(key)
}

/// Stores a key of an application that has those which it says it has.
pub(super) async fn insert(change: &mut Change<'_>, client: &Client, key: Credential) -> Result<Credential, Error> {
    if client.credentials.iter().any(|known| known.kid == key.kid) {
        return Err(Problem::Conflict(Conflict::Kid(key.kid)).into());
    }
    if client.credentials.len() >= KEPT_MAX {
        return Err(Problem::Limit("The client has 10 credentials already: delete one first").into());
    }
    let key = Credential { number: catalogue::credential::next_number(change).await?, ..key };
    catalogue::credential::insert(change, client, &key).await?;
    Ok(key)
}

/// Says when a key expires, or that it does not.
///
/// # Errors
/// [`Problem::NotFound`]; [`Problem::Invalid`] for a time that is over.
pub async fn update(
    call: &Call,
    (client, id): (String, String),
    expires_at: Option<Option<Timestamp>>,
) -> Result<Credential, Problem> {
    let work = call.clone();
    let (key, _) = call
        .app
        .change(move |change| {
            Box::pin(async move {
                let client = under_lock(change, &work, &client).await?;
                let before = of(&client, &id)?.clone();
                let end = expires_at.unwrap_or(before.expires_at);
                if end == before.expires_at {
                    let draft = work.audit(describe(&before).into(), Value::Null, Value::Null);
                    return Ok((before, draft));
                }
                if end.is_some_and(|end| end <= work.now) {
                    let text = "The credential would have expired already. Delete it instead";
                    return Err(Problem::Invalid(Invalid::property(Part::Body, "expires_at", text)).into());
                }
                let after = Credential { expires_at: end, updated_at: work.now, ..before.clone() };
                catalogue::credential::set_expiry(change, &client, &after).await?;
                touch(change, &work, client).await?;
                let draft = work.audit(describe(&after).into(), describe(&before).into(), describe(&after).into());
                Ok((after, draft))
            })
        })
        .await?;
    Ok(key)
}

/// Deletes a key. One that does not exist is deleted already.
///
/// # Errors
/// [`Problem::NotFound`] for the application; [`Problem::Protected`] while it is in use.
pub async fn delete(call: &Call, (client, id): (String, String)) -> Result<(), Problem> {
    let work = call.clone();
    call.app
        .change(move |change| {
            Box::pin(async move {
                let client = under_lock(change, &work, &client).await?;
                let Ok(key) = of(&client, &id).cloned() else {
                    return Ok(((), work.audit(Value::Null, Value::Null, Value::Null)));
                };
                if client.settings.client_authentication_methods.as_ref().is_some_and(|one| one.uses(&id)) {
                    let text = "The credential is in use: take it out of client_authentication_methods first";
                    return Err(Problem::Protected(text).into());
                }
                catalogue::credential::delete(change, &client, key.number).await?;
                let before = json!({ "client_id": client.id, "credential": describe(&key) });
                touch(change, &work, client).await?;
                Ok(((), work.audit(Value::Null, before, Value::Null)))
            })
        })
        .await?;
    Ok(())
}

async fn under_lock(change: &mut Change<'_>, call: &Call, client: &str) -> Result<Client, Error> {
    let found = catalogue::client::find(change.tx(), call.workspace, client).await?;
    Ok(found.ok_or(Problem::NotFound(Missing::Client))?)
}

/// A key is part of its application, which is another one with it.
async fn touch(change: &mut Change<'_>, call: &Call, client: Client) -> Result<(), Error> {
    let client = Client { revision: change.revision(), ..client };
    catalogue::client::update(change, &client, call.now).await
}
