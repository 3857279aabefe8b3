//! APIs: find, create, change, delete.

use std::sync::Arc;

use aws_lc_rs::digest::{SHA256, digest};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use keyward_core::{
    Problem,
    model::{
        WorkspaceNumber,
        api::{Api, ApiNumber, ApiSettings, KeySettings, SettingsError, SigningAlgorithm},
        consent::ConsentsOf,
        permission::{Difference, Permission, PermissionNumber, PermissionValue, Wanted, compare},
        system_api::SystemApi,
    },
    problem::{Conflict, Invalid, Missing, Part},
    secret::Secret,
    snapshot::{ApiEntry, Snapshot},
    time::{Entropy, Timestamp},
};
use keyward_store::{Change, Error, catalogue, keys::holder::Holding};
use rustls_pki_types::{CertificateDer, SubjectPublicKeyInfoDer, pem::PemObject};
use serde_json::{Map, Value};

use super::{Precondition, audience::names_no_api, client_grant, consent, difference, slug};
use crate::{app::Call, ids};

/// The length of a secret that we make for an API: 285 bits.
const SIGNING_SECRET_LENGTH: usize = 48;

/// The fields of a system API that may be changed (contract: system APIs).
pub const SYSTEM_CHANGEABLE: [&str; 5] = [
    "token_lifetime",
    "skip_consent_for_verifiable_first_party_clients",
    "subject_type_authorization",
    "proof_of_possession",
    "authorization_policy",
];

/// Texts that may name one API, in the order in which to try them.
pub type Reference = Vec<String>;

/// What somebody wants an API to be. The settings' form was checked; their sense was not.
#[derive(Debug, Clone, Default)]
pub struct ApiFields {
    /// For people.
    pub name: Option<String>,
    /// Everything that shapes tokens: a value replaces, null clears.
    pub settings: Map<String, Value>,
    /// Signs the tokens of an API that asks for a symmetric algorithm.
    pub signing_secret: Option<Secret>,
    /// The whole list of permissions, if it was sent.
    pub permissions: Option<Vec<Wanted>>,
}

/// The API that a caller names.
///
/// # Errors
/// [`Problem::NotFound`].
pub fn find<'v>(
    snapshot: &'v Snapshot,
    workspace: WorkspaceNumber,
    reference: &Reference,
) -> Result<&'v Arc<ApiEntry>, Problem> {
    let found = reference.iter().find_map(|text| snapshot.api(workspace, text));
    found.ok_or(Problem::NotFound(Missing::Api))
}

/// Creates an API. The identifiers of some system APIs create those instead, as they always are.
///
/// # Errors
/// [`Problem::Conflict`] when the identifier is taken or reserved, [`Problem::Invalid`] when fields contradict each
/// other, [`Problem::Limit`].
pub async fn create(call: &Call, identifier: String, fields: ApiFields) -> Result<ApiEntry, Problem> {
    if names_no_api(&identifier, &call.app.public_url) {
        return Err(Problem::Conflict(Conflict::ReservedIdentifier));
    }
    let system = SystemApi::activated_by(&identifier, &call.app.public_url);
    let fields = with_thumbprint(fields)?;
    let call = call.clone();
    let work = call.clone();
    let (entry, _) = call
        .app
        .change(move |change| {
            Box::pin(async move {
                let master = Arc::clone(work.app.store.master());
                let taken =
                    catalogue::api::find_by_identifier(change.tx(), work.workspace, &identifier, &master).await?;
                if taken.is_some() {
                    return Err(Problem::Conflict(Conflict::ApiIdentifier).into());
                }
                let entry = insert(change, &work, identifier, system, fields).await?;
                let (answer, after) = (difference::answer(&entry), difference::whole(&entry));
                Ok((entry, work.audit(answer, Value::Null, after)))
            })
        })
        .await?;
    Ok(entry)
}

