//! What users have let applications do.

mod list;
mod removed;

use keyward_core::model::{WorkspaceNumber, consent::Consent, permission::PermissionNumber};
use keyward_store::ledger;
use serde_json::Value;

use crate::support::{PUBLIC_URL, TestApp};

const API: &str = "https://api.example/";

/// What a user lets an application do, which is stored as a page that asks for it would do it. Without an audience, it
/// is about the user's own data. The words without a colon are about that, too.
async fn consent(t: &TestApp, number: u32, (user, client): (&str, &str), audience: Option<&str>, scope: &[&str]) {
    let view = t.app.view().clone();
    let entry = audience.map(|name| view.snapshot.api(WorkspaceNumber::FIRST, name).unwrap());
    let (api, own): (Vec<&str>, Vec<&str>) = scope.iter().partition(|word| word.contains(':'));
    let permission = |value: &&str| entry.unwrap().permission(value).unwrap().number;
    let permissions: Vec<PermissionNumber> = api.iter().map(permission).collect();
    let consent = Consent {
        id: format!("{number:024x}"),
        client: view.snapshot.client(WorkspaceNumber::FIRST, client).unwrap().number,
        user_id: user.to_owned(),
        api: entry.map(|entry| entry.api.number),
        permissions,
        identity: own.iter().map(|word| (*word).to_owned()).collect(),
    };
    store(t, consent).await;
}

async fn store(t: &TestApp, consent: Consent) {
    let now = keyward_core::time::Timestamp(1_767_225_600_000);
    let give = t.app.store.ledger(move |tx| {
        Box::pin(async move { ledger::consent::give(tx, WorkspaceNumber::FIRST, &consent, now).await })
    });
    give.await.unwrap();
}

/// An application, and its id.
async fn client(t: &TestApp) -> String {
    let reply = t.post("clients", serde_json::json!({ "name": "app" })).send().await;
    reply.body["client_id"].as_str().unwrap().to_owned()
}

/// The list with this query.
async fn listed(t: &TestApp, query: &str) -> Value {
    let reply = t.get(&format!("grants{query}")).send().await;
    assert_eq!(reply.status, 200, "{}", reply.body);
    reply.body
}

/// The last digits of the ids that the list with this query has.
async fn numbers(t: &TestApp, query: &str) -> Vec<u32> {
    let list = listed(t, query).await;
    let number = |item: &Value| u32::from_str_radix(item["id"].as_str().unwrap(), 16).unwrap();
    list.as_array().unwrap().iter().map(number).collect()
}

/// What the only consent there is shows.
async fn scope(t: &TestApp) -> Value {
    listed(t, "").await[0]["scope"].clone()
}

fn userinfo() -> String {
    format!("{PUBLIC_URL}userinfo")
}

fn encoded(text: &str) -> String {
    text.replace(':', "%3A").replace('/', "%2F").replace('|', "%7C")
}
