//! Entries about tokens stand among the others in the audit log, although they are stored many together.

use serde_json::{Value, json};

use super::Machine;
use crate::support::TestApp;
use keyward_server::token_log;

on_both_engines!(
    every_page_has_them_in_their_order,
    every_filter_finds_them,
    each_is_found_by_its_id,
    all_of_an_entry_is_kept
);

const AUDIENCE: &str = "https://orders.example/";

/// Changes, and between them requests for tokens, good and bad ones, of two applications, at different times.
async fn filled(t: &TestApp) -> Machine {
    t.api(AUDIENCE, &["a", "b"]).await;
    let (one, other) = (t.machine().await, t.machine().await);
    t.grant(&one, AUDIENCE, &["a", "b"]).await;
    for round in 0..4 {
        for _ in 0..3 {
            assert_eq!(t.ask_as(&one, AUDIENCE, "a").await.status, 200);
        }
        assert_eq!(t.ask_as(&other, AUDIENCE, "").await.status, 403);
        // What was written until now is a block of its own.
        token_log::flush(&t.app).await.unwrap();
        t.clock.advance(60);
        t.api(&format!("https://{round}.example/"), &[]).await;
        assert_eq!(t.ask_as(&one, AUDIENCE, "").await.status, 200);
    }
    one
}

async fn entries(t: &TestApp, query: &str) -> Vec<Value> {
    let reply = t.get(&format!("logs?{query}")).send().await;
    assert_eq!(reply.status, 200, "{}", reply.body);
    reply.body.as_array().unwrap().clone()
}

async fn every_page_has_them_in_their_order(t: TestApp) {
    filled(&t).await;
    let oldest = entries(&t, "per_page=100&sort=date:1").await;
    let ids: Vec<_> = oldest.iter().map(|entry| entry["log_id"].as_str().unwrap()).collect();
    assert!(ids.is_sorted() && ids.windows(2).all(|pair| pair[0] != pair[1]), "{ids:?}");
    let kinds: Vec<_> = oldest.iter().map(|entry| entry["type"].as_str().unwrap()).collect();
    let end: Vec<_> = kinds.iter().rev().take(6).rev().copied().collect();
    assert_eq!(end, ["seccft", "seccft", "seccft", "feccft", "sapi", "seccft"]);
    let newest: Vec<_> = entries(&t, "per_page=100").await.into_iter().rev().collect();
    assert_eq!(newest, oldest);
    for size in [1, 3, 7] {
        for (order, whole) in [("-1", newest.iter().rev().collect::<Vec<_>>()), ("1", oldest.iter().collect())] {
            let mut paged = Vec::new();
            for page in 0..whole.len().div_ceil(size) {
                paged.extend(entries(&t, &format!("per_page={size}&page={page}&sort=date:{order}")).await);
            }
            assert_eq!(paged.iter().collect::<Vec<_>>(), whole, "{size} a page, {order}");
        }
        let (mut from, mut walked) = (String::new(), Vec::new());
        loop {
            let next = entries(&t, &format!("take={size}{from}")).await;
            let Some(last) = next.last() else { break };
            from = format!("&from={}", last["log_id"].as_str().unwrap());
            walked.extend(next);
        }
        assert_eq!(walked, oldest, "{size} at a time");
    }
}

