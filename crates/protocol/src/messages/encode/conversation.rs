//! Another protocol's conversation in Anthropic's order.
//!
//! - System turns before the first other turn become `system`; later ones keep their place with the role `system` where
//!   the model and the upstream know it, and else become user text in a tag.
//! - Neighbours of one role are joined.
//! - Every call is answered in the next user message: its results stand first, in the order of the calls, whatever order
//!   they came in. A second answer to one call is left out, a missing one is made up as an error, and a result without a
//!   call becomes user text.
//! - Ids that come twice in a conversation get a number, blocks that would be empty vanish.
//!
//! What is written for a turn depends only on it and on what stands before it, except inside the window between two
//! assistant turns, so that beginnings stay equal from turn to turn.

use super::{
    super::{ID_LIMIT, models::Behaviour},
    draft::{Block, Content, Message, Placed},
    parts::{Blocks, Place, means_something},
    same::is_billing,
};
use crate::{
    CannotEncode, Target,
    ir::{Losses, Part, PartKind, Request, Role, ToolResult, Turn, fit},
};
use std::{
    borrow::Cow,
    collections::{HashMap, VecDeque},
};

const NO_RESULT: &str = "(no result)";
const FIRST_USER: &str = "(the conversation goes on)";
const GO_ON: &str = "Continue.";

/// `system` and `messages`.
#[derive(Debug)]
pub(super) struct Conversation<'a> {
    pub(super) system: Vec<Placed<'a>>,
    pub(super) messages: Vec<Message<'a>>,
}

pub(super) fn build<'a>(
    request: &'a Request,
    target: &Target<'_>,
    behaviour: &Behaviour,
    losses: &mut Losses,
) -> Result<Conversation<'a>, CannotEncode> {
    let mut builder = Builder {
        blocks: Blocks { target, losses },
        mid_system: behaviour.mid_system && target.dialect.anthropic,
        messages: Vec::with_capacity(request.turns.len()),
        calls: Vec::new(),
        waiting: Vec::new(),
        unanswered: HashMap::new(),
        answered: false,
        window: Vec::new(),
        ids: HashMap::new(),
    };
    let mut system = Vec::new();
    for (index, part) in request.system.iter().enumerate().filter(|(_, part)| !is_billing(part)) {
        system.extend(builder.blocks.block(part, Place::System(index))?);
    }
    let is_system = |turn: &&Turn| matches!(turn.role, Role::System | Role::Developer);
    let leading = request.turns.iter().take_while(is_system).count();
    for (index, turn) in request.turns.iter().enumerate() {
        builder.note_extras(turn, index);
        if index < leading {
            for (part, each) in turn.parts.iter().enumerate() {
                system.extend(builder.blocks.block(each, Place::Turn { turn, index, part })?);
            }
        } else {
            builder.turn(turn, index)?;
        }
    }
    builder.close_window();
    let mut messages = builder.messages;
    if messages.first().is_none_or(|first| first.role != "user") {
        losses.approximated("messages", "a user message was put first");
        messages.insert(0, Message::new("user", vec![Placed::text(FIRST_USER)]));
    }
    Ok(Conversation { system, messages })
}

/// Makes the last message one that this model accepts as the last: a user's, or the beginning of an answer.
pub(super) fn end_with_user(messages: &mut Vec<Message<'_>>, prefill: bool, losses: &mut Losses) {
    let Some(last) = messages.last_mut().filter(|message| message.role == "assistant") else { return };
    if !prefill {
        losses.approximated("messages", "this model cannot go on from an assistant message; it was told to");
        messages.push(Message::new("user", vec![Placed::text(GO_ON)]));
    } else if let Some(Placed { block: Block::Text(text), .. }) = last.blocks.last_mut() {
        // White space at the end of a beginning is refused.
        *text = Cow::Owned(text.trim_end().to_owned());
    }
}

/// Who speaks inside a window.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Speaker {
    User,
    System,
}

/// A call of the last assistant message.
struct Waiting<'a> {
    sent: Cow<'a, str>,
    place: Place<'a>,
    answer: Option<Placed<'a>>,
}

struct Builder<'a, 't, 'l> {
    blocks: Blocks<'t, 'l>,
    mid_system: bool,
    messages: Vec<Message<'a>>,
    /// The blocks of the last assistant message from its first call on, until the message is whole.
    calls: Vec<Placed<'a>>,
    /// Calls of the last assistant message, in order.
    waiting: Vec<Waiting<'a>>,
    /// Positions in `waiting` of the calls of each id that have no answer yet.
    unanswered: HashMap<&'a str, VecDeque<usize>>,
    /// Whether any of them has one.
    answered: bool,
    /// What else was said since that message.
    window: Vec<(Speaker, Placed<'a>)>,
    /// How often each id was used.
    ids: HashMap<String, u32>,
}

impl<'a> Builder<'a, '_, '_> {
    fn note_extras(&mut self, turn: &Turn, index: usize) {
        for (key, raw) in &turn.extras.fields {
            if means_something(raw) {
                self.blocks.losses.dropped(format!("messages[{index}].{key}"), "");
            }
        }
        if turn.name.is_some() && turn.role != Role::User {
            self.blocks.losses.dropped(format!("messages[{index}].name"), "");
        }
    }

    fn turn(&mut self, turn: &'a Turn, index: usize) -> Result<(), CannotEncode> {
        match turn.role {
            Role::Assistant => self.assistant(turn, index),
            Role::User | Role::Tool => self.user(turn, index),
            Role::System | Role::Developer => self.late_system(turn, index),
        }
    }

