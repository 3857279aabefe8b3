//! Memory is what the store says, whatever happened and on every node.

use http::Method;
use keyward_core::{model::WorkspaceNumber, snapshot::Snapshot, time::Timestamp};
use keyward_store::ledger::assertion;
use rand::{Rng, RngExt, SeedableRng, rngs::StdRng};
use serde_json::{Value, json};

use crate::support::{
    Place, Settings, TestApp,
    postgres::{Wire, fresh_schema},
};

on_both_engines!(
    one_that_comes_back_has_its_order,
    what_was_followed_is_what_a_fresh_start_loads,
    a_restart_finds_everything,
    many_writers_at_once
);

/// A snapshot as text: two that print the same are the same.
fn print(snapshot: &Snapshot) -> Vec<String> {
    let mut lines: Vec<String> = snapshot.apis(WorkspaceNumber::FIRST).map(|entry| format!("{entry:?}")).collect();
    lines.extend(snapshot.signing_keys().map(|key| format!("{key:?}")));
    lines.extend(snapshot.roles(WorkspaceNumber::FIRST).map(|role| format!("{role:?}")));
    lines.extend(snapshot.clients(WorkspaceNumber::FIRST).map(|client| format!("{client:?}")));
    lines.extend(snapshot.client_grants(WorkspaceNumber::FIRST).map(|grant| format!("{grant:?}")));
    lines.push(format!("{:?}", snapshot.workspace(WorkspaceNumber::FIRST)));
    lines.extend(snapshot.root_keys().map(|key| format!("{} {:?}", key.id, key.grants.texts())));
    lines.extend(snapshot.namespaces().map(|namespace| format!("{namespace:?}")));
    lines.extend(snapshot.key_migrations().map(|migration| format!("{migration:?}")));
    lines.extend(snapshot.clients(WorkspaceNumber::FIRST).map(|client| format!("{client:?}")));
    lines.push(format!("{} {}", snapshot.api_count(), snapshot.permission_count()));
    lines
}

async fn assert_memory_is_disk(t: &TestApp) {
    let fresh = Snapshot::default().apply(t.app.store.load().await.unwrap());
    let view = t.app.view();
    assert_eq!(view.snapshot.revision(), fresh.revision());
    assert_eq!(print(&view.snapshot), print(&fresh));
    // What can be found by id and by identifier is what is listed.
    for entry in fresh.apis(WorkspaceNumber::FIRST) {
        for name in [&entry.api.id, &entry.api.identifier] {
            assert_eq!(view.snapshot.api(WorkspaceNumber::FIRST, name).map(|e| e.api.number), Some(entry.api.number));
        }
        for permission in &entry.permissions {
            assert!(view.snapshot.permission(permission.number).is_some());
        }
    }
}

