//! The feed of revocations, and an API that goes by it.

mod parts;

use std::collections::BTreeMap;

use http::Method;
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use keyward_core::{access::ManagementScope, time::Clock};
use serde_json::{Value, json};

use crate::{
    oauth::{Machine, read},
    support::{PUBLIC_URL, Settings, TestApp},
};

on_both_engines!(
    the_feed_is_signed_and_says_whose_it_is,
    a_removed_permission_is_refused_in_older_tokens,
    every_way_to_remove_one_is_in_the_feed,
    a_restored_permission_leaves_the_feed,
    a_name_used_again_stays_refused_in_older_tokens,
    an_api_made_again_refuses_the_tokens_of_the_one_before,
    it_goes_on_from_a_revision,
    it_forgets_what_no_token_can_carry,
    signing_keys_are_in_it,
    what_is_not_a_request,
    a_token_of_its_own,
    deletions_of_before_are_in_it,
);

const AUDIENCE: &str = "https://api.example/";

/// From when on a token may carry a value again: one second for tokens' clocks, one for the commit, and on PostgreSQL
/// the longest lease of another node.
fn settled(t: &TestApp, at: i64) -> i64 {
    at + 2 + if t.app.store.is_shared() { 5 } else { 0 }
}

impl TestApp {
    async fn feed_with(&self, path: &str) -> (Value, Value) {
        let reply = self.get(path).send().await;
        assert_eq!(reply.status, 200, "{}", reply.body);
        assert_eq!((reply.header("content-type"), reply.header("cache-control")), ("application/jwt", "no-store"));
        read(std::str::from_utf8(&reply.bytes).unwrap())
    }

    async fn feed(&self, id: &str, since: i64) -> Value {
        self.feed_with(&format!("resource-servers/{id}/revocations?since={since}")).await.1
    }
}

/// An API as the examples have it: what it learned from the feed, and when it refuses.
#[derive(Default)]
struct Reader {
    revision: i64,
    removed: BTreeMap<String, (String, i64)>,
}

impl Reader {
    async fn read(&mut self, t: &TestApp, id: &str) -> usize {
        let mut parts = 1;
        while self.read_part(t, id).await {
            parts += 1;
        }
        parts
    }

    async fn read_part(&mut self, t: &TestApp, id: &str) -> bool {
        let feed = t.feed(id, self.revision).await;
        assert!(feed["revision"].as_i64() >= Some(self.revision), "it never goes back");
        assert_eq!(feed["since"], self.revision);
        self.revision = feed["revision"].as_i64().unwrap();
        for id in feed["restored"].as_array().unwrap() {
            self.removed.remove(id.as_str().unwrap());
        }
        for gone in feed["permissions"].as_array().unwrap() {
            let text = |name: &str| gone[name].as_str().unwrap().to_owned();
            self.removed.insert(text("id"), (text("value"), gone["removed_at"].as_i64().unwrap()));
        }
        feed["more"].as_bool().unwrap()
    }

    fn accepts(&self, token: &str, permission: &str) -> bool {
        let (_, claims) = read(token);
        let begin = claims["iat"].as_i64().unwrap();
        claims["scope"].as_str().unwrap_or_default().split(' ').any(|scope| scope == permission)
            && !self.removed.values().any(|(value, until)| value == permission && begin < *until)
    }
}

async fn token(t: &TestApp, machine: &Machine) -> String {
    let reply = t.ask_as(machine, AUDIENCE, "").await;
    assert_eq!(reply.status, 200, "{}", reply.body);
    reply.body["access_token"].as_str().unwrap().to_owned()
}

/// An API with permissions, and an application that has them all.
async fn prepared(t: &TestApp, scopes: &[&str]) -> (String, Machine) {
    let id = t.api(AUDIENCE, scopes).await;
    let machine = t.machine().await;
    t.grant(&machine, AUDIENCE, scopes).await;
    (id, machine)
}

