//! PostgreSQL 14 or newer: a pool of connections, one task that writes, one connection that listens.

use std::{sync::Arc, time::Duration};

use deadpool_postgres::{Manager, ManagerConfig, Object, Pool, RecyclingMethod};
use tokio::sync::watch;
use tokio_postgres::{
    AsyncMessage, Config, NoTls,
    config::{Host, SslMode},
    types::{ToSql, Type},
};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::{Row, Tx, Value};
use crate::{
    Error,
    reader::{Answered, ReadJob, run_reads},
    writer::{Queue, run_batch},
};

/// How long to wait for a connection before a request is told that there is none.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// The most connections of one node.
const CONNECTIONS: usize = 16;
/// How long a connection may be silent before the system asks the other end, and how long it may stay silent then.
const SILENCE: (Duration, Duration) = (Duration::from_secs(15), Duration::from_secs(15));
/// What the database may take: a node that vanished in the middle of a change must not hold the others up for long.
const SERVER_LIMITS: &str = "-c idle_in_transaction_session_timeout=10000 -c lock_timeout=10000";
/// How long to wait before listening is tried again.
const LISTEN_AGAIN: Duration = Duration::from_millis(250);

pub(crate) async fn query(client: &mut Object, sql: &str, params: &[Value]) -> Result<Vec<Row>, Error> {
    let statement = client.prepare_cached(sql).await.map_err(failed)?;
    let params: Vec<&(dyn ToSql + Sync)> = params.iter().take(statement.params().len()).map(|p| p as _).collect();
    let rows = client.query(&statement, &params).await.map_err(failed)?;
    rows.iter().map(decode).collect()
}

pub(crate) async fn execute_each(client: &mut Object, sql: &str, lists: &[Vec<Value>]) -> Result<(), Error> {
    let statement = client.prepare_cached(sql).await.map_err(failed)?;
    let client: &Object = client;
    // Statements sent before the first answer travel together.
    let mut answers = Vec::with_capacity(lists.len());
    for params in lists {
        let params: Vec<&(dyn ToSql + Sync)> = params.iter().map(|p| p as _).collect();
        let statement = statement.clone();
        answers.push(async move { client.execute(&statement, &params).await });
    }
    futures_util::future::try_join_all(answers).await.map(drop).map_err(failed)
}

pub(crate) async fn batch(client: &mut Object, sql: &str) -> Result<(), Error> {
    client.batch_execute(sql).await.map_err(failed)
}

fn decode(row: &tokio_postgres::Row) -> Result<Row, Error> {
    let mut columns = Vec::with_capacity(row.len());
    for (index, column) in row.columns().iter().enumerate() {
        let value = match *column.type_() {
            Type::INT8 => row.try_get::<_, Option<i64>>(index).map(Value::from),
            Type::BOOL => row.try_get::<_, Option<bool>>(index).map(Value::from),
            Type::BYTEA => row.try_get::<_, Option<Vec<u8>>>(index).map(Value::from),
            _ => row.try_get::<_, Option<String>>(index).map(Value::from),
        };
        columns.push(value.map_err(failed)?);
    }
    Ok(Row::new(columns))
}

fn failed(error: tokio_postgres::Error) -> Error {
    let Some(code) = error.code() else {
        return Error::Unavailable("the connection to the database was lost", Some(Box::new(error)));
    };
    let text = match code.code() {
        "53100" => "the database's disk is full; free some space and try again",
        "25006" => "the database is read-only",
        other if other.starts_with("53") => "the database is short of resources",
        other if other.starts_with("57") || other.starts_with("08") => "the database is shutting down or restarting",
        "40001" | "40P01" | "55P03" => "the database gave the transaction up; try again",
        _ => return Error::Engine(Box::new(error)),
    };
    Error::Unavailable(text, Some(Box::new(error)))
}

/// The connections of one open store.
#[derive(Debug, Clone)]
pub(crate) struct Postgres {
    pool: Pool,
}

impl Postgres {
    /// Connects, and reports in one line why it can't.
    pub(crate) async fn connect(url: &str) -> Result<Self, Error> {
        let config = parse(url)?;
        let pool = pool(config);
        let postgres = Self { pool };
        drop(postgres.client().await?);
        Ok(postgres)
    }

    pub(crate) async fn client(&self) -> Result<Object, Error> {
        match tokio::time::timeout(CONNECT_TIMEOUT, self.pool.get()).await {
            Ok(Ok(client)) => Ok(client),
            Ok(Err(error)) => Err(Error::Unavailable("the database can't be reached", Some(Box::new(error)))),
            Err(elapsed) => Err(Error::Unavailable("the database does not answer", Some(Box::new(elapsed)))),
        }
    }

    /// Runs queued commands until nobody can queue any more.
    pub(crate) fn spawn_writer(&self, mut queue: Queue) {
        let postgres = self.clone();
        tokio::spawn(async move {
            while let Some(batch) = queue.next().await {
                match postgres.client().await {
                    Ok(mut client) => {
                        run_batch(&mut Tx::Postgres(&mut client), batch, queue.committed()).await;
                    }
                    Err(error) => batch.fail(&error),
                }
            }
        });
    }

