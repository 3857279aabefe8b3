//! Settings of the workspace, and administrators.

use keyward_core::model::administrator::AdministratorRole;
use serde_json::{Value, json};

use super::{Browser, cookie, signed_in, text};
use crate::support::TestApp;

on_both_engines!(
    the_workspace_is_named_and_gets_a_default,
    settings_that_cannot_be_are_refused,
    two_owners_do_not_erase_each_other,
    who_is_no_owner_sees_what_is_set_and_no_control,
    somebody_is_invited_and_signs_in,
    a_role_is_changed_by_who_saw_it,
    an_administrator_is_removed_and_the_last_owner_stays,
    what_is_said_of_before_is_looked_up,
);

fn seen<'f>(name: &'f str, audience: &'f str, resource: &'f str) -> [(&'f str, &'f str); 3] {
    [("seen_friendly_name", name), ("seen_default_audience", audience), ("seen_resource", resource)]
}

fn form<'f>(typed: [&'f str; 3], before: [&'f str; 3]) -> Vec<(&'f str, &'f str)> {
    let mut fields = vec![("friendly_name", typed[0]), ("default_audience", typed[1])];
    if !typed[2].is_empty() {
        fields.push(("resource", typed[2]));
    }
    fields.extend(seen(before[0], before[1], before[2]));
    fields
}

async fn set(t: &TestApp) -> Value {
    t.get("tenants/settings").send().await.body
}

async fn the_workspace_is_named_and_gets_a_default(t: TestApp) {
    let browser = signed_in(&t, AdministratorRole::Owner).await;
    let api = "https://blog.example/";
    t.api(api, &["read:x"]).await;
    let to = browser.done("/settings", &form([" North <b> ", api, "on"], ["", "", ""])).await;
    let page = browser.page(&to).await;
    assert!(page.contains("The settings are saved.") && page.contains("North &#60;b&#62;<small>Keyward"), "{page}");
    let now = set(&t).await;
    assert_eq!((&now["friendly_name"], &now["default_audience"]), (&json!("North <b>"), &json!(api)));
    assert_eq!(now["resource_parameter_profile"], "compatibility");
    let machine = t.machine().await;
    t.grant(&machine, api, &["read:x"]).await;
    assert_eq!(t.ask_as(&machine, "", "").await.status, 200, "the default has an effect");
    let entries = t.entries("sapi").await;
    let entry = entries.iter().find(|entry| entry["description"] == "Update tenant settings").unwrap();
    assert_eq!(entry["details"]["after"]["friendly_name"], "North <b>");
    let saved = ["North <b>", api, "on"];
    browser.done("/settings", &form(saved, saved)).await;
    assert_eq!(t.entries("sapi").await.len(), entries.len(), "saving without an edit changes nothing");
    browser.done("/settings", &form(["", "", ""], saved)).await;
    assert_eq!(
        (set(&t).await["default_audience"].clone(), set(&t).await["friendly_name"].clone()),
        (json!(""), json!(""))
    );
}

