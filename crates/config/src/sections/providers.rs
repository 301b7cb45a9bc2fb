//! `providers.json`: which upstreams there are and how to sign in to them.

use crate::{
    entries::Entries,
    sections::secret::Secret,
    units::{PositiveDuration, optional_duration},
};
use rm_protocol::MaxTokensField;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{
    Deserialize, Deserializer,
    de::{Error, IntoDeserializer},
};
use std::{borrow::Cow, time::Duration};

/// The whole file.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub struct ProvidersFile {
    /// Where the schema of this file is; ignored.
    #[serde(rename = "$schema")]
    pub schema: Option<String>,
    /// The version of this file's meaning; 1.
    #[schemars(range(min = 1, max = 1))]
    pub config_version: Option<u32>,
    /// Providers by name: the part of `provider/model` before the slash. A name of the built-in catalogue (`groq`,
    /// `openrouter`, `ollama`, …) brings its type and base URL along.
    pub providers: Entries<ProviderEntry>,
}

/// One provider.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub struct ProviderEntry {
    /// The adapter: `openai`, `anthropic`, `openai-compatible`. Optional for names of the catalogue.
    #[serde(rename = "type")]
    pub kind: Option<String>,
    /// A name for people.
    pub name: Option<String>,
    /// The base URL with its version segment, e.g. `https://api.example.com/v1`. A missing `/v1` is added.
    #[serde(rename = "baseURL")]
    pub base_url: Option<String>,
    /// What the upstream speaks, best first; the type decides when absent.
    pub protocols: Option<Vec<String>>,
    /// Model ids, as a list or as a map id → facts. Empty: the upstream is asked.
    pub models: Models,
    /// The key itself. Better: `apiKeyEnv` or `apiKeyFile`.
    pub api_key: Option<Secret>,
    /// The environment variable that holds the key.
    pub api_key_env: Option<String>,
    /// The file that holds the key.
    pub api_key_file: Option<String>,
    /// Several sets of credentials, instead of one key above.
    pub accounts: Vec<AccountEntry>,
    /// Whether the client's own Bearer token is sent instead of a key.
    pub passthrough: bool,
    /// Position among the providers, 1 first; those without stand behind, in the order of the file.
    #[schemars(range(min = 1))]
    pub priority: Option<u32>,
    /// Whether it is used.
    pub enabled: Option<bool>,
    /// How long the upstream may take to the complete head of an answer that is not streamed.
    #[serde(deserialize_with = "optional_duration::deserialize")]
    #[schemars(with = "Option<PositiveDuration>")]
    pub timeout: Option<Duration>,
    /// How often a failed call is repeated at the same account before the next candidate.
    #[schemars(range(min = 0, max = 10))]
    pub max_retries: u32,
    /// Model names of clients → model names of the upstream.
    pub model_mapping: Entries<String>,
    /// Rarer settings. Keys that are not listed are kept and ignored.
    pub options: Options,
}

/// One set of credentials.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub struct AccountEntry {
    /// Its name, unique within the provider.
    pub name: Option<String>,
    /// The key itself. Better: `apiKeyEnv` or `apiKeyFile`.
    pub api_key: Option<Secret>,
    /// The environment variable that holds the key.
    pub api_key_env: Option<String>,
    /// The file that holds the key.
    pub api_key_file: Option<String>,
    /// Whether the client's own Bearer token is sent instead of a key.
    pub passthrough: bool,
    /// 1 is tried first; 1 when absent.
    #[schemars(range(min = 1))]
    pub priority: Option<u32>,
    /// Its share among accounts of one priority; 1 when absent.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub weight: Option<u32>,
    /// Whether it is used.
    pub enabled: Option<bool>,
}

/// Rarer settings of a provider.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("x-unknown" = "warn"))]
pub struct Options {
    /// Headers sent with every request.
    pub headers: Entries<String>,
    /// Plain http and private addresses off this machine are meant.
    pub allow_insecure: bool,
    /// No key is meant: no warning that there is none.
    pub allow_unauthenticated: bool,
    /// The environment variable that holds the key.
    pub api_key_env: Option<String>,
    /// Sent as `openai-organization`.
    pub organization: Option<String>,
    /// Sent as `openai-project`.
    pub project: Option<String>,
    /// The name under which the output cap travels.
    #[schemars(with = "Option<MaxTokensWord>")]
    pub max_tokens: Option<MaxTokensField>,
    /// The upstream wants a model's reasoning back as `reasoning_content`.
    pub replay_reasoning: Option<bool>,
    /// The upstream refuses `stream_options`.
    pub no_stream_options: Option<bool>,
    /// The upstream refuses the role `developer`.
    pub no_developer_role: Option<bool>,
    /// The upstream's paths hold no version segment: none is added to the base URL.
    pub no_version_segment: Option<bool>,
}

/// The words of [`MaxTokensField`].
#[derive(JsonSchema)]
#[schemars(rename_all = "snake_case", inline)]
#[expect(dead_code, reason = "only its schema is used")]
enum MaxTokensWord {
    Auto,
    MaxTokens,
    MaxCompletionTokens,
}

/// The configured models, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Models(pub Vec<(String, ModelEntry)>);

/// Facts about one configured model.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub struct ModelEntry {
    /// A name for people.
    pub name: Option<String>,
    /// Tokens that fit into its context.
    #[schemars(range(min = 1))]
    pub context_window: Option<u64>,
    /// Tokens it can write.
    #[schemars(range(min = 1))]
    pub max_output_tokens: Option<u64>,
}

impl<'de> Deserialize<'de> for Models {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = serde_json::Value::deserialize(deserializer)?;
        let list = value.is_array();
        let value = value.into_deserializer();
        if list {
            let ids = Vec::<String>::deserialize(value).map_err(D::Error::custom)?;
            return Ok(Self(ids.into_iter().map(|id| (id, ModelEntry::default())).collect()));
        }
        let entries = Entries::<Option<ModelEntry>>::deserialize(value).map_err(D::Error::custom)?;
        Ok(Self(entries.0.into_iter().map(|(id, entry)| (id, entry.unwrap_or_default())).collect()))
    }
}

impl JsonSchema for Models {
    fn schema_name() -> Cow<'static, str> {
        "Models".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        json_schema!({ "anyOf": [
            { "type": "array", "items": { "type": "string", "minLength": 1 } },
            { "type": "object", "additionalProperties": generator.subschema_for::<Option<ModelEntry>>() },
        ] })
    }
}
