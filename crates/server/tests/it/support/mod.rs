//! A whole program without sockets, and callers for it.

pub(crate) mod postgres;
pub(crate) mod process;
pub(crate) mod reply;

pub(crate) use reply::Reply;

use std::{
    net::SocketAddr,
    path::PathBuf,
    sync::{
        Arc, Mutex, OnceLock,
        atomic::{AtomicI64, AtomicUsize, Ordering},
    },
};

use bytes::Bytes;
use http::{Method, Request};
use http_body_util::{BodyExt, Full, StreamBody, combinators::UnsyncBoxBody};
use keyward_core::{
    access::ManagementScope,
    model::signing_key::KeyPairs,
    time::{Clock, Entropy, Timestamp},
};
use keyward_server::{
    app::{App, Parts},
    config::{Config, ErrorStatus, Limits},
    http::{body::BodyError, dispatch::Dispatch, table},
    keyring::{self, NewKeyPairs},
    service::{
        root_key::{self, WantedRootKey},
        setup::FirstClient,
        token,
    },
};
use keyward_store::{DirectoryLock, Location, MasterKey, Store};
use rand::{Rng, SeedableRng, rngs::StdRng};
use serde_json::{Value, json};

/// Says that a test had nothing to run on, also when it passes: what the test library captures, nobody sees.
pub(crate) fn skipped(why: &str) {
    use std::io::Write;
    std::io::stderr().write_all(format!("skipped: {why}\n").as_bytes()).unwrap();
}

/// The public URL of every test's program.
pub(crate) const PUBLIC_URL: &str = "https://keyward.test/";

/// A clock that stands still until it is moved.
pub(crate) struct FakeClock(AtomicI64);

impl FakeClock {
    pub(crate) fn advance(&self, seconds: i64) {
        self.0.fetch_add(seconds * 1000, Ordering::SeqCst);
    }
}

impl Clock for FakeClock {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.load(Ordering::SeqCst))
    }
}

/// Random bytes from a seed.
pub(crate) struct Seeded(Mutex<StdRng>);

impl Entropy for Seeded {
    fn fill(&self, out: &mut [u8]) {
        self.0.lock().unwrap().fill_bytes(out);
    }
}

/// Two keys for all tests of this process, since making one takes a tenth of a second. Each program has its own turn at
/// them: with one for all, a program that starts while others do could get the same key twice.
fn new_key_pairs() -> NewKeyPairs {
    static KEYS: OnceLock<[KeyPairs; 2]> = OnceLock::new();
    let next = AtomicUsize::new(0);
    Arc::new(move || {
        let keys = KEYS.get_or_init(|| [keyring::generate().unwrap(), keyring::generate().unwrap()]);
        Ok(keys[next.fetch_add(1, Ordering::SeqCst) % 2].clone())
    })
}

pub(crate) struct TestApp {
    pub(crate) app: Arc<App>,
    dispatch: Arc<Dispatch>,
    pub(crate) clock: Arc<FakeClock>,
    pub(crate) token: String,
    /// A root key that may do everything.
    pub(crate) root_key: String,
    /// Where the store is, for a second look at it.
    pub(crate) place: Place,
    _directory: Option<tempfile::TempDir>,
}

/// Where a store is.
#[derive(Clone)]
pub(crate) enum Place {
    Directory(PathBuf),
    Database(String),
}

/// What can differ between tests.
#[derive(Clone)]
pub(crate) struct Settings {
    pub(crate) limits: Limits,
    pub(crate) trusted_proxies: Vec<std::net::IpAddr>,
    pub(crate) seed: u64,
    pub(crate) public_url: &'static str,
    pub(crate) error_status: ErrorStatus,
    pub(crate) first_client: Option<FirstClient>,
}

impl Default for Settings {
    fn default() -> Self {
        let limits = Config::load(None, [], vec![]).unwrap().limits;
        Self {
            limits,
            trusted_proxies: vec![],
            seed: 7,
            public_url: PUBLIC_URL,
            error_status: ErrorStatus::Auth0,
            first_client: None,
        }
    }
}

