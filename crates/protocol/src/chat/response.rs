//! A whole answer.
//!
//! Some upstreams spread one answer over several choices: text in one, calls in the next (Copilot for Claude). A choice that
//! says what the first left out completes it; a choice that speaks again of the same is an alternative (`n > 1`) and is kept
//! as it is.

use super::{
    calls,
    content::{self, Author},
    error, extras, message, reasoning,
    stream::Finish,
    usage,
    wire::{AnswerWire, ResponseWire, read_at},
};
use crate::{
    BadRequest, BadResponse, Protocol, Str, StreamStart,
    ir::{Extras, Form, Part, PartKind, Raw, Response, Role, Stand, StopReason, Turn, fit},
    json::{Writer, own, own_raw, wire::read},
};
use bytes::Bytes;
use serde_json::value::RawValue;

/// The children of an answer that have members of their own.
const CHILDREN: [&str; 2] = ["choice.", "message."];
/// The finish reason as the wire had it, when it is not the one that follows from the answer.
const FINISH: &str = "choice.finish_reason";

impl From<BadRequest> for BadResponse {
    fn from(fault: BadRequest) -> Self {
        Self::Malformed(fault.message)
    }
}

/// Reads a whole answer.
pub(super) fn decode(source: &Str) -> Result<Response, BadResponse> {
    let wire: ResponseWire<'_> = read(source)?;
    if let Some(raw) = wire.error {
        return Err(BadResponse::Error(Box::new(error::decode_inner(raw))));
    }
    let choices = wire.choices.map(|choices| choices.0).unwrap_or_default();
    let Some((first, others)) = choices.split_first() else {
        return Err(BadResponse::Malformed("choices: expected at least one".into()));
    };
    let mut kept = extras::none();
    let Choice { turn, finish, index, rest } = choice(source, first, 0)?;
    let Turn { mut parts, form, extras: message, .. } = turn;
    for (name, raw) in message.fields {
        kept.fields.push((Str::from(format!("message.{name}")), raw));
    }
    if form != Form::Text && !parts.iter().any(|part| matches!(part.kind, PartKind::Text(_))) {
        kept.fields.push((Str::from_static("message.content"), Raw(Str::from_static("null"))));
    }
    if index != 0 {
        kept.fields.push((Str::from_static("choice.index"), Raw(Str::from(index.to_string()))));
    }
    kept.fields.extend(rest.fields);
    let mut alternatives = Vec::new();
    for (at, raw) in others.iter().enumerate() {
        let Choice { turn, .. } = choice(source, raw, at + 1)?;
        if completes(&parts, &turn.parts) {
            parts.extend(turn.parts);
        } else {
            alternatives.push(own_raw(source, raw));
        }
    }
    let stop = finish.stop(message::has_calls(&parts), message::refusal(&parts).is_some());
    if finish.word() != Some(finish_word(&stop, &parts, None)) {
        let raw = finish.word().and_then(|word| serde_json::value::to_raw_value(word).ok()).unwrap_or_default();
        kept.fields.push((Str::from_static(FINISH), own_raw(source, &raw)));
    }
    if let Some(raw) = wire.usage {
        kept.fields.push((Str::from_static("usage"), own_raw(source, raw)));
    }
    extras::keep(source, wire.rest, "", &mut kept);
    let text = |text: Option<crate::json::Text<'_>>| text.map(|text| own(source, &text)).unwrap_or_default();
    Ok(Response {
        id: text(wire.id),
        model: text(wire.model),
        created: wire.created.and_then(|raw| raw.get().parse::<f64>().ok()).map(|seconds| seconds as u64),
        parts,
        stop,
        usage: wire.usage.and_then(usage::read),
        others: alternatives,
        extras: kept,
    })
}

/// One choice as it was read.
struct Choice {
    turn: Turn,
    finish: Finish,
    index: u32,
    /// What else it said, under `choice.`.
    rest: Extras,
}

fn choice(source: &Str, raw: &RawValue, at: usize) -> Result<Choice, BadResponse> {
    let path = format!("choices[{at}]");
    let wire: AnswerWire<'_> = read_at(&path, raw)?;
    let finish = wire.finish_reason.as_deref().map_or_else(Finish::default, Finish::read);
    if finish.failed() {
        let told = wire.rest.iter().find(|(key, raw)| key == "error" && raw.get() != "null").map(|(_, raw)| *raw);
        return Err(BadResponse::Error(Box::new(error::of_choice(told))));
    }
    let message = wire.message.ok_or_else(|| BadResponse::Malformed(format!("{path}.message: missing")))?;
    let turn = message::decode(source, message, Role::Assistant, Author::Upstream, &format!("{path}.message"))?;
    let mut rest = extras::none();
    let unread = wire.rest.into_iter().filter(|(key, _)| key != "finish_reason").collect();
    extras::keep(source, unread, "choice.", &mut rest);
    Ok(Choice { turn, finish, index: wire.index.unwrap_or(0), rest })
}

