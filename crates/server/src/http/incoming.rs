//! A request before it is carried out: its id, where it comes from, and what the audit log says of it.

use std::{
    net::{IpAddr, SocketAddr},
    sync::{Arc, LazyLock},
};

use http::{HeaderMap, Uri};
use keyward_core::{
    model::log::{Origin, Seen},
    secret::{HIDDEN, without_credentials},
};
use serde_json::{Map, Value, json};

use tokio::time::Instant;

use super::operation::Operation;
use crate::{app::App, ids};

/// A body longer than this is not repeated in the audit log.
const AUDIT_BODY: usize = 64 * 1024;
/// The most characters of a correlation id that are kept (contract: base and body).
const CORRELATION: usize = 64;
/// Fields of a body that never reach the audit log.
const SECRET_FIELDS: [&str; 16] = [
    "signing_secret",
    "client_secret",
    "client_assertion",
    "assertion",
    "access_token",
    "refresh_token",
    "id_token",
    "secret",
    "password",
    "present_password",
    "new_password",
    "repeated_password",
    "pem",
    "token",
    "private_key",
    "hash",
];

/// When a request came, from where, and as which one.
#[derive(Debug, Clone, Copy)]
pub struct Arrival {
    /// When it was taken up.
    pub begun: Instant,
    /// The client's address.
    pub ip: IpAddr,
    /// The number that its id is made of, if it is one of the keys' API.
    pub number: u64,
}

impl Arrival {
    /// A request with these headers that came from this other end of a connection; an IPv4 address is one in whichever
    /// form it came.
    pub fn new(app: &App, peer: SocketAddr, headers: &HeaderMap, keys: bool) -> Self {
        let begun = Instant::now();
        let number = if keys { app.next_key_request() } else { 0 };
        Self { begun, ip: client_address(app, headers, peer.ip().to_canonical()), number }
    }

    /// The client's address as text. Nearly all are IPv4 addresses, and their `Display` takes as long as all the rest that
    /// is noted of a request.
    pub fn ip_text(&self) -> String {
        let IpAddr::V4(ip) = self.ip else { return self.ip.to_string() };
        let (mut text, mut number) = (String::with_capacity(15), itoa::Buffer::new());
        for (place, octet) in ip.octets().into_iter().enumerate() {
            text.push_str(if place == 0 { "" } else { "." });
            text.push_str(number.format(octet));
        }
        text
    }
}

/// What is known of a request before it is carried out.
pub struct Incoming {
    /// Its id.
    pub request_id: String,
    /// When it came, and from where.
    pub arrival: Arrival,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its path and query, as sent.
    pub uri: Uri,
}

impl std::fmt::Debug for Incoming {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The headers hold a credential, and a query string may.
        write!(f, "Incoming({}, {}, {})", self.request_id, self.arrival.ip, self.uri.path())
    }
}

impl Incoming {
    /// A request that arrived from this other end of a connection. Requests of the keys' API have ids of their own
    /// shape.
    pub fn new(app: &App, peer: SocketAddr, arrival: Arrival, headers: HeaderMap, uri: Uri) -> Self {
        let request_id = if is_of_keys(&uri) {
            key_request_id(arrival.number)
        } else {
            request_id(app, &headers, peer.ip().to_canonical())
        };
        Self { request_id, arrival, headers, uri }
    }

    /// Whether its query string has parameters.
    pub fn has_query(&self) -> bool {
        self.uri.query().is_some_and(|query| !query.is_empty())
    }

    /// What the audit log says about the request, which has no query string, with these texts for its address and for
    /// its body.
    pub fn seen<'i>(&'i self, ip: &'i str, body: &'i str) -> Seen<'i> {
        let correlation = self.correlation_id();
        Seen {
            request_id: &self.request_id,
            ip,
            user_agent: self.text("user-agent"),
            hostname: self.hostname(),
            method: "post",
            path: self.uri.path(),
            query: "{}",
            body,
            correlation_id: (!correlation.is_empty()).then_some(correlation),
        }
    }

    fn hostname(&self) -> &str {
        let host = self.uri.host().unwrap_or_else(|| self.text("host"));
        host.split(':').next().unwrap_or_default()
    }

    fn correlation_id(&self) -> &str {
        let whole = self.text("x-correlation-id");
        let end = whole.char_indices().nth(CORRELATION).map_or(whole.len(), |(end, _)| end);
        &whole[..end]
    }

    /// The header's text, or nothing.
    fn text(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }
}