    fn assistant(&mut self, turn: &'a Turn, index: usize) -> Result<(), CannotEncode> {
        let goes_on = self.window.is_empty() && !self.answered;
        let goes_on = goes_on && self.messages.last().is_some_and(|last| last.role == "assistant");
        if !goes_on {
            self.close_window();
        }
        let mut said = Vec::with_capacity(turn.parts.len());
        for (part, each) in turn.parts.iter().enumerate() {
            let place = Place::Turn { turn, index, part };
            let Some(mut placed) = self.blocks.block(each, place)? else { continue };
            if let (Block::Call { id, .. }, PartKind::ToolCall(call)) = (&mut placed.block, &each.kind) {
                let sent = self.fresh_id(&call.id);
                id.clone_from(&sent);
                self.unanswered.entry(&call.id).or_default().push_back(self.waiting.len());
                self.waiting.push(Waiting { sent, place, answer: None });
            }
            // What a later turn of the same message says stands before the calls, which stay last.
            let is_call = matches!(placed.block, Block::Call { .. });
            if is_call || (!goes_on && !self.calls.is_empty()) {
                self.calls.push(placed);
            } else {
                said.push(placed);
            }
        }
        match self.messages.last_mut().filter(|_| goes_on) {
            Some(last) => last.blocks.append(&mut said),
            None if said.is_empty() && self.calls.is_empty() => {}
            None => self.messages.push(Message::new("assistant", said)),
        }
        Ok(())
    }

    /// The id of a call, numbered when the conversation used it before.
    fn fresh_id(&mut self, id: &'a str) -> Cow<'a, str> {
        let fitted = fit(id, ID_LIMIT);
        let uses = self.ids.entry(fitted.clone().into_owned()).or_insert(0);
        *uses += 1;
        if *uses == 1 {
            return fitted;
        }
        let numbered = fit(&format!("{fitted}_{uses}"), ID_LIMIT).into_owned();
        self.ids.insert(numbered.clone(), 1);
        Cow::Owned(numbered)
    }

    fn user(&mut self, turn: &'a Turn, index: usize) -> Result<(), CannotEncode> {
        let mut name = turn.name.as_deref().filter(|_| turn.role == Role::User);
        for (part, each) in turn.parts.iter().enumerate() {
            let place = Place::Turn { turn, index, part };
            if let PartKind::ToolResult(result) = &each.kind {
                self.result(each, result, place)?;
                continue;
            }
            let Some(mut placed) = self.blocks.block(each, place)? else { continue };
            if let (Block::Text(text), Some(speaker)) = (&mut placed.block, name.take()) {
                self.blocks.losses.approximated(format!("messages[{index}].name"), "put before the text");
                *text = Cow::Owned(format!("{speaker}: {text}"));
            }
            self.window.push((Speaker::User, placed));
        }
        Ok(())
    }

    fn result(&mut self, part: &'a Part, result: &'a ToolResult, place: Place<'a>) -> Result<(), CannotEncode> {
        let calls = self.unanswered.get_mut(&*result.call_id);
        let known = calls.is_some();
        let first = calls.and_then(VecDeque::pop_front);
        if let Some(call) = first.and_then(|first| self.waiting.get_mut(first)) {
            let block = self.blocks.result(call.sent.clone(), result, place)?;
            call.answer = Some(self.blocks.placed(block, part, place));
            self.answered = true;
        } else if known {
            self.blocks.losses.dropped(place.path(), "a second result of one call");
        } else {
            self.blocks.losses.approximated(place.path(), "a result without its call became text");
            self.orphan(result, place)?;
        }
        Ok(())
    }

    /// What a result without a call says, as the user's words.
    fn orphan(&mut self, result: &'a ToolResult, place: Place<'a>) -> Result<(), CannotEncode> {
        self.window.push((Speaker::User, Placed::text(format!("Result of the tool call {}:", result.call_id))));
        for part in &result.content {
            if let Some(placed) = self.blocks.block(part, place)? {
                self.window.push((Speaker::User, placed));
            }
        }
        Ok(())
    }

    fn late_system(&mut self, turn: &'a Turn, index: usize) -> Result<(), CannotEncode> {
        for (part, each) in turn.parts.iter().enumerate() {
            let Some(mut placed) = self.blocks.block(each, Place::Turn { turn, index, part })? else { continue };
            if self.mid_system {
                self.window.push((Speaker::System, placed));
                continue;
            }
            self.blocks.losses.approximated(format!("messages[{index}]"), "a later system message became user text");
            if let Block::Text(text) = &mut placed.block {
                *text = Cow::Owned(format!("<system>\n{text}\n</system>"));
            }
            self.window.push((Speaker::User, placed));
        }
        Ok(())
    }

    /// Writes what stands between two assistant messages: results first, then the rest in its order.
    fn close_window(&mut self) {
        if let Some(last) = self.messages.last_mut() {
            last.blocks.append(&mut self.calls);
        }
        self.unanswered.clear();
        self.answered = false;
        for call in std::mem::take(&mut self.waiting) {
            let answer = call.answer.unwrap_or_else(|| {
                self.blocks
                    .losses
                    .approximated(call.place.path(), "a call without a result was answered with an error");
                let content = Content::Text(Cow::Borrowed(NO_RESULT));
                Placed::new(Block::Result { id: call.sent, content, is_error: Some(true) })
            });
            self.say("user", answer);
        }
        for (speaker, placed) in std::mem::take(&mut self.window) {
            self.say(if speaker == Speaker::User { "user" } else { "system" }, placed);
        }
    }

    fn say(&mut self, role: &'static str, placed: Placed<'a>) {
        match self.messages.last_mut().filter(|last| last.role == role) {
            Some(last) => last.blocks.push(placed),
            None => self.messages.push(Message::new(role, vec![placed])),
        }
    }
}
