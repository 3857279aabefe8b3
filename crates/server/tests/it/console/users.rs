//! Users in the console: found, made, changed, deleted.

use keyward_core::model::administrator::AdministratorRole;
use serde_json::json;

use super::{role_holders::user, roles::role, signed_in, text};
use crate::support::TestApp;

on_both_engines!(
    users_are_listed_and_found,
    a_user_is_made,
    what_cannot_be_a_user_is_said,
    a_user_is_changed,
    two_editors_of_a_user,
    saving_a_user_without_an_edit_changes_nothing,
    a_user_gets_another_password,
    a_user_is_deleted_for_good,
    a_viewer_of_users_sees_no_control,
    a_user_called_like_markup,
);

const CONNECTION: &str = "Username-Password-Authentication";
const PASSWORD: &str = "seven green bicycles";

async fn users_are_listed_and_found(t: TestApp) {
    let browser = signed_in(&t, AdministratorRole::Viewer).await;
    assert!(browser.page("/users").await.contains("No user yet"));
    for nth in 0..60 {
        t.clock.advance(1);
        user(&t, &format!("u{nth:02}")).await;
    }
    let body =
        json!({ "connection": CONNECTION, "email": "x@example.com", "name": "Ada Lovelace", "password": PASSWORD });
    assert_eq!(t.post("users", body).send().await.status, 201);
    let page = browser.page("/users").await;
    assert!(
        page.contains("1–50 of 61") && page.contains("Ada Lovelace") && !page.contains("u00@example.com"),
        "{page}"
    );
    assert!(browser.page("/users?page=1").await.contains("u00@example.com"), "the oldest come last");
    assert!(browser.page("/users?page=999").await.contains("51–61 of 61"));
    for (q, count) in
        [("U1", 10), ("ada%20L", 1), ("auth0%7Cu2", 10), ("u00@example.com", 1), ("u", 50), ("%22)*", 0), ("zz", 0)]
    {
        let page = browser.page(&format!("/users?q={q}")).await;
        assert_eq!(page.matches("row-link").count(), count, "{q}: {page}");
    }
    assert!(browser.page("/users?q=u").await.contains("These are the first 50."));
    assert!(browser.page("/users?q=zz").await.contains("Nobody is called so"));
    assert_eq!(browser.get("/users?q=%00").await.status, 422);
    assert_eq!(browser.get("/users/%00").await.status, 422);
    assert_eq!(browser.get("/users/auth0%7Cnobody").await.status, 404);
}

async fn a_user_is_made(t: TestApp) {
    let browser = signed_in(&t, AdministratorRole::Editor).await;
    assert!(browser.page("/users/new").await.contains(CONNECTION));
    let fields = [("connection", CONNECTION), ("email", "Ada@Example.com"), ("name", "Ada"), ("password", PASSWORD)];
    let to = browser.done("/users", &fields).await;
    let page = browser.page(&to).await;
    assert!(page.contains("ada@example.com") && page.contains("This user may do nothing yet"), "{page}");
    let made = t.get("users-by-email?email=ada@example.com").send().await.body;
    assert_eq!((&made[0]["name"], &made[0]["email_verified"]), (&json!("Ada"), &json!(false)));
    let entry = &t.entries("sapi").await[0];
    assert_eq!(entry["description"], "Create a user");
    assert!(entry["user_id"].as_str().is_some_and(|id| id.starts_with("adm_")));
    let log = t.get("logs?per_page=100").send().await.body.to_string();
    assert!(!log.contains(PASSWORD));
}

