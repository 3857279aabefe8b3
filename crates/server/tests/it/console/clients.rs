//! Applications in the console: made, changed, given another secret, deleted.

use keyward_core::model::administrator::AdministratorRole;
use serde_json::json;

use super::{Browser, signed_in, text};
use crate::{
    oauth::{Machine, signer::Signer},
    support::TestApp,
};

on_both_engines!(
    an_application_is_made_and_gets_a_token,
    what_cannot_be_an_application_is_said,
    applications_are_listed_and_searched,
    another_secret_ends_the_one_before,
    a_change_is_saved_and_what_is_not_shown_stays,
    two_editors_of_an_application,
    what_was_changed_to_nothing_is_refused,
    saving_an_application_without_an_edit_changes_nothing,
    how_it_proves_who_it_is,
    a_deletion_asks_for_the_name_and_takes_its_grants,
    the_one_that_stands_for_all_stays,
    a_viewer_of_applications_sees_no_control,
    names_of_applications_are_no_markup,
);

const AUDIENCE: &str = "https://blog.example/";

/// What stands in the element with this id.
fn element<'p>(page: &'p str, id: &str) -> &'p str {
    let rest = page.split(&format!("id=\"{id}\">")).nth(1).unwrap_or_else(|| panic!("{id}: {page}"));
    rest.split('<').next().unwrap()
}

async fn made(browser: &Browser<'_>, name: &str) -> Machine {
    let reply = browser.post("/applications", &[("name", name), ("description", "")]).await;
    let page = text(&reply);
    assert_eq!(reply.status, 200, "{page}");
    Machine { id: element(&page, "client-id").to_owned(), secret: element(&page, "secret").to_owned() }
}

/// The fields of the form of an application as it was made.
fn shown(name: &str) -> Vec<(&str, &str)> {
    vec![
        ("name", name),
        ("description", ""),
        ("authentication", "client_secret"),
        ("grant_types", "client_credentials"),
        ("seen_name", name),
        ("seen_description", ""),
        ("seen_authentication", "client_secret"),
        ("seen_keys_in_use", ""),
        ("seen_grant_types", "client_credentials"),
    ]
}

/// The same with other values in some fields.
fn with<'f>(mut fields: Vec<(&'f str, &'f str)>, changes: &[(&'f str, &'f str)]) -> Vec<(&'f str, &'f str)> {
    for (name, value) in changes {
        fields.retain(|(known, _)| known != name);
        fields.push((name, value));
    }
    fields
}

async fn an_application_is_made_and_gets_a_token(t: TestApp) {
    let browser = signed_in(&t, AdministratorRole::Editor).await;
    t.api(AUDIENCE, &["read:posts"]).await;
    let machine = made(&browser, " Newsletter ").await;
    assert_eq!(machine.secret.len(), 64);
    let shown = t.get(&format!("clients/{}", machine.id)).send().await.body;
    assert_eq!((&shown["name"], &shown["grant_types"]), (&json!("Newsletter"), &json!(["client_credentials"])));
    assert_eq!(shown["app_type"], "non_interactive");
    t.grant(&machine, AUDIENCE, &["read:posts"]).await;
    assert_eq!(t.granted(&machine, AUDIENCE).await, "read:posts");
    let page = browser.page(&format!("/applications/{}", machine.id)).await;
    assert!(page.contains("Newsletter") && !page.contains(&machine.secret), "it is not shown again");
    let entry = &t.entries("sapi").await[1];
    assert_eq!(entry["description"], "Create a client");
    let log = t.get("logs?per_page=100").send().await.body.to_string();
    assert!(!log.contains(&machine.secret), "no entry has it");
}

