//! Permissions of the workspace.

use serde_json::{Value, json};

use super::{code, each, lacks, no_permission, pages, permission, refusal, refused, role, text};
use crate::support::TestApp;

on_both_engines!(
    made_and_shown_by_id_and_slug,
    a_slug_is_taken_however_it_is_spelt,
    listed_in_pages,
    searched_letter_by_letter,
    several_apis_with_one_slug,
    slugs_that_differ_in_case_on_the_other_side,
    renamed_and_still_held,
    what_an_update_refuses,
    deleted_and_seen_nowhere,
    a_slug_used_again_resurrects_nothing,
    restored_with_exactly_the_grants_there_were,
    what_was_taken_meanwhile_stays_taken,
    a_restore_can_be_in_the_way,
    a_restore_can_be_too_late,
    who_may_do_what,
);

const GET: &str = "permissions.getPermission";
const CREATE: &str = "permissions.createPermission";
const UPDATE: &str = "permissions.updatePermission";
const DELETE: &str = "permissions.deletePermission";
const RESTORE: &str = "permissions.restorePermission";

/// Thirty days, in seconds.
const UNDO: i64 = 30 * 24 * 60 * 60;

fn taken(slug: &str) -> super::Refusal {
    let detail = format!("A permission with slug '{slug}' already exists in this workspace");
    refused(409, "permission_already_exists", &detail)
}

async fn made_and_shown_by_id_and_slug(t: TestApp) {
    let body = json!({ "name": "Read documents", "slug": "Documents.read", "description": "All of them" });
    let reply = t.v2(CREATE, body).send().await;
    assert_eq!((reply.status.as_u16(), reply.header("content-type")), (200, "application/json"));
    let request = text(&reply.body["meta"]["requestId"]);
    assert!(request.len() == 13 && request.starts_with("req_"), "{request}");
    let id = text(&reply.body["data"]["permissionId"]);
    assert!(id.starts_with("perm_") && id[5..].chars().all(|c| c.is_ascii_alphanumeric()), "{id}");
    let whole = json!({ "id": id, "name": "Read documents", "slug": "Documents.read", "description": "All of them" });
    for named in [id.as_str(), "Documents.read", "documents.READ"] {
        assert_eq!(t.v2_data(GET, json!({ "permission": named })).await, whole, "{named}");
    }
    let plain = t.v2_data(CREATE, json!({ "name": "Read documents", "slug": "*", "description": "" })).await;
    let shown = t.v2_data(GET, json!({ "permission": "*" })).await;
    assert_eq!(shown, json!({ "id": plain["permissionId"], "name": "Read documents", "slug": "*" }));
    for absent in ["nothing", "perm_000000000", &id.to_uppercase(), &id[..id.len() - 1]] {
        assert_eq!(refusal(t.v2(GET, json!({ "permission": absent }))).await, no_permission(), "{absent}");
    }
}

async fn a_slug_is_taken_however_it_is_spelt(t: TestApp) {
    permission(&t, "docs.read").await;
    for slug in ["docs.read", "DOCS.Read"] {
        let reply = t.v2(CREATE, json!({ "name": "x", "slug": slug })).send().await;
        assert_eq!(
            reply.body["error"],
            json!({
                "title": "Conflicting Resource", "status": 409,
                "type": "https://unkey.com/docs/errors/unkey/data/permission_already_exists",
                "detail": format!("A permission with slug '{slug}' already exists in this workspace"),
            })
        );
    }
    assert_eq!(each(&t.v2_data("permissions.listPermissions", json!({})).await, "slug"), ["docs.read"]);
}

async fn listed_in_pages(t: TestApp) {
    let list = "permissions.listPermissions";
    assert_eq!(t.v2(list, json!({})).send().await.body["data"], json!([]), "those of the program itself are not ours");
    let mut ids = Vec::new();
    for n in 0..5 {
        ids.push(permission(&t, &format!("p{n}")).await);
    }
    ids.sort_unstable();
    let found = pages(&t, list, json!({})).await;
    assert_eq!(found.iter().map(Vec::len).collect::<Vec<_>>(), [2, 2, 1]);
    assert_eq!(found.concat().iter().map(|item| text(&item["id"])).collect::<Vec<_>>(), ids);
    // The cursor names the first of the next page, and is only compared: what is deleted is skipped.
    let first = t.v2(list, json!({ "limit": 2 })).send().await.body;
    assert_eq!(first["pagination"], json!({ "hasMore": true, "cursor": ids[2] }));
    t.v2_data(DELETE, json!({ "permission": ids[2] })).await;
    let rest = t.v2(list, json!({ "cursor": ids[2] })).send().await.body;
    assert_eq!(each(&rest["data"], "id"), ids[3..]);
    assert_eq!(rest["pagination"], json!({ "hasMore": false }));
    let past = t.v2(list, json!({ "cursor": "~ whatever" })).send().await.body;
    assert_eq!((&past["data"], &past["pagination"]), (&json!([]), &json!({ "hasMore": false })));
}

