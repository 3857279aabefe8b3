//! Roles.

use serde_json::json;

use super::{code, each, lacks, no_permission, no_role, pages, permission, refusal, refused, role, text};
use crate::support::TestApp;

on_both_engines!(
    made_and_shown_by_id_and_name,
    a_name_is_taken_and_nothing_is_left_of_the_attempt,
    who_may_hand_out_what,
    listed_and_searched,
    its_permissions_are_replaced,
    the_same_permissions_again,
    what_a_replacement_refuses,
    deleted_and_whoever_had_it_lost_it,
    restored_for_exactly_those_who_had_it,
    a_restore_can_be_in_the_way_or_too_late,
    permissions_of_other_apis,
    many_at_once_share_a_new_permission,
);

const CREATE: &str = "permissions.createRole";
const GET: &str = "permissions.getRole";
const SET: &str = "permissions.setRolePermissions";
const DELETE: &str = "permissions.deleteRole";
const RESTORE: &str = "permissions.restoreRole";

fn taken(name: &str) -> super::Refusal {
    refused(409, "role_already_exists", &format!("A role with name '{name}' already exists in this workspace"))
}

async fn slugs(t: &TestApp, role: &str) -> Vec<String> {
    let shown = t.v2_data(GET, json!({ "role": role })).await;
    shown.get("permissions").map(|list| each(list, "slug")).unwrap_or_default()
}

async fn made_and_shown_by_id_and_name(t: TestApp) {
    let known = permission(&t, "b.read").await;
    let body = json!({
        "name": "Über editor", "description": "Edits", "permissions": ["c", "B.READ", "a", "b.read", "C"],
    });
    let id = text(&t.v2_data(CREATE, body).await["roleId"]);
    assert!(id.starts_with("role_"), "{id}");
    let shown = t.v2_data(GET, json!({ "role": id })).await;
    assert_eq!(
        (&shown["id"], &shown["name"], &shown["description"]),
        (&json!(id), &json!("Über editor"), &json!("Edits"))
    );
    assert_eq!(each(&shown["permissions"], "slug"), ["a", "b.read", "c"], "each once, as it was spelt first");
    assert_eq!(shown["permissions"][1]["id"], known);
    assert_eq!(shown["permissions"][0]["name"], "a", "a new one is called as its slug");
    for name in ["Über editor", "üBER EDITOR"] {
        assert_eq!(t.v2_data(GET, json!({ "role": name })).await, shown);
    }
    let plain = t.v2_data(CREATE, json!({ "name": "plain", "description": "" })).await;
    let shown = t.v2_data(GET, json!({ "role": plain["roleId"] })).await;
    assert_eq!(shown, json!({ "id": plain["roleId"], "name": "plain" }));
    for absent in ["nobody", "role_0000000000000000", &id[5..]] {
        assert_eq!(refusal(t.v2(GET, json!({ "role": absent }))).await, no_role());
    }
}

async fn a_name_is_taken_and_nothing_is_left_of_the_attempt(t: TestApp) {
    role(&t, "Reader", &[]).await;
    let again = t.v2(CREATE, json!({ "name": "READER", "permissions": ["new"] }));
    assert_eq!(refusal(again).await, taken("READER"));
    let found = t.v2("permissions.getPermission", json!({ "permission": "new" }));
    assert_eq!(refusal(found).await, no_permission());
}

