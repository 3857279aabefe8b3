//! Users: the list, and a new one.

use askama::Template;
use http::StatusCode;
use keyward_core::{
    Problem, held,
    model::{
        connection::{Connection, DATABASE},
        user::{NAME_MAX, PASSWORD_MIN, USERNAME_MAX, User, UserOrder, is_email},
    },
    secret::Secret,
};
use serde_json::{Map, Value};

use super::{
    form::{self, query},
    page::{Frame, Pager, redirect, segment, show, thousands, time},
    problem,
    roles::Tab,
    table::{EDIT, PAGE, VIEW, form_at, page_at, word},
};
use crate::{
    http::{
        answer::Answer,
        operation::{Handled, Operation, Parameter, Request},
    },
    service::{
        connection,
        user::{self, Given, WantedUser},
        user_search::{self, Search},
    },
};

/// How many users a page has.
const PER_PAGE: usize = 50;

/// What the list can be asked for.
const LIST_QUERY: &[Parameter] = &[
    word("q", "How an e-mail address, a name, a username or an id begins"),
    PAGE,
    word("deleted", "The id of the user that was deleted"),
];

/// The rows.
pub(super) fn rows() -> Vec<Operation> {
    vec![
        page_at("console_users", "/users", ("List users", VIEW), LIST_QUERY, list),
        page_at("console_user_new", "/users/new", ("Ask who a new user is", EDIT), &[], new),
        form_at("console_user_create", "/users", ("Create a user", EDIT), create),
    ]
}

#[derive(Template)]
#[template(path = "users.html")]
struct List {
    frame: Frame,
    q: String,
    rows: Vec<Row>,
    pager: Option<Pager>,
    /// How many there are, unless something was searched for.
    total: Option<String>,
    has_more: bool,
    gone: Option<String>,
}

struct Row {
    path: String,
    id: String,
    title: String,
    name: String,
    connection: String,
    is_blocked: bool,
    created_at: String,
}

#[derive(Template)]
#[template(path = "user_new.html")]
struct New {
    frame: Frame,
    connections: Vec<String>,
    has_usernames: bool,
    typed: Typed,
    least: usize,
    errors: Vec<(&'static str, String)>,
}

/// What stands in the fields of a new user's form. The password is never shown again.
#[derive(Default)]
struct Typed {
    connection: String,
    email: String,
    username: String,
    name: String,
}

impl New {
    /// What is wrong with a field.
    fn error(&self, field: &str) -> Option<&str> {
        self.errors.iter().find(|(of, _)| *of == field).map(|(_, text)| text.as_str())
    }
}

/// What every page of a user shows of it.
pub(super) struct Head {
    pub(super) path: String,
    pub(super) id: String,
    pub(super) title: String,
    pub(super) name: String,
    pub(super) is_blocked: bool,
    permissions: String,
    roles: String,
    /// The path of the tab that is shown, below the user's.
    tab: &'static str,
}

impl Head {
    pub(super) fn new(request: &Request, user: &User, given: &Given, tab: &'static str) -> Self {
        let snapshot = &request.view.snapshot;
        let (roles, permissions) = (given.role_numbers(), given.permission_numbers());
        let name = user.text("name");
        Self {
            path: segment(&user.id),
            id: user.id.clone(),
            title: title(user),
            name: if name == title(user) { String::new() } else { name.to_owned() },
            is_blocked: is_blocked(user),
            permissions: thousands(held::with_sources(snapshot, &roles, &permissions).len()),
            roles: thousands(held::named(snapshot, &roles).len()),
            tab,
        }
    }

