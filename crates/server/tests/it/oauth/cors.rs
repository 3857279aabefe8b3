//! What pages from elsewhere may send and read.

use http::Method;
use serde_json::{Value, json};

use crate::support::{Reply, TestApp};

on_both_engines!(
    only_origins_of_applications_read_answers,
    an_origin_goes_with_the_last_application_that_names_it,
    browsers_ask_before_they_send,
    what_is_public_is_for_every_page,
    other_methods_are_refused,
);

const ENDPOINTS: [&str; 2] = ["/oauth/token", "/oauth/revoke"];
const PAGE: &str = "https://page.example";

async fn application(t: &TestApp, fields: Value) -> String {
    let mut body = json!({ "name": "page" });
    for (name, value) in fields.as_object().unwrap() {
        body[name] = value.clone();
    }
    let reply = t.post("clients", body).send().await;
    assert_eq!(reply.status, 201, "{}", reply.body);
    reply.body["client_id"].as_str().unwrap().to_owned()
}

async fn from(t: &TestApp, method: Method, path: &str, origin: &str) -> Reply {
    t.call(method, path).anonymous().header("origin", origin).json(json!({})).send().await
}

/// The origin that an answer names as one that may read it.
async fn reader(t: &TestApp, origin: &str) -> String {
    let reply = from(t, Method::POST, "/oauth/token", origin).await;
    reply.header("access-control-allow-origin").to_owned()
}

async fn only_origins_of_applications_read_answers(t: TestApp) {
    let origins = json!([PAGE, "http://localhost:3000", "null", "*"]);
    application(&t, json!({ "web_origins": origins })).await;
    application(&t, json!({ "allowed_origins": ["https://other.example"] })).await;
    for path in ENDPOINTS {
        for origin in [PAGE, "http://localhost:3000", "https://other.example"] {
            let reply = from(&t, Method::POST, path, origin).await;
            assert!(!reply.status.is_success(), "what is refused can be read, too");
            assert_eq!(reply.header("access-control-allow-origin"), origin, "{path}");
            assert!(reply.header("vary").split(',').any(|name| name == "origin"));
            assert_eq!(reply.header("access-control-allow-credentials"), "");
            assert!(reply.header("access-control-expose-headers").contains("dpop-nonce"));
        }
        for origin in [
            "https://page.example/",
            "https://page.example:8443",
            "http://page.example",
            "HTTPS://page.example",
            "null",
            "*",
            "x",
        ] {
            let reply = from(&t, Method::POST, path, origin).await;
            assert_eq!(reply.header("access-control-allow-origin"), "", "{origin}");
            assert!(reply.header("vary").split(',').any(|name| name == "origin"));
        }
    }
    let none = t.call(Method::POST, "/oauth/token").anonymous().json(json!({})).send().await;
    assert_eq!(none.header("access-control-allow-origin"), "");
    let managed = t.get("clients").header("origin", PAGE).send().await;
    assert_eq!(managed.header("access-control-allow-origin"), "", "nothing else can be read");
}

async fn an_origin_goes_with_the_last_application_that_names_it(t: TestApp) {
    let one = application(&t, json!({ "web_origins": [PAGE], "allowed_origins": [PAGE] })).await;
    let two = application(&t, json!({ "web_origins": [PAGE] })).await;
    assert_eq!(reader(&t, PAGE).await, PAGE);
    let path = format!("clients/{one}");
    assert_eq!(t.patch(&path, json!({ "name": "renamed" })).send().await.status, 200);
    assert_eq!(t.patch(&path, json!({ "web_origins": [] })).send().await.status, 200);
    assert_eq!(t.delete(&format!("clients/{two}")).send().await.status, 204);
    assert_eq!(reader(&t, PAGE).await, PAGE, "the first one still names it");
    assert_eq!(t.patch(&path, json!({ "allowed_origins": null })).send().await.status, 200);
    assert_eq!(reader(&t, PAGE).await, "", "from the answer on");
    assert_eq!(t.patch(&path, json!({ "web_origins": [PAGE] })).send().await.status, 200);
    assert_eq!(reader(&t, PAGE).await, PAGE);
    assert_eq!(t.delete(&path).send().await.status, 204);
    assert_eq!(reader(&t, PAGE).await, "");
}

async fn browsers_ask_before_they_send(t: TestApp) {
    application(&t, json!({ "web_origins": [PAGE] })).await;
    for path in ENDPOINTS {
        let reply = from(&t, Method::OPTIONS, path, PAGE).await;
        assert_eq!((reply.status.as_u16(), reply.bytes.len()), (204, 0));
        assert_eq!(reply.header("access-control-allow-origin"), PAGE);
        assert_eq!(reply.header("access-control-allow-methods"), "POST");
        assert_eq!(reply.header("access-control-allow-headers"), "content-type, authorization, auth0-client, dpop");
        assert_eq!(reply.header("access-control-allow-credentials"), "");
        assert!(reply.header("vary").split(',').any(|name| name == "origin"));
        let stranger = from(&t, Method::OPTIONS, path, "https://evil.example").await;
        assert_eq!(stranger.status, 204);
        assert!(!stranger.headers.keys().any(|name| name.as_str().starts_with("access-control")), "nothing is told");
    }
    for path in ["/api/v2/clients", "/api/v2/nothing", "/health/live", "/v2/keys.verifyKey"] {
        assert_eq!(from(&t, Method::OPTIONS, path, PAGE).await.status, 404, "{path}");
    }
}

async fn what_is_public_is_for_every_page(t: TestApp) {
    for name in ["openid-configuration", "oauth-authorization-server", "jwks.json"] {
        let path = format!("/.well-known/{name}");
        let reply = from(&t, Method::GET, &path, "https://any.example").await;
        assert_eq!((reply.status.as_u16(), reply.header("access-control-allow-origin")), (200, "*"));
        let asked = from(&t, Method::OPTIONS, &path, "https://any.example").await;
        assert_eq!((asked.status.as_u16(), asked.header("access-control-allow-origin")), (204, "*"));
        assert_eq!(asked.header("access-control-allow-methods"), "GET");
        assert_eq!(from(&t, Method::POST, &path, "https://any.example").await.status, 404);
    }
}

async fn other_methods_are_refused(t: TestApp) {
    application(&t, json!({ "web_origins": [PAGE] })).await;
    for path in ENDPOINTS {
        for method in [Method::GET, Method::HEAD, Method::PUT, Method::DELETE, Method::PATCH] {
            let reply = from(&t, method.clone(), path, PAGE).await;
            assert_eq!((reply.status.as_u16(), reply.header("allow")), (405, "POST"), "{method} {path}");
            assert_eq!(reply.body["error"], "invalid_request");
            assert_eq!(reply.header("access-control-allow-origin"), PAGE);
        }
    }
    assert_eq!(t.get("/oauth/nothing").send().await.status, 404);
}
