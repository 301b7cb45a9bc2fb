//! The bytes of a client stream: one block open at a time, numbered from zero.
//!
//! Text, thinking and arguments are escaped straight into the output; nothing is allocated for a delta once the buffer has
//! its size.

use super::super::usage;
use crate::{
    ErrorView,
    ir::Usage,
    json::{Writer, write},
};
use bytes::{BufMut, BytesMut};

/// What is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Open {
    Nothing,
    Text,
    Thinking,
    Call,
}

/// The writer of one message.
#[derive(Debug)]
pub(super) struct Blocks {
    pub(super) out: BytesMut,
    pub(super) open: Open,
    /// Of the open block, or of the next one.
    index: u64,
    /// Bytes of text, thinking and arguments written: the base of an estimate.
    pub(super) shown_bytes: u64,
}

impl Blocks {
    pub(super) fn new() -> Self {
        Self { out: BytesMut::with_capacity(4096), open: Open::Nothing, index: 0, shown_bytes: 0 }
    }

    fn event(&mut self, name: &str, members: impl FnOnce(&mut Writer)) {
        self.out.put_slice(b"event: ");
        self.out.put_slice(name.as_bytes());
        self.out.put_slice(b"\ndata: ");
        let mut w = Writer::append_to(std::mem::take(&mut self.out));
        w.begin().key("type").text(name);
        members(&mut w);
        w.end();
        self.out = w.into_inner();
        self.out.put_slice(b"\n\n");
    }

    pub(super) fn message_start(&mut self, id: &str, model: &str, usage: &Usage) {
        self.event("message_start", |w| {
            w.key("message").begin().key("id").text(id);
            w.key("type").text("message").key("role").text("assistant").key("model").text(model);
            w.key("content").begin_list().end_list();
            w.key("stop_reason").null().key("stop_sequence").null().key("usage");
            usage::write(w, usage);
            w.end();
        });
    }

    fn start(&mut self, open: Open, block: impl FnOnce(&mut Writer)) {
        self.stop();
        let index = self.index;
        self.event("content_block_start", |w| {
            w.key("index").number(index).key("content_block").begin();
            block(w);
            w.end();
        });
        self.open = open;
    }

    /// Opens a text block unless one is open.
    pub(super) fn in_text(&mut self) {
        if self.open != Open::Text {
            self.start(Open::Text, |w| {
                w.key("type").text("text").key("text").text("");
            });
        }
    }

    /// Opens a thinking block unless one is open.
    pub(super) fn in_thinking(&mut self) {
        if self.open != Open::Thinking {
            self.start(Open::Thinking, |w| {
                w.key("type").text("thinking").key("thinking").text("").key("signature").text("");
            });
        }
    }

    pub(super) fn start_call(&mut self, id: &str, name: &str) {
        self.start(Open::Call, |w| {
            w.key("type").text("tool_use").key("id").text(id).key("name").text(name).key("input").begin().end();
        });
    }

    pub(super) fn redacted(&mut self, data: &str) {
        self.start(Open::Text, |w| {
            w.key("type").text("redacted_thinking").key("data").text(data);
        });
        self.stop();
    }

    pub(super) fn text(&mut self, text: &str) {
        self.shown_bytes += text.len() as u64;
        self.delta("text_delta", "text", text);
    }

    pub(super) fn thinking(&mut self, text: &str) {
        self.shown_bytes += text.len() as u64;
        self.delta("thinking_delta", "thinking", text);
    }

    pub(super) fn signature(&mut self, signature: &str) {
        self.delta("signature_delta", "signature", signature);
    }

    pub(super) fn arguments(&mut self, json: &str) {
        self.shown_bytes += json.len() as u64;
        self.delta("input_json_delta", "partial_json", json);
    }

    /// The hot path.
    fn delta(&mut self, kind: &str, member: &str, text: &str) {
        let out = &mut self.out;
        out.put_slice(b"event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":");
        let mut w = Writer::append_to(std::mem::take(out));
        w.number(self.index);
        *out = w.into_inner();
        out.put_slice(b",\"delta\":{\"type\":\"");
        out.put_slice(kind.as_bytes());
        out.put_slice(b"\",\"");
        out.put_slice(member.as_bytes());
        out.put_slice(b"\":\"");
        write::escape(text, out);
        out.put_slice(b"\"}}\n\n");
    }

    pub(super) fn citation(&mut self, raw: &str) {
        let index = self.index;
        self.event("content_block_delta", |w| {
            w.key("index").number(index).key("delta").begin();
            w.key("type").text("citations_delta").key("citation").raw(raw).end();
        });
    }

    /// Closes what is open.
    pub(super) fn stop(&mut self) {
        if self.open == Open::Nothing {
            return;
        }
        let index = self.index;
        self.event("content_block_stop", |w| {
            w.key("index").number(index);
        });
        self.open = Open::Nothing;
        self.index += 1;
    }

    pub(super) fn message_end(&mut self, reason: &str, sequence: Option<&str>, usage: &Usage) {
        self.event("message_delta", |w| {
            w.key("delta").begin().key("stop_reason").text(reason).key("stop_sequence");
            match sequence {
                Some(text) => w.text(text),
                None => w.null(),
            };
            w.end().key("usage");
            usage::write(w, usage);
        });
        self.event("message_stop", |_| {});
    }

    pub(super) fn ping(&mut self) {
        self.out.put_slice(super::PING);
    }

    pub(super) fn error(&mut self, view: &ErrorView) {
        super::super::error::put_event(&mut self.out, view);
    }
}
