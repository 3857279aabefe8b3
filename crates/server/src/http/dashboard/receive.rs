//! From a request of the console to its handler: who is signed in, may they, and does the form come from a page of ours.

use std::{sync::Arc, time::Duration};

use aws_lc_rs::constant_time::verify_slices_are_equal;
use http::{HeaderMap, Method, header};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use keyward_core::{
    Problem,
    access::ManagementScopes,
    model::WorkspaceNumber,
    problem::{ConsoleRefusal, Invalid, Part},
};
use serde_json::{Map, Value, json};

use super::{form, problem};
use crate::{
    app::{App, Call},
    http::{
        answer::Answer,
        body::Unread,
        dispatch::{Schemas, answer_in_time, no_actor, record_refusal},
        incoming::{Incoming, hide, kept, origin},
        operation::{Access, Operation, Request},
        query,
        validation::refuse_null_characters,
    },
    service::{
        misplaced,
        session::{self, SignedIn},
    },
};

/// The cookie of a session. Its prefix makes browsers keep it to this host, and to HTTPS (RFC 6265bis §4.1.3.2).
pub(super) const COOKIE: &str = "__Host-keyward";

/// Reads and checks a request, and carries it out.
pub(in crate::http) async fn carry_out(
    app: &Arc<App>,
    (row, schemas): (&'static Operation, &Schemas),
    incoming: &Arc<Incoming>,
    segments: Result<Vec<String>, Problem>,
    body: &Unread,
) -> Result<Answer, Problem> {
    let mut origin = origin(row, incoming);
    // What stands in it may be a link that lets somebody in.
    if matches!(row.access, Access::Visitor(_)) {
        row.path.clone_into(&mut origin.path);
        origin.query = Value::Object(Map::new());
    }
    let mut call = Call {
        app: Arc::clone(app),
        workspace: WorkspaceNumber::FIRST,
        actor: no_actor(),
        origin: Arc::new(origin),
        now: app.clock.now(),
        action: (row.audit.unwrap_or(row.summary), row.success.0),
        scopes: ManagementScopes::default(),
        root_key: None,
        repeatable: None,
        session: None,
    };
    let signed_in = match cookie(&incoming.headers) {
        Some(cookie) => session::find(&call, &cookie).await?.map(Arc::new),
        None => None,
    };
    if let Some(signed_in) = &signed_in {
        call.actor = Arc::new(session::actor(&signed_in.administrator));
    }
    call.session = signed_in;
    match attempt(&mut call, (row, schemas), incoming, segments, body).await {
        Err(problem) if row.audit.is_some() && !problem.is_ours() => {
            record_refusal(&call, &crate::http::problem::render(&problem)).await;
            Err(problem)
        }
        // The form is shown again with what is wrong about it. The entry has what was typed.
        Ok(answer) if row.audit.is_some() && answer.status.is_client_error() => {
            let (code, reason) = (answer.status.as_u16(), answer.status.canonical_reason());
            let message = "The form was shown again, with what is wrong.";
            let refusal = json!({ "statusCode": code, "error": reason, "message": message });
            record_refusal(&call, &Answer::json(answer.status, &refusal)).await;
            Ok(answer)
        }
        other => other,
    }
}

async fn attempt(
    call: &mut Call,
    (row, schemas): (&'static Operation, &Schemas),
    incoming: &Arc<Incoming>,
    segments: Result<Vec<String>, Problem>,
    body: &Unread,
) -> Result<Answer, Problem> {
    admit(row, call.session.as_deref())?;
    let mut fields = Map::new();
    if row.method == Method::POST {
        if is_from_elsewhere(&incoming.headers) {
            return Err(Problem::Console(ConsoleRefusal::Forged));
        }
        let limit = Duration::from_secs(call.app.limits.request_seconds);
        let read = tokio::time::timeout(limit, read(body, call.app.limits.body_bytes)).await;
        let read = read.unwrap_or(Err(Problem::Slow))?;
        fields = form::parse(&read).ok_or_else(|| Problem::Invalid(Invalid::whole(Part::Body, "This is no form")))?;
        let token = fields.remove(form::TOKEN);
        if let (Access::Administrator(_), Some(signed_in)) = (row.access, &call.session) {
            let sent = token.as_ref().and_then(Value::as_str).unwrap_or_default();
            if verify_slices_are_equal(sent.as_bytes(), signed_in.token.as_bytes()).is_err() {
                return Err(Problem::Console(ConsoleRefusal::Forged));
            }
        }
        let mut body = kept(&Value::Object(fields.clone()), read.len());
        hide(&mut body, &|text| misplaced::is_credential(&call.app, call.workspace, text));
        Arc::make_mut(&mut call.origin).body = body;
    }
    let mut query = query::parse(row.query, incoming.uri.query().unwrap_or_default()).map_err(Problem::Invalid)?;
    query::retain_known(&schemas.query, &mut query);
    let segments = segments?;
    for sent in query.values().cloned().chain(segments.iter().map(|segment| segment.as_str().into())) {
        refuse_null_characters(Part::Query, &sent).map_err(Problem::Invalid)?;
    }
    // The lease first: a state taken while it had run out may lack what was answered elsewhere meanwhile.
    call.app.lease.check()?;
    let request = Request {
        view: Arc::clone(&call.app.view()),
        call: call.clone(),
        segments,
        query,
        body: Value::Object(fields),
        incoming: Arc::clone(incoming),
        rendered: crate::http::answer::Rendered::none(),
    };
    answer_in_time(row, request).await
}

fn admit(row: &Operation, signed_in: Option<&SignedIn>) -> Result<(), Problem> {
    let Access::Administrator(needed) = row.access else { return Ok(()) };
    let Some(signed_in) = signed_in else { return Err(Problem::Console(ConsoleRefusal::SignedOut)) };
    if signed_in.administrator.role < needed {
        return Err(Problem::Console(ConsoleRefusal::Role(needed)));
    }
    Ok(())
}

/// The session that the browser says it has.
fn cookie(headers: &HeaderMap) -> Option<String> {
    let sent = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut pairs = sent.flat_map(|value| value.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(name, _)| *name == COOKIE).map(|(_, value)| value.to_owned())
}

/// Whether a browser says that a page of another site sent this. Those that say nothing send no cookie to begin with, or
/// are none; and every form of a session has its token besides.
fn is_from_elsewhere(headers: &HeaderMap) -> bool {
    let text = |name: header::HeaderName| headers.get(name).map(|value| value.to_str().unwrap_or("?"));
    if let Some(site) = headers.get("sec-fetch-site") {
        return site != "same-origin" && site != "none";
    }
    let Some(origin) = text(header::ORIGIN) else { return false };
    let host = origin.split_once("://").map(|(_, host)| host);
    host.is_none() || host != text(header::HOST)
}

async fn read(body: &Unread, limit: usize) -> Result<Vec<u8>, Problem> {
    let Some(body) = body.take() else { return Ok(Vec::new()) };
    match Limited::new(body, limit).collect().await {
        Ok(whole) => Ok(whole.to_bytes().to_vec()),
        Err(error) if error.is::<LengthLimitError>() => Err(Problem::TooLarge(limit)),
        Err(_) => Err(Problem::Invalid(Invalid::whole(Part::Body, "The form was cut off"))),
    }
}

/// What a problem looks like: a page, or the way to where one signs in.
pub(in crate::http) fn refuse(refusal: &Problem, incoming: &Incoming) -> Answer {
    problem::render(refusal, &incoming.uri)
}
