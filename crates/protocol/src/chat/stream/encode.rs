//! Writes the client's stream.
//!
//! The head and the tail of a chunk are the same for the whole stream and are made once. A delta is written between them
//! straight into the output buffer. The finish reason and usage are held until the end: calls decide the reason.

use super::{Finish, thought::Thought};
use crate::{
    ErrorView, Protocol, StreamStart,
    chat::{citations::Annotations, error, reasoning, response::call_id, unwrap::Unwrap, usage},
    codec::StreamEncoder,
    ir::{CallKind, Event, EventSink, Losses, Stand, StopReason, Usage},
    json::{Writer, write::escape},
};
use bytes::{BufMut, BytesMut};

/// The writer of one stream.
#[derive(Debug)]
pub(in crate::chat) struct Encoder {
    start: StreamStart,
    out: BytesMut,
    /// `data: {"id":…,"choices":`, made when the answer's id is known.
    head: BytesMut,
    calls: Vec<Call>,
    /// How many calls the client has seen.
    shown: usize,
    /// The reasoning of the open block: its proof must come with its text.
    thought: Thought,
    annotations: Annotations,
    /// Bytes of text, reasoning and arguments so far.
    shown_bytes: u64,
    /// Characters of text so far, and where the open text block began.
    text: (usize, usize),
    refusal: bool,
    usage: Usage,
    stop: StopReason,
    ended: bool,
    losses: Losses,
}

/// A call that the client is told of.
#[derive(Debug)]
struct Call {
    key: u32,
    index: u64,
    /// What its fragments become.
    as_what: As,
    /// Some arguments were written.
    spoke: bool,
}

#[derive(Debug)]
enum As {
    Function,
    Custom,
    /// The text inside a function that stands for a custom tool.
    Unwrapped(Unwrap),
    /// The answer's text.
    Output,
}

/// Behind the delta of every chunk but the last of a choice.
const TAIL: &[u8] = b",\"logprobs\":null,\"finish_reason\":null}]";

impl Encoder {
    /// A writer whose first event is still to come.
    pub(in crate::chat) fn new(start: StreamStart) -> Self {
        Self {
            start,
            out: BytesMut::with_capacity(4096),
            head: BytesMut::new(),
            calls: Vec::new(),
            shown: 0,
            thought: Thought::default(),
            shown_bytes: 0,
            annotations: Annotations::default(),
            text: (0, 0),
            refusal: false,
            usage: Usage::default(),
            stop: StopReason::End,
            ended: false,
            losses: Losses::default(),
        }
    }

