//! Everything a request may use, and the one way in which memory follows the store.

use std::{
    sync::{
        Arc, Weak,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use arc_swap::{ArcSwap, Guard};
use keyward_core::{
    Problem,
    access::ManagementScopes,
    model::{
        Revision, WorkspaceNumber,
        log::{Actor, LogDetail, LogDraft, LogType, Origin},
        root_key::RootKey,
    },
    snapshot::{Changes, Row, Snapshot},
    time::{Clock, Entropy, Timestamp},
};
pub use keyward_store::keys::idempotency::Repeatable;
use keyward_store::{BoxFuture, Change, Store};
use serde_json::Value;
use tokio::sync::watch;

use crate::{
    config::{ErrorStatus, Limits},
    credits::Credits,
    failures::Failures,
    ids,
    key_cache::KeyCache,
    key_text::KeyTexts,
    keyring::{Keyring, NewKeyPairs},
    lease::{self, Lease},
    passwords::Passwords,
    service::{
        client_assertion::Accepted,
        prepared_token::PreparedTokens,
        session::SignedIn,
        setup::{self, FirstClient},
        token::TokenCache,
    },
    signers::Signers,
    telemetry::Metrics,
    token_log::{self, TokenLog},
    usage::{self, Usage},
    windows::Windows,
};

/// How long a change may take from its commit to memory before its caller is told that something is wrong.
const PUBLISH_TIMEOUT: Duration = Duration::from_secs(10);
/// How long to wait before a store that could not be read is asked again.
const FOLLOW_AGAIN: Duration = Duration::from_millis(100);

/// One state of the catalogue, with its keys parsed. A request takes one and keeps it.
#[derive(Debug, Default)]
pub struct View {
    /// The catalogue.
    pub snapshot: Snapshot,
    /// Its signing keys.
    pub keyring: Arc<Keyring>,
    /// Tokens that were prepared in this state.
    pub prepared: PreparedTokens,
}

/// What the program is made of; the clock, the randomness and the keys among it are arguments.
pub struct Parts {
    /// The open store.
    pub store: Store,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Random bytes.
    pub entropy: Arc<dyn Entropy>,
    /// Makes signing keys.
    pub new_key_pairs: NewKeyPairs,
    /// The URL clients use, with its slash at the end: the issuer.
    pub public_url: String,
    /// Limits on what requests may ask for.
    pub limits: Limits,
    /// Proxies that may name the client's address.
    pub trusted_proxies: Vec<std::net::IpAddr>,
    /// The ids of the operations that are counted.
    pub operations: Vec<&'static str>,
    /// The SHA-256 of the database's URL, if there is one: tells one store from another without naming it.
    pub database: Option<String>,
    /// How the authorization server says that it refuses.
    pub error_status: ErrorStatus,
    /// Who may use the Management API from the first start on, if this is one that prints it.
    pub first_client: Option<FirstClient>,
}

/// The running program, as every request sees it.
pub struct App {
    /// The store.
    pub store: Store,
    view: ArcSwap<View>,
    published: watch::Sender<i64>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Random bytes.
    pub entropy: Arc<dyn Entropy>,
    /// Makes signing keys.
    pub new_key_pairs: NewKeyPairs,
    /// The threads that work with RSA keys.
    pub signers: Signers,
    /// The issuer of tokens and the base of absolute URLs, with its slash at the end.
    pub public_url: String,
    /// The Management API's identifier.
    pub audience: String,
    /// Limits on what requests may ask for.
    pub limits: Limits,
    /// Proxies that may name the client's address.
    pub trusted_proxies: Vec<std::net::IpAddr>,
    /// The SHA-256 of the database's URL, if there is one.
    pub database: Option<String>,
    /// What is counted.
    pub metrics: Metrics,
    /// Tokens whose signature was checked.
    pub tokens: TokenCache,
    /// Until when this node may believe its memory.
    pub lease: Lease,
    /// Keys that were read.
    pub keys: KeyCache,
    /// Makes and recognises the text of keys.
    pub key_texts: KeyTexts,
    /// Where uses of counted keys are paid for.
    pub credits: Credits,
    /// What was used of rate limits lately.
    pub windows: Windows,
    /// Hashes the passwords of users.
    pub passwords: Passwords,
    /// Where verifications are recorded.
    pub usage: Arc<Usage>,
    /// How the authorization server says that it refuses.
    pub error_status: ErrorStatus,
    /// What became of requests for tokens, on its way to the audit log.
    pub token_log: TokenLog,
    /// Who failed lately to prove who it is.
    pub failures: Failures,
    /// Assertions of applications that were accepted.
    pub assertions: Accepted,
    /// The application that was made because the store was empty when this program started on it.
    pub first_client: Option<FirstClient>,
    following: tokio::sync::Mutex<()>,
    run: String,
    requests: AtomicU64,
    key_requests: AtomicU64,
}

impl std::fmt::Debug for App {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "App({})", self.public_url)
    }
}

