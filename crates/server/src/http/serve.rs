//! Sockets: accept, TLS, limits, and an end that finishes what is in flight.

use std::{convert::Infallible, net::SocketAddr, sync::Arc, time::Duration};

use super::{alarm::Alarm, dispatch::Dispatch, joined::Joined};
use crate::app::App;
use http::Request;
use hyper::{body::Incoming, service::service_fn};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::{conn::auto, graceful::GracefulShutdown},
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore, watch},
};
use tokio_rustls::TlsAcceptor;

/// How long to wait before accepting is tried again when the system refuses, as it does without file descriptors.
const ACCEPT_AGAIN: Duration = Duration::from_millis(50);

/// A socket that is bound and not yet answered.
pub struct Listening {
    socket: TcpListener,
    tls: Option<TlsAcceptor>,
    /// Where it is bound.
    pub address: SocketAddr,
}

impl Listening {
    /// Binds an address.
    ///
    /// # Errors
    /// One line that names the address and what is wrong with it.
    pub async fn bind(address: &str, tls: Option<TlsAcceptor>) -> Result<Self, String> {
        let explain = |error: std::io::Error| {
            format!("can't listen on {address}: {error}; choose another with --http, --https or the configuration")
        };
        let socket = TcpListener::bind(address).await.map_err(explain)?;
        let address = socket.local_addr().map_err(explain)?;
        Ok(Self { socket, tls, address })
    }

    /// The same socket, which speaks TLS.
    #[must_use]
    pub fn with_tls(self, tls: TlsAcceptor) -> Self {
        Self { tls: Some(tls), ..self }
    }
}

/// Answers on all sockets until `stop` says so; then takes no more connections and finishes the requests in flight,
/// for as long as the limits allow.
pub async fn serve(app: Arc<App>, dispatch: Arc<Dispatch>, sockets: Vec<Listening>, stop: watch::Receiver<bool>) {
    let seats = Arc::new(Semaphore::new(app.limits.connections));
    let accepting = sockets.into_iter().map(|socket| {
        let (app, dispatch, seats, stop) = (Arc::clone(&app), Arc::clone(&dispatch), Arc::clone(&seats), stop.clone());
        tokio::spawn(accept(app, dispatch, socket, seats, stop))
    });
    let accepting: Vec<_> = accepting.collect();
    for task in accepting {
        // A task that panicked has nothing left to finish.
        let _ = task.await;
    }
}

async fn accept(
    app: Arc<App>,
    dispatch: Arc<Dispatch>,
    on: Listening,
    seats: Arc<Semaphore>,
    mut stop: watch::Receiver<bool>,
) {
    let graceful = GracefulShutdown::new();
    loop {
        let accepted = tokio::select! {
            accepted = on.socket.accept() => accepted,
            _ = stop.wait_for(|stop| *stop) => break,
        };
        match accepted {
            Ok((stream, peer)) => {
                // With all seats taken, further connections wait where the system queues them.
                let seat = tokio::select! {
                    Ok(seat) = Arc::clone(&seats).acquire_owned() => seat,
                    _ = stop.wait_for(|stop| *stop) => break,
                };
                let _ = stream.set_nodelay(true);
                let connection = Connection { app: Arc::clone(&app), dispatch: Arc::clone(&dispatch), peer, seat };
                let watcher = graceful.watcher();
                let tls = on.tls.clone();
                tokio::spawn(async move { connection.answer(stream, tls, watcher).await });
            }
            Err(error) => {
                tracing::warn!(error = %error, "a connection could not be accepted");
                tokio::time::sleep(ACCEPT_AGAIN).await;
            }
        }
    }
    drop(on.socket);
    let limit = Duration::from_secs(app.limits.drain_seconds);
    if tokio::time::timeout(limit, graceful.shutdown()).await.is_err() {
        tracing::warn!(seconds = app.limits.drain_seconds, "requests were still in flight and are cut off");
    }
}

struct Connection {
    app: Arc<App>,
    dispatch: Arc<Dispatch>,
    peer: SocketAddr,
    seat: OwnedSemaphorePermit,
}

impl Connection {
    async fn answer(self, stream: TcpStream, tls: Option<TlsAcceptor>, watcher: hyper_util::server::graceful::Watcher) {
        let Some(tls) = tls else { return self.speak(stream, watcher, false).await };
        let limit = Duration::from_secs(self.app.limits.header_seconds);
        match tokio::time::timeout(limit, tls.accept(stream)).await {
            Ok(Ok(stream)) => {
                let second = stream.get_ref().1.alpn_protocol() == Some(b"h2");
                self.speak(stream, watcher, second).await;
            }
            Ok(Err(error)) => tracing::debug!(error = %error, peer = %self.peer, "no TLS"),
            Err(_) => tracing::debug!(peer = %self.peer, "TLS took too long"),
        }
    }

    async fn speak(
        self,
        stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
        watcher: hyper_util::server::graceful::Watcher,
        second: bool,
    ) {
        let Self { app, dispatch, peer, seat } = self;
        let mut protocol = auto::Builder::new(TokioExecutor::new());
        protocol
            .http1()
            .timer(Alarm::new())
            .header_read_timeout(Duration::from_secs(app.limits.header_seconds))
            .http2()
            .timer(TokioTimer::new())
            .keep_alive_interval(Duration::from_secs(30))
            .max_concurrent_streams(256);
        // What was agreed on is spoken: guessing from the first bytes would wait for them without an end.
        let protocol = if second { protocol.http2_only() } else { protocol.http1_only() };
        let service = service_fn(move |request: Request<Incoming>| {
            let dispatch = Arc::clone(&dispatch);
            async move { Ok::<_, Infallible>(dispatch.answer(peer, request).await) }
        });
        app.metrics.connections.inc();
        let connection = protocol.serve_connection(TokioIo::new(Joined(stream)), service).into_owned();
        if let Err(error) = watcher.watch(connection).await {
            // Clients that vanish are everyday.
            tracing::debug!(error, peer = %peer, "a connection ended early");
        }
        app.metrics.connections.dec();
        drop(seat);
    }
}
