//! One-shot commands: they ask the program that holds the data directory, or open the store when none does.

use anyhow::{anyhow, bail};
use keyward_core::model::WorkspaceNumber;
use keyward_store::{Store, catalogue};

use super::{
    Place,
    start::{explain, fingerprint, open, start_app, take},
};
use crate::{
    control::{Answer, Ask, ask, carry_out},
    telemetry::log_to_standard_error,
};

/// Carries a command out, wherever the program is; the text that it answers.
pub(super) async fn ask_or_open(
    place: &Place,
    command: &str,
    question: impl FnOnce(Option<String>) -> Ask,
) -> anyhow::Result<String> {
    let config = place.configuration(Vec::new())?;
    log_to_standard_error("warn");
    let question = question(fingerprint(&config.store.database_url));
    let directory = &config.store.data_dir;
    let answer = match ask(directory, &question).await.map_err(|text| anyhow!(text))? {
        Some(answer) => answer,
        None => {
            // Nobody serves, so this process may open the store itself.
            if config.store.database_url.is_empty() && !Store::exists(directory) {
                bail!(
                    "there is no store in `{0}`: start `keyward serve --data-dir {0}` once first",
                    directory.display()
                );
            }
            let held = take(&config, command)?;
            let store = open(&config, &held).await?;
            let url = store
                .read(|tx| Box::pin(catalogue::workspace::public_url(tx, WorkspaceNumber::FIRST)))
                .await
                .map_err(|error| explain(error.into()))?;
            if url.is_empty() {
                bail!("this store was never served, so it has no public URL yet: start `keyward serve` once first");
            }
            let app = start_app(&config, store, url, None).await?;
            let answer = carry_out(&app, question).await;
            // Nobody is to wait for a node that was never there.
            app.lease.end(&app.store).await;
            answer
        }
    };
    match answer {
        Answer::Done(text) => Ok(text),
        Answer::Refused(text) => bail!(text),
    }
}