async fn insert(
    change: &mut Change<'_>,
    call: &Call,
    identifier: String,
    system: Option<SystemApi>,
    fields: ApiFields,
) -> Result<ApiEntry, Error> {
    let base = system.map_or_else(ApiSettings::default, SystemApi::settings);
    let sent = match system {
        // Such an API is always the same, whatever was sent, but for the policy it is bound to.
        Some(_) => fields.settings.into_iter().filter(|(key, _)| key == "authorization_policy").collect(),
        None => fields.settings,
    };
    let mut settings = settled(&base, &sent)?;
    let fixed = system.filter(|system| !system.is_open()).map(fixed_permissions);
    let permissions = fixed.or(fields.permissions).or(system.map(fixed_permissions));
    settings.scopes_set = permissions.is_some();
    let mut api = Api {
        number: catalogue::api::next_number(change).await?,
        workspace: call.workspace,
        id: ids::object_id(call.app.entropy.as_ref(), call.now),
        identifier,
        name: system.map(|api| api.name().to_owned()).or(fields.name),
        system,
        settings,
        key_settings: KeySettings::default(),
        signing_secret: if system.is_some() { None } else { fields.signing_secret },
        revision: change.revision(),
        created_at: call.now,
    };
    ensure_signing_secret(&mut api, call);
    let difference = compare(&[], permissions.unwrap_or_default());
    check_limit(call, difference.added.len())?;
    let keys = (call.app.store.master().as_ref(), call.app.entropy.as_ref());
    catalogue::api::insert(change, &api, keys).await?;
    let source = (call.app.entropy.as_ref(), call.now);
    let added = write_permissions(change, (call.workspace, api.number), &difference, source).await?;
    Ok(ApiEntry { api, permissions: added.into_iter().map(Arc::new).collect() })
}

/// The permissions that a system API always has.
pub(crate) fn fixed_permissions(system: SystemApi) -> Vec<Wanted> {
    let wanted = |(value, description): (&str, &str)| Wanted {
        value: PermissionValue::stored(value.to_owned()),
        description: Some(description.to_owned()),
    };
    system.permissions().into_iter().map(wanted).collect()
}

/// Changes an API. What is not sent stays; a list of permissions that is sent replaces the whole list, and a value in
/// both lists stays the same permission.
///
/// # Errors
/// [`Problem::NotFound`], [`Problem::Stale`], [`Problem::Invalid`], [`Problem::Limit`].
pub async fn update(
    call: &Call,
    reference: &Reference,
    fields: ApiFields,
    precondition: Precondition,
) -> Result<ApiEntry, Problem> {
    let number = find(&call.app.view().snapshot, call.workspace, reference)?.api.number;
    let fields = with_thumbprint(fields)?;
    edit(call, number, precondition, move |api, stored| {
        let mut next = api.clone();
        if api.system.is_some() {
            check_system_change(&fields, api)?;
        }
        next.settings = settled(&api.settings, &fields.settings)?;
        next.name = fields.name.or(next.name);
        next.signing_secret = fields.signing_secret.or(next.signing_secret);
        let Some(wanted) = fields.permissions else { return Ok((next, Difference::default())) };
        next.settings.scopes_set = true;
        Ok((next, compare(stored, wanted)))
    })
    .await
}

/// Changes an API and its permissions in one numbered change: reads both under the lock, asks `plan` what they should
/// become, writes only what differs, and audits it. Saving without an edit changes nothing.
pub(crate) async fn edit<P>(
    call: &Call,
    number: ApiNumber,
    precondition: Precondition,
    plan: P,
) -> Result<ApiEntry, Problem>
where
    P: FnOnce(&Api, &[Arc<Permission>]) -> Result<(Api, Difference), Problem> + Send + 'static,
{
    let work = call.clone();
    let (entry, _) = call
        .app
        .change(move |change| {
            Box::pin(async move {
                let (master, entropy) = (Arc::clone(work.app.store.master()), Arc::clone(&work.app.entropy));
                let found = catalogue::api::find(change.tx(), work.workspace, number, &master).await?;
                let before = found.ok_or(Problem::NotFound(Missing::Api))?;
                precondition.check(before.revision)?;
                let stored = catalogue::permission::of_api(change.tx(), work.workspace, number).await?;
                let (mut after, difference) = plan(&before, &stored)?;
                ensure_signing_secret(&mut after, &work);
                if difference.added.len() > difference.gone.len() {
                    check_limit(&work, stored.len() + difference.added.len() - difference.gone.len())?;
                }
                if after == before && difference.is_empty() {
                    let entry = ApiEntry { api: before, permissions: stored };
                    let draft = work.audit(difference::answer(&entry), Value::Null, Value::Null);
                    return Ok((entry, draft));
                }
                after.revision = change.revision();
                catalogue::api::update(change, &after, (&master, entropy.as_ref()), work.now).await?;
                let source = (entropy.as_ref(), work.app.clock.now());
                let gone = slug::with_holders(change, number, &difference.gone, difference::permission).await?;
                let added = write_permissions(change, (work.workspace, number), &difference, source).await?;
                let (old, new) = difference::of(&before, &after, &stored, &difference, (gone, &added));
                let entry = ApiEntry { api: after, permissions: outcome(stored, difference, added) };
                let draft = work.audit(difference::answer(&entry), old, new);
                Ok((entry, draft))
            })
        })
        .await?;
    Ok(entry)
}

