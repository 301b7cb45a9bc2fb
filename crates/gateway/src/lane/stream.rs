//! One stream on its way from upstream to client: bytes in, bytes out, no sockets and no clock.

use super::reading::{Reader, Reading};
use bytes::Bytes;
use rm_protocol::{
    Codec, ErrorView, StreamError,
    codec::{StreamDecoder, StreamEncoder},
    ir::Losses,
    json,
    sse::{Limits, Splitter},
};
use std::collections::VecDeque;

/// A stream in either lane.
pub(crate) struct StreamLane {
    client: &'static dyn Codec,
    splitter: Splitter,
    decoder: Box<dyn StreamDecoder>,
    carrier: Carrier,
    reading: Reading,
    out: VecDeque<Bytes>,
}

/// What goes out for what comes in.
enum Carrier {
    /// The bytes of whole events, as they came.
    Bytes {
        /// What came and belongs to an event that is not complete, or is not yet released.
        held: VecDeque<Bytes>,
        /// Leave out the usage chunk: we asked for it, the client did not.
        hide_usage: bool,
    },
    /// Whatever the encoder writes.
    Translated(Box<dyn StreamEncoder>),
}

impl StreamLane {
    /// A stream between equal protocols.
    pub(crate) fn bytes(codec: &'static dyn Codec, limits: Limits, hide_usage: bool) -> Self {
        Self::new(codec, codec, limits, Carrier::Bytes { held: VecDeque::new(), hide_usage })
    }

    /// A stream that is re-encoded.
    pub(crate) fn translated(
        upstream: &'static dyn Codec,
        client: &'static dyn Codec,
        limits: Limits,
        encoder: Box<dyn StreamEncoder>,
    ) -> Self {
        Self::new(upstream, client, limits, Carrier::Translated(encoder))
    }

    fn new(upstream: &'static dyn Codec, client: &'static dyn Codec, limits: Limits, carrier: Carrier) -> Self {
        let (splitter, decoder) = (Splitter::new(limits), upstream.stream_decoder());
        Self { client, splitter, decoder, carrier, reading: Reading::default(), out: VecDeque::new() }
    }

    /// Takes bytes of the upstream. On an error everything before the faulty event has been let through.
    pub(crate) fn take(&mut self, chunk: &Bytes) -> Result<(), StreamError> {
        let Self { splitter, decoder, carrier, reading, out, .. } = self;
        match carrier {
            Carrier::Translated(encoder) => {
                let mut to = Reader { reading, to: Some(encoder.as_mut()) };
                let result = splitter.push(chunk, |frame| decoder.frame(frame, &mut to));
                flush(encoder.as_mut(), out);
                result
            }
            Carrier::Bytes { held, hide_usage } => {
                held.push_back(chunk.clone());
                let mut passed = 0;
                let mut to = Reader { reading, to: None };
                let result = splitter.push(chunk, |frame| {
                    decoder.frame(frame, &mut to)?;
                    if *hide_usage && is_usage_only(&frame.data) {
                        release(held, std::mem::take(&mut passed), Some(out));
                        release(held, frame.raw.len(), None);
                    } else {
                        passed += frame.raw.len();
                    }
                    Ok(())
                });
                release(held, passed, Some(out));
                result
            }
        }
    }

    /// The upstream's body ended. An error when its terminal never came.
    pub(crate) fn end(&mut self) -> Result<(), StreamError> {
        let Self { splitter, decoder, carrier, reading, out, .. } = self;
        match carrier {
            Carrier::Translated(encoder) => {
                let mut to = Reader { reading, to: Some(encoder.as_mut()) };
                let mut result = splitter.end(|frame| decoder.frame(frame, &mut to));
                // Half an event is a cut, whatever its text looks like.
                result = result.map_err(as_cut).and_then(|()| decoder.end(&mut to));
                flush(encoder.as_mut(), out);
                result
            }
            Carrier::Bytes { held, .. } => {
                let mut to = Reader { reading, to: None };
                let mut last = 0;
                splitter
                    .end(|frame| {
                        decoder.frame(frame, &mut to)?;
                        last = frame.raw.len();
                        Ok(())
                    })
                    .map_err(as_cut)?;
                decoder.end(&mut to)?;
                release(held, last, Some(out));
                Ok(())
            }
        }
    }

    /// Writes the error as the last event. No success terminal follows.
    pub(crate) fn fail(&mut self, view: &ErrorView) {
        match &mut self.carrier {
            Carrier::Translated(encoder) => {
                encoder.fail(view);
                flush(encoder.as_mut(), &mut self.out);
            }
            Carrier::Bytes { held, .. } => {
                held.clear();
                self.out.push_back(self.client.error_event(view));
            }
        }
    }

    /// Writes a sign of life. Only whole events have gone out, so it may stand here.
    pub(crate) fn keep_alive(&mut self) {
        self.out.push_back(self.client.keep_alive());
    }

    /// The next bytes for the client.
    pub(crate) fn pop(&mut self) -> Option<Bytes> {
        self.out.pop_front()
    }

    /// What is known of the answer.
    pub(crate) fn reading(&self) -> &Reading {
        &self.reading
    }

    /// Whether nothing but the end of the body may come.
    pub(crate) fn finished(&self) -> bool {
        self.decoder.finished()
    }

    /// What this stream could not carry over so far.
    pub(crate) fn losses(&self) -> Option<&Losses> {
        match &self.carrier {
            Carrier::Translated(encoder) => Some(encoder.losses()),
            Carrier::Bytes { .. } => None,
        }
    }
}

/// An error event stays one; anything else that half an event gives is a cut.
fn as_cut(error: StreamError) -> StreamError {
    match error {
        StreamError::Malformed(_) => StreamError::Truncated,
        other => other,
    }
}

/// Whether a Chat chunk carries usage and no choice: what `stream_options.include_usage` adds at the end.
fn is_usage_only(data: &str) -> bool {
    const KEY: &[u8] = b"\"usage\":";
    let rest = memchr::memmem::find(data.as_bytes(), KEY).and_then(|at| data.get(at + KEY.len()..));
    // Asked for usage, OpenAI writes `"usage":null` into every other chunk.
    if rest.is_none_or(|rest| rest.trim_start().starts_with("null")) {
        return false;
    }
    let (mut usage, mut choices) = (false, true);
    let scanned = json::scan::object(data, |member| {
        let value = data.get(member.value).unwrap_or_default();
        match &*member.key {
            "usage" => usage = value != "null",
            "choices" => choices = !value.trim_matches(['[', ']', ' ', '\n']).is_empty(),
            _ => {}
        }
        Ok::<(), json::ScanError>(())
    });
    scanned.is_ok() && usage && !choices
}

fn flush(encoder: &mut (dyn StreamEncoder + 'static), out: &mut VecDeque<Bytes>) {
    let written = encoder.out();
    if !written.is_empty() {
        out.push_back(written.split().freeze());
    }
}

/// Moves the first `count` bytes of `held` on, or away when there is nowhere to.
fn release(held: &mut VecDeque<Bytes>, mut count: usize, mut to: Option<&mut VecDeque<Bytes>>) {
    while count > 0 {
        let Some(mut first) = held.pop_front() else { return };
        let piece = if first.len() <= count {
            first
        } else {
            let piece = first.split_to(count);
            held.push_front(first);
            piece
        };
        count -= piece.len();
        if let Some(to) = &mut to {
            to.push_back(piece);
        }
    }
}
