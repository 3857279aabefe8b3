//! From a request of the keys' API to its handler: the body first, then who asks, then whether they may (contract:
//! order of processing).

use std::{sync::Arc, time::Duration};

use aws_lc_rs::digest::{SHA256, digest};
use http::{HeaderMap, header};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use keyward_core::{
    Problem,
    access::ManagementScopes,
    model::{
        WorkspaceNumber,
        log::Actor,
        root_key::{RootKey, RootKeyRefusal},
    },
    problem::Unfit,
};
use serde_json::{Map, Value};

use super::{problem, validation};
use crate::{
    app::{App, Call, Repeatable, View},
    http::{
        answer::{Answer, Rendered},
        body::Unread,
        dispatch::{Schemas, answer_in_time, no_actor, record_refusal},
        incoming::{Incoming, hide, kept, no_origin, origin},
        operation::{Access, Guard, Masking, Operation, Request},
    },
    service::root_key,
};

/// The longest idempotency key, in characters.
const IDEMPOTENCY_KEY: usize = 255;

/// The longest body of a usual request, in bytes.
const USUAL: usize = 64 * 1024;

/// The length of the body, in bytes, of a request that looks like nearly all of them: with a credential, with JSON, and
/// not large.
pub(in crate::http) fn usual_length(headers: &HeaderMap) -> Option<usize> {
    let usual = headers.contains_key(header::AUTHORIZATION)
        && headers.get(header::CONTENT_TYPE).is_some_and(|kind| kind.as_bytes() == b"application/json");
    let length: usize = headers.get(header::CONTENT_LENGTH).filter(|_| usual)?.to_str().ok()?.parse().ok()?;
    (length <= USUAL).then_some(length)
}

/// Reads and checks a request, and carries it out.
pub(in crate::http) async fn carry_out(
    app: &Arc<App>,
    row: &'static Operation,
    schemas: &Schemas,
    incoming: &Arc<Incoming>,
    body: &Unread,
) -> Result<Answer, Problem> {
    let Access::RootKey(guard) = row.access else { return public(app, row, incoming).await };
    let sent = incoming.headers.get(header::AUTHORIZATION).map(http::HeaderValue::as_bytes);
    if sent.is_none() {
        return Err(Problem::RootKey(RootKeyRefusal::Missing));
    }
    let limit = Duration::from_secs(app.limits.request_seconds);
    let reading = read(row, incoming, body, app.limits.key_body_bytes);
    let bytes = tokio::time::timeout(limit, reading).await.unwrap_or(Err(Problem::Slow))?;
    // The lease first: a state taken while it had run out may lack what was answered elsewhere meanwhile.
    let leased = app.lease.check();
    let value = match &schemas.body {
        Some(schema) => validation::parse(row, schema, &bytes)?,
        None => Value::Null,
    };
    leased?;
    let view = Arc::clone(&app.view());
    let now = app.clock.now();
    let caller = match root_key::authenticate(&view.snapshot, sent, now) {
        Ok(caller) => Arc::clone(caller),
        Err(problem) => return Err(root_key::explain(app, sent, problem).await),
    };
    let audited = row.audit.is_some();
    let mut call = Call {
        app: Arc::clone(app),
        workspace: caller.workspace,
        actor: actor(&caller),
        origin: if audited { Arc::new(origin(row, incoming)) } else { no_origin() },
        now,
        action: (row.audit.unwrap_or(row.summary), row.success.0),
        scopes: ManagementScopes::default(),
        root_key: Some(Arc::clone(&caller)),
        repeatable: None,
        session: None,
    };
    if audited {
        let mut body = kept(&value, bytes.len());
        hide(&mut body, &|text| app.key_texts.is_ours(text));
        Arc::make_mut(&mut call.origin).body = body;
        call.repeatable = repeatable(row, incoming, &caller, &bytes)?.map(Arc::new);
    }
    match attempt(&call, guard, row, view, incoming, value).await {
        Err(problem) if audited && !problem.is_ours() => {
            record_refusal(&call, &problem::render(&problem, row, incoming)).await;
            Err(problem)
        }
        other => other,
    }
}

