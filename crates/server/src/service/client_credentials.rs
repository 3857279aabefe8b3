//! Tokens that applications get for themselves (RFC 6749 §4.4; contract: client credentials).

use std::sync::Arc;

use keyward_core::{
    Problem,
    model::{
        WorkspaceNumber,
        api::Api,
        client::{CLIENT_CREDENTIALS, Client, ClientAuthentication},
        log::{LogType, Seen},
    },
    problem::{TokenRefusal, TooMany},
    secret::Secret,
    snapshot::Snapshot,
    time::Timestamp,
    token::{self, Granted, Refused},
};
use keyward_store::ledger::log_block::Packing;
use serde_json::json;

use super::{
    access_token::Issued,
    audience::{self, Named},
    client_assertion::{self, Assertion},
    client_secret, misplaced,
    prepared_token::{Answered, Prepared},
};
use crate::app::{App, Call, View};

/// Who says that it asks, and what it has to show for it.
#[derive(Debug, Default)]
pub struct Credentials {
    /// The `client_id`.
    pub id: Option<String>,
    /// What proves it.
    pub proof: Proof,
}

/// What somebody shows to prove who it is.
#[derive(Debug, Default)]
pub enum Proof {
    /// Nothing.
    #[default]
    Nothing,
    /// A secret.
    Secret {
        /// The secret.
        secret: Secret,
        /// Whether it came in the `Authorization` header.
        in_header: bool,
    },
    /// An assertion that it signed, unless what was sent can't be read as one.
    Assertion(Option<Box<Assertion>>),
}

/// What is asked for.
#[derive(Debug, Default)]
pub struct Asked {
    /// For which API.
    pub audience: Option<String>,
    /// The same in the parameter of RFC 8707, which counts where the tenant says so.
    pub resource: Option<String>,
    /// Which of its permissions; all that were granted, if none are named.
    pub scope: Vec<String>,
}

/// What is asked for in the usual way: by whoever shows a secret in the body, for an API that it names.
#[derive(Debug)]
pub struct Usual<'u> {
    /// The `client_id`.
    pub client_id: &'u str,
    /// Its secret.
    pub secret: &'u [u8],
    /// For which API.
    pub audience: &'u str,
    /// Which of its permissions, as it was sent.
    pub scope: &'u str,
    /// The same, one by one; all that were granted, if none are named.
    pub scopes: &'u [String],
}

/// The application that shows these credentials.
///
/// # Errors
/// [`Problem::Token`], the same for every reason, after the same time; and when it failed too often.
/// [`Problem::Unavailable`] when the store can't say whether an assertion was used before.
pub async fn authenticate<'v>(call: &Call, view: &'v View, shown: &Credentials) -> Result<&'v Arc<Client>, Problem> {
    let in_header = matches!(shown.proof, Proof::Secret { in_header: true, .. });
    let id = shown.id.as_deref().ok_or(Problem::Token(TokenRefusal::NoClient))?;
    call.app
        .failures
        .check((id, &call.origin.ip), call.now)
        .map_err(|wait: TooMany| Problem::Token(TokenRefusal::TooMany(wait)))?;
    let client = view.snapshot.client(call.workspace, id);
    let known = client.map(|client| &**client);
    let proved = match &shown.proof {
        Proof::Assertion(sent) => client_assertion::proves(call, view, known, sent.as_deref()).await?,
        Proof::Secret { secret, in_header } => proves_with_secret(known, secret.expose(), *in_header),
        Proof::Nothing => known.is_some_and(|client| !client.is_confidential()),
    };
    match client.filter(|_| proved) {
        Some(client) => Ok(client),
        None => {
            call.app.failures.count((id, &call.origin.ip), call.now);
            Err(Problem::Token(TokenRefusal::Client { in_header }))
        }
    }
}

fn proves_with_secret(client: Option<&Client>, secret: &[u8], in_header: bool) -> bool {
    // Compared in any case: it takes the same time for all.
    let is_right = client_secret::is_of(client, secret);
    let Some(settings) = client.map(|client| &client.settings) else { return false };
    match settings.token_endpoint_auth_method {
        Some(ClientAuthentication::None) => true,
        Some(ClientAuthentication::ClientSecretBasic) => is_right && in_header,
        Some(ClientAuthentication::ClientSecretPost) => is_right && !in_header,
        None => is_right && settings.client_authentication_methods.is_none(),
    }
}

