//! Workspaces.

use keyward_core::{model::WorkspaceNumber, time::Timestamp};

use crate::{
    Error,
    engine::{Sql, Tx},
};

const PUBLIC_URL: Sql = Sql("SELECT public_url FROM workspaces WHERE number = $1");
const SET_PUBLIC_URL: Sql =
    Sql("UPDATE workspaces SET public_url = $2, created_at = CASE WHEN created_at = 0 THEN $3 ELSE created_at END \
     WHERE number = $1");

/// The workspace's public URL, with its slash at the end; empty before the first start is done.
pub async fn public_url(tx: &mut Tx<'_>, workspace: WorkspaceNumber) -> Result<String, Error> {
    let rows = tx.query(PUBLIC_URL, &[workspace.0.into()]).await?;
    rows.into_iter().next().ok_or_else(|| Error::inconsistent("workspaces", "the workspace is missing"))?.text()
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
