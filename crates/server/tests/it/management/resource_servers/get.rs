use serde_json::json;

use crate::support::TestApp;

on_both_engines!(by_every_way_of_naming_it, fields_are_chosen, what_was_seen_is_not_sent_again, what_does_not_exist);

async fn by_every_way_of_naming_it(t: TestApp) {
    let id = t.api("https://my.api/v1/x", &[]).await;
    let names = [
        id.as_str(),
        "https:%2F%2Fmy.api%2Fv1%2Fx",
        "https%3A%2F%2Fmy.api%2Fv1%2Fx",
        "https:%252F%252Fmy.api%252Fv1%252Fx",
        "https%253A%252F%252Fmy.api%252Fv1%252Fx",
        "https%3a%2f%2fmy.api%2fv1%2fx",
    ];
    for name in names {
        let reply = t.get(&format!("resource-servers/{name}")).send().await;
        assert_eq!((reply.status.as_u16(), &reply.body["id"]), (200, &json!(id)), "{name}");
    }
    // An identifier that is another API's id does not hide that API.
    t.api(&id, &[]).await;
    assert_eq!(t.get(&format!("resource-servers/{id}")).send().await.body["identifier"], "https://my.api/v1/x");
    // An identifier that looks encoded is found as it is.
    let literal = t.api("odd%2Fname", &[]).await;
    assert_eq!(t.get("resource-servers/odd%252Fname").send().await.body["id"], literal);
}

async fn fields_are_chosen(t: TestApp) {
    let id = t.api("https://a.example/", &["x"]).await;
    let chosen = t.get(&format!("resource-servers/{id}?fields=id,scopes")).send().await;
    assert_eq!(chosen.body, json!({ "id": id, "scopes": [{"value": "x"}] }));
    let others = t.get(&format!("resource-servers/{id}?fields=id,scopes&include_fields=false")).send().await;
    assert_eq!((others.body.get("id"), others.body.get("name")), (None, Some(&json!("Test"))));
    let unknown = t.get(&format!("resource-servers/{id}?fields=id,color")).send().await;
    assert_eq!((unknown.status.as_u16(), &unknown.body["errorCode"]), (400, &json!("invalid_query_string")));
    let text = unknown.body["message"].as_str().unwrap();
    let wanted = "Query validation error: 'String 'id,color' does not match pattern. Must be a comma separated list of the following values: id,name,";
    assert!(text.starts_with(wanted), "{text}");
}

async fn what_was_seen_is_not_sent_again(t: TestApp) {
    let id = t.api("https://a.example/", &["x"]).await;
    let path = format!("resource-servers/{id}");
    let version = t.get(&path).send().await.header("etag").to_owned();
    let again = t.get(&path).header("if-none-match", &version).send().await;
    assert_eq!((again.status.as_u16(), again.bytes.len()), (304, 0));
    t.patch(&path, json!({ "name": "Other" })).send().await;
    assert_eq!(t.get(&path).header("if-none-match", &version).send().await.status, 200);
}

async fn what_does_not_exist(t: TestApp) {
    for name in ["000000000000000000000000", "nothing", "https%3A%2F%2Fnothing", "%00", "a%20b"] {
        let reply = t.get(&format!("resource-servers/{name}")).send().await;
        assert_eq!(
            reply.body,
            json!({
                "statusCode": 404, "error": "Not Found", "message": "The resource server does not exist",
                "errorCode": "inexistent_resource_server",
            }),
            "{name}"
        );
    }
    let bad = t.get("resource-servers/%ff%fe").send().await;
    assert_eq!((bad.status.as_u16(), &bad.body["errorCode"]), (400, &json!("invalid_uri")));
}
