//! Tokens that applications get for themselves (RFC 6749 §4.4; contract: client credentials).

use std::sync::Arc;

use keyward_core::{
    Problem,
    model::{
        api::Api,
        client::{CLIENT_CREDENTIALS, Client, ClientAuthentication},
        log::{Actor, LogType},
    },
    problem::{TokenRefusal, TooMany},
    secret::Secret,
    token::{self, Refused},
};
use serde_json::{Value, json};

use super::{
    access_token::{self, Holder, Issued},
    audience::{self, Named},
    client_assertion::{self, Assertion},
    client_secret, log, misplaced,
};
use crate::app::{Call, View};

/// The claim that says how such a token was asked for.
const GRANT_CLAIM: &str = "client-credentials";

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

/// A token, and what it allows.
#[derive(Debug)]
pub struct Answered {
    /// The token.
    pub issued: Issued,
    /// What it allows.
    pub scope: Vec<String>,
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
        proof => proves_with_secret(known, proof),
    };
    match client.filter(|_| proved) {
        Some(client) => Ok(client),
        None => {
            call.app.failures.count((id, &call.origin.ip), call.now);
            Err(Problem::Token(TokenRefusal::Client { in_header }))
        }
    }
}

fn proves_with_secret(client: Option<&Client>, proof: &Proof) -> bool {
    let settings = client.map(|client| &client.settings);
    let method = settings.and_then(|settings| settings.token_endpoint_auth_method);
    let Proof::Secret { secret, in_header } = proof else { return method == Some(ClientAuthentication::None) };
    // Compared in any case: it takes the same time for all.
    let is_right = client_secret::is_of(client, secret.expose());
    match method {
        Some(ClientAuthentication::None) => true,
        Some(ClientAuthentication::ClientSecretBasic) => is_right && *in_header,
        Some(ClientAuthentication::ClientSecretPost) => is_right && !*in_header,
        None => is_right && settings.is_some_and(|settings| settings.client_authentication_methods.is_none()),
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
    let audience = audience::resolve(&view.snapshot, call, named);
    let result = attempt(call, &view, shown, (audience.as_deref(), &asked.scope)).await;
    let (kind, status, note) = match &result {
        Ok(answered) => (LogType::TokenIssued, 200, json!({ "expires_in": answered.issued.expires_in })),
        // The failures that led to it have their entries. One for each further attempt would fill the disk for whoever
        // has been locked out.
        Err(Problem::Token(TokenRefusal::TooMany(_))) => return result,
        Err(Problem::Token(refusal)) => (LogType::TokenRefused, 400, json!({ "error": format!("{refusal:?}") })),
        Err(_) => return result,
    };
    let shown_id = |id: &str| misplaced::shown_id(id, &view.snapshot, call.workspace);
    let scope = result.as_ref().map_or(&asked.scope, |answered| &answered.scope).join(" ");
    let actor = Actor {
        client_id: shown.id.as_deref().filter(|id| !id.is_empty()).map(shown_id),
        subject: result.is_ok().then(|| shown.id.as_ref().map(|id| format!("{id}@clients"))).flatten(),
        token_id: result.as_ref().ok().and_then(|answered| answered.issued.id.clone()),
        scope,
        audience: audience.or_else(|| asked.audience.clone()).unwrap_or_default(),
    };
    let entry = Call { actor: Arc::new(actor), ..call.clone() };
    match call.app.token_log.record(log::draft(&entry, kind, status, note)) {
        // What is refused stays refused.
        Err(problem) if result.is_ok() => Err(problem),
        _ => result,
    }
}

async fn attempt(
    call: &Call,
    view: &Arc<View>,
    shown: &Credentials,
    (audience, scope): (Option<&str>, &[String]),
) -> Result<Answered, Problem> {
    let refused = Problem::Token;
    let client = authenticate(call, view, shown).await?;
    if !client.settings.allows(CLIENT_CREDENTIALS) || !client.is_confidential() {
        return Err(refused(TokenRefusal::GrantNotAllowed(CLIENT_CREDENTIALS.to_owned())));
    }
    let audience = audience.ok_or(refused(TokenRefusal::NoAudience))?;
    let found = view.snapshot.api(call.workspace, audience).filter(|entry| entry.api.identifier == audience);
    let entry = found.ok_or_else(|| refused(TokenRefusal::UnknownAudience(audience.to_owned())))?;
    let granted = token::for_client(&view.snapshot, client, entry, scope).map_err(|reason| match reason {
        Refused::NotAuthorized => refused(TokenRefusal::NotAuthorized(audience.to_owned())),
        Refused::Scopes(scopes) => refused(TokenRefusal::Scopes(scopes)),
    })?;
    let api: &Api = &entry.api;
    let subject = client.subject();
    let holder = Holder { client_id: &client.id, subject: &subject, grant: Some(GRANT_CLAIM) };
    let issued = access_token::issue(&call.app, view, api, holder, &granted).await?;
    Ok(Answered { issued, scope: granted.scope })
}

/// What the token endpoint answers.
impl Answered {
    /// The members of the answer (RFC 6749 §5.1).
    pub fn describe(&self) -> Value {
        let mut body = json!({
            "access_token": self.issued.token, "token_type": "Bearer", "expires_in": self.issued.expires_in,
        });
        if !self.scope.is_empty() {
            body["scope"] = self.scope.join(" ").into();
        }
        body
    }
}
