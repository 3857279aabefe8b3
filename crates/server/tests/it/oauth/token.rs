//! What a token says, in each dialect and with each algorithm.

use base64::{Engine, prelude::BASE64_STANDARD};
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use keyward_core::time::Clock;
use keyward_server::token_log;
use serde_json::{Value, json};

use super::{Machine, read};
use crate::support::{PUBLIC_URL, TestApp};

on_both_engines!(
    an_application_gets_what_it_was_granted,
    what_was_prepared_for_one_token_is_no_other_ones,
    each_dialect_has_its_claims,
    each_algorithm_verifies_with_what_is_published,
    the_secret_comes_in_one_of_two_ways,
    a_form_is_as_good_as_json,
    tokens_are_in_the_audit_log,
    without_an_entry_there_is_no_token,
    a_management_token_manages,
);

const AUDIENCE: &str = "https://api.example/";

async fn an_application_gets_what_it_was_granted(t: TestApp) {
    t.api(AUDIENCE, &["read:a", "read:b", "read:c"]).await;
    let machine = t.machine().await;
    t.grant(&machine, AUDIENCE, &["read:a", "read:b"]).await;
    let reply = t.ask_as(&machine, AUDIENCE, "").await;
    assert_eq!(reply.status, 200, "{}", reply.body);
    assert_eq!(reply.header("cache-control"), "no-store");
    assert_eq!(reply.header("pragma"), "no-cache");
    let token = reply.body["access_token"].as_str().unwrap();
    assert_eq!(
        reply.body,
        json!({ "access_token": token, "token_type": "Bearer", "expires_in": 86400, "scope": "read:a read:b" })
    );
    let reply = t.ask_as(&machine, AUDIENCE, "read:b").await;
    assert_eq!(reply.body["scope"], "read:b", "less than everything");
    let (_, claims) = read(reply.body["access_token"].as_str().unwrap());
    assert_eq!(claims["scope"], "read:b");
    t.api("https://empty.example/", &[]).await;
    t.grant(&machine, "https://empty.example/", &[]).await;
    let reply = t.ask_as(&machine, "https://empty.example/", "").await;
    assert_eq!(reply.status, 200, "a grant of nothing still opens the API");
    assert!(reply.body.get("scope").is_none());
    assert!(read(reply.body["access_token"].as_str().unwrap()).1.get("scope").is_none());
}

async fn what_was_prepared_for_one_token_is_no_other_ones(t: TestApp) {
    let id = t.api(AUDIENCE, &["a", "b"]).await;
    let (machine, other, stranger) = (t.machine().await, t.machine().await, t.machine().await);
    t.grant(&machine, AUDIENCE, &["a", "b"]).await;
    t.grant(&other, AUDIENCE, &["b"]).await;
    let server = format!("resource-servers/{id}");
    let es = json!({ "signing_alg": "ES256", "token_dialect": "rfc9068_profile" });
    for (settings, lifetime) in
        [(json!({ "token_lifetime": 100 }), 100), (es, 100), (json!({ "token_lifetime": 7 }), 7)]
    {
        assert_eq!(t.patch(&server, settings).send().await.status, 200);
        let mut before = Value::Null;
        for round in 0..3 {
            t.clock.advance(1);
            for (asks, scope, granted) in [
                (&machine, "", "a b"),
                (&machine, "b", "b"),
                (&machine, " b ", "b"),
                (&other, "", "b"),
                (&other, "b", "b"),
            ] {
                let reply = t.ask_as(asks, AUDIENCE, scope).await;
                let shown = (reply.body["scope"].as_str(), reply.body["expires_in"].as_i64());
                assert_eq!(shown, (Some(granted), Some(lifetime)), "{round} {}", reply.body);
                let (_, claims) = read(reply.body["access_token"].as_str().unwrap());
                assert_eq!(
                    (&claims["sub"], &claims["scope"]),
                    (&json!(format!("{}@clients", asks.id)), &json!(granted))
                );
                assert_eq!(claims["iat"], t.clock.now().seconds());
                assert_eq!(claims["exp"], t.clock.now().seconds() + lifetime);
                assert!(claims["jti"].is_null() || claims["jti"] != before, "an id is one token's");
                before = claims["jti"].clone();
            }
            // Each of these would be a token by now, if what is known of the others' were enough.
            assert_eq!(t.ask_as(&stranger, AUDIENCE, "").await.status, 403);
            assert_eq!(t.ask_as(&other, AUDIENCE, "a").await.status, 403);
            assert_eq!(t.ask_as(&machine, "https://other.example/", "").await.status, 403);
            let forged = Machine { id: machine.id.clone(), secret: other.secret.clone() };
            assert_eq!(t.ask_as(&forged, AUDIENCE, "").await.status, 401);
        }
    }
    let kid =
        async || read(t.ask_as(&machine, AUDIENCE, "").await.body["access_token"].as_str().unwrap()).0["kid"].clone();
    let before = kid().await;
    assert_eq!(kid().await, before);
    assert_eq!(t.call(http::Method::POST, "keys/signing/rotate").send().await.status, 201);
    assert_ne!(kid().await, before, "the key that signs now");
}