async fn what_cannot_be_an_application_is_said(t: TestApp) {
    let browser = signed_in(&t, AdministratorRole::Editor).await;
    let before = t.entries("sapi").await.len();
    let (long, wordy) = ("x".repeat(256), "x".repeat(141));
    for (name, description, said) in [
        ("", "kept", "Give it a name of at most 255 characters"),
        ("a<b", "kept", "Give it a name of at most 255 characters"),
        (long.as_str(), "kept", "Give it a name of at most 255 characters"),
        ("kept", wordy.as_str(), "This has 141 characters, and a description has 140 at most."),
    ] {
        let reply = browser.post("/applications", &[("name", name), ("description", description)]).await;
        let page = text(&reply);
        assert_eq!(reply.status, 422, "{page}");
        assert!(page.contains(said) && page.contains(r#"value="kept""#), "{page}");
        assert!(page.contains(r#"data-guard="changed""#) && page.contains(r#"aria-invalid="true""#), "{page}");
    }
    assert_eq!(t.entries("sapi").await.len(), before);
}

async fn applications_are_listed_and_searched(t: TestApp) {
    let browser = signed_in(&t, AdministratorRole::Viewer).await;
    let page = browser.page("/applications").await;
    assert!(page.contains("All Applications") && page.contains("No application yet"), "{page}");
    for nth in 0..60 {
        let body = json!({ "name": format!("Robot {nth:02}"), "description": format!("Number {nth}") });
        assert_eq!(t.post("clients", body).send().await.status, 201);
    }
    let page = browser.page("/applications").await;
    assert!(page.contains("1–50 of 61") && page.contains("/applications?page=1") && page.contains("Number 7"));
    assert!(browser.page("/applications?page=1").await.contains("All Applications"), "it comes last");
    let found = browser.page("/applications?q=ROBOT+4").await;
    assert_eq!(found.matches("row-link").count(), 10);
    let id = t.get("clients?per_page=1").send().await.body[0]["client_id"].as_str().unwrap().to_owned();
    assert_eq!(browser.page(&format!("/applications?q={id}")).await.matches("row-link").count(), 1);
    assert!(browser.page("/applications?q=nothing").await.contains("No application is called so"));
}

async fn another_secret_ends_the_one_before(t: TestApp) {
    let browser = signed_in(&t, AdministratorRole::Editor).await;
    t.api(AUDIENCE, &["read:posts"]).await;
    let old = made(&browser, "Newsletter").await;
    t.grant(&old, AUDIENCE, &["read:posts"]).await;
    let path = format!("/applications/{}/rotate", old.id);
    assert!(browser.page(&path).await.contains("What stops working"));
    assert_eq!(t.granted(&old, AUDIENCE).await, "read:posts", "nothing was done by looking");
    let reply = browser.post(&path, &[]).await;
    assert_eq!(reply.status, 200);
    let page = text(&reply);
    let new = Machine { id: old.id.clone(), secret: element(&page, "secret").to_owned() };
    assert_ne!(new.secret, old.secret);
    assert_eq!(t.ask_as(&old, AUDIENCE, "").await.status, 401);
    assert_eq!(t.granted(&new, AUDIENCE).await, "read:posts");
    assert_eq!(t.entries("sapi").await[0]["description"], "Rotate a client secret");
}

async fn a_change_is_saved_and_what_is_not_shown_stays(t: TestApp) {
    let browser = signed_in(&t, AdministratorRole::Editor).await;
    let body = json!({
        "name": "Shop", "grant_types": ["authorization_code", "client_credentials"], "callbacks": ["https://a/"],
        "client_metadata": { "team": "x" },
    });
    let id = t.post("clients", body).send().await.body["client_id"].as_str().unwrap().to_owned();
    let path = format!("/applications/{id}");
    let page = browser.page(&path).await;
    assert!(page.contains("authorization_code") && page.contains("does not offer them yet"), "{page}");
    let mut fields = with(shown("Shop"), &[("name", "The shop"), ("description", "Sells")]);
    fields.retain(|(name, _)| *name != "grant_types");
    let to = browser.done(&path, &fields).await;
    assert!(browser.page(&to).await.contains("<p>Saved.</p>"));
    assert!(!browser.page(&format!("{path}?saved=1")).await.contains("<p>Saved.</p>"), "an address proves nothing");
    let after = t.get(&format!("clients/{id}")).send().await.body;
    assert_eq!((&after["name"], &after["description"]), (&json!("The shop"), &json!("Sells")));
    assert_eq!(after["grant_types"], json!(["authorization_code"]));
    assert_eq!((&after["callbacks"], &after["client_metadata"]), (&json!(["https://a/"]), &json!({ "team": "x" })));
    let entry = &t.entries("sapi").await[0];
    assert_eq!(entry["description"], "Update a client");
    assert_eq!(entry["details"]["before"]["name"], "Shop", "{entry}");
}

async fn two_editors_of_an_application(t: TestApp) {
    let browser = signed_in(&t, AdministratorRole::Editor).await;
    let machine = made(&browser, "Shop").await;
    let path = format!("/applications/{}", machine.id);
    browser.done(&path, &with(shown("Shop"), &[("description", "The other one's")])).await;
    let reply = browser.post(&path, &with(shown("Shop"), &[("name", "Mine")])).await;
    assert_eq!(reply.status, 409);
    let page = text(&reply);
    for said in [
        "Somebody else changed this while you were editing it.",
        r#"<ins class="diff-add">description: The other one&#39;s</ins>"#,
        r#"<del class="diff-del">name: Shop</del>"#,
        r#"<ins class="diff-add">name: Mine</ins>"#,
        r#"name="name" value="Mine""#,
        r#"name="seen_description" value="The other one&#39;s""#,
        r#"data-guard="changed""#,
    ] {
        assert!(page.contains(said), "{said}: {page}");
    }
    assert_eq!(t.get(&format!("clients/{}", machine.id)).send().await.body["name"], "Shop");
    let again = with(shown("Shop"), &[("name", "Mine"), ("seen_description", "The other one's")]);
    browser.done(&path, &again).await;
    assert_eq!(t.get(&format!("clients/{}", machine.id)).send().await.body["name"], "Mine");
}

async fn what_was_changed_to_nothing_is_refused(t: TestApp) {
    let browser = signed_in(&t, AdministratorRole::Editor).await;
    let machine = made(&browser, "Shop").await;
    let path = format!("/applications/{}", machine.id);
    for (change, said) in [
        (("name", ""), "Give it a name"),
        (("authentication", "magic"), "Choose how it proves who it is."),
        (("authentication", "private_key_jwt"), "It has no public key yet."),
        (("grant_types", "password"), "Choose among these."),
    ] {
        let reply = browser.post(&path, &with(shown("Shop"), &[change, ("description", "kept")])).await;
        assert_eq!(reply.status, 422, "{change:?}");
        assert!(
            text(&reply).contains(said) && text(&reply).contains(r#"value="kept""#),
            "{change:?}: {}",
            text(&reply)
        );
    }
    assert_eq!(browser.get("/applications/none").await.status, 404);
    assert_eq!(browser.post("/applications/none", &shown("Shop")).await.status, 404);
}

async fn saving_an_application_without_an_edit_changes_nothing(t: TestApp) {
    let browser = signed_in(&t, AdministratorRole::Editor).await;
    let machine = made(&browser, "Shop").await;
    let before = (t.app.revision(), t.entries("sapi").await.len());
    browser.done(&format!("/applications/{}", machine.id), &shown("Shop")).await;
    assert_eq!((t.app.revision(), t.entries("sapi").await.len()), before);
}

async fn how_it_proves_who_it_is(t: TestApp) {
    let browser = signed_in(&t, AdministratorRole::Editor).await;
    t.api(AUDIENCE, &["read:posts"]).await;
    let machine = made(&browser, "Shop").await;
    t.grant(&machine, AUDIENCE, &["read:posts"]).await;
    let path = format!("/applications/{}", machine.id);
    let body = json!({ "credential_type": "public_key", "pem": Signer::one().pem(), "name": "First" });
    let key = t.post(&format!("clients/{}/credentials", machine.id), body).send().await.body;
    let key = key["id"].as_str().unwrap().to_owned();
    let with_key = with(shown("Shop"), &[("authentication", "private_key_jwt"), ("keys_in_use", &key)]);
    browser.done(&path, &with_key).await;
    assert_eq!(t.ask_as(&machine, AUDIENCE, "").await.status, 401, "its secret is worth nothing");
    let page = browser.page(&path).await;
    assert!(page.contains("First") && page.contains("counts") && !page.contains("Make a new secret"), "{page}");
    // A key in use stays.
    let end = format!("{path}/keys/{key}/delete");
    assert!(browser.page(&end).await.contains("This key counts"));
    assert!(browser.done(&end, &[]).await.ends_with("/delete"), "and says so");
    let both = with(shown("Shop"), &[("authentication", "private_key_jwt"), ("keys_in_use", "cred_none")]);
    let seen = [("seen_authentication", "private_key_jwt"), ("seen_keys_in_use", key.as_str())];
    let reply = browser.post(&path, &with(both, &seen)).await;
    assert!(reply.status == 422 && text(&reply).contains("Choose one of its keys, or 2"), "{}", text(&reply));
    let seen = [("seen_authentication", "private_key_jwt"), ("seen_keys_in_use", key.as_str())];
    browser.done(&path, &with(shown("Shop"), &seen)).await;
    assert_eq!(t.granted(&machine, AUDIENCE).await, "read:posts", "the secret counts again");
    assert!(browser.page(&end).await.contains("It does not count now"));
    assert_eq!(browser.done(&end, &[]).await, path);
    assert_eq!(t.get(&format!("clients/{}/credentials", machine.id)).send().await.body, json!([]));
    assert_eq!(t.entries("sapi").await[0]["description"], "Delete a client credential");
    assert_eq!(browser.done(&end, &[]).await, path, "it is deleted already");
    browser.done(&path, &with(shown("Shop"), &[("authentication", "client_secret_basic")])).await;
    let shown = t.get(&format!("clients/{}", machine.id)).send().await.body;
    assert_eq!(shown["token_endpoint_auth_method"], "client_secret_basic");
}

async fn a_deletion_asks_for_the_name_and_takes_its_grants(t: TestApp) {
    let browser = signed_in(&t, AdministratorRole::Editor).await;
    t.api(AUDIENCE, &["read:posts"]).await;
    let machine = made(&browser, "Shop").await;
    t.grant(&machine, AUDIENCE, &["read:posts"]).await;
    let path = format!("/applications/{}/delete", machine.id);
    let page = browser.page(&path).await;
    assert!(page.contains("What it may ask for, and loses") && page.contains(r#"data-confirm-value="Shop""#), "{page}");
    for typed in ["", "shop"] {
        let reply = browser.post(&path, &[("confirm", typed)]).await;
        assert_eq!(reply.status, 422);
        assert!(text(&reply).contains("Type the name as it stands here."));
    }
    assert_eq!(t.granted(&machine, AUDIENCE).await, "read:posts");
    let to = browser.done(&path, &[("confirm", " Shop ")]).await;
    assert!(browser.page(&to).await.contains("is deleted. It gets no tokens."));
    assert_eq!(t.ask_as(&machine, AUDIENCE, "").await.status, 401);
    assert_eq!(t.get("client-grants").send().await.body, json!([]));
    let entry = &t.entries("sapi").await[0];
    assert_eq!(entry["description"], "Delete a client");
    assert_eq!(entry["details"]["before"]["client_grants"]["count"], 1, "{entry}");
    assert_eq!(browser.done(&path, &[("confirm", "Shop")]).await, to, "it is deleted already");
    let other = made(&browser, "Other").await;
    assert!(!browser.page(&format!("/applications?deleted={}", other.id)).await.contains("is deleted"));
    assert!(!browser.page("/applications?deleted=All+your+data").await.contains("is deleted"), "no id");
}

async fn the_one_that_stands_for_all_stays(t: TestApp) {
    let browser = signed_in(&t, AdministratorRole::Owner).await;
    let all = t.get("clients?is_global=true").send().await.body;
    let id = all[0]["client_id"].as_str().unwrap();
    let path = format!("/applications/{id}");
    let page = browser.page(&path).await;
    assert!(page.contains("This one stands for all applications."), "{page}");
    assert!(!page.contains("Save") && !page.contains("/delete") && !page.contains("/rotate"));
    for (end, fields) in [("", shown("Mine")), ("/rotate", vec![]), ("/delete", vec![("confirm", "All Applications")])]
    {
        let reply = browser.post(&format!("{path}{end}"), &fields).await;
        assert_eq!(reply.status, 422, "{end}");
        assert!(text(&reply).contains("This one stands for all applications."), "{end}");
    }
    assert_eq!(t.get(&format!("clients/{id}")).send().await.body["name"], "All Applications");
}

async fn a_viewer_of_applications_sees_no_control(t: TestApp) {
    let browser = signed_in(&t, AdministratorRole::Viewer).await;
    t.api(AUDIENCE, &["read:posts"]).await;
    let machine = t.machine().await;
    t.grant(&machine, AUDIENCE, &["read:posts"]).await;
    let body = json!({ "credential_type": "public_key", "pem": Signer::one().pem() });
    t.post(&format!("clients/{}/credentials", machine.id), body).send().await;
    for path in ["/applications".to_owned(), format!("/applications/{}", machine.id)] {
        let page = browser.page(&path).await;
        for control in ["New application", "Save", "/delete", "/rotate", "/new", "Change"] {
            assert!(!page.contains(control), "{control}: {page}");
        }
        assert_eq!(page.matches("<form method=\"post\"").count(), 2, "only the ways out: {page}");
    }
}

async fn names_of_applications_are_no_markup(t: TestApp) {
    let browser = signed_in(&t, AdministratorRole::Editor).await;
    let name = r#"x" onfocus="alert(1)"#;
    let reply = browser.post("/applications", &[("name", name), ("description", "<img src=x onerror=alert(1)>")]).await;
    let page = text(&reply);
    let id = element(&page, "client-id").to_owned();
    let mut pages = vec![page];
    for path in ["/applications", &format!("/applications/{id}"), &format!("/applications/{id}/delete")] {
        pages.push(browser.page(path).await);
    }
    for page in pages {
        assert!(!page.contains(r#"x" onfocus"#) && !page.contains("<img src=x"), "{page}");
    }
}