async fn who_may_hand_out_what(t: TestApp) {
    permission(&t, "known").await;
    let with = |permissions: &[&str]| json!({ "name": "r", "permissions": permissions });
    let nobody = t.root_key_with(&["rbac.*.read_role"]).await;
    assert_eq!(refusal(t.v2(CREATE, with(&[])).bearer(&nobody)).await, lacks("rbac.*.create_role"));
    let maker = t.root_key_with(&["rbac.*.create_role"]).await;
    let refusals = refusal(t.v2(CREATE, with(&["known"])).bearer(&maker)).await;
    assert_eq!(refusals, lacks("rbac.*.add_permission_to_role"));
    let giver = t.root_key_with(&["rbac.*.create_role", "rbac.*.add_permission_to_role"]).await;
    let refusals = refusal(t.v2(CREATE, with(&["known", "new"])).bearer(&giver)).await;
    assert_eq!(refusals, lacks("rbac.*.create_permission"));
    assert_eq!(refusal(t.v2(GET, json!({ "role": "r" }))).await, no_role(), "nothing was made");
    assert_eq!(each(&t.v2_data("permissions.listPermissions", json!({})).await, "slug"), ["known"]);
    assert_eq!(t.v2(CREATE, with(&["KNOWN"])).bearer(&giver).send().await.status, 200);
    for (operation, body, needed) in [
        (GET, json!({ "role": "r" }), "rbac.*.read_role"),
        ("permissions.listRoles", json!({}), "rbac.*.read_role"),
        (DELETE, json!({ "role": "r" }), "rbac.*.delete_role"),
    ] {
        assert_eq!(refusal(t.v2(operation, body.clone()).bearer(&maker)).await, lacks(needed));
        if operation != "permissions.listRoles" {
            assert_eq!(refusal(t.v2(operation, json!({ "role": "absent" })).bearer(&maker)).await, lacks(needed));
        }
        let may = t.root_key_with(&[needed]).await;
        assert_eq!(t.v2(operation, body).bearer(&may).send().await.status, 200);
    }
    let restore = json!({ "role": "r" });
    assert_eq!(refusal(t.v2(RESTORE, restore.clone()).bearer(&maker)).await, lacks("rbac.*.add_role_to_key"));
    let may = t.root_key_with(&["rbac.*.create_role", "rbac.*.add_role_to_key"]).await;
    assert_eq!(t.v2(RESTORE, restore).bearer(&may).send().await.status, 200);
}

async fn listed_and_searched(t: TestApp) {
    let mut ids = Vec::new();
    for (name, description) in [("a_b", "One"), ("axb", "50%"), ("Third", ""), ("fourth", ""), ("fifth", "")] {
        let made = t.v2_data(CREATE, json!({ "name": name, "description": description, "permissions": ["p"] })).await;
        ids.push(text(&made["roleId"]));
    }
    ids.sort_unstable();
    let found = pages(&t, "permissions.listRoles", json!({})).await;
    assert_eq!(found.iter().map(Vec::len).collect::<Vec<_>>(), [2, 2, 1]);
    let all = found.concat();
    assert_eq!(all.iter().map(|item| text(&item["id"])).collect::<Vec<_>>(), ids);
    assert!(all.iter().all(|item| item["permissions"][0]["slug"] == "p"));
    for (search, expected) in
        [("a_b", vec!["a_b"]), ("%", vec!["axb"]), ("THIRD", vec!["Third"]), ("one", vec!["a_b"]), ("zzzz", vec![])]
    {
        let found = t.v2_data("permissions.listRoles", json!({ "search": search })).await;
        assert_eq!(each(&found, "name"), expected, "{search}");
    }
    t.v2_data(DELETE, json!({ "role": "third" })).await;
    assert_eq!(t.v2_data("permissions.listRoles", json!({ "search": "THIRD" })).await, json!([]));
    let past = t.v2("permissions.listRoles", json!({ "cursor": "zzz" })).send().await.body;
    assert_eq!((&past["data"], &past["pagination"]), (&json!([]), &json!({ "hasMore": false })));
}