impl App {
    /// Makes sure that what must exist does, loads the catalogue and follows it from then on.
    ///
    /// # Errors
    /// Why the store can't be read or written, or that its master key is another one.
    pub async fn start(parts: Parts) -> Result<Arc<Self>, Problem> {
        let audience = format!("{}api/v2/", parts.public_url);
        let first_client = setup::ensure(&parts, &audience).await?;
        let committed = parts.store.committed();
        let node = ids::alphanumeric(parts.entropy.as_ref(), 16);
        let lease = Lease::new(node, parts.limits.lease(), parts.store.is_shared());
        // Before the catalogue is read: whoever changes it from now on waits for this node.
        lease.renew(&parts.store, Revision(0)).await?;
        let changes = parts.store.load().await?;
        let run = ids::alphanumeric(parts.entropy.as_ref(), 12);
        let mut first_request = [0; 8];
        parts.entropy.fill(&mut first_request);
        let usage = Arc::new(Usage::new());
        let mut metrics = Metrics::new(&parts.operations);
        metrics.usage_lost(&usage.lost, &usage.uses_lost);
        let keys = KeyCache::new(parts.limits.key_cache_mebibytes * 1024 * 1024);
        metrics.keys(&keys.unpacked, &keys.read);
        let app = Arc::new(Self {
            keys,
            key_texts: KeyTexts::of(parts.store.master()),
            credits: Credits::new(parts.store.clone()),
            windows: Windows::new(),
            passwords: Passwords::new(),
            usage,
            store: parts.store,
            view: ArcSwap::default(),
            published: watch::Sender::new(0),
            clock: parts.clock,
            entropy: parts.entropy,
            new_key_pairs: parts.new_key_pairs,
            signers: Signers::start()?,
            public_url: parts.public_url,
            audience,
            limits: parts.limits,
            trusted_proxies: parts.trusted_proxies,
            database: parts.database,
            metrics,
            tokens: TokenCache::new(),
            lease,
            error_status: parts.error_status,
            token_log: TokenLog::default(),
            failures: Failures::default(),
            assertions: Accepted::default(),
            first_client,
            following: tokio::sync::Mutex::new(()),
            run,
            requests: AtomicU64::new(0),
            key_requests: AtomicU64::new(u64::from_le_bytes(first_request)),
        });
        app.keys.begin(changes.revision);
        app.publish(changes)?;
        app.lease.renew(&app.store, app.revision()).await?;
        if app.store.is_shared() {
            tokio::spawn(lease::keep(Arc::downgrade(&app), app.published.subscribe()));
        }
        tokio::spawn(follow(Arc::downgrade(&app), committed));
        tokio::spawn(usage::keep_writing(Arc::downgrade(&app)));
        tokio::spawn(token_log::keep_writing(Arc::downgrade(&app)));
        Ok(app)
    }

    /// The catalogue as it is now.
    pub fn view(&self) -> Guard<Arc<View>> {
        self.view.load()
    }

    /// A new id for a request: the run of the program, and a count.
    pub fn next_request_id(&self) -> String {
        let mut count = itoa::Buffer::new();
        [&self.run, "-", count.format(self.requests.fetch_add(1, Ordering::Relaxed))].concat()
    }

    /// The number of a request of the keys' API, none twice in a run.
    pub fn next_key_request(&self) -> u64 {
        self.key_requests.fetch_add(1, Ordering::Relaxed)
    }

    /// The number of the last change that this node shows.
    pub fn revision(&self) -> Revision {
        self.view().snapshot.revision()
    }

    fn publish(&self, changes: Changes) -> Result<(), Problem> {
        let before = self.view.load();
        let forgotten: Vec<Row> =
            changes.rows.iter().filter(|row| matches!(row, Row::Key(..) | Row::Identity(_))).cloned().collect();
        let snapshot = before.snapshot.apply(changes);
        let keyring = if before.keyring.is_of(&snapshot) {
            Arc::clone(&before.keyring)
        } else {
            Arc::new(Keyring::of(&snapshot, &before.keyring)?)
        };
        let revision = snapshot.revision().0;
        self.metrics.catalogue(revision, snapshot.api_count(), snapshot.permission_count());
        let view = Arc::new(View { snapshot, keyring, prepared: PreparedTokens::default() });
        self.keys.publish(Revision(revision), &forgotten, || self.view.store(view));
        self.published.send_replace(revision);
        Ok(())
    }

