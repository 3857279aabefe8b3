//! What is wrong gets the contract's error body and changes nothing.

use serde_json::{Value, json};

use crate::support::TestApp;

on_both_engines!(
    bodies_that_are_not_json,
    other_media_types,
    too_long,
    long_values_are_not_echoed,
    texts_no_engine_stores,
    a_refusal_is_audited
);

async fn unchanged(t: &TestApp) {
    assert_eq!(t.get("resource-servers?include_totals=true").send().await.body["total"], 1);
}

async fn bodies_that_are_not_json(t: TestApp) {
    for body in [
        &b"{"[..],
        b"nonsense",
        b"{\"identifier\": \"x\",}",
        b"\xff\xfe",
        b"{\"identifier\":\"\xc3\x28\"}",
        b"{} {}",
        &[b'['; 100_000],
    ] {
        let reply = t.post("resource-servers", Value::Null).body(body.to_vec()).send().await;
        assert_eq!((reply.status.as_u16(), &reply.body["errorCode"]), (400, &json!("invalid_body")));
        let text = reply.body["message"].as_str().unwrap();
        assert!(text.starts_with("Payload validation error: 'Invalid request payload JSON format"), "{text}");
    }
    let empty = t.post("resource-servers", Value::Null).body("").send().await;
    assert_eq!(empty.body["message"], "Payload validation error: 'Expected type object but found type null'.");
    let list = t.post("resource-servers", json!([])).send().await;
    assert_eq!(list.body["message"], "Payload validation error: 'Expected type object but found type array'.");
    unchanged(&t).await;
}

async fn other_media_types(t: TestApp) {
    let body = json!({ "identifier": "https://a.example/" });
    for kind in
        ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "application/xml"]
    {
        let reply = t.post("resource-servers", body.clone()).header("content-type", kind).send().await;
        assert_eq!((reply.status.as_u16(), &reply.body["error"]), (415, &json!("Unsupported Media Type")), "{kind}");
    }
    let packed = t.post("resource-servers", body.clone()).header("content-encoding", "gzip").send().await;
    assert_eq!(packed.status, 415);
    unchanged(&t).await;
    let spelled =
        t.post("resource-servers", body).header("content-type", "Application/JSON; charset=UTF-8").send().await;
    assert_eq!(spelled.status, 201);
}

async fn too_long(t: TestApp) {
    let padding = " ".repeat(1_048_577 - 34);
    let body = format!("{{\"identifier\": \"https://a.example/\"{padding}}}");
    assert!(body.len() > 1_048_576);
    let announced = t.post("resource-servers", Value::Null).header("content-length", &body.len().to_string());
    let reply = announced.body(body.clone()).send().await;
    assert_eq!(reply.status, 413);
    // Without an announcement the bytes are counted as they come.
    let chunks = body.as_bytes().chunks(1000).map(bytes::Bytes::copy_from_slice).collect();
    let reply = t.post("resource-servers", Value::Null).chunks(chunks).send().await;
    assert_eq!((reply.status.as_u16(), &reply.body["error"]), (413, &json!("Payload Too Large")));
    unchanged(&t).await;
    for (name, value) in [("identifier", "i".repeat(601)), ("name", "n".repeat(201))] {
        let mut body = json!({ "identifier": "https://a.example/" });
        body[name] = value.into();
        let reply = t.post("resource-servers", body).send().await;
        assert!(reply.body["message"].as_str().unwrap().contains("String is too long"), "{}", reply.body);
    }
    unchanged(&t).await;
}

/// A refusal does not repeat a megabyte.
async fn long_values_are_not_echoed(t: TestApp) {
    let reply =
        t.post("resource-servers", json!({ "identifier": "a", "signing_alg": "x".repeat(100_000) })).send().await;
    assert_eq!(reply.status, 400);
    assert!(reply.bytes.len() < 1000, "{}", reply.bytes.len());
}

async fn texts_no_engine_stores(t: TestApp) {
    for body in [
        json!({ "identifier": "a\u{0}b" }),
        json!({ "identifier": "a", "name": "\u{0}" }),
        json!({ "identifier": "a", "scopes": [{"value": "x", "description": "\u{0}"}] }),
        json!({ "identifier": "a", "authorization_details": [{"type": "x", "y": {"z": ["\u{0}"]}}] }),
    ] {
        let reply = t.post("resource-servers", body).send().await;
        assert_eq!((reply.status.as_u16(), &reply.body["errorCode"]), (400, &json!("invalid_body")), "{}", reply.body);
    }
    assert_eq!(t.get("logs/%00").send().await.status, 404);
    assert_eq!(t.get("logs?q=type:%00").send().await.status, 400);
    assert_eq!(t.get("logs?from=%00").send().await.status, 400);
    unchanged(&t).await;
}

async fn a_refusal_is_audited(t: TestApp) {
    t.post("resource-servers", json!({ "identifier": 1, "signing_secret": "sixteen letters!" })).send().await;
    t.get("resource-servers?page=x").send().await;
    t.post("resource-servers", json!({})).anonymous().send().await;
    let entries = t.entries("fapi").await;
    assert_eq!(entries.len(), 1, "only what would have changed something, by someone known");
    let entry = &entries[0];
    assert_eq!(entry["details"]["response"]["statusCode"], 400);
    assert_eq!(entry["details"]["response"]["body"]["errorCode"], "invalid_body");
    assert_eq!(entry["details"]["request"]["body"], json!({ "identifier": 1, "signing_secret": "[redacted]" }));
}
