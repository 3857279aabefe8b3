//! A key's name, owner, end and credits, changed in the console.

use keyward_core::model::administrator::AdministratorRole;
use serde_json::{Value, json};

use super::{Browser, signed_in, text};
use crate::support::TestApp;

on_both_engines!(
    a_key_is_changed,
    two_editors_of_a_key,
    saving_a_key_without_an_edit_changes_nothing,
    what_a_key_cannot_become_is_said,
    credits_are_set_added_and_taken,
    credits_are_refilled,
    what_is_refused_at_a_form_is_in_the_audit_log,
    a_viewer_changes_no_key,
);

/// The fields of a form as its page has them, with what was seen besides.
fn form(page: &str) -> Vec<(String, String)> {
    let inputs = page.split("<input ").skip(1).map(|rest| rest.split('>').next().unwrap());
    let part = |input: &str, name: &str| {
        let rest = input.split(&format!("{name}=\"")).nth(1)?;
        Some(rest.split('"').next().unwrap().to_owned())
    };
    let named = inputs.filter_map(|input| Some((part(input, "name")?, part(input, "value")?)));
    named.filter(|(name, _)| !["form_token", "number"].contains(&name.as_str())).collect()
}

/// The fields with some typed over.
fn typed<'f>(form: &'f [(String, String)], over: &[(&'f str, &'f str)]) -> Vec<(&'f str, &'f str)> {
    let kept = form.iter().map(|(name, text)| (name.as_str(), text.as_str()));
    let kept = kept.filter(|(name, _)| !over.iter().any(|(typed, _)| typed == name));
    kept.chain(over.iter().copied()).collect()
}

async fn made(t: &TestApp, more: Value) -> (String, String) {
    let api = t.api("https://blog.example/", &["read:posts"]).await;
    let mut body = json!({ "apiId": format!("api_{api}"), "name": "Feed", "permissions": ["read:posts"] });
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let (id, key) = t.key(body).await;
    (format!("/apis/{api}/keys/{id}"), key)
}

async fn shown(t: &TestApp, page: &str) -> Value {
    let id = page.rsplit('/').next().unwrap();
    t.v2_data("keys.getKey", json!({ "keyId": id })).await
}

async fn save(browser: &Browser<'_>, path: &str, over: &[(&str, &str)]) -> crate::support::Reply {
    let form = form(&browser.page(&format!("{path}/settings")).await);
    browser.post(&format!("{path}/settings"), &typed(&form, over)).await
}

async fn a_key_is_changed(t: TestApp) {
    let browser = signed_in(&t, AdministratorRole::Editor).await;
    let (path, key) = made(&t, json!({})).await;
    assert!(browser.page(&path).await.contains(&format!("{path}/settings")));
    let over = [("name", "Partner feed"), ("owner", "customer-7"), ("last_day", "2026-12-31")];
    let reply = save(&browser, &path, &over).await;
    assert_eq!(reply.status, 303, "{}", text(&reply));
    assert_eq!(reply.header("location"), path);
    let now = shown(&t, &path).await;
    assert_eq!((&now["name"], &now["identity"]["externalId"]), (&json!("Partner feed"), &json!("customer-7")));
    assert_eq!(now["expires"], 1_798_761_600_000_i64, "the end of 2026 in UTC");
    assert_eq!(now["permissions"], json!(["read:posts"]), "what it holds stays");
    assert_eq!(t.v2_data("keys.verifyKey", json!({ "key": key })).await["code"], "VALID");
    let entry = &t.entries("sapi").await[0];
    assert_eq!(entry["description"], "key.update");
    // A day that is not typed over keeps its moment.
    let moment = 1_798_761_599_123_i64;
    t.v2_data("keys.updateKey", json!({ "keyId": now["keyId"], "expires": moment })).await;
    assert_eq!(save(&browser, &path, &[("name", "")]).await.status, 303);
    let now = shown(&t, &path).await;
    assert_eq!((now.get("name"), &now["expires"]), (None, &json!(moment)));
    assert_eq!(save(&browser, &path, &[("owner", ""), ("last_day", "")]).await.status, 303);
    let now = shown(&t, &path).await;
    assert_eq!((now.get("identity"), now.get("expires")), (None, None), "{now}");
}

