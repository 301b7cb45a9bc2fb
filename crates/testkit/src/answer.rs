//! What a model says, before any protocol writes it down.

use serde_json::Value;

/// The signature that scripted thinking carries. Opaque, as real ones are.
pub const SIGNATURE: &str = "c2NyaXB0ZWQtdGhpbmtpbmctc2lnbmF0dXJl";

/// One assistant turn.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// Ends up in the message id: `chatcmpl-ID`, `msg_ID`.
    pub id: String,
    /// The model that claims to have answered.
    pub model: String,
    /// What it says, in order.
    pub parts: Vec<Part>,
    /// Why it stopped.
    pub stop: Stop,
    /// What it cost.
    pub usage: Usage,
}

/// One part of an answer.
#[derive(Clone, Debug, PartialEq)]
pub enum Part {
    /// Visible text, in the pieces in which it streams.
    Text(Vec<String>),
    /// Reasoning in the pieces in which it streams, and the signature that Messages sends with it.
    Thinking {
        /// The text; may be empty.
        pieces: Vec<String>,
        /// Left out of the answer when empty (a foreign model, not Anthropic's).
        signature: String,
    },
    /// Reasoning that only its maker can read. Chat has no place for it.
    Redacted(String),
    /// A tool call.
    Tool {
        /// The id without its prefix: `call_ID`, `toolu_ID`.
        id: String,
        /// Name of the tool.
        name: String,
        /// The arguments' JSON text, as it goes out.
        arguments: String,
    },
}

/// Why an answer ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// All was said.
    End,
    /// A tool is to be called.
    ToolUse,
    /// The token limit.
    Length,
    /// The model or a filter declined.
    Refusal,
}

/// Token counts by class; no token is in two classes, except that reasoning is part of the output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Usage {
    /// Prompt tokens that neither came from nor went to a cache.
    pub input: u64,
    /// Prompt tokens read from a cache.
    pub cache_read: u64,
    /// Prompt tokens written to a cache.
    pub cache_write: u64,
    /// All output, reasoning included.
    pub output: u64,
    /// The reasoning part of the output.
    pub reasoning: u64,
}

impl Usage {
    /// Plain usage without cache and reasoning.
    pub const fn new(input: u64, output: u64) -> Self {
        Self { input, cache_read: 0, cache_write: 0, output, reasoning: 0 }
    }

    /// The whole prompt, cached parts included.
    pub const fn prompt(&self) -> u64 {
        self.input + self.cache_read + self.cache_write
    }
}

impl Answer {
    /// An answer that says nothing.
    pub fn empty() -> Self {
        Self {
            id: "scripted".to_owned(),
            model: "scripted-model".to_owned(),
            parts: Vec::new(),
            stop: Stop::End,
            usage: Usage::new(12, 5),
        }
    }

    /// An answer of one text; it streams in one piece.
    pub fn text(text: &str) -> Self {
        Self::pieces(&[text])
    }

    /// An answer of one text that streams in these pieces.
    pub fn pieces(pieces: &[&str]) -> Self {
        Self::empty().and_pieces(pieces)
    }

    /// An answer of one text that streams word by word.
    pub fn words(text: &str) -> Self {
        Self::empty().and_words(text)
    }

    /// An answer that is one tool call.
    pub fn tool(name: &str, arguments: &Value) -> Self {
        Self::empty().and_tool(name, arguments)
    }

    /// An answer that begins with signed thinking.
    pub fn thinking(text: &str) -> Self {
        let pieces = text.split_inclusive(' ').map(str::to_owned).collect();
        let mut answer = Self::empty();
        answer.parts.push(Part::Thinking { pieces, signature: SIGNATURE.to_owned() });
        answer
    }

    /// Goes on with a text.
    #[must_use]
    pub fn and_text(self, text: &str) -> Self {
        self.and_pieces(&[text])
    }

    /// Goes on with a text that streams in these pieces.
    #[must_use]
    pub fn and_pieces(mut self, pieces: &[&str]) -> Self {
        self.parts.push(Part::Text(pieces.iter().map(|&piece| piece.to_owned()).collect()));
        self
    }

    /// Goes on with a text that streams word by word.
    #[must_use]
    pub fn and_words(mut self, text: &str) -> Self {
        self.parts.push(Part::Text(text.split_inclusive(' ').map(str::to_owned).collect()));
        self
    }

    /// Goes on with thinking that nobody can read.
    #[must_use]
    pub fn and_redacted(mut self, data: &str) -> Self {
        self.parts.push(Part::Redacted(data.to_owned()));
        self
    }

    /// Goes on with a tool call. Its id is its position in the answer; see [`Answer::turn`].
    #[must_use]
    pub fn and_tool(self, name: &str, arguments: &Value) -> Self {
        self.and_tool_text(name, &arguments.to_string())
    }

    /// Goes on with a tool call whose arguments are this text, JSON or not.
    #[must_use]
    pub fn and_tool_text(mut self, name: &str, arguments: &str) -> Self {
        let id = format!("{}", self.parts.len());
        self.parts.push(Part::Tool { id, name: name.to_owned(), arguments: arguments.to_owned() });
        self.stop = Stop::ToolUse;
        self
    }

    /// Makes the tool ids unique in a conversation: `turn` is put in front of each.
    #[must_use]
    pub fn turn(mut self, turn: usize) -> Self {
        for part in &mut self.parts {
            if let Part::Tool { id, .. } = part {
                *id = format!("{turn}_{id}");
            }
        }
        self
    }

    /// Names the model that answers.
    #[must_use]
    pub fn model(mut self, model: &str) -> Self {
        model.clone_into(&mut self.model);
        self
    }

    /// Replaces the id.
    #[must_use]
    pub fn id(mut self, id: &str) -> Self {
        id.clone_into(&mut self.id);
        self
    }

    /// Replaces the reason for stopping.
    #[must_use]
    pub fn stop(mut self, stop: Stop) -> Self {
        self.stop = stop;
        self
    }

    /// Replaces the usage.
    #[must_use]
    pub fn usage(mut self, usage: Usage) -> Self {
        self.usage = usage;
        self
    }

    /// The visible text.
    pub fn visible(&self) -> String {
        let texts = self.parts.iter().filter_map(|part| match part {
            Part::Text(pieces) => Some(pieces.concat()),
            Part::Thinking { .. } | Part::Redacted(_) | Part::Tool { .. } => None,
        });
        texts.collect()
    }
}

/// Cuts a text in two near its middle, as tool arguments arrive from a real model.
pub(crate) fn halves(text: &str) -> (&str, &str) {
    let mut middle = text.len() / 2;
    while !text.is_char_boundary(middle) {
        middle -= 1;
    }
    text.split_at(middle)
}
