//! The configuration: what is compiled in, a file, the environment, flags. All problems are reported at once.

use std::{fmt::Write, net::IpAddr, path::PathBuf, time::Duration};

use serde::Deserialize;
use toml::{Table, Value};

/// The lowest layer, which is also the documentation.
pub const DEFAULT: &str = include_str!("../config.default.toml");
/// Variables of the environment that are configuration begin with this.
const PREFIX: &str = "KEYWARD_";
/// Holds the master key itself, which never stands in a file of settings.
pub const MASTER_KEY_VARIABLE: &str = "KEYWARD_MASTER_KEY";

/// The whole configuration.
#[derive(Debug, Clone, Deserialize)]
pub struct Config {
    /// Addresses.
    pub listen: Listen,
    /// Certificates.
    pub tls: Tls,
    /// Where data lives.
    pub store: StoreConfig,
    /// Limits.
    pub limits: Limits,
    /// Logs.
    pub log: Log,
    /// Proxies in front of the program.
    pub proxies: Proxies,
    /// The authorization server.
    pub oauth: OAuth,
    /// The application that is made at the first start.
    pub first_client: FirstClientConfig,
}

/// The application that is made at the first start; empty texts for one that is made up and printed.
#[derive(Clone, Deserialize)]
pub struct FirstClientConfig {
    /// Its `client_id`.
    pub id: String,
    /// Its secret.
    pub secret: String,
}

impl std::fmt::Debug for FirstClientConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FirstClientConfig").field("id", &self.id).finish_non_exhaustive()
    }
}

/// The authorization server.
#[derive(Debug, Clone, Copy, Deserialize)]
pub struct OAuth {
    /// The statuses of refusals.
    pub error_status: ErrorStatus,
}

/// How the authorization server says that it refuses (contract: rules for all endpoints).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorStatus {
    /// As the original does: mostly 403.
    Auth0,
    /// As RFC 6749 §5.2 has it: mostly 400.
    Rfc6749,
}

/// Addresses; an empty text stands for none.
#[derive(Debug, Clone, Deserialize)]
pub struct Listen {
    /// Plain HTTP.
    pub http: String,
    /// HTTPS.
    pub https: String,
    /// The URL clients use.
    pub public_url: String,
}

/// Certificates; without them a development certificate is made.
#[derive(Debug, Clone, Deserialize)]
pub struct Tls {
    /// The chain, PEM.
    pub certificate: PathBuf,
    /// The private key, PEM.
    pub key: PathBuf,
}

/// Where data lives.
#[derive(Clone, Deserialize)]
pub struct StoreConfig {
    /// SQLite, the master key, the development certificate's authority.
    pub data_dir: PathBuf,
    /// PostgreSQL instead of SQLite.
    pub database_url: String,
    /// The file with the master key.
    pub master_key_file: PathBuf,
}

impl std::fmt::Debug for StoreConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The URL holds a password.
        f.debug_struct("StoreConfig").field("data_dir", &self.data_dir).finish_non_exhaustive()
    }
}

/// Limits.
#[derive(Debug, Clone, Copy, Deserialize)]
pub struct Limits {
    /// The longest body, in bytes.
    pub body_bytes: usize,
    /// The most connections at once.
    pub connections: usize,
    /// The longest time for the headers of a request, in seconds.
    pub header_seconds: u64,
    /// The longest time for a request, in seconds.
    pub request_seconds: u64,
    /// The longest time to finish requests in flight, in seconds.
    pub drain_seconds: u64,
    /// The most permissions of one API; 0 for no limit.
    pub permissions_per_api: usize,
    /// The most permissions of one role; 0 for no limit.
    pub permissions_per_role: usize,
    /// The most roles of one user; 0 for no limit.
    pub roles_per_user: usize,
    /// The most permissions that one user has directly; 0 for no limit.
    pub permissions_per_user: usize,
    /// The longest body of the keys' API, in bytes.
    pub key_body_bytes: usize,
    /// The most memory for keys that were read, in MiB.
    pub key_cache_mebibytes: u64,
    /// How long a node may believe its memory without the database, in milliseconds.
    pub lease_milliseconds: u64,
}

