//! What users have let applications do. A consent of a deleted application or API is not there, also where it was
//! stored at the moment of the deletion.

use std::collections::HashMap;

use keyward_core::{
    model::{
        WorkspaceNumber,
        api::ApiNumber,
        client::ClientNumber,
        consent::{Consent, ConsentFilter, ConsentsOf},
        permission::PermissionNumber,
    },
    time::Timestamp,
};

use crate::{
    Error,
    engine::{Row, Sql, Tx, Value},
    writer::take_numbers,
};

const GIVE_FOR_API: Sql = Sql("INSERT INTO consents (number, workspace, id, client, user_id, api, created_at) \
     VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (client, user_id, api) WHERE api IS NOT NULL \
     DO UPDATE SET user_id = excluded.user_id RETURNING number");
const GIVE_FOR_NONE: Sql = Sql("INSERT INTO consents (number, workspace, id, client, user_id, api, created_at) \
     VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (client, user_id) WHERE api IS NULL \
     DO UPDATE SET user_id = excluded.user_id RETURNING number");
const ADD_PERMISSION: Sql =
    Sql("INSERT INTO consent_permissions (consent, permission) VALUES ($1, $2) ON CONFLICT DO NOTHING");
const ADD_IDENTITY: Sql = Sql("INSERT INTO consent_identity (consent, scope) VALUES ($1, $2) ON CONFLICT DO NOTHING");
const FIND: Sql = Sql("SELECT c.number, c.id, c.client, c.user_id, c.api FROM consents c \
     JOIN clients l ON l.number = c.client AND l.deleted_at IS NULL LEFT JOIN apis a ON a.number = c.api \
     WHERE c.workspace = $1 AND c.id = $2 AND a.deleted_at IS NULL");
const LIST: Sql = Sql("SELECT c.number, c.id, c.client, c.user_id, c.api FROM consents c \
     JOIN clients l ON l.number = c.client AND l.deleted_at IS NULL LEFT JOIN apis a ON a.number = c.api \
     WHERE c.workspace = $1 AND a.deleted_at IS NULL AND (CAST($2 AS TEXT) IS NULL OR c.user_id = $2) \
     AND (CAST($3 AS BIGINT) IS NULL OR c.client = $3) AND (CAST($4 AS BIGINT) IS NULL OR COALESCE(c.api, 0) = $4) \
     ORDER BY c.number LIMIT $5 OFFSET $6");
const COUNT: Sql = Sql("SELECT COUNT(*) FROM consents c \
     JOIN clients l ON l.number = c.client AND l.deleted_at IS NULL LEFT JOIN apis a ON a.number = c.api \
     WHERE c.workspace = $1 AND a.deleted_at IS NULL AND (CAST($2 AS TEXT) IS NULL OR c.user_id = $2) \
     AND (CAST($3 AS BIGINT) IS NULL OR c.client = $3) AND (CAST($4 AS BIGINT) IS NULL OR COALESCE(c.api, 0) = $4)");
const PERMISSIONS: Sql = Sql("SELECT permission FROM consent_permissions WHERE consent = $1 ORDER BY permission");
const IDENTITY: Sql = Sql("SELECT scope FROM consent_identity WHERE consent = $1 ORDER BY scope");
const PERMISSIONS_OF_PAGE: Sql = Sql("SELECT consent, permission FROM consent_permissions WHERE consent IN \
     (SELECT c.number FROM consents c \
     JOIN clients l ON l.number = c.client AND l.deleted_at IS NULL LEFT JOIN apis a ON a.number = c.api \
     WHERE c.workspace = $1 AND a.deleted_at IS NULL AND (CAST($2 AS TEXT) IS NULL OR c.user_id = $2) \
     AND (CAST($3 AS BIGINT) IS NULL OR c.client = $3) AND (CAST($4 AS BIGINT) IS NULL OR COALESCE(c.api, 0) = $4) \
     ORDER BY c.number LIMIT $5 OFFSET $6) ORDER BY consent, permission");
const IDENTITY_OF_PAGE: Sql = Sql("SELECT consent, scope FROM consent_identity WHERE consent IN \
     (SELECT c.number FROM consents c \
     JOIN clients l ON l.number = c.client AND l.deleted_at IS NULL LEFT JOIN apis a ON a.number = c.api \
     WHERE c.workspace = $1 AND a.deleted_at IS NULL AND (CAST($2 AS TEXT) IS NULL OR c.user_id = $2) \
     AND (CAST($3 AS BIGINT) IS NULL OR c.client = $3) AND (CAST($4 AS BIGINT) IS NULL OR COALESCE(c.api, 0) = $4) \
     ORDER BY c.number LIMIT $5 OFFSET $6) ORDER BY consent, scope");
// What goes with it, the store deletes by itself.
const DELETE: Sql = Sql("DELETE FROM consents WHERE workspace = $1 AND id = $2");
const DELETE_OF_API: Sql = Sql("DELETE FROM consents WHERE workspace = $1 AND api = $2");
const DELETE_OF_CLIENT: Sql = Sql("DELETE FROM consents WHERE workspace = $1 AND client = $2");
const DELETE_OF_USER: Sql = Sql("DELETE FROM consents WHERE workspace = $1 AND user_id = $2");

