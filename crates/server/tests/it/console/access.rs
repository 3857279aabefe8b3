//! The net under every page: each row of the console is called by nobody, with each role, and from elsewhere.

use http::Method;
use keyward_core::model::administrator::AdministratorRole;
use keyward_server::http::{
    operation::{Access, Operation, Surface},
    table::OPERATIONS,
};

use super::{signed_in, text};
use crate::support::TestApp;

on_both_engines!(
    nobody_sees_anything_without_a_session,
    a_role_opens_its_rows_and_no_other,
    a_form_from_elsewhere_is_refused,
    every_answer_says_what_a_browser_may_do,
    whoever_asks_for_a_page_that_is_not_there_gets_one,
    forms_that_are_none,
);

fn path(row: &Operation) -> String {
    let mut path = row.path.to_owned();
    for name in row.segments() {
        path = path.replace(&format!("{{{name}}}"), "none");
    }
    path
}

fn guarded() -> impl Iterator<Item = (&'static Operation, AdministratorRole)> {
    OPERATIONS.iter().filter_map(|row| match row.access {
        Access::Administrator(role) => Some((row, role)),
        _ => None,
    })
}

async fn nobody_sees_anything_without_a_session(t: TestApp) {
    assert!(guarded().count() > 10);
    for cookie in ["", "__Host-keyward=", "__Host-keyward=nonsense", "keyward=x; other"] {
        for (row, _) in guarded() {
            let call = t.call(row.method.clone(), &path(row)).anonymous().header("cookie", cookie);
            let reply = call.form(&[("name", "x")]).send().await;
            let to = reply.header("location");
            assert!(reply.status == 303 && to.starts_with("/sign-in?next=%2F"), "{} {}", row.id, reply.status);
            assert!(reply.bytes.is_empty(), "{}", row.id);
        }
    }
}

async fn a_role_opens_its_rows_and_no_other(t: TestApp) {
    for role in AdministratorRole::ALL {
        let browser = signed_in(&t, role).await;
        for (row, needed) in guarded().filter(|(row, _)| row.id != "console_sign_out") {
            let reply = match row.method {
                Method::GET => browser.get(&path(row)).await,
                _ => browser.post(&path(row), &[]).await,
            };
            let refused = reply.status == 403 && text(&reply).contains("It takes an administrator with the role");
            assert_eq!(refused, role < needed, "{} as {}: {}", row.id, role.as_str(), reply.status);
        }
    }
}

/// With the cookie, as a browser would send it, but without what only our own pages know.
async fn a_form_from_elsewhere_is_refused(t: TestApp) {
    let browser = signed_in(&t, AdministratorRole::Owner).await;
    let token = browser.token().await;
    let before = t.entries("sapi").await.len();
    let forms = OPERATIONS.iter().filter(|row| row.surface() == Surface::Console && row.method == Method::POST);
    for row in forms {
        let guarded = matches!(row.access, Access::Administrator(_));
        let call = || t.call(Method::POST, &path(row)).anonymous().header("cookie", &browser.cookie);
        let mut refused = vec![
            call().header("sec-fetch-site", "cross-site").form(&[("form_token", &token)]).send().await,
            call().header("sec-fetch-site", "same-site").form(&[("form_token", &token)]).send().await,
            call().header("origin", "https://evil.example").form(&[("form_token", &token)]).send().await,
            call().header("origin", "null").form(&[("form_token", &token)]).send().await,
        ];
        if guarded {
            refused.push(call().form(&[("form_token", "x")]).send().await);
            refused.push(call().form(&[]).send().await);
            refused.push(call().form(&[("form_token", &token), ("form_token", &token)]).send().await);
        }
        for reply in refused {
            assert_eq!(reply.status, 403, "{}", row.id);
            assert!(text(&reply).contains("This form is out of date"), "{}", row.id);
        }
    }
    assert_eq!(t.entries("sapi").await.len(), before, "nothing was done");
    let own = t.call(Method::POST, "/sign-out").anonymous().header("cookie", &browser.cookie);
    let own = own.header("origin", "https://keyward.test").header("host", "keyward.test");
    assert_eq!(own.form(&[("form_token", &token)]).send().await.status, 303);
}

async fn every_answer_says_what_a_browser_may_do(t: TestApp) {
    let browser = signed_in(&t, AdministratorRole::Owner).await;
    for row in OPERATIONS.iter().filter(|row| row.surface() == Surface::Console && row.method == Method::GET) {
        let reply = browser.get(&path(row)).await;
        let policy = reply.header("content-security-policy");
        assert!(policy.starts_with("default-src 'none'; script-src 'self'; style-src 'self';"), "{}", row.id);
        assert!(policy.ends_with("frame-ancestors 'none'") && !policy.contains("unsafe"), "{}", row.id);
        assert_eq!(reply.header("x-frame-options"), "DENY", "{}", row.id);
        assert_eq!(reply.header("x-content-type-options"), "nosniff", "{}", row.id);
        assert_eq!(reply.header("cache-control"), "no-store", "{}", row.id);
        let page = text(&reply);
        assert!(!page.contains(" style=") && !page.contains("<style") && !page.contains(" onclick="), "{}", row.id);
        assert!(!page.contains("<script>"), "{}", row.id);
    }
    let page = browser.page("/apis").await;
    let name = page.split("/assets/").find(|part| part.starts_with("console-")).unwrap();
    let asset = browser.get(&format!("/assets/{}", name.split('"').next().unwrap())).await;
    assert_eq!((asset.status.as_u16(), asset.header("content-type")), (200, "text/css; charset=utf-8"));
    assert_eq!(asset.header("cache-control"), "public, max-age=31536000, immutable");
    assert_eq!(browser.get("/assets/console.css").await.status, 404);
}

async fn whoever_asks_for_a_page_that_is_not_there_gets_one(t: TestApp) {
    for path in ["/nothing", "/apis/x/y/z", "/api/v2/nothing"] {
        let call = |method: Method| t.call(method, path).anonymous();
        let page = call(Method::GET).header("accept", "text/html,application/xhtml+xml,*/*;q=0.8").send().await;
        assert_eq!((page.status.as_u16(), page.header("content-type")), (404, "text/html; charset=utf-8"), "{path}");
        assert!(text(&page).contains("There is no page at this address."), "{path}");
        assert!(page.header("content-security-policy").starts_with("default-src 'none'"), "{path}");
        for other in [call(Method::GET), call(Method::GET).header("accept", "*/*"), call(Method::POST)] {
            let reply = other.send().await;
            assert_eq!((reply.status.as_u16(), &reply.body["error"]), (404, &"Not Found".into()), "{path}");
        }
    }
}

async fn forms_that_are_none(t: TestApp) {
    let browser = signed_in(&t, AdministratorRole::Owner).await;
    let token = browser.token().await;
    let call = || t.call(Method::POST, "/apis").anonymous().header("cookie", &browser.cookie);
    let null = call().body(format!("form_token={token}&name=%00")).send().await;
    assert_eq!(null.status, 422, "{}", text(&null));
    let bytes = call().body(vec![0xff, 0xfe]).send().await;
    assert_eq!(bytes.status, 422);
    let long = call().body(format!("form_token={token}&name={}", "x".repeat(1024 * 1024))).send().await;
    assert_eq!(long.status, 413);
}
