//! The catalogue in memory: one consistent state that a request reads from beginning to end.
//!
//! A snapshot is never changed. Committed rows make the next one, and there is no other way to make one, so memory is
//! never ahead of the store.

mod clients;
mod first_bytes;
mod roles;
#[cfg(test)]
mod tests;

use std::{collections::HashSet, sync::Arc};

use imbl::{GenericHashMap, HashMap, OrdMap, shared_ptr::DefaultSharedPtr};

use self::{clients::Clients, first_bytes::FirstBytes, roles::Roles};
use crate::{
    model::{
        Revision, WorkspaceNumber,
        api::{Api, ApiNumber},
        client::{Client, ClientNumber},
        client_grant::{ClientGrant, ClientGrantNumber, SubjectType},
        identity::IdentityNumber,
        key::KeyNumber,
        limit::Namespace,
        migration::KeyMigration,
        permission::{Permission, PermissionNumber},
        role::{Role, RoleNumber},
        root_key::{Hash, RootKey},
        signing_key::SigningKey,
        system_api::SystemApi,
        workspace::Workspace,
    },
    slots::Slots,
};

/// An API with its permissions, in the order of their places.
#[derive(Debug, Clone, PartialEq)]
pub struct ApiEntry {
    /// The API.
    pub api: Api,
    /// Its permissions.
    pub permissions: Vec<Arc<Permission>>,
}

impl ApiEntry {
    /// The permission with this value.
    pub fn permission(&self, value: &str) -> Option<&Arc<Permission>> {
        self.permissions.iter().find(|permission| permission.value.as_str() == value)
    }
}

/// A row as it is now, or that it is gone.
#[derive(Debug, Clone, PartialEq)]
pub enum Row {
    /// An API; `None` when it is deleted.
    Api(ApiNumber, Option<Box<Api>>),
    /// A permission; `None` when it is deleted.
    Permission(PermissionNumber, Option<Box<Permission>>),
    /// A signing key; `None` when it is gone.
    SigningKey(i64, Option<Box<SigningKey>>),
    /// A role; `None` when it is deleted.
    Role(RoleNumber, Option<Box<Role>>),
    /// A root key; `None` when it is revoked.
    RootKey(i64, Option<Box<RootKey>>),
    /// A namespace of the limiter, with its overrides; `None` when it is gone.
    Namespace(i64, Option<Box<Namespace>>),
    /// A migration of keys; `None` when it is gone.
    KeyMigration(i64, Option<Box<KeyMigration>>),
    /// An application; `None` when it is deleted.
    Client(ClientNumber, Option<Box<Client>>),
    /// What an application may ask for; `None` when it is deleted.
    ClientGrant(ClientGrantNumber, Option<Box<ClientGrant>>),
    /// What is set for a workspace; `None` when it is gone.
    Workspace(WorkspaceNumber, Option<Box<Workspace>>),
    /// A key that is not as it was. Keys are not in the snapshot: whoever remembers this one must forget it.
    Key(KeyNumber, Hash),
    /// An identity that is not as it was, likewise.
    Identity(IdentityNumber),
}

/// Rows that were committed up to a revision.
#[derive(Debug, Clone, PartialEq)]
pub struct Changes {
    /// The last change these rows include.
    pub revision: Revision,
    /// The rows; APIs stand before the permissions that belong to them.
    pub rows: Vec<Row>,
}

/// One state of the catalogue.
#[derive(Debug, Clone, Default)]
pub struct Snapshot {
    revision: i64,
    apis: OrdMap<ApiNumber, Arc<ApiEntry>>,
    by_id: HashMap<(WorkspaceNumber, String), ApiNumber>,
    by_identifier: HashMap<(WorkspaceNumber, String), ApiNumber>,
    permissions: Slots<Permission>,
    signing_keys: OrdMap<i64, Arc<SigningKey>>,
    /// The API that permissions without another one belong to, once there is one.
    catalogues: OrdMap<WorkspaceNumber, ApiNumber>,
    roles: Roles,
    root_keys: OrdMap<i64, Arc<RootKey>>,
    root_keys_by_hash: GenericHashMap<Hash, Arc<RootKey>, FirstBytes, DefaultSharedPtr>,
    namespaces: OrdMap<i64, Arc<Namespace>>,
    key_migrations: OrdMap<i64, Arc<KeyMigration>>,
    clients: Clients,
    workspaces: OrdMap<WorkspaceNumber, Arc<Workspace>>,
    /// The last change that touched what keys can hold.
    holdings: i64,
}

