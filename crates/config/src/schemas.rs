//! The published JSON Schemas, generated from [`crate::sections`].

use crate::sections::{
    combined::CombinedFile, contexts::Contexts, priorities::PrioritiesFile, providers::ProvidersFile,
    server::ServerSettings,
};
use schemars::{JsonSchema, Schema, generate::SchemaSettings};

/// Every file's schema: (name under `docs/schemas/`, schema).
pub fn schemas() -> Vec<(&'static str, Schema)> {
    vec![
        ("providers.schema.json", providers()),
        ("priorities.schema.json", priorities()),
        ("server.schema.json", server()),
        ("contexts.schema.json", contexts()),
        ("router-maestro.schema.json", combined()),
    ]
}

pub(crate) fn providers() -> Schema {
    titled::<ProvidersFile>("providers.json")
}

pub(crate) fn priorities() -> Schema {
    titled::<PrioritiesFile>("priorities.json")
}

pub(crate) fn server() -> Schema {
    titled::<ServerSettings>("server.yaml")
}

pub(crate) fn contexts() -> Schema {
    titled::<Contexts>("contexts.json")
}

pub(crate) fn combined() -> Schema {
    titled::<CombinedFile>("router-maestro.yaml")
}

fn titled<T: JsonSchema>(title: &str) -> Schema {
    let mut schema = SchemaSettings::draft2020_12().into_generator().into_root_schema_for::<T>();
    schema.insert("title".to_owned(), title.into());
    schema
}
