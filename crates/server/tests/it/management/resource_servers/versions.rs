//! Two editors can't erase each other: `ETag` and `If-Match`.

use serde_json::json;

use crate::support::TestApp;

on_both_engines!(every_answer_has_a_version, a_stale_editor_is_told_both_versions, two_editors_at_once);

async fn every_answer_has_a_version(t: TestApp) {
    let made = t.post("resource-servers", json!({ "identifier": "https://a.example/" })).send().await;
    let path = format!("resource-servers/{}", made.body["id"].as_str().unwrap());
    let mut versions = vec![made.header("etag").to_owned()];
    versions.push(t.patch(&path, json!({ "name": "A" })).send().await.header("etag").to_owned());
    versions.push(t.post(&format!("{path}/scopes"), json!({ "value": "x" })).send().await.header("etag").to_owned());
    versions.push(t.patch(&format!("{path}/scopes/x"), json!({ "value": "y" })).send().await.header("etag").to_owned());
    versions.push(t.delete(&format!("{path}/scopes/y")).send().await.header("etag").to_owned());
    assert_eq!(t.get(&path).send().await.header("etag"), versions.last().unwrap());
    let mut unique = versions.clone();
    unique.dedup();
    assert_eq!(unique, versions, "every change has another version");
    assert!(versions.iter().all(|version| version.starts_with('"') && version.len() > 2), "{versions:?}");
}

async fn a_stale_editor_is_told_both_versions(t: TestApp) {
    let id = t.api("https://a.example/", &["a"]).await;
    let path = format!("resource-servers/{id}");
    let seen = t.get(&path).send().await.header("etag").to_owned();
    let other = t.patch(&path, json!({ "scopes": [{"value": "a"}, {"value": "b"}] })).send().await;
    let current = other.header("etag").to_owned();
    let calls = [
        t.patch(&path, json!({ "scopes": [] })),
        t.delete(&path),
        t.post(&format!("{path}/scopes"), json!({ "value": "c" })),
        t.patch(&format!("{path}/scopes/a"), json!({ "value": "c" })),
        t.delete(&format!("{path}/scopes/a")),
        t.delete(&format!("{path}/scopes/not-there")),
    ];
    for call in calls {
        let reply = call.header("if-match", &seen).send().await;
        assert_eq!(reply.status, 412);
        let text = reply.body["message"].as_str().unwrap();
        assert!(text.contains(&seen) && text.contains(&current), "{text}");
        assert_eq!((&reply.body["sent"], &reply.body["current"]), (&json!(seen), &json!(current)));
        assert_eq!(reply.header("etag"), current);
    }
    assert_eq!(t.scopes(&id).await, ["a", "b"]);
    for good in [current.as_str(), "*", &format!("\"1\", {current}")] {
        let reply = t.patch(&path, json!({})).header("if-match", good).send().await;
        assert_eq!(reply.status, 200, "{good}");
    }
    assert_eq!(t.patch(&path, json!({})).header("if-match", &format!("W/{current}")).send().await.status, 412);
}

async fn two_editors_at_once(t: TestApp) {
    let id = t.api("https://a.example/", &[]).await;
    let path = format!("resource-servers/{id}");
    // With the whole list and a version, of each round exactly one editor gets through.
    for round in 0..5 {
        let version = t.get(&path).send().await.header("etag").to_owned();
        let list = |who: &str| json!({ "scopes": [{ "value": format!("{who}{round}") }] });
        let (first, second) = tokio::join!(
            t.patch(&path, list("x")).header("if-match", &version).send(),
            t.patch(&path, list("y")).header("if-match", &version).send(),
        );
        let mut statuses = [first.status.as_u16(), second.status.as_u16()];
        statuses.sort_unstable();
        assert_eq!(statuses, [200, 412]);
    }
    // One permission at a time, nobody needs a version and nothing is lost.
    let adding = (0..20).map(|n| {
        let call = t.post(&format!("{path}/scopes"), json!({ "value": format!("n{n}") }));
        async move { assert_eq!(call.send().await.status, 201) }
    });
    let before = t.scopes(&id).await.len();
    futures_util::future::join_all(adding).await;
    assert_eq!(t.scopes(&id).await.len(), before + 20);
}
