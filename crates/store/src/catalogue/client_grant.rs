//! What applications may ask for of APIs.

use std::collections::{BTreeSet, HashMap};

use keyward_core::{
    model::{
        Revision, WorkspaceNumber,
        api::ApiNumber,
        client::ClientNumber,
        client_grant::{ClientGrant, ClientGrantNumber, GrantedScope, SubjectType},
        permission::{Permission, PermissionNumber},
    },
    snapshot,
    time::Timestamp,
};

use crate::{
    Error,
    engine::{Row, Sql, Tx, Value},
    writer::{Change, Kind, take_numbers},
};

const INSERT: Sql = Sql("INSERT INTO client_grants (number, workspace, id, client, api, subject_type, settings, \
     scope_sent, revision, created_at, updated_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $10)");
const UPDATE: Sql = Sql("UPDATE client_grants SET settings = $3, scope_sent = $4, revision = $5, updated_at = $6 \
     WHERE workspace = $1 AND number = $2 AND deleted_at IS NULL");
const TOMBSTONE: Sql = Sql("UPDATE client_grants SET deleted_at = $3, revision = $4 \
     WHERE workspace = $1 AND number = $2 AND deleted_at IS NULL");
const FIND: Sql = Sql("SELECT number, workspace, id, client, api, subject_type, settings, scope_sent, revision, \
     created_at FROM client_grants WHERE workspace = $1 AND id = $2 AND deleted_at IS NULL");
const OF_API: Sql = Sql("SELECT number, workspace, id, client, api, subject_type, settings, scope_sent, revision, \
     created_at FROM client_grants WHERE workspace = $1 AND api = $2 AND deleted_at IS NULL ORDER BY number");
const OF_CLIENT: Sql = Sql("SELECT number, workspace, id, client, api, subject_type, settings, scope_sent, revision, \
     created_at FROM client_grants WHERE workspace = $1 AND client = $2 AND deleted_at IS NULL ORDER BY number");
const ALL: Sql = Sql("SELECT number, workspace, id, client, api, subject_type, settings, scope_sent, revision, \
     created_at FROM client_grants WHERE deleted_at IS NULL ORDER BY number");
const CHANGED: Sql = Sql("SELECT number, workspace, id, client, api, subject_type, settings, scope_sent, revision, \
     created_at FROM client_grants WHERE deleted_at IS NULL AND number IN \
     (SELECT number FROM changes WHERE kind = 'client_grant' AND revision > $1 AND revision <= $2) ORDER BY number");
const SCOPES: Sql =
    Sql("SELECT client_grant, value, permission FROM client_grant_scopes WHERE client_grant = $1 ORDER BY position");
const ALL_SCOPES: Sql =
    Sql("SELECT client_grant, value, permission FROM client_grant_scopes ORDER BY client_grant, position");
const CHANGED_SCOPES: Sql =
    Sql("SELECT client_grant, value, permission FROM client_grant_scopes WHERE client_grant IN \
     (SELECT number FROM changes WHERE kind = 'client_grant' AND revision > $1 AND revision <= $2) \
     ORDER BY client_grant, position");
const ADD_SCOPE: Sql =
    Sql("INSERT INTO client_grant_scopes (client_grant, position, value, permission) VALUES ($1, $2, $3, $4)");
const CLEAR_SCOPES: Sql = Sql("DELETE FROM client_grant_scopes WHERE client_grant = $1");
const HOLDING: Sql = Sql("SELECT g.id FROM client_grant_scopes s JOIN client_grants g ON g.number = s.client_grant \
     WHERE s.permission = $1 AND g.deleted_at IS NULL ORDER BY g.number");
const WAITING: Sql = Sql("SELECT s.client_grant, s.position, s.value FROM client_grants g \
     JOIN client_grant_scopes s ON s.client_grant = g.number \
     WHERE g.workspace = $1 AND g.api = $2 AND g.deleted_at IS NULL AND s.permission IS NULL");
const BIND: Sql = Sql("UPDATE client_grant_scopes SET permission = $3 WHERE client_grant = $1 AND position = $2");