impl TestApp {
    pub(crate) async fn sqlite() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let app = Self::on(Place::Directory(directory.path().join("data")), Settings::default()).await;
        Self { _directory: Some(directory), ..app }
    }

    /// `None`, said aloud, when there is no PostgreSQL to test on.
    pub(crate) async fn postgres() -> Option<Self> {
        let url = postgres::fresh_schema().await?;
        Some(Self::on(Place::Database(url), Settings::default()).await)
    }

    pub(crate) async fn on(place: Place, settings: Settings) -> Self {
        let location = match &place {
            Place::Directory(path) => Location::Directory(Arc::new(DirectoryLock::take(path, "a test").unwrap())),
            Place::Database(url) => Location::Database(url.clone()),
        };
        let clock = Arc::new(FakeClock(AtomicI64::new(1_767_225_600_000)));
        let master = Arc::new(MasterKey::new(&[9; 32]));
        let store = Store::open(location, master, clock.now()).await.unwrap();
        let clock_argument: Arc<dyn Clock> = Arc::<FakeClock>::clone(&clock);
        let parts = Parts {
            store,
            clock: clock_argument,
            entropy: Arc::new(Seeded(Mutex::new(StdRng::seed_from_u64(settings.seed)))),
            new_key_pairs: new_key_pairs(),
            public_url: settings.public_url.to_owned(),
            limits: settings.limits,
            trusted_proxies: settings.trusted_proxies,
            operations: table::ids(),
            database: None,
            error_status: settings.error_status,
            first_client: settings.first_client,
        };
        let app = App::start(parts).await.unwrap();
        let token = token::issue(&app, ManagementScope::ALL, std::time::Duration::from_secs(86_400)).await.unwrap();
        let root_key = root_key_of(&app, &place).await;
        let dispatch = Arc::new(Dispatch::new(Arc::clone(&app)));
        Self { dispatch, app, clock, token, root_key, place, _directory: None }
    }

    /// The same store, opened anew: what a restart finds. The first program is gone.
    pub(crate) async fn restart(self, settings: Settings) -> Self {
        let Self { app, dispatch, place, _directory, .. } = self;
        drop(dispatch);
        drop(app);
        let next = Self::on_when_free(place, settings).await;
        Self { _directory, ..next }
    }

    /// The lock of a directory is free once the last thread of the old program let go of it.
    async fn on_when_free(place: Place, settings: Settings) -> Self {
        if let Place::Directory(path) = &place {
            let lock = std::fs::File::open(path.join("keyward.lock")).unwrap();
            tokio::task::spawn_blocking(move || lock.lock().unwrap()).await.unwrap();
        }
        Self::on(place, settings).await
    }

    pub(crate) async fn token_with(&self, scopes: &[ManagementScope]) -> String {
        token::issue(&self.app, scopes, std::time::Duration::from_secs(3600)).await.unwrap()
    }

    /// A root key that may do no more than this.
    pub(crate) async fn root_key_with(&self, permissions: &[&str]) -> String {
        make_root_key(&self.app, permissions).await
    }

    /// A call of the keys' API (`permissions.createPermission`) with a root key that may do everything.
    pub(crate) fn v2(&self, operation: &str, body: Value) -> Call<'_> {
        self.call(Method::POST, &format!("/v2/{operation}")).bearer(&self.root_key).json(body)
    }

    /// What such a call answers as its data; it must succeed.
    pub(crate) async fn v2_data(&self, operation: &str, body: Value) -> Value {
        let reply = self.v2(operation, body).send().await;
        assert_eq!(reply.status, 200, "{operation}: {}", reply.body);
        reply.body["data"].clone()
    }

    /// Makes an API for keys and returns its id.
    pub(crate) async fn key_api(&self, name: &str) -> String {
        self.v2_data("apis.createApi", json!({ "name": name })).await["apiId"].as_str().unwrap().to_owned()
    }

    /// Makes a key and returns its id and its text.
    pub(crate) async fn key(&self, body: Value) -> (String, String) {
        let made = self.v2_data("keys.createKey", body).await;
        (made["keyId"].as_str().unwrap().to_owned(), made["key"].as_str().unwrap().to_owned())
    }

    /// What a verification of this key answers, with a query or without one.
    pub(crate) async fn verify(&self, key: &str, query: Option<&str>) -> Value {
        let mut body = json!({ "key": key });
        if let Some(query) = query {
            body["permissions"] = query.into();
        }
        self.v2_data("keys.verifyKey", body).await
    }

    pub(crate) fn get(&self, path: &str) -> Call<'_> {
        self.call(Method::GET, path)
    }

    pub(crate) fn post(&self, path: &str, body: Value) -> Call<'_> {
        self.call(Method::POST, path).json(body)
    }

    pub(crate) fn patch(&self, path: &str, body: Value) -> Call<'_> {
        self.call(Method::PATCH, path).json(body)
    }

    pub(crate) fn delete(&self, path: &str) -> Call<'_> {
        self.call(Method::DELETE, path)
    }

    /// A call with all management scopes; the path is below `/api/v2` unless it begins with another slash.
    pub(crate) fn call(&self, method: Method, path: &str) -> Call<'_> {
        let path = if path.starts_with('/') { path.to_owned() } else { format!("/api/v2/{path}") };
        let headers = vec![("authorization".to_owned(), format!("Bearer {}", self.token))];
        Call { app: self, method, path, headers, body: whole(Bytes::new()) }
    }

    /// Makes an API with these permissions and returns its id.
    pub(crate) async fn api(&self, identifier: &str, scopes: &[&str]) -> String {
        let scopes: Vec<Value> = scopes.iter().map(|value| json!({ "value": value })).collect();
        let body = json!({ "identifier": identifier, "name": "Test", "scopes": scopes });
        let reply = self.post("resource-servers", body).send().await;
        assert_eq!(reply.status, 201, "{}", reply.body);
        reply.body["id"].as_str().unwrap().to_owned()
    }

    /// The values of an API's permissions, in their order.
    pub(crate) async fn scopes(&self, id: &str) -> Vec<String> {
        let reply = self.get(&format!("resource-servers/{id}")).send().await;
        let scopes = reply.body["scopes"].as_array().cloned().unwrap_or_default();
        scopes.iter().map(|scope| scope["value"].as_str().unwrap().to_owned()).collect()
    }

    /// The newest entries of the audit log of this type.
    pub(crate) async fn entries(&self, kind: &str) -> Vec<Value> {
        let reply = self.get(&format!("logs?per_page=100&q=type:{kind}")).send().await;
        assert_eq!(reply.status, 200, "{}", reply.body);
        reply.body.as_array().unwrap().clone()
    }
}

