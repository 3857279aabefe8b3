//! Public keys of applications.

use keyward_core::access::ManagementScope as Scope;
use serde_json::{Value, json};

use crate::{
    oauth::signer::{Signer, elliptic_pem, short_pem},
    support::TestApp,
};

on_both_engines!(
    a_key_from_its_making_to_its_end,
    what_is_no_key_is_refused,
    certificates_say_when_they_end,
    a_key_in_use_stays,
    a_client_has_so_many_keys_and_no_more,
    certificates_prove_nothing_here,
    a_client_comes_with_its_keys,
    a_client_has_one_way_to_prove_who_it_is,
    whoever_may_see_less_sees_less,
    what_went_is_in_the_audit_log,
);

fn key(pem: &str) -> Value {
    json!({ "credential_type": "public_key", "pem": pem })
}

fn with(mut body: Value, more: &Value) -> Value {
    for (name, value) in more.as_object().unwrap() {
        body[name] = value.clone();
    }
    body
}

fn using(keys: &Value) -> Value {
    json!({ "client_authentication_methods": { "private_key_jwt": { "credentials": keys } } })
}

/// The path of a new client.
async fn new_client(t: &TestApp) -> String {
    format!("clients/{}", t.machine().await.id)
}

async fn a_key_from_its_making_to_its_end(t: TestApp) {
    let client = new_client(&t).await;
    let path = format!("{client}/credentials");
    assert_eq!(t.get(&path).send().await.body, json!([]));
    let made = t.post(&path, with(key(&Signer::one().pem()), &json!({ "name": "first" }))).send().await;
    assert_eq!(made.status, 201, "{}", made.body);
    let id = made.body["id"].as_str().unwrap();
    assert!(id.starts_with("cred_") && id.len() == 27, "{id}");
    let now = "2026-01-01T00:00:00.000Z";
    let kid = made.body["kid"].as_str().unwrap();
    assert_eq!(kid.len(), 43, "its thumbprint");
    assert_eq!(
        made.body,
        json!({
            "id": id, "credential_type": "public_key", "kid": kid, "alg": "RS256", "name": "first",
            "created_at": now, "updated_at": now,
        })
    );
    let one = format!("{path}/{id}");
    assert_eq!(t.get(&one).send().await.body, made.body);
    assert_eq!(t.get(&path).send().await.body, json!([made.body]));
    let same = t.post(&path, key(&Signer::one().pem())).send().await;
    assert_eq!((same.status.as_u16(), same.body["errorCode"].as_str().unwrap()), (409, "resource_conflict"));
    assert!(same.body["message"].as_str().unwrap().contains(kid));
    let again = with(key(&Signer::one().pem()), &json!({ "kid": "another-kid", "alg": "PS256", "expires_at": null }));
    let again = t.post(&path, again).send().await;
    assert_eq!((&again.body["kid"], &again.body["alg"]), (&json!("another-kid"), &json!("PS256")));
    t.clock.advance(5);
    let end = json!({ "expires_at": "2026-02-01T01:00:00.5+01:00" });
    let changed = t.patch(&one, end.clone()).send().await;
    assert_eq!(changed.status, 200, "{}", changed.body);
    assert_eq!(changed.body["expires_at"], "2026-02-01T00:00:00.500Z");
    assert_eq!(changed.body["updated_at"], "2026-01-01T00:00:05.000Z");
    let revision = t.app.revision();
    for body in [end, json!({})] {
        assert_eq!(t.patch(&one, body).send().await.body, changed.body);
    }
    assert_eq!(t.app.revision(), revision, "saving without an edit changes nothing");
    assert!(t.patch(&one, json!({ "expires_at": null })).send().await.body.get("expires_at").is_none());
    for body in [
        json!({ "expires_at": "2025-12-31T00:00:00Z" }),
        json!({ "expires_at": "tomorrow" }),
        json!({ "expires_at": 1 }),
        json!({ "name": "second" }),
        json!({ "pem": "x" }),
    ] {
        let reply = t.patch(&one, body.clone()).send().await;
        assert_eq!((reply.status.as_u16(), reply.body["errorCode"].as_str().unwrap()), (400, "invalid_body"), "{body}");
    }
    assert_eq!(t.delete(&one).send().await.status, 204);
    assert_eq!(t.delete(&one).send().await.status, 204, "it is deleted already");
    let gone = t.get(&one).send().await;
    assert_eq!((gone.status.as_u16(), gone.body["errorCode"].as_str().unwrap()), (404, "inexistent_credential"));
    assert_eq!(t.patch(&one, json!({})).send().await.status, 404);
    let other = new_client(&t).await;
    let foreign = format!("{other}/credentials/{}", again.body["id"].as_str().unwrap());
    assert_eq!(t.get(&foreign).send().await.status, 404, "another client's");
    for reply in [
        t.get("clients/nobody/credentials").send().await,
        t.post("clients/nobody/credentials", key(&Signer::one().pem())).send().await,
        t.get("clients/nobody/credentials/x").send().await,
        t.patch("clients/nobody/credentials/x", json!({})).send().await,
        t.delete("clients/nobody/credentials/x").send().await,
    ] {
        assert_eq!((reply.status.as_u16(), reply.body["errorCode"].as_str().unwrap()), (404, "inexistent_client"));
    }
}