async fn the_feed_is_signed_and_says_whose_it_is(t: TestApp) {
    let id = t.api(AUDIENCE, &["a"]).await;
    let now = t.clock.now().seconds();
    let reply = t.get(&format!("resource-servers/{id}/revocations")).send().await;
    let feed = std::str::from_utf8(&reply.bytes).unwrap();
    let (header, claims) = read(feed);
    let jwks = t.get("/.well-known/jwks.json").anonymous().send().await.body;
    let key = &jwks["keys"][0];
    assert_eq!(header, json!({ "alg": "RS256", "typ": "revocations+jwt", "kid": key["kid"] }));
    let revision = t.app.revision().0;
    assert_eq!(claims["keys"].as_array().unwrap().len(), 8, "two keys, each with four ids");
    assert_eq!(
        (&claims["iss"], &claims["aud"], &claims["iat"], &claims["exp"]),
        (&json!(PUBLIC_URL), &json!(AUDIENCE), &json!(now), &json!(now + 300))
    );
    assert_eq!((&claims["revision"], &claims["since"]), (&json!(revision), &json!(0)));
    assert_eq!((&claims["permissions"], &claims["restored"]), (&json!([]), &json!([])));
    for name in ["sub", "scope", "azp", "client_id"] {
        assert!(claims.get(name).is_none(), "it is no access token");
    }
    let mut validation = Validation::new(Algorithm::RS256);
    validation.set_audience(&[AUDIENCE]);
    validation.validate_exp = false;
    let key = DecodingKey::from_rsa_components(key["n"].as_str().unwrap(), key["e"].as_str().unwrap()).unwrap();
    assert!(jsonwebtoken::decode::<Value>(feed, &key, &validation).is_ok());
    // The management API takes it for no token of its own, whatever the audience.
    let own = t.get(&format!("resource-servers/{}/revocations", "https:%2F%2Fkeyward.test%2Fapi%2Fv2%2F")).send().await;
    let own = std::str::from_utf8(&own.bytes).unwrap();
    assert_eq!(read(own).1["aud"], format!("{PUBLIC_URL}api/v2/"));
    assert_eq!(t.get("resource-servers").bearer(own).send().await.status, 401);
}

async fn a_removed_permission_is_refused_in_older_tokens(t: TestApp) {
    let (id, machine) = prepared(&t, &["read:a", "read:b"]).await;
    let old = token(&t, &machine).await;
    let mut reader = Reader::default();
    reader.read(&t, &id).await;
    assert!(reader.accepts(&old, "read:a") && reader.accepts(&old, "read:b"));
    t.clock.advance(10);
    let at = t.clock.now().seconds();
    assert_eq!(t.delete(&format!("resource-servers/{id}/scopes/read:a")).send().await.status, 204);
    let revision = t.app.revision().0;
    reader.read(&t, &id).await;
    assert!(!reader.accepts(&old, "read:a"), "although it is signed and not over");
    assert!(reader.accepts(&old, "read:b"), "the others stay");
    let gone = &t.feed(&id, 0).await["permissions"];
    let entry = json!([{
        "id": gone[0]["id"], "value": "read:a", "removed_at": settled(&t, at), "revision": revision,
    }]);
    assert_eq!(gone, &entry);
    // What is renamed is not removed: whoever holds it holds it still.
    assert_eq!(
        t.patch(&format!("resource-servers/{id}/scopes/read:b"), json!({ "value": "read:c" })).send().await.status,
        200
    );
    assert_eq!(t.feed(&id, revision).await["permissions"], json!([]));
}

