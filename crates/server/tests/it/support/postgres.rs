//! A schema of its own for each test, in the server that the test script started.

use std::{
    path::PathBuf,
    sync::atomic::{AtomicU64, Ordering},
};

use tokio::{
    net::{TcpStream, UnixListener, UnixStream},
    sync::watch,
};
use tokio_postgres::config::Host;

/// Names the server: `postgres://…`.
const URL: &str = "TEST_POSTGRES_URL";
/// Set by the test script: then a missing server fails the tests instead of skipping them.
const REQUIRED: &str = "TEST_POSTGRES_REQUIRED";

pub(crate) async fn fresh_schema() -> Option<String> {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let Ok(url) = std::env::var(URL) else {
        assert!(std::env::var(REQUIRED).is_err(), "{URL} is not set: run scripts/test");
        super::skipped("on PostgreSQL, because TEST_POSTGRES_URL is not set");
        return None;
    };
    let schema = format!("keyward_test_{}_{}", std::process::id(), NEXT.fetch_add(1, Ordering::SeqCst));
    let (client, connection) = tokio_postgres::connect(&url, tokio_postgres::NoTls).await.unwrap();
    let connection = tokio::spawn(connection);
    client.batch_execute(&format!("DROP SCHEMA IF EXISTS {schema} CASCADE; CREATE SCHEMA {schema}")).await.unwrap();
    drop(client);
    connection.await.unwrap().unwrap();
    let separator = if url.contains('?') { '&' } else { '?' };
    Some(format!("{url}{separator}options=-csearch_path%3D{schema}"))
}

/// A wire to the server that can be cut.
pub(crate) struct Wire {
    /// The server's URL at the near end.
    pub(crate) url: String,
    whole: watch::Sender<bool>,
    _directory: tempfile::TempDir,
}

impl Wire {
    pub(crate) fn to(url: &str) -> Self {
        let config: tokio_postgres::Config = url.parse().unwrap();
        let (host, port) = (config.get_hosts()[0].clone(), config.get_ports().first().copied().unwrap_or(5432));
        let directory = tempfile::tempdir().unwrap();
        let near = UnixListener::bind(directory.path().join(".s.PGSQL.5432")).unwrap();
        let (whole, state) = watch::channel(true);
        tokio::spawn(async move {
            while let Ok((stream, _)) = near.accept().await {
                if *state.borrow() {
                    tokio::spawn(carry(stream, host.clone(), port, state.clone()));
                }
            }
        });
        let options = config.get_options().unwrap_or_default().replace('=', "%3D");
        let host = directory.path().display().to_string().replace('/', "%2F");
        let url = format!(
            "postgres://{}@{host}/{}?options={options}",
            config.get_user().unwrap(),
            config.get_dbname().unwrap()
        );
        Self { url, whole, _directory: directory }
    }

    /// Everything that is connected is cut off, and what connects is too.
    pub(crate) fn cut(&self) {
        self.whole.send_replace(false);
    }

    pub(crate) fn mend(&self) {
        self.whole.send_replace(true);
    }
}

async fn carry(mut near: UnixStream, host: Host, port: u16, mut state: watch::Receiver<bool>) {
    let cut = async move { state.wait_for(|whole| !whole).await.map(|_| ()) };
    match host {
        Host::Unix(directory) => {
            let path: PathBuf = directory.join(format!(".s.PGSQL.{port}"));
            let mut far = UnixStream::connect(path).await.unwrap();
            tokio::select! {
                _ = tokio::io::copy_bidirectional(&mut near, &mut far) => {}
                _ = cut => {}
            }
        }
        Host::Tcp(name) => {
            let mut far = TcpStream::connect((name.as_str(), port)).await.unwrap();
            tokio::select! {
                _ = tokio::io::copy_bidirectional(&mut near, &mut far) => {}
                _ = cut => {}
            }
        }
    }
}
