//! A question that needs no waiting is answered on a short way, and has the answer that it has on the long one.

use serde_json::{Value, json};

use crate::support::TestApp;

on_both_engines!(both_ways_answer_the_same, both_ways_refuse_the_same);

/// What does not depend on the request: everything but its id, and what limits count.
fn comparable(reply: crate::support::Reply) -> (u16, String, Value) {
    let kind = reply.header("content-type").to_owned();
    let mut body = reply.body;
    body["meta"]["requestId"] = "".into();
    let limits = body.pointer_mut("/data/ratelimits").and_then(Value::as_array_mut);
    for limit in limits.into_iter().flatten() {
        limit["remaining"] = 0.into();
    }
    (reply.status.as_u16(), kind, body)
}

/// Asks on the short way, before and after the key is remembered, and on the long one.
async fn same_both_ways(t: &TestApp, root: &str, body: &Value) -> Value {
    let mut answers = Vec::new();
    for more in [json!({}), json!({}), json!({ "ratelimits": [] }), json!({ "credits": {"cost": 1} }), json!({})] {
        let mut body = body.clone();
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        answers.push(comparable(t.v2_as(root, "keys.verifyKey", body).await));
    }
    for answer in &answers {
        assert_eq!(answer, &answers[0], "{body}");
    }
    answers.remove(0).2
}

/// Keys in every state, and one that is not there.
async fn keys(t: &TestApp) -> Vec<String> {
    let (api, guarded, gone) = (t.key_api("payments").await, t.key_api("guarded").await, t.key_api("gone").await);
    t.v2_data("apis.updateApi", json!({ "apiId": guarded, "ipAllowList": ["203.0.113.9"] })).await;
    t.v2_data("permissions.createRole", json!({ "name": "reader", "permissions": ["files.read"] })).await;
    let identity = json!({
        "externalId": "user_1", "meta": {"a": "\u{1F511} \"x\""},
        "ratelimits": [{"name": "shared", "limit": 100_000, "duration": 60_000, "autoApply": true}],
    });
    t.v2_data("identities.createIdentity", identity).await;
    let limit = |limit: i64| json!([{ "name": "own", "limit": limit, "duration": 60_000, "autoApply": true }]);
    let mut keys = vec!["unknown".to_owned(), t.root_key.clone()];
    for body in [
        json!({ "apiId": api }),
        json!({ "apiId": api, "permissions": ["docs.read"], "roles": ["reader"], "name": "tab\tand \"quote\"" }),
        json!({ "apiId": api, "externalId": "user_1", "meta": {"deep": [[{"a": 1.5}]]}, "ratelimits": limit(100_000) }),
        json!({ "apiId": api, "enabled": false, "permissions": ["docs.read"] }),
        json!({ "apiId": api, "expires": 1 }),
        json!({ "apiId": api, "expires": 1_900_000_000_000_i64, "externalId": "user_2" }),
        json!({ "apiId": guarded, "permissions": ["docs.read"] }),
        json!({ "apiId": gone, "permissions": ["docs.read"] }),
        json!({ "apiId": api, "credits": {"remaining": 0} }),
    ] {
        keys.push(t.key(body).await.1);
    }
    let limited = t.key(json!({ "apiId": api, "permissions": ["docs.read"], "ratelimits": limit(1) })).await.1;
    assert_eq!(t.code(&limited).await, "VALID");
    keys.push(limited);
    let (deleted, text) = t.key(json!({ "apiId": api })).await;
    t.code(&text).await;
    t.v2_data("keys.deleteKey", json!({ "keyId": deleted })).await;
    keys.push(text);
    t.v2_data("apis.deleteApi", json!({ "apiId": gone })).await;
    keys
}

async fn both_ways_answer_the_same(t: TestApp) {
    let roots = [
        t.root_key.clone(),
        t.root_key_with(&["api.*.verify_key"]).await,
        t.root_key_with(&["api.*.read_key"]).await,
        "nobody".to_owned(),
    ];
    let queries = [
        None,
        Some("docs.read"),
        Some("docs.read AND files.read"),
        Some("docs.write OR (x AND y)"),
        Some("a b"),
        Some(" "),
        Some("ü"),
        Some("(((docs.read"),
    ];
    let tags = json!(["a", "ü", "with \"quotes\" and \\", "\u{1F511}"]);
    for key in keys(&t).await {
        for root in &roots {
            for query in queries {
                let mut body = json!({ "key": key, "tags": tags });
                if let Some(query) = query {
                    body["permissions"] = query.into();
                }
                same_both_ways(&t, root, &body).await;
            }
        }
    }
}

async fn both_ways_refuse_the_same(t: TestApp) {
    let api = t.key_api("payments").await;
    let (_, key) = t.key(json!({ "apiId": api })).await;
    t.code(&key).await;
    for (member, value) in [
        ("permissions", json!("")),
        ("permissions", json!("p".repeat(1001))),
        ("permissions", json!(1)),
        ("permissions", json!("a\u{0}")),
        ("tags", json!(vec!["t"; 21])),
        ("tags", json!([""])),
        ("tags", json!(["t".repeat(513)])),
        ("tags", json!(["\u{0}"])),
        ("tags", json!("t")),
        ("tags", json!([1])),
        ("tags", json!([null])),
        ("tags", Value::Null),
        ("colour", json!(1)),
        ("key", json!("")),
        ("key", json!("k".repeat(513))),
        ("key", Value::Null),
    ] {
        let mut body = json!({ "key": key });
        body[member] = value;
        let answer = same_both_ways(&t, &t.root_key, &body).await;
        assert_eq!(answer["error"]["status"], 400, "{body}");
    }
    for bytes in [
        format!(r#"{{"key":"{key}"}}x"#),
        format!(r#"{{"key":"{key}",}}"#),
        format!(r#"[{{"key":"{key}"}}]"#),
        format!(r#"{{"key":"{key}","permissions":"a{}b"}}"#, '\u{1}'),
    ] {
        let reply = t.v2("keys.verifyKey", json!({})).body(bytes.clone()).send().await;
        assert_eq!(reply.status, 400, "{bytes}");
    }
    let mut cut = format!(r#"{{"key":"{key}","permissions":""#).into_bytes();
    cut.extend([0xff, 0xfe, b'"', b'}']);
    assert_eq!(t.v2("keys.verifyKey", json!({})).body(cut).send().await.status, 400, "no UTF-8");
    for header in ["text/plain", ""] {
        let reply = t.v2("keys.verifyKey", json!({ "key": key })).header("content-type", header).send().await;
        assert_eq!(reply.status, 400, "{header}");
    }
    for spaced in [format!(" {{ \"key\" : \"{key}\" }} \n"), format!(r#"{{"tags":[],"key":"{key}"}}"#)] {
        let reply = t.v2("keys.verifyKey", json!({})).body(spaced).send().await;
        assert_eq!(reply.body["data"]["code"], "VALID");
    }
}
