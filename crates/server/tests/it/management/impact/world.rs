//! A random world of roles, users, applications and keys, and what each of them may do, by asking.

use std::collections::BTreeSet;

use rand::{RngExt, SeedableRng, rngs::StdRng};
use serde_json::{Value, json};

use crate::{oauth::Machine, support::TestApp};

pub(super) const CATALOGUE: &str = "urn:keyward:catalogue";
/// The last one of the APIs is deleted.
const APIS: usize = 3;

pub(super) struct Permission {
    pub(super) id: String,
    pub(super) value: String,
    /// The place of its API; none for the catalogue.
    pub(super) api: Option<usize>,
}

/// Who has which permissions directly, and which roles, by their places.
pub(super) struct Holder {
    pub(super) id: String,
    /// What it is asked by: a key's text, a user's id as a path has it.
    pub(super) handle: String,
    /// The place of a key's API.
    pub(super) api: Option<usize>,
    pub(super) permissions: BTreeSet<usize>,
    pub(super) roles: BTreeSet<usize>,
    pub(super) deleted: bool,
}

pub(super) struct Role {
    /// Without a prefix.
    pub(super) id: String,
    pub(super) permissions: BTreeSet<usize>,
    pub(super) deleted: bool,
}

pub(super) struct World<'t> {
    pub(super) t: &'t TestApp,
    random: StdRng,
    seed: u64,
    /// The ids and the identifiers of the APIs.
    pub(super) apis: Vec<(String, String)>,
    pub(super) permissions: Vec<Permission>,
    pub(super) roles: Vec<Role>,
    pub(super) users: Vec<Holder>,
    pub(super) keys: Vec<Holder>,
    machines: Vec<Machine>,
}

/// Who may do it: keys, users and applications, by their ids.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Able {
    pub(super) keys: BTreeSet<String>,
    pub(super) users: BTreeSet<String>,
    pub(super) clients: BTreeSet<String>,
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("{value} is no text")).to_owned()
}

impl<'t> World<'t> {
    pub(super) async fn new(t: &'t TestApp, seed: u64) -> Self {
        let random = StdRng::seed_from_u64(seed);
        let (apis, permissions, roles, users, keys) = (vec![], vec![], vec![], vec![], vec![]);
        let mut world = Self { t, random, seed, apis, permissions, roles, users, keys, machines: vec![] };
        world.make_permissions().await;
        world.make_roles().await;
        world.make_keys().await;
        world.make_users().await;
        world.make_machines().await;
        world.delete_some().await;
        world
    }

    fn some(&mut self, of: impl Iterator<Item = usize>, chance: f64) -> BTreeSet<usize> {
        of.filter(|_| self.random.random_bool(chance)).collect()
    }

    fn ids(&self, permissions: &BTreeSet<usize>) -> Vec<&str> {
        permissions.iter().map(|at| self.permissions[*at].id.as_str()).collect()
    }

    /// Each API and the catalogue have the same two values.
    async fn make_permissions(&mut self) {
        let values = ["a", "b"].map(|letter| format!("s{}.{letter}", self.seed));
        for api in 0..APIS {
            let identifier = format!("https://{}.{api}.example/", self.seed);
            let id = self.t.api(&identifier, &[]).await;
            for value in &values {
                let reply =
                    self.t.post(&format!("resource-servers/{id}/scopes"), json!({ "value": value })).send().await;
                let id = text(&reply.body["id"]);
                self.permissions.push(Permission { id, value: value.clone(), api: Some(api) });
            }
            self.apis.push((id, identifier));
        }
        for value in values {
            let made = self.t.v2_data("permissions.createPermission", json!({ "name": value, "slug": value })).await;
            self.permissions.push(Permission { id: text(&made["permissionId"]), value, api: None });
        }
    }

    async fn make_roles(&mut self) {
        for at in 0..4 {
            let permissions = self.some(0..self.permissions.len(), 0.4);
            let body = json!({ "name": format!("{} role {at}", self.seed), "permissions": self.ids(&permissions) });
            let made = self.t.v2_data("permissions.createRole", body).await;
            let id = text(&made["roleId"]).trim_start_matches("role_").to_owned();
            self.roles.push(Role { id, permissions, deleted: false });
        }
    }

    async fn make_keys(&mut self) {
        for _ in 0..14 {
            let api = self.random.random_range(0..APIS);
            let fitting: Vec<usize> = (0..self.permissions.len())
                .filter(|at| self.permissions[*at].api.is_none_or(|other| other == api))
                .collect();
            let (permissions, roles) = (self.some(fitting.into_iter(), 0.3), self.some(0..self.roles.len(), 0.3));
            let names: Vec<String> = roles.iter().map(|at| format!("role_{}", self.roles[*at].id)).collect();
            let body = json!({
                "apiId": format!("api_{}", self.apis[api].0), "permissions": self.ids(&permissions), "roles": names,
            });
            let (id, handle) = self.t.key(body).await;
            self.keys.push(Holder { id, handle, api: Some(api), permissions, roles, deleted: false });
        }
    }

