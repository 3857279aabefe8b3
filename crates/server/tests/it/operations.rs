//! The net under every operation: each row of the table is called with no token, with a bad one, with each scope
//! alone; and the table is the document.

use std::collections::BTreeSet;

use http::Method;
use keyward_core::access::ManagementScope;
use keyward_server::http::{
    operation::{Access, Operation, Surface},
    table::OPERATIONS,
};
use serde_json::json;

use crate::support::TestApp;

on_both_engines!(
    nothing_is_answered_without_a_token,
    a_token_of_another_audience_opens_nothing,
    each_scope_opens_its_rows_and_no_other,
    sets_of_scopes_open_their_rows_as_a_whole,
    unknown_paths_and_methods
);

/// The row's path with something in its variable segments.
fn path(row: &Operation) -> String {
    row.path
        .replace("{id}", "000000000000000000000000")
        .replace("{value}", "read:nothing")
        .replace("{holders}", "keys")
        .replace("{credential_id}", "cred_none")
        .replace("{kid}", "none")
}

/// The rows that need a token, each with the sets of scopes of which any one is enough.
fn guarded() -> impl Iterator<Item = (&'static Operation, Vec<&'static [ManagementScope]>)> {
    OPERATIONS.iter().filter_map(|row| match row.access {
        Access::AnyOf(scopes) => Some((row, scopes.iter().map(std::slice::from_ref).collect())),
        Access::AnySet(sets) => Some((row, sets.to_vec())),
        _ => None,
    })
}

async fn nothing_is_answered_without_a_token(t: TestApp) {
    for (row, _) in guarded() {
        let reply = t.call(row.method.clone(), &path(row)).anonymous().json(json!({})).send().await;
        assert_eq!(reply.status, 401, "{}", row.id);
        assert_eq!(reply.body["message"], "Missing authentication");
        assert_eq!(reply.header("www-authenticate"), "Bearer");
    }
}

/// Not even if that API has permissions with the names of ours.
async fn a_token_of_another_audience_opens_nothing(t: TestApp) {
    let all: Vec<_> = ManagementScope::ALL.iter().map(|scope| scope.value()).collect();
    t.api("https://other.example/", &all).await;
    let machine = t.machine().await;
    t.grant(&machine, "https://other.example/", &all).await;
    let token =
        t.ask_as(&machine, "https://other.example/", "").await.body["access_token"].as_str().unwrap().to_owned();
    for (row, _) in guarded() {
        let reply = t.call(row.method.clone(), &path(row)).bearer(&token).json(json!({ "x": 1 })).send().await;
        assert_eq!((reply.status.as_u16(), &reply.body["message"]), (401, &json!("Invalid token")), "{}", row.id);
    }
}

async fn each_scope_opens_its_rows_and_no_other(t: TestApp) {
    for scope in ManagementScope::ALL {
        let token = t.token_with(&[*scope]).await;
        for (row, accepted) in guarded() {
            let reply = t.call(row.method.clone(), &path(row)).bearer(&token).json(json!({ "x": 1 })).send().await;
            let refused = reply.status == 403;
            let accepts = accepted.iter().any(|set| *set == [*scope]);
            assert_eq!(refused, !accepts, "{} with {}: {}", row.id, scope.value(), reply.body);
            if refused {
                let text = reply.body["message"].as_str().unwrap();
                assert!(text.starts_with("Insufficient scope, expected any of: "), "{text}");
                assert!(accepted.iter().copied().flatten().all(|scope| text.contains(scope.value())), "{text}");
                assert_eq!(reply.body["errorCode"], "insufficient_scope");
            }
        }
    }
    let nothing = t.token_with(&[]).await;
    for (row, _) in guarded() {
        let reply = t.call(row.method.clone(), &path(row)).bearer(&nothing).json(json!({ "x": 1 })).send().await;
        assert_eq!(reply.status, 403, "{}: a bad body is still 403", row.id);
    }
}

