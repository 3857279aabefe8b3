//! The ceiling: a server on the same HTTP stack that answers every request with the same bytes.
//!
//! `constant FILE` prints its address, reads each request's body, and answers with the file's bytes and the headers that
//! Keyward sends. With `keys` after the file, those of the keys' API.

use std::convert::Infallible;

use bytes::Bytes;
use http::{HeaderValue, Request, Response, header};
use http_body_util::{BodyExt, Full};
use hyper::{body::Incoming, service::service_fn};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::conn::auto,
};
use tokio::net::TcpListener;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let path = std::env::args().nth(1).ok_or_else(|| anyhow::anyhow!("which file?"))?;
    let body = Bytes::from(std::fs::read(path)?);
    let keys = std::env::args().nth(2).is_some_and(|surface| surface == "keys");
    let socket = TcpListener::bind("127.0.0.1:0").await?;
    {
        use std::io::Write;
        writeln!(std::io::stdout(), "ready http://{}", socket.local_addr()?)?;
    }
    loop {
        let (stream, _) = socket.accept().await?;
        stream.set_nodelay(true)?;
        let body = body.clone();
        tokio::spawn(async move {
            let service = service_fn(move |request: Request<Incoming>| {
                let response = if keys { of_keys(body.clone()) } else { of_management(body.clone()) };
                async move {
                    // A client that vanished is not what is measured.
                    let _ = request.into_body().collect().await.map(http_body_util::Collected::to_bytes);
                    Ok::<_, Infallible>(response)
                }
            });
            let mut protocol = auto::Builder::new(TokioExecutor::new());
            protocol.http1().timer(TokioTimer::new()).header_read_timeout(std::time::Duration::from_secs(10));
            // A client that vanished is not what is measured.
            let _ = protocol.http1_only().serve_connection(TokioIo::new(stream), service).await;
        });
    }
}

fn of_management(body: Bytes) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json; charset=utf-8"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    headers.insert(header::VARY, HeaderValue::from_static("origin,accept-encoding"));
    headers.insert("x-request-id", HeaderValue::from_static("AbCdEfGhIjKl-1"));
    headers.insert(header::ETAG, HeaderValue::from_static("\"12\""));
    response
}

fn of_keys(body: Bytes) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