/// A number for a grant that is about to be made.
pub async fn next_number(change: &mut Change<'_>) -> Result<ClientGrantNumber, Error> {
    take_numbers(change.tx(), "client_grant", 1).await.map(ClientGrantNumber)
}

/// Stores a new grant.
pub async fn insert(change: &mut Change<'_>, grant: &ClientGrant) -> Result<(), Error> {
    change.touch(Kind::ClientGrant, grant.number.0);
    let values = [
        grant.number.0.into(),
        grant.workspace.0.into(),
        (&grant.id).into(),
        grant.client.map(|number| number.0).into(),
        grant.api.0.into(),
        grant.subject_type.as_str().into(),
        settings(grant)?,
        grant.scope.is_some().into(),
        grant.revision.0.into(),
        grant.created_at.0.into(),
    ];
    change.tx().query(INSERT, &values).await?;
    add_scopes(change, grant).await
}

/// Stores what a grant has become.
pub async fn update(change: &mut Change<'_>, grant: &ClientGrant, now: Timestamp) -> Result<(), Error> {
    change.touch(Kind::ClientGrant, grant.number.0);
    let values = [
        grant.workspace.0.into(),
        grant.number.0.into(),
        settings(grant)?,
        grant.scope.is_some().into(),
        grant.revision.0.into(),
        now.0.into(),
    ];
    change.tx().query(UPDATE, &values).await?;
    change.tx().query(CLEAR_SCOPES, &[grant.number.0.into()]).await?;
    add_scopes(change, grant).await
}

async fn add_scopes(change: &mut Change<'_>, grant: &ClientGrant) -> Result<(), Error> {
    let row = |(position, scope): (i64, &GrantedScope)| -> Vec<Value> {
        let permission = scope.permission.map(|number| number.0);
        vec![grant.number.0.into(), position.into(), (&scope.value).into(), permission.into()]
    };
    let rows: Vec<_> = (0..).zip(grant.scopes()).map(row).collect();
    change.tx().execute_each(ADD_SCOPE, &rows).await
}

/// Deletes a grant.
pub async fn tombstone(change: &mut Change<'_>, grant: &ClientGrant, now: Timestamp) -> Result<(), Error> {
    change.touch(Kind::ClientGrant, grant.number.0);
    let revision = change.revision().0;
    let values = [grant.workspace.0.into(), grant.number.0.into(), now.0.into(), revision.into()];
    change.tx().query(TOMBSTONE, &values).await?;
    Ok(())
}

/// Says to the grants of an API that named permissions before there were any what those are. A permission that was
/// deleted is not waited for: its place is taken, so one that is made later with its value gives nobody anything.
pub(super) async fn bind(
    change: &mut Change<'_>,
    (workspace, api): (WorkspaceNumber, ApiNumber),
    made: &[Permission],
) -> Result<(), Error> {
    let waiting = change.tx().query(WAITING, &[workspace.0.into(), api.0.into()]).await?;
    if waiting.is_empty() {
        return Ok(());
    }
    let made: HashMap<&str, PermissionNumber> =
        made.iter().map(|permission| (permission.value.as_str(), permission.number)).collect();
    let (mut bound, mut grants) = (Vec::new(), BTreeSet::new());
    for row in waiting {
        let mut row = row.of("client_grant_scopes");
        let (grant, position, value) = (row.int()?, row.int()?, row.text()?);
        if let Some(number) = made.get(value.as_str()) {
            bound.push(vec![grant.into(), position.into(), number.0.into()]);
            grants.insert(grant);
        }
    }
    for grant in grants {
        change.touch(Kind::ClientGrant, grant);
    }
    change.tx().execute_each(BIND, &bound).await
}

/// The grant with this id, if it is not deleted.
pub async fn find(tx: &mut Tx<'_>, workspace: WorkspaceNumber, id: &str) -> Result<Option<ClientGrant>, Error> {
    Ok(list(tx, FIND, [workspace.0.into(), id.into()]).await?.pop())
}

/// The grants of an API.
pub async fn of_api(tx: &mut Tx<'_>, workspace: WorkspaceNumber, api: ApiNumber) -> Result<Vec<ClientGrant>, Error> {
    list(tx, OF_API, [workspace.0.into(), api.0.into()]).await
}

