//! Which roles users have, and which users have a role.

use std::{fmt, num::ParseIntError, str::FromStr};

use http::StatusCode;
use keyward_core::{held, model::role::Role, time::Timestamp};
use serde_json::{Map, Value, json};

use super::{
    paging::{self, Page},
    user_pages::{FROM, INCLUDE_TOTALS, PAGE, PER_PAGE, TAKE},
    users::user_reference,
};
use crate::{
    http::{
        answer::Answer,
        operation::{Handled, Parameter, Request},
        query,
    },
    service::{
        user,
        user_roles::{self, MembersPage, role_id},
    },
};

/// The parameters of the list of users.
pub const MEMBERS_QUERY: &[Parameter] = &[PAGE, PER_PAGE, INCLUDE_TOTALS, FROM, TAKE];

/// A role as the wire shows it.
pub(super) fn render(role: &Role) -> Map<String, Value> {
    let mut fields = Map::new();
    fields.insert("id".to_owned(), role_id(role).into());
    fields.insert("name".to_owned(), role.name.clone().into());
    fields.insert("description".to_owned(), role.description.clone().unwrap_or_default().into());
    fields
}

/// The texts of a list in a checked body.
fn texts(body: &Value, name: &str) -> Vec<String> {
    let list = body.get(name).and_then(Value::as_array);
    list.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
}

/// Lists the roles of a user.
pub fn list(request: Request) -> Handled {
    Box::pin(async move {
        let given = user::given(&request.call, user_reference(&request.segments[0])).await?;
        let roles = held::named(&request.view.snapshot, &given.role_numbers());
        let page = paging::page(&request.query, "roles", &roles, |role| Value::Object(render(role)));
        Ok(Answer::json(StatusCode::OK, &page))
    })
}

/// Gives a user roles.
pub fn assign(request: Request) -> Handled {
    Box::pin(async move {
        let roles = texts(&request.body, "roles");
        user_roles::assign(&request.call, user_reference(&request.segments[0]), roles).await?;
        Ok(Answer::empty(StatusCode::NO_CONTENT))
    })
}

/// Takes roles from a user.
pub fn remove(request: Request) -> Handled {
    Box::pin(async move {
        let roles = texts(&request.body, "roles");
        user_roles::remove(&request.call, user_reference(&request.segments[0]), roles).await?;
        Ok(Answer::empty(StatusCode::NO_CONTENT))
    })
}

/// Lists the users that have a role, in the order in which they got it.
pub fn members(request: Request) -> Handled {
    Box::pin(async move {
        let query = &request.query;
        let role = request.segments[0].replace('\0', "");
        if paging::is_checkpoint(query) {
            let take = query::integer(query, "take", 50);
            let after: Option<Place> =
                query::text(query, "from").map(|text| paging::place(MEMBERS, text)).transpose()?;
            let after = after.map(|place| (place.0, place.1));
            // One more, to know whether there is one more.
            let page = MembersPage { after, offset: 0, limit: take + 1, totals: false };
            let (mut users, _) = user_roles::members(&request.call, role, page).await?;
            let there_is_more = i64::try_from(users.len()).unwrap_or(i64::MAX) > take;
            users.truncate(usize::try_from(take).unwrap_or(usize::MAX));
            let last = users.last().filter(|_| there_is_more);
            let next = last.map(|(user, at)| paging::cursor(MEMBERS, &Place(*at, user.id.clone())));
            let page = Page::up_to(MEMBERS, users, next);
            return Ok(Answer::json(StatusCode::OK, &page.answer(|(user, _)| member(&user))));
        }
        let (offset, limit) = paging::span_within_reach(query)?;
        let totals = query::boolean(query, "include_totals", false);
        let page = MembersPage { after: None, offset, limit, totals };
        let (users, total) = user_roles::members(&request.call, role, page).await?;
        let shown: Vec<Value> = users.iter().map(|(user, _)| member(user)).collect();
        let body = match total {
            Some(total) => json!({ "start": offset, "limit": limit, "total": total, "users": shown }),
            None => Value::Array(shown),
        };
        Ok(Answer::json(StatusCode::OK, &body))
    })
}

/// The users of a role, as an answer calls them.
const MEMBERS: &str = "users";

/// A place in the list of a role's users: when one got it, and its id.
struct Place(Timestamp, String);

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{},{}", self.0.0, self.1)
    }
}

impl FromStr for Place {
    type Err = ParseIntError;

    fn from_str(text: &str) -> Result<Self, ParseIntError> {
        let (at, id) = text.split_once(',').unwrap_or_default();
        Ok(Self(Timestamp(at.parse()?), id.to_owned()))
    }
}

/// A user as a role's list shows it.
fn member(user: &keyward_core::model::user::User) -> Value {
    let mut fields = Map::new();
    fields.insert("user_id".to_owned(), user.id.clone().into());
    for name in ["email", "picture", "name"] {
        if let Some(value) = user.fields.get(name) {
            fields.insert(name.to_owned(), value.clone());
        }
    }
    Value::Object(fields)
}

/// Gives a role to users.
pub fn assign_to_users(request: Request) -> Handled {
    Box::pin(async move {
        let role = request.segments[0].replace('\0', "");
        user_roles::assign_to_users(&request.call, role, texts(&request.body, "users")).await?;
        Ok(Answer::json(StatusCode::OK, &json!({})))
    })
}
