use serde_json::{Value, json};

use super::{each, no_user, pairs, refusal, role, user};
use crate::support::TestApp;

on_both_engines!(permissions_of_one_api, roles_that_give_one, roles_in_effect, going_on, what_is_refused);

const A: &str = "https://a.example/";
const B: &str = "https://b.example/";

/// A user with roles `r` (x, y) and `s` (x), who has x and z directly, and a permission of another API.
async fn prepared(t: &TestApp) -> (String, String, String) {
    let id = user(t, "one").await;
    t.api(A, &["z", "y", "x", "w"]).await;
    let (r, s) = (role(t, "r", &["x", "y"]).await, role(t, "s", &["x"]).await);
    t.api(B, &["other"]).await;
    t.post(&format!("users/{id}/roles"), json!({ "roles": [s, r] })).send().await;
    for (api, values) in [(A, &["x", "z"][..]), (B, &["other"])] {
        t.post(&format!("users/{id}/permissions"), pairs(api, values)).send().await;
    }
    (id, r, s)
}

async fn permissions_of_one_api(t: TestApp) {
    let (id, ..) = prepared(&t).await;
    let path = format!("users/{id}/effective-permissions?resource_server_identifier={A}");
    let body = t.get(&path).send().await.body;
    let item = |name: &str, sources: Value| {
        json!({
            "permission_name": name, "description": "", "resource_server_name": "Test", "resource_server_identifier": A,
            "sources": sources,
        })
    };
    assert_eq!(
        body,
        json!({ "permissions": [
            item("x", json!(["direct", "roles"])), item("y", json!(["roles"])), item("z", json!(["direct"])),
        ]})
    );
    t.v2_data("permissions.deleteRole", json!({ "role": "r" })).await;
    let names = each(&t.get(&path).send().await.body["permissions"], "permission_name");
    assert_eq!(names, ["x", "z"], "a deleted role gives nothing");
}

async fn roles_that_give_one(t: TestApp) {
    let (id, r, s) = prepared(&t).await;
    let path = format!("users/{id}/effective-permissions/sources/effective-roles?resource_server_identifier={A}");
    let of = |id: &str, name: &str| json!({ "id": id, "name": name, "description": "", "sources": ["direct"] });
    for (name, roles) in
        [("x", json!([of(&r, "r"), of(&s, "s")])), ("y", json!([of(&r, "r")])), ("z", json!([])), ("w", json!([]))]
    {
        let body = t.get(&format!("{path}&permission_name={name}")).send().await.body;
        assert_eq!(body, json!({ "roles": roles }), "{name}");
    }
}

async fn roles_in_effect(t: TestApp) {
    let (id, r, s) = prepared(&t).await;
    let of = |id: &str, name: &str| json!({ "id": id, "name": name, "description": "", "sources": ["direct"] });
    let body = t.get(&format!("users/{id}/effective-roles")).send().await.body;
    assert_eq!(body, json!({ "roles": [of(&r, "r"), of(&s, "s")] }));
}

async fn going_on(t: TestApp) {
    let (id, ..) = prepared(&t).await;
    let path = format!("users/{id}/effective-permissions?resource_server_identifier={A}");
    let (mut seen, mut more) = (Vec::new(), String::new());
    loop {
        let body = t.get(&format!("{path}&take=2{more}")).send().await.body;
        seen.extend(each(&body["permissions"], "permission_name"));
        let Some(next) = body.get("next") else { break };
        more = format!("&from={}", next.as_str().unwrap());
    }
    assert_eq!(seen, ["x", "y", "z"]);
    let first = t.get(&format!("users/{id}/effective-roles?take=1")).send().await.body;
    assert_eq!(each(&first["roles"], "name"), ["r"]);
    // What goes away in between does not make anything else be passed over.
    t.v2_data("permissions.deleteRole", json!({ "role": "r" })).await;
    let rest = format!("users/{id}/effective-roles?take=1&from={}", first["next"].as_str().unwrap());
    assert_eq!(each(&t.get(&rest).send().await.body["roles"], "name"), ["s"]);
}

async fn what_is_refused(t: TestApp) {
    let (id, ..) = prepared(&t).await;
    let path = format!("users/{id}/effective-permissions");
    let missing = t.get(&path).send().await;
    assert_eq!(
        refusal(&missing),
        (400, "Query validation error: 'Missing required property: resource_server_identifier'.")
    );
    assert_eq!(missing.body["errorCode"], "invalid_query_string");
    let sources = format!("{path}/sources/effective-roles?resource_server_identifier={A}");
    let missing = t.get(&sources).send().await;
    assert_eq!(refusal(&missing), (400, "Query validation error: 'Missing required property: permission_name'."));
    let unknown = t.get(&format!("{sources}&permission_name=never")).send().await;
    assert_eq!(unknown.body["errorCode"], "inexistent_resource_server_permission");
    let unknown = t.get(&format!("{path}?resource_server_identifier=https://never.example/")).send().await;
    assert_eq!((unknown.status.as_u16(), &unknown.body["errorCode"]), (404, &json!("inexistent_resource_server")));
    for path in [
        format!("users/x/effective-permissions?resource_server_identifier={A}"),
        format!(
            "users/x/effective-permissions/sources/effective-roles?resource_server_identifier={A}&permission_name=x"
        ),
        "users/x/effective-roles".to_owned(),
    ] {
        assert_eq!(t.get(&path).send().await.body, no_user(), "{path}");
    }
    for bad in ["take=0", "from=%F0", "page=1"] {
        assert_eq!(t.get(&format!("users/{id}/effective-roles?{bad}")).send().await.status, 400, "{bad}");
    }
}
