//! The vendor adapters that exist.

use rm_protocol::Protocol;
use serde::{Deserialize, Serialize};

/// Which adapter addresses and reads a provider: `type` in `providers.json`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ProviderKind {
    /// `openai`: OpenAI itself.
    #[serde(rename = "openai")]
    OpenAi,
    /// `anthropic`: Anthropic itself, or who speaks exactly like it.
    Anthropic,
    /// `openai-compatible`: anything with `/chat/completions`.
    #[serde(rename = "openai-compatible")]
    OpenAiCompatible,
}

impl ProviderKind {
    /// All kinds.
    pub const ALL: [Self; 3] = [Self::OpenAi, Self::Anthropic, Self::OpenAiCompatible];

    /// The word in configuration files.
    pub fn name(self) -> &'static str {
        match self {
            Self::OpenAi => "openai",
            Self::Anthropic => "anthropic",
            Self::OpenAiCompatible => "openai-compatible",
        }
    }

    /// From the word in configuration files.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == word)
    }

    /// What the kind speaks when nothing else is configured, best first.
    pub fn protocols(self) -> &'static [Protocol] {
        match self {
            Self::OpenAi | Self::OpenAiCompatible => &[Protocol::Chat],
            Self::Anthropic => &[Protocol::Messages],
        }
    }
}
