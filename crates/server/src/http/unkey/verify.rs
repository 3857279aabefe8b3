//! Verifying a key (contract: `keys.verifyKey` in full).

use bytes::Bytes;
use http::{StatusCode, header};
use keyward_core::{
    Problem,
    model::{identity::Identity, key::KnownKey},
    time::Timestamp,
    verify::{AskedLimit, Code},
};
use serde::Deserialize;
use serde_json::Value;

use super::{
    envelope::JSON,
    fields::{Fields, whole},
};
use crate::{
    app::App,
    http::{
        answer::Answer,
        incoming::Incoming,
        operation::{Handled, Request},
    },
    key_cache::Entry,
    key_text,
    service::{
        root_key,
        verification::{self, Judged, Question},
    },
};

/// A body in its usual form. Whatever has another one is left to the schema, which knows what is wrong with it.
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

/// The length of a usual answer, in bytes.
const USUAL: usize = 1536;
/// The lengths that the schema allows.
const KEY: usize = 512;
const QUERY: usize = 1000;
const TAGS: usize = 20;
const TAG: usize = 512;

impl Usual<'_> {
    /// Whether it is within bounds in bytes; within those it is within them in characters.
    fn is_within_bounds(&self) -> bool {
        (1..=KEY).contains(&self.key.len())
            && self.permissions.is_none_or(|text| (1..=QUERY).contains(&text.len()))
            && self.tags.len() <= TAGS
            && self.tags.iter().all(|tag| (1..=TAG).contains(&tag.len()))
            && !self.tags.iter().any(|tag| tag.contains('\0'))
    }
}

/// Verifies a key that is in memory, without waiting for anything.
pub fn at_once(app: &App, incoming: &Incoming, body: &[u8]) -> Option<Answer> {
    let usual: Usual<'_> = serde_json::from_slice(body).ok()?;
    if !usual.is_within_bounds() || usual.key.contains('\0') {
        return None;
    }
    let sent = incoming.headers.get(header::AUTHORIZATION).map(http::HeaderValue::as_bytes);
    let now = app.clock.now();
    let known = verification::remembered(app, &key_text::hash(usual.key), || app.view())?;
    let Entry { key, identity, .. } = &*known.entry;
    // What is counted in the store has to wait for it.
    if key.counted {
        return None;
    }
    let snapshot = &known.view.snapshot;
    let caller = root_key::authenticate(snapshot, sent, now).ok()?;
    let question = Question {
        permissions: usual.permissions,
        limits: Vec::new(),
        cost: None,
        tags: usual.tags,
        address: incoming.ip,
        now,
    };
    let judged = verification::judge(app, snapshot, &known.entry, &caller.grants, &question).ok()?;
    let known = (key, identity.as_deref());
    Some(match judged {
        Some(judged) => recorded(app, incoming, known, &judged, &question),
        None => absent(&incoming.request_id),
    })
}

/// Records what became of a verification, and says so.
fn recorded(
    app: &App,
    incoming: &Incoming,
    known: (&KnownKey, Option<&Identity>),
    judged: &Judged<'_>,
    question: &Question<'_>,
) -> Answer {
    let microseconds = u32::try_from(incoming.begun.elapsed().as_micros()).unwrap_or(u32::MAX);
    verification::record(app, known.0, judged, question, (incoming.number, microseconds));
    answer(render(&incoming.request_id, known, judged))
}

fn answer(text: Vec<u8>) -> Answer {
    Answer::bytes(StatusCode::OK, JSON, Bytes::from(text))
}

/// There is no such key, or not for this caller: the same for all reasons.
fn absent(request_id: &str) -> Answer {
    let text = format!(r#"{{"meta":{{"requestId":"{request_id}"}},"data":{{"valid":false,"code":"NOT_FOUND"}}}}"#);
    answer(text.into_bytes())
}

/// Verifies a key.
pub fn verify(request: Request) -> Handled {
    Box::pin(async move {
        let body = Fields::of(&request.body);
        let text = body.text("key").unwrap_or_default();
        let app = &request.call.app;
        let mut known = verification::find(app, text).await?;
        // A key whose text is not known yet is there for nobody else.
        if known.as_ref().is_none_or(|known| known.entry.key.deleted)
            && let Some(migration) = body.text("migrationId")
            && verification::take_over(&request.call, migration, text).await?
        {
            known = verification::find(app, text).await?;
        }
        let Some(known) = known else { return Ok(absent(&request.incoming.request_id)) };
        let caller = request.call.root_key.as_ref();
        let caller = caller.ok_or_else(|| Problem::internal("an operation of root keys has none"))?;
        let question = question(&request.body, &request.incoming, request.call.now);
        let (view, found) = (&known.view, (&known.entry.key, known.entry.identity.as_deref()));
        let judged = verification::judge(app, &view.snapshot, &known.entry, &caller.grants, &question)?;
        let Some(mut judged) = judged else { return Ok(absent(&request.incoming.request_id)) };
        verification::pay(app, found.0, &mut judged, &question).await?;
        Ok(recorded(app, &request.incoming, found, &judged, &question))
    })
}

fn question<'b>(body: &'b Value, incoming: &Incoming, now: Timestamp) -> Question<'b> {
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
        address: incoming.ip,
        now,
    }
}

/// Writes JSON piece by piece: this is what is asked for all the time.
struct Writer(Vec<u8>);

impl Writer {
    fn raw(&mut self, text: &str) {
        self.0.extend_from_slice(text.as_bytes());
    }

