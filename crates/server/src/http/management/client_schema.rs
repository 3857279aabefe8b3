//! The schemas of applications and of what they may ask for.

use keyward_core::model::{
    client::{DESCRIPTION_MAX, METADATA_MAX, NAME_MAX, SECRET_MIN},
    credential::IN_USE_MAX,
};
use serde_json::{Map, Value, json};

use super::{credentials, paging};

fn texts(description: &str) -> Value {
    json!({"type": ["array", "null"], "items": {"type": "string"}, "description": description})
}

fn boolean(description: &str) -> Value {
    json!({"type": ["boolean", "null"], "description": description})
}

fn url(description: &str) -> Value {
    json!({"type": ["string", "null"], "maxLength": 2048, "description": description})
}

fn choice(values: &[&str], description: &str) -> Value {
    let values: Vec<Value> = values.iter().map(|value| Value::from(*value)).chain([Value::Null]).collect();
    json!({"type": ["string", "null"], "enum": values, "description": description})
}

fn object(description: &str) -> Value {
    json!({"type": ["object", "null"], "description": description})
}

/// What may be sent on creation and on change alike.
fn fields() -> Value {
    let mut fields = json!({
        "name": {
            "type": "string", "minLength": 1, "maxLength": NAME_MAX, "pattern": "^[^<>]+$",
            "description": "Name of this client (min length: 1 character, does not allow < or >)",
        },
        "description": {
            "type": ["string", "null"], "maxLength": DESCRIPTION_MAX,
            "description": "Free text description of this client (max length: 140 characters)",
        },
        "client_secret": {
            "type": "string", "minLength": SECRET_MIN, "maxLength": 512,
            "description": "The secret used to sign tokens for the client",
        },
        "client_metadata": {
            "type": ["object", "null"], "maxProperties": 10,
            "additionalProperties": {"type": ["string", "null"], "maxLength": METADATA_MAX},
            "description": "Metadata associated with the client",
        },
        "grant_types": {
            "type": ["array", "null"], "items": {"type": "string", "minLength": 1, "maxLength": 255},
            "description": "List of grant types supported for this application",
        },
        "token_endpoint_auth_method": choice(
            &["none", "client_secret_post", "client_secret_basic"],
            "Defines the requested authentication method for the token endpoint",
        ),
        "app_type": choice(
            &["native", "spa", "regular_web", "non_interactive", "resource_server", "express_configuration"],
            "Type of client used to determine which settings are applicable",
        ),
    });
    let more = more_fields();
    if let (Some(fields), Value::Object(more)) = (fields.as_object_mut(), more) {
        fields.extend(more);
    }
    fields
}

fn more_fields() -> Value {
    json!({
        "is_first_party": boolean("Whether this client a first party client or not"),
        "oidc_conformant": boolean("Whether this client conforms to strict OIDC specifications"),
        "sso": boolean("Whether single sign on is used"),
        "sso_disabled": boolean("Whether single sign on is disabled"),
        "cross_origin_authentication": boolean("Whether this client can be used to make cross-origin requests"),
        "cross_origin_loc": url("Page that handles cross-origin requests"),
        "custom_login_page_on": boolean("Whether a custom login page is to be used"),
        "custom_login_page": {"type": ["string", "null"], "description": "The custom login page"},
        "form_template": {"type": ["string", "null"], "description": "A form of the login page"},
        "is_token_endpoint_ip_header_trusted": boolean("Whether the forwarded address of a user is trusted"),
        "require_pushed_authorization_requests": boolean("Whether requests have to be pushed"),
        "require_proof_of_possession": boolean("Whether possession of a key has to be proved"),
        "callbacks": texts("URLs whitelisted to use as a callback to the client after authentication"),
        "allowed_logout_urls": texts("URLs that are valid to redirect to after logout"),
        "allowed_origins": texts("Origins that are allowed to make requests"),
        "web_origins": texts("Origins that are allowed to get messages"),
        "client_aliases": texts("Audiences that mean this client"),
        "allowed_clients": texts("Clients that are allowed to make delegation requests"),
        "logo_uri": url("URL of the logo to display for this client"),
        "initiate_login_uri": url("Where a login can be begun"),
        "resource_server_identifier": url("The API that this client stands for"),
        "organization_usage": choice(&["deny", "allow", "require"], "How organizations are used"),
        "organization_require_behavior": choice(
            &["no_prompt", "pre_login_prompt", "post_login_prompt"],
            "How an organization is asked for",
        ),
        "jwt_configuration": {
            "type": ["object", "null"], "additionalProperties": false,
            "properties": {
                "lifetime_in_seconds": {"type": "integer", "minimum": 1, "maximum": 2_592_000},
                "secret_encoded": {"type": "boolean"},
                "scopes": {"type": "object"},
                "alg": {"type": "string", "enum": ["HS256", "RS256", "RS512", "PS256"]},
            },
            "description": "How ID tokens of this client are made",
        },
        "refresh_token": {
            "type": ["object", "null"], "additionalProperties": false,
            "properties": {
                "rotation_type": {"type": "string", "enum": ["rotating", "non-rotating"]},
                "expiration_type": {"type": "string", "enum": ["expiring", "non-expiring"]},
                "leeway": {"type": "integer", "minimum": 0, "maximum": 60},
                "token_lifetime": {"type": "integer", "minimum": 1, "maximum": 157_788_000},
                "infinite_token_lifetime": {"type": "boolean"},
                "idle_token_lifetime": {"type": "integer", "minimum": 1, "maximum": 157_788_000},
                "infinite_idle_token_lifetime": {"type": "boolean"},
                "policies": {"type": ["array", "null"], "items": {"type": "object"}},
            },
            "description": "How refresh tokens of this client live",
        },
        "addons": object("Kept and shown"),
        "mobile": object("Kept and shown"),
        "native_social_login": object("Kept and shown"),
        "oidc_logout": object("Kept and shown"),
        "default_organization": {
            "type": ["object", "null"], "required": ["flows", "organization_id"], "additionalProperties": false,
            "properties": {
                "flows": {"type": "array", "items": {"type": "string", "enum": ["client_credentials"]}},
                "organization_id": {"type": "string"},
            },
            "description": "Kept and shown",
        },
        "token_exchange": object("Kept and shown"),
        "encryption_key": object("Kept and shown"),
    })
}

