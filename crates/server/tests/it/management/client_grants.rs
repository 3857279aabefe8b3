//! What applications may ask for (contract: client grants).

use serde_json::{Value, json};

use crate::support::{PUBLIC_URL, TestApp};

on_both_engines!(
    the_forms_of_a_grant,
    a_change_replaces_what_is_sent,
    what_is_wrong_is_said,
    there_is_one_for_each_pair_and_subject,
    the_management_api_is_stricter,
    lists_by_what_they_are_about,
    deleting_is_idempotent_and_audited,
    who_loses_a_permission_is_in_its_entry,
);

const AUDIENCE: &str = "https://api.example/";

async fn client(t: &TestApp) -> String {
    t.post("clients", json!({ "name": "x" })).send().await.body["client_id"].as_str().unwrap().to_owned()
}

async fn make(t: &TestApp, body: Value) -> Value {
    let reply = t.post("client-grants", body).send().await;
    assert_eq!(reply.status, 201, "{}", reply.body);
    reply.body
}

fn path(grant: &Value) -> String {
    format!("client-grants/{}", grant["id"].as_str().unwrap())
}

async fn the_forms_of_a_grant(t: TestApp) {
    t.api(AUDIENCE, &["a", "b"]).await;
    let id = client(&t).await;
    let made = make(&t, json!({ "client_id": id, "audience": AUDIENCE, "scope": ["b", "a", "b"] })).await;
    let grant = made["id"].as_str().unwrap();
    assert!(grant.starts_with("cgr_") && grant.len() == 20, "{grant}");
    let wanted = json!({
        "id": grant, "client_id": id, "audience": AUDIENCE, "subject_type": "client", "scope": ["b", "a"],
    });
    assert_eq!(made, wanted, "in the order in which they were sent, each once");
    assert_eq!(t.get(&path(&made)).send().await.body, wanted);
    let made = make(&t, json!({ "client_id": id, "audience": AUDIENCE, "subject_type": "user" })).await;
    assert!(made.get("scope").is_none(), "only what was set is shown");
    let body = json!({
        "default_for": "third_party_clients", "audience": AUDIENCE, "scope": [], "organization_usage": "allow",
        "allow_any_organization": true, "authorization_details_types": ["payment"],
    });
    let made = make(&t, body.clone()).await;
    let mut wanted = body;
    wanted["id"] = made["id"].clone();
    wanted["subject_type"] = "client".into();
    assert_eq!(made, wanted);
}

async fn a_change_replaces_what_is_sent(t: TestApp) {
    t.api(AUDIENCE, &["a", "b"]).await;
    let id = client(&t).await;
    let made = make(&t, json!({ "client_id": id, "audience": AUDIENCE, "scope": ["a"] })).await;
    let patch = async |body: Value| {
        let reply = t.patch(&path(&made), body).send().await;
        assert_eq!(reply.status, 200, "{}", reply.body);
        reply.body
    };
    assert_eq!(patch(json!({ "scope": ["b"] })).await["scope"], json!(["b"]));
    let all = patch(json!({ "allow_all_scopes": true })).await;
    assert!(all.get("scope").is_none() && all["allow_all_scopes"] == true, "{all}");
    let some = patch(json!({ "allow_all_scopes": false, "scope": ["a"] })).await;
    assert_eq!((&some["scope"], &some["allow_all_scopes"]), (&json!(["a"]), &json!(false)));
    assert_eq!(
        patch(json!({ "organization_usage": "require" })).await["scope"],
        json!(["a"]),
        "what is not sent stays"
    );
    assert!(patch(json!({ "scope": null })).await.get("scope").is_none());
    let revision = t.app.revision();
    patch(json!({ "organization_usage": "require" })).await;
    assert_eq!(t.app.revision(), revision, "saving without an edit changes nothing");
}

async fn what_is_wrong_is_said(t: TestApp) {
    t.api(AUDIENCE, &["a"]).await;
    let id = client(&t).await;
    let made = make(&t, json!({ "client_id": id, "audience": AUDIENCE, "scope": ["a"] })).await;
    for (body, status, code) in [
        (json!({ "client_id": id }), 400, "invalid_body"),
        (json!({ "audience": AUDIENCE }), 400, "invalid_body"),
        (json!({ "client_id": id, "default_for": "third_party_clients", "audience": AUDIENCE }), 400, "invalid_body"),
        (json!({ "client_id": id, "audience": AUDIENCE, "scope": "a" }), 400, "invalid_body"),
        (json!({ "client_id": id, "audience": AUDIENCE, "subject_type": "robot" }), 400, "invalid_body"),
        (json!({ "client_id": id, "audience": AUDIENCE, "more": 1 }), 400, "invalid_body"),
        (json!({ "client_id": id, "audience": "https://nothing.example/" }), 404, "inexistent_resource_server"),
        (json!({ "client_id": "nobody", "audience": AUDIENCE }), 404, "inexistent_client"),
    ] {
        let reply = t.post("client-grants", body.clone()).send().await;
        assert_eq!((reply.status.as_u16(), &reply.body["errorCode"]), (status, &json!(code)), "{body}: {}", reply.body);
    }
    for name in ["client_id", "audience", "subject_type", "default_for", "id"] {
        let reply = t.patch(&path(&made), json!({ name: "client" })).send().await;
        let text = format!("Payload validation error: 'Additional properties not allowed: {name}'.");
        assert_eq!(reply.body["message"], text, "it is what the grant is about");
    }
    assert_eq!(t.patch(&path(&made), json!({})).send().await.status, 400);
    let both = t.patch(&path(&made), json!({ "allow_all_scopes": true, "scope": ["a"] })).send().await;
    assert_eq!(both.status, 400);
    let absent = json!({
        "statusCode": 404, "error": "Not Found", "message": "The grant does not exist.",
        "errorCode": "inexistent_client_grant",
    });
    assert_eq!(t.get("client-grants/cgr_nothing").send().await.body, absent);
    assert_eq!(t.patch("client-grants/cgr_nothing", json!({ "scope": [] })).send().await.body, absent);
}

