//! A problem as a page: what is wrong, and what to do.

use askama::Template;
use bytes::Bytes;
use http::{Method, Response, StatusCode, Uri, header};
use http_body_util::Full;
use keyward_core::{
    Problem,
    model::user::PASSWORD_MIN,
    problem::{Conflict, ConsoleRefusal, Missing, UserRefusal},
};

use super::page::{Frame, redirect, segment, show};
use crate::http::{answer::Answer, incoming::Incoming, problem};

#[derive(Template)]
#[template(path = "problem.html")]
struct Page {
    frame: Frame,
    heading: &'static str,
    text: String,
    back: &'static str,
    back_text: &'static str,
}

/// What somebody sees of a problem. Whoever is not signed in is led to where one signs in, and from there back.
pub(super) fn render(problem: &Problem, uri: &Uri) -> Answer {
    if let Problem::Console(ConsoleRefusal::SignedOut) = problem {
        let from = uri.path_and_query().map_or("/", |whole| whole.as_str());
        return redirect(&format!("/sign-in?next={}", segment(from)));
    }
    let (status, heading, text) = words(problem);
    let (back, back_text) = match problem {
        Problem::Console(ConsoleRefusal::Link | ConsoleRefusal::Password | ConsoleRefusal::TooMany(_)) => {
            ("/sign-in", "Sign in")
        }
        _ => ("/", "Back to the APIs"),
    };
    let frame = Frame { title: heading.to_owned(), assets: super::assets::names(), ..Frame::default() };
    let page = Page { frame, heading, text, back, back_text };
    let answer = show(status, &page).unwrap_or_else(|_| Answer::empty(StatusCode::INTERNAL_SERVER_ERROR));
    match problem {
        Problem::Console(ConsoleRefusal::TooMany(wait)) => answer.with(header::RETRY_AFTER, &wait.seconds.to_string()),
        Problem::Unavailable(..) => answer.with(header::RETRY_AFTER, "1"),
        _ => answer,
    }
}

/// A problem in the words of the console: the status, a heading, and what to do.
pub(super) fn words(problem: &Problem) -> (StatusCode, &'static str, String) {
    match problem {
        Problem::Console(refusal) => refused(refusal),
        Problem::NotFound(missing) => {
            let text = match missing {
                Missing::Route => "There is no page at this address.",
                Missing::Administrator => "There is no such administrator. Somebody may have removed it meanwhile.",
                Missing::Role => "There is no such role, or it was deleted more than 30 days ago.",
                Missing::User | Missing::Users => "There is no such user. Somebody may have deleted it meanwhile.",
                Missing::Permission(..) => "One of these permissions is not there any more. Look at the list again.",
                Missing::Key { .. } => "There is no such key. Somebody may have deleted it meanwhile.",
                Missing::Slug(_) => "Somebody deleted this permission meanwhile.",
                Missing::RoleNamed(_) => "Somebody deleted this role meanwhile.",
                Missing::WorkspacePermission => "There is no such permission, or it was deleted more than 30 days ago.",
                _ => "There is no such thing. Somebody may have deleted it meanwhile.",
            };
            (StatusCode::NOT_FOUND, "Not found", text.to_owned())
        }
        Problem::Conflict(conflict) => (StatusCode::CONFLICT, "This name is taken", conflicting(conflict)),
        Problem::User(refusal) => (StatusCode::UNPROCESSABLE_ENTITY, "This can't be taken", no_user(*refusal)),
        Problem::Stale { .. } => (
            StatusCode::CONFLICT,
            "This was changed meanwhile",
            "Somebody else changed it while you were looking at it. Open it again and repeat your change.".to_owned(),
        ),
        Problem::Invalid(invalid) => (StatusCode::UNPROCESSABLE_ENTITY, "This can't be taken", invalid.detail.clone()),
        Problem::System(text) => (StatusCode::UNPROCESSABLE_ENTITY, "This belongs to Keyward", (*text).to_owned()),
        Problem::Limit(text) => (StatusCode::FORBIDDEN, "A limit is reached", (*text).to_owned()),
        Problem::TooLarge(limit) => (
            StatusCode::PAYLOAD_TOO_LARGE,
            "This is too long",
            format!("A form may have {limit} bytes at most. Send it in several parts."),
        ),
        Problem::Slow => (
            StatusCode::REQUEST_TIMEOUT,
            "This took too long",
            "The form did not arrive in time. Send it again.".to_owned(),
        ),
        Problem::Unavailable(text, _) => {
            (StatusCode::SERVICE_UNAVAILABLE, "Not possible right now", format!("{text}. Try again in a moment."))
        }
        Problem::Uncertain(text, _) => {
            (StatusCode::SERVICE_UNAVAILABLE, "It is not known whether this was done", format!("{text}."))
        }
        Problem::Internal(_) => (
            StatusCode::INTERNAL_SERVER_ERROR,
            "Something is wrong on our side",
            "The program's log has the cause, under the id in this answer's X-Request-Id header.".to_owned(),
        ),
        other => {
            let answer = problem::render(other);
            let status = if answer.status.is_client_error() { answer.status } else { StatusCode::BAD_REQUEST };
            (status, "This can't be done", other.to_string())
        }
    }
}