async fn what_is_no_key_is_refused(t: TestApp) {
    let path = format!("{}/credentials", new_client(&t).await);
    let pem = Signer::one().pem();
    let private = Signer::one().private_pem();
    let cut = pem.replacen("MIIB", "MIIA", 1);
    for (body, property) in [
        (key("x"), "pem"),
        (key(""), "pem"),
        (key(&cut), "pem"),
        (key(&short_pem()), "pem"),
        (key(&elliptic_pem()), "pem"),
        (key(&private), "pem"),
        (key(&format!("{pem}{private}")), "pem"),
        (key(&"x".repeat(16_385)), "pem"),
        (with(key(&pem), &json!({ "alg": "HS256" })), "alg"),
        (with(key(&pem), &json!({ "alg": "none" })), "alg"),
        (with(key(&pem), &json!({ "alg": "RS512" })), "alg"),
        (with(key(&pem), &json!({ "credential_type": "cert_subject_dn" })), "credential_type"),
        (with(key(&pem), &json!({ "kid": "short" })), "kid"),
        (with(key(&pem), &json!({ "kid": "with a space" })), "kid"),
        (with(key(&pem), &json!({ "name": "n".repeat(129) })), "name"),
        (with(key(&pem), &json!({ "expires_at": "2025-12-31T00:00:00Z" })), "expires_at"),
        (with(key(&pem), &json!({ "expires_at": "never" })), "expires_at"),
        (with(key(&pem), &json!({ "parse_expiry_from_cert": true })), "parse_expiry_from_cert"),
        (with(key(&pem), &json!({ "color": "red" })), "color"),
        (json!({ "pem": pem }), "credential_type"),
        (json!({ "credential_type": "public_key" }), "pem"),
    ] {
        let reply = t.post(&path, body.clone()).send().await;
        assert_eq!((reply.status.as_u16(), reply.body["errorCode"].as_str().unwrap()), (400, "invalid_body"), "{body}");
        let text = reply.body["message"].as_str().unwrap();
        assert!(text.contains(property), "{property}: {text}");
        assert!(!text.contains("MII"), "nothing of a key is repeated: {text}");
    }
    let short = t.post(&path, key(&short_pem())).send().await.body;
    let text = "The key must be an RSA key of 2048 to 4096 bits";
    assert!(short["message"].as_str().unwrap().contains(text), "{short}");
    assert_eq!(t.get(&path).send().await.body, json!([]));
    let entries = t.entries("fapi").await;
    assert!(!entries.is_empty() && !Value::from(entries).to_string().contains("MII"));
}

