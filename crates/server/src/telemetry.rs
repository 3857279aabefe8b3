//! Logs, and the list of all metrics.

use std::sync::atomic::AtomicI64;

use prometheus_client::{
    encoding::text::encode,
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram, info::Info},
    registry::{Registry, Unit},
};
use tracing_subscriber::{EnvFilter, fmt::format::FmtSpan};

/// The classes of statuses, in the order of their first digit.
const CLASSES: [&str; 5] = ["1xx", "2xx", "3xx", "4xx", "5xx"];
/// Names and values of labels.
type Labels = Vec<(&'static str, &'static str)>;
/// The bounds of the duration histograms, in seconds: from what a lookup in memory takes to what a client gives up at.
const DURATIONS: [f64; 12] = [0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.1, 0.5, 2.5, 10.0];

/// Writes JSON lines to standard error from now on. Calling it again changes nothing.
pub fn log_to_standard_error(level: &str) {
    // Libraries speak up only from `warn` on: their `info` is about themselves.
    let filter = EnvFilter::new(format!("warn,keyward={level},keyward_server={level},keyward_store={level}"));
    let subscriber = tracing_subscriber::fmt()
        .json()
        .flatten_event(true)
        .with_current_span(false)
        .with_span_list(false)
        .with_span_events(FmtSpan::NONE)
        .with_writer(std::io::stderr)
        .with_env_filter(filter)
        .finish();
    let _ = tracing::subscriber::set_global_default(subscriber);
}

/// What is counted about one operation.
#[derive(Debug)]
pub struct OperationMetrics {
    answers: [Counter; 5],
    duration: Histogram,
}

impl OperationMetrics {
    /// Counts an answer and the time it took, in seconds.
    pub fn observe(&self, status: u16, seconds: f64) {
        if let Some(counter) = self.answers.get(usize::from(status / 100).saturating_sub(1)) {
            counter.inc();
        }
        self.duration.observe(seconds);
    }
}

/// Every metric of the program.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    operations: Vec<OperationMetrics>,
    revision: Gauge,
    apis: Gauge,
    permissions: Gauge,
    /// Connections that are open.
    pub connections: Gauge<i64, AtomicI64>,
}

impl Metrics {
    /// All of them, at zero, for the operations with these ids.
    pub fn new(operations: &[&'static str]) -> Self {
        let mut registry = Registry::with_prefix("keyward");
        let metrics = (Gauge::default(), Gauge::default(), Gauge::default(), Gauge::default());
        let (revision, apis, permissions, connections) = metrics;
        registry.register("build", "The program", Info::new(vec![("version", env!("CARGO_PKG_VERSION"))]));
        registry.register("revision", "The last change that this node shows", revision.clone());
        registry.register("apis", "APIs in the catalogue", apis.clone());
        registry.register("permissions", "Permissions in the catalogue", permissions.clone());
        registry.register("connections", "Connections that are open", connections.clone());
        let requests = Family::<Labels, Counter>::default();
        let durations = Family::<Labels, Histogram>::new_with_constructor(|| Histogram::new(DURATIONS));
        registry.register("requests", "Requests answered", requests.clone());
        registry.register_with_unit("request_duration", "Time to the answer", Unit::Seconds, durations.clone());
        // Every series is there from the start, and a request looks none up.
        let of = |id: &'static str| OperationMetrics {
            answers: CLASSES.map(|class| requests.get_or_create_owned(&vec![("operation", id), ("status", class)])),
            duration: durations.get_or_create_owned(&vec![("operation", id)]),
        };
        let operations = operations.iter().map(|id| of(id)).collect();
        Self { registry, operations, revision, apis, permissions, connections }
    }

    /// Lists the counters of verifications and of uses of permissions that could not be recorded.
    pub fn usage_lost(&mut self, lost: &Counter, uses: &Counter) {
        self.registry.register("usage_lost", "Verifications that could not be recorded", lost.clone());
        let text = "Uses of permissions that could not be recorded";
        self.registry.register("permission_uses_lost", text, uses.clone());
    }

    /// Lists the counters of keys that were not found at once: those that were packed, and those in the store.
    pub fn keys(&mut self, unpacked: &Counter, read: &Counter) {
        self.registry.register(
            "keys_unpacked",
            "Keys that memory had, but not in the form of an answer",
            unpacked.clone(),
        );
        self.registry.register("keys_read", "How often the store was asked for a key", read.clone());
    }

    /// The metrics of the operation at this place of the list.
    pub fn of(&self, place: usize) -> &OperationMetrics {
        &self.operations[place]
    }

    /// Notes the size of a catalogue that is being published.
    pub fn catalogue(&self, revision: i64, apis: usize, permissions: usize) {
        let count = |number: usize| i64::try_from(number).unwrap_or(i64::MAX);
        self.revision.set(revision);
        self.apis.set(count(apis));
        self.permissions.set(count(permissions));
    }

    /// All metrics in the Prometheus text format.
    pub fn text(&self) -> String {
        let mut text = String::new();
        // Writing to a String can't fail.
        let _ = encode(&mut text, &self.registry);
        text
    }
}
