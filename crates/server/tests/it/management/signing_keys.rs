//! Signing keys: what is shown of them, rotation, revocation.

use std::collections::BTreeSet;

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use base64::{
    Engine,
    prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD},
};
use http::Method;
use keyward_core::access::ManagementScope;
use serde_json::{Value, json};

use crate::{
    oauth::read,
    support::{Reply, Settings, TestApp},
};

on_both_engines!(
    what_a_key_shows,
    a_rotation_moves_every_key_one_place,
    the_next_key_is_published_before_it_signs,
    a_key_is_published_while_its_tokens_may_live,
    a_revoked_key_ends_its_tokens_at_once,
    only_a_previous_key_is_revoked,
    a_rotation_takes_both_scopes,
    two_rotations_at_once,
    private_halves_never_leave,
    an_older_store_gets_what_it_lacks,
    many_tokens_at_once,
);

impl TestApp {
    async fn rotate(&self) -> Reply {
        let reply = self.call(Method::POST, "keys/signing/rotate").send().await;
        assert_eq!(reply.status, 201, "{}", reply.body);
        reply
    }

    async fn revoke(&self, kid: &str) -> Reply {
        self.call(Method::PUT, &format!("keys/signing/{kid}/revoke")).send().await
    }

    async fn signing_keys(&self) -> Vec<Value> {
        self.get("keys/signing").send().await.body.as_array().unwrap().clone()
    }

    /// The ids of the keys in this state, oldest first.
    async fn in_state(&self, state: &str) -> Vec<String> {
        let keys = self.signing_keys().await;
        keys.iter().filter(|key| key[state] == true).map(|key| key["kid"].as_str().unwrap().to_owned()).collect()
    }

    async fn published(&self) -> Vec<Value> {
        self.get("/.well-known/jwks.json").anonymous().send().await.body["keys"].as_array().unwrap().clone()
    }
}

fn kid_of(token: &str) -> String {
    read(token).0["kid"].as_str().unwrap().to_owned()
}

async fn what_a_key_shows(t: TestApp) {
    let keys = t.signing_keys().await;
    assert_eq!(keys.len(), 2);
    let published = t.published().await;
    for (key, state) in keys.iter().zip(["current", "next"]) {
        for one in ["current", "next", "previous", "revoked"] {
            assert_eq!(key[one], one == state, "{one} in {key}");
        }
        assert_eq!(key.get("current_since").is_some(), state == "current");
        assert!(key.get("current_until").is_none() && key.get("revoked_at").is_none());
        let pem = key["cert"].as_str().unwrap();
        let lines: Vec<&str> = pem.lines().collect();
        assert_eq!((lines[0], lines[lines.len() - 1]), ("-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----"));
        let der = BASE64_STANDARD.decode(lines[1..lines.len() - 1].concat()).unwrap();
        let sha1 = digest(&SHA1_FOR_LEGACY_USE_ONLY, &der);
        let hex: Vec<String> = sha1.as_ref().iter().map(|byte| format!("{byte:02X}")).collect();
        assert_eq!((&key["fingerprint"], &key["thumbprint"]), (&json!(hex.join(":")), &json!(hex.concat())));
        bundled(key["pkcs7"].as_str().unwrap(), &der);
        let jwk = published.iter().find(|jwk| jwk["kid"] == key["kid"]).unwrap();
        assert_eq!(jwk["x5c"], json!([BASE64_STANDARD.encode(&der)]));
        assert_eq!(jwk["x5t"], BASE64_URL_SAFE_NO_PAD.encode(sha1));
        let modulus = BASE64_URL_SAFE_NO_PAD.decode(jwk["n"].as_str().unwrap()).unwrap();
        assert!(der.windows(modulus.len()).any(|part| part == modulus), "it is the certificate of this key");
        assert!(der.windows(12).any(|part| part == b"keyward.test"), "and says whose it is");
        let one = t.get(&format!("keys/signing/{}", key["kid"].as_str().unwrap())).send().await;
        assert_eq!((one.status.as_u16(), &one.body), (200, key));
    }
    let none = t.get("keys/signing/none").send().await;
    let text = "The signing key does not exist.";
    assert_eq!(
        none.body,
        json!({ "statusCode": 404, "error": "Not Found", "message": text, "errorCode": "inexistent_signing_key" })
    );
}

