//! APIs, called resource servers on the wire of the Management API.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{Revision, WorkspaceNumber, system_api::SystemApi};
use crate::{secret::Secret, time::Timestamp};

/// The most characters an identifier may have.
pub const IDENTIFIER_MAX: usize = 600;
/// The most characters a name may have.
pub const NAME_MAX: usize = 200;
/// The longest life of a token, in seconds: 30 days.
pub const TOKEN_LIFETIME_MAX: u32 = 2_592_000;
/// The fewest characters of a secret that signs an API's tokens.
pub const SIGNING_SECRET_MIN: usize = 16;

/// The number of an API. Never used twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ApiNumber(pub i64);

/// Something that permissions belong to, and that tokens are for.
#[derive(Debug, Clone, PartialEq)]
pub struct Api {
    /// The row's number: the identity inside the program.
    pub number: ApiNumber,
    /// The workspace it belongs to.
    pub workspace: WorkspaceNumber,
    /// The identity on the wire of the Management API: 24 hexadecimal digits.
    pub id: String,
    /// What tokens name as their audience. It never changes, except for the Management API's own with the public URL.
    pub identifier: String,
    /// For people.
    pub name: Option<String>,
    /// Which of the program's own APIs this is, if it is one.
    pub system: Option<SystemApi>,
    /// Everything that shapes its tokens.
    pub settings: ApiSettings,
    /// How its keys are made and from where they may be used.
    pub key_settings: KeySettings,
    /// Signs the tokens of an API that asks for a symmetric algorithm.
    pub signing_secret: Option<Secret>,
    /// The change that last touched it or one of its permissions.
    pub revision: Revision,
    /// When it was made.
    pub created_at: Timestamp,
}

impl Api {
    /// What everyone who may see the API may see of it: no secret, and no field that nobody set. The permissions are
    /// not among it.
    pub fn describe(&self) -> Map<String, Value> {
        let mut fields = Map::new();
        fields.insert("id".to_owned(), self.id.clone().into());
        if let Some(name) = &self.name {
            fields.insert("name".to_owned(), name.clone().into());
        }
        fields.insert("identifier".to_owned(), self.identifier.clone().into());
        if let Ok(Value::Object(settings)) = serde_json::to_value(&self.settings) {
            fields.extend(settings);
        }
        fields.remove("scopes_set");
        if let Some(key) = fields.get_mut("token_encryption").and_then(|whole| whole.get_mut("encryption_key"))
            && let Some(key) = key.as_object_mut()
        {
            key.remove("pem");
        }
        if self.system.is_some() {
            fields.insert("is_system".to_owned(), true.into());
        }
        fields
    }
}

impl Api {
    /// The identity in the words of the keys' API.
    pub fn key_id(&self) -> String {
        format!("api_{}", self.id)
    }

    /// The place of its keys, as URN grants and usage name it.
    pub fn key_space_id(&self) -> String {
        format!("ks_{}", self.id)
    }

    /// The name that people see.
    pub fn display_name(&self) -> &str {
        self.name.as_deref().unwrap_or(&self.identifier)
    }

    /// Whether keys can be made for it: the program's own APIs have none.
    pub fn has_keys(&self) -> bool {
        self.system.is_none()
    }
}

/// How an API's keys are made and from where they may be used.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct KeySettings {
    /// The addresses from which keys may be used; none for any.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ip_allow_list: Vec<core::net::IpAddr>,
    /// Whether the API can't be deleted through the keys' API.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub delete_protection: bool,
    /// What a key's text begins with if its creator says nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default_prefix: Option<String>,
    /// How many random bytes a key has if its creator says nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default_bytes: Option<i64>,
}

/// How an API's tokens are signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum SigningAlgorithm {
    /// HMAC with the API's own secret.
    HS256,
    /// RSA PKCS#1, the default.
    RS256,
    /// RSA PKCS#1 with SHA-512.
    RS512,
    /// RSA-PSS.
    PS256,
    /// ECDSA on the curve P-256. Ours.
    ES256,
}

/// The shape of an API's access tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TokenDialect {
    /// The plain one.
    AccessToken,
    /// The plain one with a list of permissions.
    AccessTokenAuthz,
    /// RFC 9068.
    Rfc9068Profile,
    /// RFC 9068 with a list of permissions.
    Rfc9068ProfileAuthz,
}