async fn two_editors_of_a_key(t: TestApp) {
    let browser = signed_in(&t, AdministratorRole::Editor).await;
    let (path, _) = made(&t, json!({})).await;
    let settings = format!("{path}/settings");
    let old = form(&browser.page(&settings).await);
    let id = path.rsplit('/').next().unwrap();
    t.v2_data("keys.updateKey", json!({ "keyId": id, "name": "Theirs" })).await;
    let reply = browser.post(&settings, &typed(&old, &[("name", "Mine"), ("owner", "me")])).await;
    let page = text(&reply);
    assert_eq!(reply.status, 409, "{page}");
    for said in
        ["Somebody else changed this", "name: Theirs", "name: Mine", "owner: me", "value=\"Mine\"", "Save over it"]
    {
        assert!(page.contains(said), "{said}: {page}");
    }
    assert_eq!(shown(&t, &path).await["name"], "Theirs", "nothing was saved");
    let again = form(&page);
    assert_eq!(browser.done(&settings, &typed(&again, &[])).await, path);
    let now = shown(&t, &path).await;
    assert_eq!((&now["name"], &now["identity"]["externalId"]), (&json!("Mine"), &json!("me")));
}

async fn saving_a_key_without_an_edit_changes_nothing(t: TestApp) {
    let browser = signed_in(&t, AdministratorRole::Editor).await;
    let credits = json!({ "remaining": 5, "refill": { "interval": "monthly", "refillDay": 3, "amount": 50 } });
    let more = json!({ "externalId": "me", "expires": 1_798_761_599_123_i64, "credits": credits });
    let (path, _) = made(&t, more).await;
    let before = (t.app.revision(), t.entries("sapi").await.len());
    let reply = save(&browser, &path, &[("refill", "month")]).await;
    assert_eq!(reply.status, 303, "{}", text(&reply));
    assert_eq!((t.app.revision(), t.entries("sapi").await.len()), before);
}

async fn what_a_key_cannot_become_is_said(t: TestApp) {
    let browser = signed_in(&t, AdministratorRole::Editor).await;
    let (path, key) = made(&t, json!({ "credits": { "remaining": 5 } })).await;
    let before = shown(&t, &path).await;
    let long = "x".repeat(256);
    for (over, said) in [
        ([("name", long.as_str()), ("owner", "")], "A name has at most 255"),
        ([("name", &key), ("owner", "")], "This is a key or a secret"),
        ([("name", "x"), ("owner", "some body")], "An owner&#39;s id has"),
        ([("name", "x"), ("last_day", "2025-01-01")], "This day is over"),
        ([("name", "x"), ("last_day", "soon")], "Type a day as"),
        ([("refill", "sometimes"), ("refill_to", "5")], "Choose one of these"),
        ([("refill", "day"), ("refill_to", "0")], "at least one"),
        ([("refill", "month"), ("refill_to", "5")], "Type a day of the month"),
    ] {
        let reply = save(&browser, &path, &over).await;
        let page = text(&reply);
        assert_eq!(reply.status, 422, "{over:?}: {page}");
        assert!(page.contains(said) && page.contains("data-guard=\"changed\""), "{over:?}: {page}");
    }
    for (what, number, said) in [
        ("set", "", "Type a whole number"),
        ("set", "-1", "Type a whole number"),
        ("add", "9223372036854775807", "The sum"),
        ("give", "1", "Choose what"),
    ] {
        let reply = browser.post(&format!("{path}/credits"), &[("what", what), ("number", number)]).await;
        assert!(reply.status.as_u16() >= 400 && text(&reply).contains(said), "{what} {number}: {}", text(&reply));
    }
    assert_eq!(shown(&t, &path).await, before, "nothing was saved");
    let none = format!("{path}x/settings");
    assert_eq!(browser.get(&none).await.status, 404);
}

