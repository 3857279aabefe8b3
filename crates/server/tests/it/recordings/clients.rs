//! Recorded exchanges on applications and on what they may ask for, replayed cassette by cassette.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::recordings;
use crate::{oauth::signer::Signer, support::TestApp};

on_both_engines!(clients_answer_as_recorded);

/// Of a hundred exchanges, so many must have the recorded status, and so many the recorded body.
const STATUS: f64 = 98.0;
const BODY: f64 = 98.0;
/// What no two servers have in common, and what this one does not have: the certificates of a client.
const IGNORED: [&str; 12] = [
    "id",
    "kid",
    "created_at",
    "updated_at",
    "client_id",
    "client_secret",
    "signing_keys",
    "tenant",
    "next",
    "total",
    "subject_type_authorization",
    "callback_url_template",
];

/// One cassette on its way: what its ids are called here.
struct Replay<'t> {
    t: &'t TestApp,
    ids: BTreeMap<String, String>,
}

/// The parts of a recorded value that differ from the one here.
fn difference(path: &str, recorded: &Value, here: &Value) -> Option<String> {
    match (recorded, here) {
        (Value::Object(recorded), Value::Object(here)) => {
            recorded.iter().filter(|(name, _)| !IGNORED.contains(&name.as_str())).find_map(|(name, value)| {
                difference(&format!("{path}.{name}"), value, here.get(name).unwrap_or(&Value::Null))
            })
        }
        (Value::Array(recorded), Value::Array(here)) if recorded.len() == here.len() => {
            let both = recorded.iter().zip(here).enumerate();
            both.into_iter().find_map(|(at, (recorded, here))| difference(&format!("{path}[{at}]"), recorded, here))
        }
        _ => (recorded != here).then(|| format!("{path} is {here} instead of {recorded}")),
    }
}

/// A body as it would have been sent here: the recorders blacked the keys out.
fn sent(mut body: Value) -> Value {
    if let Some(key) = body.pointer_mut("/client_authentication_methods/private_key_jwt/credentials/0/pem") {
        *key = Signer::one().pem().into();
    }
    body
}

/// The list that an answer is or has.
fn list(body: &Value) -> Option<&Vec<Value>> {
    let named = ["clients", "client_grants", "resource_servers"].iter().find_map(|name| body.get(name)?.as_array());
    body.as_array().or(named)
}

fn id_of(body: &Value) -> Option<&str> {
    body.get("client_id").filter(|_| body.get("audience").is_none()).or_else(|| body.get("id"))?.as_str()
}

impl Replay<'_> {
    /// A text with the ids that things have here.
    fn translate(&self, text: &str) -> String {
        self.ids.iter().fold(text.to_owned(), |text, (recorded, here)| text.replace(recorded.as_str(), here))
    }

    fn value(&self, value: &Value) -> Value {
        serde_json::from_str(&self.translate(&value.to_string())).unwrap()
    }

    /// Carries one out: whether the status is the recorded one, and how the body differs.
    async fn run(&mut self, exchange: &Value) -> (Option<String>, Option<String>) {
        let text = |name: &str| exchange[name].as_str().unwrap();
        let mut path = self.translate(text("path"));
        if !text("query").is_empty() {
            path = format!("{path}?{}", self.translate(text("query")));
        }
        let mut call = self.t.call(text("method").parse().unwrap(), &path);
        if !exchange["request_body"].is_null() {
            call = call.json(sent(self.value(&exchange["request_body"])));
        }
        let reply = call.send().await;
        let place = format!("{} #{} {} {path}", text("source"), exchange["seq"], text("method"));
        if u64::from(reply.status.as_u16()) != exchange["status"].as_u64().unwrap() {
            let text = format!("{place}: {} instead of {}: {}", reply.status, exchange["status"], reply.body);
            return (Some(text), None);
        }
        if exchange["note"] == "error-body-lost" {
            return (None, None);
        }
        let recorded = &exchange["response_body"];
        if exchange["method"] == "POST"
            && let (Some(id), Some(here)) = (id_of(recorded), id_of(&reply.body))
        {
            self.ids.insert(id.to_owned(), here.to_owned());
        }
        (None, self.compare(recorded, &reply.body).map(|text| format!("{place}: {text}")))
    }

    fn compare(&self, recorded: &Value, here: &Value) -> Option<String> {
        let (Some(recorded_list), Some(here_list)) = (list(recorded), list(here)) else {
            return difference("", &self.value(recorded), here);
        };
        // Of a shared tenant's list, what this cassette made itself.
        recorded_list.iter().find_map(|item| {
            let here_id = self.ids.get(id_of(item)?)?;
            let found = here_list.iter().find(|one| id_of(one) == Some(here_id));
            found.map_or_else(
                || Some(format!("{here_id} is not in the list")),
                |found| difference("", &self.value(item), found),
            )
        })
    }

    /// Makes what the cassette was recorded with and never made: the APIs that its grants are for, and applications.
    async fn set_up(&mut self, exchanges: &[Value]) {
        let made = |path: &str, name: &str| -> Vec<String> {
            let of_path = exchanges.iter().filter(|one| one["path"] == path && one["method"] == "POST");
            of_path.filter_map(|one| one["request_body"][name].as_str().map(str::to_owned)).collect()
        };
        for audience in made("/api/v2/client-grants", "audience") {
            if !made("/api/v2/resource-servers", "identifier").contains(&audience) {
                self.t.post("resource-servers", json!({ "identifier": audience })).send().await;
            }
        }
        self.set_up_shown(exchanges).await;
        for client in made("/api/v2/client-grants", "client_id") {
            let is_made = exchanges.iter().any(|one| {
                one["method"] == "POST"
                    && one["path"] == "/api/v2/clients"
                    && one["response_body"]["client_id"] == *client
            });
            if !is_made && !self.ids.contains_key(&client) {
                let reply = self.t.post("clients", json!({ "name": "there before" })).send().await;
                self.ids.insert(client, reply.body["client_id"].as_str().unwrap().to_owned());
            }
        }
    }
}

