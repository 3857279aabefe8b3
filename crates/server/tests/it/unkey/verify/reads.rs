//! What is read, and how often.

use http::Method;
use serde_json::json;

use crate::support::{Settings, TestApp};

on_both_engines!(a_key_is_read_once_if_there_is_room);

async fn reads(t: &TestApp) -> u64 {
    let text = String::from_utf8(t.call(Method::GET, "/metrics").send().await.bytes.clone()).unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix("keyward_keys_read_total "));
    line.unwrap().parse().unwrap()
}

async fn a_key_is_read_once_if_there_is_room(t: TestApp) {
    let api = t.key_api("payments").await;
    let (_, text) = t.key(json!({ "apiId": api })).await;
    let verify = async |t: &TestApp| {
        for _ in 0..3 {
            assert_eq!(t.v2_data("keys.verifyKey", json!({ "key": text })).await["code"], "VALID");
        }
    };
    verify(&t).await;
    assert_eq!(reads(&t).await, 1);
    assert_eq!(t.v2_data("keys.verifyKey", json!({ "key": "nobody's" })).await["code"], "NOT_FOUND");
    assert_eq!(reads(&t).await, 1, "what is no key of ours is not looked for");
    let mut settings = Settings { seed: 9, ..Settings::default() };
    settings.limits.key_cache_mebibytes = 0;
    let t = t.restart(settings).await;
    verify(&t).await;
    assert_eq!(reads(&t).await, 3, "without room, each time");
}