/// Each set opens its row, and what is left of it without any one of its scopes does not.
async fn sets_of_scopes_open_their_rows_as_a_whole(t: TestApp) {
    let mut seen = 0;
    for (row, accepted) in guarded() {
        for set in accepted.iter().filter(|set| set.len() > 1) {
            seen += 1;
            let call = async |scopes: &[ManagementScope]| {
                let token = t.token_with(scopes).await;
                t.call(row.method.clone(), &path(row)).bearer(&token).json(json!({ "x": 1 })).send().await.status
            };
            assert_ne!(call(set).await, 403, "{} with {set:?}", row.id);
            for missing in *set {
                let rest: Vec<_> = set.iter().copied().filter(|scope| scope != missing).collect();
                assert!(!accepted.iter().any(|other| other.iter().all(|scope| rest.contains(scope))), "{}", row.id);
                assert_eq!(call(&rest).await, 403, "{} with {rest:?}", row.id);
            }
        }
    }
    assert!(seen >= 3, "the rows with such sets were found");
}

async fn unknown_paths_and_methods(t: TestApp) {
    for (method, path) in [
        (Method::GET, "/api/v2/nothing"),
        (Method::GET, "/nothing"),
        (Method::PUT, "/api/v2/resource-servers"),
        (Method::GET, "/api/v2/resource-servers/"),
        (Method::POST, "/.well-known/jwks.json"),
    ] {
        let reply = t.call(method, path).anonymous().send().await;
        assert_eq!(reply.status, 404, "{path}");
        assert_eq!(reply.body, json!({ "statusCode": 404, "error": "Not Found", "message": "Not Found" }));
    }
}

#[tokio::test]
async fn the_document_is_the_table() {
    let t = TestApp::sqlite().await;
    let document = t.get("/openapi.json").anonymous().send().await.body;
    let mut documented = BTreeSet::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            documented.insert((
                path.clone(),
                method.to_uppercase(),
                operation["operationId"].as_str().unwrap().to_owned(),
            ));
            let named: BTreeSet<_> = path.split('/').filter(|part| part.starts_with('{')).collect();
            let parameters = operation["parameters"].as_array().unwrap();
            assert_eq!(parameters.iter().filter(|p| p["in"] == "path").count(), named.len(), "{path}");
        }
    }
    let table: BTreeSet<_> =
        OPERATIONS.iter().map(|row| (row.path.to_owned(), row.method.to_string(), row.id.to_owned())).collect();
    assert_eq!(table.len(), OPERATIONS.len(), "no row stands twice");
    // Pages for people are no interface.
    let pages = OPERATIONS.iter().filter(|row| row.surface() == Surface::Console).map(|row| row.id);
    let pages: BTreeSet<_> = pages.collect();
    let interface: BTreeSet<_> = table.into_iter().filter(|(.., id)| !pages.contains(id.as_str())).collect();
    assert_eq!(documented, interface);
    let ids: BTreeSet<_> = OPERATIONS.iter().map(|row| row.id).collect();
    assert_eq!(ids.len(), OPERATIONS.len(), "no id stands twice");
}

/// Operations that need no token. The list may only shrink.
#[test]
fn the_list_of_public_operations_only_shrinks() {
    let public: Vec<_> =
        OPERATIONS.iter().filter(|row| matches!(row.access, Access::Public(_))).map(|row| row.path).collect();
    assert_eq!(
        public,
        [
            "/.well-known/openid-configuration",
            "/.well-known/oauth-authorization-server",
            "/.well-known/jwks.json",
            "/health/live",
            "/health/ready",
            "/metrics",
            "/openapi.json",
            "/v2/liveness",
        ]
    );
}