impl Replay<'_> {
    /// Makes the applications and grants that the cassette asks for by their ids, as it shows them first.
    async fn set_up_shown(&mut self, exchanges: &[Value]) {
        for exchange in exchanges {
            let path = exchange["path"].as_str().unwrap();
            let shown = &exchange["response_body"];
            let is_made = |id: &str| {
                exchanges.iter().any(|one| one["method"] == "POST" && id_of(&one["response_body"]) == Some(id))
            };
            let Some((kind, id)) = path.strip_prefix("/api/v2/").and_then(|rest| rest.split_once('/')) else {
                continue;
            };
            if !shown.is_object() || exchange["status"] != 200 || self.ids.contains_key(id) || is_made(id) {
                continue;
            }
            let reply = match kind {
                "clients" => {
                    let mut body = json!({ "name": "x" });
                    for name in ["name", "description"] {
                        if let Some(value) = shown.get(name) {
                            body[name] = value.clone();
                        }
                    }
                    self.t.post("clients", body).send().await
                }
                "client-grants" => {
                    self.t.post("resource-servers", json!({ "identifier": shown["audience"] })).send().await;
                    let client = self.t.post("clients", json!({ "name": "x" })).send().await.body["client_id"].clone();
                    self.ids
                        .insert(shown["client_id"].as_str().unwrap().to_owned(), client.as_str().unwrap().to_owned());
                    let body = json!({ "client_id": client, "audience": shown["audience"], "scope": shown["scope"] });
                    self.t.post("client-grants", body).send().await
                }
                _ => continue,
            };
            let here = id_of(&reply.body).unwrap_or_else(|| panic!("{}", reply.body)).to_owned();
            self.ids.insert(id.to_owned(), here);
        }
    }
}

async fn clients_answer_as_recorded(t: TestApp) {
    let Some(exchanges) = recordings() else { return };
    let mut cassettes: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for exchange in exchanges {
        let (path, source) = (exchange["path"].as_str().unwrap(), exchange["source"].as_str().unwrap());
        let here = ["/api/v2/clients", "/api/v2/client-grants", "/api/v2/resource-servers"];
        // A dump of a tenant shows what was there, and what systems of its own it has.
        let is_dump = source.contains("deploy-cli") || source.contains("TestClientGrant_IsSystem");
        if here.iter().any(|start| path.starts_with(start)) && !is_dump {
            cassettes.entry(source.to_owned()).or_default().push(exchange);
        }
    }
    cassettes.retain(|_, list| list.iter().any(|one| !one["path"].as_str().unwrap().starts_with("/api/v2/resource")));
    let (mut count, mut statuses, mut bodies) = (0, Vec::new(), Vec::new());
    for exchanges in cassettes.values() {
        let mut replay = Replay { t: &t, ids: BTreeMap::new() };
        replay.set_up(exchanges).await;
        for exchange in exchanges {
            let (status, body) = replay.run(exchange).await;
            statuses.extend(status);
            bodies.extend(body);
            count += 1;
        }
        for (path, key) in [("resource-servers", "id"), ("clients", "client_id")] {
            for one in t.get(&format!("{path}?per_page=100")).send().await.body.as_array().unwrap() {
                t.delete(&format!("{path}/{}", one[key].as_str().unwrap())).send().await;
            }
        }
    }
    for difference in statuses.iter().chain(&bodies) {
        eprintln!("{difference}");
    }
    #[expect(clippy::cast_precision_loss, reason = "a few hundred exchanges")]
    let share = |wrong: usize| 100.0 * (count - wrong) as f64 / count as f64;
    let (same_status, same_body) = (share(statuses.len()), share(statuses.len() + bodies.len()));
    eprintln!(
        "of {count} recorded exchanges, {same_status:.1} % have the same status and {same_body:.1} % the same body"
    );
    assert!(count > 150 && same_status >= STATUS && same_body >= BODY);
}
