//! Roles as they are made, shown, renamed and deleted.

use serde_json::{Value, json};

use super::{no_role, role};
use crate::support::TestApp;

on_both_engines!(
    made_and_shown,
    names_of_every_kind,
    a_name_is_taken_however_it_is_spelt,
    changed_and_still_the_same,
    what_changes_nothing_writes_nothing,
    deleted_once,
    only_an_id_names_a_role,
    bad_bodies,
);

async fn shown(t: &TestApp, id: &str) -> Value {
    let reply = t.get(&format!("roles/{id}")).send().await;
    assert_eq!(reply.status, 200, "{}", reply.body);
    reply.body
}

async fn made_and_shown(t: TestApp) {
    let reply = t.post("roles", json!({ "name": "Reader" })).send().await;
    let id = reply.body["id"].as_str().unwrap();
    let suffix = id.strip_prefix("rol_").unwrap();
    assert!(suffix.len() == 16 && suffix.bytes().all(|byte| byte.is_ascii_alphanumeric()), "{id}");
    assert_eq!((reply.status.as_u16(), &reply.body), (200, &json!({ "id": id, "name": "Reader" })));
    assert_eq!(shown(&t, id).await, json!({ "id": id, "name": "Reader", "description": "" }), "a later answer has it");
    for description in ["", " ", "Edits what is there", &"d".repeat(1000)] {
        let body = json!({ "name": format!("role {}", description.len()), "description": description });
        let made = t.post("roles", body.clone()).send().await.body;
        assert_eq!((&made["name"], &made["description"]), (&body["name"], &body["description"]));
        assert_eq!(shown(&t, made["id"].as_str().unwrap()).await, made);
    }
    let tenant = t.post("roles", json!({ "name": "Tenant", "type": "tenant" })).send().await;
    assert_eq!(tenant.status, 200, "the type that every role has");
}

async fn names_of_every_kind(t: TestApp) {
    let long = "\u{1F600}".repeat(500);
    for name in ["a b", " ", "<script>", "rol_0000000000000000", "\u{dc}ml\u{e4}ut: 100%_", "a\nb", &long] {
        let id = role(&t, name).await;
        assert_eq!(shown(&t, &id).await["name"], name);
    }
}

async fn a_name_is_taken_however_it_is_spelt(t: TestApp) {
    let id = role(&t, "Reader").await;
    let taken = json!({ "statusCode": 409, "error": "Conflict", "message": "The role already exists." });
    for name in ["Reader", "READER"] {
        let again = t.post("roles", json!({ "name": name })).send().await;
        assert_eq!((again.status.as_u16(), &again.body), (409, &taken));
    }
    let other = role(&t, "Writer").await;
    let renamed = t.patch(&format!("roles/{other}"), json!({ "name": "reader" })).send().await;
    assert_eq!((renamed.status.as_u16(), &renamed.body), (409, &taken));
    assert_eq!(shown(&t, &other).await["name"], "Writer");
    let same = ["same"; 4].map(|name| t.post("roles", json!({ "name": name })).send());
    let replies = futures_util::future::join_all(same).await;
    assert_eq!(replies.iter().filter(|reply| reply.status == 200).count(), 1);
    // A name is free once its role is deleted, and is another role.
    t.delete(&format!("roles/{id}")).send().await;
    assert_ne!(role(&t, "reader").await, id);
}

async fn changed_and_still_the_same(t: TestApp) {
    let id = role(&t, "Reader").await;
    let path = format!("roles/{id}");
    for (body, name, description) in [
        (json!({ "description": "Reads" }), "Reader", "Reads"),
        (json!({ "name": "READER" }), "READER", "Reads"),
        (json!({ "name": "Editor", "description": " " }), "Editor", " "),
        (json!({ "description": "" }), "Editor", ""),
        (json!({}), "Editor", ""),
    ] {
        let reply = t.patch(&path, body.clone()).send().await;
        assert_eq!(reply.status, 200, "{body}");
        assert_eq!(reply.body, json!({ "id": id, "name": name, "description": description }), "{body}");
        assert_eq!(shown(&t, &id).await, reply.body);
    }
    let absent = t.patch("roles/rol_0000000000000000", json!({ "name": "x" })).send().await;
    assert_eq!((absent.status.as_u16(), absent.body), (404, no_role()));
    // What it was called is free again.
    role(&t, "Reader").await;
}

