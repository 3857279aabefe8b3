//! The connection there is from the first start on.

use serde_json::{Value, json};

use crate::support::{Settings, TestApp};

on_both_engines!(there_is_one_from_the_start, lists_in_each_form, changes_replace_whole, what_is_refused);

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
    // There is no way to make another one, or to delete this one.
    assert_eq!(t.post("connections", json!({ "name": "x" })).send().await.status, 404);
    assert_eq!(t.delete(&path).send().await.status, 404);
}
