use serde_json::{Value, json};

use crate::support::TestApp;

on_both_engines!(
    the_least_that_can_be_sent,
    everything_that_can_be_sent,
    an_identifier_is_taken_once,
    reserved_and_doubled_values,
    secrets_for_symmetric_algorithms,
    a_limit_when_one_is_set,
    the_sealed_pem_never_comes_back,
);

/// A public key; its private half was thrown away.
pub(crate) const PEM: &str = "-----BEGIN PUBLIC KEY-----\nMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEEVs/o5+uQbTjL3chynL4wXgUg2R9\nq9UU8I5mEovUf86QZ7kOBIjJwqnzD1omageEHWwHdBO6B+dFabmdT9POxg==\n-----END PUBLIC KEY-----\n";

const OTHER_PEM: &str = "-----BEGIN PUBLIC KEY-----\nMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEaUFNDC8LdGSPM5rqPEdBXtWPmxVF\nTmjIkrGZJYQrFuSDCEzVZ0uKoaAGjXx2BKEzJb7WVKmnyTcr/XwhC+YVOg==\n-----END PUBLIC KEY-----\n";

async fn the_least_that_can_be_sent(t: TestApp) {
    let reply = t.post("resource-servers", json!({ "identifier": "https://a.example/" })).send().await;
    assert_eq!(reply.status, 201);
    assert_eq!(reply.header("content-type"), "application/json; charset=utf-8");
    assert_eq!(reply.header("cache-control"), "no-cache");
    let id = reply.body["id"].as_str().unwrap();
    assert_eq!(id.len(), 24);
    assert!(id.bytes().all(|byte| byte.is_ascii_hexdigit() && !byte.is_ascii_uppercase()), "{id}");
    assert_eq!(
        reply.body,
        json!({
            "id": id,
            "identifier": "https://a.example/",
            "allow_offline_access": false,
            "skip_consent_for_verifiable_first_party_clients": false,
            "subject_type_authorization": {
                "client": {"policy": "require_client_grant"}, "user": {"policy": "allow_all"},
            },
            "token_lifetime": 86400,
            "token_lifetime_for_web": 7200,
            "signing_alg": "RS256",
        })
    );
}

async fn everything_that_can_be_sent(t: TestApp) {
    let body = json!({
        "identifier": "https://b.example/",
        "name": "Everything",
        "scopes": [{"value": "read:x", "description": "Read"}, {"value": "write:x", "description": ""}, {"value": "x"}],
        "signing_alg": "PS256",
        "allow_offline_access": true,
        "allow_online_access": true,
        "allow_online_access_with_ephemeral_sessions": false,
        "skip_consent_for_verifiable_first_party_clients": true,
        "token_lifetime": 2_592_000,
        "token_lifetime_for_web": 0,
        "enforce_policies": true,
        "token_dialect": "rfc9068_profile_authz",
        "subject_type_authorization": {"client": {"policy": "deny_all"}, "user": {"policy": "require_client_grant"}},
        "consent_policy": "transactional-authorization-with-mfa",
        "authorization_details": [{"type": "payment"}, {"type": "other", "limit": 3}],
        "proof_of_possession": {"mechanism": "dpop", "required": true, "required_for": "all_clients"},
        "authorization_policy": {"policy_id": "p"},
    });
    let reply = t.post("resource-servers", body.clone()).send().await;
    assert_eq!(reply.status, 201, "{}", reply.body);
    let id = reply.body["id"].as_str().unwrap();
    for (name, value) in body.as_object().unwrap() {
        assert_eq!(&reply.body[name], value, "{name}");
    }
    let read = t.get(&format!("resource-servers/{id}")).send().await;
    assert_eq!(read.body, reply.body);
    let listed = t.get("resource-servers?identifiers=https://b.example/").send().await;
    assert_eq!(listed.body[0], reply.body);
}

async fn an_identifier_is_taken_once(t: TestApp) {
    let first = t.api("https://a.example/", &["read:x"]).await;
    let reply = t.post("resource-servers", json!({ "identifier": "https://a.example/" })).send().await;
    assert_eq!(
        reply.body,
        json!({
            "statusCode": 409, "error": "Conflict", "errorCode": "resource_conflict",
            "message": "A resource server with the same identifier already exists.",
        })
    );
    assert_eq!(t.scopes(&first).await, ["read:x"]);
    // A name used again is another API and resurrects nothing.
    assert_eq!(t.delete(&format!("resource-servers/{first}")).send().await.status, 204);
    let second = t.post("resource-servers", json!({ "identifier": "https://a.example/" })).send().await;
    assert_eq!(second.status, 201);
    assert_ne!(second.body["id"], first.as_str());
    assert_eq!(second.body["scopes"], Value::Null);
    for reserved in ["keyward.test", "https://keyward.test/userinfo"] {
        let reply = t.post("resource-servers", json!({ "identifier": reserved })).send().await;
        assert_eq!(reply.status, 400);
        assert_eq!(reply.body["message"], "The selected identifier is reserved.");
    }
}

async fn reserved_and_doubled_values(t: TestApp) {
    let attempt = async |scopes: Value| {
        let reply =
            t.post("resource-servers", json!({ "identifier": "https://a.example/", "scopes": scopes })).send().await;
        assert_eq!((reply.status.as_u16(), &reply.body["errorCode"]), (400, &json!("invalid_body")), "{}", reply.body);
        reply.body["message"].as_str().unwrap().to_owned()
    };
    for reserved in [
        "address",
        "created_at",
        "email",
        "email_verified",
        "family_name",
        "given_name",
        "identities",
        "name",
        "nickname",
        "offline_access",
        "openid",
        "phone",
        "picture",
        "profile",
    ] {
        let message = attempt(json!([{"value": "read:x"}, {"value": reserved}])).await;
        let wanted =
            format!("Payload validation error: 'Scope value \"{reserved}\" is reserved' on property scopes[1].value.");
        assert_eq!(message, wanted);
    }
    let doubled = attempt(json!([{"value": "a"}, {"value": "b"}, {"value": "a", "description": "again"}])).await;
    assert_eq!(doubled, "Payload validation error: 'Array items are not unique (indexes 0 and 2)' on property scopes.");
    assert!(attempt(json!([{"value": "two words"}])).await.contains("white space"));
    assert_eq!(t.get("resource-servers?include_totals=true").send().await.body["total"], 1, "nothing was made");
}

