//! `keyward serve`.

use super::{
    Serve, print,
    start::{explain, start},
};
use crate::{service::administrator, telemetry::log_to_standard_error};

pub(super) async fn run(arguments: Serve) -> anyhow::Result<()> {
    let config = arguments.place.configuration(arguments.flags())?;
    log_to_standard_error(&config.log.level);
    let running = start(&config, "serve").await?;
    if let Some(first) = &running.app.first_client {
        let directory = config.store.data_dir.display();
        print(&format!("An application that may use the Management API was made. Its client_id: {}", first.id));
        if config.first_client.secret.is_empty() {
            let secret = first.secret.expose_text().unwrap_or_default();
            print(&format!("Its client_secret, shown this once: {secret}"));
        }
        print(&format!("First start. Print a Management API token with: keyward token --data-dir '{directory}'"));
        print(&format!(
            "and a root key for API keys with: keyward root-key create --data-dir '{directory}' --name NAME --permission '*'"
        ));
    }
    if let Some(link) = administrator::first(&running.app).await.map_err(explain)? {
        let link = link.expose_text().unwrap_or_default();
        print(&format!("Open the console, once, within a day: {}sign-in/{link}", running.app.public_url));
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