async fn certificates_say_when_they_end(t: TestApp) {
    let path = format!("{}/credentials", new_client(&t).await);
    let certificate = Signer::one().certificate(2030);
    let made = t.post(&path, with(key(&certificate), &json!({ "parse_expiry_from_cert": true }))).send().await;
    assert_eq!(made.status, 201, "{}", made.body);
    assert_eq!(made.body["expires_at"], "2030-01-01T00:00:00.000Z");
    assert_eq!(made.body["thumbprint_sha256"].as_str().unwrap().len(), 43);
    let other = new_client(&t).await;
    let plain = t.post(&format!("{other}/credentials"), key(&Signer::one().pem())).send().await;
    assert_eq!(made.body["kid"], plain.body["kid"], "the same key in another wrapping");
    let kid = json!({ "kid": "a-second-one", "expires_at": "2027-01-01T00:00:00Z" });
    let second = t.post(&path, with(key(&certificate), &kid)).send().await;
    assert_eq!(second.body["expires_at"], "2027-01-01T00:00:00.000Z");
    for more in [
        json!({ "kid": "a-third-one", "parse_expiry_from_cert": true, "expires_at": "2027-01-01T00:00:00Z" }),
        json!({ "kid": "a-third-one", "pem": Signer::other().certificate(2025), "parse_expiry_from_cert": true }),
    ] {
        assert_eq!(t.post(&path, with(key(&certificate), &more)).send().await.status, 400, "{more}");
    }
}

async fn a_key_in_use_stays(t: TestApp) {
    let client = new_client(&t).await;
    let path = format!("{client}/credentials");
    let id = t.post(&path, key(&Signer::one().pem())).send().await.body["id"].clone();
    let one = format!("{path}/{}", id.as_str().unwrap());
    let used = t.patch(&client, using(&json!([{ "id": id }]))).send().await;
    assert_eq!(used.status, 200, "{}", used.body);
    assert_eq!(
        used.body["client_authentication_methods"],
        using(&json!([{ "id": id }]))["client_authentication_methods"]
    );
    let refused = t.delete(&one).send().await;
    assert_eq!(refused.status, 400);
    let text = "The credential is in use: take it out of client_authentication_methods first";
    assert_eq!(refused.body["message"], text);
    let rotated = t.post(&format!("{client}/rotate-secret"), json!({})).send().await;
    assert_eq!(rotated.status, 400, "{}", rotated.body);
    assert_eq!(t.patch(&client, json!({ "client_authentication_methods": null })).send().await.status, 200);
    assert_eq!(t.delete(&one).send().await.status, 204);
    assert_eq!(t.post(&format!("{client}/rotate-secret"), json!({})).send().await.status, 200);
    let reply = t.patch(&client, using(&json!([{ "id": id }]))).send().await;
    assert_eq!(reply.status, 400);
    assert!(reply.body["message"].as_str().unwrap().contains("private_key_jwt.credentials[0].id"), "{}", reply.body);
}

async fn a_client_has_so_many_keys_and_no_more(t: TestApp) {
    let client = new_client(&t).await;
    let path = format!("{client}/credentials");
    let mut ids = Vec::new();
    for at in 0..10 {
        let body = with(key(&Signer::one().pem()), &json!({ "kid": format!("kid-number-{at}") }));
        ids.push(json!({ "id": t.post(&path, body).send().await.body["id"] }));
    }
    let refused = t.post(&path, key(&Signer::other().pem())).send().await;
    assert_eq!((refused.status.as_u16(), refused.body["errorCode"].as_str().unwrap()), (403, "entity_limit_reached"));
    for (keys, status) in [
        (json!([]), 400),
        (json!([ids[0]]), 200),
        (json!([ids[0], ids[1]]), 200),
        (json!([ids[0], ids[0]]), 400),
        (json!(ids[..3]), 400),
        (json!([{ "id": "cred_none" }]), 400),
        (json!([key(&Signer::one().pem())]), 400),
    ] {
        assert_eq!(t.patch(&client, using(&keys)).send().await.status, status, "{keys}");
    }
    for methods in [json!({}), json!({ "private_key_jwt": {} }), json!("x")] {
        let body = json!({ "client_authentication_methods": methods });
        assert_eq!(t.patch(&client, body).send().await.status, 400, "{methods}");
    }
}

