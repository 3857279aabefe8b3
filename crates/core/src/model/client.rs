//! Applications, called clients on every wire (contract: clients).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::{
    Revision, WorkspaceNumber,
    credential::{AuthenticationMethods, Credential},
    root_key::Hash,
};
use crate::time::Timestamp;

/// The most characters a name may have.
pub const NAME_MAX: usize = 255;
/// The most characters a description may have.
pub const DESCRIPTION_MAX: usize = 140;
/// The most characters a value of the metadata may have.
pub const METADATA_MAX: usize = 255;
/// The fewest characters of a secret that a caller chooses.
pub const SECRET_MIN: usize = 16;
/// The grant of a machine that asks for itself (RFC 6749 §4.4).
pub const CLIENT_CREDENTIALS: &str = "client_credentials";
/// The grants that the token endpoint offers. Others are kept and shown.
pub const OFFERED_GRANTS: [&str; 1] = [CLIENT_CREDENTIALS];

/// The name of the client that stands for all of them. Tools know it by that (contract: clients).
pub const GLOBAL_NAME: &str = "All Applications";

/// The number of a client. Never used twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClientNumber(pub i64);

/// A program that asks for tokens.
#[derive(Debug, Clone, PartialEq)]
pub struct Client {
    /// The row's number.
    pub number: ClientNumber,
    /// The workspace it belongs to.
    pub workspace: WorkspaceNumber,
    /// The identity on the wire (`client_id`).
    pub id: String,
    /// For people.
    pub name: String,
    /// Everything else that may be said of it.
    pub settings: ClientSettings,
    /// The SHA-256 of its secret, if it has one. The secret itself is only in the store, sealed.
    pub secret: Option<Hash>,
    /// Its public keys, in the order in which they were made.
    pub credentials: Vec<Credential>,
    /// The change that last touched it.
    pub revision: Revision,
    /// When it was made.
    pub created_at: Timestamp,
}

/// How a client proves who it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClientAuthentication {
    /// It does not: whoever has its program could.
    None,
    /// With its secret in the body.
    ClientSecretPost,
    /// With its secret in the `Authorization` header.
    ClientSecretBasic,
}

/// What may be said of a client. `None` means that nobody said it, which a reader sees as an absent key.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ClientSettings {
    /// What kind of program it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub app_type: Option<String>,
    /// Whether it belongs to whoever runs this server.
    pub is_first_party: bool,
    /// Which grants it may use.
    pub grant_types: Vec<String>,
    /// How it proves who it is; without it, either way of sending its secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token_endpoint_auth_method: Option<ClientAuthentication>,
    /// With which of its keys it proves who it is; if this is said, its secret proves nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_authentication_methods: Option<AuthenticationMethods>,
    /// Whether it stands for all applications of the workspace. There is one of that kind: it can't be deleted, and it
    /// has no way to prove who it is.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub global: bool,
    /// Whatever its owner wants to keep with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_metadata: Option<BTreeMap<String, String>>,
    /// How its ID tokens are made.
    pub jwt_configuration: Map<String, Value>,
    /// How its refresh tokens live.
    pub refresh_token: Map<String, Value>,
    /// What is kept and shown, and has no effect here yet.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

impl ClientSettings {
    /// Those of a new client of this kind, before anything is said of it (contract: defaults).
    pub fn of_new(app_type: Option<&str>) -> Self {
        let grants: &[&str] = match app_type {
            Some("spa") => &["authorization_code", "implicit", "refresh_token"],
            Some("express_configuration") => &["authorization_code", CLIENT_CREDENTIALS],
            Some("resource_server") => &[],
            _ => &["authorization_code", "implicit", "refresh_token", CLIENT_CREDENTIALS],
        };
        let object = |value: Value| match value {
            Value::Object(object) => object,
            _ => Map::new(),
        };
        // Those kinds are younger than what the other ones have to stay compatible with.
        let is_young = matches!(app_type, Some("resource_server" | "express_configuration"));
        let tokens = if app_type == Some("resource_server") {
            json!({ "secret_encoded": false, "alg": "RS256" })
        } else {
            json!({ "lifetime_in_seconds": 36_000, "secret_encoded": false })
        };
        Self {
            app_type: None,
            is_first_party: true,
            grant_types: grants.iter().map(|grant| (*grant).to_owned()).collect(),
            token_endpoint_auth_method: None,
            client_authentication_methods: (app_type == Some("express_configuration"))
                .then(AuthenticationMethods::default),
            global: false,
            client_metadata: None,
            jwt_configuration: object(tokens),
            refresh_token: object(json!({
                "expiration_type": "non-expiring", "leeway": 0, "infinite_token_lifetime": true,
                "infinite_idle_token_lifetime": true, "token_lifetime": 2_592_000, "idle_token_lifetime": 1_296_000,
                "rotation_type": "non-rotating",
            })),
            other: object(json!({
                "sso_disabled": false, "cross_origin_authentication": false, "oidc_conformant": is_young,
                "custom_login_page_on": true, "is_token_endpoint_ip_header_trusted": false,
            })),
        }
    }