/// Issues a token, and says in the audit log that it did, or why not.
///
/// # Errors
/// [`Problem::Token`]; [`Problem::Unavailable`] while the audit log can't be written: without an entry there is no token.
pub async fn exchange(call: &Call, shown: &Credentials, asked: &Asked) -> Result<Answered, Problem> {
    // The keys and the grants as they are once it is known that this node may believe its memory.
    call.app.lease.check()?;
    let view = Arc::clone(&call.app.view());
    let named = Named { audience: asked.audience.as_deref(), resource: asked.resource.as_deref() };
    let audience = audience::resolve(&view.snapshot, call.workspace, &call.app.public_url, named);
    let result = attempt(call, &view, shown, (audience, &asked.scope)).await;
    let (query, body) = (call.origin.query.to_string(), call.origin.body.to_string());
    let named = shown.id.as_deref().filter(|id| !id.is_empty());
    let client_id = named.map(|id| misplaced::shown_id(id, &view.snapshot, call.workspace));
    let request = Asking {
        at: call.now,
        description: call.action.0,
        seen: call.origin.seen(&query, &body),
        client_id: client_id.as_deref(),
        administrator: call.session.as_ref().map(|signed_in| signed_in.administrator.id.as_str()),
    };
    match result {
        Ok(answered) => request.issued(&call.app, answered),
        // The failures that led to it have their entries. One for each further attempt would fill the disk for whoever
        // has been locked out.
        Err(Problem::Token(TokenRefusal::TooMany(wait))) => Err(Problem::Token(TokenRefusal::TooMany(wait))),
        Err(Problem::Token(refusal)) => {
            let audience = audience.or(asked.audience.as_deref()).unwrap_or_default();
            request.refused(&call.app, audience, &asked.scope.join(" "), &refusal);
            Err(Problem::Token(refusal))
        }
        Err(other) => Err(other),
    }
}

/// A request in the usual way that gets a token.
#[derive(Debug)]
pub struct Admitted {
    at: Timestamp,
    prepared: Arc<Prepared>,
}

/// What becomes of whoever asks in the usual way, and from this address, if it gets a token. Nothing is said or done if
/// there is anything else to say: then it is left to [`exchange`].
pub fn admit_at_once(app: &App, usual: &Usual<'_>, ip: &str) -> Option<Admitted> {
    app.lease.check().ok()?;
    let (workspace, now) = (WorkspaceNumber::FIRST, app.clock.now());
    let view = app.view();
    app.failures.check((usual.client_id, ip), now).ok()?;
    let known = view.snapshot.client(workspace, usual.client_id);
    let proved = proves_with_secret(known.map(|client| &**client), usual.secret, false);
    let client = known.filter(|_| proved)?;
    let prepare = || {
        let named = Named { audience: Some(usual.audience), resource: None };
        let audience = audience::resolve(&view.snapshot, workspace, &app.public_url, named);
        let (api, granted) = allowed(&view.snapshot, client, audience, usual.scopes).map_err(Problem::Token)?;
        Prepared::new(app, &view, client, (api, &granted), usual.scope)
    };
    let prepared = view.prepared.get((client.number, usual.audience, usual.scope), prepare).ok()?;
    Some(Admitted { at: now, prepared })
}

impl Admitted {
    /// Whether its token may be made where others wait meanwhile.
    pub fn is_quick(&self) -> bool {
        self.prepared.form.is_quick()
    }

    /// Issues the token here and now, and says in the audit log that it did. The entry's body is known already.
    ///
    /// # Errors
    /// [`Problem::Unavailable`] while the audit log can't be written, and [`Problem::Internal`] when the provider refuses
    /// to sign.
    pub fn issue_here(self, app: &App, seen: Seen<'_>, description: &str) -> Result<Answered, Problem> {
        let issued = self.prepared.form.issue_here(app, self.at)?;
        self.issued(app, seen, description, issued)
    }

    /// The same, on a signing thread unless it is quick.
    ///
    /// # Errors
    /// The same.
    pub async fn issue(self, app: &App, seen: Seen<'_>, description: &str) -> Result<Answered, Problem> {
        let issued = self.prepared.form.issue(app, self.at).await?;
        self.issued(app, seen, description, issued)
    }

