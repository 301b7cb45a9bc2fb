//! `router-maestro.yaml`: all sections in one file.

use crate::{
    entries::Entries,
    sections::{
        contexts::Context,
        priorities::{Fallback, GroupEntry, ModelOverride, Thinking},
        providers::ProviderEntry,
        server::ServerSettings,
    },
};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

/// The whole file; only its schema is used, the sections are read one by one.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, rename_all = "camelCase")]
pub struct CombinedFile {
    /// Where the schema of this file is; ignored.
    #[schemars(rename = "$schema")]
    pub schema: Option<String>,
    /// The version of this file's meaning; 1.
    #[schemars(range(min = 1, max = 1))]
    pub config_version: Option<u32>,
    /// Providers by name, as in `providers.json`.
    pub providers: Option<Entries<ProviderEntry>>,
    /// What `server.yaml` holds.
    pub server: Option<ServerSettings>,
    /// The context that commands use, as in `contexts.json`.
    pub current: Option<String>,
    /// Contexts by name, as in `contexts.json`.
    pub contexts: Option<Entries<Context>>,
    /// Models in order, as in `priorities.json`.
    pub priorities: Option<Vec<String>>,
    /// As in `priorities.json`.
    pub fallback: Option<Fallback>,
    /// As in `priorities.json`.
    pub aliases: Option<Entries<String>>,
    /// As in `priorities.json`.
    pub groups: Option<Entries<GroupEntry>>,
    /// As in `priorities.json`.
    pub model_overrides: Option<Entries<ModelOverride>>,
    /// As in `priorities.json`.
    pub thinking: Option<Thinking>,
    /// As in `priorities.json`.
    pub guards: Option<Value>,
    /// As in `priorities.json`.
    pub beta_strip: Option<Vec<String>>,
    /// As in `priorities.json`.
    pub audit: Option<Value>,
    /// What `router.profile.yaml` holds.
    pub profile: Option<Value>,
}

/// A section of the combined file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(crate) enum Part {
    /// `providers`.
    Providers,
    /// `contexts` and `current`.
    Contexts,
    /// Everything that `priorities.json` holds.
    Priorities,
    /// `server`.
    Server,
}

/// The part of a combined document that one section's own file would hold.
pub(crate) fn part(document: &Value, part: Part) -> Value {
    let keep = |keys: &[&str]| {
        let members = document.as_object().into_iter().flatten();
        Value::Object(
            members.filter(|(key, _)| keys.contains(&key.as_str())).map(|(k, v)| (k.clone(), v.clone())).collect(),
        )
    };
    match part {
        Part::Providers => keep(&["providers"]),
        Part::Contexts => keep(&["contexts", "current"]),
        Part::Priorities => keep(&[
            "priorities",
            "fallback",
            "aliases",
            "groups",
            "modelOverrides",
            "thinking",
            "guards",
            "betaStrip",
            "audit",
        ]),
        Part::Server => document.get("server").cloned().unwrap_or_default(),
    }
}
