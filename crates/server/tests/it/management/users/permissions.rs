use serde_json::{Value, json};

use super::{each, no_user, pairs, refusal, role, user};
use crate::support::{Settings, TestApp};

on_both_engines!(
    given_and_taken,
    own_ones_and_those_of_roles,
    all_or_nothing,
    what_is_refused,
    deleted_ones_are_not_shown_and_come_back,
    an_api_takes_its_permissions_along,
    order_and_pages,
    no_more_than_the_limit,
);

const A: &str = "https://a.example/";
const B: &str = "https://b.example/";

async fn names(t: &TestApp, user: &str) -> Vec<String> {
    each(&t.get(&format!("users/{user}/permissions")).send().await.body, "permission_name")
}

async fn give(t: &TestApp, user: &str, identifier: &str, values: &[&str]) {
    let reply = t.post(&format!("users/{user}/permissions"), pairs(identifier, values)).send().await;
    assert_eq!((reply.status.as_u16(), reply.body), (201, json!({})));
}

async fn given_and_taken(t: TestApp) {
    let id = user(&t, "one").await;
    let path = format!("users/{id}/permissions");
    t.api(A, &["x", "y"]).await;
    assert_eq!(t.get(&path).send().await.body, json!([]));
    give(&t, &id, A, &["x", "x"]).await;
    let revision = t.app.revision();
    give(&t, &id, A, &["x"]).await;
    assert_eq!(t.app.revision(), revision, "again changes nothing");
    assert_eq!(
        t.get(&path).send().await.body,
        json!([{
            "permission_name": "x", "description": "", "resource_server_name": "Test", "resource_server_identifier": A,
            "sources": [{"source_id": "", "source_name": "", "source_type": "DIRECT"}],
        }])
    );
    give(&t, &id, A, &["y"]).await;
    // What is not held, never was, or belongs to nothing, is taken already.
    for body in [pairs(A, &["x"]), pairs(A, &["x"]), pairs(A, &["never"]), pairs("https://never.example/", &["x"])] {
        let reply = t.delete(&path).json(body).send().await;
        assert_eq!((reply.status.as_u16(), reply.bytes.len()), (204, 0));
        assert_eq!(names(&t, &id).await, ["y"]);
    }
}

async fn own_ones_and_those_of_roles(t: TestApp) {
    let id = user(&t, "one").await;
    let other = user(&t, "two").await;
    t.api(A, &["x", "y"]).await;
    let (r, s) = (role(&t, "r", &["x", "y"]).await, role(&t, "s", &["x"]).await);
    give(&t, &id, A, &["x"]).await;
    t.post(&format!("users/{id}/roles"), json!({ "roles": [s, r] })).send().await;
    let list = t.get(&format!("users/{id}/permissions")).send().await.body;
    let by = |role: &str, name: &str| json!({ "source_id": role, "source_name": name, "source_type": "ROLE" });
    assert_eq!(each(&list, "permission_name"), ["x", "y"]);
    let direct = json!({ "source_id": "", "source_name": "", "source_type": "DIRECT" });
    assert_eq!(list[0]["sources"], json!([direct, by(&r, "r"), by(&s, "s")]));
    assert_eq!(list[1]["sources"], json!([by(&r, "r")]));
    // Taking the own one away leaves what the roles give.
    t.delete(&format!("users/{id}/permissions")).json(pairs(A, &["x", "y"])).send().await;
    assert_eq!(names(&t, &id).await, ["x", "y"]);
    t.delete(&format!("users/{id}/roles")).json(json!({ "roles": [r] })).send().await;
    assert_eq!(names(&t, &id).await, ["x"]);
    assert_eq!(names(&t, &other).await, [""; 0], "nobody else has anything of it");
}

async fn all_or_nothing(t: TestApp) {
    let id = user(&t, "one").await;
    t.api(A, &["x"]).await;
    let path = format!("users/{id}/permissions");
    let unknown = t.post(&path, pairs(A, &["x", "z"])).send().await;
    assert_eq!(
        unknown.body,
        json!({
            "statusCode": 404, "error": "Not Found", "errorCode": "inexistent_resource_server_permission",
            "message": "This permission does not exist: 'https://a.example/ - z'",
        })
    );
    let mut body = pairs(A, &["x"]);
    let more = pairs("https://never.example/", &["x"])["permissions"][0].clone();
    body["permissions"].as_array_mut().unwrap().push(more);
    let unknown = t.post(&path, body).send().await;
    assert_eq!(
        (refusal(&unknown), &unknown.body["errorCode"]),
        ((404, "The resource server does not exist"), &json!("inexistent_resource_server"))
    );
    assert_eq!(names(&t, &id).await, [""; 0]);
}

async fn what_is_refused(t: TestApp) {
    let api = t.api(A, &["x"]).await;
    for method in ["GET", "POST", "DELETE"] {
        let call = t.call(method.parse().unwrap(), "users/auth0%7Cnobody/permissions").json(pairs(A, &["x"]));
        assert_eq!(call.send().await.body, no_user(), "{method}");
    }
    let id = user(&t, "one").await;
    let path = format!("users/{id}/permissions");
    for body in [
        json!({}),
        json!({ "permissions": [] }),
        json!({ "permissions": ["x"] }),
        json!({ "permissions": [{"permission_name": "x"}] }),
        json!({ "permissions": [{"resource_server_identifier": A}] }),
        json!({ "permissions": [{"resource_server_identifier": A, "permission_name": "x", "y": 1}] }),
        json!({ "permissions": [{"resource_server_identifier": A, "permission_name": "\u{0}"}] }),
        Value::Null,
    ] {
        assert_eq!(t.post(&path, body.clone()).send().await.status, 400, "{body}");
        assert_eq!(t.delete(&path).json(body.clone()).send().await.status, 400, "{body}");
    }
    assert_eq!(t.post(&path, pairs(&api, &["x"])).send().await.status, 404, "the key is the identifier, never the id");
    assert_eq!(names(&t, &id).await, [""; 0]);
}

