//! `config schema`: the JSON Schemas of the files.

use crate::{failure::Failure, show::put};

/// What a schema's name ends in.
const ENDING: &str = ".schema.json";

/// Prints a schema, or the names of all.
///
/// # Errors
/// There is no schema of this name.
pub(super) fn run(name: Option<&str>) -> Result<(), Failure> {
    let schemas = rm_config::schemas();
    let short = |file: &'static str| file.strip_suffix(ENDING).unwrap_or(file);
    let names: Vec<&str> = schemas.iter().map(|(file, _)| short(file)).collect();
    let Some(name) = name else { return put(&names.join("\n")) };
    let wanted = name.strip_suffix(ENDING).unwrap_or(name);
    let wanted = wanted.strip_suffix(".json").or_else(|| wanted.strip_suffix(".yaml")).unwrap_or(wanted);
    match schemas.iter().find(|(file, _)| short(file) == wanted) {
        Some((_, schema)) => put(&serde_json::to_string_pretty(schema).map_err(Failure::runtime)?),
        None => Err(Failure::usage(format!("there is no schema `{name}`; there are: {}", names.join(", ")))),
    }
}
