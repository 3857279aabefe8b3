//! What applications may ask for of an API, in the console.

use keyward_core::model::administrator::AdministratorRole;
use serde_json::{Value, json};

use super::{signed_in, text};
use crate::support::TestApp;

on_both_engines!(
    a_grant_is_added_changed_and_removed,
    all_means_all_of_now_and_later,
    from_the_application_and_back,
    what_cannot_be_granted_is_said,
    two_editors_of_a_grant,
    saving_a_grant_without_an_edit_changes_nothing,
    what_waits_for_its_permission_stays,
    the_management_api_takes_no_all,
    grants_of_an_api_are_listed_and_searched,
    a_viewer_of_grants_sees_no_control,
);

const AUDIENCE: &str = "https://blog.example/";

async fn only(t: &TestApp) -> Value {
    let all = t.get("client-grants").send().await.body;
    assert_eq!(all.as_array().unwrap().len(), 1, "{all}");
    all[0].clone()
}

async fn a_grant_is_added_changed_and_removed(t: TestApp) {
    let browser = signed_in(&t, AdministratorRole::Editor).await;
    let api = t.api(AUDIENCE, &["read:posts", "write:posts", "delete:posts"]).await;
    let machine = t.machine().await;
    let list = format!("/apis/{api}/applications");
    assert!(browser.page(&list).await.contains("No application may ask for anything"));
    let choose = browser.page(&format!("{list}/new")).await;
    let link = format!("{list}/new?client={}", machine.id);
    assert!(choose.contains(&link) && !choose.contains("All Applications"), "{choose}");
    let picker = browser.page(&link).await;
    assert_eq!(picker.matches("name=\"permissions\"").count(), 3, "{picker}");
    let fields = [
        ("client", machine.id.as_str()),
        ("subject", "client"),
        ("all", ""),
        ("permissions", "write:posts"),
        ("permissions", "read:posts"),
    ];
    let to = browser.done(&list, &fields).await;
    let page = browser.page(&to).await;
    assert!(page.contains("What machine may ask for is saved.") && page.contains("write:posts"), "{page}");
    assert_eq!(t.granted(&machine, AUDIENCE).await, "read:posts write:posts");
    assert_eq!(t.entries("sapi").await[0]["description"], "Create client grant");
    let grant = only(&t).await["id"].as_str().unwrap().to_owned();
    let path = format!("{list}/{grant}");
    let page = browser.page(&path).await;
    assert_eq!(page.matches(" checked").count(), 3, "two permissions, and that not all are meant: {page}");
    let seen = [("seen_all", ""), ("seen_permissions", "read:posts\nwrite:posts")];
    browser.done(&path, &[("all", ""), ("permissions", "delete:posts"), seen[0], seen[1]]).await;
    assert_eq!(t.granted(&machine, AUDIENCE).await, "delete:posts");
    assert_eq!(t.entries("sapi").await[0]["description"], "Update client grant");
    let end = format!("{path}/delete");
    let page = browser.page(&end).await;
    assert!(page.contains("delete:posts") && page.contains("It gets no token of this API"), "{page}");
    assert_eq!(t.granted(&machine, AUDIENCE).await, "delete:posts", "nothing was done by looking");
    let to = browser.done(&end, &[]).await;
    assert!(browser.page(&to).await.contains("machine may ask for nothing of this API any more."));
    assert_eq!(t.ask_as(&machine, AUDIENCE, "").await.status, 403);
    assert_eq!(t.entries("sapi").await[0]["description"], "Delete client grant");
    assert_eq!(browser.done(&end, &[]).await, list, "it is removed already");
    // What an address says is shown only as far as it is so.
    t.grant(&machine, AUDIENCE, &["read:posts"]).await;
    assert!(!browser.page(&to).await.contains("may ask for nothing"));
}

async fn all_means_all_of_now_and_later(t: TestApp) {
    let browser = signed_in(&t, AdministratorRole::Editor).await;
    let api = t.api(AUDIENCE, &["read:posts"]).await;
    let machine = t.machine().await;
    let list = format!("/apis/{api}/applications");
    browser.done(&list, &[("client", &machine.id), ("all", "yes"), ("permissions", "read:posts")]).await;
    browser.done(&format!("/apis/{api}/permissions"), &[("value", "write:posts")]).await;
    assert_eq!(t.granted(&machine, AUDIENCE).await, "read:posts write:posts");
    assert!(browser.page(&list).await.contains("all permissions"));
    let path = format!("{list}/{}", only(&t).await["id"].as_str().unwrap());
    let seen = [("seen_all", "yes"), ("seen_permissions", "")];
    browser.done(&path, &[("all", ""), ("permissions", "write:posts"), seen[0], seen[1]]).await;
    assert_eq!(t.granted(&machine, AUDIENCE).await, "write:posts");
    let seen = [("seen_all", ""), ("seen_permissions", "write:posts")];
    browser.done(&path, &[("all", "yes"), ("permissions", "write:posts"), seen[0], seen[1]]).await;
    assert_eq!(t.granted(&machine, AUDIENCE).await, "read:posts write:posts");
}

