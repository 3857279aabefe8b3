//! A well-formed call of every operation that root keys carry out, over things that were made for it.

use aws_lc_rs::digest::{SHA256, digest};
use base64::{Engine, prelude::BASE64_STANDARD};
use keyward_server::service::key::announce;
use serde_json::{Value, json};

use crate::support::TestApp;

/// The bodies of calls.
pub(crate) struct Example {
    /// It needs what the operation always needs.
    pub(crate) plain: Value,
    /// It needs everything that the operation may need.
    pub(crate) full: Value,
    /// It asks for something that is not there; none where nothing can be absent.
    pub(crate) absent: Option<Value>,
}

/// One that never needs more.
fn plain(plain: Value, absent: Option<Value>) -> Example {
    Example { full: plain.clone(), plain, absent }
}

/// One about the thing in this member.
fn of(member: &str, id: &Value, nothing: &str) -> Example {
    plain(json!({ member: id }), Some(json!({ member: nothing })))
}

/// The same body with more in it.
fn and(body: &Value, more: &Value) -> Value {
    let mut body = body.clone();
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    body
}

/// Things that exist for one call; `n` keeps their names apart.
struct Made<'t> {
    t: &'t TestApp,
    n: u64,
}

impl Made<'_> {
    fn name(&self, what: &str) -> String {
        format!("{what}.{}", self.n)
    }

    async fn api(&self) -> Value {
        self.t.key_api(&self.name("api")).await.into()
    }

    /// A key's id and text.
    async fn key(&self, more: Value) -> (Value, Value) {
        let made = self.t.key(and(&json!({ "apiId": self.api().await }), &more)).await;
        (made.0.into(), made.1.into())
    }

    async fn permission(&self) -> Value {
        let slug = self.name("permission");
        self.t.v2_data("permissions.createPermission", json!({ "name": slug, "slug": slug })).await["permissionId"]
            .clone()
    }

    async fn role(&self) -> Value {
        self.t.v2_data("permissions.createRole", json!({ "name": self.name("role") })).await["roleId"].clone()
    }

    async fn identity(&self) -> Value {
        let body = json!({ "externalId": self.name("user") });
        self.t.v2_data("identities.createIdentity", body).await["identityId"].clone()
    }

    /// A namespace in which `someone` has an override.
    async fn namespace(&self) -> Value {
        let namespace: Value = self.name("namespace").into();
        let body = json!({ "namespace": namespace, "identifier": "someone", "limit": 5, "duration": 60_000 });
        self.t.v2_data("ratelimit.limit", body.clone()).await;
        self.t.v2_data("ratelimit.setOverride", body).await;
        namespace
    }

    /// Bodies that give a key something: nothing new, or something that nobody has yet.
    async fn giving(&self, member: &str, known: Value, fresh: Value) -> Example {
        let (id, _) = self.key(json!({})).await;
        let plain = json!({ "keyId": id, member: [known] });
        Example {
            full: json!({ "keyId": id, member: [known, fresh] }),
            absent: Some(and(&plain, &json!({ "keyId": "key_nothing" }))),
            plain,
        }
    }

    async fn migration(&self) -> Example {
        let (api, role) = (self.api().await, self.role().await);
        let id = announce(&self.t.app, self.name("migration"), "sha256").await.unwrap();
        let hash = |text: &str| BASE64_STANDARD.encode(digest(&SHA256, self.name(text).as_bytes()).as_ref());
        let body = |api: &Value, key: Value| json!({ "migrationId": id, "apiId": api, "keys": [key] });
        let all = json!({ "hash": hash("full"), "roles": [role, self.name("fresh role")], "permissions": [self.name("fresh")] });
        Example {
            plain: body(&api, json!({ "hash": hash("plain") })),
            full: body(&api, all),
            absent: Some(body(&json!("api_nothing"), json!({ "hash": hash("plain") }))),
        }
    }
}

/// An example of this operation, over things of its own. An operation without one fails the walk over the table.
pub(crate) async fn example(t: &TestApp, operation: &str, n: u64) -> Example {
    let made = Made { t, n };
    match operation.split_once('.').unwrap_or_default() {
        ("permissions", name) => of_permissions(&made, name).await,
        ("keys", name) => of_keys(&made, name).await,
        ("apis", name) => of_apis(&made, name).await,
        ("identities", name) => of_identities(&made, name).await,
        ("ratelimit", name) => of_limits(&made, name).await,
        ("analytics", "getVerifications") => {
            plain(json!({ "query": "SELECT count(*) FROM key_verifications_v1" }), None)
        }
        _ => panic!("{operation} has no example"),
    }
}

async fn of_permissions(made: &Made<'_>, name: &str) -> Example {
    let fresh = made.name("fresh");
    match name {
        "createPermission" => plain(json!({ "name": "x", "slug": fresh }), None),
        "getPermission" | "getImpact" | "deletePermission" => {
            of("permission", &made.permission().await, "perm_nothing")
        }
        "updatePermission" => plain(
            json!({ "permission": made.permission().await, "name": fresh }),
            Some(json!({ "permission": "perm_nothing", "name": fresh })),
        ),
        "restorePermission" => {
            let permission = made.permission().await;
            made.t.v2_data("permissions.deletePermission", json!({ "permission": permission })).await;
            of("permission", &permission, "perm_nothing")
        }
        "listPermissions" | "listRoles" => plain(json!({}), None),
        "createRole" => Example {
            plain: json!({ "name": fresh }),
            full: json!({ "name": fresh.clone() + " too", "permissions": [fresh] }),
            absent: None,
        },
        "getRole" | "getRoleImpact" | "deleteRole" => of("role", &made.role().await, "role_nothing"),
        "restoreRole" => {
            let role = made.role().await;
            made.t.v2_data("permissions.deleteRole", json!({ "role": role })).await;
            of("role", &role, "role_nothing")
        }
        "setRolePermissions" => {
            made.permission().await;
            let body = json!({ "roleId": made.role().await, "permissions": [made.name("permission")] });
            Example {
                full: and(&body, &json!({ "permissions": [fresh] })),
                absent: Some(and(&body, &json!({ "roleId": "role_nothing" }))),
                plain: body,
            }
        }
        _ => panic!("permissions.{name} has no example"),
    }
}

