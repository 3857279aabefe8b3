//! How to begin with an API, as the console shows it.

use keyward_core::model::administrator::AdministratorRole;
use serde_json::json;

use super::signed_in;
use crate::support::TestApp;

on_both_engines!(
    each_language_has_the_values_of_the_api,
    an_api_without_anything_says_what_to_do_first,
    an_api_with_a_shared_secret_is_checked_with_it,
    texts_stay_texts_in_every_language,
);

const LANGUAGES: [&str; 5] = ["curl", "node", "python", "go", "rust"];

/// The code that stands in the element with this id.
fn code(page: &str, id: &str) -> String {
    let rest = page.split(&format!("<code id=\"{id}\">")).nth(1).unwrap_or_else(|| panic!("{id}: {page}"));
    let code = rest.split("</code>").next().unwrap();
    [("&#34;", "\""), ("&#39;", "'"), ("&#60;", "<"), ("&#62;", ">"), ("&#38;", "&")]
        .iter()
        .fold(code.to_owned(), |code, (from, to)| code.replace(from, to))
}

async fn each_language_has_the_values_of_the_api(t: TestApp) {
    let browser = signed_in(&t, AdministratorRole::Viewer).await;
    let api = t.api("https://blog.example/", &["openid-like", "write:posts"]).await;
    let path = format!("/apis/{api}/quickstart");
    assert_eq!(code(&browser.page(&path).await, "ask"), code(&browser.page(&format!("{path}?lang=curl")).await, "ask"));
    for language in LANGUAGES {
        let page = browser.page(&format!("{path}?lang={language}")).await;
        assert!(page.contains(&format!("{path}?lang={language}#ask-step\" aria-current=\"true\"")), "{page}");
        let (ask, check, key) = (code(&page, "ask"), code(&page, "check"), code(&page, "key"));
        assert!(ask.contains("https://keyward.test/oauth/token") && ask.contains("https://blog.example/"), "{ask}");
        assert!(ask.contains("client_credentials") && ask.contains("CLIENT_SECRET"), "{ask}");
        assert!(check.contains("https://keyward.test/.well-known/jwks.json") && check.contains("RS256"), "{check}");
        assert!(key.contains("https://keyward.test/v2/keys.verifyKey") && key.contains("ROOT_KEY"), "{key}");
        assert!(key.contains("openid-like"), "{key}");
        for part in [ask, check, key] {
            assert!(!part.contains("{{") && !part.contains("{%") && !part.starts_with('\n'), "{part}");
        }
    }
    assert_eq!(browser.get(&format!("{path}?lang=cobol")).await.status, 200);
}

async fn an_api_without_anything_says_what_to_do_first(t: TestApp) {
    let browser = signed_in(&t, AdministratorRole::Viewer).await;
    let api = t.api("https://blog.example/", &[]).await;
    let path = format!("/apis/{api}/quickstart");
    let page = browser.page(&path).await;
    assert!(page.contains("This API has no permission yet.") && page.contains("Make an application"), "{page}");
    assert!(!page.contains("class=\"done\""));
    t.patch(&format!("resource-servers/{api}"), json!({ "scopes": [{ "value": "a" }] })).send().await;
    let machine = t.machine().await;
    t.grant(&machine, "https://blog.example/", &["a"]).await;
    let page = browser.page(&path).await;
    assert!(page.contains("1 permission.") && page.matches("class=\"done\"").count() == 2, "{page}");
    let apis = t.get("resource-servers").send().await.body;
    let system = apis.as_array().unwrap().iter().find(|one| one["is_system"] == true).unwrap();
    let page = browser.page(&format!("/apis/{}/quickstart", system["id"].as_str().unwrap())).await;
    let steps = page.split("<ol class=\"steps\"").nth(1).unwrap();
    assert!(!steps.contains("API key"), "it has no keys: {steps}");
}

async fn an_api_with_a_shared_secret_is_checked_with_it(t: TestApp) {
    let browser = signed_in(&t, AdministratorRole::Viewer).await;
    let api = t.api("https://blog.example/", &["a"]).await;
    t.patch(&format!("resource-servers/{api}"), json!({ "signing_alg": "HS256" })).send().await;
    for language in LANGUAGES {
        let page = browser.page(&format!("/apis/{api}/quickstart?lang={language}")).await;
        let check = code(&page, "check");
        assert!(check.contains("HS256") && !check.contains("jwks.json"), "{check}");
        assert_eq!(check.contains("SIGNING_SECRET"), language != "curl", "{check}");
    }
}

async fn texts_stay_texts_in_every_language(t: TestApp) {
    let browser = signed_in(&t, AdministratorRole::Viewer).await;
    let api = t.api(r#"it's "$(id)" \ <x>"#, &["it's:\"${id}\""]).await;
    for (language, audience, permission) in [
        ("curl", r#"'audience=it'\''s "$(id)" \ <x>'"#, r#"'","permissions":"it'\''s:\"${id}\""}'"#),
        ("node", r#""it's \"$(id)\" \\ <x>""#, r#""it's:\"${id}\"""#),
        ("python", r#""it's \"$(id)\" \\ <x>""#, r#""it's:\"${id}\"""#),
        ("go", r#""it's \"$(id)\" \\ <x>""#, r#""it's:\"${id}\"""#),
        ("rust", r#""it's \"$(id)\" \\ <x>""#, r#""it's:\"${id}\"""#),
    ] {
        let page = browser.page(&format!("/apis/{api}/quickstart?lang={language}")).await;
        assert!(code(&page, "ask").contains(audience), "{}", code(&page, "ask"));
        assert!(code(&page, "key").contains(permission), "{}", code(&page, "key"));
        assert!(!page.contains("<x>"));
    }
}