impl Snapshot {
    /// The last change this state includes.
    pub fn revision(&self) -> Revision {
        Revision(self.revision)
    }

    /// The last change that touched an API, a permission or a role: while it is the same, a key that did not change
    /// holds the same.
    pub fn holdings(&self) -> Revision {
        Revision(self.holdings)
    }

    /// The API with this id, or else with this identifier. An id is never ambiguous, so it comes first.
    pub fn api(&self, workspace: WorkspaceNumber, id_or_identifier: &str) -> Option<&Arc<ApiEntry>> {
        let key = (workspace, id_or_identifier.to_owned());
        self.apis.get(self.by_id.get(&key).or_else(|| self.by_identifier.get(&key))?)
    }

    /// The API with this number.
    pub fn api_numbered(&self, number: ApiNumber) -> Option<&Arc<ApiEntry>> {
        self.apis.get(&number)
    }

    /// The workspace's APIs, oldest first.
    pub fn apis(&self, workspace: WorkspaceNumber) -> impl Iterator<Item = &Arc<ApiEntry>> {
        self.apis.values().filter(move |entry| entry.api.workspace == workspace)
    }

    /// How many APIs there are in all workspaces.
    pub fn api_count(&self) -> usize {
        self.apis.len()
    }

    /// How many permissions there are in all workspaces.
    pub fn permission_count(&self) -> usize {
        self.permissions.count()
    }

    /// The permission with this number. One that is deleted is not there, so whoever holds it holds nothing.
    pub fn permission(&self, number: PermissionNumber) -> Option<&Arc<Permission>> {
        self.permissions.get(number.0)
    }

    /// The permissions of all APIs, oldest first.
    pub fn permissions(&self) -> impl Iterator<Item = &Arc<Permission>> {
        self.permissions.iter()
    }

    /// The API that permissions without another one belong to.
    pub fn catalogue(&self, workspace: WorkspaceNumber) -> Option<ApiNumber> {
        self.catalogues.get(&workspace).copied()
    }

    /// The API with this identity in the words of the keys' API. The program's own ones have no keys.
    pub fn key_api(&self, workspace: WorkspaceNumber, key_id: &str) -> Option<&Arc<ApiEntry>> {
        let id = key_id.strip_prefix("api_")?.to_owned();
        let entry = self.apis.get(self.by_id.get(&(workspace, id))?)?;
        entry.api.has_keys().then_some(entry)
    }

    /// The role with this number. One that is deleted is not there, so whoever has it has nothing.
    pub fn role(&self, number: RoleNumber) -> Option<&Arc<Role>> {
        self.roles.get(number)
    }

    /// The workspace's roles, oldest first.
    pub fn roles(&self, workspace: WorkspaceNumber) -> impl Iterator<Item = &Arc<Role>> {
        self.roles.iter().filter(move |role| role.workspace == workspace)
    }

    /// The role with this id, without a prefix.
    pub fn role_with_id(&self, workspace: WorkspaceNumber, id: &str) -> Option<&Arc<Role>> {
        self.roles.with_id(workspace, id)
    }

    /// How many roles the workspace has.
    pub fn role_count(&self, workspace: WorkspaceNumber) -> usize {
        self.roles.count(workspace)
    }

    /// The workspace's roles in these places, in the order of their names.
    pub fn roles_by_name(&self, workspace: WorkspaceNumber, places: std::ops::Range<usize>) -> Vec<Arc<Role>> {
        self.roles.by_name(workspace, places)
    }

    /// The root key with this SHA-256.
    pub fn root_key(&self, hash: &Hash) -> Option<&Arc<RootKey>> {
        self.root_keys_by_hash.get(hash)
    }

