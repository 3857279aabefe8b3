//! What a role gives: listed, added, and what is refused.

use serde_json::{Value, json};

use super::{give, given, named, no_role, pairs, role, take};
use crate::support::{Settings, TestApp};

on_both_engines!(
    listed_as_they_are_now,
    in_the_order_of_values_and_then_identifiers,
    given_again,
    all_or_none,
    an_identifier_is_no_id,
    a_role_that_is_not_there,
    bad_bodies,
    as_many_as_a_role_may_give,
    a_limit_and_who_is_above_it,
    many_at_once_stay_below_the_limit,
    without_a_limit,
);

const A: &str = "https://a.example/";
const B: &str = "https://b.example/";

async fn listed_as_they_are_now(t: TestApp) {
    let api = t.api(A, &[]).await;
    let scopes = json!([{"value": "read", "description": "Reads"}, {"value": "write"}]);
    t.patch(&format!("resource-servers/{api}"), json!({ "scopes": scopes })).send().await;
    t.post("resource-servers", json!({ "identifier": B, "scopes": [{"value": "x"}] })).send().await;
    let id = role(&t, "r").await;
    let path = format!("roles/{id}/permissions");
    assert_eq!(t.get(&path).send().await.body, json!([]));
    give(&t, &id, &[(A, "write"), (B, "x"), (A, "read")]).await;
    let item = |value: &str, description: &str, name: &str, identifier: &str| {
        json!({
            "permission_name": value, "description": description, "resource_server_name": name,
            "resource_server_identifier": identifier,
        })
    };
    let expected = json!([item("read", "Reads", "Test", A), item("write", "", "Test", A), item("x", "", "", B)]);
    assert_eq!(t.get(&path).send().await.body, expected);
    let totals = t.get(&format!("{path}?include_totals=true")).send().await.body;
    assert_eq!(totals, json!({ "start": 0, "limit": 50, "total": 3, "permissions": expected }));
    t.patch(&format!("resource-servers/{api}"), json!({ "name": "Other" })).send().await;
    t.patch(&format!("resource-servers/{api}/scopes/read"), json!({ "value": "see", "description": "Sees" }))
        .send()
        .await;
    let seen = t.get(&path).send().await.body;
    assert_eq!(seen[0], item("see", "Sees", "Other", A), "a permission that is renamed is still given");
    assert_eq!(t.get(&format!("{path}?per_page=0")).send().await.status, 400);
    assert_eq!(t.get(&format!("{path}?name_filter=x")).send().await.status, 400);
}

async fn in_the_order_of_values_and_then_identifiers(t: TestApp) {
    t.api(B, &["permission:10", "permission:2", "B"]).await;
    t.api(A, &["permission:2", "a", "\u{e4}"]).await;
    let id = role(&t, "r").await;
    let all = [(B, "B"), (A, "a"), (B, "permission:10"), (A, "permission:2"), (B, "permission:2"), (A, "\u{e4}")];
    let mut shuffled = all;
    shuffled.reverse();
    give(&t, &id, &shuffled).await;
    assert_eq!(given(&t, &id).await, pairs(&all));
    let mut seen = Vec::new();
    for page in 0..4 {
        let path = format!("roles/{id}/permissions?page={page}&per_page=2&include_totals=true");
        let body = t.get(&path).send().await.body;
        assert_eq!((&body["start"], &body["limit"], &body["total"]), (&json!(page * 2), &json!(2), &json!(6)));
        seen.extend(body["permissions"].as_array().unwrap().iter().map(|item| item["permission_name"].clone()));
    }
    assert_eq!(seen, all.map(|(_, value)| json!(value)));
}

async fn given_again(t: TestApp) {
    t.api(A, &["a", "b"]).await;
    let id = role(&t, "r").await;
    give(&t, &id, &[(A, "a"), (A, "a")]).await;
    let (revision, entries) = (t.app.revision(), t.entries("sapi").await.len());
    give(&t, &id, &[(A, "a")]).await;
    assert_eq!((t.app.revision(), t.entries("sapi").await.len()), (revision, entries), "nothing was written");
    give(&t, &id, &[(A, "b"), (A, "a")]).await;
    assert_eq!(given(&t, &id).await, pairs(&[(A, "a"), (A, "b")]));
}

