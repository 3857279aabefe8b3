//! Verifying a key (contract: `keys.verifyKey` in full).

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use http::{HeaderMap, StatusCode, header};
use keyward_core::{
    Problem,
    model::{
        key::KnownKey,
        root_key::{Hash, RootKey},
    },
    snapshot::Snapshot,
    time::Timestamp,
    verify::{AskedLimit, Code},
};
use serde::Deserialize;
use serde_json::Value;
use smallvec::SmallVec;

use super::{
    envelope::JSON,
    fields::{Fields, whole},
};
use crate::{
    app::App,
    http::{
        answer::Answer,
        attempt::Attempt,
        incoming::{Arrival, key_request_id},
        operation::{Handled, Request},
    },
    ids,
    key_cache::Entry,
    service::verification::{self, Judged, Question, Remembered},
};

/// A body in its usual form: texts without escapes, and so without NUL. Whatever has another one is left to the schema,
/// which knows what is wrong with it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Usual<'b> {
    #[serde(borrow)]
    key: &'b str,
    #[serde(borrow, default, deserialize_with = "text")]
    permissions: Option<&'b str>,
    #[serde(borrow, default)]
    tags: Vec<&'b str>,
}

/// Text, and not null, which the schema refuses.
fn text<'b, D: serde::Deserializer<'b>>(deserializer: D) -> Result<Option<&'b str>, D::Error> {
    <&str>::deserialize(deserializer).map(Some)
}

/// The lengths that the schema allows.
const KEY: usize = 512;
const QUERY: usize = 1000;
const TAGS: usize = 20;
const TAG: usize = 512;

impl<'b> Usual<'b> {
    /// The body, if it is in this form.
    fn of(body: &'b [u8]) -> Option<Self> {
        serde_json::from_slice(body).ok().filter(Self::is_within_bounds)
    }

    /// Whether it is within bounds in bytes; within those it is within them in characters.
    fn is_within_bounds(&self) -> bool {
        (1..=KEY).contains(&self.key.len())
            && self.permissions.is_none_or(|text| (1..=QUERY).contains(&text.len()))
            && self.tags.len() <= TAGS
            && self.tags.iter().all(|tag| (1..=TAG).contains(&tag.len()))
    }
}

/// Verifies a key without waiting for anything but, if it is not in memory, the store.
pub fn at_once(app: &Arc<App>, arrival: &Arrival, headers: &HeaderMap, body: &Bytes) -> Attempt {
    let Some(usual) = Usual::of(body) else { return Attempt::Declined };
    let sent = headers.get(header::AUTHORIZATION).map(http::HeaderValue::as_bytes);
    let now = app.clock.now();
    let text = usual.key;
    let judge = |snapshot: &Snapshot, caller: &RootKey, entry: Option<&Entry>| {
        judge_usual(app, (arrival, now), usual, (snapshot, caller), entry)
    };
    match verification::remembered(app, text, sent, now, judge) {
        Remembered::Judged((answer, took)) => Attempt::Answered(answer, took),
        Remembered::Wanting(hash, caller) => {
            Attempt::Later(Box::pin(read_and_judge(Arc::clone(app), *arrival, (hash, caller), body.clone(), now)))
        }
        Remembered::Declined => Attempt::Declined,
    }
}

/// Verifies a key that is in the store.
async fn read_and_judge(
    app: Arc<App>,
    arrival: Arrival,
    (hash, caller): (Hash, Arc<RootKey>),
    body: Bytes,
    now: Timestamp,
) -> Result<Option<(Answer, Duration)>, Problem> {
    let Some(usual) = Usual::of(&body) else { return Ok(None) };
    let known = verification::read(&app, hash, now).await?;
    let Some(known) = known else { return Ok(Some((absent(arrival.number), arrival.begun.elapsed()))) };
    Ok(judge_usual(&app, (&arrival, now), usual, (&known.view.snapshot, &caller), Some(&known.entry)))
}

fn judge_usual(
    app: &App,
    (arrival, now): (&Arrival, Timestamp),
    usual: Usual<'_>,
    (snapshot, caller): (&Snapshot, &RootKey),
    entry: Option<&Entry>,
) -> Option<(Answer, Duration)> {
    let absent = || Some((absent(arrival.number), arrival.begun.elapsed()));
    let Some(entry) = entry else { return absent() };
    let key = entry.key();
    // What is counted in the store has to wait for it.
    if key.counted {
        return None;
    }
    let question = Question {
        permissions: usual.permissions,
        limits: Vec::new(),
        cost: None,
        tags: usual.tags,
        address: arrival.ip,
        now,
    };
    match verification::judge(app, snapshot, entry, &caller.grants, &question).ok()? {
        Some(judged) => Some(recorded(app, arrival, key, &judged, &question)),
        None => absent(),
    }
}

/// Records what became of a verification, and says so, and how long it took.
fn recorded(
    app: &App,
    arrival: &Arrival,
    key: &KnownKey,
    judged: &Judged<'_>,
    question: &Question<'_>,
) -> (Answer, Duration) {
    let answer = answer(render(arrival.number, judged));
    let took = arrival.begun.elapsed();
    let microseconds = u32::try_from(took.as_micros()).unwrap_or(u32::MAX);
    verification::record(app, key, judged, question, (arrival.number, microseconds));
    (answer, took)
}

