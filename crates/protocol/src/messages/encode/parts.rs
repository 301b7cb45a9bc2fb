//! One part as a block.

use super::{
    super::ID_LIMIT,
    cache,
    draft::{Block, Content, Placed},
    source,
};
use crate::{
    CannotEncode, Protocol, Target,
    ir::{Form, Losses, Part, PartKind, Raw, Reasoning, Role, Source, ToolResult, Turn, fit, unseal},
};
use std::borrow::Cow;

/// Longest tool name that Anthropic takes.
pub(super) const NAME_LIMIT: usize = 128;

/// Where a part stood in the source's body, told only on a loss.
#[derive(Clone, Copy, Debug)]
pub(super) enum Place<'a> {
    /// In the request-level `system`.
    System(usize),
    /// In a message.
    Turn { turn: &'a Turn, index: usize, part: usize },
    /// Inside the tool result of a message.
    Result { turn: &'a Turn, index: usize, part: usize, inner: usize },
}

impl Place<'_> {
    /// The path in the words of the maker's wire.
    pub(super) fn path(&self) -> String {
        match *self {
            Self::System(part) => format!("system[{part}]"),
            Self::Turn { turn, index, part } => in_turn(turn, index, part),
            Self::Result { turn, index, part, inner } => match turn.role {
                Role::Tool => format!("messages[{index}].content[{inner}]"),
                Role::System | Role::Developer | Role::User | Role::Assistant => {
                    format!("{}.content[{inner}]", in_turn(turn, index, part))
                }
            },
        }
    }
}

/// Chat keeps calls and reasoning beside `content`, so that positions in the two lists differ.
fn in_turn(turn: &Turn, index: usize, part: usize) -> String {
    let message = format!("messages[{index}]");
    if turn.extras.maker == Protocol::Messages {
        return if turn.form == Form::Text {
            format!("{message}.content")
        } else {
            format!("{message}.content[{part}]")
        };
    }
    let before = |same: fn(&PartKind) -> bool| turn.parts.iter().take(part).filter(|part| same(&part.kind)).count();
    match turn.parts.get(part).map(|part| &part.kind) {
        Some(PartKind::ToolCall(_)) => {
            format!("{message}.tool_calls[{}]", before(|kind| matches!(kind, PartKind::ToolCall(_))))
        }
        Some(PartKind::Reasoning(Reasoning { signature: None, redacted: None, .. })) => {
            format!("{message}.reasoning_content")
        }
        Some(PartKind::Reasoning(_)) => format!("{message}.reasoning_details"),
        Some(PartKind::ToolResult(_)) => format!("{message}.content"),
        _ if turn.form == Form::Text => format!("{message}.content"),
        _ => {
            let beside = |kind: &PartKind| !matches!(kind, PartKind::ToolCall(_) | PartKind::Reasoning(_));
            format!("{message}.content[{}]", before(beside))
        }
    }
}

/// Turns parts into blocks for one target.
pub(super) struct Blocks<'t, 'l> {
    pub(super) target: &'t Target<'t>,
    pub(super) losses: &'l mut Losses,
}

impl Blocks<'_, '_> {
    /// The block of a part; `None` when nothing of it remains.
    pub(super) fn block<'a>(&mut self, part: &'a Part, at: Place<'_>) -> Result<Option<Placed<'a>>, CannotEncode> {
        let native = part.extras.maker == Protocol::Messages;
        let block = match &part.kind {
            PartKind::Text(text) if !native && text.trim().is_empty() => None,
            PartKind::Text(text) => Some(Block::Text(Cow::Borrowed(text))),
            PartKind::Refusal(text) => {
                self.losses.approximated(at.path(), "a refusal became text");
                (!text.trim().is_empty()).then_some(Block::Text(Cow::Borrowed(text)))
            }
            PartKind::Image { source, detail } => {
                source::check(source, || at.path())?;
                if detail.as_deref().is_some_and(|detail| detail != "auto") {
                    self.losses.dropped(format!("{}.image_url.detail", at.path()), "");
                }
                Some(Block::Image(source))
            }
            PartKind::Document { source, name } => {
                source::check(source, || at.path())?;
                readable(source, native, at)?;
                Some(Block::Document { source, title: name.as_deref() })
            }
            PartKind::Audio { .. } => {
                return Err(CannotEncode { path: at.path(), why: "this upstream takes no sound".into() });
            }
            PartKind::ToolCall(call) => {
                let (id, name) = if native {
                    (Cow::Borrowed(&*call.id), Cow::Borrowed(&*call.name))
                } else {
                    (fit(&call.id, ID_LIMIT), fit(&call.name, NAME_LIMIT))
                };
                Some(Block::Call { id, name, call })
            }
            PartKind::ToolResult(result) => {
                let id = if native { Cow::Borrowed(&*result.call_id) } else { fit(&result.call_id, ID_LIMIT) };
                Some(self.result(id, result, at)?)
            }
            PartKind::Reasoning(reasoning) => self.reasoning(reasoning, native, at),
            PartKind::Opaque { sealed, .. } if sealed.maker == Protocol::Messages => {
                Some(Block::Raw(sealed.raw.as_str()))
            }
            PartKind::Opaque { .. } => {
                self.losses.dropped(at.path(), "only its maker understands it");
                None
            }
        };
        Ok(block.map(|block| self.placed(block, part, at)))
    }