async fn what_cannot_be_a_user_is_said(t: TestApp) {
    let browser = signed_in(&t, AdministratorRole::Editor).await;
    user(&t, "ada").await;
    let long = "x".repeat(301);
    for (connection, email, name, password, status, said) in [
        (CONNECTION, "nonsense", "N", PASSWORD, 422, "Type an e-mail address"),
        (CONNECTION, "", "N", PASSWORD, 422, "Type an e-mail address"),
        (CONNECTION, "b@example.com", "N", "short", 422, "A password has at least 8 characters."),
        (CONNECTION, "b@example.com", &long, PASSWORD, 422, "A name has 300 characters at most."),
        ("nowhere", "b@example.com", "N", PASSWORD, 422, "There is no such connection."),
        (CONNECTION, "ADA@example.com", "N", PASSWORD, 409, "has a user with this e-mail address"),
    ] {
        let fields = [("connection", connection), ("email", email), ("name", name), ("password", password)];
        let reply = browser.post("/users", &fields).await;
        let page = text(&reply);
        assert_eq!(reply.status, status, "{email} {page}");
        assert!(page.contains(said) && page.contains(&format!(r#"name="name" value="{name}""#)), "{said}: {page}");
        assert!(!page.contains(PASSWORD), "a password is not shown again");
    }
    let log = t.get("logs?per_page=100").send().await.body.to_string();
    assert!(!log.contains(PASSWORD) && !log.contains("\"short\""));
}

async fn a_user_is_changed(t: TestApp) {
    let browser = signed_in(&t, AdministratorRole::Editor).await;
    user(&t, "ada").await;
    user(&t, "bob").await;
    let path = "/users/auth0%7Cada/settings";
    let page = browser.page(path).await;
    assert!(page.contains(r#"value="ada@example.com""#) && page.contains(CONNECTION), "{page}");
    let seen = [("seen_name", "ada@example.com"), ("seen_email", "ada@example.com"), ("seen_blocked", "")];
    let fields = [("name", "Ada"), ("email", "lovelace@example.com"), ("blocked", "yes"), seen[0], seen[1], seen[2]];
    browser.done(path, &fields).await;
    let now = t.get("users/auth0%7Cada").send().await.body;
    assert_eq!((&now["name"], &now["email"]), (&json!("Ada"), &json!("lovelace@example.com")));
    assert_eq!((&now["blocked"], &now["email_verified"]), (&json!(true), &json!(false)));
    assert!(browser.page(path).await.contains("badge-danger\">blocked"));
    let seen = [("seen_name", "Ada"), ("seen_email", "lovelace@example.com"), ("seen_blocked", "yes")];
    for (email, status, said) in [
        ("nonsense", 422, "This is no e-mail address."),
        ("bob@example.com", 409, "has a user with this e-mail address"),
    ] {
        let fields = [("name", "Mine"), ("email", email), seen[0], seen[1], seen[2]];
        let reply = browser.post(path, &fields).await;
        let page = text(&reply);
        assert_eq!(reply.status, status);
        assert!(page.contains(said) && page.contains(r#"value="Mine""#) && page.contains("aria-invalid"), "{page}");
    }
    let fields = [("name", ""), ("email", "lovelace@example.com"), seen[0], seen[1], seen[2]];
    browser.done(path, &fields).await;
    let now = t.get("users/auth0%7Cada").send().await.body;
    assert_eq!((now.get("name"), &now["blocked"]), (None, &json!(false)));
    assert_eq!(t.entries("sapi").await[0]["description"], "Update a User");
}

async fn two_editors_of_a_user(t: TestApp) {
    let browser = signed_in(&t, AdministratorRole::Editor).await;
    user(&t, "ada").await;
    let path = "/users/auth0%7Cada/settings";
    let seen = [("seen_name", "ada@example.com"), ("seen_email", "ada@example.com"), ("seen_blocked", "")];
    assert_eq!(t.patch("users/auth0%7Cada", json!({ "name": "Theirs" })).send().await.status, 200);
    let mine = [("name", "Mine"), ("email", "ada@example.com"), ("blocked", "yes"), seen[0], seen[1], seen[2]];
    let reply = browser.post(path, &mine).await;
    assert_eq!(reply.status, 409);
    let page = text(&reply);
    for said in [
        "Somebody else changed this while you were editing it.",
        r#"<ins class="diff-add">name: Theirs</ins>"#,
        r#"<ins class="diff-add">name: Mine</ins>"#,
        r#"<ins class="diff-add">blocked: yes</ins>"#,
        r#"name="seen_name" value="Theirs""#,
        "checked",
    ] {
        assert!(page.contains(said), "{said}: {page}");
    }
    assert_eq!(t.get("users/auth0%7Cada").send().await.body["name"], "Theirs", "nothing was saved");
    let mine = [mine[0], mine[1], mine[2], ("seen_name", "Theirs"), seen[1], seen[2]];
    browser.done(path, &mine).await;
    assert_eq!(t.get("users/auth0%7Cada").send().await.body["name"], "Mine");
}

async fn saving_a_user_without_an_edit_changes_nothing(t: TestApp) {
    let browser = signed_in(&t, AdministratorRole::Editor).await;
    user(&t, "ada").await;
    let before = (t.app.revision(), t.entries("sapi").await.len());
    let fields = [
        ("name", "ada@example.com"),
        ("email", "Ada@example.com"),
        ("seen_name", "ada@example.com"),
        ("seen_email", "ada@example.com"),
        ("seen_blocked", ""),
    ];
    browser.done("/users/auth0%7Cada/settings", &fields).await;
    assert_eq!((t.app.revision(), t.entries("sapi").await.len()), before);
}

async fn a_user_gets_another_password(t: TestApp) {
    let browser = signed_in(&t, AdministratorRole::Editor).await;
    user(&t, "ada").await;
    let path = "/users/auth0%7Cada/password";
    assert!(browser.page("/users/auth0%7Cada/settings").await.contains(path));
    assert!(browser.page(path).await.contains("New password of ada@example.com"));
    let reply = browser.post(path, &[("password", "short")]).await;
    assert_eq!(reply.status, 422);
    assert!(text(&reply).contains("A password has at least"), "{}", text(&reply));
    let refused = t.entries("fapi").await;
    assert_eq!((refused.len(), &refused[0]["description"]), (1, &json!("Update a User")));
    assert!(!refused[0].to_string().contains("short"), "{refused:?}");
    assert_eq!(browser.done(path, &[("password", "nine blue kettles")]).await, "/users/auth0%7Cada/settings");
    let entry = &t.entries("sapi").await[0];
    assert_eq!(entry["description"], "Update a User");
    assert!(entry.to_string().contains("[changed]") && !entry.to_string().contains("kettles"), "{entry}");
}

async fn a_user_is_deleted_for_good(t: TestApp) {
    let browser = signed_in(&t, AdministratorRole::Editor).await;
    let api = "https://blog.example/";
    t.api(api, &["read:posts", "write:posts"]).await;
    let editor = role(&browser, "editor", &["read:posts"]).await;
    user(&t, "ada").await;
    browser.done(&format!("{editor}/users"), &[("user", "ada@example.com")]).await;
    let pair = json!({ "permissions": [{"resource_server_identifier": api, "permission_name": "write:posts"}] });
    assert_eq!(t.post("users/auth0%7Cada/permissions", pair).send().await.status, 201);
    let path = "/users/auth0%7Cada/delete";
    let sure = browser.page(path).await;
    for said in ["editor", "write:posts", "can't be undone", r#"data-confirm-value="ada@example.com""#] {
        assert!(sure.contains(said), "{said}: {sure}");
    }
    assert!(!sure.contains("read:posts"), "it belongs to the role");
    for typed in ["", "ada"] {
        let reply = browser.post(path, &[("confirm", typed)]).await;
        assert!(reply.status == 422 && text(&reply).contains("Nothing was deleted."), "{typed}");
    }
    assert_eq!(t.get("users/auth0%7Cada").send().await.status, 200);
    let to = browser.done(path, &[("confirm", "ada@example.com")]).await;
    assert_eq!(t.get("users/auth0%7Cada").send().await.status, 404);
    let page = browser.page(&to).await;
    assert!(page.contains("There is no user") && page.contains("auth0|ada"), "{page}");
    assert_eq!(browser.done(path, &[]).await, to, "it is deleted already");
    let entry = t.entries("sapi").await.into_iter().find(|entry| entry["description"] == "Delete a User").unwrap();
    assert!(entry.to_string().contains("write:posts") && entry.to_string().contains("editor"), "{entry}");
    user(&t, "ada").await;
    assert!(!browser.page(&to).await.contains("There is no user"), "the address proves nothing");
}

async fn a_viewer_of_users_sees_no_control(t: TestApp) {
    user(&t, "ada").await;
    let browser = signed_in(&t, AdministratorRole::Viewer).await;
    for path in ["", "/auth0%7Cada", "/auth0%7Cada/roles", "/auth0%7Cada/settings"] {
        let page = browser.page(&format!("/users{path}")).await;
        assert!(page.contains("ada@example.com"));
        assert_eq!(page.matches("<form method=\"post\"").count(), 2, "only the ways out, {path}: {page}");
        for control in ["Undo", "/delete", "checkbox", "/new", "/add", "btn-danger", ">Save"] {
            assert!(!page.contains(control), "{path} {control}: {page}");
        }
    }
}

async fn a_user_called_like_markup(t: TestApp) {
    let browser = signed_in(&t, AdministratorRole::Editor).await;
    let name = "\"><script>alert(1)</script>";
    let fields =
        [("connection", CONNECTION), ("email", "\"<img/src=x>\"@example.com"), ("name", name), ("password", PASSWORD)];
    let path = browser.done("/users", &fields).await;
    let pages = ["", "/roles", "/settings", "/delete", "/permissions/add", "/roles/add"];
    let pages = pages.map(|tab| format!("{path}{tab}"));
    for path in pages.iter().map(String::as_str).chain(["/users", "/users?q=%22%3E%3Cscript%3E"]) {
        let page = browser.page(path).await;
        assert!(!page.contains("<script>alert") && !page.contains("<img/src"), "{path}: {page}");
    }
}
