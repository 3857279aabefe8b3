//! Credits are spent in the store, exactly: what was answered is durable. Everything that waits is spent in one commit,
//! and the uses of one key in one statement. A crash loses no credit that was not spent; it may lose the answers to
//! what one commit spent, and no more than that.

use std::collections::BTreeMap;

use keyward_core::{
    Problem,
    model::{
        WorkspaceNumber,
        key::KeyNumber,
        log::{Actor, LogDetail, LogDraft, LogType, Origin},
    },
    time::Timestamp,
};
use keyward_store::{Error, Store, Tx, keys::credits, ledger::log};
use serde_json::json;
use tokio::sync::{mpsc, oneshot};

/// The most uses that wait for their commit before callers wait to queue theirs.
const QUEUE: usize = 4096;
/// The most uses of one commit.
const BATCH: usize = 1024;

/// What became of a use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Spent {
    /// It was paid for; so much is left.
    Paid(i64),
    /// There is not enough; so much is there.
    Short(i64),
    /// The key's uses are no longer counted.
    Uncounted,
}

/// A use that is to be paid for.
#[derive(Debug)]
struct Spend {
    key: KeyNumber,
    id: String,
    cost: i64,
    now: Timestamp,
    reply: oneshot::Sender<Result<Spent, Problem>>,
}

/// Where uses are paid for.
#[derive(Debug)]
pub struct Credits {
    queue: mpsc::Sender<Spend>,
}

impl Credits {
    /// Pays in this store, until nobody can queue any more.
    pub fn new(store: Store) -> Self {
        let (queue, receiver) = mpsc::channel(QUEUE);
        tokio::spawn(pay(store, receiver));
        Self { queue }
    }

    /// Pays for one use of a key.
    ///
    /// # Errors
    /// [`Problem::Unavailable`] when the store can't be written, and then nothing was spent; [`Problem::Uncertain`].
    pub async fn spend(&self, (key, id): (KeyNumber, &str), cost: i64, now: Timestamp) -> Result<Spent, Problem> {
        let closed = || Problem::Unavailable("the store is closed", None);
        let (reply, answer) = oneshot::channel();
        self.queue.send(Spend { key, id: id.to_owned(), cost, now, reply }).await.map_err(|_| closed())?;
        answer.await.map_err(|_| closed())?
    }
}

/// The uses of one key: who it is, and each one's cost.
type Uses = (String, Timestamp, Vec<i64>);

async fn pay(store: Store, mut receiver: mpsc::Receiver<Spend>) {
    let mut waiting = Vec::with_capacity(BATCH);
    while receiver.recv_many(&mut waiting, BATCH).await > 0 {
        // In the order of their keys, so that no two nodes wait for each other.
        let mut uses: BTreeMap<KeyNumber, Uses> = BTreeMap::new();
        for spend in &waiting {
            let entry = uses.entry(spend.key).or_insert_with(|| (spend.id.clone(), spend.now, Vec::new()));
            entry.1 = entry.1.max(spend.now);
            entry.2.push(spend.cost);
        }
        let paid = store.ledger(move |tx| {
            Box::pin(async move {
                let mut paid = BTreeMap::new();
                for (key, uses) in uses {
                    paid.insert(key, pay_for_key(tx, key, &uses).await?.into_iter());
                }
                Ok(paid)
            })
        });
        let mut paid = paid.await.map_err(Problem::from);
        for spend in waiting.drain(..) {
            let result = match &mut paid {
                Ok(paid) => paid
                    .get_mut(&spend.key)
                    .and_then(Iterator::next)
                    .ok_or_else(|| Problem::internal("a use was not paid for")),
                Err(problem) => Err(again(problem)),
            };
            let _ = spend.reply.send(result);
        }
    }
}

/// The same problem for another caller. The log has the cause once.
fn again(problem: &Problem) -> Problem {
    match problem {
        Problem::Unavailable(text, _) => Problem::Unavailable(text, None),
        Problem::Uncertain(text, _) => Problem::Uncertain(text, None),
        other => Problem::internal(other.to_string()),
    }
}

async fn pay_for_key(tx: &mut Tx<'_>, key: KeyNumber, (id, now, costs): &Uses) -> Result<Vec<Spent>, Error> {
    let total = costs.iter().fold(0_i64, |sum, cost| sum.saturating_add(*cost));
    if let Some(left) = credits::spend(tx, key, total, *now).await? {
        return Ok(in_order(left.saturating_add(total), costs));
    }
    let Some(stored) = credits::find(tx, key).await? else { return Ok(vec![Spent::Uncounted; costs.len()]) };
    let due = stored.at(*now);
    if due != stored && credits::refilled(tx, key, &due).await? && due.remaining != stored.remaining {
        log::insert(tx, &refill_entry(id, *now, (stored.remaining, due.remaining))).await?;
    }
    let mut spent = Vec::with_capacity(costs.len());
    for cost in costs {
        spent.push(match credits::spend(tx, key, *cost, *now).await? {
            Some(left) => Spent::Paid(left),
            None => Spent::Short(credits::find(tx, key).await?.map_or(0, |credits| credits.remaining)),
        });
    }
    Ok(spent)
}

/// What each of these uses found, if all of them could be paid for.
fn in_order(mut left: i64, costs: &[i64]) -> Vec<Spent> {
    let mut pay = |cost: &i64| {
        left = left.saturating_sub(*cost);
        Spent::Paid(left)
    };
    costs.iter().map(&mut pay).collect()
}

fn refill_entry(id: &str, now: Timestamp, (before, after): (i64, i64)) -> LogDraft {
    LogDraft {
        workspace: WorkspaceNumber::FIRST,
        at: now,
        kind: LogType::ManagementChange,
        description: "key.update".to_owned(),
        detail: LogDetail {
            actor: Actor { client_id: Some("keyrefill".to_owned()), ..Actor::default() },
            origin: Origin { request_id: "refill".to_owned(), ..Origin::default() },
            status: 200,
            before: json!({ "id": id, "remaining": before }),
            after: json!({ "id": id, "remaining": after }),
            ..LogDetail::default()
        },
    }
}