async fn searched_letter_by_letter(t: TestApp) {
    for (name, slug, description) in
        [("100% sure", "a_b", "x"), ("Other", "a.b", "back\\slash"), ("Third", "third", "FOURTH")]
    {
        t.v2_data(CREATE, json!({ "name": name, "slug": slug, "description": description })).await;
    }
    let id = text(&t.v2_data(GET, json!({ "permission": "third" })).await["id"]);
    for (search, expected) in [
        ("0%", vec!["a_b"]),
        ("%", vec!["a_b"]),
        ("a_b", vec!["a_b"]),
        ("A.B", vec!["a.b"]),
        ("\\", vec!["a.b"]),
        (" fourth ", vec!["third"]),
        ("OTHER", vec!["a.b"]),
        (&id[5..], vec!["third"]),
        ("nothing", vec![]),
        ("   ", vec!["a.b", "a_b", "third"]),
    ] {
        let found = t.v2_data("permissions.listPermissions", json!({ "search": search })).await;
        let mut slugs = each(&found, "slug");
        slugs.sort_unstable();
        assert_eq!(slugs, expected, "{search}");
    }
}

async fn several_apis_with_one_slug(t: TestApp) {
    t.api("https://a.example/", &["read", "only.a"]).await;
    t.api("https://b.example/", &["Read"]).await;
    let list = t.v2_data("permissions.listPermissions", json!({ "search": "read" })).await;
    let ids: Vec<String> = ["read", "Read"]
        .iter()
        .map(|slug| text(&list.as_array().unwrap().iter().find(|item| item["slug"] == *slug).unwrap()["id"]))
        .collect();
    let ambiguous = |slug: &str| {
        let detail = format!(
            "The slug '{slug}' is the one of several permissions. Name one of them by its id: {}",
            ids.join(", ")
        );
        refused(400, "invalid_input", &detail)
    };
    // Letters of another size do not tell permissions of different APIs apart, unless they are the exact ones.
    assert_eq!(refusal(t.v2(GET, json!({ "permission": "READ" }))).await, ambiguous("READ"));
    assert_eq!(refusal(t.v2(DELETE, json!({ "permission": "READ" }))).await, ambiguous("READ"));
    assert_eq!(refusal(t.v2(UPDATE, json!({ "permission": "READ", "name": "x" }))).await, ambiguous("READ"));
    t.api("https://c.example/", &["read"]).await;
    let (status, _, detail) = refusal(t.v2(DELETE, json!({ "permission": "read" }))).await;
    assert!(status == 400 && ids.iter().all(|id| detail.contains(id)), "{detail}");
    assert_eq!(
        t.v2_data("permissions.listPermissions", json!({ "search": "read" })).await.as_array().unwrap().len(),
        3
    );
    assert_eq!(t.v2_data(GET, json!({ "permission": ids[0] })).await["slug"], "read", "an id is never ambiguous");
    assert_eq!(t.v2_data(GET, json!({ "permission": "ONLY.a" })).await["slug"], "only.a", "there is only one");
    // The catalogue is asked first, and does not have it yet.
    let own = permission(&t, "read").await;
    assert_eq!(t.v2_data(GET, json!({ "permission": "READ" })).await["id"], own);
    t.v2_data(DELETE, json!({ "permission": "read" })).await;
    assert_eq!(t.v2_data(GET, json!({ "permission": ids[0] })).await["slug"], "read");
    assert_eq!(refusal(t.v2(GET, json!({ "permission": own }))).await, no_permission());
}