async fn certificates_prove_nothing_here(t: TestApp) {
    let client = new_client(&t).await;
    let before = t.get(&client).send().await.body;
    let made = t.post(&format!("{client}/credentials"), key(&Signer::one().pem())).send().await.body;
    for (method, kind) in [("tls_client_auth", "cert_subject_dn"), ("self_signed_tls_client_auth", "x509_cert")] {
        let new = json!({ "credential_type": kind, "pem": Signer::one().pem() });
        let refused = t.post(&format!("{client}/credentials"), new.clone()).send().await;
        let text = format!("'No enum match for: {kind}' on property credential_type");
        assert!(refused.body["message"].as_str().unwrap().contains(&text), "{}", refused.body);
        let beside = using(&json!([{ "id": made["id"] }]))["client_authentication_methods"].clone();
        let of = |keys: Value| json!({ method: { "credentials": keys } });
        let by_id = of(json!([{ "id": made["id"] }]));
        let named = json!({ "name": "by certificate" });
        let using = |methods: &Value| json!({ "client_authentication_methods": methods });
        for refused in [
            t.patch(&client, using(&by_id)).send().await,
            t.patch(&client, using(&with(beside, &by_id))).send().await,
            t.post("clients", with(using(&by_id), &named)).send().await,
            t.post("clients", with(using(&of(json!([new]))), &named)).send().await,
        ] {
            assert_eq!((refused.status.as_u16(), &refused.body["errorCode"]), (400, &json!("invalid_body")));
            let text =
                format!("'Additional properties not allowed: {method}' on property client_authentication_methods");
            let message = refused.body["message"].as_str().unwrap();
            assert!(message.contains(&text), "the one that can't be used is named: {message}");
        }
    }
    assert_eq!(t.get(&client).send().await.body, before, "and the secret is still what counts");
    let all = t.get("clients").send().await.body;
    assert!(
        all.as_array().unwrap().iter().all(|client| client["name"] != "by certificate"),
        "nothing of them was made"
    );
}

async fn a_client_comes_with_its_keys(t: TestApp) {
    let first = with(key(&Signer::one().pem()), &json!({ "name": "first" }));
    let second = key(&Signer::other().pem());
    let made = t.post("clients", with(json!({ "name": "x" }), &using(&json!([first, second])))).send().await;
    assert_eq!(made.status, 201, "{}", made.body);
    assert!(made.body.get("token_endpoint_auth_method").is_none());
    let shown = &made.body["client_authentication_methods"]["private_key_jwt"]["credentials"];
    assert_eq!((&shown[0]["name"], &shown[1]["alg"]), (&json!("first"), &json!("RS256")));
    assert!(!shown.to_string().contains("BEGIN"));
    let path = format!("clients/{}", made.body["client_id"].as_str().unwrap());
    assert_eq!(t.get(&format!("{path}/credentials")).send().await.body, *shown);
    let ids = json!([{ "id": shown[0]["id"] }, { "id": shown[1]["id"] }]);
    let wanted = &using(&ids)["client_authentication_methods"];
    assert_eq!(t.get(&path).send().await.body["client_authentication_methods"], *wanted);
    for (keys, status) in [
        (json!([]), 400),
        (json!([{ "id": shown[0]["id"] }]), 400),
        (json!([second, second]), 400),
        (json!([first, second, with(second.clone(), &json!({ "kid": "a-third-one" }))]), 400),
        (json!([second, with(second.clone(), &json!({ "name": "the same" }))]), 409),
        (json!([key("x")]), 400),
    ] {
        let reply = t.post("clients", with(json!({ "name": "y" }), &using(&keys))).send().await;
        assert_eq!(reply.status, status, "{keys}: {}", reply.body);
    }
    let bad = t.post("clients", with(json!({ "name": "y" }), &using(&json!([second, key("x")])))).send().await;
    let place = "client_authentication_methods.private_key_jwt.credentials[1].pem";
    assert!(bad.body["message"].as_str().unwrap().contains(place), "{}", bad.body);
    let all = t.get("clients").send().await.body;
    assert!(all.as_array().unwrap().iter().all(|client| client["name"] != "y"), "nothing of them was made");
}

