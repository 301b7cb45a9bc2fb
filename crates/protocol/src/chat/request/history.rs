//! The conversation.
//!
//! Chat's rules: what a tool gave back stands in a `tool` message of its own, text only, right behind the calling message;
//! every call is answered. So results of another protocol are moved up to their call, their pictures follow in a `user`
//! message behind the batch, a missing result is made up, one without a call becomes user text.

use super::encode::Encoder;
use crate::{
    CannotEncode,
    chat::{calls, content, extras, message, reasoning},
    ir::{Form, Part, PartKind, Role, Source, ToolCall, Turn},
};
use serde_json::Value;
use std::{borrow::Cow, collections::HashSet};

/// How Claude Code's transport block begins; it changes every turn and means something to Anthropic only.
const BILLING: &str = "x-anthropic-billing-header:";

/// Something that stands in the content of a user message.
pub(super) enum Piece<'a> {
    Text(Cow<'a, str>),
    Part(&'a Part),
}

/// Where a part stands: its turn and its place in it.
pub(super) type Place = (usize, usize);

impl<'r> Encoder<'r> {
    /// Writes a turn that came over Chat as it was.
    pub(super) fn own_turn(&mut self, turn: &Turn, index: usize) {
        self.w.begin();
        message::write_role(&mut self.w, turn.role, self.target.dialect.developer_role);
        let result = turn.parts.iter().find_map(|part| match &part.kind {
            PartKind::ToolResult(result) if turn.role == Role::Tool => Some(result),
            _ => None,
        });
        if let Some(result) = result {
            let id = self.id(&result.call_id);
            self.w.key("tool_call_id").text(&id);
            content::write_content(&mut self.w, &result.content, result.form);
        } else {
            content::write_content(&mut self.w, &turn.parts, turn.form);
        }
        if let Some(name) = &turn.name {
            self.w.key("name").text(name);
        }
        if let Some(refusal) = message::refusal(&turn.parts) {
            self.w.key("refusal").text(refusal);
        }
        self.replay(turn, |_| format!("messages[{index}]"));
        self.calls(turn);
        extras::write(&mut self.w, &turn.extras, "", &[]);
        self.w.end();
    }

    fn replay(&mut self, turn: &Turn, path: impl Fn(usize) -> String) {
        if turn.role == Role::Assistant {
            let replay = self.target.dialect.replay_reasoning;
            reasoning::write_replay(&mut self.w, &turn.parts, self.target.owner, replay, &mut self.losses, path);
        }
    }

    fn calls(&mut self, turn: &Turn) {
        if !message::has_calls(&turn.parts) {
            return;
        }
        self.w.key("tool_calls").begin_list();
        for (part, call) in calls_of(turn) {
            let (id, name) = (self.id(&call.id), self.name(&call.name));
            calls::write(&mut self.w, part, call, &id, &name, &calls::sent(call, self.made_here));
        }
        self.w.end_list();
    }

    /// Writes the conversation of another protocol.
    pub(super) fn foreign_history(&mut self) -> Result<(), CannotEncode> {
        let request = self.request;
        self.instructions();
        let mut answered = HashSet::new();
        for (index, turn) in request.turns.iter().enumerate() {
            self.note_extras(&turn.extras, &format!("messages[{index}]"));
            match turn.role {
                Role::System | Role::Developer => {
                    let text = self.plain(&turn.parts, &|part| place(turn, index, part));
                    self.text_message(Role::System, &text);
                }
                Role::Assistant => {
                    self.assistant(turn, index);
                    self.results(turn, index, &mut answered)?;
                }
                Role::User | Role::Tool => self.user_turn(turn, index, &answered)?,
            }
        }
        Ok(())
    }

    /// `system`: one message before all others.
    fn instructions(&mut self) {
        let system: Vec<&Part> = self.request.system.iter().collect();
        let text = self.plain_of(system.into_iter(), &|index| format!("system[{index}]"));
        self.text_message(Role::System, &text);
    }

    fn text_message(&mut self, role: Role, pieces: &[&str]) {
        if pieces.is_empty() {
            return;
        }
        self.w.begin();
        message::write_role(&mut self.w, role, self.target.dialect.developer_role);
        self.w.key("content").text_of(spaced(pieces)).end();
    }

    fn plain<'p>(&mut self, parts: &'p [Part], path: &dyn Fn(usize) -> String) -> Vec<&'p str> {
        self.plain_of(parts.iter(), path)
    }

    /// The texts of instructions, without the billing block.
    fn plain_of<'p>(&mut self, parts: impl Iterator<Item = &'p Part>, path: &dyn Fn(usize) -> String) -> Vec<&'p str> {
        let mut texts = Vec::new();
        for (index, part) in parts.enumerate() {
            let text = content::text_of(part);
            if text.is_some_and(|text| text.starts_with(BILLING)) {
                continue;
            }
            self.note_part(part, &path(index));
            match text {
                Some("") => {}
                Some(text) => texts.push(text),
                None => self.losses.dropped(path(index), "instructions are text only"),
            }
        }
        texts
    }

    pub(super) fn note_part(&mut self, part: &Part, path: &str) {
        self.note_cache(part.cache.as_ref(), path);
        self.note_extras(&part.extras, path);
    }

    fn assistant(&mut self, turn: &Turn, index: usize) {
        for (at, part) in turn.parts.iter().enumerate() {
            let path = place(turn, index, at);
            match &part.kind {
                PartKind::Text(_) | PartKind::ToolCall(_) | PartKind::Refusal(_) | PartKind::Reasoning(_) => {}
                _ => self.losses.dropped(path.clone(), "only its maker understands it"),
            }
            if !matches!(part.kind, PartKind::Opaque { .. }) {
                self.note_part(part, &path);
            }
        }
        let text = message::joined(&turn.parts);
        let refusal = message::refusal(&turn.parts);
        if text.is_empty() && refusal.is_none() && !message::has_calls(&turn.parts) {
            // An empty turn says nothing; reasoning alone cannot be sent, and is listed.
            let mut nowhere = crate::json::Writer::default();
            let path = |at| place(turn, index, at);
            nowhere.begin();
            reasoning::write_replay(&mut nowhere, &turn.parts, "", false, &mut self.losses, path);
            return;
        }
        if index + 1 == self.request.turns.len() && !message::has_calls(&turn.parts) {
            self.losses.approximated(format!("messages[{index}]"), "a model may not go on from a prefilled answer");
        }
        self.w.begin();
        message::write_role(&mut self.w, Role::Assistant, true);
        self.w.key("content");
        if text.is_empty() {
            self.w.null()
        } else {
            self.w.text_of(text)
        };
        if let Some(refusal) = refusal {
            self.w.key("refusal").text(refusal);
        }
        self.replay(turn, |at| place(turn, index, at));
        self.calls(turn);
        self.w.end();
    }

    /// A part of a user turn as what Chat can say; `None` when it is left out.
    pub(super) fn piece<'p>(&mut self, part: &'p Part, path: &str) -> Result<Option<Piece<'p>>, CannotEncode> {
        let refuse = |why: &str| Err(CannotEncode { path: path.to_owned(), why: why.to_owned() });
        let piece = match &part.kind {
            PartKind::Text(text) if text.is_empty() => None,
            PartKind::Text(text) | PartKind::Refusal(text) => Some(Piece::Text(Cow::Borrowed(&**text))),
            PartKind::Image { source: Source::File { .. }, .. }
            | PartKind::Document { source: Source::File { .. }, .. } => {
                return refuse("a file kept at one vendor cannot be read by another; send its content");
            }
            PartKind::Document { source: Source::Url(_), .. } => {
                return refuse("this upstream takes no documents by address; send the content");
            }
            PartKind::Document { source: Source::Text(text), .. } => {
                self.losses.approximated(path, "a text document, sent as text");
                Some(Piece::Text(Cow::Borrowed(&**text)))
            }
            PartKind::Image { .. } | PartKind::Document { .. } | PartKind::Audio { .. } => Some(Piece::Part(part)),
            PartKind::Opaque { what, sealed } if &**what == "search_result" => {
                self.losses.approximated(path, "a search result, sent as text");
                return Ok(Some(Piece::Text(Cow::Owned(search_result(sealed.raw.as_str())))));
            }
            PartKind::Opaque { what, sealed } if &**what == "document" => {
                let Some(text) = document_text(sealed.raw.as_str()) else {
                    return refuse("this upstream takes no such document; send its text or its bytes");
                };
                self.losses.approximated(path, "a document made of text blocks, sent as text");
                return Ok(Some(Piece::Text(Cow::Owned(text))));
            }
            PartKind::Opaque { what, .. } if &**what == "image" => {
                return refuse("an image from a source that only its maker knows; send its bytes");
            }
            PartKind::ToolCall(_) | PartKind::ToolResult(_) | PartKind::Reasoning(_) | PartKind::Opaque { .. } => {
                self.losses.dropped(path, "only its maker understands it");
                return Ok(None);
            }
        };
        self.note_part(part, path);
        Ok(piece)
    }

    fn user_turn(&mut self, turn: &'r Turn, index: usize, answered: &HashSet<Place>) -> Result<(), CannotEncode> {
        let mut pieces: Vec<Piece<'r>> = Vec::new();
        for (at, part) in turn.parts.iter().enumerate() {
            let path = place(turn, index, at);
            match &part.kind {
                PartKind::ToolResult(_) if answered.contains(&(index, at)) => {}
                PartKind::ToolResult(result) => {
                    self.losses.approximated(path.clone(), "a result without a call, sent as text");
                    let mut moved = Vec::new();
                    let text = self.result_text(result, &path, &mut moved)?;
                    pieces.push(Piece::Text(Cow::Owned(text)));
                    pieces.append(&mut moved);
                }
                _ => pieces.extend(self.piece(part, &path)?),
            }
        }
        self.user_message(&pieces);
        Ok(())
    }

    /// Writes a user message; text alone is written as one string, which every backend takes.
    pub(super) fn user_message(&mut self, pieces: &[Piece<'_>]) {
        if pieces.is_empty() {
            return;
        }
        let texts: Option<Vec<&str>> = pieces
            .iter()
            .map(|piece| match piece {
                Piece::Text(text) => Some(&**text),
                Piece::Part(_) => None,
            })
            .collect();
        if let Some(texts) = texts {
            return self.text_message(Role::User, &texts);
        }
        self.w.begin().key("role").text("user").key("content").begin_list();
        for piece in pieces {
            match piece {
                Piece::Text(text) => {
                    self.w.begin().key("type").text("text").key("text").text(text).end();
                }
                Piece::Part(part) => content::write(&mut self.w, part),
            }
        }
        self.w.end_list().end();
    }
}

