//! Which applications may use a connection.

use serde_json::{Value, json};

use crate::support::TestApp;

on_both_engines!(
    applications_are_let_in_and_out,
    a_list_goes_on_where_it_ended,
    all_of_a_change_is_made_or_nothing,
    what_is_deleted_is_let_in_nowhere,
);

async fn connection(t: &TestApp, name: &str) -> String {
    let body = json!({ "name": name, "strategy": "auth0" });
    let reply = t.post("connections", body).send().await;
    assert_eq!(reply.status, 201, "{}", reply.body);
    format!("connections/{}", reply.body["id"].as_str().unwrap())
}

async fn client(t: &TestApp, name: &str) -> String {
    let made = t.post("clients", json!({ "name": name })).send().await;
    made.body["client_id"].as_str().unwrap().to_owned()
}

async fn set(t: &TestApp, connection: &str, wanted: &[(&str, bool)]) -> u16 {
    let one = |(id, status): &(&str, bool)| json!({ "client_id": id, "status": status });
    let body: Vec<Value> = wanted.iter().map(one).collect();
    t.patch(&format!("{connection}/clients"), body.into()).send().await.status.as_u16()
}

async fn enabled(t: &TestApp, connection: &str) -> Value {
    let listed = t.get(&format!("{connection}/clients")).send().await.body;
    let ids = listed["clients"].as_array().unwrap().iter().map(|one| one["client_id"].clone());
    let ids = Value::from(ids.collect::<Vec<_>>());
    assert_eq!(t.get(connection).send().await.body["enabled_clients"], ids, "the connection says the same");
    ids
}

async fn applications_are_let_in_and_out(t: TestApp) {
    let (staff, other) = (connection(&t, "staff").await, connection(&t, "other").await);
    let (a, b) = (client(&t, "a").await, client(&t, "b").await);
    assert_eq!(set(&t, &staff, &[(&b, true), (&a, true)]).await, 204);
    assert_eq!(enabled(&t, &staff).await, json!([a, b]), "oldest first");
    assert_eq!(enabled(&t, &other).await, json!([]));
    assert_eq!(set(&t, &staff, &[(&a, true), (&b, false)]).await, 204, "one that is in stays so");
    assert_eq!(enabled(&t, &staff).await, json!([a]));
    let entry = &t.entries("sapi").await[0];
    assert_eq!(entry["description"], "Update enabled clients for a connection");
    let told = |a_is_in, b_is_in| json!([{ "client_id": a, "status": a_is_in }, { "client_id": b, "status": b_is_in }]);
    assert_eq!(entry["details"]["before"]["clients"], told(true, true));
    assert_eq!(entry["details"]["after"]["clients"], told(true, false));
    let changed = t.patch(&staff, json!({ "display_name": "Staff" })).send().await.body;
    assert_eq!(changed["enabled_clients"], json!([a]), "another change leaves it");
    let all = t.get("connections?fields=enabled_clients").send().await.body;
    assert_eq!(all, json!([{ "enabled_clients": [] }, { "enabled_clients": [a] }, { "enabled_clients": [] }]));
}

async fn a_list_goes_on_where_it_ended(t: TestApp) {
    let staff = connection(&t, "staff").await;
    let mut clients = Vec::new();
    for name in ["a", "b", "c"] {
        let id = client(&t, name).await;
        assert_eq!(set(&t, &staff, &[(&id, true)]).await, 204);
        clients.push(json!({ "client_id": id }));
    }
    let first = t.get(&format!("{staff}/clients?take=2")).send().await.body;
    assert_eq!(first["clients"], json!(clients[..2]));
    let rest = format!("{staff}/clients?take=2&from={}", first["next"].as_str().unwrap());
    assert_eq!(t.get(&rest).send().await.body, json!({ "clients": clients[2..] }));
    let next = t.get("clients?take=1").send().await.body["next"].as_str().unwrap().to_owned();
    assert_eq!(t.get(&format!("{staff}/clients?from={next}")).send().await.status, 400, "that is another list's");
}

async fn all_of_a_change_is_made_or_nothing(t: TestApp) {
    let (staff, id) = (connection(&t, "staff").await, client(&t, "a").await);
    assert_eq!(set(&t, &staff, &[(&id, true), ("nobody", true)]).await, 404);
    assert_eq!(enabled(&t, &staff).await, json!([]));
    assert_eq!(set(&t, "connections/con_0000000000000000", &[(&id, true)]).await, 404);
    let many = vec![(id.as_str(), true); 51];
    assert_eq!(set(&t, &staff, &many).await, 400);
    assert_eq!(set(&t, &staff, &[]).await, 400);
    for body in [json!({}), json!([{ "client_id": id }]), json!([{ "client_id": id, "status": 1 }]), Value::Null] {
        assert_eq!(t.patch(&format!("{staff}/clients"), body).send().await.status, 400);
    }
    assert_eq!(enabled(&t, &staff).await, json!([]));
    assert_eq!(set(&t, &staff, &[(&id, true), (&id, false)]).await, 204);
    assert_eq!(enabled(&t, &staff).await, json!([]), "what is said last counts");
}

async fn what_is_deleted_is_let_in_nowhere(t: TestApp) {
    let (staff, other) = (connection(&t, "staff").await, connection(&t, "other").await);
    let (a, b) = (client(&t, "a").await, client(&t, "b").await);
    for connection in [&staff, &other] {
        assert_eq!(set(&t, connection, &[(&a, true), (&b, true)]).await, 204);
    }
    assert_eq!(t.delete(&format!("clients/{a}")).send().await.status, 204);
    assert_eq!(enabled(&t, &staff).await, json!([b]));
    let ids = [&staff, &other].map(|path| path.strip_prefix("connections/").unwrap().to_owned());
    assert_eq!(t.entries("sapi").await[0]["details"]["before"]["connections"], json!(ids));
    assert_eq!(t.delete(&staff).send().await.status, 202);
    assert_eq!(t.entries("sapi").await[0]["details"]["before"]["clients"], json!({ "count": 1, "first": [b] }));
    let again = connection(&t, "staff").await;
    assert_eq!(enabled(&t, &again).await, json!([]), "a namesake begins with nothing");
    assert_eq!(enabled(&t, &other).await, json!([b]));
}
