//! From a request to the operation's handler and back: who asks, may they, is the request well formed; then log,
//! measure, audit.

use std::{
    any::Any,
    net::{IpAddr, SocketAddr},
    panic::AssertUnwindSafe,
    sync::{Arc, LazyLock},
    time::Duration,
};

use axum::{
    Router,
    body::Body,
    extract::{RawPathParams, Request as HttpRequest, State, rejection::RawPathParamsRejection},
    http::{HeaderMap, Response, StatusCode, Uri, header},
    response::IntoResponse,
    routing::{MethodFilter, on},
};
use futures_util::FutureExt;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use keyward_core::{
    Problem,
    access::ManagementScope,
    model::{
        WorkspaceNumber,
        log::{LogType, Origin},
    },
    problem::{Invalid, Missing, Part},
};
use serde_json::{Map, Value, json};

use super::{
    answer::Answer,
    operation::{Access, Operation, Request},
    problem, query,
    table::OPERATIONS,
    validation::Schema,
};
use crate::{
    app::{App, Call, View},
    service::{log, token},
};

/// A body longer than this is not repeated in the audit log.
const AUDIT_BODY: usize = 64 * 1024;
/// The most characters of a correlation id that are kept (contract: base and body).
const CORRELATION: usize = 64;
/// Fields of a body that never reach the audit log.
const SECRET_FIELDS: [&str; 7] =
    ["signing_secret", "client_secret", "secret", "password", "pem", "token", "private_key"];

/// The schemas of a row, compiled once.
struct Schemas {
    query: Schema,
    body: Option<Schema>,
}

static SCHEMAS: LazyLock<Vec<Schemas>> = LazyLock::new(|| {
    let of = |row: &Operation| Schemas {
        query: Schema::new(query::schema(row.query)),
        body: row.body.map(|schema| Schema::new(schema())),
    };
    OPERATIONS.iter().map(of).collect()
});

/// The address of the other end of the connection.
#[derive(Debug, Clone, Copy)]
pub struct Peer(pub SocketAddr);

/// The router that the table makes.
pub fn router(app: Arc<App>) -> Router {
    let mut router = Router::new();
    for (place, row) in OPERATIONS.iter().enumerate() {
        let filter = MethodFilter::try_from(row.method.clone())
            .unwrap_or_else(|_| unreachable!("every method of the table can be routed"));
        let handler = move |State(app): State<Arc<App>>,
                            params: Result<RawPathParams, RawPathParamsRejection>,
                            request: HttpRequest| {
            let segments = params
                .map(|params| params.iter().map(|(_, value)| value.to_owned()).collect())
                .map_err(|_| Problem::Invalid(Invalid::whole(Part::Path, "The path is not UTF-8")));
            run(app, place, segments, request)
        };
        router = router.route(row.path, on(filter, handler));
    }
    let unknown = |State(app): State<Arc<App>>, request: HttpRequest| async move {
        let id = request_id(&app, request.headers(), peer(&request));
        problem::render(&Problem::NotFound(Missing::Route)).into_response(&id)
    };
    router.fallback(unknown).method_not_allowed_fallback(unknown).with_state(app)
}

/// A panic of a handler as the defect that it is.
fn panicked(cause: &(dyn Any + Send)) -> Problem {
    let text = cause.downcast_ref::<String>().map(String::as_str).or_else(|| cause.downcast_ref::<&str>().copied());
    Problem::internal(format!("a handler panicked: {}", text.unwrap_or("no text")))
}

/// The other end of the connection; an IPv4 address is one in whichever form it came.
fn peer(request: &HttpRequest) -> IpAddr {
    request.extensions().get::<Peer>().map_or(IpAddr::from([0, 0, 0, 0]), |peer| peer.0.ip().to_canonical())
}

/// What is known of a request before it is carried out.
struct Incoming {
    request_id: String,
    ip: IpAddr,
    headers: HeaderMap,
    uri: Uri,
}

