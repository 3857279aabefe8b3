//! The rows of applications and of what they may ask for.

use http::Method;
use keyward_core::access::ManagementScope as Scope;

use super::{client_grants, client_schema as schema, clients, credentials};
use crate::http::operation::{
    Access::AnyOf,
    Operation,
    Shape::{Empty, Json},
};

/// Whoever may see some of an application.
const SEE: &[Scope] =
    &[Scope::ReadClients, Scope::ReadClientKeys, Scope::ReadClientCredentials, Scope::ReadClientSummary];

/// The rows.
pub fn operations() -> Vec<Operation> {
    let mut rows = of_clients();
    rows.extend(credentials::operations());
    rows.extend(of_grants());
    rows
}

fn of_clients() -> Vec<Operation> {
    vec![
        Operation {
            id: "get_clients",
            method: Method::GET,
            path: "/api/v2/clients",
            summary: "List applications",
            access: AnyOf(SEE),
            query: clients::LIST_QUERY,
            body: None,
            prepare: None,
            success: (200, Json(schema::client_list)),
            refusals: &[],
            audit: None,
            handler: clients::list,
            at_once: None,
        },
        Operation {
            id: "post_clients",
            method: Method::POST,
            path: "/api/v2/clients",
            summary: "Create an application",
            access: AnyOf(&[Scope::CreateClients]),
            query: &[],
            body: Some(schema::client_create),
            prepare: None,
            success: (201, Json(schema::client)),
            refusals: &[409],
            audit: Some("Create a client"),
            handler: clients::create,
            at_once: None,
        },
        Operation {
            id: "get_clients_by_id",
            method: Method::GET,
            path: "/api/v2/clients/{id}",
            summary: "Get an application",
            access: AnyOf(SEE),
            query: clients::GET_QUERY,
            body: None,
            prepare: None,
            success: (200, Json(schema::client)),
            refusals: &[404],
            audit: None,
            handler: clients::get,
            at_once: None,
        },
        Operation {
            id: "patch_clients_by_id",
            method: Method::PATCH,
            path: "/api/v2/clients/{id}",
            summary: "Change an application",
            access: AnyOf(&[Scope::UpdateClients]),
            query: &[],
            body: Some(schema::client_update),
            prepare: None,
            success: (200, Json(schema::client)),
            refusals: &[404],
            audit: Some("Update a client"),
            handler: clients::update,
            at_once: None,
        },
        Operation {
            id: "delete_clients_by_id",
            method: Method::DELETE,
            path: "/api/v2/clients/{id}",
            summary: "Delete an application with all its grants",
            access: AnyOf(&[Scope::DeleteClients]),
            query: &[],
            body: None,
            prepare: None,
            success: (204, Empty),
            refusals: &[],
            audit: Some("Delete a client"),
            handler: clients::delete,
            at_once: None,
        },
        Operation {
            id: "post_rotate_secret",
            method: Method::POST,
            path: "/api/v2/clients/{id}/rotate-secret",
            summary: "Give an application another secret",
            access: AnyOf(&[Scope::UpdateClientKeys]),
            query: &[],
            body: None,
            prepare: None,
            success: (200, Json(schema::client)),
            refusals: &[404],
            audit: Some("Rotate a client secret"),
            handler: clients::rotate_secret,
            at_once: None,
        },
    ]
}

fn of_grants() -> Vec<Operation> {
    vec![
        Operation {
            id: "get_client-grants",
            method: Method::GET,
            path: "/api/v2/client-grants",
            summary: "List what applications may ask for",
            access: AnyOf(&[Scope::ReadClientGrants]),
            query: client_grants::LIST_QUERY,
            body: None,
            prepare: None,
            success: (200, Json(schema::grant_list)),
            refusals: &[],
            audit: None,
            handler: client_grants::list,
            at_once: None,
        },
        Operation {
            id: "post_client-grants",
            method: Method::POST,
            path: "/api/v2/client-grants",
            summary: "Let an application ask for tokens of an API",
            access: AnyOf(&[Scope::CreateClientGrants]),
            query: &[],
            body: Some(schema::grant_create),
            prepare: None,
            success: (201, Json(schema::grant)),
            refusals: &[404, 409],
            audit: Some("Create client grant"),
            handler: client_grants::create,
            at_once: None,
        },
        Operation {
            id: "get_client-grants_by_id",
            method: Method::GET,
            path: "/api/v2/client-grants/{id}",
            summary: "Get what an application may ask for",
            access: AnyOf(&[Scope::ReadClientGrants]),
            query: &[],
            body: None,
            prepare: None,
            success: (200, Json(schema::grant)),
            refusals: &[404],
            audit: None,
            handler: client_grants::get,
            at_once: None,
        },
        Operation {
            id: "patch_client-grants_by_id",
            method: Method::PATCH,
            path: "/api/v2/client-grants/{id}",
            summary: "Change what an application may ask for; a list of scopes that is sent replaces the whole list",
            access: AnyOf(&[Scope::UpdateClientGrants]),
            query: &[],
            body: Some(schema::grant_update),
            prepare: None,
            success: (200, Json(schema::grant)),
            refusals: &[404],
            audit: Some("Update client grant"),
            handler: client_grants::update,
            at_once: None,
        },
        Operation {
            id: "delete_client-grants_by_id",
            method: Method::DELETE,
            path: "/api/v2/client-grants/{id}",
            summary: "Delete a grant; the application gets no tokens of the API once this is answered",
            access: AnyOf(&[Scope::DeleteClientGrants]),
            query: &[],
            body: None,
            prepare: None,
            success: (204, Empty),
            refusals: &[],
            audit: Some("Delete client grant"),
            handler: client_grants::delete,
            at_once: None,
        },
    ]
}
