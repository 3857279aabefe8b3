//! The permissions of an API in the console: add, change, delete, undo.

use keyward_core::model::administrator::AdministratorRole;
use serde_json::json;

use super::{signed_in, text};
use crate::support::TestApp;

on_both_engines!(
    add_delete_and_undo_with_a_key,
    what_a_deletion_takes_away_is_shown_before,
    what_nobody_has_seen_is_not_taken_away,
    uses_are_shown_and_filtered,
    what_cannot_be_added_is_said,
    many_are_added_at_once_or_none,
    a_rename_keeps_the_permission,
    two_editors_do_not_erase_each_other,
    a_description_that_was_not_typed_over_stays_as_it_is_spelt,
    saving_without_an_edit_changes_nothing,
    a_viewer_sees_no_control_that_would_fail,
    a_long_list_comes_in_pages,
    the_permissions_of_keyward_itself_stay,
);

/// The id of the permission that a page links to with this text.
async fn id_of(t: &TestApp, api: &str, value: &str) -> String {
    let found = t.v2_data("permissions.listPermissions", json!({ "limit": 100 })).await;
    let _ = api;
    let all = found.as_array().unwrap();
    all.iter().find(|one| one["slug"] == value).unwrap()["id"].as_str().unwrap().to_owned()
}

/// What the page of a deletion has shown.
fn seen(page: &str) -> String {
    page.split("name=\"seen\" value=\"").nth(1).unwrap().split('"').next().unwrap().to_owned()
}

async fn add_delete_and_undo_with_a_key(t: TestApp) {
    let browser = signed_in(&t, AdministratorRole::Editor).await;
    let api = t.api("https://blog.example/", &[]).await;
    let list = format!("/apis/{api}/permissions");
    let to = browser.done(&list, &[("value", " read:posts "), ("description", "Read posts")]).await;
    let page = browser.page(&to).await;
    assert!(page.contains("is added. Nobody holds it yet.") && page.contains("Read posts"), "{page}");
    let key_api = format!("api_{api}");
    let (_, key) = t.key(json!({ "apiId": key_api, "permissions": ["read:posts"] })).await;
    assert_eq!(t.verify(&key, Some("read:posts")).await["valid"], true);
    let id = id_of(&t, &api, "read:posts").await;
    let path = format!("{list}/{id}/delete");
    let sure = browser.page(&path).await;
    assert!(sure.contains("Delete permission") && sure.contains("API keys that have it"), "{sure}");
    assert_eq!(t.verify(&key, Some("read:posts")).await["valid"], true, "nothing was done by looking");
    let to = browser.done(&path, &[("seen", &seen(&sure))]).await;
    assert_eq!(t.verify(&key, Some("read:posts")).await["code"], "INSUFFICIENT_PERMISSIONS");
    let page = browser.page(&to).await;
    assert!(page.contains("is deleted. Whoever held it holds it no longer.") && page.contains("Undo"), "{page}");
    assert_eq!(browser.done(&path, &[]).await, to, "it is deleted already");
    let to = browser.done(&format!("{list}/{id}/restore"), &[]).await;
    assert_eq!(t.verify(&key, Some("read:posts")).await["valid"], true, "the same permission with the same grants");
    let page = browser.page(&to).await;
    assert!(page.contains("is back, and whoever held it holds it again.") && !page.contains("Restore"), "{page}");
    assert_eq!(id_of(&t, &api, "read:posts").await, id);
    assert_eq!(browser.done(&format!("{list}/{id}/restore"), &[]).await, to, "it is back already");
    let entry = &t.entries("sapi").await[1];
    assert_eq!(entry["description"], "Delete a permission of a resource server");
    // What an address says is shown only as far as it is so.
    assert!(!browser.page(&format!("{list}?deleted={id}")).await.contains("is deleted"));
}