/// A root key that may do everything: one for each store, however often it is opened.
async fn root_key_of(app: &Arc<App>, place: &Place) -> String {
    static MADE: Mutex<Vec<(String, String)>> = Mutex::new(Vec::new());
    let name = match place {
        Place::Directory(path) => path.display().to_string(),
        Place::Database(url) => url.clone(),
    };
    if app.view().snapshot.root_keys().next().is_some() {
        let made = MADE.lock().unwrap().iter().find(|(known, _)| *known == name).map(|(_, key)| key.clone());
        if let Some(key) = made {
            return key;
        }
    }
    let key = make_root_key(app, &["*"]).await;
    MADE.lock().unwrap().push((name, key.clone()));
    key
}

async fn make_root_key(app: &Arc<App>, permissions: &[&str]) -> String {
    let permissions = permissions.iter().map(|text| (*text).to_owned()).collect();
    let wanted = WantedRootKey { name: "test".to_owned(), permissions, expires_at: None };
    root_key::create(&root_key::local_call(app, "rootkey.create"), wanted).await.unwrap().text
}

/// What tests send.
type TestBody = UnsyncBoxBody<Bytes, BodyError>;

fn whole(bytes: Bytes) -> TestBody {
    Full::new(bytes).map_err(|never| match never {}).boxed_unsync()
}

