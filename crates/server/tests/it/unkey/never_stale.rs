//! After every answered call, every key is what the rules say: random calls of both protocols against an oracle.

use std::collections::BTreeSet;

use http::Method;
use keyward_core::{model::WorkspaceNumber, time::Clock};
use rand::{RngExt, SeedableRng, rngs::StdRng};
use serde_json::{Value, json};

use super::oracle::{Api, Identity, Key, Oracle, Permission, Query, Role};
use crate::support::{Settings, TestApp};

on_both_engines!(every_answer_is_what_the_rules_say, every_answer_is_what_the_rules_say_without_room_to_remember);

const SEEDS: u64 = 10;
const STEPS: usize = 50;

async fn every_answer_is_what_the_rules_say(t: TestApp) {
    walk_all(&t).await;
}

async fn every_answer_is_what_the_rules_say_without_room_to_remember(t: TestApp) {
    let mut settings = Settings { seed: 11, ..Settings::default() };
    settings.limits.key_cache_mebibytes = 0;
    walk_all(&t.restart(settings).await).await;
}

async fn walk_all(t: &TestApp) {
    let mut accepted = 0;
    for seed in 0..SEEDS {
        let mut walk = Walk {
            t,
            random: StdRng::seed_from_u64(seed),
            oracle: Oracle::default(),
            slugs: ["a", "b", "c", "d"].map(|letter| format!("s{seed}.{letter}")),
            names: ["one", "two", "three"].map(|name| format!("s{seed} {name}")),
        };
        for _ in 0..2 {
            walk.make_api().await;
            walk.add_scope().await;
            walk.make_role().await;
            walk.make_key().await;
            walk.make_key().await;
        }
        for step in 0..STEPS {
            t.clock.advance(1);
            let before = walk.valid().await;
            let what = walk.step().await;
            let after = walk.valid().await;
            let more: Vec<_> = after.difference(&before).collect();
            assert!(!what.takes() || more.is_empty(), "seed {seed}, step {step}: {what:?} gave {more:?}");
            walk.compare(&format!("seed {seed}, step {step}, {what:?}")).await;
            accepted += after.len();
        }
    }
    assert!(accepted > 1000, "walks that give nobody anything prove nothing: {accepted}");
}

/// What a step did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum What {
    MakePermission,
    DeletePermission,
    DeletePermissionBySlug,
    RestorePermission,
    RenamePermission,
    DeleteAndRestore,
    MakeRole,
    SetRole,
    DeleteRole,
    RestoreRole,
    MakeKey,
    AddPermissions,
    RemovePermissions,
    SetPermissions,
    AddRoles,
    RemoveRoles,
    SetRoles,
    UpdateKey,
    DeleteKey,
    Reroll,
    MakeApi,
    DeleteApi,
    AddScope,
    DeleteScope,
    RenameScope,
    SetScopes,
    MakeIdentity,
    DeleteIdentity,
}

impl What {
    /// How often each one is tried.
    const ALL: [(Self, u32); 28] = [
        (Self::MakePermission, 3),
        (Self::DeletePermission, 4),
        (Self::DeletePermissionBySlug, 2),
        (Self::RestorePermission, 6),
        (Self::RenamePermission, 3),
        (Self::DeleteAndRestore, 2),
        (Self::MakeRole, 4),
        (Self::SetRole, 5),
        (Self::DeleteRole, 3),
        (Self::RestoreRole, 4),
        (Self::MakeKey, 5),
        (Self::AddPermissions, 5),
        (Self::RemovePermissions, 3),
        (Self::SetPermissions, 4),
        (Self::AddRoles, 5),
        (Self::RemoveRoles, 2),
        (Self::SetRoles, 3),
        (Self::UpdateKey, 4),
        (Self::DeleteKey, 1),
        (Self::Reroll, 2),
        (Self::MakeApi, 1),
        (Self::DeleteApi, 1),
        (Self::AddScope, 4),
        (Self::DeleteScope, 3),
        (Self::RenameScope, 2),
        (Self::SetScopes, 3),
        (Self::MakeIdentity, 1),
        (Self::DeleteIdentity, 2),
    ];

