//! What was taken away from an API, for whoever verifies its tokens: permissions that were deleted, and signing keys
//! that are not what they were.

use keyward_core::{
    model::{
        Revision, WorkspaceNumber,
        revocation::{KeyNow, Removed, Restored, Revocations},
        signing_key::KeyState,
    },
    time::Timestamp,
};

use crate::{
    Error,
    engine::{Row, Sql, Tx, Value},
    follow,
};

/// The most entries of one part, unless one change alone has more: changes are not taken apart.
const MOST: usize = 1000;

// An API that was deleted and one that was made after it are the same audience, so tokens of the first one would do for
// the second. `revision > 0` is there for the index, which has only those.
const REMOVED: Sql =
    Sql("SELECT p.id, p.value, p.deleted_at, p.revision FROM apis a JOIN permissions p ON p.api = a.number \
     WHERE a.workspace = $1 AND a.identifier = $2 AND p.revision > 0 AND p.revision > $3 AND p.revision <= $4 \
     AND p.deleted_at > $6 ORDER BY p.revision, p.number LIMIT $5");
const REMOVED_WITH_THEIR_API: Sql =
    Sql("SELECT p.id, p.value, a.deleted_at, a.revision FROM apis a JOIN permissions p ON p.api = a.number \
     WHERE a.workspace = $1 AND a.identifier = $2 AND a.revision > $3 AND a.revision <= $4 AND a.deleted_at > $6 \
     AND p.deleted_at IS NULL ORDER BY a.revision, p.number LIMIT $5");
const RESTORED: Sql = Sql("SELECT p.id, p.revision FROM apis a JOIN permissions p ON p.api = a.number \
     WHERE a.workspace = $1 AND a.identifier = $2 AND a.deleted_at IS NULL AND p.revision > 0 AND p.revision > $3 \
     AND p.revision <= $4 AND p.deleted_at IS NULL ORDER BY p.revision, p.number LIMIT $5");
const KEYS: Sql = Sql("SELECT kid, state, revision FROM signing_keys WHERE workspace = $1 AND revision > $2 \
     AND revision <= $3 ORDER BY revision, number LIMIT $4");

/// What is asked for.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    /// The workspace of the API.
    pub workspace: WorkspaceNumber,
    /// The API's identifier.
    pub audience: &'a str,
    /// What was taken away by this change or before it is known.
    pub since: Revision,
    /// What was taken away until then is in no token any more.
    pub horizon: Timestamp,
}

/// What was taken away of the tokens for an audience: one state, and as much of it as fits.
pub async fn since(tx: &mut Tx<'_>, asked: &Asked<'_>) -> Result<Revocations, Error> {
    let reached = Revision(follow::revision(tx).await?);
    // One more than fits, to know whether there is more.
    let found = asked.up_to(tx, reached, MOST + 1).await?;
    let Some(until) = last_that_fits(found.revisions()) else { return Ok(found) };
    let mut part = match until {
        Fits::UpTo(until) => found.up_to(until),
        Fits::Alone(until) => asked.up_to(tx, until, usize::MAX).await?,
    };
    part.more = part.revision < reached;
    Ok(part)
}

/// The last change of which all entries are in a part.
enum Fits {
    /// This one; all of its entries were found.
    UpTo(Revision),
    /// The first one, which has more entries than fit.
    Alone(Revision),
}

/// Which changes a part has room for; nothing, if for all of them.
fn last_that_fits(mut revisions: Vec<Revision>) -> Option<Fits> {
    revisions.sort_unstable();
    let left_out = *revisions.get(MOST)?;
    let last = revisions.iter().rev().find(|revision| **revision < left_out);
    Some(last.map_or(Fits::Alone(left_out), |last| Fits::UpTo(*last)))
}

impl Asked<'_> {
    /// The first entries of each kind until a change, at most so many of each.
    async fn up_to(&self, tx: &mut Tx<'_>, until: Revision, most: usize) -> Result<Revocations, Error> {
        let limit = i64::try_from(most).unwrap_or(i64::MAX);
        let (workspace, since) = (Value::from(self.workspace.0), Value::from(self.since.0));
        let (until_value, limit) = (Value::from(until.0), Value::from(limit));
        let of_keys = [workspace.clone(), since.clone(), until_value.clone(), limit.clone()];
        let of_audience = [workspace, self.audience.into(), since, until_value, limit];
        let mut recent = of_audience.to_vec();
        recent.push(self.horizon.0.into());
        let mut found =
            Revocations { revision: until, more: false, removed: Vec::new(), restored: Vec::new(), keys: Vec::new() };
        for sql in [REMOVED, REMOVED_WITH_THEIR_API] {
            for row in tx.query(sql, &recent).await? {
                found.removed.push(decode(row)?);
            }
        }
        // Whoever begins refuses nothing yet that could be allowed again.
        let restored = if self.since.0 == 0 { Vec::new() } else { tx.query(RESTORED, &of_audience).await? };
        for row in restored {
            let mut row = row.of("permissions");
            found.restored.push(Restored { id: row.text()?, revision: Revision(row.int()?) });
        }
        for row in tx.query(KEYS, &of_keys).await? {
            let mut row = row.of("signing_keys");
            let (kid, state) = (row.text()?, row.text()?);
            let state = KeyState::parse(&state).ok_or_else(|| Error::inconsistent("signing_keys", state))?;
            found.keys.push(KeyNow { kid, state, revision: Revision(row.int()?) });
        }
        Ok(found)
    }
}

fn decode(row: Row) -> Result<Removed, Error> {
    let mut row = row.of("permissions");
    Ok(Removed { id: row.text()?, value: row.text()?, at: Timestamp(row.int()?), revision: Revision(row.int()?) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_are_not_taken_apart() {
        let of = |counts: &[(i64, usize)]| {
            let each = counts.iter().flat_map(|(revision, count)| vec![Revision(*revision); *count]);
            // The order in which the kinds are found is no order of changes.
            last_that_fits(each.rev().collect())
        };
        assert!(of(&[]).is_none() && of(&[(1, MOST)]).is_none() && of(&[(1, 1), (2, MOST - 1)]).is_none());
        for (counts, last) in
            [(&[(1, MOST), (2, 1)][..], 1), (&[(1, 1), (2, MOST)], 1), (&[(1, 1), (2, MOST - 2), (3, 2)], 2)]
        {
            assert!(matches!(of(counts), Some(Fits::UpTo(Revision(found))) if found == last), "{counts:?}");
        }
        assert!(matches!(of(&[(4, MOST + 1)]), Some(Fits::Alone(Revision(4)))));
    }
}
