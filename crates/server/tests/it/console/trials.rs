//! Keys and tokens that are tried in the console.

use keyward_core::model::administrator::AdministratorRole;
use serde_json::{Value, json};

use super::{signed_in, text};
use crate::support::TestApp;

on_both_engines!(
    a_key_is_verified_as_an_api_would,
    a_test_is_a_use_like_any_other,
    what_cannot_be_verified_is_said,
    a_token_takes_the_secret_of_the_application,
    who_gets_no_token_is_told_why,
    nothing_that_was_typed_is_kept,
);

async fn a_key_is_verified_as_an_api_would(t: TestApp) {
    let browser = signed_in(&t, AdministratorRole::Editor).await;
    let api = t.api("https://blog.example/", &["read:posts", "write:posts"]).await;
    let other = t.api("https://other.example/", &[]).await;
    let test = format!("/apis/{api}/test");
    assert!(browser.page(&test).await.contains("It counts as a use like any other"));
    let of = |api: &str| json!({ "apiId": format!("api_{api}"), "name": "Feed" });
    let mut body = of(&api);
    body["permissions"] = json!(["read:posts"]);
    let (id, key) = t.key(body).await;
    let (_, foreign) = t.key(of(&other)).await;
    let (off, _) = t.key(of(&api)).await;
    let ask = async |key: &str, query: &str| {
        let reply = browser.post(&format!("{test}/key"), &[("secret", key), ("permissions", query)]).await;
        assert_eq!(reply.status, 200, "{}", text(&reply));
        text(&reply)
    };
    let page = ask(&key, "read:posts").await;
    assert!(page.contains(">VALID<") && page.contains(&format!("/apis/{api}/keys/{id}")), "{page}");
    assert!(page.contains(">read:posts<") && !page.contains(&key), "{page}");
    let page = ask(&key, "read:posts AND write:posts").await;
    assert!(page.contains(">INSUFFICIENT_PERMISSIONS<") && page.contains("gone\">write:posts<"), "{page}");
    let page = ask(&foreign, "").await;
    assert!(page.contains(">VALID<") && page.contains("another API"), "{page}");
    assert!(ask("nothing", "").await.contains(">NOT_FOUND<"));
    assert!(ask(&off, "").await.contains(">NOT_FOUND<"), "an id is no key");
    t.v2_data("keys.updateKey", json!({ "keyId": id, "enabled": false })).await;
    assert!(ask(&key, "").await.contains(">DISABLED<"));
}

async fn a_test_is_a_use_like_any_other(t: TestApp) {
    let browser = signed_in(&t, AdministratorRole::Editor).await;
    let api = t.api("https://blog.example/", &[]).await;
    let body = json!({ "apiId": format!("api_{api}"), "credits": { "remaining": 2 } });
    let (_, key) = t.key(body).await;
    for left in ["1", "0"] {
        let page = text(&browser.post(&format!("/apis/{api}/test/key"), &[("secret", &key)]).await);
        assert!(page.contains(">VALID<") && page.contains(&format!("<dd class=\"num\">{left}</dd>")), "{page}");
    }
    assert_eq!(t.verify(&key, None).await["code"], "USAGE_EXCEEDED");
    let page = text(&browser.post(&format!("/apis/{api}/test/key"), &[("secret", &key)]).await);
    assert!(page.contains(">USAGE_EXCEEDED<"), "{page}");
    let query = "SELECT outcome, COUNT(*) AS n FROM key_verifications_v1 GROUP BY outcome ORDER BY outcome";
    let counted = t.v2_data("analytics.getVerifications", json!({ "query": query })).await;
    let of = |outcome: &str| {
        let rows = counted.as_array().unwrap();
        rows.iter().find(|row| row["outcome"] == outcome).unwrap()["n"].clone()
    };
    assert_eq!((of("VALID"), of("USAGE_EXCEEDED")), (json!(2), json!(2)), "{counted}");
}

async fn what_cannot_be_verified_is_said(t: TestApp) {
    let browser = signed_in(&t, AdministratorRole::Editor).await;
    let api = t.api("https://blog.example/", &[]).await;
    let (_, key) = t.key(json!({ "apiId": format!("api_{api}") })).await;
    let long = "x".repeat(1001);
    for (secret, query, said) in [
        ("", "", "Paste a key"),
        (long.as_str(), "", "Paste a key"),
        (key.as_str(), long.as_str(), "A query has at most 1000"),
        (&key, "a AND AND <b>", "This query can&#39;t be read"),
    ] {
        let reply = browser.post(&format!("/apis/{api}/test/key"), &[("secret", secret), ("permissions", query)]).await;
        let page = text(&reply);
        assert_eq!(reply.status, 422, "{said}");
        assert!(page.contains(said) && !page.contains("<b>") && !page.contains(&key), "{said}: {page}");
    }
}

