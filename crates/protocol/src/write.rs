//! Writing JSON in a fixed order into a reused buffer.

use bytes::{BufMut, Bytes, BytesMut};

/// Writes one JSON text. Commas are its business; matching brackets are the caller's.
#[derive(Debug, Default)]
pub struct Writer {
    out: BytesMut,
    comma: bool,
}

impl Writer {
    /// A writer with room for `capacity` bytes.
    pub fn with_capacity(capacity: usize) -> Self {
        Self { out: BytesMut::with_capacity(capacity), comma: false }
    }

    /// A writer that goes on at the end of `out`; take it back with [`Writer::into_inner`].
    pub fn append_to(out: BytesMut) -> Self {
        Self { out, comma: false }
    }

    /// Opens an object.
    pub fn begin(&mut self) -> &mut Self {
        self.open(b'{')
    }

    /// Closes an object.
    pub fn end(&mut self) -> &mut Self {
        self.close(b'}')
    }

    /// Opens an array.
    pub fn begin_list(&mut self) -> &mut Self {
        self.open(b'[')
    }

    /// Closes an array.
    pub fn end_list(&mut self) -> &mut Self {
        self.close(b']')
    }

    /// Writes a key; its value must follow.
    pub fn key(&mut self, key: &str) -> &mut Self {
        self.text(key);
        self.out.put_u8(b':');
        self.comma = false;
        self
    }

    /// Writes a string.
    pub fn text(&mut self, text: &str) -> &mut Self {
        self.separate();
        self.out.put_u8(b'"');
        escape(text, &mut self.out);
        self.out.put_u8(b'"');
        self
    }

    /// Writes one string made of `pieces`, without building it first.
    pub fn text_of<'p>(&mut self, pieces: impl IntoIterator<Item = &'p str>) -> &mut Self {
        self.separate();
        self.out.put_u8(b'"');
        for piece in pieces {
            escape(piece, &mut self.out);
        }
        self.out.put_u8(b'"');
        self
    }

    /// Writes JSON text as it is.
    pub fn raw(&mut self, json: &str) -> &mut Self {
        self.separate();
        self.out.put_slice(json.as_bytes());
        self
    }

    /// Writes a number.
    pub fn number(&mut self, number: u64) -> &mut Self {
        self.separate();
        let mut digits = [0u8; 20];
        let mut at = digits.len();
        let mut left = number;
        loop {
            at -= 1;
            if let Some(digit) = digits.get_mut(at) {
                *digit = b'0' + (left % 10) as u8;
            }
            left /= 10;
            if left == 0 {
                break;
            }
        }
        self.out.put_slice(digits.get(at..).unwrap_or_default());
        self
    }

    /// Writes a truth value.
    pub fn bool(&mut self, value: bool) -> &mut Self {
        self.raw(if value { "true" } else { "false" })
    }

    /// Writes null.
    pub fn null(&mut self) -> &mut Self {
        self.raw("null")
    }

    /// How many bytes have been written.
    pub fn written(&self) -> usize {
        self.out.len()
    }

    /// The text as bytes.
    pub fn finish(self) -> Bytes {
        self.out.freeze()
    }

    /// The buffer itself.
    pub fn into_inner(self) -> BytesMut {
        self.out
    }

    fn separate(&mut self) {
        if self.comma {
            self.out.put_u8(b',');
        }
        self.comma = true;
    }

    fn open(&mut self, bracket: u8) -> &mut Self {
        self.separate();
        self.out.put_u8(bracket);
        self.comma = false;
        self
    }

    fn close(&mut self, bracket: u8) -> &mut Self {
        self.out.put_u8(bracket);
        self.comma = true;
        self
    }
}

/// Appends `text` with the escapes a JSON string needs: `"`, `\` and control characters; everything else as it is.
pub fn escape(text: &str, out: &mut BytesMut) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    let bytes = text.as_bytes();
    out.reserve(bytes.len());
    let mut done = 0;
    for (at, &byte) in bytes.iter().enumerate() {
        if byte >= 0x20 && byte != b'"' && byte != b'\\' {
            continue;
        }
        out.put_slice(bytes.get(done..at).unwrap_or_default());
        done = at + 1;
        match byte {
            b'"' => out.put_slice(b"\\\""),
            b'\\' => out.put_slice(b"\\\\"),
            b'\n' => out.put_slice(b"\\n"),
            b'\r' => out.put_slice(b"\\r"),
            b'\t' => out.put_slice(b"\\t"),
            _ => {
                out.put_slice(b"\\u00");
                out.put_u8(*HEX.get(usize::from(byte >> 4)).unwrap_or(&b'0'));
                out.put_u8(*HEX.get(usize::from(byte & 15)).unwrap_or(&b'0'));
            }
        }
    }
    out.put_slice(bytes.get(done..).unwrap_or_default());
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn commas_stand_where_they_must() {
        let mut w = Writer::default();
        w.begin()
            .key("a")
            .begin_list()
            .number(0)
            .number(42)
            .begin()
            .end()
            .end_list()
            .key("b")
            .null()
            .key("c")
            .bool(true);
        w.key("d").raw("1.50").end();
        assert_eq!(w.finish(), r#"{"a":[0,42,{}],"b":null,"c":true,"d":1.50}"#);
    }

    proptest! {
        #[test]
        fn strings_and_numbers_read_back(text: String, number: u64) {
            let mut w = Writer::default();
            w.begin().key(&text).number(number).end();
            let back: serde_json::Map<String, serde_json::Value> = serde_json::from_slice(&w.finish()).unwrap();
            prop_assert_eq!(back.get(&text).and_then(serde_json::Value::as_u64), Some(number));
        }
    }
}
