//! The permissions of an API: the list, and what is done to it.

use std::sync::Arc;

use http::StatusCode;
use keyward_core::{
    Problem,
    model::permission::{Permission, PermissionValue, PermissionValueError, VALUE_MAX, Wanted},
    problem::Missing,
    snapshot::ApiEntry,
    time::Timestamp,
};

use super::{
    apis::{Head, find},
    form::{self, query},
    page::{Frame, Pager, escaped, redirect, show, time},
    permission_page::{Deleted, List, New, Notice, Paste, Row},
    problem,
    table::{EDIT, PAGE, VIEW, form_at, page_at, word},
    usage_plot::in_list,
};
use crate::{
    http::{
        answer::Answer,
        operation::{Handled, Operation, Parameter, ParameterKind, Request},
    },
    service::{Precondition, permission, permission_usage, slug},
};

/// How many permissions a page has.
const PER_PAGE: usize = 100;
/// How many deleted ones are listed.
const DELETED: i64 = 100;

/// What the list can be asked for.
pub(super) const LIST_QUERY: &[Parameter] = &[
    word("q", "A part of the value or the description"),
    Parameter { name: "sort", kind: ParameterKind::Choice(&["value"]), description: "In which order" },
    PAGE,
    word("unused", "Only those that were not used since this date"),
    word("added", "The id of the permission that was added"),
    word("saved", "The id of the permission that was changed"),
    word("deleted", "The id of the permission that was deleted"),
    word("restored", "The id of the permission that was restored"),
];

/// What a value is checked with, as one types it.
pub(super) const CHECK_QUERY: &[Parameter] = &[word("value", "What was typed so far")];

/// The rows.
pub(super) fn rows() -> Vec<Operation> {
    vec![
        page_at("console_permissions", "/apis/{id}/permissions", ("List permissions", VIEW), LIST_QUERY, list),
        form_at(
            "console_permission_add",
            "/apis/{id}/permissions",
            ("Add a permission to a resource server", EDIT),
            add,
        ),
        page_at(
            "console_permission_check",
            "/apis/{id}/permissions/check",
            ("Check a permission as it is typed", EDIT),
            CHECK_QUERY,
            check,
        ),
        page_at(
            "console_permissions_paste",
            "/apis/{id}/permissions/paste",
            ("Ask for many permissions", EDIT),
            &[],
            ask_many,
        ),
        form_at(
            "console_permissions_add",
            "/apis/{id}/permissions/paste",
            ("Add permissions to a resource server", EDIT),
            add_many,
        ),
    ]
}

pub(super) fn to_list(entry: &ApiEntry, what: &str, id: &str) -> Answer {
    redirect(&format!("/apis/{}/permissions?{what}={id}", entry.api.id))
}

/// Why a text can't be a permission, in words for whoever typed it.
fn refused(error: PermissionValueError) -> String {
    match error {
        PermissionValueError::Empty => "Type a permission, such as read:posts.".to_owned(),
        PermissionValueError::TooLong(length) => {
            format!("This has {length} characters, and a permission has {VALUE_MAX} at most.")
        }
        PermissionValueError::Space => {
            "A permission has no spaces: a token lists several of them with a space between each two.".to_owned()
        }
        PermissionValueError::Reserved => {
            "This name is reserved: OpenID Connect uses it for what a token tells of a user. Say what it is about, \
             such as read:profile."
                .to_owned()
        }
    }
}

/// A permission as it was typed.
///
/// # Errors
/// What is wrong with it, for whoever typed it.
pub(super) fn wanted(value: &str, description: &str) -> Result<Wanted, String> {
    let description = description.trim();
    let value = PermissionValue::parse(value.trim()).map_err(refused)?;
    Ok(Wanted { value, description: (!description.is_empty()).then(|| description.to_owned()) })
}