    async fn make_users(&mut self) {
        for at in 0..5 {
            let own = format!("s{}u{at}", self.seed);
            let body = json!({
                "connection": "Username-Password-Authentication", "email": format!("{own}@example.com"),
                "password": "correct horse battery", "user_id": own,
            });
            assert_eq!(self.t.post("users", body).send().await.status, 201);
            let handle = format!("auth0%7C{own}");
            let (permissions, roles) =
                (self.some(0..self.permissions.len(), 0.25), self.some(0..self.roles.len(), 0.4));
            let pairs: Vec<Value> = permissions.iter().map(|at| self.pair(*at)).collect();
            let ids: Vec<String> = roles.iter().map(|at| format!("rol_{}", self.roles[*at].id)).collect();
            for (path, body, empty) in [
                ("permissions", json!({ "permissions": pairs }), pairs.is_empty()),
                ("roles", json!({ "roles": ids }), ids.is_empty()),
            ] {
                if !empty {
                    let reply = self.t.post(&format!("users/{handle}/{path}"), body).send().await;
                    assert!(reply.status.is_success(), "{}", reply.body);
                }
            }
            self.users.push(Holder {
                id: format!("auth0|{own}"),
                handle,
                api: None,
                permissions,
                roles,
                deleted: false,
            });
        }
    }

    pub(super) fn identifier(&self, permission: usize) -> &str {
        self.permissions[permission].api.map_or(CATALOGUE, |api| &self.apis[api].1)
    }

    fn pair(&self, permission: usize) -> Value {
        json!({
            "resource_server_identifier": self.identifier(permission),
            "permission_name": self.permissions[permission].value,
        })
    }

    /// The first one is of a third party.
    async fn make_machines(&mut self) {
        for at in 0..4 {
            let body = json!({
                "name": "machine", "app_type": "non_interactive", "grant_types": ["client_credentials"],
                "is_first_party": at != 0,
            });
            let reply = self.t.post("clients", body).send().await;
            self.machines
                .push(Machine { id: text(&reply.body["client_id"]), secret: text(&reply.body["client_secret"]) });
        }
        let whose: Vec<Value> = self.machines[1..].iter().map(|machine| json!({ "client_id": machine.id })).collect();
        for grantee in whose.into_iter().chain([json!({ "default_for": "third_party_clients" })]) {
            for api in 0..APIS {
                let mut body = grantee.clone();
                body["audience"] = self.apis[api].1.clone().into();
                let values = self.permissions.iter().filter(|permission| permission.api == Some(api));
                let values: Vec<&str> = values.map(|permission| permission.value.as_str()).collect();
                match self.random.random_range(0..4) {
                    0 => continue,
                    1 => body["allow_all_scopes"] = true.into(),
                    2 => body["scope"] = json!(values),
                    _ => body["scope"] = json!([values[self.random.random_range(0..2)]]),
                }
                let reply = self.t.post("client-grants", body).send().await;
                assert_eq!(reply.status, 201, "{}", reply.body);
            }
        }
    }

    async fn delete_some(&mut self) {
        for (at, permanent) in [(0, false), (1, true)] {
            let body = json!({ "keyId": self.keys[at].id, "permanent": permanent });
            self.t.v2_data("keys.deleteKey", body).await;
            self.keys[at].deleted = true;
        }
        let api = self.apis[APIS - 1].0.clone();
        assert_eq!(self.t.delete(&format!("resource-servers/{api}")).send().await.status, 204);
        let role = format!("role_{}", self.roles[0].id);
        self.t.v2_data("permissions.deleteRole", json!({ "role": role })).await;
        self.roles[0].deleted = true;
        assert_eq!(self.t.delete(&format!("users/{}", self.users[0].handle)).send().await.status, 204);
        self.users[0].deleted = true;
        for key in &mut self.keys {
            key.deleted |= key.api == Some(APIS - 1);
        }
    }

    /// The permissions that are not deleted.
    pub(super) fn live(&self) -> Vec<usize> {
        (0..self.permissions.len()).filter(|at| self.permissions[*at].api != Some(APIS - 1)).collect()
    }

    /// Who is able to do what a permission is for, asked of each of them.
    pub(super) async fn able(&self, permission: usize) -> Able {
        let (identifier, value) = (self.identifier(permission), &self.permissions[permission].value);
        let mut able = Able { keys: BTreeSet::new(), users: BTreeSet::new(), clients: BTreeSet::new() };
        for key in &self.keys {
            if self.t.verify(&key.handle, Some(value)).await["valid"] == true {
                able.keys.insert(key.id.clone());
            }
        }
        for user in &self.users {
            let query = format!("resource_server_identifier={}&take=100", identifier.replace('/', "%2F"));
            let reply = self.t.get(&format!("users/{}/effective-permissions?{query}", user.handle)).send().await;
            let held = reply.body["permissions"].as_array().cloned().unwrap_or_default();
            if held.iter().any(|held| held["permission_name"] == *value) {
                able.users.insert(user.id.clone());
            }
        }
        for machine in &self.machines {
            let reply = self.t.ask_as(machine, identifier, "").await;
            if reply.body["scope"].as_str().unwrap_or_default().split(' ').any(|scope| scope == value) {
                able.clients.insert(machine.id.clone());
            }
        }
        able
    }

    /// The application of a third party, which has what those have without a grant of their own.
    pub(super) fn third_party(&self) -> &str {
        &self.machines[0].id
    }
}
