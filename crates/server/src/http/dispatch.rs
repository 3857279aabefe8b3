//! From a request to the operation's handler and back: who asks, may they, is the request well formed; then log,
//! measure, audit.

use std::{
    net::SocketAddr,
    panic::AssertUnwindSafe,
    pin::{Pin, pin},
    sync::{Arc, LazyLock},
    time::Duration,
};

use bytes::Bytes;
use futures_util::FutureExt;
use http::{Method, Request as HttpRequest, Response, StatusCode, header, request::Parts};
use http_body_util::{BodyExt, Full, StreamBody, combinators::UnsyncBoxBody};
use keyward_core::{
    Problem,
    model::{
        WorkspaceNumber,
        log::{Actor, LogType},
    },
    problem::{Invalid, Missing, Part, TokenRefusal},
};
use matchit::Router;
use percent_encoding::percent_decode_str;
use serde_json::{Map, Value};

use super::{
    answer::{Answer, Rendered},
    attempt::{AtOnce, carry_out_at_once, issue_at_once, panicked, too_slow},
    body::{BodyError, Unread, read_json, read_whole},
    cors, dashboard,
    incoming::{Arrival, Incoming, is_of_keys, kept, no_origin, origin},
    oauth,
    operation::{Access, Operation, Request, Surface},
    problem, query, request_log,
    table::OPERATIONS,
    unkey,
    validation::Schema,
};
use crate::{
    app::{App, Call, View},
    service::{log, token},
};

/// The schemas of a row, compiled once.
pub(super) struct Schemas {
    pub(super) query: Schema,
    pub(super) body: Option<Schema>,
}

static SCHEMAS: LazyLock<Vec<Schemas>> = LazyLock::new(|| {
    let of = |row: &Operation| Schemas {
        query: Schema::new(query::schema(row.query)),
        body: row.body.map(|schema| Schema::new(schema())),
    };
    OPERATIONS.iter().map(of).collect()
});

/// The table as a service: routes, and what is kept between requests.
pub struct Dispatch {
    app: Arc<App>,
    /// By path: each method's place in the table.
    routes: Router<Vec<(Method, usize)>>,
    rendered: Arc<Rendered>,
}

impl std::fmt::Debug for Dispatch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Dispatch({:?})", self.app)
    }
}

impl Dispatch {
    /// The routes that the table makes.
    ///
    /// # Panics
    /// When two rows of the table contradict each other, which the first test finds.
    pub fn new(app: Arc<App>) -> Self {
        let mut routes: Router<Vec<(Method, usize)>> = Router::new();
        for (place, row) in OPERATIONS.iter().enumerate() {
            let route = (row.method.clone(), place);
            match routes.at_mut(row.path) {
                Ok(found) => found.value.push(route),
                Err(_) => routes
                    .insert(row.path, vec![route])
                    .unwrap_or_else(|error| unreachable!("the path {} can't be routed: {error}", row.path)),
            }
        }
        Self { app, routes, rendered: Arc::new(Rendered::new()) }
    }

