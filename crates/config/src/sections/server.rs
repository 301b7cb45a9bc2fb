//! `server.yaml`: how the server listens, what it limits, how long it waits, how it recovers.
//!
//! The types are the running form too: durations and sizes are parsed while reading. Every key is accepted from the first
//! release, even before it has an effect.

use crate::{
    sections::secret::Secret,
    units::{ByteSize, HumanDuration, ListenHost, PositiveDuration, duration, size},
};
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, de::Error};
use std::{
    net::{IpAddr, Ipv4Addr},
    time::Duration,
};

/// The whole file.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub struct ServerSettings {
    /// Where the schema of this file is; ignored.
    #[serde(rename = "$schema", skip_serializing)]
    pub schema: Option<String>,
    /// The version of this file's meaning; 1.
    #[serde(skip_serializing)]
    #[schemars(range(min = 1, max = 1))]
    pub config_version: Option<u32>,
    /// Where the server listens.
    pub listen: Listen,
    /// Who may use it.
    pub auth: Auth,
    /// What is refused for its size or number.
    pub limits: Limits,
    /// How long each phase of a request may take.
    pub timeouts: Timeouts,
    /// Retries, failover, breakers and cooldowns.
    pub resilience: Resilience,
    /// Requests with an `Idempotency-Key`.
    pub idempotency: Idempotency,
    /// Guards over what models write.
    pub guards: Guards,
    /// Metrics and traces.
    pub telemetry: Telemetry,
    /// Logs.
    pub logs: Logs,
    /// Where state is kept.
    pub stores: Stores,
}

/// Where the server listens.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub struct Listen {
    /// An address of this machine. Anything but loopback needs a key.
    #[serde(deserialize_with = "listen_host")]
    #[schemars(with = "ListenHost")]
    pub host: IpAddr,
    /// The TCP port; 0 lets the system choose one.
    pub port: u16,
}

impl Default for Listen {
    fn default() -> Self {
        Self { host: IpAddr::V4(Ipv4Addr::LOCALHOST), port: 8080 }
    }
}

/// Who may use the server.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub struct Auth {
    /// Whether a key is needed; may be false on a loopback address only.
    pub required: bool,
    /// Wrong keys that one peer may present per minute before it gets 429.
    #[schemars(range(min = 1))]
    pub wrong_keys_per_minute: u32,
    /// Host names accepted besides loopback ones.
    pub allowed_hosts: Vec<String>,
    /// Origins whose web pages may call the server.
    pub allowed_origins: Vec<String>,
}

impl Default for Auth {
    fn default() -> Self {
        Self { required: true, wrong_keys_per_minute: 200, allowed_hosts: Vec::new(), allowed_origins: Vec::new() }
    }
}

/// What is refused for its size or number.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub struct Limits {
    /// Bytes of a request head.
    #[serde(with = "size")]
    #[schemars(with = "ByteSize")]
    pub head: u64,
    /// Fields of a request head.
    #[schemars(range(min = 1, max = 10_000))]
    pub head_fields: u32,
    /// Bytes of a request target.
    #[serde(with = "size")]
    #[schemars(with = "ByteSize")]
    pub uri: u64,
    /// Bytes of a request body after decompression.
    #[serde(with = "size")]
    #[schemars(with = "ByteSize")]
    pub body: u64,
    /// Bytes of an admin request body.
    #[serde(with = "size")]
    #[schemars(with = "ByteSize")]
    pub admin_body: u64,
    /// How deep a JSON body may nest.
    #[schemars(range(min = 1, max = 64))]
    pub json_depth: u32,
    /// Bytes of a model name.
    #[serde(with = "size")]
    #[schemars(with = "ByteSize")]
    pub model_name: u64,
    /// Client connections; absent: from the limit on open files.
    #[schemars(range(min = 1))]
    pub connections: Option<u32>,
    /// Requests being served.
    #[schemars(range(min = 1))]
    pub in_flight: u32,
    /// Requests waiting to be served.
    pub queue: u32,
    /// How long they wait before 503.
    #[serde(with = "duration")]
    #[schemars(with = "HumanDuration")]
    pub queue_wait: Duration,
    /// Bytes of an upstream's whole answer.
    #[serde(with = "size")]
    #[schemars(with = "ByteSize")]
    pub upstream_body: u64,
    /// Bytes of an upstream's response head.
    #[serde(with = "size")]
    #[schemars(with = "ByteSize")]
    pub upstream_head: u64,
    /// Fields of an upstream's response head.
    #[schemars(range(min = 1, max = 10_000))]
    pub upstream_head_fields: u32,
    /// Bytes of one line of an upstream's stream.
    #[serde(with = "size")]
    #[schemars(with = "ByteSize")]
    pub sse_line: u64,
    /// Bytes of one event of an upstream's stream.
    #[serde(with = "size")]
    #[schemars(with = "ByteSize")]
    pub sse_event: u64,
}

