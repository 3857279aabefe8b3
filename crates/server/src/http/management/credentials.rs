//! Public keys of applications (contract: clients).

use http::{Method, StatusCode};
use keyward_core::{
    Problem,
    access::ManagementScope as Scope,
    model::credential::AssertionAlgorithm,
    problem::{Invalid, Part},
    time::Timestamp,
};
use serde_json::{Value, json};

use crate::{
    http::{
        answer::Answer,
        operation::{
            Access::AnyOf,
            Handled, Operation, Request,
            Shape::{Empty, Json},
        },
    },
    service::{
        client,
        credential::{self, NewCredential, describe},
    },
};

const ALL: &str = "/api/v2/clients/{id}/credentials";
const ONE: &str = "/api/v2/clients/{id}/credentials/{credential_id}";

/// The rows.
pub fn operations() -> Vec<Operation> {
    let row = |(id, method, path): (&'static str, Method, &'static str), summary, scope, handler| Operation {
        id,
        method,
        path,
        summary,
        access: AnyOf(scope),
        query: &[],
        body: None,
        prepare: None,
        success: (200, Json(one)),
        refusals: &[404],
        audit: None,
        handler,
        at_once: None,
    };
    vec![
        Operation {
            success: (200, Json(several)),
            ..row(
                ("get_credentials", Method::GET, ALL),
                "List the public keys of an application",
                &[Scope::ReadClientCredentials],
                list,
            )
        },
        Operation {
            body: Some(create),
            success: (201, Json(one)),
            refusals: &[404, 409],
            audit: Some("Create a client credential"),
            ..row(
                ("post_credentials", Method::POST, ALL),
                "Give an application a public key; it counts once it is among client_authentication_methods",
                &[Scope::CreateClientCredentials],
                add,
            )
        },
        row(
            ("get_credentials_by_credential_id", Method::GET, ONE),
            "Get a public key of an application",
            &[Scope::ReadClientCredentials],
            get,
        ),
        Operation {
            body: Some(update),
            audit: Some("Update a client credential"),
            ..row(
                ("patch_credentials_by_credential_id", Method::PATCH, ONE),
                "Say when a public key of an application expires",
                &[Scope::UpdateClientCredentials],
                change,
            )
        },
        Operation {
            success: (204, Empty),
            audit: Some("Delete a client credential"),
            ..row(
                ("delete_credentials_by_credential_id", Method::DELETE, ONE),
                "Delete a public key of an application that is not in use",
                &[Scope::DeleteClientCredentials],
                delete,
            )
        },
    ]
}

fn list(request: Request) -> Handled {
    Box::pin(async move {
        let client = client::find(&request.view.snapshot, &request.call, &request.segments[0])?;
        let keys: Vec<Value> = client.credentials.iter().map(|key| describe(key).into()).collect();
        Ok(Answer::json(StatusCode::OK, &keys))
    })
}

fn add(request: Request) -> Handled {
    Box::pin(async move {
        let new = parse(&request.body, String::new())?;
        let key = credential::create(&request.call, request.segments[0].clone(), new).await?;
        Ok(Answer::json(StatusCode::CREATED, &describe(&key)))
    })
}

fn get(request: Request) -> Handled {
    Box::pin(async move {
        let place = (request.segments[0].as_str(), request.segments[1].as_str());
        let key = credential::find(&request.view.snapshot, &request.call, place)?;
        Ok(Answer::json(StatusCode::OK, &describe(key)))
    })
}

fn change(request: Request) -> Handled {
    Box::pin(async move {
        let place = (request.segments[0].clone(), request.segments[1].clone());
        let end = request.body.get("expires_at").map(|value| time(value, "")).transpose()?;
        let key = credential::update(&request.call, place, end).await?;
        Ok(Answer::json(StatusCode::OK, &describe(&key)))
    })
}

fn delete(request: Request) -> Handled {
    Box::pin(async move {
        let place = (request.segments[0].clone(), request.segments[1].clone());
        credential::delete(&request.call, place).await?;
        Ok(Answer::empty(StatusCode::NO_CONTENT))
    })
}

