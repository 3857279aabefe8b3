//! What the pages of the audit log show of an entry.

use std::{collections::HashMap, sync::Arc};

use keyward_core::{
    Problem,
    model::{
        administrator::Administrator,
        log::{Actor, LogEntry, LogType},
        root_key::RootKey,
    },
    snapshot::Snapshot,
};
use serde_json::Value;

use super::{
    difference::Line,
    log::PROPOSED,
    page::{segment, time},
};
use crate::{http::operation::Request, service::administrator};

/// How many lines of what changed stand in a list, and on the page of an entry.
pub(super) const LIST_LINES: usize = 30;
pub(super) const PAGE_LINES: usize = 2000;
/// The most characters of a line.
const LONGEST: usize = 1000;
/// How many things are looked for under a name.
const NAMESAKES: usize = 20;

/// Who there is, to find by a name and to name.
pub(super) struct Known<'r> {
    request: &'r Request,
    administrators: Vec<Administrator>,
    root_keys: HashMap<&'r str, &'r Arc<RootKey>>,
}

impl<'r> Known<'r> {
    pub(super) async fn new(request: &'r Request) -> Result<Self, Problem> {
        let of_workspace = request.view.snapshot.root_keys().filter(|key| key.workspace == request.call.workspace);
        let root_keys = of_workspace.map(|key| (key.id.as_str(), key)).collect();
        Ok(Self { administrators: administrator::list(&request.call).await?, request, root_keys })
    }

    fn snapshot(&self) -> &'r Snapshot {
        &self.request.view.snapshot
    }

    /// Whom one can ask for, and what they are called: all administrators, and of applications and root keys the first.
    pub(super) fn actors(&self) -> Vec<(String, String)> {
        let administrators = self.administrators.iter().map(|who| match &who.email {
            Some(email) => (email.clone(), "administrator".to_owned()),
            None => (who.id.clone(), who.display_name().to_owned()),
        });
        let applications = self.snapshot().clients(self.request.call.workspace).take(PROPOSED);
        let applications = applications.map(|client| (client.id.clone(), format!("{}, application", client.name)));
        let root_keys = self.root_keys.values().take(PROPOSED);
        let root_keys = root_keys.map(|key| (key.id.clone(), format!("{}, root key", key.name)));
        administrators.chain(applications).chain(root_keys).collect()
    }

    /// The id of whoever this may mean: itself, an administrator's address, or the name of an application or root key.
    pub(super) fn actor(&self, text: &str) -> String {
        let is = |name: &str| name.eq_ignore_ascii_case(text);
        let administrator = || self.administrators.iter().find(|who| is(who.display_name())).map(|who| &who.id);
        let application = || {
            let mut all = self.snapshot().clients(self.request.call.workspace);
            all.find(|client| is(&client.name)).map(|client| &client.id)
        };
        let root_key = || self.root_keys.values().find(|key| is(&key.name)).map(|key| &key.id);
        let found = administrator().or_else(application).or_else(root_key);
        found.cloned().unwrap_or_else(|| text.to_owned())
    }

    /// The text, and the ids of what is called so now: entries name some things by their ids alone.
    pub(super) fn texts_of(&self, text: String) -> Vec<String> {
        let (snapshot, workspace) = (self.snapshot(), self.request.call.workspace);
        let is = |name: &str| name.eq_ignore_ascii_case(&text);
        let apis = snapshot.apis(workspace).filter(|entry| is(&entry.api.identifier) || is(entry.api.display_name()));
        let permissions = snapshot.apis(workspace).flat_map(|entry| &entry.permissions);
        let permissions = permissions.filter(|permission| is(permission.value.as_str()));
        let clients = snapshot.clients(workspace).filter(|client| is(&client.name));
        let roles = snapshot.roles(workspace).filter(|role| is(&role.name));
        let root_keys = self.root_keys.values().filter(|key| is(&key.name));
        let administrators = self.administrators.iter().filter(|who| is(who.display_name()));
        let ids = apis.map(|entry| &entry.api.id).chain(permissions.map(|permission| &permission.id));
        let ids = ids.chain(clients.map(|client| &client.id)).chain(roles.map(|role| &role.id));
        let ids = ids.chain(root_keys.map(|key| &key.id)).chain(administrators.map(|who| &who.id));
        let mut texts: Vec<String> = ids.take(NAMESAKES).cloned().collect();
        texts.push(text);
        texts
    }

    /// What whoever did it is called, what it is, and its id.
    fn who(&self, actor: &Actor) -> (String, &'static str, String) {
        let subject = actor.subject.as_deref().unwrap_or_default();
        if subject.starts_with("adm_") {
            let found = self.administrators.iter().find(|who| who.id == subject);
            let name = found.map_or(subject, Administrator::display_name);
            let what = if found.is_some() { "administrator" } else { "administrator, removed since" };
            return (name.to_owned(), what, subject.to_owned());
        }
        let id = actor.client_id.as_deref().unwrap_or(subject);
        if let Some(key) = self.root_keys.get(id) {
            return (key.name.clone(), "root key", id.to_owned());
        }
        if let Some(client) = self.snapshot().client(self.request.call.workspace, id) {
            return (client.name.clone(), "application", id.to_owned());
        }
        match id {
            "" => ("Nobody known".to_owned(), "not signed in", String::new()),
            "keyward" => ("Keyward".to_owned(), "this program", id.to_owned()),
            "keyward-cli" => ("Command line".to_owned(), "on the server", id.to_owned()),
            _ => (id.to_owned(), "", id.to_owned()),
        }
    }
}

