//! The application that is there from the first start on.

use keyward_core::secret::Secret;
use keyward_server::service::setup::FirstClient;
use serde_json::json;

use super::Machine;
use crate::support::{PUBLIC_URL, Place, Settings, TestApp};

fn settings() -> Settings {
    let first = FirstClient { id: "first".to_owned(), secret: Secret::from("s".repeat(64)) };
    Settings { first_client: Some(first), ..Settings::default() }
}

#[tokio::test]
async fn it_may_use_the_management_api_and_is_made_once() {
    let directory = tempfile::tempdir().unwrap();
    let place = Place::Directory(directory.path().join("data"));
    let t = TestApp::on(place, settings()).await;
    assert_eq!(t.app.first_client.as_ref().unwrap().id, "first");
    let first = Machine { id: "first".to_owned(), secret: "s".repeat(64) };
    let audience = format!("{PUBLIC_URL}api/v2/");
    let token = t.ask_as(&first, &audience, "").await.body["access_token"].as_str().unwrap().to_owned();
    let made = t.post("resource-servers", json!({ "identifier": "x" })).bearer(&token).send().await;
    assert_eq!(made.status, 201);
    assert_eq!(t.delete("clients/first").bearer(&token).send().await.status, 204);
    let t = t.restart(settings()).await;
    assert!(t.app.first_client.is_none(), "what was deleted stays so");
    assert_eq!(t.ask_as(&first, &audience, "").await.status, 401);
}

#[tokio::test]
async fn a_command_makes_none() {
    let t = TestApp::sqlite().await;
    assert_eq!(t.get("clients?is_global=false").send().await.body, json!([]));
}