/// Whether a request is one of the keys' API.
pub fn is_of_keys(uri: &Uri) -> bool {
    uri.path().starts_with("/v2/")
}

/// The id of a request of the keys' API: `req_` and nine letters or digits.
pub fn key_request_id(number: u64) -> String {
    ids::counted("req", number)
}

/// An origin that says nothing, for requests that are not audited.
pub fn no_origin() -> Arc<Origin> {
    static NOTHING: LazyLock<Arc<Origin>> = LazyLock::new(Arc::default);
    Arc::clone(&NOTHING)
}

/// What the audit log says about the request, but for its body.
pub fn origin(row: &Operation, incoming: &Incoming) -> Origin {
    let header = |name: &str| incoming.text(name);
    let query: Map<String, Value> = form_urlencoded::parse(incoming.uri.query().unwrap_or_default().as_bytes())
        .map(|(name, value)| (name.into_owned(), value.into_owned().into()))
        .collect();
    let correlation = incoming.correlation_id();
    Origin {
        request_id: incoming.request_id.clone(),
        ip: incoming.arrival.ip_text(),
        user_agent: header("user-agent").to_owned(),
        hostname: incoming.hostname().to_owned(),
        method: row.method.as_str().to_ascii_lowercase(),
        path: without_credentials(incoming.uri.path(), &|_| false).into_owned(),
        // A secret does not belong there, and somebody sends it there all the same.
        query: kept(&Value::Object(query), 0),
        body: json!({}),
        correlation_id: (!correlation.is_empty()).then(|| correlation.to_owned()),
    }
}

/// The body, or the query string's parameters, as the audit log keeps it: without secrets, and not at any length (in bytes, as it was sent).
pub fn kept(body: &Value, length: usize) -> Value {
    fn redact(value: &mut Value) {
        match value {
            Value::Object(fields) => {
                for (name, field) in fields.iter_mut() {
                    if SECRET_FIELDS.contains(&name.as_str()) {
                        *field = HIDDEN.into();
                    } else {
                        redact(field);
                    }
                }
            }
            Value::Array(items) => items.iter_mut().for_each(redact),
            // In the place of something else.
            Value::String(text) => hide_in(text, &|_| false),
            _ => {}
        }
    }
    if length > AUDIT_BODY {
        return json!({ "omitted": format!("{length} bytes; what changed stands in before and after") });
    }
    let mut body = body.clone();
    redact(&mut body);
    body
}

/// Hides credentials that somebody sent in the place of something else, such as a key in that of its id.
pub fn hide(value: &mut Value, is_secret: &dyn Fn(&str) -> bool) {
    match value {
        Value::String(text) => hide_in(text, is_secret),
        Value::Array(items) => items.iter_mut().for_each(|item| hide(item, is_secret)),
        Value::Object(fields) => fields.values_mut().for_each(|field| hide(field, is_secret)),
        _ => {}
    }
}

/// Hides the credentials in a text.
pub fn hide_in(text: &mut String, is_secret: &dyn Fn(&str) -> bool) {
    let hidden = without_credentials(text, is_secret);
    if hidden != text.as_str() {
        *text = hidden.into_owned();
    }
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
    fn an_address_is_written_as_everybody_writes_it() {
        for ip in ["0.0.0.0", "127.0.0.1", "203.0.113.255", "2001:db8::1"] {
            let arrival = Arrival { begun: Instant::now(), ip: ip.parse().expect("an address"), number: 0 };
            assert_eq!(arrival.ip_text(), ip);
        }
    }

    #[test]
    fn bodies_reach_the_audit_log_without_secrets_and_not_at_any_length() {
        let body = json!({ "name": "x", "signing_secret": "s", "token_encryption": {"encryption_key": {"pem": "p", "kid": "k"}} });
        let kept_body = kept(&body, 100);
        assert_eq!(
            kept_body,
            json!({
                "name": "x", "signing_secret": "[redacted]",
                "token_encryption": {"encryption_key": {"pem": "[redacted]", "kid": "k"}},
            })
        );
        let long = kept(&body, AUDIT_BODY + 1);
        assert!(long["omitted"].is_string() && long.as_object().is_some_and(|fields| fields.len() == 1));
    }
}