pub(crate) struct Call<'a> {
    app: &'a TestApp,
    method: Method,
    path: String,
    headers: Vec<(String, String)>,
    body: TestBody,
}

impl Call<'_> {
    #[expect(clippy::needless_pass_by_value, reason = "callers make the body on the spot")]
    pub(crate) fn json(self, body: Value) -> Self {
        self.header("content-type", "application/json").body(body.to_string())
    }

    pub(crate) fn body(mut self, body: impl Into<Bytes>) -> Self {
        self.body = whole(body.into());
        self
    }

    /// The fields of a form.
    pub(crate) fn form(self, fields: &[(&str, &str)]) -> Self {
        let text = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        self.header("content-type", "application/x-www-form-urlencoded").body(text)
    }

    /// A body whose length is not announced.
    pub(crate) fn chunks(mut self, chunks: Vec<Bytes>) -> Self {
        let frames = chunks.into_iter().map(|chunk| Ok(hyper::body::Frame::data(chunk)));
        self.body = UnsyncBoxBody::new(StreamBody::new(futures_util::stream::iter(frames)));
        self
    }

    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.retain(|(known, _)| known != name);
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(crate) fn bearer(self, token: &str) -> Self {
        self.header("authorization", &format!("Bearer {token}"))
    }

    pub(crate) fn anonymous(mut self) -> Self {
        self.headers.retain(|(name, _)| name != "authorization");
        self
    }

    /// Sends it through the real router and holds the answer against the document.
    ///
    /// On SQLite the length of the body is announced, as clients do, and what can be answered at once is; on PostgreSQL
    /// it is not, and everything goes the long way. So each test that runs on both tries both.
    pub(crate) async fn send(mut self) -> Reply {
        let length = hyper::body::Body::size_hint(&self.body).exact().filter(|length| *length > 0);
        let announced = self.headers.iter().any(|(name, _)| name == "content-length");
        if let (Some(length), Place::Directory(_), false) = (length, &self.app.place, announced) {
            self = self.header("content-length", &length.to_string());
        }
        let mut request = Request::builder().method(self.method.clone()).uri(&self.path);
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        let peer = SocketAddr::from(([192, 0, 2, 1], 4711));
        let response = Arc::clone(&self.app.dispatch).answer(peer, request.body(self.body).unwrap()).await;
        let (parts, body) = response.into_parts();
        let bytes = body.collect().await.unwrap().to_bytes();
        let body = if bytes.is_empty() { Value::Null } else { serde_json::from_slice(&bytes).unwrap_or(Value::Null) };
        let reply = Reply { status: parts.status, headers: parts.headers, body, bytes: bytes.to_vec() };
        reply.check_against_document(&self.method, &self.path);
        reply
    }
}

impl TestApp {
    /// Carries statements out on the store, from outside of the program.
    pub(crate) async fn execute(&self, sql: &str) {
        match &self.place {
            Place::Directory(path) => {
                rusqlite::Connection::open(path.join("keyward.db")).unwrap().execute_batch(sql).unwrap();
            }
            Place::Database(url) => {
                let (client, connection) = tokio_postgres::connect(url, tokio_postgres::NoTls).await.unwrap();
                tokio::spawn(connection);
                client.batch_execute(sql).await.unwrap();
            }
        }
    }

    /// Makes every further entry of the audit log impossible, from outside of the program.
    pub(crate) async fn break_the_audit_log(&self) {
        self.execute("ALTER TABLE logs RENAME TO logs_away").await;
        self.execute("ALTER TABLE log_blocks RENAME TO log_blocks_away").await;
    }
}
