//! What is not well formed.

use bytes::Bytes;
use http::Method;
use keyward_server::http::table::OPERATIONS;
use serde_json::{Map, Value, json};

use super::{lacks, no_permission, no_role, refusal, refused, text};
use crate::support::{Call, TestApp};

on_both_engines!(
    each_keyword_in_its_words,
    bodies_that_are_none,
    numbers,
    null_characters,
    bodies_over_the_limit,
    deep_and_wide,
    unknown_members,
    media_types_of_refusals,
    paths_and_methods,
    nothing_half_done,
    nonsense_for_every_operation,
);

const SLUG: &str = r"^[a-zA-Z0-9_:\-\.\*]+$";

/// A body as it is.
fn raw<'t>(t: &'t TestApp, operation: &str, body: impl Into<Bytes>) -> Call<'t> {
    t.v2(operation, Value::Null).body(body)
}

/// The message and the location of the one thing that is wrong.
async fn unfit(t: &TestApp, operation: &str, body: Value) -> (String, String) {
    let reply = t.v2(operation, body).send().await;
    let error = &reply.body["error"];
    assert_eq!((reply.status.as_u16(), &error["title"]), (400, &json!("Bad Request")), "{}", reply.body);
    assert_eq!(error["detail"], format!("POST request body for '/v2/{operation}' failed to validate schema"));
    assert_eq!(error["type"], "https://unkey.com/docs/errors/unkey/application/invalid_input");
    let errors = error["errors"].as_array().unwrap();
    assert_eq!((errors.len(), errors[0].get("fix")), (1, None));
    (text(&errors[0]["message"]), text(&errors[0]["location"]))
}

async fn each_keyword_in_its_words(t: TestApp) {
    let many: Map<String, Value> = (0..101).map(|n| (format!("p{n}"), n.into())).collect();
    let limit = |name: &str, value: Value| {
        let mut body = json!({ "namespace": "n", "identifier": "i", "limit": 1, "duration": 1000 });
        body[name] = value;
        body
    };
    let key_limit = json!([{ "name": "abc", "limit": 0, "duration": 1000, "autoApply": true }]);
    let pattern = format!("'a b' does not match pattern '{SLUG}'");
    for (operation, body, message, location) in [
        ("apis.createApi", json!({ "name": "ab" }), "minLength: got 2, want 3", "/properties/name/minLength"),
        ("apis.createApi", json!({ "name": "ü😀" }), "minLength: got 2, want 3", "/properties/name/minLength"),
        (
            "apis.createApi",
            json!({ "name": "ü".repeat(257) }),
            "maxLength: got 257, want 256",
            "/properties/name/maxLength",
        ),
        (
            "keys.addPermissions",
            json!({ "keyId": "key_1", "permissions": [] }),
            "minItems: got 0, want 1",
            "/properties/permissions/minItems",
        ),
        (
            "keys.verifyKey",
            json!({ "key": "k", "tags": vec!["t"; 21] }),
            "maxItems: got 21, want 20",
            "/properties/tags/maxItems",
        ),
        (
            "identities.createIdentity",
            json!({ "externalId": "joe", "meta": many }),
            "maxProperties: got 101, want 100",
            "/properties/meta/maxProperties",
        ),
        ("ratelimit.limit", limit("cost", json!(-1)), "minimum: got -1, want 0", "/properties/cost/minimum"),
        (
            "ratelimit.limit",
            limit("duration", json!(2_592_000_001_i64)),
            "maximum: got 2592000001, want 2592000000",
            "/properties/duration/maximum",
        ),
        ("permissions.createPermission", json!({ "name": "n", "slug": "a b" }), &pattern, "/properties/slug/pattern"),
        (
            "keys.updateCredits",
            json!({ "keyId": "key_1", "operation": "double" }),
            "value must be one of 'set', 'increment', 'decrement'",
            "/properties/operation/enum",
        ),
        ("apis.createApi", json!({ "name": 1 }), "got number, want string", "/properties/name/type"),
        ("apis.createApi", json!({ "name": null }), "got null, want string", "/properties/name/type"),
        ("apis.createApi", json!({ "name": ["abc"] }), "got array, want string", "/properties/name/type"),
        ("apis.createApi", json!("abc"), "got string, want object", "/type"),
        ("ratelimit.limit", limit("cost", json!(1.5)), "got number, want integer", "/properties/cost/type"),
        ("apis.createApi", json!({}), "missing property 'name'", "/required"),
        ("permissions.createPermission", json!({}), "missing properties 'name', 'slug'", "/required"),
        (
            "keys.createKey",
            json!({ "apiId": "api_1", "credits": {} }),
            "missing property 'remaining'",
            "/properties/credits/required",
        ),
        (
            "apis.createApi",
            json!({ "name": "abc", "x": 1 }),
            "additional properties 'x' not allowed",
            "/additionalProperties",
        ),
        (
            "apis.createApi",
            json!({ "name": "abc", "x": 1, "y": 2 }),
            "additional properties 'x', 'y' not allowed",
            "/additionalProperties",
        ),
        (
            "keys.addPermissions",
            json!({ "keyId": "key_1", "permissions": ["ok", ""] }),
            "minLength: got 0, want 1",
            "/properties/permissions/items/minLength",
        ),
        (
            "keys.createKey",
            json!({ "apiId": "api_1", "ratelimits": key_limit }),
            "minimum: got 0, want 1",
            "/properties/ratelimits/items/properties/limit/minimum",
        ),
        ("ratelimit.multiLimit", json!([]), "minItems: got 0, want 1", "/minItems"),
        (
            "ratelimit.multiLimit",
            json!([limit("cost", json!(-1))]),
            "minimum: got -1, want 0",
            "/items/properties/cost/minimum",
        ),
    ] {
        let found = unfit(&t, operation, body.clone()).await;
        assert_eq!(found, (message.to_owned(), location.to_owned()), "{operation} {body}");
    }
}

