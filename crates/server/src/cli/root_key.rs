//! `keyward root-key` and `keyward key-migration`.

use anyhow::bail;
use serde_json::Value;

use super::{KeyMigration, RootKey, RootKeyCommand, one_shot::ask_or_open, print};
use crate::control::Ask;

pub(super) async fn run(arguments: RootKey) -> anyhow::Result<()> {
    match arguments.command {
        RootKeyCommand::Create { place, name, permissions, ttl } => {
            if permissions.is_empty() {
                bail!("a root key without a permission can do nothing: give --permission, or --permission '*' for all");
            }
            let ask = |database| Ask::RootKeyCreate { name, permissions, ttl, database };
            print(&ask_or_open(&place, "root-key create", ask).await?);
        }
        RootKeyCommand::List { place, json } => {
            let text = ask_or_open(&place, "root-key list", |database| Ask::RootKeyList { database }).await?;
            if json {
                print(&text);
                return Ok(());
            }
            let keys: Vec<Value> = serde_json::from_str(&text)?;
            for key in keys {
                let field = |name: &str| key[name].as_str().unwrap_or_default().to_owned();
                let list = key["permissions"].as_array().map(Vec::as_slice).unwrap_or_default();
                let permissions: Vec<&str> = list.iter().filter_map(Value::as_str).collect();
                print(&format!("{}  {}…  {}  {}", field("id"), field("start"), field("name"), permissions.join(" ")));
            }
        }
        RootKeyCommand::Revoke { place, id } => {
            let ask = |database| Ask::RootKeyRevoke { id, database };
            ask_or_open(&place, "root-key revoke", ask).await?;
        }
    }
    Ok(())
}

pub(super) async fn announce(arguments: KeyMigration) -> anyhow::Result<()> {
    let super::KeyMigrationCommand::Create { place, name, algorithm } = arguments.command;
    let ask = |database| Ask::KeyMigrationCreate { name, algorithm, database };
    print(&ask_or_open(&place, "key-migration create", ask).await?);
    Ok(())
}
