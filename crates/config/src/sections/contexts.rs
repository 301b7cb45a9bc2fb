//! `contexts.json`: the servers that the command line talks to.

use crate::{entries::Entries, sections::secret::Secret};
use schemars::JsonSchema;
use serde::Deserialize;

/// Named servers and which of them is meant when nothing is said.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub struct Contexts {
    /// Where the schema of this file is; ignored.
    #[serde(rename = "$schema")]
    pub schema: Option<String>,
    /// The context that commands use; `local` when absent.
    pub current: Option<String>,
    /// The contexts by name. `local` is this machine's own server.
    pub contexts: Entries<Context>,
}

/// One server.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Context {
    /// Its address, such as `http://localhost:8080`.
    pub endpoint: Option<String>,
    /// The key it is called with.
    pub api_key: Option<Secret>,
}
