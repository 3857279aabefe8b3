//! What applications are looked for with: two queries, as the original has no others (contract: clients).

use std::collections::HashSet;

use keyward_core::{
    Problem,
    model::{WorkspaceNumber, client::ClientNumber},
    problem::{Invalid, Part},
    snapshot::Snapshot,
};
use serde_json::{Map, Value};

use crate::http::query;

/// The parameter.
const Q: &str = "q";
/// What else says which applications are wanted. Beside a query it would be left out, so it is refused.
const FILTERS: [&str; 4] = ["is_global", "is_first_party", "app_type", "external_client_id"];

/// The applications that `q` asks for; `None` if it is not there.
///
/// # Errors
/// [`Problem::Invalid`] for a query that is not understood, or one that stands beside a filter.
pub fn wanted(
    query: &Map<String, Value>,
    snapshot: &Snapshot,
    workspace: WorkspaceNumber,
) -> Result<Option<HashSet<ClientNumber>>, Problem> {
    let Some(text) = query::text(query, Q) else { return Ok(None) };
    if let Some(other) = FILTERS.iter().find(|name| query.contains_key(**name)) {
        return Err(refused(format!("It can't be used together with {other}")));
    }
    match text.trim().split_once(':').map(|(field, value)| (field, value.trim_matches('"'))) {
        // There are no organizations.
        Some(("client_grant.organization_id", id)) if !id.is_empty() => Ok(Some(HashSet::new())),
        Some(("client_grant.allow_any_organization", "true")) => {
            let grants = snapshot.client_grants(workspace);
            let any = grants.filter(|grant| grant.settings.allow_any_organization == Some(true));
            Ok(Some(any.filter_map(|grant| grant.client).collect()))
        }
        _ => {
            let shown: String = text.chars().take(100).collect();
            Err(refused(format!(
                "`{shown}` is not understood: use client_grant.organization_id:<id> or \
                 client_grant.allow_any_organization:true"
            )))
        }
    }
}

fn refused(detail: String) -> Problem {
    Problem::Invalid(Invalid::property(Part::Query, Q, detail))
}
