//! A load: so many connections ask without a pause, each for another key, and what came back is counted.
//!
//! `load ADDRESS SECONDS CONNECTIONS ROOT_KEY KEYS_FILE uniform|zipf|invented|each QUERY [EXPECTED [sleeping]]` prints one
//! line of JSON: requests, requests per second, p50 and p99 in microseconds, and how many answers had not the expected
//! text. No two runs draw the same keys, so that what one run asked for says nothing about the next one. `each` asks for
//! every key once, however long that takes.
//!
//! `load ADDRESS 0 CONNECTIONS ROOT_KEY KEYS_FILE flips PERMISSION CHECKS` deletes and restores a permission all the time
//! and goes on until so many verifications began after a deletion was answered and ended before the restoration began:
//! each of them must be refused.

use std::{
    io::{BufRead, BufReader, Write},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use anyhow::{Context, bail};
use rand::{RngExt, rngs::StdRng, seq::SliceRandom};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::Instant,
};

/// Latencies by microsecond; the last one stands for everything longer.
const SLOTS: usize = 200_000;
/// How many keys are drawn in advance.
const DRAWN: usize = 1 << 20;

struct Load {
    address: String,
    root: String,
    query: String,
    expected: Vec<u8>,
    keys: Vec<String>,
    drawn: Vec<u32>,
    /// How many were asked for, when each is to be asked for once.
    asked: Option<AtomicUsize>,
    stop: AtomicBool,
    requests: AtomicU64,
    unexpected: AtomicU64,
    latencies: Vec<AtomicU64>,
    /// Odd while the permission is deleted and that was answered.
    deleted: AtomicU64,
    checked: AtomicU64,
    flips: bool,
    invented: bool,
}

fn main() -> anyhow::Result<()> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(run())
}

/// Which keys are asked for, in which order.
fn draw(count: usize, distribution: &str) -> anyhow::Result<Vec<u32>> {
    let mut random: StdRng = rand::make_rng();
    let key = |at: usize| u32::try_from(at).unwrap_or(0);
    match distribution {
        "uniform" => Ok((0..DRAWN).map(|_| key(random.random_range(0..count))).collect()),
        "zipf" => {
            let mut sums = Vec::with_capacity(count);
            let mut sum = 0.0;
            for rank in 1..=count {
                #[expect(clippy::cast_precision_loss, reason = "a rank is far below 2^52")]
                let weight = 1.0 / rank as f64;
                sum += weight;
                sums.push(sum);
            }
            Ok((0..DRAWN)
                .map(|_| {
                    let wanted = random.random_range(0.0..sum);
                    key(sums.partition_point(|reached| *reached < wanted).min(count - 1))
                })
                .collect())
        }
        "each" => {
            let mut keys: Vec<u32> = (0..count).map(key).collect();
            keys.shuffle(&mut random);
            Ok(keys)
        }
        "flips" => draw(count, "uniform"),
        // Texts that nobody made; the file's only tell how long a key is.
        "invented" => draw(count, "uniform"),
        other => bail!("no distribution is called {other}"),
    }
}

async fn run() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [address, seconds, connections, root, file, distribution, query, rest @ ..] = arguments.as_slice() else {
        bail!("ADDRESS SECONDS CONNECTIONS ROOT_KEY KEYS_FILE uniform|zipf|invented|each|flips QUERY [EXPECTED]");
    };
    let flips = distribution == "flips";
    let keys: Vec<String> = BufReader::new(std::fs::File::open(file)?).lines().collect::<Result<_, _>>()?;
    let load = Arc::new(Load {
        address: address.clone(),
        root: root.clone(),
        query: query.clone(),
        expected: rest.first().map_or("\"VALID\"", String::as_str).as_bytes().to_vec(),
        drawn: draw(keys.len(), distribution)?,
        keys,
        asked: (distribution == "each").then(AtomicUsize::default),
        stop: AtomicBool::new(false),
        requests: AtomicU64::new(0),
        unexpected: AtomicU64::new(0),
        latencies: (0..SLOTS).map(|_| AtomicU64::new(0)).collect(),
        deleted: AtomicU64::new(0),
        checked: AtomicU64::new(0),
        flips,
        invented: distribution == "invented",
    });
    let mut tasks = Vec::new();
    // A load that sleeps must be woken up, which the server, on the other core, pays for, and the more the slower it is.
    // Two loads on one core have to sleep all the same.
    if rest.get(1).is_none_or(|word| word != "sleeping") {
        tokio::spawn(async {
            loop {
                tokio::task::yield_now().await;
            }
        });
    }
    let connections: usize = connections.parse()?;
    for number in 0..connections {
        tasks.push(tokio::spawn(ask(Arc::clone(&load), number * DRAWN / connections)));
    }
    if flips {
        let checks = rest.first().context("how many checks?")?.parse()?;
        let flips = flip(&load, checks).await?;
        load.stop.store(true, Ordering::Relaxed);
        for task in tasks {
            task.await?.context("a connection failed")?;
        }
        let (checked, stale) = (load.checked.load(Ordering::Relaxed), load.unexpected.load(Ordering::Relaxed));
        writeln!(std::io::stdout(), r#"{{"checked":{checked},"flips":{flips},"unexpected":{stale}}}"#)?;
        return Ok(());
    }
    let begun = Instant::now();
    if load.asked.is_some() {
        for task in tasks.drain(..) {
            task.await?.context("a connection failed")?;
        }
    } else {
        tokio::time::sleep(Duration::from_secs_f64(seconds.parse()?)).await;
    }
    let (requests, elapsed) = (load.requests.load(Ordering::Relaxed), begun.elapsed().as_secs_f64());
    load.stop.store(true, Ordering::Relaxed);
    for task in tasks {
        task.await?.context("a connection failed")?;
    }
    let total: u64 = load.latencies.iter().map(|slot| slot.load(Ordering::Relaxed)).sum();
    let percentile = |percent: u64| {
        let mut seen = 0;
        let at = load.latencies.iter().position(|slot| {
            seen += slot.load(Ordering::Relaxed);
            seen * 100 >= total * percent
        });
        at.unwrap_or(0)
    };
    #[expect(clippy::cast_precision_loss, reason = "a count is far below 2^52")]
    let rate = requests as f64 / elapsed;
    writeln!(
        std::io::stdout(),
        r#"{{"requests":{requests},"rate":{rate:.0},"p50":{},"p99":{},"unexpected":{}}}"#,
        percentile(50),
        percentile(99),
        load.unexpected.load(Ordering::Relaxed)
    )?;
    Ok(())
}