/// What somebody typed can't be done: the words for the form that is shown again.
///
/// # Errors
/// The problem itself, if it is ours.
pub(super) fn at_form(problem: Problem) -> Result<(StatusCode, String), Problem> {
    if problem.is_ours() {
        return Err(problem);
    }
    let (status, _, text) = words(&problem);
    Ok((status, text))
}

fn refused(refusal: &ConsoleRefusal) -> (StatusCode, &'static str, String) {
    match refusal {
        ConsoleRefusal::SignedOut => {
            (StatusCode::FORBIDDEN, "You are signed out", "Sign in and try again.".to_owned())
        }
        ConsoleRefusal::Link => (
            StatusCode::FORBIDDEN,
            "This link is used up",
            "A link lets somebody in once, within a day. Whoever may use the server's data directory can print another \
             one: keyward admin link."
                .to_owned(),
        ),
        ConsoleRefusal::Password => (
            StatusCode::FORBIDDEN,
            "This is not right",
            "There is no administrator with this address and password.".to_owned(),
        ),
        ConsoleRefusal::TooMany(wait) => (
            StatusCode::TOO_MANY_REQUESTS,
            "Too many attempts",
            format!("Try again in {} seconds.", wait.seconds),
        ),
        ConsoleRefusal::Role(role) => (
            StatusCode::FORBIDDEN,
            "You may not do this",
            format!("It takes an administrator with the role {}. An owner can give it to you.", role.as_str()),
        ),
        ConsoleRefusal::Forged => (
            StatusCode::FORBIDDEN,
            "This form is out of date",
            "It does not belong to your session. Open the page again and repeat what you did.".to_owned(),
        ),
        ConsoleRefusal::Field(_, text) => (StatusCode::UNPROCESSABLE_ENTITY, "This can't be taken", text.clone()),
    }
}

fn no_user(refusal: UserRefusal) -> String {
    match refusal {
        UserRefusal::Connection => "There is no such connection.".to_owned(),
        UserRefusal::Username => "The users of this connection have no usernames.".to_owned(),
        UserRefusal::WeakPassword => format!("A password has at least {PASSWORD_MIN} characters."),
        UserRefusal::Permissions => {
            "The user has as many permissions of its own as the configuration allows. Give it a role.".to_owned()
        }
    }
}

fn conflicting(conflict: &Conflict) -> String {
    match conflict {
        Conflict::ApiIdentifier => {
            "Another API has this identifier. Choose another one: it can't be changed later.".to_owned()
        }
        Conflict::ReservedIdentifier => "This identifier is reserved for Keyward itself.".to_owned(),
        Conflict::PermissionValue(_, value) | Conflict::Slug(value) => {
            format!("This API has a permission {value} already.")
        }
        Conflict::ClientGrant => "There is such a grant already. Change that one.".to_owned(),
        Conflict::RoleName(name) => format!("There is a role {name} already."),
        Conflict::User => "The connection has a user with this e-mail address, username or id already.".to_owned(),
        Conflict::Administrator(email) => format!("{email} is an administrator already."),
        other => format!("{other:?}"),
    }
}

/// The page of a path that nothing has, for those who ask for a page: browsers do.
pub(in crate::http) fn no_page(method: &Method, incoming: &Incoming) -> Option<Response<Full<Bytes>>> {
    let accepted = incoming.headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
    if !matches!(*method, Method::GET | Method::HEAD) || !accepted.into_iter().any(|value| value.contains("text/html"))
    {
        return None;
    }
    let page = render(&Problem::NotFound(Missing::Route), &incoming.uri);
    Some(page.into_page_response(&incoming.request_id))
}
