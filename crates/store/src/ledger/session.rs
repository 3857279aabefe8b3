//! Sessions of administrators, and links that begin one.

use keyward_core::{
    model::{
        administrator::{Administrator, AdministratorNumber},
        root_key::Hash,
    },
    time::Timestamp,
};

use super::administrator::decode;
use crate::{
    Error,
    engine::{Row, Sql, Tx},
    writer::Change,
};

const ADD_LINK: Sql = Sql("INSERT INTO sign_in_links (hash, administrator, ends_at) VALUES ($1, $2, $3)");
// Of several that try at once one gets a row back.
const USE_LINK: Sql = Sql("DELETE FROM sign_in_links WHERE hash = $1 AND ends_at > $2 RETURNING administrator");
const FORGET_LINKS: Sql = Sql("DELETE FROM sign_in_links WHERE ends_at <= $1");
const BEGIN: Sql = Sql("INSERT INTO sessions (hash, administrator, begun_at, seen_at) VALUES ($1, $2, $3, $3)");
const FIND: Sql = Sql("SELECT s.seen_at, a.number, a.workspace, a.id, a.email, a.role, a.created_at FROM sessions s \
     JOIN administrators a ON a.number = s.administrator WHERE s.hash = $1 AND s.begun_at > $2 AND s.seen_at > $3");
const SEEN: Sql = Sql("UPDATE sessions SET seen_at = $2 WHERE hash = $1 AND seen_at < $2");
const END: Sql = Sql("DELETE FROM sessions WHERE hash = $1");
const END_OTHERS: Sql = Sql("DELETE FROM sessions WHERE administrator = $1 AND hash <> $2 RETURNING begun_at");
const END_LINKS: Sql = Sql("DELETE FROM sign_in_links WHERE administrator = $1 RETURNING ends_at");
const LIST: Sql = Sql("SELECT hash, begun_at, seen_at FROM sessions WHERE administrator = $1 AND begun_at > $2 \
     AND seen_at > $3 ORDER BY seen_at DESC, begun_at DESC LIMIT 100");
const FORGET: Sql = Sql("DELETE FROM sessions WHERE seen_at <= $1 OR begun_at <= $2");
const OF_NUMBER: Sql =
    Sql("SELECT number, workspace, id, email, role, created_at FROM administrators WHERE number = $1");

/// Stores a link of an administrator that is good until then, and forgets those that have ended.
pub async fn add_link(
    change: &mut Change<'_>,
    hash: &Hash,
    of: AdministratorNumber,
    (now, ends_at): (Timestamp, Timestamp),
) -> Result<(), Error> {
    change.tx().query(FORGET_LINKS, &[now.0.into()]).await?;
    change.tx().query(ADD_LINK, &[hash.to_vec().into(), of.0.into(), ends_at.0.into()]).await?;
    Ok(())
}

/// Uses a link up: whose it was, if it was good.
pub async fn use_link(change: &mut Change<'_>, hash: &Hash, now: Timestamp) -> Result<Option<Administrator>, Error> {
    let rows = change.tx().query(USE_LINK, &[hash.to_vec().into(), now.0.into()]).await?;
    let Some(mut row) = rows.into_iter().next() else { return Ok(None) };
    let rows = change.tx().query(OF_NUMBER, &[row.int()?.into()]).await?;
    rows.into_iter().next().map(decode).transpose()
}

/// Begins a session.
pub async fn begin(change: &mut Change<'_>, hash: &Hash, of: AdministratorNumber, now: Timestamp) -> Result<(), Error> {
    change.tx().query(BEGIN, &[hash.to_vec().into(), of.0.into(), now.0.into()]).await?;
    Ok(())
}

/// Whose session it is and when it was seen last, if it was begun after the first of these times and seen after the
/// second one.
pub async fn find(
    tx: &mut Tx<'_>,
    hash: &Hash,
    (begun_after, seen_after): (Timestamp, Timestamp),
) -> Result<Option<(Administrator, Timestamp)>, Error> {
    let rows = tx.query(FIND, &[hash.to_vec().into(), begun_after.0.into(), seen_after.0.into()]).await?;
    let Some(mut row) = rows.into_iter().next() else { return Ok(None) };
    let seen_at = Timestamp(row.int()?);
    Ok(Some((decode(row)?, seen_at)))
}

/// Says that a session was used.
pub async fn seen(tx: &mut Tx<'_>, hash: &Hash, now: Timestamp) -> Result<(), Error> {
    tx.query(SEEN, &[hash.to_vec().into(), now.0.into()]).await?;
    Ok(())
}

/// Ends a session.
pub async fn end(change: &mut Change<'_>, hash: &Hash) -> Result<(), Error> {
    change.tx().query(END, &[hash.to_vec().into()]).await?;
    Ok(())
}

/// Ends all sessions of an administrator but this one, and its links; how many sessions and links that were.
pub async fn end_others(
    change: &mut Change<'_>,
    of: AdministratorNumber,
    kept: &Hash,
) -> Result<(usize, usize), Error> {
    let links = change.tx().query(END_LINKS, &[of.0.into()]).await?.len();
    let sessions = change.tx().query(END_OTHERS, &[of.0.into(), kept.to_vec().into()]).await?.len();
    Ok((sessions, links))
}

/// The sessions of an administrator that were begun and seen after these times, the one used last first, at most 100:
/// what of each is stored of its cookie, when it was begun, and when it was used last.
pub async fn list(
    tx: &mut Tx<'_>,
    of: AdministratorNumber,
    (begun_after, seen_after): (Timestamp, Timestamp),
) -> Result<Vec<(Vec<u8>, Timestamp, Timestamp)>, Error> {
    let rows = tx.query(LIST, &[of.0.into(), begun_after.0.into(), seen_after.0.into()]).await?;
    let read = |row: Row| {
        let mut row = row.of("sessions");
        Ok((row.blob()?, Timestamp(row.int()?), Timestamp(row.int()?)))
    };
    rows.into_iter().map(read).collect()
}

/// Forgets sessions that were seen last, or begun, before these times.
pub async fn forget(change: &mut Change<'_>, (begun_after, seen_after): (Timestamp, Timestamp)) -> Result<(), Error> {
    change.tx().query(FORGET, &[seen_after.0.into(), begun_after.0.into()]).await?;
    Ok(())
}
