//! What an assertion has to say, and that nothing else is taken for one.

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use serde_json::{Map, Value, json};

use super::signer::{KIND, Signer};
use crate::support::{PUBLIC_URL, TestApp};

on_both_engines!(
    what_is_as_it_should_be_is_taken,
    each_single_thing_wrong_is_refused_alike,
    what_is_no_assertion_is_refused_alike,
    each_way_is_for_itself,
);

const REFUSED: (u16, &str) = (401, "Unauthorized");

/// The claims of a client, with some of them otherwise; null takes one away.
fn altered(claims: Value, changes: &Value) -> Value {
    let mut claims = claims;
    merge(claims.as_object_mut().unwrap(), changes);
    claims
}

fn merge(object: &mut Map<String, Value>, changes: &Value) {
    for (name, value) in changes.as_object().unwrap() {
        if value.is_null() {
            object.remove(name);
        } else {
            object.insert(name.clone(), value.clone());
        }
    }
}

async fn what_is_as_it_should_be_is_taken(t: TestApp) {
    let client = t.signing_machine().await;
    let kid = t.get(&format!("clients/{client}/credentials")).send().await.body[0]["kid"].clone();
    let now = t.app.clock.now().seconds();
    for (header, claims) in [
        (json!({}), json!({})),
        (json!({ "typ": "JWT", "kid": kid }), json!({})),
        (json!({ "typ": "client-authentication+jwt" }), json!({})),
        (json!({}), json!({ "aud": [PUBLIC_URL] })),
        (json!({}), json!({ "iat": null })),
        (json!({}), json!({ "iat": now + 5, "nbf": now + 5 })),
        (json!({}), json!({ "exp": now - 4, "iat": now - 60 })),
        (json!({}), json!({ "exp": now + 305 })),
        (json!({}), json!({ "exp": f64::from(i32::try_from(now).unwrap()) + 59.5 })),
        (json!({}), json!({ "jti": "é".repeat(128) })),
        // What an attacker would like to be looked at is not.
        (json!({ "jku": "https://evil.example/", "jwk": {}, "x5c": [] }), json!({ "admin": true })),
    ] {
        let head = altered(json!({ "alg": "RS256" }), &header);
        let assertion = Signer::one().sign(&head, &altered(t.claims(&client), &claims));
        let reply = t.assert(&assertion, &[]).await;
        assert_eq!(reply.status, 200, "{header} {claims}: {}", reply.body);
        assert_eq!(reply.body["scope"], "a");
    }
    let assertion = Signer::one().sign(&json!({ "alg": "RS256" }), &t.claims(&client));
    assert_eq!(t.assert(&assertion, &[("client_id", &client)]).await.status, 200, "it says who it is twice");
}

/// What is wrong, one at a time: in the header and in the claims.
fn wrongs(client: &str, other: &str, now: i64) -> Vec<(Value, Value)> {
    let endpoint = format!("{PUBLIC_URL}oauth/token");
    let headers = [
        json!({ "alg": "none" }),
        json!({ "alg": "HS256" }),
        json!({ "alg": "RS384" }),
        json!({ "alg": "RS512" }),
        json!({ "alg": "PS256" }),
        json!({ "alg": "rs256" }),
        json!({ "alg": ["RS256"] }),
        json!({ "alg": null }),
        json!({ "kid": "somebody-elses" }),
        json!({ "kid": 1 }),
        json!({ "crit": ["exp"], "exp": 1 }),
        json!({ "crit": [] }),
        json!({ "typ": "at+jwt" }),
        json!({ "typ": 1 }),
    ];
    let claims = [
        json!({ "iss": other }),
        json!({ "iss": null }),
        json!({ "iss": [client] }),
        json!({ "sub": other }),
        json!({ "sub": null }),
        json!({ "sub": format!("{client}@clients") }),
        json!({ "iss": other, "sub": other }),
        json!({ "iss": "nobody", "sub": "nobody" }),
        json!({ "aud": null }),
        json!({ "aud": endpoint }),
        json!({ "aud": [PUBLIC_URL, endpoint] }),
        json!({ "aud": [] }),
        json!({ "aud": [[PUBLIC_URL]] }),
        json!({ "aud": PUBLIC_URL.trim_end_matches('/') }),
        json!({ "exp": null }),
        json!({ "exp": "soon" }),
        json!({ "exp": now - 5, "iat": now - 60 }),
        json!({ "exp": now + 306 }),
        json!({ "exp": 1e300 }),
        json!({ "iat": now + 6 }),
        json!({ "iat": now + 5, "exp": now + 4 }),
        json!({ "iat": "now" }),
        json!({ "nbf": now + 6 }),
        json!({ "nbf": [] }),
        json!({ "jti": null }),
        json!({ "jti": "" }),
        json!({ "jti": 7 }),
        json!({ "jti": "j".repeat(129) }),
    ];
    let of_header = headers.into_iter().map(|header| (header, json!({})));
    of_header.chain(claims.into_iter().map(|claims| (json!({}), claims))).collect()
}

