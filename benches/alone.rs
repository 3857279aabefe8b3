//! A verification without sockets: `alone DIRECTORY ROOT_KEY KEYS_FILE QUERY` prints what one takes from the parsed head
//! of a request to its answer, in nanoseconds: the least of many batches, which a busy machine does not disturb.

use std::{
    io::{BufRead, BufReader, Write},
    net::SocketAddr,
    path::Path,
    sync::Arc,
};

use anyhow::{Context, anyhow};
use bytes::Bytes;
use http::Request;
use http_body_util::Full;
use keyward_core::time::Clock;
use keyward_server::{
    app::{App, Parts},
    config::Config,
    environment::{SystemClock, SystemEntropy},
    http::{dispatch::Dispatch, table},
    keyring,
};
use keyward_store::{DirectoryLock, Location, MasterKey, Store};
use tokio::time::Instant;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> anyhow::Result<()> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(run())
}

async fn run() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [directory, root, file, query] = arguments.as_slice() else { return Err(anyhow!("four arguments")) };
    let directory = Path::new(directory);
    let digits = std::fs::read_to_string(directory.join("master.key"))?;
    let mut bytes = [0; MasterKey::LENGTH];
    for (byte, place) in bytes.iter_mut().zip((0..).step_by(2)) {
        *byte = u8::from_str_radix(&digits[place..place + 2], 16)?;
    }
    let lock = Arc::new(DirectoryLock::take(directory, "alone").map_err(|error| anyhow!(error.to_string()))?);
    let store = Store::open(Location::Directory(lock), Arc::new(MasterKey::new(&bytes)), SystemClock.now()).await?;
    let parts = Parts {
        store,
        clock: Arc::new(SystemClock),
        entropy: Arc::new(SystemEntropy),
        new_key_pairs: Arc::new(keyring::generate),
        public_url: "http://bench.test/".to_owned(),
        limits: Config::load(None, [], vec![]).map_err(|problems| anyhow!(problems))?.limits,
        trusted_proxies: vec![],
        operations: table::ids(),
        database: None,
        error_status: keyward_server::config::ErrorStatus::Auth0,
        first_client: None,
    };
    let app = App::start(parts).await.map_err(|problem| anyhow!(problem.to_string()))?;
    let dispatch = Arc::new(Dispatch::new(app));
    let keys: Vec<String> = BufReader::new(std::fs::File::open(file)?).lines().take(1000).collect::<Result<_, _>>()?;
    let requests: Vec<Bytes> =
        keys.iter().map(|key| format!(r#"{{"key":"{key}","permissions":"{query}"}}"#).into()).collect();
    let peer = SocketAddr::from(([127, 0, 0, 1], 9));
    let mut least = f64::MAX;
    for _ in 0..400 {
        let whole: Vec<_> = requests.iter().map(|body| request(root, body)).collect::<Result<_, _>>()?;
        let count = whole.len();
        let begun = Instant::now();
        for request in whole {
            let response = Arc::clone(&dispatch).answer(peer, request).await;
            (response.status() == 200).then_some(()).context("a verification failed")?;
        }
        #[expect(clippy::cast_precision_loss, reason = "a small count")]
        let each = begun.elapsed().as_secs_f64() * 1e9 / count as f64;
        least = least.min(each);
    }
    writeln!(std::io::stdout(), "{least:.0} ns")?;
    Ok(())
}

fn request(root: &str, body: &Bytes) -> anyhow::Result<Request<Full<Bytes>>> {
    Ok(Request::post("/v2/keys.verifyKey")
        .header("host", "bench")
        .header("authorization", format!("Bearer {root}"))
        .header("content-type", "application/json")
        .header("content-length", body.len())
        .body(Full::new(body.clone()))?)
}
