//! The audit log.

use serde_json::{Value, json};

use crate::support::TestApp;

on_both_engines!(
    who_what_before_after_from_where,
    pages_and_order,
    from_an_entry_on,
    queries,
    what_does_not_exist,
    a_change_without_an_entry_is_not_made
);

async fn who_what_before_after_from_where(t: TestApp) {
    let id = t.api("https://a.example/", &["a", "b"]).await;
    let body = json!({ "name": "Other", "scopes": [{"value": "b", "description": "Bee"}, {"value": "c"}] });
    let call = t.patch(&format!("resource-servers/{id}?"), body.clone());
    let call = call
        .header("user-agent", "a test")
        .header("x-correlation-id", &"c".repeat(70))
        .header("host", "keyward.test:8443");
    let reply = call.send().await;
    assert_eq!(reply.status, 200);
    let entry = t.get("logs?per_page=1").send().await.body[0].clone();
    assert_eq!(entry["_id"], entry["log_id"]);
    assert_eq!(entry["log_id"].as_str().unwrap().len(), 56);
    assert_eq!(entry["date"], "2026-01-01T00:00:00.000Z");
    assert_eq!((&entry["type"], &entry["description"]), (&json!("sapi"), &json!("Update a resource server")));
    assert_eq!((&entry["client_id"], &entry["user_id"]), (&json!("keyward-cli"), &json!("keyward-cli@clients")));
    assert_eq!(
        (&entry["ip"], &entry["user_agent"], &entry["hostname"]),
        (&json!("192.0.2.1"), &json!("a test"), &json!("keyward.test"))
    );
    assert_eq!(entry["references"]["correlation_id"], "c".repeat(64));
    let request = &entry["details"]["request"];
    assert_eq!((&request["method"], &request["body"]), (&json!("patch"), &body));
    assert_eq!(request["path"], format!("/api/v2/resource-servers/{id}"));
    assert_eq!(request["auth"]["strategy"], "jwt");
    assert!(request["auth"]["credentials"]["scopes"].as_array().unwrap().contains(&json!("read:logs")));
    assert_eq!(entry["details"]["response"]["statusCode"], 200);
    assert_eq!(entry["details"]["request_id"], reply.header("x-request-id"));
    let values = |side: &str| -> Vec<(String, Value)> {
        let scopes = entry["details"][side]["scopes"].as_array().unwrap();
        scopes.iter().map(|s| (s["value"].as_str().unwrap().to_owned(), s["description"].clone())).collect()
    };
    assert_eq!(entry["details"]["before"]["name"], "Test");
    assert_eq!(entry["details"]["after"]["name"], "Other");
    assert_eq!(values("before"), [("a".to_owned(), Value::Null), ("b".to_owned(), Value::Null)]);
    assert_eq!(values("after"), [("c".to_owned(), Value::Null), ("b".to_owned(), json!("Bee"))]);
    assert_eq!(t.get(&format!("logs/{}", entry["log_id"].as_str().unwrap())).send().await.body, entry);
    // A deletion shows what there was.
    t.delete(&format!("resource-servers/{id}")).send().await;
    let entry = t.get("logs?per_page=1").send().await.body[0].clone();
    assert_eq!(entry["description"], "Delete a resource server");
    assert_eq!(entry["details"]["before"]["scopes"].as_array().unwrap().len(), 2);
    assert_eq!(entry["details"].get("after"), None);
}