/// The grants of a client.
pub async fn of_client(
    tx: &mut Tx<'_>,
    workspace: WorkspaceNumber,
    client: ClientNumber,
) -> Result<Vec<ClientGrant>, Error> {
    list(tx, OF_CLIENT, [workspace.0.into(), client.0.into()]).await
}

/// The ids of the live grants that name a permission.
pub async fn holding(tx: &mut Tx<'_>, permission: PermissionNumber) -> Result<Vec<String>, Error> {
    let rows = tx.query(HOLDING, &[permission.0.into()]).await?;
    rows.into_iter().map(|row| row.of("client_grants").text()).collect()
}

async fn list(tx: &mut Tx<'_>, sql: Sql, values: [Value; 2]) -> Result<Vec<ClientGrant>, Error> {
    let mut grants = Vec::new();
    for row in tx.query(sql, &values).await? {
        let (grant, sent) = decode(row)?;
        let mut scopes = scopes(tx.query(SCOPES, &[grant.number.0.into()]).await?)?;
        let scope = sent.then(|| scopes.remove(&grant.number.0).unwrap_or_default());
        grants.push(ClientGrant { scope, ..grant });
    }
    Ok(grants)
}

pub(crate) async fn all(tx: &mut Tx<'_>) -> Result<Vec<snapshot::Row>, Error> {
    let scopes = tx.query(ALL_SCOPES, &[]).await?;
    rows(tx.query(ALL, &[]).await?, scopes)
}

pub(crate) async fn changed(tx: &mut Tx<'_>, (since, until): (i64, i64)) -> Result<Vec<snapshot::Row>, Error> {
    let scopes = tx.query(CHANGED_SCOPES, &[since.into(), until.into()]).await?;
    rows(tx.query(CHANGED, &[since.into(), until.into()]).await?, scopes)
}

fn rows(grants: Vec<Row>, of_grants: Vec<Row>) -> Result<Vec<snapshot::Row>, Error> {
    let mut scopes = scopes(of_grants)?;
    let whole = |row| {
        let (grant, sent) = decode(row)?;
        let scope = sent.then(|| scopes.remove(&grant.number.0).unwrap_or_default());
        let grant = ClientGrant { scope, ..grant };
        Ok(snapshot::Row::ClientGrant(grant.number, Some(Box::new(grant))))
    };
    grants.into_iter().map(whole).collect()
}

fn scopes(rows: Vec<Row>) -> Result<HashMap<i64, Vec<GrantedScope>>, Error> {
    let mut scopes: HashMap<i64, Vec<GrantedScope>> = HashMap::new();
    for row in rows {
        let mut row = row.of("client_grant_scopes");
        let grant = row.int()?;
        let (value, permission) = (row.text()?, row.int_or_null()?.map(PermissionNumber));
        scopes.entry(grant).or_default().push(GrantedScope { value, permission });
    }
    Ok(scopes)
}

fn settings(grant: &ClientGrant) -> Result<Value, Error> {
    serde_json::to_string(&grant.settings).map(Value::from).map_err(|error| Error::Engine(Box::new(error)))
}

/// A grant without its scopes, and whether it has any list of them.
fn decode(row: Row) -> Result<(ClientGrant, bool), Error> {
    let mut row = row.of("client_grants");
    let (number, workspace) = (ClientGrantNumber(row.int()?), WorkspaceNumber(row.int()?));
    let (id, client, api) = (row.text()?, row.int_or_null()?.map(ClientNumber), ApiNumber(row.int()?));
    let (word, text) = (row.text()?, row.text()?);
    let subject_type = SubjectType::parse(&word).ok_or_else(|| Error::inconsistent("client_grants", word))?;
    let settings = serde_json::from_str(&text)
        .map_err(|error| Error::inconsistent("client_grants", format!("settings of {id}: {error}")))?;
    let sent = row.bool()?;
    let (revision, created_at) = (Revision(row.int()?), Timestamp(row.int()?));
    let grant =
        ClientGrant { number, workspace, id, client, api, subject_type, scope: None, settings, revision, created_at };
    Ok((grant, sent))
}