async fn attempt(
    call: &Call,
    guard: Guard,
    row: &'static Operation,
    view: Arc<View>,
    incoming: &Arc<Incoming>,
    body: Value,
) -> Result<Answer, Problem> {
    match guard.masking {
        Masking::First => guard.needs.iter().try_for_each(|action| call.require(*action))?,
        Masking::FirstOn(member) => {
            let id = body.get(member).and_then(Value::as_str).unwrap_or_default();
            guard.needs.iter().try_for_each(|action| call.require_on(*action, id))?;
        }
        Masking::AfterLookup | Masking::Absent => {}
    }
    answer_in_time(row, request(call.clone(), view, incoming, body)).await
}

fn request(call: Call, view: Arc<View>, incoming: &Arc<Incoming>, body: Value) -> Request {
    Request {
        call,
        view,
        segments: Vec::new(),
        query: Map::new(),
        body,
        incoming: Arc::clone(incoming),
        rendered: Rendered::none(),
    }
}

async fn public(app: &Arc<App>, row: &Operation, incoming: &Arc<Incoming>) -> Result<Answer, Problem> {
    let call = Call {
        app: Arc::clone(app),
        workspace: WorkspaceNumber::FIRST,
        actor: no_actor(),
        origin: no_origin(),
        now: app.clock.now(),
        action: (row.summary, row.success.0),
        scopes: ManagementScopes::default(),
        root_key: None,
        repeatable: None,
        session: None,
    };
    let view = Arc::clone(&app.view());
    (row.handler)(request(call, view, incoming, Value::Null)).await
}

/// Who it is, for the audit log.
fn actor(caller: &RootKey) -> Arc<Actor> {
    Arc::new(Actor {
        client_id: Some(caller.id.clone()),
        subject: Some(format!("{}@rootkeys", caller.id)),
        token_id: Some(caller.id.clone()),
        scope: caller.grants.texts().join(" "),
        audience: WorkspaceNumber::ID.to_owned(),
    })
}

/// The body's bytes.
async fn read(row: &Operation, incoming: &Incoming, body: &Unread, limit: usize) -> Result<bytes::Bytes, Problem> {
    let kind = incoming.headers.get(header::CONTENT_TYPE).map(|kind| kind.to_str().unwrap_or("unreadable"));
    let essence = kind.unwrap_or_default().split(';').next().unwrap_or_default().trim();
    if !essence.eq_ignore_ascii_case("application/json") {
        return Err(unfit(format!(
            "POST operation request content type '{}' does not exist",
            kind.unwrap_or_default()
        )));
    }
    let announced = incoming.headers.get(header::CONTENT_LENGTH);
    let announced = announced.and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
    if announced.is_some_and(|length| length > limit) {
        return Err(Problem::TooLarge(limit));
    }
    let empty = || unfit(format!("POST request body is empty for '{}'", row.path));
    let body = body.take().ok_or_else(empty)?;
    let bytes = match Limited::new(body, limit).collect().await {
        Ok(collected) => collected.to_bytes(),
        Err(error) if error.is::<LengthLimitError>() => return Err(Problem::TooLarge(limit)),
        Err(_) => return Err(unfit("The request body was cut off".to_owned())),
    };
    if bytes.is_empty() {
        return Err(empty());
    }
    Ok(bytes)
}

fn unfit(summary: String) -> Problem {
    Problem::Unfit(Unfit { summary, error: None, fix: None })
}

/// Which request it is, if its caller may send it again.
fn repeatable(
    row: &'static Operation,
    incoming: &Incoming,
    caller: &RootKey,
    body: &[u8],
) -> Result<Option<Repeatable>, Problem> {
    let Some(key) = incoming.headers.get("idempotency-key") else { return Ok(None) };
    let key = key.to_str().ok().filter(|key| (1..=IDEMPOTENCY_KEY).contains(&key.len()));
    let key =
        key.ok_or_else(|| unfit(format!("The Idempotency-Key header must have 1 to {IDEMPOTENCY_KEY} characters")))?;
    let mut fingerprint = [0; 32];
    fingerprint.copy_from_slice(digest(&SHA256, body).as_ref());
    Ok(Some(Repeatable {
        workspace: caller.workspace,
        root_key: caller.number,
        key: key.to_owned(),
        operation: row.id,
        fingerprint,
    }))
}
