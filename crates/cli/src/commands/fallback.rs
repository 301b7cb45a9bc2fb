//! `model fallback …`.

use super::priority::PATH;
use crate::{
    args::FallbackCommand,
    client::Client,
    failure::Failure,
    show::{View, print},
};
use http::Method;
use rm_config::Strategy;
use serde_json::{Map, Value, json};

/// Shows or changes the rule; a change shows the new one.
///
/// # Errors
/// The server does not answer, or there is nothing to set.
pub(super) fn run(client: &Client, command: FallbackCommand) -> Result<(), Failure> {
    let (value, format) = match command {
        FallbackCommand::Show(output) => (client.get(PATH)?, output.format),
        FallbackCommand::Set { strategy, max_retries, output } => {
            let change = change(strategy.as_deref(), max_retries)?;
            (client.send(Method::PATCH, PATH, Some(&json!({ "fallback": change })))?, output.format)
        }
    };
    let fallback = &value["fallback"];
    let strategy = fallback["strategy"].as_str().unwrap_or("?").to_owned();
    let record = vec![("Strategy", strategy), ("Max Retries", fallback["maxRetries"].to_string())];
    print(format, fallback, &View::Record(record))
}

fn change(strategy: Option<&str>, max_retries: Option<u32>) -> Result<Value, Failure> {
    let mut change = Map::new();
    if let Some(word) = strategy {
        let Some(strategy) = Strategy::parse(word) else {
            let valid = Strategy::ALL.map(Strategy::name).join(", ");
            return Err(Failure::usage(format!("`{word}` is no strategy. Valid strategies: {valid}")));
        };
        change.insert("strategy".to_owned(), strategy.name().into());
    }
    if let Some(retries) = max_retries {
        change.insert("maxRetries".to_owned(), retries.into());
    }
    if change.is_empty() {
        return Err(Failure::usage("nothing to set: give --strategy, --max-retries or both"));
    }
    Ok(Value::Object(change))
}
