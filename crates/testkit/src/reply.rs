//! One scripted answer: what is sent, in which pieces, with which pauses, and how it breaks.
//!
//! A reply is a value. Constructors give a sound answer; the methods damage or delay it. Offsets count body bytes from
//! 0, before framing, so that `reply.cut_at(300)` means the same with and without chunks. Order matters only where it
//! would in a sentence: split and gate first, cut last.

use std::time::Duration;

use bytes::Bytes;
use serde_json::Value;

use crate::body::{Body, Hold, Step};
use crate::gate::Gate;
use crate::wire::push_header;

/// One answer of a scripted upstream. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Reply {
    pub(crate) before_head: Vec<Hold>,
    pub(crate) head: Head,
    pub(crate) framing: Framing,
    pub(crate) body: Body,
    /// Pause before each piece of the body but the first.
    pub(crate) gap: Option<Duration>,
    pub(crate) end: End,
}

#[derive(Clone, Debug)]
pub(crate) enum Head {
    Status {
        status: u16,
        headers: Vec<(String, String)>,
    },
    /// These bytes in place of a head.
    Raw(Bytes),
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Framing {
    /// `content-length`, the true one.
    Length,
    /// `content-length` as claimed, whatever the body has.
    Claimed(u64),
    Chunked,
    /// No framing; the end of the connection ends the body.
    UntilClose,
}

#[derive(Clone, Debug)]
pub(crate) enum End {
    /// The body's proper end, then these bytes that belong to no answer.
    Complete { extra: Bytes },
    /// FIN, without the body's proper end.
    Close,
    /// RST.
    Reset,
    /// Nothing more, until the client leaves.
    Hang,
}

impl Reply {
    /// An answer with this status, no headers of its own and an empty body.
    pub fn status(status: u16) -> Self {
        Self {
            before_head: Vec::new(),
            head: Head::Status { status, headers: Vec::new() },
            framing: Framing::Length,
            body: Body::default(),
            gap: None,
            end: End::Complete { extra: Bytes::new() },
        }
    }

    /// A JSON answer.
    pub fn json(status: u16, body: &Value) -> Self {
        Self::status(status).header("content-type", "application/json").body(body.to_string())
    }

    /// A 200 event stream, chunked, all of it in one piece.
    pub fn sse(body: impl Into<Bytes>) -> Self {
        Self::frames([body.into()])
    }

    /// A 200 event stream, chunked, one piece (and one chunk) for each frame.
    pub fn frames(frames: impl IntoIterator<Item = Bytes>) -> Self {
        let mut reply = Self::status(200).header("content-type", "text/event-stream; charset=utf-8").chunked();
        reply.body.steps.extend(frames.into_iter().filter(|frame| !frame.is_empty()).map(Step::Piece));
        reply
    }

    /// These bytes as they are in place of an HTTP answer, then FIN.
    pub fn raw(bytes: impl Into<Bytes>) -> Self {
        let mut reply = Self::status(200);
        reply.head = Head::Raw(bytes.into());
        reply.framing = Framing::UntilClose;
        reply.end = End::Close;
        reply
    }

    /// Bytes that are no HTTP head, then FIN.
    pub fn garbage() -> Self {
        Self::raw(&b"\x00\x01\xfe\xff this is no answer\r\n\r\n"[..])
    }

    /// FIN before the head.
    pub fn close() -> Self {
        Self::raw(Bytes::new())
    }

    /// RST before the head.
    pub fn reset() -> Self {
        Self { end: End::Reset, ..Self::close() }
    }

    /// Nothing at all, until the client leaves.
    pub fn hang() -> Self {
        Self { end: End::Hang, ..Self::close() }
    }

    /// A 200 with a body of `total` spaces, which is made while it is sent.
    pub fn huge_body(total: u64) -> Self {
        Self::status(200).header("content-type", "application/json").fill(" ", total)
    }

    /// A 200 event stream of one `data:` line with `total` bytes of payload, which is made while it is sent.
    pub fn huge_line(total: u64) -> Self {
        Self::sse("data: ").fill("x", total).append("\n\n")
    }

    /// Replaces the status.
    #[must_use]
    pub fn with_status(mut self, status: u16) -> Self {
        if let Head::Status { status: current, .. } = &mut self.head {
            *current = status;
        }
        self
    }

