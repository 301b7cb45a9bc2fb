//! `model priority …`.

use crate::{
    args::{Priority, PriorityCommand},
    client::Client,
    failure::Failure,
    show::{Format, View, print},
};
use http::Method;
use serde_json::{Value, json};

/// Where the list is.
pub(super) const PATH: &str = "/api/admin/priorities";

/// Shows or changes the list; a change shows the new one.
///
/// # Errors
/// The server does not answer or refuses the change.
pub(super) fn run(client: &Client, Priority { command, add, output }: Priority) -> Result<(), Failure> {
    let (change, format) = match command {
        Some(PriorityCommand::List(output)) => (None, output.format),
        Some(PriorityCommand::Add { key, position, output }) => (Some(insert(&key, position)?), output.format),
        Some(PriorityCommand::Remove { key, output }) => (Some(json!({ "remove": key })), output.format),
        Some(PriorityCommand::Clear(output)) => (Some(json!({ "priorities": [] })), output.format),
        None => match add.key {
            Some(key) => (Some(insert(&key, add.position)?), output.format),
            None => (None, output.format),
        },
    };
    let value = match change {
        None => client.get(PATH)?,
        Some(change) => client.send(Method::PATCH, PATH, Some(&change))?,
    };
    show(&value["priorities"], format)
}

fn insert(key: &str, position: Option<u32>) -> Result<Value, Failure> {
    if key.split_once('/').is_none_or(|(provider, model)| provider.is_empty() || model.is_empty()) {
        return Err(Failure::usage(format!("`{key}` is no provider/model name; `model list` shows them")));
    }
    Ok(json!({ "insert": { "model": key, "position": position } }))
}

fn show(list: &Value, format: Option<Format>) -> Result<(), Failure> {
    let models = list.as_array().into_iter().flatten().filter_map(Value::as_str);
    let rows = models.enumerate().map(|(index, model)| vec![(index + 1).to_string(), model.to_owned()]).collect();
    print(format, list, &View::Rows { head: vec!["Priority", "Model Key"], rows })
}
