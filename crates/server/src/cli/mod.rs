//! The command line. Flags, names and output formats are a contract: add to them, do not change them.

mod administrator;
mod demo;
mod one_shot;
mod root_key;
mod serve;
mod start;
mod token;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::config::{Config, Flag};

/// Keyward: who may do what on your APIs.
#[derive(Debug, Parser)]
#[command(name = "keyward", version, about = "Keyward: who may do what on your APIs", max_term_width = 100)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Try it: a temporary store with example data, on loopback, and commands to paste
    Demo,
    /// Serve the APIs from a data directory or a PostgreSQL database
    Serve(Serve),
    /// Print a Management API token and nothing else
    Token(Token),
    /// Root keys: who may manage and verify API keys
    RootKey(RootKey),
    /// Migrations of API keys that were made elsewhere
    KeyMigration(KeyMigration),
    /// Administrators: who may use the console
    Admin(Admin),
}

/// Where the data is and how to reach it; the same for every command that opens the store.
#[derive(Debug, Clone, Default, Args)]
struct Place {
    /// A configuration file; `config.default.toml` in the sources documents every setting
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Where SQLite, the master key and the development certificate's authority live [default: ./keyward-data]
    #[arg(long, value_name = "DIR")]
    data_dir: Option<String>,
    /// A PostgreSQL database instead of SQLite
    #[arg(long, value_name = "URL")]
    database_url: Option<String>,
}

#[derive(Debug, Clone, Default, Args)]
struct Serve {
    #[command(flatten)]
    place: Place,
    /// Where to answer plain HTTP; an empty value for nowhere [default: 127.0.0.1:8080]
    #[arg(long, value_name = "ADDR")]
    http: Option<String>,
    /// Where to answer HTTPS; an empty value for nowhere [default: 127.0.0.1:8443]
    #[arg(long, value_name = "ADDR")]
    https: Option<String>,
    /// The certificate chain, PEM; without one a development certificate is made
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    tls_cert: Option<String>,
    /// The certificate's private key, PEM
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    tls_key: Option<String>,
    /// The URL that clients use: the issuer of tokens
    #[arg(long, value_name = "URL")]
    public_url: Option<String>,
}

#[derive(Debug, Clone, Args)]
struct Token {
    #[command(flatten)]
    place: Place,
    /// What the token allows, separated by spaces; without it, everything
    #[arg(long, value_name = "SCOPES")]
    scope: Option<String>,
    /// How long it is good for: a number and s, m, h or d
    #[arg(long, value_name = "TIME", default_value = "24h", value_parser = token::parse_ttl)]
    ttl: u64,
}

#[derive(Debug, Clone, Args)]
struct RootKey {
    #[command(subcommand)]
    command: RootKeyCommand,
}

#[derive(Debug, Clone, Subcommand)]
enum RootKeyCommand {
    /// Print a new root key and nothing else
    Create {
        #[command(flatten)]
        place: Place,
        /// What people call it
        #[arg(long)]
        name: String,
        /// What it may do: kind.id.action (api.*.create_key), a URN, or * for everything; may be repeated
        #[arg(long = "permission", value_name = "PERMISSION")]
        permissions: Vec<String>,
        /// How long it is good for: a number and s, m, h or d; without it, until it is revoked
        #[arg(long, value_name = "TIME", value_parser = token::parse_seconds)]
        ttl: Option<u64>,
    },
    /// List the root keys: id, beginning, name, permissions
    List {
        #[command(flatten)]
        place: Place,
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Revoke a root key; it is refused from then on
    Revoke {
        #[command(flatten)]
        place: Place,
        /// The key's id, as the list shows it
        id: String,
    },
}

#[derive(Debug, Clone, Args)]
struct Admin {
    #[command(subcommand)]
    command: AdminCommand,
}

#[derive(Debug, Clone, Subcommand)]
enum AdminCommand {
    /// Make an administrator; the password is read from standard input, or generated and printed once
    Create {
        #[command(flatten)]
        place: Place,
        /// The e-mail address to sign in with
        #[arg(long)]
        email: String,
        /// What it may do: viewer, editor or owner
        #[arg(long, default_value = "owner")]
        role: String,
    },
    /// Print a link that signs an administrator in once, within a day
    Link {
        #[command(flatten)]
        place: Place,
        /// The administrator's address; without one, the administrator that the first start made
        #[arg(long)]
        email: Option<String>,
    },
    /// List the administrators: id, role, e-mail address
    List {
        #[command(flatten)]
        place: Place,
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Remove an administrator, whose sessions end at once
    Remove {
        #[command(flatten)]
        place: Place,
        /// The administrator's address
        #[arg(long)]
        email: String,
    },
}

#[derive(Debug, Clone, Args)]
struct KeyMigration {
    #[command(subcommand)]
    command: KeyMigrationCommand,
}

#[derive(Debug, Clone, Subcommand)]
enum KeyMigrationCommand {
    /// Announce a migration, print its id and nothing else
    Create {
        #[command(flatten)]
        place: Place,
        /// What people call it
        #[arg(long)]
        name: String,
        /// How the hashes were made: sha256 or github.com/seamapi/prefixed-api-key
        #[arg(long, default_value = "sha256")]
        algorithm: String,
    },
}

impl Place {
    fn flags(&self) -> Vec<Flag> {
        let flags = [
            self.data_dir.clone().map(|value| ("store", "data_dir", value)),
            self.database_url.clone().map(|value| ("store", "database_url", value)),
        ];
        flags.into_iter().flatten().collect()
    }

    /// The configuration of this command, with more flags on top.
    fn configuration(&self, more: Vec<Flag>) -> anyhow::Result<Config> {
        let text = match &self.config {
            Some(path) => {
                let name = path.display().to_string();
                let read = std::fs::read_to_string(path);
                Some((name.clone(), read.map_err(|error| anyhow::anyhow!("`{name}` can't be read: {error}"))?))
            }
            None => None,
        };
        let file = text.as_ref().map(|(name, text)| (name.as_str(), text.as_str()));
        let flags = self.flags().into_iter().chain(more).collect();
        // A variable that is no text is none of ours.
        let variables =
            std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
        Config::load(file, variables, flags).map_err(|problems| anyhow::anyhow!(problems))
    }
}

impl Serve {
    fn flags(&self) -> Vec<Flag> {
        let flags = [
            self.http.clone().map(|value| ("listen", "http", value)),
            self.https.clone().map(|value| ("listen", "https", value)),
            self.public_url.clone().map(|value| ("listen", "public_url", value)),
            self.tls_cert.clone().map(|value| ("tls", "certificate", value)),
            self.tls_key.clone().map(|value| ("tls", "key", value)),
        ];
        flags.into_iter().flatten().collect()
    }
}

/// Carries out what was typed.
///
/// # Errors
/// One line for the person who typed it.
pub async fn run(cli: Cli) -> anyhow::Result<()> {
    match cli.command {
        Command::Demo => demo::run().await,
        Command::Serve(arguments) => serve::run(arguments).await,
        Command::Token(arguments) => token::run(arguments).await,
        Command::RootKey(arguments) => root_key::run(arguments).await,
        Command::KeyMigration(arguments) => root_key::announce(arguments).await,
        Command::Admin(arguments) => administrator::run(arguments).await,
    }
}

/// Writes a line to standard output, which is what this program is asked for.
fn print(line: &str) {
    use std::io::Write;
    let mut output = std::io::stdout().lock();
    // Nobody may be reading any more, and that is no reason to stop serving.
    let _ = writeln!(output, "{line}").and_then(|()| output.flush());
}
