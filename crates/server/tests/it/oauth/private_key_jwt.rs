//! Applications with keys of their own: what is taken away is gone at once, and nothing is good twice.

use serde_json::{Value, json};

use super::signer::{AUDIENCE, Signer};
use crate::support::{Place, Settings, TestApp, postgres::fresh_schema};

on_both_engines!(
    each_algorithm_is_that_of_its_key,
    an_assertion_is_good_once,
    old_assertions_are_forgotten,
    a_key_that_is_taken_away_fails_at_once,
    an_old_key_and_a_new_one,
    the_secret_proves_nothing_meanwhile,
    whoever_fails_too_often_waits,
    tokens_are_in_the_audit_log_and_assertions_are_not,
);

fn rs256() -> Value {
    json!({ "alg": "RS256" })
}

fn using(ids: &[&str]) -> Value {
    let keys: Vec<Value> = ids.iter().map(|id| json!({ "id": id })).collect();
    json!({ "client_authentication_methods": { "private_key_jwt": { "credentials": keys } } })
}

/// Gives a client another key, and returns its id.
async fn add(t: &TestApp, client: &str, body: Value) -> String {
    let reply = t.post(&format!("clients/{client}/credentials"), body).send().await;
    assert_eq!(reply.status, 201, "{}", reply.body);
    reply.body["id"].as_str().unwrap().to_owned()
}

async fn first_key(t: &TestApp, client: &str) -> String {
    let keys = t.get(&format!("clients/{client}/credentials")).send().await.body;
    keys[0]["id"].as_str().unwrap().to_owned()
}

async fn each_algorithm_is_that_of_its_key(t: TestApp) {
    let client = t.signing_machine().await;
    for algorithm in ["RS384", "PS256", "RS256"] {
        let body = json!({
            "credential_type": "public_key", "pem": Signer::other().pem(), "alg": algorithm,
            "kid": format!("the-key-{algorithm}"),
        });
        let id = add(&t, &client, body).await;
        assert_eq!(t.patch(&format!("clients/{client}"), using(&[&id])).send().await.status, 200);
        for used in ["RS256", "RS384", "PS256", "RS512"] {
            let assertion = Signer::other().sign(&json!({ "alg": used }), &t.claims(&client));
            let wanted = if used == algorithm { 200 } else { 401 };
            assert_eq!(t.assert(&assertion, &[]).await.status, wanted, "{used} with a key for {algorithm}");
        }
        t.clock.advance(60);
    }
}

async fn an_assertion_is_good_once(t: TestApp) {
    let client = t.signing_machine().await;
    let assertion = Signer::one().sign(&rs256(), &t.claims(&client));
    // All at the same moment, and one of them gets a token.
    let all = futures_util::future::join_all((0..8).map(|_| t.assert(&assertion, &[]))).await;
    assert_eq!(all.iter().filter(|reply| reply.status == 200).count(), 1);
    t.clock.advance(30);
    assert_eq!(t.assert(&assertion, &[]).await.status, 401);
    let mut claims = t.claims(&client);
    claims["jti"] = "chosen".into();
    assert_eq!(t.assert(&Signer::one().sign(&rs256(), &claims), &[]).await.status, 200);
    claims["exp"] = (claims["exp"].as_i64().unwrap() + 30).into();
    let again = Signer::one().sign(&rs256(), &claims);
    assert_eq!(t.assert(&again, &[]).await.status, 401, "another text with the same jti");
    // Another client may choose the same.
    let keys = json!([{ "credential_type": "public_key", "pem": Signer::other().pem() }]);
    let body = json!({
        "name": "other", "client_authentication_methods": { "private_key_jwt": { "credentials": keys } },
    });
    let other = t.post("clients", body).send().await.body["client_id"].as_str().unwrap().to_owned();
    let mut claims = t.claims(&other);
    claims["jti"] = "chosen".into();
    let reply = t.assert(&Signer::other().sign(&rs256(), &claims), &[]).await;
    assert_eq!(reply.status, 403, "it is known, and may ask for nothing: {}", reply.body);
    // What was used is used also after the program was started anew.
    let t = t.restart(Settings::default()).await;
    t.clock.advance(30);
    assert_eq!(t.assert(&again, &[]).await.status, 401);
    assert_eq!(t.try_key(Signer::one(), &client).await, 200, "the test itself is right");
}