fn pick<'v>(random: &mut StdRng, from: &'v [&'v str]) -> &'v str {
    from[random.random_range(0..from.len())]
}

/// One of the keys' API, with things of few names, so that they meet.
async fn random_key_operation(t: &TestApp, random: &mut StdRng) {
    let slugs = ["p", "q", "k.one", "k.two"];
    let mut some = |of: &[&str]| -> Vec<String> {
        of.iter().filter(|_| random.random_bool(0.5)).map(|text| (*text).to_owned()).collect()
    };
    let (several, role) = (some(&slugs), some(&["reader", "writer"]).pop().unwrap_or_else(|| "owner".to_owned()));
    let slug = pick(random, &slugs);
    let role_id = t.v2("permissions.getRole", json!({ "role": role })).send().await.body["data"]["id"].clone();
    let identifier = pick(random, &["one", "two*", "*"]);
    let (operation, body) = match random.random_range(0..14) {
        0 => ("permissions.createPermission", json!({ "name": slug, "slug": slug })),
        1 => {
            let renamed = json!({ "permission": slug, "slug": pick(random, &slugs), "description": null });
            ("permissions.updatePermission", renamed)
        }
        2 | 3 => ("permissions.deletePermission", json!({ "permission": slug })),
        4 | 5 => ("permissions.restorePermission", json!({ "permission": slug })),
        6 => ("permissions.createRole", json!({ "name": role, "permissions": several })),
        7 => ("permissions.deleteRole", json!({ "role": role })),
        8 => ("permissions.restoreRole", json!({ "role": role })),
        9 if role_id.is_string() => {
            ("permissions.setRolePermissions", json!({ "roleId": role_id, "permissions": several }))
        }
        9 | 10 => {
            let namespace = pick(random, &["logins", "mails"]);
            let once = json!({ "namespace": namespace, "identifier": identifier, "limit": 9, "duration": 60_000 });
            ("ratelimit.limit", once)
        }
        11 => {
            let limit = random.random_range(0..9);
            let over = json!({
                "namespace": "logins", "identifier": identifier, "limit": limit, "duration": 60_000,
            });
            ("ratelimit.setOverride", over)
        }
        12 => ("ratelimit.deleteOverride", json!({ "namespace": "logins", "identifier": identifier })),
        _ => ("apis.createApi", json!({ "name": format!("n{}", random.next_u32()) })),
    };
    let reply = t.v2(operation, body).send().await;
    assert!([200, 400, 404, 409].contains(&reply.status.as_u16()), "{operation}: {}", reply.body);
}

/// One on a role, whichever side made it.
async fn random_role_operation(t: &TestApp, random: &mut StdRng, value: &str) {
    let names = ["reader", "Writer", "owner"];
    let roles = t.get("roles").send().await.body;
    let any = roles.as_array().unwrap();
    let id = if any.is_empty() { "rol_none" } else { any[random.random_range(0..any.len())]["id"].as_str().unwrap() };
    let (path, name) = (format!("roles/{id}"), pick(random, &names));
    let identifier = pick(random, &["https://a.example/", "c", "urn:keyward:catalogue"]);
    let named = json!({ "permissions": [{ "resource_server_identifier": identifier, "permission_name": value }] });
    let call = match random.random_range(0..8) {
        0 => t.post("roles", json!({ "name": name })),
        1 => t.patch(&path, json!({ "name": name, "description": value })),
        2 => t.delete(&path),
        3..6 => t.post(&format!("{path}/permissions"), named),
        _ => t.delete(&format!("{path}/permissions")).json(named),
    };
    let status = call.send().await.status.as_u16();
    assert!([200, 201, 204, 404, 409].contains(&status), "{status}");
}

async fn random_operation(t: &TestApp, random: &mut StdRng) {
    if random.random_bool(0.1) {
        let set =
            json!({ "default_audience": pick(random, &["", "a", "b"]), "flags": {pick(random, &["x", "y"]): true} });
        assert_eq!(t.patch("tenants/settings", set).send().await.status, 200);
        return;
    }
    if random.random() {
        return random_key_operation(t, random).await;
    }
    let identifiers = ["https://a.example/", "https://b.example/", "c"];
    let values = ["p", "q", "r", "s", "t"];
    let api = format!("resource-servers/{}", pick(random, &identifiers).replace('/', "%2F"));
    let value = pick(random, &values);
    if random.random_bool(0.4) {
        return random_role_operation(t, random, value).await;
    }
    if random.random_bool(0.05) {
        let keys = t.get("keys/signing").send().await.body;
        let kid = keys[random.random_range(0..keys.as_array().unwrap().len())]["kid"].as_str().unwrap().to_owned();
        let call = match random.random() {
            true => t.call(Method::POST, "keys/signing/rotate"),
            false => t.call(Method::PUT, &format!("keys/signing/{kid}/revoke")),
        };
        assert!([200, 201, 400].contains(&call.send().await.status.as_u16()));
        return;
    }
    let call = match random.random_range(0..7) {
        0 => t.post(
            "resource-servers",
            json!({ "identifier": pick(random, &identifiers), "scopes": [{"value": value}] }),
        ),
        1 => {
            let mut list: Vec<Value> =
                values.iter().filter(|_| random.random_bool(0.5)).map(|v| json!({ "value": v })).collect();
            if random.random_bool(0.5) {
                list.reverse();
            }
            t.patch(&api, json!({ "scopes": list }))
        }
        2 => t.patch(
            &api,
            json!({ "name": format!("n{}", random.next_u32()), "token_lifetime": random.random_range(1..90_000) }),
        ),
        3 => t.post(&format!("{api}/scopes"), json!({ "value": value })),
        4 => t.patch(&format!("{api}/scopes/{value}"), json!({ "value": pick(random, &values), "description": "d" })),
        5 => t.delete(&format!("{api}/scopes/{value}")),
        _ => t.delete(&api),
    };
    let status = call.send().await.status.as_u16();
    assert!([200, 201, 204, 404, 409].contains(&status), "{status}");
}

async fn what_was_followed_is_what_a_fresh_start_loads(t: TestApp) {
    for seed in 0..12 {
        let mut random = StdRng::seed_from_u64(seed);
        for _ in 0..30 {
            random_operation(&t, &mut random).await;
        }
        assert_memory_is_disk(&t).await;
    }
}

/// A permission that comes back may find another one in its place; both have one order, in memory and on disk.
async fn one_that_comes_back_has_its_order(t: TestApp) {
    for slug in ["a", "b"] {
        t.v2_data("permissions.createPermission", json!({ "name": slug, "slug": slug })).await;
    }
    t.v2_data("permissions.deletePermission", json!({ "permission": "b" })).await;
    t.v2_data("permissions.createPermission", json!({ "name": "c", "slug": "c" })).await;
    t.v2_data("permissions.restorePermission", json!({ "permission": "b" })).await;
    assert_memory_is_disk(&t).await;
}

async fn a_restart_finds_everything(t: TestApp) {
    let id = t.api("https://a.example/", &["a", "b"]).await;
    let made = t
        .post("resource-servers", json!({ "identifier": "https://b.example/", "signing_alg": "HS256" }))
        .send()
        .await
        .body;
    let before = print(&t.app.view().snapshot);
    let token = t.token.clone();
    let t = t.restart(Settings { seed: 8, ..Settings::default() }).await;
    assert_eq!(print(&t.app.view().snapshot), before);
    assert_eq!(t.scopes(&id).await, ["a", "b"]);
    let secret = t.get(&format!("resource-servers/{}", made["id"].as_str().unwrap())).bearer(&token).send().await;
    assert_eq!(secret.body["signing_secret"], made["signing_secret"], "with a token from before");
}

/// Of two nodes that write the same rows, the one the other way round, one waits for the other, and not each for each.
#[tokio::test]
async fn two_nodes_never_wait_for_each_other() {
    let Some(first) = TestApp::postgres().await else { return };
    let second = TestApp::on(first.place.clone(), Settings { seed: 99, ..Settings::default() }).await;
    let client = first.app.view().snapshot.clients(WorkspaceNumber::FIRST).next().unwrap().number;
    let use_up = async |t: &TestApp, round: u8, number: u8| {
        let mut jti = [round; 32];
        jti[0] = number;
        let until = Timestamp(i64::MAX);
        t.app.store.ledger(move |tx| Box::pin(async move { assertion::use_up(tx, client, &jti, until).await })).await
    };
    for round in 0..5 {
        // What is queued at once is carried out in one transaction.
        let up = futures_util::future::join_all((0..50).map(|number| use_up(&first, round, number)));
        let down = futures_util::future::join_all((0..50).rev().map(|number| use_up(&second, round, number)));
        let (up, down) = tokio::join!(up, down);
        let uses = up.into_iter().chain(down).map(Result::unwrap);
        assert_eq!(uses.filter(|is_first| *is_first).count(), 50, "each is good once");
    }
}

async fn many_writers_at_once(t: TestApp) {
    let id = t.api("https://a.example/", &[]).await;
    let writing = (0..60).map(|n| {
        let (good, bad) = (format!("p{n}"), "openid");
        let add = t.post(&format!("resource-servers/{id}/scopes"), json!({ "value": good }));
        let refused = t.post(&format!("resource-servers/{id}/scopes"), json!({ "value": bad }));
        let doubled = t.post(&format!("resource-servers/{id}/scopes"), json!({ "value": format!("p{}", n % 7) }));
        async move {
            let statuses = (add.send().await.status.as_u16(), refused.send().await.status.as_u16());
            doubled.send().await;
            statuses
        }
    });
    let statuses = futures_util::future::join_all(writing).await;
    assert!(statuses.iter().all(|(_, refused)| *refused == 400));
    let mut values = t.scopes(&id).await;
    values.sort();
    values.dedup();
    assert_eq!(values.len(), 60);
    assert_memory_is_disk(&t).await;
}

/// Two nodes on one database: what one has answered, the other shows, without anybody waiting for it.
#[tokio::test]
async fn two_nodes_show_what_either_has_answered() {
    let Some(first) = TestApp::postgres().await else { return };
    let second = TestApp::on(first.place.clone(), Settings { seed: 99, ..Settings::default() }).await;
    let id = first.api("https://a.example/", &[]).await;
    for round in 0..40 {
        let (here, there) = if round % 2 == 0 { (&first, &second) } else { (&second, &first) };
        let value = format!("p{round}");
        let made = here.post(&format!("resource-servers/{id}/scopes"), json!({ "value": value })).send().await;
        assert_eq!(made.status, 201);
        assert_eq!(there.scopes(&id).await, [value.as_str()]);
        assert_eq!(here.delete(&format!("resource-servers/{id}/scopes/{value}")).send().await.status, 204);
        assert!(there.scopes(&id).await.is_empty(), "a removed permission is gone when the answer arrives");
    }
    let mut random = StdRng::seed_from_u64(5);
    for round in 0..60 {
        random_operation(if round % 2 == 0 { &first } else { &second }, &mut random).await;
        assert_eq!(print(&first.app.view().snapshot), print(&second.app.view().snapshot));
    }
    assert_memory_is_disk(&first).await;
    // Both write at the same moment, and neither loses anything.
    let id = first.api("https://both.example/", &[]).await;
    let writing = (0..40).map(|n| {
        let node = if n % 2 == 0 { &first } else { &second };
        let call = node.post(&format!("resource-servers/{id}/scopes"), json!({ "value": format!("p{n}") }));
        async move { assert_eq!(call.send().await.status, 201) }
    });
    futures_util::future::join_all(writing).await;
    assert_eq!(first.scopes(&id).await.len(), 40);
    assert_eq!(first.scopes(&id).await, second.scopes(&id).await);
}

/// Another store in the same database announces numbers of its own; they must not make ours look old.
#[tokio::test]
async fn announcements_of_another_store_hold_nothing_up() {
    let Some(url) = fresh_schema().await else { return };
    let mut settings = Settings::default();
    // So long that renewing the lease, which follows too, does not come to the rescue in time.
    settings.limits.lease_milliseconds = 120_000;
    let t = TestApp::on(Place::Database(url.clone()), settings).await;
    let (client, mut connection) = tokio_postgres::connect(&url, tokio_postgres::NoTls).await.unwrap();
    let (tell, mut heard) = tokio::sync::mpsc::channel(8);
    tokio::spawn(async move {
        while let Some(Ok(message)) = std::future::poll_fn(|context| connection.poll_message(context)).await {
            if matches!(message, tokio_postgres::AsyncMessage::Notification(_)) && tell.send(()).await.is_err() {
                return;
            }
        }
    });
    client.batch_execute("LISTEN keyward; NOTIFY keyward, '1000000'").await.unwrap();
    heard.recv().await.unwrap();
    for round in 0..20 {
        t.api(&format!("https://{round}.example/"), &["a"]).await;
    }
    assert_memory_is_disk(&t).await;
}

/// A node that loses the database stops answering before anything it does not know is answered elsewhere.
#[tokio::test]
async fn a_node_that_lost_the_database_answers_nothing_stale() {
    let Some(first) = TestApp::postgres().await else { return };
    let Place::Database(url) = &first.place else { unreachable!("it is on PostgreSQL") };
    let wire = Wire::to(url);
    let mut settings = Settings { seed: 99, ..Settings::default() };
    settings.limits.lease_milliseconds = 1000;
    let second = TestApp::on(Place::Database(wire.url.clone()), settings).await;
    let id = first.api("https://a.example/", &["a", "b"]).await;
    assert_eq!(second.scopes(&id).await, ["a", "b"]);
    wire.cut();
    // Until its lease is over the node goes on answering, and the deletion waits for that long.
    let path = format!("resource-servers/{id}");
    let deletion = first.delete(&format!("{path}/scopes/a")).send();
    let mut deletion = std::pin::pin!(deletion);
    let answered = loop {
        tokio::select! {
            biased;
            reply = &mut deletion => break reply,
            reply = second.get(&path).send() => assert!([200, 503].contains(&reply.status.as_u16()), "{}", reply.body),
        }
        tokio::task::yield_now().await;
    };
    assert_eq!(answered.status, 204);
    for path in [path.as_str(), "/health/ready", "/.well-known/jwks.json"] {
        assert_eq!(second.get(path).send().await.status, 503, "{path}");
    }
    assert_eq!(second.get("/health/live").send().await.status, 200);
    wire.mend();
    // Once it reaches the database again it catches up before it answers.
    let again = loop {
        let reply = second.get(&path).send().await;
        if reply.status == 200 {
            break reply;
        }
        tokio::task::yield_now().await;
    };
    assert_eq!(again.body["scopes"], json!([{ "value": "b" }]));
}
