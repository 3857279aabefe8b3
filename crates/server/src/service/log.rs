//! The audit log: read it, and add to it what is not a change of the catalogue.

use keyward_core::{
    Problem,
    model::log::{LogDetail, LogDraft, LogEntry, LogFilter, LogSearch, LogType, Order},
    problem::Missing,
    time::Timestamp,
};
pub use keyward_store::ledger::log_search::Looked;
use keyward_store::ledger::{log, log_search};
use serde_json::{Value, json};

use crate::{app::Call, token_log};

/// One page of the entries that fit the filter, and how many fit in all if that was asked for.
///
/// # Errors
/// Why the store can't be read.
pub async fn list(
    call: &Call,
    filter: LogFilter,
    order: Order,
    (offset, limit): (i64, i64),
    totals: bool,
) -> Result<(Vec<LogEntry>, Option<i64>), Problem> {
    token_log::flush(&call.app).await?;
    let workspace = call.workspace;
    let page = call.app.store.read(move |tx| {
        Box::pin(async move {
            let entries = log::list(tx, workspace, &filter, order, (offset, limit)).await?;
            let total = if totals { Some(log::count(tx, workspace, &filter).await?) } else { None };
            Ok((entries, total))
        })
    });
    Ok(page.await?)
}

/// Looks for at most so many entries, newest first, among so many that come before a number, or among the last ones.
///
/// # Errors
/// Why the store can't be read.
pub async fn search(
    call: &Call,
    search: LogSearch,
    before: Option<i64>,
    (most, reach): (usize, i64),
) -> Result<Looked, Problem> {
    token_log::flush(&call.app).await?;
    let workspace = call.workspace;
    let found = call.app.store.read(move |tx| {
        Box::pin(async move { log_search::search(tx, workspace, &search, before, (most, reach)).await })
    });
    Ok(found.await?)
}

/// The entries after the one with this id, oldest first. Going on from the last entry returned misses none.
///
/// # Errors
/// [`Problem::NotFound`] when there is no such entry.
pub async fn after(call: &Call, log_id: String, limit: i64) -> Result<Vec<LogEntry>, Problem> {
    token_log::flush(&call.app).await?;
    let workspace = call.workspace;
    let page = call.app.store.read(move |tx| {
        Box::pin(async move {
            let found = log::find(tx, workspace, &log_id).await?;
            let from = found.ok_or(Problem::NotFound(Missing::LogEntry))?;
            log::after(tx, workspace, from.number, limit).await
        })
    });
    Ok(page.await?)
}

/// The entry with this id.
///
/// # Errors
/// [`Problem::NotFound`].
pub async fn get(call: &Call, log_id: String) -> Result<LogEntry, Problem> {
    token_log::flush(&call.app).await?;
    let workspace = call.workspace;
    let found = call.app.store.read(move |tx| Box::pin(async move { log::find(tx, workspace, &log_id).await }));
    found.await?.ok_or(Problem::NotFound(Missing::LogEntry))
}

/// An entry as the wire shows it.
pub fn describe(entry: &LogEntry) -> Value {
    let (actor, origin) = (&entry.detail.actor, &entry.detail.origin);
    let date = date(entry.at);
    let scopes: Vec<&str> = actor.scope.split(' ').filter(|scope| !scope.is_empty()).collect();
    let mut details = json!({
        "request": {
            "method": origin.method,
            "path": origin.path,
            "query": origin.query,
            "body": origin.body,
            "channel": "api",
            "ip": origin.ip,
            "userAgent": origin.user_agent,
            "auth": {
                "strategy": "jwt",
                "user": {},
                "credentials": { "scopes": scopes, "jti": actor.token_id },
            },
        },
        "response": { "statusCode": entry.detail.status, "body": entry.detail.answer },
        "request_id": origin.request_id,
    });
    for (name, value) in [("before", &entry.detail.before), ("after", &entry.detail.after)] {
        if !value.is_null() {
            details[name] = value.clone();
        }
    }
    let mut whole = json!({
        "_id": entry.log_id,
        "log_id": entry.log_id,
        "date": date,
        "type": entry.kind,
        "description": entry.description,
        "client_id": actor.client_id,
        "client_name": actor.client_id.clone().unwrap_or_default(),
        "ip": origin.ip,
        "hostname": origin.hostname,
        "user_id": actor.subject.clone().unwrap_or_default(),
        "user_agent": origin.user_agent,
        "audience": actor.audience,
        "scope": actor.scope,
        "isMobile": false,
        "details": details,
    });
    if let Some(id) = &origin.correlation_id {
        whole["references"] = json!({ "correlation_id": id });
    }
    whole
}

/// A time as the wire shows it.
pub fn date(at: Timestamp) -> String {
    let time = jiff::Timestamp::from_millisecond(at.0).unwrap_or_default();
    time.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string()
}

/// Records something that happened in this call and changed nothing.
///
/// # Errors
/// Why it could not be recorded.
pub async fn record(call: &Call, kind: LogType, status: u16, answer: Value) -> Result<(), Problem> {
    let draft = draft(call, kind, status, answer);
    Ok(call.app.store.ledger(move |tx| Box::pin(async move { log::insert(tx, &draft).await })).await?)
}

/// An entry about something that happened in this call and changed nothing.
pub(crate) fn draft(call: &Call, kind: LogType, status: u16, answer: Value) -> LogDraft {
    let detail = LogDetail {
        actor: (*call.actor).clone(),
        origin: (*call.origin).clone(),
        status,
        answer,
        ..LogDetail::default()
    };
    let (description, _) = call.action;
    LogDraft { workspace: call.workspace, at: call.now, kind, description: description.to_owned(), detail }
}