    /// Whether it only takes away.
    fn takes(self) -> bool {
        use What::*;
        matches!(
            self,
            DeletePermission
                | DeletePermissionBySlug
                | DeleteRole
                | DeleteKey
                | DeleteApi
                | DeleteScope
                | DeleteIdentity
                | RemovePermissions
                | RemoveRoles
        )
    }
}

pub(super) struct Walk<'t> {
    pub(super) t: &'t TestApp,
    pub(super) random: StdRng,
    pub(super) oracle: Oracle,
    pub(super) slugs: [String; 4],
    pub(super) names: [String; 3],
}

impl Walk<'_> {
    fn now(&self) -> i64 {
        self.t.clock.now().0
    }

    /// What verifications accept: pairs of a key and a slug.
    async fn valid(&self) -> BTreeSet<(usize, String)> {
        let mut pairs = BTreeSet::new();
        for (at, key) in self.oracle.keys.iter().enumerate() {
            let verdict = self.t.verify(&key.text, None).await;
            if verdict["code"] == "VALID" {
                pairs.extend(texts(&verdict["permissions"]).into_iter().map(|slug| (at, slug)));
            }
        }
        pairs
    }

    /// Every key, with all that is shown of it, and with queries.
    async fn compare(&mut self, place: &str) {
        for at in 0..self.oracle.keys.len() {
            let [one, other] = [self.random.random_range(0..4), self.random.random_range(0..4)];
            let (one, other) = (self.slugs[one].clone(), self.slugs[other].clone());
            let two = if self.random.random() { Query::Both(&one, &other) } else { Query::Either(&one, &other) };
            let key = &self.oracle.keys[at];
            for query in [Query::Nothing, Query::Has(&one), two] {
                let verdict = self.t.verify(&key.text, query.text().as_deref()).await;
                let code = self.oracle.code(key, &query, self.now());
                let place = || format!("{place}: key {at}, {query:?}: {verdict}\n{:?}", self.oracle);
                assert_eq!(verdict["code"], code, "{}", place());
                assert_eq!(verdict["valid"], code == "VALID", "{}", place());
                if code == "NOT_FOUND" {
                    assert_eq!(verdict, json!({ "valid": false, "code": "NOT_FOUND" }), "{}", place());
                    continue;
                }
                let mut shown = texts(&verdict["permissions"]);
                shown.sort();
                assert_eq!(shown, self.oracle.slugs_of(key), "{}", place());
                let roles: BTreeSet<String> = texts(&verdict["roles"]).into_iter().collect();
                assert_eq!(roles, self.oracle.roles_of(key), "{}", place());
                assert_eq!(verdict["identity"]["externalId"].as_str(), self.oracle.owner_of(key), "{}", place());
            }
        }
    }

    /// A call that the rules let through or refuse; what it answered if it was let through.
    pub(super) async fn call(&self, operation: &str, body: Value, succeeds: bool) -> Value {
        let reply = self.t.v2(operation, body.clone()).send().await;
        let status = reply.status.as_u16();
        let refused = [400, 404, 409, 412].contains(&status);
        assert!(
            if succeeds { status == 200 } else { refused },
            "{operation} {body}: {}\n{:?}",
            reply.body,
            self.oracle
        );
        reply.body["data"].clone()
    }

    /// The same on the other protocol.
    pub(super) async fn manage(&self, method: Method, path: String, body: Value, succeeds: bool) {
        let shown = format!("{method} {path} {body}");
        let call = self.t.call(method, &path);
        let reply = if body.is_null() { call.send().await } else { call.json(body).send().await };
        let good = reply.status.is_success();
        assert!(good == succeeds && !reply.status.is_server_error(), "{shown}: {}\n{:?}", reply.body, self.oracle);
    }

    /// Any number of a list's things, each once.
    pub(super) fn some(&mut self, of: &[String]) -> Vec<String> {
        of.iter().filter(|_| self.random.random_bool(0.5)).cloned().collect()
    }

    pub(super) fn one_of(&mut self, places: &[usize]) -> Option<usize> {
        (!places.is_empty()).then(|| places[self.random.random_range(0..places.len())])
    }

    pub(super) fn slug(&mut self) -> String {
        self.slugs[self.random.random_range(0..4)].clone()
    }

    pub(super) fn name(&mut self) -> String {
        self.names[self.random.random_range(0..3)].clone()
    }

    /// Notes a permission that was made; only its id is taken from the program.
    pub(super) fn note(&mut self, api: Option<usize>, slug: &str) -> usize {
        let view = self.t.app.view();
        let number = match api {
            Some(api) => view.snapshot.key_api(WorkspaceNumber::FIRST, &self.oracle.apis[api].id).unwrap().api.number,
            None => view.snapshot.catalogue(WorkspaceNumber::FIRST).unwrap(),
        };
        let entry = view.snapshot.api_numbered(number).unwrap();
        let id = entry.permission(slug).unwrap().id.clone();
        assert!(self.oracle.permissions.iter().all(|known| known.id != id), "a new permission has a new id");
        self.oracle.permissions.push(Permission { id, slug: slug.to_owned(), api, deleted: false });
        self.oracle.permissions.len() - 1
    }

    /// What slugs mean, with those that the call made on the way.
    pub(super) fn made(&mut self, (mut known, new): (BTreeSet<usize>, Vec<String>)) -> BTreeSet<usize> {
        for slug in new {
            known.insert(self.note(None, &slug));
        }
        known
    }

    async fn step(&mut self) -> What {
        let mut place = self.random.random_range(0..What::ALL.iter().map(|(_, weight)| weight).sum());
        let chosen = What::ALL.iter().find(|(_, weight)| {
            let here = place < *weight;
            place = place.saturating_sub(*weight);
            here
        });
        let what = chosen.unwrap().0;
        match what {
            What::MakePermission => self.make_permission().await,
            What::DeletePermission => self.delete_permission().await,
            What::DeletePermissionBySlug => self.delete_by_slug().await,
            What::RestorePermission => self.restore_permission().await,
            What::RenamePermission => self.rename_permission().await,
            What::DeleteAndRestore => self.delete_and_restore().await,
            What::MakeRole => self.make_role().await,
            What::SetRole => self.set_role().await,
            What::DeleteRole => self.delete_role().await,
            What::RestoreRole => self.restore_role().await,
            What::MakeKey => self.make_key().await,
            What::AddPermissions => self.add_permissions().await,
            What::RemovePermissions => self.remove_permissions().await,
            What::SetPermissions => self.set_permissions().await,
            What::AddRoles => self.change_roles("keys.addRoles").await,
            What::RemoveRoles => self.change_roles("keys.removeRoles").await,
            What::SetRoles => self.change_roles("keys.setRoles").await,
            What::UpdateKey => self.update_key().await,
            What::DeleteKey => self.delete_key().await,
            What::Reroll => self.reroll().await,
            What::MakeApi => self.make_api().await,
            What::DeleteApi => self.delete_api().await,
            What::AddScope => self.add_scope().await,
            What::DeleteScope => self.delete_scope().await,
            What::RenameScope => self.rename_scope().await,
            What::SetScopes => self.set_scopes().await,
            What::MakeIdentity => self.make_identity().await,
            What::DeleteIdentity => self.delete_identity().await,
        }
        what
    }

    /// Undone at once, a deletion leaves everything as it was.
    async fn delete_and_restore(&mut self) {
        let before = self.valid().await;
        let live: Vec<usize> = (0..self.oracle.permissions.len()).filter(|at| self.oracle.lives(*at)).collect();
        let Some(permission) = self.one_of(&live) else { return };
        let id = self.oracle.permissions[permission].id.clone();
        self.call("permissions.deletePermission", json!({ "permission": id }), true).await;
        let without = self.valid().await;
        assert!(without.is_subset(&before), "a deletion gave {:?}", without.difference(&before).collect::<Vec<_>>());
        self.call("permissions.restorePermission", json!({ "permission": id }), true).await;
        assert_eq!(self.valid().await, before);
    }

    pub(super) async fn make_api(&mut self) {
        let identifier = format!("https://{}.example/", self.random.random::<u64>());
        let id = if self.random.random() {
            self.t.key_api("random").await
        } else {
            format!("api_{}", self.t.api(&identifier, &[]).await)
        };
        self.oracle.apis.push(Api { id, deleted: false });
    }

    async fn make_identity(&mut self) {
        let external_id = format!("user_{}", self.random.random::<u32>());
        self.call("identities.createIdentity", json!({ "externalId": external_id }), true).await;
        self.oracle.identities.push(Identity { external_id, deleted: false });
    }

    async fn delete_identity(&mut self) {
        let live: Vec<usize> =
            (0..self.oracle.identities.len()).filter(|at| !self.oracle.identities[*at].deleted).collect();
        let Some(identity) = self.one_of(&live) else { return };
        let external_id = self.oracle.identities[identity].external_id.clone();
        self.call("identities.deleteIdentity", json!({ "identity": external_id }), true).await;
        self.oracle.identities[identity].deleted = true;
    }

    async fn make_role(&mut self) {
        let (name, slugs) = (self.name(), self.some(&self.slugs.clone()));
        let resolved = self.oracle.resolve(&slugs, None);
        let succeeds = resolved.is_some() && self.oracle.role(&name).is_none();
        let body = json!({ "name": name, "permissions": slugs });
        let made = self.call("permissions.createRole", body, succeeds).await;
        if let Some(resolved) = resolved.filter(|_| succeeds) {
            let permissions = self.made(resolved);
            let id = made["roleId"].as_str().unwrap().to_owned();
            self.oracle.roles.push(Role { id, name, permissions, deleted: false });
        }
    }

    pub(super) fn owner(&mut self) -> Option<usize> {
        let live: Vec<usize> =
            (0..self.oracle.identities.len()).filter(|at| !self.oracle.identities[*at].deleted).collect();
        self.one_of(&live).filter(|_| self.random.random())
    }

    pub(super) async fn make_key(&mut self) {
        let live: Vec<usize> = (0..self.oracle.apis.len()).filter(|at| !self.oracle.apis[*at].deleted).collect();
        let Some(api) = self.one_of(&live) else { return self.make_api().await };
        let (slugs, names) = (self.some(&self.slugs.clone()), self.some(&self.names.clone()));
        let (resolved, owner) = (self.oracle.resolve(&slugs, Some(api)), self.owner());
        let roles: Vec<Option<usize>> = names.iter().map(|name| self.oracle.role(name)).collect();
        let roles: Option<BTreeSet<usize>> = roles.into_iter().collect();
        let succeeds = resolved.is_some() && roles.is_some();
        let mut body = json!({ "apiId": self.oracle.apis[api].id, "permissions": slugs, "roles": names });
        if let Some(owner) = owner {
            body["externalId"] = self.oracle.identities[owner].external_id.clone().into();
        }
        let made = self.call("keys.createKey", body, succeeds).await;
        if let (Some(resolved), Some(roles)) = (resolved, roles) {
            let permissions = self.made(resolved);
            let text = |member: &str| made[member].as_str().unwrap().to_owned();
            let (id, text) = (text("keyId"), text("key"));
            let (enabled, ends, deleted) = (true, None, false);
            let key = Key { id, text, api, permissions, roles, identity: owner, enabled, ends, deleted };
            self.oracle.keys.push(key);
        }
    }
}

fn texts(list: &Value) -> Vec<String> {
    list.as_array().into_iter().flatten().map(|item| item.as_str().unwrap().to_owned()).collect()
}