    fn issued(self, app: &App, seen: Seen<'_>, description: &str, issued: Issued) -> Result<Answered, Problem> {
        let Self { at, prepared } = self;
        let seen = Seen { body: &prepared.kept, ..seen };
        Asking { at, description, seen, client_id: Some(&prepared.client_id), administrator: None }
            .issued(app, Answered { issued, prepared: Arc::clone(&prepared) })
    }
}

async fn attempt(
    call: &Call,
    view: &Arc<View>,
    shown: &Credentials,
    (audience, scope): (Option<&str>, &[String]),
) -> Result<Answered, Problem> {
    let client = authenticate(call, view, shown).await?;
    let (api, granted) = allowed(&view.snapshot, client, audience, scope).map_err(Problem::Token)?;
    let prepared = Arc::new(Prepared::new(&call.app, view, client, (api, &granted), &scope.join(" "))?);
    let issued = prepared.form.issue(&call.app, call.app.clock.now()).await?;
    Ok(Answered { issued, prepared })
}

/// The API that is asked for, and what a token for it may carry.
type Allowed<'v> = (&'v Api, Granted);

fn allowed<'v>(
    snapshot: &'v Snapshot,
    client: &Client,
    audience: Option<&str>,
    scope: &[String],
) -> Result<Allowed<'v>, TokenRefusal> {
    if !client.settings.allows(CLIENT_CREDENTIALS) || !client.is_confidential() {
        return Err(TokenRefusal::GrantNotAllowed(CLIENT_CREDENTIALS.to_owned()));
    }
    let audience = audience.ok_or(TokenRefusal::NoAudience)?;
    let found = snapshot.api(client.workspace, audience).filter(|entry| entry.api.identifier == audience);
    let entry = found.ok_or_else(|| TokenRefusal::UnknownAudience(audience.to_owned()))?;
    let granted = token::for_client(snapshot, client, entry, scope).map_err(|reason| match reason {
        Refused::NotAuthorized => TokenRefusal::NotAuthorized(audience.to_owned()),
        Refused::Scopes(scopes) => TokenRefusal::Scopes(scopes),
    })?;
    Ok((&entry.api, granted))
}

/// A request for a token, as the audit log tells of it.
struct Asking<'r> {
    at: Timestamp,
    description: &'r str,
    seen: Seen<'r>,
    client_id: Option<&'r str>,
    /// Who tries it out in the console.
    administrator: Option<&'r str>,
}

impl Asking<'_> {
    /// Records that it got a token, and hands that out.
    fn issued(&self, app: &App, answered: Answered) -> Result<Answered, Problem> {
        let prepared = &answered.prepared;
        let packing = Packing {
            subject: Some(&prepared.subject),
            token_id: answered.issued.id.as_deref(),
            answer: &prepared.said,
            ..self.packing((LogType::TokenIssued, 200), &prepared.audience, &prepared.scope)
        };
        let Some(id) = self.administrator else {
            return app.token_log.record(&packing).map(|()| answered);
        };
        // Who tried it out in the console.
        let answer = json!({ "expires_in": prepared.form.lifetime, "administrator": id }).to_string();
        app.token_log.record(&Packing { answer: &answer, ..packing }).map(|()| answered)
    }

    /// Records that it got none. What is refused stays refused, also when that can't be recorded.
    fn refused(&self, app: &App, audience: &str, scope: &str, refusal: &TokenRefusal) {
        let mut answer = json!({ "error": format!("{refusal:?}") });
        if let Some(id) = self.administrator {
            answer["administrator"] = id.into();
        }
        let answer = answer.to_string();
        let packing = self.packing((LogType::TokenRefused, 400), audience, scope);
        // While entries can't be written, what waits says so in the program's log.
        let _ = app.token_log.record(&Packing { answer: &answer, ..packing });
    }

    fn packing<'p>(&'p self, (kind, status): (LogType, u16), audience: &'p str, scope: &'p str) -> Packing<'p> {
        Packing {
            at: self.at,
            kind,
            description: self.description,
            client_id: self.client_id,
            subject: None,
            token_id: None,
            scope,
            audience,
            seen: self.seen,
            status,
            answer: "null",
        }
    }
}
