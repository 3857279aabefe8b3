//! Workspaces.

use keyward_core::{
    model::{Revision, WorkspaceNumber, workspace::Workspace},
    snapshot,
    time::Timestamp,
};

use crate::{
    Error,
    engine::{Row, Sql, Tx},
    writer::{Change, Kind},
};

const PUBLIC_URL: Sql = Sql("SELECT public_url FROM workspaces WHERE number = $1");
const SET_PUBLIC_URL: Sql =
    Sql("UPDATE workspaces SET public_url = $2, created_at = CASE WHEN created_at = 0 THEN $3 ELSE created_at END \
     WHERE number = $1");
const UPDATE: Sql = Sql("UPDATE workspaces SET settings = $2, revision = $3 WHERE number = $1");
const FIND: Sql = Sql("SELECT number, settings, revision FROM workspaces WHERE number = $1");
const ALL: Sql = Sql("SELECT number, settings, revision FROM workspaces ORDER BY number");
const CHANGED: Sql = Sql("SELECT number, settings, revision FROM workspaces WHERE number IN \
     (SELECT number FROM changes WHERE kind = 'workspace' AND revision > $1 AND revision <= $2) ORDER BY number");

fn missing() -> Error {
    Error::inconsistent("workspaces", "the workspace is missing")
}

/// The workspace's public URL, with its slash at the end; empty before the first start is done.
pub async fn public_url(tx: &mut Tx<'_>, workspace: WorkspaceNumber) -> Result<String, Error> {
    let rows = tx.query(PUBLIC_URL, &[workspace.0.into()]).await?;
    rows.into_iter().next().ok_or_else(missing)?.text()
}

/// Sets the workspace's public URL.
pub async fn set_public_url(
    tx: &mut Tx<'_>,
    workspace: WorkspaceNumber,
    url: &str,
    now: Timestamp,
) -> Result<(), Error> {
    tx.query(SET_PUBLIC_URL, &[workspace.0.into(), url.into(), now.0.into()]).await?;
    Ok(())
}

/// The workspace with what is set for it.
pub async fn find(tx: &mut Tx<'_>, workspace: WorkspaceNumber) -> Result<Workspace, Error> {
    let rows = tx.query(FIND, &[workspace.0.into()]).await?;
    rows.into_iter().next().ok_or_else(missing).and_then(decode)
}

/// Stores what is set for a workspace.
pub async fn update(change: &mut Change<'_>, workspace: &Workspace) -> Result<(), Error> {
    change.touch(Kind::Workspace, workspace.number.0);
    let settings = serde_json::to_string(&workspace.settings).map_err(|error| Error::Engine(Box::new(error)))?;
    change.tx().query(UPDATE, &[workspace.number.0.into(), settings.into(), workspace.revision.0.into()]).await?;
    Ok(())
}

pub(crate) async fn all(tx: &mut Tx<'_>) -> Result<Vec<snapshot::Row>, Error> {
    tx.query(ALL, &[]).await?.into_iter().map(whole).collect()
}

pub(crate) async fn changed(tx: &mut Tx<'_>, (since, until): (i64, i64)) -> Result<Vec<snapshot::Row>, Error> {
    tx.query(CHANGED, &[since.into(), until.into()]).await?.into_iter().map(whole).collect()
}

fn whole(row: Row) -> Result<snapshot::Row, Error> {
    decode(row).map(|workspace| snapshot::Row::Workspace(workspace.number, Some(Box::new(workspace))))
}

fn decode(row: Row) -> Result<Workspace, Error> {
    let mut row = row.of("workspaces");
    let (number, text) = (WorkspaceNumber(row.int()?), row.text()?);
    let settings =
        serde_json::from_str(&text).map_err(|error| Error::inconsistent("workspaces", format!("settings: {error}")))?;
    Ok(Workspace { number, settings, revision: Revision(row.int()?) })
}
