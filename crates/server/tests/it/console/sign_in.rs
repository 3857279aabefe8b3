//! Signing in: by link, by password; how long it lasts, and what ends it.

use keyward_core::model::administrator::AdministratorRole;
use keyward_server::service::administrator;
use serde_json::json;

use super::{Browser, PASSWORD, administrator as make, cookie, signed_in, text};
use crate::support::TestApp;

on_both_engines!(
    the_first_link_signs_an_owner_in_once,
    a_link_ends_after_a_day,
    a_password_signs_in_and_a_wrong_one_does_not,
    who_fails_too_often_has_to_wait,
    a_session_ends,
    what_is_taken_from_an_administrator_is_gone_at_once,
    somebody_stays_an_owner,
    a_new_password_ends_the_other_sessions,
    no_secret_of_the_console_is_kept,
);

fn visitor(t: &TestApp) -> Browser<'_> {
    Browser { t, cookie: String::new() }
}

async fn first_link(t: &TestApp) -> String {
    let link = administrator::first(&t.app).await.unwrap().expect("nobody was there");
    format!("/sign-in/{}", link.expose_text().unwrap())
}

async fn the_first_link_signs_an_owner_in_once(t: TestApp) {
    let link = first_link(&t).await;
    assert!(administrator::first(&t.app).await.unwrap().is_none(), "there is one now");
    // Looking at it does not use it up.
    let page = visitor(&t).page(&link).await;
    assert!(page.contains("Continue"), "{page}");
    let reply = visitor(&t).send(&link, &[]).await;
    assert_eq!((reply.status.as_u16(), reply.header("location")), (303, "/"));
    let set = reply.header("set-cookie");
    assert!(set.starts_with("__Host-keyward=") && set.ends_with("; Path=/; Secure; HttpOnly; SameSite=Lax"), "{set}");
    let browser = Browser { t: &t, cookie: cookie(&reply) };
    assert!(browser.page("/apis").await.contains("Owner"));
    let again = visitor(&t).send(&link, &[]).await;
    assert_eq!(again.status, 403);
    assert!(text(&again).contains("This link is used up"));
    let entries = t.entries("sapi").await;
    assert_eq!(entries[0]["description"], "Sign in to the console");
    assert_eq!(entries[1]["description"], "Create an administrator");
    let refused = t.entries("fapi").await;
    assert!(!refused[0].to_string().contains(link.trim_start_matches("/sign-in/")), "{}", refused[0]);
}

async fn a_link_ends_after_a_day(t: TestApp) {
    let link = first_link(&t).await;
    t.clock.advance(24 * 3600 + 1);
    assert_eq!(visitor(&t).send(&link, &[]).await.status, 403);
    let call = administrator::local_call(&t.app, "Make a sign-in link");
    let next = administrator::link(&call, "").await.unwrap();
    t.clock.advance(24 * 3600 - 1);
    let reply = visitor(&t).send(&format!("/sign-in/{}", next.expose_text().unwrap()), &[]).await;
    assert_eq!(reply.status, 303);
    assert!(administrator::link(&call, "nobody@example.com").await.is_err());
}

async fn a_password_signs_in_and_a_wrong_one_does_not(t: TestApp) {
    make(&t, "Ada@Example.com", AdministratorRole::Editor).await;
    let browser = visitor(&t);
    assert!(browser.page("/sign-in").await.contains("Sign in"));
    let wrong = [
        ("ada@example.com", "seven green bicycle"),
        ("ada@example.com", ""),
        ("bob@example.com", PASSWORD),
        ("", PASSWORD),
    ];
    for (email, password) in wrong {
        let reply = browser.send("/sign-in", &[("email", email), ("password", password)]).await;
        assert_eq!(reply.status, 403, "{email}");
        assert!(text(&reply).contains("There is no administrator with this address and password."), "{email}");
        assert_eq!(reply.header("set-cookie"), "");
    }
    let fields = [("email", " ADA@example.com "), ("password", PASSWORD), ("next", "/apis?q=x")];
    let reply = browser.send("/sign-in", &fields).await;
    assert_eq!((reply.status.as_u16(), reply.header("location")), (303, "/apis?q=x"));
    let elsewhere = [("email", "ada@example.com"), ("password", PASSWORD), ("next", "https://evil.example/")];
    assert_eq!(browser.send("/sign-in", &elsewhere).await.header("location"), "/");
    let browser = Browser { t: &t, cookie: cookie(&reply) };
    assert_eq!(browser.get("/sign-in?next=%2Fapis%2Fnew").await.header("location"), "/apis/new", "signed in already");
}

async fn who_fails_too_often_has_to_wait(t: TestApp) {
    make(&t, "ada@example.com", AdministratorRole::Editor).await;
    let attempt =
        async |password| visitor(&t).send("/sign-in", &[("email", "ada@example.com"), ("password", password)]).await;
    for _ in 0..10 {
        assert_eq!(attempt("wrong").await.status, 403);
    }
    let reply = attempt(PASSWORD).await;
    assert_eq!(reply.status, 429, "also with the right one");
    assert!(text(&reply).contains("Too many") || text(&reply).contains("Try again in"), "{}", text(&reply));
    t.clock.advance(60);
    assert_eq!(attempt(PASSWORD).await.status, 303);
}

