//! Writing a stream for an Anthropic client, from events of any upstream.
//!
//! Clients stop reading at a delta outside its block, so blocks never overlap: while a call is open, whatever else comes
//! (another call, text) waits in a queue and follows when the call has ended. A thinking block ends with exactly one
//! signature, sealed for the account that made it; without one from the upstream an empty seal marks the block as ours, so
//! that it is recognised and taken out when the client sends it back. The stop reason follows from what was sent. When more
//! waits than is sane, the stream ends with an error: a call cut short would read like a whole one.

use super::{
    super::{response, usage},
    blocks::{Blocks, Open},
};
use crate::{
    ErrorKind, ErrorView, Protocol, StreamStart,
    codec::StreamEncoder,
    ir::{CallKind, Event, EventSink, Losses, StopReason, Usage, seal},
    json::write,
};
use bytes::BytesMut;
use std::collections::VecDeque;

/// Most bytes that may wait for the open call to end.
const QUEUE_LIMIT: usize = 4 << 20;

/// The writer of one stream.
#[derive(Debug)]
pub(in super::super) struct Encoder {
    blocks: Blocks,
    start: StreamStart,
    phase: Phase,
    /// The open thinking block ended on the wire; only its signature may still come.
    thought: bool,
    call: Option<Running>,
    queue: VecDeque<Waiting>,
    /// Bytes in the queue, its entries included.
    queued: usize,
    sent: Sent,
    losses: Losses,
}

#[derive(Debug, PartialEq, Eq)]
enum Phase {
    Fresh,
    Running,
    Done,
}

/// What the end of the message is made of.
#[derive(Debug, Default)]
struct Sent {
    calls: u64,
    refused: bool,
    usage: Usage,
    stop: Option<StopReason>,
}

/// The call whose block is open.
#[derive(Debug)]
struct Running {
    key: u32,
    kind: CallKind,
    fed: bool,
}

/// What came while a call was open.
#[derive(Debug)]
enum Waiting {
    Call { key: u32, id: String, name: String, kind: CallKind, arguments: String, ended: bool },
    Text(String),
    Reasoning(String),
    Signature(String),
    Redacted(String),
    Break,
}

impl Waiting {
    fn bytes(&self) -> usize {
        let text = match self {
            Self::Call { id, name, arguments, .. } => id.len() + name.len() + arguments.len(),
            Self::Text(text) | Self::Reasoning(text) | Self::Signature(text) | Self::Redacted(text) => text.len(),
            Self::Break => 0,
        };
        size_of::<Self>() + text
    }
}

impl Encoder {
    pub(in super::super) fn new(start: StreamStart) -> Self {
        Self {
            blocks: Blocks::new(),
            start,
            phase: Phase::Fresh,
            thought: false,
            call: None,
            queue: VecDeque::new(),
            queued: 0,
            sent: Sent::default(),
            losses: Losses::default(),
        }
    }

    fn begin(&mut self, id: &str, model: &str) {
        if self.phase != Phase::Fresh {
            return;
        }
        self.phase = Phase::Running;
        let known = Some(self.sent.usage).filter(|usage| usage.input > 0);
        let usage = known.unwrap_or_else(|| usage::estimate(self.start.input_estimate, 0));
        let model = if self.start.model.is_empty() { model } else { &self.start.model };
        self.blocks.message_start(&response::message_id(id, &self.start.id), model, &usage);
    }

    fn text(&mut self, text: &str) {
        if self.blocks.open != Open::Text {
            self.end_thinking();
            self.blocks.in_text();
        }
        self.blocks.text(text);
    }

    fn reasoning(&mut self, text: &str) {
        if self.thought {
            self.end_thinking();
        }
        self.blocks.in_thinking();
        self.blocks.thinking(text);
    }

    fn signature(&mut self, signature: &str) {
        self.blocks.in_thinking();
        self.blocks.signature(&seal(&self.start.owner, signature));
        self.thought = false;
        self.blocks.stop();
    }

    fn redacted(&mut self, data: &str) {
        self.end_thinking();
        self.blocks.redacted(&seal(&self.start.owner, data));
    }

    /// Closes an open thinking block that got no signature from the upstream.
    fn end_thinking(&mut self) {
        self.thought = false;
        if self.blocks.open == Open::Thinking {
            self.signature("");
        }
    }

