//! `server.yaml`, the variables and the flags → [`ServerSettings`].
//!
//! Every key `a.bC` has the variable `ROUTER_MAESTRO_A_B_C`; the variables that other gateways documented keep their names
//! and fill the same keys. A flag beats a variable with our prefix, which beats another gateway's name, which beats the
//! file. A variable that is set to nothing counts as unset.

use super::{Section, Sources};
use crate::{
    check::{accepts, check, schema_at},
    env::Env,
    origin::{Origin, Setting},
    problem::{Findings, Problem},
    schemas,
    sections::server::ServerSettings,
    suggest::{closest, did_you_mean},
};
use secrecy::SecretString;
use serde_json::{Map, Value};

/// The prefix of our own variables.
const PREFIX: &str = "ROUTER_MAESTRO_";

/// Variables that were documented elsewhere, and two short names of ours.
const NAMED: [(&str, &str); 16] = [
    ("DATABASE_URL", "stores.database"),
    ("REDIS_URL", "stores.redis"),
    ("CIRCUIT_BREAKER_ENABLED", "resilience.circuitBreaker.enabled"),
    ("CIRCUIT_BREAKER_FAILURE_THRESHOLD", "resilience.circuitBreaker.threshold"),
    ("CIRCUIT_BREAKER_RECOVERY_TIMEOUT_SECONDS", "resilience.circuitBreaker.open"),
    ("CIRCUIT_BREAKER_HALF_OPEN_MAX_REQUESTS", "resilience.circuitBreaker.halfOpen"),
    ("IDEMPOTENCY_ENABLED", "idempotency.enabled"),
    ("IDEMPOTENCY_TTL_SECONDS", "idempotency.ttl"),
    ("IDEMPOTENCY_WAIT_TIMEOUT_SECONDS", "idempotency.wait"),
    ("INGRESS_AUTH_REQUIRED", "auth.required"),
    ("OBSERVABILITY_METRICS_ENABLED", "telemetry.metrics.enabled"),
    ("OBSERVABILITY_OTLP_ENDPOINT", "telemetry.otlp.endpoint"),
    ("BACKEND_CONNECT_TIMEOUT_SECONDS", "timeouts.connect"),
    ("BACKEND_READ_TIMEOUT_SECONDS", "timeouts.streamIdle"),
    ("ROUTER_MAESTRO_METRICS_TOKEN", "telemetry.metrics.token"),
    ("ROUTER_MAESTRO_LOG_LEVEL", "logs.level"),
];

/// Variables with our prefix that are no server setting.
const OTHERS: [&str; 6] = [
    "ROUTER_MAESTRO_API_KEY",
    "ROUTER_MAESTRO_CONFIG",
    "ROUTER_MAESTRO_CONFIG_DIR",
    "ROUTER_MAESTRO_DATA_DIR",
    "ROUTER_MAESTRO_CONTEXT",
    "ROUTER_MAESTRO_TRACE",
];

/// A value from outside the file.
struct Overlay {
    path: String,
    text: String,
    origin: Origin,
}

/// The settings and their listing. With problems, the defaults.
pub(super) fn compile(
    section: Section<()>,
    sources: &Sources,
    listing: &mut Vec<Setting>,
    findings: &mut Findings,
) -> ServerSettings {
    let schema = schemas::server();
    let root = schema.as_value();
    let defaults = leaves(&ServerSettings::default());
    let paths: Vec<&str> = defaults.iter().map(|(path, _)| path.as_str()).collect();
    let Section { raw: mut document, origin: file_origin, source, .. } = section;
    let in_file = document.clone();

    let mut origins: Vec<(String, Origin)> = Vec::new();
    for Overlay { path, text, origin } in overlays(sources, &paths, findings) {
        let Some(at) = schema_at(root, &path) else { continue };
        let (source, name) = match &origin {
            Origin::Env(name) => ("environment", name.as_str()),
            _ => ("flags", path.as_str()),
        };
        let before = findings.problems.len();
        let mut value = typed(root, at, &text);
        // The schema of one key, with the definitions it refers to.
        let mut one = at.clone();
        if let (Some(one), Some(definitions)) = (one.as_object_mut(), root.get("$defs")) {
            one.insert("$defs".to_owned(), definitions.clone());
        }
        if let Ok(one) = schemars::Schema::try_from(one) {
            check(&one, &mut value, source, name, findings);
        }
        if findings.problems.len() == before {
            set(&mut document, &path, value);
            origins.retain(|(known, _)| *known != path);
            origins.push((path, origin));
        }
    }
    let settings: ServerSettings = serde_json::from_value(document).unwrap_or_else(|error| {
        findings.problem(Problem::new(&source, "", error.to_string()));
        ServerSettings::default()
    });
    cross_check(&settings, &source, &origins, findings);
    for (path, value) in leaves(&settings) {
        let from_outside = origins.iter().find(|(known, _)| *known == path).map(|(_, origin)| origin.clone());
        let from_file = || in_file.pointer(&pointer(&path)).map(|_| file_origin.clone());
        let origin = from_outside.or_else(from_file).unwrap_or(Origin::Default);
        listing.push(Setting { path: format!("server.{path}"), value: value.to_string(), origin });
    }
    settings
}

/// Every variable that fills a server setting, with the setting's path: ours first, then the names of other gateways.
pub fn variables() -> Vec<(String, String)> {
    let ours = leaves(&ServerSettings::default()).into_iter().map(|(path, _)| (variable(&path), path));
    ours.chain(NAMED.iter().map(|(name, path)| ((*name).to_owned(), (*path).to_owned()))).collect()
}