async fn its_permissions_are_replaced(t: TestApp) {
    let api = t.key_api("payments").await;
    let id = role(&t, "r", &["a", "b"]).await;
    let (_, key) = t.key(json!({ "apiId": api, "roles": ["r"] })).await;
    let b = text(&t.v2_data("permissions.getPermission", json!({ "permission": "b" })).await["id"]);
    let after = t.v2_data(SET, json!({ "roleId": id, "permissions": ["z", b, "C", "c", "B"] })).await;
    assert_eq!(each(&after, "slug"), ["C", "b", "z"], "in the order of slugs; an id does, too");
    assert_eq!(code(&t, &key, "C AND b AND z").await, "VALID");
    assert_eq!(code(&t, &key, "a").await, "INSUFFICIENT_PERMISSIONS");
    assert_eq!(t.v2_data(SET, json!({ "roleId": id, "permissions": [] })).await, json!([]));
    assert_eq!(code(&t, &key, "b").await, "INSUFFICIENT_PERMISSIONS");
    assert_eq!(t.v2_data("permissions.listPermissions", json!({})).await.as_array().unwrap().len(), 4, "they stay");
}

async fn the_same_permissions_again(t: TestApp) {
    let id = role(&t, "r", &["a", "b"]).await;
    let before = t.entries("sapi").await.len();
    for permissions in [json!(["a", "b"]), json!(["B", "a", "A"])] {
        let after = t.v2_data(SET, json!({ "roleId": id, "permissions": permissions })).await;
        assert_eq!(each(&after, "slug"), ["a", "b"]);
    }
    assert_eq!(t.entries("sapi").await.len(), before, "what changes nothing leaves no entry");
}

async fn what_a_replacement_refuses(t: TestApp) {
    let id = role(&t, "named", &["a"]).await;
    assert_eq!(refusal(t.v2(SET, json!({ "roleId": "named", "permissions": [] }))).await, no_role(), "an id only");
    assert_eq!(refusal(t.v2(SET, json!({ "roleId": id, "permissions": ["a b"] }))).await.0, 400);
    let both = ["rbac.*.add_permission_to_role", "rbac.*.remove_permission_from_role"];
    let body = json!({ "roleId": id, "permissions": ["new"] });
    for (held, missing) in [(both[0], both[1]), (both[1], both[0])] {
        let half = t.root_key_with(&[held]).await;
        assert_eq!(refusal(t.v2(SET, body.clone()).bearer(&half)).await, lacks(missing));
    }
    let may = t.root_key_with(&both).await;
    assert_eq!(refusal(t.v2(SET, body).bearer(&may)).await, lacks("rbac.*.create_permission"));
    assert_eq!(slugs(&t, &id).await, ["a"]);
    let found = t.v2("permissions.getPermission", json!({ "permission": "new" }));
    assert_eq!(refusal(found).await, no_permission());
    assert_eq!(t.v2(SET, json!({ "roleId": id, "permissions": [] })).bearer(&may).send().await.status, 200);
}

async fn deleted_and_whoever_had_it_lost_it(t: TestApp) {
    let api = t.key_api("payments").await;
    role(&t, "r", &["a"]).await;
    let (id, key) = t.key(json!({ "apiId": api, "roles": ["r"] })).await;
    assert_eq!(t.v2_data(DELETE, json!({ "role": "R" })).await, json!({}));
    let verdict = t.verify(&key, Some("a")).await;
    assert_eq!((&verdict["code"], verdict.get("roles")), (&json!("INSUFFICIENT_PERMISSIONS"), None));
    assert_eq!(t.v2_data("keys.getKey", json!({ "keyId": id })).await.get("roles"), None);
    assert_eq!(t.v2_data("permissions.getPermission", json!({ "permission": "a" })).await["slug"], "a", "it stays");
    for operation in [GET, DELETE] {
        assert_eq!(refusal(t.v2(operation, json!({ "role": "r" }))).await, no_role());
    }
    // Another one with its name is another one.
    role(&t, "r", &["a"]).await;
    assert_eq!(code(&t, &key, "a").await, "INSUFFICIENT_PERMISSIONS");
}

