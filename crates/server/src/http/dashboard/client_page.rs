//! What the pages of one application show.

use askama::Template;
use keyward_core::{
    model::{
        client::{Client, ClientAuthentication, OFFERED_GRANTS},
        client_grant::{ClientGrant, SubjectType},
        credential::Credential,
    },
    snapshot::Snapshot,
    time::Timestamp,
};

use super::{
    clients::description,
    edited::{Edited, Fields, list, one_line, text},
    page::{Frame, time},
};

/// How many permissions of a grant are named in a list.
const NAMED: usize = 5;
/// The way of proving who it is that has no word on the wire: its secret, however it is sent.
pub(super) const SECRET: &str = "client_secret";
/// With keys.
pub(super) const KEYS: &str = "private_key_jwt";

/// An application.
#[derive(Template)]
#[template(path = "application.html")]
pub(super) struct One {
    pub(super) frame: Frame,
    pub(super) form: Edited,
    pub(super) client: Head,
    pub(super) grants: Vec<GrantRow>,
    pub(super) keys: Vec<KeyRow>,
    pub(super) is_saved: bool,
}

/// What every page of an application shows of it.
pub(super) struct Head {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) is_global: bool,
    pub(super) is_own: bool,
    /// Whether it has a secret that proves something.
    pub(super) has_secret: bool,
    /// What it asks for tokens by, and this server does not offer yet.
    pub(super) other_grants: Vec<String>,
    pub(super) kind: &'static str,
    pub(super) made: String,
}

impl Head {
    pub(super) fn new(client: &Client) -> Self {
        let settings = &client.settings;
        let others = settings.grant_types.iter().filter(|grant| !OFFERED_GRANTS.contains(&grant.as_str()));
        Self {
            id: client.id.clone(),
            name: client.name.clone(),
            is_global: settings.global,
            is_own: settings.is_first_party,
            has_secret: client.secret.is_some() && settings.client_authentication_methods.is_none(),
            other_grants: others.cloned().collect(),
            kind: match settings.app_type.as_deref() {
                Some("non_interactive") => "Machine to machine",
                Some("regular_web") => "Web application",
                Some("spa") => "Page in a browser",
                Some("native") => "Native application",
                Some("resource_server") => "Stands for an API",
                Some("express_configuration") => "Express configuration",
                _ => "Not said",
            },
            made: time(client.created_at, "datetime"),
        }
    }
}

/// A way for an application to prove who it is.
pub(super) struct Way {
    pub(super) value: &'static str,
    pub(super) name: &'static str,
    pub(super) hint: &'static str,
}

const WAYS: [Way; 5] = [
    Way { value: SECRET, name: "Its secret", hint: "In the form or in the Authorization header, as it likes." },
    Way { value: "client_secret_post", name: "Its secret, in the form only", hint: "" },
    Way { value: "client_secret_basic", name: "Its secret, in the Authorization header only", hint: "" },
    Way {
        value: KEYS,
        name: "A public key",
        hint: "It signs what it sends (private_key_jwt). Its secret is worth nothing then.",
    },
    Way {
        value: "none",
        name: "Nothing",
        hint: "For programs that can't keep a secret. They get no tokens for themselves.",
    },
];

/// The ways that there are.
pub(super) fn ways() -> impl Iterator<Item = &'static Way> {
    WAYS.iter()
}

impl One {
    /// The ways that this application has: with keys only when it has some.
    pub(super) fn ways(&self) -> Vec<&'static Way> {
        ways().filter(|way| way.value != KEYS || !self.keys.is_empty()).collect()
    }

    /// The grants that this server offers.
    pub(super) fn offered(&self) -> &'static [&'static str] {
        &OFFERED_GRANTS
    }
}

/// A public key of an application.
pub(super) struct KeyRow {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) kid: String,
    pub(super) algorithm: &'static str,
    pub(super) expires: Option<String>,
    pub(super) is_over: bool,
    pub(super) is_used: bool,
}

impl KeyRow {
    pub(super) fn new(client: &Client, key: &Credential, now: Timestamp) -> Self {
        let methods = client.settings.client_authentication_methods.as_ref();
        Self {
            id: key.id.clone(),
            name: key.name.clone().unwrap_or_default(),
            kid: key.kid.clone(),
            algorithm: key.algorithm.as_str(),
            expires: key.expires_at.map(|at| time(at, "relative")),
            is_over: !key.is_live(now),
            is_used: methods.is_some_and(|methods| methods.uses(&key.id)),
        }
    }
}

/// What an application may ask for of an API, in a list.
pub(super) struct GrantRow {
    pub(super) id: String,
    pub(super) api: String,
    pub(super) api_name: String,
    pub(super) client: Option<String>,
    pub(super) client_name: String,
    pub(super) is_for_users: bool,
    pub(super) covers_all: bool,
    /// The first of its permissions, and how many more there are.
    pub(super) named: Vec<String>,
    pub(super) more: usize,
}

impl GrantRow {
    /// The grant, unless its application or its API is gone.
    pub(super) fn new(snapshot: &Snapshot, grant: &ClientGrant) -> Option<Self> {
        let api = &snapshot.api_numbered(grant.api)?.api;
        let client = match grant.client {
            Some(number) => Some(snapshot.client_numbered(number)?),
            None => None,
        };
        let value = |number| snapshot.permission(number).map(|permission| permission.value.to_string());
        let mut named: Vec<String> =
            grant.scopes().iter().filter_map(|scope| scope.permission).filter_map(value).collect();
        let more = named.len().saturating_sub(NAMED);
        named.truncate(NAMED);
        let everyone = || "Every third-party application".to_owned();
        Some(Self {
            id: grant.id.clone(),
            api: api.id.clone(),
            api_name: api.display_name().to_owned(),
            client: client.map(|client| client.id.clone()),
            client_name: client.map_or_else(everyone, |client| client.name.clone()),
            is_for_users: grant.subject_type == SubjectType::User,
            covers_all: grant.covers_all(),
            named,
            more,
        })
    }
}

/// What the form of an application shows.
pub(super) fn fields(client: &Client) -> Fields {
    let settings = &client.settings;
    let methods = settings.client_authentication_methods.as_ref();
    let used = methods.map(|methods| methods.private_key_jwt.credentials.iter().map(|key| key.id.as_str()));
    let way = match settings.token_endpoint_auth_method {
        _ if methods.is_some() => KEYS,
        None => SECRET,
        Some(ClientAuthentication::None) => "none",
        Some(ClientAuthentication::ClientSecretPost) => "client_secret_post",
        Some(ClientAuthentication::ClientSecretBasic) => "client_secret_basic",
    };
    let grants = settings.grant_types.iter().map(String::as_str);
    Fields::new([
        one_line("name", "name", &client.name),
        one_line("description", "description", description(client)),
        text("authentication", "authentication", way),
        list("keys_in_use", "keys in use", used.into_iter().flatten()),
        list("grant_types", "grant types", grants.filter(|grant| OFFERED_GRANTS.contains(grant))),
    ])
}
