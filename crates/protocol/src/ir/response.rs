//! A whole answer.

use super::{Extras, Part, Raw, Usage};
use crate::Str;

/// A whole answer, in no protocol's words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    /// The upstream's id; may be empty.
    pub id: Str,
    /// The upstream's model name; may be empty.
    pub model: Str,
    /// Unix seconds, when given.
    pub created: Option<u64>,
    /// What was said: reasoning, text, calls, in the order of the wire.
    pub parts: Vec<Part>,
    /// Why it ended. [`StopReason::ToolCalls`] whenever a call is present and the wire says a natural end.
    pub stop: StopReason,
    /// Token counts, when given.
    pub usage: Option<Usage>,
    /// Further choices of Chat (`n > 1`), verbatim.
    pub others: Vec<Raw>,
    /// What only the maker understands.
    pub extras: Extras,
}

/// Why an answer ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StopReason {
    /// The model was done.
    End,
    /// A stop text was met; which one, when said.
    StopSequence(Option<Str>),
    /// The cap on output tokens.
    Length,
    /// The context is full.
    ContextFull,
    /// Tools are to be called.
    ToolCalls,
    /// A filter cut it.
    Filtered,
    /// The model declined.
    Refusal,
    /// A server-side loop paused; sending the answer back goes on.
    Paused,
}
