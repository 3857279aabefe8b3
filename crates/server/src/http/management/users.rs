//! Users.

use http::StatusCode;
use keyward_core::{
    Problem,
    access::ManagementScope,
    model::{
        connection::PROVIDER,
        user::{User, UserOrder, is_email},
    },
    problem::{Invalid, Part},
    secret::Secret,
    time::Timestamp,
    user_search::{Condition, Field, Test},
};
use serde_json::{Map, Value, json};

use super::{
    paging::{self, INCLUDE_TOTALS, PAGE},
    reference,
    user_pages::required,
    user_query,
};
use crate::{
    http::{
        answer::Answer,
        operation::{Handled, Parameter, ParameterKind, Request},
        query,
    },
    service::{
        api::Reference,
        log,
        user::{self, UserChange, WantedUser},
        user_search::{self, Search},
    },
};

/// The fields that `fields` may name.
const FIELDS: &[&str] = &[
    "user_id",
    "email",
    "email_verified",
    "username",
    "phone_number",
    "phone_verified",
    "created_at",
    "updated_at",
    "identities",
    "app_metadata",
    "user_metadata",
    "picture",
    "name",
    "nickname",
    "given_name",
    "family_name",
    "blocked",
    "multifactor",
    "last_ip",
    "last_login",
    "logins_count",
];

/// The parameters of the list.
pub const LIST_QUERY: &[Parameter] = &[
    PAGE,
    paging::per_page_or_none("Users on a page"),
    INCLUDE_TOTALS,
    Parameter {
        name: "sort",
        kind: ParameterKind::Text(64),
        description: "`email:1`, or `email:-1` for the other way round; created_at, updated_at, name, username, user_id",
    },
    Parameter { name: "connection", kind: ParameterKind::Text(128), description: "Only the users of this connection" },
    Parameter {
        name: "q",
        kind: ParameterKind::Text(1024),
        description: "What to look for: `email:\"a@example.com\" OR name:jane*`",
    },
    Parameter { name: "search_engine", kind: ParameterKind::Text(8), description: "`v3`, the only one there is" },
    query::fields(FIELDS),
    query::INCLUDE_FIELDS,
];

/// The parameters of the list of users with one email.
pub const BY_EMAIL_QUERY: &[Parameter] = &[
    Parameter { name: "email", kind: ParameterKind::Text(1024), description: "The email, in lower case" },
    query::fields(FIELDS),
    query::INCLUDE_FIELDS,
];

/// The parameters of a single user.
pub const GET_QUERY: &[Parameter] = &[query::fields(FIELDS), query::INCLUDE_FIELDS];

/// What a path segment may name. No id has a null character, which one of the engines can't even look for.
pub(super) fn user_reference(segment: &str) -> Reference {
    reference(segment).into_iter().filter(|text| !text.contains('\0')).collect()
}

/// A time as the wire shows it.
pub(super) fn date(time: Timestamp) -> Value {
    log::date(time).into()
}

/// A user as the wire shows it.
fn render(user: &User) -> Map<String, Value> {
    let mut fields = user.fields.clone();
    let own = user.id.split_once('|').map_or(user.id.as_str(), |(_, own)| own);
    let identity =
        json!({ "connection": user.connection_name, "user_id": own, "provider": PROVIDER, "isSocial": false });
    fields.insert("identities".to_owned(), json!([identity]));
    fields.insert("user_id".to_owned(), user.id.clone().into());
    fields.insert("created_at".to_owned(), date(user.created_at));
    fields.insert("updated_at".to_owned(), date(user.updated_at));
    fields
}

fn shown(query: &Map<String, Value>, user: &User) -> Value {
    let mut fields = render(user);
    query::select_fields(query, &mut fields);
    Value::Object(fields)
}

/// Lists users.
pub fn list(request: Request) -> Handled {
    Box::pin(async move {
        let query = &request.query;
        let page = paging::span_within_reach(query)?;
        let (order, down) = order(query::text(query, "sort"))?;
        if query::text(query, "search_engine").is_some_and(|engine| engine != "v3") {
            return Err(invalid("search_engine", "Only v3 is supported"));
        }
        let wanted = query::text(query, "q").filter(|text| !text.trim().is_empty());
        let condition = wanted.map(user_query::parse).transpose().map_err(Problem::Invalid)?;
        let connection =
            query::text(query, "connection").map(|name| Condition::Term(Field::Connection, Test::Is(name.to_owned())));
        let condition = match (condition, connection) {
            (Some(one), Some(other)) => Some(Condition::All(vec![one, other])),
            (one, other) => one.or(other),
        };
        let totals = query::boolean(query, "include_totals", false);
        let found = user_search::list(&request.call, Search { condition, order, down, page, totals }).await?;
        let users: Vec<Value> = found.users.iter().map(|user| shown(query, user)).collect();
        let body = match found.total {
            Some(total) => {
                json!({ "start": page.0, "limit": page.1, "length": users.len(), "total": total, "users": users })
            }
            None => Value::Array(users),
        };
        Ok(Answer::json(StatusCode::OK, &body))
    })
}