async fn pages_and_order(t: TestApp) {
    for number in 0..5 {
        t.api(&format!("https://{number}.example/"), &[]).await;
        t.clock.advance(60);
    }
    let numbers = |body: &Value| -> Vec<String> {
        body.as_array()
            .unwrap()
            .iter()
            .map(|e| e["details"]["after"]["identifier"].as_str().unwrap().chars().nth(8).unwrap().to_string())
            .collect()
    };
    let newest = t
        .get("logs?per_page=2&page=1&q=description:%22Create a resource server%22".replace(' ', "%20").as_str())
        .send()
        .await
        .body;
    assert_eq!(numbers(&newest), ["2", "1"]);
    let oldest =
        t.get("logs?per_page=2&sort=date:1&q=description:%22Create%20a%20resource%20server%22").send().await.body;
    assert_eq!(numbers(&oldest), ["0", "1"]);
    let totals = t.get("logs?per_page=2&include_totals=true&q=type:sapi").send().await.body;
    assert_eq!(
        (&totals["start"], &totals["limit"], &totals["length"], &totals["total"]),
        (&json!(0), &json!(2), &json!(2), &json!(7))
    );
    let far = t.get("logs?per_page=100&page=10").send().await;
    assert_eq!((far.status.as_u16(), &far.body["errorCode"]), (400, &json!("invalid_paging")));
    assert_eq!(t.get("logs?per_page=100&page=9").send().await.status, 200);
    assert_eq!(t.get("logs?sort=name:1").send().await.status, 400);
    let chosen = t.get("logs?per_page=1&fields=type,ip").send().await.body;
    assert_eq!(chosen, json!([{ "type": "sapi", "ip": "192.0.2.1" }]));
}

async fn from_an_entry_on(t: TestApp) {
    for number in 0..5 {
        t.api(&format!("https://{number}.example/"), &[]).await;
    }
    let mut path = "/api/v2/logs?take=3".to_owned();
    let mut seen = Vec::new();
    loop {
        let reply = t.get(&path).send().await;
        let page = reply.body.as_array().unwrap().clone();
        if page.is_empty() {
            assert_eq!(reply.header("link"), "");
            break;
        }
        let link = reply.header("link").strip_prefix("<https://keyward.test").unwrap();
        path = link.strip_suffix(">; rel=\"next\"").unwrap().to_owned();
        seen.extend(page.iter().map(|entry| entry["log_id"].as_str().unwrap().to_owned()));
    }
    let mut all: Vec<_> = t
        .get("logs?per_page=100")
        .send()
        .await
        .body
        .as_array()
        .unwrap()
        .iter()
        .map(|e| e["log_id"].as_str().unwrap().to_owned())
        .collect();
    all.reverse();
    assert_eq!(seen, all, "all of them, oldest first");
    // What happens later is found from the last entry on.
    t.api("https://late.example/", &[]).await;
    let late = t.get(&path).send().await.body;
    assert_eq!(late.as_array().unwrap().len(), 1);
    assert_eq!(t.get("logs?from=123&take=5").send().await.status, 404);
}

async fn queries(t: TestApp) {
    t.api("https://a.example/", &[]).await;
    let count = async |query: &str| {
        let query: String = form_urlencoded::byte_serialize(query.as_bytes()).collect();
        t.get(&format!("logs?q={query}")).send().await.body.as_array().map(Vec::len)
    };
    assert_eq!(count("type:\"sapi\" AND client_id:keyward-cli").await, Some(2), "the API and a root key");
    assert_eq!(count("ip:192.0.2.1").await, Some(1));
    assert_eq!(count("user_id:\"keyward-cli@clients\" type:seccft").await, Some(1));
    assert_eq!(count("date:[2026-01-01 TO 2026-01-01]").await, Some(4));
    assert_eq!(count("date:[2026-01-02 TO *]").await, Some(0));
    assert_eq!(count("color:red").await, None);
}

async fn what_does_not_exist(t: TestApp) {
    let reply = t.get("logs/90020260101").send().await;
    assert_eq!((reply.status.as_u16(), &reply.body["message"]), (404, &json!("Log not found.")));
}

async fn a_change_without_an_entry_is_not_made(t: TestApp) {
    let id = t.api("https://a.example/", &["a"]).await;
    t.break_the_audit_log().await;
    for call in [
        t.post("resource-servers", json!({ "identifier": "https://b.example/" })),
        t.patch(&format!("resource-servers/{id}"), json!({ "scopes": [] })),
        t.delete(&format!("resource-servers/{id}/scopes/a")),
        t.delete(&format!("resource-servers/{id}")),
    ] {
        assert_eq!(call.send().await.status, 500);
    }
    assert_eq!(t.scopes(&id).await, ["a"]);
    assert_eq!(t.get("resource-servers?include_totals=true").send().await.body["total"], 2);
}
