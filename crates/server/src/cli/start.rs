//! From a configuration to a program that answers: what `serve` and `demo` share.

use std::{path::PathBuf, sync::Arc};

use anyhow::{Context, anyhow, bail};
use aws_lc_rs::digest::{SHA256, digest};
use keyward_core::{
    Problem,
    secret::Secret,
    time::{Clock, Entropy},
};
use keyward_store::{DirectoryLock, Error, Location, MasterKey, Store};
use tokio::sync::watch;
use zeroize::Zeroizing;

use crate::{
    app::{App, Parts},
    config::{Config, FirstClientConfig, MASTER_KEY_VARIABLE},
    control,
    environment::{SystemClock, SystemEntropy},
    http::{
        dispatch::Dispatch,
        serve::{Listening, serve},
        table, tls,
    },
    ids, keyring, memory, private_file,
    service::setup::FirstClient,
    token_log,
};

/// A program whose sockets are bound and whose store is open.
pub(super) struct Running {
    pub(super) app: Arc<App>,
    sockets: Vec<Listening>,
    /// The addresses it answers on, plain first.
    pub(super) addresses: Vec<String>,
    directory: Arc<DirectoryLock>,
}

/// Takes the data directory, binds the sockets, opens the store and starts the program.
pub(super) async fn start(config: &Config, command: &str) -> anyhow::Result<Running> {
    memory::fit_to(config.limits.key_cache_mebibytes);
    let directory = take(config, command)?;
    let plain = bind(&config.listen.http).await?;
    let secure = bind(&config.listen.https).await?;
    let public_url = public_url(config, plain.as_ref(), secure.as_ref());
    let store = open(config, &directory).await?;
    let secure = match secure {
        Some(socket) => {
            let tls = if config.tls.certificate.as_os_str().is_empty() {
                tls::development(directory.path(), &tls::names(&public_url), SystemClock.now())
            } else {
                tls::from_files(&config.tls.certificate, &config.tls.key)
            };
            Some(socket.with_tls(tls.map_err(|text| anyhow!(text))?))
        }
        None => None,
    };
    let app = start_app(config, store, public_url, Some(first_client(config))).await?;
    let address =
        |scheme: &str, socket: &Option<Listening>| socket.as_ref().map(|s| format!("{scheme}://{}", s.address));
    let addresses = [address("http", &plain), address("https", &secure)].into_iter().flatten().collect();
    let sockets = [plain, secure].into_iter().flatten().collect();
    Ok(Running { app, sockets, addresses, directory })
}

/// Takes the data directory, which holds the master key, the socket of commands and, on SQLite, the store.
pub(super) fn take(config: &Config, command: &str) -> anyhow::Result<Arc<DirectoryLock>> {
    let holder = format!("`keyward {command}`, process {}", std::process::id());
    let taken = DirectoryLock::take(&config.store.data_dir, &holder);
    taken.map(Arc::new).map_err(|error| anyhow!(error.to_string()))
}

async fn bind(address: &str) -> anyhow::Result<Option<Listening>> {
    if address.is_empty() {
        return Ok(None);
    }
    Listening::bind(address, None).await.map(Some).map_err(|text| anyhow!(text))
}

/// Starts the program on an open store.
pub(super) async fn start_app(
    config: &Config,
    store: Store,
    public_url: String,
    first_client: Option<FirstClient>,
) -> anyhow::Result<Arc<App>> {
    let parts = Parts {
        store,
        clock: Arc::new(SystemClock),
        entropy: Arc::new(SystemEntropy),
        new_key_pairs: Arc::new(keyring::generate),
        public_url,
        limits: config.limits,
        trusted_proxies: config.proxies.trusted.clone(),
        operations: table::ids(),
        database: fingerprint(&config.store.database_url),
        error_status: config.oauth.error_status,
        first_client,
    };
    App::start(parts).await.map_err(explain)
}

/// The application that the first start makes: the configured one, or one that nobody knows yet.
fn first_client(config: &Config) -> FirstClient {
    let FirstClientConfig { id, secret } = config.first_client.clone();
    if id.is_empty() {
        return FirstClient::generate(&SystemEntropy);
    }
    FirstClient { id, secret: Secret::from(secret) }
}

/// Opens the store that the configuration names, in a directory that is ours.
pub(super) async fn open(config: &Config, directory: &Arc<DirectoryLock>) -> anyhow::Result<Store> {
    let (digits, file) = master_key(config, &SystemEntropy)?;
    let master =
        Arc::new(parse_master_key(&digits).with_context(|| format!("{} does not hold a master key", file.place))?);
    let location = match config.store.database_url.as_str() {
        "" => Location::Directory(Arc::clone(directory)),
        url => Location::Database(url.to_owned()),
    };
    let opened = Store::open(location, master, SystemClock.now()).await;
    let store = opened.map_err(|error| explain(Problem::from(error)))?;
    if let Some(path) = file.unwritten {
        // A store that has secrets already has a master key, and it is not the one that was just made. A store without
        // any may be what a first start left that was cut off before this line.
        match store.load().await {
            Ok(_) => {}
            Err(Error::Inconsistent { .. }) => {
                bail!("the master key {} is missing: secrets in the store can't be read without it", file.place)
            }
            // A store that can't be read may have secrets, so the new key is not kept.
            Err(error) => return Err(explain(error.into())),
        }
        private_file::create(&path, &format!("{}\n", *digits), 0o600)
            .with_context(|| format!("`{}` can't be written", path.display()))?;
    }
    Ok(store)
}