async fn run(
    app: Arc<App>,
    place: usize,
    segments: Result<Vec<String>, Problem>,
    request: HttpRequest,
) -> Response<Body> {
    let row = &OPERATIONS[place];
    let begun = tokio::time::Instant::now();
    let peer = peer(&request);
    let (parts, body) = request.into_parts();
    let incoming = Incoming {
        request_id: request_id(&app, &parts.headers, peer),
        ip: client_address(&app, &parts.headers, peer),
        headers: parts.headers,
        uri: parts.uri,
    };
    let carried = carry_out(&app, row, &SCHEMAS[place], &incoming, segments, body);
    let result = AssertUnwindSafe(carried).catch_unwind().await.unwrap_or_else(|cause| Err(panicked(cause.as_ref())));
    let answer = match &result {
        Ok(_) => None,
        Err(problem) => Some(problem::render(problem)),
    };
    let status =
        answer.as_ref().map_or_else(|| result.as_ref().map_or(500, |a| a.status.as_u16()), |a| a.status.as_u16());
    let seconds = begun.elapsed().as_secs_f64();
    app.metrics.of(place).observe(status, seconds);
    write_log_line(row, &incoming, status, seconds, result.as_ref().err());
    match (result, answer) {
        (Ok(answer), _) | (Err(_), Some(answer)) => answer.into_response(&incoming.request_id),
        (Err(_), None) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

/// One line a request. Bad requests are the caller's affair, so only our own faults are more than `info`.
fn write_log_line(row: &Operation, incoming: &Incoming, status: u16, seconds: f64, problem: Option<&Problem>) {
    let (id, request, ip) = (row.id, &incoming.request_id, incoming.ip);
    let milliseconds = seconds * 1000.0;
    match problem {
        Some(problem) if problem.is_ours() => {
            let cause = std::error::Error::source(problem).map(chain);
            tracing::error!(request_id = request, operation = id, status, milliseconds, %ip, error = %problem, cause, "failed");
        }
        Some(problem) => {
            tracing::info!(request_id = request, operation = id, status, milliseconds, %ip, error = %problem, "refused");
        }
        None if row.audit.is_some() => {
            tracing::info!(request_id = request, operation = id, status, milliseconds, %ip, "changed");
        }
        None => tracing::debug!(request_id = request, operation = id, status, milliseconds, %ip, "answered"),
    }
}

/// An error and what caused it, outermost first.
fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        text = format!("{text}: {cause}");
        next = cause.source();
    }
    text
}

async fn carry_out(
    app: &Arc<App>,
    row: &'static Operation,
    schemas: &Schemas,
    incoming: &Incoming,
    segments: Result<Vec<String>, Problem>,
    body: Body,
) -> Result<Answer, Problem> {
    let view = Arc::clone(&app.view());
    let now = app.clock.now();
    let caller = match row.access {
        Access::Public(_) => None,
        Access::AnyOf(_) => {
            app.lease.check()?;
            let sent = incoming.headers.get(header::AUTHORIZATION).map(|value| value.to_str().unwrap_or_default());
            Some(token::authenticate(app, &view, sent, now)?)
        }
    };
    let scopes = caller.as_ref().map(|caller| caller.scopes).unwrap_or_default();
    let audited = row.audit.is_some();
    let mut call = Call {
        app: Arc::clone(app),
        workspace: WorkspaceNumber::FIRST,
        actor: caller.map(|caller| Arc::clone(&caller.actor)).unwrap_or_default(),
        // Reads are rarely audited, so what the entry would say is only collected when it is.
        origin: if audited { Arc::new(origin(row, incoming)) } else { Arc::default() },
        now,
        action: (row.audit.unwrap_or(row.summary), row.success.0),
        sees_secrets: scopes.contains(ManagementScope::ReadResourceServers),
    };
    // Whether the caller may, before anything of the request is looked at: a stranger learns nothing from a refusal.
    let result = match row.access {
        Access::AnyOf(accepted) if !accepted.iter().any(|scope| scopes.contains(*scope)) => {
            Err(Problem::Forbidden(accepted))
        }
        _ => attempt(&mut call, view, row, schemas, incoming, (segments, body)).await,
    };
    match result {
        Ok(answer) if answer.shows_secrets && !audited => {
            call.origin = Arc::new(origin(row, incoming));
            // Secrets that could not be accounted for are not shown.
            log::record(&call, LogType::ManagementSecretsRead, answer.status.as_u16(), Value::Null).await?;
            Ok(answer)
        }
        Err(problem) if audited && !problem.is_ours() => {
            let refusal = problem::render(&problem);
            let body = refusal.body.as_ref().and_then(|(_, bytes)| serde_json::from_slice(bytes).ok());
            let status = refusal.status.as_u16();
            let recorded = log::record(&call, LogType::ManagementRefused, status, body.unwrap_or_default()).await;
            if let Err(error) = recorded {
                tracing::warn!(request_id = incoming.request_id, error = %error, "a refusal could not be audited");
            }
            Err(problem)
        }
        other => other,
    }
}