    /// The tabs there are.
    pub(super) fn tabs(&self) -> Vec<Tab> {
        let all = [
            ("", "Permissions", Some(&self.permissions)),
            ("/roles", "Roles", Some(&self.roles)),
            ("/settings", "Settings", None),
        ];
        let tab = |(path, name, count): (&str, &'static str, Option<&String>)| Tab {
            path: format!("/users/{}{path}", self.path),
            name,
            count: count.cloned(),
            is_shown: path == self.tab,
        };
        all.into_iter().map(tab).collect()
    }
}

/// What a user is called: by the address if there is one.
pub(super) fn title(user: &User) -> String {
    let texts = [user.text("email"), user.text("username"), user.text("name"), &user.id];
    texts.into_iter().find(|text| !text.is_empty()).unwrap_or_default().to_owned()
}

/// Whether an administrator has blocked it.
pub(super) fn is_blocked(user: &User) -> bool {
    user.fields.get("blocked") == Some(&Value::Bool(true))
}

/// The user that the path names by its id.
pub(super) async fn find(request: &Request) -> Result<User, Problem> {
    user::get(&request.call, vec![request.segments.first().cloned().unwrap_or_default()]).await
}

/// The user that the path names, and what it was given.
pub(super) async fn find_with_given(request: &Request) -> Result<(User, Given), Problem> {
    let user = find(request).await?;
    let given = user::given(&request.call, vec![user.id.clone()]).await?;
    Ok((user, given))
}

fn row(user: &User) -> Row {
    let name = user.text("name");
    Row {
        path: segment(&user.id),
        id: user.id.clone(),
        title: title(user),
        name: if name == title(user) { String::new() } else { name.to_owned() },
        connection: user.connection_name.clone(),
        is_blocked: is_blocked(user),
        created_at: time(user.created_at, "relative"),
    }
}

/// Lists users: the newest first, or those that something begins with.
fn list(request: Request) -> Handled {
    Box::pin(async move {
        let q = query(&request, "q").trim().to_owned();
        let gone = gone(&request).await?;
        let frame = Frame::new(&request.call, "users", "Users");
        let page = if q.is_empty() {
            let (users, pager) = newest(&request).await?;
            let total = Some(thousands(pager.total));
            let rows = users.iter().map(row).collect();
            List { frame, q, rows, total, pager: Some(pager), has_more: false, gone }
        } else {
            let mut users = user_search::beginning(&request.call, q.clone(), PER_PAGE + 1).await?;
            let has_more = users.len() > PER_PAGE;
            users.truncate(PER_PAGE);
            List { frame, q, rows: users.iter().map(row).collect(), total: None, pager: None, has_more, gone }
        };
        show(StatusCode::OK, &page)
    })
}

/// The page of all users that is asked for; beyond the end, the last one.
async fn newest(request: &Request) -> Result<(Vec<User>, Pager), Problem> {
    let number = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
    let asked = request.query.get("page").and_then(Value::as_i64).unwrap_or(0).max(0);
    let mut search = Search {
        condition: None,
        order: UserOrder::CreatedAt,
        down: true,
        page: (asked.saturating_mul(number(PER_PAGE)), number(PER_PAGE)),
        totals: true,
    };
    let found = user_search::list(&request.call, search.clone()).await?;
    let total = usize::try_from(found.total.unwrap_or(0)).unwrap_or(usize::MAX);
    let pager = Pager::new("/users", &request.query, total, PER_PAGE);
    if !found.users.is_empty() || total == 0 {
        return Ok((found.users, pager));
    }
    search.page.0 = number(pager.first.saturating_sub(1));
    Ok((user_search::list(&request.call, search).await?.users, pager))
}

/// The id of the user that was just deleted, if there is none with it.
async fn gone(request: &Request) -> Result<Option<String>, Problem> {
    let id = query(request, "deleted");
    if id.is_empty() {
        return Ok(None);
    }
    match user::get(&request.call, vec![id.to_owned()]).await {
        Ok(_) => Ok(None),
        Err(Problem::NotFound(_)) => Ok(Some(id.to_owned())),
        Err(problem) => Err(problem),
    }
}

/// Asks who a new user is.
fn new(request: Request) -> Handled {
    Box::pin(async move {
        let typed = Typed { connection: DATABASE.to_owned(), ..Typed::default() };
        show_new(&request, (StatusCode::OK, typed, Vec::new())).await
    })
}

async fn show_new(
    request: &Request,
    (status, typed, errors): (StatusCode, Typed, Vec<(&'static str, String)>),
) -> Result<Answer, Problem> {
    let connections = connection::list(&request.call).await?;
    let page = New {
        frame: Frame::new(&request.call, "users", "New user"),
        has_usernames: connections.iter().any(Connection::has_usernames),
        connections: connections.into_iter().map(|connection| connection.name).collect(),
        typed,
        least: PASSWORD_MIN,
        errors,
    };
    show(status, &page)
}

/// Makes a user.
fn create(request: Request) -> Handled {
    Box::pin(async move {
        let text = |name| form::text(&request.body, name).to_owned();
        let typed = Typed {
            connection: text("connection"),
            email: text("email"),
            username: text("username"),
            name: text("name"),
        };
        // White space around a password is a part of it.
        let password = request.body.get("password").and_then(Value::as_str).unwrap_or_default().to_owned();
        let mut errors = check(&typed, &password);
        if !errors.is_empty() {
            return show_new(&request, (StatusCode::UNPROCESSABLE_ENTITY, typed, errors)).await;
        }
        let given = [("email", &typed.email), ("username", &typed.username), ("name", &typed.name)];
        let given = given.into_iter().filter(|(_, text)| !text.is_empty());
        let fields: Map<String, Value> = given.map(|(name, text)| (name.to_owned(), text.clone().into())).collect();
        let connection = typed.connection.clone();
        let wanted = WantedUser { connection, id: None, password: Secret::from(password), fields };
        match user::create(&request.call, wanted).await {
            Ok(user) => Ok(redirect(&format!("/users/{}", segment(&user.id)))),
            Err(problem) => {
                let (status, text) = problem::at_form(problem)?;
                errors.push(("", text));
                show_new(&request, (status, typed, errors)).await
            }
        }
    })
}

fn check(typed: &Typed, password: &str) -> Vec<(&'static str, String)> {
    let mut errors = Vec::new();
    if !is_email(&typed.email) {
        errors.push(("email", "Type an e-mail address, such as ada@example.com.".to_owned()));
    }
    if typed.username.chars().count() > USERNAME_MAX {
        errors.push(("username", format!("A username has {USERNAME_MAX} characters at most.")));
    }
    if typed.name.chars().count() > NAME_MAX {
        errors.push(("name", format!("A name has {NAME_MAX} characters at most.")));
    }
    if password.chars().count() < PASSWORD_MIN {
        errors.push(("password", format!("A password has at least {PASSWORD_MIN} characters.")));
    }
    errors
}