async fn a_token_takes_the_secret_of_the_application(t: TestApp) {
    let browser = signed_in(&t, AdministratorRole::Editor).await;
    let api = t.api("https://blog.example/", &["read:posts", "write:posts"]).await;
    let test = format!("/apis/{api}/test");
    let (machine, stranger) = (t.machine().await, t.machine().await);
    assert!(browser.page(&test).await.contains("No application that has a secret has a grant"));
    t.grant(&machine, "https://blog.example/", &["read:posts"]).await;
    let page = browser.page(&test).await;
    assert!(page.contains(&machine.id) && !page.contains(&stranger.id), "{page}");
    let fields = [("client_id", machine.id.as_str()), ("client_secret", machine.secret.as_str())];
    let reply = browser.post(&format!("{test}/token"), &fields).await;
    let page = text(&reply);
    assert_eq!(reply.status, 200, "{page}");
    let token = page.split("<code id=\"access-token\">").nth(1).unwrap().split('<').next().unwrap().to_owned();
    assert!(page.contains("&#34;alg&#34;: &#34;RS256&#34;") && page.contains("read:posts"), "{page}");
    let claims = page.split("<code id=\"claims\">").nth(1).unwrap().split("</code>").next().unwrap();
    assert!(!claims.contains("write:posts") && !page.contains(&machine.secret), "{page}");
    assert_eq!(t.get("resource-servers").bearer(&token).send().await.status, 401, "it is for the API that was asked");
    keyward_server::token_log::flush(&t.app).await.unwrap();
    let entry = &t.entries("seccft").await[0];
    assert!(entry.to_string().contains("\"administrator\":\"adm_"), "{entry}");
    assert!(!entry.to_string().contains(&machine.secret), "{entry}");
    assert_eq!(entry["client_id"], json!(machine.id));
}

async fn who_gets_no_token_is_told_why(t: TestApp) {
    let browser = signed_in(&t, AdministratorRole::Editor).await;
    let api = t.api("https://blog.example/", &["read:posts"]).await;
    let test = format!("/apis/{api}/test/token");
    let (machine, stranger) = (t.machine().await, t.machine().await);
    t.grant(&machine, "https://blog.example/", &["read:posts"]).await;
    for (id, secret, said) in [
        ("", "x", "Choose one of the applications"),
        (stranger.id.as_str(), stranger.secret.as_str(), "Choose one of the applications"),
        (&machine.id, "", "Paste the application&#39;s secret"),
        (&machine.id, &stranger.secret, "This is not the application&#39;s secret"),
        (&machine.id, "wrong", "This is not the application&#39;s secret"),
    ] {
        let reply = browser.post(&test, &[("client_id", id), ("client_secret", secret)]).await;
        let page = text(&reply);
        assert!(reply.status == 422 && page.contains(said), "{said}: {page}");
        assert!(!page.contains("access-token\">") && !page.contains(&stranger.secret), "{page}");
    }
}

/// Wherever a key or a secret is typed, neither an entry nor an answer repeats it.
async fn nothing_that_was_typed_is_kept(t: TestApp) {
    let browser = signed_in(&t, AdministratorRole::Owner).await;
    let api = t.api("https://blog.example/", &["read:posts"]).await;
    let machine = t.machine().await;
    t.grant(&machine, "https://blog.example/", &["read:posts"]).await;
    let (id, key) = t.key(json!({ "apiId": format!("api_{api}") })).await;
    let both = format!("{key} {}", machine.secret);
    for (path, field) in [
        (format!("/apis/{api}/keys"), "owner"),
        (format!("/apis/{api}/keys/{id}/permissions"), "permission"),
        (format!("/apis/{api}/keys/{id}/roles"), "role"),
        (format!("/apis/{api}/keys"), "name"),
        (format!("/apis/{api}/test/key"), "secret"),
        (format!("/apis/{api}/test/key"), "permissions"),
        (format!("/apis/{api}/test/token"), "client_secret"),
        (format!("/apis/{api}/test/token"), "client_id"),
        ("/keys".to_owned(), "secret"),
        ("/root-keys".to_owned(), "lines"),
        ("/root-keys".to_owned(), "name"),
    ] {
        for typed in [&key, &machine.secret, &both] {
            let status = browser.post(&path, &[(field, typed)]).await.status;
            assert!(status.is_client_error() || status == 200 || status == 303, "{path} {field}: {status}");
        }
    }
    keyward_server::token_log::flush(&t.app).await.unwrap();
    let kinds = ["sapi", "fapi", "seccft", "feccft"];
    let mut entries: Vec<Value> = Vec::new();
    for kind in kinds {
        entries.extend(t.entries(kind).await);
    }
    let all = json!(entries).to_string();
    assert!(all.contains("[redacted]"));
    for entry in entries {
        let entry = entry.to_string();
        assert!(!entry.contains(&key) && !entry.contains(&machine.secret), "{entry}");
    }
}
