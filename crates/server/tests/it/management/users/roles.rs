use serde_json::{Value, json};

use super::{create, each, no_role, no_user, refusal, role, user, wanted};
use crate::support::{Settings, TestApp};

on_both_engines!(
    given_and_taken,
    all_or_nothing,
    what_is_refused,
    deleted_roles_are_not_shown_and_come_back,
    nothing_is_resurrected,
    pages,
    members_in_the_order_they_came,
    members_of_a_role,
    no_more_than_the_limit,
);

async fn names(t: &TestApp, user: &str) -> Vec<String> {
    each(&t.get(&format!("users/{user}/roles")).send().await.body, "name")
}

async fn assign(t: &TestApp, user: &str, roles: &[&str]) -> u16 {
    t.post(&format!("users/{user}/roles"), json!({ "roles": roles })).send().await.status.as_u16()
}

async fn given_and_taken(t: TestApp) {
    let id = user(&t, "one").await;
    let path = format!("users/{id}/roles");
    assert_eq!(t.get(&path).send().await.body, json!([]));
    let (b, a) = (role(&t, "b", &[]).await, role(&t, "a", &[]).await);
    let reply = t.post(&path, json!({ "roles": [b, a, b] })).send().await;
    assert_eq!((reply.status.as_u16(), reply.bytes.len()), (204, 0));
    assert_eq!(
        t.get(&path).send().await.body,
        json!([{"id": a, "name": "a", "description": ""}, {"id": b, "name": "b", "description": ""}])
    );
    let revision = t.app.revision();
    assert_eq!(assign(&t, &id, &[&a]).await, 204, "again");
    assert_eq!(t.app.revision(), revision, "and nothing changed");
    for _ in 0..2 {
        let reply = t.delete(&path).json(json!({ "roles": [a] })).send().await;
        assert_eq!((reply.status.as_u16(), reply.bytes.len()), (204, 0), "also what the user does not have");
        assert_eq!(names(&t, &id).await, ["b"]);
    }
}

async fn all_or_nothing(t: TestApp) {
    let id = user(&t, "one").await;
    let a = role(&t, "a", &[]).await;
    for unknown in ["rol_0000000000000000", "role_x", "x", &a.replace("rol_", "role_")] {
        for method in ["POST", "DELETE"] {
            let call = t.call(method.parse().unwrap(), &format!("users/{id}/roles"));
            assert_eq!(call.json(json!({ "roles": [a, unknown] })).send().await.body, no_role(), "{method} {unknown}");
        }
    }
    assert_eq!(names(&t, &id).await, [""; 0]);
    let path = format!("roles/{a}/users");
    let some = t.post(&path, json!({ "users": ["auth0|one", "auth0|nobody"] })).send().await;
    assert_eq!(
        some.body,
        json!({ "statusCode": 404, "error": "Not Found", "message": "One or more of the users do not exist." })
    );
    assert_eq!(t.get(&path).send().await.body, json!([]));
}

async fn what_is_refused(t: TestApp) {
    let a = role(&t, "a", &[]).await;
    for user in ["auth0%7Cnobody", "%00"] {
        for method in ["GET", "POST", "DELETE"] {
            let call = t.call(method.parse().unwrap(), &format!("users/{user}/roles"));
            assert_eq!(call.json(json!({ "roles": [a] })).send().await.body, no_user(), "{method}");
        }
    }
    for path in ["roles/rol_0000000000000000/users", "roles/%00/users", "roles/a/users"] {
        assert_eq!(t.get(path).send().await.body, no_role());
        assert_eq!(t.get(&format!("{path}?take=2")).send().await.body, no_role());
        assert_eq!(t.post(path, json!({ "users": ["auth0|nobody"] })).send().await.body, no_role());
    }
    let id = user(&t, "one").await;
    let path = format!("users/{id}/roles");
    let empty = t.post(&path, json!({ "roles": [] })).send().await;
    assert_eq!(
        refusal(&empty),
        (400, "Payload validation error: 'Array is too short (0), minimum 1' on property roles (List of roles IDs).")
    );
    for body in
        [json!({}), json!({ "roles": "x" }), json!({ "roles": [1] }), json!({ "roles": [a], "x": 1 }), Value::Null]
    {
        assert_eq!(t.post(&path, body.clone()).send().await.status, 400, "{body}");
        assert_eq!(t.delete(&path).json(body.clone()).send().await.status, 400, "{body}");
    }
    let path = format!("roles/{a}/users");
    for body in [json!({}), json!({ "users": [] }), json!({ "users": [""] }), json!({ "users": vec!["x"; 1001] })] {
        assert_eq!(t.post(&path, body).send().await.status, 400);
    }
    for bad in ["take=0", "take=101", "per_page=0", "from=x", "from=%F0", "from=YWJj", "page=20", "color=red"] {
        assert_eq!(t.get(&format!("{path}?{bad}")).send().await.status, 400, "{bad}");
    }
    assert_eq!(names(&t, &id).await, [""; 0]);
}