/// Keys that clients may use besides the server's own: `INGRESS_API_KEYS`, separated by commas.
pub(super) fn ingress_keys(env: &Env) -> Vec<SecretString> {
    let keys = env.get("INGRESS_API_KEYS").unwrap_or_default();
    keys.split(',').map(str::trim).filter(|key| !key.is_empty()).map(SecretString::from).collect()
}

/// What the environment and the flags say, weakest first.
fn overlays(sources: &Sources, paths: &[&str], findings: &mut Findings) -> Vec<Overlay> {
    let env = &sources.env;
    let from_env = |name: &str, path: &str| {
        let text = env.get(name)?.to_owned();
        Some(Overlay { path: path.to_owned(), text, origin: Origin::Env(name.to_owned()) })
    };
    let mut found: Vec<Overlay> = NAMED.iter().filter_map(|(name, path)| from_env(name, path)).collect();
    found.extend(paths.iter().filter_map(|path| from_env(&variable(path), path)));
    for (path, text) in &sources.flags {
        if paths.contains(&path.as_str()) {
            found.push(Overlay { path: path.clone(), text: text.clone(), origin: Origin::Flag });
        } else {
            let mut problem = Problem::new("flags", path, "there is no such setting");
            problem.suggestion = did_you_mean(path, paths.iter().copied());
            findings.problem(problem);
        }
    }
    warn_of_strangers(env, paths, findings);
    found
}

/// A variable with our prefix that nobody reads is probably misspelt.
fn warn_of_strangers(env: &Env, paths: &[&str], findings: &mut Findings) {
    let mut known: Vec<String> = paths.iter().map(|path| variable(path)).collect();
    known.extend(NAMED.iter().map(|(name, _)| *name).chain(OTHERS).map(str::to_owned));
    for name in env.names().filter(|name| name.starts_with(PREFIX)) {
        if !known.iter().any(|variable| variable == name) {
            let mut warning = Problem::new("environment", name, "no setting has this variable, ignored");
            warning.suggestion =
                closest(name, known.iter().map(String::as_str)).map(|near| format!("did you mean `{near}`?"));
            findings.warn(warning);
        }
    }
}

/// `timeouts.upstreamHead` → `ROUTER_MAESTRO_TIMEOUTS_UPSTREAM_HEAD`.
fn variable(path: &str) -> String {
    let mut name = String::from(PREFIX);
    for c in path.chars() {
        match c {
            '.' => name.push('_'),
            c if c.is_ascii_uppercase() => name.extend(['_', c]),
            c => name.push(c.to_ascii_uppercase()),
        }
    }
    name
}

/// Text as the JSON type that the schema wants. What does not convert stays text, so that the check names it.
fn typed(root: &Value, schema: &Value, text: &str) -> Value {
    let wants = |name: &str| accepts(root, schema, name);
    if wants("array") {
        return text.split(',').map(str::trim).filter(|item| !item.is_empty()).collect();
    }
    if wants("boolean") {
        match text.to_ascii_lowercase().as_str() {
            "true" | "1" | "yes" | "on" => return true.into(),
            "false" | "0" | "no" | "off" => return false.into(),
            _ => {}
        }
    }
    match text.parse::<i64>() {
        Ok(number) if wants("integer") && !wants("string") => number.into(),
        _ => text.into(),
    }
}

fn set(document: &mut Value, path: &str, value: Value) {
    let mut at = document;
    for key in path.split('.') {
        if !at.is_object() {
            *at = Value::Object(Map::new());
        }
        at = &mut at[key];
    }
    *at = value;
}

/// Every setting that is no map, by dotted path.
fn leaves(settings: &ServerSettings) -> Vec<(String, Value)> {
    fn walk(path: &str, value: Value, out: &mut Vec<(String, Value)>) {
        match value {
            Value::Object(members) => {
                for (key, value) in members {
                    let path = if path.is_empty() { key } else { format!("{path}.{key}") };
                    walk(&path, value, out);
                }
            }
            leaf => out.push((path.to_owned(), leaf)),
        }
    }
    let mut out = Vec::new();
    walk("", serde_json::to_value(settings).unwrap_or_default(), &mut out);
    out
}

fn pointer(path: &str) -> String {
    format!("/{}", path.replace('.', "/"))
}

/// What only two settings together show.
fn cross_check(settings: &ServerSettings, source: &str, origins: &[(String, Origin)], findings: &mut Findings) {
    let place = |path: &str| match origins.iter().find(|(known, _)| known == path) {
        Some((_, Origin::Env(name))) => ("environment".to_owned(), name.clone()),
        Some((path, _)) => ("flags".to_owned(), path.clone()),
        None => (source.to_owned(), path.to_owned()),
    };
    let mut refuse = |path: &str, what: &str, suggestion: &str| {
        let (source, path) = place(path);
        findings.problem(Problem::new(source, path, what).suggest(suggestion));
    };
    if !settings.auth.required && !settings.listen.host.is_loopback() {
        refuse("auth.required", "may be false on a loopback address only", "listen on 127.0.0.1, or leave it true");
    }
    if settings.telemetry.metrics.public && !settings.listen.host.is_loopback() {
        refuse(
            "telemetry.metrics.public",
            "may be true on a loopback address only",
            "set `telemetry.metrics.token` instead",
        );
    }
    let resilience = &settings.resilience;
    if resilience.backoff.min > resilience.backoff.max {
        refuse("resilience.backoff.min", "is longer than `resilience.backoff.max`", "swap them");
    }
    if resilience.cooldown.default > resilience.cooldown.max {
        refuse("resilience.cooldown.default", "is longer than `resilience.cooldown.max`", "lower it");
    }
    if settings.limits.sse_line > settings.limits.sse_event {
        refuse("limits.sseLine", "is larger than `limits.sseEvent`", "a line is a part of an event");
    }
}
