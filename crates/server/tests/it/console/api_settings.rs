//! Settings of an API in the console, and its end.

use keyward_core::model::administrator::AdministratorRole;
use serde_json::json;

use super::{signed_in, text};
use crate::support::TestApp;

on_both_engines!(
    settings_are_changed_and_tokens_follow,
    what_cannot_be_set_is_said,
    two_editors_of_settings,
    saving_settings_without_an_edit_changes_nothing,
    a_system_api_has_few_settings,
    the_end_of_an_api_takes_all_of_it,
    a_viewer_of_settings_sees_no_control,
);

const AUDIENCE: &str = "https://blog.example/";

/// The fields of the form of an API as it was made.
const FIELDS: [(&str, &str); 5] = [
    ("name", "Test"),
    ("token_dialect", "access_token"),
    ("signing_alg", "RS256"),
    ("token_lifetime", "86400"),
    ("token_lifetime_for_web", "7200"),
];

/// What a form sends that showed these fields, after these changes.
fn form<'f>(changes: &[(&'f str, &'f str)]) -> Vec<(String, &'f str)> {
    let mut fields: Vec<(String, &str)> = FIELDS.iter().map(|(name, text)| (format!("seen_{name}"), *text)).collect();
    fields.extend(FIELDS.iter().map(|(name, text)| ((*name).to_owned(), *text)));
    for (name, text) in changes {
        fields.retain(|(known, _)| known != name);
        fields.push(((*name).to_owned(), text));
    }
    fields
}