async fn what_a_deletion_takes_away_is_shown_before(t: TestApp) {
    let browser = signed_in(&t, AdministratorRole::Editor).await;
    let api = t.api("https://blog.example/", &["read:posts"]).await;
    let id = id_of(&t, &api, "read:posts").await;
    let key_api = format!("api_{api}");
    t.v2_data("permissions.createRole", json!({ "name": "editor" })).await;
    t.v2_data("permissions.createPermission", json!({ "name": "x", "slug": "read:posts" })).await;
    let role = t.get("roles").send().await.body[0]["id"].as_str().unwrap().to_owned();
    let give = json!({ "permissions": [{ "resource_server_identifier": "https://blog.example/", "permission_name": "read:posts" }] });
    assert_eq!(t.post(&format!("roles/{role}/permissions"), give).send().await.status, 201);
    for nth in 0..12 {
        t.key(json!({ "apiId": key_api, "name": format!("Key {nth}"), "roles": ["editor"] })).await;
    }
    let machine = t.machine().await;
    t.grant(&machine, "https://blog.example/", &["read:posts"]).await;
    let page = browser.page(&format!("/apis/{api}/permissions/{id}/delete")).await;
    for said in ["Key 0", "Show all 12", "by editor", "Never, as far as is known", "Nobody: there is no other path"] {
        assert!(page.contains(said), "{said}: {page}");
    }
    let all = browser.page(&format!("/apis/{api}/permissions/{id}/holders/keys")).await;
    assert!(all.contains("Key 11") && !all.contains("rel=\"next\""), "{all}");
    for (kind, said) in [("roles", "editor"), ("applications", "by its grant"), ("users", "Nobody")] {
        assert!(browser.page(&format!("/apis/{api}/permissions/{id}/holders/{kind}")).await.contains(said), "{kind}");
    }
    assert_eq!(browser.get(&format!("/apis/{api}/permissions/{id}/holders/none")).await.status, 404);
}

async fn what_nobody_has_seen_is_not_taken_away(t: TestApp) {
    let browser = signed_in(&t, AdministratorRole::Editor).await;
    let api = t.api("https://blog.example/", &["read:posts"]).await;
    let id = id_of(&t, &api, "read:posts").await;
    let path = format!("/apis/{api}/permissions/{id}/delete");
    let before = seen(&browser.page(&path).await);
    let (key_id, key) = t.key(json!({ "apiId": format!("api_{api}"), "permissions": ["read:posts"] })).await;
    let reply = browser.post(&path, &[("seen", &before)]).await;
    assert_eq!(reply.status, 409);
    let page = text(&reply);
    assert!(page.contains("Who holds it has changed since you looked"), "{page}");
    assert_eq!(t.verify(&key, Some("read:posts")).await["valid"], true);
    // As many as before, but another one.
    let first = seen(&page);
    t.v2_data("keys.deleteKey", json!({ "keyId": key_id })).await;
    let body = json!({ "apiId": format!("api_{api}"), "name": "Another", "permissions": ["read:posts"] });
    let (_, key) = t.key(body).await;
    let reply = browser.post(&path, &[("seen", &first)]).await;
    assert!(reply.status == 409 && text(&reply).contains("Another"), "{}", text(&reply));
    browser.done(&path, &[("seen", &seen(&text(&reply)))]).await;
    assert_eq!(t.verify(&key, Some("read:posts")).await["valid"], false);
}

async fn uses_are_shown_and_filtered(t: TestApp) {
    let browser = signed_in(&t, AdministratorRole::Viewer).await;
    let api = t.api("https://blog.example/", &["read:posts", "write:posts"]).await;
    let body = json!({ "apiId": format!("api_{api}"), "name": "Reader <1>", "permissions": ["read:posts"] });
    let (_, key) = t.key(body).await;
    assert_eq!(t.verify(&key, Some("read:posts")).await["valid"], true);
    let list = format!("/apis/{api}/permissions");
    let page = browser.page(&list).await;
    assert!(page.contains("read:posts: 1 uses in 30 days") && page.contains("write:posts: 0 uses"), "{page}");
    assert!(page.contains("2026-01-01") && page.contains("never"), "{page}");
    let unused = browser.page(&format!("{list}?unused=2026-01-01")).await;
    assert!(unused.contains("write:posts: 0") && !unused.contains("read:posts: 1"), "{unused}");
    t.clock.advance(86_400);
    let browser = signed_in(&t, AdministratorRole::Editor).await;
    let id = id_of(&t, &api, "read:posts").await;
    let sure = browser.page(&format!("{list}/{id}/delete")).await;
    assert!(sure.contains("Reader &#60;1&#62;") && sure.contains("API key"), "{sure}");
    let unused = browser.page(&format!("{list}?unused=2026-01-02")).await;
    assert!(unused.contains("read:posts: 1 uses"), "not since then: {unused}");
}

async fn what_cannot_be_added_is_said(t: TestApp) {
    let browser = signed_in(&t, AdministratorRole::Editor).await;
    let api = t.api("https://blog.example/", &["read:posts"]).await;
    let list = format!("/apis/{api}/permissions");
    let long = "x".repeat(281);
    for (value, status, said) in [
        ("", 422, "Type a permission"),
        ("openid", 422, "This name is reserved"),
        ("read posts", 422, "A permission has no spaces"),
        (long.as_str(), 422, "This has 281 characters"),
        ("read:posts", 409, "This API has a permission read:posts already."),
    ] {
        let reply = browser.post(&list, &[("value", value), ("description", "kept as typed")]).await;
        assert_eq!(reply.status, status, "{value}");
        let page = text(&reply);
        assert!(page.contains(said) && page.contains("kept as typed"), "{value}: {page}");
    }
    assert_eq!(t.scopes(&api).await, ["read:posts"]);
    let check = async |value: &str| text(&browser.get(&format!("{list}/check?value={value}")).await);
    assert!(check("openid").await.contains("reserved"));
    assert!(check("read:posts").await.contains("has it already"));
    assert_eq!((check("").await, check("write:posts").await), (String::new(), String::new()));
}