async fn deleted_roles_are_not_shown_and_come_back(t: TestApp) {
    let id = user(&t, "one").await;
    let a = role(&t, "a", &["p"]).await;
    assign(&t, &id, &[&a]).await;
    let key_id = a.replace("rol_", "role_");
    t.v2_data("permissions.deleteRole", json!({ "role": key_id })).await;
    assert_eq!(names(&t, &id).await, [""; 0]);
    assert_eq!(t.get(&format!("users/{id}/permissions")).send().await.body, json!([]));
    assert_eq!(t.get(&format!("roles/{a}/users")).send().await.body, no_role());
    let gone = t.delete(&format!("users/{id}/roles")).json(json!({ "roles": [a] })).send().await;
    assert_eq!(gone.body, no_role(), "as the original says it of a role that is gone");
    // Another role with the name is another one.
    role(&t, "a", &["p"]).await;
    assert_eq!(names(&t, &id).await, [""; 0]);
    t.v2_data("permissions.deleteRole", json!({ "role": "a" })).await;
    t.v2_data("permissions.restoreRole", json!({ "role": key_id })).await;
    assert_eq!(names(&t, &id).await, ["a"]);
    assert_eq!(each(&t.get(&format!("users/{id}/permissions")).send().await.body, "permission_name"), ["p"]);
}

async fn nothing_is_resurrected(t: TestApp) {
    let id = user(&t, "one").await;
    let api = "https://a.example/";
    t.api(api, &["x"]).await;
    let a = role(&t, "a", &[]).await;
    assign(&t, &id, &[&a]).await;
    t.post(&format!("users/{id}/permissions"), super::pairs(api, &["x"])).send().await;
    t.delete(&format!("users/{id}")).send().await;
    assert_eq!(t.get(&format!("roles/{a}/users?include_totals=true")).send().await.body["total"], 0);
    assert_eq!(user(&t, "one").await, id);
    assert_eq!(names(&t, &id).await, [""; 0]);
    assert_eq!(t.get(&format!("users/{id}/permissions")).send().await.body, json!([]));
}

async fn pages(t: TestApp) {
    let id = user(&t, "one").await;
    let mut ids = Vec::new();
    for name in ["r:2", "r:10", "R", "r:1"] {
        ids.push(role(&t, name, &[]).await);
    }
    assign(&t, &id, &ids.iter().map(String::as_str).collect::<Vec<_>>()).await;
    assert_eq!(names(&t, &id).await, ["R", "r:1", "r:10", "r:2"], "by code point");
    let page = t.get(&format!("users/{id}/roles?page=1&per_page=3&include_totals=true")).send().await.body;
    assert_eq!((&page["start"], &page["limit"], &page["total"]), (&json!(3), &json!(3), &json!(4)));
    assert_eq!(each(&page["roles"], "name"), ["r:2"]);
    assert_eq!(t.get(&format!("users/{id}/roles?page=2&per_page=3")).send().await.body, json!([]));
    assert_eq!(t.get(&format!("users/{id}/roles?per_page=101")).send().await.status, 400);
    // They are there after a restart.
    let t = t.restart(Settings { seed: 8, ..Settings::default() }).await;
    assert_eq!(names(&t, &id).await, ["R", "r:1", "r:10", "r:2"]);
}

