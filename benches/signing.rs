//! The ceiling of tokens: a server on the same HTTP stack that makes one bare signature for each request.
//!
//! `signing RS256|ES256` prints its address, reads each request's body, signs a token's worth of bytes with a key that
//! it made, and answers with as many bytes as a token's answer has.

use std::{convert::Infallible, sync::Arc};

use aws_lc_rs::{
    rand::SystemRandom,
    rsa::KeySize,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, RSA_PKCS1_SHA256, RsaKeyPair},
};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use http::{HeaderValue, Request, Response, header};
use http_body_util::{BodyExt, Full};
use hyper::{body::Incoming, service::service_fn};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::conn::auto,
};
use tokio::net::TcpListener;

/// About as long as what is signed of a token.
const MESSAGE: [u8; 420] = [b'a'; 420];

enum Key {
    Rsa(RsaKeyPair),
    Ecdsa(EcdsaKeyPair),
}

impl Key {
    fn sign(&self) -> anyhow::Result<Vec<u8>> {
        match self {
            Self::Rsa(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), &MESSAGE, &mut signature)?;
                Ok(signature)
            }
            Self::Ecdsa(pair) => Ok(pair.sign(&SystemRandom::new(), &MESSAGE)?.as_ref().to_vec()),
        }
    }
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let key = Arc::new(match std::env::args().nth(1).as_deref() {
        Some("RS256") => Key::Rsa(RsaKeyPair::generate(KeySize::Rsa2048)?),
        Some("ES256") => Key::Ecdsa(EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING)?),
        _ => anyhow::bail!("which algorithm: RS256 or ES256?"),
    });
    let socket = TcpListener::bind("127.0.0.1:0").await?;
    {
        use std::io::Write;
        writeln!(std::io::stdout(), "ready http://{}", socket.local_addr()?)?;
    }
    loop {
        let (stream, _) = socket.accept().await?;
        stream.set_nodelay(true)?;
        let key = Arc::clone(&key);
        tokio::spawn(async move {
            let service = service_fn(move |request: Request<Incoming>| {
                let key = Arc::clone(&key);
                async move {
                    // A client that vanished is not what is measured.
                    let _ = request.into_body().collect().await.map(http_body_util::Collected::to_bytes);
                    let signature = BASE64_URL_SAFE_NO_PAD.encode(key.sign().unwrap_or_default());
                    let message = String::from_utf8_lossy(&MESSAGE);
                    let body = format!(r#"{{"access_token":"{message}.{signature}","token_type":"Bearer"}}"#);
                    let mut response = Response::new(Full::new(bytes::Bytes::from(body)));
                    let headers = response.headers_mut();
                    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json; charset=utf-8"));
                    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
                    headers.insert(header::PRAGMA, HeaderValue::from_static("no-cache"));
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