/// Holds a bundle against what has to be in it: a version, no digests, no data, this certificate, no signers.
fn bundled(pem: &str, certificate: &[u8]) {
    let lines: Vec<&str> = pem.lines().collect();
    assert_eq!((lines[0], lines[lines.len() - 1]), ("-----BEGIN PKCS7-----", "-----END PKCS7-----"));
    let der = BASE64_STANDARD.decode(lines[1..lines.len() - 1].concat()).unwrap();
    let part = |tag: u8, inside: &[u8]| {
        let length = u16::try_from(inside.len()).unwrap().to_be_bytes();
        let length = match inside.len() {
            0..128 => vec![length[1]],
            128..256 => vec![0x81, length[1]],
            _ => vec![0x82, length[0], length[1]],
        };
        [vec![tag], length, inside.to_vec()].concat()
    };
    let oid = |last: u8| part(6, &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, last]);
    let content = [part(2, &[1]), part(0x31, &[]), part(0x30, &oid(1)), part(0xa0, certificate), part(0x31, &[])];
    let whole = part(0x30, &[oid(2), part(0xa0, &part(0x30, &content.concat()))].concat());
    assert!(der == whole, "{pem}");
}

async fn a_rotation_moves_every_key_one_place(t: TestApp) {
    let (first, second) = (t.in_state("current").await.remove(0), t.in_state("next").await.remove(0));
    let before = t.token_with(&[ManagementScope::ReadSigningKeys]).await;
    assert_eq!(kid_of(&before), first);
    t.clock.advance(60);
    let reply = t.rotate().await;
    let third = reply.body["kid"].as_str().unwrap().to_owned();
    for (state, kids) in
        [("previous", vec![&first]), ("current", vec![&second]), ("next", vec![&third]), ("revoked", vec![])]
    {
        assert_eq!(t.in_state(state).await.iter().collect::<Vec<_>>(), kids, "{state}");
    }
    let keys = t.signing_keys().await;
    assert_eq!(reply.body["cert"], keys[2]["cert"]);
    assert_eq!(keys[0]["current_until"], keys[1]["current_since"]);
    assert_ne!(keys[0]["current_since"], keys[0]["current_until"]);
    let after = t.token_with(&[ManagementScope::ReadSigningKeys]).await;
    assert_eq!(kid_of(&after), second, "the next one signs");
    for token in [&before, &after] {
        assert_eq!(t.get("keys/signing").bearer(token).send().await.status, 200);
    }
    let entries = t.entries("sapi").await;
    let entry = entries.iter().find(|entry| entry["description"] == "Rotate the signing keys").unwrap();
    let state = |kid: &str, state: &str| json!({ "kid": kid, "state": state });
    let details = &entry["details"];
    assert_eq!(details["before"], json!([state(&first, "current"), state(&second, "next")]), "{entry}");
    let wanted = json!([state(&first, "previous"), state(&second, "current"), state(&third, "next")]);
    assert_eq!(details["after"], wanted);
    // What was published is what a restart finds.
    let t = t.restart(Settings { seed: 11, ..Settings::default() }).await;
    assert_eq!(t.get("keys/signing").bearer(&before).send().await.body, json!(keys));
}

async fn the_next_key_is_published_before_it_signs(t: TestApp) {
    let mut known: BTreeSet<String> = BTreeSet::new();
    for _ in 0..4 {
        let published = t.published().await;
        let token = t.token_with(&[]).await;
        if !known.is_empty() {
            assert!(known.contains(&kid_of(&token)), "whoever read the keys before the rotation knows it");
        }
        known = published.iter().map(|key| key["kid"].as_str().unwrap().to_owned()).collect();
        assert_eq!(published[0]["kid"], kid_of(&token), "some readers look at the first one alone");
        for kid in t.in_state("next").await.iter().chain(&t.in_state("current").await) {
            assert!(known.contains(kid) && known.contains(&format!("{kid}-ES256")));
        }
        t.rotate().await;
    }
}

async fn a_key_is_published_while_its_tokens_may_live(t: TestApp) {
    let old = t.in_state("current").await.remove(0);
    t.rotate().await;
    let ids = async || {
        let keys = t.published().await;
        keys.iter().filter(|key| key["kid"].as_str().unwrap().starts_with(&old)).count()
    };
    // As long as a token may live at most, and a day more.
    for (days, published) in [(30, 2), (1, 2)] {
        t.clock.advance(days * 86_400);
        assert_eq!(ids().await, published, "{days} days later");
    }
    assert_eq!(t.published().await.len(), 6);
    t.clock.advance(1);
    assert_eq!((ids().await, t.published().await.len()), (0, 4), "both of its halves, and nothing else");
    // It is still there for those who manage keys, who may revoke it.
    let token = t.token_with(ManagementScope::ALL).await;
    let key = t.get(&format!("keys/signing/{old}")).bearer(&token).send().await.body;
    assert_eq!(key["previous"], true);
    let revoked = t.call(Method::PUT, &format!("keys/signing/{old}/revoke")).bearer(&token).send().await;
    assert_eq!(revoked.status, 200);
}