    /// Answers a request from this other end of a connection.
    pub async fn answer<B>(self: Arc<Self>, peer: SocketAddr, request: HttpRequest<B>) -> Response<Full<Bytes>>
    where
        B: hyper::body::Body<Data = Bytes> + Send + Unpin + 'static,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let (parts, mut body) = request.into_parts();
        let arrival = Arrival::new(&self.app, peer, &parts.headers, is_of_keys(&parts.uri));
        // The path is routed as it was sent: an encoded slash is part of its segment.
        let method = if parts.method == Method::HEAD { &Method::GET } else { &parts.method };
        let route = self.routes.at(parts.uri.path()).ok();
        let place = route.as_ref().and_then(|route| route.value.iter().find(|(known, _)| known == method));
        let (Some(route), Some((_, place))) = (&route, place) else {
            unread(body).drain().await;
            let row = route.as_ref().and_then(|route| route.value.first()).map(|(_, place)| &OPERATIONS[*place]);
            let incoming = Incoming::new(&self.app, peer, arrival, parts.headers, parts.uri);
            return other_method(&self.app, row, &parts.method, &incoming);
        };
        let place = *place;
        let row = &OPERATIONS[place];
        if let Some(at_once) = row.at_once
            && let Some(length) = at_once.usual_length(&parts.headers)
        {
            let incoming = |parts: Parts| Incoming::new(&self.app, peer, arrival, parts.headers, parts.uri);
            let Some(read) = self.read_in_time(&mut body, length).await else {
                return self.finish(place, &incoming(parts), Err(Problem::Slow));
            };
            let incoming = match (&read, at_once) {
                (Ok(bytes), AtOnce::Key(at_once)) => {
                    match carry_out_at_once(&self.app, at_once, &arrival, &parts.headers, bytes).await {
                        Some(Ok((answer, took))) => {
                            self.app.metrics.of(place).observe(answer.status.as_u16(), took.as_secs_f64());
                            return answer.into_key_response();
                        }
                        Some(Err(problem)) => return self.finish(place, &incoming(parts), Err(problem)),
                        None => incoming(parts),
                    }
                }
                (Ok(bytes), AtOnce::Token(at_once)) => {
                    let incoming = incoming(parts);
                    if let Some(result) = issue_at_once(&self.app, at_once, &incoming, bytes).await {
                        return self.finish(place, &incoming, result);
                    }
                    incoming
                }
                (Err(_), _) => incoming(parts),
            };
            // Whatever can't be answered at once goes the usual way.
            let body = match read {
                Ok(bytes) => Full::new(bytes).map_err(|never| match never {}).boxed_unsync(),
                Err(error) => UnsyncBoxBody::new(StreamBody::new(futures_util::stream::iter([Err(error)]))),
            };
            return self.run(place, Arc::new(incoming), Ok(Vec::new()), &Unread::new(Some(body))).await;
        }
        let segments: Result<Vec<String>, _> = route
            .params
            .iter()
            .map(|(_, segment)| percent_decode_str(segment).decode_utf8().map(std::borrow::Cow::into_owned))
            .collect();
        let segments = segments.map_err(|_| Problem::Invalid(Invalid::whole(Part::Path, "The path is not UTF-8")));
        let body = unread(body);
        let incoming = Arc::new(Incoming::new(&self.app, peer, arrival, parts.headers, parts.uri));
        let answer = Arc::clone(&self).run(place, incoming, segments, &body).await;
        body.drain().await;
        answer
    }

    /// Reads a body of this length, or nothing if it takes too long. Nearly always it is there already, and then no
    /// timer is needed.
    async fn read_in_time<B>(&self, body: &mut B, length: usize) -> Option<Result<Bytes, BodyError>>
    where
        B: hyper::body::Body<Data = Bytes> + Unpin,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let mut reading = pin!(read_whole(body, length));
        if let Some(read) = reading.as_mut().now_or_never() {
            return Some(read);
        }
        let limit = Duration::from_secs(self.app.limits.request_seconds);
        tokio::time::timeout(limit, reading).await.ok()
    }
}

/// The request's body. Most requests have none, and then nothing is boxed.
fn unread<B>(body: B) -> Unread
where
    B: hyper::body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    Unread::new((!body.is_end_stream()).then(|| body.map_err(|error| BodyError(error.into())).boxed_unsync()))
}

/// The answer to a method that is no operation of its path.
fn other_method(app: &App, row: Option<&Operation>, method: &Method, incoming: &Incoming) -> Response<Full<Bytes>> {
    let answer = match row.filter(|row| cors::is_readable(row)) {
        Some(row) if method == Method::OPTIONS => cors::preflight(app, row, &incoming.headers),
        Some(row) if row.surface() == Surface::OAuth => {
            let refusal = Problem::Token(TokenRefusal::Method(cors::allowed(row).to_owned()));
            cors::with_reader(app, row, &incoming.headers, oauth::problem::render(&refusal, app.error_status))
        }
        _ => return unknown(method, incoming),
    };
    answer.into_response(&incoming.request_id)
}

fn unknown(method: &Method, incoming: &Incoming) -> Response<Full<Bytes>> {
    if is_of_keys(&incoming.uri) {
        return Answer::bytes(StatusCode::NOT_FOUND, "text/plain; charset=utf-8", "404 page not found\n".into())
            .into_response(&incoming.request_id);
    }
    let answer = || problem::render(&Problem::NotFound(Missing::Route)).into_response(&incoming.request_id);
    dashboard::problem::no_page(method, incoming).unwrap_or_else(answer)
}