    /// A text in quotes.
    fn text(&mut self, text: &str) {
        // Most texts need no escapes, and then they are copied as they are.
        if needs_no_escape(text.as_bytes()) {
            self.0.push(b'"');
            self.raw(text);
            self.0.push(b'"');
        } else if serde_json::to_writer(&mut self.0, text).is_err() {
            unreachable!("writing to memory does not fail");
        }
    }

    fn number(&mut self, number: i64) {
        use std::io::Write;
        // Writing to memory does not fail.
        let _ = write!(self.0, "{number}");
    }

    fn list<'t>(&mut self, name: &str, texts: impl ExactSizeIterator<Item = &'t str>) {
        if texts.len() == 0 {
            return;
        }
        self.raw(name);
        for (at, text) in texts.enumerate() {
            self.0.push(if at == 0 { b'[' } else { b',' });
            self.text(text);
        }
        self.0.push(b']');
    }
}

/// Whether no byte is a quote, a backslash or a control character: eight at a time.
fn needs_no_escape(text: &[u8]) -> bool {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGH: u64 = 0x8080_8080_8080_8080;
    let has_zero = |word: u64| word.wrapping_sub(ONES) & !word & HIGH;
    let special = |word: u64| {
        let controls = word.wrapping_sub(ONES * 0x20) & !word & HIGH;
        controls | has_zero(word ^ (ONES * u64::from(b'"'))) | has_zero(word ^ (ONES * u64::from(b'\\')))
    };
    let (words, rest) = text.as_chunks::<8>();
    words.iter().all(|word| special(u64::from_le_bytes(*word)) == 0)
        && rest.iter().all(|byte| *byte >= 0x20 && *byte != b'"' && *byte != b'\\')
}

fn render(request_id: &str, (key, identity): (&KnownKey, Option<&Identity>), judged: &Judged<'_>) -> Vec<u8> {
    let mut out = Writer(Vec::with_capacity(USUAL));
    out.raw(r#"{"meta":{"requestId":""#);
    out.raw(request_id);
    out.raw(r#""},"data":{"valid":"#);
    out.raw(if judged.code == Code::Valid { "true" } else { "false" });
    out.raw(r#","code":""#);
    out.raw(judged.code.as_str());
    out.raw(r#"","keyId":"#);
    out.text(key.id());
    if let Some(name) = key.name() {
        out.raw(r#","name":"#);
        out.text(name);
    }
    if let Some(meta) = key.meta() {
        // Stored as JSON, and shown as it is.
        out.raw(r#","meta":"#);
        out.raw(meta);
    }
    if let Some(end) = key.expires_at.filter(|end| end.0 > 0) {
        out.raw(r#","expires":"#);
        out.number(end.0);
    }
    if let Some(left) = judged.credits {
        out.raw(r#","credits":"#);
        out.number(left);
    }
    out.raw(if key.enabled { r#","enabled":true"# } else { r#","enabled":false"# });
    let held = &judged.held;
    for (name, texts) in [(r#","permissions":["#, &held.permissions), (r#","roles":["#, &held.roles)] {
        if !texts.is_empty() {
            out.raw(name);
            out.raw(texts);
            out.0.push(b']');
        }
    }
    if let Some(identity) = identity {
        render_identity(&mut out, key, identity);
    }
    for (at, (check, reading)) in judged.limits.iter().enumerate() {
        out.raw(if at == 0 { r#","ratelimits":[{"id":"# } else { r#",{"id":"# });
        out.text(check.id);
        out.raw(r#","exceeded":"#);
        out.raw(if reading.allowed { "false" } else { "true" });
        out.raw(r#","name":"#);
        out.text(check.name);
        for (name, number) in [
            (r#","limit":"#, check.limit),
            (r#","duration":"#, check.duration),
            (r#","reset":"#, reading.reset),
            (r#","remaining":"#, reading.remaining),
        ] {
            out.raw(name);
            out.number(number);
        }
        out.raw(if check.auto_apply { r#","autoApply":true}"# } else { r#","autoApply":false}"# });
    }
    if !judged.limits.is_empty() {
        out.0.push(b']');
    }
    out.list(r#","missingPermissions":"#, judged.missing.iter().copied());
    out.raw("}}");
    out.0
}

/// The identity, with those of its limits that the key has none of the same name for.
fn render_identity(out: &mut Writer, key: &KnownKey, identity: &Identity) {
    out.raw(r#","identity":{"id":"#);
    out.text(&identity.id);
    out.raw(r#","externalId":"#);
    out.text(&identity.external_id);
    if let Some(meta) = &identity.meta {
        out.raw(r#","meta":"#);
        out.raw(meta);
    }
    let own = key.limits();
    let shown: Vec<_> =
        identity.limits.iter().filter(|limit| !own.iter().any(|first| first.name == limit.name)).collect();
    if !shown.is_empty() {
        out.raw(r#","ratelimits":"#);
        out.raw(&serde_json::to_string(&shown).unwrap_or_default());
    }
    out.0.push(b'}');
}

#[cfg(test)]
mod tests {
    use super::needs_no_escape;

    #[test]
    fn every_byte_that_needs_an_escape_is_found_wherever_it_stands() {
        for byte in 0..=127_u8 {
            for at in 0..20 {
                let mut text = vec![b'a'; 20];
                text[at] = byte;
                let text = String::from_utf8(text).expect("it is ASCII");
                let plain = serde_json::to_string(&text).expect("it is text").len() == 22;
                // Deleting is a control character that JSON takes as it is.
                assert_eq!(needs_no_escape(text.as_bytes()), plain, "{byte} at {at}");
            }
        }
        assert!(needs_no_escape("слово и слово".as_bytes()));
    }
}
