//! One SQL text: every statement of the store is prepared on both engines.

use std::{fs, path::Path};

use crate::support::postgres::fresh_schema;
use keyward_core::time::Timestamp;
use keyward_store::{DirectoryLock, Location, MasterKey, Store};

/// The literals that the sources hand to `Sql`, which is the only thing an engine takes.
fn statements() -> Vec<String> {
    let mut found = Vec::new();
    let store = Path::new(env!("CARGO_MANIFEST_DIR")).join("../store/src");
    for folder in ["", "catalogue", "keys", "ledger"] {
        for entry in fs::read_dir(store.join(folder)).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|ending| ending == "rs") {
                let text = fs::read_to_string(&path).unwrap();
                for rest in text.split("Sql(").skip(1) {
                    let Some(rest) = rest.trim_start().strip_prefix('"') else { continue };
                    let literal = rest.split_once('"').unwrap().0;
                    found.push(literal.split("\\\n").map(str::trim_start).collect::<Vec<_>>().concat());
                }
            }
        }
    }
    found
}

#[tokio::test]
async fn every_statement_prepares_on_sqlite() {
    let directory = tempfile::tempdir().unwrap();
    let lock = DirectoryLock::take(directory.path(), "a test").unwrap();
    let master = MasterKey::new(&[1; 32]).into();
    let store = Store::open(Location::Directory(lock.into()), master, Timestamp(0)).await.unwrap();
    let statements = statements();
    assert!(statements.len() >= 30, "{} statements were found", statements.len());
    let connection = rusqlite::Connection::open(directory.path().join("keyward.db")).unwrap();
    for sql in statements {
        assert!(connection.prepare(&sql).is_ok(), "{sql}: {:?}", connection.prepare(&sql).err());
    }
    drop(store);
}

#[tokio::test]
async fn every_statement_prepares_on_postgres() {
    let Some(url) = fresh_schema().await else { return };
    let master = MasterKey::new(&[1; 32]).into();
    let store = Store::open(Location::Database(url.clone()), master, Timestamp(0)).await.unwrap();
    let (client, connection) = tokio_postgres::connect(&url, tokio_postgres::NoTls).await.unwrap();
    tokio::spawn(connection);
    for sql in statements() {
        let prepared = client.prepare(&sql).await;
        assert!(prepared.is_ok(), "{sql}: {:?}", prepared.err());
    }
    drop(store);
}

/// A list of users costs what it shows: neither are all of them read, nor sorted.
#[tokio::test]
async fn lists_of_users_go_through_an_index() {
    let directory = tempfile::tempdir().unwrap();
    let lock = DirectoryLock::take(directory.path(), "a test").unwrap();
    let master = MasterKey::new(&[1; 32]).into();
    let store = Store::open(Location::Directory(lock.into()), master, Timestamp(0)).await.unwrap();
    let connection = rusqlite::Connection::open(directory.path().join("keyward.db")).unwrap();
    let lists: Vec<_> =
        statements().into_iter().filter(|sql| sql.contains("FROM users WHERE workspace = $1 AND (")).collect();
    assert_eq!(lists.len(), 12, "six orders, both ways");
    for sql in lists {
        let mut plan = connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
        // A plan needs no values.
        let rows = plan.raw_query().mapped(|row| row.get("detail"));
        let steps: Vec<String> = rows.collect::<Result<_, _>>().unwrap();
        let steps = steps.join("; ");
        assert!(steps.starts_with("SEARCH users USING INDEX users_"), "{sql}: {steps}");
        assert!(!steps.contains("TEMP B-TREE"), "{sql}: {steps}");
    }
    drop(store);
}

/// A page of holders costs what it shows, wherever it begins.
#[tokio::test]
async fn lists_of_holders_go_through_an_index() {
    let directory = tempfile::tempdir().unwrap();
    let lock = DirectoryLock::take(directory.path(), "a test").unwrap();
    let master = MasterKey::new(&[1; 32]).into();
    let store = Store::open(Location::Directory(lock.into()), master, Timestamp(0)).await.unwrap();
    let connection = rusqlite::Connection::open(directory.path().join("keyward.db")).unwrap();
    let behind = |sql: &String| ["h.key > $3", "h.user_number > $2"].iter().any(|part| sql.contains(part));
    let lists: Vec<_> = statements().into_iter().filter(behind).collect();
    assert_eq!(lists.len(), 4, "keys and users, directly and by a role");
    for sql in lists {
        let mut plan = connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
        let rows = plan.raw_query().mapped(|row| row.get("detail"));
        let steps: Vec<String> = rows.collect::<Result<_, _>>().unwrap();
        let first = &steps[0];
        assert!(first.starts_with("SEARCH h USING") && first.contains(">?"), "{sql}: {steps:?}");
        assert!(!steps.join("; ").contains("TEMP B-TREE"), "{sql}: {steps:?}");
    }
    drop(store);
}

/// Which entries of the log belong to a time is found without reading one of them.
#[tokio::test]
async fn times_of_the_log_are_found_in_an_index_alone() {
    let directory = tempfile::tempdir().unwrap();
    let lock = DirectoryLock::take(directory.path(), "a test").unwrap();
    let master = MasterKey::new(&[1; 32]).into();
    let store = Store::open(Location::Directory(lock.into()), master, Timestamp(0)).await.unwrap();
    let connection = rusqlite::Connection::open(directory.path().join("keyward.db")).unwrap();
    let between = |sql: &String| sql.starts_with("SELECT MIN(number)") || sql.starts_with("SELECT MIN(first)");
    let found: Vec<_> = statements().into_iter().filter(between).collect();
    assert_eq!(found.len(), 2, "rows and blocks");
    for sql in found {
        let mut plan = connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
        let rows = plan.raw_query().mapped(|row| row.get("detail"));
        let steps: Vec<String> = rows.collect::<Result<_, _>>().unwrap();
        assert!(steps.join("; ").contains("USING COVERING INDEX log"), "{sql}: {steps:?}");
    }
    drop(store);
}

/// The subset both engines understand: names of functions that only one of them has are refused.
#[test]
fn statements_stay_in_the_portable_subset() {
    let allowed = [
        "COALESCE", "LOWER", "COUNT", "SUM", "MIN", "MAX", "LENGTH", "EXISTS", "CAST", "VALUES", "IN", "ON", "KEY",
        "CONFLICT", "FROM",
    ];
    for sql in statements() {
        for (at, _) in sql.match_indices('(') {
            let before = sql[..at].trim_end();
            let word: String = before.chars().rev().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect();
            let word: String = word.chars().rev().collect();
            let is_call = !word.is_empty() && word.chars().all(|c| c.is_ascii_uppercase() || c == '_');
            assert!(!is_call || allowed.contains(&word.as_str()) || word == "AND", "{word} in {sql}");
        }
        assert!(!sql.contains("->"), "JSON is never queried into: {sql}");
    }
}