async fn slugs_that_differ_in_case_on_the_other_side(t: TestApp) {
    t.api("https://a.example/", &["Run", "run"]).await;
    for slug in ["Run", "run"] {
        assert_eq!(t.v2_data(GET, json!({ "permission": slug })).await["slug"], slug);
    }
    assert_eq!(refusal(t.v2(GET, json!({ "permission": "RUN" }))).await.0, 400);
    let id = text(&t.v2_data(GET, json!({ "permission": "run" })).await["id"]);
    t.v2_data(DELETE, json!({ "permission": id })).await;
    assert_eq!(t.v2_data(RESTORE, json!({ "permission": id })).await["slug"], "run", "beside the other one, as before");
}

async fn renamed_and_still_held(t: TestApp) {
    let api = t.key_api("payments").await;
    let id = permission(&t, "docs.read").await;
    role(&t, "reader", &["docs.read"]).await;
    let (_, direct) = t.key(json!({ "apiId": api, "permissions": ["docs.read"] })).await;
    let (_, by_role) = t.key(json!({ "apiId": api, "roles": ["reader"] })).await;
    let renamed = t.v2_data(UPDATE, json!({ "permission": "DOCS.read", "slug": "files.read" })).await;
    assert_eq!(renamed, json!({ "id": id, "name": "docs.read", "slug": "files.read" }));
    for key in [&direct, &by_role] {
        assert_eq!(code(&t, key, "files.read").await, "VALID");
        assert_eq!(code(&t, key, "docs.read").await, "INSUFFICIENT_PERMISSIONS");
    }
    // The old slug is free, and is another permission.
    assert_ne!(permission(&t, "docs.read").await, id);
    assert_eq!(code(&t, &direct, "docs.read").await, "INSUFFICIENT_PERMISSIONS");
    let body = json!({ "permission": id, "name": "Files", "slug": "FILES.read", "description": "d" });
    let spelt = t.v2_data(UPDATE, body).await;
    assert_eq!(spelt, json!({ "id": id, "name": "Files", "slug": "FILES.read", "description": "d" }));
    assert_eq!(code(&t, &direct, "FILES.read").await, "VALID", "a query is exact");
    let cleared = t.v2_data(UPDATE, json!({ "permission": id, "description": null })).await;
    assert_eq!(cleared, json!({ "id": id, "name": "Files", "slug": "FILES.read" }));
}

async fn what_an_update_refuses(t: TestApp) {
    permission(&t, "a").await;
    permission(&t, "b").await;
    assert_eq!(refusal(t.v2(UPDATE, json!({ "permission": "a", "slug": "B", "name": "n" }))).await, taken("B"));
    assert_eq!(refusal(t.v2(UPDATE, json!({ "permission": "c", "name": "n" }))).await, no_permission());
    assert_eq!(refusal(t.v2(UPDATE, json!({ "permission": "a" }))).await.0, 400);
    assert_eq!(refusal(t.v2(UPDATE, json!({ "permission": "a", "slug": "a b" }))).await.0, 400);
    assert_eq!(t.v2_data(GET, json!({ "permission": "a" })).await["name"], "a", "nothing of it was done");
    // On the other side, each API has slugs of its own.
    t.api("https://a.example/", &["x", "y"]).await;
    assert_eq!(refusal(t.v2(UPDATE, json!({ "permission": "x", "slug": "Y" }))).await, taken("Y"));
    assert_eq!(t.v2_data(UPDATE, json!({ "permission": "x", "slug": "a" })).await["slug"], "a");
}

async fn deleted_and_seen_nowhere(t: TestApp) {
    let api = t.key_api("payments").await;
    for slug in ["a", "b"] {
        permission(&t, slug).await;
    }
    let r = role(&t, "r", &["a", "b"]).await;
    let (id, key) = t.key(json!({ "apiId": api, "permissions": ["a", "b"], "roles": ["r"] })).await;
    assert_eq!(t.v2_data(DELETE, json!({ "permission": "A" })).await, json!({}));
    let only_b = |shown: &Value| assert_eq!(each(shown, "slug"), ["b"]);
    only_b(&t.v2_data("permissions.getRole", json!({ "role": r })).await["permissions"]);
    only_b(&t.v2_data("permissions.listRoles", json!({})).await[0]["permissions"]);
    only_b(&t.v2_data("permissions.listPermissions", json!({})).await);
    assert_eq!(t.v2_data("keys.getKey", json!({ "keyId": id })).await["permissions"], json!(["b"]));
    assert_eq!(t.v2_data("keys.whoami", json!({ "key": key })).await["permissions"], json!(["b"]));
    assert_eq!(t.v2_data("apis.listKeys", json!({ "apiId": api })).await[0]["permissions"], json!(["b"]));
    let verdict = t.verify(&key, Some("b")).await;
    assert_eq!((&verdict["code"], &verdict["permissions"]), (&json!("VALID"), &json!(["b"])));
    assert_eq!(code(&t, &key, "a").await, "INSUFFICIENT_PERMISSIONS");
    for operation in [GET, DELETE] {
        assert_eq!(refusal(t.v2(operation, json!({ "permission": "a" }))).await, no_permission());
    }
    let removed = refusal(t.v2("keys.removePermissions", json!({ "keyId": id, "permissions": ["a"] }))).await;
    assert_eq!(removed, refused(404, "permission_not_found", "Permission 'a' was not found."));
}

