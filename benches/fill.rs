//! Fills a store with keys, quickly: `fill DIRECTORY KEYS`. The directory was served once. Prints what a load needs: the
//! root key, and the file with the keys' texts, one a line.
//!
//! Each key has five permissions and two roles of five, an identity, and a limit that applies by itself. The rows are
//! what the program writes; only the way is shorter, because ten million keys one by one would take an hour.

use std::{
    fs::File,
    io::{BufWriter, Write},
    path::Path,
    sync::Arc,
};

use anyhow::{Context, anyhow};
use keyward_core::time::Entropy;
use keyward_server::{
    environment::{SystemClock, SystemEntropy},
    ids,
    key_text::KeyTexts,
};
use keyward_store::{DirectoryLock, Location, MasterKey, Store};
use rand::{Rng, RngExt, SeedableRng, rngs::StdRng};
use rusqlite::{Connection, params};

const PERMISSIONS: i64 = 1000;
const ROLES: i64 = 100;
const IDENTITIES: i64 = 10_000;
const INDEXES: [(&str, &str); 4] = [
    ("keys_id", "CREATE UNIQUE INDEX keys_id ON keys (workspace, id)"),
    ("keys_hash", "CREATE UNIQUE INDEX keys_hash ON keys (hash) WHERE erased_at IS NULL"),
    ("keys_api", "CREATE INDEX keys_api ON keys (api, id)"),
    ("keys_identity", "CREATE INDEX keys_identity ON keys (identity, id)"),
];

struct Seeded(std::sync::Mutex<StdRng>);

impl Entropy for Seeded {
    fn fill(&self, out: &mut [u8]) {
        if let Ok(mut random) = self.0.lock() {
            random.fill_bytes(out);
        }
    }
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let directory = arguments.next().context("which directory?")?;
    let keys: i64 = arguments.next().context("how many keys?")?.parse()?;
    let directory = Path::new(&directory);
    let digits = std::fs::read_to_string(directory.join("master.key"))?;
    let mut bytes = [0; MasterKey::LENGTH];
    for (byte, place) in bytes.iter_mut().zip((0..).step_by(2)) {
        *byte = u8::from_str_radix(&digits[place..place + 2], 16)?;
    }
    let lock = Arc::new(DirectoryLock::take(directory, "fill").map_err(|error| anyhow!(error.to_string()))?);
    let master = Arc::new(MasterKey::new(&bytes));
    let texts = KeyTexts::of(&master);
    let now = keyward_core::time::Clock::now(&SystemClock);
    // Opened once, so that the schema is what this program knows.
    drop(Store::open(Location::Directory(Arc::clone(&lock)), master, now).await?);
    let mut store = Connection::open(directory.join("keyward.db"))?;
    store.execute_batch("PRAGMA synchronous = OFF; PRAGMA cache_size = -4000000; PRAGMA temp_store = MEMORY;")?;
    let root = texts.make(&SystemEntropy, Some("root"), 24);
    let root_text = root.text.expose_text().unwrap_or_default().to_owned();
    catalogue(&mut store, &root.hash, now.0)?;
    let first = fill(&mut store, &texts, directory, keys, now.0)?;
    store.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)")?;
    writeln!(std::io::stdout(), "{root_text} {} {first}", directory.join("keys.txt").display())?;
    Ok(())
}

/// One API, the permissions, the roles, the identities, a root key.
fn catalogue(store: &mut Connection, root: &[u8], now: i64) -> anyhow::Result<()> {
    let tx = store.transaction()?;
    let settings = serde_json::to_string(&keyward_core::model::api::ApiSettings::default())?;
    let api: i64 = tx.query_row("SELECT last + 1 FROM numbers WHERE kind = 'api'", [], |row| row.get(0))?;
    tx.execute(
        "INSERT INTO apis (number, workspace, id, identifier, name, settings, revision, created_at, updated_at) \
         VALUES (?1, 1, '0123456789abcdef01234567', 'https://bench.example/', 'Bench', ?2, 1, ?3, ?3)",
        params![api, settings, now],
    )?;
    let first: i64 = tx.query_row("SELECT last + 1 FROM numbers WHERE kind = 'permission'", [], |row| row.get(0))?;
    for n in 0..PERMISSIONS {
        let value = format!("documents.thing{n}.read");
        tx.execute(
            "INSERT INTO permissions (number, workspace, api, id, value, folded, position, created_at, updated_at) \
             VALUES (?1, 1, ?2, ?3, ?4, ?4, ?5, ?6, ?6)",
            params![first + n, api, format!("perm_bench{n}"), value, (n + 1) << 16, now],
        )?;
    }
    for n in 0..ROLES {
        tx.execute(
            "INSERT INTO roles (number, workspace, id, name, folded, created_at, updated_at) \
             VALUES (?1, 1, ?2, ?3, ?3, ?4, ?4)",
            params![n + 1, format!("bench{n}"), format!("role {n}"), now],
        )?;
        for p in 0..5 {
            let permission = first + (n * 5 + p) % PERMISSIONS;
            tx.execute("INSERT INTO role_permissions (role, permission) VALUES (?1, ?2)", params![n + 1, permission])?;
        }
    }
    for n in 1..=IDENTITIES {
        tx.execute(
            "INSERT INTO identities (number, workspace, id, external_id, created_at, updated_at) \
             VALUES (?1, 1, ?2, ?3, ?4, ?4)",
            params![n, format!("id_bench{n}"), format!("user_{n}"), now],
        )?;
    }
    tx.execute(
        "INSERT INTO root_keys (number, workspace, id, name, hash, start, permissions, created_at) \
         VALUES (1, 1, 'key_benchroot', 'bench', ?1, 'root_', '[\"unkey:v1:ws_default:**#*\"]', ?2)",
        params![root, now],
    )?;
    for (kind, last) in [
        ("api", api),
        ("permission", first + PERMISSIONS - 1),
        ("role", ROLES),
        ("identity", IDENTITIES),
        ("root_key", 1),
    ] {
        tx.execute("UPDATE numbers SET last = ?2 WHERE kind = ?1", params![kind, last])?;
    }
    Ok(tx.commit()?)
}