fn invalid(parameter: &str, detail: impl Into<String>) -> Problem {
    Problem::Invalid(Invalid::property(Part::Query, parameter, detail))
}

/// The order that is asked for, and whether it is asked for from its end.
fn order(sort: Option<&str>) -> Result<(UserOrder, bool), Problem> {
    let Some(sort) = sort else { return Ok((UserOrder::CreatedAt, false)) };
    let refused = || {
        let fields = "created_at, updated_at, email, name, username or user_id";
        invalid("sort", format!("Can't sort by `{sort}`: use {fields} with :1 or :-1"))
    };
    let (field, direction) = sort.split_once(':').ok_or_else(refused)?;
    let order = match field {
        "created_at" => UserOrder::CreatedAt,
        "updated_at" => UserOrder::UpdatedAt,
        "email" => UserOrder::Email,
        "name" => UserOrder::Name,
        "username" => UserOrder::Username,
        "user_id" => UserOrder::Id,
        _ => return Err(refused()),
    };
    match direction {
        "1" => Ok((order, false)),
        "-1" => Ok((order, true)),
        _ => Err(refused()),
    }
}

/// Lists the users with one email.
pub fn list_by_email(request: Request) -> Handled {
    Box::pin(async move {
        let email = required(&request.query, "email")?.to_owned();
        let users = user::find_by_email(&request.call, email).await?;
        let users: Vec<Value> = users.iter().map(|user| shown(&request.query, user)).collect();
        Ok(Answer::json(StatusCode::OK, &users))
    })
}

/// Shows a user.
pub fn get(request: Request) -> Handled {
    Box::pin(async move {
        let user = user::get(&request.call, user_reference(&request.segments[0])).await?;
        Ok(Answer::json(StatusCode::OK, &shown(&request.query, &user)))
    })
}

/// Creates a user.
pub fn create(request: Request) -> Handled {
    Box::pin(async move {
        let mut fields = parse(request.body)?;
        let (connection, id) = (take(&mut fields, "connection"), take(&mut fields, "user_id"));
        let password = take(&mut fields, "password").map(Secret::from);
        let password = password.ok_or_else(|| Problem::internal("a checked body has no password"))?;
        let wanted = WantedUser { connection: connection.unwrap_or_default(), id, password, fields };
        let user = user::create(&request.call, wanted).await?;
        Ok(Answer::json(StatusCode::CREATED, &render(&user)))
    })
}

/// Changes a user. A token for the applications' meta data alone may change nothing else.
pub fn update(request: Request) -> Handled {
    Box::pin(async move {
        let only_metadata = request.body.as_object().is_some_and(|body| body.keys().all(|key| key == "app_metadata"));
        if !only_metadata && !request.call.scopes.contains(ManagementScope::UpdateUsers) {
            return Err(Problem::Forbidden(&[ManagementScope::UpdateUsers]));
        }
        let mut fields = parse(request.body)?;
        let connection = take(&mut fields, "connection");
        let password = take(&mut fields, "password").map(Secret::from);
        let reference = user_reference(&request.segments[0]);
        let user =
            user::update(&request.call, reference, UserChange { connection, password, fields, seen: None }).await?;
        Ok(Answer::json(StatusCode::OK, &render(&user)))
    })
}

/// Deletes a user.
pub fn delete(request: Request) -> Handled {
    Box::pin(async move {
        user::delete(&request.call, user_reference(&request.segments[0])).await?;
        Ok(Answer::empty(StatusCode::NO_CONTENT))
    })
}

fn take(fields: &mut Map<String, Value>, name: &str) -> Option<String> {
    match fields.remove(name) {
        Some(Value::String(text)) => Some(text),
        _ => None,
    }
}

/// The fields of a body whose form was checked, without what is an order to send something: nothing is sent yet.
fn parse(body: Value) -> Result<Map<String, Value>, Problem> {
    let Value::Object(mut fields) = body else { return Err(Problem::internal("a checked body is not an object")) };
    for name in ["verify_email", "verify_phone_number", "client_id"] {
        fields.remove(name);
    }
    let text = |name: &str| fields.get(name).and_then(Value::as_str);
    if let Some(email) = text("email").filter(|email| !is_email(email)) {
        return Err(unfit("email", "email", email));
    }
    if let Some(picture) = text("picture").filter(|picture| picture.parse::<http::Uri>().is_err()) {
        return Err(unfit("picture", "uri", picture));
    }
    Ok(fields)
}

fn unfit(property: &str, format: &str, value: &str) -> Problem {
    let value: String = value.chars().take(200).collect();
    let detail = format!("Object didn't pass validation for format {format}: {value}");
    Problem::Invalid(Invalid::property(Part::Body, property, detail))
}