/// Reads and checks the request, and carries it out.
async fn attempt(
    call: &mut Call,
    view: Arc<View>,
    row: &Operation,
    schemas: &Schemas,
    incoming: &Incoming,
    (segments, body): (Result<Vec<String>, Problem>, Body),
) -> Result<Answer, Problem> {
    let segments = segments?;
    let query = query::parse(row.query, incoming.uri.query().unwrap_or_default()).map_err(Problem::Invalid)?;
    let query = Value::Object(query);
    schemas.query.check(Part::Query, &query).map_err(Problem::Invalid)?;
    let mut value = Value::Null;
    if let Some(schema) = &schemas.body {
        let limit = Duration::from_secs(call.app.limits.request_seconds);
        let reading = read_json(&incoming.headers, body, call.app.limits.body_bytes);
        value = tokio::time::timeout(limit, reading).await.unwrap_or(Err(Problem::Slow))?;
        if let Some(prepare) = row.prepare {
            prepare(&mut value);
        }
        let origin = Arc::make_mut(&mut call.origin);
        origin.body = without_secrets(&value);
        schema.check(Part::Body, &value).map_err(Problem::Invalid)?;
    }
    let Value::Object(query) = query else { unreachable!("a query was just made an object") };
    let headers = incoming.headers.clone();
    let limit = Duration::from_secs(call.app.limits.request_seconds);
    let request = Request { call: call.clone(), view, segments, query, body: value, headers };
    let Ok(result) = tokio::time::timeout(limit, (row.handler)(request)).await else {
        return Err(match row.audit {
            None => Problem::Unavailable("the request took too long", None),
            Some(_) => Problem::Uncertain(
                "the request took too long; the change may have been made or not, so look before you try again",
                None,
            ),
        });
    };
    result
}

async fn read_json(headers: &HeaderMap, body: Body, limit: usize) -> Result<Value, Problem> {
    let text = |name| headers.get(name).map(|value| value.to_str().unwrap_or("unreadable").trim().to_ascii_lowercase());
    if let Some(encoding) = text(header::CONTENT_ENCODING).filter(|encoding| encoding != "identity") {
        return Err(Problem::UnsupportedMediaType(format!("content encoding {encoding}")));
    }
    if let Some(kind) = text(header::CONTENT_TYPE) {
        let essence = kind.split(';').next().unwrap_or_default().trim();
        if essence != "application/json" && !(essence.starts_with("application/") && essence.ends_with("+json")) {
            return Err(Problem::UnsupportedMediaType(kind));
        }
    }
    let announced = headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
    if announced.is_some_and(|length| length > limit) {
        return Err(Problem::TooLarge(limit));
    }
    let collected = Limited::new(body, limit).collect().await;
    let bytes = match collected {
        Ok(collected) => collected.to_bytes(),
        Err(error) if error.is::<LengthLimitError>() => return Err(Problem::TooLarge(limit)),
        Err(_) => return Err(Problem::Invalid(Invalid::whole(Part::Body, "The body was cut off"))),
    };
    if bytes.is_empty() {
        return Ok(Value::Null);
    }
    serde_json::from_slice(&bytes).map_err(|error| {
        let text = format!("Invalid request payload JSON format: {error}");
        Problem::Invalid(Invalid::whole(Part::Body, text))
    })
}