async fn a_revoked_key_ends_its_tokens_at_once(t: TestApp) {
    let old = t.token_with(&[ManagementScope::ReadSigningKeys]).await;
    t.rotate().await;
    let new = t.token_with(ManagementScope::ALL).await;
    let kid = kid_of(&old);
    let list = |token: &str| t.get("keys/signing").bearer(token).send();
    assert_eq!(list(&old).await.status, 200, "it is remembered as good");
    t.clock.advance(60);
    let revoked = t.call(Method::PUT, &format!("keys/signing/{kid}/revoke")).bearer(&new).send().await;
    assert_eq!((revoked.status.as_u16(), &revoked.body["kid"]), (200, &json!(kid)));
    assert!(revoked.body["cert"].as_str().unwrap().starts_with("-----BEGIN CERTIFICATE-----"));
    for token in [&old, &t.token] {
        let refused = list(token).await;
        assert_eq!(refused.status, 401);
        assert_eq!(refused.body["message"], "Invalid signature received for JSON Web Token validation");
    }
    let reply = list(&new).await;
    let key = reply.body.as_array().unwrap().iter().find(|key| key["kid"] == kid).unwrap();
    assert_eq!((&key["revoked"], &key["previous"]), (&json!(true), &json!(false)));
    assert!(key["revoked_at"].as_str().unwrap() > key["current_until"].as_str().unwrap());
    assert!(!t.published().await.iter().any(|jwk| jwk["kid"].as_str().unwrap().starts_with(&kid)), "in no form");
    let logs = t.get("logs?per_page=100&q=type:sapi").bearer(&new).send().await.body;
    let revocations = |logs: &Value| {
        let all = logs.as_array().unwrap().iter();
        all.filter(|entry| entry["description"] == "Revoke a signing key").cloned().collect::<Vec<_>>()
    };
    let entries = revocations(&logs);
    assert_eq!(entries.len(), 1);
    assert_eq!(entries[0]["details"]["before"], json!({ "kid": kid, "state": "previous" }));
    assert_eq!(entries[0]["details"]["after"], json!({ "kid": kid, "state": "revoked" }));
    // Once more changes nothing, and says so in no entry.
    let again = t.call(Method::PUT, &format!("keys/signing/{kid}/revoke")).bearer(&new).send().await;
    assert_eq!((again.status.as_u16(), again.body), (200, revoked.body));
    assert_eq!(revocations(&t.get("logs?per_page=100&q=type:sapi").bearer(&new).send().await.body).len(), 1);
    // It stays so, whatever else is rotated.
    let rotated = t.call(Method::POST, "keys/signing/rotate").bearer(&new).send().await;
    assert_eq!(rotated.status, 201);
    assert_eq!(list(&old).await.status, 401);
    assert_eq!(list(&new).await.status, 200);
}

async fn only_a_previous_key_is_revoked(t: TestApp) {
    let before = t.signing_keys().await;
    for kid in [t.in_state("current").await.remove(0), t.in_state("next").await.remove(0)] {
        let refused = t.revoke(&kid).await;
        let text = "Only a previous signing key can be revoked: rotate the keys first.";
        assert_eq!(refused.body, json!({ "statusCode": 400, "error": "Bad Request", "message": text }));
    }
    assert_eq!(t.revoke("none").await.status, 404);
    assert_eq!(t.revoke(&format!("{}-ES256", t.in_state("next").await[0])).await.status, 404, "that is no key's id");
    assert_eq!(t.signing_keys().await, before);
}

async fn a_rotation_takes_both_scopes(t: TestApp) {
    let before = t.signing_keys().await;
    for scope in
        [ManagementScope::CreateSigningKeys, ManagementScope::UpdateSigningKeys, ManagementScope::ReadSigningKeys]
    {
        let token = t.token_with(&[scope]).await;
        let refused = t.call(Method::POST, "keys/signing/rotate").bearer(&token).send().await;
        assert_eq!(refused.status, 403);
        let text = "Insufficient scope, expected any of: create:signing_keys update:signing_keys";
        assert_eq!(refused.body["message"], text);
    }
    assert_eq!(t.signing_keys().await, before);
    let both = t.token_with(&[ManagementScope::CreateSigningKeys, ManagementScope::UpdateSigningKeys]).await;
    assert_eq!(t.call(Method::POST, "keys/signing/rotate").bearer(&both).send().await.status, 201);
}

