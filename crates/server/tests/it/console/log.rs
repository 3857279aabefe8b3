//! The audit log in the console.

use keyward_core::model::administrator::AdministratorRole;
use keyward_server::token_log;
use serde_json::{Value, json};

use super::{Browser, signed_in, text};
use crate::{oauth::Machine, support::TestApp};

on_both_engines!(
    every_filter_finds_exactly_what_it_says,
    pages_go_back_to_the_first_entry,
    an_entry_says_who_did_what_and_what_it_was,
    who_is_found_by_name_or_address,
    what_is_typed_wrong_is_said,
    no_markup_comes_out_of_an_entry,
    a_search_ends_and_says_how_far_it_came,
);

const AUDIENCE: &str = "https://orders.example/";

/// Entries of every kind, on three days.
async fn filled(t: &TestApp) -> (Browser<'_>, Machine) {
    signed_in(t, AdministratorRole::Editor).await;
    t.api(AUDIENCE, &["read:a", "read:b"]).await;
    let machine = t.machine().await;
    t.grant(&machine, AUDIENCE, &["read:a"]).await;
    for _ in 0..2 {
        // A session ends after a day.
        let browser = again(t).await;
        for _ in 0..3 {
            assert_eq!(t.ask_as(&machine, AUDIENCE, "").await.status, 200);
        }
        assert_eq!(t.ask_as(&machine, AUDIENCE, "read:b").await.status, 403);
        let refused = t.post("resource-servers", json!({ "identifier": AUDIENCE })).send().await;
        assert_eq!(refused.status, 409);
        token_log::flush(&t.app).await.unwrap();
        t.clock.advance(3600);
        browser.done("/apis", &[("name", "Blog \"x\""), ("identifier", &t.clock_text()), ("algorithm", "RS256")]).await;
        assert_eq!(browser.post("/settings", &[("friendly_name", "x")]).await.status, 403);
        t.v2_data("permissions.createPermission", json!({ "name": "p", "slug": t.clock_text() })).await;
        t.clock.advance(22 * 3600);
    }
    (again(t).await, machine)
}

/// Signed in anew.
async fn again(t: &TestApp) -> Browser<'_> {
    let visitor = Browser { t, cookie: String::new() };
    let reply = visitor.send("/sign-in", &[("email", "editor@example.com"), ("password", super::PASSWORD)]).await;
    Browser { t, cookie: super::cookie(&reply) }
}

impl TestApp {
    /// A name that is another one each hour.
    fn clock_text(&self) -> String {
        format!("at:{}", keyward_core::time::Clock::now(&*self.clock).0)
    }
}

