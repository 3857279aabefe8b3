//! What was there before a cassette began: what it asks for by its id and never made, as it shows it first.

use serde_json::{Map, Value, json};

use super::{
    compare::{id_of, list},
    replay::{Replay, is_creation, own},
};
use crate::oauth::signer::Signer;

/// What applications may be made with, of what is shown of them.
const CLIENT: [&str; 23] = [
    "name",
    "description",
    "app_type",
    "callbacks",
    "allowed_logout_urls",
    "web_origins",
    "allowed_origins",
    "allowed_clients",
    "client_aliases",
    "client_metadata",
    "grant_types",
    "is_first_party",
    "oidc_conformant",
    "cross_origin_authentication",
    "custom_login_page_on",
    "initiate_login_uri",
    "is_token_endpoint_ip_header_trusted",
    "jwt_configuration",
    "native_social_login",
    "refresh_token",
    "sso",
    "sso_disabled",
    "token_endpoint_auth_method",
];
/// The same of users.
const USER: [&str; 10] = [
    "email",
    "email_verified",
    "username",
    "name",
    "given_name",
    "family_name",
    "nickname",
    "picture",
    "user_metadata",
    "app_metadata",
];

/// What of a thing may be sent to make such a thing.
fn only(shown: &Value, names: &[&str]) -> Value {
    let taken = names.iter().filter_map(|name| Some(((*name).to_owned(), shown.get(name)?.clone())));
    Value::Object(taken.collect::<Map<_, _>>())
}

/// A thing that a cassette shows: of which kind, and how.
struct Shown<'e> {
    kind: &'e str,
    id: &'e str,
    body: &'e Value,
}

/// The segments of a path after the version: kind, id, and what of it.
fn segments(exchange: &Value) -> Vec<&str> {
    exchange["path"].as_str().unwrap().split('/').skip(3).collect()
}

/// All that is shown, in its order.
fn shown(exchanges: &[Value]) -> Vec<Shown<'_>> {
    let mut all = Vec::new();
    for exchange in exchanges.iter().filter(|one| one["method"] != "POST" && one["status"] == 200) {
        let segments = segments(exchange);
        let kind = match segments.as_slice() {
            [kind] | [kind, _] => *kind,
            [_, _, kind @ ("roles" | "users")] => *kind,
            _ => continue,
        };
        let body = &exchange["response_body"];
        let entries = list(body).map_or(std::slice::from_ref(body), Vec::as_slice);
        all.extend(entries.iter().filter_map(|body| Some(Shown { kind, id: id_of(body)?, body })));
    }
    all
}