async fn all_or_none(t: TestApp) {
    t.api(A, &["a", "b", "gone"]).await;
    let id = role(&t, "r").await;
    give(&t, &id, &[(A, "a")]).await;
    t.delete("resource-servers/https%3A%2F%2Fa.example%2F/scopes/gone").send().await;
    let no_permission = |identifier: &str, value: &str| {
        json!({
            "statusCode": 404, "error": "Not Found", "errorCode": "inexistent_resource_server_permission",
            "message": format!("This permission does not exist: '{identifier} - {value}'"),
        })
    };
    let no_api = json!({
        "statusCode": 404, "error": "Not Found", "errorCode": "inexistent_resource_server",
        "message": "The resource server does not exist",
    });
    for (last, expected) in [
        ((A, "c"), no_permission(A, "c")),
        ((A, "A"), no_permission(A, "A")),
        ((A, ""), no_permission(A, "")),
        ((A, "gone"), no_permission(A, "gone")),
        ((B, "a"), no_api.clone()),
        (("", "a"), no_api),
    ] {
        let call = t.post(&format!("roles/{id}/permissions"), named(&[(A, "b"), last]));
        assert_eq!(call.send().await.body, expected);
        assert_eq!(given(&t, &id).await, pairs(&[(A, "a")]));
    }
}

async fn an_identifier_is_no_id(t: TestApp) {
    let api = t.api(A, &["a"]).await;
    let id = role(&t, "r").await;
    let reply = t.post(&format!("roles/{id}/permissions"), named(&[(&api, "a")])).send().await;
    assert_eq!((reply.status.as_u16(), &reply.body["errorCode"]), (404, &json!("inexistent_resource_server")));
    give(&t, &id, &[(A, "a")]).await;
    take(&t, &id, &[(&api, "a")]).await;
    assert_eq!(given(&t, &id).await, pairs(&[(A, "a")]));
}

async fn a_role_that_is_not_there(t: TestApp) {
    t.api(A, &["a"]).await;
    let gone = role(&t, "r").await;
    t.delete(&format!("roles/{gone}")).send().await;
    for id in [gone.as_str(), "rol_0000000000000000", "r"] {
        let path = format!("roles/{id}/permissions");
        let body = named(&[(A, "a")]);
        for call in [t.get(&path), t.post(&path, body.clone()), t.delete(&path).json(body)] {
            let reply = call.send().await;
            assert_eq!((reply.status.as_u16(), reply.body), (404, no_role()));
        }
    }
}

async fn bad_bodies(t: TestApp) {
    t.api(A, &["a", "b"]).await;
    let id = role(&t, "r").await;
    give(&t, &id, &[(A, "a")]).await;
    let path = format!("roles/{id}/permissions");
    for (body, detail) in [
        (json!({}), "'Missing required property: permissions'."),
        (
            json!({ "permissions": [] }),
            "'Array is too short (0), minimum 1' on property permissions (Permissions of APIs).",
        ),
        (
            json!({ "permissions": {} }),
            "'Expected type array but found type object' on property permissions (Permissions of APIs).",
        ),
        (
            json!({ "permissions": [{ "permission_name": "b" }] }),
            "'Missing required property: resource_server_identifier' on property permissions[0].",
        ),
        (
            json!({ "permissions": [{ "resource_server_identifier": A }] }),
            "'Missing required property: permission_name' on property permissions[0].",
        ),
        (
            json!({ "permissions": [{ "resource_server_identifier": A, "permission_name": "b", "x": 1 }] }),
            "'Additional properties not allowed: x' on property permissions[0].",
        ),
        (
            json!({ "permissions": [{ "resource_server_identifier": A, "permission_name": 1 }] }),
            "'Expected type string but found type integer' on property permissions[0].permission_name (Value of the API's permission).",
        ),
    ] {
        let expected = json!({
            "statusCode": 400, "error": "Bad Request", "errorCode": "invalid_body",
            "message": format!("Payload validation error: {detail}"),
        });
        assert_eq!(t.post(&path, body.clone()).send().await.body, expected);
        assert_eq!(t.delete(&path).json(body).send().await.body, expected);
    }
    let mut more = named(&[(A, "b")]);
    more["color"] = "red".into();
    for body in
        [more, named(&[(A, &"x".repeat(281))]), named(&[(&"x".repeat(601), "a")]), named(&[(A, "\u{0}")]), Value::Null]
    {
        assert_eq!(t.post(&path, body.clone()).send().await.status, 400, "{body}");
        assert_eq!(t.delete(&path).json(body.clone()).send().await.status, 400, "{body}");
    }
    assert_eq!(t.delete(&path).send().await.status, 400, "no body at all");
    assert_eq!(given(&t, &id).await, pairs(&[(A, "a")]));
}

fn above_the_limit() -> Value {
    json!({
        "statusCode": 403, "error": "Forbidden", "errorCode": "entity_limit_reached",
        "message": "You reached the limit of entities of this type for this tenant.",
    })
}

