//! The schemas of the Management API: what is validated is what the document says.

use keyward_core::model::{
    api::{IDENTIFIER_MAX, NAME_MAX, SIGNING_SECRET_MIN, TOKEN_LIFETIME_MAX},
    permission::{DESCRIPTION_MAX, VALUE_MAX},
};
use serde_json::{Value, json};

use super::paging;

/// The same schema and one more property.
fn with(mut schema: Value, name: &str, property: Value) -> Value {
    schema["properties"][name] = property;
    schema
}

fn scope_properties() -> Value {
    json!({
        "value": {"type": "string", "minLength": 1, "maxLength": VALUE_MAX, "description": "Value of this scope"},
        "description": {
            "type": "string", "maxLength": DESCRIPTION_MAX, "description": "User-friendly description of this scope",
        },
    })
}

/// A permission that is to be added.
pub fn scope_create() -> Value {
    json!({
        "type": "object", "required": ["value"], "additionalProperties": false, "properties": scope_properties(),
    })
}

/// A change of a permission.
pub fn scope_update() -> Value {
    let mut schema = json!({
        "type": "object", "minProperties": 1, "additionalProperties": false, "properties": scope_properties(),
    });
    schema["properties"]["description"]["type"] = json!(["string", "null"]);
    schema
}

/// A permission by itself.
pub fn scope() -> Value {
    let schema = json!({
        "type": "object", "required": ["id", "value"], "additionalProperties": false, "properties": scope_properties(),
    });
    with(schema, "id", json!({"type": "string", "description": "What stays when the permission is renamed"}))
}

/// What may be sent on creation and on change alike.
fn resource_server_fields() -> Value {
    json!({
        "name": {
            "type": "string", "maxLength": NAME_MAX, "pattern": "^[^<>]+$",
            "description": "Friendly name for this resource server. Can not contain `<` or `>` characters",
        },
        "scopes": {
            "type": "array", "items": scope_create(),
            "description": "The whole list of permissions (scopes) that this resource server (API) uses",
        },
        "signing_alg": {
            "type": "string", "enum": ["HS256", "RS256", "RS512", "PS256", "ES256"],
            "description": "Algorithm used to sign access tokens; ES256 is ours",
        },
        "signing_secret": {
            "type": "string", "minLength": SIGNING_SECRET_MIN,
            "description": "Secret used to sign access tokens when a symmetric algorithm is used",
        },
        "allow_offline_access": {"type": "boolean", "description": "Whether refresh tokens can be issued for this API"},
        "allow_online_access": {"type": "boolean", "description": "Whether online refresh tokens can be issued for this API"},
        "allow_online_access_with_ephemeral_sessions": {
            "type": "boolean", "description": "Whether they can also be issued for sessions that end with the browser",
        },
        "skip_consent_for_verifiable_first_party_clients": {
            "type": "boolean", "description": "Whether to skip user consent for applications flagged as first party",
        },
        "token_lifetime": {
            "type": "integer", "minimum": 0, "maximum": TOKEN_LIFETIME_MAX,
            "description": "Expiration value (in seconds) for access tokens issued for this API",
        },
        "token_lifetime_for_web": {
            "type": "integer", "minimum": 0, "maximum": TOKEN_LIFETIME_MAX,
            "description": "Expiration value (in seconds) for access tokens issued to a browser. Can not be greater than token_lifetime",
        },
        "enforce_policies": {"type": "boolean", "description": "Whether authorization policies (RBAC) are enforced for this API"},
        "token_dialect": {
            "type": "string", "enum": ["access_token", "access_token_authz", "rfc9068_profile", "rfc9068_profile_authz"],
            "description": "Shape of the access tokens of this API",
        },
        "subject_type_authorization": subject_type_authorization(),
        "token_encryption": token_encryption(),
        "consent_policy": {
            "type": ["string", "null"], "enum": ["transactional-authorization-with-mfa", null],
            "description": "When users are asked for consent",
        },
        "authorization_details": {
            "type": ["array", "null"], "items": {"type": "object"},
            "description": "Types of rich authorization requests of this API",
        },
        "proof_of_possession": proof_of_possession(),
        "authorization_policy": {
            "type": ["object", "null"], "required": ["policy_id"], "additionalProperties": false,
            "properties": {"policy_id": {"type": "string"}},
            "description": "Policy that this API is bound to",
        },
    })
}

fn subject_type_authorization() -> Value {
    let policy = |values: &[&str], description: &str| {
        json!({
            "type": "object", "required": ["policy"], "additionalProperties": false,
            "properties": {"policy": {"type": "string", "enum": values, "description": description}},
        })
    };
    json!({
        "type": "object", "additionalProperties": false,
        "properties": {
            "user": policy(&["allow_all", "deny_all", "require_client_grant"], "Which applications may act for users"),
            "client": policy(&["deny_all", "require_client_grant"], "Which applications may act for themselves"),
        },
        "description": "Which applications may ask for tokens of this API",
    })
}

