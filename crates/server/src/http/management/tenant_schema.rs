//! The schemas of what is set for the tenant, of users' consents, and of the credentials of their devices.

use keyward_core::model::workspace::{AUDIENCE_MAX, FRIENDLY_NAME_MAX};
use serde_json::{Value, json};

use super::paging;

/// The longest session, in hours: a year.
const HOURS: u32 = 8760;

/// Text, or null for the default.
fn text(longest: usize, description: &str) -> Value {
    json!({"type": ["string", "null"], "maxLength": longest, "description": description})
}

fn matching(pattern: &str, description: &str) -> Value {
    json!({"type": ["string", "null"], "maxLength": 2048, "pattern": pattern, "description": description})
}

fn object(description: &str) -> Value {
    json!({"type": ["object", "null"], "description": description})
}

fn boolean(description: &str) -> Value {
    json!({"type": ["boolean", "null"], "description": description})
}

fn texts(description: &str) -> Value {
    json!({
        "type": ["array", "null"], "items": {"type": "string", "minLength": 1, "maxLength": 2048}, "maxItems": 1000,
        "description": description,
    })
}

fn hours(description: &str) -> Value {
    json!({"type": ["number", "null"], "minimum": 1, "maximum": HOURS, "description": description})
}

/// A change of what is set for the tenant.
pub fn settings_update() -> Value {
    let mut schema = json!({
        "type": "object", "additionalProperties": false, "minProperties": 1,
        "properties": {
            "friendly_name": text(FRIENDLY_NAME_MAX, "Friendly name for this tenant"),
            "picture_url": matching("^(https?://.+)?$", "URL of logo to be shown for this tenant"),
            "support_email": matching("^([^@\\s]+@[^@\\s]+)?$", "End-user support email"),
            "support_url": matching("^(https?://.+)?$", "End-user support URL"),
            "default_audience": text(AUDIENCE_MAX, "Default audience for API authorization; empty for none"),
            "default_directory": text(255, "Name of connection used for password grants; empty for none"),
            "default_redirection_uri": matching("^(https://.+)?$", "The default absolute redirection URI, must be https"),
            "resource_parameter_profile": {
                "type": ["string", "null"], "enum": ["audience", "compatibility", null],
                "description": "Which parameter names the API of a request",
            },
            "flags": {
                "type": "object", "maxProperties": 100, "additionalProperties": {"type": "boolean"},
                "description": "Flags used to change the behavior of this tenant",
            },
            "allowed_logout_urls": texts("URLs that are valid to redirect to after logout"),
            "session_lifetime": hours("Number of hours a session will stay valid"),
            "idle_session_lifetime": hours("Number of hours for which a session can be inactive"),
            "enabled_locales": {
                "type": ["array", "null"], "minItems": 1, "maxItems": 200,
                "items": {"type": "string", "minLength": 1, "maxLength": 35},
                "description": "Supported locales for the user interface",
            },
            "sandbox_version": text(16, "Selected sandbox version for the extensibility environment"),
        },
    });
    for (name, kept) in kept() {
        schema["properties"][name] = kept;
    }
    schema
}

/// What is kept and shown, and has no effect.
fn kept() -> Vec<(&'static str, Value)> {
    let note = "Kept and shown";
    let objects = [
        "change_password",
        "guardian_mfa_page",
        "error_page",
        "session_cookie",
        "oidc_logout",
        "mtls",
        "device_flow",
        "universal_login",
        "sessions",
        "default_token_quota",
    ];
    let booleans = [
        "authorization_response_iss_parameter_supported",
        "customize_mfa_in_postlogin_action",
        "pushed_authorization_requests_supported",
        "skip_non_verifiable_callback_uri_confirmation_prompt",
    ];
    let mut kept: Vec<_> = objects.iter().map(|name| (*name, object(note))).collect();
    kept.extend(booleans.iter().map(|name| (*name, boolean(note))));
    kept.extend(["ephemeral_session_lifetime", "idle_ephemeral_session_lifetime"].map(|name| (name, hours(note))));
    kept.push(("acr_values_supported", texts(note)));
    kept
}

/// What is set for the tenant.
pub fn settings() -> Value {
    let mut schema = settings_update();
    // Which fields are there depends on `fields`, so none is certain.
    if let Some(schema) = schema.as_object_mut() {
        schema.remove("minProperties");
    }
    schema
}

/// A list of consents in each of its forms.
pub fn consent_list() -> Value {
    let consent = json!({
        "type": "object", "required": ["id", "clientID", "user_id", "audience", "scope"], "additionalProperties": false,
        "properties": {
            "id": {"type": "string"}, "clientID": {"type": "string", "description": "The application"},
            "user_id": {"type": "string"}, "audience": {"type": "string", "description": "On which API"},
            "scope": {"type": "array", "items": {"type": "string"}},
        },
    });
    paging::schema("grants", &consent)
}

/// A list of credentials of devices in each of its forms.
pub fn device_credential_list() -> Value {
    let text = || json!({"type": "string"});
    let credential = json!({
        "type": "object", "additionalProperties": false,
        "properties": {
            "id": text(), "device_name": text(), "device_id": text(), "type": text(), "user_id": text(),
            "client_id": text(),
        },
    });
    paging::schema("device_credentials", &credential)
}
