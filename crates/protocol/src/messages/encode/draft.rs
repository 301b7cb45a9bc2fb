//! The body that is about to be written, as plain data.

use super::thinking::Plan;
use crate::{
    Str,
    ir::{Raw, Source, ToolCall},
};
use std::borrow::Cow;

/// Members as the maker wrote them.
pub(super) type Fields<'a> = &'a [(Str, Raw)];

/// A request body.
#[derive(Debug, Default)]
pub(super) struct Draft<'a> {
    pub(super) model: &'a str,
    pub(super) max_tokens: Option<u64>,
    pub(super) stream: Option<bool>,
    pub(super) user: Option<&'a str>,
    pub(super) sampling: Numbers<'a>,
    pub(super) stop: Vec<&'a str>,
    pub(super) thinking: Plan,
    /// Schema of `output_config.format`.
    pub(super) format: Option<Cow<'a, str>>,
    pub(super) choice: Option<Choice<'a>>,
    /// The request-level `cache_control`.
    pub(super) cache: Option<Mark<'a>>,
    /// Other members; a dotted name belongs into that object.
    pub(super) extras: Vec<(&'a str, &'a str)>,
    pub(super) tools: Vec<Tool<'a>>,
    pub(super) system: System<'a>,
    pub(super) messages: Vec<Message<'a>>,
}

/// `temperature`, `top_p` and `top_k`, as text.
#[derive(Debug, Default)]
pub(super) struct Numbers<'a> {
    pub(super) temperature: Option<&'a str>,
    pub(super) top_p: Option<&'a str>,
    pub(super) top_k: Option<&'a str>,
}

/// `tool_choice`.
#[derive(Debug)]
pub(super) struct Choice<'a> {
    pub(super) kind: ChoiceKind<'a>,
    pub(super) disable_parallel: Option<bool>,
}

/// Whether and which tool must be called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum ChoiceKind<'a> {
    Auto,
    Any,
    None,
    Tool(Cow<'a, str>),
}

impl ChoiceKind<'_> {
    pub(super) fn is_forced(&self) -> bool {
        matches!(self, Self::Any | Self::Tool(_))
    }
}

/// The JSON of a `cache_control`.
pub(super) type Mark<'a> = Cow<'a, str>;

/// A tool on offer.
#[derive(Debug)]
pub(super) enum Tool<'a> {
    /// One the client runs.
    Function {
        name: Cow<'a, str>,
        description: Option<Cow<'a, str>>,
        schema: Cow<'a, str>,
        strict: Option<bool>,
        mark: Option<Mark<'a>>,
        extras: Fields<'a>,
    },
    /// One that only the maker knows, whole.
    Raw(&'a str),
}

/// `system`.
#[derive(Debug, Default)]
pub(super) enum System<'a> {
    #[default]
    Absent,
    Text(&'a str),
    Blocks(Vec<Placed<'a>>),
}

/// One message.
#[derive(Debug)]
pub(super) struct Message<'a> {
    pub(super) role: &'static str,
    pub(super) blocks: Vec<Placed<'a>>,
    /// Written as one string.
    pub(super) as_text: bool,
    pub(super) extras: Fields<'a>,
}

impl<'a> Message<'a> {
    pub(super) fn new(role: &'static str, blocks: Vec<Placed<'a>>) -> Self {
        Self { role, blocks, as_text: false, extras: &[] }
    }
}

/// A block with what may hang on any block.
#[derive(Debug)]
pub(super) struct Placed<'a> {
    pub(super) block: Block<'a>,
    pub(super) mark: Option<Mark<'a>>,
    pub(super) extras: Fields<'a>,
}

impl<'a> Placed<'a> {
    /// A block without marks or extras.
    pub(super) fn new(block: Block<'a>) -> Self {
        Self { block, mark: None, extras: &[] }
    }

    /// A text of our own.
    pub(super) fn text(text: impl Into<Cow<'a, str>>) -> Self {
        Self::new(Block::Text(text.into()))
    }
}

/// What a message is made of.
#[derive(Debug)]
pub(super) enum Block<'a> {
    Text(Cow<'a, str>),
    Image(&'a Source),
    Document { source: &'a Source, title: Option<&'a str> },
    Call { id: Cow<'a, str>, name: Cow<'a, str>, call: &'a ToolCall },
    Result { id: Cow<'a, str>, content: Content<'a>, is_error: Option<bool> },
    Thinking { text: &'a str, signature: Option<Cow<'a, str>> },
    Redacted(Cow<'a, str>),
    Raw(&'a str),
}

/// `content` of a tool result.
#[derive(Debug)]
pub(super) enum Content<'a> {
    Absent,
    Text(Cow<'a, str>),
    Blocks(Vec<Placed<'a>>),
}