async fn every_filter_finds_them(t: TestApp) {
    let machine = filled(&t).await;
    let all = entries(&t, "per_page=100").await;
    let id = machine.id.as_str();
    let refused = all.iter().find(|entry| entry["type"] == "feccft").unwrap();
    let filters = [
        ("type:seccft".to_owned(), 17),
        ("type:feccft".to_owned(), 4),
        ("type:sapi AND description:\"Create a resource server\"".to_owned(), 5),
        (format!("client_id:{id}"), 16),
        (format!("user_id:\"{id}@clients\" AND type:seccft"), 16),
        (format!("client_id:{id} AND type:feccft"), 0),
        (format!("log_id:{}", refused["log_id"].as_str().unwrap()), 1),
        ("ip:192.0.2.1 AND type:feccft".to_owned(), 4),
        ("ip:192.0.2.9".to_owned(), 0),
        ("date:[2026-01-01T00:01:00.000Z TO 2026-01-01T00:02:00.000Z] AND type:seccft".to_owned(), 8),
        ("date:[2026-01-01T00:04:00.000Z TO *] AND type:seccft".to_owned(), 1),
    ];
    for (filter, count) in filters {
        let q: String = form_urlencoded::byte_serialize(filter.as_bytes()).collect();
        let found = entries(&t, &format!("per_page=100&q={q}")).await;
        assert_eq!(found.len(), count, "{filter}");
        let expected: Vec<_> = all.iter().filter(|entry| found.contains(entry)).cloned().collect();
        assert_eq!(found, expected, "{filter}: in their order");
        let page = t.get(&format!("logs?per_page=2&page=1&include_totals=true&q={q}")).send().await.body;
        assert_eq!(page["total"], count, "{filter}");
        assert_eq!(page["logs"].as_array().unwrap()[..], *found.get(2..count.min(4)).unwrap_or_default(), "{filter}");
    }
    let totals = t.get("logs?per_page=1&include_totals=true").send().await.body;
    assert_eq!(totals["total"], all.len());
}

async fn each_is_found_by_its_id(t: TestApp) {
    filled(&t).await;
    for entry in entries(&t, "per_page=100").await {
        let id = entry["log_id"].as_str().unwrap();
        assert_eq!(t.get(&format!("logs/{id}")).send().await.body, entry);
        // The same number at another time is no entry.
        let other = format!("{}9{}", &id[..19], &id[20..]);
        assert!(other == id || t.get(&format!("logs/{other}")).send().await.status == 404, "{other}");
    }
    for id in ["900", &"9".repeat(56), "90020260101000000000x", "é".repeat(28).as_str()] {
        assert_eq!(t.get(&format!("logs/{id}")).send().await.status, 404, "{id}");
    }
}

async fn all_of_an_entry_is_kept(t: TestApp) {
    let machine = filled(&t).await;
    let body = json!({
        "grant_type": "client_credentials", "client_id": machine.id, "client_secret": machine.secret,
        "audience": AUDIENCE, "scope": "b a", "more \"\\ \u{1}": "é",
    });
    let call = t.call(http::Method::POST, "/oauth/token").anonymous().json(body.clone());
    let call = call.header("user-agent", "a \"test\"").header("x-correlation-id", "c").header("host", "keyward.test:1");
    let reply = call.send().await;
    assert_eq!(reply.status, 200, "{}", reply.body);
    let entry = entries(&t, "per_page=1").await.remove(0);
    assert_eq!(
        (&entry["type"], &entry["scope"], &entry["audience"]),
        (&json!("seccft"), &json!("a b"), &json!(AUDIENCE))
    );
    assert_eq!(entry["date"], "2026-01-01T00:04:00.000Z");
    assert_eq!(
        (&entry["ip"], &entry["user_agent"], &entry["hostname"]),
        (&json!("192.0.2.1"), &json!("a \"test\""), &json!("keyward.test"))
    );
    assert_eq!(entry["references"]["correlation_id"], "c");
    assert_eq!(entry["details"]["request_id"], reply.header("x-request-id"));
    assert_eq!(entry["details"]["response"], json!({ "statusCode": 200, "body": { "expires_in": 86400 } }));
    let mut kept = body;
    kept["client_secret"] = "[redacted]".into();
    assert_eq!(entry["details"]["request"]["body"], kept);
    assert_eq!(
        (&entry["details"]["request"]["method"], &entry["details"]["request"]["path"]),
        (&json!("post"), &json!("/oauth/token"))
    );
}
