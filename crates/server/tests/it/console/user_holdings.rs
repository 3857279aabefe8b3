//! What a user has, in the console: roles, permissions of its own, and what both come to.

use keyward_core::model::administrator::AdministratorRole;
use serde_json::{Value, json};

use super::{
    role_holders::user,
    roles::{delete, permission_id, role},
    signed_in, text,
};
use crate::support::TestApp;

on_both_engines!(
    effective_permissions_say_whence_they_come,
    permissions_are_given_and_taken,
    roles_are_given_and_taken,
    many_permissions_of_a_user_come_in_pages,
);

const ADA: &str = "/users/auth0%7Cada";

async fn direct(t: &TestApp) -> Vec<Value> {
    let list = t.get("users/auth0%7Cada/permissions").send().await.body;
    let is_direct = |one: &&Value| one["sources"].to_string().contains("DIRECT");
    list.as_array().unwrap().iter().filter(is_direct).map(|one| one["permission_name"].clone()).collect()
}

async fn effective_permissions_say_whence_they_come(t: TestApp) {
    let browser = signed_in(&t, AdministratorRole::Editor).await;
    t.api("https://blog.example/", &["read:posts", "write:posts", "delete:posts"]).await;
    let editor = role(&browser, "editor", &["read:posts", "write:posts"]).await;
    let author = role(&browser, "author", &["write:posts"]).await;
    user(&t, "ada").await;
    for role in [&editor, &author] {
        browser.done(&format!("{role}/users"), &[("user", "ada@example.com")]).await;
    }
    let ids = [permission_id(&t, "delete:posts").await, permission_id(&t, "read:posts").await];
    browser.done(&format!("{ADA}/permissions/add"), &[("permission", &ids[0]), ("permission", &ids[1])]).await;
    let page = browser.page(ADA).await;
    let row = |value: &str| page.split("<tr>").find(|row| row.contains(&format!(">{value}</span>"))).unwrap();
    let sources = |value: &str| {
        let row = row(value);
        (row.contains(">direct<"), row.contains(&editor), row.contains(&author), row.contains("checkbox"))
    };
    assert_eq!(sources("delete:posts"), (true, false, false, true));
    assert_eq!(sources("read:posts"), (true, true, false, true));
    assert_eq!(sources("write:posts"), (false, true, true, false), "what a role gives is not taken here");
    assert!(
        page.contains(r#"Permissions<span class="count">3</span>"#) && page.contains(r#"Roles<span class="count">2<"#)
    );
    let found = browser.page(&format!("{ADA}?q=DELETE")).await;
    assert!(found.contains("delete:posts") && !found.contains("write:posts"));
    assert!(browser.page(&format!("{ADA}?q=nothing")).await.contains("Nothing found"));
    delete(&browser, &editor).await;
    let page = browser.page(ADA).await;
    assert!(!page.contains(&editor) && page.contains("write:posts"), "{page}");
}

async fn permissions_are_given_and_taken(t: TestApp) {
    let browser = signed_in(&t, AdministratorRole::Editor).await;
    let api = t.api("https://blog.example/", &["read:posts", "write:posts"]).await;
    let editor = role(&browser, "editor", &["read:posts"]).await;
    user(&t, "ada").await;
    browser.done(&format!("{editor}/users"), &[("user", "ada@example.com")]).await;
    let add = format!("{ADA}/permissions/add");
    let pick = browser.page(&format!("{add}?api={api}")).await;
    assert!(pick.contains("read:posts") && pick.contains("write:posts"), "also what a role gives: {pick}");
    assert_eq!(browser.post(&add, &[]).await.status, 422);
    let ids = [permission_id(&t, "read:posts").await, permission_id(&t, "write:posts").await];
    let both = [("permission", ids[0].as_str()), ("permission", &ids[1])];
    let to = browser.done(&add, &both).await;
    assert_eq!(direct(&t).await, ["read:posts", "write:posts"]);
    assert!(browser.page(&to).await.contains("given to this user."));
    assert!(browser.page(&format!("{add}?api={api}")).await.contains("All 2 that were found are there already."));
    let remove = format!("{ADA}/permissions/remove");
    let none = browser.post(&remove, &[]).await;
    assert!(none.status == 422 && text(&none).contains("Tick what the user is to have no longer."));
    let to = browser.done(&remove, &both).await;
    assert!(direct(&t).await.is_empty());
    let page = browser.page(&to).await;
    assert!(page.contains("no longer given to this user directly. A role still gives 1 of them."), "{page}");
    assert!(page.contains("Undo") && page.contains("read:posts"));
    browser.done(&add, &both).await;
    assert!(!browser.page(&to).await.contains("no longer given"), "the address proves nothing");
    let gone = browser.post(&add, &[("permission", "perm_none")]).await;
    assert_eq!(gone.status, 409);
    let entries = t.entries("sapi").await;
    for said in ["Assign permissions to a user", "Remove permissions from a user"] {
        assert!(entries.iter().any(|entry| entry["description"] == said), "{said}");
    }
    assert_eq!(browser.post("/users/none/permissions/add", &both).await.status, 404);
}

async fn roles_are_given_and_taken(t: TestApp) {
    let browser = signed_in(&t, AdministratorRole::Editor).await;
    let (editor, author) = (role(&browser, "editor", &[]).await, role(&browser, "author", &[]).await);
    let ids = [editor, author].map(|path| path.trim_start_matches("/roles/").to_owned());
    user(&t, "ada").await;
    let list = format!("{ADA}/roles");
    let add = format!("{list}/add");
    assert!(browser.page(&list).await.contains("No role yet"));
    let pick = browser.page(&format!("{add}?q=AUTH&role={}", ids[0])).await;
    assert!(pick.contains("author") && pick.contains(&format!(r#"value="{}" checked"#, ids[0])), "{pick}");
    assert_eq!(browser.post(&add, &[]).await.status, 422);
    let to = browser.done(&add, &[("role", &ids[0]), ("role", &ids[1])]).await;
    let page = browser.page(&to).await;
    assert!(page.contains("are given to this user.") && page.contains("row-link"), "{page}");
    let names = async || {
        let list = t.get("users/auth0%7Cada/roles").send().await.body;
        list.as_array().unwrap().iter().map(|role| role["name"].clone()).collect::<Vec<_>>()
    };
    assert_eq!(names().await.len(), 2);
    let to = browser.done(&format!("{list}/remove"), &[("role", &ids[0])]).await;
    assert_eq!(names().await, ["author"]);
    let page = browser.page(&to).await;
    assert!(page.contains("no longer a role of this user.") && page.contains("Undo"), "{page}");
    browser.done(&add, &[("role", &ids[0])]).await;
    assert!(!browser.page(&to).await.contains("no longer a role"), "the address proves nothing");
    let gone = browser.post(&add, &[("role", "rol_none")]).await;
    assert!(gone.status == 404 && text(&gone).contains("There is no such role"), "{}", text(&gone));
    let entries = t.entries("sapi").await;
    for said in ["Assign roles to a user", "Remove roles from a user"] {
        assert!(entries.iter().any(|entry| entry["description"] == said), "{said}");
    }
}

async fn many_permissions_of_a_user_come_in_pages(t: TestApp) {
    let browser = signed_in(&t, AdministratorRole::Viewer).await;
    let values: Vec<String> = (0..150).map(|nth| format!("do:{nth:03}")).collect();
    t.api("https://blog.example/", &values.iter().map(String::as_str).collect::<Vec<_>>()).await;
    let body = json!({ "name": "all", "permissions": values });
    t.v2_data("permissions.createRole", body).await;
    user(&t, "ada").await;
    let roles = t.get("roles").send().await.body;
    let id = roles[0]["id"].as_str().unwrap();
    assert_eq!(t.post(&format!("roles/{id}/users"), json!({ "users": ["auth0|ada"] })).send().await.status, 200);
    let page = browser.page(ADA).await;
    assert!(page.contains("1–100 of 150") && page.contains("do:099") && !page.contains("do:100"), "{page}");
    assert!(browser.page(&format!("{ADA}?page=1")).await.contains("do:149"));
}
