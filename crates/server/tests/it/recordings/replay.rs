//! One cassette on its way.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{
    Difference,
    compare::{Comparison, id_of},
};
use crate::{
    oauth::signer::Signer,
    support::{PUBLIC_URL, TestApp},
};

/// The recorders' hosts in paths, where they are ours here.
const RECORDED_HOST: &str = "terraform-provider-auth0-dev.eu.auth0.com";

/// What things are called here, and where.
pub(super) struct Replay<'t> {
    pub(super) t: &'t TestApp,
    /// The id of the Management API here.
    pub(super) system: &'t str,
    /// The ids of things here by those that were recorded.
    pub(super) ids: BTreeMap<String, String>,
}

/// Whether an exchange made a thing.
pub(super) fn is_creation(exchange: &Value) -> bool {
    let segments = exchange["path"].as_str().unwrap().split('/').count();
    let is_whole = segments == 4 || exchange["path"].as_str().unwrap().ends_with("/credentials");
    exchange["method"] == "POST" && is_whole && exchange["response_body"].is_object() && exchange["status"] != 400
}

/// The part of an id that is random: users have their provider before it, which paths encode.
pub(super) fn own(id: &str) -> &str {
    id.split_once('|').map_or(id, |(_, own)| own)
}

/// A text with the recorders' hosts of system APIs as ours. Other identifiers are only names.
pub(super) fn ours(text: &str) -> String {
    for (suffix, path) in [("/api/v2/", "api/v2/"), ("/me/", "me/")] {
        if text.contains("auth0.com/") && text.ends_with(suffix) && text.starts_with("https://") {
            return format!("{PUBLIC_URL}{path}");
        }
    }
    text.to_owned()
}

/// The same in all of a value.
fn with_our_hosts(value: &mut Value) {
    match value {
        Value::String(text) => *text = ours(text),
        Value::Array(items) => items.iter_mut().for_each(with_our_hosts),
        Value::Object(fields) => fields.values_mut().for_each(with_our_hosts),
        _ => {}
    }
}

/// A request body as it would have been sent here: the recorders blacked the keys out.
fn sent(mut body: Value, answer: &Value) -> Value {
    // Users get the ids that they got then, because members of a role stand in the order of their ids.
    if let Some(id) = answer["user_id"].as_str().filter(|_| body["connection"].is_string()) {
        body["user_id"] = own(id).into();
    }
    for (place, pem) in [
        ("/client_authentication_methods/private_key_jwt/credentials/0/pem", Signer::one().pem()),
        ("/token_encryption/encryption_key/pem", crate::management::PEM.to_owned()),
        ("/pem", Signer::one().pem()),
    ] {
        if let Some(key) = body.pointer_mut(place) {
            *key = pem.into();
        }
    }
    body
}

impl<'t> Replay<'t> {
    pub(super) fn new(t: &'t TestApp, system: &'t str) -> Self {
        Self { t, system, ids: BTreeMap::new() }
    }

    /// A text with the ids that things have here.
    fn translate(&self, text: &str) -> String {
        self.ids.iter().fold(text.to_owned(), |text, (recorded, here)| text.replace(own(recorded), own(here)))
    }

    /// A value with the ids and the hosts that there are here.
    pub(super) fn value(&self, value: &Value) -> Value {
        let mut value = serde_json::from_str(&self.translate(&value.to_string())).unwrap();
        with_our_hosts(&mut value);
        value
    }

    /// The path and query of an exchange as they are here.
    fn target(&self, exchange: &Value) -> String {
        let text = |name: &str| self.translate(exchange[name].as_str().unwrap());
        let path = text("path").replace(RECORDED_HOST, "keyward.test");
        match text("query") {
            query if query.is_empty() => path,
            query => format!("{path}?{query}"),
        }
    }

    /// Carries one out, and says how the answer differs.
    pub(super) async fn run(&mut self, exchange: &Value) -> Option<Difference> {
        let target = self.target(exchange);
        let method = exchange["method"].as_str().unwrap();
        let mut call = self.t.call(method.parse().unwrap(), &target);
        if !exchange["request_body"].is_null() {
            call = call.json(sent(self.value(&exchange["request_body"]), &exchange["response_body"]));
        }
        let reply = call.send().await;
        let recorded = &exchange["response_body"];
        if is_creation(exchange)
            && let (Some(id), Some(here)) = (id_of(recorded), id_of(&reply.body))
        {
            self.ids.insert(id.to_owned(), here.to_owned());
        }
        if let (Some(next), Some(here)) = (recorded["next"].as_str(), reply.body["next"].as_str()) {
            self.ids.insert(next.to_owned(), here.to_owned());
        }
        let place = format!("{} #{} {method} {target}", exchange["source"].as_str().unwrap(), exchange["seq"]);
        let status = u64::from(reply.status.as_u16());
        if exchange["status"] != status {
            let text = format!("status {status} instead of {}: {}", exchange["status"], reply.body);
            return Some(Difference { place, texts: vec![text], is_status: true });
        }
        if exchange["note"] == "error-body-lost" {
            return None;
        }
        let path = exchange["path"].as_str().unwrap();
        // Two recorders read applications into structs of their own before they wrote them down.
        let is_rewritten = path.starts_with("/api/v2/clients")
            && ["terraform-provider", "go-auth0"].iter().any(|name| place.contains(name));
        let comparison = Comparison {
            ids: &self.ids,
            raw: exchange["note"] != "sdk-reserialized" && !is_rewritten,
            ordered: path.contains("/roles") || path.starts_with("/api/v2/resource-servers"),
        };
        let texts = comparison.of(&self.value(recorded), &reply.body);
        (!texts.is_empty()).then_some(Difference { place, texts, is_status: false })
    }
}
