//! A schema of its own for each test, in the server that the test script started.

use std::sync::atomic::{AtomicU64, Ordering};

/// Names the server: `postgres://…`.
const URL: &str = "TEST_POSTGRES_URL";
/// Set by the test script: then a missing server fails the tests instead of skipping them.
const REQUIRED: &str = "TEST_POSTGRES_REQUIRED";

pub(crate) async fn fresh_schema() -> Option<String> {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let Ok(url) = std::env::var(URL) else {
        assert!(std::env::var(REQUIRED).is_err(), "{URL} is not set: run scripts/test");
        eprintln!("skipped on PostgreSQL: {URL} is not set");
        return None;
    };
    let schema = format!("keyward_test_{}_{}", std::process::id(), NEXT.fetch_add(1, Ordering::SeqCst));
    let (client, connection) = tokio_postgres::connect(&url, tokio_postgres::NoTls).await.unwrap();
    let connection = tokio::spawn(connection);
    client.batch_execute(&format!("DROP SCHEMA IF EXISTS {schema} CASCADE; CREATE SCHEMA {schema}")).await.unwrap();
    drop(client);
    connection.await.unwrap().unwrap();
    let separator = if url.contains('?') { '&' } else { '?' };
    Some(format!("{url}{separator}options=-csearch_path%3D{schema}"))
}
