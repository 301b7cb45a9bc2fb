//! Whole answers, both ways.

use super::{
    ID_LIMIT,
    decode::Blocks,
    encode::{arguments, block_extras},
    error,
    path::At,
    usage::{self, Counts},
    wire::Reply,
};
use crate::{
    BadResponse, ErrorKind, Protocol, Str, StreamStart, UpstreamError,
    ir::{Part, PartKind, Raw, Reasoning, Response, StopReason, fit, seal},
    json::{Writer, own_raw, wire::own_text},
};
use bytes::Bytes;
use std::borrow::Cow;

pub(super) fn decode(source: &Str) -> Result<Response, BadResponse> {
    let malformed = |fault: crate::BadRequest| BadResponse::Malformed(fault.message);
    let reply: Reply<'_> = At::Root.read(source).map_err(malformed)?;
    if let Some(raw) = reply.error {
        let told = error::decode_inner(raw).unwrap_or_else(|| UpstreamError {
            kind: ErrorKind::Upstream,
            kind_word: None,
            code: None,
            message: raw.get().to_owned(),
            param: None,
        });
        return Err(BadResponse::Error(Box::new(told)));
    }
    let blocks = Blocks::of_answer(source);
    let at = At::Root.key("content");
    let content = At::Root.require("content", reply.content).map_err(malformed)?;
    let parts = blocks.list(&content, at).map_err(malformed)?;
    let mut extras = blocks.extras(reply.rest);
    let called = parts.iter().any(|part| matches!(part.kind, PartKind::ToolCall(_)));
    let word = reply.stop_reason.as_deref();
    let stop = stop_reason(word, reply.stop_sequence.as_deref(), called);
    if let Some(word) = word
        && stop_word(&stop, false) != word
        && !called
    {
        let word = serde_json::Value::from(word).to_string();
        extras.fields.push((Str::from_static("stop_reason"), Raw(word.into())));
    }
    let usage = reply.usage.map(|raw| {
        extras.fields.push((Str::from_static("usage"), own_raw(source, raw)));
        let mut counts = Counts::default();
        counts.merge(raw);
        counts.total()
    });
    let text = |text: Option<crate::json::Text<'_>>| text.map_or_else(Str::new, |text| own_text(source, &text));
    Ok(Response {
        id: text(reply.id),
        model: text(reply.model),
        created: None,
        parts,
        stop,
        usage,
        others: Vec::new(),
        extras,
    })
}

/// The meaning of `stop_reason`. Whether tools are to be called follows from the calls, not from the word:
/// imitators answer `end_turn` beside calls.
pub(super) fn stop_reason(word: Option<&str>, sequence: Option<&str>, called: bool) -> StopReason {
    match word {
        Some("max_tokens") => StopReason::Length,
        Some("stop_sequence") => StopReason::StopSequence(sequence.map(Str::from)),
        Some("tool_use") => StopReason::ToolCalls,
        Some("pause_turn") => StopReason::Paused,
        Some("refusal") => StopReason::Refusal,
        Some("model_context_window_exceeded") => StopReason::ContextFull,
        _ if called => StopReason::ToolCalls,
        _ => StopReason::End,
    }
}

/// The wire's word for a reason; `tool_use` whenever a call was made and the end was natural.
pub(super) fn stop_word(stop: &StopReason, called: bool) -> &'static str {
    match stop {
        StopReason::End if called => "tool_use",
        StopReason::End => "end_turn",
        StopReason::ToolCalls => "tool_use",
        StopReason::StopSequence(_) => "stop_sequence",
        StopReason::Length => "max_tokens",
        StopReason::ContextFull => "model_context_window_exceeded",
        StopReason::Filtered | StopReason::Refusal => "refusal",
        StopReason::Paused => "pause_turn",
    }
}

/// An id as Anthropic's clients expect it.
pub(super) fn message_id(upstream: &str, fallback: &str) -> String {
    let id = if upstream.is_empty() { fallback } else { upstream };
    if id.starts_with("msg_") { id.to_owned() } else { format!("msg_{id}") }
}

/// The id of the call number `index` of an answer, with only the characters that Anthropic takes.
pub(super) fn call_id<'a>(upstream: &'a str, fallback: &str, index: u64) -> Cow<'a, str> {
    if upstream.is_empty() { Cow::Owned(format!("toolu_{fallback}_{index}")) } else { fit(upstream, ID_LIMIT) }
}

