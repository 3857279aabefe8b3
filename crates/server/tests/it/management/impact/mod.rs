//! What a deletion would take away, told before it is made.

mod foretold;
mod foretold_roles;
mod lists;
mod refusals;
mod world;

use serde_json::Value;

use crate::support::TestApp;

/// All entries of a list, in pages of two, each with a `next` but the last.
async fn entries(t: &TestApp, path: &str, plural: &str) -> Vec<Value> {
    let (mut all, mut from) = (Vec::new(), String::new());
    loop {
        let reply = t.get(&format!("{path}/{plural}?take=2{from}")).send().await;
        assert_eq!(reply.status, 200, "{path}/{plural}: {}", reply.body);
        let page = reply.body[plural].as_array().unwrap().clone();
        assert!(page.len() == 2 || reply.body.get("next").is_none(), "{}", reply.body);
        all.extend(page);
        let Some(next) = reply.body.get("next") else { return all };
        from = format!("&from={}", next.as_str().unwrap());
    }
}
