use serde_json::{Value, json};

use crate::support::TestApp;

on_both_engines!(
    a_list_that_is_sent_replaces_the_list,
    a_kept_value_keeps_its_identity,
    nothing_sent_changes_nothing,
    parts_are_replaced_whole_and_null_clears,
    what_cannot_change_is_refused,
    lifetimes_fit_each_other,
    many_permissions,
);

async fn patched(t: &TestApp, id: &str, body: Value) -> Value {
    let reply = t.patch(&format!("resource-servers/{id}"), body).send().await;
    assert_eq!(reply.status, 200, "{}", reply.body);
    reply.body
}

async fn a_list_that_is_sent_replaces_the_list(t: TestApp) {
    let id = t.api("https://a.example/", &["a", "b", "c"]).await;
    let list = json!([{"value": "c", "description": "See"}, {"value": "d"}, {"value": "a", "description": ""}]);
    assert_eq!(patched(&t, &id, json!({ "scopes": list })).await["scopes"], list, "in the order sent");
    assert_eq!(t.scopes(&id).await, ["c", "d", "a"]);
    assert_eq!(patched(&t, &id, json!({ "scopes": [] })).await["scopes"], json!([]));
    patched(&t, &id, json!({ "scopes": [{"value": "z"}] })).await;
    assert_eq!(patched(&t, &id, json!({ "scopes": {} })).await["scopes"], json!([]), "an empty object empties it too");
    let wrong = t.patch(&format!("resource-servers/{id}"), json!({ "scopes": {"value": "x"} })).send().await;
    assert_eq!(wrong.status, 400);
    // An API that never had a list shows none; one whose list is empty shows that.
    let bare = t.post("resource-servers", json!({ "identifier": "https://b.example/" })).send().await.body;
    assert_eq!(bare.get("scopes"), None);
}

async fn a_kept_value_keeps_its_identity(t: TestApp) {
    let id = t.api("https://a.example/", &["a", "b"]).await;
    let identity = async |value: &str| {
        // Changing nothing shows a permission with its id.
        let path = format!("resource-servers/{id}/scopes/{value}");
        t.patch(&path, json!({ "value": value })).send().await.body["id"].as_str().map(str::to_owned)
    };
    let (a, b) = (identity("a").await.unwrap(), identity("b").await.unwrap());
    patched(&t, &id, json!({ "scopes": [{"value": "b", "description": "new"}, {"value": "c"}, {"value": "a"}] })).await;
    assert_eq!((identity("a").await.unwrap(), identity("b").await.unwrap()), (a.clone(), b));
    // A value that was away is another permission: nothing is resurrected.
    patched(&t, &id, json!({ "scopes": [{"value": "b"}] })).await;
    patched(&t, &id, json!({ "scopes": [{"value": "b"}, {"value": "a"}] })).await;
    assert_ne!(identity("a").await.unwrap(), a);
}

async fn nothing_sent_changes_nothing(t: TestApp) {
    let id = t.api("https://a.example/", &["a"]).await;
    let path = format!("resource-servers/{id}");
    let before = t.get(&path).send().await;
    let revision = t.app.revision();
    for body in [json!({}), json!({ "scopes": [{"value": "a"}] }), json!({ "name": "Test", "token_lifetime": 86400 })] {
        let reply = t.patch(&path, body).send().await;
        assert_eq!(reply.body, before.body);
        assert_eq!(reply.header("etag"), before.header("etag"));
    }
    assert_eq!(t.app.revision(), revision, "no change has a number");
}

async fn parts_are_replaced_whole_and_null_clears(t: TestApp) {
    let id = t.api("https://a.example/", &["a"]).await;
    let set = json!({
        "proof_of_possession": {"mechanism": "dpop", "required": true, "required_for": "all_clients"},
        "consent_policy": "transactional-authorization-with-mfa",
        "authorization_details": [{"type": "payment"}],
        "enforce_policies": true,
    });
    patched(&t, &id, set).await;
    let body = patched(&t, &id, json!({ "proof_of_possession": {"mechanism": "mtls", "required": false} })).await;
    assert_eq!(body["proof_of_possession"], json!({ "mechanism": "mtls", "required": false }));
    assert_eq!(body["enforce_policies"], true, "what is not sent stays");
    assert_eq!(t.scopes(&id).await, ["a"]);
    let clear = json!({ "proof_of_possession": null, "consent_policy": null, "authorization_details": null, "token_encryption": null });
    let body = patched(&t, &id, clear).await;
    for name in ["proof_of_possession", "consent_policy", "authorization_details", "token_encryption"] {
        assert_eq!(body.get(name), None, "{name}");
    }
    let body = patched(&t, &id, json!({ "subject_type_authorization": {"user": {"policy": "deny_all"}} })).await;
    assert_eq!(
        body["subject_type_authorization"],
        json!({
            "client": {"policy": "require_client_grant"}, "user": {"policy": "deny_all"},
        })
    );
}

async fn what_cannot_change_is_refused(t: TestApp) {
    let id = t.api("https://a.example/", &["a"]).await;
    for name in ["identifier", "id", "is_system", "client_id", "color"] {
        let reply = t.patch(&format!("resource-servers/{id}"), json!({ name: "x", "name": "Other" })).send().await;
        assert_eq!(
            reply.body,
            json!({
                "statusCode": 400, "error": "Bad Request", "errorCode": "invalid_body",
                "message": format!("Payload validation error: 'Additional properties not allowed: {name}'."),
            })
        );
    }
    assert_eq!(t.get(&format!("resource-servers/{id}")).send().await.body["name"], "Test", "nothing of it was done");
    let gone = t.patch("resource-servers/000000000000000000000000", json!({ "name": "x" })).send().await;
    assert_eq!((gone.status.as_u16(), &gone.body["errorCode"]), (404, &json!("inexistent_resource_server")));
    let algorithm = patched(&t, &id, json!({ "signing_alg": "HS256" })).await;
    assert_eq!(algorithm["signing_alg"], "HS256", "recorded: the algorithm may change");
    assert!(algorithm["signing_secret"].is_string());
}

async fn lifetimes_fit_each_other(t: TestApp) {
    let id = t.api("https://a.example/", &[]).await;
    let body = patched(&t, &id, json!({ "token_lifetime": 600 })).await;
    assert_eq!(body["token_lifetime_for_web"], 600, "follows down");
    let reply = t.patch(&format!("resource-servers/{id}"), json!({ "token_lifetime_for_web": 601 })).send().await;
    assert_eq!(
        reply.body["message"],
        "Payload validation error: 'Value 601 is greater than maximum 600' on property token_lifetime_for_web."
    );
    for lifetime in [json!(-1), json!(2_592_001), json!(1.5), json!("600")] {
        assert_eq!(
            t.patch(&format!("resource-servers/{id}"), json!({ "token_lifetime": lifetime })).send().await.status,
            400
        );
    }
}

async fn many_permissions(t: TestApp) {
    let list: Vec<Value> = (0..3000).map(|n| json!({ "value": format!("p{n}"), "description": "d" })).collect();
    let id = t.api("https://a.example/", &[]).await;
    assert_eq!(patched(&t, &id, json!({ "scopes": list })).await["scopes"].as_array().unwrap().len(), 3000);
    let reversed: Vec<Value> = list.iter().rev().skip(1000).cloned().collect();
    let body = patched(&t, &id, json!({ "scopes": reversed })).await;
    assert_eq!(body["scopes"], Value::Array(reversed));
    assert_eq!(t.get(&format!("resource-servers/{id}")).send().await.body, body);
}
