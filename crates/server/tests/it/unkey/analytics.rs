//! Questions about verifications that were made, and whether the program is alive.

use serde_json::{Value, json};

use super::{lacks, refusal, refused, text};
use crate::support::TestApp;

on_both_engines!(
    verifications_are_counted,
    what_is_known_of_one,
    whoever_may_read_one_api_sees_that_one,
    times,
    what_is_refused,
    alive,
);

async fn ask(t: &TestApp, root_key: &str, query: &str) -> Value {
    let call = t.v2("analytics.getVerifications", json!({ "query": query, "unknown": "is let pass" }));
    let reply = call.bearer(root_key).send().await;
    assert_eq!(reply.status, 200, "{query}: {}", reply.body);
    reply.body["data"].clone()
}

const BY_OUTCOME: &str = "SELECT outcome, count() AS n FROM key_verifications_v1 GROUP BY outcome ORDER BY outcome";

async fn verifications_are_counted(t: TestApp) {
    let api = t.key_api("payments").await;
    let (_, key) = t.key(json!({ "apiId": api, "permissions": ["a"] })).await;
    let (_, off) = t.key(json!({ "apiId": api, "enabled": false })).await;
    assert_eq!(ask(&t, &t.root_key, BY_OUTCOME).await, json!([]));
    for query in [None, Some("a"), Some("b")] {
        t.verify(&key, query).await;
    }
    t.verify(&off, None).await;
    t.verify("unknown", None).await;
    let expected = json!([
        { "outcome": "DISABLED", "n": 1 }, { "outcome": "INSUFFICIENT_PERMISSIONS", "n": 1 },
        { "outcome": "VALID", "n": 2 },
    ]);
    assert_eq!(ask(&t, &t.root_key, BY_OUTCOME).await, expected, "also the last one, and no key that there is not");
    let total = ask(&t, &t.root_key, "SELECT sum(count) AS n FROM key_verifications_per_day_v1").await;
    assert_eq!(total, json!([{ "n": 4 }]));
}

async fn what_is_known_of_one(t: TestApp) {
    let api = t.key_api("payments").await;
    let body = json!({ "apiId": api, "externalId": "joe", "credits": {"remaining": 10} });
    let (id, key) = t.key(body).await;
    let body = json!({ "key": key, "tags": ["path=/x", "it's"], "credits": {"cost": 3} });
    let reply = t.v2("keys.verifyKey", body).send().await;
    assert_eq!(reply.body["data"]["credits"], 7);
    let row = ask(&t, &t.root_key, "SELECT * FROM key_verifications_v1").await[0].clone();
    for (column, expected) in [
        ("request_id", reply.body["meta"]["requestId"].clone()),
        ("time", json!(1_767_225_600_000_i64)),
        ("workspace_id", json!("ws_default")),
        ("key_space_id", json!(api.replace("api_", "ks_"))),
        ("identity_id", reply.body["data"]["identity"]["id"].clone()),
        ("external_id", json!("joe")),
        ("key_id", json!(id)),
        ("outcome", json!("VALID")),
        ("tags", json!(["path=/x", "it's"])),
        ("spent_credits", json!(3)),
    ] {
        assert_eq!(row[column], expected, "{column}");
    }
    assert!(row["latency"].as_f64().unwrap() >= 0.0);
    let query = "SELECT key_id FROM key_verifications_v1 WHERE has(tags, 'it''s') AND external_id = 'joe' LIMIT 5";
    assert_eq!(ask(&t, &t.root_key, query).await, json!([{ "key_id": id }]));
    let shown = t.v2_data("keys.getKey", json!({ "keyId": id })).await;
    assert_eq!(shown["lastUsedAt"], 1_767_225_600_000_i64);
}

