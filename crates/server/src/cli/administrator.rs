//! `keyward admin`.

use std::io::{IsTerminal, Read};

use anyhow::Context;
use keyward_core::time::Entropy;
use serde_json::Value;

use super::{Admin, AdminCommand, one_shot::ask_or_open, print};
use crate::{
    control::{Ask, Typed},
    environment::SystemEntropy,
    ids,
};

/// How many letters and digits a generated password has: 142 bits.
const GENERATED: usize = 24;
/// The most of standard input that is read, in bytes.
const LONGEST: u64 = 64 * 1024;

pub(super) async fn run(arguments: Admin) -> anyhow::Result<()> {
    match arguments.command {
        AdminCommand::Create { place, email, role } => {
            let (password, is_generated) = password(&SystemEntropy)?;
            let typed = Typed(password.clone());
            let ask = |database| Ask::AdministratorCreate { email, role, password: typed, database };
            ask_or_open(&place, "admin create", ask).await?;
            if is_generated {
                print(&password);
            }
        }
        AdminCommand::Link { place, email } => {
            let ask = |database| Ask::AdministratorLink { email, database };
            print(&ask_or_open(&place, "admin link", ask).await?);
        }
        AdminCommand::List { place, json } => {
            let text = ask_or_open(&place, "admin list", |database| Ask::AdministratorList { database }).await?;
            if json {
                print(&text);
                return Ok(());
            }
            let all: Vec<Value> = serde_json::from_str(&text)?;
            for who in all {
                let field = |name: &str| who[name].as_str().unwrap_or("-").to_owned();
                print(&format!("{}  {}  {}", field("id"), field("role"), field("email")));
            }
        }
        AdminCommand::Remove { place, email } => {
            let ask = |database| Ask::AdministratorRemove { email, database };
            ask_or_open(&place, "admin remove", ask).await?;
        }
    }
    Ok(())
}

/// The password from standard input, to the end of its line; one that nobody knows yet if nobody sends any.
fn password(entropy: &dyn Entropy) -> anyhow::Result<(String, bool)> {
    let mut text = String::new();
    if !std::io::stdin().is_terminal() {
        let reading = std::io::stdin().lock().take(LONGEST).read_to_string(&mut text);
        reading.context("the password can't be read from standard input")?;
    }
    match text.lines().next().unwrap_or_default() {
        "" => Ok((ids::alphanumeric(entropy, GENERATED), true)),
        typed => Ok((typed.to_owned(), false)),
    }
}