async fn from_the_application_and_back(t: TestApp) {
    let browser = signed_in(&t, AdministratorRole::Editor).await;
    let api = t.api(AUDIENCE, &["read:posts"]).await;
    t.api("https://other.example/", &[]).await;
    let machine = t.machine().await;
    let home = format!("/applications/{}", machine.id);
    let page = browser.page(&format!("{home}/grants/new?q=BLOG")).await;
    let link = format!("/apis/{api}/applications/new?client={}&amp;from=application", machine.id);
    assert!(page.contains(&link) && !page.contains("other.example"), "{page}");
    let page = browser.page(&link.replace("&amp;", "&")).await;
    assert!(page.contains(r#"name="from" value="application""#) && page.contains(&home), "{page}");
    let fields = [("client", machine.id.as_str()), ("all", ""), ("permissions", "read:posts"), ("from", "application")];
    assert_eq!(browser.done(&format!("/apis/{api}/applications"), &fields).await, home);
    let page = browser.page(&home).await;
    assert!(page.contains("read:posts") && page.contains("?from=application"), "{page}");
    let end = format!("/apis/{api}/applications/{}/delete", only(&t).await["id"].as_str().unwrap());
    assert!(browser.page(&format!("{end}?from=application")).await.contains(&home));
    assert_eq!(browser.done(&end, &[("from", "application")]).await, home);
}

async fn what_cannot_be_granted_is_said(t: TestApp) {
    let browser = signed_in(&t, AdministratorRole::Editor).await;
    let api = t.api(AUDIENCE, &["read:posts", "write:posts"]).await;
    let machine = t.machine().await;
    let list = format!("/apis/{api}/applications");
    let fields = [("client", machine.id.as_str()), ("permissions", "read:posts"), ("permissions", "read:nothing")];
    let reply = browser.post(&list, &fields).await;
    let page = text(&reply);
    assert_eq!(reply.status, 422, "{page}");
    assert!(page.contains("There is no permission read:nothing here any more."), "{page}");
    assert!(page.contains(r#"value="read:posts" checked"#) && !page.contains(r#"value="write:posts" checked"#));
    t.grant(&machine, AUDIENCE, &["read:posts"]).await;
    let reply = browser.post(&list, &[("client", machine.id.as_str()), ("permissions", "write:posts")]).await;
    assert_eq!(reply.status, 409);
    let page = text(&reply);
    assert!(
        page.contains("There is such a grant already.") && page.contains(r#"value="write:posts" checked"#),
        "{page}"
    );
    let user = [("client", machine.id.as_str()), ("subject", "user"), ("permissions", "write:posts")];
    browser.done(&list, &user).await;
    assert!(browser.page(&list).await.contains("for users"), "that is another one");
    assert_eq!(browser.post(&list, &[("client", "none"), ("permissions", "read:posts")]).await.status, 404);
    let other = t.api("https://other.example/", &[]).await;
    let id = t.get("client-grants").send().await.body[0]["id"].as_str().unwrap().to_owned();
    assert_eq!(browser.get(&format!("/apis/{other}/applications/{id}")).await.status, 404, "not of this API");
    browser.done(&format!("/apis/{other}/applications/{id}/delete"), &[]).await;
    assert_eq!(t.get("client-grants").send().await.body.as_array().unwrap().len(), 2, "nothing was removed");
}

async fn two_editors_of_a_grant(t: TestApp) {
    let browser = signed_in(&t, AdministratorRole::Editor).await;
    let api = t.api(AUDIENCE, &["a", "b", "c"]).await;
    let machine = t.machine().await;
    let id = t.grant(&machine, AUDIENCE, &["a"]).await;
    let path = format!("/apis/{api}/applications/{id}");
    let seen = [("seen_all", ""), ("seen_permissions", "a")];
    browser.done(&path, &[("all", ""), ("permissions", "a"), ("permissions", "b"), seen[0], seen[1]]).await;
    let mine = [("all", ""), ("permissions", "a"), ("permissions", "c")];
    let reply = browser.post(&path, &[mine[0], mine[1], mine[2], seen[0], seen[1]]).await;
    assert_eq!(reply.status, 409);
    let page = text(&reply);
    for said in [
        "Somebody else changed this while you were editing it.",
        r#"<ins class="diff-add">permissions: b</ins>"#,
        r#"<ins class="diff-add">permissions: c</ins>"#,
        r#"value="c" checked"#,
        "name=\"seen_permissions\" value=\"a\nb\"",
    ] {
        assert!(page.contains(said), "{said}: {page}");
    }
    assert_eq!(t.granted(&machine, AUDIENCE).await, "a b", "nothing was saved");
    let now = [("seen_all", ""), ("seen_permissions", "a\nb")];
    browser.done(&path, &[mine[0], mine[1], mine[2], now[0], now[1]]).await;
    assert_eq!(t.granted(&machine, AUDIENCE).await, "a c");
}

async fn saving_a_grant_without_an_edit_changes_nothing(t: TestApp) {
    let browser = signed_in(&t, AdministratorRole::Editor).await;
    let api = t.api(AUDIENCE, &["a", "b"]).await;
    let machine = t.machine().await;
    let id = t.grant(&machine, AUDIENCE, &["b", "a"]).await;
    let before = (t.app.revision(), t.entries("sapi").await.len());
    let fields = [("all", ""), ("permissions", "a"), ("permissions", "b"), ("seen_permissions", "a\nb")];
    browser.done(&format!("/apis/{api}/applications/{id}"), &fields).await;
    assert_eq!((t.app.revision(), t.entries("sapi").await.len()), before);
}

async fn what_waits_for_its_permission_stays(t: TestApp) {
    let browser = signed_in(&t, AdministratorRole::Editor).await;
    let api = t.api(AUDIENCE, &["a", "b"]).await;
    let machine = t.machine().await;
    let id = t.grant(&machine, AUDIENCE, &["later", "a"]).await;
    let path = format!("/apis/{api}/applications/{id}");
    let page = browser.page(&path).await;
    assert!(page.contains(r#"value="later" checked"#) && page.contains("Not defined yet"), "{page}");
    let fields = [("permissions", "b"), ("permissions", "later"), ("seen_permissions", "a\nlater")];
    browser.done(&path, &fields).await;
    browser.done(&format!("/apis/{api}/permissions"), &[("value", "later")]).await;
    assert_eq!(t.granted(&machine, AUDIENCE).await, "b later");
}

async fn the_management_api_takes_no_all(t: TestApp) {
    let browser = signed_in(&t, AdministratorRole::Editor).await;
    let apis = t.get("resource-servers").send().await.body;
    let api = apis.as_array().unwrap().iter().find(|one| one["is_system"] == true).unwrap()["id"].as_str().unwrap();
    let machine = t.machine().await;
    let list = format!("/apis/{api}/applications");
    let page = browser.page(&format!("{list}/new?client={}", machine.id)).await;
    assert!(page.contains("read:resource_servers") && !page.contains(r#"name="all""#), "{page}");
    assert_eq!(browser.post(&list, &[("client", &machine.id), ("all", "yes")]).await.status, 422);
    browser.done(&list, &[("client", &machine.id), ("permissions", "read:logs")]).await;
    assert_eq!(only(&t).await["scope"], json!(["read:logs"]));
}

async fn grants_of_an_api_are_listed_and_searched(t: TestApp) {
    let browser = signed_in(&t, AdministratorRole::Editor).await;
    let api = t.api(AUDIENCE, &["a", "b", "c", "d", "e", "f", "g"]).await;
    for nth in 0..60 {
        let made = t.post("clients", json!({ "name": format!("Robot {nth:02}") })).send().await.body;
        let scope = ["a", "b", "c", "d", "e", "f", "g"];
        let body = json!({ "client_id": made["client_id"], "audience": AUDIENCE, "scope": scope });
        assert_eq!(t.post("client-grants", body).send().await.status, 201);
    }
    let body = json!({ "default_for": "third_party_clients", "audience": AUDIENCE, "scope": ["a"] });
    assert_eq!(t.post("client-grants", body).send().await.status, 201);
    let list = format!("/apis/{api}/applications");
    let page = browser.page(&list).await;
    assert!(page.contains("1–50 of 61") && page.contains("and 2 more"), "{page}");
    assert!(page.contains("Every third-party application"));
    let found = browser.page(&format!("{list}?q=ROBOT+4")).await;
    assert_eq!(found.matches("<tr id=").count(), 10);
    assert!(browser.page(&format!("{list}?q=none")).await.contains("Nothing found"));
    let choose = browser.page(&format!("{list}/new?page=1")).await;
    assert!(choose.contains("51–60 of 60"), "{choose}");
    let policy = json!({ "subject_type_authorization": { "client": { "policy": "deny_all" } } });
    t.patch(&format!("resource-servers/{api}"), policy).send().await;
    assert!(browser.page(&list).await.contains("gives applications no tokens for themselves"));
}

async fn a_viewer_of_grants_sees_no_control(t: TestApp) {
    let browser = signed_in(&t, AdministratorRole::Viewer).await;
    let api = t.api(AUDIENCE, &["read:posts"]).await;
    let machine = t.machine().await;
    let id = t.grant(&machine, AUDIENCE, &["read:posts"]).await;
    let page = browser.page(&format!("/apis/{api}/applications")).await;
    assert!(page.contains("machine") && page.contains("read:posts"));
    for control in ["Add an application", "Change", "/delete", id.as_str()] {
        assert!(!page.replace(&format!("<tr id=\"{id}\">"), "").contains(control), "{control}: {page}");
    }
    assert_eq!(page.matches("<form method=\"post\"").count(), 2, "only the ways out: {page}");
}
