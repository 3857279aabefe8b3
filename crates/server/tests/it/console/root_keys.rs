//! Root keys in the console: made and revoked by owners.

use keyward_core::{grants::Action, model::administrator::AdministratorRole};
use serde_json::json;

use super::{signed_in, text};
use crate::support::TestApp;

on_both_engines!(
    an_owner_makes_and_revokes_a_root_key,
    what_cannot_be_made_is_said,
    an_editor_sees_root_keys_and_makes_none,
    a_list_of_root_keys_comes_in_pages,
);

async fn an_owner_makes_and_revokes_a_root_key(t: TestApp) {
    let browser = signed_in(&t, AdministratorRole::Owner).await;
    let form = browser.page("/root-keys/new").await;
    for action in Action::ALL {
        assert!(form.contains(&format!("value=\"{}\"", action.anywhere())), "{action:?}");
    }
    let api = t.key_api("payments").await;
    let line = format!("api.{api}.read_api");
    let fields = [
        ("name", "Terraform"),
        ("permission", "api.*.read_key"),
        ("permission", "rbac.*.create_permission"),
        ("lines", &format!("{line}\r\n\r\napi.*.read_key")),
        ("expires", "2026-01-01"),
    ];
    let reply = browser.post("/root-keys", &fields).await;
    let page = text(&reply);
    assert_eq!(reply.status, 200, "{page}");
    let root = page.split("<code id=\"secret\">").nth(1).unwrap().split('<').next().unwrap().to_owned();
    let call = async |operation: &str, body| t.v2(operation, body).bearer(&root).send().await.status.as_u16();
    let permission = json!({ "name": "x", "slug": "x" });
    assert_eq!(call("permissions.createPermission", permission).await, 200);
    assert_eq!(call("apis.listKeys", json!({ "apiId": api })).await, 200);
    assert_eq!(call("permissions.listRoles", json!({})).await, 403);
    let list = browser.page("/root-keys").await;
    assert!(list.contains("Terraform") && list.contains(&line) && !list.contains(&root), "{list}");
    let entry = &t.entries("sapi").await[1];
    assert_eq!(
        (&entry["description"], &entry["details"]["after"]["name"]),
        (&json!("rootkey.create"), &json!("Terraform"))
    );
    assert!(entry["user_id"].as_str().unwrap().starts_with("adm_") && !entry.to_string().contains(&root), "{entry}");
    let id = list.split("Terraform").next().unwrap().rsplit("<tr id=\"").next().unwrap();
    let revoke = format!("/root-keys/{}/revoke", id.split('"').next().unwrap());
    assert!(browser.page(&revoke).await.contains("It can't be undone"));
    for typed in ["", "terraform"] {
        let reply = browser.post(&revoke, &[("confirm", typed)]).await;
        assert!(reply.status == 422 && text(&reply).contains("Type Terraform to revoke it."), "{}", text(&reply));
    }
    assert_eq!(call("apis.listKeys", json!({ "apiId": api })).await, 200, "it is not revoked yet");
    assert_eq!(browser.done(&revoke, &[("confirm", "Terraform")]).await, "/root-keys");
    assert_eq!(call("apis.listKeys", json!({ "apiId": api })).await, 401);
    assert!(!browser.page("/root-keys").await.contains("Terraform"));
    assert_eq!(t.entries("sapi").await[0]["description"], "rootkey.delete");
    assert_eq!(browser.done(&revoke, &[("confirm", "Terraform")]).await, "/root-keys", "it is revoked already");
}

async fn what_cannot_be_made_is_said(t: TestApp) {
    let browser = signed_in(&t, AdministratorRole::Owner).await;
    let before = t.app.view().snapshot.root_keys().count();
    let long = "x".repeat(256);
    for (name, permission, lines, expires, said) in [
        ("", "api.*.read_key", "", "", "Give it a name"),
        (long.as_str(), "api.*.read_key", "", "", "Give it a name"),
        ("x", "", " \n", "", "Choose at least one permission"),
        ("x", "api.*.read_key", "read everything", "", "`read everything` is not a permission of root keys"),
        ("x", "api.*.read_key", "", "2025-12-31", "This day is over"),
    ] {
        let fields = [("name", name), ("permission", permission), ("lines", lines), ("expires", expires)];
        let reply = browser.post("/root-keys", &fields).await;
        let page = text(&reply);
        assert_eq!(reply.status, 422, "{said}: {page}");
        assert!(page.contains(said) && page.contains(lines.trim()), "{said}: {page}");
        assert_eq!(page.contains(" checked"), !permission.is_empty(), "what was chosen stays chosen");
    }
    assert_eq!(t.app.view().snapshot.root_keys().count(), before);
}

async fn an_editor_sees_root_keys_and_makes_none(t: TestApp) {
    let browser = signed_in(&t, AdministratorRole::Editor).await;
    let page = browser.page("/root-keys").await;
    assert!(page.contains("unkey:v1:ws_default:**#*"), "{page}");
    assert!(!page.contains("/root-keys/new") && !page.contains("/revoke"), "{page}");
    let id = t.app.view().snapshot.root_keys().next().unwrap().id.clone();
    for path in ["/root-keys", &format!("/root-keys/{id}/revoke")] {
        assert_eq!(browser.post(path, &[("name", "x"), ("permission", "api.*.read_key")]).await.status, 403);
    }
    assert_eq!(t.app.view().snapshot.root_keys().count(), 1);
}

async fn a_list_of_root_keys_comes_in_pages(t: TestApp) {
    let browser = signed_in(&t, AdministratorRole::Viewer).await;
    for _ in 0..51 {
        t.root_key_with(&["api.*.read_key"]).await;
    }
    let page = browser.page("/root-keys").await;
    assert_eq!(page.matches("<tr id=").count(), 50);
    assert_eq!(browser.page("/root-keys?page=1").await.matches("<tr id=").count(), 2);
}
