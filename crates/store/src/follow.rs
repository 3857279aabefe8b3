//! From what was committed to what memory needs: the only source of snapshots.

use std::collections::BTreeSet;

use keyward_core::{
    model::{Revision, api::ApiNumber, permission::PermissionNumber},
    snapshot::{Changes, Row},
};

use crate::{
    Error,
    catalogue::{api, permission, signing_key},
    engine::{Sql, Tx},
    sealing::MasterKey,
    writer::Kind,
};

const REVISION: Sql = Sql("SELECT value FROM revision");
const TOUCHED: Sql =
    Sql("SELECT DISTINCT kind, number FROM changes WHERE revision > $1 AND revision <= $2 ORDER BY kind, number");

/// The number of the last committed change.
pub(crate) async fn revision(tx: &mut Tx<'_>) -> Result<i64, Error> {
    let rows = tx.query(REVISION, &[]).await?;
    rows.into_iter().next().ok_or_else(|| Error::inconsistent("revision", "the row is missing"))?.int()
}

/// The whole catalogue.
pub(crate) async fn load(tx: &mut Tx<'_>, master: &MasterKey) -> Result<Changes, Error> {
    let revision = Revision(revision(tx).await?);
    let mut rows = api::all(tx, master).await?;
    rows.extend(permission::all(tx).await?);
    rows.extend(signing_key::all(tx, master).await?);
    Ok(Changes { revision, rows })
}

/// The rows that changed since a revision, as they are now.
pub(crate) async fn since(tx: &mut Tx<'_>, since: Revision, master: &MasterKey) -> Result<Changes, Error> {
    let until = revision(tx).await?;
    let span = (since.0, until);
    let mut gone = Gone::default();
    for mut row in tx.query(TOUCHED, &[since.0.into(), until.into()]).await? {
        let kind = row.text()?;
        gone.add(&kind, row.int()?)?;
    }
    let mut rows = Vec::new();
    if !gone.apis.is_empty() {
        rows.extend(api::changed(tx, span, master).await?);
    }
    if !gone.permissions.is_empty() {
        rows.extend(permission::changed(tx, span).await?);
    }
    if !gone.signing_keys.is_empty() {
        rows.extend(signing_key::changed(tx, span, master).await?);
    }
    let gone = gone.without(&rows);
    Ok(Changes { revision: Revision(until), rows: gone.into_rows().chain(rows).collect() })
}

/// What was touched and, so far, not found.
#[derive(Default)]
struct Gone {
    apis: BTreeSet<i64>,
    permissions: BTreeSet<i64>,
    signing_keys: BTreeSet<i64>,
}

impl Gone {
    fn add(&mut self, kind: &str, number: i64) -> Result<(), Error> {
        let set = match kind {
            kind if kind == Kind::Api.as_str() => &mut self.apis,
            kind if kind == Kind::Permission.as_str() => &mut self.permissions,
            kind if kind == Kind::SigningKey.as_str() => &mut self.signing_keys,
            other => return Err(Error::inconsistent("changes", format!("unknown kind `{other}`"))),
        };
        set.insert(number);
        Ok(())
    }

    fn without(mut self, found: &[Row]) -> Self {
        for row in found {
            match row {
                Row::Api(number, _) => self.apis.remove(&number.0),
                Row::Permission(number, _) => self.permissions.remove(&number.0),
                Row::SigningKey(number, _) => self.signing_keys.remove(number),
            };
        }
        self
    }

    fn into_rows(self) -> impl Iterator<Item = Row> {
        let apis = self.apis.into_iter().map(|number| Row::Api(ApiNumber(number), None));
        let permissions = self.permissions.into_iter().map(|n| Row::Permission(PermissionNumber(n), None));
        let signing_keys = self.signing_keys.into_iter().map(|number| Row::SigningKey(number, None));
        apis.chain(permissions).chain(signing_keys)
    }
}
