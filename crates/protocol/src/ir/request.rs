//! A generate request.

use super::{CacheMark, Extras, Form, Part, Raw};
use crate::Str;

/// A request to generate, in no protocol's words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// The model as the client named it.
    pub model: Str,
    /// Instructions that stand before the conversation in a place of their own (Messages `system`). Chat's system and
    /// developer messages are turns.
    pub system: Vec<Part>,
    /// How the wire held `system`.
    pub system_form: Form,
    /// The conversation: one turn for each message of the wire, in order.
    pub turns: Vec<Turn>,
    /// The tools on offer, in order.
    pub tools: Vec<Tool>,
    /// Whether and which tool must be called.
    pub tool_choice: Option<ToolChoice>,
    /// Whether several tools may be called at once; `None` when not said.
    pub parallel_tools: Option<bool>,
    /// The shape of the answer's text.
    pub output: Option<OutputFormat>,
    /// Caps and sampling.
    pub sampling: Sampling,
    /// How much to think.
    pub thinking: Thinking,
    /// Whether a stream is asked for.
    pub stream: Option<bool>,
    /// Chat: `stream_options.include_usage`.
    pub include_usage: bool,
    /// The end user, for abuse control: Chat `safety_identifier` or `user`, Messages `metadata.user_id`.
    pub user: Option<Str>,
    /// Chat `prompt_cache_key`.
    pub cache_key: Option<Str>,
    /// Messages: the request-level `cache_control`.
    pub cache: Option<CacheMark>,
    /// Whatever else the maker's wire said at the top level, `service_tier`, `metadata`, `logit_bias` … included.
    pub extras: Extras,
}

/// Who speaks in a turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// The operator's instructions.
    System,
    /// The same, in the word of newer OpenAI models.
    Developer,
    /// The person, or in Messages also the carrier of tool results.
    User,
    /// The model.
    Assistant,
    /// Chat's carrier of one tool result: the turn holds exactly one [`super::PartKind::ToolResult`].
    Tool,
}

/// One message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Turn {
    /// Who speaks.
    pub role: Role,
    /// Chat's optional speaker name.
    pub name: Option<Str>,
    /// What is said. Order: reasoning first, then text, then tool calls, unless the wire had another.
    pub parts: Vec<Part>,
    /// How the wire held `content`.
    pub form: Form,
    /// What only the maker understands.
    pub extras: Extras,
}

/// A tool on offer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tool {
    /// What kind it is.
    pub kind: ToolKind,
    /// A prompt-cache breakpoint behind it.
    pub cache: Option<CacheMark>,
    /// What only the maker understands (`defer_loading`, `input_examples`, …).
    pub extras: Extras,
}

/// What a tool can be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ToolKind {
    /// A function with JSON arguments.
    Function {
        /// Its name.
        name: Str,
        /// What it does.
        description: Option<Str>,
        /// JSON Schema of the arguments, verbatim; `None` when it takes none.
        schema: Option<Raw>,
        /// Whether arguments must fit the schema exactly; `None` when not said.
        strict: Option<bool>,
    },
    /// A tool with free text as its argument.
    Custom {
        /// Its name.
        name: Str,
        /// What it does.
        description: Option<Str>,
        /// Chat's `format`, verbatim.
        format: Option<Raw>,
    },
    /// A tool the vendor runs (web search, code execution), or one whose shape only the maker knows.
    Hosted {
        /// Its `type`.
        what: Str,
        /// The whole definition.
        sealed: super::Sealed,
    },
}

/// Whether and which tool must be called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ToolChoice {
    /// As the model sees fit.
    Auto,
    /// At least one.
    Required,
    /// None.
    None,
    /// This function.
    Function(Str),
    /// This custom tool.
    Custom(Str),
    /// One of these functions; `required` says whether one must be called.
    Allowed {
        /// Names.
        names: Vec<Str>,
        /// `mode: required`.
        required: bool,
    },
}

/// The shape of the answer's text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OutputFormat {
    /// Free text, said explicitly.
    Text,
    /// Any JSON object.
    JsonObject,
    /// JSON that fits a schema.
    JsonSchema {
        /// Chat's label for it.
        name: Option<Str>,
        /// Chat's description of it.
        description: Option<Str>,
        /// The schema, verbatim.
        schema: Raw,
        /// Whether it must fit exactly; `None` when not said.
        strict: Option<bool>,
    },
}

/// Caps and sampling. Numbers keep the client's digits.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sampling {
    /// Cap on the answer's tokens, reasoning included.
    pub max_tokens: Option<u64>,
    /// Chat: whether the cap came as `max_completion_tokens` rather than `max_tokens`.
    pub max_tokens_is_completion: bool,
    /// Temperature.
    pub temperature: Option<Raw>,
    /// Nucleus.
    pub top_p: Option<Raw>,
    /// Top k.
    pub top_k: Option<Raw>,
    /// Texts that end the answer.
    pub stop: Vec<Str>,
    /// Chat: `stop` was one string.
    pub stop_is_text: bool,
}

/// How much to think.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Thinking {
    /// Messages `thinking`; `None` when not said.
    pub mode: Option<ThinkingMode>,
    /// Chat `reasoning_effort`, Messages `output_config.effort`.
    pub effort: Option<Effort>,
    /// Whether visible reasoning is wanted: Messages `display` is `summarized` (true) or `omitted` (false).
    pub show: Option<bool>,
}

/// Messages' modes of thinking.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ThinkingMode {
    /// Off.
    Disabled,
    /// With a budget of tokens.
    Budget(u64),
    /// As much as the model sees fit.
    Adaptive,
    /// Only between tool calls.
    BetweenTools,
}

/// How hard to think. Ordered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Effort {
    /// Not at all.
    None,
    /// Barely.
    Minimal,
    /// Little.
    Low,
    /// Medium.
    Medium,
    /// Much.
    High,
    /// Very much.
    XHigh,
    /// As much as possible.
    Max,
}

impl Effort {
    /// The wire's word.
    pub fn word(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Minimal => "minimal",
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::XHigh => "xhigh",
            Self::Max => "max",
        }
    }

    /// From the wire's word.
    pub fn parse(word: &str) -> Option<Self> {
        [Self::None, Self::Minimal, Self::Low, Self::Medium, Self::High, Self::XHigh, Self::Max]
            .into_iter()
            .find(|effort| effort.word() == word)
    }

    /// Token budget that stands for this effort where only budgets are known, or `None` for no thinking.
    pub fn budget(self) -> Option<u64> {
        match self {
            Self::None => None,
            Self::Minimal | Self::Low => Some(1024),
            Self::Medium => Some(4096),
            Self::High => Some(8192),
            Self::XHigh => Some(16384),
            Self::Max => Some(32768),
        }
    }

    /// The highest effort whose budget is at most `budget`; never raised.
    pub fn of_budget(budget: u64) -> Self {
        match budget {
            0 => Self::None,
            1..=4095 => Self::Low,
            4096..=8191 => Self::Medium,
            8192..=16383 => Self::High,
            16384..=32767 => Self::XHigh,
            _ => Self::Max,
        }
    }
}