async fn deleted_ones_are_not_shown_and_come_back(t: TestApp) {
    let id = user(&t, "one").await;
    let api = t.api(A, &["x", "y"]).await;
    give(&t, &id, A, &["x", "y"]).await;
    let x = t.v2_data("permissions.getPermission", json!({ "permission": "x" })).await["id"].clone();
    assert_eq!(t.delete(&format!("resource-servers/{api}/scopes/x")).send().await.status, 204);
    assert_eq!(names(&t, &id).await, ["y"]);
    let reply = t.delete(&format!("users/{id}/permissions")).json(pairs(A, &["x"])).send().await;
    assert_eq!(reply.status, 204, "naming it is no mistake");
    // Another one with the value is another one.
    t.post(&format!("resource-servers/{api}/scopes"), json!({ "value": "x" })).send().await;
    assert_eq!(names(&t, &id).await, ["y"]);
    t.delete(&format!("resource-servers/{api}/scopes/x")).send().await;
    t.v2_data("permissions.restorePermission", json!({ "permission": x })).await;
    assert_eq!(names(&t, &id).await, ["x", "y"], "what was restored is held as before");
    // A rename changes what it is called, and not who holds it.
    t.patch(&format!("resource-servers/{api}/scopes/x"), json!({ "value": "z", "description": "Zed" })).send().await;
    let list = t.get(&format!("users/{id}/permissions")).send().await.body;
    assert_eq!(each(&list, "permission_name"), ["y", "z"]);
    assert_eq!(list[1]["description"], "Zed");
}

async fn an_api_takes_its_permissions_along(t: TestApp) {
    let id = user(&t, "one").await;
    let api = t.api(A, &["x"]).await;
    t.api(B, &["x"]).await;
    give(&t, &id, A, &["x"]).await;
    give(&t, &id, B, &["x"]).await;
    t.delete(&format!("resource-servers/{api}")).send().await;
    let list = t.get(&format!("users/{id}/permissions")).send().await.body;
    assert_eq!(each(&list, "resource_server_identifier"), [B]);
    let reply = t.delete(&format!("users/{id}/permissions")).json(pairs(A, &["x"])).send().await;
    assert_eq!(reply.status, 204);
    t.api(A, &["x"]).await;
    assert_eq!(names(&t, &id).await, ["x"], "an API with the same identifier resurrects nothing");
}

async fn order_and_pages(t: TestApp) {
    let id = user(&t, "one").await;
    t.api(B, &["p:2", "p:10", "Z"]).await;
    t.api(A, &["p:10"]).await;
    give(&t, &id, B, &["p:2", "p:10", "Z"]).await;
    give(&t, &id, A, &["p:10"]).await;
    let path = format!("users/{id}/permissions");
    let list = t.get(&path).send().await.body;
    assert_eq!(each(&list, "permission_name"), ["Z", "p:10", "p:10", "p:2"]);
    assert_eq!(each(&list, "resource_server_identifier"), [B, A, B, B]);
    let page = t.get(&format!("{path}?page=1&per_page=3&include_totals=true")).send().await.body;
    assert_eq!((&page["start"], &page["limit"], &page["total"]), (&json!(3), &json!(3), &json!(4)));
    assert_eq!(page["permissions"], json!([list[3]]));
    assert_eq!(t.get(&format!("{path}?page=2&per_page=3")).send().await.body, json!([]));
    for bad in ["per_page=101", "page=-1", "take=5", "color=red"] {
        assert_eq!(t.get(&format!("{path}?{bad}")).send().await.status, 400, "{bad}");
    }
    let t = t.restart(Settings { seed: 8, ..Settings::default() }).await;
    assert_eq!(t.get(&path).send().await.body, list, "they are there after a restart");
}

async fn no_more_than_the_limit(t: TestApp) {
    let limits = Settings::default().limits;
    let settings = Settings {
        seed: 8,
        limits: keyward_server::config::Limits { permissions_per_user: 2, ..limits },
        ..Settings::default()
    };
    assert_eq!(limits.permissions_per_user, 1000, "the default is the contract's");
    let t = t.restart(settings).await;
    let id = user(&t, "one").await;
    let api = t.api(A, &["w", "x", "y", "z"]).await;
    give(&t, &id, A, &["x", "y"]).await;
    let over = t.post(&format!("users/{id}/permissions"), pairs(A, &["x", "z"])).send().await;
    assert_eq!(refusal(&over), (400, "No more permissions can be assigned to this user."));
    assert_eq!(names(&t, &id).await, ["x", "y"]);
    give(&t, &id, A, &["y", "x"]).await;
    // One that is deleted makes room, and what roles give does not count.
    t.delete(&format!("resource-servers/{api}/scopes/x")).send().await;
    give(&t, &id, A, &["z"]).await;
    let r = role(&t, "r", &["w"]).await;
    t.post(&format!("users/{id}/roles"), json!({ "roles": [r] })).send().await;
    assert_eq!(names(&t, &id).await, ["w", "y", "z"]);
}
