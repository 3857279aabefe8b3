//! The keys of an API in the console: make, show, change, reroll, delete, find.

use keyward_core::model::administrator::AdministratorRole;
use serde_json::json;

use super::{Browser, signed_in, text};
use crate::support::{Reply, TestApp};

on_both_engines!(
    a_key_is_made_and_shown_once,
    what_cannot_be_made_is_said,
    permissions_are_given_and_taken,
    roles_are_given_and_taken,
    a_key_is_switched_off_and_on,
    a_key_is_rerolled,
    a_key_is_deleted,
    a_key_is_found_by_its_id_or_its_text,
    lists_come_in_pages_and_by_owner,
    a_viewer_sees_keys_and_changes_none,
    what_was_typed_is_text,
    the_tabs_of_an_api_without_keys,
    what_was_deleted_meanwhile_is_not_made_again,
);

/// The key on a page that shows it once.
fn secret(reply: &Reply) -> String {
    assert_eq!(reply.status, 200, "{}", text(reply));
    let page = text(reply);
    page.split("<code id=\"secret\">").nth(1).unwrap().split('<').next().unwrap().to_owned()
}

/// The id of a permission that a page offers.
async fn offered(browser: &Browser<'_>, path: &str, value: &str) -> String {
    let page = browser.page(path).await;
    let before = page.split(&format!("<span class=\"mono\">{value}</span>")).next().unwrap();
    assert!(before.len() < page.len(), "{value} is not in {page}");
    before.rsplit("value=\"").next().unwrap().split('"').next().unwrap().to_owned()
}

/// Makes a key with these fields and returns its id and its text.
async fn make(browser: &Browser<'_>, api: &str, fields: &[(&str, &str)]) -> (String, String) {
    let reply = browser.post(&format!("/apis/{api}/keys"), fields).await;
    let key = secret(&reply);
    let found = browser.t.v2_data("keys.whoami", json!({ "key": key })).await;
    (found["keyId"].as_str().unwrap().to_owned(), key)
}

async fn a_key_is_made_and_shown_once(t: TestApp) {
    let browser = signed_in(&t, AdministratorRole::Editor).await;
    let api = t.api("https://blog.example/", &["read:posts", "write:posts"]).await;
    let keys = format!("/apis/{api}/keys");
    assert!(browser.page(&keys).await.contains("No key in this API"));
    t.v2_data("permissions.createPermission", json!({ "name": "shared", "slug": "shared" })).await;
    let read = offered(&browser, &format!("{keys}/new"), "read:posts").await;
    let shared = offered(&browser, &format!("{keys}/new"), "shared").await;
    let fields = [
        ("name", "Partner feed"),
        ("prefix", "blog"),
        ("owner", "customer-7"),
        ("expires", "2026-12-31"),
        ("credits", "5"),
        ("enabled", "true"),
        ("permission", &read),
        ("permission", &shared),
    ];
    let reply = browser.post(&keys, &fields).await;
    let key = secret(&reply);
    let page = text(&reply);
    assert!(key.starts_with("blog_") && page.contains("keys.verifyKey") && page.contains("shown this once"), "{page}");
    let verified = t.verify(&key, Some("read:posts AND shared")).await;
    assert_eq!((&verified["valid"], &verified["credits"]), (&json!(true), &json!(4)), "{verified}");
    assert_eq!(verified["identity"]["externalId"], "customer-7");
    assert_eq!(verified["expires"], json!(1_798_761_600_000_i64), "the end of the day, in UTC");
    let id = verified["keyId"].as_str().unwrap();
    for path in [keys.clone(), format!("{keys}/{id}")] {
        let page = browser.page(&path).await;
        assert!(page.contains("Partner feed") && page.contains("blog_") && page.contains("customer-7"), "{page}");
        assert!(!page.contains(&key), "it is shown once");
    }
    let entry = &t.entries("sapi").await[0];
    assert_eq!(entry["description"], "key.create");
    let administrator = entry["user_id"].as_str().unwrap();
    assert!(administrator.starts_with("adm_"), "{entry}");
    assert!(!entry.to_string().contains(&key[5..]), "{entry}");
}

