//! The threads that work with RSA keys: one a core.

use std::{
    num::NonZero,
    sync::{Arc, Mutex, mpsc},
    thread,
};

use keyward_core::Problem;
use tokio::sync::oneshot;

/// How far these threads stand back. A signature takes a quarter of a millisecond, for which nobody's verification should
/// wait: with this, the system lets whoever is done in ten microseconds go first. While the core is busy they still get a
/// tenth of it, so that nobody starves them.
#[cfg(target_os = "linux")]
const NICENESS: i32 = 10;

/// How many answers are handed out together while there is more to do. Each time one is, whoever waits for it goes first,
/// and the thread begins anew with cold caches: with eight there are 5 % more tokens than with four.
const TOGETHER: usize = 8;

/// Some work. What it returns hands out its answer.
type Job = Box<dyn FnOnce() -> Answer + Send>;
type Answer = Box<dyn FnOnce() + Send>;

/// Where work with RSA keys is handed in. Nothing on an async thread should take as long as it does, and of threads that
/// are started for it there would be hundreds for hundreds of tokens, each of them late.
#[derive(Debug)]
pub struct Signers(mpsc::Sender<Job>);

impl Signers {
    /// Starts the threads. They end with what they were started for.
    ///
    /// # Errors
    /// [`Problem::Unavailable`] when the system refuses another thread.
    pub fn start() -> Result<Self, Problem> {
        let (sender, receiver) = mpsc::channel::<Job>();
        let receiver = Arc::new(Mutex::new(receiver));
        for _ in 0..thread::available_parallelism().map_or(1, NonZero::get) {
            let receiver = Arc::clone(&receiver);
            let work = move || {
                stand_back();
                let mut answers: Vec<Answer> = Vec::with_capacity(TOGETHER);
                while let Some(job) = next(&receiver, &mut answers) {
                    answers.push(job());
                }
            };
            thread::Builder::new()
                .name("keyward-signer".to_owned())
                .spawn(work)
                .map_err(|error| Problem::Unavailable("the system refuses another thread", Some(Box::new(error))))?;
        }
        Ok(Self(sender))
    }

    /// Carries out work in its turn. Work that nobody waits for any more is left out.
    ///
    /// # Errors
    /// Those of the work, and [`Problem::Internal`] when it panics.
    pub async fn run<T, F>(&self, work: F) -> Result<T, Problem>
    where
        T: Send + 'static,
        F: FnOnce() -> Result<T, Problem> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let job = move || -> Answer {
            if reply.is_closed() {
                return Box::new(|| ());
            }
            let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(work));
            // Whoever went away meanwhile needs no answer.
            Box::new(move || drop(reply.send(result)))
        };
        let closed = || Problem::internal("the signing threads have ended");
        self.0.send(Box::new(job)).map_err(|_| closed())?;
        match answer.await.map_err(|_| closed())? {
            Ok(result) => result,
            Err(_) => Err(Problem::internal("work with a key panicked")),
        }
    }
}

/// The next job, after what is done was answered if it is time for that. Nothing when there will be none.
fn next(receiver: &Mutex<mpsc::Receiver<Job>>, answers: &mut Vec<Answer>) -> Option<Job> {
    if !answers.is_empty() && answers.len() < TOGETHER {
        // Another thread that holds the receiver waits for work, so there is none.
        let waiting = receiver.try_lock().ok().and_then(|receiver| receiver.try_recv().ok());
        if waiting.is_some() {
            return waiting;
        }
    }
    answers.drain(..).for_each(|answer| answer());
    receiver.lock().ok()?.recv().ok()
}

#[cfg(target_os = "linux")]
fn stand_back() {
    // Without it they only share their core with the others as equals.
    if let Err(error) = rustix::process::nice(NICENESS) {
        tracing::debug!(%error, "the signing threads can't stand back");
    }
}

#[cfg(not(target_os = "linux"))]
fn stand_back() {}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn work_is_carried_out_and_a_panic_is_told() {
        let signers = Signers::start().expect("starts");
        assert_eq!(signers.run(|| Ok(1)).await.expect("works"), 1);
        let panicked: Result<(), _> = signers.run(|| panic!("asked for")).await;
        assert!(matches!(panicked, Err(Problem::Internal(_))));
        assert_eq!(signers.run(|| Ok(2)).await.expect("still works"), 2);
    }
}
