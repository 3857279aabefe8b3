//! One request, sent many times at the same moment.

use std::collections::BTreeSet;

use serde_json::json;

use crate::support::TestApp;

on_both_engines!(the_same_request_many_times_at_once_makes_one_key);

async fn the_same_request_many_times_at_once_makes_one_key(t: TestApp) {
    let api = t.key_api("repeated").await;
    let root_key = t.root_key_with(&["api.*.create_key"]).await;
    for round in 0..10 {
        let calls = (0..16).map(|_| {
            let call = t.v2("keys.createKey", json!({ "apiId": api })).bearer(&root_key);
            call.header("idempotency-key", &format!("round {round}")).send()
        });
        let replies = futures_util::future::join_all(calls).await;
        assert!(replies.iter().all(|reply| reply.status == 200), "{replies:?}");
        let made: BTreeSet<String> = replies.iter().map(|reply| reply.body["data"].to_string()).collect();
        assert_eq!(made.len(), 1, "{made:?}");
        let key = replies[0].body["data"]["key"].as_str().unwrap();
        assert_eq!(t.verify(key, None).await["code"], "VALID");
    }
    let listed = t.v2_data("apis.listKeys", json!({ "apiId": api })).await;
    assert_eq!(listed.as_array().unwrap().len(), 10, "{listed}");
    assert_eq!(t.entries("sapi").await.iter().filter(|entry| entry["description"] == "key.create").count(), 10);
}