async fn what_cannot_be_made_is_said(t: TestApp) {
    let browser = signed_in(&t, AdministratorRole::Editor).await;
    let api = t.api("https://blog.example/", &["read:posts"]).await;
    let other = t.api("https://other.example/", &["read:other"]).await;
    let keys = format!("/apis/{api}/keys");
    let foreign = offered(&browser, &format!("/apis/{other}/keys/new"), "read:other").await;
    let long = "x".repeat(256);
    for (field, value, said) in [
        ("name", long.as_str(), "A name has at most 255"),
        ("prefix", "no-hyphen", "A prefix has at most 16"),
        ("prefix", "much_too_long_prefix", "A prefix has at most 16"),
        ("owner", "some body", "An owner&#39;s id has"),
        ("expires", "2025-01-01", "This day is over"),
        ("expires", "soon", "Type a day as"),
        ("credits", "-1", "Type a whole number"),
        ("credits", "many", "Type a whole number"),
        ("permission", foreign.as_str(), "Somebody deleted a permission"),
        ("permission", "perm_none", "Somebody deleted a permission"),
        ("role", "role_none", "Somebody deleted this role"),
    ] {
        let mut fields = vec![("enabled", "true"), (field, value)];
        if field != "name" {
            fields.push(("name", "kept as typed"));
        }
        let reply = browser.post(&keys, &fields).await;
        let page = text(&reply);
        let status = if field == "role" { 404 } else { 422 };
        assert_eq!(reply.status, status, "{field} {value}: {page}");
        assert!(page.contains(said) && page.contains("data-guard=\"changed\""), "{field} {value}: {page}");
        assert!(field == "name" || page.contains("kept as typed"), "{field}: {page}");
    }
    assert!(browser.page(&keys).await.contains("No key in this API"));
}

async fn permissions_are_given_and_taken(t: TestApp) {
    let browser = signed_in(&t, AdministratorRole::Editor).await;
    let api = t.api("https://blog.example/", &["read:posts", "write:posts"]).await;
    let (id, key) = make(&browser, &api, &[("enabled", "true")]).await;
    let path = format!("/apis/{api}/keys/{id}");
    let page = browser.page(&format!("{path}?q=WRITE")).await;
    assert!(page.contains(">write:posts<") && !page.contains(">read:posts<"), "{page}");
    let write = offered(&browser, &path, "write:posts").await;
    let reply = browser.post(&format!("{path}/permissions"), &[]).await;
    assert!(reply.status == 422 && text(&reply).contains("Choose at least one permission"));
    let reply = browser.post(&format!("{path}/permissions"), &[("permission", "write:posts")]).await;
    assert_eq!(reply.status, 422, "permissions are named by their ids, and nothing is made on the way");
    assert_eq!(t.verify(&key, Some("write:posts")).await["code"], "INSUFFICIENT_PERMISSIONS");
    assert_eq!(browser.done(&format!("{path}/permissions"), &[("permission", &write)]).await, path);
    assert_eq!(t.verify(&key, Some("write:posts")).await["valid"], true);
    let before = t.entries("sapi").await.len();
    browser.done(&format!("{path}/permissions"), &[("permission", &write)]).await;
    assert_eq!(t.entries("sapi").await.len(), before, "it holds it already");
    let remove = format!("{path}/permissions/{write}/remove");
    assert_eq!(browser.done(&remove, &[]).await, path);
    assert_eq!(t.verify(&key, Some("write:posts")).await["code"], "INSUFFICIENT_PERMISSIONS");
    assert_eq!(browser.done(&remove, &[]).await, path, "it is taken already");
    assert_eq!(t.entries("sapi").await.len(), before + 1);
    assert_eq!(t.entries("sapi").await[0]["description"], "authorization.disconnect_permission_and_key");
}