/// Writes a difference and returns the permissions it made.
pub(crate) async fn write_permissions(
    change: &mut Change<'_>,
    (workspace, api): (WorkspaceNumber, ApiNumber),
    difference: &Difference,
    (entropy, now): (&dyn Entropy, Timestamp),
) -> Result<Vec<Permission>, Error> {
    // What goes first makes room: a rename may take a value that is deleted in the same change.
    let gone: Vec<PermissionNumber> = difference.gone.iter().map(|permission| permission.number).collect();
    catalogue::permission::tombstone(change, workspace, &gone, now).await?;
    catalogue::permission::update(change, workspace, &difference.changed, now).await?;
    if difference.added.is_empty() {
        return Ok(Vec::new());
    }
    let first = catalogue::permission::next_numbers(change, difference.added.len()).await?;
    let made = (first.0..).zip(&difference.added).map(|(number, (wanted, position))| Permission {
        number: PermissionNumber(number),
        id: ids::prefixed(entropy, "perm"),
        api,
        value: wanted.value.clone(),
        name: None,
        description: wanted.description.clone(),
        position: *position,
        created_at: now,
    });
    let made: Vec<Permission> = made.collect();
    catalogue::permission::insert(change, workspace, &made).await?;
    Ok(made)
}

/// The list after a difference was written, in the order of its places.
fn outcome(stored: Vec<Arc<Permission>>, difference: Difference, added: Vec<Permission>) -> Vec<Arc<Permission>> {
    let replaced: std::collections::HashSet<PermissionNumber> =
        difference.changed.iter().map(|p| p.number).chain(difference.gone.iter().map(|p| p.number)).collect();
    let mut list: Vec<_> = stored.into_iter().filter(|p| !replaced.contains(&p.number)).collect();
    list.extend(difference.changed.into_iter().chain(added).map(Arc::new));
    list.sort_by_key(|permission| (permission.position, permission.number));
    list
}

/// Deletes an API with all its permissions. One that does not exist is deleted already, unless the caller says that it
/// has seen it.
///
/// # Errors
/// [`Problem::System`] for the Management API, [`Problem::Stale`].
pub async fn delete(call: &Call, reference: &Reference, precondition: Precondition) -> Result<(), Problem> {
    let number = match find(&call.app.view().snapshot, call.workspace, reference) {
        Ok(entry) if entry.api.system.is_some_and(SystemApi::stays) => {
            return Err(Problem::System("System resource servers cannot be deleted."));
        }
        Ok(entry) => entry.api.number,
        Err(_) if precondition == Precondition::None => return call.app.shown_everywhere().await,
        Err(problem) => return Err(problem),
    };
    let work = call.clone();
    call.app
        .change(move |change| {
            Box::pin(async move {
                let master = Arc::clone(work.app.store.master());
                let found = catalogue::api::find(change.tx(), work.workspace, number, &master).await?;
                let Some(api) = found else {
                    // Somebody else was quicker.
                    if precondition != Precondition::None {
                        return Err(Problem::NotFound(Missing::Api).into());
                    }
                    return Ok(((), work.audit(Value::Null, Value::Null, Value::Null)));
                };
                precondition.check(api.revision)?;
                let permissions = catalogue::permission::of_api(change.tx(), work.workspace, number).await?;
                let consents = consent::take_away(change, &work, &ConsentsOf::Api(number)).await?;
                catalogue::api::tombstone(change, &api, work.app.clock.now()).await?;
                let gone = slug::with_holders(change, number, &permissions, difference::permission).await?;
                let keys = slug::keys(change, Holding::Api(number)).await?;
                let grants = catalogue::client_grant::of_api(change.tx(), work.workspace, number).await?;
                let grants = client_grant::take_away(change, &work, &grants).await?;
                let mut before = difference::whole(&ApiEntry { api, permissions });
                before["scopes"] = gone.into();
                for (name, gone) in [("keys", keys), ("client_grants", grants), ("grants", consents)] {
                    if gone["count"] != 0 {
                        before[name] = gone;
                    }
                }
                Ok(((), work.audit(Value::Null, before, Value::Null)))
            })
        })
        .await?;
    Ok(())
}