    /// These settings with `fields` laid over them: a field sent replaces the one there is, null clears it, and objects
    /// that have defaults or are the owner's are merged by key.
    ///
    /// # Errors
    /// A text when a field can't have such a value; the schema that came before should have said so.
    pub fn with(&self, fields: &Map<String, Value>) -> Result<Self, String> {
        let mut whole = serde_json::to_value(self).map_err(|error| error.to_string())?;
        let object = whole.as_object_mut().ok_or("not an object")?;
        for (name, value) in fields {
            let merged = matches!(name.as_str(), "client_metadata" | "jwt_configuration" | "refresh_token");
            match (value, object.get_mut(name)) {
                (Value::Null, _) => {
                    object.remove(name);
                }
                (Value::Object(sent), Some(Value::Object(stored))) if merged => lay_over(stored, sent),
                (Value::Object(sent), None) if merged => {
                    let mut new = Map::new();
                    lay_over(&mut new, sent);
                    object.insert(name.clone(), new.into());
                }
                _ => {
                    object.insert(name.clone(), value.clone());
                }
            }
        }
        let sent = fields.get("refresh_token").and_then(Value::as_object);
        if sent.and_then(|sent| sent.get("expiration_type")) == Some(&json!("expiring")) {
            for name in ["infinite_token_lifetime", "infinite_idle_token_lifetime"] {
                if !sent.is_some_and(|sent| sent.contains_key(name)) {
                    object["refresh_token"][name] = false.into();
                }
            }
        }
        // What has a default has it again once it is cleared.
        let default = serde_json::to_value(Self::of_new(None)).map_err(|error| error.to_string())?;
        for name in ["is_first_party", "grant_types", "jwt_configuration", "refresh_token"] {
            if !object.contains_key(name) {
                object.insert(name.to_owned(), default[name].clone());
            }
        }
        serde_json::from_value(whole).map_err(|error| error.to_string())
    }

    /// The origins that its pages come from, as they were written. One may stand here twice.
    pub fn origins(&self) -> impl Iterator<Item = &str> {
        let lists = ["web_origins", "allowed_origins"].into_iter().filter_map(|name| self.other.get(name)?.as_array());
        lists.flatten().filter_map(Value::as_str)
    }

    /// Whether it may use this grant.
    pub fn allows(&self, grant_type: &str) -> bool {
        self.grant_types.iter().any(|allowed| allowed == grant_type)
    }
}

fn lay_over(stored: &mut Map<String, Value>, sent: &Map<String, Value>) {
    for (key, value) in sent {
        if value.is_null() {
            stored.remove(key);
        } else {
            stored.insert(key.clone(), value.clone());
        }
    }
}

impl Client {
    /// Whether it can keep a secret.
    pub fn is_confidential(&self) -> bool {
        self.settings.token_endpoint_auth_method != Some(ClientAuthentication::None)
    }

    /// The keys that it proves with now who it is.
    pub fn keys_in_use(&self, now: Timestamp) -> impl Iterator<Item = &Credential> {
        let methods = self.settings.client_authentication_methods.as_ref();
        self.credentials.iter().filter(move |key| methods.is_some_and(|one| one.uses(&key.id)) && key.is_live(now))
    }

    /// The subject of tokens that it gets for itself. No user's can be the same (RFC 9068 §5).
    pub fn subject(&self) -> String {
        format!("{}@clients", self.id)
    }

    /// What everyone who may see the client wholly may see of it: no secret, and no field that nobody set.
    pub fn describe(&self) -> Map<String, Value> {
        let mut fields = Map::new();
        fields.insert("client_id".to_owned(), self.id.clone().into());
        fields.insert("name".to_owned(), self.name.clone().into());
        if let Ok(Value::Object(settings)) = serde_json::to_value(&self.settings) {
            fields.extend(settings);
        }
        fields
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(value: &Value) -> Map<String, Value> {
        value.as_object().expect("a test gives an object").clone()
    }

    #[test]
    fn metadata_is_merged_by_key_and_an_emptied_one_stays() {
        let settings = ClientSettings::of_new(None);
        let one = settings.with(&fields(&json!({"client_metadata": {"a": "1", "b": "2"}}))).expect("valid");
        let two = one.with(&fields(&json!({"client_metadata": {"a": null, "c": "3"}}))).expect("valid");
        assert_eq!(serde_json::to_value(&two.client_metadata).expect("serializes"), json!({"b": "2", "c": "3"}));
        let none = two.with(&fields(&json!({"client_metadata": {"b": null, "c": null}}))).expect("valid");
        assert_eq!(none.client_metadata, Some(BTreeMap::new()));
        let gone = none.with(&fields(&json!({"client_metadata": null}))).expect("valid");
        assert_eq!(gone.client_metadata, None);
    }

    #[test]
    fn what_is_cleared_has_its_default_again() {
        let settings = ClientSettings::of_new(Some("spa"));
        let set =
            settings.with(&fields(&json!({"callbacks": ["https://a/"], "is_first_party": false}))).expect("valid");
        assert!(!set.is_first_party && set.other.contains_key("callbacks"));
        let cleared = set.with(&fields(&json!({"callbacks": null, "is_first_party": null}))).expect("valid");
        assert!(cleared.is_first_party && !cleared.other.contains_key("callbacks"));
        assert!(!cleared.allows(CLIENT_CREDENTIALS) && ClientSettings::of_new(None).allows(CLIENT_CREDENTIALS));
    }

    #[test]
    fn settings_survive_the_store() {
        let settings = ClientSettings::of_new(None)
            .with(&fields(&json!({"token_endpoint_auth_method": "none", "logo_uri": "https://a/"})))
            .expect("valid");
        let text = serde_json::to_string(&settings).expect("serializes");
        assert_eq!(serde_json::from_str::<ClientSettings>(&text).expect("reads back"), settings);
    }
}