/// Deletes and restores the permission until enough verifications were checked; how often.
async fn flip(load: &Load, checks: u64) -> anyhow::Result<u64> {
    let mut stream = TcpStream::connect(&load.address).await?;
    let mut answer = vec![0; 64 * 1024];
    let body = format!(r#"{{"permission":"{}"}}"#, load.query);
    let mut flips = 0;
    while load.checked.load(Ordering::Relaxed) < checks {
        for operation in ["deletePermission", "restorePermission"] {
            let request = format!(
                "POST /v2/permissions.{operation} HTTP/1.1\r\nhost: bench\r\nauthorization: Bearer {}\r\n\
                 content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
                load.root,
                body.len()
            );
            stream.write_all(request.as_bytes()).await?;
            let whole = read_answer(&mut stream, &mut answer).await?;
            if !answer[..whole].starts_with(b"HTTP/1.1 200") {
                bail!("{}", String::from_utf8_lossy(&answer[..whole]));
            }
            if operation == "deletePermission" {
                flips += 1;
                load.deleted.fetch_add(1, Ordering::SeqCst);
                tokio::time::sleep(Duration::from_millis(50)).await;
                load.deleted.fetch_add(1, Ordering::SeqCst);
            }
        }
    }
    Ok(flips)
}

/// Reads one answer to its end; how long it is.
async fn read_answer(stream: &mut TcpStream, answer: &mut [u8]) -> anyhow::Result<usize> {
    let mut length = 0;
    loop {
        let read = stream.read(&mut answer[length..]).await?;
        if read == 0 {
            bail!("the server closed the connection");
        }
        length += read;
        if let Some(whole) = whole_length(&answer[..length])
            && length >= whole
        {
            return Ok(whole);
        }
    }
}

/// One connection.
async fn ask(load: Arc<Load>, mut at: usize) -> anyhow::Result<()> {
    let mut stream = TcpStream::connect(&load.address).await?;
    stream.set_nodelay(true)?;
    let mut request = Vec::with_capacity(1024);
    let mut answer = vec![0; 64 * 1024];
    while !load.stop.load(Ordering::Relaxed) {
        if let Some(asked) = &load.asked {
            at = asked.fetch_add(1, Ordering::Relaxed);
            if at >= load.drawn.len() {
                break;
            }
        }
        let known = &load.keys[load.drawn[at % load.drawn.len()] as usize];
        at += 1;
        let invented;
        let key = if load.invented {
            invented = format!("{at:0width$x}", width = known.len());
            &invented
        } else {
            known
        };
        let query = if load.query.is_empty() { String::new() } else { format!(r#","permissions":"{}""#, load.query) };
        request.clear();
        write!(
            request,
            "POST /v2/keys.verifyKey HTTP/1.1\r\nhost: bench\r\nauthorization: Bearer {}\r\n\
             content-type: application/json\r\ncontent-length: {}\r\n\r\n{{\"key\":\"{key}\"{query}}}",
            load.root,
            10 + key.len() + query.len(),
        )?;
        let deleted = load.deleted.load(Ordering::SeqCst);
        let begun = Instant::now();
        stream.write_all(&request).await?;
        let whole = read_answer(&mut stream, &mut answer).await?;
        let microseconds = usize::try_from(begun.elapsed().as_micros()).unwrap_or(SLOTS).min(SLOTS - 1);
        load.latencies[microseconds].fetch_add(1, Ordering::Relaxed);
        load.requests.fetch_add(1, Ordering::Relaxed);
        let has = |text: &[u8]| answer[..whole].windows(text.len()).any(|part| part == text);
        if load.flips {
            // Deleted when it began, and nothing was restored until it ended.
            if deleted % 2 == 1 && load.deleted.load(Ordering::SeqCst) == deleted {
                load.checked.fetch_add(1, Ordering::Relaxed);
                load.unexpected.fetch_add(u64::from(!has(b"\"INSUFFICIENT_PERMISSIONS\"")), Ordering::Relaxed);
            }
        } else if !has(&load.expected) {
            load.unexpected.fetch_add(1, Ordering::Relaxed);
        }
    }
    Ok(())
}

/// How long the answer is, once its head is there.
fn whole_length(answer: &[u8]) -> Option<usize> {
    let head = answer.windows(4).position(|part| part == b"\r\n\r\n")? + 4;
    let text = std::str::from_utf8(&answer[..head]).ok()?;
    let length = text.lines().find_map(|line| line.strip_prefix("content-length: "))?;
    Some(head + length.parse::<usize>().ok()?)
}
