//! `priorities.json`: which models are tried in which order, and other names for them.

use crate::entries::Entries;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The whole file.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub struct PrioritiesFile {
    /// Where the schema of this file is; ignored.
    #[serde(rename = "$schema")]
    pub schema: Option<String>,
    /// The version of this file's meaning; 1.
    #[schemars(range(min = 1, max = 1))]
    pub config_version: Option<u32>,
    /// Models as `provider/model`, best first: what `router-maestro` goes through.
    pub priorities: Vec<String>,
    /// What happens after a failure that another candidate may not have.
    pub fallback: Fallback,
    /// Other names for models: name → model.
    pub aliases: Entries<String>,
    /// Named sets of models with a strategy.
    pub groups: Entries<GroupEntry>,
    /// Facts that replace what an upstream says of its models, by `provider/model`.
    pub model_overrides: Entries<ModelOverride>,
    /// What is assumed for models that can think.
    pub thinking: Thinking,
    /// Guards over what models write.
    pub guards: Option<Value>,
    /// Beta flags that are not passed on.
    pub beta_strip: Vec<String>,
    /// Request traces on disk.
    pub audit: Option<Value>,
}

/// What happens after a retryable failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub struct Fallback {
    /// Where further candidates come from.
    pub strategy: Strategy,
    /// How many further candidates are tried.
    #[schemars(range(min = 0, max = 10))]
    pub max_retries: u32,
}

impl Default for Fallback {
    fn default() -> Self {
        Self { strategy: Strategy::Priority, max_retries: 2 }
    }
}

/// Where further candidates come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Strategy {
    /// The entries of the priority list after the one that failed.
    Priority,
    /// The same model at other providers.
    SameModel,
    /// Nowhere: one candidate only.
    None,
}

impl Strategy {
    /// All strategies.
    pub const ALL: [Self; 3] = [Self::Priority, Self::SameModel, Self::None];

    /// The word in configuration files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Priority => "priority",
            Self::SameModel => "same-model",
            Self::None => "none",
        }
    }

    /// From the word in configuration files.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|strategy| strategy.name() == word)
    }
}

/// A named set of models.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub struct GroupEntry {
    /// How the next one is chosen.
    pub strategy: GroupStrategy,
    /// Its models as `provider/model`.
    pub models: Vec<String>,
}

/// How a group chooses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum GroupStrategy {
    /// In the order written.
    #[default]
    Order,
    /// At random.
    Shuffle,
    /// At random by weight.
    Weighted,
    /// In turn.
    RoundRobin,
    /// The one with the fewest requests in flight.
    LeastBusy,
    /// The fastest.
    LowestLatency,
    /// The cheapest.
    LowestCost,
}

/// Facts about one model.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub struct ModelOverride {
    /// Tokens of a prompt.
    #[schemars(range(min = 1))]
    pub max_prompt_tokens: Option<u64>,
    /// Tokens of an answer.
    #[schemars(range(min = 1))]
    pub max_output_tokens: Option<u64>,
    /// Tokens of both.
    #[schemars(range(min = 1))]
    pub max_context_window_tokens: Option<u64>,
}

/// What is assumed for models that can think.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub struct Thinking {
    /// Tokens a model may think with when the client asks for thinking without a number.
    #[schemars(range(min = 1024, max = 128_000))]
    pub default_budget: u32,
    /// Whether models think although the client did not ask.
    pub auto_enable: bool,
    /// Budgets of single models.
    pub model_budgets: Entries<u32>,
}

impl Default for Thinking {
    fn default() -> Self {
        Self { default_budget: 16_000, auto_enable: false, model_budgets: Entries::default() }
    }
}