/// The permission of this API that the path names by its id.
pub(super) fn named<'e>(entry: &'e ApiEntry, request: &Request) -> Result<&'e Arc<Permission>, Problem> {
    let id = request.segments.get(1).map(String::as_str).unwrap_or_default();
    let found = entry.permissions.iter().find(|permission| permission.id == id);
    found.ok_or(Problem::NotFound(Missing::WorkspacePermission))
}

/// The beginning of a day, in UTC.
fn midnight(date: &str) -> Option<Timestamp> {
    let date: jiff::civil::Date = date.parse().ok()?;
    let moment = date.to_zoned(jiff::tz::TimeZone::UTC).ok()?;
    Some(Timestamp(moment.timestamp().as_millisecond()))
}

/// Lists permissions.
pub(super) fn list(request: Request) -> Handled {
    Box::pin(async move {
        let entry = find(&request)?;
        show_list(&request, entry, (StatusCode::OK, None)).await
    })
}

async fn show_list(
    request: &Request,
    entry: &ApiEntry,
    (status, new): (StatusCode, Option<New>),
) -> Result<Answer, Problem> {
    let (q, unused) = (query(request, "q").trim().to_owned(), query(request, "unused").to_owned());
    let part = q.to_lowercase();
    // A date that is none filters nothing.
    let among = match midnight(&unused) {
        Some(since) => permission_usage::unused_since(&request.call, entry, since).await?,
        None => entry.permissions.clone(),
    };
    let fits = |permission: &&Arc<Permission>| {
        let described = || permission.description.as_ref().is_some_and(|text| text.to_lowercase().contains(&part));
        part.is_empty() || permission.value.as_str().to_lowercase().contains(&part) || described()
    };
    let mut found: Vec<&Arc<Permission>> = among.iter().filter(fits).collect();
    let sort = query(request, "sort").to_owned();
    if sort == "value" {
        found.sort_by(|one, other| one.value.cmp(&other.value));
    }
    let path = format!("/apis/{}/permissions", entry.api.id);
    let pager = Pager::new(&path, &request.query, found.len(), PER_PAGE);
    let found = pager.cut(found);
    let numbers = found.iter().map(|permission| permission.number).collect();
    let histories = permission_usage::histories(&request.call, numbers).await?;
    let row = |permission: &Arc<Permission>| {
        let history = histories.get(&permission.number);
        Row::new(permission, in_list(request, permission.value.as_str(), history))
    };
    let rows = found.into_iter().map(row).collect();
    let mut deleted = slug::deleted(&request.call, entry.api.number, DELETED + 1).await?;
    let has_more_deleted = deleted.len() > usize::try_from(DELETED).unwrap_or(usize::MAX);
    deleted.truncate(usize::try_from(DELETED).unwrap_or(usize::MAX));
    let notice = notice(request, entry, &deleted);
    let deleted = deleted
        .iter()
        .map(|(permission, at)| Deleted {
            id: permission.id.clone(),
            value: permission.value.to_string(),
            description: permission.description.clone().unwrap_or_default(),
            deleted_at: time(*at, "relative"),
        })
        .collect();
    let page = List {
        frame: Frame::new(&request.call, "apis", format!("Permissions of {}", entry.api.display_name())),
        sort_link: if sort == "value" { path } else { format!("{path}?sort=value") },
        api: Head::new(entry, "permissions"),
        notice,
        new: new.unwrap_or_default(),
        q,
        sort,
        unused,
        rows,
        pager,
        deleted,
        has_more_deleted,
    };
    show(status, &page)
}

/// What was just done, as far as it is so: the address of a page proves nothing.
fn notice(request: &Request, entry: &ApiEntry, deleted: &[(Permission, Timestamp)]) -> Option<Notice> {
    let there = |what: &str, text: &'static str| {
        let permission = entry.permissions.iter().find(|permission| permission.id == query(request, what))?;
        Some(Notice { id: permission.id.clone(), value: permission.value.to_string(), text, can_undo: false })
    };
    let gone = || {
        let (permission, _) = deleted.iter().find(|(permission, _)| permission.id == query(request, "deleted"))?;
        let text = "is deleted. Whoever held it holds it no longer.";
        Some(Notice { id: permission.id.clone(), value: permission.value.to_string(), text, can_undo: true })
    };
    gone()
        .or_else(|| there("added", "is added. Nobody holds it yet."))
        .or_else(|| there("saved", "is saved."))
        .or_else(|| there("restored", "is back, and whoever held it holds it again."))
}

