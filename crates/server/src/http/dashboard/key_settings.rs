//! What a key is called, whose it is, until when it works, and how often.

use askama::Template;
use http::StatusCode;
use jiff::{Timestamp as Instant, tz::TimeZone};
use keyward_core::{
    Problem,
    model::key::{Credits, Key},
    refill::Interval,
    snapshot::ApiEntry,
    time::Timestamp,
};
use serde_json::Value;

use super::{
    apis::Head,
    edited::{Edited, Fields, one_line, text},
    form,
    key_form::{check_name, check_owner},
    key_page::name,
    keys::{keyed, named, place},
    page::{Frame, redirect, show, thousands},
    problem,
    table::{EDIT, form_at, page_at},
};
use crate::{
    http::{
        answer::Answer,
        operation::{Handled, Operation, Request},
    },
    service::key::{self, CreditsChange, CreditsOperation, KeyChange, KeyData, SeenKey, WantedRefill},
};

const WHOLE_NUMBER: &str = "Type a whole number.";

/// The rows.
pub(super) fn rows() -> Vec<Operation> {
    vec![
        page_at(
            "console_key_settings",
            "/apis/{id}/keys/{key}/settings",
            ("Ask what to change of a key", EDIT),
            &[],
            edit,
        ),
        form_at("console_key_save", "/apis/{id}/keys/{key}/settings", ("key.update", EDIT), save),
        form_at("console_key_credits", "/apis/{id}/keys/{key}/credits", ("key.update", EDIT), change_credits),
    ]
}

#[derive(Template)]
#[template(path = "key_settings.html")]
struct Page {
    frame: Frame,
    api: Head,
    id: String,
    name: String,
    form: Edited,
    /// How often it may be used; empty if that is not counted.
    credits: String,
    is_counted: bool,
    change: Change,
}

/// What stands in the form of the credits.
#[derive(Default)]
struct Change {
    what: String,
    number: String,
    error: Option<String>,
}

/// The last day in UTC on which a key works that ends then.
fn last_day(end: Timestamp) -> String {
    let last = Instant::from_millisecond(end.0.saturating_sub(1)).unwrap_or(Instant::MAX);
    last.to_zoned(TimeZone::UTC).date().to_string()
}

fn fields(data: &KeyData) -> Fields {
    let refill = data.credits.as_ref().and_then(|credits| credits.refill);
    let (every, day) = match refill.map(|refill| refill.interval) {
        None => ("never", String::new()),
        Some(Interval::Daily) => ("day", String::new()),
        Some(Interval::Monthly { day }) => ("month", day.to_string()),
    };
    let owner = data.identity.as_ref().map(|owner| owner.external_id.as_str());
    Fields::new([
        one_line("name", "name", data.key.name.as_deref().unwrap_or_default()),
        one_line("owner", "owner", owner.unwrap_or_default()),
        text("last_day", "last day", &data.key.expires_at.map(last_day).unwrap_or_default()),
        text("refill", "refill", every),
        text("refill_to", "refill to", &refill.map(|refill| refill.amount.to_string()).unwrap_or_default()),
        text("refill_day", "refill day", &day),
    ])
}

/// Asks what to change.
fn edit(request: Request) -> Handled {
    Box::pin(async move {
        let entry = keyed(&request)?;
        let data = named(&request, entry).await?;
        let form = Edited::of(fields(&data));
        show_page(&request, (entry, &data), (StatusCode::OK, form, Change::default()))
    })
}

fn show_page(
    request: &Request,
    (entry, data): (&ApiEntry, &KeyData),
    (status, form, change): (StatusCode, Edited, Change),
) -> Result<Answer, Problem> {
    let page = Page {
        frame: Frame::new(&request.call, "apis", format!("Change {}", name(&data.key))),
        api: Head::new(entry, "keys"),
        id: data.key.id.clone(),
        name: name(&data.key),
        form,
        credits: data.credits.as_ref().map(|credits| thousands(credits.remaining)).unwrap_or_default(),
        is_counted: data.credits.is_some(),
        change,
    };
    show(status, &page)
}

/// Changes a key, unless somebody else did since the form was shown.
fn save(request: Request) -> Handled {
    Box::pin(async move {
        let entry = keyed(&request)?;
        let data = named(&request, entry).await?;
        let mut form = Edited::sent(&with_refill(&request.body), fields(&data));
        if form.is_unchanged() {
            return Ok(redirect(&place(entry, &data.key.id)));
        }
        if form.is_stale() {
            return show_page(&request, (entry, &data), (StatusCode::CONFLICT, form, Change::default()));
        }
        let wanted = wanted(&request, &data, &mut form);
        if form.is_refused() {
            return show_page(&request, (entry, &data), (StatusCode::UNPROCESSABLE_ENTITY, form, Change::default()));
        }
        match key::update(&request.call, data.key.id.clone(), wanted).await {
            Ok(()) => Ok(redirect(&place(entry, &data.key.id))),
            // Between the reading and the writing.
            Err(Problem::Stale { .. }) => {
                let now = named(&request, entry).await?;
                let form = Edited::overtaken(&with_refill(&request.body), fields(&now));
                show_page(&request, (entry, &now), (StatusCode::CONFLICT, form, Change::default()))
            }
            Err(problem) => {
                let (status, text) = problem::at_form(problem)?;
                form.refuse("", text);
                show_page(&request, (entry, &data), (status, form, Change::default()))
            }
        }
    })
}