async fn members_in_the_order_they_came(t: TestApp) {
    let a = role(&t, "a", &[]).await;
    let path = format!("roles/{a}/users");
    for own in ["d", "b", "c", "a", "e"] {
        user(&t, own).await;
    }
    // Two at once follow each other by id.
    for at_once in [&["auth0|d"][..], &["auth0|c", "auth0|b"], &["auth0|e", "auth0|a", "auth0|d"]] {
        t.clock.advance(1);
        let reply = t.post(&path, json!({ "users": at_once })).send().await;
        assert_eq!((reply.status.as_u16(), reply.body), (200, json!({})));
    }
    let order = ["d", "b", "c", "a", "e"].map(|own| format!("auth0|{own}"));
    assert_eq!(each(&t.get(&path).send().await.body, "user_id"), order);
    let page = t.get(&format!("{path}?page=1&per_page=2&include_totals=true")).send().await.body;
    assert_eq!((&page["start"], &page["limit"], &page["total"]), (&json!(2), &json!(2), &json!(5)));
    assert_eq!(each(&page["users"], "user_id"), order[2..4]);
    for take in 1..=5 {
        let (mut seen, mut more) = (Vec::new(), String::new());
        loop {
            let body = t.get(&format!("{path}?include_totals=true&per_page=50&take={take}{more}")).send().await.body;
            assert_eq!((body.get("total"), body.get("start")), (None, None), "what is for pages is ignored");
            seen.extend(each(&body["users"], "user_id"));
            let Some(next) = body.get("next") else { break };
            more = format!("&from={}", next.as_str().unwrap());
        }
        assert_eq!(seen, order, "{take}");
    }
    let far = t.get(&format!("{path}?page=10&per_page=100")).send().await;
    assert_eq!(far.body["errorCode"], "invalid_paging");
}

async fn members_of_a_role(t: TestApp) {
    let a = role(&t, "a", &[]).await;
    let mut body = wanted("one@example.com");
    body["name"] = "One".into();
    body["picture"] = "https://p.example/".into();
    body["given_name"] = "O".into();
    let made = create(&t, body).await;
    t.post(&format!("roles/{a}/users"), json!({ "users": [made["user_id"]] })).send().await;
    assert_eq!(
        t.get(&format!("roles/{a}/users")).send().await.body,
        json!([{"user_id": made["user_id"], "email": "one@example.com", "picture": "https://p.example/", "name": "One"}])
    );
    let id = made["user_id"].as_str().unwrap().replace('|', "%7C");
    assert_eq!(names(&t, &id).await, ["a"], "the same from the other side");
}

async fn no_more_than_the_limit(t: TestApp) {
    let id = user(&t, "one").await;
    let mut ids = Vec::new();
    for number in 0..51 {
        ids.push(role(&t, &format!("r{number:02}"), &[]).await);
    }
    let path = format!("users/{id}/roles");
    assert_eq!(t.post(&path, json!({ "roles": ids })).send().await.status, 403);
    assert_eq!(names(&t, &id).await, [""; 0], "none of them");
    assert_eq!(t.post(&path, json!({ "roles": ids[..50] })).send().await.status, 204);
    let over = t.post(&path, json!({ "roles": [ids[50]] })).send().await;
    assert_eq!((over.status.as_u16(), &over.body["errorCode"]), (403, &json!("entity_limit_reached")));
    let other = t.post(&format!("roles/{}/users", ids[50]), json!({ "users": ["auth0|one"] })).send().await;
    assert_eq!(other.status, 403, "nor from the other side");
    assert_eq!(t.post(&path, json!({ "roles": ids[..50] })).send().await.status, 204, "what is there is no more");
    // One that is deleted makes room.
    t.v2_data("permissions.deleteRole", json!({ "role": "r00" })).await;
    assert_eq!(t.post(&path, json!({ "roles": [ids[50]] })).send().await.status, 204);
}
