//! Readings that wait for a thread that reads.
//!
//! What a thread is woken for costs as much as finding a row, or more where it shares its core with whoever asks. So
//! short readings are announced together: only once all that was ready to ask has asked.

use std::{
    collections::VecDeque,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
};

use crate::reader::{ReadJob, TOGETHER};

/// What waits, in its order.
#[derive(Default)]
struct Queue {
    jobs: VecDeque<ReadJob>,
    /// Whether short ones that wait will be announced.
    announced: bool,
    closed: bool,
}

/// Where readers wait for something to do.
#[derive(Default)]
pub(crate) struct Waiting {
    queue: Mutex<Queue>,
    wake: Condvar,
}

impl Waiting {
    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What one reader does next, as soon as there is something: a job, or several brief ones. Nothing once the store is
    /// closed and all was done.
    pub(crate) fn take(&self) -> Option<Vec<ReadJob>> {
        let mut queue = self.queue();
        loop {
            if let Some(first) = queue.jobs.pop_front() {
                let mut jobs = vec![first];
                while jobs.len() < TOGETHER && jobs[0].brief && queue.jobs.front().is_some_and(|job| job.brief) {
                    jobs.extend(queue.jobs.pop_front());
                }
                return Some(jobs);
            }
            if queue.closed {
                return None;
            }
            queue = self.wake.wait(queue).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

/// Wakes as many readers as there is work for when it is dropped, also by a runtime that ends: of short readings that wait
/// only the first makes one.
struct Announcement {
    waiting: Arc<Waiting>,
    readers: usize,
}

impl Drop for Announcement {
    fn drop(&mut self) {
        let mut queue = self.waiting.queue();
        queue.announced = false;
        let batches = queue.jobs.len().div_ceil(TOGETHER);
        drop(queue);
        for _ in 0..batches.min(self.readers) {
            self.waiting.wake.notify_one();
        }
    }
}

/// Where readings are asked for. When it is dropped, readers finish what waits, and end.
pub(crate) struct Readings {
    waiting: Arc<Waiting>,
    readers: usize,
}

impl std::fmt::Debug for Readings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Readings({} readers)", self.readers)
    }
}

impl Readings {
    /// For so many readers.
    pub(crate) fn new(readers: usize) -> Self {
        Self { waiting: Arc::default(), readers }
    }

    /// What readers take their work from.
    pub(crate) fn waiting(&self) -> Arc<Waiting> {
        Arc::clone(&self.waiting)
    }

    /// Asks for a reading.
    pub(crate) fn ask(&self, job: ReadJob) {
        let brief = job.brief;
        let mut queue = self.waiting.queue();
        queue.jobs.push_back(job);
        if !brief {
            drop(queue);
            self.waiting.wake.notify_one();
            return;
        }
        if std::mem::replace(&mut queue.announced, true) {
            return;
        }
        drop(queue);
        let announcement = Announcement { waiting: self.waiting(), readers: self.readers };
        tokio::spawn(async move {
            // Until all that is ready now had its turn.
            tokio::task::yield_now().await;
            drop(announcement);
        });
    }
}

impl Drop for Readings {
    fn drop(&mut self) {
        self.waiting.queue().closed = true;
        self.waiting.wake.notify_all();
    }
}