/// Whether `further` says only what `first` left out.
fn completes(first: &[Part], further: &[Part]) -> bool {
    let speaks = |parts: &[Part]| {
        parts.iter().any(|part| match &part.kind {
            PartKind::Text(text) | PartKind::Refusal(text) => !text.is_empty(),
            _ => false,
        })
    };
    let says = |parts: &[Part]| speaks(parts) || message::has_calls(parts);
    says(first)
        && says(further)
        && !(speaks(first) && speaks(further))
        && !(message::has_calls(first) && message::has_calls(further))
}

/// The word for `stop`. Calls that stand for something else than a call do not count.
fn finish_word(stop: &StopReason, parts: &[Part], start: Option<&StreamStart>) -> &'static str {
    let is_call = |part: &Part| match &part.kind {
        PartKind::ToolCall(call) => start.is_none_or(|start| start.names.original(&call.name).1 != Stand::Output),
        _ => false,
    };
    Finish::word_for(stop, parts.iter().any(is_call), message::refusal(parts).is_some())
}

/// Writes a whole answer for the client.
pub(super) fn encode(response: &Response, start: &StreamStart) -> Bytes {
    let mut w = Writer::with_capacity(1024);
    let made_here = response.extras.maker == Protocol::Chat;
    let parts = &response.parts;
    w.begin();
    w.key("id");
    if response.id.is_empty() {
        w.text_of(["chatcmpl-", &start.id])
    } else {
        w.text(&response.id)
    };
    w.key("object").text("chat.completion");
    w.key("created").number(response.created.unwrap_or(start.created));
    w.key("model").text(&start.model);
    w.key("choices").begin_list().begin();
    if extras::find(&response.extras, "choice.index").is_none() {
        w.key("index").number(0);
    }
    w.key("message").begin();
    write_message(&mut w, response, start, made_here);
    w.end();
    if extras::find(&response.extras, FINISH).is_none() {
        w.key("finish_reason").text(finish_word(&response.stop, parts, Some(start)));
    }
    extras::write(&mut w, &response.extras, "choice.", &[]);
    if !made_here {
        w.key("logprobs").null();
    }
    w.end();
    for other in &response.others {
        w.raw(other.as_str());
    }
    w.end_list();
    if let (false, Some(usage)) = (made_here, &response.usage) {
        w.key("usage");
        usage::write(&mut w, usage);
    }
    extras::write(&mut w, &response.extras, "", &CHILDREN);
    w.end();
    w.finish()
}

fn write_message(w: &mut Writer, response: &Response, start: &StreamStart, made_here: bool) {
    let parts = &response.parts;
    w.key("role").text("assistant");
    let text = text(parts, start);
    let null = extras::find(&response.extras, "message.content").is_some();
    if !text.is_empty() || made_here && !null {
        w.key("content").text_of(text);
    } else if !null {
        w.key("content").null();
    }
    let refusal = message::refusal(parts);
    match refusal {
        Some(refusal) => {
            w.key("refusal").text(refusal);
        }
        None if !made_here => {
            w.key("refusal").null();
        }
        None => {}
    }
    if made_here {
        reasoning::write_back(w, parts, |sealed| Some(sealed.to_owned()));
    } else {
        reasoning::write_sealed(w, parts, &start.owner);
        super::citations::write_whole(w, parts);
    }
    let shown = |part: &&Part| match &part.kind {
        PartKind::ToolCall(call) => start.names.original(&call.name).1 != Stand::Output,
        _ => false,
    };
    if parts.iter().any(|part| shown(&part)) {
        w.key("tool_calls").begin_list();
        for (index, part) in parts.iter().filter(shown).enumerate() {
            let PartKind::ToolCall(call) = &part.kind else { continue };
            let id = call_id(&call.id, start, index, made_here);
            calls::write_answer(w, part, call, &id, &start.names, made_here);
        }
        w.end_list();
    }
    extras::write(w, &response.extras, "message.", &[]);
}

/// An id for the client: the upstream's where it fits, a made-up one where there is none.
pub(super) fn call_id(id: &str, start: &StreamStart, index: usize, made_here: bool) -> String {
    if id.is_empty() {
        format!("call_{}_{index}", start.id)
    } else if made_here {
        id.to_owned()
    } else {
        fit(id, 64).into_owned()
    }
}

/// The answer's text, with that of a call which stands for the structured answer.
fn text<'a>(parts: &'a [Part], start: &StreamStart) -> Vec<&'a str> {
    let output = parts.iter().filter_map(|part| match &part.kind {
        PartKind::ToolCall(call) if start.names.original(&call.name).1 == Stand::Output => Some(&*call.arguments),
        _ => None,
    });
    parts.iter().filter_map(content::text_of).chain(output).collect()
}