    /// The root keys of all workspaces, oldest first.
    pub fn root_keys(&self) -> impl Iterator<Item = &Arc<RootKey>> {
        self.root_keys.values()
    }

    /// The workspace's namespace with this id, or else with this name.
    pub fn namespace(&self, workspace: WorkspaceNumber, id_or_name: &str) -> Option<&Arc<Namespace>> {
        let all = || self.namespaces.values().filter(move |namespace| namespace.workspace == workspace);
        all().find(|namespace| namespace.id == id_or_name).or_else(|| all().find(|space| space.name == id_or_name))
    }

    /// The namespaces of all workspaces, oldest first.
    pub fn namespaces(&self) -> impl Iterator<Item = &Arc<Namespace>> {
        self.namespaces.values()
    }

    /// The workspace's migration with this id.
    pub fn key_migration(&self, workspace: WorkspaceNumber, id: &str) -> Option<&Arc<KeyMigration>> {
        self.key_migrations.values().find(|migration| migration.workspace == workspace && migration.id == id)
    }

    /// The migrations of all workspaces, oldest first.
    pub fn key_migrations(&self) -> impl Iterator<Item = &Arc<KeyMigration>> {
        self.key_migrations.values()
    }

    /// A workspace, with what is set for it.
    pub fn workspace(&self, number: WorkspaceNumber) -> Option<&Arc<Workspace>> {
        self.workspaces.get(&number)
    }

    /// Whether some application of the workspace names this origin as one that its pages come from.
    pub fn names_origin(&self, workspace: WorkspaceNumber, origin: &str) -> bool {
        self.clients.names_origin(workspace, origin)
    }

    /// Whether some application of the workspace has a secret with this hash.
    pub fn has_client_secret(&self, workspace: WorkspaceNumber, hash: &Hash) -> bool {
        self.clients.has_secret(workspace, hash)
    }

    /// The application with this `client_id`.
    pub fn client(&self, workspace: WorkspaceNumber, id: &str) -> Option<&Arc<Client>> {
        self.clients.client(workspace, id)
    }

    /// The application with this number.
    pub fn client_numbered(&self, number: ClientNumber) -> Option<&Arc<Client>> {
        self.clients.numbered(number)
    }

    /// The workspace's applications, oldest first.
    pub fn clients(&self, workspace: WorkspaceNumber) -> impl Iterator<Item = &Arc<Client>> {
        self.clients.clients(workspace)
    }

    /// The client grant with this id.
    pub fn client_grant(&self, workspace: WorkspaceNumber, id: &str) -> Option<&Arc<ClientGrant>> {
        self.clients.grant(workspace, id)
    }

    /// What an application may ask for of an API; without an application, what those of third parties may.
    pub fn client_grant_of(
        &self,
        client: Option<ClientNumber>,
        api: ApiNumber,
        subject_type: SubjectType,
    ) -> Option<&Arc<ClientGrant>> {
        self.clients.grant_of(client, api, subject_type)
    }

    /// The workspace's client grants, in the order of their ids.
    pub fn client_grants(&self, workspace: WorkspaceNumber) -> impl Iterator<Item = &Arc<ClientGrant>> {
        self.clients.grants(workspace)
    }

    /// The signing keys, oldest first.
    pub fn signing_keys(&self) -> impl Iterator<Item = &Arc<SigningKey>> {
        self.signing_keys.values()
    }