/// A change of an application.
pub fn client_update() -> Value {
    let mut schema = json!({ "type": "object", "additionalProperties": false, "properties": fields() });
    schema["properties"]["client_authentication_methods"] = methods(&credentials::in_use(), 1);
    schema
}

/// How a client proves who it is, if with keys of this form.
fn methods(key: &Value, fewest: usize) -> Value {
    json!({
        "type": ["object", "null"], "required": ["private_key_jwt"], "additionalProperties": false,
        "properties": {
            "private_key_jwt": {
                "type": "object", "required": ["credentials"], "additionalProperties": false,
                "properties": {
                    "credentials": {
                        "type": "array", "minItems": fewest, "maxItems": IN_USE_MAX, "uniqueItems": true, "items": key,
                    },
                },
            },
        },
        "description": "The keys with which the client authenticates, in place of a secret",
    })
}

/// An application that is to be created.
pub fn client_create() -> Value {
    let mut schema = client_update();
    schema["required"] = json!(["name"]);
    schema["properties"]["client_authentication_methods"] = methods(&credentials::create(), 1);
    schema
}

/// An application.
pub fn client() -> Value {
    let mut schema = client_update();
    for (name, property) in [
        ("client_id", json!({"type": "string"})),
        ("tenant", json!({"type": "string"})),
        ("global", json!({"type": "boolean"})),
        ("callback_url_template", json!({"type": "boolean"})),
        ("cross_origin_auth", json!({"type": "boolean"})),
        ("encrypted", json!({"type": "boolean"})),
        ("signing_keys", signing_keys()),
    ] {
        schema["properties"][name] = property;
    }
    schema["properties"]["client_authentication_methods"] = methods(&credentials::shown(&["id"]), 0);
    schema
}

fn signing_keys() -> Value {
    let text = |description: &str| json!({"type": "string", "description": description});
    let key = json!({
        "type": "object", "required": ["cert", "pkcs7", "subject"], "additionalProperties": false,
        "properties": {
            "cert": text("The certificate of the key that signs, PEM"),
            "pkcs7": text("The same certificate in a PKCS #7 bundle of its own, PEM"),
            "subject": text("Not said any more"),
        },
    });
    json!({ "type": "array", "items": key })
}

/// A list of applications.
pub fn client_list() -> Value {
    paging::schema("clients", &client())
}

fn grant_fields() -> Map<String, Value> {
    let fields = json!({
        "scope": {
            "type": ["array", "null"], "items": {"type": "string", "minLength": 1, "maxLength": 280},
            "description": "Scopes allowed for this client grant",
        },
        "organization_usage": choice(&["deny", "allow", "require"], "How organizations are used"),
        "allow_any_organization": boolean("Whether any organization can be used with this grant"),
        "authorization_details_types": {
            "type": ["array", "null"], "items": {"type": "string", "minLength": 1, "maxLength": 255},
            "description": "Types of rich authorization requests of this grant",
        },
        "allow_all_scopes": boolean("Whether all scopes of the API are allowed, now and later"),
    });
    match fields {
        Value::Object(fields) => fields,
        _ => Map::new(),
    }
}

fn whose() -> Map<String, Value> {
    let fields = json!({
        "client_id": {"type": "string", "minLength": 1, "description": "ID of the client"},
        "default_for": {
            "type": "string", "enum": ["third_party_clients"], "description": "The clients that this grant is for",
        },
        "audience": {"type": "string", "minLength": 1, "description": "The audience (API identifier) of this client grant"},
        "subject_type": {
            "type": "string", "enum": ["client", "user"], "description": "Whom the tokens of this grant speak for",
        },
    });
    match fields {
        Value::Object(fields) => fields,
        _ => Map::new(),
    }
}

/// A change of a grant.
pub fn grant_update() -> Value {
    json!({ "type": "object", "additionalProperties": false, "minProperties": 1, "properties": grant_fields() })
}

/// A grant that is to be created.
pub fn grant_create() -> Value {
    let mut properties = grant_fields();
    properties.extend(whose());
    json!({ "type": "object", "additionalProperties": false, "required": ["audience"], "properties": properties })
}

/// A grant.
pub fn grant() -> Value {
    let mut schema = grant_create();
    schema["properties"]["id"] = json!({"type": "string"});
    schema["required"] = json!(["id", "audience", "subject_type"]);
    schema
}

/// A list of grants.
pub fn grant_list() -> Value {
    paging::schema("client_grants", &grant())
}
