//! What is set for the tenant as a whole (contract: tenant settings).

use http::StatusCode;
use serde_json::{Map, Value};

use crate::{
    http::{
        answer::Answer,
        operation::{Handled, Parameter, Request},
        query,
    },
    service::{Precondition, workspace},
};

/// The parameters.
pub const QUERY: &[Parameter] = &[query::fields(FIELDS), query::INCLUDE_FIELDS];

/// The fields that `fields` may name.
const FIELDS: &[&str] = &[
    "acr_values_supported",
    "allowed_logout_urls",
    "authorization_response_iss_parameter_supported",
    "change_password",
    "customize_mfa_in_postlogin_action",
    "default_audience",
    "default_directory",
    "default_redirection_uri",
    "default_token_quota",
    "device_flow",
    "enabled_locales",
    "ephemeral_session_lifetime",
    "error_page",
    "flags",
    "friendly_name",
    "guardian_mfa_page",
    "idle_ephemeral_session_lifetime",
    "idle_session_lifetime",
    "mtls",
    "oidc_logout",
    "picture_url",
    "pushed_authorization_requests_supported",
    "resource_parameter_profile",
    "sandbox_version",
    "session_cookie",
    "session_lifetime",
    "sessions",
    "skip_non_verifiable_callback_uri_confirmation_prompt",
    "support_email",
    "support_url",
    "universal_login",
];

/// Shows what is set.
pub fn get(request: Request) -> Handled {
    Box::pin(async move {
        let Request { call, view, query, .. } = request;
        let mut fields = workspace::find(&view.snapshot, &call)?.settings.describe();
        query::select_fields(&query, &mut fields);
        Ok(Answer::json(StatusCode::OK, &fields))
    })
}

/// Changes what is set, and shows all of it.
pub fn update(request: Request) -> Handled {
    Box::pin(async move {
        let Request { call, body, .. } = request;
        let fields = match body {
            Value::Object(fields) => fields,
            _ => Map::new(),
        };
        let workspace = workspace::update(&call, fields, Precondition::None).await?;
        Ok(Answer::json(StatusCode::OK, &workspace.settings.describe()))
    })
}
