//! Credits of counted keys.

use keyward_core::{
    model::{
        WorkspaceNumber,
        key::{Credits, KeyNumber},
    },
    refill::Refill,
    time::Timestamp,
};

use crate::{
    Error,
    engine::{Row, Sql, Tx, Value},
};

const FIND: Sql = Sql("SELECT remaining, refill, refilled_at FROM credits WHERE key = $1");
const HOLD: Sql =
    Sql("UPDATE credits SET remaining = remaining WHERE key = $1 RETURNING remaining, refill, refilled_at");
const SET: Sql = Sql(
    "INSERT INTO credits (key, workspace, remaining, refill, refilled_at, refill_at) VALUES ($1, $2, $3, $4, $5, $6) \
     ON CONFLICT (key) DO UPDATE SET remaining = $3, refill = $4, refilled_at = $5, refill_at = $6",
);
const REMOVE: Sql = Sql("DELETE FROM credits WHERE key = $1");
const SPEND: Sql = Sql("UPDATE credits SET remaining = remaining - $2 WHERE key = $1 AND remaining >= $2 \
     AND refill_at > $3 RETURNING remaining");
const REFILLED: Sql = Sql("UPDATE credits SET remaining = $2, refilled_at = $3, refill_at = $4 \
     WHERE key = $1 AND refilled_at < $3 RETURNING remaining");

/// What the key has, as it was when it was last written.
pub async fn find(tx: &mut Tx<'_>, key: KeyNumber) -> Result<Option<Credits>, Error> {
    tx.query(FIND, &[key.0.into()]).await?.into_iter().next().map(decode).transpose()
}

/// What the key has, for a change that computes with it: nobody spends of it until the change is over. Without this a
/// use on another node, between the reading and the writing, would not be paid for.
pub async fn hold(tx: &mut Tx<'_>, key: KeyNumber) -> Result<Option<Credits>, Error> {
    tx.query(HOLD, &[key.0.into()]).await?.into_iter().next().map(decode).transpose()
}

/// Sets what the key has; nothing when its uses are not counted.
pub async fn set(
    tx: &mut Tx<'_>,
    workspace: WorkspaceNumber,
    key: KeyNumber,
    credits: Option<&Credits>,
) -> Result<(), Error> {
    let Some(credits) = credits else { return tx.query(REMOVE, &[key.0.into()]).await.map(drop) };
    let refill = credits.refill.as_ref().map(serde_json::to_string).transpose();
    let refill: Value = refill.map_err(|error| Error::Engine(Box::new(error)))?.into();
    let values = [
        key.0.into(),
        workspace.0.into(),
        credits.remaining.into(),
        refill,
        credits.refilled_at.0.into(),
        next(credits),
    ];
    tx.query(SET, &values).await.map(drop)
}

/// Writes a refill down that was due, unless somebody else did.
pub async fn refilled(tx: &mut Tx<'_>, key: KeyNumber, credits: &Credits) -> Result<bool, Error> {
    let values = [key.0.into(), credits.remaining.into(), credits.refilled_at.0.into(), next(credits)];
    Ok(!tx.query(REFILLED, &values).await?.is_empty())
}

/// Takes so much away if there is enough, in one statement; what is left then. `None` when there is not enough, or a
/// refill is due that has to be written down first.
pub async fn spend(tx: &mut Tx<'_>, key: KeyNumber, cost: i64, now: Timestamp) -> Result<Option<i64>, Error> {
    let rows = tx.query(SPEND, &[key.0.into(), cost.into(), now.0.into()]).await?;
    rows.into_iter().next().map(|row| row.of("credits").int()).transpose()
}

fn next(credits: &Credits) -> Value {
    credits.refill_at().map_or(i64::MAX, |time| time.0).into()
}

fn decode(row: Row) -> Result<Credits, Error> {
    let mut row = row.of("credits");
    let remaining = row.int()?;
    let read = |text: String| {
        serde_json::from_str::<Refill>(&text).map_err(|error| Error::inconsistent("credits", error.to_string()))
    };
    let refill = row.text_or_null()?.map(read).transpose()?;
    Ok(Credits { remaining, refill, refilled_at: Timestamp(row.int()?) })
}
