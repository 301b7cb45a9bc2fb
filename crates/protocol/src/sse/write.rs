//! Writing events.

use bytes::{BufMut, BytesMut};

/// Appends an event whose data is written by `json`: `data: …` and a blank line. The data must hold no line break.
pub fn data(out: &mut BytesMut, json: impl FnOnce(&mut BytesMut)) {
    out.put_slice(b"data: ");
    json(out);
    out.put_slice(b"\n\n");
}

/// The same with an `event:` line before it.
pub fn event(out: &mut BytesMut, name: &str, json: impl FnOnce(&mut BytesMut)) {
    out.put_slice(b"event: ");
    out.put_slice(name.as_bytes());
    out.put_u8(b'\n');
    data(out, json);
}