    /// The role chunk, once.
    fn begin(&mut self, id: &str) {
        if !self.head.is_empty() {
            return;
        }
        let mut w = Writer::default();
        w.begin().key("id");
        if id.is_empty() {
            w.text_of(["chatcmpl-", &self.start.id])
        } else {
            w.text(id)
        };
        w.key("object").text("chat.completion.chunk").key("created").number(self.start.created);
        w.key("model").text(&self.start.model).key("choices");
        self.head.put_slice(b"data: ");
        self.head.put_slice(&w.finish());
        self.delta(|out| out.put_slice(br#"{"role":"assistant","content":"","refusal":null}"#));
    }

    /// A chunk with one delta.
    fn delta(&mut self, write: impl FnOnce(&mut BytesMut)) {
        self.out.put_slice(&self.head);
        self.out.put_slice(b"[{\"index\":0,\"delta\":");
        write(&mut self.out);
        self.out.put_slice(TAIL);
        self.close_chunk();
    }

    fn close_chunk(&mut self) {
        self.out.put_slice(if self.start.include_usage { b",\"usage\":null}\n\n" } else { b"}\n\n" });
    }

    /// A chunk whose delta is `{"name":"text"}`.
    fn string(&mut self, name: &str, text: &str) {
        self.shown_bytes += text.len() as u64;
        self.delta(|out| {
            out.put_slice(b"{\"");
            out.put_slice(name.as_bytes());
            out.put_slice(b"\":\"");
            escape(text, out);
            out.put_slice(b"\"}");
        });
    }

    /// A chunk whose delta is written by a [`Writer`].
    fn object(&mut self, write: impl FnOnce(&mut Writer)) {
        self.delta(|out| {
            let mut w = Writer::append_to(std::mem::take(out));
            w.begin();
            write(&mut w);
            w.end();
            *out = w.into_inner();
        });
    }

    fn content(&mut self, text: &str) {
        if text.is_empty() {
            return;
        }
        self.thought.clear();
        self.text.0 += text.chars().count();
        self.string("content", text);
    }

    fn signature(&mut self, signature: &str) {
        let (owner, mut thought) = (self.start.owner.clone(), std::mem::take(&mut self.thought));
        match thought.text() {
            Some(text) => self.object(|w| {
                w.key("reasoning_details").begin_list();
                reasoning::write_signed(w, &owner, text, Some(signature));
                w.end_list();
            }),
            None => self.losses.dropped("signature", "the reasoning is too long to be sent back"),
        }
        thought.clear();
        self.thought = thought;
    }

    fn redacted(&mut self, data: &str) {
        let owner = self.start.owner.clone();
        self.object(|w| {
            w.key("reasoning_details").begin_list();
            reasoning::write_hidden(w, &owner, data);
            w.end_list();
        });
    }

    fn call_start(&mut self, key: u32, id: &str, name: &str, kind: CallKind) {
        self.thought.clear();
        self.close_text();
        let (name, stand) = self.start.names.original(name);
        let name = name.to_owned();
        let as_what = match (stand, kind) {
            (Stand::Output, _) => As::Output,
            (Stand::Custom, CallKind::Function) => As::Unwrapped(Unwrap::default()),
            (_, CallKind::Custom) => As::Custom,
            (Stand::Function, CallKind::Function) => As::Function,
        };
        let index = self.shown as u64;
        if !matches!(as_what, As::Output) {
            let id = call_id(id, &self.start, self.shown, false);
            self.shown += 1;
            let (kind, input) = as_what.words();
            self.object(|w| {
                w.key("tool_calls").begin_list().begin().key("index").number(index).key("id").text(&id);
                w.key("type").text(kind).key(kind).begin().key("name").text(&name).key(input).text("").end();
                w.end().end_list();
            });
        }
        self.calls.push(Call { key, index, as_what, spoke: false });
    }

    fn call_delta(&mut self, key: u32, arguments: &str) {
        let Some(call) = self.calls.iter_mut().find(|call| call.key == key) else { return };
        call.spoke |= !arguments.is_empty();
        match &mut call.as_what {
            As::Output => self.content(arguments),
            As::Unwrapped(unwrap) => {
                let mut text = String::new();
                unwrap.push(arguments, &mut text);
                let index = call.index;
                self.fragment(index, "custom", "input", &text);
            }
            As::Function | As::Custom => {
                let (index, (kind, input)) = (call.index, call.as_what.words());
                self.fragment(index, kind, input, arguments);
            }
        }
    }

    fn call_end(&mut self, key: u32) {
        let Some(call) = self.calls.iter_mut().find(|call| call.key == key) else { return };
        let index = call.index;
        match &mut call.as_what {
            As::Unwrapped(unwrap) => {
                let mut text = String::new();
                unwrap.finish(&mut text);
                self.fragment(index, "custom", "input", &text);
            }
            As::Function if !call.spoke => self.fragment(index, "function", "arguments", "{}"),
            As::Function | As::Custom | As::Output => {}
        }
    }

    /// More of a call's arguments.
    fn fragment(&mut self, index: u64, kind: &str, input: &str, text: &str) {
        if text.is_empty() {
            return;
        }
        self.shown_bytes += text.len() as u64;
        self.object(|w| {
            w.key("tool_calls").begin_list().begin().key("index").number(index);
            w.key(kind).begin().key(input).text(text).end().end().end_list();
        });
    }

    fn close_text(&mut self) {
        self.annotations.close(self.text.0);
        self.text.1 = self.text.0;
    }

    /// Finish reason, usage and the terminator.
    fn finish(&mut self) {
        self.close_text();
        if !self.annotations.is_empty() {
            let annotations = std::mem::take(&mut self.annotations);
            self.object(|w| {
                w.key("annotations");
                annotations.write(w);
            });
        }
        let reason = Finish::word_for(&self.stop, self.shown > 0, self.refusal);
        self.out.put_slice(&self.head);
        self.out.put_slice(b"[{\"index\":0,\"delta\":{},\"logprobs\":null,\"finish_reason\":\"");
        self.out.put_slice(reason.as_bytes());
        self.out.put_slice(b"\"}]");
        self.close_chunk();
        if self.start.include_usage {
            if self.usage.is_empty() {
                self.usage = usage::estimate(self.start.input_estimate, self.shown_bytes);
            }
            self.out.put_slice(&self.head);
            self.out.put_slice(b"[],\"usage\":");
            let mut w = Writer::append_to(std::mem::take(&mut self.out));
            usage::write(&mut w, &self.usage);
            self.out = w.into_inner();
            self.out.put_slice(b"}\n\n");
        }
        self.out.put_slice(b"data: [DONE]\n\n");
        self.ended = true;
    }
}

impl As {
    /// The name of the kind of call, and of the member that holds its argument.
    fn words(&self) -> (&'static str, &'static str) {
        match self {
            Self::Function | Self::Output => ("function", "arguments"),
            Self::Custom | Self::Unwrapped(_) => ("custom", "input"),
        }
    }
}

impl EventSink for Encoder {
    fn event(&mut self, event: &Event<'_>) {
        if self.ended {
            return;
        }
        match event {
            Event::Ping => return self.out.put_slice(b": ping\n\n"),
            Event::Start { id, .. } => return self.begin(id),
            _ => self.begin(""),
        }
        match *event {
            Event::Start { .. } | Event::Ping | Event::Reasoning("") | Event::Refusal("") => {}
            Event::Text(text) => self.content(text),
            Event::Reasoning(text) => {
                self.thought.push(text);
                self.string("reasoning_content", text);
            }
            Event::Signature(signature) => self.signature(signature),
            Event::Redacted(data) => self.redacted(data),
            Event::Refusal(text) => {
                self.refusal = true;
                self.string("refusal", text);
            }
            Event::Break => {
                self.thought.clear();
                self.close_text();
            }
            Event::CallStart { key, id, name, kind } => self.call_start(key, id, name, kind),
            Event::CallDelta { key, arguments } => self.call_delta(key, arguments),
            Event::CallEnd { key } => self.call_end(key),
            Event::Citation { maker: Protocol::Chat, raw } => self.object(|w| {
                w.key("annotations").begin_list().raw(raw).end_list();
            }),
            Event::Citation { raw, .. } => {
                if !self.annotations.push(raw, self.text.1) {
                    self.losses.dropped("citations", "only citations of web pages can be shown");
                }
            }
            Event::Opaque { what } => self.losses.dropped(what, "only its maker understands it"),
            Event::Usage(usage) => self.usage.merge(&usage),
            Event::Stop(ref reason) => self.stop = reason.clone(),
            Event::End => self.finish(),
        }
    }
}

impl StreamEncoder for Encoder {
    fn out(&mut self) -> &mut BytesMut {
        &mut self.out
    }

    fn fail(&mut self, view: &ErrorView) {
        if !self.ended {
            self.out.put_slice(&error::event(view));
            self.ended = true;
        }
    }

    fn losses(&self) -> &Losses {
        &self.losses
    }
}
