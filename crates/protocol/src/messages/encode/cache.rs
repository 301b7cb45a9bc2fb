//! Prompt-cache marks.
//!
//! A client of this protocol sets its own. Breakpoints of Chat clients (`prompt_cache_breakpoint`, or OpenRouter's
//! `cache_control` on a part) map one to one. A request without any gets four: the last tool, the last system block and the
//! last block of the last two user messages. They are set on blocks and not once at the top level, because every upstream
//! that speaks this protocol knows the block form, and because the mark of the turn before last makes the prefix written by
//! the previous request hit even when a turn brings more blocks than the server looks back. A mark is no part of the
//! cached prefix, so that moving it costs nothing; everything else about a message stays the same from turn to turn.

use super::{
    draft::{Block, Content, Draft, Mark, Placed, System, Tool},
    parts::means_something,
};
use crate::{
    Protocol, Target,
    ir::{CacheMark, Losses, Part},
};
use std::borrow::Cow;

/// The member's name here and at OpenRouter.
pub(super) const MEMBER: &str = "cache_control";
/// Most marks that Anthropic takes.
const LIMIT: usize = 4;
const SHORT: &str = r#"{"type":"ephemeral"}"#;
const LONG: &str = r#"{"type":"ephemeral","ttl":"1h"}"#;

/// The mark of a part, if it has one.
pub(super) fn mark<'a>(part: &'a Part, target: &Target<'_>, losses: &mut Losses) -> Option<Mark<'a>> {
    if let Some(mark) = &part.cache {
        return Some(of_maker(mark, target, losses));
    }
    let foreign = part.extras.maker != Protocol::Messages;
    let own_word = part.extras.find(MEMBER).filter(|raw| foreign && means_something(raw))?;
    Some(Cow::Borrowed(if own_word.as_str().contains("\"1h\"") { LONG } else { SHORT }))
}

/// A mark in this protocol's words.
pub(super) fn of_maker<'a>(mark: &'a CacheMark, target: &Target<'_>, losses: &mut Losses) -> Mark<'a> {
    let raw = mark.raw.as_str();
    match mark.maker {
        Protocol::Messages if target.dialect.anthropic || !raw.contains("\"scope\"") => Cow::Borrowed(raw),
        Protocol::Messages => {
            losses.dropped("cache_control.scope", "a beta of Anthropic's own API");
            without_scope(raw)
        }
        Protocol::Chat => Cow::Borrowed(if raw.contains("\"12h\"") { LONG } else { SHORT }),
    }
}

fn without_scope(raw: &str) -> Mark<'_> {
    let Ok(serde_json::Value::Object(mut members)) = serde_json::from_str(raw) else { return Cow::Borrowed(raw) };
    members.shift_remove("scope");
    Cow::Owned(serde_json::Value::Object(members).to_string())
}

/// Sets the marks of a draft that came from another protocol: the client's own up to the limit, or ours when it has none.
pub(super) fn settle(draft: &mut Draft<'_>, losses: &mut Losses) {
    let given = marks(draft).filter(|mark| mark.is_some()).count();
    if given == 0 {
        add(draft);
        return;
    }
    let mut surplus = given.saturating_sub(LIMIT);
    if surplus > 0 {
        losses.dropped("prompt_cache_breakpoint", "this upstream takes four breakpoints; the last four were kept");
    }
    let mut short_before = false;
    for mark in marks(draft).filter(|mark| mark.is_some()) {
        if surplus > 0 {
            surplus -= 1;
            *mark = None;
        } else if short_before {
            // One-hour marks must stand before five-minute ones.
            *mark = Some(Cow::Borrowed(SHORT));
        } else {
            short_before = mark.as_deref() == Some(SHORT);
        }
    }
}

/// Every place of a mark, in the order of the prefix.
fn marks<'d, 'a>(draft: &'d mut Draft<'a>) -> impl Iterator<Item = &'d mut Option<Mark<'a>>> {
    let tools = draft.tools.iter_mut().filter_map(|tool| match tool {
        Tool::Function { mark, .. } => Some(mark),
        Tool::Raw(_) => None,
    });
    let system = match &mut draft.system {
        System::Blocks(blocks) => blocks.as_mut_slice(),
        System::Absent | System::Text(_) => &mut [],
    };
    let messages = draft.messages.iter_mut().flat_map(|message| message.blocks.iter_mut());
    tools.chain(system.iter_mut().map(|placed| &mut placed.mark)).chain(messages.flat_map(of_block))
}

/// The marks inside a tool result, which count like any other, and the block's own.
fn of_block<'d, 'a>(placed: &'d mut Placed<'a>) -> impl Iterator<Item = &'d mut Option<Mark<'a>>> {
    let inner = if let Block::Result { content: Content::Blocks(blocks), .. } = &mut placed.block {
        blocks.as_mut_slice()
    } else {
        &mut []
    };
    inner.iter_mut().map(|placed| &mut placed.mark).chain(std::iter::once(&mut placed.mark))
}

fn add(draft: &mut Draft<'_>) {
    let short = || Some(Cow::Borrowed(SHORT));
    if let Some(Tool::Function { mark, .. }) = draft.tools.last_mut() {
        *mark = short();
    }
    if let System::Blocks(blocks) = &mut draft.system
        && let Some(last) = blocks.last_mut()
    {
        last.mark = short();
    }
    let users = draft.messages.iter_mut().rev().filter(|message| message.role == "user");
    for message in users.take(2) {
        if let Some(last) = message.blocks.iter_mut().rev().find(|placed| can_be_marked(placed)) {
            last.mark = short();
        }
    }
}

/// Thinking must not be marked; a sealed block is not ours to change.
fn can_be_marked(placed: &Placed<'_>) -> bool {
    match &placed.block {
        Block::Text(_) | Block::Image(_) | Block::Document { .. } | Block::Call { .. } | Block::Result { .. } => true,
        Block::Thinking { .. } | Block::Redacted(_) | Block::Raw(_) => false,
    }
}