/// What the audit log says about the request, but for its body.
fn origin(row: &Operation, incoming: &Incoming) -> Origin {
    let header = |name: &str| incoming.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let query: Map<String, Value> = form_urlencoded::parse(incoming.uri.query().unwrap_or_default().as_bytes())
        .map(|(name, value)| (name.into_owned(), value.into_owned().into()))
        .collect();
    let correlation = header("x-correlation-id");
    let kept: String = correlation.chars().take(CORRELATION).collect();
    let host = incoming.uri.host().map_or_else(|| header("host").to_owned(), str::to_owned);
    Origin {
        request_id: incoming.request_id.clone(),
        ip: incoming.ip.to_string(),
        user_agent: header("user-agent").to_owned(),
        hostname: host.split(':').next().unwrap_or_default().to_owned(),
        method: row.method.as_str().to_ascii_lowercase(),
        path: incoming.uri.path().to_owned(),
        query: Value::Object(query),
        body: json!({}),
        correlation_id: (!kept.is_empty()).then_some(kept),
    }
}

/// The body as the audit log keeps it.
fn without_secrets(body: &Value) -> Value {
    fn redact(value: &mut Value) {
        match value {
            Value::Object(fields) => {
                for (name, field) in fields.iter_mut() {
                    if SECRET_FIELDS.contains(&name.as_str()) {
                        *field = "[redacted]".into();
                    } else {
                        redact(field);
                    }
                }
            }
            Value::Array(items) => items.iter_mut().for_each(redact),
            _ => {}
        }
    }
    let mut body = body.clone();
    redact(&mut body);
    let length = body.to_string().len();
    if length > AUDIT_BODY {
        return json!({ "omitted": format!("{length} bytes; what changed stands in before and after") });
    }
    body
}

/// The id of a request: the one that a trusted proxy gave it, or a new one.
fn request_id(app: &App, headers: &HeaderMap, peer: IpAddr) -> String {
    let given = headers.get("x-request-id").and_then(|value| value.to_str().ok());
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let given =
        given.filter(|id| app.trusted_proxies.contains(&peer) && (1..=64).contains(&id.len()) && id.chars().all(plain));
    given.map_or_else(|| app.next_request_id(), str::to_owned)
}

/// The client's address: that of the connection, or the one that trusted proxies name. The list is read from its end,
/// where the proxies write; what stands before an address that is not a trusted proxy's, anyone may have written.
fn client_address(app: &App, headers: &HeaderMap, peer: IpAddr) -> IpAddr {
    if !app.trusted_proxies.contains(&peer) {
        return peer;
    }
    let named = headers.get_all("x-forwarded-for").iter().map(|value| value.to_str().unwrap_or_default());
    let named: Vec<&str> = named.flat_map(|value| value.split(',')).map(str::trim).collect();
    let mut last = peer;
    for text in named.into_iter().rev() {
        let read = text.parse::<IpAddr>().or_else(|_| text.parse::<SocketAddr>().map(|address| address.ip()));
        let Ok(address) = read else { return last };
        last = address.to_canonical();
        if !app.trusted_proxies.contains(&last) {
            return last;
        }
    }
    last
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_reach_the_audit_log_without_secrets_and_not_at_any_length() {
        let body = json!({ "name": "x", "signing_secret": "s", "token_encryption": {"encryption_key": {"pem": "p", "kid": "k"}} });
        let kept = without_secrets(&body);
        assert_eq!(
            kept,
            json!({
                "name": "x", "signing_secret": "[redacted]",
                "token_encryption": {"encryption_key": {"pem": "[redacted]", "kid": "k"}},
            })
        );
        let long = without_secrets(&json!({ "name": "x".repeat(AUDIT_BODY) }));
        assert!(long["omitted"].is_string() && long.as_object().is_some_and(|fields| fields.len() == 1));
    }
}