fn answer(text: Vec<u8>) -> Answer {
    Answer::bytes(StatusCode::OK, JSON, Bytes::from(text))
}

/// There is no such key, or not for this caller: the same for all reasons.
fn absent(request: u64) -> Answer {
    let request_id = key_request_id(request);
    answer(
        format!(r#"{{"meta":{{"requestId":"{request_id}"}},"data":{{"valid":false,"code":"NOT_FOUND"}}}}"#)
            .into_bytes(),
    )
}

/// Verifies a key.
pub fn verify(request: Request) -> Handled {
    Box::pin(async move {
        let body = Fields::of(&request.body);
        let text = body.text("key").unwrap_or_default();
        let app = &request.call.app;
        let mut known = verification::find(app, text, request.call.now).await?;
        // A key whose text is not known yet is there for nobody else.
        if known.as_ref().is_none_or(|known| known.entry.key().deleted)
            && let Some(migration) = body.text("migrationId")
            && verification::take_over(&request.call, migration, text).await?
        {
            known = verification::find(app, text, request.call.now).await?;
        }
        let Some(known) = known else { return Ok(absent(request.incoming.arrival.number)) };
        let caller = request.call.root_key.as_ref();
        let caller = caller.ok_or_else(|| Problem::internal("an operation of root keys has none"))?;
        let question = question(&request.body, &request.incoming.arrival, request.call.now);
        let (view, key) = (&known.view, known.entry.key());
        let judged = verification::judge(app, &view.snapshot, &known.entry, &caller.grants, &question)?;
        let Some(mut judged) = judged else { return Ok(absent(request.incoming.arrival.number)) };
        verification::pay(app, key, &mut judged, &question).await?;
        Ok(recorded(app, &request.incoming.arrival, key, &judged, &question).0)
    })
}

fn question<'b>(body: &'b Value, arrival: &Arrival, now: Timestamp) -> Question<'b> {
    let list = |name: &str| body.get(name).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let number = |item: &Value, name: &str| item.get(name).and_then(whole);
    let limits = list("ratelimits").iter().map(|item| AskedLimit {
        name: item.get("name").and_then(Value::as_str).unwrap_or_default(),
        cost: number(item, "cost"),
        limit: number(item, "limit"),
        duration: number(item, "duration"),
    });
    Question {
        permissions: body.get("permissions").and_then(Value::as_str),
        limits: limits.collect(),
        cost: body.get("credits").and_then(|credits| number(credits, "cost")),
        tags: list("tags").iter().filter_map(Value::as_str).collect(),
        address: arrival.ip,
        now,
    }
}

/// An answer in pieces, most of which are there already: its length is known then, and it is copied once.
#[derive(Default)]
struct Pieces<'p>(SmallVec<[&'p [u8]; 24]>);

impl<'p> Pieces<'p> {
    fn texts<const N: usize>(&mut self, texts: [&'p str; N]) {
        self.0.extend(texts.map(str::as_bytes));
    }

    fn bytes(&mut self, bytes: &'p [u8]) {
        self.0.push(bytes);
    }
}

fn render(request: u64, judged: &Judged<'_>) -> Vec<u8> {
    let shown = judged.shown;
    let letters = ids::count_letters(request);
    let limits = judged.limits();
    let mut counts: SmallVec<[[itoa::Buffer; 2]; 2]> = limits.iter().map(|_| Default::default()).collect();
    let mut credits = itoa::Buffer::new();
    let missing;
    let mut out = Pieces::default();
    out.texts([r#"{"meta":{"requestId":"req_"#]);
    out.bytes(&letters);
    let valid = if judged.code == Code::Valid { "true" } else { "false" };
    out.texts([r#""},"data":{"valid":"#, valid, r#","code":""#, judged.code.as_str(), r#"""#]);
    out.bytes(shown.before_credits());
    if let Some(left) = judged.credits {
        out.texts([r#","credits":"#, credits.format(left)]);
    }
    shown.after_credits().into_iter().for_each(|piece| out.bytes(piece));
    for (at, ((text, reading), [reset, remaining])) in limits.iter().zip(&mut counts).enumerate() {
        out.texts([if at == 0 { r#","ratelimits":["# } else { "," }]);
        out.bytes(text);
        out.texts([
            if reading.allowed { r#","exceeded":false,"reset":"# } else { r#","exceeded":true,"reset":"# },
            reset.format(reading.reset),
            r#","remaining":"#,
            remaining.format(reading.remaining),
            "}",
        ]);
    }
    if !limits.is_empty() {
        out.texts(["]"]);
    }
    if !judged.missing.is_empty() {
        // A term of a query has nothing that JSON escapes.
        missing = judged.missing.join(r#"",""#);
        out.texts([r#","missingPermissions":[""#, &missing, r#""]"#]);
    }
    out.texts(["}}"]);
    out.0.concat()
}
