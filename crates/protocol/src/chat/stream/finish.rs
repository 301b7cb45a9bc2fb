//! Why an answer ends, in words of this protocol and of the vendors that speak it.

use crate::ir::StopReason;

/// A finish reason as it was read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::chat) struct Finish(Option<Word>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Word {
    Stop,
    Length,
    ToolCalls,
    FunctionCall,
    ContentFilter,
    /// Another vendor's, kept to be written back.
    Other(String),
}

impl Finish {
    /// Reads a word; an empty one is none.
    pub(in crate::chat) fn read(word: &str) -> Self {
        Self(match word {
            "" => None,
            "stop" => Some(Word::Stop),
            "length" => Some(Word::Length),
            "tool_calls" => Some(Word::ToolCalls),
            "function_call" => Some(Word::FunctionCall),
            "content_filter" => Some(Word::ContentFilter),
            other => Some(Word::Other(other.to_owned())),
        })
    }

    /// The word as it was read.
    pub(in crate::chat) fn word(&self) -> Option<&str> {
        self.0.as_ref().map(|word| match word {
            Word::Stop => "stop",
            Word::Length => "length",
            Word::ToolCalls => "tool_calls",
            Word::FunctionCall => "function_call",
            Word::ContentFilter => "content_filter",
            Word::Other(other) => other,
        })
    }

    /// Whether the upstream says that it failed (OpenRouter).
    pub(in crate::chat) fn failed(&self) -> bool {
        self.0.as_ref().is_some_and(|word| matches!(word, Word::Other(other) if other == "error"))
    }

    /// Whether the word says that there are calls.
    pub(in crate::chat) fn wants_calls(&self) -> bool {
        matches!(self.0, Some(Word::ToolCalls | Word::FunctionCall))
    }

    /// Whether the word says that the answer stops in the middle.
    pub(in crate::chat) fn breaks_off(&self) -> bool {
        matches!(self.stop(false, false), StopReason::Length | StopReason::Filtered)
    }

    /// What it means, given what the answer holds: calls decide, not the word (a forced call ends with `stop`).
    pub(in crate::chat) fn stop(&self, calls: bool, refusal: bool) -> StopReason {
        match &self.0 {
            Some(Word::Length) => StopReason::Length,
            Some(Word::ContentFilter) => StopReason::Filtered,
            Some(Word::Other(word)) if ["max_tokens", "model_length"].contains(&word.as_str()) => StopReason::Length,
            _ if calls => StopReason::ToolCalls,
            _ if refusal => StopReason::Refusal,
            None | Some(Word::Stop | Word::ToolCalls | Word::FunctionCall | Word::Other(_)) => StopReason::End,
        }
    }

    /// The word for a client.
    pub(in crate::chat) fn word_for(stop: &StopReason, calls: bool, refusal: bool) -> &'static str {
        match stop {
            StopReason::Length | StopReason::ContextFull => "length",
            StopReason::Filtered => "content_filter",
            // A refusal whose words stand in the text would look like an answer.
            StopReason::Refusal if !refusal && !calls => "content_filter",
            StopReason::End
            | StopReason::StopSequence(_)
            | StopReason::ToolCalls
            | StopReason::Refusal
            | StopReason::Paused => {
                if calls {
                    "tool_calls"
                } else {
                    "stop"
                }
            }
        }
    }
}
