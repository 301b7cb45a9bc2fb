//! Reads an upstream's stream.
//!
//! The answer is complete at `[DONE]`, or when the body ends after every choice has given its finish reason; everything
//! before that which is held (the end of calls, the stop reason) is sent then, because usage and even content may still
//! follow the finish reason. A body that ends earlier is truncated.
//!
//! Several choices: the first one seen is the answer. Another one completes it where the first is silent, as Copilot sends
//! Claude's text and calls in two choices; what repeats it (`n > 1`) is noted once as opaque and left out.

use super::{
    Finish,
    calls::Calls,
    chunk::{Choice, Chunk, ContentPiece, Delta, Few},
};
use crate::{
    Protocol, StreamError, UpstreamError,
    chat::{error, usage},
    codec::StreamDecoder,
    ir::{Event, EventSink},
    json::{Text, text},
    sse::Frame,
};
use serde_json::value::RawValue;

/// Most choices of one answer, as at OpenAI; every chunk looks through them.
const MOST_CHOICES: usize = 128;

/// The reader of one stream.
#[derive(Debug, Default)]
pub(in crate::chat) struct Decoder {
    started: bool,
    done: bool,
    choices: Vec<Seen>,
    calls: Calls,
    refusal: bool,
    /// Something of another choice was left out.
    skipped: bool,
    /// Memory for text with escapes.
    scratch: String,
}

/// What is known of a choice.
#[derive(Debug)]
struct Seen {
    index: u32,
    finish: Finish,
    /// It has spoken: text or refusal.
    spoke: bool,
}

impl StreamDecoder for Decoder {
    fn frame(&mut self, frame: &Frame<'_>, to: &mut dyn EventSink) -> Result<(), StreamError> {
        if self.done {
            return Ok(());
        }
        let data = frame.data.trim();
        if data.is_empty() {
            if frame.raw.trim_ascii_start().starts_with(b":") {
                to.event(&Event::Ping);
            }
            return Ok(());
        }
        if data == "[DONE]" {
            return self.complete(to);
        }
        if frame.event == "error" {
            return Err(upstream(error::decode(data).unwrap_or_else(|| error::unexplained(data))));
        }
        let chunk: Chunk<'_> =
            serde_json::from_str(data).map_err(|fault| StreamError::Malformed(format!("a chunk: {fault}")))?;
        if let Some(raw) = chunk.error {
            return Err(upstream(error::decode_inner(raw)));
        }
        self.chunk(&chunk, to)
    }

    fn end(&mut self, to: &mut dyn EventSink) -> Result<(), StreamError> {
        let finished = self.choices.iter().all(|choice| choice.finish != Finish::default());
        // Calls are announced and none came: they would have stood in another choice.
        let waiting = self.choices.first().is_some_and(|main| main.finish.wants_calls()) && !self.calls.any();
        let finished = finished && !waiting;
        match (self.done, self.choices.is_empty(), finished) {
            (true, ..) => Ok(()),
            (false, false, true) => self.complete(to),
            (false, ..) => Err(StreamError::Truncated),
        }
    }

    fn finished(&self) -> bool {
        self.done
    }
}

impl Decoder {
    fn chunk(&mut self, chunk: &Chunk<'_>, to: &mut dyn EventSink) -> Result<(), StreamError> {
        let id = chunk.id.as_deref().unwrap_or_default();
        let content = chunk.choices.as_ref().is_some_and(|choices| choices.len() > 0);
        // Copilot opens with a chunk that names neither id nor choice.
        if !self.started && (content || !id.is_empty()) {
            self.started = true;
            to.event(&Event::Start { id, model: chunk.model.as_deref().unwrap_or_default() });
        }
        for (place, choice) in chunk.choices.iter().flat_map(Few::iter).enumerate() {
            self.choice(choice, choice.index.unwrap_or(place as u32), to)?;
            self.usage(choice.usage, to);
        }
        self.usage(chunk.usage, to);
        Ok(())
    }

    fn usage(&mut self, raw: Option<&RawValue>, to: &mut dyn EventSink) {
        let Some(usage) = raw.and_then(usage::read) else { return };
        if !self.started {
            self.started = true;
            to.event(&Event::Start { id: "", model: "" });
        }
        to.event(&Event::Usage(usage));
    }

    fn choice(&mut self, choice: &Choice<'_>, index: u32, to: &mut dyn EventSink) -> Result<(), StreamError> {
        if !self.choices.iter().any(|seen| seen.index == index) {
            if self.choices.len() == MOST_CHOICES {
                return Err(StreamError::Malformed("more choices than an answer can have".into()));
            }
            self.choices.push(Seen { index, finish: Finish::default(), spoke: false });
        }
        if let Some(delta) = &choice.delta {
            self.delta(delta, index, to)?;
        }
        let finish = Finish::read(choice.finish_reason.as_deref().unwrap_or_default());
        if finish.failed() {
            return Err(upstream(error::of_choice(choice.error)));
        }
        if let Some(seen) = self.choices.iter_mut().find(|seen| seen.index == index)
            && finish != Finish::default()
        {
            seen.finish = finish;
        }
        Ok(())
    }

