//! Pieces of content.

use crate::{Protocol, Str};

/// JSON text, verbatim: key order, spacing and digits as the client wrote them. Always one valid JSON value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Raw(pub Str);

impl Raw {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether the value is `null`.
    pub fn is_null(&self) -> bool {
        &*self.0 == "null"
    }
}

/// Members that only their maker understands, in the order of the wire. Nulls of known members are kept here too.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Extras {
    /// Who wrote them.
    pub maker: Protocol,
    /// Name and value.
    pub fields: Vec<(Str, Raw)>,
}

impl Extras {
    /// No members.
    pub fn none(maker: Protocol) -> Self {
        Self { maker, fields: Vec::new() }
    }

    /// The value of `name`, if it is among them.
    pub fn find(&self, name: &str) -> Option<&Raw> {
        self.fields.iter().find(|(key, _)| &**key == name).map(|(_, raw)| raw)
    }
}

/// How the wire held a list of parts, so that the same protocol writes it back the same way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Form {
    /// One JSON string.
    Text,
    /// A list of parts.
    #[default]
    List,
    /// Null.
    Null,
    /// Not there at all.
    Absent,
}

/// One piece of content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// What it is.
    pub kind: PartKind,
    /// A prompt-cache breakpoint behind it.
    pub cache: Option<CacheMark>,
    /// What only the maker understands.
    pub extras: Extras,
}

impl Part {
    /// A part without marks or extras.
    pub fn new(maker: Protocol, kind: PartKind) -> Self {
        Self { kind, cache: None, extras: Extras::none(maker) }
    }
}

/// A prompt-cache breakpoint, in its maker's words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CacheMark {
    /// Who set it: `cache_control` of Messages, `prompt_cache_breakpoint` of Chat.
    pub maker: Protocol,
    /// Its value.
    pub raw: Raw,
}

/// What a part can be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PartKind {
    /// Visible text.
    Text(Str),
    /// A picture. `detail` is Chat's fidelity hint.
    Image {
        /// Where its bytes are.
        source: Source,
        /// `auto`, `low`, `high`, `original`.
        detail: Option<Str>,
    },
    /// A PDF or a text file.
    Document {
        /// Where its bytes are.
        source: Source,
        /// File name or title.
        name: Option<Str>,
    },
    /// Sound: base64 data and its format (`wav`, `mp3`).
    Audio {
        /// Base64.
        data: Str,
        /// The container format.
        format: Str,
    },
    /// The model calls a tool.
    ToolCall(ToolCall),
    /// What a tool gave back.
    ToolResult(ToolResult),
    /// The model's reasoning.
    Reasoning(Reasoning),
    /// The model declines.
    Refusal(Str),
    /// Something only its maker understands, whole (server tools, search results, files of a vendor).
    Opaque {
        /// The value of `type`, for messages and losses.
        what: Str,
        /// The whole part.
        sealed: Sealed,
    },
}

/// A value that only its maker understands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sealed {
    /// Whose wire it comes from.
    pub maker: Protocol,
    /// The JSON, verbatim.
    pub raw: Raw,
}

/// Where the bytes of a picture or document are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// Inline, base64.
    Base64 {
        /// Such as `image/png`.
        media_type: Str,
        /// Base64 without line breaks.
        data: Str,
    },
    /// At an address; the gateway never fetches it.
    Url(Str),
    /// Inline plain text (documents).
    Text(Str),
    /// A file kept at a vendor; meaningless elsewhere.
    File {
        /// Whose.
        maker: Protocol,
        /// Its id there.
        id: Str,
    },
}

/// A tool call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ToolCall {
    /// The wire's id.
    pub id: Str,
    /// The tool's name.
    pub name: Str,
    /// How arguments are to be read.
    pub kind: super::CallKind,
    /// Functions: JSON text, verbatim, possibly invalid or empty (sloppy upstreams). Custom tools: free text.
    pub arguments: Str,
}

/// The result of a tool call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ToolResult {
    /// The id of the call.
    pub call_id: Str,
    /// Text, pictures, documents.
    pub content: Vec<Part>,
    /// How the wire held `content`.
    pub form: Form,
    /// Whether the tool failed; `None` when not said.
    pub is_error: Option<bool>,
}

/// Reasoning, visible or not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reasoning {
    /// The visible text; empty when the vendor shows none.
    pub text: Str,
    /// Messages `signature`, or a wrapped foreign payload; `None` when the wire had none (Chat's `reasoning_content`).
    pub signature: Option<Str>,
    /// Messages `redacted_thinking`: `text` is empty and this is its `data`.
    pub redacted: Option<Str>,
}
