//! Tokens that were issued use the permissions that they carry.

use std::{collections::HashMap, sync::Arc};

use keyward_core::model::{WorkspaceNumber, permission::Permission, permission_usage::UsedBy};
use keyward_store::ledger::log_block::Issued;

use crate::app::App;

/// Notes what tokens have used, from their entries in the audit log, a moment after they were issued. A permission that
/// is gone by then can't be told from its name, and is lost; nor was one used that came later.
pub fn note_tokens(app: &App, tokens: &[Issued<'_>]) {
    let view = app.view();
    let mut apis: HashMap<&str, HashMap<&str, &Arc<Permission>>> = HashMap::new();
    let (mut uses, mut lost) = (Vec::new(), 0);
    for issued in tokens {
        let permissions = apis.entry(issued.audience).or_insert_with(|| {
            let entry = view.snapshot.api(WorkspaceNumber::FIRST, issued.audience);
            let entry = entry.filter(|entry| entry.api.identifier == issued.audience);
            let permissions = entry.map(|entry| entry.permissions.as_slice()).unwrap_or_default();
            permissions.iter().map(|permission| (permission.value.as_str(), permission)).collect()
        });
        let by: Arc<str> = issued.client_id.into();
        for value in issued.scope.split(' ').filter(|value| !value.is_empty()) {
            match permissions.get(value).filter(|permission| permission.created_at <= issued.last_at) {
                Some(permission) => {
                    uses.push(((permission.number, issued.count), issued.last_at, UsedBy::Client(Arc::clone(&by))));
                }
                None => lost += issued.count,
            }
        }
    }
    app.usage.note(uses, lost);
}