async fn a_slug_used_again_resurrects_nothing(t: TestApp) {
    let api = t.key_api("payments").await;
    let old = permission(&t, "a").await;
    let r = role(&t, "r", &["a"]).await;
    let (id, key) = t.key(json!({ "apiId": api, "permissions": ["a"], "roles": ["r"] })).await;
    t.v2_data(DELETE, json!({ "permission": old })).await;
    let new = permission(&t, "a").await;
    assert_ne!(new, old);
    assert_eq!(code(&t, &key, "a").await, "INSUFFICIENT_PERMISSIONS");
    assert_eq!(t.v2_data("permissions.getRole", json!({ "role": r })).await.get("permissions"), None);
    assert_eq!(t.v2_data("keys.getKey", json!({ "keyId": id })).await.get("permissions"), None);
    let held = t.v2_data("keys.addPermissions", json!({ "keyId": id, "permissions": ["A"] })).await;
    assert_eq!(each(&held, "id"), [new.as_str()], "and is given like any other");
    assert_eq!(code(&t, &key, "a").await, "VALID");
}

async fn restored_with_exactly_the_grants_there_were(t: TestApp) {
    let api = t.key_api("payments").await;
    let id = permission(&t, "a").await;
    role(&t, "with", &["a"]).await;
    role(&t, "without", &["b"]).await;
    let (_, direct) = t.key(json!({ "apiId": api, "permissions": ["a"] })).await;
    let (_, by_role) = t.key(json!({ "apiId": api, "roles": ["with"] })).await;
    let (_, other) = t.key(json!({ "apiId": api, "permissions": ["b"], "roles": ["without"] })).await;
    t.v2_data(DELETE, json!({ "permission": "a" })).await;
    for key in [&direct, &by_role, &other] {
        assert_eq!(code(&t, key, "a").await, "INSUFFICIENT_PERMISSIONS");
    }
    let restored = t.v2_data(RESTORE, json!({ "permission": id })).await;
    assert_eq!(restored, json!({ "id": id, "name": "a", "slug": "a" }));
    assert_eq!(code(&t, &direct, "a").await, "VALID");
    assert_eq!(code(&t, &by_role, "a").await, "VALID");
    assert_eq!(code(&t, &other, "a").await, "INSUFFICIENT_PERMISSIONS");
    let shown = t.v2_data("permissions.getRole", json!({ "role": "with" })).await;
    assert_eq!(each(&shown["permissions"], "id"), [id.as_str()]);
    assert_eq!(refusal(t.v2(RESTORE, json!({ "permission": id }))).await, no_permission(), "it is there");
    // By slug, the one that was deleted last is meant.
    t.v2_data(DELETE, json!({ "permission": "a" })).await;
    t.clock.advance(1);
    let second = permission(&t, "A").await;
    t.v2_data(DELETE, json!({ "permission": "a" })).await;
    assert_eq!(t.v2_data(RESTORE, json!({ "permission": "a" })).await["id"], second);
}

