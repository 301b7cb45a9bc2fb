//! `status`, `server status` and `health`.

use crate::{
    client::Client,
    failure::Failure,
    show::{Format, View, columns, print, put, shown, span},
};
use serde_json::Value;

/// What the server is doing.
///
/// # Errors
/// No server answers.
pub(super) fn status(client: &Client, format: Option<Format>) -> Result<(), Failure> {
    let value = client.get("/status")?;
    let text = |key: &str| value[key].as_str().unwrap_or("?").to_owned();
    let record = View::Record(vec![
        ("Status", text("status")),
        ("Version", text("version")),
        ("Address", client.endpoint().to_owned()),
        ("PID", value["pid"].to_string()),
        ("Uptime", span(value["uptime_seconds"].as_u64().unwrap_or_default())),
    ]);
    if matches!(format, Some(Format::Json | Format::Yaml)) {
        return print(format, &value, &record);
    }
    put(if value["status"] == "draining" { "Server is draining" } else { "Server is running" })?;
    print(Some(format.unwrap_or(Format::Table)), &value, &record)?;
    let providers = value["providers"].as_array().map(Vec::as_slice).unwrap_or_default();
    if providers.is_empty() {
        put("\nNo provider is configured.")?;
    } else {
        put("")?;
        let head = ["Provider", "Type", "Accounts", "Models", "Origin"];
        let rows: Vec<_> = providers.iter().map(provider).collect();
        put(&columns(Some(&head), &rows))?;
    }
    for warning in value["warnings"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        put(&format!("warning: {}", shown(warning)))?;
    }
    if let Some(problem) = value["config_problem"].as_str() {
        put("\nThe configuration on disk is broken; the last good one goes on:")?;
        problem.lines().try_for_each(|line| put(&format!("  {}", shown(line))))?;
    }
    Ok(())
}

fn provider(provider: &Value) -> Vec<String> {
    let accounts: Vec<_> = provider["accounts"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let text = |key: &str| provider[key].as_str().unwrap_or_default().to_owned();
    vec![text("id"), text("type"), accounts.join(", "), provider["models"].to_string(), text("origin")]
}

/// Whether the server is healthy.
///
/// # Errors
/// No server answers, or it says that it is not.
pub(super) fn health(client: &Client, format: Option<Format>) -> Result<(), Failure> {
    let value = client.get("/health")?;
    let text = |key: &str| value[key].as_str().unwrap_or("?").to_owned();
    if value["ok"] != true {
        return Err(Failure::runtime(format!("{} says that it is {}", client.endpoint(), text("status"))));
    }
    let pairs = ["status", "version", "config"].map(|key| (key, text(key)));
    print(format, &value, &View::Record(pairs.into()))
}
