//! Revocation: whoever may ask learns nothing, and whoever may not is refused.

use base64::{Engine, prelude::BASE64_STANDARD};
use http::Method;
use serde_json::{Value, json};

use crate::support::{Reply, TestApp};

on_both_engines!(whatever_it_is_the_answer_is_the_same, whoever_asks_says_who_it_is, it_is_announced);

async fn revoke(t: &TestApp, body: Value) -> Reply {
    t.call(Method::POST, "/oauth/revoke").anonymous().json(body).send().await
}

async fn whatever_it_is_the_answer_is_the_same(t: TestApp) {
    let machine = t.machine().await;
    t.api("https://api.example/", &["a"]).await;
    t.grant(&machine, "https://api.example/", &["a"]).await;
    let token = t.ask_as(&machine, "https://api.example/", "").await.body["access_token"].clone();
    for sent in [token, json!("unknown"), json!("."), json!("é")] {
        let body = json!({ "client_id": machine.id, "client_secret": machine.secret, "token": sent });
        let reply = revoke(&t, body).await;
        assert_eq!((reply.status.as_u16(), reply.bytes.len()), (200, 0), "{sent}");
        assert_eq!((reply.header("cache-control"), reply.header("pragma")), ("no-store", "no-cache"));
    }
    let form = format!("client_id={}&client_secret={}&token=x&token_type_hint=magic", machine.id, machine.secret);
    let call = t.call(Method::POST, "/oauth/revoke").anonymous();
    let reply = call.header("content-type", "application/x-www-form-urlencoded").body(form).send().await;
    assert_eq!((reply.status.as_u16(), reply.bytes.len()), (200, 0));
    let public = t.post("clients", json!({ "name": "spa", "token_endpoint_auth_method": "none" })).send().await;
    let reply = revoke(&t, json!({ "client_id": public.body["client_id"], "token": "x" })).await;
    assert_eq!(reply.status, 200, "who can keep no secret needs none");
}

async fn whoever_asks_says_who_it_is(t: TestApp) {
    let machine = t.machine().await;
    let refused = revoke(&t, json!({ "client_id": machine.id, "client_secret": "wrong", "token": "x" })).await;
    assert_eq!((refused.status.as_u16(), refused.body["error_description"].as_str()), (401, Some("Unauthorized")));
    let nobody = revoke(&t, json!({ "token": "x" })).await;
    assert_eq!((nobody.status.as_u16(), nobody.body["error"].as_str()), (401, Some("invalid_client")));
    let basic = |secret: &str| format!("Basic {}", BASE64_STANDARD.encode(format!("{}:{secret}", machine.id)));
    let with = |header: String| t.call(Method::POST, "/oauth/revoke").header("authorization", &header);
    let refused = with(basic("wrong")).json(json!({ "token": "x" })).send().await;
    assert_eq!((refused.status.as_u16(), refused.header("www-authenticate")), (401, "Basic"));
    assert_eq!(with(basic(&machine.secret)).json(json!({ "token": "x" })).send().await.status, 200);
    for token in [Value::Null, json!("")] {
        let body = json!({ "client_id": machine.id, "client_secret": machine.secret, "token": token });
        let reply = revoke(&t, body).await;
        assert_eq!(
            (reply.status.as_u16(), reply.body),
            (400, json!({ "error": "invalid_request", "error_description": "Missing required parameter: token" }))
        );
    }
    let unknown = revoke(&t, json!({ "client_id": "nobody", "client_secret": "x" })).await;
    assert_eq!(unknown.status, 401, "who asks comes before what is asked");
    for _ in 0..9 {
        revoke(&t, json!({ "client_id": machine.id, "client_secret": "wrong", "token": "x" })).await;
    }
    let body = json!({ "client_id": machine.id, "client_secret": machine.secret, "token": "x" });
    let waits = revoke(&t, body).await;
    assert_eq!((waits.status.as_u16(), waits.header("x-ratelimit-limit")), (429, "10"), "with the token endpoint");
}

async fn it_is_announced(t: TestApp) {
    let document = t.get("/.well-known/openid-configuration").anonymous().send().await.body;
    assert_eq!(document["revocation_endpoint"], format!("{}oauth/revoke", crate::support::PUBLIC_URL));
}
