//! The keys of an API: the list, one of them, and its end.

use http::StatusCode;
use keyward_core::{Problem, model::key::KnownKey, problem::Missing, snapshot::ApiEntry, verify::Held};
use serde_json::Value;

use super::{
    apis::{Head, find},
    form,
    key_page::{List, Made, Previous, Reroll, Row, Shown, Sure, curl, name, start},
    page::{Frame, redirect, segment, show, thousands, time},
    table::{EDIT, VIEW, answer_at, form_at, page_at},
};
use crate::{
    http::{
        answer::Answer,
        operation::{Handled, Operation, Parameter, ParameterKind, Request},
    },
    service::key::{self, KeyChange, KeyData, Listing},
};

/// How many keys a page has.
const PER_PAGE: i64 = 50;
const HOUR: i64 = 60 * 60 * 1000;
/// For how long a key may go on to work beside the one that takes its place.
const PERIODS: [(i64, &str); 5] =
    [(0, "No longer"), (HOUR, "An hour"), (24 * HOUR, "A day"), (7 * 24 * HOUR, "A week"), (30 * 24 * HOUR, "30 days")];

const fn word(name: &'static str, description: &'static str) -> Parameter {
    Parameter { name, kind: ParameterKind::Text(300), description }
}

/// What the list can be asked for.
const LIST_QUERY: &[Parameter] = &[
    word("owner", "The id of the owner whose keys are wanted"),
    word("from", "The id of the key to begin with"),
    word("deleted", "The id of the key that was deleted"),
];
/// What a key's page can be asked for.
const KEY_QUERY: &[Parameter] = &[word("q", "A part of the permission to give")];

/// The rows.
pub(super) fn rows() -> Vec<Operation> {
    vec![
        page_at("console_keys", "/apis/{id}/keys", ("List keys", VIEW), LIST_QUERY, list),
        page_at("console_key", "/apis/{id}/keys/{key}", ("Show a key", VIEW), KEY_QUERY, one),
        form_at("console_key_switch", "/apis/{id}/keys/{key}/enabled", ("key.update", EDIT), switch),
        page_at(
            "console_key_rerolling",
            "/apis/{id}/keys/{key}/reroll",
            ("Ask whether another key is to take its place", EDIT),
            &[],
            ask_reroll,
        ),
        answer_at("console_key_reroll", "/apis/{id}/keys/{key}/reroll", ("key.reroll", EDIT), reroll),
        page_at(
            "console_key_deletion",
            "/apis/{id}/keys/{key}/delete",
            ("Show what stops to work", EDIT),
            &[],
            confirm,
        ),
        form_at("console_key_delete", "/apis/{id}/keys/{key}/delete", ("key.delete", EDIT), delete),
    ]
}

/// The API that the path names, if there can be keys of it.
pub(super) fn keyed(request: &Request) -> Result<&ApiEntry, Problem> {
    let entry = find(request)?;
    if entry.api.has_keys() { Ok(entry) } else { Err(Problem::NotFound(Missing::Api)) }
}

/// The key that the path names, which must be one of this API.
pub(super) async fn named(request: &Request, entry: &ApiEntry) -> Result<KeyData, Problem> {
    let data = key::get(&request.call, request.segments[1].clone(), false).await?;
    if data.key.api != entry.api.number {
        return Err(Problem::NotFound(Missing::Key { specified: false }));
    }
    Ok(data)
}

/// Where a key's page is.
pub(super) fn place(entry: &ApiEntry, key_id: &str) -> String {
    format!("/apis/{}/keys/{key_id}", entry.api.id)
}

fn query<'r>(request: &'r Request, name: &str) -> &'r str {
    request.query.get(name).and_then(Value::as_str).unwrap_or_default().trim()
}

/// Lists keys in the order of their ids.
pub(super) fn list(request: Request) -> Handled {
    Box::pin(async move {
        let entry = keyed(&request)?;
        let (owner, from) = (query(&request, "owner").to_owned(), query(&request, "from"));
        let listing = Listing {
            api: entry.api.key_id(),
            from: from.to_owned(),
            limit: PER_PAGE,
            external_id: Some(owner.clone()).filter(|owner| !owner.is_empty()),
            decrypt: false,
        };
        let (keys, next) = key::list(&request.call, listing).await?;
        let total = key::counts(&request.call).await?.get(&entry.api.number).copied().unwrap_or(0);
        let deleted = match query(&request, "deleted") {
            "" => None,
            id => key::deleted(&request.call, entry.api.number, id.to_owned()).await?,
        };
        let link = |from: Option<&str>| {
            let mut pairs = form_urlencoded::Serializer::new(String::new());
            for (name, text) in [("owner", owner.as_str()), ("from", from.unwrap_or_default())] {
                if !text.is_empty() {
                    pairs.append_pair(name, text);
                }
            }
            format!("/apis/{}/keys?{}", entry.api.id, pairs.finish())
        };
        let page = List {
            frame: Frame::new(&request.call, "apis", format!("Keys of {}", entry.api.display_name())),
            api: Head::new(entry, "keys"),
            deleted: deleted.map(|start| if start.is_empty() { "The key".to_owned() } else { format!("{start}…") }),
            rows: keys.iter().map(|data| Row::new(&request.view.snapshot, data, request.call.now)).collect(),
            total: thousands(total),
            first: (!from.is_empty()).then(|| link(None)),
            next: next.as_deref().map(|next| link(Some(next))),
            owner,
        };
        show(StatusCode::OK, &page)
    })
}

