//! Applications (contract: clients).

use http::StatusCode;
use keyward_core::{
    Problem,
    access::{ManagementScope as Scope, ManagementScopes},
    model::client::Client,
    secret::Secret,
    snapshot::Snapshot,
};
use serde_json::{Map, Value, json};

use super::{
    client_query, credentials,
    paging::{self, Page},
    signing_keys,
};
use crate::{
    app::Call,
    http::{
        answer::Answer,
        operation::{Handled, Parameter, ParameterKind, Request},
        query,
    },
    service::{
        Precondition,
        client::{self, ClientFields},
        credential,
    },
};

/// What a caller sees who may see no more than what an application is called.
const SUMMARY: [&str; 4] = ["client_id", "name", "app_type", "description"];

/// How an application proves who it is, if with keys.
const METHODS: &str = "client_authentication_methods";

/// What tokens of this server can be checked with.
const SIGNING_KEYS: &str = "signing_keys";

/// The parameters of the list.
pub const LIST_QUERY: &[Parameter] = &[
    paging::PAGE,
    paging::per_page_or_none("How many stand on a page"),
    paging::INCLUDE_TOTALS,
    paging::FROM,
    paging::TAKE,
    Parameter {
        name: "is_global",
        kind: ParameterKind::Boolean,
        description: "Whether to list the one that stands for all of them, or the others; both, if it is not said",
    },
    Parameter { name: "is_first_party", kind: ParameterKind::Boolean, description: "Whether to list one's own" },
    Parameter { name: "app_type", kind: ParameterKind::Text(512), description: "Kinds, separated by commas" },
    Parameter {
        name: "external_client_id",
        kind: ParameterKind::Text(2048),
        description: "Only the one that a document at this address describes; there is none of that kind",
    },
    Parameter {
        name: "q",
        kind: ParameterKind::Text(1024),
        description: "client_grant.organization_id:<id> or client_grant.allow_any_organization:true",
    },
    query::fields(FIELDS),
    query::INCLUDE_FIELDS,
];

/// The parameters of a single application.
pub const GET_QUERY: &[Parameter] = &[query::fields(FIELDS), query::INCLUDE_FIELDS];

/// The fields that `fields` may name.
const FIELDS: &[&str] = &[
    "client_id",
    "tenant",
    "name",
    "description",
    "global",
    "client_secret",
    "app_type",
    "logo_uri",
    "is_first_party",
    "oidc_conformant",
    "callbacks",
    "allowed_origins",
    "web_origins",
    "client_aliases",
    "allowed_clients",
    "allowed_logout_urls",
    "jwt_configuration",
    "signing_keys",
    "encryption_key",
    "sso",
    "sso_disabled",
    "cross_origin_authentication",
    "cross_origin_auth",
    "cross_origin_loc",
    "custom_login_page_on",
    "custom_login_page",
    "form_template",
    "addons",
    "token_endpoint_auth_method",
    "client_authentication_methods",
    "client_metadata",
    "mobile",
    "initiate_login_uri",
    "native_social_login",
    "refresh_token",
    "organization_usage",
    "organization_require_behavior",
    "grant_types",
    "is_token_endpoint_ip_header_trusted",
    "callback_url_template",
    "resource_server_identifier",
    "default_organization",
    "oidc_logout",
    "par_request",
];

