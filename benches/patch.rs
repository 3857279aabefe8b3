//! A PATCH that changes one of 1,000 permissions, from the request's bytes to the answer's, beside the bare SQL
//! transaction that it must do: the same statements on the same kind of file, without anything around them.

#![expect(clippy::unwrap_used, reason = "a benchmark that can't go on stops")]

use std::{path::Path, sync::Arc};

use bytes::Bytes;
use criterion::{Criterion, criterion_group, criterion_main};
use http_body_util::{BodyExt, Full};
use keyward_core::access::ManagementScope;
use keyward_server::{
    app::{App, Parts},
    config::Config,
    environment::{SystemClock, SystemEntropy},
    http::{dispatch::Dispatch, table},
    keyring,
    service::token,
};
use keyward_store::{DirectoryLock, Location, MasterKey, Store};
use rusqlite::{Connection, params};
use serde_json::{Value, json};

// The program's own allocator.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const PERMISSIONS: usize = 1000;

async fn program(directory: &Path) -> (Arc<App>, Arc<Dispatch>, String) {
    let lock = DirectoryLock::take(directory, "a benchmark").unwrap();
    let master = Arc::new(MasterKey::new(&[1; 32]));
    let now = keyward_core::time::Clock::now(&SystemClock);
    let store = Store::open(Location::Directory(Arc::new(lock)), master, now).await.unwrap();
    let parts = Parts {
        store,
        clock: Arc::new(SystemClock),
        entropy: Arc::new(SystemEntropy),
        new_key_pairs: Arc::new(keyring::generate),
        public_url: "https://keyward.test/".to_owned(),
        limits: Config::load(None, [], vec![]).unwrap().limits,
        trusted_proxies: vec![],
        operations: table::ids(),
        database: None,
        error_status: keyward_server::config::ErrorStatus::Auth0,
        first_client: None,
    };
    let app = App::start(parts).await.unwrap();
    let token = token::issue(&app, ManagementScope::ALL, std::time::Duration::from_secs(3600)).await.unwrap();
    (Arc::clone(&app), Arc::new(Dispatch::new(app)), token)
}

async fn call(router: &Arc<Dispatch>, token: &str, method: &str, path: &str, body: String) -> Bytes {
    let request = http::Request::builder()
        .method(method)
        .uri(path)
        .header("authorization", format!("Bearer {token}"))
        .header("content-type", "application/json")
        .body(Full::new(Bytes::from(body)))
        .unwrap();
    let response = Arc::clone(router).answer(([127, 0, 0, 1], 1).into(), request).await;
    assert!(response.status().is_success());
    response.into_body().collect().await.unwrap().to_bytes()
}

fn body(round: usize) -> String {
    let scope = |number: usize| {
        let changed = if number == 500 { round } else { 0 };
        json!({ "value": format!("read:thing{number}"), "description": format!("Read things of kind {number}, version {changed}") })
    };
    json!({ "scopes": (0..PERMISSIONS).map(scope).collect::<Vec<_>>() }).to_string()
}

/// What the PATCH makes SQLite do.
fn bare(connection: &mut Connection, api: i64, permission: i64, detail: &str, round: i64) {
    connection.execute_batch("BEGIN IMMEDIATE").unwrap();
    let revision: i64 =
        connection.prepare_cached("SELECT value FROM revision").unwrap().query_row([], |r| r.get(0)).unwrap();
    {
        let mut find = connection
            .prepare_cached("SELECT number, workspace, id, identifier, name, system, settings, signing_secret, revision, created_at FROM apis WHERE workspace = 1 AND number = ?1 AND deleted_at IS NULL")
            .unwrap();
        let _: String = find.query_row([api], |row| row.get(6)).unwrap();
        let mut list = connection
            .prepare_cached("SELECT number, api, id, value, description, position, created_at FROM permissions WHERE workspace = 1 AND api = ?1 AND deleted_at IS NULL ORDER BY position")
            .unwrap();
        let mut rows = list.query([api]).unwrap();
        let mut seen = 0;
        while let Some(row) = rows.next().unwrap() {
            seen += row.get::<_, i64>(0).unwrap();
            seen +=
                i64::try_from(row.get::<_, String>(3).unwrap().len() + row.get::<_, String>(4).unwrap().len()).unwrap();
        }
        assert!(seen > 0);
    }
    let execute = |sql: &str, values: &[&dyn rusqlite::ToSql]| {
        connection.prepare_cached(sql).unwrap().execute(values).unwrap();
    };
    execute(
        "UPDATE apis SET revision = ?2, updated_at = ?2 WHERE workspace = 1 AND number = ?1",
        params![api, revision + 1],
    );
    execute(
        "UPDATE permissions SET description = ?2 WHERE workspace = 1 AND number = ?1",
        params![permission, format!("version {round}")],
    );
    for (kind, number) in [("api", api), ("permission", permission)] {
        execute(
            "INSERT INTO changes (revision, kind, number) VALUES (?1, ?2, ?3)",
            params![revision + 1, kind, number],
        );
    }
    execute("UPDATE numbers SET last = last + 1 WHERE kind = 'log'", params![]);
    execute(
        "INSERT INTO logs (number, workspace, log_id, at, kind, description, client_id, subject, ip, detail) VALUES (?1, 1, ?2, 0, 'sapi', 'Update', 'c', 's', '', ?3)",
        params![1_000_000 + round, format!("{round:056}"), detail],
    );
    execute("UPDATE revision SET value = ?1", params![revision + 1]);
    connection.execute_batch("COMMIT").unwrap();
}

fn patch(criterion: &mut Criterion) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let directory = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let (app, router, token) = runtime.block_on(program(&directory.path().join("keyward")));
    let made = runtime.block_on(call(
        &router,
        &token,
        "POST",
        "/api/v2/resource-servers",
        json!({ "identifier": "a" }).to_string(),
    ));
    let made: Value = serde_json::from_slice(&made).unwrap();
    let path = format!("/api/v2/resource-servers/{}", made["id"].as_str().unwrap());
    runtime.block_on(call(&router, &token, "PATCH", &path, body(0)));

    // The bare transactions run on a copy of the same store.
    let bare_file = directory.path().join("bare.db");
    let source = Connection::open(directory.path().join("keyward/keyward.db")).unwrap();
    source.execute("VACUUM INTO ?1", [bare_file.to_str().unwrap()]).unwrap();
    let detail: String =
        source.query_row("SELECT detail FROM logs ORDER BY number DESC LIMIT 1", [], |r| r.get(0)).unwrap();
    let (api, permission): (i64, i64) = source
        .query_row("SELECT api, MAX(number) FROM permissions WHERE api > 1", [], |r| Ok((r.get(0)?, r.get(1)?)))
        .unwrap();
    drop(source);
    let mut connection = Connection::open(bare_file).unwrap();
    connection.execute_batch("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON").unwrap();
    connection.set_prepared_statement_cache_capacity(100);

    let mut group = criterion.benchmark_group("patch");
    let mut round = 0;
    group.bench_function("bare", |bench| {
        bench.iter(|| {
            round += 1;
            bare(&mut connection, api, permission, &detail, round);
        });
    });
    let mut version = 0;
    group.bench_function("keyward", |bench| {
        bench.iter_batched(
            || {
                version += 1;
                body(version)
            },
            |body| runtime.block_on(call(&router, &token, "PATCH", &path, body)),
            criterion::BatchSize::PerIteration,
        );
    });
    group.finish();
    drop((router, app));
}

criterion_group!(benches, patch);
criterion_main!(benches);
