//! A whole run of the authorization server and of the Management API, searched for every secret it made.
//!
//! A new secret is told with [`Run::knows`] where it comes into being. A call whose answer may show one is
//! [`Run::shown`]; every other one is [`Run::quiet`], and its answer is searched.

mod applications;
mod misplaced;
mod places;
mod signing;
mod tokens;
mod users;

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{
    PUBLIC_URL,
    postgres::fresh_schema,
    process::{self, serve},
};

/// The API that tokens are asked for here.
const AUDIENCE: &str = "https://secrets.example/";
/// So many secrets there are at least: a run that made few of them proves little.
const LEAST: usize = 30;

/// The members of an object as a form, or as a query string.
fn encoded(body: &Value) -> String {
    let members = body.as_object().unwrap().iter().map(|(name, value)| (name, value.as_str().unwrap()));
    form_urlencoded::Serializer::new(String::new()).extend_pairs(members).finish()
}

/// A program, what it was told and what it told, and what nobody else may see of it.
struct Run {
    client: reqwest::Client,
    http: String,
    token: String,
    /// What each is, and its text.
    secrets: Vec<(String, String)>,
    /// What was asked, and an answer that must show none of them.
    answers: Vec<(String, String)>,
}

impl Run {
    /// Remembers a secret, and returns it.
    fn knows(&mut self, what: &str, text: impl Into<String>) -> String {
        let text = text.into();
        assert!(text.len() >= 12, "{what} is too short to be searched for");
        self.secrets.push((what.to_owned(), text.clone()));
        text
    }

    /// Remembers a token or an assertion: its signature is enough to give it away.
    fn knows_signed(&mut self, what: &str, text: &str) {
        let (_, signature) = text.rsplit_once('.').unwrap();
        self.knows(what, text);
        self.knows(&format!("the signature of {what}"), signature);
    }

    fn request(&self, method: &str, path: &str) -> reqwest::RequestBuilder {
        self.client.request(method.parse::<Method>().unwrap(), format!("{}{path}", self.http))
    }

    fn form(&self, path: &str, body: &Value) -> reqwest::RequestBuilder {
        let kind = "application/x-www-form-urlencoded";
        self.request("POST", path).header("content-type", kind).body(encoded(body))
    }

    /// A call of the Management API that succeeds, and whose answer may show secrets.
    async fn shown(&self, method: &str, path: &str, body: Value) -> Value {
        let call = self.request(method, &format!("/api/v2/{path}")).bearer_auth(&self.token);
        let (status, answer) = process::json(call.json(&body).send().await.unwrap()).await;
        assert!((200..300).contains(&status), "{method} {path}: {status} {answer}");
        answer
    }

    /// A call of the Management API whose answer must not show any, and its status.
    async fn quiet(&mut self, method: &str, path: &str, body: Value) -> u16 {
        let call = self.request(method, &format!("/api/v2/{path}")).bearer_auth(&self.token).json(&body);
        self.send_quietly(&format!("{method} {path}"), call).await
    }

    /// Any call whose answer must not show any, and its status. Whoever is locked out would prove nothing.
    async fn send_quietly(&mut self, what: &str, call: reqwest::RequestBuilder) -> u16 {
        let response = call.send().await.unwrap();
        let (status, headers) = (response.status().as_u16(), format!("{:?}", response.headers()));
        self.answers.push((what.to_owned(), format!("{headers} {}", response.text().await.unwrap())));
        assert!(status != 429 && status < 500, "{what}: {status}");
        status
    }

    /// A request for a token that is refused, and what is said then.
    async fn refused(&mut self, what: &str, body: &Value) {
        let call = self.request("POST", "/oauth/token").json(body);
        let status = self.send_quietly(what, call).await;
        assert!(status >= 400, "{what} was answered with {status}");
    }

    /// All entries of the audit log.
    async fn entries(&self) -> Vec<Value> {
        let mut all = Vec::new();
        for page in 0.. {
            let path = format!("/api/v2/logs?per_page=100&page={page}");
            let (_, entries) =
                process::json(self.request("GET", &path).bearer_auth(&self.token).send().await.unwrap()).await;
            let entries = entries.as_array().unwrap().clone();
            if entries.is_empty() {
                break;
            }
            all.extend(entries);
        }
        all
    }
}

/// Everything that makes secrets, or sends them somewhere.
async fn make_and_misuse(run: &mut Run) {
    run.shown("POST", "resource-servers", json!({ "identifier": AUDIENCE, "scopes": [{ "value": "read:x" }] })).await;
    let machine = applications::make_and_misuse(run).await;
    tokens::make_and_misuse(run, &machine).await;
    signing::make_and_misuse(run, &machine).await;
    users::make_and_misuse(run).await;
    misplaced::send(run, &machine).await;
    let call = run.request("GET", "/metrics");
    run.send_quietly("the metrics", call).await;
}

async fn nothing_is_shown(place: places::Place) {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("data");
    let more = place.arguments();
    let config = directory.path().join("keyward.toml");
    std::fs::write(&config, "[log]\nlevel = \"debug\"\n").unwrap();
    let mut arguments = vec!["--public-url", PUBLIC_URL, "--config", config.to_str().unwrap()];
    arguments.extend(&more);
    let server = serve(&data, &arguments);
    let token = process::token(&data, &more);
    let mut run = Run {
        client: reqwest::Client::new(),
        http: server.http.clone(),
        token: token.clone(),
        secrets: Vec::new(),
        answers: Vec::new(),
    };
    run.knows_signed("a management token", &token);
    let secret = server.said.iter().find_map(|line| line.split_once("shown this once: ")).unwrap().1.trim().to_owned();
    run.knows("the first application's secret", secret);
    make_and_misuse(&mut run).await;
    assert!(run.secrets.len() >= LEAST, "{} secrets were made", run.secrets.len());

    let entries = run.entries().await;
    for kind in ["sapi", "fapi", "mgmt_api_read", "seccft", "feccft"] {
        assert!(entries.iter().filter(|entry| entry["type"] == kind).count() > 1, "{kind}");
    }
    let (good, log) = server.stop();
    assert!(good && log.contains("\"ready\"") && log.contains("\"DEBUG\""), "{log}");
    // Bad requests are the caller's affair.
    assert!(!log.contains("\"WARN\"") && !log.contains("\"ERROR\""), "{log}");
    let mut searched = vec![
        ("the audit log".to_owned(), serde_json::to_string(&entries).unwrap()),
        ("the log".to_owned(), log),
        ("the store".to_owned(), place.at_rest(&data).await),
    ];
    searched.extend(run.answers.into_iter().map(|(what, answer)| (format!("the answer to {what}"), answer)));
    let master = std::fs::read_to_string(data.join("master.key")).unwrap();
    run.secrets.push(("the master key".to_owned(), master.trim().to_owned()));
    let found: Vec<String> =
        searched.iter().flat_map(|(place, text)| places::found(place, text, &run.secrets)).collect();
    assert!(found.is_empty(), "{} leaks:\n{}", found.len(), found.join("\n"));
}

#[tokio::test]
async fn no_secret_reaches_a_log_an_error_an_entry_or_the_store() {
    nothing_is_shown(places::Place::Files).await;
}

#[tokio::test]
async fn no_secret_reaches_a_log_an_error_an_entry_or_postgres() {
    let Some(url) = fresh_schema().await else { return };
    nothing_is_shown(places::Place::Database(url)).await;
}
