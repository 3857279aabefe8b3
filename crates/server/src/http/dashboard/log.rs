//! The audit log: look for entries, look at one, take them away as a file.

use askama::Template;
use http::{StatusCode, header};
use keyward_core::{
    Problem,
    model::log::{LogFilter, LogSearch, LogType, Mentions},
    problem::{Invalid, Part},
    time::Timestamp,
};
use serde_json::{Map, Value, json};

use super::{
    log_page::{Entry, Known, LIST_LINES, PAGE_LINES},
    page::{Frame, show, time},
    table::{VIEW, page_at},
};
use crate::{
    http::{
        answer::Answer,
        operation::{Handled, Operation, Parameter, ParameterKind, Request, Shape},
        table::OPERATIONS,
    },
    service::log,
};

/// How many entries a page has, and among how many it looks for them. A text may occur anywhere in an entry, so each of
/// those is read: 15 MiB, if an entry has 1.5 KiB. A search through a million at once would read a hundred times that.
const PAGE: (usize, i64) = (50, 10_000);
/// The same for each part of a file, the most entries of a file, and among how many they are looked for.
const PART: (usize, i64) = (1000, 10_000);
const FILE: (usize, i64) = (10_000, 100_000);
/// How many applications and root keys are proposed.
pub(super) const PROPOSED: usize = 200;

const fn word(name: &'static str, longest: u64, description: &'static str) -> Parameter {
    Parameter { name, kind: ParameterKind::Text(longest), description }
}

/// What is looked for.
const QUERY: &[Parameter] = &[
    word("object", 300, "An id or a name that occurs in an entry"),
    word("actor", 300, "Who did it: an address, a name or an id"),
    word("done", 300, "What was done"),
    Parameter {
        name: "kind",
        kind: ParameterKind::Choice(&["changes", "refusals", "tokens", "secrets"]),
        description: "Which entries",
    },
    word("from", 10, "Not before this day"),
    word("to", 10, "Not after this day"),
    Parameter { name: "before", kind: ParameterKind::Integer(1, i64::MAX), description: "From which entry on" },
];

/// The rows.
pub(super) fn rows() -> Vec<Operation> {
    let file = Shape::Text("application/x-ndjson");
    vec![
        page_at("console_log", "/log", ("Look for entries of the audit log", VIEW), QUERY, list),
        Operation {
            success: (200, file),
            ..page_at("console_log_export", "/log/export", ("Take entries of the audit log away", VIEW), QUERY, export)
        },
        page_at("console_log_entry", "/log/{id}", ("Show an entry of the audit log", VIEW), &[], entry),
    ]
}

/// A kind of entries to choose.
struct Kind {
    word: &'static str,
    name: &'static str,
}

const KINDS: [Kind; 4] = [
    Kind { word: "changes", name: "Changes" },
    Kind { word: "refusals", name: "Refusals" },
    Kind { word: "tokens", name: "Tokens" },
    Kind { word: "secrets", name: "Secrets shown" },
];

/// What is looked for, as it was typed.
#[derive(Debug, Clone, Default)]
struct Asked {
    object: String,
    actor: String,
    done: String,
    kind: String,
    from: String,
    to: String,
    before: Option<i64>,
}

impl Asked {
    fn of(query: &Map<String, Value>) -> Self {
        // PostgreSQL has no text with a null.
        let text = |name: &str| query.get(name).and_then(Value::as_str).unwrap_or_default().trim().replace('\0', "");
        Self {
            object: text("object"),
            actor: text("actor"),
            done: text("done"),
            kind: text("kind"),
            from: text("from"),
            to: text("to"),
            before: query.get("before").and_then(Value::as_i64),
        }
    }

    /// Whether anything particular is looked for.
    fn is_anything(&self) -> bool {
        let texts = [&self.object, &self.actor, &self.done, &self.kind, &self.from, &self.to];
        texts.iter().any(|text| !text.is_empty())
    }

