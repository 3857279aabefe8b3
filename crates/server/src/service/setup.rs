//! What must exist before the first request: signing keys, the public URL, the Management API, an application that may
//! use it, and a connection.

use std::sync::Arc;

use keyward_core::{
    Problem,
    model::{
        WorkspaceNumber,
        api::{Api, KeySettings},
        client::{CLIENT_CREDENTIALS, Client, ClientAuthentication, ClientSettings},
        client_grant::{ClientGrant, ClientGrantSettings, GrantedScope, SubjectType},
        connection::{Connection, DATABASE},
        log::{Actor, LogDetail, LogDraft, LogType, Origin},
        permission::{Permission, compare},
        signing_key::{KeyState, SigningKey},
        system_api::SystemApi,
    },
    secret::Secret,
    time::{Entropy, Timestamp},
};
use keyward_store::{
    Change, Error, MasterKey,
    catalogue::{self, client::NewSecret},
    ledger,
};
use serde_json::{Value, json};

use super::{
    api::{fixed_permissions, write_permissions},
    client, client_secret,
    signing_key::{self, Made},
};
use crate::{app::Parts, ids};

/// The workspace there is from the first start on.
const WORKSPACE: WorkspaceNumber = WorkspaceNumber::FIRST;

/// The name of the application that is made at the first start.
const FIRST_CLIENT: &str = "Keyward deployment";
/// The length of its id (contract: identifier formats).
const CLIENT_ID_LENGTH: usize = 32;

/// The application that may use the Management API from the first start on, so that deployment tools work at once.
#[derive(Debug, Clone)]
pub struct FirstClient {
    /// Its `client_id`.
    pub id: String,
    /// Its secret.
    pub secret: Secret,
}

/// What a start works with, inside its one change.
struct Setup {
    now: Timestamp,
    entropy: Arc<dyn Entropy>,
    master: Arc<MasterKey>,
    public_url: String,
    audience: String,
    /// Who becomes the first application, if there never was one.
    first_client: Option<FirstClient>,
}

/// Signing keys that were made before the change, because that takes its time.
struct Keys {
    /// The first two, if there are none.
    made: Vec<Made>,
    /// Those of an older program, with what they lacked.
    completed: Vec<SigningKey>,
}

impl Keys {
    fn lacking(parts: &Parts, there: &[SigningKey]) -> Result<Self, Problem> {
        let (entropy, url) = (parts.entropy.as_ref(), parts.public_url.as_str());
        let made = if there.is_empty() { 2 } else { 0 };
        let make = |_| Made::new(&parts.new_key_pairs, entropy, url, parts.clock.now());
        let complete = |key: &SigningKey| signing_key::completed(key, &parts.new_key_pairs, entropy, url).transpose();
        Ok(Self {
            made: (0..made).map(make).collect::<Result<_, _>>()?,
            completed: there.iter().filter_map(complete).collect::<Result<_, _>>()?,
        })
    }

    fn is_empty(&self) -> bool {
        self.made.is_empty() && self.completed.is_empty()
    }
}

/// Creates what is missing and brings up to date what belongs to an older program or another public URL. A start that
/// finds everything in place writes nothing. Returns the application that it made because there never was one.
///
/// # Errors
/// Why the store can't be read or written.
pub async fn ensure(parts: &Parts, audience: &str) -> Result<Option<FirstClient>, Problem> {
    let (master, url, identifier) = (Arc::clone(parts.store.master()), parts.public_url.clone(), audience.to_owned());
    let wants_client = parts.first_client.is_some();
    let state = parts.store.read(move |tx| {
        Box::pin(async move {
            let keys = catalogue::signing_key::of_workspace(tx, WORKSPACE, &master).await?;
            let same_url = catalogue::workspace::public_url(tx, WORKSPACE).await? == url;
            let had_connection = ledger::connection::existed(tx).await?;
            let api = catalogue::api::find_system(tx, WORKSPACE, SystemApi::Management, &master).await?;
            let Some(api) = api else { return Ok((keys, false)) };
            let global = client::global_id(&api);
            let lacks_client = wants_client && !catalogue::client::existed_beside(tx, WORKSPACE, &global).await?;
            if lacks_client || catalogue::client::find(tx, WORKSPACE, &global).await?.is_none() {
                return Ok((keys, false));
            }
            let stored = catalogue::permission::of_api(tx, WORKSPACE, api.number).await?;
            let same_list = compare(&stored, fixed_permissions(SystemApi::Management)).is_empty();
            Ok((keys, same_url && same_list && had_connection && api.identifier == identifier))
        })
    });
    let (keys, is_current) = state.await?;
    let keys = Keys::lacking(parts, &keys)?;
    if keys.is_empty() && is_current {
        return Ok(None);
    }
    let setup = Setup {
        now: parts.clock.now(),
        entropy: Arc::clone(&parts.entropy),
        master: Arc::clone(parts.store.master()),
        public_url: parts.public_url.clone(),
        audience: audience.to_owned(),
        first_client: parts.first_client.clone(),
    };
    let made = parts.store.change(move |change| Box::pin(async move { setup.carry_out(change, keys).await }));
    Ok(made.await?.0)
}