    fn end_block(&mut self) {
        match self.blocks.open {
            Open::Thinking => self.thought = true,
            Open::Text => self.blocks.stop(),
            Open::Nothing | Open::Call => {}
        }
    }

    fn call_start(&mut self, key: u32, id: &str, name: &str, kind: CallKind) {
        self.end_thinking();
        let id = response::call_id(id, &self.start.id, self.sent.calls);
        let (name, _) = self.start.names.original(name);
        self.blocks.start_call(&id, name);
        self.call = Some(Running { key, kind, fed: false });
        self.sent.calls += 1;
    }

    fn arguments(&mut self, arguments: &str) {
        let Some(call) = self.call.as_mut().filter(|_| !arguments.is_empty()) else { return };
        let first = !std::mem::replace(&mut call.fed, true);
        match call.kind {
            CallKind::Function => self.blocks.arguments(arguments),
            CallKind::Custom => {
                if first {
                    self.blocks.arguments("{\"input\":\"");
                }
                let mut escaped = BytesMut::with_capacity(arguments.len());
                write::escape(arguments, &mut escaped);
                self.blocks.arguments(&String::from_utf8_lossy(&escaped));
            }
        }
    }

    /// Ends the open call and lets out what waited for it, up to the next call that has not ended.
    fn call_end(&mut self) {
        self.close_call();
        while self.call.is_none()
            && let Some(waiting) = self.queue.pop_front()
        {
            self.queued = self.queued.saturating_sub(waiting.bytes());
            match waiting {
                Waiting::Text(text) => self.text(&text),
                Waiting::Reasoning(text) => self.reasoning(&text),
                Waiting::Signature(signature) => self.signature(&signature),
                Waiting::Redacted(data) => self.redacted(&data),
                Waiting::Break => self.end_block(),
                Waiting::Call { key, id, name, kind, arguments, ended } => {
                    self.call_start(key, &id, &name, kind);
                    self.arguments(&arguments);
                    if ended {
                        self.close_call();
                    }
                }
            }
        }
    }

    fn close_call(&mut self) {
        let Some(call) = self.call.take() else { return };
        match (call.kind, call.fed) {
            // SDKs join the fragments and parse them: no fragment at all must still read as an object.
            (CallKind::Function, false) => self.blocks.arguments("{}"),
            (CallKind::Function, true) => {}
            (CallKind::Custom, false) => self.blocks.arguments("{\"input\":\"\"}"),
            (CallKind::Custom, true) => self.blocks.arguments("\"}"),
        }
        self.blocks.stop();
    }

    /// Lets an event wait, or ends the stream when too much waits already.
    fn wait_within_limit(&mut self, event: &Event<'_>) {
        let entries = self.queue.len();
        self.wait(event);
        self.queued += text_bytes(event) + (self.queue.len() - entries) * size_of::<Waiting>();
        if self.queued > QUEUE_LIMIT {
            self.queue = VecDeque::new();
            let message = "the upstream sent too much beside an open tool call";
            self.fail(&ErrorView::new(ErrorKind::Upstream, "upstream_malformed", message));
        }
    }

    /// Content while a call is open waits.
    fn wait(&mut self, event: &Event<'_>) {
        match (event, self.queue.back_mut()) {
            (Event::Text(text) | Event::Refusal(text), Some(Waiting::Text(gathered)))
            | (Event::Reasoning(text), Some(Waiting::Reasoning(gathered))) => gathered.push_str(text),
            (Event::Text(text) | Event::Refusal(text), _) => self.queue.push_back(Waiting::Text((*text).to_owned())),
            (Event::Reasoning(text), _) => self.queue.push_back(Waiting::Reasoning((*text).to_owned())),
            (Event::Signature(text), _) => self.queue.push_back(Waiting::Signature((*text).to_owned())),
            (Event::Redacted(text), _) => self.queue.push_back(Waiting::Redacted((*text).to_owned())),
            (Event::Break, _) => self.queue.push_back(Waiting::Break),
            (Event::CallStart { key, id, name, kind }, _) => self.queue.push_back(Waiting::Call {
                key: *key,
                id: (*id).to_owned(),
                name: (*name).to_owned(),
                kind: *kind,
                arguments: String::new(),
                ended: false,
            }),
            (Event::CallDelta { key, arguments: more }, _) => {
                if let Some((arguments, _)) = self.waiting_call(*key) {
                    arguments.push_str(more);
                }
            }
            (Event::CallEnd { key }, _) => {
                if let Some((_, ended)) = self.waiting_call(*key) {
                    *ended = true;
                }
            }
            _ => {}
        }
    }

