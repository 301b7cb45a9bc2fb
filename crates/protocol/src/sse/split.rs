//! Cuts a byte stream into events, whatever the chunk borders are.
//!
//! Follows the event-stream grammar of the HTML standard (read 2026-11): lines end with LF, CR or CRLF; a blank line ends
//! an event; several `data` lines are joined with LF; one space after the colon is dropped; comments and unknown fields are
//! skipped; a BOM at the start is skipped. Bytes of a whole event inside one chunk are not copied.

use crate::StreamError;
use std::borrow::Cow;

/// Upper bounds on what an upstream may send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Longest line, in bytes.
    pub line: usize,
    /// Longest event, in bytes.
    pub event: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { line: 1 << 20, event: 4 << 20 }
    }
}

/// One event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame<'a> {
    /// The value of `event`, empty when not given.
    pub event: &'a str,
    /// The joined `data` lines; empty for a block of comments.
    pub data: Cow<'a, str>,
    /// The event as it stood in the stream, its blank line included. Joining the `raw` of all frames gives the stream.
    pub raw: &'a [u8],
}

/// An incremental splitter.
#[derive(Debug)]
pub struct Splitter {
    limits: Limits,
    /// The beginning of an event whose end has not come.
    carry: Vec<u8>,
    /// Start of the last line in `carry`; everything before it is whole lines.
    line: usize,
    /// The last line ended with CR: a LF that follows belongs to it.
    after_cr: bool,
    /// No event has come yet, so a BOM may stand before the first.
    fresh: bool,
}

impl Splitter {
    /// A splitter at the start of a stream.
    pub fn new(limits: Limits) -> Self {
        Self { limits, carry: Vec::new(), line: 0, after_cr: false, fresh: true }
    }

    /// Whether an event has begun and not ended.
    pub fn mid_event(&self) -> bool {
        !self.carry.is_empty()
    }

    /// Takes the next chunk and shows every event that it completes.
    ///
    /// # Errors
    /// A limit is passed, an event is not UTF-8, or whatever `each` returns.
    pub fn push(
        &mut self,
        chunk: &[u8],
        mut each: impl FnMut(&Frame<'_>) -> Result<(), StreamError>,
    ) -> Result<(), StreamError> {
        if self.carry.is_empty() {
            let (consumed, line) = self.scan(chunk, 0, 0, &mut each)?;
            self.carry.extend_from_slice(chunk.get(consumed..).unwrap_or_default());
            self.line = line - consumed;
        } else {
            let mut work = std::mem::take(&mut self.carry);
            let searched = work.len();
            work.extend_from_slice(chunk);
            let (consumed, line) = self.scan(&work, self.line, searched, &mut each)?;
            work.drain(..consumed);
            self.carry = work;
            self.line = line - consumed;
        }
        if self.carry.len() > self.limits.event {
            return Err(StreamError::Malformed("an event over the size limit".into()));
        }
        Ok(())
    }

    /// The stream ended: shows an event whose blank line is missing.
    ///
    /// # Errors
    /// As [`Splitter::push`].
    pub fn end(&mut self, mut each: impl FnMut(&Frame<'_>) -> Result<(), StreamError>) -> Result<(), StreamError> {
        let work = std::mem::take(&mut self.carry);
        if work.is_empty() { Ok(()) } else { each(&frame(&work, self.fresh)?) }
    }

    /// Scans `work` from the line that starts at `line` and has no end before `search`; returns how much is consumed and
    /// where the open line starts.
    fn scan(
        &mut self,
        work: &[u8],
        mut line: usize,
        mut search: usize,
        each: &mut impl FnMut(&Frame<'_>) -> Result<(), StreamError>,
    ) -> Result<(usize, usize), StreamError> {
        let mut start = 0;
        while let Some(found) = memchr::memchr2(b'\n', b'\r', work.get(search..).unwrap_or_default()) {
            let end = search + found;
            if self.after_cr && end == line && work.get(end) == Some(&b'\n') {
                self.after_cr = false;
                search = end + 1;
                // The second half of a CRLF is no line of its own; a frame that already ended keeps its bytes in order.
                line = search;
                continue;
            }
            self.after_cr = work.get(end) == Some(&b'\r');
            if end - line > self.limits.line {
                return Err(StreamError::Malformed("a line over the size limit".into()));
            }
            let blank = end == line;
            search = end + 1;
            line = search;
            if blank {
                if self.after_cr && work.get(search) == Some(&b'\n') {
                    self.after_cr = false;
                    search += 1;
                    line = search;
                }
                if let Some(raw) = work.get(start..search) {
                    each(&frame(raw, std::mem::take(&mut self.fresh))?)?;
                }
                start = search;
            }
        }
        if line < work.len() {
            self.after_cr = false;
        }
        if work.len() - line > self.limits.line {
            return Err(StreamError::Malformed("a line over the size limit".into()));
        }
        Ok((start, line))
    }
}

/// Reads the fields of one event's bytes; the first event of a stream may begin with a BOM.
fn frame(raw: &[u8], first: bool) -> Result<Frame<'_>, StreamError> {
    let text = std::str::from_utf8(raw).map_err(|_| StreamError::Malformed("an event that is not UTF-8".into()))?;
    let text = if first { text.strip_prefix('\u{feff}').unwrap_or(text) } else { text };
    let mut frame = Frame { event: "", data: Cow::Borrowed(""), raw };
    let mut has_data = false;
    for line in text.split(['\n', '\r']) {
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "event" => frame.event = value,
            "data" if !has_data => {
                frame.data = Cow::Borrowed(value);
                has_data = true;
            }
            "data" => {
                let joined = frame.data.to_mut();
                joined.push('\n');
                joined.push_str(value);
            }
            _ => {}
        }
    }
    Ok(frame)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn split(chunks: &[&[u8]]) -> (Vec<(String, String)>, Vec<u8>) {
        let mut splitter = Splitter::new(Limits::default());
        let (mut frames, mut raw) = (Vec::new(), Vec::new());
        let mut take = |frame: &Frame<'_>| {
            raw.extend_from_slice(frame.raw);
            if !frame.data.is_empty() || !frame.event.is_empty() {
                frames.push((frame.event.to_owned(), frame.data.to_string()));
            }
            Ok(())
        };
        for chunk in chunks {
            splitter.push(chunk, &mut take).unwrap();
        }
        splitter.end(&mut take).unwrap();
        (frames, raw)
    }

