//! Who has a role, in the console: users get it and lose it, keys are listed.

use keyward_core::model::administrator::AdministratorRole;
use serde_json::{Value, json};

use super::{roles::role, signed_in, text};
use crate::support::TestApp;

on_both_engines!(
    a_role_is_given_to_users_and_taken,
    who_is_meant_is_said,
    users_of_a_role_come_in_pages,
    keys_of_a_role_come_in_pages,
);

/// Makes a user with this part of the id, and returns its id.
pub(super) async fn user(t: &TestApp, own: &str) -> String {
    let body = json!({
        "connection": "Username-Password-Authentication", "email": format!("{own}@example.com"), "user_id": own,
        "password": "seven green bicycles",
    });
    let made = t.post("users", body).send().await;
    assert_eq!(made.status, 201, "{}", made.body);
    made.body["user_id"].as_str().unwrap().to_owned()
}

async fn roles_of(t: &TestApp, own: &str) -> Vec<Value> {
    let list = t.get(&format!("users/auth0%7C{own}/roles")).send().await.body;
    list.as_array().unwrap().iter().map(|role| role["name"].clone()).collect()
}

async fn a_role_is_given_to_users_and_taken(t: TestApp) {
    let browser = signed_in(&t, AdministratorRole::Editor).await;
    let path = format!("{}/users", role(&browser, "editor", &[]).await);
    let (ada, bob) = (user(&t, "ada").await, user(&t, "bob").await);
    assert!(browser.page(&path).await.contains("No user has this role"));
    let to = browser.done(&path, &[("user", " ADA@example.com ")]).await;
    browser.done(&path, &[("user", &bob)]).await;
    assert_eq!((roles_of(&t, "ada").await, roles_of(&t, "bob").await), (vec![json!("editor")], vec![json!("editor")]));
    let page = browser.page(&to).await;
    assert!(page.contains("has the role.") && page.contains("/users/auth0%7Cada"), "{page}");
    assert!(page.contains(r#"Users<span class="count">2</span>"#), "{page}");
    let to = browser.done(&format!("{path}/remove"), &[("user", &ada)]).await;
    assert!(roles_of(&t, "ada").await.is_empty());
    let page = browser.page(&to).await;
    assert!(page.contains("does not have the role any more.") && page.contains("Undo"), "{page}");
    assert_eq!(browser.done(&format!("{path}/remove"), &[("user", &ada)]).await, to, "it has it no longer");
    browser.done(&path, &[("user", &ada)]).await;
    assert_eq!(roles_of(&t, "ada").await, ["editor"]);
    assert!(!browser.page(&to).await.contains("any more"), "the address proves nothing");
    assert!(browser.page(&format!("{path}?added=nobody")).await.contains("ada@example.com"));
    let entries = t.entries("sapi").await;
    for said in ["Assign users to a role", "Remove roles from a user"] {
        assert!(entries.iter().any(|entry| entry["description"] == said), "{said}");
    }
}

async fn who_is_meant_is_said(t: TestApp) {
    let browser = signed_in(&t, AdministratorRole::Editor).await;
    let path = format!("{}/users", role(&browser, "editor", &[]).await);
    user(&t, "ada").await;
    let other = t.post("connections", json!({ "name": "staff", "strategy": "auth0" })).send().await;
    assert_eq!(other.status, 201, "{}", other.body);
    let body = json!({
        "connection": "staff", "email": "ada@example.com", "user_id": "ada2", "password": "seven green bicycles",
    });
    assert_eq!(t.post("users", body).send().await.status, 201);
    for (typed, said) in [
        ("", "Type an e-mail address"),
        ("nobody@example.com", "No user has this e-mail address or id."),
        ("ada", "No user has this e-mail address or id."),
        ("ada@example.com", "Several users have this address."),
    ] {
        let reply = browser.post(&path, &[("user", typed)]).await;
        let page = text(&reply);
        assert_eq!(reply.status, 422, "{typed}");
        assert!(page.contains(said) && page.contains(&format!(r#"name="user" value="{typed}""#)), "{typed}: {page}");
    }
    assert!(roles_of(&t, "ada").await.is_empty());
    assert_eq!(browser.post(&format!("{path}/remove"), &[("user", "nobody")]).await.status, 404);
    browser.done(&path, &[("user", "auth0|ada2")]).await;
    assert_eq!(roles_of(&t, "ada2").await, ["editor"]);
}

async fn users_of_a_role_come_in_pages(t: TestApp) {
    let browser = signed_in(&t, AdministratorRole::Viewer).await;
    let made = t.post("roles", json!({ "name": "editor" })).send().await.body;
    let id = made["id"].as_str().unwrap();
    let mut ids = Vec::new();
    for nth in 0..101 {
        ids.push(user(&t, &format!("u{nth:03}")).await);
    }
    assert_eq!(t.post(&format!("roles/{id}/users"), json!({ "users": ids })).send().await.status, 200);
    let page = browser.page(&format!("/roles/{id}/users")).await;
    assert_eq!(page.matches("row-link").count(), 100);
    let next = page.split("href=\"").find(|link| link.contains("?after=")).unwrap().split('"').next().unwrap();
    let page = browser.page(next).await;
    assert_eq!(page.matches("row-link").count(), 1);
    assert!(page.contains("101 users have it") && page.contains(">First<") && !page.contains(">Next<"), "{page}");
    assert!(browser.page(&format!("/roles/{id}/users?after=99999999")).await.contains("No more users"));
}

async fn keys_of_a_role_come_in_pages(t: TestApp) {
    let browser = signed_in(&t, AdministratorRole::Viewer).await;
    let made = t.post("roles", json!({ "name": "editor" })).send().await.body;
    let id = made["id"].as_str().unwrap();
    assert!(browser.page(&format!("/roles/{id}/keys")).await.contains("No key has this role"));
    let api = t.key_api("blog").await;
    let mut secret = String::new();
    for nth in 0..101 {
        let body = json!({ "apiId": api, "roles": ["editor"], "name": format!("k{nth:03}"), "prefix": "kw" });
        secret = t.key(body).await.1;
    }
    let page = browser.page(&format!("/roles/{id}/keys")).await;
    assert!(page.contains("k000") && page.contains("k099") && !page.contains("k100"), "{page}");
    assert!(page.contains("blog") && !page.contains(&secret));
    let next = page.split("href=\"").find(|link| link.contains("?after=")).unwrap().split('"').next().unwrap();
    let page = browser.page(next).await;
    assert!(page.contains("k100") && !page.contains("k099") && !page.contains(&secret), "{page}");
}
