//! The APIs that belong to the program itself.

use super::api::{ApiSettings, ClientPolicy, Policy, ProofOfPossession, SubjectTypeAuthorization, UserPolicy};
use crate::access::ManagementScope;

/// The identifier of the API that permissions without another one belong to.
pub const CATALOGUE: &str = "urn:keyward:catalogue";

/// The APIs that belong to the program.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SystemApi {
    /// The Management API. It always exists.
    Management,
    /// Exists once its identifier is posted.
    ExpressConfiguration,
    /// Exists once its identifier is posted.
    MyAccount,
    /// Permissions that belong to no API in particular. Exists once somebody makes one.
    Catalogue,
}

impl SystemApi {
    /// The word the store uses.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Management => "management",
            Self::ExpressConfiguration => "express-configuration",
            Self::MyAccount => "my-account",
            Self::Catalogue => "catalogue",
        }
    }

    /// The system API with this word.
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Management, Self::ExpressConfiguration, Self::MyAccount, Self::Catalogue]
            .into_iter()
            .find(|api| api.as_str() == word)
    }

    /// The name it always has. Deployment tools recognise the Management API by its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Management => "Auth0 Management API",
            Self::ExpressConfiguration => "Okta OIN Express Configuration API",
            Self::MyAccount => "Auth0 My Account API",
            Self::Catalogue => "Permission catalogue",
        }
    }

    /// The API that this identifier stands for, given the Management API's public URL (contract: system APIs).
    pub fn activated_by(identifier: &str, public_url: &str) -> Option<Self> {
        match identifier {
            "urn:auth0:express-configure" => Some(Self::ExpressConfiguration),
            CATALOGUE => Some(Self::Catalogue),
            _ if identifier.strip_prefix(public_url) == Some("me/") => Some(Self::MyAccount),
            _ => None,
        }
    }

    /// The settings it starts with.
    pub fn settings(self) -> ApiSettings {
        let default = ApiSettings { scopes_set: true, ..ApiSettings::default() };
        let subjects = |client, user| SubjectTypeAuthorization {
            client: Policy { policy: client },
            user: Policy { policy: user },
        };
        match self {
            Self::Management | Self::Catalogue => default,
            Self::ExpressConfiguration => ApiSettings {
                token_lifetime: 300,
                enforce_policies: Some(true),
                subject_type_authorization: subjects(ClientPolicy::DenyAll, UserPolicy::AllowAll),
                ..default
            },
            Self::MyAccount => ApiSettings {
                allow_offline_access: true,
                skip_consent_for_verifiable_first_party_clients: true,
                token_lifetime: 600,
                token_lifetime_for_web: 600,
                subject_type_authorization: subjects(ClientPolicy::DenyAll, UserPolicy::RequireClientGrant),
                proof_of_possession: Some(ProofOfPossession {
                    mechanism: "dpop".to_owned(),
                    required: false,
                    required_for: None,
                }),
                ..default
            },
        }
    }

    /// The permissions it always has: values and descriptions.
    pub fn permissions(self) -> Vec<(&'static str, &'static str)> {
        match self {
            Self::Management => ManagementScope::ALL.iter().map(|scope| (scope.value(), scope.description())).collect(),
            Self::ExpressConfiguration => vec![
                ("express_configure:sso", "Ability to create SSO configurations"),
                ("express_configure:scim", "Ability to create scim configurations"),
            ],
            Self::MyAccount => vec![
                ("create:me:connected_accounts", "Create Connected Accounts"),
                ("read:me:connected_accounts", "Read Connected Accounts"),
                ("delete:me:connected_accounts", "Delete Connected Accounts"),
            ],
            Self::Catalogue => vec![],
        }
    }

    /// Whether it can't be deleted (contract: system APIs).
    pub const fn stays(self) -> bool {
        matches!(self, Self::Management | Self::Catalogue)
    }

    /// Whether its permissions are whatever people make them.
    pub const fn is_open(self) -> bool {
        matches!(self, Self::Catalogue)
    }
}
