//! Reasoning, which this protocol does not have and its vendors write in five ways.
//!
//! `reasoning_content` (DeepSeek, Kimi, Qwen), `reasoning` (OpenRouter, vLLM) and `reasoning_text` (Copilot) are plain text;
//! `reasoning_opaque` (Copilot) and the entries of `reasoning_details` (OpenRouter) carry signatures and hidden blocks. Marks on
//! the part say which of them the wire used. A text that only repeats its details gives no part of its own: clients of this
//! router get both, and send both back.

use super::{
    extras::{self, keep, mark, marked},
    wire::{DetailWire, MessageWire, ThoughtWire, string},
};
use crate::{
    Protocol, Str,
    ir::{Extras, Losses, Part, PartKind, Reasoning, seal, unseal},
    json::{List, Rest, Text, Writer, own_raw},
};
use serde_json::value::RawValue;
use std::borrow::Cow;

/// Members that hold the text, in the order in which they are believed.
const TEXTS: [&str; 3] = [".reasoning_content", ".reasoning", ".reasoning_text"];
const OPAQUE: &str = ".reasoning_opaque";
const DETAILS: &str = ".reasoning_details";
/// The entry is a `reasoning.summary`.
const SUMMARY: &str = ".summary";
/// The entry has no text, or null.
const WORDLESS: &str = ".wordless";

/// Takes the reasoning out of a message. What cannot be read stays in `kept`.
pub(super) fn decode(source: &Str, wire: &mut MessageWire<'_>, kept: &mut Extras) -> Vec<Part> {
    let text = |member: Option<Text<'_>>| member.map(|text| string(source, &text));
    let plain = wire.reasoning.take().and_then(|raw| {
        let text: Option<Text<'_>> = serde_json::from_str(raw.get()).ok();
        if text.is_none() {
            kept.fields.push((Str::from_static("reasoning"), own_raw(source, raw)));
        }
        text
    });
    let texts = [text(wire.reasoning_content.take()), text(plain), text(wire.reasoning_text.take())];
    let mut parts = wire.reasoning_details.take().map(|raw| details(source, raw, kept)).unwrap_or_default();
    let mut opaque = text(wire.reasoning_opaque.take());
    let repeated: String = parts.iter().filter_map(shown).collect();
    let mut front = Vec::new();
    for (member, text) in TEXTS.into_iter().zip(texts) {
        let Some(text) = text else { continue };
        match parts.first_mut() {
            Some(first) if *repeated == *text => mark(&mut first.extras, member),
            _ => {
                let signature = opaque.take();
                let signed = signature.is_some();
                let mut part = reasoning(Reasoning { text, signature, redacted: None });
                mark(&mut part.extras, member);
                if signed {
                    mark(&mut part.extras, OPAQUE);
                }
                front.push(part);
            }
        }
    }
    if let Some(signature) = opaque {
        let mut part = reasoning(Reasoning { text: Str::new(), signature: Some(signature), redacted: None });
        mark(&mut part.extras, OPAQUE);
        front.push(part);
    }
    front.append(&mut parts);
    front
}

/// Mistral's content part `{"type":"thinking","thinking":[{"type":"text","text":…}]}`, given its members; `None`
/// when they have another shape. For a Chat client it becomes `reasoning_content`.
pub(super) fn thinking(source: &Str, members: &Rest<'_>) -> Option<Part> {
    let (_, list) = members.iter().find(|(name, _)| name == "thinking")?;
    let thoughts: List<ThoughtWire<'_>> = serde_json::from_str(list.get()).ok()?;
    let texts = thoughts.iter().filter_map(|thought| thought.text.as_ref());
    let texts: Vec<Str> = texts.map(|text| string(source, text)).collect();
    let text = match <[Str; 1]>::try_from(texts) {
        Ok([only]) => only,
        Err(texts) => Str::from(texts.iter().map(|text| &**text).collect::<String>()),
    };
    let mut part = reasoning(Reasoning { text, signature: None, redacted: None });
    mark(&mut part.extras, ".reasoning_content");
    Some(part)
}

fn reasoning(reasoning: Reasoning) -> Part {
    Part::new(Protocol::Chat, PartKind::Reasoning(reasoning))
}

/// The entries of `reasoning_details`; all of them or, when one has an unknown shape, none.
fn details(source: &Str, raw: &RawValue, kept: &mut Extras) -> Vec<Part> {
    let wires: Option<List<DetailWire<'_>>> = serde_json::from_str(raw.get()).ok();
    let parts: Option<Vec<Part>> =
        wires.and_then(|wires| wires.0.into_iter().map(|wire| detail(source, wire)).collect());
    match parts {
        Some(parts) if !parts.is_empty() => parts,
        _ => {
            kept.fields.push((Str::from_static("reasoning_details"), own_raw(source, raw)));
            Vec::new()
        }
    }
}

fn detail(source: &Str, wire: DetailWire<'_>) -> Option<Part> {
    let own = |text: Option<Text<'_>>| text.map(|text| string(source, &text));
    let mut kept = extras::none();
    mark(&mut kept, DETAILS);
    if wire.text.is_none() && wire.summary.is_none() && wire.data.is_none() {
        mark(&mut kept, WORDLESS);
    }
    let reasoning = match wire.kind.as_deref()? {
        "reasoning.text" => {
            Reasoning { text: own(wire.text).unwrap_or_default(), signature: own(wire.signature), redacted: None }
        }
        "reasoning.summary" => {
            mark(&mut kept, SUMMARY);
            Reasoning { text: own(wire.summary).unwrap_or_default(), signature: own(wire.signature), redacted: None }
        }
        "reasoning.encrypted" => {
            Reasoning { text: Str::new(), signature: None, redacted: Some(own(wire.data).unwrap_or_default()) }
        }
        _ => return None,
    };
    keep(source, wire.rest, "", &mut kept);
    Some(Part { kind: PartKind::Reasoning(reasoning), cache: None, extras: kept })
}

