//! When the permissions of a resource server were last used, by whom, and how often each day (ours).
//!
//! The path is not below `scopes`, where it could be a permission's value.

use std::sync::Arc;

use http::{Method, StatusCode};
use keyward_core::{
    Problem,
    access::ManagementScope as Scope,
    model::{
        permission::{Permission, VALUE_MAX},
        permission_usage::{PermissionHistory, User},
    },
    problem::{Invalid, Part},
    time::{Day, Timestamp},
};
use serde_json::{Value, json};

use super::{
    paging::{self, Page},
    reference,
    user_pages::{INCLUDE_TOTALS, PAGE, PER_PAGE},
};
use crate::{
    http::{
        answer::Answer,
        operation::{Access::AnyOf, Handled, Operation, Parameter, ParameterKind, Request, Shape::Json},
        query,
    },
    service::{api::find, log::date, permission_usage},
};

const QUERY: &[Parameter] = &[
    PAGE,
    PER_PAGE,
    INCLUDE_TOTALS,
    Parameter {
        name: "unused_since",
        kind: ParameterKind::Text(64),
        description: "Only permissions that were not used since: a date or a time (RFC 3339)",
    },
];

/// The row.
pub fn operations() -> Vec<Operation> {
    vec![Operation {
        id: "get_resource-servers_permission-usage",
        method: Method::GET,
        path: "/api/v2/resource-servers/{id}/permission-usage",
        summary: "When each permission of an API was last used, by whom, and how often on each of the last 30 days",
        access: AnyOf(&[Scope::ReadResourceServers]),
        query: QUERY,
        body: None,
        prepare: None,
        success: (200, Json(schema)),
        refusals: &[404],
        audit: None,
        handler: list,
        at_once: None,
    }]
}

fn schema() -> Value {
    let user = json!({
        "type": ["object", "null"], "required": ["kind", "id"], "additionalProperties": false,
        "properties": {
            "kind": {"type": "string", "enum": ["key", "client"], "description": "An API key, or an application"},
            "id": {"type": "string", "description": "The key's id, or the application's client_id"},
        },
    });
    let day = json!({
        "type": "object", "required": ["day", "count"], "additionalProperties": false,
        "properties": {
            "day": {"type": "string", "format": "date", "description": "The day, in UTC"},
            "count": {"type": "integer", "minimum": 0},
        },
    });
    let item = json!({
        "type": "object", "required": ["id", "value", "last_used_at", "last_used_by", "uses"],
        "additionalProperties": false,
        "properties": {
            "id": {"type": "string", "description": "What stays when the permission is renamed"},
            "value": {"type": "string", "minLength": 1, "maxLength": VALUE_MAX, "description": "Value of this scope"},
            "last_used_at": {"type": ["string", "null"], "description": "When it was last used; null if it never was"},
            "last_used_by": user,
            "uses": {"type": "array", "items": day, "description": "The last 30 days, the present one last"},
        },
    });
    paging::schema("permission_usage", &item)
}

/// Lists the permissions with their uses.
fn list(request: Request) -> Handled {
    Box::pin(async move {
        let (call, query) = (&request.call, &request.query);
        let entry = Arc::clone(find(&request.view.snapshot, call.workspace, &reference(&request.segments[0]))?);
        let since = query::text(query, "unused_since").map(point).transpose().map_err(Problem::Invalid)?;
        let permissions = match since {
            Some(since) => permission_usage::unused_since(call, &entry, since).await?,
            None => entry.permissions.clone(),
        };
        let page = Page::without_end(query, "permission_usage", permissions.into_iter());
        let numbers = page.items.iter().map(|permission| permission.number).collect();
        let histories = permission_usage::histories(call, numbers).await?;
        let nothing = PermissionHistory::default();
        let days: Vec<(Day, String)> = permission_usage::days(call.now).map(|day| (day, written(day))).collect();
        let answer =
            page.answer(|permission| shown(&permission, histories.get(&permission.number).unwrap_or(&nothing), &days));
        Ok(Answer::json(StatusCode::OK, &answer))
    })
}

fn shown(permission: &Permission, history: &PermissionHistory, days: &[(Day, String)]) -> Value {
    let uses = days.iter().map(|(day, text)| {
        let known = history.days.binary_search_by_key(day, |(day, _)| *day);
        json!({ "day": text, "count": known.map_or(0, |place| history.days[place].1) })
    });
    let by = history.last.as_ref().map(|(_, user)| match user {
        User::Key(id) => json!({ "kind": "key", "id": id }),
        User::Client(id) => json!({ "kind": "client", "id": id }),
    });
    json!({
        "id": permission.id, "value": permission.value.as_str(),
        "last_used_at": history.last.as_ref().map(|(at, _)| date(*at)), "last_used_by": by,
        "uses": uses.collect::<Value>(),
    })
}

/// The day as RFC 3339 writes it.
fn written(day: Day) -> String {
    date(day.begin()).chars().take_while(|letter| *letter != 'T').collect()
}

/// A point in time, or the beginning of a day.
fn point(text: &str) -> Result<Timestamp, Invalid> {
    let whole = if text.contains(['T', 't']) { text.to_owned() } else { format!("{text}T00:00:00Z") };
    let read = whole.parse::<jiff::Timestamp>().map(|time| Timestamp(time.as_millisecond()));
    read.map_err(|_| {
        let detail = format!("`{text}` is neither a date (2026-01-31) nor a time (2026-01-31T12:00:00Z)");
        Invalid::property(Part::Query, "unused_since", detail)
    })
}
