//! Questions about verifications that were made.

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
};

use keyward_core::{
    Problem,
    analytics::{AnalyticsError, Limits, Run, Statement, Verification},
    grants::Action,
    model::{WorkspaceNumber, identity::IdentityNumber, key::KeyNumber},
    time::Timestamp,
};
use keyward_store::keys::{identity, key, usage};
use serde_json::{Map, Value};

use crate::{app::Call, ids, usage::decode};

/// How many rows of records are read at once: each has about a megabyte.
const PORTION: i64 = 8;
/// The most records that one question may look at.
const RECORDS: usize = 50_000_000;
/// The longest answer, in bytes (contract: analytics).
const ANSWER: usize = 4 * 1024 * 1024;

fn refuse(error: &AnalyticsError) -> Problem {
    let code = match error.code() {
        "invalid_analytics_table" => "user/bad_request/invalid_analytics_table",
        "invalid_analytics_function" => "user/bad_request/invalid_analytics_function",
        "invalid_analytics_query_type" => "user/bad_request/invalid_analytics_query_type",
        "query_rows_limit_exceeded" => "user/unprocessable_entity/query_rows_limit_exceeded",
        "query_memory_limit_exceeded" => "user/unprocessable_entity/query_memory_limit_exceeded",
        _ => "user/bad_request/invalid_analytics_query",
    };
    Problem::Analytics(code, error.to_string())
}

/// Carries out a query over the verifications that the caller may see: of all APIs, or of some.
///
/// # Errors
/// [`Problem::Insufficient`] when it may see none; [`Problem::Analytics`] for a query that is none, or asks for too much.
pub async fn query(call: &Call, text: String) -> Result<Vec<Map<String, Value>>, Problem> {
    let own: Option<Vec<String>> = if call.may(Action::ReadAnalytics) {
        None
    } else {
        let key = call.root_key.as_ref();
        let ids = key.map(|key| key.grants.ids(Action::ReadAnalytics).map(str::to_owned).collect::<Vec<_>>());
        let ids = ids.unwrap_or_default();
        if ids.is_empty() {
            return Err(Problem::Insufficient(vec![Action::ReadAnalytics.anywhere()]));
        }
        // Records have the id without its prefix.
        Some(ids.iter().map(|id| id.strip_prefix("api_").unwrap_or(id).to_owned()).collect())
    };
    let statement = Arc::new(Statement::parse(&text).map_err(|error| refuse(&error))?);
    // What was verified before the question is part of the answer.
    call.app.usage.flush(&call.app.store).await?;
    let now = call.now.0;
    let (since, until) = statement.time_range(now);
    let span = (Timestamp(since.unwrap_or(i64::MIN)), Timestamp(until.unwrap_or(i64::MAX)));
    let mut run = statement.run(now, Limits::default());
    let mut names = Names::new(own, &text);
    let (mut after, mut looked_at) = (0, 0);
    loop {
        let workspace = call.workspace;
        let read = call
            .app
            .store
            .read(move |tx| Box::pin(async move { usage::between(tx, workspace, span, (after, PORTION)).await }));
        let segments = read.await?;
        let Some((last, _)) = segments.last() else { break };
        after = *last;
        for (_, data) in &segments {
            names.learn(call, data).await?;
            looked_at += add(&mut run, data, &names).map_err(|error| refuse(&error))?;
        }
        if run.is_complete() {
            break;
        }
        if looked_at > RECORDS {
            let text = format!("The query looks at more than {RECORDS} verifications. Ask for a shorter time");
            return Err(Problem::Analytics("user/unprocessable_entity/query_rows_limit_exceeded", text));
        }
        // Whoever verifies keys comes first.
        tokio::task::yield_now().await;
    }
    let rows = run.finish().map_err(|error| refuse(&error))?;
    let length = serde_json::to_vec(&rows).map_or(0, |text| text.len());
    if length > ANSWER {
        let text =
            format!("The answer would have {length} bytes, and may have {ANSWER}. Ask for fewer rows or columns");
        return Err(Problem::Analytics("user/unprocessable_entity/query_memory_limit_exceeded", text));
    }
    Ok(rows)
}

/// The texts that records have numbers for, as far as the query can ask for them.
struct Names {
    /// The APIs whose verifications the caller may see, without a prefix; none for all.
    own: Option<Vec<String>>,
    wanted: bool,
    /// A key's id and its API's.
    keys: HashMap<KeyNumber, (String, String)>,
    /// An identity's id and external id.
    identities: HashMap<IdentityNumber, (String, String)>,
}

impl Names {
    fn new(own: Option<Vec<String>>, query: &str) -> Self {
        // Whatever names one of these columns, in whichever place, may ask for them; a star asks for all.
        let query = query.to_lowercase();
        let columns = ["key_id", "key_space_id", "identity_id", "external_id", "*"];
        let wanted = own.is_some() || columns.iter().any(|column| query.contains(column));
        Self { own, wanted, keys: HashMap::new(), identities: HashMap::new() }
    }

    /// Looks up the texts of a segment's records that are not known yet.
    async fn learn(&mut self, call: &Call, data: &[u8]) -> Result<(), Problem> {
        if !self.wanted {
            return Ok(());
        }
        let (mut keys, mut identities) = (BTreeSet::new(), BTreeSet::new());
        for record in decode(data) {
            if !self.keys.contains_key(&record.key) {
                keys.insert(record.key);
            }
            identities.extend(record.identity.filter(|number| !self.identities.contains_key(number)));
        }
        if keys.is_empty() && identities.is_empty() {
            return Ok(());
        }
        let read = call.app.store.read(move |tx| {
            Box::pin(async move {
                let (mut found_keys, mut found_identities) = (Vec::new(), Vec::new());
                for number in keys {
                    found_keys.extend(key::names(tx, number).await?.map(|names| (number, names)));
                }
                for number in identities {
                    found_identities.extend(identity::names(tx, number).await?.map(|names| (number, names)));
                }
                Ok((found_keys, found_identities))
            })
        });
        let (keys, identities) = read.await?;
        self.keys.extend(keys);
        self.identities.extend(identities);
        Ok(())
    }
}

/// Gives a segment's records to a run; how many there were.
fn add(run: &mut Run<'_>, data: &[u8], names: &Names) -> Result<usize, AnalyticsError> {
    let nothing = (String::new(), String::new());
    let mut count = 0;
    for record in decode(data) {
        count += 1;
        let (key_id, api_id) = names.keys.get(&record.key).unwrap_or(&nothing);
        if names.own.as_ref().is_some_and(|own| !own.iter().any(|id| id == api_id)) {
            continue;
        }
        let identity = record.identity.and_then(|number| names.identities.get(&number));
        let (identity_id, external_id) = identity.unwrap_or(&nothing);
        let key_space_id = format!("ks_{api_id}");
        run.add(&Verification {
            request_id: &ids::counted("req", record.request),
            time: record.at.0,
            workspace_id: WorkspaceNumber::ID,
            key_space_id: &key_space_id,
            identity_id,
            external_id,
            key_id,
            region: "",
            outcome: record.code.as_str(),
            tags: &record.tags,
            spent_credits: record.spent,
            latency: f64::from(record.microseconds) / 1000.0,
        })?;
    }
    Ok(count)
}
