//! `config show`: every setting with the value that counts.

use super::warn;
use crate::{
    failure::Failure,
    show::{Format, View, print},
    surroundings::Surroundings,
};
use rm_config::Setting;
use serde_json::{Map, Value, json};

/// Prints the settings; with their origins when asked.
///
/// # Errors
/// The configuration is broken.
pub(super) fn run(around: &Surroundings, origin: bool, format: Option<Format>) -> Result<(), Failure> {
    let (settings, warnings) = rm_config::load(&around.sources(Vec::new(), None))?;
    let entry = |setting: &Setting| {
        let value: Value = serde_json::from_str(&setting.value).unwrap_or_default();
        let value = if origin { json!({ "value": value, "origin": setting.origin.to_string() }) } else { value };
        (setting.path.clone(), value)
    };
    let value: Map<String, Value> = settings.listing.iter().map(entry).collect();
    let row = |setting: &Setting| {
        let mut row = vec![setting.path.clone(), plain(&setting.value)];
        row.extend(origin.then(|| setting.origin.to_string()));
        row
    };
    let mut head = vec!["Setting", "Value"];
    head.extend(origin.then_some("Origin"));
    print(format, &value.into(), &View::Rows { head, rows: settings.listing.iter().map(row).collect() })?;
    warn(&warnings);
    Ok(())
}

/// A value for people: text without quotes, nothing as a dash.
fn plain(json: &str) -> String {
    match serde_json::from_str(json) {
        Ok(Value::String(text)) => text,
        Ok(Value::Null) => "-".to_owned(),
        _ => json.to_owned(),
    }
}