    /// The address of the same, from this entry on.
    fn link(&self, path: &str, before: Option<i64>) -> String {
        let mut pairs = form_urlencoded::Serializer::new(String::new());
        let texts = [
            ("object", &self.object),
            ("actor", &self.actor),
            ("done", &self.done),
            ("kind", &self.kind),
            ("from", &self.from),
            ("to", &self.to),
        ];
        pairs.extend_pairs(texts.into_iter().filter(|(_, text)| !text.is_empty()));
        if let Some(before) = before {
            pairs.append_pair("before", &before.to_string());
        }
        let pairs = pairs.finish();
        if pairs.is_empty() { path.to_owned() } else { format!("{path}?{pairs}") }
    }

    fn kinds(&self) -> (Option<LogType>, Option<LogType>) {
        match self.kind.as_str() {
            "changes" => (Some(LogType::ManagementChange), None),
            "refusals" => (Some(LogType::ManagementRefused), Some(LogType::TokenRefused)),
            "tokens" => (Some(LogType::TokenIssued), Some(LogType::TokenRefused)),
            "secrets" => (Some(LogType::ManagementSecretsRead), None),
            _ => (None, None),
        }
    }

    fn search(&self, known: &Known<'_>) -> Result<LogSearch, String> {
        let text = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        let code = |kind: Option<LogType>| kind.map(|kind| kind.code().to_owned());
        let (kind, or_kind) = self.kinds();
        let filter = LogFilter {
            kind: code(kind),
            or_kind: code(or_kind),
            actor: text(&self.actor).map(|text| known.actor(&text)),
            description: text(&self.done),
            since: day(&self.from, 0)?,
            // The last millisecond of the day.
            until: day(&self.to, 1)?.map(|next| Timestamp(next.0 - 1)),
            ..LogFilter::default()
        };
        let mentions = text(&self.object).map(|text| known.texts_of(text)).unwrap_or_default();
        Ok(LogSearch { filter, mentions: Mentions::any_of(mentions) })
    }
}

/// The beginning of a day, or of one of the days after it, in UTC.
fn day(text: &str, later: i64) -> Result<Option<Timestamp>, String> {
    if text.is_empty() {
        return Ok(None);
    }
    let refused = |_| format!("“{text}” is no day. Write it as 2026-01-31.");
    let day: jiff::civil::Date = text.parse().map_err(refused)?;
    let begin = day.to_zoned(jiff::tz::TimeZone::UTC).map_err(refused)?.timestamp().as_millisecond();
    Ok(Some(Timestamp(begin + later * 24 * 60 * 60 * 1000)))
}

#[derive(Template)]
#[template(path = "log.html")]
struct List {
    frame: Frame,
    asked: Asked,
    actors: Vec<(String, String)>,
    done: Vec<&'static str>,
    entries: Vec<Entry>,
    error: Option<String>,
    export: String,
    newest: Option<String>,
    older: Option<String>,
    /// How far back it was looked, if that is not all there is.
    reached: Option<String>,
    reach: i64,
}

impl List {
    fn kinds(&self) -> &'static [Kind] {
        &KINDS
    }
}

#[derive(Template)]
#[template(path = "log_entry.html")]
struct One {
    frame: Frame,
    entry: Entry,
    request: String,
    answer: String,
}

/// What may have been done, as entries call it.
fn descriptions() -> Vec<&'static str> {
    let mut all: Vec<&str> = OPERATIONS.iter().filter_map(|row| row.audit).collect();
    all.sort_unstable();
    all.dedup();
    all
}