async fn secrets_for_symmetric_algorithms(t: TestApp) {
    let made =
        t.post("resource-servers", json!({ "identifier": "https://a.example/", "signing_alg": "HS256" })).send().await;
    let secret = made.body["signing_secret"].as_str().unwrap();
    assert_eq!(secret.len(), 48, "made for it");
    let given = json!({ "identifier": "https://b.example/", "signing_secret": "sixteen letters!" });
    let given = t.post("resource-servers", given).send().await;
    assert_eq!(given.body["signing_secret"], "sixteen letters!", "kept although RS256 does not use it");
    let short = json!({ "identifier": "https://c.example/", "signing_secret": "fifteen letters" });
    assert_eq!(t.post("resource-servers", short).send().await.status, 400);
    // Whoever may not read does not learn the secret of what it creates.
    let token = t.token_with(&[keyward_core::access::ManagementScope::CreateResourceServers]).await;
    let body = json!({ "identifier": "https://d.example/", "signing_alg": "HS256" });
    let blind = t.post("resource-servers", body).bearer(&token).send().await;
    assert_eq!((blind.status.as_u16(), &blind.body["signing_secret"]), (201, &Value::Null));
    // Reading secrets is in the audit log, reading anything else is not.
    let before = t.entries("mgmt_api_read").await.len();
    assert_eq!(
        t.get(&format!("resource-servers/{}", made.body["id"].as_str().unwrap())).send().await.body["signing_secret"],
        secret
    );
    assert_eq!(t.entries("mgmt_api_read").await.len(), before + 1);
    t.get(&format!("resource-servers/{}?fields=id,name", made.body["id"].as_str().unwrap())).send().await;
    assert_eq!(t.entries("mgmt_api_read").await.len(), before + 1);
}

async fn a_limit_when_one_is_set(t: TestApp) {
    // Another seed, or ids of the first start come again.
    let mut settings = crate::support::Settings { seed: 8, ..crate::support::Settings::default() };
    settings.limits.permissions_per_api = 2;
    let t = t.restart(settings).await;
    let three =
        json!({ "identifier": "https://a.example/", "scopes": [{"value": "a"}, {"value": "b"}, {"value": "c"}] });
    let reply = t.post("resource-servers", three).send().await;
    assert_eq!(
        (reply.status.as_u16(), reply.body["message"].as_str().unwrap()),
        (403, "You reached the limit of entities of this type for this tenant.")
    );
    let id = t.api("https://a.example/", &["a", "b"]).await;
    assert_eq!(t.post(&format!("resource-servers/{id}/scopes"), json!({"value": "c"})).send().await.status, 403);
    // Whoever is above a limit that came later may still go down.
    let mut settings = crate::support::Settings::default();
    settings.limits.permissions_per_api = 1;
    settings.seed = 8;
    let t = t.restart(settings).await;
    assert_eq!(
        t.patch(&format!("resource-servers/{id}/scopes/a"), json!({"description": "A"})).send().await.status,
        200
    );
    let other = json!({ "scopes": [{"value": "b"}, {"value": "c"}] });
    assert_eq!(t.patch(&format!("resource-servers/{id}"), other).send().await.status, 200);
}

async fn the_sealed_pem_never_comes_back(t: TestApp) {
    let key = |pem: &str| json!({ "format": "compact-nested-jwe", "encryption_key": {"name": "k", "alg": "RSA-OAEP-256", "pem": pem} });
    let body = json!({ "identifier": "https://a.example/", "token_encryption": key(PEM) });
    let reply = t.post("resource-servers", body).send().await;
    assert_eq!(reply.status, 201, "{}", reply.body);
    let shown = &reply.body["token_encryption"]["encryption_key"];
    assert_eq!(shown["pem"], Value::Null);
    assert_eq!(shown["thumbprint_sha256"].as_str().unwrap().len(), 43);
    let path = format!("resource-servers/{}", reply.body["id"].as_str().unwrap());
    let mut named = key(PEM);
    named["encryption_key"]["kid"] = "mine".into();
    let reply = t.patch(&path, json!({ "token_encryption": named.clone() })).send().await;
    // Another key under the same id is another key in the audit log.
    let mut replaced = named.clone();
    replaced["encryption_key"]["pem"] = OTHER_PEM.into();
    t.patch(&path, json!({ "token_encryption": replaced })).send().await;
    let entry = t.get("logs?per_page=1").send().await.body[0]["details"].clone();
    let print = |side: &str| {
        entry[side]["token_encryption"]["encryption_key"]["thumbprint_sha256"].as_str().unwrap().to_owned()
    };
    assert_ne!(print("before"), print("after"));
    let shown = &reply.body["token_encryption"]["encryption_key"];
    assert_eq!((&shown["kid"], &shown["thumbprint_sha256"]), (&json!("mine"), &Value::Null));
    let bad = t.patch(&path, json!({ "token_encryption": key("no key") })).send().await;
    assert_eq!(bad.status, 400);
    let cleared = t.patch(&path, json!({ "token_encryption": null })).send().await;
    assert_eq!(cleared.body["token_encryption"], Value::Null);
}
