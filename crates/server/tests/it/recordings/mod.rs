//! Recorded exchanges with the original, replayed when they are there. They are not part of this project: the variable
//! KEYWARD_RECORDINGS names the file, or it lies beside the checkout. Without it, the test says that it has nothing to do.

use std::{collections::BTreeMap, path::PathBuf};

use serde_json::{Map, Value, json};

use crate::support::{PUBLIC_URL, TestApp};

mod clients;

on_both_engines!(resource_servers_answer_as_recorded, roles_answer_as_recorded);

/// Of a hundred exchanges, so many must be answered as recorded.
const WANTED: f64 = 98.0;
/// The same for roles. The others are about roles that organizations own, or show the type that some tenants show.
const WANTED_OF_ROLES: f64 = 94.9;
/// The order in which one recorder made its files on roles.
const ROLE_STEPS: [&str; 10] = [
    "create_test_api",
    "create_test_role",
    "_get_roles/",
    "_get_role/",
    "_add_role_permissions/",
    "_get_role_permissions/",
    "_remove_role_permissions/",
    "_update_role/",
    "_delete_role/",
    "delete_test_api",
];

fn recordings() -> Option<Vec<Value>> {
    let beside = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/reference/auth0-recordings.jsonl");
    let path = std::env::var_os("KEYWARD_RECORDINGS").map_or(beside, PathBuf::from);
    let Ok(text) = std::fs::read_to_string(&path) else {
        crate::support::skipped(&format!("no recordings at {}", path.display()));
        return None;
    };
    Some(text.lines().map(|line| serde_json::from_str(line).unwrap()).collect())
}

/// The tenant whose Management API a cassette asks for by its identifier.
const RECORDED_HOST: &str = "terraform-provider-auth0-dev.eu.auth0.com";

/// Whether an exchange made an API or a role.
fn is_creation(exchange: &Value) -> bool {
    let path = exchange["path"].as_str().unwrap();
    let made = if path == "/api/v2/roles" { 200 } else { 201 };
    exchange["method"] == "POST" && !path.ends_with("/permissions") && exchange["status"] == made
}

/// The role that a path is about.
fn role_of(path: &str) -> Option<&str> {
    path.strip_prefix("/api/v2/roles/")?.split('/').next()
}

/// One cassette on its way: what its ids are called here.
struct Replay<'t> {
    t: &'t TestApp,
    ids: BTreeMap<String, String>,
    created: Vec<String>,
    differences: Vec<String>,
    count: usize,
}

/// The recorders' hosts of system APIs, as ours. Other identifiers are only names.
fn ours(text: &str) -> String {
    for (suffix, path) in [("/api/v2/", "api/v2/"), ("/me/", "me/")] {
        if text.contains("auth0.com/") && text.ends_with(suffix) && text.starts_with("https://") {
            return format!("{PUBLIC_URL}{path}");
        }
    }
    text.to_owned()
}

/// A request body as it would have been sent here.
fn sent(mut body: Value) -> Value {
    if let Some(identifier) = body.get("identifier").and_then(Value::as_str) {
        body["identifier"] = ours(identifier).into();
    }
    if body["token_encryption"]["encryption_key"]["pem"].is_string() {
        // The recorders blacked the key out.
        body["token_encryption"]["encryption_key"]["pem"] = crate::management::PEM.into();
    }
    body
}