#[tokio::test]
async fn an_assertion_is_good_once_on_all_nodes() {
    let Some(url) = fresh_schema().await else { return };
    let first = TestApp::on(Place::Database(url.clone()), Settings::default()).await;
    let second = TestApp::on(Place::Database(url), Settings { seed: 8, ..Settings::default() }).await;
    let client = first.signing_machine().await;
    for round in 0..9 {
        let assertion = Signer::one().sign(&rs256(), &first.claims(&client));
        let (here, there) = if round % 2 == 0 { (&first, &second) } else { (&second, &first) };
        assert_eq!(here.assert(&assertion, &[]).await.status, 200);
        assert_eq!(there.assert(&assertion, &[]).await.status, 401);
        first.clock.advance(30);
        second.clock.advance(30);
    }
    for _ in 0..4 {
        let assertion = Signer::one().sign(&rs256(), &first.claims(&client));
        let both = futures_util::future::join(first.assert(&assertion, &[]), second.assert(&assertion, &[])).await;
        let mut statuses = [both.0.status.as_u16(), both.1.status.as_u16()];
        statuses.sort_unstable();
        assert_eq!(statuses, [200, 401]);
    }
    let id = first_key(&first, &client).await;
    first.patch(&format!("clients/{client}"), json!({ "client_authentication_methods": null })).send().await;
    assert_eq!(second.try_key(Signer::one(), &client).await, 401, "taken away there, gone here");
    assert_eq!(first.patch(&format!("clients/{client}"), using(&[&id])).send().await.status, 200);
    assert_eq!(second.try_key(Signer::one(), &client).await, 200);
}

/// How many assertions the store remembers, counted from outside of the program.
async fn remembered(t: &TestApp) -> i64 {
    const COUNT: &str = "SELECT COUNT(*) FROM used_assertions";
    match &t.place {
        Place::Directory(path) => {
            let connection = rusqlite::Connection::open(path.join("keyward.db")).unwrap();
            connection.query_row(COUNT, [], |row| row.get(0)).unwrap()
        }
        Place::Database(url) => {
            let (client, connection) = tokio_postgres::connect(url, tokio_postgres::NoTls).await.unwrap();
            tokio::spawn(connection);
            client.query_one(COUNT, &[]).await.unwrap().get(0)
        }
    }
}

async fn old_assertions_are_forgotten(t: TestApp) {
    let client = t.signing_machine().await;
    let revision = t.app.revision();
    for _ in 0..10 {
        assert_eq!(t.try_key(Signer::one(), &client).await, 200);
    }
    assert_eq!(remembered(&t).await, 10);
    // Their end, and as much again as another node's clock may be behind.
    t.clock.advance(60 + 300 + 1);
    for _ in 0..64 {
        assert_eq!(t.try_key(Signer::one(), &client).await, 200);
    }
    assert_eq!(remembered(&t).await, 64, "those that still count");
    assert_eq!(t.app.revision(), revision, "nothing was changed by that");
}

async fn a_key_that_is_taken_away_fails_at_once(t: TestApp) {
    let client = t.signing_machine().await;
    let (path, first) = (format!("clients/{client}"), first_key(&t, &client).await);
    let body = json!({ "credential_type": "public_key", "pem": Signer::other().pem() });
    let second = add(&t, &client, body).await;
    assert_eq!(t.try_key(Signer::other(), &client).await, 401, "not in use yet");
    assert_eq!(t.patch(&path, using(&[&second])).send().await.status, 200);
    assert_eq!(t.try_key(Signer::one(), &client).await, 401, "not in use any more");
    assert_eq!(t.try_key(Signer::other(), &client).await, 200);
    // In use, and over.
    let key = format!("{path}/credentials/{second}");
    let soon = keyward_server::service::log::date(keyward_core::time::Timestamp(t.app.clock.now().0 + 10_000));
    assert_eq!(t.patch(&key, json!({ "expires_at": soon })).send().await.status, 200);
    t.clock.advance(9);
    assert_eq!(t.try_key(Signer::other(), &client).await, 200);
    t.clock.advance(1);
    assert_eq!(t.try_key(Signer::other(), &client).await, 401);
    assert_eq!(t.patch(&key, json!({ "expires_at": null })).send().await.status, 200);
    assert_eq!(t.try_key(Signer::other(), &client).await, 200);
    // Gone for good.
    assert_eq!(t.patch(&path, using(&[&first])).send().await.status, 200);
    assert_eq!(t.delete(&key).send().await.status, 204);
    assert_eq!(t.try_key(Signer::other(), &client).await, 401);
    assert_eq!(t.try_key(Signer::one(), &client).await, 200);
    assert_eq!(t.delete(&path).send().await.status, 204);
    assert_eq!(t.try_key(Signer::one(), &client).await, 401);
}

