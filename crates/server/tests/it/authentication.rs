//! Who holds a token, and who only pretends to (contract: authentication).

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use keyward_core::{
    access::ManagementScope,
    model::{
        Revision,
        api::SigningAlgorithm,
        signing_key::{KeyState, SigningKey},
    },
    snapshot::{Changes, Row, Snapshot},
    time::{Clock, Timestamp},
};
use keyward_server::keyring::{self, Key, Keyring, message};
use serde_json::{Value, json};

use crate::support::{PUBLIC_URL, TestApp};

on_both_engines!(
    headers_that_are_no_token,
    tokens_that_are_not_ours,
    tokens_end,
    a_token_is_remembered_but_not_its_end
);

async fn headers_that_are_no_token(t: TestApp) {
    for header in ["", "Bearer", "Bearer ", "Basic abc", "Bearer abc", "Bearer a.b", "Bearer a.b.c.d", "a.b.c"] {
        let reply = t.get("resource-servers").header("authorization", header).send().await;
        assert_eq!(reply.status, 400, "{header:?}");
        assert_eq!(
            reply.body,
            json!({
                "statusCode": 400, "error": "Bad Request",
                "message": "Bad HTTP authentication header format", "errorCode": "Bearer",
            })
        );
    }
    let lower = t.get("resource-servers").header("authorization", &format!("bearer {}", t.token)).send().await;
    assert_eq!(lower.status, 200, "the scheme is case-insensitive (RFC 9110 §11.1)");
}

/// A keyring whose private half is not the program's.
fn foreign() -> Keyring {
    let pairs = keyring::generate().unwrap();
    let key = SigningKey {
        number: 1,
        kid: "foreign".to_owned(),
        state: KeyState::Current,
        private: pairs.rsa,
        elliptic: Some(pairs.elliptic),
        certificate: None,
        current_since: None,
        current_until: None,
        revoked_at: None,
        revision: Revision(1),
        created_at: Timestamp(0),
    };
    let rows = vec![Row::SigningKey(1, Some(Box::new(key)))];
    let snapshot = Snapshot::default().apply(Changes { revision: Revision(1), rows });
    Keyring::of(&snapshot, &Keyring::default()).unwrap()
}

fn claims(t: &TestApp) -> Value {
    let now = t.clock.now().seconds();
    json!({
        "iss": PUBLIC_URL, "sub": "someone@clients", "aud": format!("{PUBLIC_URL}api/v2/"), "iat": now, "exp": now + 600,
        "azp": "someone", "gty": "client-credentials", "scope": "read:resource_servers",
    })
}

fn with(mut claims: Value, name: &str, value: Value) -> Value {
    claims[name] = value;
    claims
}

fn parts(token: &str) -> (Value, Value, String) {
    let part = |index: usize| token.split('.').nth(index).unwrap().to_owned();
    let json = |text: String| serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(text).unwrap()).unwrap();
    (json(part(0)), json(part(1)), part(2))
}

/// A token with these claims.
fn signed(key: &Key, claims: &Value) -> String {
    let message = message(&key.begin(SigningAlgorithm::RS256, "JWT"), &claims.to_string());
    key.sign(SigningAlgorithm::RS256, message).unwrap()
}

fn join(header: &str, claims: &str, signature: &str) -> String {
    let encode = |text: &str| BASE64_URL_SAFE_NO_PAD.encode(text);
    format!("{}.{}.{signature}", encode(header), encode(claims))
}

