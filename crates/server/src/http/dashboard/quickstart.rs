//! How to begin with an API: get a token, check it, check a key, in the language of whoever asks.
//!
//! The code is in templates of its own, one a language. What stands in it as text is written as that language writes text.

use askama::Template;
use http::StatusCode;
use keyward_core::{
    Problem,
    model::{api::SigningAlgorithm, permission::RESERVED},
    snapshot::ApiEntry,
};

use super::{
    apis::{Head, find},
    form::query,
    page::{Frame, show},
    table::{VIEW, page_at},
};
use crate::http::operation::{Handled, Operation, Parameter, ParameterKind, Request};

/// What stands for a permission where the API has none yet.
const EXAMPLE: &str = "read:posts";

/// A language that the code is shown in.
struct Language {
    word: &'static str,
    name: &'static str,
    /// What has to be installed first.
    needs: &'static str,
}

const LANGUAGES: [Language; 5] = [
    Language { word: "curl", name: "curl", needs: "" },
    Language { word: "node", name: "Node.js", needs: "npm install jose" },
    Language { word: "python", name: "Python", needs: "pip install requests 'pyjwt[crypto]'" },
    Language { word: "go", name: "Go", needs: "go get github.com/golang-jwt/jwt/v5 github.com/MicahParks/keyfunc/v3" },
    Language {
        word: "rust",
        name: "Rust",
        needs: "cargo add jsonwebtoken --features aws_lc_rs && cargo add reqwest --features blocking,form,json \
                && cargo add serde --features derive && cargo add serde_json",
    },
];

const QUERY: &[Parameter] = &[Parameter {
    name: "lang",
    kind: ParameterKind::Choice(&["curl", "node", "python", "go", "rust"]),
    description: "In which language",
}];

/// The rows.
pub(super) fn rows() -> Vec<Operation> {
    let about = ("Show how to begin with an API", VIEW);
    vec![page_at("console_quickstart", "/apis/{id}/quickstart", about, QUERY, get)]
}

#[derive(Template)]
#[template(path = "quickstart.html")]
struct Page {
    frame: Frame,
    api: Head,
    values: Values,
    permission: String,
    has_permission: bool,
    grants: usize,
    languages: &'static [Language],
    language: &'static Language,
    ask: String,
    check: String,
    /// The code that checks a key, where there are keys.
    key: Option<String>,
}

/// The values of this API, in the words of a language.
struct Values {
    /// How the language writes text.
    quote: fn(&str) -> String,
    issuer: String,
    audience: String,
    permission: String,
    algorithm: &'static str,
    /// Whether tokens are checked with a secret that the API shares.
    has_secret: bool,
}

impl Values {
    /// A text of this language.
    fn q(&self, text: &str) -> String {
        (self.quote)(text)
    }

    fn token_url(&self) -> String {
        format!("{}oauth/token", self.issuer)
    }

    fn audience_pair(&self) -> String {
        format!("audience={}", self.audience)
    }

    fn keys_url(&self) -> String {
        format!("{}.well-known/jwks.json", self.issuer)
    }

    fn verify_url(&self) -> String {
        format!("{}v2/keys.verifyKey", self.issuer)
    }

    /// The body that asks whether a key may do something, for a shell that puts the key into it.
    fn shell_body(&self) -> String {
        let (before, after) = (r#"{"key":""#, format!(r#"","permissions":{}}}"#, json_text(&self.permission)));
        format!(r#"{}"$API_KEY"{}"#, shell_text(before), shell_text(&after))
    }
}

/// As a shell takes text literally.
fn shell_text(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// As JSON, JavaScript, Python and Go write text.
fn json_text(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// As Rust writes text.
fn rust_text(text: &str) -> String {
    format!("{text:?}")
}

/// The code of one language that does one thing.
#[derive(Template)]
#[template(path = "quickstart/code.txt", escape = "none")]
struct Code<'v> {
    v: &'v Values,
    part: &'static str,
    language: &'static str,
}

/// A permission of this API to show things with. A name that means identity data never is one.
fn example(entry: &ApiEntry) -> Option<String> {
    let values = entry.permissions.iter().map(|permission| permission.value.as_str());
    values.filter(|value| !RESERVED.contains(value)).map(str::to_owned).next()
}

fn get(request: Request) -> Handled {
    Box::pin(async move {
        let entry = find(&request)?;
        let asked = query(&request, "lang");
        let language = LANGUAGES.iter().find(|known| known.word == asked).unwrap_or(&LANGUAGES[0]);
        let found = example(entry);
        let permission = found.clone().unwrap_or_else(|| EXAMPLE.to_owned());
        let values = Values {
            quote: match language.word {
                "curl" => shell_text,
                "rust" => rust_text,
                _ => json_text,
            },
            issuer: request.call.app.public_url.clone(),
            audience: entry.api.identifier.clone(),
            permission: permission.clone(),
            algorithm: entry.api.settings.signing_alg.as_str(),
            has_secret: entry.api.settings.signing_alg == SigningAlgorithm::HS256,
        };
        let code = |part| {
            let code = Code { v: &values, part, language: language.word };
            code.render().map_err(|error| Problem::internal(error.to_string()))
        };
        let (ask, check, key) = (code("ask")?, code("check")?, code("key")?);
        let grants = request.view.snapshot.client_grants(request.call.workspace);
        let page = Page {
            frame: Frame::new(&request.call, "apis", format!("Quickstart of {}", entry.api.display_name())),
            api: Head::new(entry, "quickstart"),
            values,
            permission,
            has_permission: found.is_some(),
            grants: grants.filter(|grant| grant.api == entry.api.number).count(),
            languages: &LANGUAGES,
            language,
            ask,
            check,
            key: entry.api.has_keys().then_some(key),
        };
        show(StatusCode::OK, &page)
    })
}
