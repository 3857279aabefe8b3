//! When permissions were last used, by whom, and how often each day.

mod recorded;

use keyward_core::access::ManagementScope;
use serde_json::{Value, json};

use crate::support::{Settings, TestApp};

on_both_engines!(
    days_begin_and_end,
    a_restart_keeps_it,
    those_that_were_not_used_since,
    pages,
    what_is_no_request,
    it_clashes_with_no_value,
);

const AUDIENCE: &str = "https://a.example/";
const DAY: i64 = 24 * 60 * 60;

impl TestApp {
    /// What is said of an API's permissions.
    async fn permission_usage(&self, id: &str, query: &str) -> Vec<Value> {
        let reply = self.get(&format!("resource-servers/{id}/permission-usage{query}")).send().await;
        assert_eq!(reply.status, 200, "{}", reply.body);
        reply.body.as_array().unwrap().clone()
    }

    /// How often each permission was used: its value, and the days with uses, counted back from today.
    async fn uses(&self, id: &str) -> Vec<(String, Vec<(usize, i64)>)> {
        let all = self.permission_usage(id, "").await;
        let read = |entry: &Value| {
            let days = entry["uses"].as_array().unwrap();
            assert_eq!(days.len(), 30);
            let counts = days.iter().rev().map(|day| day["count"].as_i64().unwrap()).enumerate();
            (entry["value"].as_str().unwrap().to_owned(), counts.filter(|(_, count)| *count > 0).collect())
        };
        all.iter().map(read).collect()
    }

    /// The values of those that were not used since.
    async fn unused(&self, id: &str, since: &str) -> Vec<String> {
        let unused = self.permission_usage(id, &format!("?unused_since={since}")).await;
        unused.iter().map(|entry| entry["value"].as_str().unwrap().to_owned()).collect()
    }

    /// A key of the API with these of its permissions: its id and its text.
    async fn key_with(&self, id: &str, permissions: &[&str]) -> (String, String) {
        self.key(json!({ "apiId": format!("api_{id}"), "permissions": permissions })).await
    }

    /// Goes on to a later day, with a token that is good then.
    async fn later(&mut self, days: i64) {
        self.clock.advance(days * DAY);
        self.token = self.token_with(ManagementScope::ALL).await;
    }
}

fn used(value: &str, days: &[(usize, i64)]) -> (String, Vec<(usize, i64)>) {
    (value.to_owned(), days.to_vec())
}

async fn days_begin_and_end(mut t: TestApp) {
    let id = t.api(AUDIENCE, &["often", "once"]).await;
    let (key_id, key) = t.key_with(&id, &["often", "once"]).await;
    t.clock.advance(DAY - 1);
    t.token = t.token_with(ManagementScope::ALL).await;
    t.verify(&key, Some("often AND once")).await;
    // The last moment of one day, and the first of the next, written together.
    t.clock.advance(1);
    t.verify(&key, Some("often")).await;
    t.verify(&key, Some("often")).await;
    assert_eq!(t.uses(&id).await, [used("often", &[(0, 2), (1, 1)]), used("once", &[(1, 1)])]);
    t.later(28).await;
    t.verify(&key, Some("often")).await;
    assert_eq!(t.uses(&id).await, [used("often", &[(0, 1), (28, 2), (29, 1)]), used("once", &[(29, 1)])]);
    t.later(1).await;
    assert_eq!(t.uses(&id).await, [used("often", &[(1, 1), (29, 2)]), used("once", &[])]);
    t.verify(&key, Some("often")).await;
    t.later(2).await;
    t.verify(&key, Some("often")).await;
    assert_eq!(t.uses(&id).await, [used("often", &[(0, 1), (2, 1), (3, 1)]), used("once", &[])]);
    let shown = t.permission_usage(&id, "").await;
    assert_eq!(shown[1]["last_used_at"], "2026-01-01T23:59:59.000Z", "the last use stays, however long ago");
    assert_eq!(shown[1]["last_used_by"], json!({ "kind": "key", "id": key_id }));
    // What is older is gone, and not only out of sight: with the clock set back it would be seen again.
    t.clock.advance(-2 * DAY);
    assert_eq!(t.uses(&id).await, [used("often", &[(0, 1), (1, 1)]), used("once", &[])]);
}

async fn a_restart_keeps_it(t: TestApp) {
    let id = t.api(AUDIENCE, &["read"]).await;
    let (_, key) = t.key_with(&id, &["read"]).await;
    t.verify(&key, Some("read")).await;
    t.verify(&key, Some("read")).await;
    assert_eq!(t.uses(&id).await, [used("read", &[(0, 2)])]);
    let t = t.restart(Settings::default()).await;
    assert_eq!(t.uses(&id).await, [used("read", &[(0, 2)])]);
    t.verify(&key, Some("read")).await;
    assert_eq!(t.uses(&id).await, [used("read", &[(0, 3)])]);
}

