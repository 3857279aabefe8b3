//! Root keys: make them, revoke them, find out who holds one and what it may do.

use std::sync::{Arc, LazyLock};

use keyward_core::{
    Problem,
    grants::{Action, Grants},
    model::{
        WorkspaceNumber,
        administrator::AdministratorRole,
        api::Api,
        log::{Actor, LogDetail, LogDraft, LogType, Origin},
        root_key::{RootKey, RootKeyRefusal},
    },
    snapshot::Snapshot,
    time::Timestamp,
    verify,
};
use keyward_store::{catalogue, keys::key};
use serde_json::{Value, json};

use super::administrator;
use crate::{
    app::{App, Call},
    ids, key_text,
};

/// What the text of a root key begins with.
const PREFIX: &str = "root";
/// How many random bytes it has.
const BYTES: usize = 24;

/// Who sends this `Authorization` header.
///
/// # Errors
/// [`Problem::RootKey`] with the reason (contract: authentication).
pub fn authenticate<'s>(
    snapshot: &'s Snapshot,
    header: Option<&[u8]>,
    now: Timestamp,
) -> Result<&'s Arc<RootKey>, Problem> {
    let header = header.ok_or(Problem::RootKey(RootKeyRefusal::Missing))?;
    let token = header.strip_prefix(b"Bearer ").and_then(|token| std::str::from_utf8(token).ok());
    let token = token.filter(|token| !token.is_empty()).ok_or(Problem::RootKey(RootKeyRefusal::Malformed))?;
    let key = snapshot.root_key(&key_text::hash(token)).ok_or(Problem::RootKey(RootKeyRefusal::Unknown))?;
    if let Some(end) = key.expires_at.filter(|end| now > *end) {
        return Err(Problem::RootKey(RootKeyRefusal::Expired(end)));
    }
    Ok(key)
}

/// What is wrong with a token that is no root key: an ordinary key is told so.
pub async fn explain(app: &App, header: Option<&[u8]>, refusal: Problem) -> Problem {
    let token = header.and_then(|header| std::str::from_utf8(header.strip_prefix(b"Bearer ")?).ok());
    let (Problem::RootKey(RootKeyRefusal::Unknown), Some(token)) = (&refusal, token) else { return refusal };
    if !app.key_texts.is_ours(token) {
        return refusal;
    }
    let hash = key_text::hash(token);
    let found = app.store.read(move |tx| Box::pin(async move { key::find_by_hash(tx, &hash).await }));
    match found.await {
        Ok(Some(key)) if key.deleted_at.is_none() => Problem::RootKey(RootKeyRefusal::Ordinary),
        _ => refusal,
    }
}

/// What an administrator may do with keys, who has no root key: see what is there, or all that those can be granted
/// one by one.
fn of_role(role: AdministratorRole) -> &'static Grants {
    static READS: LazyLock<Grants> =
        LazyLock::new(|| Grants::of(Action::ALL.iter().copied().filter(|action| action.is_read())));
    static ALL: LazyLock<Grants> = LazyLock::new(|| Grants::of(Action::ALL.iter().copied()));
    if role >= AdministratorRole::Editor { &ALL } else { &READS }
}

impl Call {
    /// What the caller may do with keys: its root key says so, or its role in the console.
    pub(crate) fn grants(&self) -> Result<&Grants, Problem> {
        if let Some(key) = &self.root_key {
            return Ok(&key.grants);
        }
        let signed_in = self.session.as_ref();
        let granted = signed_in.map(|signed_in| of_role(signed_in.administrator.role));
        granted.ok_or_else(|| Problem::internal("an operation of root keys has none"))
    }

    /// Whether the caller may do this on everything of its kind.
    pub fn may(&self, action: Action) -> bool {
        self.grants().is_ok_and(|grants| grants.anywhere(action))
    }

    /// Refuses a caller who may not do this on everything of its kind.
    ///
    /// # Errors
    /// [`Problem::Insufficient`].
    pub fn require(&self, action: Action) -> Result<(), Problem> {
        if self.grants()?.anywhere(action) { Ok(()) } else { Err(Problem::Insufficient(vec![action.anywhere()])) }
    }

    /// Whether the caller may do this on the thing with this id.
    pub fn may_on(&self, action: Action, id: &str) -> bool {
        self.grants().is_ok_and(|grants| grants.on(action, id))
    }

    /// Refuses a caller who may not do this on the thing with this id.
    ///
    /// # Errors
    /// [`Problem::Insufficient`].
    pub fn require_on(&self, action: Action, id: &str) -> Result<(), Problem> {
        if self.may_on(action, id) {
            return Ok(());
        }
        Err(Problem::Insufficient(vec![action.anywhere(), action.on(id)]))
    }

    /// Whether the caller may do this on a path of the workspace.
    pub fn may_urn(&self, path: &[&str], action: &str) -> bool {
        self.grants().is_ok_and(|grants| grants.urn(WorkspaceNumber::ID, path, action))
    }

    /// Whether the caller may do this on a key of an API.
    pub fn may_on_key(&self, action: Action, api: &Api, key_id: &str) -> bool {
        self.grants().is_ok_and(|grants| verify::may(api, key_id, grants, action))
    }