async fn credits_are_set_added_and_taken(t: TestApp) {
    let browser = signed_in(&t, AdministratorRole::Editor).await;
    let (path, key) = made(&t, json!({})).await;
    let entries = t.entries("sapi").await.len();
    assert_eq!(browser.done(&format!("{path}/credits"), &[("what", "uncount"), ("number", "")]).await, path);
    assert_eq!(t.entries("sapi").await.len(), entries, "there was nothing to change");
    for (what, number, left) in [("set", "2", json!(2)), ("add", "3", json!(5)), ("take", "4", json!(1))] {
        assert_eq!(browser.done(&format!("{path}/credits"), &[("what", what), ("number", number)]).await, path);
        assert_eq!(shown(&t, &path).await["credits"]["remaining"], left);
    }
    for code in ["VALID", "USAGE_EXCEEDED"] {
        assert_eq!(t.v2_data("keys.verifyKey", json!({ "key": key })).await["code"], code);
    }
    browser.done(&format!("{path}/credits"), &[("what", "uncount"), ("number", "")]).await;
    assert_eq!(shown(&t, &path).await.get("credits"), None);
    assert_eq!(t.v2_data("keys.verifyKey", json!({ "key": key })).await["code"], "VALID");
}

async fn credits_are_refilled(t: TestApp) {
    let browser = signed_in(&t, AdministratorRole::Editor).await;
    let (path, _) = made(&t, json!({ "credits": { "remaining": 5 } })).await;
    assert_eq!(
        save(&browser, &path, &[("refill", "month"), ("refill_to", "50"), ("refill_day", "3")]).await.status,
        303
    );
    let refill = json!({ "interval": "monthly", "refillDay": 3, "amount": 50 });
    assert_eq!(shown(&t, &path).await["credits"], json!({ "remaining": 5, "refill": refill }));
    assert!(browser.page(&path).await.contains("to 50 every month on day 3"));
    assert_eq!(save(&browser, &path, &[("refill", "day"), ("refill_to", "70")]).await.status, 303);
    let refill = json!({ "interval": "daily", "amount": 70 });
    assert_eq!(shown(&t, &path).await["credits"]["refill"], refill);
    assert_eq!(save(&browser, &path, &[("refill", "never")]).await.status, 303);
    assert_eq!(shown(&t, &path).await["credits"], json!({ "remaining": 5 }));
}

async fn what_is_refused_at_a_form_is_in_the_audit_log(t: TestApp) {
    let browser = signed_in(&t, AdministratorRole::Editor).await;
    let (path, _) = made(&t, json!({})).await;
    assert_eq!(t.entries("fapi").await.len(), 0);
    assert_eq!(save(&browser, &path, &[("owner", "some body")]).await.status, 422);
    let entries = t.entries("fapi").await;
    assert_eq!((entries.len(), &entries[0]["description"]), (1, &json!("key.update")));
    assert!(entries[0].to_string().contains("some body"), "what was typed is in it: {}", entries[0]);
    assert_eq!(
        browser
            .post("/apis", &[("name", "x"), ("identifier", "https://blog.example/"), ("algorithm", "RS256")])
            .await
            .status,
        409
    );
    assert_eq!(t.entries("fapi").await.len(), 2);
}

async fn a_viewer_changes_no_key(t: TestApp) {
    let browser = signed_in(&t, AdministratorRole::Viewer).await;
    let (path, _) = made(&t, json!({})).await;
    assert!(!browser.page(&path).await.contains(&format!("{path}/settings")), "no control that would fail");
    assert_eq!(browser.get(&format!("{path}/settings")).await.status, 403);
    for form in ["settings", "credits"] {
        assert_eq!(browser.post(&format!("{path}/{form}"), &[("name", "x")]).await.status, 403);
    }
}