async fn bodies_that_are_none(t: TestApp) {
    let invalid = |detail: &str| refused(400, "invalid_input", detail);
    let operation = "apis.createApi";
    let none = "POST operation request content type '' does not exist";
    let call = t.call(Method::POST, "/v2/apis.createApi").bearer(&t.root_key).body(r#"{"name":"abc"}"#);
    assert_eq!(refusal(call).await, invalid(none));
    for kind in ["text/plain", "application/xml"] {
        let call = raw(&t, operation, r#"{"name":"abc"}"#).header("content-type", kind);
        assert_eq!(
            refusal(call).await,
            invalid(&format!("POST operation request content type '{kind}' does not exist"))
        );
    }
    assert_eq!(refusal(raw(&t, operation, "")).await, invalid("POST request body is empty for '/v2/apis.createApi'"));
    for body in [
        Bytes::from_static(b"{"),
        Bytes::from_static(b"name=abc"),
        Bytes::from_static(b"{\"name\":\"abc\"} x"),
        Bytes::from_static(b"{'name':'abc'}"),
        Bytes::from_static(b"{\"name\":\"abc\",}"),
        Bytes::from_static(b"{\"name\":\"ab\xffc\"}"),
        Bytes::from_static(b"{\"name\":\"\\ud800abc\"}"),
        Bytes::from_static(b"{\"name\":\"a\nbc\"}"),
        Bytes::from_static(b"\xef\xbb\xbf{\"name\":\"abc\"}"),
        Bytes::from_static(b"{\"name\":NaN}"),
        Bytes::from_static(b"{\"name\":1e999}"),
        Bytes::from_static(b"   "),
    ] {
        let reply = raw(&t, operation, body.clone()).send().await;
        let error = &reply.body["error"];
        assert_eq!(reply.status, 400, "{body:?}");
        assert_eq!(error["detail"], "POST request body for '/v2/apis.createApi' failed to validate schema");
        let only = &error["errors"][0];
        assert!(text(&only["message"]).starts_with("The request body cannot be decoded: "), "{only}");
        assert_eq!(only["location"], "requestBody");
        assert_eq!(only["fix"], "Ensure that the object being submitted, matches the schema correctly");
    }
    let call = raw(&t, operation, r#"{"name":"abc"}"#).header("content-type", "Application/JSON; charset=utf-8");
    assert_eq!(call.send().await.status, 200);
}

async fn numbers(t: TestApp) {
    let limit = |limit: &str, duration: &str| {
        let body = format!(
            r#"{{"namespace": "n", "identifier": "i", "limit": {limit}, "duration": {duration}, "cost": 0.0}}"#
        );
        raw(&t, "ratelimit.limit", body)
    };
    let data = |body: Value| (body["data"]["success"].clone(), body["data"]["limit"].clone());
    for (text, duration, expected) in
        [("1.0", "60000.0", 1), ("1e2", "6e4", 100), ("9223372036854775807", "60000", i64::MAX)]
    {
        assert_eq!(data(limit(text, duration).send().await.body), (json!(true), json!(expected)), "{text}");
    }
    for text in ["9223372036854775808", "99999999999999999999999", "1e300", "1.5", "-1", "0", "-0.0", "true", "\"1\""] {
        assert_eq!(refusal(limit(text, "60000")).await.0, 400, "{text}");
    }
    assert_eq!(refusal(limit("1", "999")).await.0, 400);
    let api = t.key_api("payments").await;
    let (key, _) = t.key(json!({ "apiId": api, "credits": {"remaining": i64::MAX} })).await;
    let body = json!({ "keyId": key, "operation": "increment", "value": i64::MAX });
    let reply = t.v2("keys.updateCredits", body).send().await;
    assert!(reply.status == 200 || reply.status == 400, "{}", reply.body);
    let shown = t.v2_data("keys.getKey", json!({ "keyId": key })).await;
    assert_eq!(shown["credits"]["remaining"], i64::MAX);
    for expires in ["4102444800001", "-1", "1e30"] {
        let body = format!(r#"{{"apiId": "{api}", "expires": {expires}}}"#);
        assert_eq!(refusal(raw(&t, "keys.createKey", body)).await.0, 400, "{expires}");
    }
    assert_eq!(t.v2_data("apis.listKeys", json!({ "apiId": api })).await.as_array().unwrap().len(), 1);
}

async fn null_characters(t: TestApp) {
    for (operation, body) in [
        ("apis.createApi", json!({ "name": "a\0bc" })),
        ("permissions.createRole", json!({ "name": "a\0b" })),
        ("permissions.createPermission", json!({ "name": "a\0b", "slug": "a" })),
        ("permissions.getPermission", json!({ "permission": "\0" })),
        ("permissions.deletePermission", json!({ "permission": "\0\0\0" })),
        ("permissions.listRoles", json!({ "search": "\0" })),
        ("permissions.listRoles", json!({ "cursor": "\0" })),
        ("identities.getIdentity", json!({ "identity": "\0" })),
        ("identities.createIdentity", json!({ "externalId": "joe", "meta": {"a\0": 1} })),
        ("identities.createIdentity", json!({ "externalId": "joe", "meta": {"a": ["\0"]} })),
        ("identities.createIdentity", json!({ "externalId": "joe", "unknown": "\0" })),
        ("keys.verifyKey", json!({ "key": "\0" })),
        ("keys.verifyKey", json!({ "key": "a", "tags": ["\0"] })),
        ("keys.whoami", json!({ "key": "\0" })),
        ("ratelimit.limit", json!({ "namespace": "\0", "identifier": "i", "limit": 1, "duration": 1000 })),
        ("analytics.getVerifications", json!({ "query": "SELECT '\0' FROM key_verifications_v1" })),
    ] {
        assert_eq!(refusal(t.v2(operation, body.clone())).await.0, 400, "{operation} {body}");
    }
    assert_eq!(t.v2_data("permissions.listRoles", json!({})).await, json!([]));
}

async fn bodies_over_the_limit(t: TestApp) {
    let limit = t.app.limits.key_body_bytes;
    assert_eq!(limit, 10 * 1024 * 1024);
    let detail = "The request body exceeds the maximum allowed size of 10485760 bytes.";
    let expected = refused(413, "request_body_too_large", detail);
    let body = Bytes::from(vec![b' '; limit + 1]);
    let announced = raw(&t, "apis.createApi", body.clone()).header("content-length", &(limit + 1).to_string());
    assert_eq!(refusal(announced).await, expected);
    assert_eq!(refusal(raw(&t, "apis.createApi", body.clone())).await, expected);
    let half = body.slice(..limit / 2 + 1);
    let reply = raw(&t, "apis.createApi", "").chunks(vec![half.clone(), half]).send().await;
    assert_eq!((reply.status.as_u16(), &reply.body["error"]["title"]), (413, &json!("Request Entity Too Large")));
    let mut whole = vec![b' '; limit];
    whole[..14].copy_from_slice(br#"{"name":"abc"}"#);
    assert_eq!(raw(&t, "apis.createApi", whole).send().await.status, 200, "up to the limit");
}

async fn deep_and_wide(t: TestApp) {
    for (open, close) in [("[", "]"), (r#"{"a":"#, "}")] {
        let deep = format!("{}1{}", open.repeat(10_000), close.repeat(10_000));
        let body = format!(r#"{{"externalId": "joe", "meta": {deep}}}"#);
        for body in [body.as_str(), &deep, &open.repeat(10_000)] {
            assert_eq!(refusal(raw(&t, "identities.createIdentity", body.to_owned())).await.0, 400);
            assert_eq!(refusal(raw(&t, "keys.verifyKey", body.to_owned())).await.0, 400);
        }
    }
    let wide = vec!["x"; 200_000];
    assert_eq!(refusal(t.v2("keys.addPermissions", json!({ "keyId": "key_1", "permissions": wide }))).await.0, 400);
    assert_eq!(t.v2_data("identities.listIdentities", json!({})).await, json!([]));
    let query = format!("{}a{}", "(".repeat(499), ")".repeat(499));
    let api = t.key_api("payments").await;
    let (_, key) = t.key(json!({ "apiId": api, "permissions": ["a"] })).await;
    assert_eq!(t.verify(&key, Some(&query)).await["code"], "VALID");
}

async fn unknown_members(t: TestApp) {
    let open = ["identities.createIdentity", "keys.rerollKey", "analytics.getVerifications"];
    for row in OPERATIONS.iter().filter(|row| row.path.starts_with("/v2/") && row.method == Method::POST) {
        if row.id == "ratelimit.multiLimit" {
            continue;
        }
        let schema = row.body.unwrap()();
        let closed = schema["additionalProperties"] == json!(false);
        assert_eq!(closed, !open.contains(&row.id), "{}", row.id);
    }
    let found = unfit(&t, "permissions.deletePermission", json!({ "permission": "abc", "permissionId": "abc" })).await;
    assert_eq!(found.0, "additional properties 'permissionId' not allowed");
}

async fn media_types_of_refusals(t: TestApp) {
    let plain = "application/json";
    let problem = "application/problem+json";
    for (accept, expected) in [
        ("application/json", plain),
        ("text/html", plain),
        ("application/problem+json", problem),
        ("application/*", problem),
        ("text/html, */*", problem),
    ] {
        let absent = t.v2("permissions.getPermission", json!({ "permission": "absent" })).header("accept", accept);
        assert_eq!(absent.send().await.header("content-type"), expected, "{accept}");
        let bad = t.v2("permissions.getPermission", json!({})).header("accept", accept);
        assert_eq!(bad.send().await.header("content-type"), plain, "the schema's are always JSON");
        let identity = t.v2("identities.deleteIdentity", json!({ "identity": "absent" })).header("accept", accept);
        assert_eq!(identity.send().await.header("content-type"), problem);
    }
}

async fn paths_and_methods(t: TestApp) {
    for path in ["/v2/", "/v2/nothing", "/v2/permissions.deletepermission", "/v2/keys.verifyKey/"] {
        let reply = t.call(Method::POST, path).bearer(&t.root_key).json(json!({})).send().await;
        assert_eq!((reply.status.as_u16(), &reply.body), (404, &Value::Null), "{path}");
        assert!(reply.header("content-type").starts_with("text/plain"));
    }
    for method in [Method::GET, Method::PUT, Method::DELETE] {
        let reply = t.call(method, "/v2/keys.verifyKey").bearer(&t.root_key).send().await;
        assert!(matches!(reply.status.as_u16(), 404 | 405) && reply.header("content-type").starts_with("text/plain"));
    }
}

async fn nothing_half_done(t: TestApp) {
    let api = t.key_api("payments").await;
    let (id, key) = t.key(json!({ "apiId": api, "permissions": ["a"] })).await;
    for (operation, body) in [
        ("keys.createKey", json!({ "apiId": api, "externalId": "joe", "permissions": ["new"], "roles": ["absent"] })),
        (
            "keys.updateKey",
            json!({ "keyId": id, "name": "new", "externalId": "joe", "permissions": ["new"], "roles": ["absent"] }),
        ),
        ("keys.removePermissions", json!({ "keyId": id, "permissions": ["a", "absent"] })),
        ("keys.addRoles", json!({ "keyId": id, "roles": ["absent"] })),
        ("keys.addPermissions", json!({ "keyId": "key_absent", "permissions": ["new"] })),
    ] {
        assert_eq!(refusal(t.v2(operation, body)).await.0, 404, "{operation}");
    }
    let giver = t.root_key_with(&["api.*.create_key", "api.*.update_key", "rbac.*.add_permission_to_key"]).await;
    let create = json!({ "apiId": api, "permissions": ["a", "new"], "externalId": "joe" });
    assert_eq!(refusal(t.v2("keys.createKey", create).bearer(&giver)).await, lacks("rbac.*.create_permission"));
    let add = json!({ "keyId": id, "permissions": ["b", "new"] });
    assert_eq!(refusal(t.v2("keys.addPermissions", add).bearer(&giver)).await, lacks("rbac.*.create_permission"));
    assert_eq!(refusal(t.v2("permissions.getPermission", json!({ "permission": "new" }))).await, no_permission());
    assert_eq!(refusal(t.v2("permissions.getRole", json!({ "role": "absent" }))).await, no_role());
    assert_eq!(t.v2_data("identities.listIdentities", json!({})).await, json!([]));
    let shown = t.v2_data("keys.getKey", json!({ "keyId": id })).await;
    assert_eq!((&shown["permissions"], shown.get("name"), shown.get("updatedAt")), (&json!(["a"]), None, None));
    assert_eq!(t.verify(&key, Some("a")).await["code"], "VALID");
    assert_eq!(t.v2_data("apis.listKeys", json!({ "apiId": api })).await.as_array().unwrap().len(), 1);
}

async fn nonsense_for_every_operation(t: TestApp) {
    let long = "x".repeat(100_000);
    for row in OPERATIONS.iter().filter(|row| row.path.starts_with("/v2/") && row.method == Method::POST) {
        let schema = row.body.unwrap()();
        let members: Vec<String> =
            schema["properties"].as_object().map(|all| all.keys().cloned().collect()).unwrap_or_default();
        let mut bodies = vec![json!(null), json!([]), json!("x"), json!(1), json!(true), json!([null]), json!([{}])];
        for value in [json!(null), json!({}), json!([]), json!(-1), json!(1e308), json!(long), json!("%_~\\'\"\n")] {
            bodies.push(members.iter().map(|name| (name.clone(), value.clone())).collect::<Map<_, _>>().into());
        }
        for body in bodies {
            let status = t.v2(row.id, body).send().await.status.as_u16();
            assert!(status < 500, "{} {status}", row.id);
        }
    }
}