async fn an_old_key_and_a_new_one(t: TestApp) {
    let client = t.signing_machine().await;
    let first = first_key(&t, &client).await;
    let body = json!({ "credential_type": "public_key", "pem": Signer::other().pem() });
    let second = add(&t, &client, body).await;
    assert_eq!(t.patch(&format!("clients/{client}"), using(&[&first, &second])).send().await.status, 200);
    let keys = t.get(&format!("clients/{client}/credentials")).send().await.body;
    assert_eq!(t.try_key(Signer::one(), &client).await, 200, "without a kid each key is tried");
    assert_eq!(t.try_key(Signer::other(), &client).await, 200);
    for (signer, key, wanted) in [
        (Signer::one(), &keys[0], 200),
        (Signer::one(), &keys[1], 401),
        (Signer::other(), &keys[0], 401),
        (Signer::other(), &keys[1], 200),
    ] {
        let header = json!({ "alg": "RS256", "kid": key["kid"] });
        let assertion = signer.sign(&header, &t.claims(&client));
        assert_eq!(t.assert(&assertion, &[]).await.status, wanted, "with a kid that one alone");
    }
}

async fn the_secret_proves_nothing_meanwhile(t: TestApp) {
    t.api(AUDIENCE, &["a"]).await;
    let machine = t.machine().await;
    t.grant(&machine, AUDIENCE, &["a"]).await;
    let path = format!("clients/{}", machine.id);
    let body = json!({ "credential_type": "public_key", "pem": Signer::one().pem() });
    let key = add(&t, &machine.id, body).await;
    assert_eq!(t.patch(&path, using(&[&key])).send().await.status, 200);
    assert_eq!(t.ask_as(&machine, AUDIENCE, "").await.status, 401);
    let both = t.call(http::Method::POST, "/oauth/token").header(
        "authorization",
        &format!(
            "Basic {}",
            base64::Engine::encode(&base64::prelude::BASE64_STANDARD, format!("{}:{}", machine.id, machine.secret))
        ),
    );
    let reply = both.json(json!({ "grant_type": "client_credentials", "audience": AUDIENCE })).send().await;
    assert_eq!((reply.status.as_u16(), reply.header("www-authenticate")), (401, "Basic"));
    let nothing = json!({ "grant_type": "client_credentials", "audience": AUDIENCE, "client_id": machine.id });
    assert_eq!(t.ask(nothing).await.status, 401, "nobody without a proof");
    assert_eq!(t.try_key(Signer::one(), &machine.id).await, 200);
    let back = t.patch(&path, json!({ "client_authentication_methods": null })).send().await;
    assert_eq!(back.status, 200);
    assert!(back.body.get("client_authentication_methods").is_none());
    assert_eq!(t.ask_as(&machine, AUDIENCE, "").await.status, 200, "it is taken again, as it was");
    assert_eq!(t.try_key(Signer::one(), &machine.id).await, 401);
}

async fn whoever_fails_too_often_waits(t: TestApp) {
    let client = t.signing_machine().await;
    for _ in 0..10 {
        assert_eq!(t.try_key(Signer::other(), &client).await, 401);
    }
    let refused = t.assert(&Signer::one().sign(&rs256(), &t.claims(&client)), &[]).await;
    assert_eq!((refused.status.as_u16(), refused.header("retry-after")), (429, "60"));
    t.clock.advance(60);
    assert_eq!(t.try_key(Signer::one(), &client).await, 200);
    // Whoever sends the same again fails as well.
    let assertion = Signer::one().sign(&rs256(), &t.claims(&client));
    assert_eq!(t.assert(&assertion, &[]).await.status, 200);
    for _ in 0..10 {
        assert_eq!(t.assert(&assertion, &[]).await.status, 401);
    }
    assert_eq!(t.assert(&assertion, &[]).await.status, 429);
}

async fn tokens_are_in_the_audit_log_and_assertions_are_not(t: TestApp) {
    let client = t.signing_machine().await;
    let good = Signer::one().sign(&rs256(), &t.claims(&client));
    let bad = Signer::other().sign(&rs256(), &t.claims(&client));
    assert_eq!(t.assert(&good, &[]).await.status, 200);
    assert_eq!(t.assert(&bad, &[]).await.status, 401);
    assert_eq!(t.assert("unreadable", &[]).await.status, 401);
    let issued = t.entries("seccft").await.into_iter().find(|entry| entry["client_id"] == client.as_str()).unwrap();
    let refused = t.entries("feccft").await;
    assert_eq!(refused.len(), 2);
    assert_eq!(refused[1]["client_id"], client.as_str(), "who it said it was");
    for entry in refused.iter().chain([&issued]) {
        let text = entry.to_string();
        for assertion in [&good, &bad] {
            assert!(!text.contains(assertion.rsplit('.').next().unwrap()), "{text}");
        }
        assert_eq!(entry["details"]["request"]["body"]["client_assertion"], "[redacted]", "{text}");
    }
    let document = t.get("/.well-known/openid-configuration").anonymous().send().await.body;
    let methods = document["token_endpoint_auth_methods_supported"].as_array().unwrap();
    assert!(methods.contains(&json!("private_key_jwt")));
    assert_eq!(document["token_endpoint_auth_signing_alg_values_supported"], json!(["RS256", "RS384", "PS256"]));
}