/// A problem in one line, with its causes: whoever starts the program may see them.
#[expect(clippy::needless_pass_by_value, reason = "it is where a problem ends, and `map_err` gives it whole")]
pub(super) fn explain(problem: Problem) -> anyhow::Error {
    let text = match &problem {
        // The cause says all there is to say.
        Problem::Internal(cause) => cause.to_string(),
        Problem::Unavailable(text, _) => (*text).to_owned(),
        other => other.to_string(),
    };
    let mut text = text;
    let mut next = std::error::Error::source(&problem);
    if matches!(problem, Problem::Internal(_)) {
        next = next.and_then(std::error::Error::source);
    }
    while let Some(cause) = next {
        text = format!("{text}: {cause}");
        next = cause.source();
    }
    anyhow!(text)
}

/// Where a master key comes from.
struct MasterKeyFile {
    /// For a person.
    place: String,
    /// Where to keep it, if it was just made.
    unwritten: Option<PathBuf>,
}

/// The digits of the key that seals secrets: from the environment, from its file, or new for a new store.
fn master_key(config: &Config, entropy: &dyn Entropy) -> anyhow::Result<(Zeroizing<String>, MasterKeyFile)> {
    if let Ok(digits) = std::env::var(MASTER_KEY_VARIABLE) {
        let place = MASTER_KEY_VARIABLE.to_owned();
        return Ok((Zeroizing::new(digits), MasterKeyFile { place, unwritten: None }));
    }
    let directory = &config.store.data_dir;
    let named = &config.store.master_key_file;
    let path = if named.as_os_str().is_empty() { directory.join("master.key") } else { named.clone() };
    let place = format!("`{}`", path.display());
    match std::fs::read_to_string(&path) {
        Ok(digits) => Ok((Zeroizing::new(digits), MasterKeyFile { place, unwritten: None })),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let mut bytes = Zeroizing::new([0; MasterKey::LENGTH]);
            entropy.fill(bytes.as_mut_slice());
            let digits = Zeroizing::new(ids::hex(bytes.as_slice()));
            Ok((digits, MasterKeyFile { place, unwritten: Some(path) }))
        }
        Err(error) => bail!("the master key {place} can't be read: {error}"),
    }
}

/// Tells one database from another without naming it; none for SQLite.
pub(super) fn fingerprint(url: &str) -> Option<String> {
    (!url.is_empty()).then(|| ids::hex(digest(&SHA256, url.as_bytes()).as_ref()))
}

fn parse_master_key(digits: &str) -> anyhow::Result<MasterKey> {
    let digits = digits.trim();
    let mut bytes = [0; MasterKey::LENGTH];
    if digits.len() != bytes.len() * 2 || !digits.is_ascii() {
        bail!("it must be {} hexadecimal digits", bytes.len() * 2);
    }
    for (byte, place) in bytes.iter_mut().zip((0..digits.len()).step_by(2)) {
        *byte = u8::from_str_radix(&digits[place..place + 2], 16).context("a digit is not hexadecimal")?;
    }
    Ok(MasterKey::new(&bytes))
}

/// The configured URL, or one that works on this machine.
fn public_url(config: &Config, plain: Option<&Listening>, secure: Option<&Listening>) -> String {
    let configured = &config.listen.public_url;
    if !configured.is_empty() {
        let slash = if configured.ends_with('/') { "" } else { "/" };
        return format!("{configured}{slash}");
    }
    let (scheme, socket, usual) = match (plain, secure) {
        (_, Some(socket)) => ("https", socket, 443),
        (Some(socket), None) => ("http", socket, 80),
        (None, None) => unreachable!("a configuration without any address is refused"),
    };
    match socket.address.port() {
        port if port == usual => format!("{scheme}://localhost/"),
        port => format!("{scheme}://localhost:{port}/"),
    }
}

impl Running {
    /// Answers until the process is told to stop, and finishes what is in flight.
    pub(super) async fn serve(self, ready: impl FnOnce()) -> anyhow::Result<()> {
        let (tell, stop) = watch::channel(false);
        // From here on a signal is heard, so nothing is ready before.
        let told = stop_signal();
        tokio::spawn(async move {
            told.await;
            tracing::info!("told to stop, finishing requests in flight");
            let _ = tell.send(true);
        });
        control::listen(Arc::clone(&self.app), self.directory.path());
        let serving = serve(Arc::clone(&self.app), Arc::new(Dispatch::new(Arc::clone(&self.app))), self.sockets, stop);
        ready();
        serving.await;
        if let Err(error) = token_log::flush(&self.app).await {
            tracing::error!(error = %error, "the last entries about tokens could not be written to the audit log");
        }
        // After those, from which it is known what tokens used.
        if let Err(error) = self.app.usage.flush(&self.app.store).await {
            tracing::warn!(error = %error, "the last usage could not be written");
        }
        self.app.lease.end(&self.app.store).await;
        Ok(())
    }
}

/// Listens for the signals that ask a process to stop, from the call on; the future ends when one came.
fn stop_signal() -> impl Future<Output = ()> {
    use tokio::signal::unix::{SignalKind, signal};
    let (terminate, interrupt) = (signal(SignalKind::terminate()), signal(SignalKind::interrupt()));
    async move {
        let (Ok(mut terminate), Ok(mut interrupt)) = (terminate, interrupt) else {
            // Without handlers the signals end the process at once, which the store survives.
            return std::future::pending().await;
        };
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    }
}
