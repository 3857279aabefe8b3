//! The console: who may come in, and what its forms do.

mod access;
mod account;
mod api_settings;
mod apis;
mod client_grants;
mod clients;
mod key_settings;
mod keys;
mod log;
mod permissions;
mod quickstart;
mod role_holders;
mod roles;
mod root_keys;
mod settings;
mod sign_in;
mod trials;
mod user_holdings;
mod users;

use keyward_core::{model::administrator::AdministratorRole, secret::Secret};
use keyward_server::service::administrator::{self, WantedAdministrator};

use crate::support::{Reply, TestApp};

/// A password that is taken.
pub(crate) const PASSWORD: &str = "seven green bicycles";

/// Somebody with a browser.
pub(crate) struct Browser<'t> {
    pub(crate) t: &'t TestApp,
    pub(crate) cookie: String,
}

/// The cookie that an answer sets.
pub(crate) fn cookie(reply: &Reply) -> String {
    reply.header("set-cookie").split(';').next().unwrap().to_owned()
}

/// Makes an administrator with this address.
pub(crate) async fn administrator(t: &TestApp, email: &str, role: AdministratorRole) {
    let call = administrator::local_call(&t.app, "Create an administrator");
    let password = Some(Secret::from(PASSWORD.to_owned()));
    administrator::create(&call, WantedAdministrator { email: email.to_owned(), role, password }).await.unwrap();
}

/// Makes an administrator with this role and signs it in.
pub(crate) async fn signed_in(t: &TestApp, role: AdministratorRole) -> Browser<'_> {
    let email = format!("{}@example.com", role.as_str());
    administrator(t, &email, role).await;
    let browser = Browser { t, cookie: String::new() };
    let reply = browser.send("/sign-in", &[("email", &email), ("password", PASSWORD)]).await;
    assert_eq!(reply.status, 303, "{}", text(&reply));
    Browser { t, cookie: cookie(&reply) }
}

/// The page as text.
pub(crate) fn text(reply: &Reply) -> String {
    String::from_utf8(reply.bytes.clone()).unwrap()
}

impl Browser<'_> {
    pub(crate) async fn get(&self, path: &str) -> Reply {
        self.t.get(path).anonymous().header("cookie", &self.cookie).send().await
    }

    /// The page, which must be there.
    pub(crate) async fn page(&self, path: &str) -> String {
        let reply = self.get(path).await;
        assert_eq!(reply.status, 200, "{path}: {}", text(&reply));
        text(&reply)
    }

    /// What the forms of this session carry.
    pub(crate) async fn token(&self) -> String {
        let page = self.page("/apis").await;
        page.split("name=\"form_token\" value=\"").nth(1).unwrap().split('"').next().unwrap().to_owned()
    }

    /// Sends these fields and nothing else.
    pub(crate) async fn send(&self, path: &str, fields: &[(&str, &str)]) -> Reply {
        let call = self.t.call(http::Method::POST, path).anonymous().header("cookie", &self.cookie);
        call.form(fields).send().await
    }

    /// Sends a form of this session.
    pub(crate) async fn post(&self, path: &str, fields: &[(&str, &str)]) -> Reply {
        let token = self.token().await;
        let fields: Vec<_> = fields.iter().copied().chain([("form_token", token.as_str())]).collect();
        self.send(path, &fields).await
    }

    /// Sends a form that is carried out; where it leads to.
    pub(crate) async fn done(&self, path: &str, fields: &[(&str, &str)]) -> String {
        let reply = self.post(path, fields).await;
        assert_eq!(reply.status, 303, "{path}: {}", text(&reply));
        reply.header("location").to_owned()
    }
}
