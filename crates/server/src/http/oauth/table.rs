//! The rows of the authorization server.

use http::Method;

use super::{revoke, token};
use crate::http::{
    attempt::AtOnce,
    operation::{
        Access::Client,
        Operation,
        Shape::{Empty, Json},
    },
};

/// The rows.
pub fn operations() -> Vec<Operation> {
    vec![
        Operation {
            id: "post_oauth_token",
            method: Method::POST,
            path: "/oauth/token",
            summary: token::SUMMARY,
            access: Client("the client authenticates in the request, in one of three ways"),
            query: &[],
            body: Some(token::parameters),
            prepare: None,
            success: (200, Json(token::answer)),
            refusals: &[401, 403, 429],
            audit: None,
            handler: token::issue,
            at_once: Some(AtOnce::Token(token::issue_at_once)),
        },
        Operation {
            id: "post_oauth_revoke",
            method: Method::POST,
            path: "/oauth/revoke",
            summary: "Revoke a refresh token (RFC 7009); there are none yet, so nothing is revoked",
            access: Client("the client authenticates in the request, in one of three ways"),
            query: &[],
            body: Some(revoke::parameters),
            prepare: None,
            success: (200, Empty),
            refusals: &[401, 429],
            audit: None,
            handler: revoke::revoke,
            at_once: None,
        },
    ]
}