fn settled(base: &ApiSettings, fields: &Map<String, Value>) -> Result<ApiSettings, Problem> {
    base.with(fields).map_err(|error| match error {
        SettingsError::WebLifetime { web, limit } => Problem::Invalid(Invalid::property(
            Part::Body,
            "token_lifetime_for_web",
            format!("Value {web} is greater than maximum {limit}"),
        )),
        SettingsError::Form(text) => Problem::Invalid(Invalid::whole(Part::Body, text)),
    })
}

fn ensure_signing_secret(api: &mut Api, call: &Call) {
    if api.settings.signing_alg == SigningAlgorithm::HS256 && api.signing_secret.is_none() {
        let secret = ids::alphanumeric(call.app.entropy.as_ref(), SIGNING_SECRET_LENGTH);
        api.signing_secret = Some(secret.into());
    }
}

fn check_limit(call: &Call, count: usize) -> Result<(), Problem> {
    let limit = call.app.limits.permissions_per_api;
    if limit > 0 && count > limit {
        return Err(Problem::Limit("You reached the limit of entities of this type for this tenant."));
    }
    Ok(())
}

/// Refuses what can't be changed about a system API, in the words of a schema that does not have it.
/// An open one may be sent back as it was shown, with its name: deployment tools do.
fn check_system_change(fields: &ApiFields, api: &Api) -> Result<(), Problem> {
    let open = api.system.is_some_and(SystemApi::is_open);
    let sent = fields.settings.keys().map(String::as_str);
    let mut refused: Vec<&str> = sent.filter(|key| !SYSTEM_CHANGEABLE.contains(key)).collect();
    let others = [
        ("name", fields.name.is_some() && !(open && fields.name == api.name)),
        ("signing_secret", fields.signing_secret.is_some()),
        ("scopes", fields.permissions.is_some() && !open),
    ];
    refused.extend(others.iter().filter(|(_, sent)| *sent).map(|(key, _)| *key));
    let text = |names: &[&str]| format!("Additional properties not allowed: {}", names.join(","));
    if !refused.is_empty() {
        return Err(Problem::Invalid(Invalid::whole(Part::Body, text(&refused))));
    }
    let client = fields.settings.get("subject_type_authorization").and_then(|whole| whole.get("client"));
    if client.is_some() {
        let invalid = Invalid::property(Part::Body, "subject_type_authorization", text(&["client"]));
        return Err(Problem::Invalid(invalid));
    }
    Ok(())
}

/// Names the key that tokens are encrypted for, so that the audit log tells one from another.
fn with_thumbprint(mut fields: ApiFields) -> Result<ApiFields, Problem> {
    let key = fields.settings.get_mut("token_encryption").and_then(|whole| whole.get_mut("encryption_key"));
    let Some(Value::Object(key)) = key else { return Ok(fields) };
    let pem = key.get("pem").and_then(Value::as_str).unwrap_or_default().as_bytes();
    let der = SubjectPublicKeyInfoDer::from_pem_slice(pem)
        .map(|key| key.as_ref().to_vec())
        .or_else(|_| CertificateDer::from_pem_slice(pem).map(|certificate| certificate.as_ref().to_vec()));
    let Ok(der) = der else {
        return Err(Problem::Invalid(Invalid::property(
            Part::Body,
            "token_encryption.encryption_key.pem",
            "Object didn't pass validation for format pem: not a PEM public key or certificate",
        )));
    };
    let thumbprint = BASE64_URL_SAFE_NO_PAD.encode(digest(&SHA256, &der));
    key.insert("thumbprint_sha256".to_owned(), thumbprint.into());
    Ok(fields)
}