pub(super) fn encode(response: &Response, start: &StreamStart) -> Bytes {
    let native = response.extras.maker == Protocol::Messages;
    let mut w = Writer::with_capacity(1024);
    w.begin().key("id");
    if native && !response.id.is_empty() {
        w.text(&response.id);
    } else {
        w.text(&message_id(&response.id, &start.id));
    }
    w.key("type").text("message").key("role").text("assistant");
    w.key("model").text(if start.model.is_empty() { &response.model } else { &start.model });
    w.key("content").begin_list();
    let mut answer = Answer { w: &mut w, start, shown_bytes: 0, refused: false, calls: 0 };
    response.parts.iter().for_each(|part| answer.part(part));
    let Answer { shown_bytes, refused, calls, .. } = answer;
    w.end_list();
    let kept = |name: &str| if native { response.extras.find(name) } else { None };
    w.key("stop_reason");
    match kept("stop_reason") {
        Some(raw) => w.raw(raw.as_str()),
        None if refused && response.stop == StopReason::End => w.text("refusal"),
        None => w.text(stop_word(&response.stop, calls > 0)),
    };
    if kept("stop_sequence").is_none() {
        w.key("stop_sequence");
        match &response.stop {
            StopReason::StopSequence(Some(text)) => w.text(text),
            _ => w.null(),
        };
    }
    w.key("usage");
    if let Some(raw) = kept("usage") {
        w.raw(raw.as_str());
    } else {
        let counted = response.usage.filter(|usage| !usage.is_empty());
        usage::write(&mut w, &counted.unwrap_or_else(|| usage::estimate(start.input_estimate, shown_bytes)));
    }
    if native {
        for (key, raw) in &response.extras.fields {
            if !matches!(&**key, "stop_reason" | "usage" | "type" | "role" | "id" | "model" | "content") {
                w.key(key).raw(raw.as_str());
            }
        }
    }
    w.end();
    w.finish()
}

/// Writes the blocks of an answer.
struct Answer<'w> {
    w: &'w mut Writer,
    start: &'w StreamStart,
    shown_bytes: u64,
    refused: bool,
    calls: u64,
}

impl Answer<'_> {
    fn part(&mut self, part: &Part) {
        let native = part.extras.maker == Protocol::Messages;
        match &part.kind {
            PartKind::Text(text) if native || !text.is_empty() => self.text(text, part),
            PartKind::Refusal(text) => {
                self.refused = true;
                self.text(text, part);
            }
            PartKind::Reasoning(reasoning) => self.reasoning(reasoning, part),
            PartKind::ToolCall(call) => {
                let (name, _) = self.start.names.original(&call.name);
                self.shown_bytes += call.arguments.len() as u64;
                self.w.begin().key("type").text("tool_use").key("id");
                if native {
                    self.w.text(&call.id);
                } else {
                    self.w.text(&call_id(&call.id, &self.start.id, self.calls));
                }
                self.w.key("name").text(name).key("input");
                arguments(self.w, call);
                block_extras(self.w, part);
                self.w.end();
                self.calls += 1;
            }
            PartKind::Opaque { sealed, .. } if sealed.maker == Protocol::Messages => {
                self.w.raw(sealed.raw.as_str());
            }
            PartKind::Text(_)
            | PartKind::Image { .. }
            | PartKind::Document { .. }
            | PartKind::Audio { .. }
            | PartKind::ToolResult(_)
            | PartKind::Opaque { .. } => {}
        }
    }

    fn text(&mut self, text: &str, part: &Part) {
        self.shown_bytes += text.len() as u64;
        self.w.begin().key("type").text("text").key("text").text(text);
        block_extras(self.w, part);
        self.w.end();
    }

    /// Every block gets a signature, because clients send only signed blocks back. Anthropic's own stays as it is.
    fn reasoning(&mut self, reasoning: &Reasoning, part: &Part) {
        let native = part.extras.maker == Protocol::Messages;
        let signed = |own: &str| if native { own.to_owned() } else { seal(&self.start.owner, own) };
        self.shown_bytes += reasoning.text.len() as u64;
        if let Some(data) = &reasoning.redacted {
            self.w.begin().key("type").text("redacted_thinking").key("data").text(&signed(data));
        } else {
            self.w.begin().key("type").text("thinking").key("thinking").text(&reasoning.text);
            if reasoning.signature.is_some() || !native {
                self.w.key("signature").text(&signed(reasoning.signature.as_deref().unwrap_or_default()));
            }
        }
        block_extras(self.w, part);
        self.w.end();
    }
}
