//! Credentials that somebody sent in the place of something else. They are hidden before the request is carried out, so
//! that neither an answer nor an entry nor the log repeats them.

use keyward_core::{
    model::{
        WorkspaceNumber,
        client::{CLIENT_CREDENTIALS, SECRET_MIN},
    },
    secret::without_credentials,
    snapshot::{ApiEntry, Snapshot},
};
use serde_json::Value;

use super::client_secret;
use crate::app::App;

/// The parameters that are credentials.
const CREDENTIALS: [&str; 3] = ["client_secret", "client_assertion", "token"];

/// Hides them in the parameters of a request for a token. What names an application, an API or one of its permissions
/// stays, whatever it looks like.
pub(crate) fn hide(parameters: &mut Value, snapshot: &Snapshot, workspace: WorkspaceNumber) {
    let Some(parameters) = parameters.as_object_mut() else { return };
    let api = |value: &Value| {
        let identifier = value.as_str().unwrap_or_default();
        snapshot.api(workspace, identifier).filter(|entry| entry.api.identifier == identifier)
    };
    let asked: Option<&ApiEntry> = parameters.get("audience").and_then(api).map(|entry| &**entry);
    for (name, value) in parameters.iter_mut() {
        let is_known = match name.as_str() {
            "client_id" => value.as_str().is_some_and(|id| snapshot.client(workspace, id).is_some()),
            "audience" | "resource" => api(value).is_some(),
            name => CREDENTIALS.contains(&name),
        };
        if is_known {
            continue;
        }
        let is_permission = |word: &str| name == "scope" && asked.is_some_and(|api| api.permission(word).is_some());
        let is_secret = |text: &str| match name.as_str() {
            // The answer repeats it before it is known who asks: that it is hidden must not tell strangers that they have
            // guessed a secret.
            "grant_type" => !may_name_a_grant(text),
            _ => client_secret::is_one(snapshot, workspace, text) && !is_permission(text),
        };
        if let Some(text) = value.as_str() {
            *value = without_credentials(text, &is_secret).into();
        }
    }
}

/// Whether a text that somebody typed is a key, a root key or an application's secret.
pub(crate) fn is_credential(app: &App, workspace: WorkspaceNumber, text: &str) -> bool {
    app.key_texts.is_ours(text) || client_secret::is_one(&app.view().snapshot, workspace, text)
}

/// Whether there is a credential in what somebody typed, who meant to type something else.
pub(crate) fn has_credential(app: &App, workspace: WorkspaceNumber, text: &str) -> bool {
    without_credentials(text, &|part| is_credential(app, workspace, part)) != text
}

/// Whether a text may be the name of a type of grant, whatever else it may be.
fn may_name_a_grant(text: &str) -> bool {
    let is_long_name = [CLIENT_CREDENTIALS, "authorization_code"].contains(&text);
    text.len() < SECRET_MIN || is_long_name || text.starts_with("urn:") || text.starts_with("http")
}

/// The name that somebody gave itself, for the audit log: an application's, or without credentials.
pub(crate) fn shown_id(id: &str, snapshot: &Snapshot, workspace: WorkspaceNumber) -> String {
    if snapshot.client(workspace, id).is_some() {
        return id.to_owned();
    }
    without_credentials(id, &|text| client_secret::is_one(snapshot, workspace, text)).into_owned()
}