fn calls_of(turn: &Turn) -> impl Iterator<Item = (&Part, &ToolCall)> {
    turn.parts.iter().filter_map(|part| match &part.kind {
        PartKind::ToolCall(call) => Some((part, call)),
        _ => None,
    })
}

/// Where a part stands in the source.
pub(super) fn place(turn: &Turn, index: usize, at: usize) -> String {
    match turn.form {
        Form::List => format!("messages[{index}].content[{at}]"),
        Form::Text | Form::Null | Form::Absent => format!("messages[{index}].content"),
    }
}

/// Texts with an empty line between them.
fn spaced<'p>(pieces: &'p [&'p str]) -> impl Iterator<Item = &'p str> {
    pieces.iter().enumerate().flat_map(|(index, piece)| [if index == 0 { "" } else { "\n\n" }, piece])
}

/// Title, source and text of a search result.
fn search_result(raw: &str) -> String {
    let value: Value = serde_json::from_str(raw).unwrap_or_default();
    let field = |name: &str| value.get(name).and_then(Value::as_str);
    let blocks = value.get("content").and_then(Value::as_array);
    let texts = blocks.into_iter().flatten().filter_map(|block| block.get("text")?.as_str());
    let lines: Vec<&str> = field("title").into_iter().chain(field("source")).chain(texts).collect();
    lines.join("\n")
}

/// The text of a document whose `source` is `{"type":"content"}`; `None` for any other source, and when a block is not text.
fn document_text(raw: &str) -> Option<String> {
    let value: Value = serde_json::from_str(raw).ok()?;
    let source = value.get("source").filter(|source| source.get("type").is_some_and(|kind| kind == "content"))?;
    match source.get("content")? {
        Value::String(text) => Some(text.clone()),
        Value::Array(blocks) => {
            let text =
                |block: &Value| block.get("text").filter(|_| block["type"] == "text")?.as_str().map(str::to_owned);
            let texts: Vec<String> = blocks.iter().map(text).collect::<Option<_>>()?;
            Some(texts.join("\n"))
        }
        _ => None,
    }
}
