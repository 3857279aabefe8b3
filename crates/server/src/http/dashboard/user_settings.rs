//! Who a user is; and its deletion.

use askama::Template;
use http::StatusCode;
use keyward_core::{
    Problem, held,
    model::user::{NAME_MAX, User, is_email},
};
use serde_json::{Map, Value};

use super::{
    edited::{Edited, Fields, one_line, switch},
    form,
    page::{Frame, redirect, segment, show, thousands, time},
    problem,
    table::{EDIT, VIEW, form_at, page_at},
    users::{Head, find, find_with_given, is_blocked, title},
};
use crate::{
    http::{
        answer::Answer,
        operation::{Handled, Operation, Request},
    },
    service::{
        consent,
        user::{self, UserChange},
    },
};

/// How many roles and permissions the page of a deletion names.
const NAMED: usize = 20;

/// The rows.
pub(super) fn rows() -> Vec<Operation> {
    vec![
        page_at("console_user_settings", "/users/{id}/settings", ("Show a user", VIEW), &[], edit),
        form_at("console_user_save", "/users/{id}/settings", ("Update a User", EDIT), save),
        page_at(
            "console_user_deletion",
            "/users/{id}/delete",
            ("Show what the deletion of a user takes away", EDIT),
            &[],
            confirm,
        ),
        form_at("console_user_delete", "/users/{id}/delete", ("Delete a User", EDIT), delete),
    ]
}

#[derive(Template)]
#[template(path = "user_settings.html")]
struct Page {
    frame: Frame,
    user: Head,
    connection: String,
    username: String,
    created_at: String,
    updated_at: String,
    form: Edited,
}

#[derive(Template)]
#[template(path = "user_delete.html")]
struct Sure {
    frame: Frame,
    user: Head,
    typed: String,
    error: Option<String>,
    roles: Vec<(String, String)>,
    role_count: String,
    permissions: Vec<String>,
    permission_count: String,
    consent_count: String,
}

/// What the form shows.
fn fields(user: &User) -> Fields {
    Fields::new([
        one_line("name", "name", user.text("name")),
        one_line("email", "e-mail address", user.text("email")),
        switch("blocked", "blocked", is_blocked(user)),
    ])
}

/// The form with its address in small letters: it is the same whatever its case.
fn folded(mut form: Edited) -> Edited {
    let email = form.typed.get("email").to_lowercase();
    form.typed.set("email", &email);
    form
}

/// Says what can't be taken, field by field.
fn check(form: &mut Edited) {
    if form.typed.get("name").chars().count() > NAME_MAX {
        form.refuse("name", format!("A name has {NAME_MAX} characters at most."));
    }
    let email = form.typed.get("email");
    if form.differs("email") && !email.is_empty() && !is_email(email) {
        form.refuse("email", "This is no e-mail address. One looks like ada@example.com.");
    }
}

/// What differs, as the use case wants it. An empty text takes the field away.
fn changes(form: &Edited) -> Map<String, Value> {
    let typed = form.typed.iter().filter(|(name, _)| form.differs(name));
    let value = |name, text: &str| match name {
        "blocked" => Value::Bool(!text.is_empty()),
        _ if text.is_empty() => Value::Null,
        _ => text.into(),
    };
    typed.map(|(name, text)| (name.to_owned(), value(name, text))).collect()
}

/// Shows who a user is, to change it.
fn edit(request: Request) -> Handled {
    Box::pin(async move {
        let user = find(&request).await?;
        show_form(&request, &user, (StatusCode::OK, Edited::of(fields(&user)))).await
    })
}

async fn show_form(request: &Request, user: &User, (status, form): (StatusCode, Edited)) -> Result<Answer, Problem> {
    let given = user::given(&request.call, vec![user.id.clone()]).await?;
    let page = Page {
        frame: Frame::new(&request.call, "users", title(user)),
        user: Head::new(request, user, &given, "/settings"),
        connection: user.connection_name.clone(),
        username: user.text("username").to_owned(),
        created_at: time(user.created_at, "datetime"),
        updated_at: time(user.updated_at, "datetime"),
        form,
    };
    show(status, &page)
}

/// Changes a user, unless somebody else did since the form was shown.
fn save(request: Request) -> Handled {
    Box::pin(async move {
        let user = find(&request).await?;
        let mut form = folded(Edited::sent(&request.body, fields(&user)));
        let done = || Ok(redirect(&format!("/users/{}/settings", segment(&user.id))));
        if form.is_unchanged() {
            return done();
        }
        if form.is_stale() {
            return show_form(&request, &user, (StatusCode::CONFLICT, form)).await;
        }
        check(&mut form);
        if form.is_refused() {
            return show_form(&request, &user, (StatusCode::UNPROCESSABLE_ENTITY, form)).await;
        }
        // What was compared is what is changed: all of it is compared again under the lock.
        let seen = Some(user.fields.clone());
        let wanted = UserChange { connection: None, password: None, fields: changes(&form), seen };
        match user::update(&request.call, vec![user.id.clone()], wanted).await {
            Ok(_) => done(),
            Err(Problem::Stale { .. }) => {
                let user = find(&request).await?;
                let form = folded(Edited::overtaken(&request.body, fields(&user)));
                show_form(&request, &user, (StatusCode::CONFLICT, form)).await
            }
            Err(problem) => {
                let (status, text) = problem::at_form(problem)?;
                form.refuse("email", text);
                show_form(&request, &user, (status, form)).await
            }
        }
    })
}

/// Shows what the deletion of a user takes away.
fn confirm(request: Request) -> Handled {
    Box::pin(async move { show_sure(&request, (StatusCode::OK, String::new(), None)).await })
}

async fn show_sure(
    request: &Request,
    (status, typed, error): (StatusCode, String, Option<String>),
) -> Result<Answer, Problem> {
    let (user, given) = find_with_given(request).await?;
    let snapshot = &request.view.snapshot;
    let roles = held::named(snapshot, &given.role_numbers());
    let direct = held::with_sources(snapshot, &[], &given.permission_numbers());
    let wanted = consent::Wanted { user_id: Some(user.id.clone()), ..consent::Wanted::default() };
    let (_, consents) = consent::list(&request.call, wanted, (0, 1), true).await?;
    let page = Sure {
        frame: Frame::new(&request.call, "users", format!("Delete {}", title(&user))),
        user: Head::new(request, &user, &given, "/settings"),
        typed,
        error,
        role_count: thousands(roles.len()),
        roles: roles.iter().take(NAMED).map(|role| (role.management_id(), role.name.clone())).collect(),
        permission_count: thousands(direct.len()),
        permissions: direct.iter().take(NAMED).map(|held| held.permission.value.to_string()).collect(),
        consent_count: thousands(consents.unwrap_or(0)),
    };
    show(status, &page)
}

/// Deletes a user for good. One that is deleted already is shown so.
fn delete(request: Request) -> Handled {
    Box::pin(async move {
        let id = request.segments.first().cloned().unwrap_or_default();
        let to = format!("/users?deleted={}", segment(&id));
        let user = match find(&request).await {
            Err(Problem::NotFound(_)) => return Ok(redirect(&to)),
            found => found?,
        };
        let typed = form::text(&request.body, "confirm").to_owned();
        if typed != title(&user).trim() {
            let text = Some("This is not what the user is called. Nothing was deleted.".to_owned());
            return show_sure(&request, (StatusCode::UNPROCESSABLE_ENTITY, typed, text)).await;
        }
        user::delete(&request.call, vec![user.id]).await?;
        Ok(redirect(&to))
    })
}
