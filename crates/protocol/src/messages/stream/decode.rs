//! Reading a stream.
//!
//! Anthropic opens and closes blocks strictly one after the other; upstreams that imitate it interleave them, forget starts
//! or stops, repeat `message_start` and end without `message_stop`. Whatever is unambiguous is read. A stream is complete
//! after `message_stop`, or when it ends after a stop reason with no block open; everything else is a truncation.

use super::super::{decode::block_kind, path::At};
use super::super::{
    error, response,
    usage::Counts,
    wire::{Delta, MessageStart, RedactedBlock, StreamEvent, TextBlock, ThinkingBlock, ToolUseBlock},
};
use crate::{
    ErrorKind, Protocol, StreamError, UpstreamError,
    codec::StreamDecoder,
    ir::{CallKind, Event, EventSink, StopReason},
    json::{text, wire},
    sse::Frame,
};
use serde_json::value::RawValue;

/// The reader of one stream.
#[derive(Debug, Default)]
pub(in super::super) struct Decoder {
    started: bool,
    finished: bool,
    /// Blocks that began and did not end, by their index on the wire.
    open: Vec<(u64, Block)>,
    counts: Counts,
    stop: Option<StopReason>,
    /// How many calls began; also the key of the next one.
    calls: u32,
    /// Where escapes of a delta are resolved.
    scratch: String,
}

#[derive(Debug)]
enum Block {
    Text,
    /// With the signature so far.
    Thinking(String),
    Call {
        key: u32,
        /// Whether arguments came as deltas.
        fed: bool,
        /// Arguments that stood in the start already; used when no delta comes.
        whole: Option<String>,
    },
    /// Nothing of it is carried over.
    Silent,
}

impl StreamDecoder for Decoder {
    fn frame(&mut self, frame: &Frame<'_>, to: &mut dyn EventSink) -> Result<(), StreamError> {
        let data = frame.data.trim();
        if self.finished || data.is_empty() || data == "[DONE]" {
            return Ok(());
        }
        let event: StreamEvent<'_> =
            serde_json::from_str(data).map_err(|e| StreamError::Malformed(wire::fault(&e).message))?;
        match event.kind.as_deref().unwrap_or(frame.event) {
            "content_block_delta" => self.delta(event.index.unwrap_or(0), &event.delta.unwrap_or_default(), to)?,
            "content_block_start" => self.block_start(event.index.unwrap_or(0), event.content_block, to)?,
            "content_block_stop" => self.block_stop(event.index.unwrap_or(0), to),
            "message_start" => self.start(&event.message.unwrap_or_default(), to),
            "message_delta" => {
                self.ensure_started(to);
                self.usage(event.usage, to);
                let delta = event.delta.unwrap_or_default();
                if let Some(word) = delta.stop_reason.as_deref() {
                    let called = self.calls > 0;
                    let stop = response::stop_reason(Some(word), delta.stop_sequence.as_deref(), called);
                    to.event(&Event::Stop(stop.clone()));
                    self.stop = Some(stop);
                }
            }
            "message_stop" => self.finish(to),
            "ping" => to.event(&Event::Ping),
            "error" => return Err(upstream_error(event.error, data)),
            _ if event.error.is_some() => return Err(upstream_error(event.error, data)),
            _ => {}
        }
        Ok(())
    }

    fn end(&mut self, to: &mut dyn EventSink) -> Result<(), StreamError> {
        if self.finished {
            return Ok(());
        }
        if self.stop.is_none() || !self.open.is_empty() {
            return Err(StreamError::Truncated);
        }
        self.finish(to);
        Ok(())
    }

    fn finished(&self) -> bool {
        self.finished
    }
}

impl Decoder {
    fn start(&mut self, message: &MessageStart<'_>, to: &mut dyn EventSink) {
        if std::mem::replace(&mut self.started, true) {
            return;
        }
        let text = |text: &Option<crate::json::Text<'_>>| text.as_deref().unwrap_or_default().to_owned();
        to.event(&Event::Start { id: &text(&message.id), model: &text(&message.model) });
        self.usage(message.usage, to);
    }

    fn ensure_started(&mut self, to: &mut dyn EventSink) {
        if !self.started {
            self.start(&MessageStart::default(), to);
        }
    }

    fn usage(&mut self, raw: Option<&RawValue>, to: &mut dyn EventSink) {
        if let Some(raw) = raw {
            self.counts.merge(raw);
            to.event(&Event::Usage(self.counts.total()));
        }
    }

    fn block_start(&mut self, index: u64, raw: Option<&RawValue>, to: &mut dyn EventSink) -> Result<(), StreamError> {
        self.ensure_started(to);
        if self.open.iter().any(|(other, _)| *other == index) {
            return Ok(());
        }
        let json = raw.map_or("{}", RawValue::get);
        let malformed = |fault: crate::BadRequest| StreamError::Malformed(fault.message);
        let at = At::Root.key("content_block");
        let what = block_kind(json, at).map_err(malformed)?;
        let block = match &*what {
            "text" => {
                let block: TextBlock<'_> = at.read(json).map_err(malformed)?;
                if let Some(text) = block.text.filter(|text| !text.is_empty()) {
                    to.event(&Event::Text(&text));
                }
                Block::Text
            }
            "thinking" => {
                let block: ThinkingBlock<'_> = at.read(json).map_err(malformed)?;
                if let Some(text) = block.thinking.filter(|text| !text.is_empty()) {
                    to.event(&Event::Reasoning(&text));
                }
                Block::Thinking(block.signature.map_or_else(String::new, |signature| signature.to_string()))
            }
            "redacted_thinking" => {
                let block: RedactedBlock<'_> = at.read(json).map_err(malformed)?;
                to.event(&Event::Redacted(block.data.as_deref().unwrap_or_default()));
                Block::Silent
            }
            "tool_use" => self.call_start(&at.read(json).map_err(malformed)?, to)?,
            other => {
                to.event(&Event::Opaque { what: other });
                Block::Silent
            }
        };
        self.open.push((index, block));
        Ok(())
    }