async fn restored_for_exactly_those_who_had_it(t: TestApp) {
    let api = t.key_api("payments").await;
    let id = role(&t, "r", &["a", "b"]).await;
    let (_, had) = t.key(json!({ "apiId": api, "roles": ["r"] })).await;
    let (taken_from, lost) = t.key(json!({ "apiId": api, "roles": ["r"] })).await;
    let (_, never) = t.key(json!({ "apiId": api })).await;
    t.v2_data(DELETE, json!({ "role": id })).await;
    t.v2_data("keys.setRoles", json!({ "keyId": taken_from, "roles": [] })).await;
    t.v2_data("permissions.deletePermission", json!({ "permission": "b" })).await;
    let restored = t.v2_data(RESTORE, json!({ "role": id })).await;
    assert_eq!((&restored["id"], each(&restored["permissions"], "slug")), (&json!(id), vec!["a".to_owned()]));
    assert_eq!(code(&t, &had, "a").await, "VALID");
    for key in [&lost, &never] {
        assert_eq!(code(&t, key, "a").await, "INSUFFICIENT_PERMISSIONS");
    }
    t.v2_data("permissions.restorePermission", json!({ "permission": "b" })).await;
    assert_eq!(code(&t, &had, "a AND b").await, "VALID");
}

async fn a_restore_can_be_in_the_way_or_too_late(t: TestApp) {
    let old = role(&t, "r", &[]).await;
    t.v2_data(DELETE, json!({ "role": old })).await;
    let new = role(&t, "R", &[]).await;
    assert_eq!(refusal(t.v2(RESTORE, json!({ "role": old }))).await, taken("r"));
    assert_eq!(refusal(t.v2(RESTORE, json!({ "role": new }))).await, no_role(), "it is there");
    t.clock.advance(1);
    t.v2_data(DELETE, json!({ "role": new })).await;
    assert_eq!(t.v2_data(RESTORE, json!({ "role": "r" })).await["id"], new, "the one that was deleted last");
    t.v2_data(DELETE, json!({ "role": new })).await;
    t.clock.advance(30 * 24 * 60 * 60);
    for named in [old.as_str(), new.as_str(), "r"] {
        assert_eq!(refusal(t.v2(RESTORE, json!({ "role": named }))).await, no_role());
    }
}

async fn permissions_of_other_apis(t: TestApp) {
    t.api("https://a.example/", &["read", "only.a"]).await;
    t.api("https://b.example/", &["read"]).await;
    let id = role(&t, "r", &["only.a"]).await;
    assert_eq!(slugs(&t, &id).await, ["only.a"]);
    let (status, kind, detail) = refusal(t.v2(SET, json!({ "roleId": id, "permissions": ["read", "new"] }))).await;
    assert_eq!((status, kind.as_str()), (400, "invalid_input"), "{detail}");
    let (status, _, _) = refusal(t.v2(CREATE, json!({ "name": "s", "permissions": ["read", "new"] }))).await;
    assert_eq!((status, slugs(&t, &id).await), (400, vec!["only.a".to_owned()]));
    let found = t.v2("permissions.getPermission", json!({ "permission": "new" }));
    assert_eq!(refusal(found).await, no_permission());
}

async fn many_at_once_share_a_new_permission(t: TestApp) {
    let names = ["one", "two", "three", "four", "five", "six"];
    let calls = names.map(|name| t.v2(CREATE, json!({ "name": name, "permissions": ["shared"] })).send());
    for reply in futures_util::future::join_all(calls).await {
        assert_eq!(reply.status, 200, "{}", reply.body);
    }
    assert_eq!(each(&t.v2_data("permissions.listPermissions", json!({})).await, "slug"), ["shared"]);
    let entries = t.entries("sapi").await;
    let made = entries.iter().filter(|entry| entry["details"]["after"].get("createdPermissions").is_some()).count();
    assert_eq!(made, 1, "only one of them made it");
    let same = ["same"; 4].map(|name| t.v2(CREATE, json!({ "name": name })).send());
    let replies = futures_util::future::join_all(same).await;
    let mut statuses: Vec<u16> = replies.iter().map(|reply| reply.status.as_u16()).collect();
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 409, 409, 409]);
}
