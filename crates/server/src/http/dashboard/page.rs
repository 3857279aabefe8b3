//! What all pages have: their frame, and the way they are sent.

use askama::Template;
use http::{HeaderName, HeaderValue, Response, StatusCode, header};
use http_body_util::Full;
use keyward_core::{Problem, model::administrator::AdministratorRole, time::Timestamp};
use serde_json::{Map, Value};

use super::assets;
use crate::{app::Call, http::answer::Answer};

const HTML: &str = "text/html; charset=utf-8";
/// No script, style or picture but our own, and nobody may show a page of ours within theirs.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
     form-action 'self'; base-uri 'none'; frame-ancestors 'none'";
/// Headers of every answer of the console.
const HEADERS: [(&str, &str); 6] = [
    ("content-security-policy", POLICY),
    ("x-frame-options", "DENY"),
    ("x-content-type-options", "nosniff"),
    ("referrer-policy", "same-origin"),
    ("cross-origin-opener-policy", "same-origin"),
    ("permissions-policy", "camera=(), geolocation=(), microphone=(), payment=()"),
];

/// What stands around a page: who is signed in, and where one is.
#[derive(Debug, Clone, Default)]
pub(super) struct Frame {
    /// The page's own name.
    pub(super) title: String,
    /// The section it belongs to.
    pub(super) section: &'static str,
    /// What whoever is signed in is called; empty when nobody is.
    pub(super) name: String,
    /// The role of whoever is signed in.
    pub(super) role: &'static str,
    /// Whether it may change what is in the catalogue.
    pub(super) may_edit: bool,
    /// Whether it may change who may do so.
    pub(super) may_own: bool,
    /// Whether it has not said yet how it will sign in again.
    pub(super) is_nameless: bool,
    /// What people call the workspace; empty for nothing.
    pub(super) workspace: String,
    /// What each form carries.
    pub(super) token: String,
    /// The names of the assets, which change with what is in them.
    pub(super) assets: assets::Names,
}

impl Frame {
    /// The frame of a page that this call asks for.
    pub(super) fn new(call: &Call, section: &'static str, title: impl Into<String>) -> Self {
        let mut frame = Self { title: title.into(), section, assets: assets::names(), ..Self::default() };
        if let Some(signed_in) = &call.session {
            let who = &signed_in.administrator;
            who.display_name().clone_into(&mut frame.name);
            frame.role = who.role.as_str();
            frame.may_edit = who.role >= AdministratorRole::Editor;
            frame.may_own = who.role >= AdministratorRole::Owner;
            frame.is_nameless = who.email.is_none();
            frame.token.clone_from(&signed_in.token);
            if let Some(workspace) = call.app.view().snapshot.workspace(call.workspace) {
                workspace.settings.friendly_name().clone_into(&mut frame.workspace);
            }
        }
        frame
    }
}

/// A section of the console.
pub(super) struct Section {
    pub(super) section: &'static str,
    pub(super) path: &'static str,
    pub(super) name: &'static str,
    pub(super) icon: &'static str,
}

const SECTIONS: &[Section] = &[
    Section { section: "apis", path: "/apis", name: "APIs", icon: "api" },
    Section { section: "roles", path: "/roles", name: "Roles", icon: "role" },
    Section { section: "users", path: "/users", name: "Users", icon: "users" },
    Section { section: "applications", path: "/applications", name: "Applications", icon: "app" },
    Section { section: "keys", path: "/keys", name: "API keys", icon: "key" },
    Section { section: "root-keys", path: "/root-keys", name: "Root keys", icon: "root-key" },
    Section { section: "log", path: "/log", name: "Audit log", icon: "log" },
    Section { section: "settings", path: "/settings", name: "Settings", icon: "settings" },
];

impl Frame {
    /// The sections there are.
    pub(super) fn sections(&self) -> &'static [Section] {
        SECTIONS
    }

    /// One of the icons, as HTML.
    pub(super) fn icon(&self, name: &str) -> String {
        format!(r##"<svg class="icon" aria-hidden="true"><use href="/assets/{}#{name}"/></svg>"##, self.assets.icons)
    }

    /// The role, as a word that begins a line.
    pub(super) fn role_name(&self) -> String {
        let mut letters = self.role.chars();
        letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
    }
}