async fn settings_that_cannot_be_are_refused(t: TestApp) {
    let browser = signed_in(&t, AdministratorRole::Owner).await;
    let long = "x".repeat(256);
    for (typed, field) in [([&long, "", ""], "friendly_name"), (["n", "https://none.example/", ""], "default_audience")]
    {
        let reply = browser.post("/settings", &form(typed, ["", "", ""])).await;
        let page = text(&reply);
        assert_eq!(reply.status, 422);
        assert!(page.contains(&format!(r#"id="{field}-error""#)) && page.contains(r#"data-guard="changed""#), "{page}");
        assert!(page.contains(&format!(r#"value="{}""#, typed[0])), "what was typed stays");
    }
    assert_eq!(set(&t).await["friendly_name"], Value::Null);
}

async fn two_owners_do_not_erase_each_other(t: TestApp) {
    let browser = signed_in(&t, AdministratorRole::Owner).await;
    let reply = t.patch("tenants/settings", json!({ "friendly_name": "Theirs" })).send().await;
    assert_eq!(reply.status, 200);
    let reply = browser.post("/settings", &form(["Mine", "", ""], ["", "", ""])).await;
    let page = text(&reply);
    assert_eq!(reply.status, 409);
    assert!(page.contains("Somebody else changed this while") && page.contains("name: Theirs"), "{page}");
    assert!(page.contains("name: Mine") && page.contains(r#"value="Mine""#) && page.contains("Save over it"), "{page}");
    assert_eq!(set(&t).await["friendly_name"], "Theirs");
    browser.done("/settings", &form(["Mine", "", ""], ["Theirs", "", ""])).await;
    assert_eq!(set(&t).await["friendly_name"], "Mine");
}

async fn who_is_no_owner_sees_what_is_set_and_no_control(t: TestApp) {
    let owner = signed_in(&t, AdministratorRole::Owner).await;
    owner.done("/settings", &form(["North", "", ""], ["", "", ""])).await;
    for role in [AdministratorRole::Viewer, AdministratorRole::Editor] {
        let browser = signed_in(&t, role).await;
        let page = browser.page("/settings").await;
        assert!(
            page.contains("North") && page.contains("owner@example.com") && page.contains("data-shortcuts"),
            "{page}"
        );
        assert!(page.contains(env!("CARGO_PKG_VERSION")) && page.contains("/openapi.json"), "{page}");
        for control in ["/settings/administrators", r#"action="/settings""#, "Invite"] {
            assert!(!page.contains(control), "{control} as {}", role.as_str());
        }
    }
}

/// The link on the page that shows it.
fn link_in(page: &str) -> String {
    let link = page.split(r#"<code id="secret">"#).nth(1).unwrap().split('<').next().unwrap();
    link.strip_prefix("https://keyward.test").unwrap().to_owned()
}

/// The id of the administrator with this address.
async fn id_of(owner: &Browser<'_>, email: &str) -> String {
    let page = owner.page("/settings").await;
    let row = page.split("<tr id=\"").skip(1).find(|row| row.contains(&format!(">{email}<"))).unwrap();
    row.split('"').next().unwrap().to_owned()
}

async fn somebody_is_invited_and_signs_in(t: TestApp) {
    let owner = signed_in(&t, AdministratorRole::Owner).await;
    let reply = owner.post("/settings/administrators", &[("email", "Bob@example.com"), ("role", "editor")]).await;
    let page = text(&reply);
    assert_eq!(reply.status, 200, "{page}");
    assert!(page.contains("bob@example.com is an administrator"), "{page}");
    let link = link_in(&page);
    let visitor = Browser { t: &t, cookie: String::new() };
    let reply = visitor.send(&link, &[]).await;
    let bob = Browser { t: &t, cookie: cookie(&reply) };
    assert!(bob.page("/apis").await.contains("Editor"));
    assert_eq!(visitor.send(&link, &[]).await.status, 403, "once");
    for (email, role, status) in
        [("bob@example.com", "viewer", 409), ("nobody", "viewer", 422), ("c@example.com", "root", 422)]
    {
        let reply = owner.post("/settings/administrators", &[("email", email), ("role", role)]).await;
        assert_eq!(reply.status, status, "{email}");
        assert!(text(&reply).contains(&format!(r#"value="{email}""#)), "{}", text(&reply));
    }
    let id = id_of(&owner, "bob@example.com").await;
    let again = link_in(&text(&owner.post(&format!("/settings/administrators/{id}/link"), &[]).await));
    assert_ne!(again, link);
    assert_eq!(visitor.send(&again, &[]).await.status, 303);
    assert_eq!(owner.post("/settings/administrators/adm_none/link", &[]).await.status, 404);
    let log = t.get("logs?per_page=100").send().await.body.to_string();
    for secret in [&link, &again] {
        assert!(!log.contains(secret.trim_start_matches("/sign-in/")), "no link in the log");
    }
    assert!(log.contains("Make a sign-in link") && log.contains("Create an administrator"), "{log}");
}

async fn a_role_is_changed_by_who_saw_it(t: TestApp) {
    let owner = signed_in(&t, AdministratorRole::Owner).await;
    let viewer = signed_in(&t, AdministratorRole::Viewer).await;
    let id = id_of(&owner, "viewer@example.com").await;
    let path = format!("/settings/administrators/{id}");
    assert!(owner.page(&path).await.contains(r#"value="viewer" checked"#));
    let to = owner.done(&path, &[("role", "editor"), ("seen_role", "viewer")]).await;
    assert!(owner.page(to.split('#').next().unwrap()).await.contains("viewer@example.com is editor now."));
    assert_eq!(viewer.get("/apis/new").await.status, 200, "at once");
    let stale = owner.post(&path, &[("role", "owner"), ("seen_role", "viewer")]).await;
    assert_eq!(stale.status, 409);
    assert!(
        text(&stale).contains("chose the role editor meanwhile") && text(&stale).contains(r#"value="owner" checked"#)
    );
    assert_eq!(viewer.get("/settings/administrators/new").await.status, 403);
    let before = t.entries("sapi").await.len();
    owner.done(&path, &[("role", "editor"), ("seen_role", "editor")]).await;
    assert_eq!(t.entries("sapi").await.len(), before, "nothing was changed");
    assert_eq!(owner.post(&path, &[("role", "x"), ("seen_role", "editor")]).await.status, 422);
    let own = id_of(&owner, "owner@example.com").await;
    let last =
        owner.post(&format!("/settings/administrators/{own}"), &[("role", "viewer"), ("seen_role", "owner")]).await;
    assert_eq!(last.status, 422);
    assert!(text(&last).contains("This is the only owner."), "{}", text(&last));
}

async fn an_administrator_is_removed_and_the_last_owner_stays(t: TestApp) {
    let owner = signed_in(&t, AdministratorRole::Owner).await;
    let viewer = signed_in(&t, AdministratorRole::Viewer).await;
    let path = format!("/settings/administrators/{}/delete", id_of(&owner, "viewer@example.com").await);
    assert!(owner.page(&path).await.contains("Remove viewer@example.com?"));
    assert_eq!(viewer.get("/apis").await.status, 200, "nothing was done by looking");
    let to = owner.done(&path, &[]).await;
    let page = owner.page(to.split('#').next().unwrap()).await;
    assert!(page.contains("The administrator is removed.") && !page.contains("viewer@example.com"), "{page}");
    assert_eq!(viewer.get("/apis").await.status, 303);
    assert_eq!(owner.done(&path, &[]).await, to, "it is removed already");
    let own = id_of(&owner, "owner@example.com").await;
    let reply = owner.post(&format!("/settings/administrators/{own}/delete"), &[]).await;
    assert_eq!(reply.status, 422);
    assert!(text(&reply).contains("This is the only owner."), "{}", text(&reply));
    assert_eq!(owner.get("/apis").await.status, 200);
}

async fn what_is_said_of_before_is_looked_up(t: TestApp) {
    let owner = signed_in(&t, AdministratorRole::Owner).await;
    let own = id_of(&owner, "owner@example.com").await;
    for query in ["saved=999999", &format!("removed={own}"), "removed=nobody", "changed=adm_none"] {
        let page = owner.page(&format!("/settings?{query}")).await;
        assert!(!page.contains("flash-ok"), "{query}: {page}");
    }
}
