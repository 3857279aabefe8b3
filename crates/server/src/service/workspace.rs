//! What is set for a workspace as a whole.

use std::sync::Arc;

use keyward_core::{
    Problem,
    model::workspace::Workspace,
    problem::{Invalid, Part},
    snapshot::Snapshot,
};
use keyward_store::catalogue;
use serde_json::{Map, Value};

use super::{Precondition, difference};
use crate::app::Call;

/// The caller's workspace.
///
/// # Errors
/// [`Problem::Internal`] when it is not there, which can't be.
pub fn find<'s>(snapshot: &'s Snapshot, call: &Call) -> Result<&'s Arc<Workspace>, Problem> {
    snapshot.workspace(call.workspace).ok_or_else(|| Problem::internal("the workspace is missing"))
}

/// Changes what is set for the workspace: what is not sent stays. Saving without an edit changes nothing.
///
/// # Errors
/// [`Problem::Invalid`] when a field can't have such a value, and [`Problem::Stale`].
pub async fn update(call: &Call, fields: Map<String, Value>, precondition: Precondition) -> Result<Workspace, Problem> {
    let work = call.clone();
    let (workspace, _) = call
        .app
        .change(move |change| {
            Box::pin(async move {
                let before = catalogue::workspace::find(change.tx(), work.workspace).await?;
                precondition.check(before.revision)?;
                let invalid = |text| Problem::Invalid(Invalid::whole(Part::Body, text));
                let settings = before.settings.with(&fields).map_err(invalid)?;
                let answer = Value::Object(settings.describe());
                if settings == before.settings {
                    return Ok((before, work.audit(answer, Value::Null, Value::Null)));
                }
                let (old, new) = difference::fields(&before.settings.describe(), &settings.describe());
                let after = Workspace { settings, revision: change.revision(), ..before };
                catalogue::workspace::update(change, &after).await?;
                Ok((after, work.audit(answer, old, new)))
            })
        })
        .await?;
    Ok(workspace)
}
