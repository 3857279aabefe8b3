//! Whether this program can do its work.

use keyward_core::{Problem, model::Revision};

use crate::app::App;

/// The last change that this node shows, once it is known that the store answers and the node may believe its memory.
///
/// # Errors
/// [`Problem::Unavailable`] with what is missing.
pub async fn ready(app: &App) -> Result<Revision, Problem> {
    app.lease.check()?;
    app.store.revision().await?;
    Ok(app.revision())
}