async fn roles_are_given_and_taken(t: TestApp) {
    let browser = signed_in(&t, AdministratorRole::Editor).await;
    let api = t.api("https://blog.example/", &["read:posts"]).await;
    let role = t.v2_data("permissions.createRole", json!({ "name": "Reader", "permissions": ["read:posts"] })).await;
    let role = role["roleId"].as_str().unwrap();
    let (id, key) = make(&browser, &api, &[("enabled", "true")]).await;
    let path = format!("/apis/{api}/keys/{id}");
    browser.done(&format!("{path}/roles"), &[("role", role)]).await;
    assert_eq!(t.verify(&key, Some("read:posts")).await["valid"], true);
    let page = browser.page(&path).await;
    assert!(page.contains("By its roles") && page.contains("title=\"by Reader\""), "{page}");
    browser.done(&format!("{path}/roles/{role}/remove"), &[]).await;
    assert_eq!(t.verify(&key, Some("read:posts")).await["code"], "INSUFFICIENT_PERMISSIONS");
    browser.done(&format!("{path}/roles/{role}/remove"), &[]).await;
    let (_, made) = make(&browser, &api, &[("enabled", "true"), ("role", role)]).await;
    assert_eq!(t.verify(&made, Some("read:posts")).await["valid"], true);
    assert_eq!(browser.post(&format!("{path}/roles"), &[("role", "role_none")]).await.status, 404);
    assert_eq!(browser.post(&format!("{path}/roles"), &[]).await.status, 422);
}

async fn a_key_is_switched_off_and_on(t: TestApp) {
    let browser = signed_in(&t, AdministratorRole::Editor).await;
    let api = t.api("https://blog.example/", &[]).await;
    let (id, key) = make(&browser, &api, &[]).await;
    assert_eq!(t.verify(&key, None).await["code"], "DISABLED", "it was made so");
    let path = format!("/apis/{api}/keys/{id}");
    browser.done(&format!("{path}/enabled"), &[("enabled", "true")]).await;
    assert_eq!(t.verify(&key, None).await["valid"], true);
    let before = t.entries("sapi").await.len();
    browser.done(&format!("{path}/enabled"), &[("enabled", "true")]).await;
    assert_eq!(t.entries("sapi").await.len(), before, "somebody else did it already");
    browser.done(&format!("{path}/enabled"), &[("enabled", "false")]).await;
    assert_eq!(t.verify(&key, None).await["code"], "DISABLED");
    assert!(browser.page(&path).await.contains(">disabled<"));
}

async fn a_key_is_rerolled(t: TestApp) {
    let browser = signed_in(&t, AdministratorRole::Editor).await;
    let api = t.api("https://blog.example/", &[]).await;
    let (id, old) = make(&browser, &api, &[("enabled", "true"), ("name", "Feed"), ("prefix", "blog")]).await;
    let path = format!("/apis/{api}/keys/{id}/reroll");
    assert!(browser.page(&path).await.contains("No longer"));
    assert_eq!(t.verify(&old, None).await["valid"], true, "nothing was done by looking");
    assert_eq!(browser.done(&path, &[("period", "17")]).await, path, "only what is offered");
    let day = browser.post(&path, &[("period", "86400000")]).await;
    let new = secret(&day);
    assert!(text(&day).contains("works until") && new.starts_with("blog_"), "{}", text(&day));
    assert_eq!(
        (t.verify(&old, None).await["valid"].clone(), t.verify(&new, None).await["valid"].clone()),
        (json!(true), json!(true))
    );
    let now = browser.post(&path, &[("period", "0")]).await;
    assert!(text(&now).contains("works no longer") && secret(&now) != new);
    assert_eq!(t.verify(&old, None).await["code"], "EXPIRED");
    assert_eq!(t.entries("sapi").await[0]["description"], "key.reroll");
}