    /// Hangs marks and extras on a block, or notes what cannot be carried.
    pub(super) fn placed<'a>(&mut self, block: Block<'a>, part: &'a Part, at: Place<'_>) -> Placed<'a> {
        let mark = cache::mark(part, self.target, self.losses);
        if part.extras.maker == Protocol::Messages {
            return Placed { block, mark, extras: &part.extras.fields };
        }
        for (key, raw) in &part.extras.fields {
            if means_something(raw) && !(mark.is_some() && key == cache::MEMBER) {
                self.losses.dropped(format!("{}.{key}", at.path()), "");
            }
        }
        Placed { block, mark, extras: &[] }
    }

    /// A tool result under the id that its call was given.
    pub(super) fn result<'a>(
        &mut self,
        id: Cow<'a, str>,
        result: &'a ToolResult,
        at: Place<'_>,
    ) -> Result<Block<'a>, CannotEncode> {
        let content = match (result.form, result.content.as_slice()) {
            (Form::Text, [Part { kind: PartKind::Text(text), .. }]) => Content::Text(Cow::Borrowed(text)),
            (Form::Text | Form::List, parts) => {
                let mut blocks = Vec::with_capacity(parts.len());
                for (inner, part) in parts.iter().enumerate() {
                    let at = match at {
                        Place::Turn { turn, index, part } => Place::Result { turn, index, part, inner },
                        Place::System(_) | Place::Result { .. } => at,
                    };
                    blocks.extend(self.block(part, at)?);
                }
                Content::Blocks(blocks)
            }
            (Form::Null | Form::Absent, _) => Content::Absent,
        };
        Ok(Block::Result { id, content, is_error: result.is_error })
    }

    /// Thinking goes only to whoever signed it: a seal is opened for its owner, another vendor's reasoning is left out.
    fn reasoning<'a>(&mut self, reasoning: &'a Reasoning, native: bool, at: Place<'_>) -> Option<Block<'a>> {
        let proof = reasoning.redacted.as_deref().or(reasoning.signature.as_deref());
        let kept = match proof.map(|proof| (proof, unseal(proof))) {
            Some((_, Some((owner, payload)))) if owner == self.target.owner && !payload.is_empty() => {
                Some(Some(Cow::Owned(payload)))
            }
            Some((proof, None)) if native => Some(Some(Cow::Borrowed(proof))),
            None if native => Some(None),
            Some(_) | None => None,
        };
        let Some(proof) = kept else {
            self.losses.dropped(at.path(), "reasoning that this upstream did not make");
            return None;
        };
        Some(match (&reasoning.redacted, proof) {
            (Some(_), Some(data)) => Block::Redacted(data),
            (_, signature) => Block::Thinking { text: &reasoning.text, signature },
        })
    }
}

/// Anthropic reads PDF and plain text.
fn readable(source: &Source, native: bool, at: Place<'_>) -> Result<(), CannotEncode> {
    match source {
        Source::Base64 { media_type, .. }
            if !native && &**media_type != "application/pdf" && !media_type.starts_with("text/") =>
        {
            let why = format!("this upstream reads PDF and plain text, not `{media_type}`");
            Err(CannotEncode { path: at.path(), why })
        }
        Source::Base64 { .. } | Source::Url(_) | Source::Text(_) | Source::File { .. } => Ok(()),
    }
}

/// Whether leaving a member out changes anything: null and empty values say nothing.
pub(super) fn means_something(raw: &Raw) -> bool {
    !matches!(raw.as_str(), "null" | "[]" | "{}" | "\"\"")
}