impl Default for Limits {
    fn default() -> Self {
        const KIB: u64 = 1 << 10;
        const MIB: u64 = 1 << 20;
        Self {
            head: 32 * KIB,
            head_fields: 100,
            uri: 8 * KIB,
            body: 32 * MIB,
            admin_body: MIB,
            json_depth: 64,
            model_name: 256,
            connections: None,
            in_flight: 8192,
            queue: 256,
            queue_wait: Duration::from_secs(1),
            upstream_body: 64 * MIB,
            upstream_head: 64 * KIB,
            upstream_head_fields: 512,
            sse_line: MIB,
            sse_event: 4 * MIB,
        }
    }
}

/// How long each phase of a request may take.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub struct Timeouts {
    /// From accepting a connection to a complete request head.
    #[serde(with = "duration")]
    #[schemars(with = "PositiveDuration")]
    pub client_head: Duration,
    /// Silence while a request body is read.
    #[serde(with = "duration")]
    #[schemars(with = "PositiveDuration")]
    pub client_body_idle: Duration,
    /// A whole request body.
    #[serde(with = "duration")]
    #[schemars(with = "PositiveDuration")]
    pub client_body: Duration,
    /// A client that takes nothing.
    #[serde(with = "duration")]
    #[schemars(with = "PositiveDuration")]
    pub client_write: Duration,
    /// A TCP connection to an upstream.
    #[serde(with = "duration")]
    #[schemars(with = "PositiveDuration")]
    pub connect: Duration,
    /// A TLS handshake with an upstream.
    #[serde(with = "duration")]
    #[schemars(with = "PositiveDuration")]
    pub tls: Duration,
    /// Not streaming: from the request sent to the complete head. A provider's `timeout` overrides it.
    #[serde(with = "duration")]
    #[schemars(with = "PositiveDuration")]
    pub upstream_head: Duration,
    /// Streaming: from the request sent to the first event.
    #[serde(with = "duration")]
    #[schemars(with = "PositiveDuration")]
    pub first_event: Duration,
    /// Silence between two reads from an upstream.
    #[serde(with = "duration")]
    #[schemars(with = "PositiveDuration")]
    pub stream_idle: Duration,
    /// A whole request with all its attempts.
    #[serde(with = "duration")]
    #[schemars(with = "PositiveDuration")]
    pub request: Duration,
    /// How long a stream's head is held back for the first content.
    #[serde(with = "duration")]
    #[schemars(with = "HumanDuration")]
    pub hold_head: Duration,
    /// Silence after which a client's stream gets a sign of life.
    #[serde(with = "duration")]
    #[schemars(with = "PositiveDuration")]
    pub keep_alive: Duration,
    /// How long running streams may finish on shutdown.
    #[serde(with = "duration")]
    #[schemars(with = "HumanDuration")]
    pub drain: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        let seconds = Duration::from_secs;
        Self {
            client_head: seconds(10),
            client_body_idle: seconds(30),
            client_body: seconds(120),
            client_write: seconds(60),
            connect: seconds(5),
            tls: seconds(5),
            upstream_head: seconds(600),
            first_event: seconds(300),
            stream_idle: seconds(120),
            request: Duration::from_hours(1),
            hold_head: seconds(15),
            keep_alive: seconds(15),
            drain: seconds(25),
        }
    }
}