impl Limits {
    /// How long a node may believe its memory without the database.
    pub fn lease(&self) -> Duration {
        Duration::from_millis(self.lease_milliseconds)
    }
}

/// Logs.
#[derive(Debug, Clone, Deserialize)]
pub struct Log {
    /// The least important lines that are written.
    pub level: String,
}

/// Proxies.
#[derive(Debug, Clone, Deserialize)]
pub struct Proxies {
    /// Those that may name the client's address.
    pub trusted: Vec<IpAddr>,
}

/// A setting from the command line: section, key, value.
pub type Flag = (&'static str, &'static str, String);

impl Config {
    /// Lays the file, the environment and the flags over the defaults.
    ///
    /// # Errors
    /// All problems, a line each, with where they come from.
    pub fn load(
        file: Option<(&str, &str)>,
        environment: impl IntoIterator<Item = (String, String)>,
        flags: Vec<Flag>,
    ) -> Result<Self, String> {
        let mut layers = Layers { settings: defaults(), problems: String::new() };
        if let Some((name, text)) = file {
            layers.lay_file(name, text);
        }
        for (variable, value) in environment {
            layers.lay_variable(&variable, &value);
        }
        for (section, key, value) in flags {
            layers.lay_text(&format!("--{}", key.replace('_', "-")), section, key, &value);
        }
        layers.finish()
    }
}

fn defaults() -> Table {
    DEFAULT.parse().unwrap_or_else(|error| unreachable!("the compiled-in configuration is valid: {error}"))
}

struct Layers {
    settings: Table,
    problems: String,
}

impl Layers {
    fn problem(&mut self, source: &str, text: &str) {
        let _ = writeln!(self.problems, "{source}: {text}");
    }

    fn lay_file(&mut self, name: &str, text: &str) {
        let table: Table = match text.parse() {
            Ok(table) => table,
            Err(error) => return self.problem(name, &error.to_string()),
        };
        for (section, keys) in table {
            let Value::Table(keys) = keys else {
                self.problem(name, &format!("`{section}` is not a section"));
                continue;
            };
            for (key, value) in keys {
                self.lay(name, &section, &key, value);
            }
        }
    }

    fn lay_variable(&mut self, variable: &str, value: &str) {
        // Other variables, such as the ones that the demo has people export, are no settings.
        let Some(name) = variable.strip_prefix(PREFIX) else { return };
        if let Some((section, key)) = name.to_ascii_lowercase().split_once("__") {
            self.lay_text(variable, section, key, value);
        }
    }

    /// Reads the text as the kind of value that the default is.
    fn lay_text(&mut self, source: &str, section: &str, key: &str, text: &str) {
        let value = match self.settings.get(section).and_then(|keys| keys.get(key)) {
            Some(Value::Integer(_)) => text.parse().ok().map(Value::Integer),
            Some(Value::Boolean(_)) => text.parse().ok().map(Value::Boolean),
            Some(Value::Array(_)) => {
                let items = text.split(',').map(str::trim).filter(|item| !item.is_empty());
                Some(Value::Array(items.map(|item| Value::String(item.to_owned())).collect()))
            }
            _ => Some(Value::String(text.to_owned())),
        };
        match value {
            Some(value) => self.lay(source, section, key, value),
            None => self.problem(source, &format!("`{text}` is not a value for {section}.{key}")),
        }
    }

    fn lay(&mut self, source: &str, section: &str, key: &str, value: Value) {
        let Some(slot) = self.settings.get_mut(section).and_then(|keys| keys.get_mut(key)) else {
            return self.problem(source, &format!("there is no setting {section}.{key}"));
        };
        if slot.same_type(&value) {
            *slot = value;
        } else {
            let wanted = slot.type_str();
            self.problem(source, &format!("{section}.{key} must be of type {wanted}"));
        }
    }

