//! The audit log.

use http::{StatusCode, header};
use keyward_core::{
    Problem,
    model::log::{LogEntry, LogFilter, Order},
    problem::{Invalid, Part},
};
use serde_json::{Value, json};

use super::{log_query, paging};
use crate::{
    http::{
        answer::Answer,
        operation::{Handled, Parameter, ParameterKind, Request},
        query,
    },
    service::log,
};

const FIELDS: &[&str] = &[
    "_id",
    "log_id",
    "date",
    "type",
    "description",
    "connection",
    "connection_id",
    "organization_id",
    "organization_name",
    "location_info",
    "auth0_client",
    "client_id",
    "client_name",
    "ip",
    "hostname",
    "user_id",
    "user_name",
    "user_agent",
    "audience",
    "scope",
    "strategy",
    "strategy_type",
    "isMobile",
    "details",
    "references",
];

/// The parameters of the list.
pub const LIST_QUERY: &[Parameter] = &[
    paging::PAGE,
    paging::per_page_or_none("Entries on a page"),
    Parameter {
        name: "sort",
        kind: ParameterKind::Text(64),
        description: "`date:-1` for the newest first, the default, or `date:1`",
    },
    paging::INCLUDE_TOTALS,
    Parameter {
        name: "from",
        kind: ParameterKind::Text(128),
        description: "The log_id after which to go on, oldest first",
    },
    Parameter {
        name: "take",
        kind: ParameterKind::Integer(1, 100),
        description: "Entries in an answer that can be gone on from",
    },
    Parameter {
        name: "q",
        kind: ParameterKind::Text(1024),
        description: "What to look for: `type:\"sapi\" AND client_id:\"…\"`",
    },
    Parameter { name: "search", kind: ParameterKind::Text(1024), description: "The same as `q`" },
    query::fields(FIELDS),
    query::INCLUDE_FIELDS,
];

/// Lists entries: by pages, newest first, or from an entry on, oldest first.
pub fn list(request: Request) -> Handled {
    Box::pin(async move {
        let query = &request.query;
        let show = |entry: &LogEntry| {
            let mut shown = log::describe(entry);
            if let Some(fields) = shown.as_object_mut() {
                query::select_fields(query, fields);
            }
            shown
        };
        if paging::is_checkpoint(query) {
            let take = query::integer(query, "take", 50);
            let entries = match query::text(query, "from") {
                Some(from) => log::after(&request.call, from.to_owned(), take).await?,
                None => log::list(&request.call, LogFilter::default(), Order::Oldest, (0, take), false).await?.0,
            };
            let answer = Answer::json(StatusCode::OK, &entries.iter().map(show).collect::<Vec<_>>());
            let Some(last) = entries.last() else { return Ok(answer) };
            let next = format!("<{}logs?from={}&take={take}>; rel=\"next\"", request.call.app.audience, last.log_id);
            return Ok(answer.with(header::LINK, &next));
        }
        let (start, limit) = paging::span_within_reach(query)?;
        let filter = match query::text(query, "q").or_else(|| query::text(query, "search")) {
            Some(text) => log_query::parse(text).map_err(Problem::Invalid)?,
            None => LogFilter::default(),
        };
        let order = order(query::text(query, "sort"))?;
        let totals = query::boolean(query, "include_totals", false);
        let (entries, total) = log::list(&request.call, filter, order, (start, limit), totals).await?;
        let shown: Vec<Value> = entries.iter().map(show).collect();
        let body = match total {
            Some(total) => {
                json!({ "start": start, "limit": limit, "length": shown.len(), "total": total, "logs": shown })
            }
            None => Value::Array(shown),
        };
        Ok(Answer::json(StatusCode::OK, &body))
    })
}

fn order(sort: Option<&str>) -> Result<Order, Problem> {
    match sort {
        None | Some("date:-1") => Ok(Order::Newest),
        Some("date:1") => Ok(Order::Oldest),
        Some(other) => {
            let detail = format!("Can't sort by `{other}`: use date:-1 or date:1");
            Err(Problem::Invalid(Invalid::property(Part::Query, "sort", detail)))
        }
    }
}

/// Shows an entry.
pub fn get(request: Request) -> Handled {
    Box::pin(async move {
        let entry = log::get(&request.call, request.segments[0].replace('\0', "")).await?;
        Ok(Answer::json(StatusCode::OK, &log::describe(&entry)))
    })
}
