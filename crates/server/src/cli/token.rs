//! `keyward token`.

use anyhow::{anyhow, bail};
use keyward_core::{access::ManagementScope, model::WorkspaceNumber};
use keyward_store::{Store, catalogue};

use super::{
    Token, print,
    start::{explain, fingerprint, open, start_app, take},
};
use crate::{
    control::{Answer, Ask, ask, carry_out},
    service::token::LONGEST_LIFE,
    telemetry::log_to_standard_error,
};

pub(super) async fn run(arguments: Token) -> anyhow::Result<()> {
    let config = arguments.place.configuration(Vec::new())?;
    log_to_standard_error("warn");
    let scopes = match &arguments.scope {
        Some(text) => text.split_whitespace().map(str::to_owned).collect(),
        None => ManagementScope::ALL.iter().map(|scope| scope.value().to_owned()).collect(),
    };
    let database = fingerprint(&config.store.database_url);
    let question = Ask::Token { scopes, ttl: arguments.ttl, database };
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
            let held = take(&config, "token")?;
            let store = open(&config, &held).await?;
            let url = store
                .read(|tx| Box::pin(catalogue::workspace::public_url(tx, WorkspaceNumber::FIRST)))
                .await
                .map_err(|error| explain(error.into()))?;
            if url.is_empty() {
                bail!("this store was never served, so it has no public URL yet: start `keyward serve` once first");
            }
            let app = start_app(&config, store, url).await?;
            let answer = carry_out(&app, question).await;
            // Nobody is to wait for a node that was never there.
            app.lease.end(&app.store).await;
            answer
        }
    };
    match answer {
        Answer::Done(token) => {
            print(&token);
            Ok(())
        }
        Answer::Refused(text) => bail!(text),
    }
}

/// A number and its unit, as seconds.
pub(super) fn parse_ttl(text: &str) -> Result<u64, String> {
    let wanted = || format!("`{text}` is not a time: write a number and s, m, h or d, as in 24h, up to 30d");
    let unit = text.chars().last().ok_or_else(wanted)?;
    let factor = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3600,
        'd' => 86_400,
        _ => return Err(wanted()),
    };
    let number: u64 = text[..text.len() - 1].parse().map_err(|_| wanted())?;
    number.checked_mul(factor).filter(|seconds| (1..=LONGEST_LIFE.as_secs()).contains(seconds)).ok_or_else(wanted)
}

#[cfg(test)]
mod tests {
    use super::parse_ttl;

    #[test]
    fn times_have_a_unit_and_an_end() {
        assert_eq!(parse_ttl("24h"), Ok(86_400));
        assert_eq!(parse_ttl("30d"), Ok(2_592_000));
        for text in ["", "h", "24", "31d", "0s", "-1h", "1w", "ß"] {
            assert!(parse_ttl(text).is_err(), "{text}");
        }
    }
}