impl FirstClient {
    /// One that nobody knows yet.
    pub fn generate(entropy: &dyn Entropy) -> Self {
        Self { id: ids::alphanumeric(entropy, CLIENT_ID_LENGTH), secret: client_secret::generate(entropy) }
    }
}

impl Setup {
    async fn carry_out(self, change: &mut Change<'_>, keys: Keys) -> Result<(Option<FirstClient>, LogDraft), Error> {
        self.signing_keys(change, keys).await?;
        catalogue::workspace::set_public_url(change.tx(), WORKSPACE, &self.public_url, self.now).await?;
        let found = catalogue::api::find_system(change.tx(), WORKSPACE, SystemApi::Management, &self.master).await?;
        let before = found.as_ref().map_or(Value::Null, |api| json!({ "identifier": api.identifier }));
        let api = self.management_api(change, found).await?;
        self.connection(change).await?;
        let global = client::global_id(&api);
        self.global_client(change, &global).await?;
        let made = match &self.first_client {
            Some(first) if !catalogue::client::existed_beside(change.tx(), WORKSPACE, &global).await? => {
                self.client(change, &api, first).await?;
                Some(first.clone())
            }
            _ => None,
        };
        let draft = self.draft(before, made.as_ref());
        Ok((made, draft))
    }

    /// Another node may have started at the same moment: what counts is what is there under the lock.
    async fn signing_keys(&self, change: &mut Change<'_>, keys: Keys) -> Result<(), Error> {
        let sealing = (self.master.as_ref(), self.entropy.as_ref());
        let there = catalogue::signing_key::of_workspace(change.tx(), WORKSPACE, &self.master).await?;
        if there.is_empty() {
            for (state, made) in [KeyState::Current, KeyState::Next].into_iter().zip(&keys.made) {
                let number = catalogue::signing_key::next_number(change).await?;
                let key = made.stored(number, state, change.revision(), self.now);
                catalogue::signing_key::insert(change, WORKSPACE, &key, sealing).await?;
            }
        }
        for key in there.iter().filter(|key| !key.is_complete()) {
            let Some(whole) = keys.completed.iter().find(|whole| whole.number == key.number) else { continue };
            let (elliptic, certificate) = (whole.elliptic.clone(), whole.certificate.clone());
            let key = SigningKey { elliptic, certificate, ..key.clone() };
            catalogue::signing_key::update(change, WORKSPACE, &key, sealing).await?;
        }
        Ok(())
    }

    /// The application that stands for all of them.
    async fn global_client(&self, change: &mut Change<'_>, id: &str) -> Result<(), Error> {
        if catalogue::client::find(change.tx(), WORKSPACE, id).await?.is_some() {
            return Ok(());
        }
        let number = catalogue::client::next_number(change).await?;
        let client = client::global(number, id.to_owned(), change.revision(), self.now);
        catalogue::client::insert(change, &client, None).await
    }