/// Shows a key.
pub(super) fn one(request: Request) -> Handled {
    Box::pin(async move {
        let entry = keyed(&request)?;
        let data = named(&request, entry).await?;
        show_key(&request, entry, &data, (StatusCode::OK, None))
    })
}

pub(super) fn show_key(
    request: &Request,
    entry: &ApiEntry,
    data: &KeyData,
    (status, error): (StatusCode, Option<String>),
) -> Result<Answer, Problem> {
    let frame = Frame::new(&request.call, "apis", name(&data.key));
    let head = (frame, Head::new(entry, "keys"));
    let how = (request.call.now, query(request, "q"), error);
    show(status, &Shown::new(head, &request.view.snapshot, entry, data, how))
}

/// Switches a key on or off.
pub(super) fn switch(request: Request) -> Handled {
    Box::pin(async move {
        let entry = keyed(&request)?;
        let data = named(&request, entry).await?;
        let enabled = form::text(&request.body, "enabled") == "true";
        if data.key.enabled != enabled {
            let change = KeyChange { enabled: Some(enabled), ..KeyChange::default() };
            key::update(&request.call, data.key.id.clone(), change).await?;
        }
        Ok(redirect(&place(entry, &data.key.id)))
    })
}

/// Asks whether another key is to take the place of one.
pub(super) fn ask_reroll(request: Request) -> Handled {
    Box::pin(async move {
        let entry = keyed(&request)?;
        let key = named(&request, entry).await?.key;
        let page = Reroll {
            frame: Frame::new(&request.call, "apis", format!("Reroll {}", name(&key))),
            api: Head::new(entry, "keys"),
            id: key.id.clone(),
            name: name(&key),
            start: start(&key),
            periods: &PERIODS,
        };
        show(StatusCode::OK, &page)
    })
}

/// Makes a key that takes the place of another one.
pub(super) fn reroll(request: Request) -> Handled {
    Box::pin(async move {
        let entry = keyed(&request)?;
        let old = named(&request, entry).await?.key;
        let typed = form::text(&request.body, "period").parse::<i64>();
        let period = PERIODS.iter().map(|(period, _)| *period).find(|period| typed.as_ref() == Ok(period));
        let Some(period) = period else { return Ok(redirect(&format!("{}/reroll", place(entry, &old.id)))) };
        let made = key::reroll(&request.call, old.id.clone(), period).await?;
        let before = named(&request, entry).await?.key;
        let previous = Previous {
            until: before.expires_at.filter(|end| *end > request.call.now).map(|end| time(end, "datetime")),
            id: before.id.clone(),
            name: name(&before),
        };
        show_made(&request, entry, &made, Some(previous))
    })
}

/// Shows a key's text, this once.
pub(super) fn show_made(
    request: &Request,
    entry: &ApiEntry,
    made: &key::MadeKey,
    previous: Option<Previous>,
) -> Result<Answer, Problem> {
    let page = Made {
        frame: Frame::new(&request.call, "apis", "Key made"),
        api: Head::new(entry, "keys"),
        id: made.id.clone(),
        text: made.text.clone(),
        curl: curl(&request.call.app.public_url, made),
        previous,
    };
    show(StatusCode::OK, &page)
}

/// Shows what stops to work.
pub(super) fn confirm(request: Request) -> Handled {
    Box::pin(async move {
        let entry = keyed(&request)?;
        let data = named(&request, entry).await?;
        let snapshot = &request.view.snapshot;
        let known = KnownKey::of(data.key.clone(), snapshot.revision());
        let page = Sure {
            frame: Frame::new(&request.call, "apis", format!("Delete {}", name(&data.key))),
            api: Head::new(entry, "keys"),
            id: data.key.id.clone(),
            name: name(&data.key),
            start: start(&data.key),
            owner: data.identity.as_ref().map(|owner| owner.external_id.clone()).unwrap_or_default(),
            permissions: Held::of(snapshot, &known).permissions.len(),
            last_used: data.key.last_used_at.map_or_else(String::new, |at| time(at, "relative")),
        };
        show(StatusCode::OK, &page)
    })
}

/// Deletes a key. One that is deleted already is shown so.
pub(super) fn delete(request: Request) -> Handled {
    Box::pin(async move {
        let entry = keyed(&request)?;
        let id = request.segments[1].clone();
        match named(&request, entry).await {
            Ok(data) => key::delete(&request.call, data.key.id, false).await?,
            Err(Problem::NotFound(_)) => {}
            Err(problem) => return Err(problem),
        }
        Ok(redirect(&format!("/apis/{}/keys?deleted={}", entry.api.id, segment(&id))))
    })
}
