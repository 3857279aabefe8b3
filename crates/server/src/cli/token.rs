//! `keyward token`.

use keyward_core::access::ManagementScope;

use super::{Token, one_shot::ask_or_open, print};
use crate::{control::Ask, service::token::LONGEST_LIFE};

pub(super) async fn run(arguments: Token) -> anyhow::Result<()> {
    let scopes = match &arguments.scope {
        Some(text) => text.split_whitespace().map(str::to_owned).collect(),
        None => ManagementScope::ALL.iter().map(|scope| scope.value().to_owned()).collect(),
    };
    let ttl = arguments.ttl;
    let token = ask_or_open(&arguments.place, "token", |database| Ask::Token { scopes, ttl, database }).await?;
    print(&token);
    Ok(())
}

/// A number and its unit, as seconds, at most 30 days.
pub(super) fn parse_ttl(text: &str) -> Result<u64, String> {
    let seconds = parse_seconds(text)?;
    if seconds > LONGEST_LIFE.as_secs() {
        return Err(format!("`{text}` is longer than a token may live: at most 30d"));
    }
    Ok(seconds)
}

/// A number and its unit, as seconds.
pub(super) fn parse_seconds(text: &str) -> Result<u64, String> {
    let wanted = || format!("`{text}` is not a time: write a number and s, m, h or d, as in 24h");
    let unit = text.chars().last().ok_or_else(wanted)?;
    let factor = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3600,
        'd' => 86_400,
        _ => return Err(wanted()),
    };
    let number: u64 = text[..text.len() - 1].parse().map_err(|_| wanted())?;
    number.checked_mul(factor).filter(|seconds| *seconds >= 1 && *seconds < 1 << 40).ok_or_else(wanted)
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
