//! The audit log: read it, and add to it what is not a change of the catalogue.

use keyward_core::{
    Problem,
    model::log::{LogDetail, LogDraft, LogEntry, LogFilter, LogType, Order},
    problem::Missing,
    time::Timestamp,
};
use keyward_store::ledger::log;

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

/// A time as the wire shows it.
pub fn date(at: Timestamp) -> String {
    let time = jiff::Timestamp::from_millisecond(at.0).unwrap_or_default();
    time.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string()
}

/// Records something that happened in this call and changed nothing.
///
/// # Errors
/// Why it could not be recorded.
pub async fn record(call: &Call, kind: LogType, status: u16, answer: serde_json::Value) -> Result<(), Problem> {
    let draft = draft(call, kind, status, answer);
    Ok(call.app.store.ledger(move |tx| Box::pin(async move { log::insert(tx, &draft).await })).await?)
}

/// An entry about something that happened in this call and changed nothing.
pub(crate) fn draft(call: &Call, kind: LogType, status: u16, answer: serde_json::Value) -> LogDraft {
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
