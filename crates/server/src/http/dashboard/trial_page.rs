//! What the page shows on which keys and tokens are tried.

use askama::Template;
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use http::StatusCode;
use keyward_core::{
    Problem,
    model::{
        client::{CLIENT_CREDENTIALS, Client},
        client_grant::SubjectType,
    },
    snapshot::ApiEntry,
};
use serde_json::Value;

use super::{
    apis::Head,
    key_form::Errors,
    page::{Frame, show},
};
use crate::http::{answer::Answer, operation::Request};

/// The page, with what came of a question if one was asked.
#[derive(Template)]
#[template(path = "test.html")]
struct Page {
    frame: Frame,
    api: Head,
    applications: Vec<Application>,
    /// How many applications have a grant and prove who they are with a key of their own.
    with_keys: usize,
    shown: Outcome,
}

/// An application that has a grant.
struct Application {
    id: String,
    name: String,
}

/// What was typed, but for secrets, and what came of it.
#[derive(Default)]
pub(super) struct Outcome {
    /// The query of permissions.
    pub(super) query: String,
    pub(super) verdict: Option<Verdict>,
    /// The application that was chosen.
    pub(super) client_id: String,
    pub(super) token: Option<Token>,
    pub(super) errors: Errors,
}

/// What became of a verification.
pub(super) struct Verdict {
    pub(super) code: &'static str,
    pub(super) is_valid: bool,
    pub(super) text: &'static str,
    pub(super) missing: Vec<String>,
    /// The key, unless there is none.
    pub(super) key: Option<Verified>,
}

/// A key that was verified.
pub(super) struct Verified {
    pub(super) link: String,
    pub(super) name: String,
    /// The API it is for, if that is another one.
    pub(super) other_api: Option<String>,
    pub(super) permissions: Vec<String>,
    pub(super) credits: Option<String>,
}

/// A token, and what it says.
pub(super) struct Token {
    pub(super) text: String,
    pub(super) header: String,
    pub(super) claims: String,
    pub(super) expires_in: String,
}

impl Token {
    /// A token that was just issued.
    pub(super) fn new(text: String, expires_in: i64) -> Self {
        let part = |nth: usize| {
            let bytes = BASE64_URL_SAFE_NO_PAD.decode(text.split('.').nth(nth)?).ok()?;
            let value: Value = serde_json::from_slice(&bytes).ok()?;
            serde_json::to_string_pretty(&value).ok()
        };
        let (header, claims) = (part(0).unwrap_or_default(), part(1).unwrap_or_default());
        Self { header, claims, expires_in: super::page::thousands(expires_in), text }
    }
}

/// The applications that have a grant on this API for themselves, by their names.
pub(super) fn granted<'r>(request: &'r Request, entry: &ApiEntry) -> Vec<&'r Client> {
    let snapshot = &request.view.snapshot;
    let grants = snapshot.client_grants(request.call.workspace);
    let own = grants.filter(|grant| grant.api == entry.api.number && grant.subject_type == SubjectType::Client);
    let mut clients: Vec<&Client> =
        own.filter_map(|grant| snapshot.client_numbered(grant.client?)).map(|client| &**client).collect();
    clients.sort_by_cached_key(|client| (client.name.to_lowercase(), client.id.clone()));
    clients
}

/// Whether an application gets tokens for its secret.
pub(super) fn has_secret(client: &Client) -> bool {
    let settings = &client.settings;
    settings.client_authentication_methods.is_none() && client.is_confidential() && settings.allows(CLIENT_CREDENTIALS)
}

/// The page.
pub(super) fn show_trial(
    request: &Request,
    entry: &ApiEntry,
    (status, shown): (StatusCode, Outcome),
) -> Result<Answer, Problem> {
    let (usable, others): (Vec<&Client>, Vec<&Client>) =
        granted(request, entry).into_iter().partition(|client| has_secret(client));
    let page = Page {
        frame: Frame::new(&request.call, "apis", format!("Test {}", entry.api.display_name())),
        api: Head::new(entry, "test"),
        applications: usable
            .into_iter()
            .map(|client| Application { id: client.id.clone(), name: client.name.clone() })
            .collect(),
        with_keys: others.len(),
        shown,
    };
    show(status, &page)
}