/// Who among applications may ask for tokens on behalf of users.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UserPolicy {
    /// Every application.
    AllowAll,
    /// None.
    DenyAll,
    /// Those with a grant.
    RequireClientGrant,
}

/// Who among applications may ask for tokens for itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClientPolicy {
    /// None.
    DenyAll,
    /// Those with a grant.
    RequireClientGrant,
}

/// The policy for one kind of subject.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Policy<P> {
    /// Who may ask.
    pub policy: P,
}

/// Which applications may ask for this API's tokens at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct SubjectTypeAuthorization {
    /// For itself.
    pub client: Policy<ClientPolicy>,
    /// On behalf of users.
    pub user: Policy<UserPolicy>,
}

/// The key that an API's tokens are encrypted for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EncryptionKey {
    /// For people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The key management algorithm.
    pub alg: String,
    /// The key's id; without one, the thumbprint stands for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kid: Option<String>,
    /// The SHA-256 of the key's DER, base64url.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub thumbprint_sha256: Option<String>,
    /// The public key. Never returned.
    pub pem: String,
}

/// How an API's tokens are encrypted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenEncryption {
    /// The one format there is.
    pub format: String,
    /// For whom.
    pub encryption_key: EncryptionKey,
}

/// Whether a token works only for whoever holds a key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProofOfPossession {
    /// `mtls` or `dpop`.
    pub mechanism: String,
    /// Whether it must be used.
    pub required: bool,
    /// By whom.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub required_for: Option<String>,
}

/// Settings of an API. `None` means that nobody set it, which a reader sees as an absent key.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ApiSettings {
    /// Whether a list of permissions was ever set; an empty one and none are shown differently.
    #[serde(default)]
    pub scopes_set: bool,
    /// How tokens are signed.
    pub signing_alg: SigningAlgorithm,
    /// Whether refresh tokens are allowed.
    pub allow_offline_access: bool,
    /// Whether online refresh is allowed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub allow_online_access: Option<bool>,
    /// The same, for sessions that end with the browser.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub allow_online_access_with_ephemeral_sessions: Option<bool>,
    /// Whether first-party applications skip the consent page.
    pub skip_consent_for_verifiable_first_party_clients: bool,
    /// The life of a token, in seconds.
    pub token_lifetime: u32,
    /// The life of a token issued to a browser, in seconds; never longer than `token_lifetime`.
    pub token_lifetime_for_web: u32,
    /// Whether roles and permissions of users are enforced.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enforce_policies: Option<bool>,
    /// The shape of tokens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token_dialect: Option<TokenDialect>,
    /// Who may ask for tokens.
    pub subject_type_authorization: SubjectTypeAuthorization,
    /// How tokens are encrypted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token_encryption: Option<TokenEncryption>,
    /// When consent is asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub consent_policy: Option<String>,
    /// Kinds of rich authorization requests.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authorization_details: Option<Vec<Map<String, Value>>>,
    /// Whether tokens are bound to a key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proof_of_possession: Option<ProofOfPossession>,
    /// A policy that decides on tokens. Stored, not evaluated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authorization_policy: Option<Map<String, Value>>,
    /// The application that stands for this API.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_id: Option<String>,
}

impl Default for ApiSettings {
    fn default() -> Self {
        Self {
            scopes_set: false,
            signing_alg: SigningAlgorithm::RS256,
            allow_offline_access: false,
            allow_online_access: None,
            allow_online_access_with_ephemeral_sessions: None,
            skip_consent_for_verifiable_first_party_clients: false,
            token_lifetime: 86_400,
            token_lifetime_for_web: 7_200,
            enforce_policies: None,
            token_dialect: None,
            subject_type_authorization: SubjectTypeAuthorization {
                client: Policy { policy: ClientPolicy::RequireClientGrant },
                user: Policy { policy: UserPolicy::AllowAll },
            },
            token_encryption: None,
            consent_policy: None,
            authorization_details: None,
            proof_of_possession: None,
            authorization_policy: None,
            client_id: None,
        }
    }
}

