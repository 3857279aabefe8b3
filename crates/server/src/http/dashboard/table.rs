//! The rows of the console.

use http::Method;
use keyward_core::model::administrator::AdministratorRole;

use super::{account, administrators, apis, assets, log, permissions, settings, sign_in};
use crate::http::operation::{
    Access, Handler, Operation, Parameter,
    Shape::{Empty, Text},
};

/// A page.
pub(super) fn page_at(
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
pub(super) fn form_at(
    id: &'static str,
    path: &'static str,
    (audit, access): (&'static str, Access),
    handler: Handler,
) -> Operation {
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

/// A form that is answered by a page that shows something this once.
pub(super) fn form_shown_at(
    id: &'static str,
    path: &'static str,
    named: (&'static str, Access),
    handler: Handler,
) -> Operation {
    Operation { success: (200, Text("text/html; charset=utf-8")), ..form_at(id, path, named, handler) }
}

/// What every administrator may do.
pub(super) const VIEW: Access = Access::Administrator(AdministratorRole::Viewer);
/// What takes an editor.
pub(super) const EDIT: Access = Access::Administrator(AdministratorRole::Editor);

/// What takes an owner.
pub(super) const OWN: Access = Access::Administrator(AdministratorRole::Owner);

/// The rows.
pub fn operations() -> Vec<Operation> {
    let nouns = [
        sign_in::rows(),
        assets::rows(),
        apis::rows(),
        permissions::rows(),
        log::rows(),
        settings::rows(),
        administrators::rows(),
        account::rows(),
    ];
    nouns.into_iter().flatten().collect()
}
