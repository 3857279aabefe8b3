//! How a recorded answer and the one here differ.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

/// What no two servers have in common: ids, times, hosts, key material, and how much else a shared tenant has.
const IGNORED: [&str; 17] = [
    "id",
    "kid",
    "cred_id",
    "client_id",
    "client_secret",
    "signing_secret",
    "signing_keys",
    "thumbprint_sha256",
    "pem",
    "tenant",
    "created_at",
    "updated_at",
    "next",
    "total",
    "length",
    "start",
    "request_id",
];

/// What the original has always shown since, and did not when some of the cassettes were made.
const SHOWN_SINCE: [&str; 2] = ["subject_type_authorization", "cross_origin_authentication"];
/// A recorded list of so many entries may go on behind them.
const PAGE: usize = 50;

/// What tells an entry of a list from another: what lists of things have. Other lists are compared by their places.
pub(super) fn id_of(body: &Value) -> Option<&str> {
    let is_grant = body.get("audience").is_some();
    let id = body.get("client_id").filter(|_| !is_grant).filter(|_| body.get("identifier").is_none());
    id.or_else(|| body.get("id")).or_else(|| body.get("user_id"))?.as_str()
}

/// The list that an answer is, or has.
pub(super) fn list(body: &Value) -> Option<&Vec<Value>> {
    let names = ["resource_servers", "clients", "client_grants", "roles", "permissions", "users"];
    let named = || names.iter().find_map(|name| body.get(name)?.as_array());
    body.as_array().or_else(named)
}

/// Which ids there are here for recorded ones, and whether the recorder left bodies as they were.
pub(super) struct Comparison<'c> {
    pub(super) ids: &'c BTreeMap<String, String>,
    pub(super) raw: bool,
    /// Whether the entries of a list come in an order that the contract promises.
    pub(super) ordered: bool,
}

impl Comparison<'_> {
    /// All parts in which they differ.
    pub(super) fn of(&self, recorded: &Value, here: &Value) -> Vec<String> {
        let mut found = Vec::new();
        match (list(recorded), list(here)) {
            (Some(recorded), Some(here)) if recorded.iter().chain(here).any(|one| id_of(one).is_some()) => {
                self.lists(recorded, here, &mut found);
            }
            (Some(recorded), Some(here)) => self.arrays("", recorded, here, &mut found),
            _ => self.values("", recorded, here, &mut found),
        }
        found
    }

    /// Of a shared tenant's list, what this cassette made itself, or found.
    fn lists(&self, recorded: &[Value], here: &[Value], found: &mut Vec<String>) {
        let is_ours = |id: &str| self.ids.values().any(|known| known == id);
        let wanted: Vec<&Value> = recorded.iter().filter(|one| id_of(one).is_some_and(is_ours)).collect();
        let mut shown: Vec<&Value> = here.iter().filter(|one| id_of(one).is_some_and(is_ours)).collect();
        if recorded.len() >= PAGE {
            shown.retain(|one| wanted.iter().any(|other| id_of(one) == id_of(other)));
        }
        if !self.ordered {
            shown.sort_by_key(|one| wanted.iter().position(|other| id_of(one) == id_of(other)));
        }
        let names = |list: &[&Value]| list.iter().map(|one| id_of(one).map(str::to_owned)).collect::<Vec<_>>();
        if names(&wanted) == names(&shown) {
            wanted.iter().zip(shown).for_each(|(wanted, shown)| self.values("", wanted, shown, found));
        } else {
            found.push(format!("the list has {:?} instead of {:?}", names(&shown), names(&wanted)));
        }
    }

    fn arrays(&self, path: &str, recorded: &[Value], here: &[Value], found: &mut Vec<String>) {
        if recorded.len() != here.len() {
            found.push(format!("{path} has {} entries instead of {}", here.len(), recorded.len()));
            return;
        }
        for (at, (recorded, here)) in recorded.iter().zip(here).enumerate() {
            self.values(&format!("{path}[{at}]"), recorded, here, found);
        }
    }

    fn values(&self, path: &str, recorded: &Value, here: &Value, found: &mut Vec<String>) {
        match (recorded, here) {
            (Value::Object(recorded), Value::Object(here)) => self.objects(path, recorded, here, found),
            (Value::Array(recorded), Value::Array(here)) => self.arrays(path, recorded, here, found),
            (Value::String(picture), Value::String(_)) if picture.contains("gravatar.com/") => {}
            _ if recorded == here => {}
            _ => found.push(format!("{path} is {here} instead of {recorded}")),
        }
    }

    fn objects(&self, path: &str, recorded: &Map<String, Value>, here: &Map<String, Value>, found: &mut Vec<String>) {
        for (name, value) in recorded.iter().filter(|(name, _)| !IGNORED.contains(&name.as_str())) {
            match here.get(name) {
                None => found.push(format!("{path}.{name} is missing, which is {value}")),
                Some(here) => self.values(&format!("{path}.{name}"), value, here, found),
            }
        }
        let known = |name: &str| IGNORED.contains(&name) || SHOWN_SINCE.contains(&name) || recorded.contains_key(name);
        for (name, value) in here.iter().filter(|(name, _)| self.raw && !known(name)) {
            found.push(format!("{path}.{name} is {value} and was not recorded"));
        }
    }
}
