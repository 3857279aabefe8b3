//! Roles in the console: made, given permissions, renamed, deleted, restored.

use keyward_core::model::administrator::AdministratorRole;
use serde_json::{Value, json};

use super::{Browser, signed_in, text};
use crate::support::TestApp;

on_both_engines!(
    a_role_is_made_and_gives_what_is_ticked,
    what_a_role_gives_is_taken_and_undone,
    what_cannot_be_a_role_is_said,
    two_editors_of_a_role,
    saving_a_role_without_an_edit_changes_nothing,
    a_role_is_deleted_with_its_impact_and_restored,
    a_role_of_many_asks_for_its_name,
    roles_are_listed_searched_and_paged,
    a_viewer_of_roles_sees_no_control,
    the_picker_keeps_what_is_ticked,
    a_role_called_like_markup,
);

/// The id of the only permission with this value.
pub(super) async fn permission_id(t: &TestApp, value: &str) -> String {
    let found = t.v2_data("permissions.getPermission", json!({ "permission": value })).await;
    found["id"].as_str().unwrap().to_owned()
}

/// Makes a role with permissions by the form, and returns its path.
pub(super) async fn role(browser: &Browser<'_>, name: &str, values: &[&str]) -> String {
    let path = browser.done("/roles", &[("name", name), ("description", "")]).await;
    if values.is_empty() {
        return path;
    }
    let mut ids = Vec::new();
    for value in values {
        ids.push(permission_id(browser.t, value).await);
    }
    let fields: Vec<(&str, &str)> = ids.iter().map(|id| ("permission", id.as_str())).collect();
    browser.done(&format!("{path}/permissions/add"), &fields).await;
    path
}

