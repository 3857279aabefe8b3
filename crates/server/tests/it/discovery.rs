//! Discovery and keys.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::support::{PUBLIC_URL, TestApp};

on_both_engines!(the_issuer_is_the_same_everywhere, only_public_halves_are_shown);

async fn the_issuer_is_the_same_everywhere(t: TestApp) {
    for path in ["/.well-known/openid-configuration", "/.well-known/oauth-authorization-server"] {
        let reply = t.get(path).anonymous().send().await;
        assert_eq!(reply.body["issuer"], PUBLIC_URL);
        assert_eq!(reply.body["jwks_uri"], format!("{PUBLIC_URL}.well-known/jwks.json"));
        assert_eq!(reply.header("access-control-allow-origin"), "*");
        assert_eq!(reply.header("content-type"), "application/json; charset=utf-8");
    }
}

async fn only_public_halves_are_shown(t: TestApp) {
    let keys = t.get("/.well-known/jwks.json").anonymous().send().await.body["keys"].as_array().unwrap().clone();
    assert_eq!(keys.len(), 4, "the current key, and the next one ahead of its use, each with both of its halves");
    let names = |key: &Value| key.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    for (rsa, elliptic) in keys[..2].iter().zip(&keys[2..]) {
        assert_eq!(names(rsa), ["kty", "use", "alg", "kid", "n", "e", "x5c", "x5t"]);
        assert_eq!(rsa["kid"].as_str().unwrap().len(), 21);
        assert_eq!((&rsa["kty"], &rsa["alg"], &rsa["e"]), (&json!("RSA"), &json!("RS256"), &json!("AQAB")));
        assert_eq!(names(elliptic), ["kty", "use", "alg", "kid", "crv", "x", "y"]);
        assert_eq!(elliptic["kid"], format!("{}-ES256", rsa["kid"].as_str().unwrap()));
        let kind = (&elliptic["kty"], &elliptic["alg"], &elliptic["crv"]);
        assert_eq!(kind, (&json!("EC"), &json!("ES256"), &json!("P-256")));
    }
    let kids: BTreeSet<_> = keys.iter().map(|key| key["kid"].to_string()).collect();
    assert_eq!(kids.len(), 4, "no id stands twice");
    // What ID tokens are signed with has nothing to do with what APIs ask for.
    let discovery = t.get("/.well-known/openid-configuration").anonymous().send().await.body;
    assert_eq!(discovery["id_token_signing_alg_values_supported"], json!(["RS256"]));
}
