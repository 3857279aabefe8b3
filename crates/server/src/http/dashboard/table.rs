//! The rows of the console.

use http::Method;
use keyward_core::model::administrator::AdministratorRole::{Editor, Viewer};

use super::{apis, assets, permissions, sign_in};
use crate::http::operation::{
    Access::{self, Administrator, Visitor},
    Handler, Operation, Parameter,
    Shape::{Empty, Text},
};

/// A page.
fn page(
    id: &'static str,
    path: &'static str,
    (summary, access): (&'static str, Access),
    query: &'static [Parameter],
    handler: Handler,
) -> Operation {
    Operation {
        id,
        method: Method::GET,
        path,
        summary,
        access,
        query,
        body: None,
        prepare: None,
        success: (200, Text("text/html; charset=utf-8")),
        refusals: &[],
        audit: None,
        handler,
        at_once: None,
    }
}

/// A form: what was sent is done, and then a page is shown.
fn form(id: &'static str, path: &'static str, (audit, access): (&'static str, Access), handler: Handler) -> Operation {
    Operation {
        id,
        method: Method::POST,
        path,
        summary: audit,
        access,
        query: &[],
        body: None,
        prepare: None,
        success: (303, Empty),
        refusals: &[],
        audit: Some(audit),
        handler,
        at_once: None,
    }
}

const SIGNING_IN: Access = Visitor("whoever signs in is not signed in yet");

/// The rows.
pub fn operations() -> Vec<Operation> {
    let (view, edit) = (Administrator(Viewer), Administrator(Editor));
    vec![
        page("console_home", "/", ("The first page", view), &[], sign_in::home),
        page(
            "console_sign_in",
            "/sign-in",
            ("Ask for an address and a password", SIGNING_IN),
            sign_in::QUERY,
            sign_in::ask,
        ),
        form("console_sign_in_post", "/sign-in", ("Sign in to the console", SIGNING_IN), sign_in::sign_in),
        page("console_link", "/sign-in/{link}", ("What a link leads to", SIGNING_IN), &[], sign_in::ask_link),
        form(
            "console_link_post",
            "/sign-in/{link}",
            ("Sign in to the console", SIGNING_IN),
            sign_in::sign_in_with_link,
        ),
        form("console_sign_out", "/sign-out", ("Sign out of the console", view), sign_in::sign_out),
        page("console_asset", "/assets/{name}", ("A file", Visitor("pages refer to it")), &[], assets::get),
        page("console_apis", "/apis", ("List APIs", view), apis::LIST_QUERY, apis::list),
        page("console_api_new", "/apis/new", ("Ask what a new API is to be", edit), &[], apis::new),
        form("console_api_create", "/apis", ("Create a resource server", edit), apis::create),
        page(
            "console_permissions",
            "/apis/{id}/permissions",
            ("List permissions", view),
            permissions::LIST_QUERY,
            permissions::list,
        ),
        form(
            "console_permission_add",
            "/apis/{id}/permissions",
            ("Add a permission to a resource server", edit),
            permissions::add,
        ),
        page(
            "console_permission_check",
            "/apis/{id}/permissions/check",
            ("Check a permission as it is typed", edit),
            permissions::CHECK_QUERY,
            permissions::check,
        ),
        page(
            "console_permissions_paste",
            "/apis/{id}/permissions/paste",
            ("Ask for many permissions", edit),
            &[],
            permissions::ask_many,
        ),
        form(
            "console_permissions_add",
            "/apis/{id}/permissions/paste",
            ("Add permissions to a resource server", edit),
            permissions::add_many,
        ),
        page(
            "console_permission",
            "/apis/{id}/permissions/{permission}",
            ("Show a permission to change it", edit),
            &[],
            permissions::edit,
        ),
        form(
            "console_permission_save",
            "/apis/{id}/permissions/{permission}",
            ("Update a permission of a resource server", edit),
            permissions::save,
        ),
        page(
            "console_permission_deletion",
            "/apis/{id}/permissions/{permission}/delete",
            ("Show what a deletion takes away", edit),
            &[],
            permissions::confirm,
        ),
        form(
            "console_permission_delete",
            "/apis/{id}/permissions/{permission}/delete",
            ("Delete a permission of a resource server", edit),
            permissions::delete,
        ),
        form(
            "console_permission_restore",
            "/apis/{id}/permissions/{permission}/restore",
            ("Undo the deletion of a permission", edit),
            permissions::restore,
        ),
    ]
}
