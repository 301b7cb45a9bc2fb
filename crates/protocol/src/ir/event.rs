//! A stream as events.

use super::{StopReason, Usage};
use crate::Protocol;
use std::fmt::Write as _;

/// How a tool call's argument is to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallKind {
    /// JSON arguments.
    Function,
    /// Free text.
    Custom,
}

/// One event of an answer. Borrows from the frame that brought it.
///
/// Order: `Start`, then content in any order, then `Usage` and `Stop` (each may come more than once, the last one wins),
/// then `End`. Calls are keyed: calls of different keys may interleave, and every `CallStart` is followed by a `CallEnd`
/// before `End`. Text, reasoning and refusal need no start; `Break` ends the current one where the wire marks borders.
#[derive(Clone, Debug, PartialEq)]
pub enum Event<'a> {
    /// The answer begins. Sent once, before everything else but `Ping`.
    Start {
        /// The upstream's id; may be empty.
        id: &'a str,
        /// The upstream's model name; may be empty.
        model: &'a str,
    },
    /// More visible text.
    Text(&'a str),
    /// More visible reasoning.
    Reasoning(&'a str),
    /// Opaque proof of the reasoning that just ended (Messages `signature`), verbatim.
    Signature(&'a str),
    /// A whole block of hidden reasoning (Messages `redacted_thinking`), verbatim.
    Redacted(&'a str),
    /// More of a refusal.
    Refusal(&'a str),
    /// The current text, reasoning or refusal block ended on the wire.
    Break,
    /// A tool call begins; its name is known and not empty.
    CallStart {
        /// Names this call in later events.
        key: u32,
        /// The wire's id; may be empty (sloppy upstreams).
        id: &'a str,
        /// The tool.
        name: &'a str,
        /// How its argument is to be read.
        kind: CallKind,
    },
    /// More of a call's arguments.
    CallDelta {
        /// Which call.
        key: u32,
        /// JSON text or free text.
        arguments: &'a str,
    },
    /// A call's arguments are complete.
    CallEnd {
        /// Which call.
        key: u32,
    },
    /// A citation of a source, in the maker's words.
    Citation {
        /// Who wrote it.
        maker: Protocol,
        /// JSON, verbatim.
        raw: &'a str,
    },
    /// Something only its maker understands went by (server tools); it is not carried over.
    Opaque {
        /// What it was.
        what: &'a str,
    },
    /// Token counts so far: cumulative, to be merged and not added.
    Usage(Usage),
    /// Why the answer ends.
    Stop(StopReason),
    /// The upstream shows that it lives.
    Ping,
    /// The protocol's terminal: the answer is complete.
    End,
}

impl Event<'_> {
    /// Whether the client must see this: after it no failover is possible. `Start`, `Ping` and `Usage` are not content.
    pub fn is_content(&self) -> bool {
        match self {
            Self::Text(text) | Self::Reasoning(text) | Self::Refusal(text) => !text.is_empty(),
            Self::Signature(_)
            | Self::Redacted(_)
            | Self::CallStart { .. }
            | Self::CallDelta { .. }
            | Self::CallEnd { .. }
            | Self::Citation { .. }
            | Self::Opaque { .. }
            | Self::Stop(_)
            | Self::End => true,
            Self::Start { .. } | Self::Break | Self::Usage(_) | Self::Ping => false,
        }
    }
}

/// Takes events, one after the other.
pub trait EventSink {
    /// Takes one event.
    fn event(&mut self, event: &Event<'_>);
}

/// Writes events as lines, for tests and for `explain`-like output. Deltas of one kind are not joined.
#[derive(Debug, Default)]
pub struct Transcript(pub String);

impl EventSink for Transcript {
    fn event(&mut self, event: &Event<'_>) {
        let out = &mut self.0;
        let _ = match event {
            Event::Start { id, model } => writeln!(out, "start id={id} model={model}"),
            Event::Text(text) => writeln!(out, "text {text}"),
            Event::Reasoning(text) => writeln!(out, "reasoning {text}"),
            Event::Signature(data) => writeln!(out, "signature {data}"),
            Event::Redacted(data) => writeln!(out, "redacted {data}"),
            Event::Refusal(text) => writeln!(out, "refusal {text}"),
            Event::Break => writeln!(out, "break"),
            Event::CallStart { key, id, name, kind: CallKind::Function } => {
                writeln!(out, "tool_call {key} id={id} name={name}")
            }
            Event::CallStart { key, id, name, kind: CallKind::Custom } => {
                writeln!(out, "custom_call {key} id={id} name={name}")
            }
            Event::CallDelta { key, arguments } => writeln!(out, "arguments {key} {arguments}"),
            Event::CallEnd { key } => writeln!(out, "end {key}"),
            Event::Citation { raw, .. } => writeln!(out, "citation {raw}"),
            Event::Opaque { what } => writeln!(out, "opaque {what}"),
            Event::Usage(u) => writeln!(
                out,
                "usage input={} cache_read={} cache_write={} output={} reasoning={}",
                u.input, u.cache_read, u.cache_write, u.output, u.reasoning
            ),
            Event::Stop(reason) => writeln!(out, "stop {reason:?}"),
            Event::Ping => writeln!(out, "ping"),
            Event::End => writeln!(out, "done"),
        };
    }
}