    fn call_start(&mut self, block: &ToolUseBlock<'_>, to: &mut dyn EventSink) -> Result<Block, StreamError> {
        let name = block.name.as_deref().unwrap_or_default();
        if name.is_empty() {
            return Err(StreamError::Malformed("a tool call without a name".into()));
        }
        let key = self.calls;
        self.calls += 1;
        let id = block.id.as_deref().unwrap_or_default();
        to.event(&Event::CallStart { key, id, name, kind: CallKind::Function });
        let whole = block.input.map(RawValue::get).filter(|input| input.len() > 2 && input.starts_with('{'));
        Ok(Block::Call { key, fed: false, whole: whole.map(str::to_owned) })
    }

    fn delta(&mut self, index: u64, delta: &Delta<'_>, to: &mut dyn EventSink) -> Result<(), StreamError> {
        self.ensure_started(to);
        let Self { open, scratch, .. } = self;
        let block = open.iter_mut().find(|(other, _)| *other == index).map(|(_, block)| block);
        match delta.kind.as_deref().unwrap_or_default() {
            "text_delta" => {
                match block {
                    None => open.push((index, Block::Text)),
                    Some(Block::Text) => {}
                    Some(Block::Thinking(_) | Block::Call { .. } | Block::Silent) => return Err(misplaced("text")),
                }
                let text = string(delta.text, scratch)?;
                if !text.is_empty() {
                    to.event(&Event::Text(text));
                }
            }
            "thinking_delta" => {
                match block {
                    None => open.push((index, Block::Thinking(String::new()))),
                    Some(Block::Thinking(_)) => {}
                    Some(Block::Text | Block::Call { .. } | Block::Silent) => return Err(misplaced("thinking")),
                }
                let text = string(delta.thinking, scratch)?;
                if !text.is_empty() {
                    to.event(&Event::Reasoning(text));
                }
            }
            "signature_delta" => {
                let more = string(delta.signature, scratch)?;
                match block {
                    None => open.push((index, Block::Thinking(more.to_owned()))),
                    Some(Block::Thinking(signature)) => signature.push_str(more),
                    Some(Block::Text | Block::Call { .. } | Block::Silent) => return Err(misplaced("a signature")),
                }
            }
            "input_json_delta" => match block {
                Some(Block::Call { key, fed, .. }) => {
                    let arguments = string(delta.partial_json, scratch)?;
                    if !arguments.is_empty() {
                        *fed = true;
                        to.event(&Event::CallDelta { key: *key, arguments });
                    }
                }
                Some(Block::Silent) => {}
                None | Some(Block::Text | Block::Thinking(_)) => return Err(misplaced("arguments")),
            },
            "citations_delta" => {
                if let Some(raw) = delta.citation {
                    to.event(&Event::Citation { maker: Protocol::Messages, raw: raw.get() });
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn block_stop(&mut self, index: u64, to: &mut dyn EventSink) {
        if let Some(at) = self.open.iter().position(|(other, _)| *other == index) {
            let (_, block) = self.open.remove(at);
            close(&block, to);
        }
    }

    /// The terminal: what is still open ends, a missing stop reason follows from the calls.
    fn finish(&mut self, to: &mut dyn EventSink) {
        self.ensure_started(to);
        for (_, block) in self.open.drain(..) {
            close(&block, to);
        }
        if self.stop.is_none() {
            to.event(&Event::Stop(response::stop_reason(None, None, self.calls > 0)));
        }
        self.finished = true;
        to.event(&Event::End);
    }
}

fn close(block: &Block, to: &mut dyn EventSink) {
    match block {
        Block::Text => to.event(&Event::Break),
        Block::Thinking(signature) => {
            if !signature.is_empty() {
                to.event(&Event::Signature(signature));
            }
            to.event(&Event::Break);
        }
        Block::Call { key, fed, whole } => {
            if let Some(arguments) = whole.as_deref().filter(|_| !fed) {
                to.event(&Event::CallDelta { key: *key, arguments });
            }
            to.event(&Event::CallEnd { key: *key });
        }
        Block::Silent => {}
    }
}

/// A string of the wire; absent is empty.
fn string<'t>(raw: Option<&'t RawValue>, scratch: &'t mut String) -> Result<&'t str, StreamError> {
    let Some(raw) = raw else { return Ok("") };
    text::read(raw.get(), scratch).ok_or_else(|| StreamError::Malformed("a delta that is not text".into()))
}

fn misplaced(what: &str) -> StreamError {
    StreamError::Malformed(format!("{what} in a block of another kind"))
}

fn upstream_error(raw: Option<&RawValue>, data: &str) -> StreamError {
    let told = raw.and_then(error::decode_inner).unwrap_or_else(|| UpstreamError {
        kind: ErrorKind::Upstream,
        kind_word: None,
        code: None,
        message: data.to_owned(),
        param: None,
    });
    StreamError::Upstream(Box::new(told))
}
