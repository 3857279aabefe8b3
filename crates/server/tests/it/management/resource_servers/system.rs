use keyward_core::access::ManagementScope;
use serde_json::{Value, json};

use crate::support::{Settings, TestApp};

on_both_engines!(
    the_management_api,
    it_follows_the_public_url,
    those_that_are_activated,
    the_catalogue_may_be_sent_back_with_its_name,
);

const MANAGEMENT: &str = "resource-servers/https%3A%2F%2Fkeyward.test%2Fapi%2Fv2%2F";

async fn the_management_api(t: TestApp) {
    let api = t.get(MANAGEMENT).send().await.body;
    assert_eq!((&api["name"], &api["is_system"]), (&json!("Auth0 Management API"), &json!(true)));
    let values: Vec<_> =
        api["scopes"].as_array().unwrap().iter().map(|scope| scope["value"].as_str().unwrap()).collect();
    let all: Vec<_> = ManagementScope::ALL.iter().map(|scope| scope.value()).collect();
    assert_eq!(values, all);
    for (body, refused) in [
        (json!({ "scopes": [] }), "scopes"),
        (json!({ "name": "Mine" }), "name"),
        (json!({ "signing_alg": "HS256" }), "signing_alg"),
        (json!({ "enforce_policies": true }), "enforce_policies"),
        (json!({ "signing_secret": "sixteen letters!" }), "signing_secret"),
    ] {
        let reply = t.patch(MANAGEMENT, body).send().await;
        assert_eq!(
            reply.body,
            json!({
                "statusCode": 400, "error": "Bad Request", "errorCode": "invalid_body",
                "message": format!("Payload validation error: 'Additional properties not allowed: {refused}'."),
            })
        );
    }
    let client =
        t.patch(MANAGEMENT, json!({ "subject_type_authorization": {"client": {"policy": "deny_all"}} })).send().await;
    assert_eq!(client.status, 400);
    let fine = json!({ "token_lifetime": 3600, "subject_type_authorization": {"user": {"policy": "deny_all"}} });
    let fine = t.patch(MANAGEMENT, fine).send().await;
    assert_eq!((fine.status.as_u16(), &fine.body["token_lifetime"]), (200, &json!(3600)));
    for (method, path) in [("POST", "scopes"), ("PATCH", "scopes/read:logs"), ("DELETE", "scopes/read:logs")] {
        let path = format!("{MANAGEMENT}/{path}");
        let reply = t.call(method.parse().unwrap(), &path).json(json!({ "value": "x" })).send().await;
        assert_eq!(
            (reply.status.as_u16(), &reply.body["errorCode"]),
            (400, &json!("operation_not_supported")),
            "{path}"
        );
    }
    let delete = t.delete(MANAGEMENT).send().await;
    assert_eq!(
        (delete.status.as_u16(), delete.body["message"].as_str().unwrap()),
        (400, "System resource servers cannot be deleted.")
    );
    assert_eq!(t.get(MANAGEMENT).send().await.body["scopes"], api["scopes"]);
}

async fn it_follows_the_public_url(t: TestApp) {
    let before = t.get(MANAGEMENT).send().await.body;
    let t = t.restart(Settings { public_url: "https://moved.test/base/", seed: 8, ..Settings::default() }).await;
    let after = t.get("resource-servers").send().await.body[0].clone();
    assert_eq!(after["identifier"], "https://moved.test/base/api/v2/");
    assert_eq!((&after["id"], &after["scopes"]), (&before["id"], &before["scopes"]));
    let same = t.restart(Settings { public_url: "https://moved.test/base/", seed: 9, ..Settings::default() }).await;
    assert_eq!(same.entries("sapi").await.len(), 3, "a start that finds everything in place writes nothing");
}

async fn those_that_are_activated(t: TestApp) {
    let body = json!({ "identifier": "urn:auth0:express-configure", "name": "Mine", "scopes": [{"value": "x"}] });
    let made = t.post("resource-servers", body).send().await.body;
    assert_eq!((&made["name"], &made["is_system"]), (&json!("Okta OIN Express Configuration API"), &json!(true)));
    let path = format!("resource-servers/{}", made["id"].as_str().unwrap());
    assert_eq!(t.patch(&path, json!({})).send().await.body, made, "nothing sent changes nothing");
    assert_eq!(t.patch(&path, json!({ "name": "Mine" })).send().await.status, 400);
    assert_eq!(t.delete(&path).send().await.status, 204, "these can be deleted");
    let account = t.post("resource-servers", json!({ "identifier": "https://keyward.test/me/" })).send().await.body;
    assert_eq!((&account["token_lifetime"], account.get("enforce_policies")), (&json!(600), None::<&Value>));
}

async fn the_catalogue_may_be_sent_back_with_its_name(t: TestApp) {
    let body = json!({ "identifier": "urn:keyward:catalogue", "scopes": [{"value": "x"}] });
    let made = t.post("resource-servers", body).send().await.body;
    assert_eq!(made["is_system"], true);
    let path = format!("resource-servers/{}", made["id"].as_str().unwrap());
    let same = t.patch(&path, json!({ "name": made["name"], "token_lifetime": 60 })).send().await;
    assert_eq!((same.status.as_u16(), &same.body["token_lifetime"]), (200, &json!(60)));
    assert_eq!((&same.body["name"], &same.body["scopes"]), (&made["name"], &made["scopes"]));
    let renamed = t.patch(&path, json!({ "name": "Mine" })).send().await;
    assert_eq!(renamed.status, 400);
    assert!(renamed.body["message"].as_str().unwrap().ends_with("'Additional properties not allowed: name'."));
    assert_eq!(t.delete(&path).send().await.status, 400);
    assert_eq!(t.get(&path).send().await.body, same.body);
}
