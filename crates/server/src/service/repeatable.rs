//! Changes that a client may send again without making them twice.

use keyward_core::Problem;
use keyward_core::{model::log::LogDraft, problem::Conflict};
use keyward_store::{
    BoxFuture, Change, Error,
    keys::idempotency::{self, Earlier},
};
use serde::{Serialize, de::DeserializeOwned};

use crate::app::Call;

/// Somebody else made the same request meanwhile.
#[derive(Debug)]
struct MadeMeanwhile;

impl std::fmt::Display for MadeMeanwhile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the same request was carried out meanwhile")
    }
}

impl std::error::Error for MadeMeanwhile {}

/// Carries out a change, as [`App::change`](crate::app::App::change) does. If the request came with an idempotency key,
/// what came of it is remembered in the same commit, and a request with the same key gets that instead of another
/// change. A request that was refused is not remembered: it changed nothing.
///
/// # Errors
/// What `work` returns; [`Problem::Conflict`] when the key stands for another request.
pub(super) async fn change<T, D, F>(call: &Call, work: F) -> Result<T, Problem>
where
    T: Serialize + DeserializeOwned + Send + 'static,
    D: Into<Option<LogDraft>> + Send + 'static,
    F: for<'t, 'c> FnOnce(&'t mut Change<'c>) -> BoxFuture<'t, Result<(T, D), Error>> + Send + 'static,
{
    let Some(request) = call.repeatable.clone() else {
        return call.app.change(work).await.map(|(value, _)| value);
    };
    if let Some(value) = earlier(call).await? {
        return Ok(value);
    }
    let app = std::sync::Arc::clone(&call.app);
    let now = call.now;
    let changed = call.app.change(move |change| {
        Box::pin(async move {
            match idempotency::find(change.tx(), &request, app.store.master(), now).await? {
                Earlier::Unknown => {}
                Earlier::Done(_) | Earlier::Other => return Err(Problem::internal(MadeMeanwhile).into()),
            }
            let (value, draft) = work(change).await?;
            let outcome = serde_json::to_vec(&value).map_err(Problem::internal)?;
            let outcome = keyward_core::secret::Secret::new(outcome);
            let sealing = (app.store.master().as_ref(), app.entropy.as_ref());
            idempotency::remember(change.tx(), &request, &outcome, sealing, now).await?;
            Ok((value, draft))
        })
    });
    match changed.await {
        Ok((value, _)) => Ok(value),
        Err(Problem::Internal(cause)) if cause.is::<MadeMeanwhile>() => {
            earlier(call).await?.ok_or_else(|| Problem::internal(MadeMeanwhile))
        }
        Err(problem) => Err(problem),
    }
}

/// What came of the request when it was sent before.
async fn earlier<T: DeserializeOwned>(call: &Call) -> Result<Option<T>, Problem> {
    let Some(request) = call.repeatable.clone() else { return Ok(None) };
    let (master, now) = (std::sync::Arc::clone(call.app.store.master()), call.now);
    let found =
        call.app.store.read(move |tx| Box::pin(async move { idempotency::find(tx, &request, &master, now).await }));
    match found.await? {
        Earlier::Unknown => Ok(None),
        Earlier::Other => Err(Problem::Conflict(Conflict::IdempotencyKey)),
        Earlier::Done(outcome) => {
            // Whoever is answered may rely on it at once, on every node: the first request may still wait for that.
            call.app.shown(call.app.store.revision().await?).await?;
            call.app.shown_everywhere().await?;
            serde_json::from_slice(outcome.expose()).map(Some).map_err(Problem::internal)
        }
    }
}