async fn whoever_may_read_one_api_sees_that_one(t: TestApp) {
    let (mine, other) = (t.key_api("mine").await, t.key_api("other").await);
    let (_, first) = t.key(json!({ "apiId": mine })).await;
    let (_, second) = t.key(json!({ "apiId": other })).await;
    for key in [&first, &second, &second] {
        t.verify(key, None).await;
    }
    let count = "SELECT count() AS n FROM key_verifications_v1";
    assert_eq!(ask(&t, &t.root_key, count).await, json!([{ "n": 3 }]));
    let reader = t.root_key_with(&["api.*.read_analytics"]).await;
    assert_eq!(ask(&t, &reader, count).await, json!([{ "n": 3 }]));
    let grant = format!("api.{mine}.read_analytics");
    let one = t.root_key_with(&[&grant]).await;
    assert_eq!(ask(&t, &one, count).await, json!([{ "n": 1 }]));
    let space = other.replace("api_", "ks_");
    let sly = format!("SELECT count() AS n FROM key_verifications_v1 WHERE key_space_id = '{space}' OR 1 = 1");
    assert_eq!(ask(&t, &one, &sly).await, json!([{ "n": 1 }]));
    let both = t.root_key_with(&[&grant, &format!("api.{other}.read_analytics")]).await;
    assert_eq!(ask(&t, &both, count).await, json!([{ "n": 3 }]));
    let absent = t.root_key_with(&["api.api_0123456789.read_analytics"]).await;
    assert_eq!(ask(&t, &absent, count).await, json!([{ "n": 0 }]));
    let nobody = t.root_key_with(&["api.*.read_key"]).await;
    let call = t.v2("analytics.getVerifications", json!({ "query": count })).bearer(&nobody);
    assert_eq!(refusal(call).await, lacks("api.*.read_analytics"));
}

async fn times(t: TestApp) {
    let api = t.key_api("payments").await;
    let (_, key) = t.key(json!({ "apiId": api })).await;
    for _ in 0..3 {
        t.verify(&key, None).await;
        t.clock.advance(3600);
    }
    let query = "SELECT time, count FROM key_verifications_per_hour_v1 ORDER BY time DESC LIMIT 2";
    let hour = 3_600_000_i64;
    let start = 1_767_225_600_000;
    let expected = json!([{ "time": start + 2 * hour, "count": 1 }, { "time": start + hour, "count": 1 }]);
    assert_eq!(ask(&t, &t.root_key, query).await, expected);
    let query = "SELECT count() AS n FROM key_verifications_v1 WHERE time >= now() - INTERVAL 2 HOUR";
    assert_eq!(ask(&t, &t.root_key, query).await, json!([{ "n": 2 }]));
}

async fn what_is_refused(t: TestApp) {
    for (query, kind, words) in [
        ("", "invalid_analytics_query", "empty"),
        ("SELECT", "invalid_analytics_query", "ends"),
        ("SELECT colour FROM key_verifications_v1", "invalid_analytics_query", "colour"),
        ("SELECT 1 FROM keys", "invalid_analytics_table", "'keys'"),
        ("SELECT hash FROM root_keys", "invalid_analytics_table", "'root_keys'"),
        ("SELECT sleep(10) FROM key_verifications_v1", "invalid_analytics_function", "'sleep'"),
        ("DELETE FROM key_verifications_v1", "invalid_analytics_query_type", "'DELETE'"),
        ("DROP TABLE keys", "invalid_analytics_query_type", "'DROP'"),
        ("SELECT 1 FROM key_verifications_v1; DROP TABLE keys", "invalid_analytics_query", "more than one"),
    ] {
        let (status, code, detail) = refusal(t.v2("analytics.getVerifications", json!({ "query": query }))).await;
        assert_eq!((status, code.as_str()), (400, kind), "{query}: {detail}");
        assert!(detail.contains(words), "{query}: {detail}");
    }
    let deep = format!("SELECT {}1{} FROM key_verifications_v1", "(".repeat(10_000), ")".repeat(10_000));
    assert_eq!(refusal(t.v2("analytics.getVerifications", json!({ "query": deep }))).await.0, 400);
    let schema = "POST request body for '/v2/analytics.getVerifications' failed to validate schema";
    let number = refusal(t.v2("analytics.getVerifications", json!({ "query": 1 }))).await;
    assert_eq!(number, refused(400, "invalid_input", schema));
}

async fn alive(t: TestApp) {
    let reply = t.get("/v2/liveness").anonymous().send().await;
    assert_eq!(reply.status, 200);
    assert!(text(&reply.body["meta"]["requestId"]).starts_with("req_"));
    assert_eq!(reply.body["data"], json!({ "message": "we're cooking" }));
}