async fn each_single_thing_wrong_is_refused_alike(t: TestApp) {
    let client = t.signing_machine().await;
    let other = t.machine().await.id;
    for at in 0..wrongs(&client, &other, 0).len() {
        wait_now_and_then(&t, at);
        let (header, changed) = wrongs(&client, &other, t.app.clock.now().seconds()).swap_remove(at);
        let head = altered(json!({ "alg": "RS256" }), &header);
        let assertion = Signer::one().sign(&head, &altered(t.claims(&client), &changed));
        let (place, reply) = (format!("{header} {changed}"), t.assert(&assertion, &[]).await);
        let text = reply.body["error_description"].as_str().unwrap_or_default();
        assert_eq!((reply.status.as_u16(), text), REFUSED, "{place}");
        assert_eq!(reply.body["error"], "access_denied", "{place}");
        assert_eq!(reply.header("www-authenticate"), "", "{place}");
    }
    wait_now_and_then(&t, 9);
    assert_eq!(t.try_key(Signer::other(), &client).await, 401, "another one's key");
    assert_eq!(t.try_key(Signer::one(), &client).await, 200, "the test itself is right");
}

/// Ten failures in a minute would make everyone wait.
fn wait_now_and_then(t: &TestApp, attempt: usize) {
    if attempt > 0 && attempt.is_multiple_of(9) {
        t.clock.advance(60);
    }
}

async fn what_is_no_assertion_is_refused_alike(t: TestApp) {
    let client = t.signing_machine().await;
    let end = json!({ "exp": t.app.clock.now().seconds() + 290 });
    let fresh = || altered(t.claims(&client), &end);
    let good = || Signer::one().sign(&json!({ "alg": "RS256" }), &fresh());
    let (claims, header) = (fresh().to_string(), r#"{"alg":"RS256"}"#);
    let twice = |text: &str, name: &str| text.replacen('{', &format!("{{\"{name}\":\"x\","), 1);
    let long = altered(fresh(), &json!({ "padding": "x".repeat(16 * 1024) }));
    let unsigned = good();
    let (message, signature) = unsigned.rsplit_once('.').unwrap();
    let hmac = {
        // The public key as a secret: what a library does that lets the header choose.
        let message = format!(
            "{}.{}",
            BASE64_URL_SAFE_NO_PAD.encode(r#"{"alg":"HS256"}"#),
            BASE64_URL_SAFE_NO_PAD.encode(fresh().to_string())
        );
        let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, Signer::one().pem().as_bytes());
        format!("{message}.{}", BASE64_URL_SAFE_NO_PAD.encode(aws_lc_rs::hmac::sign(&key, message.as_bytes())))
    };
    let bad = [
        "x".to_owned(),
        "..".to_owned(),
        format!("{message}."),
        format!("{message}.{}", &signature[..signature.len() - 4]),
        format!("{message}.{signature}.{signature}"),
        format!("{message}.{signature}="),
        hmac,
        Signer::one().sign_text("[]", &claims),
        Signer::one().sign_text(header, "{"),
        Signer::one().sign_text(&twice(header, "alg"), &claims),
        Signer::one().sign_text(&twice(header, "x").replacen('{', "{\"x\":1,", 1), &claims),
        Signer::one().sign_text(header, &twice(&claims, "iss")),
        Signer::one().sign_text(header, &twice(&claims, "x").replacen('{', "{\"x\":1,", 1)),
        Signer::one().sign(&json!({ "alg": "RS256" }), &long),
    ];
    for (at, assertion) in bad.iter().enumerate() {
        wait_now_and_then(&t, at);
        let reply = t.assert(assertion, &[]).await;
        let text = reply.body["error_description"].as_str().unwrap_or_default();
        assert_eq!((reply.status.as_u16(), text), REFUSED, "{assertion}");
    }
    let kind = [("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:saml2-bearer")];
    assert_eq!(t.assert(&good(), &kind).await.status, 401);
    assert_eq!(t.assert(&good(), &[("client_id", "somebody else")]).await.status, 401);
    assert_eq!(t.assert(&good(), &[]).await.status, 200);
}

async fn each_way_is_for_itself(t: TestApp) {
    let client = t.signing_machine().await;
    let good = Signer::one().sign(&json!({ "alg": "RS256" }), &t.claims(&client));
    let two = t.assert(&good, &[("client_secret", "x")]).await;
    assert_eq!((two.status.as_u16(), two.body["error"].as_str().unwrap()), (400, "invalid_request"));
    let body = json!({
        "grant_type": "client_credentials", "client_assertion_type": KIND, "client_assertion": good, "audience": "x",
    });
    let call = t.call(http::Method::POST, "/oauth/token").header("authorization", "Basic eDp5").json(body);
    assert_eq!(call.send().await.status, 400, "with a header");
    for (name, text) in [
        ("client_assertion_type", "Missing required parameter: client_assertion_type"),
        ("client_assertion", "Missing required parameter: client_assertion"),
    ] {
        let reply = t.assert(&good, &[(name, "")]).await;
        assert_eq!((reply.status.as_u16(), reply.body["error_description"].as_str().unwrap()), (400, text));
    }
    assert_eq!(t.assert(&good, &[]).await.status, 200, "nothing of that used it up");
    // Whoever has a secret does not prove anything with a key, and the other way round.
    let machine = t.machine().await;
    let path = format!("clients/{}/credentials", machine.id);
    let key = json!({ "credential_type": "public_key", "pem": Signer::one().pem() });
    assert_eq!(t.post(&path, key).send().await.status, 201);
    t.grant(&machine, super::signer::AUDIENCE, &["a"]).await;
    assert_eq!(t.try_key(Signer::one(), &machine.id).await, 401, "a key that is not in use");
    assert_eq!(t.ask_as(&machine, super::signer::AUDIENCE, "").await.status, 200);
    let public = t.post("clients", json!({ "name": "spa", "token_endpoint_auth_method": "none" })).send().await;
    assert_eq!(t.try_key(Signer::one(), public.body["client_id"].as_str().unwrap()).await, 401);
}
