//! Connections: the one there is from the first start on, and others.

use serde_json::{Value, json};

use crate::support::{Settings, TestApp};

on_both_engines!(
    there_is_one_from_the_start,
    lists_in_each_form,
    changes_replace_whole,
    what_is_refused,
    another_one,
    what_can_not_be_made,
    with_a_connection_go_its_users,
    of_many_users_the_first_are_named,
    a_deletion_that_can_not_be_audited_is_not_made,
);

async fn id(t: &TestApp) -> String {
    t.get("connections").send().await.body[0]["id"].as_str().unwrap().to_owned()
}

async fn there_is_one_from_the_start(t: TestApp) {
    let all = t.get("connections").send().await.body;
    let id = id(&t).await;
    assert!(id.starts_with("con_") && id.len() == 20, "{id}");
    assert_eq!(
        all,
        json!([{
            "id": id, "name": "Username-Password-Authentication", "strategy": "auth0", "options": {},
            "enabled_clients": [], "realms": ["Username-Password-Authentication"], "is_domain_connection": false,
        }])
    );
    assert_eq!(t.get(&format!("connections/{id}")).send().await.body, all[0]);
    let some = t.get(&format!("connections/{id}?fields=name,options&include_fields=true")).send().await.body;
    assert_eq!(some, json!({ "name": "Username-Password-Authentication", "options": {} }));
    assert_eq!(t.get(&format!("connections/{id}/clients?take=5")).send().await.body, json!({ "clients": [] }));
    // Another start finds it.
    let t = t.restart(Settings { seed: 8, ..Settings::default() }).await;
    assert_eq!(t.get("connections").send().await.body, all);
}

async fn lists_in_each_form(t: TestApp) {
    let count = async |query: &str| {
        let body = t.get(&format!("connections?{query}")).send().await.body;
        body.as_array().or_else(|| body["connections"].as_array()).map(Vec::len)
    };
    assert_eq!(count("name=Username-Password-Authentication&strategy=sms&strategy=auth0").await, Some(1));
    assert_eq!(count("name=other").await, Some(0));
    assert_eq!(count("strategy=sms").await, Some(0));
    assert_eq!(count("take=1").await, Some(1));
    assert_eq!(count("page=1").await, Some(0));
    let totals = t.get("connections?include_totals=true&per_page=1&fields=name").send().await.body;
    assert_eq!(
        totals,
        json!({ "start": 0, "limit": 1, "total": 1, "connections": [{"name": "Username-Password-Authentication"}] })
    );
    for bad in ["per_page=0", "take=0", "from=%F0", "fields=color", "color=red"] {
        let reply = t.get(&format!("connections?{bad}")).send().await;
        assert_eq!((reply.status.as_u16(), &reply.body["errorCode"]), (400, &json!("invalid_query_string")), "{bad}");
    }
}

async fn changes_replace_whole(t: TestApp) {
    let path = format!("connections/{}", id(&t).await);
    let set = json!({
        "options": {"requires_username": true, "a": {"b": 1}}, "display_name": "Staff", "metadata": {"x": "y"},
        "show_as_button": true, "realms": ["r"], "is_domain_connection": true,
    });
    let changed = t.patch(&path, set.clone()).send().await;
    assert_eq!(changed.status, 200, "{}", changed.body);
    for (name, value) in set.as_object().unwrap() {
        assert_eq!(changed.body[name], *value);
    }
    let changed = t.patch(&path, json!({ "options": {"c": 2}, "display_name": null, "metadata": null })).send().await;
    assert_eq!(changed.body["options"], json!({ "c": 2 }), "replaced as a whole");
    assert_eq!((changed.body.get("display_name"), changed.body.get("metadata")), (None, None));
    assert_eq!(changed.body["show_as_button"], true, "what is not sent stays");
    assert_eq!(t.get(&path).send().await.body, changed.body);
    let entry = &t.entries("sapi").await[0];
    assert_eq!(entry["description"], "Update a connection");
    assert_eq!(entry["details"]["before"]["display_name"], "Staff");
    assert_eq!(entry["details"]["after"], json!({ "options": {"c": 2} }));
    assert_eq!(t.patch(&path, json!({})).send().await.body, changed.body);
}

async fn what_is_refused(t: TestApp) {
    let path = format!("connections/{}", id(&t).await);
    for name in ["name", "strategy", "enabled_clients", "id"] {
        let mut body = json!({});
        body[name] = json!("x");
        let reply = t.patch(&path, body).send().await;
        assert_eq!(
            reply.body["message"],
            format!("Payload validation error: 'Additional properties not allowed: {name}'.")
        );
    }
    for body in [json!({ "options": [] }), json!({ "metadata": {"a": 1} }), json!({ "realms": ["\u{0}"] }), Value::Null]
    {
        assert_eq!(t.patch(&path, body).send().await.status, 400);
    }
    for missing in ["con_0000000000000000", "Username-Password-Authentication", "%00"] {
        let gone = json!({
            "statusCode": 404, "error": "Not Found", "message": "The connection does not exist",
            "errorCode": "inexistent_connection",
        });
        assert_eq!(t.get(&format!("connections/{missing}")).send().await.body, gone);
        assert_eq!(t.get(&format!("connections/{missing}/clients")).send().await.body, gone);
        assert_eq!(t.patch(&format!("connections/{missing}"), json!({})).send().await.body, gone);
    }
}