async fn each_dialect_has_its_claims(t: TestApp) {
    let id = t.api(AUDIENCE, &["b", "a"]).await;
    let machine = t.machine().await;
    t.grant(&machine, AUDIENCE, &["b", "a"]).await;
    let subject = format!("{}@clients", machine.id);
    for (dialect, kind, enforced) in [
        ("access_token", "JWT", true),
        ("access_token_authz", "JWT", true),
        ("access_token_authz", "JWT", false),
        ("rfc9068_profile", "at+jwt", true),
        ("rfc9068_profile_authz", "at+jwt", true),
    ] {
        let body = json!({ "token_dialect": dialect, "enforce_policies": enforced, "token_lifetime": 600 });
        assert_eq!(t.patch(&format!("resource-servers/{id}"), body).send().await.status, 200);
        let reply = t.ask_as(&machine, AUDIENCE, "").await;
        assert_eq!(reply.body["expires_in"], 600);
        let (header, claims) = read(reply.body["access_token"].as_str().unwrap());
        assert_eq!(header["typ"], kind, "{dialect}");
        assert_eq!(header["alg"], "RS256");
        assert_eq!(header.as_object().unwrap().len(), 3);
        let begin = claims["iat"].as_i64().unwrap();
        let mut wanted = json!({
            "iss": PUBLIC_URL, "sub": subject, "aud": AUDIENCE, "iat": begin, "exp": begin + 600, "scope": "b a",
        });
        if kind == "JWT" {
            wanted["azp"] = machine.id.clone().into();
            wanted["gty"] = "client-credentials".into();
        } else {
            wanted["client_id"] = machine.id.clone().into();
            wanted["jti"] = claims["jti"].clone();
            assert_eq!(claims["jti"].as_str().unwrap().len(), 22);
        }
        if enforced && dialect.ends_with("_authz") {
            wanted["permissions"] = json!(["a", "b"]);
        }
        assert_eq!(claims, wanted, "{dialect}, enforced: {enforced}");
    }
}

/// The key of the published set with this id, for this algorithm.
fn published(keys: &Value, kid: &str, algorithm: &str) -> DecodingKey {
    let found = keys["keys"].as_array().unwrap().iter().find(|key| key["kid"] == kid).unwrap();
    assert_eq!(found["alg"], algorithm);
    let part = |name: &str| found[name].as_str().unwrap();
    if algorithm == "ES256" {
        assert_eq!((part("kty"), part("crv")), ("EC", "P-256"));
        return DecodingKey::from_ec_components(part("x"), part("y")).unwrap();
    }
    DecodingKey::from_rsa_components(part("n"), part("e")).unwrap()
}

async fn each_algorithm_verifies_with_what_is_published(t: TestApp) {
    let id = t.api(AUDIENCE, &["a"]).await;
    let machine = t.machine().await;
    t.grant(&machine, AUDIENCE, &["a"]).await;
    for (name, algorithm) in [
        ("RS256", Algorithm::RS256),
        ("RS512", Algorithm::RS512),
        ("PS256", Algorithm::PS256),
        ("ES256", Algorithm::ES256),
        ("HS256", Algorithm::HS256),
    ] {
        let path = format!("resource-servers/{id}");
        let secret = "a secret of the API, shared with it";
        let body = json!({ "signing_alg": name, "signing_secret": secret });
        assert_eq!(t.patch(&path, body).send().await.status, 200);
        let token = t.ask_as(&machine, AUDIENCE, "").await.body["access_token"].as_str().unwrap().to_owned();
        let (header, _) = read(&token);
        assert_eq!(header["alg"], name);
        let keys = t.get("/.well-known/jwks.json").anonymous().send().await.body;
        let key = if name == "HS256" {
            assert!(header.get("kid").is_none() && !keys.to_string().contains("HS256"));
            DecodingKey::from_secret(secret.as_bytes())
        } else {
            published(&keys, header["kid"].as_str().unwrap(), name)
        };
        let mut validation = Validation::new(algorithm);
        validation.set_audience(&[AUDIENCE]);
        validation.set_issuer(&[PUBLIC_URL]);
        validation.validate_exp = false;
        assert!(jsonwebtoken::decode::<Value>(&token, &key, &validation).is_ok(), "{name}");
        let other = published(&keys, keys["keys"][1]["kid"].as_str().unwrap(), "RS256");
        let mut any = validation.clone();
        any.algorithms = vec![Algorithm::RS256];
        assert!(jsonwebtoken::decode::<Value>(&token, &other, &any).is_err(), "{name}: not with the next key");
    }
}