async fn what_changes_nothing_writes_nothing(t: TestApp) {
    let made = t.post("roles", json!({ "name": "Reader", "description": "Reads" })).send().await.body;
    let path = format!("roles/{}", made["id"].as_str().unwrap());
    let (revision, entries) = (t.app.revision(), t.entries("sapi").await.len());
    for body in [json!({}), json!({ "name": "Reader" }), json!({ "name": "Reader", "description": "Reads" })] {
        assert_eq!(t.patch(&path, body).send().await.body, made);
    }
    assert_eq!((t.app.revision(), t.entries("sapi").await.len()), (revision, entries));
}

async fn deleted_once(t: TestApp) {
    let (id, kept) = (role(&t, "Reader").await, role(&t, "Writer").await);
    let path = format!("roles/{id}");
    let reply = t.delete(&path).json(json!({})).send().await;
    assert_eq!((reply.status.as_u16(), &reply.body), (200, &json!({})), "a body is not looked at");
    for call in [t.delete(&path), t.get(&path), t.patch(&path, json!({ "name": "x" }))] {
        let again = call.send().await;
        assert_eq!((again.status.as_u16(), again.body), (404, no_role()));
    }
    let left = t.get("roles").send().await.body;
    assert_eq!(left, json!([{ "id": kept, "name": "Writer", "description": "" }]));
}

/// A name may look like an id, and must not be taken for one.
async fn only_an_id_names_a_role(t: TestApp) {
    let id = role(&t, "Reader").await;
    for name in ["rol_1111111111111111", "role_1111111111111111"] {
        role(&t, name).await;
    }
    let suffix = &id[4..];
    for absent in ["rol_1111111111111111", "Reader", suffix, &format!("role_{suffix}"), "rol_", "%00", "auth0%7Cx"] {
        let path = format!("roles/{absent}");
        for call in [t.get(&path), t.patch(&path, json!({ "name": "x" })), t.delete(&path)] {
            let reply = call.send().await;
            assert_eq!((reply.status.as_u16(), reply.body), (404, no_role()), "{absent}");
        }
    }
    assert_eq!(t.get("roles").send().await.body.as_array().unwrap().len(), 3);
}

async fn bad_bodies(t: TestApp) {
    let id = role(&t, "Reader").await;
    let on_name = "on property name (Name of the role).";
    for (body, detail) in [
        (json!({ "name": "" }), format!("'String is too short (0 chars), minimum 1' {on_name}")),
        (json!({ "name": 1 }), format!("'Expected type string but found type integer' {on_name}")),
        (json!({ "name": "x".repeat(501) }), format!("'String is too long (501 chars), maximum 500' {on_name}")),
        (json!({ "name": "x\u{0}" }), "'String has a null character' on property name.".to_owned()),
        (json!({ "name": "x", "color": "red" }), "'Additional properties not allowed: color'.".to_owned()),
        (
            json!({ "name": "x", "description": null }),
            "'Expected type string but found type null' on property description (Description of the role).".to_owned(),
        ),
        (
            json!({ "name": "x", "description": "d".repeat(1001) }),
            "'String is too long (1001 chars), maximum 1000' on property description (Description of the role)."
                .to_owned(),
        ),
        (json!([]), "'Expected type object but found type array'.".to_owned()),
    ] {
        let expected = json!({
            "statusCode": 400, "error": "Bad Request", "errorCode": "invalid_body",
            "message": format!("Payload validation error: {detail}"),
        });
        assert_eq!(t.post("roles", body.clone()).send().await.body, expected);
        assert_eq!(t.patch(&format!("roles/{id}"), body).send().await.body, expected);
    }
    for body in [
        json!({}),
        json!({ "description": "x" }),
        json!({ "name": "x", "type": "organization" }),
        json!({ "name": "x", "owner_id": "org_1" }),
    ] {
        assert_eq!(t.post("roles", body.clone()).send().await.status, 400, "{body}");
    }
    for body in [json!({ "type": "tenant" }), json!({ "id": id })] {
        assert_eq!(t.patch(&format!("roles/{id}"), body.clone()).send().await.status, 400, "{body}");
    }
    let all = t.get("roles").send().await.body;
    assert_eq!(all, json!([{ "id": id, "name": "Reader", "description": "" }]), "nothing was changed");
}