async fn those_that_were_not_used_since(mut t: TestApp) {
    let id = t.api(AUDIENCE, &["d", "never", "c", "b"]).await;
    let (_, key) = t.key_with(&id, &["b", "c", "d"]).await;
    t.verify(&key, Some("b")).await;
    t.clock.advance(3600);
    t.verify(&key, Some("c")).await;
    t.later(40).await;
    t.verify(&key, Some("d")).await;
    assert_eq!(t.unused(&id, "2026-01-01").await, ["never"], "in the API's order");
    assert_eq!(t.unused(&id, "2026-01-01T00:00:00.001Z").await, ["never", "b"]);
    assert_eq!(t.unused(&id, "2026-01-01T01:00:00Z").await, ["never", "b"], "since then is from then on");
    assert_eq!(t.unused(&id, "2026-01-01T02:00:00%2B01:00").await, ["never", "b"]);
    assert_eq!(t.unused(&id, "2026-01-02").await, ["never", "c", "b"]);
    assert_eq!(t.unused(&id, "2026-02-11").await, ["d", "never", "c", "b"]);
    let unused = t.permission_usage(&id, "?unused_since=2026-01-02").await;
    assert_eq!(unused[1]["last_used_at"], "2026-01-01T01:00:00.000Z", "also if it is not counted any more");
    assert_eq!(t.permission_usage(&id, "").await.len(), 4);
}

async fn pages(t: TestApp) {
    let values: Vec<String> = (0..45).map(|n| format!("p{n:02}")).collect();
    let id = t.api(AUDIENCE, &values.iter().map(String::as_str).collect::<Vec<_>>()).await;
    let (_, key) = t.key_with(&id, &["p03", "p20", "p44"]).await;
    t.verify(&key, Some("p03 AND p20 AND p44")).await;
    let path = format!("resource-servers/{id}/permission-usage");
    let read = async |query: &str| t.get(&format!("{path}?{query}")).send().await.body;
    let counts = |list: &Value| {
        let list = list.as_array().unwrap().iter();
        list.map(|entry| entry["uses"][29]["count"].as_i64().unwrap()).collect::<Vec<_>>()
    };
    let first = read("per_page=20&page=1&include_totals=true").await;
    assert_eq!((&first["start"], &first["limit"], &first["total"]), (&json!(20), &json!(20), &json!(45)));
    assert_eq!(first["permission_usage"][0]["value"], "p20");
    assert_eq!(counts(&first["permission_usage"]), [[1].as_slice(), &[0; 19]].concat());
    let last = read("per_page=20&page=2").await;
    assert_eq!(counts(&last), [0, 0, 0, 0, 1]);
    assert_eq!(read("page=3&per_page=20").await, json!([]));
    assert_eq!(read("page=9223372036854775807").await, json!([]));
    let unused = read("unused_since=2026-01-01&include_totals=true&per_page=1").await;
    assert_eq!((&unused["total"], &unused["permission_usage"][0]["value"]), (&json!(42), &json!("p00")));
}

async fn what_is_no_request(t: TestApp) {
    let id = t.api(AUDIENCE, &["a"]).await;
    let path = format!("resource-servers/{id}/permission-usage");
    for query in [
        "unused_since=yesterday",
        "unused_since=",
        "unused_since=2026-02-30",
        "unused_since=2026-01-01T00:00:00",
        "unused_since=2026-01-01T25:00:00Z",
        "per_page=0",
        "per_page=101",
        "page=-1",
        "include_totals=maybe",
        "q=a",
    ] {
        let reply = t.get(&format!("{path}?{query}")).send().await;
        assert_eq!((reply.status.as_u16(), &reply.body["statusCode"]), (400, &json!(400)), "{query}: {}", reply.body);
    }
    let reply = t.get(&format!("{path}?unused_since=0")).send().await;
    assert!(reply.body["message"].as_str().unwrap().contains("neither a date"), "{}", reply.body);
    assert_eq!(t.get("resource-servers/nothing/permission-usage").send().await.status, 404);
    let by_identifier = t.permission_usage("https:%2F%2Fa.example%2F", "").await;
    assert_eq!(by_identifier[0]["value"], "a");
}

async fn it_clashes_with_no_value(t: TestApp) {
    let id = t.api(AUDIENCE, &["usage", "permission-usage"]).await;
    for value in ["usage", "permission-usage"] {
        let path = format!("resource-servers/{id}/scopes/{value}");
        assert_eq!(t.patch(&path, json!({ "description": "About" })).send().await.status, 200);
        assert_eq!(t.delete(&path).send().await.status, 204);
    }
    assert!(t.uses(&id).await.is_empty());
}
