//! How the command line's one-shot commands reach the program that holds the data directory: a socket in it that only
//! the owner may open, one line of JSON each way.

use std::{
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use keyward_core::access::ManagementScope;
use serde::{Deserialize, Serialize};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{UnixListener, UnixStream},
};

use crate::{app::App, service::token};

/// How long to wait before accepting is tried again when the system refuses.
const ACCEPT_AGAIN: Duration = Duration::from_millis(50);
/// The longest line, in bytes.
const LINE: u64 = 64 * 1024;

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
    match ask {
        Ask::Token { scopes, ttl, database } => {
            if database.is_some() && database != app.database {
                return Answer::Refused(
                    "the program that holds this data directory serves another store: give its --data-dir".to_owned(),
                );
            }
            let mut known = Vec::new();
            for scope in &scopes {
                match ManagementScope::parse(scope) {
                    Some(scope) => known.push(scope),
                    None => return Answer::Refused(format!("there is no management scope `{scope}`")),
                }
            }
            let ttl = Duration::from_secs(ttl);
            if ttl.is_zero() || ttl > token::LONGEST_LIFE {
                return Answer::Refused("a token is good for at least a second and at most 30 days".to_owned());
            }
            match token::issue(app, &known, ttl).await {
                Ok(token) => Answer::Done(token),
                Err(problem) => Answer::Refused(problem.to_string()),
            }
        }
    }
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
    BufReader::new(stream).take(LINE).read_line(&mut answer).await.map_err(failed)?;
    let answer = serde_json::from_str(&answer);
    answer.map(Some).map_err(|_| "the running program did not answer: is it another version?".to_owned())
}
