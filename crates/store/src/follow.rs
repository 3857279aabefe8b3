//! From what was committed to what memory needs: the only source of snapshots.

use std::collections::BTreeSet;

use keyward_core::{
    model::{
        Revision, api::ApiNumber, client::ClientNumber, client_grant::ClientGrantNumber, identity::IdentityNumber,
        permission::PermissionNumber, role::RoleNumber,
    },
    snapshot::{Changes, Row},
};

use crate::{
    Error,
    catalogue::{api, client, client_grant, key_migration, namespace, permission, role, root_key, signing_key},
    engine::{Sql, Tx},
    keys::key,
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
    rows.extend(role::all(tx).await?);
    rows.extend(root_key::all(tx).await?);
    rows.extend(namespace::all(tx).await?);
    rows.extend(key_migration::all(tx).await?);
    rows.extend(client::all(tx).await?);
    rows.extend(client_grant::all(tx).await?);
    Ok(Changes { revision, rows })
}

/// The rows that changed since a revision, as they are now.
pub(crate) async fn since(tx: &mut Tx<'_>, since: Revision, master: &MasterKey) -> Result<Changes, Error> {
    let until = revision(tx).await?;
    let span = (since.0, until);
    let mut gone = Gone::default();
    for mut row in tx.query(TOUCHED, &[since.0.into(), until.into()]).await? {
        let kind = row.text()?;
        let kind =
            Kind::parse(&kind).ok_or_else(|| Error::inconsistent("changes", format!("unknown kind `{kind}`")))?;
        gone.0.insert((kind, row.int()?));
    }
    let mut rows = Vec::new();
    for kind in Kind::ALL {
        if !gone.has(kind) {
            continue;
        }
        rows.extend(match kind {
            Kind::Api => api::changed(tx, span, master).await?,
            Kind::Permission => permission::changed(tx, span).await?,
            Kind::SigningKey => signing_key::changed(tx, span, master).await?,
            Kind::Role => role::changed(tx, span).await?,
            Kind::RootKey => root_key::changed(tx, span).await?,
            Kind::Namespace => namespace::changed(tx, span).await?,
            Kind::KeyMigration => key_migration::changed(tx, span).await?,
            Kind::Client => client::changed(tx, span).await?,
            Kind::ClientGrant => client_grant::changed(tx, span).await?,
            Kind::Key => key::changed(tx, span).await?,
            // That it is another one now is all there is to know.
            Kind::Identity => Vec::new(),
            // Users are read when they are needed, so nobody remembers one.
            Kind::User => Vec::new(),
        });
    }
    let gone = gone.without(&rows);
    Ok(Changes { revision: Revision(until), rows: gone.into_rows().chain(rows).collect() })
}

/// What was touched and, so far, not found.
#[derive(Default)]
struct Gone(BTreeSet<(Kind, i64)>);

impl Gone {
    fn has(&self, kind: Kind) -> bool {
        self.0.range((kind, i64::MIN)..=(kind, i64::MAX)).next().is_some()
    }

    fn without(mut self, found: &[Row]) -> Self {
        for row in found {
            let place = match row {
                Row::Api(number, _) => (Kind::Api, number.0),
                Row::Permission(number, _) => (Kind::Permission, number.0),
                Row::SigningKey(number, _) => (Kind::SigningKey, *number),
                Row::Role(number, _) => (Kind::Role, number.0),
                Row::RootKey(number, _) => (Kind::RootKey, *number),
                Row::Namespace(number, _) => (Kind::Namespace, *number),
                Row::KeyMigration(number, _) => (Kind::KeyMigration, *number),
                Row::Client(number, _) => (Kind::Client, number.0),
                Row::ClientGrant(number, _) => (Kind::ClientGrant, number.0),
                Row::Key(number, _) => (Kind::Key, number.0),
                Row::Identity(number) => (Kind::Identity, number.0),
            };
            self.0.remove(&place);
        }
        self
    }

    fn into_rows(self) -> impl Iterator<Item = Row> {
        self.0.into_iter().filter_map(|(kind, number)| {
            Some(match kind {
                Kind::Api => Row::Api(ApiNumber(number), None),
                Kind::Permission => Row::Permission(PermissionNumber(number), None),
                Kind::SigningKey => Row::SigningKey(number, None),
                Kind::Role => Row::Role(RoleNumber(number), None),
                Kind::RootKey => Row::RootKey(number, None),
                Kind::Namespace => Row::Namespace(number, None),
                Kind::KeyMigration => Row::KeyMigration(number, None),
                Kind::Client => Row::Client(ClientNumber(number), None),
                Kind::ClientGrant => Row::ClientGrant(ClientGrantNumber(number), None),
                Kind::Identity => Row::Identity(IdentityNumber(number)),
                // The row of a key stays for as long as somebody may remember it.
                Kind::Key => return None,
                Kind::User => return None,
            })
        })
    }
}