async fn a_key_is_deleted(t: TestApp) {
    let browser = signed_in(&t, AdministratorRole::Editor).await;
    let api = t.api("https://blog.example/", &["read:posts"]).await;
    let other = t.api("https://other.example/", &[]).await;
    let (id, key) = make(&browser, &api, &[("enabled", "true"), ("owner", "customer-7")]).await;
    let path = format!("/apis/{api}/keys/{id}/delete");
    for path in [format!("/apis/{other}/keys/{id}"), format!("/apis/{other}/keys/{id}/delete")] {
        assert_eq!(browser.get(&path).await.status, 404, "a key of another API");
    }
    browser.post(&format!("/apis/{other}/keys/{id}/delete"), &[]).await;
    let sure = browser.page(&path).await;
    assert!(sure.contains("customer-7") && sure.contains("can't be undone"), "{sure}");
    assert_eq!(t.verify(&key, None).await["valid"], true, "nothing was done by looking");
    assert!(!browser.page(&format!("/apis/{api}/keys?deleted={id}")).await.contains("is deleted"));
    let to = browser.done(&path, &[]).await;
    assert_eq!(t.verify(&key, None).await["code"], "NOT_FOUND");
    assert!(browser.page(&to).await.contains("is deleted. Whoever uses it is refused."));
    assert_eq!(browser.done(&path, &[]).await, to, "it is deleted already");
    assert_eq!(browser.get(&format!("/apis/{api}/keys/{id}")).await.status, 404);
    assert!(!browser.page(&format!("/apis/{other}/keys?deleted={id}")).await.contains("is deleted"));
}

async fn a_key_is_found_by_its_id_or_its_text(t: TestApp) {
    let browser = signed_in(&t, AdministratorRole::Viewer).await;
    assert!(browser.page("/keys").await.contains("No key yet"));
    let api = t.api("https://blog.example/", &[]).await;
    let (id, key) = t.key(json!({ "apiId": format!("api_{api}") })).await;
    t.key(json!({ "apiId": format!("api_{api}") })).await;
    let page = browser.page("/keys").await;
    assert!(page.contains("2 keys") && page.contains(&format!("/apis/{api}/keys")), "{page}");
    for typed in [id.as_str(), &key] {
        assert_eq!(browser.done("/keys", &[("secret", typed)]).await, format!("/apis/{api}/keys/{id}"));
    }
    let before = t.entries("sapi").await.len() + t.entries("fapi").await.len();
    t.v2_data("keys.deleteKey", json!({ "keyId": id })).await;
    for (typed, again) in [(key.as_str(), false), (&t.root_key, false), ("key_none", true), ("what", false)] {
        let reply = browser.post("/keys", &[("secret", typed)]).await;
        assert_eq!(reply.status, 404, "{typed}");
        assert_eq!(text(&reply).contains(typed), again, "a key is not shown again");
    }
    assert_eq!(browser.post("/keys", &[]).await.status, 422);
    assert_eq!(t.entries("sapi").await.len() + t.entries("fapi").await.len(), before + 1, "only the deletion");
}

async fn lists_come_in_pages_and_by_owner(t: TestApp) {
    let browser = signed_in(&t, AdministratorRole::Viewer).await;
    let api = t.api("https://blog.example/", &[]).await;
    let keys = format!("/apis/{api}/keys");
    for nth in 0..53 {
        let owner = if nth < 2 { "seven" } else { "eight" };
        t.key(json!({ "apiId": format!("api_{api}"), "name": format!("Key {nth}"), "externalId": owner })).await;
    }
    let first = browser.page(&keys).await;
    assert_eq!(first.matches("row-link").count(), 50);
    assert!(first.contains("53 in all"), "{first}");
    let next = first.split("rel=\"next\"").next().unwrap().rsplit("href=\"").next().unwrap();
    let next = next.split('"').next().unwrap().replace("&#38;", "&").replace("&amp;", "&");
    let second = browser.page(&next).await;
    assert_eq!(second.matches("row-link").count(), 3);
    assert!(second.contains("First page") && !second.contains("rel=\"next\""), "{second}");
    assert_eq!(browser.page(&format!("{keys}?owner=seven")).await.matches("row-link").count(), 2);
    assert!(browser.page(&format!("{keys}?owner=nobody")).await.contains("No key of this API belongs to"));
}