    /// Adds a header.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        if let Head::Status { headers, .. } = &mut self.head {
            headers.push((name.to_owned(), value.to_owned()));
        }
        self
    }

    /// Replaces the body.
    #[must_use]
    pub fn body(mut self, body: impl Into<Bytes>) -> Self {
        self.body.steps.clear();
        self.append(body)
    }

    /// Adds a piece to the body.
    #[must_use]
    pub fn append(mut self, piece: impl Into<Bytes>) -> Self {
        let piece = piece.into();
        if !piece.is_empty() {
            self.body.steps.push(Step::Piece(piece));
        }
        self
    }

    /// Adds `total` bytes of `pattern` repeated, which are made while they are sent.
    #[must_use]
    pub fn fill(mut self, pattern: &'static str, total: u64) -> Self {
        self.body.steps.push(Step::Fill { pattern: Bytes::from_static(pattern.as_bytes()), total });
        self
    }

    /// Frames the body in chunks, one for each piece.
    #[must_use]
    pub fn chunked(mut self) -> Self {
        self.framing = Framing::Chunked;
        self
    }

    /// Claims this length, whatever the body has. If it is more than the body, the connection closes after the body;
    /// if less, the rest of the body follows as bytes that belong to no answer.
    #[must_use]
    pub fn content_length(mut self, claimed: u64) -> Self {
        self.framing = Framing::Claimed(claimed);
        self
    }

    /// Sends neither length nor chunks: the end of the connection ends the body.
    #[must_use]
    pub fn until_close(mut self) -> Self {
        self.framing = Framing::UntilClose;
        self
    }

    /// Waits this long before the head.
    #[must_use]
    pub fn delay_head(mut self, pause: Duration) -> Self {
        self.before_head.push(Hold::Pause(pause));
        self
    }

    /// Waits this long between the head and the first byte of the body.
    #[must_use]
    pub fn delay_body(mut self, pause: Duration) -> Self {
        self.body.steps.insert(0, Step::Hold(Hold::Pause(pause)));
        self
    }

    /// Waits this long between the pieces of the body.
    #[must_use]
    pub fn delay_between(mut self, pause: Duration) -> Self {
        self.gap = Some(pause);
        self
    }

    /// Waits at `gate` before the head.
    #[must_use]
    pub fn gate_head(mut self, gate: &Gate) -> Self {
        self.before_head.push(Hold::Gate(gate.clone()));
        self
    }

    /// Waits at `gate` when `offset` bytes of the body are out.
    #[must_use]
    pub fn gate_at(self, offset: u64, gate: &Gate) -> Self {
        self.insert(offset, Step::Hold(Hold::Gate(gate.clone())))
    }

    /// Waits at `gate` after the whole body, before its proper end (the closing chunk).
    #[must_use]
    pub fn gate_end(mut self, gate: &Gate) -> Self {
        self.body.steps.push(Step::Hold(Hold::Gate(gate.clone())));
        self
    }

    /// Sends the body in pieces of `size` bytes.
    #[must_use]
    pub fn split_every(mut self, size: usize) -> Self {
        self.body.split_every(size.max(1));
        self
    }

    /// Starts a new piece at each of these offsets.
    #[must_use]
    pub fn split_at(mut self, offsets: &[u64]) -> Self {
        for offset in offsets {
            self.body.boundary(*offset);
        }
        self
    }

    /// FIN when `offset` bytes of the body are out. The head still claims the whole body.
    #[must_use]
    pub fn cut_at(self, offset: u64) -> Self {
        self.stop_at(offset, End::Close)
    }

    /// RST when `offset` bytes of the body are out.
    #[must_use]
    pub fn reset_at(self, offset: u64) -> Self {
        self.stop_at(offset, End::Reset)
    }

    /// Nothing more when `offset` bytes of the body are out, until the client leaves.
    #[must_use]
    pub fn hang_at(self, offset: u64) -> Self {
        self.stop_at(offset, End::Hang)
    }

    /// Sends only this many bytes of the head, then FIN.
    #[must_use]
    pub fn cut_head_at(self, offset: usize) -> Self {
        let head = self.head_bytes();
        Self { before_head: self.before_head, ..Self::raw(head.slice(..offset.min(head.len()))) }
    }

    /// Damages the chunk framing when `offset` bytes of the body are out, then goes on as if nothing had happened.
    #[must_use]
    pub fn bad_chunk_at(self, offset: u64) -> Self {
        self.chunked().insert(offset, Step::BadChunkSize)
    }

    /// Sends these bytes right after the complete answer, on a connection that stays open.
    #[must_use]
    pub fn trailing(mut self, bytes: impl Into<Bytes>) -> Self {
        self.end = End::Complete { extra: bytes.into() };
        self
    }

    /// Length of the body as scripted so far.
    pub fn body_len(&self) -> u64 {
        self.body.len()
    }

    /// The head as it goes out.
    pub(crate) fn head_bytes(&self) -> Bytes {
        let (status, headers) = match &self.head {
            Head::Raw(bytes) => return bytes.clone(),
            Head::Status { status, headers } => (*status, headers),
        };
        let reason = http::StatusCode::from_u16(status).ok().and_then(|status| status.canonical_reason());
        let mut head = format!("HTTP/1.1 {status} {}\r\n", reason.unwrap_or("Unknown"));
        for (name, value) in headers {
            push_header(&mut head, name, value);
        }
        match self.framing {
            Framing::Length => push_header(&mut head, "content-length", &self.body_len().to_string()),
            Framing::Claimed(length) => push_header(&mut head, "content-length", &length.to_string()),
            Framing::Chunked => push_header(&mut head, "transfer-encoding", "chunked"),
            Framing::UntilClose => push_header(&mut head, "connection", "close"),
        }
        head.push_str("\r\n");
        Bytes::from(head)
    }

    /// Must the connection close after the complete answer?
    pub(crate) fn closes(&self) -> bool {
        let asked = match &self.head {
            Head::Raw(_) => true,
            Head::Status { headers, .. } => headers
                .iter()
                .any(|(name, value)| name.eq_ignore_ascii_case("connection") && value.eq_ignore_ascii_case("close")),
        };
        asked
            || match self.framing {
                Framing::UntilClose => true,
                Framing::Claimed(length) => length > self.body_len(),
                Framing::Length | Framing::Chunked => false,
            }
    }

    fn insert(mut self, offset: u64, step: Step) -> Self {
        let at = self.body.boundary(offset);
        self.body.steps.insert(at, step);
        self
    }

    fn stop_at(mut self, offset: u64, end: End) -> Self {
        if let Framing::Length = self.framing {
            self.framing = Framing::Claimed(self.body_len());
        }
        let at = self.body.boundary(offset);
        self.body.steps.truncate(at);
        self.end = end;
        self
    }
}