/// Pages that need no session. The list may only shrink.
#[test]
fn the_list_of_pages_for_visitors_only_shrinks() {
    let visited = OPERATIONS.iter().filter(|row| matches!(row.access, Access::Visitor(_)));
    let visited: Vec<_> = visited.map(|row| format!("{} {}", row.method, row.path)).collect();
    let known = ["GET /sign-in", "POST /sign-in", "GET /sign-in/{link}", "POST /sign-in/{link}", "GET /assets/{name}"];
    assert_eq!(visited, known);
}

/// Who may do what, for a person to read: a change of the policy is a change of this text.
#[test]
fn the_policy_reads_like_this() {
    let line = |(row, sets): (&Operation, Vec<&[ManagementScope]>)| {
        let set = |set: &&[ManagementScope]| set.iter().map(|s| s.value()).collect::<Vec<_>>().join(" and ");
        format!("{} {} <- {}", row.method, row.path, sets.iter().map(set).collect::<Vec<_>>().join(" or "))
    };
    let policy: Vec<_> = guarded().map(line).collect();
    insta::assert_snapshot!(policy.join("\n"), @r"
    GET /api/v2/resource-servers <- read:resource_servers
    POST /api/v2/resource-servers <- create:resource_servers
    GET /api/v2/resource-servers/{id} <- read:resource_servers
    PATCH /api/v2/resource-servers/{id} <- update:resource_servers
    DELETE /api/v2/resource-servers/{id} <- delete:resource_servers
    POST /api/v2/resource-servers/{id}/scopes <- update:resource_servers
    PATCH /api/v2/resource-servers/{id}/scopes/{value} <- update:resource_servers
    DELETE /api/v2/resource-servers/{id}/scopes/{value} <- update:resource_servers
    GET /api/v2/logs <- read:logs
    GET /api/v2/logs/{id} <- read:logs
    GET /api/v2/resource-servers/{id}/scopes/{value}/impact <- read:resource_servers and read:roles and read:users and read:client_grants and read:clients or read:resource_servers and read:roles and read:users and read:client_grants and read:client_summary
    GET /api/v2/resource-servers/{id}/scopes/{value}/impact/{holders} <- read:resource_servers and read:roles and read:users and read:client_grants and read:clients or read:resource_servers and read:roles and read:users and read:client_grants and read:client_summary
    GET /api/v2/roles/{id}/impact <- read:roles and read:users and read:resource_servers
    GET /api/v2/roles/{id}/impact/{holders} <- read:roles and read:users and read:resource_servers
    GET /api/v2/clients <- read:clients or read:client_keys or read:client_credentials or read:client_summary
    POST /api/v2/clients <- create:clients
    GET /api/v2/clients/{id} <- read:clients or read:client_keys or read:client_credentials or read:client_summary
    PATCH /api/v2/clients/{id} <- update:clients
    DELETE /api/v2/clients/{id} <- delete:clients
    POST /api/v2/clients/{id}/rotate-secret <- update:client_keys
    GET /api/v2/clients/{id}/credentials <- read:client_credentials
    POST /api/v2/clients/{id}/credentials <- create:client_credentials
    GET /api/v2/clients/{id}/credentials/{credential_id} <- read:client_credentials
    PATCH /api/v2/clients/{id}/credentials/{credential_id} <- update:client_credentials
    DELETE /api/v2/clients/{id}/credentials/{credential_id} <- delete:client_credentials
    GET /api/v2/client-grants <- read:client_grants
    POST /api/v2/client-grants <- create:client_grants
    GET /api/v2/client-grants/{id} <- read:client_grants
    PATCH /api/v2/client-grants/{id} <- update:client_grants
    DELETE /api/v2/client-grants/{id} <- delete:client_grants
    GET /api/v2/roles <- read:roles
    POST /api/v2/roles <- create:roles
    GET /api/v2/roles/{id} <- read:roles
    PATCH /api/v2/roles/{id} <- update:roles
    DELETE /api/v2/roles/{id} <- delete:roles
    GET /api/v2/roles/{id}/permissions <- read:roles
    POST /api/v2/roles/{id}/permissions <- update:roles
    DELETE /api/v2/roles/{id}/permissions <- update:roles
    GET /api/v2/users <- read:users
    POST /api/v2/users <- create:users
    GET /api/v2/users-by-email <- read:users
    GET /api/v2/users/{id} <- read:users
    PATCH /api/v2/users/{id} <- update:users or update:users_app_metadata
    DELETE /api/v2/users/{id} <- delete:users
    GET /api/v2/users/{id}/roles <- read:users and read:roles or read:role_members
    POST /api/v2/users/{id}/roles <- update:users and read:roles or create:role_members
    DELETE /api/v2/users/{id}/roles <- update:users or delete:role_members
    GET /api/v2/roles/{id}/users <- read:users and read:roles or read:role_members
    POST /api/v2/roles/{id}/users <- update:roles or create:role_members
    GET /api/v2/users/{id}/effective-roles <- read:user_effective_roles
    GET /api/v2/users/{id}/permissions <- read:users
    POST /api/v2/users/{id}/permissions <- update:users
    DELETE /api/v2/users/{id}/permissions <- update:users
    GET /api/v2/users/{id}/effective-permissions <- read:user_effective_permissions
    GET /api/v2/users/{id}/effective-permissions/sources/effective-roles <- read:user_permission_source_roles
    GET /api/v2/connections <- read:connections
    POST /api/v2/connections <- create:connections
    GET /api/v2/connections/{id} <- read:connections
    PATCH /api/v2/connections/{id} <- update:connections
    DELETE /api/v2/connections/{id} <- delete:connections
    GET /api/v2/connections/{id}/clients <- read:connections
    PATCH /api/v2/connections/{id}/clients <- update:connections
    GET /api/v2/tenants/settings <- read:tenant_settings
    PATCH /api/v2/tenants/settings <- update:tenant_settings
    GET /api/v2/grants <- read:grants
    DELETE /api/v2/grants <- delete:grants
    DELETE /api/v2/grants/{id} <- delete:grants
    GET /api/v2/device-credentials <- read:device_credentials
    DELETE /api/v2/device-credentials/{id} <- delete:device_credentials
    GET /api/v2/keys/signing <- read:signing_keys
    GET /api/v2/keys/signing/{kid} <- read:signing_keys
    POST /api/v2/keys/signing/rotate <- create:signing_keys and update:signing_keys
    PUT /api/v2/keys/signing/{kid}/revoke <- update:signing_keys
    GET /api/v2/resource-servers/{id}/permission-usage <- read:resource_servers
    GET /api/v2/resource-servers/{id}/revocations <- read:revocations or read:resource_servers
    ");
}

/// Operations that are sent by POST and change nothing that an administrator made. The list may only shrink.
const POSTED_READS: [&str; 21] = [
    "console_key_find",
    "console_key_verify",
    "console_token_get",
    "permissions.getPermission",
    "permissions.listPermissions",
    "permissions.getRole",
    "permissions.listRoles",
    "permissions.getImpact",
    "permissions.getRoleImpact",
    "keys.getKey",
    "keys.whoami",
    "keys.verifyKey",
    "apis.getApi",
    "apis.listKeys",
    "identities.getIdentity",
    "identities.listIdentities",
    "ratelimit.limit",
    "ratelimit.multiLimit",
    "ratelimit.getOverride",
    "ratelimit.listOverrides",
    "analytics.getVerifications",
];

/// Every operation that changes something is audited, and no other one claims to.
#[test]
fn what_changes_is_audited() {
    for row in OPERATIONS.iter() {
        // Tokens have entries of their own kinds, also when there is none.
        let client = matches!(row.access, Access::Client(_));
        let reads = row.method == Method::GET || client || POSTED_READS.contains(&row.id);
        assert_eq!(row.audit.is_some(), !reads, "{}", row.id);
    }
}
