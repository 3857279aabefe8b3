//! APIs in the console.

use keyward_core::model::administrator::AdministratorRole;

use super::{signed_in, text};
use crate::support::TestApp;

on_both_engines!(apis_are_listed_and_searched, an_api_is_made, what_was_typed_is_no_markup);

async fn apis_are_listed_and_searched(t: TestApp) {
    let browser = signed_in(&t, AdministratorRole::Viewer).await;
    for nth in 0..60 {
        t.api(&format!("https://api{nth:02}.example/"), &["read:x"]).await;
    }
    let page = browser.page("/apis").await;
    assert!(page.contains("1–50 of 61") && page.contains("/apis?page=1"), "{page}");
    assert!(browser.page("/apis?page=1").await.contains("Auth0 Management API"), "our own ones come last");
    let found = browser.page("/apis?q=API4").await;
    assert_eq!(found.matches("row-link").count(), 10);
    assert!(browser.page("/apis?q=nothing").await.contains("No API is called so"));
    assert!(browser.page("/apis?page=99999").await.contains("51–61 of 61"));
}

async fn an_api_is_made(t: TestApp) {
    let browser = signed_in(&t, AdministratorRole::Editor).await;
    let fields = [("name", "Blog"), ("identifier", "https://blog.example/"), ("algorithm", "ES256")];
    let to = browser.done("/apis", &fields).await;
    let page = browser.page(&to).await;
    assert!(page.contains("Blog") && page.contains("ES256") && page.contains("No permission yet"), "{page}");
    let id = to.split('/').nth(2).unwrap();
    let made = t.get(&format!("resource-servers/{id}")).send().await.body;
    assert_eq!((&made["identifier"], &made["signing_alg"]), (&"https://blog.example/".into(), &"ES256".into()));
    let again = browser.post("/apis", &fields).await;
    assert_eq!(again.status, 409);
    let page = text(&again);
    assert!(page.contains("Another API has this identifier") && page.contains(r#"value="https://blog.example/""#));
    for (name, identifier, algorithm) in
        [("", "https://x.example/", "RS256"), ("x", "", "RS256"), ("x", "https://x.example/", "none")]
    {
        let fields = [("name", name), ("identifier", identifier), ("algorithm", algorithm)];
        assert_eq!(browser.post("/apis", &fields).await.status, 422, "{fields:?}");
    }
    let entry = &t.entries("sapi").await[0];
    assert_eq!(entry["description"], "Create a resource server");
    assert!(entry["user_id"].as_str().is_some_and(|id| id.starts_with("adm_")), "{entry}");
}

async fn what_was_typed_is_no_markup(t: TestApp) {
    let browser = signed_in(&t, AdministratorRole::Editor).await;
    let fields =
        [("name", "x"), ("identifier", "https://x.example/\"><script>alert(1)</script>"), ("algorithm", "RS256")];
    let to = browser.done("/apis", &fields).await;
    let description = ("description", "<img src=x onerror=alert(1)>");
    browser.done(&to, &[("value", "read:<b>"), description]).await;
    for path in [to.as_str(), "/apis", "/apis?q=%22%3E%3Cscript%3E"] {
        let page = browser.page(path).await;
        assert!(
            !page.contains("<script>alert") && !page.contains("<img src=x") && !page.contains("read:<b>"),
            "{path}"
        );
    }
}