/// An entry as pages show it.
pub(super) struct Entry {
    pub(super) id: String,
    pub(super) title: String,
    /// What it is about, if that can be said in a word.
    pub(super) about: String,
    pub(super) badge: (&'static str, &'static str),
    pub(super) who: String,
    pub(super) who_is: &'static str,
    /// The address of what else they did; empty for nobody.
    pub(super) who_link: String,
    pub(super) at: String,
    pub(super) exact: String,
    /// From where, and with which request.
    pub(super) facts: Vec<(&'static str, String)>,
    pub(super) lines: Vec<Line>,
    /// How many lines are left out.
    pub(super) more: usize,
}

impl Entry {
    pub(super) fn new(entry: &LogEntry, known: &Known<'_>, most: usize) -> Self {
        let (who, who_is, who_id) = known.who(&entry.detail.actor);
        let mut lines = difference(&entry.detail.before, &entry.detail.after);
        let more = lines.len().saturating_sub(most);
        lines.truncate(most);
        Self {
            id: entry.log_id.clone(),
            title: entry.description.clone(),
            about: about(entry),
            badge: badge(entry),
            who,
            who_is,
            who_link: if who_id.is_empty() { String::new() } else { format!("/log?actor={}", segment(&who_id)) },
            at: time(entry.at, "relative"),
            exact: time(entry.at, "datetime"),
            facts: facts(entry),
            lines,
            more,
        }
    }
}

fn badge(entry: &LogEntry) -> (&'static str, &'static str) {
    let is = |kind: LogType| kind.code() == entry.kind;
    let (before, after) = (!entry.detail.before.is_null(), !entry.detail.after.is_null());
    if is(LogType::ManagementRefused) || is(LogType::TokenRefused) {
        return ("badge-danger", "refused");
    }
    if is(LogType::TokenIssued) {
        return ("badge-ok", "token");
    }
    if is(LogType::ManagementSecretsRead) {
        return ("badge-warn", "secrets shown");
    }
    match (before, after) {
        (false, true) => ("badge-ok", "added"),
        (true, false) => ("badge-danger", "removed"),
        (true, true) => ("badge-info", "changed"),
        (false, false) => ("", "done"),
    }
}

fn facts(entry: &LogEntry) -> Vec<(&'static str, String)> {
    let (actor, origin) = (&entry.detail.actor, &entry.detail.origin);
    let mut request = format!("{} {}", origin.method.to_uppercase(), origin.path);
    request.truncate(request.char_indices().nth(LONGEST).map_or(request.len(), |(end, _)| end));
    let is_of_token = [LogType::TokenIssued, LogType::TokenRefused].iter().any(|kind| kind.code() == entry.kind);
    let message = ["message", "error_description", "error"].iter().find_map(|name| entry.detail.answer[*name].as_str());
    let is_refused = entry.detail.status >= 400;
    let facts = [
        ("From", origin.ip.clone()),
        ("Program", origin.user_agent.clone()),
        ("Request", request.trim().to_owned()),
        ("Request id", origin.request_id.clone()),
        ("Their id of the work", origin.correlation_id.clone().unwrap_or_default()),
        (
            "Answered",
            if is_refused { format!("{} {}", entry.detail.status, message.unwrap_or_default()) } else { String::new() },
        ),
        ("For", if is_of_token { actor.audience.clone() } else { String::new() }),
        ("Scope", if is_of_token { actor.scope.clone() } else { String::new() }),
    ];
    facts.into_iter().filter(|(_, text)| !text.is_empty()).collect()
}

/// What an entry is about: the first name that what changed, or what was answered, goes by.
fn about(entry: &LogEntry) -> String {
    const NAMES: [&str; 9] =
        ["value", "slug", "email", "name", "identifier", "friendly_name", "client_id", "user_id", "id"];
    fn name(value: &Value) -> Option<&str> {
        NAMES.iter().find_map(|name| value[*name].as_str().filter(|text| !text.is_empty()))
    }
    let detail = &entry.detail;
    let scopes = |value: &Value| -> Option<String> {
        let scopes = value["scopes"].as_array()?;
        (scopes.len() == 1).then(|| name(&scopes[0]).map(str::to_owned))?
    };
    let found = scopes(&detail.after).or_else(|| scopes(&detail.before)).or_else(|| {
        [&detail.after, &detail.before, &detail.answer].into_iter().find_map(|value| name(value).map(str::to_owned))
    });
    let is_of_token = [LogType::TokenIssued, LogType::TokenRefused].iter().any(|kind| kind.code() == entry.kind);
    let mut text = if is_of_token { detail.actor.audience.clone() } else { found.unwrap_or_default() };
    text.truncate(text.char_indices().nth(80).map_or(text.len(), |(end, _)| end));
    text
}

/// A value in a line.
fn flat(value: &Value) -> String {
    let mut text = match value {
        Value::Null => "none".to_owned(),
        Value::String(text) => text.clone(),
        Value::Array(items) if items.is_empty() => "none".to_owned(),
        Value::Array(items) => items.iter().map(flat).collect::<Vec<_>>().join(", "),
        Value::Object(fields) => {
            fields.iter().map(|(name, field)| format!("{name} {}", flat(field))).collect::<Vec<_>>().join("; ")
        }
        other => other.to_string(),
    };
    if let Some((end, _)) = text.char_indices().nth(LONGEST) {
        text.truncate(end);
        text.push('…');
    }
    text
}

/// The parts of a field that stand in lines of their own.
fn parts(value: Option<&Value>) -> Vec<&Value> {
    match value {
        Some(Value::Array(items)) if !items.is_empty() => items.iter().collect(),
        Some(value) => vec![value],
        None => Vec::new(),
    }
}

/// What changed, line by line: what was and is no longer, what is and was not, and of the rest what tells which one it is.
fn difference(before: &Value, after: &Value) -> Vec<Line> {
    let (old, new) = (before.as_object(), after.as_object());
    let mut lines = Vec::new();
    let line = |name: &str, value: &Value, is_same, is_added| {
        let text = if name.is_empty() { flat(value) } else { format!("{name}: {}", flat(value)) };
        Line { text, is_same, is_added }
    };
    let mut field = |name: &str, was: Option<&Value>, is: Option<&Value>| {
        if was == is {
            let short = was.filter(|value| !value.is_array() && !value.is_object() && !value.is_null());
            lines.extend(short.map(|value| line(name, value, true, false)));
            return;
        }
        let (was, is) = (parts(was), parts(is));
        lines.extend(was.iter().filter(|part| !is.contains(part)).map(|part| line(name, part, false, false)));
        lines.extend(is.iter().filter(|part| !was.contains(part)).map(|part| line(name, part, false, true)));
    };
    if let (None, None) = (old, new) {
        let some = |value| Some(value).filter(|value: &&Value| !value.is_null());
        field("", some(before), some(after));
        return lines;
    }
    for (name, was) in old.into_iter().flatten() {
        field(name, Some(was), new.and_then(|new| new.get(name)));
    }
    for (name, is) in new.into_iter().flatten().filter(|(name, _)| old.is_none_or(|old| !old.contains_key(*name))) {
        field(name, None, Some(is));
    }
    lines
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn shown(before: &Value, after: &Value) -> Vec<String> {
        let mark = |line: &Line| match (line.is_same, line.is_added) {
            (true, _) => ' ',
            (_, true) => '+',
            _ => '-',
        };
        difference(before, after).iter().map(|line| format!("{}{}", mark(line), line.text)).collect()
    }

    #[test]
    fn a_difference_is_shown_by_fields_and_by_parts_of_lists() {
        let (before, after) = (
            json!({ "id": "a", "name": "x", "scopes": [{"value": "r"}, {"value": "w"}] }),
            json!({ "id": "a", "name": "y", "scopes": [{"value": "r"}, {"value": "d"}], "lifetime": 5 }),
        );
        let lines = [" id: a", "-name: x", "+name: y", "-scopes: value w", "+scopes: value d", "+lifetime: 5"];
        assert_eq!(shown(&before, &after), lines);
        assert_eq!(shown(&Value::Null, &json!({ "a": [], "b": [1, 2] })), ["+a: none", "+b: 1", "+b: 2"]);
        assert_eq!(shown(&json!({ "a": null }), &Value::Null), ["-a: none"]);
        assert_eq!(shown(&json!(["x"]), &Value::Null), ["-x"]);
        assert!(shown(&Value::Null, &Value::Null).is_empty());
        assert_eq!(shown(&json!({ "a": "é".repeat(2000) }), &Value::Null)[0].chars().count(), 1 + 3 + 1001);
    }
}