async fn as_many_as_a_role_may_give(t: TestApp) {
    let values: Vec<String> = (0..1001).map(|number| format!("p{number}")).collect();
    let values: Vec<&str> = values.iter().map(String::as_str).collect();
    t.api(A, &values).await;
    let id = role(&t, "r").await;
    let all: Vec<(&str, &str)> = values.iter().map(|value| (A, *value)).collect();
    let reply = t.post(&format!("roles/{id}/permissions"), named(&all)).send().await;
    assert_eq!(reply.body, above_the_limit());
    assert_eq!(given(&t, &id).await, []);
    give(&t, &id, &all[..1000]).await;
    assert_eq!(t.post(&format!("roles/{id}/permissions"), named(&all[1000..])).send().await.body, above_the_limit());
    take(&t, &id, &all[..999]).await;
    assert_eq!(given(&t, &id).await, pairs(&all[999..1000]));
}

async fn limited(t: TestApp, limit: usize, seed: u64) -> TestApp {
    let mut settings = Settings { seed, ..Settings::default() };
    settings.limits.permissions_per_role = limit;
    t.restart(settings).await
}

async fn a_limit_and_who_is_above_it(t: TestApp) {
    let t = limited(t, 2, 8).await;
    t.api(A, &["a", "b", "c", "d"]).await;
    let id = role(&t, "r").await;
    give(&t, &id, &[(A, "a"), (A, "b")]).await;
    give(&t, &id, &[(A, "a")]).await;
    let refused = t.post(&format!("roles/{id}/permissions"), named(&[(A, "c")])).send().await;
    assert_eq!(refused.body, above_the_limit());
    // One that is deleted does not count.
    t.delete("resource-servers/https%3A%2F%2Fa.example%2F/scopes/a").send().await;
    give(&t, &id, &[(A, "c")]).await;
    let other = role(&t, "other").await;
    let doomed = t.api(B, &["x"]).await;
    give(&t, &other, &[(A, "b"), (B, "x")]).await;
    t.delete(&format!("resource-servers/{doomed}")).send().await;
    give(&t, &other, &[(A, "c")]).await;
    // The other protocol has the same limit.
    let key_id = format!("role_{}", &id[4..]);
    for (operation, body) in [
        ("permissions.createRole", json!({ "name": "s", "permissions": ["b", "c", "d"] })),
        ("permissions.setRolePermissions", json!({ "roleId": key_id, "permissions": ["b", "c", "d"] })),
    ] {
        let reply = t.v2(operation, body).send().await;
        assert_eq!(reply.status, 400, "{operation}: {}", reply.body);
    }
    assert_eq!(t.get("roles?name_filter=s").send().await.body, json!([]), "nothing was made");
    // Whoever is above a limit that came later may still go down.
    let t = limited(t, 1, 9).await;
    let same = json!({ "roleId": key_id, "permissions": ["b", "d"] });
    assert_eq!(t.v2("permissions.setRolePermissions", same).send().await.status, 200);
    assert_eq!(t.post(&format!("roles/{id}/permissions"), named(&[(A, "c")])).send().await.status, 403);
    take(&t, &id, &[(A, "b")]).await;
    assert_eq!(given(&t, &id).await, pairs(&[(A, "d")]));
}

async fn many_at_once_stay_below_the_limit(t: TestApp) {
    let t = limited(t, 3, 8).await;
    let values = ["a", "b", "c", "d", "e", "f", "g", "h"];
    t.api(A, &values).await;
    let id = role(&t, "r").await;
    let calls = values.map(|value| t.post(&format!("roles/{id}/permissions"), named(&[(A, value)])).send());
    let replies = futures_util::future::join_all(calls).await;
    assert_eq!(replies.iter().filter(|reply| reply.status == 201).count(), 3);
    assert_eq!(given(&t, &id).await.len(), 3);
}

async fn without_a_limit(t: TestApp) {
    let t = limited(t, 0, 8).await;
    let values: Vec<String> = (0..1001).map(|number| format!("p{number}")).collect();
    let values: Vec<&str> = values.iter().map(String::as_str).collect();
    t.api(A, &values).await;
    let id = role(&t, "r").await;
    give(&t, &id, &values.iter().map(|value| (A, *value)).collect::<Vec<_>>()).await;
    let last = t.get(&format!("roles/{id}/permissions?include_totals=true&page=10&per_page=100")).send().await.body;
    assert_eq!((&last["total"], last["permissions"].as_array().unwrap().len()), (&json!(1001), 1));
}