async fn a_viewer_sees_keys_and_changes_none(t: TestApp) {
    let browser = signed_in(&t, AdministratorRole::Viewer).await;
    let api = t.api("https://blog.example/", &["read:posts"]).await;
    let role = t.v2_data("permissions.createRole", json!({ "name": "Reader" })).await;
    let role = role["roleId"].as_str().unwrap();
    let body = json!({ "apiId": format!("api_{api}"), "permissions": ["read:posts"], "roles": ["Reader"] });
    let (id, key) = t.key(body).await;
    let path = format!("/apis/{api}/keys/{id}");
    for path in [format!("/apis/{api}/keys"), path.clone(), format!("/apis/{api}/test"), "/root-keys".to_owned()] {
        let page = browser.page(&path).await;
        let forms = page.matches("method=\"post\"").count();
        assert_eq!(forms, 2, "{path} has only the ways out: {page}");
        assert!(!page.contains("/new\"") && !page.contains("/delete\"") && !page.contains("/revoke\""), "{page}");
    }
    for (path, fields) in [
        (format!("/apis/{api}/keys"), vec![("enabled", "true")]),
        (format!("{path}/enabled"), vec![("enabled", "false")]),
        (format!("{path}/delete"), vec![]),
        (format!("{path}/reroll"), vec![("period", "0")]),
        (format!("{path}/roles/{role}/remove"), vec![]),
        (format!("/apis/{api}/test/key"), vec![("secret", key.as_str())]),
    ] {
        assert_eq!(browser.post(&path, &fields).await.status, 403, "{path}");
    }
    let verified = t.verify(&key, Some("read:posts")).await;
    assert_eq!((&verified["valid"], &verified["roles"]), (&json!(true), &json!(["Reader"])));
}

async fn what_was_typed_is_text(t: TestApp) {
    let browser = signed_in(&t, AdministratorRole::Editor).await;
    let api = t.api("https://blog.example/", &[]).await;
    let name = "<script>alert(1)</script>";
    let (id, _) = make(&browser, &api, &[("enabled", "true"), ("name", name)]).await;
    let path = format!("/apis/{api}/keys/{id}");
    for path in [format!("/apis/{api}/keys"), path.clone(), format!("{path}/delete"), format!("{path}/reroll")] {
        let page = browser.page(&path).await;
        assert!(page.contains("alert(1)") && !page.contains(name), "{path}: {page}");
    }
    let page = browser.page(&format!("{path}?q=%3Cscript%3E")).await;
    assert!(!page.contains("<script>"), "{page}");
}

async fn the_tabs_of_an_api_without_keys(t: TestApp) {
    let browser = signed_in(&t, AdministratorRole::Editor).await;
    t.v2_data("permissions.createPermission", json!({ "name": "shared", "slug": "shared" })).await;
    let all = t.get("resource-servers").send().await.body;
    let catalogue = all.as_array().unwrap().iter().find(|api| api["identifier"] == "urn:keyward:catalogue").unwrap();
    let id = catalogue["id"].as_str().unwrap();
    let page = browser.page(&format!("/apis/{id}/permissions")).await;
    assert!(page.contains(">Test<") && !page.contains(">Keys<"), "{page}");
    assert_eq!(browser.get(&format!("/apis/{id}/keys")).await.status, 404);
    assert_eq!(browser.post(&format!("/apis/{id}/keys"), &[]).await.status, 404);
    assert!(!browser.page(&format!("/apis/{id}/test")).await.contains("Verify a key"));
}

/// A picker names what is there. Nothing is made of the id of what is not.
async fn what_was_deleted_meanwhile_is_not_made_again(t: TestApp) {
    let browser = signed_in(&t, AdministratorRole::Editor).await;
    let api = t.api("https://blog.example/", &["read:posts"]).await;
    let (id, _) = make(&browser, &api, &[("enabled", "true")]).await;
    let path = format!("/apis/{api}/keys/{id}");
    let read = offered(&browser, &path, "read:posts").await;
    t.v2_data("permissions.deletePermission", json!({ "permission": read })).await;
    let reply = browser.post(&format!("{path}/permissions"), &[("permission", &read)]).await;
    assert!(reply.status == 422 && text(&reply).contains("Somebody deleted a permission"), "{}", text(&reply));
    let left = t.v2_data("permissions.listPermissions", json!({ "limit": 100 })).await;
    assert!(!left.to_string().contains(&read), "{left}");
}