fn token_encryption() -> Value {
    json!({
        "type": ["object", "null"], "required": ["format", "encryption_key"], "additionalProperties": false,
        "properties": {
            "format": {"type": "string", "enum": ["compact-nested-jwe"], "description": "Format of the encrypted token"},
            "encryption_key": {
                "type": "object", "required": ["alg", "pem"], "additionalProperties": false,
                "properties": {
                    "name": {"type": "string", "maxLength": 128, "description": "Name of the key"},
                    "alg": {
                        "type": "string", "enum": ["RSA-OAEP-256", "RSA-OAEP-384", "RSA-OAEP-512"],
                        "description": "Algorithm that the content key is encrypted with",
                    },
                    "kid": {"type": "string", "maxLength": 128, "description": "Id of the key"},
                    "pem": {"type": "string", "maxLength": 16384, "description": "Public key, PEM"},
                },
            },
        },
        "description": "Key that access tokens of this API are encrypted for",
    })
}

fn proof_of_possession() -> Value {
    json!({
        "type": ["object", "null"], "required": ["mechanism", "required"], "additionalProperties": false,
        "properties": {
            "mechanism": {"type": "string", "enum": ["mtls", "dpop"], "description": "How possession is proved"},
            "required": {"type": "boolean", "description": "Whether it must be proved"},
            "required_for": {
                "type": "string", "enum": ["public_clients", "all_clients"], "description": "By whom it must be proved",
            },
        },
        "description": "Whether access tokens are bound to a key",
    })
}

/// A change of an API.
pub fn resource_server_update() -> Value {
    json!({ "type": "object", "additionalProperties": false, "properties": resource_server_fields() })
}

/// An API that is to be created.
pub fn resource_server_create() -> Value {
    let identifier = json!({
        "type": "string", "minLength": 1, "maxLength": IDENTIFIER_MAX,
        "description": "Unique identifier for the API used as the audience parameter on authorization calls. Can not be changed once set",
    });
    let mut schema = with(resource_server_update(), "identifier", identifier);
    schema["required"] = json!(["identifier"]);
    schema
}

/// An API.
pub fn resource_server() -> Value {
    let mut schema = with(resource_server_create(), "id", json!({"type": "string", "description": "Id of the API"}));
    schema["properties"]["is_system"] =
        json!({"type": "boolean", "description": "Whether this is an API of the program's own"});
    schema["properties"]["client_id"] =
        json!({"type": "string", "description": "Application that stands for this API"});
    let key = &mut schema["properties"]["token_encryption"]["properties"]["encryption_key"];
    key["required"] = json!(["alg"]);
    key["properties"]["thumbprint_sha256"] = json!({"type": "string", "description": "SHA-256 of the key"});
    if let Some(properties) = key["properties"].as_object_mut() {
        properties.remove("pem");
    }
    // Which fields are there depends on `fields`, so none is certain.
    if let Some(schema) = schema.as_object_mut() {
        schema.remove("required");
    }
    schema
}

/// A list of APIs in each of its forms.
pub fn resource_server_list() -> Value {
    paging::schema("resource_servers", &resource_server())
}

/// An entry of the audit log.
pub fn log() -> Value {
    let text = || json!({"type": ["string", "null"]});
    json!({
        "type": "object", "additionalProperties": false,
        "properties": {
            "_id": {"type": "string"}, "log_id": {"type": "string"}, "date": {"type": "string", "format": "date-time"},
            "type": {"type": "string", "description": "sapi, fapi, mgmt_api_read, seccft"},
            "description": {"type": "string"}, "client_id": text(), "client_name": text(), "ip": text(),
            "hostname": text(), "user_id": text(), "user_agent": text(), "audience": text(), "scope": text(),
            "isMobile": {"type": "boolean"}, "references": {"type": "object"},
            "details": {
                "type": "object",
                "properties": {
                    "request": {"type": "object"}, "response": {"type": "object"},
                    "before": {"description": "The fields that changed, as they were"},
                    "after": {"description": "The same fields, as they are"},
                    "request_id": {"type": "string"},
                },
            },
        },
    })
}

/// A list of entries in each of its forms.
pub fn log_list() -> Value {
    let list = json!({ "type": "array", "items": log() });
    let paged = json!({
        "type": "object", "required": ["logs"], "additionalProperties": false,
        "properties": {
            "start": {"type": "integer"}, "limit": {"type": "integer"}, "length": {"type": "integer"},
            "total": {"type": "integer"}, "logs": list,
        },
    });
    json!({ "anyOf": [list, paged] })
}

/// The discovery document.
pub fn discovery() -> Value {
    json!({
        "type": "object", "required": ["issuer", "jwks_uri"],
        "properties": {"issuer": {"type": "string"}, "jwks_uri": {"type": "string"}},
    })
}

/// A set of public keys.
pub fn jwks() -> Value {
    json!({
        "type": "object", "required": ["keys"],
        "properties": {"keys": {"type": "array", "items": {"type": "object", "required": ["kty", "kid"]}}},
    })
}

/// Whether the program is well.
pub fn health() -> Value {
    json!({ "type": "object", "required": ["status"], "properties": {"status": {"type": "string"}} })
}

/// The document itself.
pub fn openapi() -> Value {
    json!({ "type": "object", "required": ["openapi", "paths"] })
}