    fn finish(mut self) -> Result<Config, String> {
        match Config::deserialize(self.settings.clone()) {
            Ok(config) => {
                self.check(&config);
                if self.problems.is_empty() { Ok(config) } else { Err(self.problems.trim_end().to_owned()) }
            }
            Err(error) => {
                self.problem("configuration", error.message());
                Err(self.problems.trim_end().to_owned())
            }
        }
    }

    fn check(&mut self, config: &Config) {
        if config.tls.certificate.as_os_str().is_empty() != config.tls.key.as_os_str().is_empty() {
            self.problem("tls", "certificate and key go together: set both or none");
        }
        if config.listen.http.is_empty() && config.listen.https.is_empty() {
            self.problem("listen", "http and https are both empty: there would be nothing to answer on");
        }
        if !["error", "warn", "info", "debug", "trace"].contains(&config.log.level.as_str()) {
            self.problem("log.level", "must be error, warn, info, debug or trace");
        }
        let first = &config.first_client;
        if first.id.is_empty() != first.secret.is_empty() {
            self.problem("first_client", "id and secret go together: set both or none");
        }
        let is_plain =
            |text: &str| text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-');
        if first.id.len() > 64 || !is_plain(&first.id) {
            self.problem("first_client.id", "must be at most 64 letters, digits, `_` or `-`");
        }
        if !first.secret.is_empty() && first.secret.len() < 32 {
            self.problem("first_client.secret", "must be random and at least 32 characters long");
        }
        let url = &config.listen.public_url;
        if !(url.is_empty() || url.starts_with("https://") || url.starts_with("http://")) {
            self.problem("listen.public_url", "must begin with https:// or http://");
        }
        if url.contains(['?', '#']) {
            self.problem("listen.public_url", "can't have a query or a fragment");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn variables(list: &[(&str, &str)]) -> Vec<(String, String)> {
        list.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn the_defaults_are_a_configuration() {
        let config = Config::load(None, [], vec![]).expect("the defaults are valid");
        assert_eq!(config.limits.body_bytes, 1_048_576);
        assert_eq!(config.listen.http, "127.0.0.1:8080");
    }

    #[test]
    fn later_layers_win() {
        let file = "[listen]\nhttp = \"1.1.1.1:1\"\nhttps = \"1.1.1.1:2\"\n[limits]\nconnections = 5\n";
        let environment = variables(&[
            ("KEYWARD_LISTEN__HTTPS", "2.2.2.2:2"),
            ("KEYWARD_LIMITS__CONNECTIONS", "6"),
            ("KEYWARD_PROXIES__TRUSTED", "10.0.0.1, ::1"),
            ("KEYWARD_MASTER_KEY", "x"),
            ("HOME", "/root"),
        ]);
        let flags = vec![("listen", "https", "3.3.3.3:3".to_owned())];
        let config = Config::load(Some(("k.toml", file)), environment, flags).expect("valid");
        assert_eq!(config.listen.http, "1.1.1.1:1");
        assert_eq!(config.listen.https, "3.3.3.3:3");
        assert_eq!(config.limits.connections, 6);
        assert_eq!(config.proxies.trusted.len(), 2);
    }

    #[test]
    fn all_problems_are_reported_with_their_sources() {
        let file = "[listen]\nhtpp = \"x\"\nhttp = 8080\n[nothing]\na = 1\n";
        let environment = variables(&[
            ("KEYWARD_LIMITS__CONNECTIONS", "many"),
            ("KEYWARD_LIMITS__TYPO", "1"),
            ("KEYWARD_TOKEN", "x"),
        ]);
        let problems = Config::load(Some(("k.toml", file)), environment, vec![]).expect_err("all of it is wrong");
        assert_eq!(
            problems.lines().collect::<Vec<_>>(),
            [
                "k.toml: there is no setting listen.htpp",
                "k.toml: listen.http must be of type string",
                "k.toml: there is no setting nothing.a",
                "KEYWARD_LIMITS__CONNECTIONS: `many` is not a value for limits.connections",
                "KEYWARD_LIMITS__TYPO: there is no setting limits.typo",
            ]
        );
    }
}