/// What was sent. A key whose uses are not counted has no refill, and its form no fields for one.
fn with_refill(body: &Value) -> Value {
    let mut body = body.clone();
    if let Some(fields) = body.as_object_mut() {
        fields.entry("refill").or_insert_with(|| "never".into());
        let every = fields["refill"].as_str().unwrap_or_default().to_owned();
        // What does not go with the choice does not count.
        if every == "never" {
            fields.insert("refill_to".to_owned(), "".into());
        }
        if every != "month" {
            fields.insert("refill_day".to_owned(), "".into());
        }
    }
    body
}

/// What differs, as the use case wants it.
fn wanted(request: &Request, data: &KeyData, form: &mut Edited) -> KeyChange {
    let some = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
    let typed = form.typed.clone();
    let mut wanted = KeyChange { seen: Some(SeenKey::of(&data.key, data.credits.as_ref())), ..KeyChange::default() };
    if form.differs("name") {
        if let Err(text) = check_name(request, typed.get("name")) {
            form.refuse("name", text);
        }
        wanted.name = Some(some(typed.get("name")));
    }
    if form.differs("owner") {
        if let Err(text) = check_owner(request, typed.get("owner")) {
            form.refuse("owner", text);
        }
        wanted.external_id = Some(some(typed.get("owner")));
    }
    if form.differs("last_day") {
        match form::last_day(&request.body, "last_day", request.call.now) {
            Ok(end) => wanted.expires_at = Some(end),
            Err(text) => form.refuse("last_day", text),
        }
    }
    if ["refill", "refill_to", "refill_day"].into_iter().any(|name| form.differs(name)) {
        let refill = refill(data.credits.as_ref(), &typed, form);
        wanted.credits = Some(Some(CreditsChange { remaining: None, refill: Some(refill) }));
    }
    wanted
}

fn refill(credits: Option<&Credits>, typed: &Fields, form: &mut Edited) -> Option<WantedRefill> {
    if typed.get("refill") == "never" {
        return None;
    }
    if credits.is_none() {
        form.refuse("", "The uses of this key are not counted any more. Give it credits first.");
    }
    if !["day", "month"].contains(&typed.get("refill")) {
        form.refuse("refill", "Choose one of these.");
    }
    let amount = typed.get("refill_to").parse::<i64>().ok().filter(|amount| *amount > 0);
    if amount.is_none() {
        form.refuse("refill_to", "Type how many uses it has then, at least one.");
    }
    let monthly = typed.get("refill") == "month";
    let day = typed.get("refill_day").parse::<u8>().ok().filter(|day| (1..=31).contains(day));
    if monthly && day.is_none() {
        form.refuse("refill_day", "Type a day of the month, from 1 to 31.");
    }
    Some(WantedRefill { monthly, day: day.filter(|_| monthly), amount: amount.unwrap_or(1) })
}

/// Changes how often a key may still be used.
fn change_credits(request: Request) -> Handled {
    Box::pin(async move {
        let entry = keyed(&request)?;
        let data = named(&request, entry).await?;
        let text = |name| form::text(&request.body, name).to_owned();
        let mut change = Change { what: text("what"), number: text("number"), error: None };
        let (status, text) = match operation(&change) {
            Ok(operation) if is_change(&data.key, operation) => {
                match key::update_credits(&request.call, data.key.id.clone(), operation).await {
                    Ok(_) => return Ok(redirect(&place(entry, &data.key.id))),
                    Err(problem) => problem::at_form(problem)?,
                }
            }
            Ok(_) => return Ok(redirect(&place(entry, &data.key.id))),
            Err(text) => (StatusCode::UNPROCESSABLE_ENTITY, text.to_owned()),
        };
        change.error = Some(text);
        show_page(&request, (entry, &data), (status, Edited::of(fields(&data)), change))
    })
}

/// Whether anything is to become of it: what is not counted can't be counted any less.
fn is_change(key: &Key, operation: CreditsOperation) -> bool {
    key.counted || operation != CreditsOperation::Set(None)
}

fn operation(change: &Change) -> Result<CreditsOperation, &'static str> {
    let number = || change.number.parse::<i64>().ok().filter(|number| *number >= 0).ok_or(WHOLE_NUMBER);
    match change.what.as_str() {
        "set" => number().map(|number| CreditsOperation::Set(Some(number))),
        "add" => number().map(|number| CreditsOperation::Increment(Some(number))),
        "take" => number().map(|number| CreditsOperation::Decrement(Some(number))),
        "uncount" => Ok(CreditsOperation::Set(None)),
        _ => Err("Choose what is to become of them."),
    }
}