async fn many_are_added_at_once_or_none(t: TestApp) {
    let browser = signed_in(&t, AdministratorRole::Editor).await;
    let api = t.api("https://blog.example/", &["read:posts"]).await;
    let (list, paste) = (format!("/apis/{api}/permissions"), format!("/apis/{api}/permissions/paste"));
    assert!(browser.page(&paste).await.contains("One a line"));
    let lines = "write:posts Write posts\r\n\r\nread:posts\r\nopenid x\r\nwrite:posts again";
    let reply = browser.post(&paste, &[("lines", lines)]).await;
    let page = text(&reply);
    assert_eq!(reply.status, 422);
    for said in ["Line 3, read:posts: This API has it already.", "Line 4, openid:", "Line 5, write:posts: It stands"] {
        assert!(page.contains(said), "{said}: {page}");
    }
    assert!(page.contains("write:posts Write posts\n"), "what was typed stays");
    assert_eq!(t.scopes(&api).await, ["read:posts"]);
    assert_eq!(browser.post(&paste, &[("lines", " \n ")]).await.status, 422);
    let to = browser.done(&paste, &[("lines", "write:posts\tWrite and change\r\ndelete:posts")]).await;
    assert_eq!(to, list);
    assert_eq!(t.scopes(&api).await, ["read:posts", "write:posts", "delete:posts"]);
    assert!(browser.page(&list).await.contains("Write and change"));
}

