//! The audit log: who did what to which object, from where, and what it was before and after.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::WorkspaceNumber;
use crate::time::Timestamp;

/// The kinds of entries, by the type codes of the Management API's log contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogType {
    /// A management operation changed something.
    ManagementChange,
    /// A management operation that would have changed something was refused.
    ManagementRefused,
    /// A management operation returned secrets.
    ManagementSecretsRead,
    /// A token was issued to a machine.
    TokenIssued,
    /// A machine asked for a token and got none.
    TokenRefused,
}

impl LogType {
    /// The code on the wire and in the store.
    pub const fn code(self) -> &'static str {
        match self {
            Self::ManagementChange => "sapi",
            Self::ManagementRefused => "fapi",
            Self::ManagementSecretsRead => "mgmt_api_read",
            Self::TokenIssued => "seccft",
            Self::TokenRefused => "feccft",
        }
    }
}

/// Who did it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Actor {
    /// The application whose token it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_id: Option<String>,
    /// The token's subject.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// The token's id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token_id: Option<String>,
    /// What the token allowed, separated by spaces.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub scope: String,
    /// What the token was for.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub audience: String,
}

/// From where, and with which request.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// The request's id, as the answer and the program's log carry it.
    pub request_id: String,
    /// The address of the caller.
    #[serde(default)]
    pub ip: String,
    /// The caller's own name.
    #[serde(default)]
    pub user_agent: String,
    /// The host the request was sent to.
    #[serde(default)]
    pub hostname: String,
    /// The method, in lower case.
    #[serde(default)]
    pub method: String,
    /// The path as sent.
    #[serde(default)]
    pub path: String,
    /// The query string's parameters.
    #[serde(default)]
    pub query: Value,
    /// The body, without secrets.
    #[serde(default)]
    pub body: Value,
    /// What the caller calls this piece of work.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub correlation_id: Option<String>,
}

/// A request as an entry tells of it, with its texts where they are.
#[derive(Debug, Clone, Copy)]
pub struct Seen<'r> {
    /// The request's id.
    pub request_id: &'r str,
    /// The address of the caller.
    pub ip: &'r str,
    /// The caller's own name.
    pub user_agent: &'r str,
    /// The host the request was sent to.
    pub hostname: &'r str,
    /// The method, in lower case.
    pub method: &'r str,
    /// The path as sent.
    pub path: &'r str,
    /// The query string's parameters, as JSON.
    pub query: &'r str,
    /// The body without secrets, as JSON.
    pub body: &'r str,
    /// What the caller calls this piece of work.
    pub correlation_id: Option<&'r str>,
}

impl Origin {
    /// The same, with these texts for what is kept as JSON.
    pub fn seen<'r>(&'r self, query: &'r str, body: &'r str) -> Seen<'r> {
        Seen {
            request_id: &self.request_id,
            ip: &self.ip,
            user_agent: &self.user_agent,
            hostname: &self.hostname,
            method: &self.method,
            path: &self.path,
            query,
            body,
            correlation_id: self.correlation_id.as_deref(),
        }
    }
}

/// What an entry tells; the store adds its number and id.
#[derive(Debug, Clone, PartialEq)]
pub struct LogDraft {
    /// The workspace it happened in.
    pub workspace: WorkspaceNumber,
    /// When.
    pub at: Timestamp,
    /// The kind.
    pub kind: LogType,
    /// What happened, for people.
    pub description: String,
    /// Everything else.
    pub detail: LogDetail,
}

/// The part of an entry that is stored as one document and never searched.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct LogDetail {
    /// Who.
    pub actor: Actor,
    /// From where.
    pub origin: Origin,
    /// The status that was answered.
    pub status: u16,
    /// The body that was answered, without secrets.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub answer: Value,
    /// The fields that changed, as they were.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub before: Value,
    /// The same fields, as they are.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub after: Value,
}

/// An entry as it was stored.
#[derive(Debug, Clone, PartialEq)]
pub struct LogEntry {
    /// Its place: a later entry has a larger number.
    pub number: i64,
    /// 56 digits that sort as the number does as long as the clock does not go back.
    pub log_id: String,
    /// When.
    pub at: Timestamp,
    /// The code of its kind.
    pub kind: String,
    /// What happened.
    pub description: String,
    /// Everything else.
    pub detail: LogDetail,
}

/// Which entries somebody wants. `None` asks for nothing in particular.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LogFilter {
    /// The code of the kind.
    pub kind: Option<String>,
    /// The code of another kind, whose entries are wanted as well.
    pub or_kind: Option<String>,
    /// The application.
    pub client_id: Option<String>,
    /// The token's subject.
    pub subject: Option<String>,
    /// The application or the token's subject, whichever it is.
    pub actor: Option<String>,
    /// The caller's address.
    pub ip: Option<String>,
    /// What happened, exactly.
    pub description: Option<String>,
    /// The entry's id.
    pub log_id: Option<String>,
    /// Not before.
    pub since: Option<Timestamp>,
    /// Not after.
    pub until: Option<Timestamp>,
}

impl LogFilter {
    /// Whether it lets this entry through.
    pub fn admits(&self, entry: &LogEntry) -> bool {
        let (actor, origin) = (&entry.detail.actor, &entry.detail.origin);
        let is = |asked: &Option<String>, found: Option<&str>| asked.is_none() || asked.as_deref() == found;
        let is_kind = is(&self.kind, Some(&entry.kind)) || self.or_kind.as_deref() == Some(&entry.kind);
        let is_actor = is(&self.actor, actor.client_id.as_deref()) || is(&self.actor, actor.subject.as_deref());
        is_kind
            && is_actor
            && is(&self.client_id, actor.client_id.as_deref())
            && is(&self.subject, actor.subject.as_deref())
            && is(&self.ip, Some(&origin.ip))
            && is(&self.description, Some(&entry.description))
            && is(&self.log_id, Some(&entry.log_id))
            && self.since.is_none_or(|since| entry.at >= since)
            && self.until.is_none_or(|until| entry.at <= until)
    }
}