fn borrowed<'f>(fields: &'f [(String, &'f str)]) -> Vec<(&'f str, &'f str)> {
    fields.iter().map(|(name, text)| (name.as_str(), *text)).collect()
}

async fn settings_are_changed_and_tokens_follow(t: TestApp) {
    let browser = signed_in(&t, AdministratorRole::Editor).await;
    let api = t.api(AUDIENCE, &["read:posts"]).await;
    let machine = t.machine().await;
    t.grant(&machine, AUDIENCE, &["read:posts"]).await;
    let path = format!("/apis/{api}/settings");
    let page = browser.page(&path).await;
    assert!(page.contains(r#"value="86400""#) && page.contains(r#"value="7200""#) && !page.contains(" checked"));
    let changes = [
        ("name", "Blog"),
        ("enforce_policies", "yes"),
        ("token_dialect", "rfc9068_profile_authz"),
        ("signing_alg", "ES256"),
        ("token_lifetime", "600"),
        ("allow_offline_access", "yes"),
        ("skip_consent_for_verifiable_first_party_clients", "yes"),
    ];
    let to = browser.done(&path, &borrowed(&form(&changes))).await;
    let page = browser.page(&to).await;
    assert!(page.contains("<p>Saved.</p>") && page.matches(" checked").count() == 3, "{page}");
    assert!(!browser.page(&format!("{path}?saved=1")).await.contains("<p>Saved.</p>"), "an address proves nothing");
    let now = t.get(&format!("resource-servers/{api}")).send().await.body;
    assert_eq!((&now["name"], &now["enforce_policies"]), (&json!("Blog"), &json!(true)));
    assert_eq!((&now["signing_alg"], &now["token_lifetime"]), (&json!("ES256"), &json!(600)));
    assert_eq!(now["token_lifetime_for_web"], 600, "it follows down");
    let reply = t.ask_as(&machine, AUDIENCE, "").await;
    assert_eq!(reply.body["expires_in"], 600);
    let (header, claims) = crate::oauth::read(reply.body["access_token"].as_str().unwrap());
    assert_eq!((&header["alg"], &header["typ"]), (&json!("ES256"), &json!("at+jwt")));
    assert_eq!(claims["permissions"], json!(["read:posts"]));
    assert_eq!(t.entries("sapi").await[0]["description"], "Update a resource server");
}

async fn what_cannot_be_set_is_said(t: TestApp) {
    let browser = signed_in(&t, AdministratorRole::Editor).await;
    let api = t.api(AUDIENCE, &[]).await;
    let path = format!("/apis/{api}/settings");
    let revision = t.app.revision();
    for (changes, said) in [
        ([("name", ""), ("token_lifetime", "601")], "Give it a name of at most 200 characters"),
        ([("name", "a>b"), ("token_lifetime", "601")], "Give it a name of at most 200 characters"),
        ([("token_lifetime", "2592001"), ("name", "kept")], "Type a number of seconds, 2592000 (30 days) at most."),
        ([("token_lifetime", "-1"), ("name", "kept")], "Type a number of seconds"),
        ([("token_lifetime_for_web", "x"), ("name", "kept")], "Type a number of seconds"),
        ([("token_lifetime_for_web", "86401"), ("name", "kept")], "It can&#39;t be longer than that of the other"),
        ([("signing_alg", "none"), ("name", "kept")], "Choose one of these."),
        ([("token_dialect", ""), ("name", "kept")], "Choose one of these."),
    ] {
        let reply = browser.post(&path, &borrowed(&form(&changes))).await;
        let page = text(&reply);
        assert_eq!(reply.status, 422, "{changes:?}");
        assert!(page.contains(said) && page.contains(r#"aria-invalid="true""#), "{changes:?}: {page}");
        assert!(page.contains(r#"value="kept""#) || page.contains(r#"value="601""#), "{changes:?}: {page}");
    }
    assert_eq!(t.app.revision(), revision);
    assert_eq!(browser.get("/apis/none/settings").await.status, 404);
}

async fn two_editors_of_settings(t: TestApp) {
    let browser = signed_in(&t, AdministratorRole::Editor).await;
    let api = t.api(AUDIENCE, &[]).await;
    let path = format!("/apis/{api}/settings");
    browser.done(&path, &borrowed(&form(&[("token_lifetime", "7300")]))).await;
    // A permission is no setting.
    browser.done(&format!("/apis/{api}/permissions"), &[("value", "read:posts")]).await;
    let reply = browser.post(&path, &borrowed(&form(&[("name", "Mine"), ("allow_offline_access", "yes")]))).await;
    assert_eq!(reply.status, 409);
    let page = text(&reply);
    for said in [
        "Somebody else changed this while you were editing it.",
        r#"<ins class="diff-add">token lifetime: 7300</ins>"#,
        r#"<ins class="diff-add">name: Mine</ins>"#,
        r#"<ins class="diff-add">offline access: yes</ins>"#,
        r#"name="seen_token_lifetime" value="7300""#,
        r#"value="Mine""#,
    ] {
        assert!(page.contains(said), "{said}: {page}");
    }
    assert_eq!(t.get(&format!("resource-servers/{api}")).send().await.body["name"], "Test", "nothing was saved");
    let again = [("name", "Mine"), ("seen_token_lifetime", "7300"), ("token_lifetime", "7300")];
    browser.done(&path, &borrowed(&form(&again))).await;
    let now = t.get(&format!("resource-servers/{api}")).send().await.body;
    assert_eq!((&now["name"], &now["token_lifetime"]), (&json!("Mine"), &json!(7300)));
    assert_eq!(t.scopes(&api).await, ["read:posts"]);
}

async fn saving_settings_without_an_edit_changes_nothing(t: TestApp) {
    let browser = signed_in(&t, AdministratorRole::Editor).await;
    let api = t.api(AUDIENCE, &[]).await;
    let before = (t.app.revision(), t.entries("sapi").await.len());
    browser.done(&format!("/apis/{api}/settings"), &borrowed(&form(&[]))).await;
    assert_eq!((t.app.revision(), t.entries("sapi").await.len()), before);
    let now = t.get(&format!("resource-servers/{api}")).send().await.body;
    assert!(now.get("enforce_policies").is_none() && now.get("token_dialect").is_none(), "still said by nobody");
}

async fn a_system_api_has_few_settings(t: TestApp) {
    let browser = signed_in(&t, AdministratorRole::Owner).await;
    let apis = t.get("resource-servers").send().await.body;
    let api = apis.as_array().unwrap().iter().find(|one| one["is_system"] == true).unwrap();
    let id = api["id"].as_str().unwrap();
    let path = format!("/apis/{id}/settings");
    let page = browser.page(&path).await;
    assert_eq!(page.matches(" disabled").count(), 6, "{page}");
    assert!(!page.contains("/delete"));
    let seen: Vec<_> = FIELDS.iter().skip(1).map(|(name, text)| (format!("seen_{name}"), *text)).collect();
    let mut fields = borrowed(&seen);
    fields.extend([("seen_name", "Auth0 Management API"), ("name", "Mine"), ("token_lifetime", "600")]);
    browser.done(&path, &fields).await;
    let now = t.get(&format!("resource-servers/{id}")).send().await.body;
    assert_eq!((&now["name"], &now["token_lifetime"]), (&api["name"], &json!(600)), "what is fixed is not taken");
    for reply in [
        browser.get(&format!("/apis/{id}/delete")).await,
        browser.post(&format!("/apis/{id}/delete"), &[("confirm", api["identifier"].as_str().unwrap())]).await,
    ] {
        assert_eq!(reply.status, 422);
        assert!(text(&reply).contains("This API belongs to Keyward itself."), "{}", text(&reply));
    }
}

async fn the_end_of_an_api_takes_all_of_it(t: TestApp) {
    let browser = signed_in(&t, AdministratorRole::Editor).await;
    let api = t.api(AUDIENCE, &["read:posts", "write:posts"]).await;
    let machine = t.machine().await;
    t.grant(&machine, AUDIENCE, &["read:posts"]).await;
    let (_, key) = t.key(json!({ "apiId": format!("api_{api}"), "permissions": ["read:posts"] })).await;
    let role = t.post("roles", json!({ "name": "editor" })).send().await.body["id"].as_str().unwrap().to_owned();
    let wanted = json!([{ "resource_server_identifier": AUDIENCE, "permission_name": "write:posts" }]);
    t.post(&format!("roles/{role}/permissions"), json!({ "permissions": wanted })).send().await;
    let mut users = Vec::new();
    for nth in 0..3 {
        let body = json!({
            "connection": "Username-Password-Authentication", "email": format!("u{nth}@example.com"),
            "password": "seven green bicycles",
        });
        let made = t.post("users", body).send().await;
        users.push(made.body["user_id"].as_str().unwrap_or_else(|| panic!("{}", made.body)).replace('|', "%7C"));
    }
    // One by the role, one directly, one both ways, which counts once.
    for user in &users[..2] {
        let given = t.post(&format!("users/{user}/roles"), json!({ "roles": [role] })).send().await;
        assert_eq!(given.status, 204, "{}", given.body);
    }
    let direct = json!([{ "resource_server_identifier": AUDIENCE, "permission_name": "read:posts" }]);
    for user in &users[1..] {
        let given = t.post(&format!("users/{user}/permissions"), json!({ "permissions": direct })).send().await;
        assert_eq!(given.status, 201, "{}", given.body);
    }
    let path = format!("/apis/{api}/delete");
    let page = browser.page(&path).await;
    let count = |name: &str| {
        let rest = page.split(&format!("</svg>{name}</dt><dd>")).nth(1).unwrap_or_else(|| panic!("{name}: {page}"));
        rest.split('<').next().unwrap().to_owned()
    };
    let counts = ["Permissions", "API keys", "Grants", "Roles", "Users"].map(count);
    assert_eq!(counts, ["2", "1", "1", "1", "3"]);
    for said in ["read:posts", "write:posts", "machine", "editor", "data-confirm-value=\"https://blog.example/\""] {
        assert!(page.contains(said), "{said}: {page}");
    }
    for typed in ["", "https://blog.example"] {
        let reply = browser.post(&path, &[("confirm", typed)]).await;
        assert_eq!(reply.status, 422);
        assert!(text(&reply).contains("Type the identifier as it stands here."));
    }
    assert_eq!(t.verify(&key, Some("read:posts")).await["valid"], true);
    let to = browser.done(&path, &[("confirm", AUDIENCE)]).await;
    assert!(browser.page(&to).await.contains("<strong>https://blog.example/</strong> is deleted."));
    assert_eq!(t.verify(&key, Some("read:posts")).await["valid"], false);
    assert_eq!(t.ask_as(&machine, AUDIENCE, "").await.status, 403);
    let entry = &t.entries("sapi").await[0];
    assert_eq!(entry["description"], "Delete a resource server");
    assert_eq!(entry["details"]["before"]["keys"]["count"], 1, "{entry}");
    assert_eq!(browser.done(&path, &[("confirm", AUDIENCE)]).await, "/apis", "it is deleted already");
    t.api(AUDIENCE, &[]).await;
    assert!(!browser.page(&to).await.contains("is deleted."), "there is one of this identifier");
}

async fn a_viewer_of_settings_sees_no_control(t: TestApp) {
    let browser = signed_in(&t, AdministratorRole::Viewer).await;
    let api = t.api(AUDIENCE, &[]).await;
    let page = browser.page(&format!("/apis/{api}/settings")).await;
    assert!(page.contains("<fieldset disabled>") && !page.contains("Save") && !page.contains("/delete"), "{page}");
    assert_eq!(page.matches("<form method=\"post\"").count(), 2, "only the ways out: {page}");
}