impl Dispatch {
    /// Boxed, so that what serves a connection need not know what a request goes through.
    fn run(
        self: Arc<Self>,
        place: usize,
        incoming: Arc<Incoming>,
        segments: Result<Vec<String>, Problem>,
        body: &Unread,
    ) -> Pin<Box<dyn Future<Output = Response<Full<Bytes>>> + Send + '_>> {
        Box::pin(async move {
            let row = &OPERATIONS[place];
            let schemas = &SCHEMAS[place];
            let result = match row.surface() {
                Surface::Management => {
                    AssertUnwindSafe(self.carry_out(row, schemas, &incoming, segments, body)).catch_unwind().await
                }
                Surface::Keys => {
                    let receiving = unkey::receive::carry_out(&self.app, row, schemas, &incoming, body);
                    AssertUnwindSafe(receiving).catch_unwind().await
                }
                Surface::OAuth => {
                    AssertUnwindSafe(oauth::receive::carry_out(&self.app, row, &incoming, body)).catch_unwind().await
                }
                Surface::Console => {
                    let receiving = dashboard::receive::carry_out(&self.app, (row, schemas), &incoming, segments, body);
                    AssertUnwindSafe(receiving).catch_unwind().await
                }
            };
            self.finish(place, &incoming, result.unwrap_or_else(|cause| Err(panicked(cause.as_ref()))))
        })
    }

    /// The response, counted and logged.
    fn finish(&self, place: usize, incoming: &Incoming, result: Result<Answer, Problem>) -> Response<Full<Bytes>> {
        let row = &OPERATIONS[place];
        let (answer, problem) = match result {
            Ok(answer) => (answer, None),
            Err(problem) => match row.surface() {
                Surface::Management => (problem::render(&problem), Some(problem)),
                Surface::Keys => (unkey::problem::render(&problem, row, incoming), Some(problem)),
                Surface::OAuth => (oauth::problem::render(&problem, self.app.error_status), Some(problem)),
                Surface::Console => (dashboard::receive::refuse(&problem, incoming), Some(problem)),
            },
        };
        let (status, seconds) = (answer.status.as_u16(), incoming.arrival.begun.elapsed().as_secs_f64());
        self.app.metrics.of(place).observe(status, seconds);
        request_log::write(row, incoming, status, seconds, problem.as_ref());
        match row.surface() {
            Surface::Management | Surface::OAuth => {
                let answer = cors::with_reader(&self.app, row, &incoming.headers, answer);
                answer.into_response(&incoming.request_id)
            }
            Surface::Keys => answer.into_key_response(),
            Surface::Console => answer.into_page_response(&incoming.request_id),
        }
    }
}

impl Dispatch {
    async fn carry_out(
        &self,
        row: &'static Operation,
        schemas: &Schemas,
        incoming: &Arc<Incoming>,
        segments: Result<Vec<String>, Problem>,
        body: &Unread,
    ) -> Result<Answer, Problem> {
        let app = &self.app;
        // The lease first: a state taken while it had run out may lack what was answered elsewhere meanwhile.
        let leased = app.lease.check();
        let view = Arc::clone(&app.view());
        let now = app.clock.now();
        let caller = match row.access {
            Access::AnyOf(_) | Access::AnySet(_) => {
                leased?;
                let sent = incoming.headers.get(header::AUTHORIZATION).map(|value| value.to_str().unwrap_or_default());
                Some(token::authenticate(app, &view, sent, now)?)
            }
            _ => None,
        };
        let scopes = caller.as_ref().map(|caller| caller.scopes).unwrap_or_default();
        let audited = row.audit.is_some();
        let mut call = Call {
            app: Arc::clone(app),
            workspace: WorkspaceNumber::FIRST,
            actor: caller.map_or_else(no_actor, |caller| Arc::clone(&caller.actor)),
            // Reads are rarely audited, so what the entry would say is only collected when it is.
            origin: if audited { Arc::new(origin(row, incoming)) } else { no_origin() },
            now,
            action: (row.audit.unwrap_or(row.summary), row.success.0),
            scopes,
            root_key: None,
            repeatable: None,
            session: None,
        };
        // Whether the caller may, before anything of the request is looked at: a stranger learns nothing from a refusal.
        let result = match row.access.admit(scopes) {
            Err(refusal) => Err(refusal),
            Ok(()) => self.attempt(&mut call, view, row, schemas, incoming, (segments, body)).await,
        };
        match result {
            Ok(answer) if answer.shows_secrets && !audited => {
                call.origin = Arc::new(origin(row, incoming));
                // Secrets that could not be accounted for are not shown.
                log::record(&call, LogType::ManagementSecretsRead, answer.status.as_u16(), Value::Null).await?;
                Ok(answer)
            }
            Err(problem) if audited && !problem.is_ours() => {
                record_refusal(&call, &problem::render(&problem)).await;
                Err(problem)
            }
            other => other,
        }
    }

