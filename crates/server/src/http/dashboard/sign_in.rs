//! Signing in and out.

use askama::Template;
use http::{StatusCode, header};
use keyward_core::{Problem, secret::Secret};

use super::{
    form,
    page::{Frame, redirect, show},
    problem,
    receive::COOKIE,
    table::{VIEW, form_at, page_at},
};
use crate::{
    http::{
        answer::Answer,
        operation::{Access, Handled, Operation, Parameter, ParameterKind, Request},
    },
    service::session,
};

/// Where one wants to go after signing in.
pub(super) const QUERY: &[Parameter] = &[Parameter {
    name: "next",
    kind: ParameterKind::Text(2048),
    description: "The page to show afterwards, of this site",
}];

/// Who is let in to sign in.
const SIGNING_IN: Access = Access::Visitor("whoever signs in is not signed in yet");

/// The rows.
pub(super) fn rows() -> Vec<Operation> {
    vec![
        page_at("console_home", "/", ("The first page", VIEW), &[], home),
        page_at("console_sign_in", "/sign-in", ("Ask for an address and a password", SIGNING_IN), QUERY, ask),
        form_at("console_sign_in_post", "/sign-in", ("Sign in to the console", SIGNING_IN), sign_in),
        page_at("console_link", "/sign-in/{link}", ("What a link leads to", SIGNING_IN), &[], ask_link),
        form_at("console_link_post", "/sign-in/{link}", ("Sign in to the console", SIGNING_IN), sign_in_with_link),
        form_at("console_sign_out", "/sign-out", ("Sign out of the console", VIEW), sign_out),
    ]
}

#[derive(Template)]
#[template(path = "sign_in.html")]
struct Page {
    frame: Frame,
    email: String,
    next: String,
    error: Option<String>,
}

#[derive(Template)]
#[template(path = "sign_in_link.html")]
struct LinkPage {
    frame: Frame,
}

/// A path of this site, and nothing that a browser would take for another one.
fn local(next: &str) -> &str {
    let is_path = next.starts_with('/') && !next.starts_with("//") && !next.contains(['\\', '\n', '\r', '\t']);
    if is_path { next } else { "/" }
}

fn with_session(to: &str, cookie: &Secret) -> Answer {
    let text = cookie.expose_text().unwrap_or_default();
    redirect(to).with(header::SET_COOKIE, &format!("{COOKIE}={text}; Path=/; Secure; HttpOnly; SameSite=Lax"))
}

/// The first page: whoever is signed in goes on to the APIs.
pub(super) fn home(_: Request) -> Handled {
    Box::pin(async { Ok(redirect("/apis")) })
}

/// Asks for an address and a password.
pub(super) fn ask(request: Request) -> Handled {
    Box::pin(async move {
        let next = local(request.query.get("next").and_then(|next| next.as_str()).unwrap_or("/")).to_owned();
        if request.call.session.is_some() {
            return Ok(redirect(&next));
        }
        let frame = Frame::new(&request.call, "", "Sign in");
        show(StatusCode::OK, &Page { frame, email: String::new(), next, error: None })
    })
}

/// Signs in with an address and a password.
pub(super) fn sign_in(request: Request) -> Handled {
    Box::pin(async move {
        let (email, next) = (form::text(&request.body, "email"), local(form::text(&request.body, "next")));
        let password = request.body.get("password").and_then(|text| text.as_str()).unwrap_or_default();
        match session::begin_with_password(&request.call, email, Secret::from(password.to_owned())).await {
            Ok(cookie) => Ok(with_session(next, &cookie)),
            Err(refusal @ Problem::Console(_)) => {
                let (status, _, text) = problem::words(&refusal);
                let frame = Frame::new(&request.call, "", "Sign in");
                let page = Page { frame, email: email.to_owned(), next: next.to_owned(), error: Some(text) };
                show(status, &page)
            }
            Err(problem) => Err(problem),
        }
    })
}

/// What a link leads to. It is not used up by being looked at: programs that check links look at them, too.
pub(super) fn ask_link(request: Request) -> Handled {
    Box::pin(async move { show(StatusCode::OK, &LinkPage { frame: Frame::new(&request.call, "", "Sign in") }) })
}

/// Signs in with a link.
pub(super) fn sign_in_with_link(request: Request) -> Handled {
    Box::pin(async move {
        let link = Secret::from(request.segments[0].clone());
        let cookie = session::begin_with_link(&request.call, &link).await?;
        Ok(with_session("/", &cookie))
    })
}

/// Signs out.
pub(super) fn sign_out(request: Request) -> Handled {
    Box::pin(async move {
        session::end(&request.call).await?;
        let gone = format!("{COOKIE}=; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=0");
        Ok(redirect("/sign-in").with(header::SET_COOKIE, &gone))
    })
}

#[cfg(test)]
mod tests {
    use super::local;

    #[test]
    fn nobody_is_led_to_another_site() {
        for (next, to) in [
            ("/apis?q=x", "/apis?q=x"),
            ("", "/"),
            ("apis", "/"),
            ("//evil.example", "/"),
            ("/\\evil.example", "/"),
            ("/\t/evil.example", "/"),
            ("https://evil.example", "/"),
        ] {
            assert_eq!(local(next), to, "{next}");
        }
    }
}