/// Which part of a list a page shows, and where the others are.
pub(super) struct Pager {
    /// The places of the first and of the last entry, from one.
    pub(super) first: usize,
    pub(super) last: usize,
    pub(super) total: usize,
    pub(super) previous: Option<String>,
    pub(super) next: Option<String>,
}

impl Pager {
    /// The page of a list of so many entries that the query asks for; beyond the end, the last one.
    pub(super) fn new(path: &str, query: &Map<String, Value>, total: usize, per_page: usize) -> Self {
        let asked = query.get("page").and_then(Value::as_u64).and_then(|page| usize::try_from(page).ok());
        let page = asked.unwrap_or(0).min(total.saturating_sub(1) / per_page);
        let link = |page: usize| {
            let mut pairs = form_urlencoded::Serializer::new(String::new());
            for name in ["q", "sort", "unused"] {
                if let Some(text) = query.get(name).and_then(Value::as_str).filter(|text| !text.is_empty()) {
                    pairs.append_pair(name, text);
                }
            }
            pairs.append_pair("page", &page.to_string());
            format!("{path}?{}", pairs.finish())
        };
        let last = total.min((page + 1) * per_page);
        Self {
            first: (page * per_page + 1).min(total),
            last,
            total,
            previous: page.checked_sub(1).map(link),
            next: (last < total).then(|| link(page + 1)),
        }
    }

    /// What of the list is on the page.
    pub(super) fn cut<T>(&self, list: Vec<T>) -> Vec<T> {
        let first = self.first.saturating_sub(1);
        list.into_iter().skip(first).take(self.last - first).collect()
    }

    /// Whether there is more than one page.
    pub(super) fn is_needed(&self) -> bool {
        self.previous.is_some() || self.next.is_some()
    }
}

/// A count as people write it.
pub(super) fn thousands(count: impl TryInto<u64>) -> String {
    let digits = count.try_into().unwrap_or(0).to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (nth, digit) in digits.chars().enumerate() {
        if nth > 0 && (digits.len() - nth) % 3 == 0 {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A time as HTML: in UTC, until a script shows it in the reader's zone.
pub(super) fn time(at: Timestamp, format: &str) -> String {
    let moment = jiff::Timestamp::from_millisecond(at.0).unwrap_or_default();
    let (exact, text) = (moment.strftime("%Y-%m-%dT%H:%M:%SZ"), moment.strftime("%Y-%m-%d %H:%M UTC"));
    format!(r#"<time datetime="{exact}" data-format="{format}" title="{exact}">{text}</time>"#)
}

/// A text with nothing in it that would be read as markup.
pub(super) fn escaped(text: &str) -> String {
    askama::filters::escape(text, askama::filters::Html).map(|safe| safe.to_string()).unwrap_or_default()
}

/// The page as an answer.
pub(super) fn show(status: StatusCode, page: &impl Template) -> Result<Answer, Problem> {
    let text = page.render().map_err(|error| Problem::internal(error.to_string()))?;
    Ok(Answer::bytes(status, HTML, text.into()))
}

/// The answer to a form that was carried out.
pub(super) fn redirect(to: &str) -> Answer {
    Answer::empty(StatusCode::SEE_OTHER).with(header::LOCATION, to)
}

/// A segment of a path.
pub(super) fn segment(text: &str) -> String {
    percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string()
}

impl Answer {
    /// The answer as the console sends it.
    pub fn into_page_response(self, request_id: &str) -> Response<Full<bytes::Bytes>> {
        let (media_type, bytes) = self.body.unwrap_or_default();
        let mut response = Response::new(Full::new(bytes));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        if !media_type.is_empty() {
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
        }
        // What is on a page is for whoever is signed in now.
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        for (name, value) in HEADERS {
            headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        if let Ok(id) = HeaderValue::from_str(request_id) {
            headers.insert(HeaderName::from_static("x-request-id"), id);
        }
        for (name, value) in self.headers {
            headers.insert(name, value);
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_have_separators() {
        let cases = [(0, "0"), (7, "7"), (999, "999"), (1000, "1,000"), (123_456, "123,456"), (1_234_567, "1,234,567")];
        for (count, text) in cases {
            assert_eq!(thousands(count), text);
        }
    }
}