/// The keys; returns the number of the first permission.
fn fill(store: &mut Connection, texts: &KeyTexts, directory: &Path, keys: i64, now: i64) -> anyhow::Result<i64> {
    for (name, _) in INDEXES {
        store.execute_batch(&format!("DROP INDEX {name}"))?;
    }
    let (api, first): (i64, i64) = (
        store.query_row("SELECT last FROM numbers WHERE kind = 'api'", [], |row| row.get(0))?,
        store.query_row("SELECT last + 1 FROM numbers WHERE kind = 'permission'", [], |row| row.get::<_, i64>(0))?
            - PERMISSIONS,
    );
    let entropy = Seeded(std::sync::Mutex::new(StdRng::seed_from_u64(1)));
    let mut random = StdRng::seed_from_u64(2);
    let mut file = BufWriter::new(File::create(directory.join("keys.txt"))?);
    let tx = store.transaction()?;
    {
        let mut insert = tx.prepare(
            "INSERT INTO keys (number, workspace, api, id, hash, start, name, identity, enabled, permissions, roles, \
             limits, counted, bytes, created_at) VALUES (?1, 1, ?2, ?3, ?4, ?5, ?6, ?7, 1, ?8, ?9, ?10, 0, 16, ?11)",
        )?;
        let mut held = tx.prepare("INSERT INTO key_permissions (permission, key) VALUES (?1, ?2)")?;
        let mut roles_held = tx.prepare("INSERT INTO key_roles (role, key) VALUES (?1, ?2)")?;
        for number in 1..=keys {
            let made = texts.make(&entropy, None, 16);
            let text = made.text.expose_text().unwrap_or_default();
            // Every key holds the first one, so that one deletion concerns them all; the query asks for two.
            let mut permissions = vec![first, first + 1];
            while permissions.len() < 5 {
                let next = first + 2 + random.random_range(0..PERMISSIONS - 2);
                if !permissions.contains(&next) {
                    permissions.push(next);
                }
            }
            permissions.sort_unstable();
            let role = 1 + random.random_range(0..ROLES - 1);
            let roles = [role, role + 1];
            let list = |numbers: &[i64]| numbers.iter().map(i64::to_string).collect::<Vec<_>>().join(",");
            let limits = format!(
                r#"[{{"id":"rl_bench{number}","name":"requests","limit":1000000000,"duration":60000,"autoApply":true}}]"#
            );
            insert.execute(params![
                number,
                api,
                ids::prefixed(&entropy, "key"),
                made.hash.as_slice(),
                made.start,
                format!("key {number}"),
                1 + number % IDENTITIES,
                list(&permissions),
                list(&roles),
                limits,
                now,
            ])?;
            for permission in permissions {
                held.execute(params![permission, number])?;
            }
            for role in roles {
                roles_held.execute(params![role, number])?;
            }
            writeln!(file, "{text}")?;
        }
    }
    tx.execute_batch(
        "INSERT INTO holders (kind, number, keys) SELECT 'permission', permission, COUNT(*) FROM key_permissions \
         GROUP BY permission; INSERT INTO holders (kind, number, keys) SELECT 'role', role, COUNT(*) FROM key_roles \
         GROUP BY role;",
    )?;
    tx.execute("UPDATE numbers SET last = ?1 WHERE kind = 'key'", [keys])?;
    tx.commit()?;
    file.flush()?;
    for (_, sql) in INDEXES {
        store.execute_batch(sql)?;
    }
    Ok(first)
}
