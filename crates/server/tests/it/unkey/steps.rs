//! The steps of a random walk over permissions, roles, keys and APIs, each with what the rules make of it.

use std::collections::BTreeSet;

use http::Method;
use keyward_core::time::Clock;
use rand::RngExt;
use serde_json::{Value, json};

use super::{never_stale::Walk, oracle::Key};

impl Walk<'_> {
    fn permissions(&self, live: bool) -> Vec<usize> {
        (0..self.oracle.permissions.len()).filter(|at| self.oracle.lives(*at) == live).collect()
    }

    fn roles(&self, live: bool) -> Vec<usize> {
        (0..self.oracle.roles.len()).filter(|at| self.oracle.roles[*at].deleted != live).collect()
    }

    fn key(&mut self) -> Option<usize> {
        self.one_of(&self.oracle.live_keys())
    }

    fn api(&mut self) -> Option<usize> {
        let live: Vec<usize> = (0..self.oracle.apis.len()).filter(|at| !self.oracle.apis[*at].deleted).collect();
        self.one_of(&live)
    }

    fn server(&self, api: usize) -> String {
        format!("resource-servers/{}", self.oracle.apis[api].id.trim_start_matches("api_"))
    }

    pub(super) async fn make_permission(&mut self) {
        let slug = self.slug();
        let succeeds = self.oracle.of(None, &slug).is_none();
        self.call("permissions.createPermission", json!({ "name": slug, "slug": slug }), succeeds).await;
        if succeeds {
            self.note(None, &slug);
        }
    }

    pub(super) async fn delete_permission(&mut self) {
        let Some(permission) = self.one_of(&self.permissions(true)) else { return };
        let id = self.oracle.permissions[permission].id.clone();
        self.call("permissions.deletePermission", json!({ "permission": id }), true).await;
        self.oracle.permissions[permission].deleted = true;
        self.call("permissions.deletePermission", json!({ "permission": id }), false).await;
    }

    pub(super) async fn delete_by_slug(&mut self) {
        let slug = self.slug();
        let found = self.oracle.named(&slug);
        self.call("permissions.deletePermission", json!({ "permission": slug }), found.is_some()).await;
        if let Some(permission) = found {
            self.oracle.permissions[permission].deleted = true;
        }
    }

    pub(super) async fn restore_permission(&mut self) {
        let Some(permission) = self.one_of(&self.permissions(false)) else { return };
        let wanted = &self.oracle.permissions[permission];
        let is_there = wanted.deleted && wanted.api.is_none_or(|api| !self.oracle.apis[api].deleted);
        let succeeds = is_there && self.oracle.of(wanted.api, &wanted.slug).is_none();
        let body = json!({ "permission": wanted.id });
        self.call("permissions.restorePermission", body, succeeds).await;
        self.oracle.permissions[permission].deleted &= !succeeds;
    }

    pub(super) async fn rename_permission(&mut self) {
        let (Some(permission), slug) = (self.one_of(&self.permissions(true)), self.slug()) else { return };
        let same = self.oracle.of(self.oracle.permissions[permission].api, &slug);
        let succeeds = same.is_none_or(|same| same == permission);
        let body = json!({ "permission": self.oracle.permissions[permission].id, "slug": slug });
        self.call("permissions.updatePermission", body, succeeds).await;
        if succeeds {
            self.oracle.permissions[permission].slug = slug;
        }
    }

    pub(super) async fn set_role(&mut self) {
        let places: Vec<usize> = (0..self.oracle.roles.len()).collect();
        let Some(role) = self.one_of(&places) else { return };
        let slugs = self.some(&self.slugs.clone());
        let resolved = self.oracle.resolve(&slugs, None).filter(|_| !self.oracle.roles[role].deleted);
        let body = json!({ "roleId": self.oracle.roles[role].id, "permissions": slugs });
        self.call("permissions.setRolePermissions", body, resolved.is_some()).await;
        if let Some(resolved) = resolved {
            self.oracle.roles[role].permissions = self.made(resolved);
        }
    }

    pub(super) async fn delete_role(&mut self) {
        let Some(role) = self.one_of(&self.roles(true)) else { return };
        let by = if self.random.random() { &self.oracle.roles[role].id } else { &self.oracle.roles[role].name };
        self.call("permissions.deleteRole", json!({ "role": by }), true).await;
        self.oracle.roles[role].deleted = true;
    }

    pub(super) async fn restore_role(&mut self) {
        let Some(role) = self.one_of(&self.roles(false)) else { return };
        let succeeds = self.oracle.role(&self.oracle.roles[role].name).is_none();
        self.call("permissions.restoreRole", json!({ "role": self.oracle.roles[role].id }), succeeds).await;
        self.oracle.roles[role].deleted &= !succeeds;
    }

    pub(super) async fn add_permissions(&mut self) {
        self.give("keys.addPermissions", true).await;
    }

    pub(super) async fn set_permissions(&mut self) {
        self.give("keys.setPermissions", false).await;
    }

    async fn give(&mut self, operation: &str, adds: bool) {
        let Some(key) = self.key() else { return };
        let slugs = self.some(&self.slugs.clone());
        if adds && slugs.is_empty() {
            return;
        }
        let resolved = self.oracle.resolve(&slugs, Some(self.oracle.keys[key].api));
        let body = json!({ "keyId": self.oracle.keys[key].id, "permissions": slugs });
        let shown = self.call(operation, body, resolved.is_some()).await;
        let Some(resolved) = resolved else { return };
        let given = self.made(resolved);
        let held = &mut self.oracle.keys[key].permissions;
        if !adds {
            // A list is an explicit statement: what is deleted and not in it does not come back.
            held.clear();
        }
        held.extend(given);
        let live: BTreeSet<&str> = self.oracle.keys[key]
            .permissions
            .iter()
            .filter(|at| self.oracle.lives(**at))
            .map(|at| self.oracle.permissions[*at].id.as_str())
            .collect();
        let ids: BTreeSet<&str> = shown.as_array().unwrap().iter().map(|item| item["id"].as_str().unwrap()).collect();
        assert_eq!(ids, live, "{operation} shows what the key holds by itself");
    }

    pub(super) async fn remove_permissions(&mut self) {
        let (Some(key), slug) = (self.key(), self.slug()) else { return };
        let resolved = self.oracle.resolve(std::slice::from_ref(&slug), Some(self.oracle.keys[key].api));
        let found = resolved.and_then(|(known, _)| known.first().copied());
        let body = json!({ "keyId": self.oracle.keys[key].id, "permissions": [slug] });
        self.call("keys.removePermissions", body, found.is_some()).await;
        if let Some(permission) = found {
            self.oracle.keys[key].permissions.remove(&permission);
        }
    }

    pub(super) async fn change_roles(&mut self, operation: &str) {
        let Some(key) = self.key() else { return };
        let names = self.some(&self.names.clone());
        if names.is_empty() && operation != "keys.setRoles" {
            return;
        }
        let roles: Option<BTreeSet<usize>> =
            names.iter().map(|name| self.oracle.role(name)).collect::<Vec<_>>().into_iter().collect();
        let body = json!({ "keyId": self.oracle.keys[key].id, "roles": names });
        self.call(operation, body, roles.is_some()).await;
        let (Some(roles), held) = (roles, &mut self.oracle.keys[key].roles) else { return };
        match operation {
            "keys.addRoles" => held.extend(roles),
            "keys.removeRoles" => held.retain(|role| !roles.contains(role)),
            _ => *held = roles,
        }
    }

    pub(super) async fn update_key(&mut self) {
        let Some(key) = self.key() else { return };
        let mut body = json!({ "keyId": self.oracle.keys[key].id });
        let mut next = self.oracle.keys[key].clone();
        match self.random.random_range(0..5) {
            0 => {
                next.enabled = self.random.random_bool(0.7);
                body["enabled"] = next.enabled.into();
            }
            1 => {
                // Some have ended already, some will, while others go on.
                next.ends = Some(self.t.clock.now().0 + self.random.random_range(-3..30) * 1000);
                body["expires"] = next.ends.into();
            }
            2 => {
                next.ends = None;
                body["expires"] = Value::Null;
            }
            3 => {
                next.identity = self.owner();
                body["externalId"] = next.identity.map(|at| self.oracle.identities[at].external_id.clone()).into();
            }
            _ => {
                let names = self.some(&self.names.clone());
                let slugs = self.some(&self.slugs.clone());
                let (resolved, roles) = (
                    self.oracle.resolve(&slugs, Some(next.api)),
                    names.iter().map(|name| self.oracle.role(name)).collect::<Vec<_>>(),
                );
                (body["roles"], body["permissions"]) = (json!(names), json!(slugs));
                let roles: Option<BTreeSet<usize>> = roles.into_iter().collect();
                let succeeds = resolved.is_some() && roles.is_some();
                self.call("keys.updateKey", body, succeeds).await;
                if let (Some(resolved), Some(roles)) = (resolved, roles) {
                    (next.permissions, next.roles) = (self.made(resolved), roles);
                    self.oracle.keys[key] = next;
                }
                return;
            }
        }
        self.call("keys.updateKey", body, true).await;
        self.oracle.keys[key] = next;
    }

    pub(super) async fn delete_key(&mut self) {
        let Some(key) = self.key() else { return };
        let body = json!({ "keyId": self.oracle.keys[key].id, "permanent": self.random.random::<bool>() });
        self.call("keys.deleteKey", body.clone(), true).await;
        self.oracle.keys[key].deleted = true;
        self.call("keys.deleteKey", body, false).await;
    }

    pub(super) async fn reroll(&mut self) {
        let Some(key) = self.key() else { return };
        let grace = if self.random.random() { 0 } else { 60_000 };
        let body = json!({ "keyId": self.oracle.keys[key].id, "expiration": grace });
        let made = self.call("keys.rerollKey", body, true).await;
        let text = |member: &str| made[member].as_str().unwrap().to_owned();
        let next = Key { id: text("keyId"), text: text("key"), ..self.oracle.keys[key].clone() };
        self.oracle.keys.push(next);
        let now = self.t.clock.now().0;
        let end = if grace == 0 { now - 1 } else { (now + grace).div_euclid(60_000) * 60_000 };
        let end = if grace != 0 && end < now + grace { end + 60_000 } else { end };
        let old = &mut self.oracle.keys[key];
        old.ends = Some(old.ends.map_or(end, |before| before.min(end)));
    }

    pub(super) async fn delete_api(&mut self) {
        let Some(api) = self.api() else { return };
        if self.random.random() {
            self.call("apis.deleteApi", json!({ "apiId": self.oracle.apis[api].id }), true).await;
        } else {
            self.manage(Method::DELETE, self.server(api), Value::Null, true).await;
        }
        self.oracle.apis[api].deleted = true;
    }

    pub(super) async fn add_scope(&mut self) {
        let (Some(api), slug) = (self.api(), self.slug()) else { return };
        let succeeds = self.oracle.of(Some(api), &slug).is_none();
        self.manage(Method::POST, format!("{}/scopes", self.server(api)), json!({ "value": slug }), succeeds).await;
        if succeeds {
            self.note(Some(api), &slug);
        }
    }

    pub(super) async fn delete_scope(&mut self) {
        let (Some(api), slug) = (self.api(), self.slug()) else { return };
        // One that is not there is deleted already.
        self.manage(Method::DELETE, format!("{}/scopes/{slug}", self.server(api)), Value::Null, true).await;
        if let Some(permission) = self.oracle.of(Some(api), &slug) {
            self.oracle.permissions[permission].deleted = true;
        }
    }

    pub(super) async fn rename_scope(&mut self) {
        let (Some(api), slug, value) = (self.api(), self.slug(), self.slug()) else { return };
        let (found, same) = (self.oracle.of(Some(api), &slug), self.oracle.of(Some(api), &value));
        let succeeds = found.is_some() && (same.is_none() || same == found);
        let path = format!("{}/scopes/{slug}", self.server(api));
        self.manage(Method::PATCH, path, json!({ "value": value }), succeeds).await;
        if let Some(permission) = found.filter(|_| succeeds) {
            self.oracle.permissions[permission].slug = value;
        }
    }

    pub(super) async fn set_scopes(&mut self) {
        let Some(api) = self.api() else { return };
        let slugs = self.some(&self.slugs.clone());
        let list: Vec<Value> = slugs.iter().map(|slug| json!({ "value": slug })).collect();
        self.manage(Method::PATCH, self.server(api), json!({ "scopes": list }), true).await;
        for slug in self.slugs.clone() {
            match (self.oracle.of(Some(api), &slug), slugs.contains(&slug)) {
                (Some(permission), false) => self.oracle.permissions[permission].deleted = true,
                (None, true) => drop(self.note(Some(api), &slug)),
                _ => {}
            }
        }
    }
}
