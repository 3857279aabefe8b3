//! Recorded exchanges with the original, replayed when they are there. They are not part of this project: the variable
//! KEYWARD_RECORDINGS names the file, or it lies beside the checkout. Without it, the test says that it has nothing to do.
//!
//! In scope is whatever has a path of the operation table. Each cassette is replayed by itself, on a server that has
//! only what the cassette shows and never made.

mod before;
mod compare;
mod expected;
mod replay;

use std::{collections::BTreeMap, path::PathBuf};

use serde_json::Value;

use crate::support::{TestApp, reply};
use replay::Replay;

on_both_engines!(exchanges_are_answered_as_recorded);

/// Of a hundred exchanges, so many must have the recorded status.
const SAME_STATUS: f64 = 98.0;
/// The same for their bodies.
const SAME_BODY: f64 = 95.0;
/// How much of a difference is printed.
const LONGEST_LINE: usize = 300;
/// There are more in scope than this: a file that was cut off proves nothing.
const LEAST: usize = 1500;
/// One recorder made a file for each exchange. They belong together, in this order.
const STEPS: [&str; 25] = [
    "create_test_api",
    "create_test_role",
    "create_test_user",
    "create_test_client.",
    "create_test_client_grant",
    "_get_roles/",
    "_get_role/",
    "_add_role_permissions/",
    "_get_role_permissions/",
    "_remove_role_permissions/",
    "_add_role_users/",
    "_get_role_users/",
    "_update_role/",
    "_delete_role/",
    "_client/",
    "_clients/",
    "_patch_client/",
    "_delete_client/",
    "_client_grants/",
    "_patch_client_grant/",
    "_delete_client_grant/",
    "delete_test_client_grant",
    "delete_test_client.",
    "delete_test_api",
    "delete_test_user",
];

/// How an exchange was answered otherwise than it was recorded.
pub(super) struct Difference {
    /// Where it was recorded, and what was asked.
    place: String,
    /// In what it differs.
    texts: Vec<String>,
    /// Whether it is the status.
    is_status: bool,
}

fn recordings() -> Option<Vec<Value>> {
    let beside = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/reference/auth0-recordings.jsonl");
    let path = std::env::var_os("KEYWARD_RECORDINGS").map_or(beside, PathBuf::from);
    let Ok(text) = std::fs::read_to_string(&path) else {
        crate::support::skipped(&format!("no recordings at {}", path.display()));
        return None;
    };
    Some(text.lines().map(|line| serde_json::from_str(line).unwrap()).collect())
}

/// The exchanges, by cassette.
fn cassettes(exchanges: Vec<Value>) -> Vec<Vec<Value>> {
    let mut cassettes: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for mut exchange in exchanges {
        let source = exchange["source"].as_str().unwrap().to_owned();
        let alone = source.find("Auth0_Api_V2_").and_then(|at| Some(at + source[at..].find('/')?));
        let (cassette, step) = alone.map_or((source.as_str(), ""), |at| source.split_at(at));
        let rank = STEPS.iter().position(|known| step.trim_start_matches('/').starts_with(known));
        assert!(step.is_empty() || rank.is_some(), "{source} has no place among its siblings");
        exchange["rank"] = rank.into();
        cassettes.entry(cassette.to_owned()).or_default().push(exchange);
    }
    for cassette in cassettes.values_mut() {
        cassette.sort_by_key(|exchange| exchange["rank"].as_u64());
    }
    cassettes.into_values().collect()
}

/// What is asked, without what stands for a thing: `/api/v2/roles/{}/users`.
fn kind_of(path: &str) -> String {
    let segments = path.split('/').enumerate().map(|(at, segment)| if at == 4 { "{}" } else { segment });
    segments.take(6).collect::<Vec<_>>().join("/")
}

/// Leaves what is in scope, and says what is not.
fn in_scope(exchanges: Vec<Value>) -> Vec<Value> {
    let (inside, outside): (Vec<_>, Vec<_>) =
        exchanges.into_iter().partition(|one| reply::rows(one["path"].as_str().unwrap()).next().is_some());
    let mut kinds: BTreeMap<String, usize> = BTreeMap::new();
    for one in &outside {
        *kinds.entry(kind_of(one["path"].as_str().unwrap())).or_default() += 1;
    }
    eprintln!("{} exchanges in scope; {} are not: {kinds:?}", inside.len(), outside.len());
    inside
}

/// The next cassette begins on an empty server.
async fn clear(t: &TestApp) {
    for (path, key) in [("users", "user_id"), ("roles", "id"), ("clients", "client_id"), ("resource-servers", "id")] {
        let all = t.get(&format!("{path}?per_page=100")).send().await.body;
        for one in all.as_array().unwrap().iter().filter(|one| one["name"] != "Auth0 Management API") {
            t.delete(&format!("{path}/{}", one[key].as_str().unwrap().replace('|', "%7C").replace('#', "%23")))
                .send()
                .await;
        }
    }
}

async fn exchanges_are_answered_as_recorded(t: TestApp) {
    let Some(exchanges) = recordings() else { return };
    let exchanges = in_scope(exchanges);
    let count = exchanges.len();
    let system = t.get("resource-servers?per_page=1").send().await.body[0]["id"].as_str().unwrap().to_owned();
    let mut differences = Vec::new();
    for cassette in cassettes(exchanges) {
        let mut replay = Replay::new(&t, &system);
        replay.set_up_connection(&cassette).await;
        replay.set_up(&cassette).await;
        for exchange in &cassette {
            differences.extend(replay.run(exchange).await);
        }
        clear(&t).await;
    }
    report(count, &differences);
}

/// Prints what differs, and asserts that it is no more than there may be, and nothing that has no explanation.
fn report(count: usize, differences: &[Difference]) {
    let mut unexplained = 0;
    let mut times = [0; expected::EXPECTED.len()];
    for (one, text) in differences.iter().flat_map(|one| one.texts.iter().map(move |text| (one, text))) {
        let row = expected::row_of(&one.place, text);
        unexplained += usize::from(row.is_none());
        row.into_iter().for_each(|row| times[row] += 1);
        let reason = row.map_or("NOT EXPLAINED", |row| expected::EXPECTED[row].reason);
        eprintln!("{}: {} ({reason})", one.place, text.chars().take(LONGEST_LINE).collect::<String>());
    }
    #[expect(clippy::cast_precision_loss, reason = "a few thousand exchanges")]
    let share = |wrong: usize| 100.0 * (count - wrong) as f64 / count as f64;
    let statuses = differences.iter().filter(|one| one.is_status).count();
    let (same_status, same_body) = (share(statuses), share(differences.len()));
    eprintln!("of {count} recorded exchanges, {same_status:.2} % have the same status, {same_body:.2} % the same body");
    assert_eq!(unexplained, 0, "differences have no explanation");
    for (row, times) in expected::EXPECTED.iter().zip(times) {
        assert_eq!(times, row.times, "{}", row.reason);
    }
    assert!(count > LEAST && same_status >= SAME_STATUS && same_body >= SAME_BODY);
}
