//! Which API a request for a token is for (contract: audience resolution).

use keyward_core::{
    model::{WorkspaceNumber, workspace::ResourceParameterProfile},
    snapshot::Snapshot,
};

/// What of a request may name an API. An empty text is as good as none.
#[derive(Debug, Clone, Copy, Default)]
pub struct Named<'n> {
    /// The parameter `audience`.
    pub audience: Option<&'n str>,
    /// The parameter `resource` (RFC 8707).
    pub resource: Option<&'n str>,
}

/// The identifier of the API that is asked for, whether or not there is one; or that none is.
pub fn resolve<'a>(
    snapshot: &'a Snapshot,
    workspace: WorkspaceNumber,
    public_url: &str,
    named: Named<'a>,
) -> Option<&'a str> {
    let settings = snapshot.workspace(workspace).map(|workspace| &workspace.settings);
    let profile = settings.map(|settings| settings.resource_parameter_profile).unwrap_or_default();
    let resource = named.resource.filter(|_| profile == ResourceParameterProfile::Compatibility);
    let default = settings.map(|settings| settings.default_audience.as_str());
    let found = [named.audience, resource, default].into_iter().flatten().find(|text| !text.is_empty())?;
    (!names_no_api(found, public_url)).then_some(found)
}

/// Whether an audience means no API, wherever it is named. No API can have it as its identifier.
pub(crate) fn names_no_api(audience: &str, public_url: &str) -> bool {
    let host = public_url.split_once("://").map_or(public_url, |(_, rest)| rest).trim_end_matches('/');
    audience == host || is_userinfo(audience, public_url)
}

/// Whether an audience is where users' own data is.
pub(crate) fn is_userinfo(audience: &str, public_url: &str) -> bool {
    audience.strip_prefix(public_url) == Some("userinfo")
}
