//! What became of requests for tokens, on its way to the audit log. It is written behind, many entries in one commit:
//! a commit for each token would cost more than the token.
//!
//! A crash loses what was not written, at most [`SPAN`]. While entries can't be written, there are no tokens.

use std::{
    sync::{
        Mutex, MutexGuard, PoisonError, Weak,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use keyward_core::{
    Problem,
    model::{WorkspaceNumber, log::LogDraft},
};
use keyward_store::{Error, Store, ledger::log_block};
use tokio::sync::Notify;

use crate::app::App;

/// For how long entries wait.
const SPAN: Duration = Duration::from_millis(100);
/// The most entries of one command: what waits behind them waits for all.
const TOGETHER: usize = 256;
/// How many entries may wait before there are no more tokens.
const MOST: usize = 65_536;

/// Entries that wait.
#[derive(Debug, Default)]
pub struct TokenLog {
    waiting: Mutex<Vec<LogDraft>>,
    wake: Notify,
    writing: tokio::sync::Mutex<()>,
    /// Whether the last ones could not be written.
    failing: AtomicBool,
}

impl TokenLog {
    fn waiting(&self) -> MutexGuard<'_, Vec<LogDraft>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds an entry.
    ///
    /// # Errors
    /// [`Problem::Unavailable`] when entries can't be written: without one there is no token.
    pub fn record(&self, draft: LogDraft) -> Result<(), Problem> {
        if self.failing.load(Ordering::Acquire) {
            return Err(Problem::Unavailable("the audit log can't be written", None));
        }
        let mut waiting = self.waiting();
        if waiting.len() >= MOST {
            return Err(Problem::Unavailable("the audit log is behind", None));
        }
        waiting.push(draft);
        if waiting.len() == TOGETHER {
            self.wake.notify_one();
        }
        Ok(())
    }

    /// Writes what waits.
    ///
    /// # Errors
    /// Why the store could not be written; what waits goes on waiting.
    pub async fn flush(&self, store: &Store) -> Result<(), Error> {
        let _alone = self.writing.lock().await;
        loop {
            let drafts: Vec<LogDraft> = {
                let mut waiting = self.waiting();
                let count = waiting.len().min(TOGETHER);
                waiting.drain(..count).collect()
            };
            if drafts.is_empty() {
                return Ok(());
            }
            let theirs = drafts.clone();
            let write = store.ledger(move |tx| {
                Box::pin(async move { log_block::insert(tx, WorkspaceNumber::FIRST, &theirs).await })
            });
            let written = write.await;
            self.failing.store(written.is_err(), Ordering::Release);
            if let Err(error) = written {
                self.waiting().splice(..0, drafts);
                return Err(error);
            }
        }
    }
}

/// Writes what waits, for as long as the program runs.
pub(crate) async fn keep_writing(app: Weak<App>) {
    loop {
        let Some(app) = app.upgrade() else { return };
        // Whichever comes first; a program that ends writes the rest itself.
        let _ = tokio::time::timeout(SPAN, app.token_log.wake.notified()).await;
        if let Err(error) = app.token_log.flush(&app.store).await {
            tracing::error!(error = %error, "entries about tokens can't be written to the audit log");
        }
    }
}