/// Retries, failover, breakers and cooldowns.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub struct Resilience {
    /// Calls to upstreams for one request, repeats and candidates together.
    #[schemars(range(min = 1, max = 100))]
    pub max_upstream_calls: u32,
    /// The pause before the same candidate is called again.
    pub backoff: Backoff,
    /// A longer `Retry-After` is not waited for: the next candidate, or the client, gets it.
    #[serde(with = "duration")]
    #[schemars(with = "HumanDuration")]
    pub retry_after_max: Duration,
    /// How much retries may add per provider.
    pub retry_budget: RetryBudget,
    /// Leaves a deployment alone that keeps failing.
    pub circuit_breaker: CircuitBreaker,
    /// Leaves a deployment alone after 429 or many failures.
    pub cooldown: Cooldown,
}

impl Default for Resilience {
    fn default() -> Self {
        Self {
            max_upstream_calls: 12,
            backoff: Backoff::default(),
            retry_after_max: Duration::from_secs(5),
            retry_budget: RetryBudget::default(),
            circuit_breaker: CircuitBreaker::default(),
            cooldown: Cooldown::default(),
        }
    }
}

/// The pause before the same candidate is called again, with full jitter.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub struct Backoff {
    /// The upper bound of the first pause.
    #[serde(with = "duration")]
    #[schemars(with = "PositiveDuration")]
    pub min: Duration,
    /// The upper bound of all pauses.
    #[serde(with = "duration")]
    #[schemars(with = "PositiveDuration")]
    pub max: Duration,
}

impl Default for Backoff {
    fn default() -> Self {
        Self { min: Duration::from_millis(100), max: Duration::from_secs(2) }
    }
}

/// How much retries may add per provider.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub struct RetryBudget {
    /// Whether there is a budget.
    pub enabled: bool,
    /// Retries per hundred requests.
    #[schemars(range(min = 0, max = 1000))]
    pub percent: u32,
    /// Retries per second that are always allowed.
    pub per_second: u32,
}

impl Default for RetryBudget {
    fn default() -> Self {
        Self { enabled: true, percent: 20, per_second: 10 }
    }
}

/// Leaves a deployment alone that keeps failing; one per account and model.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub struct CircuitBreaker {
    /// Whether there are breakers.
    pub enabled: bool,
    /// Failures in a row that open it.
    #[schemars(range(min = 1))]
    pub threshold: u32,
    /// How long it stays open before a trial.
    #[serde(with = "duration")]
    #[schemars(with = "PositiveDuration")]
    pub open: Duration,
    /// Trials at once.
    #[schemars(range(min = 1))]
    pub half_open: u32,
}

impl Default for CircuitBreaker {
    fn default() -> Self {
        Self { enabled: true, threshold: 5, open: Duration::from_secs(30), half_open: 1 }
    }
}

/// Leaves a deployment alone after 429, or after many failures in a window.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub struct Cooldown {
    /// Whether there are cooldowns.
    pub enabled: bool,
    /// How long, when the upstream names no time.
    #[serde(with = "duration")]
    #[schemars(with = "PositiveDuration")]
    pub default: Duration,
    /// Failures within the window that start one.
    #[schemars(range(min = 1))]
    pub allowed_fails: u32,
    /// The window.
    #[serde(with = "duration")]
    #[schemars(with = "PositiveDuration")]
    pub window: Duration,
    /// No cooldown is longer.
    #[serde(with = "duration")]
    #[schemars(with = "PositiveDuration")]
    pub max: Duration,
}