impl Replay<'_> {
    /// Makes all of it.
    pub(super) async fn set_up(&mut self, exchanges: &[Value]) {
        let made: Vec<&str> =
            exchanges.iter().filter(|one| is_creation(one)).filter_map(|one| id_of(&one["response_body"])).collect();
        let asked = |id: &str| {
            exchanges.iter().any(|one| {
                one["path"].as_str().unwrap().contains(own(id)) || one["request_body"].to_string().contains(id)
            })
        };
        for one in shown(exchanges) {
            if made.contains(&one.id) || self.ids.contains_key(one.id) || !asked(one.id) {
                continue;
            }
            if one.body["name"] == "Auth0 Management API" {
                self.ids.insert(one.id.to_owned(), self.system.to_owned());
                continue;
            }
            // There is one from the start, with an id of its own.
            if one.body["global"] == true {
                continue;
            }
            self.make(&one, exchanges).await;
        }
        self.set_up_for_grants(exchanges).await;
        self.set_up_held(exchanges, &made).await;
    }

    /// The connection of the users: some recorders' users have usernames.
    pub(super) async fn set_up_connection(&self, exchanges: &[Value]) {
        let connection = self.t.get("connections").send().await.body[0]["id"].as_str().unwrap().to_owned();
        let has_usernames = exchanges.iter().any(|one| {
            let body = &one["response_body"];
            body["user_id"].is_string() && body["username"].is_string()
        });
        let options = json!({ "options": { "requires_username": has_usernames } });
        assert_eq!(self.t.patch(&format!("connections/{connection}"), options).send().await.status, 200);
    }

    async fn post(&self, path: &str, body: Value) -> Value {
        let reply = self.t.post(path, body).send().await;
        assert!(reply.status.is_success(), "{path}: {}", reply.body);
        reply.body
    }

    async fn make(&mut self, one: &Shown<'_>, exchanges: &[Value]) {
        let body = match one.kind {
            "resource-servers" => {
                let mut body = self.value(one.body);
                body.as_object_mut()
                    .unwrap()
                    .retain(|name, _| !matches!(name.as_str(), "id" | "is_system" | "client_id"));
                body
            }
            "clients" => only(one.body, &CLIENT),
            "roles" => only(one.body, &["name", "description"]),
            "users" => {
                let mut body = only(one.body, &USER);
                body["user_id"] = own(one.id).into();
                body["connection"] = "Username-Password-Authentication".into();
                body["password"] = "not that of the recorders 17".into();
                body
            }
            "client-grants" => {
                self.set_up_for_grant(one.body, exchanges).await;
                let mut body = only(&self.value(one.body), &["client_id", "audience", "scope", "subject_type"]);
                if body["audience"].as_str().unwrap().ends_with("/api/v2/") {
                    // The original has more scopes than there are here, and takes no others.
                    let known = self.t.scopes(self.system).await;
                    body["scope"].as_array_mut().unwrap().retain(|scope| known.iter().any(|known| scope == known));
                }
                body
            }
            _ => return,
        };
        let here = self.post(one.kind, body).await;
        self.ids.insert(one.id.to_owned(), id_of(&here).unwrap().to_owned());
        if one.kind == "clients" {
            self.set_up_credentials(one, exchanges).await;
        }
    }

    /// The public keys that an application had, and that it proves who it is with them if it did.
    async fn set_up_credentials(&mut self, client: &Shown<'_>, exchanges: &[Value]) {
        let path = format!("clients/{}/credentials", self.ids[client.id]);
        let first = exchanges.iter().find(|one| segments(one) == ["clients", client.id, "credentials"]);
        let keys = first.filter(|one| one["method"] == "GET").and_then(|one| one["response_body"].as_array());
        for key in keys.into_iter().flatten() {
            let mut body = only(key, &["credential_type", "name"]);
            body["pem"] = Signer::one().pem().into();
            let here = self.post(&path, body).await;
            self.ids.insert(id_of(key).unwrap().to_owned(), id_of(&here).unwrap().to_owned());
        }
        if client.body["client_authentication_methods"].is_object() {
            let body = self.value(&only(client.body, &["client_authentication_methods"]));
            let reply = self.t.patch(&format!("clients/{}", self.ids[client.id]), body).send().await;
            assert_eq!(reply.status, 200, "{}", reply.body);
        }
    }

    /// The API and the application of a grant that was there.
    async fn set_up_for_grant(&mut self, grant: &Value, exchanges: &[Value]) {
        let is_made =
            exchanges.iter().any(|one| is_creation(one) && one["response_body"]["identifier"] == grant["audience"]);
        let path = format!("resource-servers/{}", encoded(self.value(&grant["audience"]).as_str().unwrap()));
        if !is_made && self.t.get(&path).send().await.status == 404 {
            self.post("resource-servers", json!({ "identifier": grant["audience"] })).await;
        }
        let Some(client) = grant["client_id"].as_str() else { return };
        let is_made = exchanges.iter().any(|one| {
            is_creation(one)
                && one["response_body"]["client_id"] == client
                && one["response_body"]["audience"].is_null()
        });
        if !is_made && !self.ids.contains_key(client) {
            let here = self.post("clients", json!({ "name": "there before" })).await;
            self.ids.insert(client.to_owned(), here["client_id"].as_str().unwrap().to_owned());
        }
    }

    async fn set_up_for_grants(&mut self, exchanges: &[Value]) {
        for one in exchanges.iter().filter(|one| one["method"] == "POST" && segments(one) == ["client-grants"]) {
            self.set_up_for_grant(&one["request_body"], exchanges).await;
        }
    }

    /// What roles and users that were there have, as it is shown before it is changed.
    async fn set_up_held(&mut self, exchanges: &[Value], made: &[&str]) {
        let mut seen: Vec<&str> = Vec::new();
        for one in exchanges {
            let path = one["path"].as_str().unwrap();
            let segments = segments(one);
            let [kind @ ("roles" | "users"), id, held] = segments.as_slice() else { continue };
            if made.iter().any(|made| own(made) == id.trim_start_matches("auth0%7C")) || seen.contains(&path) {
                continue;
            }
            seen.push(path);
            let entries = list(&one["response_body"]).cloned().unwrap_or_default();
            if one["method"] != "GET" || entries.is_empty() {
                continue;
            }
            let body = match *held {
                "permissions" => json!({ "permissions": self.permissions(&entries).await }),
                name => {
                    json!({ name: entries.iter().filter_map(id_of).map(|id| self.value(&id.into())).collect::<Vec<_>>() })
                }
            };
            self.post(&format!("{kind}/{}/{held}", self.value(&(*id).into()).as_str().unwrap()), body).await;
        }
    }

    /// The pairs that name these permissions, whose APIs are there then.
    async fn permissions(&self, entries: &[Value]) -> Vec<Value> {
        for entry in entries {
            let identifier = entry["resource_server_identifier"].as_str().unwrap();
            let path = format!("resource-servers/{}", encoded(identifier));
            let scope = json!({ "value": entry["permission_name"], "description": entry["description"] });
            match self.t.get(&path).send().await.status.as_u16() {
                404 => {
                    let name = &entry["resource_server_name"];
                    self.post("resource-servers", json!({ "identifier": identifier, "name": name, "scopes": [scope] }))
                        .await;
                }
                _ => {
                    self.t.post(&format!("{path}/scopes"), scope).send().await;
                }
            }
        }
        entries.iter().map(|entry| only(entry, &["resource_server_identifier", "permission_name"])).collect()
    }
}

fn encoded(text: &str) -> String {
    percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string()
}