async fn of_keys(made: &Made<'_>, name: &str) -> Example {
    let fresh: Value = made.name("fresh").into();
    // A key whose text is kept takes more to hand out.
    let kept = json!({ "recoverable": true });
    let on_key = async |more: &Value, full: &Value| {
        let plain = and(&json!({ "keyId": made.key(json!({})).await.0 }), more);
        let full = and(&json!({ "keyId": made.key(kept.clone()).await.0 }), full);
        Example { absent: Some(and(&plain, &json!({ "keyId": "key_nothing" }))), plain, full }
    };
    match name {
        "createKey" => {
            let body = json!({ "apiId": made.api().await });
            let all = json!({ "permissions": [fresh], "roles": [made.role().await], "recoverable": true });
            Example { full: and(&body, &all), absent: Some(json!({ "apiId": "api_nothing" })), plain: body }
        }
        "getKey" => on_key(&json!({}), &json!({ "decrypt": true })).await,
        "deleteKey" => on_key(&json!({}), &json!({})).await,
        "rerollKey" => on_key(&json!({ "expiration": 0 }), &json!({ "expiration": 0 })).await,
        "updateCredits" => on_key(&json!({ "operation": "set" }), &json!({ "operation": "set", "value": 5 })).await,
        "updateKey" => {
            let all = json!({ "permissions": [fresh], "roles": [made.role().await] });
            on_key(&json!({ "name": "x" }), &all).await
        }
        "whoami" | "verifyKey" => of("key", &made.key(json!({})).await.1, "nothing"),
        "addPermissions" | "setPermissions" => made.giving("permissions", made.permission().await, fresh).await,
        "removePermissions" => {
            let known = made.permission().await;
            made.giving("permissions", known.clone(), known).await
        }
        "addRoles" | "removeRoles" => {
            let known = made.role().await;
            made.giving("roles", known.clone(), known).await
        }
        "setRoles" => {
            let (id, _) = made.key(json!({})).await;
            Example {
                plain: json!({ "keyId": id, "roles": [] }),
                full: json!({ "keyId": id, "roles": [made.role().await] }),
                absent: Some(json!({ "keyId": "key_nothing", "roles": [] })),
            }
        }
        "migrateKeys" => made.migration().await,
        _ => panic!("keys.{name} has no example"),
    }
}

async fn of_apis(made: &Made<'_>, name: &str) -> Example {
    match name {
        "createApi" => plain(json!({ "name": made.name("api") }), None),
        "getApi" | "deleteApi" => of("apiId", &made.api().await, "api_nothing"),
        "updateApi" => plain(
            json!({ "apiId": made.api().await, "name": "other" }),
            Some(json!({ "apiId": "api_nothing", "name": "other" })),
        ),
        "listKeys" => {
            let body = json!({ "apiId": made.api().await });
            Example {
                full: and(&body, &json!({ "decrypt": true })),
                absent: Some(json!({ "apiId": "api_nothing" })),
                plain: body,
            }
        }
        _ => panic!("apis.{name} has no example"),
    }
}

async fn of_identities(made: &Made<'_>, name: &str) -> Example {
    match name {
        "createIdentity" => plain(json!({ "externalId": made.name("user") }), None),
        "getIdentity" | "deleteIdentity" => of("identity", &made.identity().await, "id_nothing"),
        "updateIdentity" => plain(
            json!({ "identity": made.identity().await, "meta": {"a": 1} }),
            Some(json!({ "identity": "id_nothing", "meta": {"a": 1} })),
        ),
        "listIdentities" => {
            made.identity().await;
            plain(json!({}), None)
        }
        _ => panic!("identities.{name} has no example"),
    }
}

async fn of_limits(made: &Made<'_>, name: &str) -> Example {
    let one = |namespace: &Value| json!({ "namespace": namespace, "identifier": "x", "limit": 5, "duration": 60_000 });
    let (known, fresh) = (made.namespace().await, json!(made.name("fresh")));
    match name {
        // A namespace that is not there is made.
        "limit" => Example { plain: one(&known), full: one(&fresh), absent: None },
        "multiLimit" => Example { plain: json!([one(&known)]), full: json!([one(&known), one(&fresh)]), absent: None },
        "setOverride" => plain(one(&known), Some(one(&json!("nothing")))),
        "getOverride" => plain(
            json!({ "namespace": known, "identifier": "someone" }),
            Some(json!({ "namespace": known, "identifier": "nobody" })),
        ),
        // Whether one may is known as soon as the namespace is.
        "deleteOverride" => plain(
            json!({ "namespace": known, "identifier": "someone" }),
            Some(json!({ "namespace": "nothing", "identifier": "someone" })),
        ),
        "listOverrides" => of("namespace", &known, "nothing"),
        _ => panic!("ratelimit.{name} has no example"),
    }
}