/// Lists entries, newest first.
pub(super) fn list(request: Request) -> Handled {
    Box::pin(async move {
        let known = Known::new(&request).await?;
        let asked = Asked::of(&request.query);
        let mut done = descriptions();
        done.retain(|text| *text != asked.done);
        let mut page = List {
            frame: Frame::new(&request.call, "log", "Audit log"),
            actors: known.actors(),
            done,
            entries: Vec::new(),
            error: None,
            export: asked.link("/log/export", asked.before),
            newest: asked.before.map(|_| asked.link("/log", None)),
            older: None,
            reached: None,
            reach: PAGE.1,
            asked,
        };
        let search = match page.asked.search(&known) {
            Ok(search) => search,
            Err(text) => {
                page.error = Some(text);
                return show(StatusCode::UNPROCESSABLE_ENTITY, &page);
            }
        };
        let found = log::search(&request.call, search, page.asked.before, PAGE).await?;
        page.older = found.next.map(|before| page.asked.link("/log", Some(before)));
        let is_full = found.entries.len() == PAGE.0;
        page.entries = found.entries.iter().map(|entry| Entry::new(entry, &known, LIST_LINES)).collect();
        if let Some(next) = found.next.filter(|_| !is_full) {
            page.reached = Some(reached(&request, next).await?);
        }
        show(StatusCode::OK, &page)
    })
}

/// When the entry was written up to which it was looked.
async fn reached(request: &Request, number: i64) -> Result<String, Problem> {
    let any = log::search(&request.call, LogSearch::default(), Some(number + 1), (1, PAGE.1)).await?;
    Ok(any.entries.first().map(|entry| time(entry.at, "datetime")).unwrap_or_default())
}

/// Shows one entry.
pub(super) fn entry(request: Request) -> Handled {
    Box::pin(async move {
        let found = log::get(&request.call, request.segments[0].replace('\0', "")).await?;
        let known = Known::new(&request).await?;
        let text = |value: &Value| {
            let is_empty = value.is_null() || value.as_object().is_some_and(Map::is_empty);
            if is_empty { String::new() } else { serde_json::to_string_pretty(value).unwrap_or_default() }
        };
        let page = One {
            frame: Frame::new(&request.call, "log", found.description.clone()),
            request: text(&found.detail.origin.body),
            answer: text(&found.detail.answer),
            entry: Entry::new(&found, &known, PAGE_LINES),
        };
        show(StatusCode::OK, &page)
    })
}

/// A file of entries, newest first, one a line. A file has an end: where there is more, its last line says where.
pub(super) fn export(request: Request) -> Handled {
    Box::pin(async move {
        let known = Known::new(&request).await?;
        let asked = Asked::of(&request.query);
        let search = asked.search(&known).map_err(|text| Problem::Invalid(Invalid::whole(Part::Query, text)))?;
        let (mut lines, mut count, mut before) = (Vec::new(), 0, asked.before);
        for _ in 0..FILE.1 / PART.1 {
            let part = log::search(&request.call, search.clone(), before, PART).await?;
            for entry in &part.entries {
                serde_json::to_writer(&mut lines, &log::describe(entry)).map_err(Problem::internal)?;
                lines.push(b'\n');
            }
            count += part.entries.len();
            before = part.next;
            if before.is_none() || count >= FILE.0 {
                break;
            }
        }
        if let Some(next) = before {
            let more = json!({ "more": asked.link("/log/export", Some(next)) });
            lines.extend_from_slice(more.to_string().as_bytes());
            lines.push(b'\n');
        }
        let date = &log::date(request.call.now)[..10];
        let name = format!("attachment; filename=\"keyward-log-{date}.jsonl\"");
        Ok(Answer::bytes(StatusCode::OK, "application/x-ndjson", lines.into()).with(header::CONTENT_DISPOSITION, &name))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_whole_and_in_utc() {
        assert_eq!(day("", 0), Ok(None));
        assert_eq!(day("2026-01-01", 0), Ok(Some(Timestamp(1_767_225_600_000))));
        assert_eq!(day("2026-01-01", 1), Ok(Some(Timestamp(1_767_312_000_000))));
        for text in ["yesterday", "2026-13-01", "2026-02-30", "1"] {
            assert!(day(text, 0).is_err(), "{text}");
        }
    }

    #[test]
    fn an_address_says_what_is_looked_for() {
        let asked = Asked { object: "a&b".to_owned(), kind: "tokens".to_owned(), ..Asked::default() };
        assert_eq!(asked.link("/log", Some(7)), "/log?object=a%26b&kind=tokens&before=7");
        assert_eq!(Asked::default().link("/log", None), "/log");
    }
}