async fn every_way_to_remove_one_is_in_the_feed(t: TestApp) {
    let id = t.api(AUDIENCE, &["a", "b", "c"]).await;
    t.api("https://other.example/", &["a"]).await;
    let values = async || {
        let feed = t.feed(&id, 0).await;
        let gone = feed["permissions"].as_array().unwrap().clone();
        gone.iter().map(|gone| gone["value"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    t.delete(&format!("resource-servers/{id}/scopes/c")).send().await;
    assert_eq!(values().await, ["c"]);
    t.patch(&format!("resource-servers/{id}"), json!({ "scopes": [{ "value": "b" }] })).send().await;
    assert_eq!(values().await, ["c", "a"]);
    t.v2_data("permissions.deletePermission", json!({ "permission": "b" })).await;
    assert_eq!(values().await, ["c", "a", "b"]);
    assert_eq!(t.feed("https:%2F%2Fother.example%2F", 0).await["permissions"], json!([]), "each API has its own");
}

async fn a_restored_permission_leaves_the_feed(t: TestApp) {
    let (id, machine) = prepared(&t, &["read:a"]).await;
    let old = token(&t, &machine).await;
    t.clock.advance(10);
    t.v2_data("permissions.deletePermission", json!({ "permission": "read:a" })).await;
    let mut reader = Reader::default();
    reader.read(&t, &id).await;
    assert!(!reader.accepts(&old, "read:a"));
    t.clock.advance(10);
    t.v2_data("permissions.restorePermission", json!({ "permission": "read:a" })).await;
    assert_eq!(t.feed(&id, 0).await["permissions"], json!([]));
    assert_eq!(t.feed(&id, 0).await["restored"], json!([]), "whoever begins refuses nothing");
    reader.read(&t, &id).await;
    assert!(reader.accepts(&old, "read:a"), "it is the same permission again");
    // And once more away.
    t.v2_data("permissions.deletePermission", json!({ "permission": "read:a" })).await;
    reader.read(&t, &id).await;
    assert!(!reader.accepts(&old, "read:a"));
    // Both between two looks.
    let revision = reader.revision;
    t.v2_data("permissions.restorePermission", json!({ "permission": "read:a" })).await;
    t.v2_data("permissions.deletePermission", json!({ "permission": "read:a" })).await;
    let feed = t.feed(&id, revision).await;
    assert_eq!((feed["permissions"].as_array().unwrap().len(), &feed["restored"]), (1, &json!([])));
}

async fn a_name_used_again_stays_refused_in_older_tokens(t: TestApp) {
    let (id, machine) = prepared(&t, &["read:a"]).await;
    let old = token(&t, &machine).await;
    t.clock.advance(10);
    t.delete(&format!("resource-servers/{id}/scopes/read:a")).send().await;
    let removed = t.clock.now().seconds();
    t.post(&format!("resource-servers/{id}/scopes"), json!({ "value": "read:a" })).send().await;
    let grants = t.get(&format!("client-grants?client_id={}", machine.id)).send().await.body;
    let path = format!("client-grants/{}", grants[0]["id"].as_str().unwrap());
    assert_eq!(t.patch(&path, json!({ "scope": ["read:a"] })).send().await.status, 200);
    let mut reader = Reader::default();
    reader.read(&t, &id).await;
    assert!(!reader.accepts(&old, "read:a"), "it meant another permission");
    assert!(!reader.accepts(&token(&t, &machine).await, "read:a"), "in doubt it is one from before");
    t.clock.advance(settled(&t, removed) - removed - 1);
    assert!(!reader.accepts(&token(&t, &machine).await, "read:a"));
    t.clock.advance(1);
    let new = token(&t, &machine).await;
    assert!(reader.accepts(&new, "read:a"));
    reader.read(&t, &id).await;
    assert!(reader.accepts(&new, "read:a") && !reader.accepts(&old, "read:a"));
}

async fn an_api_made_again_refuses_the_tokens_of_the_one_before(t: TestApp) {
    let (id, machine) = prepared(&t, &["read:a", "read:b"]).await;
    t.delete(&format!("resource-servers/{id}/scopes/read:b")).send().await;
    let old = token(&t, &machine).await;
    t.clock.advance(10);
    assert_eq!(t.delete(&format!("resource-servers/{id}")).send().await.status, 204);
    let gone = t.get(&format!("resource-servers/{id}/revocations")).send().await;
    assert_eq!((gone.status.as_u16(), &gone.body["errorCode"]), (404, &json!("inexistent_resource_server")));
    let id = t.api(AUDIENCE, &["read:a"]).await;
    let mut reader = Reader::default();
    reader.read(&t, &id).await;
    assert!(!reader.accepts(&old, "read:a"), "the audience is the same, and the permission another one");
    let values: Vec<&str> = reader.removed.values().map(|(value, _)| value.as_str()).collect();
    assert_eq!(values.len(), 2, "{values:?}");
}

async fn it_goes_on_from_a_revision(t: TestApp) {
    let id = t.api(AUDIENCE, &["a", "b"]).await;
    t.delete(&format!("resource-servers/{id}/scopes/a")).send().await;
    let first = t.feed(&id, 0).await;
    let revision = first["revision"].as_i64().unwrap();
    let nothing = t.feed(&id, revision).await;
    assert_eq!((&nothing["permissions"], &nothing["keys"]), (&json!([]), &json!([])));
    t.delete(&format!("resource-servers/{id}/scopes/b")).send().await;
    let next = t.feed(&id, revision).await;
    assert_eq!(next["permissions"].as_array().unwrap().len(), 1);
    assert_eq!(next["permissions"][0]["value"], "b");
    assert_eq!(next["permissions"][0]["revision"], next["revision"]);
    let ahead = t.get(&format!("resource-servers/{id}/revocations?since=1000000")).send().await;
    assert_eq!(
        ahead.body["message"],
        "Query validation error: 'Revision 1000000 has not been reached; begin at 0 again' on property since."
    );
    assert_eq!(ahead.status, 400);
    // It is the same after a restart.
    let before = t.feed(&id, 0).await["permissions"].clone();
    let t = t.restart(Settings { seed: 21, ..Settings::default() }).await;
    assert_eq!(t.feed(&id, 0).await["permissions"], before);
}

async fn it_forgets_what_no_token_can_carry(t: TestApp) {
    let id = t.api(AUDIENCE, &["a"]).await;
    t.patch(&format!("resource-servers/{id}"), json!({ "token_lifetime": 60 })).send().await;
    t.delete(&format!("resource-servers/{id}/scopes/a")).send().await;
    // Longer than the API's tokens live now; they may have lived longer when they were issued.
    for (days, entries) in [(29, 1), (1, 0)] {
        t.clock.advance(days * 86_400);
        let token = t.token_with(&[ManagementScope::ReadRevocations]).await;
        let reply = t.get(&format!("resource-servers/{id}/revocations")).bearer(&token).send().await;
        let (_, feed) = read(std::str::from_utf8(&reply.bytes).unwrap());
        assert_eq!(feed["permissions"].as_array().unwrap().len(), entries, "{days}");
    }
}

async fn signing_keys_are_in_it(t: TestApp) {
    let id = t.api(AUDIENCE, &["a"]).await;
    let feed = t.feed(&id, 0).await;
    let current = feed["keys"][0].clone();
    assert_eq!(current["state"], "current");
    let kid = current["kid"].as_str().unwrap();
    let ids: Vec<&str> = feed["keys"].as_array().unwrap()[..4].iter().map(|key| key["kid"].as_str().unwrap()).collect();
    assert_eq!(ids, ["", "-RS512", "-PS256", "-ES256"].map(|ending| format!("{kid}{ending}")));
    assert_eq!(t.call(Method::POST, "keys/signing/rotate").send().await.status, 201);
    let feed_of = async |token: &str, since: i64| {
        let reply = t.get(&format!("resource-servers/{id}/revocations?since={since}")).bearer(token).send().await;
        read(std::str::from_utf8(&reply.bytes).unwrap())
    };
    let token = t.token_with(ManagementScope::ALL).await;
    let (header, rotated) = feed_of(&token, feed["revision"].as_i64().unwrap()).await;
    let states: Vec<&str> =
        rotated["keys"].as_array().unwrap().iter().step_by(4).map(|key| key["state"].as_str().unwrap()).collect();
    assert_eq!(states, ["previous", "current", "next"]);
    assert_eq!(header["kid"], rotated["keys"][4]["kid"], "the key that is current now signs");
    let revoked = t.call(Method::PUT, &format!("keys/signing/{kid}/revoke")).bearer(&token).send().await;
    assert_eq!(revoked.status, 200);
    let (_, last) = feed_of(&token, rotated["revision"].as_i64().unwrap()).await;
    let wanted: Vec<Value> =
        ids.iter().map(|kid| json!({ "kid": kid, "state": "revoked", "revision": last["revision"] })).collect();
    assert_eq!(last["keys"], json!(wanted), "and nothing else");
}

async fn what_is_not_a_request(t: TestApp) {
    let id = t.api(AUDIENCE, &["a"]).await;
    for query in ["since=-1", "since=x", "since=1.5", "since=", "until=3", "since=9223372036854775808"] {
        let refused = t.get(&format!("resource-servers/{id}/revocations?{query}")).send().await;
        assert_eq!((refused.status.as_u16(), &refused.body["errorCode"]), (400, &json!("invalid_query_string")));
    }
    let none = t.get("resource-servers/000000000000000000000000/revocations").send().await;
    assert_eq!(none.status, 404);
}

async fn a_token_of_its_own(t: TestApp) {
    let id = t.api(AUDIENCE, &["a"]).await;
    let token = t.token_with(&[ManagementScope::ReadRevocations]).await;
    let path = format!("resource-servers/{id}");
    assert_eq!(t.get(&format!("{path}/revocations")).bearer(&token).send().await.status, 200);
    assert_eq!(t.get(&path).bearer(&token).send().await.status, 403, "it shows the API's secret, if it has one");
}

/// Permissions and APIs that were deleted before the store wrote down by which change.
async fn deletions_of_before_are_in_it(t: TestApp) {
    let id = t.api(AUDIENCE, &["a", "b"]).await;
    t.delete(&format!("resource-servers/{id}/scopes/a")).send().await;
    t.execute("UPDATE permissions SET revision = 1 WHERE deleted_at IS NOT NULL").await;
    assert_eq!(t.feed(&id, 0).await["permissions"][0]["value"], "a");
}
