//! Wire formats of LLM APIs and the one intermediate form between them.
//!
//! Everything here is sans-IO: functions and small state machines over bytes. A codec reads and writes one protocol; two
//! codecs that meet in [`ir`] make a translation, and what a target cannot express is listed in [`ir::Losses`].
//!
//! The byte lane needs none of that: [`Codec::head`] reads what routing must know and [`json::patch`] edits spans.

pub mod chat;
pub mod codec;
pub mod error;
pub mod ir;
pub mod json;
pub mod messages;
pub mod sse;
pub mod tokens;

pub use bytestring::ByteString as Str;
pub use codec::{Codec, Dialect, Encoded, Head, MaxTokensField, StreamStart, Target};
pub use error::{BadRequest, BadResponse, CannotEncode, ErrorKind, ErrorStatus, ErrorView, StreamError, UpstreamError};

/// A wire format a client or an upstream speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Protocol {
    /// OpenAI Chat Completions.
    Chat,
    /// Anthropic Messages.
    Messages,
}

impl Protocol {
    /// All protocols, in a fixed order.
    pub const ALL: [Self; 2] = [Self::Chat, Self::Messages];

    /// The codec of this protocol: the only match from protocol to code.
    pub fn codec(self) -> &'static dyn Codec {
        match self {
            Self::Chat => &chat::Chat,
            Self::Messages => &messages::Messages,
        }
    }

    /// The name in configuration, headers and logs.
    pub fn name(self) -> &'static str {
        match self {
            Self::Chat => "chat",
            Self::Messages => "messages",
        }
    }
}