    /// Refuses a caller who may not do this on a key of an API.
    ///
    /// # Errors
    /// [`Problem::Insufficient`].
    pub fn require_on_key(&self, action: Action, api: &Api, key_id: &str) -> Result<(), Problem> {
        if self.may_on_key(action, api, key_id) {
            return Ok(());
        }
        let urn = format!(
            "unkey:v1:{}:keyspaces/{}/keys/{key_id}#{}",
            WorkspaceNumber::ID,
            api.key_space_id(),
            action.verb()
        );
        Err(Problem::Insufficient(vec![action.anywhere(), action.on(&api.key_id()), urn]))
    }

    /// Whether a URN grant on the key itself allows the action, which then needs no other permission.
    pub fn may_on_key_by_urn(&self, action: Action, api: &Api, key_id: &str) -> bool {
        self.may_urn(&["keyspaces", &api.key_space_id(), "keys", key_id], action.verb())
    }
}

/// What somebody wants a root key to be.
#[derive(Debug, Clone)]
pub struct WantedRootKey {
    /// For people.
    pub name: String,
    /// What it may do.
    pub permissions: Vec<String>,
    /// When it ends, if it does.
    pub expires_at: Option<Timestamp>,
}

/// A root key that was made, and its text.
pub struct MadeRootKey {
    /// The root key.
    pub key: RootKey,
    /// The whole text. Never shown again.
    pub text: String,
}

impl std::fmt::Debug for MadeRootKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "MadeRootKey({}, [secret])", self.key.id)
    }
}

/// A call of whoever may use the data directory.
pub fn local_call(app: &Arc<App>, action: &'static str) -> Call {
    let entry = entry(app.clock.now(), action, Value::Null, Value::Null).detail;
    Call { actor: Arc::new(entry.actor), origin: Arc::new(entry.origin), ..administrator::local_call(app, action) }
}

/// Makes a root key. Its text is in the answer and nowhere else.
///
/// # Errors
/// [`Problem::Precondition`] for a permission that has no form; [`Problem::Unavailable`].
pub async fn create(call: &Call, wanted: WantedRootKey) -> Result<MadeRootKey, Problem> {
    let grants = Grants::parse(&wanted.permissions, WorkspaceNumber::ID)
        .map_err(|error| Problem::Precondition(error.to_string()))?;
    let work = call.clone();
    let entropy = call.app.entropy.as_ref();
    let made = call.app.key_texts.make(entropy, Some(PREFIX), BYTES);
    let id = ids::prefixed(entropy, "key");
    let (start, hash) = (made.start, made.hash);
    let changed = call.app.change(move |change| {
        Box::pin(async move {
            let key = RootKey {
                number: catalogue::root_key::next_number(change).await?,
                workspace: work.workspace,
                id,
                name: wanted.name,
                hash,
                start,
                grants,
                expires_at: wanted.expires_at,
                created_at: work.now,
            };
            catalogue::root_key::insert(change, &key).await?;
            let draft = work.audit(Value::Null, Value::Null, describe(&key));
            Ok((key, draft))
        })
    });
    let (key, _) = changed.await?;
    Ok(MadeRootKey { key, text: made.text.expose_text().unwrap_or_default().to_owned() })
}

/// Revokes the root key with this id; whether there was one. It is refused from the answer on.
///
/// # Errors
/// [`Problem::Unavailable`].
pub async fn revoke(call: &Call, id: String) -> Result<bool, Problem> {
    let found = call.app.view().snapshot.root_keys().find(|key| key.id == id).map(|key| describe(key));
    let Some(before) = found else { return Ok(false) };
    let work = call.clone();
    let (revoked, _) = call
        .app
        .change(move |change| {
            Box::pin(async move {
                let revoked = catalogue::root_key::revoke(change, work.workspace, &id, work.now).await?;
                // Somebody else revoked it meanwhile, and has an entry for it.
                Ok((revoked, revoked.then(|| work.audit(Value::Null, before, Value::Null))))
            })
        })
        .await?;
    Ok(revoked)
}

/// What may be seen of a root key.
pub fn describe(key: &RootKey) -> Value {
    let mut seen = json!({
        "id": key.id, "name": key.name, "start": key.start, "permissions": key.grants.texts(),
        "createdAt": key.created_at.0,
    });
    if let Some(end) = key.expires_at {
        seen["expires"] = end.0.into();
    }
    seen
}

/// An entry for what the command line did.
pub(crate) fn entry(now: Timestamp, event: &str, before: Value, after: Value) -> LogDraft {
    LogDraft {
        workspace: WorkspaceNumber::FIRST,
        at: now,
        kind: LogType::ManagementChange,
        description: event.to_owned(),
        detail: LogDetail {
            actor: Actor { client_id: Some("keyward-cli".to_owned()), ..Actor::default() },
            origin: Origin { request_id: "command line".to_owned(), ..Origin::default() },
            status: 200,
            before,
            after,
            ..LogDetail::default()
        },
    }
}
