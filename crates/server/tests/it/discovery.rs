//! Discovery and keys.

use serde_json::json;

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
    assert_eq!(keys.len(), 2, "the current key, and the next one ahead of its use");
    for key in &keys {
        let names: Vec<_> = key.as_object().unwrap().keys().cloned().collect();
        assert_eq!(names, ["kty", "use", "alg", "kid", "n", "e"]);
        assert_eq!(key["kid"].as_str().unwrap().len(), 21);
        assert_eq!(key["e"], json!("AQAB"));
    }
    assert_ne!(keys[0]["kid"], keys[1]["kid"]);
}