async fn the_secret_comes_in_one_of_two_ways(t: TestApp) {
    t.api(AUDIENCE, &["a"]).await;
    let machine = t.machine().await;
    t.grant(&machine, AUDIENCE, &["a"]).await;
    let header = |secret: &str| format!("Basic {}", BASE64_STANDARD.encode(format!("{}:{secret}", machine.id)));
    let ask = |authorization: String, body: Value| {
        t.call(http::Method::POST, "/oauth/token").header("authorization", &authorization).json(body).send()
    };
    let body = || json!({ "grant_type": "client_credentials", "audience": AUDIENCE });
    let set = async |method: Value| {
        let path = format!("clients/{}", machine.id);
        assert_eq!(t.patch(&path, json!({ "token_endpoint_auth_method": method })).send().await.status, 200);
    };
    for (method, by_header, by_body) in
        [(Value::Null, 200, 200), (json!("client_secret_basic"), 200, 401), (json!("client_secret_post"), 401, 200)]
    {
        set(method.clone()).await;
        assert_eq!(ask(header(&machine.secret), body()).await.status, by_header, "{method}");
        assert_eq!(t.ask_as(&machine, AUDIENCE, "").await.status, by_body, "{method}");
    }
    set(Value::Null).await;
    let refused = ask(header("wrong"), body()).await;
    assert_eq!((refused.status.as_u16(), refused.header("www-authenticate")), (401, "Basic"));
    let mut both = body();
    both["client_secret"] = machine.secret.clone().into();
    let refused = ask(header(&machine.secret), both).await;
    assert_eq!((refused.status.as_u16(), refused.body["error"].as_str().unwrap()), (400, "invalid_request"));
}

async fn a_form_is_as_good_as_json(t: TestApp) {
    t.api(AUDIENCE, &["a", "b"]).await;
    let machine = t.machine().await;
    t.grant(&machine, AUDIENCE, &["a", "b"]).await;
    let form = |text: &str| {
        let body =
            format!("grant_type=client_credentials&client_id={}&client_secret={}&{text}", machine.id, machine.secret);
        let call = t.call(http::Method::POST, "/oauth/token").anonymous();
        call.header("content-type", "application/x-www-form-urlencoded").body(body).send()
    };
    let reply = form("audience=https%3A%2F%2Fapi.example%2F&scope=a+b&organization=").await;
    assert_eq!((reply.status.as_u16(), reply.body["scope"].as_str().unwrap()), (200, "a b"));
    assert_eq!(form("audience=x&audience=x").await.body["error"], "invalid_request");
}

async fn tokens_are_in_the_audit_log(t: TestApp) {
    t.api(AUDIENCE, &["a"]).await;
    let machine = t.machine().await;
    t.grant(&machine, AUDIENCE, &["a"]).await;
    t.ask_as(&machine, AUDIENCE, "").await;
    t.ask_as(&machine, AUDIENCE, "more").await;
    let issued = t.entries("seccft").await.into_iter().find(|entry| entry["client_id"] == machine.id.as_str()).unwrap();
    assert_eq!((issued["audience"].as_str().unwrap(), issued["scope"].as_str().unwrap()), (AUDIENCE, "a"));
    let refused = &t.entries("feccft").await[0];
    assert_eq!(refused["client_id"], machine.id.as_str());
    assert_eq!(refused["scope"], "more");
    for entry in [&issued, refused] {
        assert!(!entry.to_string().contains(&machine.secret), "{entry}");
    }
}

async fn a_management_token_manages(t: TestApp) {
    let machine = t.machine().await;
    let audience = format!("{PUBLIC_URL}api/v2/");
    t.grant(&machine, &audience, &["read:resource_servers", "read:clients"]).await;
    let token = t.ask_as(&machine, &audience, "").await.body["access_token"].as_str().unwrap().to_owned();
    assert_eq!(t.get("resource-servers").bearer(&token).send().await.status, 200);
    assert_eq!(t.post("resource-servers", json!({ "identifier": "x" })).bearer(&token).send().await.status, 403);
    let shown = t.get(&format!("clients/{}", machine.id)).bearer(&token).send().await;
    assert!(shown.body.get("client_secret").is_none(), "that takes another scope");
}

async fn without_an_entry_there_is_no_token(t: TestApp) {
    t.api(AUDIENCE, &["a"]).await;
    let machine = t.machine().await;
    t.grant(&machine, AUDIENCE, &["a"]).await;
    t.break_the_audit_log().await;
    t.ask_as(&machine, AUDIENCE, "").await;
    assert!(token_log::flush(&t.app).await.is_err());
    let reply = t.ask_as(&machine, AUDIENCE, "").await;
    assert_eq!((reply.status.as_u16(), reply.body["error"].as_str().unwrap()), (503, "temporarily_unavailable"));
    assert_eq!(reply.header("retry-after"), "1");
}