    /// The next state. This one stays as it is for whoever still reads it.
    #[must_use]
    pub fn apply(&self, changes: Changes) -> Self {
        let mut next = self.clone();
        let mut permissions = Vec::new();
        if changes.rows.iter().any(|row| matches!(row, Row::Api(..) | Row::Permission(..) | Row::Role(..))) {
            next.holdings = changes.revision.0;
        }
        for row in changes.rows {
            match row {
                Row::Api(number, api) => next.set_api(number, api),
                Row::Permission(number, permission) => permissions.push((number, permission)),
                Row::SigningKey(number, Some(key)) => {
                    next.signing_keys.insert(number, Arc::from(key));
                }
                Row::SigningKey(number, None) => {
                    next.signing_keys.remove(&number);
                }
                Row::Role(number, role) => {
                    next.roles.set(number, role.map(Arc::from));
                }
                Row::RootKey(number, key) => next.set_root_key(number, key.map(Arc::from)),
                Row::Namespace(number, Some(namespace)) => {
                    next.namespaces.insert(number, Arc::from(namespace));
                }
                Row::Namespace(number, None) => {
                    next.namespaces.remove(&number);
                }
                Row::KeyMigration(number, Some(migration)) => {
                    next.key_migrations.insert(number, Arc::from(migration));
                }
                Row::KeyMigration(number, None) => {
                    next.key_migrations.remove(&number);
                }
                Row::Client(number, client) => next.clients.set_client(number, client.map(Arc::from)),
                Row::ClientGrant(number, grant) => next.clients.set_grant(number, grant.map(Arc::from)),
                Row::Workspace(number, Some(workspace)) => {
                    next.workspaces.insert(number, Arc::from(workspace));
                }
                Row::Workspace(number, None) => {
                    next.workspaces.remove(&number);
                }
                Row::Key(..) | Row::Identity(_) => {}
            }
        }
        next.set_permissions(permissions);
        next.revision = changes.revision.0;
        next
    }

    fn set_root_key(&mut self, number: i64, key: Option<Arc<RootKey>>) {
        if let Some(old) = self.root_keys.remove(&number) {
            self.root_keys_by_hash.remove(&old.hash);
        }
        if let Some(key) = key {
            self.root_keys_by_hash.insert(key.hash, Arc::clone(&key));
            self.root_keys.insert(number, key);
        }
    }

    fn set_api(&mut self, number: ApiNumber, api: Option<Box<Api>>) {
        let old = self.apis.remove(&number);
        if let Some(old) = &old {
            self.by_id.remove(&(old.api.workspace, old.api.id.clone()));
            self.by_identifier.remove(&(old.api.workspace, old.api.identifier.clone()));
        }
        let workspace = old.as_ref().map(|entry| entry.api.workspace);
        let permissions = old.map(|entry| entry.permissions.clone()).unwrap_or_default();
        let Some(api) = api else {
            for permission in permissions {
                self.permissions.set(permission.number.0, None);
            }
            if let Some(workspace) = workspace.filter(|workspace| self.catalogue(*workspace) == Some(number)) {
                self.catalogues.remove(&workspace);
            }
            return;
        };
        if api.system == Some(SystemApi::Catalogue) {
            self.catalogues.insert(api.workspace, number);
        }
        self.by_id.insert((api.workspace, api.id.clone()), number);
        self.by_identifier.insert((api.workspace, api.identifier.clone()), number);
        self.apis.insert(number, Arc::new(ApiEntry { api: *api, permissions }));
    }

    /// Each API's list is made anew once, however many of its permissions changed.
    fn set_permissions(&mut self, rows: Vec<(PermissionNumber, Option<Box<Permission>>)>) {
        let mut touched: std::collections::BTreeMap<ApiNumber, Touched> = std::collections::BTreeMap::new();
        for (number, permission) in rows {
            let old = self.permissions.set(number.0, None);
            let Some(api) = permission.as_ref().map(|p| p.api).or_else(|| old.map(|p| p.api)) else { continue };
            let touched = touched.entry(api).or_default();
            touched.numbers.insert(number);
            touched.now.extend(permission.map(Arc::from));
        }
        for (api, touched) in touched {
            // A permission of a deleted API stays in the store, inert, and out of memory.
            let Some(entry) = self.apis.get_mut(&api) else { continue };
            let list = &mut Arc::make_mut(entry).permissions;
            list.retain(|kept| !touched.numbers.contains(&kept.number));
            for permission in &touched.now {
                self.permissions.set(permission.number.0, Some(Arc::clone(permission)));
            }
            list.extend(touched.now);
            // One that came back may find another one in its place.
            list.sort_by_key(|permission| (permission.position, permission.number));
        }
    }
}

/// What changed of one API's permissions.
#[derive(Default)]
struct Touched {
    numbers: HashSet<PermissionNumber>,
    now: Vec<Arc<Permission>>,
}