impl Replay<'_> {
    async fn run(&mut self, exchange: &Value) {
        let text = |name: &str| exchange[name].as_str().unwrap();
        let mut path = text("path").to_owned();
        if let Some(id) = path.strip_prefix("/api/v2/resource-servers/") {
            let known = self.ids.get(id).cloned();
            let here = known.unwrap_or_else(|| id.replace(RECORDED_HOST, "keyward.test"));
            path = format!("/api/v2/resource-servers/{here}");
        } else if let Some(id) = role_of(text("path")) {
            path = path.replace(id, self.ids.get(id).map_or(id, String::as_str));
        }
        if !text("query").is_empty() {
            path = format!("{path}?{}", text("query"));
        }
        let mut call = self.t.call(text("method").parse().unwrap(), &path);
        if !exchange["request_body"].is_null() {
            call = call.json(sent(exchange["request_body"].clone()));
        }
        let reply = call.send().await;
        self.count += 1;
        let place = format!("{} #{} {} {path}", text("source"), exchange["seq"], text("method"));
        if u64::from(reply.status.as_u16()) != exchange["status"].as_u64().unwrap() {
            self.differences.push(format!(
                "{place}: status {} instead of {}: {}",
                reply.status.as_u16(),
                exchange["status"],
                reply.body
            ));
            return;
        }
        if exchange["note"] == "error-body-lost" {
            return;
        }
        let raw = exchange["note"] != "sdk-reserialized";
        if let Some(difference) = self.compare(&exchange["response_body"], &reply.body, raw) {
            self.differences.push(format!("{place}: {difference}"));
        }
        if is_creation(exchange) {
            self.note_made(exchange["response_body"]["id"].as_str().unwrap(), &reply.body);
        }
    }

    fn note_made(&mut self, id: &str, here: &Value) {
        self.ids.insert(id.to_owned(), here["id"].as_str().unwrap().to_owned());
        let name = here.get("identifier").unwrap_or(&here["name"]);
        self.created.push(name.as_str().unwrap().to_owned());
    }

    /// Makes what was there before the cassette began: what it shows and never made.
    async fn set_up(&mut self, exchanges: &[Value], system: &str) {
        self.set_up_roles(exchanges).await;
        let made: Vec<&Value> =
            exchanges.iter().filter(|exchange| is_creation(exchange)).map(|e| &e["response_body"]["id"]).collect();
        for shown in exchanges.iter().map(|exchange| &exchange["response_body"]) {
            let Some(id) = shown["id"].as_str() else { continue };
            if made.contains(&&shown["id"]) || self.ids.contains_key(id) {
                continue;
            }
            if shown["name"] == "Auth0 Management API" {
                self.ids.insert(id.to_owned(), system.to_owned());
                continue;
            }
            let mut body = shown.clone();
            body.as_object_mut().unwrap().remove("id");
            let reply = self.t.post("resource-servers", body).send().await;
            assert_eq!(reply.status, 201, "{}", reply.body);
            self.ids.insert(id.to_owned(), reply.body["id"].as_str().unwrap().to_owned());
        }
    }

    /// The roles that it asks for and never made, as it shows them first.
    async fn set_up_roles(&mut self, exchanges: &[Value]) {
        let made = |id: &Value| exchanges.iter().any(|e| is_creation(e) && e["response_body"]["id"] == *id);
        let asked: Vec<&str> = exchanges.iter().filter_map(|e| role_of(e["path"].as_str().unwrap())).collect();
        for body in exchanges.iter().map(|exchange| &exchange["response_body"]) {
            let listed = body["roles"].as_array().map_or(std::slice::from_ref(body), Vec::as_slice);
            for shown in listed {
                let Some(id) = shown["id"].as_str() else { continue };
                if !asked.contains(&id) || self.ids.contains_key(id) || made(&shown["id"]) {
                    continue;
                }
                let body = json!({ "name": shown["name"], "description": shown["description"] });
                let reply = self.t.post("roles", body).send().await;
                assert_eq!(reply.status, 200, "{}", reply.body);
                self.note_made(id, &reply.body);
            }
        }
    }

    fn compare(&self, recorded: &Value, here: &Value, raw: bool) -> Option<String> {
        if let Some((recorded, here, key)) = lists(recorded, here) {
            return self.compare_lists(recorded, here, key, raw);
        }
        let (Some(recorded), Some(here)) = (recorded.as_object(), here.as_object()) else {
            return (recorded != here).then(|| format!("{here} instead of {recorded}"));
        };
        let mut recorded = recorded.clone();
        if let Some(identifier) = recorded.get("identifier").and_then(Value::as_str).map(ours) {
            recorded.insert("identifier".to_owned(), identifier.into());
        }
        compare_objects(&recorded, here, raw)
    }

    /// Of a shared tenant's list, what this cassette made itself.
    fn compare_lists(&self, recorded: &Value, here: &Value, key: &str, raw: bool) -> Option<String> {
        for recorded in recorded.as_array().unwrap() {
            let identifier = ours(recorded[key].as_str().unwrap());
            if !self.created.contains(&identifier) {
                continue;
            }
            let found = here.as_array().unwrap().iter().find(|one| one[key] == identifier.as_str());
            let Some(found) = found else { return Some(format!("{identifier} is not in the list")) };
            let difference = self.compare(recorded, found, raw);
            if difference.is_some() {
                return difference;
            }
        }
        // Roles are in the order of their names, in both lists.
        let known = |list: &Value| -> Vec<Value> {
            let names = list.as_array().unwrap().iter().map(|one| one[key].clone());
            names.filter(|name| self.created.iter().any(|known| name == known)).collect()
        };
        let (wanted, found) = (known(recorded), known(here));
        (key == "name" && wanted != found).then(|| format!("{found:?} instead of {wanted:?}"))
    }
}

/// Lists of objects with ids, with totals or alone, and what tells one object from another.
fn lists<'v>(recorded: &'v Value, here: &'v Value) -> Option<(&'v Value, &'v Value, &'static str)> {
    for (plural, key) in [("resource_servers", "identifier"), ("roles", "name")] {
        if let (Some(recorded), Some(here)) = (recorded.get(plural), here.get(plural)) {
            return Some((recorded, here, key));
        }
    }
    let alone = here.is_array() && recorded.get(0).is_some_and(|first| first["id"].is_string());
    alone.then_some((recorded, here, "name"))
}