    fn delta(&mut self, delta: &Delta<'_>, index: u32, to: &mut dyn EventSink) -> Result<(), StreamError> {
        if delta.function_call.is_some() {
            // For a client that asked with `functions` it is an answer; no other protocol has a word for it.
            to.event(&Event::Opaque { what: "function_call" });
        }
        let first = self.choices.first().is_none_or(|seen| seen.index == index);
        if first || self.first_is_over() {
            reasoning(delta, to);
        }
        let refusal = delta.refusal.as_deref().unwrap_or_default();
        let words = delta.content.filter(|raw| raw.get() != "\"\"");
        let cited = delta.annotations.as_ref().is_some_and(|list| list.len() > 0);
        if words.is_some() || !refusal.is_empty() || cited {
            if self.may_speak(index) {
                if let Some(raw) = words {
                    content(raw, &mut self.scratch, to)?;
                }
                if !refusal.is_empty() {
                    self.refusal = true;
                    to.event(&Event::Refusal(refusal));
                }
                for raw in delta.annotations.iter().flat_map(Few::iter) {
                    to.event(&Event::Citation { maker: Protocol::Chat, raw: raw.get() });
                }
            } else {
                self.skip(to);
            }
        }
        if delta.audio.is_some() {
            to.event(&Event::Opaque { what: "audio" });
        }
        if let Some(fragments) = &delta.tool_calls {
            let main = self.choices.first().map_or(index, |seen| seen.index);
            if index == main || !self.calls.any_of(main) {
                for (place, fragment) in fragments.iter().enumerate() {
                    self.calls.fragment(index, (place, fragments.len()), fragment, to)?;
                }
            } else if fragments.len() > 0 {
                self.skip(to);
            }
        }
        Ok(())
    }

    /// Whether the text of choice `index` belongs to the answer; notes that it speaks.
    fn may_speak(&mut self, index: u32) -> bool {
        let first = self.choices.first().is_none_or(|seen| seen.index == index);
        let silent = self.choices.iter().all(|seen| seen.index == index || !seen.spoke);
        let may = first || silent && self.first_is_over();
        if let Some(seen) = self.choices.iter_mut().find(|seen| seen.index == index) {
            seen.spoke |= may;
        }
        may
    }

    /// Whether the first choice has said its text: it finished, or it calls tools.
    fn first_is_over(&self) -> bool {
        let over = |main: &Seen| main.finish != Finish::default() || self.calls.any_of(main.index);
        self.choices.first().is_some_and(over)
    }

    fn skip(&mut self, to: &mut dyn EventSink) {
        if !std::mem::replace(&mut self.skipped, true) {
            to.event(&Event::Opaque { what: "choices" });
        }
    }

    /// Sends what was held back.
    fn complete(&mut self, to: &mut dyn EventSink) -> Result<(), StreamError> {
        if self.choices.is_empty() {
            return Err(StreamError::Malformed("it ended without an answer".into()));
        }
        // Whoever was cut off says why; else the first choice speaks for the answer.
        let cut = self.calls.cut();
        let told = self.choices.iter().find(|seen| cut.is_none_or(|choice| seen.index == choice));
        let finish = told.map_or_else(Finish::default, |seen| seen.finish.clone());
        if cut.is_some() && !finish.breaks_off() {
            return Err(StreamError::Truncated);
        }
        self.calls.end(to)?;
        self.done = true;
        to.event(&Event::Stop(finish.stop(self.calls.any(), self.refusal)));
        to.event(&Event::End);
        Ok(())
    }
}

/// Sends the reasoning of a delta. Where the same text comes under several names, one of them counts.
fn reasoning(delta: &Delta<'_>, to: &mut dyn EventSink) {
    let plain = delta.reasoning.and_then(|raw| serde_json::from_str::<Text<'_>>(raw.get()).ok());
    let texts = [delta.reasoning_content.as_deref(), plain.as_deref(), delta.reasoning_text.as_deref()];
    let text = texts.into_iter().flatten().find(|text| !text.is_empty());
    if let Some(text) = text {
        to.event(&Event::Reasoning(text));
    }
    for detail in delta.reasoning_details.iter().flat_map(Few::iter) {
        let own = detail.text.as_deref().or(detail.summary.as_deref()).filter(|own| !own.is_empty());
        if let (None, Some(own)) = (text, own) {
            to.event(&Event::Reasoning(own));
        }
        if let Some(signature) = detail.signature.as_deref().filter(|signature| !signature.is_empty()) {
            to.event(&Event::Signature(signature));
        }
        if let Some(data) = detail.data.as_deref().filter(|data| !data.is_empty()) {
            to.event(&Event::Redacted(data));
        }
    }
    if let Some(signature) = delta.reasoning_opaque.as_deref().filter(|signature| !signature.is_empty()) {
        to.event(&Event::Signature(signature));
    }
}

/// Sends `content`: a string, or a list of parts (Mistral).
fn content(raw: &RawValue, scratch: &mut String, to: &mut dyn EventSink) -> Result<(), StreamError> {
    if let Some(text) = text::read(raw.get(), scratch) {
        to.event(&Event::Text(text));
        return Ok(());
    }
    let wrong = |fault: serde_json::Error| StreamError::Malformed(format!("a chunk's content: {fault}"));
    let pieces: Few<ContentPiece<'_>> = serde_json::from_str(raw.get()).map_err(wrong)?;
    for piece in pieces.iter() {
        match piece.kind.as_deref() {
            Some("text") => to.event(&Event::Text(piece.text.as_deref().unwrap_or_default())),
            Some("thinking") => {
                for thought in piece.thinking.iter().flat_map(Few::iter) {
                    to.event(&Event::Reasoning(thought.text.as_deref().unwrap_or_default()));
                }
            }
            other => to.event(&Event::Opaque { what: other.unwrap_or("content") }),
        }
    }
    Ok(())
}

fn upstream(error: UpstreamError) -> StreamError {
    StreamError::Upstream(Box::new(error))
}