    const MIXED: &str = "\u{feff}: ping\r\n\r\nevent: a\r\ndata: {\"x\":\r\ndata:\"é😀\"}\r\n\r\ndata: b\n\n\rdata:c\r\rid: 7\ndata:  d\n\n\n\nevent: last\ndata: e";

    #[test]
    fn every_line_end_comment_and_field_form_is_read() {
        let (frames, _) = split(&[MIXED.as_bytes()]);
        let expected = [("a", "{\"x\":\n\"é😀\"}"), ("", "b"), ("", "c"), ("", " d"), ("last", "e")];
        assert_eq!(frames, expected.map(|(e, d)| (e.to_owned(), d.to_owned())));
    }

    #[test]
    fn cutting_the_stream_anywhere_changes_nothing() {
        let bytes = MIXED.as_bytes();
        let whole = split(&[bytes]);
        for at in 0..=bytes.len() {
            assert_eq!(split(&[&bytes[..at], &bytes[at..]]), whole, "cut at {at}");
        }
        let single: Vec<&[u8]> = bytes.chunks(1).collect();
        assert_eq!(split(&single), whole);
        assert_eq!(whole.1, bytes, "raw frames join to the stream");
    }

    #[test]
    fn long_lines_and_events_are_refused() {
        let mut splitter = Splitter::new(Limits { line: 10, event: 30 });
        assert!(splitter.push(b"data: 12345678", |_| Ok(())).is_err());
        let mut splitter = Splitter::new(Limits { line: 10, event: 30 });
        let pushed = (0..10).try_for_each(|_| splitter.push(b"data: 1\n", |_| Ok(())));
        assert!(pushed.is_err());
    }

    #[test]
    fn a_long_line_that_comes_byte_by_byte_is_searched_once() {
        let mut splitter = Splitter::new(Limits::default());
        let line = format!("data: {}\n\n", "x".repeat((1 << 20) - 6));
        let mut lengths = Vec::new();
        for byte in line.as_bytes().chunks(1) {
            splitter
                .push(byte, |frame| {
                    lengths.push(frame.data.len());
                    Ok(())
                })
                .unwrap();
        }
        assert_eq!(lengths, [(1 << 20) - 6]);
    }

    proptest! {
        #[test]
        fn any_split_of_any_bytes_gives_the_same(text in "(data: ?[a-zé]{0,5}|event: x|:c|[\r\n]){0,20}", cuts in proptest::collection::vec(0usize..120, 0..6)) {
            let bytes = text.as_bytes();
            let whole = split(&[bytes]);
            let mut cuts: Vec<usize> = cuts.into_iter().map(|c| c.min(bytes.len())).collect();
            cuts.sort_unstable();
            let mut chunks = Vec::new();
            let mut at = 0;
            for cut in cuts { chunks.push(&bytes[at..cut]); at = cut; }
            chunks.push(&bytes[at..]);
            prop_assert_eq!(&split(&chunks), &whole);
            prop_assert_eq!(&whole.1[..], bytes);
        }
    }
}
