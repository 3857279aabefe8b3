//! Applications and what they may ask for.

use std::sync::Arc;

use imbl::{HashMap, OrdMap};

use crate::model::{
    WorkspaceNumber,
    api::ApiNumber,
    client::{Client, ClientNumber},
    client_grant::{ClientGrant, ClientGrantNumber, SubjectType},
    root_key::Hash,
};

/// Whose a grant is, of which API, and for whom: of two there is one at most.
type GrantKey = (Option<ClientNumber>, ApiNumber, SubjectType);

/// Applications and their grants.
#[derive(Debug, Clone, Default)]
pub(super) struct Clients {
    clients: OrdMap<ClientNumber, Arc<Client>>,
    by_id: HashMap<(WorkspaceNumber, String), ClientNumber>,
    /// How often an origin is named by applications: with the last one that names it, it goes.
    origins: HashMap<(WorkspaceNumber, String), u32>,
    /// How many applications have a secret with this hash.
    secrets: HashMap<(WorkspaceNumber, Hash), u32>,
    grants: OrdMap<ClientGrantNumber, Arc<ClientGrant>>,
    grants_by_id: OrdMap<(WorkspaceNumber, String), ClientGrantNumber>,
    grants_by_key: HashMap<GrantKey, ClientGrantNumber>,
}

impl Clients {
    pub(super) fn client(&self, workspace: WorkspaceNumber, id: &str) -> Option<&Arc<Client>> {
        self.clients.get(self.by_id.get(&(workspace, id.to_owned()))?)
    }

    pub(super) fn numbered(&self, number: ClientNumber) -> Option<&Arc<Client>> {
        self.clients.get(&number)
    }

    pub(super) fn clients(&self, workspace: WorkspaceNumber) -> impl Iterator<Item = &Arc<Client>> {
        self.clients.values().filter(move |client| client.workspace == workspace)
    }

    pub(super) fn names_origin(&self, workspace: WorkspaceNumber, origin: &str) -> bool {
        self.origins.contains_key(&(workspace, origin.to_owned()))
    }

    pub(super) fn has_secret(&self, workspace: WorkspaceNumber, hash: &Hash) -> bool {
        self.secrets.contains_key(&(workspace, *hash))
    }

    /// Counts what is looked up by something else than the application that has it.
    fn count(&mut self, client: &Client, change: impl Fn(u32) -> u32) {
        for origin in client.settings.origins() {
            set_count(&mut self.origins, (client.workspace, origin.to_owned()), &change);
        }
        if let Some(hash) = client.secret {
            set_count(&mut self.secrets, (client.workspace, hash), &change);
        }
    }

    pub(super) fn grant(&self, workspace: WorkspaceNumber, id: &str) -> Option<&Arc<ClientGrant>> {
        self.grants.get(self.grants_by_id.get(&(workspace, id.to_owned()))?)
    }

    pub(super) fn grant_of(
        &self,
        client: Option<ClientNumber>,
        api: ApiNumber,
        subject_type: SubjectType,
    ) -> Option<&Arc<ClientGrant>> {
        self.grants.get(self.grants_by_key.get(&(client, api, subject_type))?)
    }

    pub(super) fn grants(&self, workspace: WorkspaceNumber) -> impl Iterator<Item = &Arc<ClientGrant>> {
        let all = self.grants_by_id.iter().filter(move |((of, _), _)| *of == workspace);
        all.filter_map(|(_, number)| self.grants.get(number))
    }

    pub(super) fn set_client(&mut self, number: ClientNumber, client: Option<Arc<Client>>) {
        if let Some(old) = self.clients.remove(&number) {
            self.by_id.remove(&(old.workspace, old.id.clone()));
            self.count(&old, |count| count.saturating_sub(1));
        }
        if let Some(client) = client {
            self.by_id.insert((client.workspace, client.id.clone()), number);
            self.count(&client, |count| count.saturating_add(1));
            self.clients.insert(number, client);
        }
    }

    pub(super) fn set_grant(&mut self, number: ClientGrantNumber, grant: Option<Arc<ClientGrant>>) {
        if let Some(old) = self.grants.remove(&number) {
            self.grants_by_id.remove(&(old.workspace, old.id.clone()));
            let key = (old.client, old.api, old.subject_type);
            // In one change a grant may go and another one come in its place, in any order.
            if self.grants_by_key.get(&key) == Some(&number) {
                self.grants_by_key.remove(&key);
            }
        }
        if let Some(grant) = grant {
            self.grants_by_id.insert((grant.workspace, grant.id.clone()), number);
            self.grants_by_key.insert((grant.client, grant.api, grant.subject_type), number);
            self.grants.insert(number, grant);
        }
    }
}

fn set_count<K: std::hash::Hash + Eq + Clone>(counts: &mut HashMap<K, u32>, key: K, change: impl Fn(u32) -> u32) {
    match change(counts.get(&key).copied().unwrap_or(0)) {
        0 => counts.remove(&key),
        count => counts.insert(key, count),
    };
}
