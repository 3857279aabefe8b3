//! Use cases: check, change, audit. Nothing here knows HTTP.

pub mod access_token;
pub mod administrator;
pub mod api;
pub mod audience;
pub mod client;
pub mod client_assertion;
pub mod client_credentials;
pub mod client_grant;
mod client_secret;
pub mod connection;
pub mod connection_client;
pub mod consent;
pub mod credential;
mod difference;
pub mod health;
pub mod identity;
pub mod impact;
pub mod key;
pub mod key_api;
pub mod limit;
pub mod log;
pub(crate) mod misplaced;
pub mod permission;
pub mod permission_usage;
pub mod prepared_token;
mod public_key;
mod repeatable;
pub mod revocation;
pub mod role;
pub mod root_key;
pub mod session;
pub mod setup;
mod signing;
pub mod signing_key;
pub mod slug;
pub mod token;
pub mod usage;
pub mod user;
pub mod user_permissions;
pub mod user_roles;
pub mod user_search;
pub mod verification;
pub mod workspace;

use keyward_core::{Problem, model::Revision};

/// What the caller says it has seen of an object before it changes it (`If-Match`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Precondition {
    /// Nothing: change it whatever it is.
    None,
    /// The object must exist.
    Exists,
    /// One of these versions; the text is what was sent.
    Versions(Vec<i64>, String),
}

impl Precondition {
    /// Whether the object, in the version it has under the lock, may be changed.
    ///
    /// # Errors
    /// [`Problem::Stale`] with both versions when the caller has seen another one.
    pub fn check(&self, current: Revision) -> Result<(), Problem> {
        match self {
            Self::Versions(seen, sent) if !seen.contains(&current.0) => {
                Err(Problem::Stale { sent: sent.clone(), current })
            }
            _ => Ok(()),
        }
    }
}
