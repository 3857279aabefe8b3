//! The rows of signing keys.

use http::Method;
use keyward_core::access::ManagementScope as Scope;

use super::{signing_keys, signing_keys_schema as schema};
use crate::http::operation::{
    Access::{AnyOf, AnySet},
    Operation,
    Shape::Json,
};

/// The rows.
pub fn operations() -> Vec<Operation> {
    vec![
        Operation {
            id: "get_signing_keys",
            method: Method::GET,
            path: "/api/v2/keys/signing",
            summary: "List the keys that sign tokens",
            access: AnyOf(&[Scope::ReadSigningKeys]),
            query: &[],
            body: None,
            prepare: None,
            success: (200, Json(schema::signing_key_list)),
            refusals: &[],
            audit: None,
            handler: signing_keys::list,
            at_once: None,
        },
        Operation {
            id: "get_signing_key",
            method: Method::GET,
            path: "/api/v2/keys/signing/{kid}",
            summary: "Get a key that signs tokens",
            access: AnyOf(&[Scope::ReadSigningKeys]),
            query: &[],
            body: None,
            prepare: None,
            success: (200, Json(schema::signing_key)),
            refusals: &[404],
            audit: None,
            handler: signing_keys::get,
            at_once: None,
        },
        Operation {
            id: "post_signing_keys",
            method: Method::POST,
            path: "/api/v2/keys/signing/rotate",
            summary: "Let the next key sign, and make another next one",
            access: AnySet(&[&[Scope::CreateSigningKeys, Scope::UpdateSigningKeys]]),
            query: &[],
            body: None,
            prepare: None,
            success: (201, Json(schema::changed_key)),
            refusals: &[],
            audit: Some("Rotate the signing keys"),
            handler: signing_keys::rotate,
            at_once: None,
        },
        Operation {
            id: "put_signing_keys",
            method: Method::PUT,
            path: "/api/v2/keys/signing/{kid}/revoke",
            summary: "Revoke a previous key for ever; its tokens are refused once this is answered",
            access: AnyOf(&[Scope::UpdateSigningKeys]),
            query: &[],
            body: None,
            prepare: None,
            success: (200, Json(schema::changed_key)),
            refusals: &[404],
            audit: Some("Revoke a signing key"),
            handler: signing_keys::revoke,
            at_once: None,
        },
    ]
}