async fn tokens_that_are_not_ours(t: TestApp) {
    let view = arc_swap::Guard::into_inner(t.app.view());
    let ours = view.keyring.current().unwrap();
    let good = signed(ours, &claims(&t));
    assert_eq!(t.get("resource-servers").bearer(&good).send().await.status, 200);
    let (header, body, signature) = parts(&good);
    let hmac = {
        // The classic confusion: HS256 with the public key as the secret.
        let header = json!({ "alg": "HS256", "typ": "JWT", "kid": ours.kid }).to_string();
        let message = join(&header, &claims(&t).to_string(), "").trim_end_matches('.').to_owned();
        let key = aws_lc_rs::hmac::Key::new(
            aws_lc_rs::hmac::HMAC_SHA256,
            view.keyring.jwks(&[], t.clock.now())["keys"][0]["n"].to_string().as_bytes(),
        );
        format!("{message}.{}", BASE64_URL_SAFE_NO_PAD.encode(aws_lc_rs::hmac::sign(&key, message.as_bytes())))
    };
    let signature_text = "Invalid signature received for JSON Web Token validation";
    let swapped = with(header.clone(), "kid", "foreign".into());
    let now = t.clock.now().seconds();
    let cases = [
        (
            "alg none",
            join(&json!({"alg": "none", "typ": "JWT", "kid": ours.kid}).to_string(), &body.to_string(), ""),
            "Invalid token",
        ),
        ("HS256", hmac, "Invalid token"),
        (
            "RS512",
            join(&with(header.clone(), "alg", "RS512".into()).to_string(), &body.to_string(), &signature),
            "Invalid token",
        ),
        (
            "crit",
            join(&with(header.clone(), "crit", json!(["exp"])).to_string(), &body.to_string(), &signature),
            "Invalid token",
        ),
        (
            "typ",
            join(&with(header.clone(), "typ", "at+jwt".into()).to_string(), &body.to_string(), &signature),
            "Invalid token",
        ),
        ("unknown kid", join(&swapped.to_string(), &body.to_string(), &signature), signature_text),
        ("foreign key", signed(foreign().current().unwrap(), &claims(&t)), signature_text),
        (
            "changed claims",
            join(
                &header.to_string(),
                &with(body.clone(), "scope", "delete:resource_servers".into()).to_string(),
                &signature,
            ),
            signature_text,
        ),
        ("no signature", join(&header.to_string(), &body.to_string(), ""), signature_text),
        ("wrong audience", signed(ours, &with(claims(&t), "aud", "https://other.example/".into())), "Invalid token"),
        (
            "audience without slash",
            signed(ours, &with(claims(&t), "aud", format!("{PUBLIC_URL}api/v2").into())),
            "Invalid token",
        ),
        ("wrong issuer", signed(ours, &with(claims(&t), "iss", "https://other.example/".into())), "Invalid token"),
        ("no expiry", signed(ours, &with(claims(&t), "exp", Value::Null)), "Invalid token"),
        ("text as expiry", signed(ours, &with(claims(&t), "exp", "soon".into())), "Invalid token"),
        ("issued later", signed(ours, &with(claims(&t), "iat", (now + 60).into())), "Invalid token"),
        ("not yet good", signed(ours, &with(claims(&t), "nbf", (now + 60).into())), "Invalid token"),
        ("unreadable", "a.b.c".to_owned(), "Invalid token"),
        ("two audiences of others", signed(ours, &with(claims(&t), "aud", json!(["a", "b"]))), "Invalid token"),
    ];
    for (case, token, message) in cases {
        let reply = t.get("resource-servers").bearer(&token).send().await;
        assert_eq!(reply.status, 401, "{case}");
        assert_eq!(
            reply.body,
            json!({
                "statusCode": 401, "error": "Unauthorized", "message": message, "attributes": {"error": message},
            }),
            "{case}"
        );
    }
    // Duplicate members make two readers see two tokens (RFC 7519 §4).
    let twice = claims(&t).to_string().replacen('{', "{\"scope\":\"\",", 1);
    let message = join(&header.to_string(), &twice, "");
    assert_eq!(t.get("resource-servers").bearer(&message).send().await.status, 401);
    let both = signed(ours, &with(claims(&t), "aud", json!([format!("{PUBLIC_URL}api/v2/"), "b"])));
    assert_eq!(t.get("resource-servers").bearer(&both).send().await.status, 200, "ours is among the audiences");
}

async fn tokens_end(t: TestApp) {
    let token = t.token_with(&[ManagementScope::ReadResourceServers]).await;
    t.clock.advance(3600 + 4);
    assert_eq!(
        t.get("resource-servers").bearer(&token).send().await.status,
        200,
        "five seconds for clocks that differ"
    );
    t.clock.advance(1);
    let reply = t.get("resource-servers").bearer(&token).send().await;
    let text = "Expired token received for JSON Web Token validation";
    assert_eq!(
        reply.body,
        json!({
            "statusCode": 401, "error": "Unauthorized", "message": text, "attributes": {"error": text},
        })
    );
}

async fn a_token_is_remembered_but_not_its_end(t: TestApp) {
    let token = t.token_with(&[ManagementScope::ReadResourceServers]).await;
    for _ in 0..3 {
        assert_eq!(t.get("resource-servers").bearer(&token).send().await.status, 200);
    }
    t.clock.advance(86_400);
    assert_eq!(t.get("resource-servers").bearer(&token).send().await.status, 401);
}