/// Deletes a role by the form of its page, and returns where that leads to.
pub(super) async fn delete(browser: &Browser<'_>, path: &str) -> String {
    let path = format!("{path}/delete");
    let page = browser.page(&path).await;
    let seen = page.split(r#"name="seen" value=""#).nth(1).unwrap().split('"').next().unwrap().to_owned();
    browser.done(&path, &[("seen", &seen)]).await
}

/// What the Management API says that a role gives.
async fn gives(t: &TestApp, path: &str) -> Vec<String> {
    let id = path.trim_start_matches("/roles/");
    let list = t.get(&format!("roles/{id}/permissions")).send().await.body;
    list.as_array().unwrap().iter().map(|one| one["permission_name"].as_str().unwrap().to_owned()).collect()
}

fn key_id(path: &str) -> String {
    path.trim_start_matches("/roles/").replace("rol_", "role_")
}

async fn a_role_is_made_and_gives_what_is_ticked(t: TestApp) {
    let browser = signed_in(&t, AdministratorRole::Editor).await;
    assert!(browser.page("/roles").await.contains("No role yet"));
    let blog = t.api("https://blog.example/", &["read:posts", "write:posts"]).await;
    t.api("https://shop.example/", &["read:orders"]).await;
    let path = browser.done("/roles", &[("name", " editor "), ("description", "Writes\r\nposts")]).await;
    let page = browser.page(&path).await;
    assert!(page.contains("The role gives nothing yet") && page.contains("Writes\nposts"), "{page}");
    let pick = browser.page(&format!("{path}/permissions/add?api={blog}")).await;
    assert!(pick.contains("read:posts") && !pick.contains("read:orders"), "{pick}");
    let add = format!("{path}/permissions/add");
    let none = browser.post(&add, &[("api", &blog)]).await;
    assert!(none.status == 422 && text(&none).contains("Tick at least one permission."));
    let ids = [permission_id(&t, "read:posts").await, permission_id(&t, "read:orders").await];
    let to = browser.done(&add, &[("permission", &ids[0]), ("permission", &ids[1])]).await;
    let page = browser.page(&to).await;
    assert!(page.contains("are given by this role") && page.contains("https://shop.example/"), "{page}");
    assert_eq!(gives(&t, &path).await, ["read:orders", "read:posts"]);
    let (_, key) = t.key(json!({ "apiId": format!("api_{blog}"), "roles": ["editor"] })).await;
    assert_eq!(t.verify(&key, Some("read:posts")).await["valid"], true);
    let pick = browser.page(&format!("{add}?api={blog}")).await;
    assert!(pick.contains("write:posts") && !pick.contains("read:posts") && pick.contains("1 more is there"), "{pick}");
    let gone = browser.post(&add, &[("permission", "perm_none"), ("permission", &ids[0])]).await;
    assert!(gone.status == 409 && text(&gone).contains("deleted meanwhile"));
    let entries = t.entries("sapi").await;
    assert!(entries.iter().any(|entry| entry["description"] == "Associate permissions with a role"));
    assert!(entries.iter().any(|entry| entry["description"] == "Create a role"));
}

async fn what_a_role_gives_is_taken_and_undone(t: TestApp) {
    let browser = signed_in(&t, AdministratorRole::Editor).await;
    let api = t.api("https://blog.example/", &["read:posts", "write:posts", "delete:posts"]).await;
    let path = role(&browser, "editor", &["read:posts", "write:posts", "delete:posts"]).await;
    let (_, key) = t.key(json!({ "apiId": format!("api_{api}"), "roles": ["editor"] })).await;
    let remove = format!("{path}/permissions/remove");
    assert_eq!(browser.post(&remove, &[]).await.status, 422);
    let ids = [permission_id(&t, "write:posts").await, permission_id(&t, "delete:posts").await];
    let fields = [("permission", ids[0].as_str()), ("permission", &ids[1]), ("permission", "perm_none")];
    let to = browser.done(&remove, &fields).await;
    assert_eq!(gives(&t, &path).await, ["read:posts"]);
    assert_eq!(t.verify(&key, Some("write:posts")).await["code"], "INSUFFICIENT_PERMISSIONS");
    let page = browser.page(&to).await;
    assert!(page.contains("are no longer given by this role.") && page.contains("Undo"), "{page}");
    let undo = [("permission", ids[0].as_str()), ("permission", &ids[1])];
    browser.done(&format!("{path}/permissions/add"), &undo).await;
    assert_eq!(t.verify(&key, Some("write:posts")).await["valid"], true);
    assert!(!browser.page(&to).await.contains("no longer given"), "the address proves nothing");
    let found = browser.page(&format!("{path}?q=WRITE")).await;
    assert!(found.contains("write:posts") && !found.contains("read:posts"));
    assert!(browser.page(&format!("{path}?q=nothing")).await.contains("Nothing found"));
}

async fn what_cannot_be_a_role_is_said(t: TestApp) {
    let browser = signed_in(&t, AdministratorRole::Editor).await;
    let path = role(&browser, "editor", &[]).await;
    let long = "x".repeat(501);
    for (name, status, said) in [
        ("", 422, "Give the role a name"),
        (long.as_str(), 422, "A name has 500 characters at most."),
        ("EDITOR", 409, "There is a role EDITOR already."),
    ] {
        let reply = browser.post("/roles", &[("name", name), ("description", "What it is for")]).await;
        let page = text(&reply);
        assert_eq!(reply.status, status, "{name}");
        assert!(page.contains(said) && page.contains("What it is for") && page.contains("aria-invalid"), "{page}");
    }
    let described = browser.post("/roles", &[("name", "x"), ("description", &"x".repeat(1001))]).await;
    assert_eq!(described.status, 422);
    role(&browser, "author", &[]).await;
    let seen = [("seen_name", "editor"), ("seen_description", "")];
    for (name, status) in [("", 422), ("Author", 409)] {
        let fields = [("name", name), ("description", "Mine"), seen[0], seen[1]];
        let reply = browser.post(&format!("{path}/settings"), &fields).await;
        assert_eq!(reply.status, status);
        assert!(text(&reply).contains("Mine"));
    }
    for path in ["/roles/rol_none", "/roles/none/users", "/roles/rol_none/settings", "/roles/rol_%00/keys"] {
        let status = browser.get(path).await.status;
        assert!(status == 404 || status == 422, "{path}: {status}");
    }
}

async fn two_editors_of_a_role(t: TestApp) {
    let browser = signed_in(&t, AdministratorRole::Editor).await;
    let path = format!("{}/settings", role(&browser, "editor", &[]).await);
    let seen = [("seen_name", "editor"), ("seen_description", "")];
    browser.done(&path, &[("name", "editor"), ("description", "The other one's"), seen[0], seen[1]]).await;
    let mine = [("name", "author"), ("description", "Mine"), seen[0], seen[1]];
    let reply = browser.post(&path, &mine).await;
    assert_eq!(reply.status, 409);
    let page = text(&reply);
    for said in [
        "Somebody else changed this while you were editing it.",
        r#"<ins class="diff-add">description: The other one&#39;s</ins>"#,
        r#"<ins class="diff-add">name: author</ins>"#,
        r#"name="name" value="author""#,
        r#"name="seen_description" value="The other one&#39;s""#,
    ] {
        assert!(page.contains(said), "{said}: {page}");
    }
    assert!(browser.page("/roles").await.contains("The other one"), "nothing was saved");
    let seen = [("seen_name", "editor"), ("seen_description", "The other one's")];
    browser.done(&path, &[("name", "author"), ("description", "Mine"), seen[0], seen[1]]).await;
    let page = browser.page("/roles").await;
    assert!(page.contains("author") && page.contains("Mine") && !page.contains("The other one"));
}

async fn saving_a_role_without_an_edit_changes_nothing(t: TestApp) {
    let browser = signed_in(&t, AdministratorRole::Editor).await;
    let body = json!({ "name": "editor", "description": " two\r\nlines " });
    let made = t.post("roles", body).send().await.body;
    let path = format!("/roles/{}/settings", made["id"].as_str().unwrap());
    let before = (t.app.revision(), t.entries("sapi").await.len());
    let fields = [
        ("name", "editor"),
        ("description", "two\r\nlines"),
        ("seen_name", "editor"),
        ("seen_description", "two\r\nlines"),
    ];
    browser.done(&path, &fields).await;
    assert_eq!((t.app.revision(), t.entries("sapi").await.len()), before);
    // Another name leaves the description as it is spelt.
    let fields = [("name", "author"), fields[1], fields[2], fields[3]];
    browser.done(&path, &fields).await;
    let now = t.get(&format!("roles/{}", made["id"].as_str().unwrap())).send().await.body;
    assert_eq!((&now["name"], &now["description"]), (&json!("author"), &json!(" two\r\nlines ")));
}

async fn a_role_is_deleted_with_its_impact_and_restored(t: TestApp) {
    let browser = signed_in(&t, AdministratorRole::Editor).await;
    let api = t.api("https://blog.example/", &["read:posts", "write:posts"]).await;
    let path = role(&browser, "editor", &["read:posts", "write:posts"]).await;
    let key_api = format!("api_{api}");
    let (_, key) = t.key(json!({ "apiId": key_api, "roles": ["editor"], "name": "CI" })).await;
    t.key(json!({ "apiId": key_api, "roles": ["editor"], "permissions": ["read:posts"] })).await;
    let sure = browser.page(&format!("{path}/delete")).await;
    let row = |value: &str| {
        let row = sure.split("<tr>").find(|row| row.contains(&format!(">{value}</span>"))).unwrap();
        let numbers = row.split("class=\"num\"").skip(1);
        numbers.map(|cell| cell.split(['>', '<']).nth(1).unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(row("read:posts"), ["0", "0", "1", "1"], "{sure}");
    assert_eq!(row("write:posts"), ["0", "0", "2", "0"]);
    assert!(sure.contains("CI") && !sure.contains("data-confirm-value"));
    assert_eq!(t.verify(&key, Some("read:posts")).await["valid"], true, "nothing was done by looking");
    let reply = browser.post(&format!("{path}/delete"), &[("seen", "0 users, 1 keys")]).await;
    assert!(reply.status == 409 && text(&reply).contains("Who has the role has changed"), "{}", text(&reply));
    assert_eq!(t.verify(&key, Some("read:posts")).await["valid"], true, "nobody loses what was not shown before");
    let to = delete(&browser, &path).await;
    assert_eq!(t.verify(&key, Some("read:posts")).await["code"], "INSUFFICIENT_PERMISSIONS");
    let page = browser.page(&to).await;
    assert!(page.contains("is deleted. Whoever had it has lost") && page.contains("Undo") && page.contains("Restore"));
    assert_eq!(browser.done(&format!("{path}/delete"), &[]).await, to, "it is deleted already");
    assert_eq!(browser.get(&path).await.status, 404);
    let to = browser.done(&format!("{path}/restore"), &[]).await;
    assert_eq!(t.verify(&key, Some("read:posts")).await["valid"], true);
    let page = browser.page(&to).await;
    assert!(page.contains("is there, and whoever had it before has it.") && !page.contains("Restore"), "{page}");
    assert_eq!(browser.done(&format!("{path}/restore"), &[]).await, to, "it is restored already");
    delete(&browser, &path).await;
    role(&browser, "Editor", &[]).await;
    let taken = browser.post(&format!("{path}/restore"), &[]).await;
    assert!(taken.status == 409 && text(&taken).contains("There is a role editor already."), "{}", text(&taken));
    let descriptions: Vec<Value> = t.entries("sapi").await.iter().map(|entry| entry["description"].clone()).collect();
    for said in ["Delete a role", "Undo the deletion of a role"] {
        assert!(descriptions.contains(&json!(said)), "{said}");
    }
}

async fn a_role_of_many_asks_for_its_name(t: TestApp) {
    let browser = signed_in(&t, AdministratorRole::Editor).await;
    let api = t.api("https://blog.example/", &["read:posts"]).await;
    let path = role(&browser, "editor", &["read:posts"]).await;
    for _ in 0..10 {
        t.key(json!({ "apiId": format!("api_{api}"), "roles": [key_id(&path)] })).await;
    }
    let delete = format!("{path}/delete");
    let page = browser.page(&delete).await;
    assert!(page.contains(r#"data-confirm-value="editor""#));
    let seen = page.split("name=\"seen\" value=\"").nth(1).unwrap().split('"').next().unwrap();
    assert!(seen.starts_with("0 users, 10 keys, "), "{seen}");
    let seen = ("seen", seen);
    for typed in ["", "Editor", "editors"] {
        let reply = browser.post(&delete, &[("confirm", typed), seen]).await;
        assert!(reply.status == 422 && text(&reply).contains("Nothing was deleted."), "{typed}");
    }
    assert_eq!(browser.get(&path).await.status, 200);
    browser.done(&delete, &[("confirm", " editor "), seen]).await;
    assert_eq!(browser.get(&path).await.status, 404);
}

async fn roles_are_listed_searched_and_paged(t: TestApp) {
    let browser = signed_in(&t, AdministratorRole::Viewer).await;
    let api = t.api("https://blog.example/", &["read:posts"]).await;
    for nth in 0..60 {
        let body = json!({ "name": format!("role{nth:02}"), "permissions": ["read:posts"] });
        t.v2_data("permissions.createRole", body).await;
    }
    for _ in 0..2 {
        t.key(json!({ "apiId": format!("api_{api}"), "roles": ["role00"] })).await;
    }
    let page = browser.page("/roles").await;
    assert!(page.contains("1–50 of 60") && page.contains("role49") && !page.contains("role50"), "{page}");
    let first = page.split("<tr>").nth(2).unwrap();
    assert!(first.contains("role00") && first.contains(r#"data-label="Keys">2<"#), "{first}");
    assert!(first.contains(r#"data-label="Permissions">1<"#) && first.contains(r#"data-label="Users">0<"#), "{first}");
    assert!(browser.page("/roles?page=1").await.contains("role59"));
    assert!(browser.page("/roles?page=99").await.contains("51–60 of 60"));
    let found = browser.page("/roles?q=ROLE5").await;
    assert_eq!(found.matches("row-link").count(), 10);
    assert!(browser.page("/roles?q=nothing").await.contains("No role is called so"));
    assert_eq!(browser.get("/roles?q=%00").await.status, 422);
}

async fn a_viewer_of_roles_sees_no_control(t: TestApp) {
    t.api("https://blog.example/", &["read:posts"]).await;
    let editor = signed_in(&t, AdministratorRole::Editor).await;
    let path = role(&editor, "editor", &["read:posts"]).await;
    let gone = role(&editor, "gone", &[]).await;
    delete(&editor, &gone).await;
    let browser = signed_in(&t, AdministratorRole::Viewer).await;
    let gone = gone.trim_start_matches("/roles/");
    let pages = ["", "/users", "/keys", "/settings"].map(|tab| format!("{path}{tab}"));
    for path in pages.iter().cloned().chain(["/roles".to_owned(), format!("/roles?deleted={gone}")]) {
        let page = browser.page(&path).await;
        assert_eq!(page.matches("<form method=\"post\"").count(), 2, "only the ways out, {path}: {page}");
        for control in ["Undo", "Restore<", "/delete", "checkbox", "/new", "/add", "btn-danger", ">Save"] {
            assert!(!page.contains(control), "{path} {control}: {page}");
        }
    }
}

async fn the_picker_keeps_what_is_ticked(t: TestApp) {
    let browser = signed_in(&t, AdministratorRole::Editor).await;
    let values: Vec<String> = (0..400).map(|nth| format!("do:{nth:03}")).collect();
    let blog = t.api("https://blog.example/", &values.iter().map(String::as_str).collect::<Vec<_>>()).await;
    let shop = t.api("https://shop.example/", &["read:orders"]).await;
    let path = format!("{}/permissions/add", role(&browser, "editor", &[]).await);
    let page = browser.page(&format!("{path}?api={blog}")).await;
    assert!(page.contains("do:299") && !page.contains("do:300") && page.contains("100 more are not shown."));
    let ticked = permission_id(&t, "read:orders").await;
    let found = browser.page(&format!("{path}?api={blog}&q=39&permission={ticked}")).await;
    assert_eq!(found.matches(r#"name="permission""#).count(), 15, "fourteen that were found, and the ticked one");
    let with_tick = format!(r#"value="{ticked}" checked"#);
    assert!(found.contains(&with_tick) && found.contains("of Test"), "{found}");
    assert!(browser.page(&format!("{path}?api={shop}&permission={ticked}")).await.contains(&with_tick));
    let many: Vec<String> = {
        let page = browser.page(&format!("{path}?api={blog}")).await;
        let ids = page.split(r#"name="permission" value=""#).skip(1);
        ids.map(|rest| rest.split('"').next().unwrap().to_owned()).collect()
    };
    let fields: Vec<(&str, &str)> = many.iter().map(|id| ("permission", id.as_str())).collect();
    let to = browser.done(&path, &fields).await;
    assert!(!to.contains('?'), "too many for an address: {to}");
    assert!(browser.page(&to).await.contains("1–200 of 300"));
}

async fn a_role_called_like_markup(t: TestApp) {
    let browser = signed_in(&t, AdministratorRole::Editor).await;
    let fields = [("name", "\"><script>alert(1)</script>"), ("description", "</textarea><img src=x onerror=alert(1)>")];
    let path = browser.done("/roles", &fields).await;
    let pages = ["", "/users", "/keys", "/settings", "/delete", "/permissions/add"].map(|tab| format!("{path}{tab}"));
    for path in pages.iter().map(String::as_str).chain(["/roles", "/roles?q=%22%3E%3Cscript%3E"]) {
        let page = browser.page(path).await;
        assert!(!page.contains("<script>alert") && !page.contains("<img src=x"), "{path}: {page}");
    }
}
