//! How nodes of one database keep the promise that an answered change is in effect on all of them.
//!
//! A node may believe its memory only while it holds a lease, and renewing it says how far the node has followed. A
//! change is answered when every node with a live lease has passed it. A node that can't renew stops answering when
//! its lease runs out, so nobody waits for longer than that.

use std::{
    sync::{
        Weak,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use keyward_core::{Problem, model::Revision};
use keyward_store::Store;
use tokio::{sync::watch, time::Instant};

use crate::app::App;

/// The shortest and the longest pause between two looks at how far the other nodes are.
const LOOK_AGAIN: (Duration, Duration) = (Duration::from_millis(1), Duration::from_millis(50));

/// This node's lease.
#[derive(Debug)]
pub struct Lease {
    node: String,
    length: Duration,
    begun: Instant,
    /// Milliseconds after `begun` until which the lease is good.
    good_until: AtomicU64,
    shared: bool,
}

impl Lease {
    /// A lease that is still to be taken; without other nodes none is needed.
    pub fn new(node: String, length: Duration, shared: bool) -> Self {
        Self { node, length, begun: Instant::now(), good_until: AtomicU64::new(0), shared }
    }

    fn milliseconds(&self, at: Instant) -> u64 {
        u64::try_from(at.duration_since(self.begun).as_millis()).unwrap_or(u64::MAX)
    }

    /// Whether this node may believe its memory.
    ///
    /// # Errors
    /// [`Problem::Unavailable`] when it may not.
    pub fn check(&self) -> Result<(), Problem> {
        if !self.shared || self.milliseconds(Instant::now()) < self.good_until.load(Ordering::Acquire) {
            return Ok(());
        }
        Err(Problem::Unavailable("this node has lost the database and may not know the latest changes", None))
    }

    /// Takes or renews the lease, and says how far this node has followed. A lease that had run out is good again only
    /// when this node knows everything that was answered without it.
    ///
    /// # Errors
    /// Why the database was not reached; the lease then runs on to its end.
    pub async fn renew(&self, store: &Store, revision: Revision) -> Result<(), Problem> {
        if !self.shared {
            return Ok(());
        }
        // Counted from before the database hears of it, this node's end comes before the one that others wait for.
        let asked = self.milliseconds(Instant::now());
        let length = u64::try_from(self.length.as_millis()).unwrap_or(u64::MAX);
        store.renew_lease(&self.node, revision, i64::try_from(length).unwrap_or(i64::MAX)).await?;
        let lapsed = self.milliseconds(Instant::now()) >= self.good_until.load(Ordering::Acquire);
        // From the renewal on, changes wait for this node. What was answered before, the database shows only to a
        // question that is asked after it: one and the same statement could miss a change that commits meanwhile.
        if lapsed && store.revision().await? > revision {
            return Ok(());
        }
        self.good_until.fetch_max(asked.saturating_add(length), Ordering::AcqRel);
        Ok(())
    }

    /// Waits until no other node can still believe a memory without this change.
    ///
    /// # Errors
    /// [`Problem::Uncertain`] when that can't be found out: the change is made, and may not be everywhere.
    pub async fn everywhere(&self, store: &Store, revision: Revision) -> Result<(), Problem> {
        if !self.shared {
            return Ok(());
        }
        let mut pause = LOOK_AGAIN.0;
        while !store.is_everywhere(&self.node, revision).await.map_err(unknown)? {
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LOOK_AGAIN.1);
        }
        Ok(())
    }

    /// Gives the lease up, so that nobody waits for this node.
    pub async fn end(&self, store: &Store) {
        self.good_until.store(0, Ordering::Release);
        if let Err(error) = store.end_lease(&self.node).await {
            tracing::info!(error = %error, "this node could not take its leave; its lease runs out by itself");
        }
    }
}

fn unknown(error: keyward_store::Error) -> Problem {
    Problem::Uncertain("the change was made, and it is not known whether all nodes show it yet", Some(Box::new(error)))
}

/// Renews the lease whenever this node has followed further, and in time before it ends, until the program is gone.
///
/// A node that can't follow does not renew: it would keep everybody waiting and answer what is out of date.
pub async fn keep(app: Weak<App>, mut published: watch::Receiver<i64>) {
    loop {
        let Some(held) = app.upgrade() else { return };
        published.borrow_and_update();
        let renewed = match held.catch_up().await {
            Ok(()) => held.lease.renew(&held.store, held.revision()).await,
            Err(problem) => Err(problem),
        };
        if let Err(problem) = &renewed {
            tracing::warn!(error = %problem, "the lease could not be renewed");
        }
        // A third of the length leaves two more tries; after a failure the next one comes sooner.
        let pause = held.lease.length / if renewed.is_ok() { 3 } else { 20 };
        drop(held);
        let changed = tokio::time::timeout(pause, published.changed()).await;
        if matches!(changed, Ok(Err(_))) {
            return;
        }
    }
}