async fn a_rename_keeps_the_permission(t: TestApp) {
    let browser = signed_in(&t, AdministratorRole::Editor).await;
    let api = t.api("https://blog.example/", &["read:posts", "write:posts"]).await;
    let id = id_of(&t, &api, "read:posts").await;
    let (_, key) = t.key(json!({ "apiId": format!("api_{api}"), "permissions": ["read:posts"] })).await;
    let path = format!("/apis/{api}/permissions/{id}");
    assert!(browser.page(&path).await.contains(r#"value="read:posts""#));
    let seen = [("seen_value", "read:posts"), ("seen_description", "")];
    let fields = [("value", "see:posts"), ("description", "See them"), seen[0], seen[1]];
    let to = browser.done(&path, &fields).await;
    assert!(browser.page(&to).await.contains("is saved."));
    assert_eq!(t.scopes(&api).await, ["see:posts", "write:posts"]);
    assert_eq!(t.verify(&key, Some("see:posts")).await["valid"], true);
    assert_eq!(id_of(&t, &api, "see:posts").await, id);
    let seen = [("seen_value", "see:posts"), ("seen_description", "See them")];
    for (value, status) in [("write:posts", 409), ("email", 422), ("", 422)] {
        let reply = browser.post(&path, &[("value", value), ("description", "See them"), seen[0], seen[1]]).await;
        assert_eq!(reply.status, status, "{value}");
    }
    assert_eq!(browser.get(&format!("/apis/{api}/permissions/perm_none")).await.status, 404);
}

async fn two_editors_do_not_erase_each_other(t: TestApp) {
    let browser = signed_in(&t, AdministratorRole::Editor).await;
    let api = t.api("https://blog.example/", &["read:posts"]).await;
    let id = id_of(&t, &api, "read:posts").await;
    let path = format!("/apis/{api}/permissions/{id}");
    let seen = [("seen_value", "read:posts"), ("seen_description", "")];
    browser.done(&path, &[("value", "read:posts"), ("description", "The other one's"), seen[0], seen[1]]).await;
    // Another permission of the API is no reason to refuse.
    browser.done(&format!("/apis/{api}/permissions"), &[("value", "write:posts")]).await;
    let mine = [("value", "see:posts"), ("description", "Mine"), seen[0], seen[1]];
    let reply = browser.post(&path, &mine).await;
    assert_eq!(reply.status, 409);
    let page = text(&reply);
    for said in [
        "Somebody else changed this while you were editing it.",
        r#"<ins class="diff-add">description: The other one&#39;s</ins>"#,
        r#"<ins class="diff-add">permission: see:posts</ins>"#,
        r#"name="description" value="Mine""#,
        r#"name="seen_description" value="The other one&#39;s""#,
    ] {
        assert!(page.contains(said), "{said}: {page}");
    }
    assert_eq!(t.scopes(&api).await, ["read:posts", "write:posts"], "nothing was saved");
    let seen = [("seen_value", "read:posts"), ("seen_description", "The other one's")];
    browser.done(&path, &[("value", "see:posts"), ("description", "Mine"), seen[0], seen[1]]).await;
    assert_eq!(t.scopes(&api).await, ["see:posts", "write:posts"]);
}

async fn a_description_that_was_not_typed_over_stays_as_it_is_spelt(t: TestApp) {
    let browser = signed_in(&t, AdministratorRole::Editor).await;
    let api = t.api("https://blog.example/", &[]).await;
    let scopes = json!([{ "value": "read:posts", "description": "two\r\nlines" }]);
    let path = format!("resource-servers/{api}");
    assert_eq!(t.patch(&path, json!({ "scopes": scopes })).send().await.status, 200);
    let id = id_of(&t, &api, "read:posts").await;
    let form = format!("/apis/{api}/permissions/{id}");
    // A field of one line has no line breaks, and neither has what it is compared with.
    assert!(browser.page(&form).await.contains(r#"name="seen_description" value="twolines""#));
    let seen = [("seen_value", "read:posts"), ("seen_description", "twolines")];
    browser.done(&form, &[("value", "see:posts"), ("description", "twolines"), seen[0], seen[1]]).await;
    let now = t.get(&path).send().await.body;
    assert_eq!(now["scopes"], json!([{ "value": "see:posts", "description": "two\r\nlines" }]));
}

async fn saving_without_an_edit_changes_nothing(t: TestApp) {
    let browser = signed_in(&t, AdministratorRole::Editor).await;
    let api = t.api("https://blog.example/", &["read:posts"]).await;
    let id = id_of(&t, &api, "read:posts").await;
    let before = (t.app.revision(), t.entries("sapi").await.len());
    let fields = [("value", "read:posts"), ("description", ""), ("seen_value", "read:posts"), ("seen_description", "")];
    browser.done(&format!("/apis/{api}/permissions/{id}"), &fields).await;
    assert_eq!((t.app.revision(), t.entries("sapi").await.len()), before);
}

async fn a_viewer_sees_no_control_that_would_fail(t: TestApp) {
    let browser = signed_in(&t, AdministratorRole::Viewer).await;
    let api = t.api("https://blog.example/", &["read:posts", "write:posts"]).await;
    let gone = id_of(&t, &api, "write:posts").await;
    t.v2_data("permissions.deletePermission", json!({ "permission": gone })).await;
    let page = browser.page(&format!("/apis/{api}/permissions?deleted={gone}")).await;
    assert!(page.contains("read:posts") && page.contains("is deleted"));
    for control in ["Add", "Undo", "Restore", "Edit", "/delete"] {
        assert!(!page.contains(control), "{control}: {page}");
    }
    assert_eq!(page.matches("<form method=\"post\"").count(), 2, "only the ways out: {page}");
}

async fn a_long_list_comes_in_pages(t: TestApp) {
    let browser = signed_in(&t, AdministratorRole::Editor).await;
    let values: Vec<String> = (0..1000).map(|nth| format!("do:{nth:04}")).collect();
    let described = |value: &String| json!({ "value": value, "description": "What it lets somebody do. ".repeat(8) });
    let scopes: Vec<_> = values.iter().map(described).collect();
    let body = json!({ "identifier": "https://blog.example/", "name": "Blog", "scopes": scopes });
    let api = t.post("resource-servers", body).send().await.body["id"].as_str().unwrap().to_owned();
    let list = format!("/apis/{api}/permissions");
    let page = browser.page(&list).await;
    assert!(page.contains("1–100 of 1000") && page.contains("do:0099") && !page.contains("do:0100"));
    assert!(page.len() < 250_000, "{}", page.len());
    let page = browser.page(&format!("{list}?page=9")).await;
    assert!(page.contains("901–1000 of 1000") && page.contains("do:0999"));
    let page = browser.page(&format!("{list}?q=DO:09&sort=value")).await;
    assert!(page.contains("do:0900") && !page.contains("1–100 of"), "100 are one page");
    assert!(browser.page(&format!("{list}?q=none")).await.contains("Nothing found"));
}

async fn the_permissions_of_keyward_itself_stay(t: TestApp) {
    let browser = signed_in(&t, AdministratorRole::Owner).await;
    let apis = t.get("resource-servers").send().await.body;
    let api = apis.as_array().unwrap().iter().find(|one| one["is_system"] == true).unwrap()["id"].as_str().unwrap();
    let list = format!("/apis/{api}/permissions");
    let page = browser.page(&list).await;
    assert!(!page.contains("Add a permission") && !page.contains("/delete"), "{page}");
    assert_eq!(browser.post(&list, &[("value", "read:x")]).await.status, 422);
}