async fn a_session_ends(t: TestApp) {
    let browser = signed_in(&t, AdministratorRole::Viewer).await;
    t.clock.advance(2 * 3600 - 1);
    assert_eq!(browser.get("/apis").await.status, 200);
    t.clock.advance(2 * 3600 - 1);
    assert_eq!(browser.get("/apis").await.status, 200, "it was used");
    t.clock.advance(2 * 3600 + 1);
    assert_eq!(browser.get("/apis").await.status, 303, "it was not used for two hours");
    let reply = visitor(&t).send("/sign-in", &[("email", "viewer@example.com"), ("password", PASSWORD)]).await;
    let browser = Browser { t: &t, cookie: cookie(&reply) };
    for _ in 0..12 {
        assert_eq!(browser.get("/apis").await.status, 200);
        t.clock.advance(2 * 3600 - 1);
    }
    t.clock.advance(13);
    assert_eq!(browser.get("/apis").await.status, 303, "it is a day old");
    let reply = visitor(&t).send("/sign-in", &[("email", "viewer@example.com"), ("password", PASSWORD)]).await;
    let browser = Browser { t: &t, cookie: cookie(&reply) };
    let out = browser.post("/sign-out", &[]).await;
    assert_eq!((out.status.as_u16(), out.header("location")), (303, "/sign-in"));
    assert!(
        out.header("set-cookie").starts_with("__Host-keyward=; ") && out.header("set-cookie").contains("Max-Age=0")
    );
    assert_eq!(browser.get("/apis").await.status, 303, "also with the cookie");
}

async fn what_is_taken_from_an_administrator_is_gone_at_once(t: TestApp) {
    let owner = signed_in(&t, AdministratorRole::Owner).await;
    let editor = signed_in(&t, AdministratorRole::Editor).await;
    let call = administrator::local_call(&t.app, "Change an administrator");
    let all = administrator::list(&call).await.unwrap();
    let id = all.iter().find(|who| who.role == AdministratorRole::Editor).unwrap().id.clone();
    assert_eq!(editor.get("/apis/new").await.status, 200);
    administrator::set_role(&call, id.clone(), AdministratorRole::Viewer, None).await.unwrap();
    assert_eq!(editor.get("/apis/new").await.status, 403);
    assert!(!editor.page("/apis").await.contains("/apis/new"), "no control that would fail");
    administrator::delete(&call, id).await.unwrap();
    assert_eq!(editor.get("/apis").await.status, 303);
    assert_eq!(owner.get("/apis").await.status, 200);
}

async fn somebody_stays_an_owner(t: TestApp) {
    make(&t, "ada@example.com", AdministratorRole::Owner).await;
    let call = administrator::local_call(&t.app, "Change an administrator");
    let ada = administrator::list(&call).await.unwrap()[0].id.clone();
    assert!(administrator::set_role(&call, ada.clone(), AdministratorRole::Editor, None).await.is_err());
    assert!(administrator::delete(&call, ada.clone()).await.is_err());
    make(&t, "bob@example.com", AdministratorRole::Owner).await;
    administrator::set_role(&call, ada.clone(), AdministratorRole::Editor, None).await.unwrap();
    administrator::delete(&call, ada).await.unwrap();
    assert_eq!(administrator::list(&call).await.unwrap().len(), 1);
}

async fn a_new_password_ends_the_other_sessions(t: TestApp) {
    let browser = signed_in(&t, AdministratorRole::Viewer).await;
    let reply = visitor(&t).send("/sign-in", &[("email", "viewer@example.com"), ("password", PASSWORD)]).await;
    let other = Browser { t: &t, cookie: cookie(&reply) };
    assert_eq!(other.get("/apis").await.status, 200);
    let call = administrator::local_call(&t.app, "Change how one signs in");
    let found = keyward_server::service::session::find(&call, browser.cookie.trim_start_matches("__Host-keyward="));
    let session = found.await.unwrap().map(std::sync::Arc::new);
    let call = keyward_server::app::Call { session, ..call };
    let secret = |text: &str| Some(text.to_owned().into());
    let present = || keyward_core::secret::Secret::from(PASSWORD.to_owned());
    for refused in ["short", "aaaaaaaaaaaaaaaa", "viewer@example.com", &"x1".repeat(513)] {
        let changed = administrator::set_credentials(&call, "viewer@example.com", present(), secret(refused)).await;
        assert!(changed.is_err(), "{refused}");
    }
    assert!(administrator::set_credentials(&call, "not an address", present(), None).await.is_err());
    administrator::set_credentials(&call, "viewer@example.com", present(), secret("eight red umbrellas"))
        .await
        .unwrap();
    assert_eq!(browser.get("/apis").await.status, 200);
    assert_eq!(other.get("/apis").await.status, 303);
    let old = visitor(&t).send("/sign-in", &[("email", "viewer@example.com"), ("password", PASSWORD)]).await;
    assert_eq!(old.status, 403);
}

async fn no_secret_of_the_console_is_kept(t: TestApp) {
    let link = first_link(&t).await;
    let reply = visitor(&t).send(&link, &[]).await;
    let browser = Browser { t: &t, cookie: cookie(&reply) };
    let token = browser.token().await;
    make(&t, "ada@example.com", AdministratorRole::Owner).await;
    let wrong = [("email", "ada@example.com"), ("password", "a wrong password of hers")];
    assert_eq!(visitor(&t).send("/sign-in", &wrong).await.status, 403);
    let log = t.get("logs?per_page=100").send().await.body;
    let text = log.to_string();
    let link = link.trim_start_matches("/sign-in/").to_owned();
    let cookie = browser.cookie.trim_start_matches("__Host-keyward=").to_owned();
    for secret in [link, cookie, token, PASSWORD.to_owned(), "a wrong password of hers".to_owned()] {
        assert!(secret.len() > 10 && !text.contains(&secret), "{secret}");
    }
    let refused = &t.entries("fapi").await[0];
    assert_eq!(refused["details"]["request"]["body"], json!({ "email": "ada@example.com", "password": "[redacted]" }));
}
