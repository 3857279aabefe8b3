//! `keyward serve`.

use super::{Serve, print, start::start};
use crate::telemetry::log_to_standard_error;

pub(super) async fn run(arguments: Serve) -> anyhow::Result<()> {
    let config = arguments.place.configuration(arguments.flags())?;
    log_to_standard_error(&config.log.level);
    let running = start(&config, "serve").await?;
    if running.app.first_start {
        let directory = config.store.data_dir.display();
        print(&format!("First start. Print a Management API token with: keyward token --data-dir '{directory}'"));
        print(&format!(
            "and a root key for API keys with: keyward root-key create --data-dir '{directory}' --name NAME --permission '*'"
        ));
    }
    let line = format!("ready {}", running.addresses.join(" "));
    let url = running.app.public_url.clone();
    running
        .serve(|| {
            tracing::info!(public_url = url, "ready");
            print(&line);
        })
        .await
}