/// Says what is wrong with a value, while it is typed.
pub(super) fn check(request: Request) -> Handled {
    Box::pin(async move {
        let entry = find(&request)?;
        let value = query(&request, "value").trim();
        let taken = || entry.permission(value).map(|_| "This API has it already.".to_owned());
        let text = match PermissionValue::parse(value) {
            Err(PermissionValueError::Empty) => None,
            Err(error) => Some(refused(error)),
            Ok(_) => taken(),
        };
        let text = escaped(&text.unwrap_or_default());
        Ok(Answer::bytes(StatusCode::OK, "text/html; charset=utf-8", text.into()))
    })
}

/// Adds a permission.
pub(super) fn add(request: Request) -> Handled {
    Box::pin(async move {
        let entry = find(&request)?;
        let text = |name| form::text(&request.body, name).to_owned();
        let (value, description) = (text("value"), text("description"));
        let (status, text) = match wanted(&value, &description) {
            Ok(wanted) => {
                let api = vec![entry.api.id.clone()];
                match permission::add(&request.call, &api, wanted, Precondition::None).await {
                    Ok((entry, made)) => return Ok(to_list(&entry, "added", &made.id)),
                    Err(problem) => problem::at_form(problem)?,
                }
            }
            Err(text) => (StatusCode::UNPROCESSABLE_ENTITY, text),
        };
        show_list(&request, entry, (status, Some(New { value, description, error: text }))).await
    })
}

/// Asks for many permissions.
pub(super) fn ask_many(request: Request) -> Handled {
    Box::pin(async move { show_paste(&request, find(&request)?, (StatusCode::OK, String::new(), vec![])) })
}

fn show_paste(
    request: &Request,
    entry: &ApiEntry,
    (status, lines, errors): (StatusCode, String, Vec<String>),
) -> Result<Answer, Problem> {
    let frame = Frame::new(&request.call, "apis", "Add many permissions");
    show(status, &Paste { frame, api: Head::new(entry, "permissions"), lines, errors })
}

/// Adds many permissions: all of them or none.
pub(super) fn add_many(request: Request) -> Handled {
    Box::pin(async move {
        let entry = find(&request)?;
        let lines = form::text(&request.body, "lines").to_owned();
        let (mut all, mut errors) = (Vec::<Wanted>::new(), Vec::new());
        for (nth, line) in lines.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
            let (value, description) = line.trim().split_once(char::is_whitespace).unwrap_or((line.trim(), ""));
            let refusal = match wanted(value, description) {
                Err(text) => Some(text),
                Ok(wanted) if all.iter().any(|other| other.value == wanted.value) => {
                    Some("It stands in a line above already.".to_owned())
                }
                Ok(wanted) if entry.permission(wanted.value.as_str()).is_some() => {
                    Some("This API has it already.".to_owned())
                }
                Ok(wanted) => {
                    all.push(wanted);
                    None
                }
            };
            errors.extend(refusal.map(|text| format!("Line {}, {value}: {text}", nth + 1)));
        }
        if all.is_empty() && errors.is_empty() {
            errors.push("Type at least one permission.".to_owned());
        }
        if !errors.is_empty() {
            return show_paste(&request, entry, (StatusCode::UNPROCESSABLE_ENTITY, lines, errors));
        }
        let added = permission::add_all(&request.call, &vec![entry.api.id.clone()], all, Precondition::None).await;
        match added {
            Ok(entry) => Ok(redirect(&format!("/apis/{}/permissions", entry.api.id))),
            Err(problem) => {
                let (status, text) = problem::at_form(problem)?;
                show_paste(&request, entry, (status, lines, vec![text]))
            }
        }
    })
}
