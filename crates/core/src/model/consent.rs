//! What users have let applications do for them (contract: user consents).

use super::{api::ApiNumber, client::ClientNumber, permission::PermissionNumber};

/// What a user has let an application do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Consent {
    /// The identity on the wire: 24 hexadecimal digits.
    pub id: String,
    /// The application.
    pub client: ClientNumber,
    /// The user, as tokens name one.
    pub user_id: String,
    /// On which API; without one, it is about the user's own data alone.
    pub api: Option<ApiNumber>,
    /// Which of its permissions. A deleted one stays here, inert: one that is made later with the same value is another.
    pub permissions: Vec<PermissionNumber>,
    /// Which of the user's own data, by the words that no API may define.
    pub identity: Vec<String>,
}

/// Which consents somebody wants. `None` asks for nothing in particular.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ConsentFilter {
    /// Whose.
    pub user_id: Option<String>,
    /// To which application.
    pub client: Option<ClientNumber>,
    /// On which API; `Some(None)` for those about the user's own data alone.
    pub api: Option<Option<ApiNumber>>,
}

/// What takes consents away when it goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ConsentsOf {
    /// An API.
    Api(ApiNumber),
    /// An application.
    Client(ClientNumber),
    /// A user.
    User(String),
}

impl ConsentsOf {
    /// The filter that finds them.
    pub fn filter(&self) -> ConsentFilter {
        let all = ConsentFilter::default();
        match self {
            Self::Api(number) => ConsentFilter { api: Some(Some(*number)), ..all },
            Self::Client(number) => ConsentFilter { client: Some(*number), ..all },
            Self::User(id) => ConsentFilter { user_id: Some(id.clone()), ..all },
        }
    }
}