impl Default for Cooldown {
    fn default() -> Self {
        Self {
            enabled: true,
            default: Duration::from_secs(30),
            allowed_fails: 3,
            window: Duration::from_mins(1),
            max: Duration::from_mins(10),
        }
    }
}

/// Requests with an `Idempotency-Key`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub struct Idempotency {
    /// Whether the key has an effect.
    pub enabled: bool,
    /// How long a result is kept.
    #[serde(with = "duration")]
    #[schemars(with = "PositiveDuration")]
    pub ttl: Duration,
    /// How long a second request waits for the first.
    #[serde(with = "duration")]
    #[schemars(with = "HumanDuration")]
    pub wait: Duration,
}

impl Default for Idempotency {
    fn default() -> Self {
        Self { enabled: true, ttl: Duration::from_mins(2), wait: Duration::from_secs(30) }
    }
}

/// Guards over what models write.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub struct Guards {
    /// Ends a stream that leaks a client's control markup.
    pub leak: Switch,
    /// Ends a stream that goes on without end.
    pub runaway: Switch,
}

/// On or off.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub struct Switch {
    /// Whether it is on.
    pub enabled: bool,
}

/// Metrics and traces.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub struct Telemetry {
    /// Prometheus metrics at `/metrics`.
    pub metrics: Metrics,
    /// OpenTelemetry export.
    pub otlp: Otlp,
}

/// Prometheus metrics.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub struct Metrics {
    /// Whether they are served.
    pub enabled: bool,
    /// A token that reads metrics and nothing else.
    pub token: Option<Secret>,
    /// Whether they need no key on a loopback bind.
    pub public: bool,
}

impl Default for Metrics {
    fn default() -> Self {
        Self { enabled: true, token: None, public: false }
    }
}

/// OpenTelemetry export.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub struct Otlp {
    /// Where traces and metrics go; absent: nowhere.
    pub endpoint: Option<String>,
}

/// Logs.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub struct Logs {
    /// The least severe level that is written.
    pub level: LogLevel,
    /// A file's size before the next one begins.
    #[serde(with = "size")]
    #[schemars(with = "ByteSize")]
    pub max_size: u64,
    /// How many files are kept.
    #[schemars(range(min = 1, max = 1000))]
    pub files: u32,
    /// Whether prompts and answers are written. They are not, unless this is on.
    pub prompts: bool,
}

impl Default for Logs {
    fn default() -> Self {
        Self { level: LogLevel::Info, max_size: 100 << 20, files: 5, prompts: false }
    }
}

/// How severe a log line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum LogLevel {
    /// Someone must act.
    Error,
    /// Degraded but served.
    Warn,
    /// Life-cycle and one line per request.
    Info,
    /// Decisions.
    Debug,
    /// Everything.
    Trace,
}

impl LogLevel {
    /// The word in configuration files and log filters.
    pub fn name(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warn => "warn",
            Self::Info => "info",
            Self::Debug => "debug",
            Self::Trace => "trace",
        }
    }
}

/// Where state is kept. URLs may hold passwords, so they are secrets.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub struct Stores {
    /// A database URL; absent: SQLite in the data directory.
    pub database: Option<Secret>,
    /// A Redis URL; absent: memory.
    pub redis: Option<Secret>,
}

/// Reads an address to listen on; `localhost` is 127.0.0.1.
pub(crate) fn parse_host(text: &str) -> Result<IpAddr, &'static str> {
    let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
    match bare {
        "localhost" => Ok(IpAddr::V4(Ipv4Addr::LOCALHOST)),
        _ => bare.parse().map_err(|_| "is no IP address of this machine, such as 127.0.0.1 or 0.0.0.0"),
    }
}

fn listen_host<'de, D: Deserializer<'de>>(deserializer: D) -> Result<IpAddr, D::Error> {
    parse_host(&String::deserialize(deserializer)?).map_err(D::Error::custom)
}