/// Why a change of settings is refused although each of its values may be set.
#[derive(Debug, PartialEq, Eq)]
pub enum SettingsError {
    /// `token_lifetime_for_web` was sent and is longer than `token_lifetime`.
    WebLifetime {
        /// What was sent, in seconds.
        web: u32,
        /// The life of other tokens, in seconds.
        limit: u32,
    },
    /// The change does not have the form of settings; the schema that came before should have said so.
    Form(String),
}

impl ApiSettings {
    /// These settings with `fields` laid over them: a field sent replaces the one there is as a whole, null clears it.
    ///
    /// Two fields depend on others. The parts of `subject_type_authorization` are replaced one by one, so that
    /// nobody opens an API to applications by restricting it for users. A web lifetime that was not sent follows a
    /// shorter token lifetime down, when that is sent.
    ///
    /// # Errors
    /// [`SettingsError`] when the fields contradict each other.
    pub fn with(&self, fields: &Map<String, Value>) -> Result<Self, SettingsError> {
        let form = |error: serde_json::Error| SettingsError::Form(error.to_string());
        let mut whole = serde_json::to_value(self).map_err(form)?;
        let object = whole.as_object_mut().ok_or_else(|| SettingsError::Form("not an object".to_owned()))?;
        for (name, value) in fields {
            match (name.as_str(), value, object.get_mut(name)) {
                (_, Value::Null, _) => {
                    object.remove(name);
                }
                ("subject_type_authorization", Value::Object(parts), Some(Value::Object(stored))) => {
                    stored.extend(parts.clone());
                }
                (_, Value::Number(number), _) => {
                    // JSON knows one kind of number: 600.0 is the same as 600.
                    #[expect(clippy::cast_possible_truncation, reason = "the schema bounds every number")]
                    let whole = number.as_f64().filter(|value| value.fract() == 0.0).map(|value| value as i64);
                    object.insert(name.clone(), whole.map_or_else(|| value.clone(), Value::from));
                }
                _ => {
                    object.insert(name.clone(), value.clone());
                }
            }
        }
        let mut next: Self = serde_json::from_value(whole).map_err(form)?;
        if next.token_lifetime_for_web > next.token_lifetime {
            if fields.contains_key("token_lifetime_for_web") {
                let (web, limit) = (next.token_lifetime_for_web, next.token_lifetime);
                return Err(SettingsError::WebLifetime { web, limit });
            }
            if fields.contains_key("token_lifetime") {
                next.token_lifetime_for_web = next.token_lifetime;
            }
        }
        Ok(next)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn fields(value: &Value) -> Map<String, Value> {
        value.as_object().expect("a test gives an object").clone()
    }

    #[test]
    fn null_clears_and_a_part_leaves_the_other_alone() {
        let settings = ApiSettings::default()
            .with(&fields(&json!({
                "consent_policy": "transactional-authorization-with-mfa",
                "subject_type_authorization": {"user": {"policy": "deny_all"}},
            })))
            .expect("valid");
        assert_eq!(settings.subject_type_authorization.user.policy, UserPolicy::DenyAll);
        assert_eq!(settings.subject_type_authorization.client.policy, ClientPolicy::RequireClientGrant);
        let cleared = settings.with(&fields(&json!({"consent_policy": null}))).expect("valid");
        assert_eq!(cleared.consent_policy, None);
        assert_eq!(cleared.subject_type_authorization, settings.subject_type_authorization);
    }

    #[test]
    fn the_web_lifetime_follows_down_and_is_refused_when_sent_too_long() {
        let short = ApiSettings::default().with(&fields(&json!({"token_lifetime": 600}))).expect("valid");
        assert_eq!(short.token_lifetime_for_web, 600);
        let refused = short.with(&fields(&json!({"token_lifetime_for_web": 601})));
        assert_eq!(refused, Err(SettingsError::WebLifetime { web: 601, limit: 600 }));
    }

    #[test]
    fn settings_survive_the_store() {
        let settings = ApiSettings::default();
        let text = serde_json::to_string(&settings).expect("serializes");
        assert_eq!(serde_json::from_str::<ApiSettings>(&text).expect("reads back"), settings);
    }
}
