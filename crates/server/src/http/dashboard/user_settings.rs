//! Who a user is; and its deletion.

use askama::Template;
use http::StatusCode;
use keyward_core::{
    Problem, held,
    model::user::{NAME_MAX, User, is_email},
};
use serde_json::{Map, Value};

use super::{
    difference::{Line, difference},
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
struct Edited {
    frame: Frame,
    user: Head,
    connection: String,
    username: String,
    created_at: String,
    updated_at: String,
    now: Typed,
    typed: Typed,
    is_stale: bool,
    theirs: Vec<Line>,
    yours: Vec<Line>,
    errors: Vec<(&'static str, String)>,
}

impl Edited {
    /// What is wrong with a field.
    fn error(&self, field: &str) -> Option<&str> {
        self.errors.iter().find(|(of, _)| *of == field).map(|(_, text)| text.as_str())
    }
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

/// What stands in the fields of a user's form.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Typed {
    name: String,
    email: String,
    is_blocked: bool,
}

impl Typed {
    fn read(body: &Value, names: [&str; 3]) -> Self {
        let text = |name| form::text(body, name).to_owned();
        let [name, email, blocked] = names;
        Self { name: text(name), email: text(email).to_lowercase(), is_blocked: form::text(body, blocked) == "yes" }
    }

    /// What it is now, as a form sends it.
    fn now(user: &User) -> Self {
        let sent = |name| user.text(name).replace(['\r', '\n'], "").trim().to_owned();
        Self { name: sent("name"), email: sent("email"), is_blocked: is_blocked(user) }
    }

    fn blocked(&self) -> &'static str {
        if self.is_blocked { "yes" } else { "no" }
    }

    /// What can't be taken, field by field.
    fn refused(&self, now: &Self) -> Vec<(&'static str, String)> {
        let mut errors = Vec::new();
        if self.name.chars().count() > NAME_MAX {
            errors.push(("name", format!("A name has {NAME_MAX} characters at most.")));
        }
        if self.email != now.email && !self.email.is_empty() && !is_email(&self.email) {
            errors.push(("email", "This is no e-mail address. One looks like ada@example.com.".to_owned()));
        }
        errors
    }

    /// What of it differs from what there is. An empty text takes the field away.
    fn changes(&self, now: &Self) -> Map<String, Value> {
        let mut fields = Map::new();
        for (name, text, before) in [("name", &self.name, &now.name), ("email", &self.email, &now.email)] {
            if text != before {
                let value = if text.is_empty() { Value::Null } else { text.clone().into() };
                fields.insert(name.to_owned(), value);
            }
        }
        if self.is_blocked != now.is_blocked {
            fields.insert("blocked".to_owned(), self.is_blocked.into());
        }
        fields
    }
}

fn lines(before: &Typed, after: &Typed) -> Vec<Line> {
    difference(&[
        ("name", &before.name, &after.name),
        ("e-mail", &before.email, &after.email),
        ("blocked", before.blocked(), after.blocked()),
    ])
}

/// What a form is shown with: what is typed, what it showed before if that is not so any more, and what is wrong.
type Shown = (StatusCode, Typed, Option<Typed>, Vec<(&'static str, String)>);

/// Shows who a user is, to change it.
fn edit(request: Request) -> Handled {
    Box::pin(async move {
        let user = find(&request).await?;
        let typed = Typed::now(&user);
        show_edited(&request, &user, (StatusCode::OK, typed, None, Vec::new())).await
    })
}

async fn show_edited(request: &Request, user: &User, shown: Shown) -> Result<Answer, Problem> {
    let (status, typed, seen, errors) = shown;
    let given = user::given(&request.call, vec![user.id.clone()]).await?;
    let now = Typed::now(user);
    let page = Edited {
        frame: Frame::new(&request.call, "users", title(user)),
        user: Head::new(request, user, &given, "/settings"),
        connection: user.connection_name.clone(),
        username: user.text("username").to_owned(),
        created_at: time(user.created_at, "datetime"),
        updated_at: time(user.updated_at, "datetime"),
        is_stale: seen.is_some(),
        theirs: seen.as_ref().map(|seen| lines(seen, &now)).unwrap_or_default(),
        yours: seen.as_ref().map(|seen| lines(seen, &typed)).unwrap_or_default(),
        now,
        typed,
        errors,
    };
    show(status, &page)
}

/// Changes a user, unless somebody else did since the form was shown.
fn save(request: Request) -> Handled {
    Box::pin(async move {
        let user = find(&request).await?;
        let typed = Typed::read(&request.body, ["name", "email", "blocked"]);
        let seen = Typed::read(&request.body, ["seen_name", "seen_email", "seen_blocked"]);
        let now = Typed::now(&user);
        let done = || Ok(redirect(&format!("/users/{}/settings", segment(&user.id))));
        if typed == now {
            return done();
        }
        if seen != now {
            return show_edited(&request, &user, (StatusCode::CONFLICT, typed, Some(seen), Vec::new())).await;
        }
        let errors = typed.refused(&now);
        if !errors.is_empty() {
            return show_edited(&request, &user, (StatusCode::UNPROCESSABLE_ENTITY, typed, None, errors)).await;
        }
        // What was compared is what is changed: all of it is compared again under the lock.
        let seen_fields = Some(user.fields.clone());
        let wanted = UserChange { connection: None, password: None, fields: typed.changes(&now), seen: seen_fields };
        match user::update(&request.call, vec![user.id.clone()], wanted).await {
            Ok(_) => done(),
            Err(problem) if problem.is_ours() => Err(problem),
            Err(Problem::Stale { .. }) => {
                let user = find(&request).await?;
                show_edited(&request, &user, (StatusCode::CONFLICT, typed, Some(seen), Vec::new())).await
            }
            Err(problem) => {
                let (status, _, text) = problem::words(&problem);
                show_edited(&request, &user, (status, typed, None, vec![("email", text)])).await
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