    fn waiting_call(&mut self, wanted: u32) -> Option<(&mut String, &mut bool)> {
        self.queue.iter_mut().rev().find_map(|waiting| match waiting {
            Waiting::Call { key, arguments, ended, .. } if *key == wanted => Some((arguments, ended)),
            _ => None,
        })
    }

    fn content(&mut self, event: &Event<'_>) {
        self.begin("", "");
        if let Event::Refusal(_) = event {
            self.sent.refused = true;
        }
        if let Some(open) = &self.call {
            match event {
                Event::CallDelta { key, arguments } if *key == open.key => self.arguments(arguments),
                Event::CallEnd { key } if *key == open.key => self.call_end(),
                _ => self.wait_within_limit(event),
            }
            return;
        }
        match event {
            Event::Text(text) | Event::Refusal(text) => self.text(text),
            Event::Reasoning(text) => self.reasoning(text),
            Event::Signature(signature) => self.signature(signature),
            Event::Redacted(data) => self.redacted(data),
            Event::Break => self.end_block(),
            Event::CallStart { key, id, name, kind } => self.call_start(*key, id, name, *kind),
            _ => {}
        }
    }

    fn finish(&mut self) {
        self.begin("", "");
        while self.call.is_some() {
            self.call_end();
        }
        self.end_thinking();
        self.blocks.stop();
        let Sent { calls, refused, usage, stop } = std::mem::take(&mut self.sent);
        let counted = Some(usage).filter(|usage| !usage.is_empty());
        let usage = counted.unwrap_or_else(|| usage::estimate(self.start.input_estimate, self.blocks.shown_bytes));
        let stop = stop.unwrap_or(StopReason::End);
        let reason = match stop {
            StopReason::End if refused => "refusal",
            _ => response::stop_word(&stop, calls > 0),
        };
        let sequence = match &stop {
            StopReason::StopSequence(text) => text.as_deref(),
            _ => None,
        };
        self.blocks.message_end(reason, sequence, &usage);
        self.phase = Phase::Done;
    }
}

/// What an event adds to the queue.
fn text_bytes(event: &Event<'_>) -> usize {
    match event {
        Event::Text(text)
        | Event::Refusal(text)
        | Event::Reasoning(text)
        | Event::Signature(text)
        | Event::Redacted(text)
        | Event::CallDelta { arguments: text, .. } => text.len(),
        Event::CallStart { id, name, .. } => id.len() + name.len(),
        _ => 0,
    }
}

impl EventSink for Encoder {
    fn event(&mut self, event: &Event<'_>) {
        if self.phase == Phase::Done {
            return;
        }
        match event {
            Event::Start { id, model } => self.begin(id, model),
            Event::Text(text) | Event::Reasoning(text) | Event::Refusal(text) => {
                if !text.is_empty() {
                    self.content(event);
                }
            }
            Event::Signature(_)
            | Event::Redacted(_)
            | Event::Break
            | Event::CallStart { .. }
            | Event::CallDelta { .. }
            | Event::CallEnd { .. } => self.content(event),
            Event::Citation { maker: Protocol::Messages, raw } if self.blocks.open == Open::Text => {
                self.blocks.citation(raw);
            }
            Event::Citation { .. } => self.losses.dropped("citations", ""),
            Event::Opaque { what } => self.losses.dropped(*what, ""),
            Event::Usage(usage) => self.sent.usage.merge(usage),
            Event::Stop(reason) => self.sent.stop = Some(reason.clone()),
            Event::Ping => {
                if self.phase == Phase::Running {
                    self.blocks.ping();
                }
            }
            Event::End => self.finish(),
        }
    }
}

impl StreamEncoder for Encoder {
    fn out(&mut self) -> &mut BytesMut {
        &mut self.blocks.out
    }

    fn fail(&mut self, view: &ErrorView) {
        if self.phase != Phase::Done {
            self.blocks.stop();
            self.blocks.error(view);
            self.phase = Phase::Done;
        }
    }

    fn losses(&self) -> &Losses {
        &self.losses
    }
}
