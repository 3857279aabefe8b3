//! Tokens of applications, prepared: what is the same in all of them, in their answers and in their entries in the audit
//! log is looked up and written out once for each state of the catalogue, and is gone with that.

use std::{
    hash::{Hash, Hasher},
    sync::{Arc, OnceLock},
};

use keyward_core::{
    Problem,
    model::{
        api::Api,
        client::{CLIENT_CREDENTIALS, Client, ClientNumber},
    },
    secret::HIDDEN,
    token::Granted,
};
use quick_cache::{Equivalent, Weighter, sync::Cache};
use serde::Serialize;

use super::access_token::{Form, Holder, Issued};
use crate::app::{App, View};

/// The claim that says how such a token was asked for.
const GRANT_CLAIM: &str = "client-credentials";
/// How many bytes are remembered for one state, and about how many tokens that are.
const REMEMBERED: (u64, usize) = (4 * 1024 * 1024, 1024);

/// What all tokens have in common that an application gets for the same request.
#[derive(Debug)]
pub struct Prepared {
    pub(super) form: Form,
    pub(super) client_id: String,
    pub(super) subject: String,
    pub(super) audience: String,
    /// What it allows, separated by spaces.
    pub(super) scope: String,
    /// What the audit log keeps of a request in the usual way.
    pub(super) kept: String,
    /// What it says was answered.
    pub(super) said: String,
    /// An answer, from the end of the token on.
    end: String,
}

/// What the audit log keeps of the body of a request in the usual way.
#[derive(Serialize)]
struct Kept<'k> {
    grant_type: &'static str,
    client_id: &'k str,
    client_secret: &'static str,
    audience: &'k str,
    #[serde(skip_serializing_if = "str::is_empty")]
    scope: &'k str,
}

/// The members of an answer (RFC 6749 §5.1), but for the token.
#[derive(Serialize)]
struct Said<'a> {
    token_type: &'static str,
    expires_in: i64,
    #[serde(skip_serializing_if = "str::is_empty")]
    scope: &'a str,
}

impl Prepared {
    /// The tokens that an application gets of an API, if it may have this and asked for these scopes.
    ///
    /// # Errors
    /// [`Problem::Internal`] when there is no key.
    pub(super) fn new(
        app: &App,
        view: &View,
        client: &Client,
        (api, granted): (&Api, &Granted),
        asked: &str,
    ) -> Result<Self, Problem> {
        let subject = client.subject();
        let holder = Holder { client_id: &client.id, subject: &subject, grant: Some(GRANT_CLAIM) };
        let form = Form::new(view, &app.public_url, api, holder, granted)?;
        let scope = granted.scope.join(" ");
        let kept = Kept {
            grant_type: CLIENT_CREDENTIALS,
            client_id: &client.id,
            client_secret: HIDDEN,
            audience: &api.identifier,
            scope: asked,
        };
        let said = Said { token_type: "Bearer", expires_in: form.lifetime, scope: &scope };
        let (kept, said) = (serde_json::to_string(&kept), serde_json::to_string(&said));
        let end = said.map_err(Problem::internal)?.replacen('{', "\",", 1);
        Ok(Self {
            client_id: client.id.clone(),
            subject,
            audience: api.identifier.clone(),
            scope,
            kept: kept.map_err(Problem::internal)?,
            said: format!(r#"{{"expires_in":{}}}"#, form.lifetime),
            end,
            form,
        })
    }

    fn length(&self) -> usize {
        let Self { form, client_id, subject, audience, scope, kept, said, end } = self;
        let texts = [client_id, subject, audience, scope, kept, said, end];
        form.length() + texts.map(String::len).into_iter().sum::<usize>()
    }
}

/// A token, and what is answered with it.
#[derive(Debug)]
pub struct Answered {
    pub(super) issued: Issued,
    pub(super) prepared: Arc<Prepared>,
}

impl Answered {
    /// The token by itself, and for how many seconds it is good.
    pub fn into_token(self) -> (String, i64) {
        (self.issued.token, self.prepared.form.lifetime)
    }

    /// What the token endpoint answers, as JSON.
    pub fn body(&self) -> Vec<u8> {
        // A token has nothing that JSON escapes.
        [r#"{"access_token":""#, &self.issued.token, &self.prepared.end].concat().into_bytes()
    }
}

/// What is asked for: by which application, for which API, and which scopes, as it was sent.
type Wanted<'w> = (ClientNumber, &'w str, &'w str);

/// The same, kept.
#[derive(Debug, PartialEq, Eq)]
struct Known(ClientNumber, Box<str>, Box<str>);

impl Hash for Known {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (self.0, &*self.1, &*self.2).hash(state);
    }
}

impl Equivalent<Known> for Wanted<'_> {
    fn equivalent(&self, known: &Known) -> bool {
        *self == (known.0, &*known.1, &*known.2)
    }
}

#[derive(Debug, Clone)]
struct Length;

impl Weighter<Known, Arc<Prepared>> for Length {
    fn weight(&self, known: &Known, prepared: &Arc<Prepared>) -> u64 {
        const ITSELF: usize = 512;
        u64::try_from(ITSELF + known.1.len() + known.2.len() + prepared.length()).unwrap_or(u64::MAX)
    }
}

/// The tokens of one state of the catalogue that were prepared. Whatever changes is another state, which has none yet.
#[derive(Debug, Default)]
pub struct PreparedTokens(OnceLock<Cache<Known, Arc<Prepared>, Length>>);

impl PreparedTokens {
    /// Those that are wanted, prepared now unless they were before.
    ///
    /// # Errors
    /// Those of `prepare`.
    pub(super) fn get<E>(
        &self,
        wanted: Wanted<'_>,
        prepare: impl FnOnce() -> Result<Prepared, E>,
    ) -> Result<Arc<Prepared>, E> {
        let (bytes, tokens) = REMEMBERED;
        // Mostly nobody asks for a token between two changes, and then nothing is made.
        let cache = self.0.get_or_init(|| Cache::with_weighter(tokens, bytes, Length));
        if let Some(known) = cache.get(&wanted) {
            return Ok(known);
        }
        let prepared = Arc::new(prepare()?);
        cache.insert(Known(wanted.0, wanted.1.into(), wanted.2.into()), Arc::clone(&prepared));
        Ok(prepared)
    }
}
