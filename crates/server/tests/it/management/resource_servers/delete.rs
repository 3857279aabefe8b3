use serde_json::json;

use crate::support::TestApp;

on_both_engines!(gone_means_gone, again_and_never, only_the_version_that_was_seen);

async fn gone_means_gone(t: TestApp) {
    let id = t.api("https://a.example/", &["x"]).await;
    let reply = t.delete("resource-servers/https%3A%2F%2Fa.example%2F").send().await;
    assert_eq!((reply.status.as_u16(), reply.bytes.len()), (204, 0));
    assert_eq!(t.get(&format!("resource-servers/{id}")).send().await.status, 404);
    assert_eq!(t.get("resource-servers?include_totals=true").send().await.body["total"], 1);
}

async fn again_and_never(t: TestApp) {
    let id = t.api("https://a.example/", &[]).await;
    for name in [id.as_str(), id.as_str(), "never", "000000000000000000000000"] {
        // A body is tolerated, as one client sends it.
        assert_eq!(t.delete(&format!("resource-servers/{name}")).json(json!({})).send().await.status, 204, "{name}");
    }
}

async fn only_the_version_that_was_seen(t: TestApp) {
    let id = t.api("https://a.example/", &[]).await;
    let path = format!("resource-servers/{id}");
    let version = t.get(&path).send().await.header("etag").to_owned();
    t.patch(&path, json!({ "name": "Other" })).send().await;
    assert_eq!(t.delete(&path).header("if-match", &version).send().await.status, 412);
    let current = t.get(&path).send().await.header("etag").to_owned();
    assert_eq!(t.delete(&path).header("if-match", &current).send().await.status, 204);
    assert_eq!(t.delete(&path).header("if-match", &current).send().await.status, 404, "it says that it saw one");
}
