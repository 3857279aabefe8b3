//! How the command line's one-shot commands reach the program that holds the data directory: a socket in it that only
//! the owner may open, one line of JSON each way.

use std::{
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use keyward_core::{
    Problem,
    access::ManagementScope,
    model::administrator::AdministratorRole,
    problem::{Conflict, ConsoleRefusal, Missing},
    secret::Secret,
    time::Timestamp,
};
use serde::{Deserialize, Serialize};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{UnixListener, UnixStream},
};

use crate::{
    app::App,
    service::{
        administrator::{self, WantedAdministrator},
        key,
        root_key::{self, WantedRootKey},
        token,
    },
};

/// How long to wait before accepting is tried again when the system refuses.
const ACCEPT_AGAIN: Duration = Duration::from_millis(50);
/// The longest line, in bytes.
const LINE: u64 = 64 * 1024;
/// The longest answer, in bytes: a list of root keys.
const ANSWER: u64 = 64 * 1024 * 1024;

/// What can be asked.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ask {
    /// A Management API token.
    Token {
        /// What it allows.
        scopes: Vec<String>,
        /// How long it is good for, in seconds.
        ttl: u64,
        /// The database it is for, as a SHA-256; none for whichever the program in this directory serves.
        database: Option<String>,
    },
    /// A root key.
    RootKeyCreate {
        /// For people.
        name: String,
        /// What it may do.
        permissions: Vec<String>,
        /// How long it is good for, in seconds; none for until it is revoked.
        ttl: Option<u64>,
        /// As above.
        database: Option<String>,
    },
    /// The root keys there are, as JSON.
    RootKeyList {
        /// As above.
        database: Option<String>,
    },
    /// That a root key be refused from now on.
    RootKeyRevoke {
        /// Its id.
        id: String,
        /// As above.
        database: Option<String>,
    },
    /// An administrator of the console.
    AdministratorCreate {
        /// Its address.
        email: String,
        /// What it may do.
        role: String,
        /// How it signs in.
        password: Typed,
        /// As above.
        database: Option<String>,
    },
    /// A link by which an administrator signs in once.
    AdministratorLink {
        /// Its address; none for the one that the first start made.
        email: Option<String>,
        /// As above.
        database: Option<String>,
    },
    /// The administrators there are, as JSON.
    AdministratorList {
        /// As above.
        database: Option<String>,
    },
    /// That an administrator be one no longer.
    AdministratorRemove {
        /// Its address.
        email: String,
        /// As above.
        database: Option<String>,
    },
    /// The id of a migration that is announced.
    KeyMigrationCreate {
        /// For people.
        name: String,
        /// How its hashes were made.
        algorithm: String,
        /// As above.
        database: Option<String>,
    },
}

/// A secret that somebody typed.
#[derive(Serialize, Deserialize)]
#[serde(transparent)]
pub struct Typed(pub String);

impl std::fmt::Debug for Typed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("[secret]")
    }
}

impl Ask {
    fn database(&self) -> Option<&String> {
        match self {
            Self::Token { database, .. }
            | Self::RootKeyCreate { database, .. }
            | Self::RootKeyList { database }
            | Self::RootKeyRevoke { database, .. }
            | Self::AdministratorCreate { database, .. }
            | Self::AdministratorLink { database, .. }
            | Self::AdministratorList { database }
            | Self::AdministratorRemove { database, .. }
            | Self::KeyMigrationCreate { database, .. } => database.as_ref(),
        }
    }
}

/// What is answered.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// What was asked for.
    Done(String),
    /// Why not, in one line.
    Refused(String),
}

fn path(directory: &Path) -> PathBuf {
    directory.join("keyward.sock")
}

/// Answers on the socket until the program ends. Without a socket, which a path too long for one forbids, commands open
/// the store only while nothing runs; that is logged and nothing else suffers.
pub fn listen(app: Arc<App>, directory: &Path) {
    let path = path(directory);
    // Whoever gets here holds the directory's lock, on either engine, so a socket that is there is nobody's.
    let _ = std::fs::remove_file(&path);
    let listener = UnixListener::bind(&path).and_then(|listener| {
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600))?;
        Ok(listener)
    });
    match listener {
        Ok(listener) => drop(tokio::spawn(accept(app, listener))),
        Err(error) => tracing::warn!(error = %error, path = %path.display(), "commands can't reach this process"),
    }
}

async fn accept(app: Arc<App>, listener: UnixListener) {
    loop {
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                tracing::warn!(error = %error, "a command could not be accepted");
                tokio::time::sleep(ACCEPT_AGAIN).await;
                continue;
            }
        };
        let app = Arc::clone(&app);
        tokio::spawn(async move {
            if let Err(error) = answer_one(&app, stream).await {
                tracing::info!(error = %error, "a command was not answered");
            }
        });
    }
}

async fn answer_one(app: &Arc<App>, stream: UnixStream) -> std::io::Result<()> {
    let mut stream = BufReader::new(stream);
    let mut line = String::new();
    (&mut stream).take(LINE).read_line(&mut line).await?;
    let answer = match serde_json::from_str(&line) {
        Ok(ask) => carry_out(app, ask).await,
        Err(error) => Answer::Refused(format!("the running program does not know this command: {error}")),
    };
    let mut line = serde_json::to_string(&answer)?;
    line.push('\n');
    stream.get_mut().write_all(line.as_bytes()).await
}

