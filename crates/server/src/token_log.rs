//! What became of requests for tokens, on its way to the audit log. It is written behind, many entries in one commit:
//! a commit for each token would cost more than the token.
//!
//! A crash loses what was not written, at most [`SPAN`]. While entries can't be written, there are no tokens.

use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, Weak,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use keyward_core::{Problem, model::WorkspaceNumber};
use keyward_store::{
    Error,
    ledger::log_block::{self, Block, Packing},
};
use tokio::sync::Notify;

use crate::{app::App, usage::note_tokens};

/// For how long entries wait.
const SPAN: Duration = Duration::from_millis(100);
/// The most entries of one block: what waits behind it waits for all of it.
const TOGETHER: usize = 1024;
/// How many entries may wait before there are no more tokens.
const MOST: usize = 65_536;

/// Entries that wait.
#[derive(Debug, Default)]
pub struct TokenLog {
    /// The last one is still open.
    waiting: Mutex<VecDeque<Arc<Block>>>,
    wake: Notify,
    writing: tokio::sync::Mutex<()>,
    /// Whether the last ones could not be written.
    failing: AtomicBool,
}

impl TokenLog {
    fn waiting(&self) -> MutexGuard<'_, VecDeque<Arc<Block>>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds an entry.
    ///
    /// # Errors
    /// [`Problem::Unavailable`] when entries can't be written: without one there is no token.
    pub fn record(&self, entry: &Packing<'_>) -> Result<(), Problem> {
        if self.failing.load(Ordering::Acquire) {
            return Err(Problem::Unavailable("the audit log can't be written", None));
        }
        let mut waiting = self.waiting();
        if waiting.len() > MOST / TOGETHER {
            return Err(Problem::Unavailable("the audit log is behind", None));
        }
        match waiting.back_mut() {
            // Nobody else has it before it is written.
            Some(open) if open.len() < TOGETHER => Arc::make_mut(open).push(entry),
            full => {
                if full.is_some() {
                    self.wake.notify_one();
                }
                waiting.push_back(Arc::new(Block::new(WorkspaceNumber::FIRST, entry)));
            }
        }
        Ok(())
    }

    /// Writes what waits now. What comes meanwhile waits for the next time: to write that as well would be one commit
    /// after the other, each for the few entries that came during the last one.
    async fn flush(&self, app: &App) -> Result<(), Error> {
        let _alone = self.writing.lock().await;
        let mut left = std::mem::take(&mut *self.waiting());
        let result = write(app, &mut left).await;
        self.failing.store(result.is_err(), Ordering::Release);
        // What could not be written comes before what has come since.
        let mut waiting = self.waiting();
        left.append(&mut waiting);
        *waiting = left;
        result
    }
}

/// Writes what waits now, also when nobody waits for that any more: entries in between would be lost.
///
/// # Errors
/// [`Problem::Unavailable`] and others of the store; what waits goes on waiting.
pub async fn flush(app: &Arc<App>) -> Result<(), Problem> {
    let app = Arc::clone(app);
    let writing = tokio::spawn(async move { app.token_log.flush(&app).await });
    Ok(writing.await.map_err(Problem::internal)??)
}

/// Writes blocks, and removes each that is written.
async fn write(app: &App, blocks: &mut VecDeque<Arc<Block>>) -> Result<(), Error> {
    while let Some(block) = blocks.front() {
        let block = Arc::clone(block);
        app.store.ledger(move |tx| Box::pin(async move { log_block::insert(tx, &block).await })).await?;
        let written = blocks.pop_front();
        note_tokens(app, &written.iter().flat_map(|block| block.issued()).collect::<Vec<_>>());
    }
    Ok(())
}

/// Writes what waits, for as long as the program runs.
pub(crate) async fn keep_writing(app: Weak<App>) {
    loop {
        let Some(app) = app.upgrade() else { return };
        // Whichever comes first; a program that ends writes the rest itself.
        let _ = tokio::time::timeout(SPAN, app.token_log.wake.notified()).await;
        if let Err(error) = app.token_log.flush(&app).await {
            tracing::error!(error = %error, "entries about tokens can't be written to the audit log");
        }
    }
}