/// An application as the wire shows it, to somebody who may see this much; with its secret, and with what tokens of this
/// server can be checked with, if they are given.
fn render(client: &Client, secret: Option<&Secret>, call: &Call, keys: Option<&Value>) -> Map<String, Value> {
    let mut fields = client.describe();
    for (name, value) in [
        ("tenant", Value::from("default")),
        ("global", client.settings.global.into()),
        ("callback_url_template", false.into()),
        ("cross_origin_auth", fields.get("cross_origin_authentication").cloned().unwrap_or(false.into())),
    ] {
        fields.insert(name.to_owned(), value);
    }
    let scopes = call.scopes;
    let methods = fields.shift_remove(METHODS);
    let whole = [Scope::ReadClients, Scope::ReadClientKeys, Scope::CreateClients, Scope::UpdateClients];
    if !whole.iter().chain(&[Scope::UpdateClientKeys]).any(|scope| scopes.contains(*scope)) {
        fields.retain(|name, _| SUMMARY.contains(&name.as_str()));
    }
    if let Some(methods) = methods.filter(|_| sees_keys(scopes)) {
        fields.insert(METHODS.to_owned(), methods);
    }
    if let Some(keys) = keys {
        fields.insert(SIGNING_KEYS.to_owned(), keys.clone());
    }
    if let Some(secret) = secret.and_then(Secret::expose_text) {
        fields.insert("client_secret".to_owned(), secret.into());
    }
    fields
}

/// Whether the caller sees what an application, and this server, prove with who they are.
fn sees_keys(scopes: ManagementScopes) -> bool {
    scopes.contains(Scope::ReadClientKeys) || scopes.contains(Scope::ReadClientCredentials)
}

/// What tokens can be checked with in this state, for a caller who may see it and wants to.
fn visible_keys(call: &Call, query: &Map<String, Value>, snapshot: &Snapshot) -> Option<Value> {
    let is_shown = sees_keys(call.scopes) && is_wanted(query, SIGNING_KEYS);
    if is_shown { signing_keys::shown_by_clients(snapshot) } else { None }
}

/// Whether a field is among those that are asked for.
fn is_wanted(query: &Map<String, Value>, field: &str) -> bool {
    let mut wanted = Map::from_iter([(field.to_owned(), Value::Null)]);
    query::select_fields(query, &mut wanted);
    !wanted.is_empty()
}

/// The secret, for a caller who may see it and wants to.
async fn visible_secret(call: &Call, query: &Map<String, Value>, client: &Client) -> Result<Option<Secret>, Problem> {
    let is_wanted = is_wanted(query, "client_secret");
    if !is_wanted || client.secret.is_none() || !call.scopes.contains(Scope::ReadClientKeys) {
        return Ok(None);
    }
    client::secret(call, client).await
}

/// Lists the applications.
pub fn list(request: Request) -> Handled {
    Box::pin(async move {
        let Request { call, view, query, .. } = request;
        let kinds: Option<Vec<&str>> = query::text(&query, "app_type").map(|text| text.split(',').collect());
        let first_party = query.get("is_first_party").and_then(Value::as_bool);
        let asked = client_query::wanted(&query, &view.snapshot, call.workspace)?;
        let global = query.get("is_global").and_then(Value::as_bool);
        // None is described by a document elsewhere.
        let none = query.contains_key("external_client_id");
        let all = view.snapshot.clients(call.workspace).filter(|client| {
            let kind = client.settings.app_type.as_deref().unwrap_or_default();
            !none
                && global.is_none_or(|wanted| wanted == client.settings.global)
                && asked.as_ref().is_none_or(|asked| asked.contains(&client.number))
                && kinds.as_ref().is_none_or(|kinds| kinds.contains(&kind))
                && first_party.is_none_or(|wanted| wanted == client.settings.is_first_party)
        });
        let mut page = Page::of(&query, "clients", all, |client| client.number.0)?;
        let keys = visible_keys(&call, &query, &view.snapshot);
        let (mut shown, mut shows_secrets) = (Vec::with_capacity(page.items.len()), false);
        for client in std::mem::take(&mut page.items) {
            let secret = visible_secret(&call, &query, client).await?;
            shows_secrets |= secret.is_some();
            let mut fields = render(client, secret.as_ref(), &call, keys.as_ref());
            query::select_fields(&query, &mut fields);
            shown.push(fields);
        }
        let body = page.with(shown).answer(Value::Object);
        Ok(Answer { shows_secrets, ..Answer::json(StatusCode::OK, &body) })
    })
}