async fn what_was_taken_meanwhile_stays_taken(t: TestApp) {
    let api = t.key_api("payments").await;
    let id = permission(&t, "a").await;
    let r = role(&t, "r", &["a"]).await;
    let (kept, first) = t.key(json!({ "apiId": api, "permissions": ["a"] })).await;
    let (emptied, second) = t.key(json!({ "apiId": api, "permissions": ["a"] })).await;
    let (_, by_role) = t.key(json!({ "apiId": api, "roles": ["r"] })).await;
    t.v2_data(DELETE, json!({ "permission": id })).await;
    t.v2_data("keys.setPermissions", json!({ "keyId": emptied, "permissions": [] })).await;
    t.v2_data("keys.addPermissions", json!({ "keyId": kept, "permissions": ["b"] })).await;
    t.v2_data("permissions.setRolePermissions", json!({ "roleId": r, "permissions": ["b"] })).await;
    t.v2_data(RESTORE, json!({ "permission": id })).await;
    assert_eq!(code(&t, &first, "a AND b").await, "VALID");
    assert_eq!(code(&t, &second, "a").await, "INSUFFICIENT_PERMISSIONS");
    assert_eq!(code(&t, &by_role, "a").await, "INSUFFICIENT_PERMISSIONS");
}

async fn a_restore_can_be_in_the_way(t: TestApp) {
    let old = permission(&t, "a").await;
    t.v2_data(DELETE, json!({ "permission": old })).await;
    let new = permission(&t, "A").await;
    assert_eq!(refusal(t.v2(RESTORE, json!({ "permission": old }))).await, taken("a"));
    assert_eq!(t.v2_data(GET, json!({ "permission": "a" })).await["id"], new);
    t.v2_data(UPDATE, json!({ "permission": new, "slug": "other" })).await;
    assert_eq!(t.v2_data(RESTORE, json!({ "permission": old })).await["slug"], "a");
    // What went with its API does not come back without it.
    let api = t.api("https://a.example/", &["x"]).await;
    let x = text(&t.v2_data(GET, json!({ "permission": "x" })).await["id"]);
    assert_eq!(t.delete(&format!("resource-servers/{api}")).send().await.status, 204);
    assert_eq!(refusal(t.v2(RESTORE, json!({ "permission": x }))).await, no_permission());
}

async fn a_restore_can_be_too_late(t: TestApp) {
    let api = t.key_api("payments").await;
    let id = permission(&t, "a").await;
    let (_, key) = t.key(json!({ "apiId": api, "permissions": ["a"] })).await;
    t.v2_data(DELETE, json!({ "permission": id })).await;
    t.clock.advance(UNDO - 1);
    t.v2_data(RESTORE, json!({ "permission": id })).await;
    assert_eq!(code(&t, &key, "a").await, "VALID");
    t.v2_data(DELETE, json!({ "permission": id })).await;
    t.clock.advance(UNDO);
    for named in [id.as_str(), "a"] {
        assert_eq!(refusal(t.v2(RESTORE, json!({ "permission": named }))).await, no_permission());
    }
    assert_eq!(code(&t, &key, "a").await, "INSUFFICIENT_PERMISSIONS");
}

async fn who_may_do_what(t: TestApp) {
    let stranger = t.root_key_with(&["rbac.x.create_permission", "api.*.create_key"]).await;
    permission(&t, "there").await;
    let which = |permission: &str| json!({ "permission": permission });
    for (operation, body, needed, done) in [
        (CREATE, json!({ "name": "n", "slug": "new" }), "rbac.*.create_permission", 200),
        (GET, which("there"), "rbac.*.read_permission", 200),
        ("permissions.listPermissions", json!({}), "rbac.*.read_permission", 200),
        (UPDATE, json!({ "permission": "there", "name": "n" }), "rbac.*.update_permission", 200),
        (DELETE, which("there"), "rbac.*.delete_permission", 200),
    ] {
        assert_eq!(refusal(t.v2(operation, body.clone()).bearer(&stranger)).await, lacks(needed));
        if body.get("permission").is_some() {
            let mut absent = body.clone();
            absent["permission"] = "absent".into();
            assert_eq!(refusal(t.v2(operation, absent).bearer(&stranger)).await, lacks(needed), "nothing is learnt");
        }
        let may = t.root_key_with(&[needed]).await;
        assert_eq!(t.v2(operation, body).bearer(&may).send().await.status, done, "{operation}");
    }
    // Whoever undoes a deletion makes a permission and hands it out.
    let mut grants = Vec::new();
    for needed in ["rbac.*.create_permission", "rbac.*.add_permission_to_role", "rbac.*.add_permission_to_key"] {
        let some = t.root_key_with(&grants).await;
        assert_eq!(refusal(t.v2(RESTORE, which("there")).bearer(&some)).await, lacks(needed));
        grants.push(needed);
    }
    let all = t.root_key_with(&grants).await;
    assert_eq!(t.v2(RESTORE, which("there")).bearer(&all).send().await.status, 200);
}