    /// Shows what was committed since the last time, by this node and by others.
    ///
    /// # Errors
    /// Why the store can't be read.
    pub async fn catch_up(&self) -> Result<(), Problem> {
        // One at a time: of two, the slower one would publish the older state last.
        let _alone = self.following.lock().await;
        let changes = self.store.since(self.revision()).await?;
        if changes.revision > self.revision() { self.publish(changes) } else { Ok(()) }
    }

    /// Carries out a change of the catalogue and answers when it is durable, in the audit log and in effect on every node.
    ///
    /// # Errors
    /// Why it was not made. [`Problem::Uncertain`] when it was made and is not in effect everywhere.
    pub async fn change<T, D, F>(&self, work: F) -> Result<(T, Revision), Problem>
    where
        T: Send + 'static,
        D: Into<Option<LogDraft>> + Send + 'static,
        F: for<'t, 'c> FnOnce(&'t mut Change<'c>) -> BoxFuture<'t, Result<(T, D), keyward_store::Error>>
            + Send
            + 'static,
    {
        let (value, revision) = self.store.change(work).await?;
        self.shown(revision).await?;
        self.lease.everywhere(&self.store, revision).await?;
        Ok((value, revision))
    }

    /// Waits until no node can believe a memory without what this one shows. For an answer that says what is so
    /// already: whoever made it so may not have been answered yet.
    ///
    /// # Errors
    /// [`Problem::Uncertain`] when that can't be found out.
    pub async fn shown_everywhere(&self) -> Result<(), Problem> {
        self.lease.everywhere(&self.store, self.revision()).await
    }

    /// Waits until this node shows a change.
    ///
    /// # Errors
    /// [`Problem::Uncertain`] when it takes longer than a request may.
    pub async fn shown(&self, revision: Revision) -> Result<(), Problem> {
        let mut published = self.published.subscribe();
        let shown = published.wait_for(|shown| *shown >= revision.0);
        match tokio::time::timeout(PUBLISH_TIMEOUT, shown).await {
            Ok(Ok(_)) => Ok(()),
            _ => Err(Problem::Uncertain("the change was made, and this node can't show it yet", None)),
        }
    }
}

/// Publishes what was committed, by this node and by others, in order and one at a time.
async fn follow(app: Weak<App>, mut committed: watch::Receiver<i64>) {
    while committed.changed().await.is_ok() {
        committed.borrow_and_update();
        loop {
            let Some(app) = app.upgrade() else { return };
            match app.catch_up().await {
                Ok(()) => break,
                Err(problem) => {
                    tracing::error!(error = %problem, cause = ?std::error::Error::source(&problem), "memory can't follow the store");
                }
            }
            drop(app);
            tokio::time::sleep(FOLLOW_AGAIN).await;
        }
    }
}

/// A request on its way: the program, who asks, and what for.
#[derive(Debug, Clone)]
pub struct Call {
    /// The program.
    pub app: Arc<App>,
    /// The workspace it is about.
    pub workspace: WorkspaceNumber,
    /// Who asks.
    pub actor: Arc<Actor>,
    /// From where, and with which request.
    pub origin: Arc<Origin>,
    /// When it came in.
    pub now: Timestamp,
    /// What the audit log calls it, and the status of its success.
    pub action: (&'static str, u16),
    /// What the caller's token allows, if it came with one.
    pub scopes: ManagementScopes,
    /// The caller's root key, if it came with one.
    pub root_key: Option<Arc<RootKey>>,
    /// Which request it is, if it may be sent again.
    pub repeatable: Option<Arc<Repeatable>>,
    /// Who is signed in to the console, if the request came from it.
    pub session: Option<Arc<SignedIn>>,
}

impl Call {
    /// The audit entry of a change that this call makes.
    pub fn audit(&self, answer: Value, before: Value, after: Value) -> LogDraft {
        let (description, status) = self.action;
        LogDraft {
            workspace: self.workspace,
            at: self.now,
            kind: LogType::ManagementChange,
            description: description.to_owned(),
            detail: LogDetail {
                actor: Actor::clone(&self.actor),
                origin: Origin::clone(&self.origin),
                status,
                answer,
                before,
                after,
            },
        }
    }
}