/// A key in a body whose form was checked; it stands at this place of it.
///
/// # Errors
/// [`Problem::Invalid`] for a time that is not one.
pub(super) fn parse(key: &Value, place: String) -> Result<NewCredential, Problem> {
    let text = |name: &str| key.get(name).and_then(Value::as_str);
    Ok(NewCredential {
        name: text("name").map(str::to_owned),
        kid: text("kid").map(str::to_owned),
        algorithm: text("alg").and_then(AssertionAlgorithm::parse).unwrap_or(AssertionAlgorithm::RS256),
        pem: text("pem").unwrap_or_default().to_owned(),
        expires_at: key.get("expires_at").map(|value| time(value, &place)).transpose()?.flatten(),
        expires_with_certificate: key.get("parse_expiry_from_cert").and_then(Value::as_bool).unwrap_or(false),
        place,
    })
}

fn time(value: &Value, place: &str) -> Result<Option<Timestamp>, Problem> {
    let Some(text) = value.as_str() else { return Ok(None) };
    let read = text.parse::<jiff::Timestamp>().map(|time| Some(Timestamp(time.as_millisecond())));
    read.map_err(|_| {
        let detail = format!("Object didn't pass validation for format date-time: {text}");
        Problem::Invalid(Invalid::property(Part::Body, format!("{place}expires_at"), detail))
    })
}

/// The schema of a new key.
pub fn create() -> Value {
    json!({
        "type": "object", "required": ["credential_type", "pem"], "additionalProperties": false,
        "properties": {
            "credential_type": {"type": "string", "enum": ["public_key"], "description": "The type of credential"},
            "name": {"type": "string", "maxLength": 128, "description": "Friendly name of the credential"},
            "pem": {
                "type": "string", "minLength": 1, "maxLength": 16_384,
                "description": "An RSA public key of 2048 to 4096 bits, or an X.509 certificate of one, PEM",
            },
            "alg": {
                "type": "string", "enum": AssertionAlgorithm::ALL.map(AssertionAlgorithm::as_str),
                "description": "How the client signs with it",
            },
            "kid": {
                "type": "string", "pattern": "^[0-9a-zA-Z_-]{10,64}$",
                "description": "What assertions call the key; its own thumbprint (RFC 7638), if nothing is sent",
            },
            "parse_expiry_from_cert": {
                "type": "boolean", "description": "Whether it expires when the certificate does",
            },
            "expires_at": {"type": ["string", "null"], "maxLength": 40, "description": "When it expires (RFC 3339)"},
        },
    })
}

/// The schema of a key that a client is to use.
pub(super) fn in_use() -> Value {
    json!({
        "type": "object", "required": ["id"], "additionalProperties": false,
        "properties": {"id": {"type": "string", "maxLength": 64, "description": "ID of a credential of the client"}},
    })
}

fn update() -> Value {
    json!({
        "type": "object", "additionalProperties": false,
        "properties": {
            "expires_at": {"type": ["string", "null"], "maxLength": 40, "description": "When it expires (RFC 3339)"},
        },
    })
}

/// The schema of a key in answers.
pub(super) fn shown(required: &[&str]) -> Value {
    let text = |description: &str| json!({"type": "string", "description": description});
    json!({
        "type": "object", "required": required, "additionalProperties": false,
        "properties": {
            "id": text("ID of the credential"),
            "credential_type": text("public_key"),
            "name": text("Friendly name of the credential"),
            "kid": text("What assertions call the key"),
            "alg": text("How the client signs with it"),
            "thumbprint_sha256": text("SHA-256 of the certificate that the key came in"),
            "expires_at": text("When it expires"),
            "created_at": text("When it was made"),
            "updated_at": text("When it was last changed"),
        },
    })
}

fn one() -> Value {
    shown(&["id", "credential_type", "kid", "alg", "created_at", "updated_at"])
}

fn several() -> Value {
    json!({"type": "array", "items": one()})
}
