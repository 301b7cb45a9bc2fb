//! Log lines on stderr: plain text, ours at the chosen level, of libraries only what is worth a warning.

use rm_config::LogLevel;
use std::io::{self, IsTerminal};
use tracing_subscriber::EnvFilter;

/// The crates whose lines are ours.
const OURS: [&str; 6] = ["router_maestro", "rm_gateway", "rm_config", "rm_providers", "rm_routing", "rm_store"];

/// Begins to write log lines. A second call has no effect.
pub(crate) fn start(level: LogLevel) {
    let rest = match level {
        LogLevel::Error => "error",
        LogLevel::Warn | LogLevel::Info | LogLevel::Debug | LogLevel::Trace => "warn",
    };
    let filter = OURS.iter().fold(rest.to_owned(), |filter, name| format!("{filter},{name}={}", level.name()));
    let colour = io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    // Fails only when there is a subscriber already.
    let _ = tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::new(filter))
        .with_writer(io::stderr)
        .with_ansi(colour)
        .try_init();
}
