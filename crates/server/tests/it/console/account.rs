//! The account of whoever is signed in.

use keyward_core::model::administrator::AdministratorRole;
use keyward_server::service::administrator;
use serde_json::json;

use super::{Browser, PASSWORD, administrator as make, cookie, signed_in, text};
use crate::support::TestApp;

on_both_engines!(
    the_first_one_says_how_it_comes_back,
    an_address_is_changed_by_who_knows_the_password,
    what_cannot_be_taken_is_said_at_its_field,
    guessing_the_present_password_has_an_end,
    sessions_elsewhere_are_ended,
);

const NEW: &str = "eight red umbrellas";

async fn sign_in<'t>(t: &'t TestApp, email: &str, password: &str) -> Browser<'t> {
    let visitor = Browser { t, cookie: String::new() };
    let reply = visitor.send("/sign-in", &[("email", email), ("password", password)]).await;
    assert_eq!(reply.status, 303, "{}", text(&reply));
    Browser { t, cookie: cookie(&reply) }
}

async fn the_first_one_says_how_it_comes_back(t: TestApp) {
    let link = administrator::first(&t.app).await.unwrap().unwrap();
    let visitor = Browser { t: &t, cookie: String::new() };
    let reply = visitor.send(&format!("/sign-in/{}", link.expose_text().unwrap()), &[]).await;
    let browser = Browser { t: &t, cookie: cookie(&reply) };
    let page = browser.page("/apis").await;
    assert!(page.contains("Say how you will sign in next time") && page.contains(r#"href="/account""#), "{page}");
    let page = browser.page("/account").await;
    assert!(!page.contains("Say how you will sign in next time") && !page.contains("present_password"), "{page}");
    let only = browser.post("/account", &[("email", "ada@example.com")]).await;
    assert_eq!(only.status, 422, "an address without a password lets nobody in");
    assert!(text(&only).contains(r#"value="ada@example.com""#) && text(&only).contains("Choose a password"));
    let fields = [("email", " Ada@example.com "), ("new_password", NEW), ("repeated_password", NEW)];
    browser.done("/account", &fields).await;
    assert!(!browser.page("/apis").await.contains("Say how you will"));
    sign_in(&t, "ada@example.com", NEW).await;
    let entry = &t.entries("sapi").await[1];
    assert_eq!(entry["description"], "Change how one signs in");
    assert_eq!(entry["details"]["after"]["email"], "ada@example.com");
    assert_eq!(entry["details"]["after"]["password"], "[changed]");
    let log = t.get("logs?per_page=100").send().await.body.to_string();
    assert!(!log.contains(NEW));
}

async fn an_address_is_changed_by_who_knows_the_password(t: TestApp) {
    let browser = signed_in(&t, AdministratorRole::Viewer).await;
    let before = t.entries("sapi").await.len();
    browser.done("/account", &[("email", "viewer@example.com")]).await;
    assert_eq!(t.entries("sapi").await.len(), before, "nothing was changed");
    let fields = [("email", "new@example.com"), ("present_password", PASSWORD)];
    browser.done("/account", &fields).await;
    assert!(browser.page("/apis").await.contains("new@example.com"));
    let other = sign_in(&t, "new@example.com", PASSWORD).await;
    let fields = [
        ("email", "new@example.com"),
        ("present_password", PASSWORD),
        ("new_password", NEW),
        ("repeated_password", NEW),
    ];
    browser.done("/account", &fields).await;
    assert_eq!(other.get("/apis").await.status, 303, "a new password ends the other sessions");
    sign_in(&t, "new@example.com", NEW).await;
}

async fn what_cannot_be_taken_is_said_at_its_field(t: TestApp) {
    make(&t, "taken@example.com", AdministratorRole::Viewer).await;
    let browser = signed_in(&t, AdministratorRole::Viewer).await;
    let cases = [
        (["viewer@example.com", "wrong", NEW, NEW], 422, "present_password"),
        (["x@example.com", "", "", ""], 422, "present_password"),
        (["viewer@example.com", PASSWORD, NEW, "other"], 422, "repeated_password"),
        (["viewer@example.com", PASSWORD, "short", "short"], 422, "new_password"),
        (["nobody", PASSWORD, "", ""], 422, "email"),
        (["taken@example.com", PASSWORD, "", ""], 409, "email"),
    ];
    for ([email, present, new, again], status, field) in cases {
        let fields =
            [("email", email), ("present_password", present), ("new_password", new), ("repeated_password", again)];
        let reply = browser.post("/account", &fields).await;
        let page = text(&reply);
        assert_eq!(reply.status, status, "{fields:?}");
        assert!(page.contains(&format!(r#"id="{field}-error""#)) && page.contains(r#"aria-invalid="true""#), "{page}");
        assert!(page.contains(&format!(r#"value="{email}""#)), "what was typed stays");
        assert!(!page.contains(NEW) && !page.contains(PASSWORD), "but no password");
    }
    sign_in(&t, "viewer@example.com", PASSWORD).await;
    let log = t.get("logs?per_page=100").send().await.body.to_string();
    assert!(!log.contains(NEW) && !log.contains(PASSWORD) && log.contains("Change how one signs in"), "{log}");
}

async fn guessing_the_present_password_has_an_end(t: TestApp) {
    let browser = signed_in(&t, AdministratorRole::Viewer).await;
    let attempt = async |present: &str| {
        let fields = [("email", "x@example.com"), ("present_password", present)];
        browser.post("/account", &fields).await.status.as_u16()
    };
    for _ in 0..10 {
        assert_eq!(attempt("wrong").await, 422);
    }
    assert_eq!(attempt(PASSWORD).await, 429, "also with the right one");
    t.clock.advance(60);
    assert_eq!(attempt(PASSWORD).await, 303);
}

async fn sessions_elsewhere_are_ended(t: TestApp) {
    let browser = signed_in(&t, AdministratorRole::Viewer).await;
    let page = browser.page("/account").await;
    assert!(page.contains("This one") && !page.contains("Sign out everywhere else"), "{page}");
    let before = t.entries("sapi").await.len();
    browser.done("/account/sessions", &[]).await;
    assert_eq!(t.entries("sapi").await.len(), before, "there was nothing to end");
    t.clock.advance(3600);
    let other = sign_in(&t, "viewer@example.com", PASSWORD).await;
    make(&t, "bob@example.com", AdministratorRole::Viewer).await;
    let somebody = sign_in(&t, "bob@example.com", PASSWORD).await;
    let call = administrator::local_call(&t.app, "Make a sign-in link");
    let link = administrator::link(&call, "viewer@example.com").await.unwrap();
    let page = browser.page("/account").await;
    assert!(page.contains("Another one") && page.contains("2026-01-01T01:00:00Z"), "{page}");
    browser.done("/account/sessions", &[]).await;
    assert_eq!(other.get("/apis").await.status, 303);
    assert_eq!(somebody.get("/apis").await.status, 200, "nobody else's");
    assert_eq!(browser.get("/apis").await.status, 200, "and not this one");
    let link = format!("/sign-in/{}", link.expose_text().unwrap());
    assert_eq!(browser.send(&link, &[]).await.status, 403, "links end, too");
    let entry = &t.entries("sapi").await[0];
    assert_eq!(entry["description"], "Sign out everywhere else");
    assert_eq!(entry["details"]["before"], json!({ "sessions": 1, "links": 1 }));
}