/// Shows an application.
pub fn get(request: Request) -> Handled {
    Box::pin(async move {
        let Request { call, view, query, segments, .. } = request;
        let client = client::find(&view.snapshot, &call, &segments[0])?;
        let secret = visible_secret(&call, &query, client).await?;
        let keys = visible_keys(&call, &query, &view.snapshot);
        let mut fields = render(client, secret.as_ref(), &call, keys.as_ref());
        query::select_fields(&query, &mut fields);
        Ok(Answer { shows_secrets: secret.is_some(), ..Answer::json(StatusCode::OK, &fields) })
    })
}

/// Creates an application, and shows its secret.
pub fn create(request: Request) -> Handled {
    Box::pin(async move {
        let Request { call, view, body, .. } = request;
        let (client, secret) = client::create(&call, parse_new(body)?).await?;
        let keys = signing_keys::shown_by_clients(&view.snapshot);
        let mut fields = render(&client, secret.as_ref(), &call, keys.as_ref());
        if client.settings.client_authentication_methods.is_some() {
            // What was just made is shown wholly, and to whoever made it.
            let keys: Vec<Value> = client.credentials.iter().map(|key| credential::describe(key).into()).collect();
            fields.insert(METHODS.to_owned(), json!({ "private_key_jwt": { "credentials": keys } }));
        }
        fields.insert("encrypted".to_owned(), true.into());
        Ok(Answer::json(StatusCode::CREATED, &fields))
    })
}

/// Changes an application. Its secret is another permission's matter.
pub fn update(request: Request) -> Handled {
    Box::pin(async move {
        let Request { call, view, body, query, segments, .. } = request;
        if body.get("client_secret").is_some() && !call.scopes.contains(Scope::UpdateClientKeys) {
            return Err(Problem::Forbidden(&[Scope::UpdateClientKeys]));
        }
        let client = client::update(&call, segments[0].clone(), parse(body), Precondition::None).await?;
        let secret = visible_secret(&call, &query, &client).await?;
        let keys = visible_keys(&call, &query, &view.snapshot);
        Ok(Answer::json(StatusCode::OK, &render(&client, secret.as_ref(), &call, keys.as_ref())))
    })
}

/// Deletes an application.
pub fn delete(request: Request) -> Handled {
    Box::pin(async move {
        client::delete(&request.call, request.segments[0].clone()).await?;
        Ok(Answer::empty(StatusCode::NO_CONTENT))
    })
}

/// Gives an application another secret, and shows it.
pub fn rotate_secret(request: Request) -> Handled {
    Box::pin(async move {
        let Request { call, view, query, segments, .. } = request;
        let (client, secret) = client::rotate_secret(&call, segments[0].clone()).await?;
        let keys = visible_keys(&call, &query, &view.snapshot);
        Ok(Answer::json(StatusCode::OK, &render(&client, Some(&secret), &call, keys.as_ref())))
    })
}

/// Takes a body apart, whose form was checked.
fn parse(body: Value) -> ClientFields {
    let Value::Object(mut fields) = body else { return ClientFields::default() };
    let mut text = |name: &str| match fields.remove(name) {
        Some(Value::String(text)) => Some(text),
        _ => None,
    };
    let (name, secret) = (text("name"), text("client_secret").map(Secret::from));
    ClientFields { name, secret, settings: fields, credentials: Vec::new() }
}

/// The same for a new one, whose keys are sent with it.
fn parse_new(body: Value) -> Result<ClientFields, Problem> {
    let mut fields = parse(body);
    if let Some(Value::Object(methods)) = fields.settings.get(METHODS) {
        let keys = methods.get("private_key_jwt").and_then(|one| one.get("credentials")).and_then(Value::as_array);
        let place = |at: usize| format!("{METHODS}.private_key_jwt.credentials[{at}].");
        let keys = keys.into_iter().flatten().enumerate().map(|(at, key)| credentials::parse(key, place(at)));
        fields.credentials = keys.collect::<Result<_, _>>()?;
    }
    Ok(fields)
}