async fn another_one(t: TestApp) {
    let made = create(&t, json!({ "name": "staff", "strategy": "auth0" })).await;
    let id = made["id"].as_str().unwrap();
    assert!(id.starts_with("con_") && id.len() == 20, "{id}");
    let wanted = json!({
        "id": id, "name": "staff", "strategy": "auth0", "options": {}, "enabled_clients": [], "realms": ["staff"],
        "is_domain_connection": false,
    });
    assert_eq!(made, wanted);
    assert_eq!(t.get(&format!("connections/{id}")).send().await.body, wanted);
    let entry = &t.entries("sapi").await[0];
    assert_eq!(
        (&entry["description"], &entry["details"]["response"]["statusCode"]),
        (&json!("Create a connection"), &json!(201))
    );
    assert_eq!((&entry["details"]["after"]["id"], &entry["details"]["after"]["name"]), (&json!(id), &json!("staff")));
    let more = json!({
        "name": "Staff-2", "strategy": "auth0", "options": {"requires_username": true}, "display_name": "Staff",
        "realms": ["r"], "metadata": {"a": "b"}, "show_as_button": false, "is_domain_connection": true,
    });
    let second = create(&t, more.clone()).await;
    for (name, value) in more.as_object().unwrap() {
        assert_eq!(second[name], *value, "{name}");
    }
    // Each has its own users, with its own rules.
    let user =
        |connection: &str| json!({ "connection": connection, "email": "a@example.com", "password": "long enough" });
    assert_eq!(t.post("users", user("staff")).send().await.status, 201);
    assert_eq!(t.post("users", user("Staff-2")).send().await.status, 400, "that one wants usernames");
    assert_eq!(t.post("users", user("staff")).send().await.status, 409);
    assert_eq!(t.post("users", user("Username-Password-Authentication")).send().await.status, 201);
    let page = t.get("connections?take=2&fields=name").send().await.body;
    assert_eq!(page["connections"], json!([{ "name": "Username-Password-Authentication" }, { "name": "staff" }]));
    let next = format!("connections?take=2&fields=name&from={}", page["next"].as_str().unwrap());
    assert_eq!(t.get(&next).send().await.body, json!({ "connections": [{ "name": "Staff-2" }] }));
}

async fn what_can_not_be_made(t: TestApp) {
    let taken = json!({ "name": "Username-Password-Authentication", "strategy": "auth0" });
    assert_eq!(
        t.post("connections", taken).send().await.body,
        json!({
            "statusCode": 409, "error": "Conflict", "message": "A connection with the same name already exists",
            "errorCode": "resource_conflict",
        })
    );
    for (body, text) in [
        (json!({ "name": "x" }), "'Missing required property: strategy'"),
        (json!({ "strategy": "auth0" }), "'Missing required property: name'"),
        (
            json!({ "name": "x", "strategy": "google-oauth2" }),
            "'No enum match for: google-oauth2' on property strategy",
        ),
        (json!({ "name": "-x", "strategy": "auth0" }), "'String does not match pattern"),
        (json!({ "name": "x-", "strategy": "auth0" }), "'String does not match pattern"),
        (json!({ "name": "a--b", "strategy": "auth0" }), "'String does not match pattern"),
        (json!({ "name": "a b", "strategy": "auth0" }), "'String does not match pattern"),
        (json!({ "name": "x".repeat(129), "strategy": "auth0" }), "'String is too long (129 chars), maximum 128'"),
        (json!({ "name": "x", "strategy": "auth0", "id": "con_1" }), "'Additional properties not allowed: id'"),
    ] {
        let reply = t.post("connections", body.clone()).send().await;
        assert_eq!((reply.status.as_u16(), &reply.body["errorCode"]), (400, &json!("invalid_body")), "{body}");
        assert!(reply.body["message"].as_str().unwrap().contains(text), "{body}: {}", reply.body);
    }
    assert_eq!(t.get("connections").send().await.body.as_array().unwrap().len(), 1, "a refusal changed nothing");
    assert_eq!(t.post("connections", json!({ "name": "x".repeat(128), "strategy": "auth0" })).send().await.status, 201);
}