    /// Reads and checks the request, and carries it out.
    #[expect(clippy::too_many_arguments, reason = "what a request is made of")]
    async fn attempt(
        &self,
        call: &mut Call,
        view: Arc<View>,
        row: &Operation,
        schemas: &Schemas,
        incoming: &Arc<Incoming>,
        (segments, body): (Result<Vec<String>, Problem>, &Unread),
    ) -> Result<Answer, Problem> {
        let segments = segments?;
        let query = checked_query(row, schemas, incoming.uri.query().unwrap_or_default()).map_err(Problem::Invalid)?;
        let mut value = Value::Null;
        if let Some(schema) = &schemas.body {
            let limit = Duration::from_secs(call.app.limits.request_seconds);
            let reading = read_json(&incoming.headers, body.take(), call.app.limits.body_bytes);
            let (read, length) = tokio::time::timeout(limit, reading).await.unwrap_or(Err(Problem::Slow))?;
            value = read;
            if let Some(prepare) = row.prepare {
                prepare(&mut value);
            }
            let origin = Arc::make_mut(&mut call.origin);
            origin.body = kept(&value, length);
            schema.check(Part::Body, &value).map_err(Problem::Invalid)?;
        }
        let incoming = Arc::clone(incoming);
        let rendered = Arc::clone(&self.rendered);
        answer_in_time(row, Request { call: call.clone(), view, segments, query, body: value, incoming, rendered })
            .await
    }
}

/// Lets the handler answer, for as long as a request may take. A change that took longer may still be made.
pub(super) async fn answer_in_time(row: &Operation, request: Request) -> Result<Answer, Problem> {
    let limit = Duration::from_secs(request.call.app.limits.request_seconds);
    let Ok(result) = tokio::time::timeout(limit, (row.handler)(request)).await else {
        return Err(match row.audit {
            None => too_slow(),
            Some(_) => Problem::Uncertain(
                "the request took too long; the change may have been made or not, so look before you try again",
                None,
            ),
        });
    };
    result
}

/// Puts a refused change into the audit log, as it was answered. A refusal that cannot be recorded stays a refusal.
pub(super) async fn record_refusal(call: &Call, refusal: &Answer) {
    let body = refusal.body.as_ref().and_then(|(_, bytes)| serde_json::from_slice(bytes).ok());
    let status = refusal.status.as_u16();
    if let Err(error) = log::record(call, LogType::ManagementRefused, status, body.unwrap_or_default()).await {
        let request_id = &call.origin.request_id;
        tracing::warn!(request_id, error = %error, "a refusal could not be audited");
    }
}

/// The query string's parameters. Most requests have none, and then nothing is checked.
fn checked_query(row: &Operation, schemas: &Schemas, text: &str) -> Result<Map<String, Value>, Invalid> {
    if text.is_empty() {
        return Ok(Map::new());
    }
    let query = Value::Object(query::parse(row.query, text)?);
    schemas.query.check(Part::Query, &query)?;
    match query {
        Value::Object(query) => Ok(query),
        _ => Ok(Map::new()),
    }
}

/// Nobody in particular: who calls a public operation.
pub(super) fn no_actor() -> Arc<Actor> {
    static NOBODY: LazyLock<Arc<Actor>> = LazyLock::new(Arc::default);
    Arc::clone(&NOBODY)
}