async fn two_rotations_at_once(t: TestApp) {
    let (one, other) = tokio::join!(t.rotate(), t.rotate());
    assert_ne!(one.body["kid"], other.body["kid"]);
    let mut states = Vec::new();
    for state in ["previous", "current", "next"] {
        states.push(t.in_state(state).await.len());
    }
    assert_eq!(states, [2, 1, 1], "one after the other");
    let kids: BTreeSet<String> = t.signing_keys().await.iter().map(|key| key["kid"].to_string()).collect();
    assert_eq!(kids.len(), 4);
    assert_eq!(t.get("keys/signing").send().await.status, 200, "a token from before is still good");
}

async fn private_halves_never_leave(t: TestApp) {
    let rotated = t.rotate().await;
    let old = t.in_state("previous").await.remove(0);
    let mut bodies = vec![rotated.bytes, t.revoke(&old).await.bytes];
    let token = t.token_with(ManagementScope::ALL).await;
    for path in ["keys/signing", "logs?per_page=100", "/.well-known/jwks.json", "/metrics"] {
        bodies.push(t.get(path).bearer(&token).send().await.bytes);
    }
    let shown = bodies.concat();
    let view = arc_swap::Guard::into_inner(t.app.view());
    for key in view.snapshot.signing_keys() {
        // What follows the public part is private; a window of it, in each text it could be written in.
        let halves = [key.private.expose(), key.elliptic.as_ref().unwrap().expose()];
        for (half, begin) in halves.into_iter().zip([400, 36]) {
            for at in begin..begin + 3 {
                let window = &half[at..at + 24];
                for text in [BASE64_STANDARD.encode(window), BASE64_URL_SAFE_NO_PAD.encode(window)] {
                    assert!(!shown.windows(text.len()).any(|part| part == text.as_bytes()));
                }
            }
        }
        assert!(!format!("{key:?} {:?}", view.keyring).contains("MII"));
    }
}

/// A store from before this program knew certificates and elliptic curves.
async fn an_older_store_gets_what_it_lacks(t: TestApp) {
    let before = t.signing_keys().await;
    let token = t.token.clone();
    t.execute("UPDATE signing_keys SET elliptic = NULL, certificate = NULL").await;
    let t = t.restart(Settings { seed: 12, ..Settings::default() }).await;
    let after = t.get("keys/signing").bearer(&token).send().await.body.as_array().unwrap().clone();
    for (before, after) in before.iter().zip(&after) {
        assert_eq!(before["kid"], after["kid"], "the same keys");
        assert_ne!(before["fingerprint"], after["fingerprint"], "with another certificate");
    }
    assert_eq!(t.published().await.len(), 4, "both halves of both");
    let revision = t.app.revision();
    let t = t.restart(Settings { seed: 13, ..Settings::default() }).await;
    assert_eq!(t.get("keys/signing").bearer(&token).send().await.body, json!(after), "once");
    let made_root_key_or_nothing = t.app.revision().0 - revision.0;
    assert!(made_root_key_or_nothing <= 1, "a start that finds everything writes nothing");
}

/// Far more than there are threads for: everybody gets theirs, and so does who comes after.
async fn many_tokens_at_once(t: TestApp) {
    let mut all = BTreeSet::new();
    for _ in 0..2 {
        all.extend(futures_util::future::join_all((0..100).map(|_| t.token_with(&[]))).await);
    }
    assert_eq!(all.len(), 200);
}

/// What one node revoked, another refuses at once.
#[tokio::test]
async fn a_revocation_is_in_effect_on_every_node() {
    let Some(first) = TestApp::postgres().await else { return };
    let second = TestApp::on(first.place.clone(), Settings { seed: 99, ..Settings::default() }).await;
    let old = second.token_with(&[ManagementScope::ReadSigningKeys]).await;
    assert_eq!(second.get("keys/signing").bearer(&old).send().await.status, 200);
    first.rotate().await;
    let new = first.token_with(ManagementScope::ALL).await;
    assert_eq!(kid_of(&second.token_with(&[]).await), kid_of(&new), "the other node signs with the new one, too");
    let path = format!("keys/signing/{}/revoke", kid_of(&old));
    assert_eq!(first.call(Method::PUT, &path).bearer(&new).send().await.status, 200);
    assert_eq!(second.get("keys/signing").bearer(&old).send().await.status, 401);
    assert_eq!(second.get("keys/signing").bearer(&new).send().await.status, 200);
}