/// Texts of which one must occur in an entry; none asks for nothing. Letters of ASCII are the same in either case.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Mentions(Vec<String>);

impl Mentions {
    /// Any of these; empty ones are none.
    pub fn any_of(texts: impl IntoIterator<Item = String>) -> Self {
        Self(texts.into_iter().filter(|text| !text.is_empty()).map(|text| text.to_ascii_lowercase()).collect())
    }

    /// Whether nothing is asked for.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether one of them occurs in this text.
    pub fn occurs_in(&self, text: &str) -> bool {
        let text = text.to_ascii_lowercase();
        self.0.iter().any(|wanted| text.contains(wanted))
    }

    /// Whether one of them may occur in a text within this JSON, before that is read. What JSON writes otherwise than
    /// it is may always.
    pub fn may_occur_in_json(&self, json: &str) -> bool {
        let is_written_otherwise = |c: char| c.is_control() || matches!(c, '"' | '\\');
        self.0.iter().any(|wanted| wanted.contains(is_written_otherwise)) || self.occurs_in(json)
    }

    fn occurs_within(&self, value: &Value) -> bool {
        match value {
            Value::String(text) => self.occurs_in(text),
            Value::Array(items) => items.iter().any(|item| self.occurs_within(item)),
            Value::Object(fields) => fields.values().any(|field| self.occurs_within(field)),
            _ => false,
        }
    }

    /// Whether one of them occurs in what the entry is about: the request, what was answered, and what changed. An
    /// entry about a token is about the application, too, and about what the token is for.
    fn admit(&self, entry: &LogEntry) -> bool {
        let LogDetail { actor, origin, answer, before, after, .. } = &entry.detail;
        let is_of_token = [LogType::TokenIssued, LogType::TokenRefused].iter().any(|kind| kind.code() == entry.kind);
        let of_token =
            [actor.client_id.as_deref(), actor.subject.as_deref(), Some(&actor.scope), Some(&actor.audience)];
        let mut values = [before, after, answer, &origin.body, &origin.query].into_iter();
        self.is_empty()
            || self.occurs_in(&origin.path)
            || values.any(|value| self.occurs_within(value))
            || (is_of_token && of_token.into_iter().flatten().any(|text| self.occurs_in(text)))
    }
}

/// What somebody looks for among the entries.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LogSearch {
    /// What the store can tell without reading an entry whole.
    pub filter: LogFilter,
    /// What must occur in it.
    pub mentions: Mentions,
}

impl LogSearch {
    /// Whether it lets this entry through.
    pub fn admits(&self, entry: &LogEntry) -> bool {
        self.filter.admits(entry) && self.mentions.admit(entry)
    }
}

/// In which order entries are listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// The last one first.
    Newest,
    /// The first one first.
    Oldest,
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn entry(kind: LogType) -> LogEntry {
        let detail = LogDetail {
            actor: Actor { client_id: Some("App1".to_owned()), scope: "read:x".to_owned(), ..Actor::default() },
            after: json!({ "name": "A \"quoted\" Name", "list": [{"id": "rol_1"}] }),
            ..LogDetail::default()
        };
        let (log_id, description) = ("900".to_owned(), "Did".to_owned());
        LogEntry { number: 1, log_id, at: Timestamp(5), kind: kind.code().to_owned(), description, detail }
    }

    fn finds(entry: &LogEntry, text: &str) -> bool {
        let mentions = Mentions::any_of([text.to_owned()]);
        let json = serde_json::to_string(&entry.detail).expect("serializes");
        let found = LogSearch { mentions: mentions.clone(), ..LogSearch::default() }.admits(entry);
        assert!(!found || mentions.is_empty() || mentions.may_occur_in_json(&json), "{text} is passed over");
        found
    }

    #[test]
    fn what_occurs_in_what_an_entry_is_about_is_found() {
        let change = entry(LogType::ManagementChange);
        for text in ["rol_1", "ROL_", "a \"Quoted", "\" name", ""] {
            assert!(finds(&change, text), "{text}");
        }
        for text in ["list", "rol_2", "app1", "read:x", "900"] {
            assert!(!finds(&change, text), "{text}: a field's name, or who did it");
        }
        let token = entry(LogType::TokenIssued);
        assert!(finds(&token, "app1") && finds(&token, "read:x"), "which is what it is about");
        let any = Mentions::any_of(["none".to_owned(), "rol_1".to_owned()]);
        assert!(LogSearch { mentions: any, ..LogSearch::default() }.admits(&change));
    }

    #[test]
    fn a_second_kind_and_either_name_of_who_did_it_are_let_through() {
        let (change, token) = (entry(LogType::ManagementChange), entry(LogType::TokenIssued));
        let code = |kind: LogType| Some(kind.code().to_owned());
        let filter = LogFilter {
            kind: code(LogType::TokenRefused),
            or_kind: code(LogType::TokenIssued),
            ..LogFilter::default()
        };
        assert!(filter.admits(&token) && !filter.admits(&change));
        let by = |actor: &str| LogFilter { actor: Some(actor.to_owned()), ..LogFilter::default() };
        assert!(by("App1").admits(&change) && !by("app1").admits(&change) && !by("x").admits(&token));
    }
}
