//! Reads in one consistent state each; short ones that wait may share theirs.

use tokio::sync::oneshot;

use crate::{
    Error,
    engine::Tx,
    writer::{Answer, BoxFuture, caught},
};

/// The most readings that share a state: whoever waits for the last of them waits for all.
pub(crate) const TOGETHER: usize = 8;

/// A reader's work.
pub(crate) type Reading = Box<dyn for<'t, 'c> FnOnce(&'t mut Tx<'c>) -> BoxFuture<'t, Result<Answer, Error>> + Send>;

/// Something to read in one consistent state, that is no older than this job.
pub(crate) struct ReadJob {
    pub(crate) job: Reading,
    /// Whether it finds a few rows by their keys, so that others need not mind it before them.
    pub(crate) brief: bool,
    pub(crate) reply: oneshot::Sender<Result<Answer, Error>>,
}

impl ReadJob {
    pub(crate) fn fail(self, error: Error) {
        let _ = self.reply.send(Err(error));
    }
}

/// What a job was answered, before whoever waits for it is told.
pub(crate) struct Answered {
    result: Result<Answer, Error>,
    reply: oneshot::Sender<Result<Answer, Error>>,
}

impl Answered {
    pub(crate) fn tell(self) {
        // Whoever went away meanwhile needs no answer.
        let _ = self.reply.send(self.result);
    }
}

/// Reads for all of these in one state.
pub(crate) async fn run_reads(tx: &mut Tx<'_>, jobs: impl IntoIterator<Item = ReadJob>) -> Vec<Answered> {
    let mut begun = false;
    let mut answered = Vec::new();
    for ReadJob { job, reply, .. } in jobs {
        if reply.is_closed() {
            // Nobody waits for it any more.
            continue;
        }
        if !begun && let Err(error) = tx.begin_read().await {
            answered.push(Answered { result: Err(error), reply });
            continue;
        }
        let result = caught(job(tx)).await;
        // A disk that fails takes the state away; whoever is next tries with another.
        begun = !tx.is_given_up();
        answered.push(Answered { result, reply });
    }
    if begun {
        let _ = tx.end_read().await;
    }
    answered
}