async fn with_a_connection_go_its_users(t: TestApp) {
    t.api("https://api.example/", &["read:a"]).await;
    let role = t.post("roles", json!({ "name": "r" })).send().await.body["id"].as_str().unwrap().to_owned();
    let pair = json!({ "resource_server_identifier": "https://api.example/", "permission_name": "read:a" });
    let staff = create(&t, json!({ "name": "staff", "strategy": "auth0" })).await;
    let path = format!("connections/{}", staff["id"].as_str().unwrap());
    let user = async |own: &str, connection: &str| {
        let body = json!({
            "connection": connection, "email": format!("{own}@example.com"), "password": "long enough", "user_id": own,
        });
        assert_eq!(t.post("users", body).send().await.status, 201);
    };
    for (own, connection) in [("1", "staff"), ("2", "staff"), ("3", "Username-Password-Authentication")] {
        user(own, connection).await;
        let given = t.post(&format!("users/auth0%7C{own}/roles"), json!({ "roles": [role] })).send().await;
        assert_eq!(given.status, 204, "{}", given.body);
        let given = t.post(&format!("users/auth0%7C{own}/permissions"), json!({ "permissions": [pair] })).send().await;
        assert_eq!(given.status, 201, "{}", given.body);
    }
    let deleted = t.delete(&path).send().await;
    assert_eq!((deleted.status.as_u16(), deleted.body), (202, json!({ "deleted_at": "2026-01-01T00:00:00.000Z" })));
    let entry = &t.entries("sapi").await[0];
    assert_eq!(entry["description"], "Delete a connection");
    let before = &entry["details"]["before"];
    assert_eq!((&before["id"], &before["name"]), (&staff["id"], &json!("staff")));
    assert_eq!(
        before["users"],
        json!({ "count": 2, "first": ["auth0|1", "auth0|2"], "roles": 2, "permissions": 2, "grants": 0 })
    );
    let again = t.delete(&path).send().await;
    assert_eq!((again.status.as_u16(), again.body), (204, Value::Null), "also when it is gone");
    assert_eq!(t.entries("sapi").await[0]["description"], "Delete a connection", "which is not written down twice");
    assert_eq!(t.get(&path).send().await.status, 404);
    let all = t.get("users?include_totals=true&fields=user_id").send().await.body;
    assert_eq!((&all["total"], &all["users"]), (&json!(1), &json!([{ "user_id": "auth0|3" }])));
    let members = t.get(&format!("roles/{role}/users?include_totals=true")).send().await.body;
    assert_eq!((&members["total"], &members["users"][0]["user_id"]), (&json!(1), &json!("auth0|3")));
    let none = json!({ "connection": "staff", "email": "1@example.com", "password": "long enough" });
    assert_eq!(t.post("users", none).send().await.body["message"], "Connection does not exist.");
    // Namesakes of the connection and of its users begin with nothing.
    let other = create(&t, json!({ "name": "staff", "strategy": "auth0" })).await;
    assert_ne!(other["id"], staff["id"]);
    assert_eq!(t.get("users?connection=staff").send().await.body, json!([]));
    user("1", "staff").await;
    assert_eq!(t.get("users/auth0%7C1/roles").send().await.body, json!([]));
    assert_eq!(t.get("users/auth0%7C1/permissions").send().await.body, json!([]));
    assert_eq!(t.get("users/auth0%7C3/roles").send().await.body.as_array().unwrap().len(), 1);
}

async fn of_many_users_the_first_are_named(t: TestApp) {
    crate::management::users::fill(&t, 250).await;
    assert_eq!(t.delete(&format!("connections/{}", id(&t).await)).send().await.status, 202);
    let gone = &t.entries("sapi").await[0]["details"]["before"]["users"];
    assert_eq!((&gone["count"], gone["first"].as_array().unwrap().len()), (&json!(250), 100));
    assert_eq!((&gone["first"][0], &gone["first"][99]), (&json!("auth0|1"), &json!("auth0|100")));
    assert_eq!(t.get("users?include_totals=true").send().await.body["total"], 0);
    // The first connection is not made again by the next start.
    let t = t.restart(Settings { seed: 8, ..Settings::default() }).await;
    assert_eq!(t.get("connections").send().await.body, json!([]));
}

async fn a_deletion_that_can_not_be_audited_is_not_made(t: TestApp) {
    crate::management::users::fill(&t, 3).await;
    let id = id(&t).await;
    t.break_the_audit_log().await;
    assert_eq!(t.delete(&format!("connections/{id}")).send().await.status, 500);
    assert_eq!(t.get(&format!("connections/{id}")).send().await.status, 200);
    assert_eq!(t.get("users?include_totals=true").send().await.body["total"], 3);
}

async fn create(t: &TestApp, body: Value) -> Value {
    let reply = t.post("connections", body).send().await;
    assert_eq!(reply.status, 201, "{}", reply.body);
    reply.body
}
