//! What an application may ask for of an API (contract: client grants).

use serde::{Deserialize, Serialize};

use super::{Revision, WorkspaceNumber, api::ApiNumber, client::ClientNumber, permission::PermissionNumber};
use crate::time::Timestamp;

/// The number of a client grant. Never used twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClientGrantNumber(pub i64);

/// For whom a token speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SubjectType {
    /// For the application itself.
    Client,
    /// For a user.
    User,
}

impl SubjectType {
    /// The word on the wire and in the store.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Client => "client",
            Self::User => "user",
        }
    }

    /// The subject type with this word.
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Client, Self::User].into_iter().find(|kind| kind.as_str() == word)
    }
}

/// A scope of a grant, as it was sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GrantedScope {
    /// What was sent.
    pub value: String,
    /// The permission that it meant then. Without one it gives nothing, until the API gets a permission with this
    /// value for the first time. A deleted one stays here, inert: one that is made later with the same value is another.
    pub permission: Option<PermissionNumber>,
}

/// What may be said of a grant besides its scopes. `None` means that nobody said it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClientGrantSettings {
    /// Whether it covers whatever the API defines, now and later.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub allow_all_scopes: Option<bool>,
    /// Whether organizations can be named. Kept and shown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub organization_usage: Option<String>,
    /// Whether any organization can be named. Kept and shown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub allow_any_organization: Option<bool>,
    /// Kinds of rich authorization requests. Kept and shown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authorization_details_types: Option<Vec<String>>,
}

/// What an application may ask for of an API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientGrant {
    /// The row's number.
    pub number: ClientGrantNumber,
    /// The workspace it belongs to.
    pub workspace: WorkspaceNumber,
    /// The identity on the wire (`cgr_…`).
    pub id: String,
    /// Whose it is; without one, every third-party application's that has none of its own.
    pub client: Option<ClientNumber>,
    /// Of which API.
    pub api: ApiNumber,
    /// For whom.
    pub subject_type: SubjectType,
    /// Which scopes, in the order in which they were sent; `None` if none were.
    pub scope: Option<Vec<GrantedScope>>,
    /// Everything else.
    pub settings: ClientGrantSettings,
    /// The change that last touched it.
    pub revision: Revision,
    /// When it was made.
    pub created_at: Timestamp,
}

impl ClientGrant {
    /// Whether it covers whatever the API defines.
    pub fn covers_all(&self) -> bool {
        self.settings.allow_all_scopes == Some(true)
    }

    /// Its scopes; none if none were sent.
    pub fn scopes(&self) -> &[GrantedScope] {
        self.scope.as_deref().unwrap_or_default()
    }
}