/// Carries a command out; the same code whether it came by the socket or from this very process.
pub async fn carry_out(app: &Arc<App>, ask: Ask) -> Answer {
    if ask.database().is_some() && ask.database() != app.database.as_ref() {
        return Answer::Refused(
            "the program that holds this data directory serves another store: give its --data-dir".to_owned(),
        );
    }
    match ask {
        Ask::Token { scopes, ttl, .. } => issue_token(app, &scopes, ttl).await,
        Ask::RootKeyCreate { name, permissions, ttl, .. } => {
            let ttl = ttl.and_then(|seconds| i64::try_from(seconds).ok());
            let expires_at = ttl.map(|seconds| Timestamp(app.clock.now().0.saturating_add(seconds * 1000)));
            let call = root_key::local_call(app, "rootkey.create");
            let made = root_key::create(&call, WantedRootKey { name, permissions, expires_at }).await;
            said(made.map(|made| made.text))
        }
        Ask::RootKeyList { .. } => {
            let keys: Vec<_> = app.view().snapshot.root_keys().map(|key| root_key::describe(key)).collect();
            Answer::Done(serde_json::Value::Array(keys).to_string())
        }
        Ask::RootKeyRevoke { id, .. } => {
            match root_key::revoke(&root_key::local_call(app, "rootkey.delete"), id.clone()).await {
                Ok(true) => Answer::Done(String::new()),
                Ok(false) => {
                    Answer::Refused(format!("there is no root key `{id}`; `keyward root-key list` shows them"))
                }
                Err(problem) => Answer::Refused(problem.to_string()),
            }
        }
        Ask::AdministratorCreate { email, role, password, .. } => {
            create_administrator(app, email, &role, password.0).await
        }
        Ask::AdministratorLink { email, .. } => {
            let call = administrator::local_call(app, "Make a sign-in link");
            match administrator::link(&call, email.as_deref().unwrap_or_default()).await {
                Ok(link) => {
                    let link = link.expose_text().unwrap_or_default();
                    Answer::Done(format!("{}sign-in/{link}", app.public_url))
                }
                Err(problem) => Answer::Refused(refusal(&problem)),
            }
        }
        Ask::AdministratorList { .. } => {
            let all = administrator::list(&administrator::local_call(app, "List administrators")).await;
            let text = |all: Vec<_>| serde_json::Value::Array(all).to_string();
            said(all.map(|all| text(all.iter().map(administrator::describe).collect())))
        }
        Ask::AdministratorRemove { email, .. } => remove_administrator(app, &email).await,
        Ask::KeyMigrationCreate { name, algorithm, .. } => said(key::announce(app, name, &algorithm).await),
    }
}

fn said(result: Result<String, Problem>) -> Answer {
    result.map_or_else(|problem| Answer::Refused(problem.to_string()), Answer::Done)
}

/// A refusal in words for whoever typed the command.
fn refusal(problem: &Problem) -> String {
    match problem {
        Problem::Console(ConsoleRefusal::Field(_, text)) => text.clone(),
        Problem::Conflict(Conflict::Administrator(email)) => format!("{email} is an administrator already"),
        Problem::NotFound(Missing::Administrator) => {
            "there is no such administrator; `keyward admin list` shows them".to_owned()
        }
        other => other.to_string(),
    }
}

async fn create_administrator(app: &Arc<App>, email: String, role: &str, password: String) -> Answer {
    let Some(role) = AdministratorRole::parse(role) else {
        return Answer::Refused(format!("`{role}` is no role: it is owner, editor or viewer"));
    };
    let wanted = WantedAdministrator { email, role, password: Some(Secret::from(password)) };
    let made = administrator::create(&administrator::local_call(app, "Create an administrator"), wanted).await;
    made.map_or_else(|problem| Answer::Refused(refusal(&problem)), |_| Answer::Done(String::new()))
}

async fn remove_administrator(app: &Arc<App>, email: &str) -> Answer {
    let call = administrator::local_call(app, "Remove an administrator");
    let email = email.trim().to_lowercase();
    let removed = async {
        let all = administrator::list(&call).await?;
        let found = all.into_iter().find(|who| who.email.as_ref() == Some(&email));
        administrator::delete(&call, found.ok_or(Problem::NotFound(Missing::Administrator))?.id).await
    };
    removed.await.map_or_else(|problem| Answer::Refused(refusal(&problem)), |()| Answer::Done(String::new()))
}

async fn issue_token(app: &Arc<App>, scopes: &[String], ttl: u64) -> Answer {
    let mut known = Vec::new();
    for scope in scopes {
        match ManagementScope::parse(scope) {
            Some(scope) => known.push(scope),
            None => return Answer::Refused(format!("there is no management scope `{scope}`")),
        }
    }
    let ttl = Duration::from_secs(ttl);
    if ttl.is_zero() || ttl > token::LONGEST_LIFE {
        return Answer::Refused("a token is good for at least a second and at most 30 days".to_owned());
    }
    said(token::issue(app, &known, ttl).await)
}

/// Asks the program that holds the directory; `None` when none does.
///
/// # Errors
/// One line that says what went wrong.
pub async fn ask(directory: &Path, ask: &Ask) -> Result<Option<Answer>, String> {
    let Ok(mut stream) = UnixStream::connect(path(directory)).await else { return Ok(None) };
    let failed = |error: std::io::Error| format!("the running program did not answer: {error}");
    let mut line = serde_json::to_string(ask).map_err(|error| error.to_string())?;
    line.push('\n');
    stream.write_all(line.as_bytes()).await.map_err(failed)?;
    let mut answer = String::new();
    BufReader::new(stream).take(ANSWER).read_line(&mut answer).await.map_err(failed)?;
    let answer = serde_json::from_str(&answer);
    answer.map(Some).map_err(|_| "the running program did not answer: is it another version?".to_owned())
}