/// All that a filter finds: every line of the files.
async fn exported(browser: &Browser<'_>, query: &str) -> Vec<Value> {
    let reply = browser.get(&format!("/log/export?{query}")).await;
    assert_eq!(reply.status, 200, "{query}: {}", text(&reply));
    assert_eq!(reply.header("content-type"), "application/x-ndjson");
    assert!(reply.header("content-disposition").starts_with("attachment; filename=\"keyward-log-2026-"));
    text(&reply).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn is(entry: &Value, name: &str, value: &str) -> bool {
    entry[name].as_str() == Some(value)
}

async fn every_filter_finds_exactly_what_it_says(t: TestApp) {
    let (browser, machine) = filled(&t).await;
    // So does a token.
    let token = t.token_with(keyward_core::access::ManagementScope::ALL).await;
    let all = exported(&browser, "").await;
    let logs = t.get("logs?per_page=100").bearer(&token).send().await.body;
    assert_eq!(Value::Array(all.clone()), logs, "the file has what the Management API has");
    let ada = all.iter().find(|entry| {
        is(entry, "description", "Create a resource server") && entry["user_id"] != "keyward-cli@clients"
    });
    let ada = ada.unwrap()["user_id"].as_str().unwrap().to_owned();
    let api =
        logs.as_array().unwrap().iter().rfind(|entry| is(entry, "description", "Create a resource server")).unwrap();
    let api = api["details"]["after"]["id"].as_str().unwrap_or_default().to_owned();
    let says = |entry: &Value, part: &str| {
        let about = [
            &entry["details"]["request"]["path"],
            &entry["details"]["request"]["query"],
            &entry["details"]["request"]["body"],
            &entry["details"]["response"]["body"],
            &entry["details"]["before"],
            &entry["details"]["after"],
        ];
        let token = entry["type"].as_str().is_some_and(|kind| kind.contains("ccft"));
        let of_token = [&entry["client_id"], &entry["user_id"], &entry["scope"], &entry["audience"]];
        let within = |values: &[&Value]| values.iter().any(|value| value.to_string().to_lowercase().contains(part));
        within(&about) || (token && within(&of_token))
    };
    type Fits<'f> = Box<dyn Fn(&Value) -> bool + 'f>;
    let cases: Vec<(String, Fits<'_>)> = vec![
        ("kind=changes".into(), Box::new(|entry| is(entry, "type", "sapi"))),
        ("kind=refusals".into(), Box::new(|entry| is(entry, "type", "fapi") || is(entry, "type", "feccft"))),
        ("kind=tokens".into(), Box::new(|entry| is(entry, "type", "seccft") || is(entry, "type", "feccft"))),
        ("kind=secrets".into(), Box::new(|entry| is(entry, "type", "mgmt_api_read"))),
        ("actor=editor%40example.com".into(), Box::new(|entry| is(entry, "user_id", &ada))),
        (
            format!("actor={ada}&kind=refusals"),
            Box::new(|entry| is(entry, "user_id", &ada) && is(entry, "type", "fapi")),
        ),
        (format!("actor={}", machine.id), Box::new(|entry| is(entry, "client_id", &machine.id))),
        ("actor=MACHINE".into(), Box::new(|entry| is(entry, "client_id", &machine.id))),
        ("actor=nobody".into(), Box::new(|_| false)),
        (
            "done=Create+a+resource+server".into(),
            Box::new(|entry| is(entry, "description", "Create a resource server")),
        ),
        ("done=Nothing".into(), Box::new(|_| false)),
        ("from=2026-01-02".into(), Box::new(|entry| entry["date"].as_str().unwrap() >= "2026-01-02")),
        ("to=2026-01-01".into(), Box::new(|entry| entry["date"].as_str().unwrap() < "2026-01-02")),
        (
            "from=2026-01-02&to=2026-01-02&kind=tokens".into(),
            Box::new(|entry| {
                entry["date"].as_str().unwrap().starts_with("2026-01-02")
                    && entry["type"].as_str().unwrap().contains("ccft")
            }),
        ),
        ("from=2027-01-01".into(), Box::new(|_| false)),
        ("object=READ%3Ab".into(), Box::new(|entry| says(entry, "read:b"))),
        (format!("object={}", machine.id), Box::new(|entry| says(entry, &machine.id.to_lowercase()))),
        ("object=orders.example".into(), Box::new(|entry| says(entry, "orders.example"))),
        ("object=og+%22x%22".into(), Box::new(|entry| says(entry, "og \\\"x\\\""))),
        ("object=no+such+thing".into(), Box::new(|_| false)),
    ];
    for (query, fits) in &cases {
        let expected: Vec<_> = all.iter().filter(|entry| fits(entry)).cloned().collect();
        let found = exported(&browser, query).await;
        assert_eq!(found.len(), expected.len(), "{query}");
        assert_eq!(found, expected, "{query}: in their order");
        let page = browser.page(&format!("/log?{query}")).await;
        assert_eq!(page.matches("<details class=\"entry\"").count(), expected.len().min(50), "{query}");
        assert_eq!(page.contains("No entry fits."), expected.is_empty(), "{query}");
    }
    let none = ["kind=secrets", "actor=nobody", "done=Nothing", "from=2027-01-01", "object=no+such+thing"];
    for (query, fits) in cases.iter().filter(|(query, _)| !none.contains(&query.as_str())) {
        let count = all.iter().filter(|entry| fits(entry)).count();
        assert!(count > 0 && count < all.len(), "{query} tells entries apart: {count}");
    }
    // A name leads to what only the id is said of.
    assert!(!api.is_empty());
    assert_eq!(
        t.patch(&format!("resource-servers/{api}"), json!({ "token_lifetime": 60 })).bearer(&token).send().await.status,
        200
    );
    let found = exported(&browser, "object=https%3A%2F%2Forders.example%2F&done=Update+a+resource+server").await;
    assert_eq!(found.len(), 1, "{found:?}");
}

async fn pages_go_back_to_the_first_entry(t: TestApp) {
    let browser = signed_in(&t, AdministratorRole::Viewer).await;
    for nth in 0..120 {
        t.api(&format!("https://{nth}.example/"), &[]).await;
    }
    let all = exported(&browser, "").await;
    let (mut path, mut walked) = ("/log".to_owned(), Vec::new());
    loop {
        let page = browser.page(&path).await;
        let ids =
            page.split("<a href=\"/log/900").skip(1).map(|rest| format!("900{}", rest.split('"').next().unwrap()));
        walked.extend(ids);
        let Some(next) = page.split("href=\"").find(|part| part.contains("rel=\"next\"")) else { break };
        path = next.split('"').next().unwrap().replace("&#38;", "&").replace("&amp;", "&");
    }
    let expected: Vec<_> = all.iter().map(|entry| entry["log_id"].as_str().unwrap().to_owned()).collect();
    assert!(expected.len() > 120);
    assert_eq!(walked, expected);
}

async fn an_entry_says_who_did_what_and_what_it_was(t: TestApp) {
    let browser = signed_in(&t, AdministratorRole::Editor).await;
    let api = t.api("https://blog.example/", &["read:posts"]).await;
    let page = browser.page(&format!("/apis/{api}/permissions")).await;
    let id = page.split(&format!("/apis/{api}/permissions/")).nth(3).unwrap();
    let id = page.split("<tr id=\"").nth(1).map_or(id, |row| row).split('"').next().unwrap().to_owned();
    let fields = [("value", "read:post"), ("description", ""), ("seen_value", "read:posts"), ("seen_description", "")];
    browser.done(&format!("/apis/{api}/permissions/{id}"), &fields).await;
    let page = browser.page("/log").await;
    assert!(page.contains("Update a permission of a resource server"), "{page}");
    assert!(page.contains(r#"<span class="muted">editor@example.com</span>"#), "{page}");
    let entry = &t.entries("sapi").await[0];
    let log_id = entry["log_id"].as_str().unwrap();
    let page = browser.page(&format!("/log/{log_id}")).await;
    assert!(page.contains("diff-del") && page.contains("diff-add") && page.contains("192.0.2.1"), "{page}");
    let request_id = entry["details"]["request_id"].as_str().unwrap();
    assert!(page.contains(request_id) && page.contains("read:post") && page.contains("What was sent"), "{page}");
    assert_eq!(browser.get("/log/900").await.status, 404);
    assert_eq!(browser.get("/log/%00").await.status, 422);
}

async fn who_is_found_by_name_or_address(t: TestApp) {
    let (browser, machine) = filled(&t).await;
    let page = browser.page("/log?kind=tokens").await;
    assert!(page.contains(r#"<span class="muted">machine</span>"#), "an application by its name: {page}");
    let page = browser.page("/log").await;
    for known in ["editor@example.com", machine.id.as_str(), "test, root key"] {
        let option = page.split("<datalist").nth(1).unwrap().split("</datalist>").next().unwrap();
        assert!(option.contains(known), "{known} in {option}");
    }
    assert!(browser.page("/log?actor=keyward-cli").await.contains("Command line"));
}

async fn what_is_typed_wrong_is_said(t: TestApp) {
    let browser = signed_in(&t, AdministratorRole::Viewer).await;
    for query in ["from=yesterday", "to=2026-02-30", "from=x"] {
        let reply = browser.get(&format!("/log?{query}")).await;
        assert_eq!(reply.status, 422, "{query}");
        assert!(text(&reply).contains("is no day"), "{}", text(&reply));
        assert_eq!(browser.get(&format!("/log/export?{query}")).await.status, 422, "{query}");
    }
    for query in ["before=x", "before=-1", "before=99999999999999999999", "kind=x"] {
        assert_eq!(browser.get(&format!("/log?{query}")).await.status, 200, "{query}");
    }
    for query in ["actor=%00", "done=%00", "object=%00", "from=%00"] {
        assert_eq!(browser.get(&format!("/log?{query}")).await.status, 422, "{query}");
    }
}

async fn no_markup_comes_out_of_an_entry(t: TestApp) {
    let browser = signed_in(&t, AdministratorRole::Viewer).await;
    let body = json!({ "identifier": "https://x.example/?<script>alert(1)</script>", "name": "\"'><img src=x>".replace(['<', '>'], "") });
    assert_eq!(
        t.post("resource-servers", body).header("user-agent", "<script>alert(2)</script>").send().await.status,
        201
    );
    let entry = &t.entries("sapi").await[0];
    let one = format!("/log/{}", entry["log_id"].as_str().unwrap());
    for path in [
        "/log",
        one.as_str(),
        "/log?object=%22%3E%3Cscript%3Ealert",
        "/log?done=%22%3E%3Cscript%3Ealert",
        "/log?actor=%3Cscript%3Ealert",
    ] {
        let page = browser.page(path).await;
        assert!(!page.contains("<script>alert"), "{path}");
    }
}

/// Ten thousand entries are looked through for a page, and then it says so.
async fn a_search_ends_and_says_how_far_it_came(t: TestApp) {
    let browser = signed_in(&t, AdministratorRole::Viewer).await;
    t.api("https://needle.example/", &[]).await;
    // As if there had been many entries since: their numbers are what counts.
    t.execute("UPDATE numbers SET last = last + 12000 WHERE kind = 'log'").await;
    t.api("https://hay.example/", &[]).await;
    let page = browser.page("/log?object=needle.example").await;
    assert!(page.contains("Nothing found so far") && page.contains("Look further back"), "{page}");
    let next = page.split("href=\"").find(|part| part.contains("rel=\"next\"")).unwrap();
    let next = next.split('"').next().unwrap().replace("&#38;", "&");
    let page = browser.page(&next).await;
    assert!(page.contains("https://needle.example/") && !page.contains("Nothing found"), "{page}");
    assert_eq!(exported(&browser, "object=needle.example").await.len(), 1, "a file goes on by itself");
}