/// Adds to what a user lets an application do on an API. What was consented to before stays, and so does its id.
pub async fn give(tx: &mut Tx<'_>, workspace: WorkspaceNumber, consent: &Consent, now: Timestamp) -> Result<(), Error> {
    let values = [
        take_numbers(tx, "consent", 1).await?.into(),
        workspace.0.into(),
        (&consent.id).into(),
        consent.client.0.into(),
        (&consent.user_id).into(),
        consent.api.map(|number| number.0).into(),
        now.0.into(),
    ];
    let sql = if consent.api.is_some() { GIVE_FOR_API } else { GIVE_FOR_NONE };
    let rows = tx.query(sql, &values).await?;
    let number = rows.into_iter().next().ok_or_else(|| Error::inconsistent("consents", "no number"))?.int()?;
    let permissions: Vec<_> = consent.permissions.iter().map(|held| vec![number.into(), held.0.into()]).collect();
    tx.execute_each(ADD_PERMISSION, &permissions).await?;
    let identity: Vec<_> = consent.identity.iter().map(|scope| vec![number.into(), scope.into()]).collect();
    tx.execute_each(ADD_IDENTITY, &identity).await
}

/// The consent with this id.
pub async fn find(tx: &mut Tx<'_>, workspace: WorkspaceNumber, id: &str) -> Result<Option<Consent>, Error> {
    let rows = tx.query(FIND, &[workspace.0.into(), id.into()]).await?;
    let Some((number, mut consent)) = rows.into_iter().next().map(decode).transpose()? else { return Ok(None) };
    for row in tx.query(PERMISSIONS, &[number.into()]).await? {
        consent.permissions.push(PermissionNumber(row.of("consent_permissions").int()?));
    }
    for row in tx.query(IDENTITY, &[number.into()]).await? {
        consent.identity.push(row.of("consent_identity").text()?);
    }
    Ok(Some(consent))
}

/// One page of the consents that fit the filter, oldest first.
pub async fn list(
    tx: &mut Tx<'_>,
    workspace: WorkspaceNumber,
    filter: &ConsentFilter,
    (offset, limit): (i64, i64),
) -> Result<Vec<Consent>, Error> {
    let mut values = filtered(workspace, filter);
    values.extend([limit.into(), offset.into()]);
    let mut permissions: HashMap<i64, Vec<PermissionNumber>> = HashMap::new();
    for row in tx.query(PERMISSIONS_OF_PAGE, &values).await? {
        let mut row = row.of("consent_permissions");
        permissions.entry(row.int()?).or_default().push(PermissionNumber(row.int()?));
    }
    let mut identity: HashMap<i64, Vec<String>> = HashMap::new();
    for row in tx.query(IDENTITY_OF_PAGE, &values).await? {
        let mut row = row.of("consent_identity");
        identity.entry(row.int()?).or_default().push(row.text()?);
    }
    let whole = |row| {
        let (number, consent) = decode(row)?;
        let permissions = permissions.remove(&number).unwrap_or_default();
        Ok(Consent { permissions, identity: identity.remove(&number).unwrap_or_default(), ..consent })
    };
    tx.query(LIST, &values).await?.into_iter().map(whole).collect()
}

/// How many consents fit the filter.
pub async fn count(tx: &mut Tx<'_>, workspace: WorkspaceNumber, filter: &ConsentFilter) -> Result<i64, Error> {
    let rows = tx.query(COUNT, &filtered(workspace, filter)).await?;
    rows.into_iter().next().ok_or_else(|| Error::inconsistent("consents", "no count"))?.int()
}

/// Deletes a consent.
pub async fn delete(tx: &mut Tx<'_>, workspace: WorkspaceNumber, id: &str) -> Result<(), Error> {
    tx.query(DELETE, &[workspace.0.into(), id.into()]).await?;
    Ok(())
}

/// Deletes every consent of something.
pub async fn delete_all(tx: &mut Tx<'_>, workspace: WorkspaceNumber, of: &ConsentsOf) -> Result<(), Error> {
    let (sql, value) = match of {
        ConsentsOf::Api(number) => (DELETE_OF_API, number.0.into()),
        ConsentsOf::Client(number) => (DELETE_OF_CLIENT, number.0.into()),
        ConsentsOf::User(id) => (DELETE_OF_USER, id.into()),
    };
    tx.query(sql, &[workspace.0.into(), value]).await?;
    Ok(())
}

fn filtered(workspace: WorkspaceNumber, filter: &ConsentFilter) -> Vec<Value> {
    // No API has the number 0.
    let api = filter.api.map(|api| api.map_or(0, |number| number.0));
    vec![workspace.0.into(), filter.user_id.clone().into(), filter.client.map(|number| number.0).into(), api.into()]
}

/// A consent without what it is to, and its number.
fn decode(row: Row) -> Result<(i64, Consent), Error> {
    let mut row = row.of("consents");
    let (number, id, client) = (row.int()?, row.text()?, ClientNumber(row.int()?));
    let (user_id, api) = (row.text()?, row.int_or_null()?.map(ApiNumber));
    Ok((number, Consent { id, client, user_id, api, permissions: Vec::new(), identity: Vec::new() }))
}