async fn a_client_has_one_way_to_prove_who_it_is(t: TestApp) {
    let both = with(using(&json!([key(&Signer::one().pem())])), &json!({ "name": "x" }));
    for (method, status) in [(json!("client_secret_post"), 400), (json!("none"), 400), (Value::Null, 201)] {
        let body = with(both.clone(), &json!({ "token_endpoint_auth_method": method }));
        assert_eq!(t.post("clients", body).send().await.status, status, "{method}");
    }
    let client = new_client(&t).await;
    let id = t.post(&format!("{client}/credentials"), key(&Signer::one().pem())).send().await.body["id"].clone();
    let post = json!({ "token_endpoint_auth_method": "client_secret_post" });
    assert_eq!(t.patch(&client, post.clone()).send().await.status, 200);
    let used = using(&json!([{ "id": id }]));
    assert_eq!(t.patch(&client, with(used.clone(), &post)).send().await.status, 400);
    let reply = t.patch(&client, used.clone()).send().await;
    assert_eq!(reply.status, 200);
    assert!(reply.body.get("token_endpoint_auth_method").is_none(), "it goes by itself");
    assert_eq!(t.patch(&client, post.clone()).send().await.status, 400, "and does not come back by itself");
    let back = t.patch(&client, with(post, &json!({ "client_authentication_methods": null }))).send().await;
    assert_eq!(
        (back.status.as_u16(), back.body["token_endpoint_auth_method"].as_str()),
        (200, Some("client_secret_post"))
    );
    let express = t.post("clients", json!({ "name": "e", "app_type": "express_configuration" })).send().await;
    assert_eq!(express.body["client_authentication_methods"], json!({ "private_key_jwt": { "credentials": [] } }));
}

async fn whoever_may_see_less_sees_less(t: TestApp) {
    let made =
        t.post("clients", with(json!({ "name": "x" }), &using(&json!([key(&Signer::one().pem())])))).send().await;
    let path = format!("clients/{}", made.body["client_id"].as_str().unwrap());
    for (scope, sees_methods, sees_secret, sees_grants) in [
        (Scope::ReadClients, false, false, true),
        (Scope::ReadClientSummary, false, false, false),
        (Scope::ReadClientCredentials, true, false, false),
        (Scope::ReadClientKeys, true, true, true),
    ] {
        let token = t.token_with(&[scope]).await;
        let listed = t.get("clients?take=50").bearer(&token).send().await.body["clients"].clone();
        let listed = listed.as_array().unwrap().iter().find(|one| one["name"] == "x").unwrap().clone();
        for shown in [t.get(&path).bearer(&token).send().await.body, listed] {
            let has = |name: &str| shown.get(name).is_some();
            let seen = (has("client_authentication_methods"), has("client_secret"), has("grant_types"));
            assert_eq!(seen, (sees_methods, sees_secret, sees_grants), "{}: {shown}", scope.value());
            assert_eq!(shown["name"], "x");
        }
    }
    let token = t.token_with(&[Scope::UpdateClients]).await;
    let reply = t.patch(&path, json!({ "description": "d" })).bearer(&token).send().await;
    assert!(reply.status == 200 && reply.body.get("client_authentication_methods").is_none(), "{}", reply.body);
    let field = t.get(&format!("{path}?fields=client_authentication_methods")).send().await.body;
    assert_eq!(field.as_object().unwrap().len(), 1);
}

async fn what_went_is_in_the_audit_log(t: TestApp) {
    let client = new_client(&t).await;
    let path = format!("{client}/credentials");
    let id = t.post(&path, key(&Signer::one().pem())).send().await.body["id"].as_str().unwrap().to_owned();
    t.patch(&format!("{path}/{id}"), json!({ "expires_at": "2027-01-01T00:00:00Z" })).send().await;
    t.patch(&client, using(&json!([{ "id": id }]))).send().await;
    t.patch(&client, json!({ "client_authentication_methods": null })).send().await;
    t.delete(&format!("{path}/{id}")).send().await;
    t.post(&path, key(&Signer::other().pem())).send().await;
    t.delete(&client).send().await;
    let entries = t.entries("sapi").await;
    let of = |what: &str| entries.iter().find(|entry| entry["description"] == what).unwrap()["details"].clone();
    let made = entries.iter().rfind(|entry| entry["description"] == "Create a client credential").unwrap();
    assert_eq!(made["details"]["after"]["id"], id.as_str());
    let changed = of("Update a client credential");
    assert!(changed["before"].get("expires_at").is_none(), "{changed}");
    assert_eq!(changed["after"]["expires_at"], "2027-01-01T00:00:00.000Z");
    assert_eq!(of("Delete a client credential")["before"]["credential"]["id"], id.as_str());
    let used = of("Update a client");
    assert_eq!(used["before"]["client_authentication_methods"]["private_key_jwt"]["credentials"][0]["id"], id.as_str());
    let gone = of("Delete a client");
    assert_eq!(gone["before"]["credentials"].as_array().unwrap().len(), 1);
    assert!(!Value::from(entries.clone()).to_string().contains("BEGIN"), "no key is in it");
}