fn compare_objects(recorded: &Map<String, Value>, here: &Map<String, Value>, raw: bool) -> Option<String> {
    for (name, wanted) in recorded {
        if matches!(name.as_str(), "id" | "signing_secret" | "client_id") {
            continue;
        }
        let mut wanted = wanted.clone();
        let mut found = here.get(name).cloned().unwrap_or_default();
        for side in [&mut wanted, &mut found] {
            if let Some(key) = side.get_mut("encryption_key").and_then(Value::as_object_mut) {
                key.remove("thumbprint_sha256");
            }
        }
        if wanted != found {
            return Some(format!("{name} is {found} instead of {wanted}"));
        }
    }
    // Cassettes from before 2025 do not know this field, which the original has always returned since.
    let extra = here.keys().find(|name| {
        !recorded.contains_key(*name) && !matches!(name.as_str(), "subject_type_authorization" | "signing_secret")
    });
    extra.filter(|_| raw).map(|name| format!("{name} is there and was not recorded"))
}

async fn resource_servers_answer_as_recorded(t: TestApp) {
    let Some(exchanges) = recordings() else { return };
    let mut cassettes = cassettes(exchanges, |path| path.starts_with("/api/v2/resource-servers"));
    cassettes.retain(|cassette| !cassette.is_empty());
    replay(&t, &cassettes, (400, WANTED)).await;
}

/// With the APIs whose permissions they give. The members of roles are another matter.
async fn roles_answer_as_recorded(t: TestApp) {
    let Some(exchanges) = recordings() else { return };
    let is_role = |path: &str| path.starts_with("/api/v2/roles") && !path.ends_with("/users");
    let mut cassettes = cassettes(exchanges, |path| is_role(path) || path.starts_with("/api/v2/resource-servers"));
    cassettes.retain(|cassette| cassette.iter().any(|exchange| is_role(exchange["path"].as_str().unwrap())));
    replay(&t, &cassettes, (500, WANTED_OF_ROLES)).await;
}

/// The exchanges on these paths, by cassette. One recorder has a file for each exchange; those belong together.
fn cassettes(exchanges: Vec<Value>, wanted: impl Fn(&str) -> bool) -> Vec<Vec<Value>> {
    let mut cassettes: Vec<(String, Vec<Value>)> = Vec::new();
    for exchange in exchanges {
        if !wanted(exchange["path"].as_str().unwrap()) {
            continue;
        }
        let source = exchange["source"].as_str().unwrap();
        let (folder, step) = source.split_once("Auth0_Api_V2_Roles/").unwrap_or((source, ""));
        let mut exchange = exchange.clone();
        exchange["step"] = ROLE_STEPS.iter().position(|known| step.starts_with(known)).into();
        match cassettes.last_mut() {
            Some((last, list)) if *last == folder => list.push(exchange),
            _ => cassettes.push((folder.to_owned(), vec![exchange])),
        }
    }
    let mut cassettes: Vec<Vec<Value>> = cassettes.into_iter().map(|(_, list)| list).collect();
    for cassette in &mut cassettes {
        cassette.sort_by_key(|exchange| exchange["step"].as_u64());
    }
    cassettes
}

/// Replays each cassette on an empty server. So many exchanges there must be, and so many of a hundred alike.
async fn replay(t: &TestApp, cassettes: &[Vec<Value>], (least, wanted): (usize, f64)) {
    let system = t.get("resource-servers?per_page=1").send().await.body[0]["id"].as_str().unwrap().to_owned();
    let (mut count, mut differences) = (0, Vec::new());
    for exchanges in cassettes {
        let mut replay = Replay { t, ids: BTreeMap::new(), created: vec![], differences: vec![], count: 0 };
        replay.set_up(exchanges, &system).await;
        for exchange in exchanges {
            replay.run(exchange).await;
        }
        count += replay.count;
        differences.extend(replay.differences);
        // The next cassette begins on an empty server.
        for api in t.get("resource-servers?per_page=100").send().await.body.as_array().unwrap().iter().skip(1) {
            t.delete(&format!("resource-servers/{}", api["id"].as_str().unwrap())).send().await;
        }
        for role in t.get("roles?per_page=100").send().await.body.as_array().unwrap() {
            t.delete(&format!("roles/{}", role["id"].as_str().unwrap())).send().await;
        }
    }
    for difference in &differences {
        eprintln!("{difference}");
    }
    #[expect(clippy::cast_precision_loss, reason = "a few hundred exchanges")]
    let same = 100.0 * (count - differences.len()) as f64 / count as f64;
    eprintln!("{} of {count} recorded exchanges were answered alike ({same:.1} %)", count - differences.len());
    assert!(count > least && same >= wanted, "{same:.1} %");
}