/// The visible text of a reasoning part.
fn shown(part: &Part) -> Option<&str> {
    read(part).map(|reasoning| &*reasoning.text)
}

fn read(part: &Part) -> Option<&Reasoning> {
    match &part.kind {
        PartKind::Reasoning(reasoning) => Some(reasoning),
        _ => None,
    }
}

/// Writes the reasoning of a message that Chat made, as the wire had it. `own` turns a signature or hidden block into what
/// the reader may have; `None` leaves it out.
pub(super) fn write_back(w: &mut Writer, parts: &[Part], mut own: impl FnMut(&str) -> Option<String>) {
    let in_details = |part: &&Part| marked(&part.extras, DETAILS);
    for member in TEXTS {
        let name = member.trim_start_matches('.');
        if parts.iter().filter(in_details).any(|part| marked(&part.extras, member)) {
            w.key(name).text_of(parts.iter().filter(in_details).filter_map(shown));
        } else if parts.iter().any(|part| marked(&part.extras, member)) {
            w.key(name).text_of(parts.iter().filter(|part| marked(&part.extras, member)).filter_map(shown));
        }
    }
    let opaque = parts.iter().find(|part| marked(&part.extras, OPAQUE)).and_then(read);
    if let Some(signature) = opaque.and_then(|part| part.signature.as_deref()).and_then(&mut own) {
        w.key("reasoning_opaque").text(&signature);
    }
    if !parts.iter().any(|part| in_details(&part)) {
        return;
    }
    w.key("reasoning_details").begin_list();
    for part in parts.iter().filter(in_details) {
        let Some(Reasoning { text, signature, redacted }) = read(part) else { continue };
        let signature = signature.as_deref().and_then(&mut own);
        let (kind, member, words) = match redacted {
            Some(data) => match own(data) {
                Some(data) => ("reasoning.encrypted", "data", Cow::Owned(data)),
                None => continue,
            },
            None if marked(&part.extras, SUMMARY) => ("reasoning.summary", "summary", Cow::Borrowed(&**text)),
            None => ("reasoning.text", "text", Cow::Borrowed(&**text)),
        };
        w.begin().key("type").text(kind);
        if !marked(&part.extras, WORDLESS) {
            w.key(member).text(&words);
        }
        if let Some(signature) = signature {
            w.key("signature").text(&signature);
        }
        extras::write(w, &part.extras, "", &[]);
        w.end();
    }
    w.end_list();
}

/// Writes foreign reasoning for a client: the text, and what proves it sealed for the way back.
pub(super) fn write_sealed(w: &mut Writer, parts: &[Part], owner: &str) {
    let blocks = || parts.iter().filter_map(read);
    if !blocks().all(|block| block.text.is_empty()) {
        w.key("reasoning_content").text_of(blocks().map(|block| &*block.text));
    }
    if blocks().all(|block| block.signature.is_none() && block.redacted.is_none()) {
        return;
    }
    w.key("reasoning_details").begin_list();
    for block in blocks() {
        match &block.redacted {
            Some(data) => write_hidden(w, owner, data),
            None => write_signed(w, owner, &block.text, block.signature.as_deref()),
        }
    }
    w.end_list();
}

/// Writes one entry of `reasoning_details` for a visible block.
pub(super) fn write_signed(w: &mut Writer, owner: &str, text: &str, signature: Option<&str>) {
    w.begin().key("type").text("reasoning.text").key("text").text(text);
    if let Some(signature) = signature {
        w.key("signature").text(&seal(owner, signature));
    }
    w.end();
}

/// Writes one entry of `reasoning_details` for a hidden block.
pub(super) fn write_hidden(w: &mut Writer, owner: &str, data: &str) {
    w.begin().key("type").text("reasoning.encrypted").key("data").text(&seal(owner, data)).end();
}

/// Writes the reasoning of a past answer for an upstream that wants it back, notes what is left out otherwise.
/// `path` names a part in the source.
pub(super) fn write_replay(
    w: &mut Writer,
    parts: &[Part],
    owner: &str,
    replay: bool,
    losses: &mut Losses,
    path: impl Fn(usize) -> String,
) {
    let made_here = parts.iter().all(|part| part.extras.maker == Protocol::Chat);
    if !replay {
        for (index, part) in parts.iter().enumerate().filter(|(_, part)| read(part).is_some()) {
            let member = TEXTS.into_iter().chain([OPAQUE, DETAILS]).find(|member| marked(&part.extras, member));
            losses.dropped(
                format!("{}{}", path(index), member.unwrap_or_default()),
                "the upstream does not take reasoning back",
            );
        }
        return;
    }
    if made_here {
        return write_back(w, parts, |sealed| match unseal(sealed) {
            Some((of, payload)) => (of == owner).then_some(payload),
            None => Some(sealed.to_owned()),
        });
    }
    for (index, block) in parts.iter().enumerate().filter_map(|(index, part)| Some((index, read(part)?))) {
        if block.redacted.is_some() {
            losses.dropped(path(index), "hidden reasoning means something to its maker only");
        } else if block.signature.as_deref().is_some_and(|signature| !signature.is_empty()) {
            losses.dropped(format!("{}.signature", path(index)), "a signature means something to its maker only");
        }
    }
    // Thinking models of this family refuse a tool call whose reasoning is not there; empty text is accepted.
    let calls = parts.iter().any(|part| matches!(part.kind, PartKind::ToolCall(_)));
    let texts = || parts.iter().filter_map(shown).filter(|text| !text.is_empty());
    if calls || texts().next().is_some() {
        w.key("reasoning_content").text_of(texts());
    }
}