    /// The first application, and its grant of all that the Management API has.
    async fn client(&self, change: &mut Change<'_>, api: &Api, first: &FirstClient) -> Result<(), Error> {
        let settings = ClientSettings {
            app_type: Some("non_interactive".to_owned()),
            grant_types: vec![CLIENT_CREDENTIALS.to_owned()],
            token_endpoint_auth_method: Some(ClientAuthentication::ClientSecretPost),
            ..ClientSettings::of_new(None)
        };
        let hash = client_secret::hash(first.secret.expose());
        let client = Client {
            number: catalogue::client::next_number(change).await?,
            workspace: WORKSPACE,
            id: first.id.clone(),
            name: FIRST_CLIENT.to_owned(),
            settings,
            secret: Some(hash),
            credentials: vec![],
            revision: change.revision(),
            created_at: self.now,
        };
        let new = NewSecret { hash, secret: &first.secret, master: &self.master, entropy: self.entropy.as_ref() };
        catalogue::client::insert(change, &client, Some(new)).await?;
        let permissions = catalogue::permission::of_api(change.tx(), WORKSPACE, api.number).await?;
        let scope = |permission: &Arc<Permission>| GrantedScope {
            value: permission.value.as_str().to_owned(),
            permission: Some(permission.number),
        };
        let grant = ClientGrant {
            number: catalogue::client_grant::next_number(change).await?,
            workspace: WORKSPACE,
            id: ids::prefixed(self.entropy.as_ref(), "cgr"),
            client: Some(client.number),
            api: api.number,
            subject_type: SubjectType::Client,
            scope: Some(permissions.iter().map(scope).collect()),
            settings: ClientGrantSettings::default(),
            revision: change.revision(),
            created_at: self.now,
        };
        catalogue::client_grant::insert(change, &grant).await
    }

    async fn management_api(&self, change: &mut Change<'_>, found: Option<Api>) -> Result<Api, Error> {
        let sealing = (self.master.as_ref(), self.entropy.as_ref());
        let api = match found {
            Some(api) => {
                let api = Api { identifier: self.audience.clone(), revision: change.revision(), ..api };
                catalogue::api::update(change, &api, sealing, self.now).await?;
                api
            }
            None => {
                let api = Api {
                    number: catalogue::api::next_number(change).await?,
                    workspace: WORKSPACE,
                    id: ids::object_id(self.entropy.as_ref(), self.now),
                    identifier: self.audience.clone(),
                    name: Some(SystemApi::Management.name().to_owned()),
                    system: Some(SystemApi::Management),
                    settings: SystemApi::Management.settings(),
                    key_settings: KeySettings::default(),
                    signing_secret: None,
                    revision: change.revision(),
                    created_at: self.now,
                };
                catalogue::api::insert(change, &api, sealing).await?;
                api
            }
        };
        let stored = catalogue::permission::of_api(change.tx(), WORKSPACE, api.number).await?;
        let difference = compare(&stored, fixed_permissions(SystemApi::Management));
        let source = (self.entropy.as_ref(), self.now);
        write_permissions(change, (WORKSPACE, api.number), &difference, source).await?;
        Ok(api)
    }

    async fn connection(&self, change: &mut Change<'_>) -> Result<(), Error> {
        // One that was deleted stays deleted.
        if ledger::connection::existed(change.tx()).await? {
            return Ok(());
        }
        let connection = Connection {
            number: ledger::connection::next_number(change).await?,
            workspace: WORKSPACE,
            id: ids::prefixed(self.entropy.as_ref(), "con"),
            name: DATABASE.to_owned(),
            settings: Connection::default_settings(DATABASE),
            created_at: self.now,
        };
        ledger::connection::insert(change, &connection).await
    }

    fn draft(&self, before: Value, made: Option<&FirstClient>) -> LogDraft {
        let mut after = json!({ "identifier": self.audience });
        if let Some(made) = made {
            after["client_id"] = made.id.clone().into();
        }
        LogDraft {
            workspace: WORKSPACE,
            at: self.now,
            kind: LogType::ManagementChange,
            description: "Set up the Management API".to_owned(),
            detail: LogDetail {
                actor: Actor { client_id: Some("keyward".to_owned()), ..Actor::default() },
                origin: Origin { request_id: "start".to_owned(), ..Origin::default() },
                status: 200,
                answer: Value::Null,
                before,
                after,
            },
        }
    }
}