    pub(crate) fn read(&self, job: ReadJob) {
        let postgres = self.clone();
        tokio::spawn(async move {
            match postgres.client().await {
                Ok(mut client) => {
                    run_reads(&mut Tx::Postgres(&mut client), [job]).await.into_iter().for_each(Answered::tell);
                }
                Err(error) => job.fail(error),
            }
        });
    }

    /// Raises `committed` whenever another node commits. A lost connection raises it as well: something may have
    /// been announced meanwhile.
    pub(crate) fn spawn_listener(url: &str, committed: watch::Sender<i64>) -> Result<(), Error> {
        let config = parse(url)?;
        tokio::spawn(async move {
            while !committed.is_closed() {
                let listened = tokio::select! {
                    listened = listen(&config, &committed) => listened,
                    () = committed.closed() => return,
                };
                if let Err(error) = listened {
                    tracing::info!(error = %error, "not listening to the database, trying again");
                }
                committed.send_modify(|_| {});
                tokio::time::sleep(LISTEN_AGAIN).await;
            }
        });
        Ok(())
    }
}

async fn listen(config: &Config, committed: &watch::Sender<i64>) -> Result<(), tokio_postgres::Error> {
    if config.get_ssl_mode() == SslMode::Disable {
        let (client, connection) = config.connect(NoTls).await?;
        follow_messages(client, connection, committed).await
    } else {
        let (client, connection) = config.connect(tls()).await?;
        follow_messages(client, connection, committed).await
    }
}

async fn follow_messages<S, T>(
    client: tokio_postgres::Client,
    mut connection: tokio_postgres::Connection<S, T>,
    committed: &watch::Sender<i64>,
) -> Result<(), tokio_postgres::Error>
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send,
    T: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send,
{
    let mut listening = std::pin::pin!(client.batch_execute("LISTEN keyward"));
    let mut asked = false;
    loop {
        let message = std::future::poll_fn(|context| {
            if !asked && let std::task::Poll::Ready(answer) = listening.as_mut().poll(context) {
                asked = true;
                // Whatever was committed before the subscription took effect was announced to nobody here.
                committed.send_modify(|_| {});
                if let Err(error) = answer {
                    return std::task::Poll::Ready(Some(Err(error)));
                }
            }
            connection.poll_message(context)
        })
        .await;
        match message {
            None => return Ok(()),
            Some(Err(error)) => return Err(error),
            // The number in it is not believed: the channel is the whole database's, and another schema's numbers
            // would make this store's own commits look old.
            Some(Ok(AsyncMessage::Notification(_))) => committed.send_modify(|_| {}),
            Some(Ok(_)) => {}
        }
    }
}

/// Reads the URL. Without `sslmode`, TLS is required for every host but this machine.
fn parse(url: &str) -> Result<Config, Error> {
    let mut config: Config = url.parse().map_err(|error: tokio_postgres::Error| {
        Error::Unavailable("--database-url is not a PostgreSQL URL", Some(Box::new(error)))
    })?;
    let options = config.get_options().map_or_else(|| SERVER_LIMITS.to_owned(), |own| format!("{SERVER_LIMITS} {own}"));
    config
        .connect_timeout(CONNECT_TIMEOUT)
        .application_name("keyward")
        .options(options)
        .keepalives_idle(SILENCE.0)
        .tcp_user_timeout(SILENCE.0 + SILENCE.1);
    if config.get_ssl_mode() == SslMode::Prefer {
        let local = config.get_hosts().iter().all(|host| match host {
            Host::Unix(_) => true,
            Host::Tcp(name) => name == "localhost" || name == "::1" || name.starts_with("127."),
        });
        config.ssl_mode(if local { SslMode::Disable } else { SslMode::Require });
    }
    Ok(config)
}

fn pool(config: Config) -> Pool {
    let manager_config = ManagerConfig { recycling_method: RecyclingMethod::Fast };
    let manager = if config.get_ssl_mode() == SslMode::Disable {
        Manager::from_config(config, NoTls, manager_config)
    } else {
        Manager::from_config(config, tls(), manager_config)
    };
    Pool::builder(manager)
        .max_size(CONNECTIONS)
        .build()
        .unwrap_or_else(|_| unreachable!("a pool without time-outs needs no runtime"))
}

fn tls() -> MakeRustlsConnect {
    let mut roots = rustls::RootCertStore::empty();
    for certificate in rustls_native_certs::load_native_certs().certs {
        // A certificate in the system's store that can't be read is not one we could trust.
        let _ = roots.add(certificate);
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap_or_else(|_| unreachable!("the provider has the default versions"))
        .with_root_certificates(roots)
        .with_no_client_auth();
    MakeRustlsConnect::new(config)
}
