//! The feed of revocations: what an API must refuse although a token is signed, in time and says so.

use keyward_core::{
    Problem,
    model::{
        Revision,
        api::{SigningAlgorithm, TOKEN_LIFETIME_MAX},
        signing_key::ALGORITHMS,
    },
    problem::{Invalid, Part},
    time::Timestamp,
};
use keyward_store::catalogue::revocation::{self, Asked};
use serde_json::{Value, json};

use super::{
    api::{self, Reference},
    signing,
};
use crate::{
    app::{App, Call, View},
    keyring::kid_of,
};

/// What the feed's header says that it is, so that nobody takes it for an access token (RFC 8725 §3.11).
const KIND: &str = "revocations+jwt";
/// For how many seconds an answer may be believed. Readers ask every few seconds.
const LIFE: i64 = 300;
/// How many seconds pass at most from the time that a deletion is given to its commit.
const COMMIT: i64 = 1;

/// What was taken away from an API's tokens since a revision, signed with the current key.
///
/// Entries go back 30 days, however long the API's tokens live: when one was issued, they may have lived longer.
///
/// # Errors
/// [`Problem::NotFound`]; [`Problem::Invalid`] for a revision that has not been reached, which is another store's.
pub async fn feed(call: &Call, view: &View, reference: &Reference, since: Revision) -> Result<String, Problem> {
    let app = &call.app;
    let audience = api::find(&view.snapshot, call.workspace, reference)?.api.identifier.clone();
    let horizon = Timestamp(call.now.0 - i64::from(TOKEN_LIFETIME_MAX) * 1000);
    let (workspace, identifier) = (call.workspace, audience.clone());
    let reading = app.store.read(move |tx| {
        Box::pin(async move {
            let asked = Asked { workspace, audience: &identifier, since, horizon };
            revocation::since(tx, &asked).await
        })
    });
    let found = reading.await?;
    if since > found.revision {
        let detail = format!("Revision {} has not been reached; begin at 0 again", since.0);
        return Err(Problem::Invalid(Invalid::property(Part::Query, "since", detail)));
    }
    let settling = settling(app);
    let removed = found.removed.iter().map(|gone| {
        json!({
            "id": gone.id, "value": gone.value, "removed_at": gone.over_at(settling), "revision": gone.revision.0,
        })
    });
    let restored: Vec<String> = found.restored.into_iter().map(|back| back.id).collect();
    let keys = found.keys.iter().flat_map(|key| {
        ALGORITHMS.map(|algorithm| {
            json!({
                "kid": kid_of(&key.kid, algorithm), "state": key.state.as_str(), "revision": key.revision.0,
            })
        })
    });
    let begin = app.clock.now().seconds();
    let claims = json!({
        "iss": app.public_url, "aud": audience, "iat": begin, "exp": begin + LIFE,
        "revision": found.revision.0, "since": since.0, "more": found.more,
        "permissions": removed.collect::<Value>(), "restored": restored, "keys": keys.collect::<Value>(),
    });
    signing::sign(app, view, SigningAlgorithm::RS256, KIND, &claims.to_string()).await
}

/// How many seconds after the time of a deletion a node may still issue tokens with what was deleted.
fn settling(app: &App) -> i64 {
    if !app.store.is_shared() {
        return COMMIT;
    }
    let lease = app.limits.lease_milliseconds.div_ceil(1000);
    COMMIT + i64::try_from(lease).unwrap_or(i64::MAX - COMMIT)
}