async fn there_is_one_for_each_pair_and_subject(t: TestApp) {
    t.api(AUDIENCE, &["a"]).await;
    let id = client(&t).await;
    for body in [
        json!({ "client_id": id, "audience": AUDIENCE }),
        json!({ "client_id": id, "audience": AUDIENCE, "subject_type": "user" }),
        json!({ "default_for": "third_party_clients", "audience": AUDIENCE }),
    ] {
        let made = make(&t, body.clone()).await;
        let again = t.post("client-grants", body.clone()).send().await;
        assert_eq!((again.status.as_u16(), &again.body["errorCode"]), (409, &json!("resource_conflict")), "{body}");
        assert_eq!(t.delete(&path(&made)).send().await.status, 204);
        assert_ne!(make(&t, body).await["id"], made["id"], "another one");
    }
}

async fn the_management_api_is_stricter(t: TestApp) {
    let id = client(&t).await;
    let audience = format!("{PUBLIC_URL}api/v2/");
    let ask =
        |scope: Value| t.post("client-grants", json!({ "client_id": id, "audience": audience, "scope": scope })).send();
    let refused = ask(json!(["read:clients", "read:nothing"])).await;
    assert_eq!(refused.status, 400);
    assert_eq!(refused.body["message"], "Payload validation error: scope must be a subset of resource server scopes");
    let body = json!({ "client_id": id, "audience": audience, "allow_all_scopes": false });
    assert_eq!(t.post("client-grants", body).send().await.status, 400);
    assert_eq!(ask(json!(["read:clients"])).await.status, 201);
}

async fn lists_by_what_they_are_about(t: TestApp) {
    t.api(AUDIENCE, &["a"]).await;
    t.api("https://other.example/", &[]).await;
    let (one, two) = (client(&t).await, client(&t).await);
    for (client, audience, subject) in
        [(&one, AUDIENCE, "client"), (&one, "https://other.example/", "client"), (&two, AUDIENCE, "user")]
    {
        make(&t, json!({ "client_id": client, "audience": audience, "subject_type": subject })).await;
    }
    let count =
        async |query: &str| t.get(&format!("client-grants?{query}")).send().await.body.as_array().unwrap().len();
    assert_eq!(count("").await, 3);
    assert_eq!(count(&format!("client_id={one}")).await, 2);
    assert_eq!(count("audience=https%3A%2F%2Fapi.example%2F").await, 2);
    assert_eq!(count(&format!("client_id={two}&subject_type=user")).await, 1);
    assert_eq!(count("default_for=third_party_clients").await, 0);
    let all = t.get("client-grants?take=2&include_totals=true&page=0&per_page=1").send().await.body;
    assert_eq!(all["client_grants"].as_array().unwrap().len(), 2, "take wins over pages");
    let rest = t.get(&format!("client-grants?take=2&from={}", all["next"].as_str().unwrap())).send().await.body;
    assert_eq!(rest["client_grants"].as_array().unwrap().len(), 1);
    assert!(rest.get("next").is_none());
    let ids: Vec<&str> = [&all, &rest]
        .iter()
        .flat_map(|part| part["client_grants"].as_array().unwrap())
        .map(|grant| grant["id"].as_str().unwrap())
        .collect();
    assert!(ids.is_sorted(), "in the order of their ids");
    let totals = t.get("client-grants?include_totals=true&per_page=1").send().await.body;
    assert_eq!((&totals["total"], &totals["limit"]), (&json!(3), &json!(1)));
}

async fn deleting_is_idempotent_and_audited(t: TestApp) {
    t.api(AUDIENCE, &["a"]).await;
    let id = client(&t).await;
    let made = make(&t, json!({ "client_id": id, "audience": AUDIENCE, "scope": ["a"] })).await;
    for _ in 0..2 {
        assert_eq!(t.delete(&path(&made)).send().await.status, 204);
    }
    assert_eq!(t.get(&path(&made)).send().await.status, 404);
    let entries = t.entries("sapi").await;
    let entry = entries.iter().find(|entry| entry["description"] == "Delete client grant").unwrap();
    assert_eq!(entry["details"]["before"], made);
}

async fn who_loses_a_permission_is_in_its_entry(t: TestApp) {
    let api = t.api(AUDIENCE, &["a", "b"]).await;
    let id = client(&t).await;
    let grant = make(&t, json!({ "client_id": id, "audience": AUDIENCE, "scope": ["a"] })).await;
    t.delete(&format!("resource-servers/{api}/scopes/a")).send().await;
    let entries = t.entries("sapi").await;
    let entry =
        entries.iter().find(|entry| entry["description"] == "Delete a permission of a resource server").unwrap();
    let gone = &entry["details"]["before"]["scopes"][0]["heldBy"]["client_grants"];
    assert_eq!((&gone["count"], &gone["ids"]), (&json!(1), &json!([grant["id"]])), "{entry}");
}
