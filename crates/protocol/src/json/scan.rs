//! One pass over a body that checks its syntax and shows the members of the top level.
//!
//! Nested values are skipped, not built: routing needs the model's name out of a megabyte. The grammar is RFC 8259 with
//! three limits: nesting of [`MAX_DEPTH`], numbers of [`MAX_NUMBER`] characters, keys of [`MAX_KEY`] bytes. Lone
//! surrogate escapes pass, because the byte lane must carry what clients cut in the middle of an emoji.
//!
//! Differential tests hold it against serde_json.

use super::text;
use std::{borrow::Cow, ops::Range};
use thiserror::Error;

/// How deep values may nest.
pub const MAX_DEPTH: usize = 64;
/// Longest number, in characters.
pub const MAX_NUMBER: usize = 400;
/// Longest key, in bytes as written.
pub const MAX_KEY: usize = 1024;

/// Why a text is not an acceptable JSON object.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("invalid JSON at byte {at}: {what}")]
pub struct ScanError {
    /// Byte offset.
    pub at: usize,
    /// What was expected, or which limit was passed.
    pub what: &'static str,
}

/// One member of the scanned object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member<'a> {
    /// The key, unescaped.
    pub key: Cow<'a, str>,
    /// From the key's quote to the end of the value.
    pub span: Range<usize>,
    /// The value.
    pub value: Range<usize>,
}

/// Scans `text`, which must be one object and nothing else but white space, and shows its members in order.
/// Returns how deep it nests (1 for a flat object).
///
/// # Errors
/// Wrong syntax, a limit, or whatever `member` returns.
pub fn object<'a, E: From<ScanError>>(
    text: &'a str,
    mut member: impl FnMut(Member<'a>) -> Result<(), E>,
) -> Result<usize, E> {
    let mut scanner = Scanner { bytes: text.as_bytes(), at: 0, deepest: 1 };
    scanner.space();
    scanner.expect(b'{', "expected an object")?;
    scanner.space();
    if scanner.peek() == Some(b'}') {
        scanner.at += 1;
    } else {
        loop {
            let start = scanner.at;
            let key = scanner.key()?;
            let value_start = scanner.at;
            scanner.value(1)?;
            let value = value_start..scanner.at;
            let raw_key = text.get(key).unwrap_or_default();
            member(Member { key: text::unescape(raw_key), span: start..scanner.at, value })?;
            scanner.space();
            match scanner.peek() {
                Some(b',') => {
                    scanner.at += 1;
                    scanner.space();
                }
                Some(b'}') => {
                    scanner.at += 1;
                    break;
                }
                _ => return Err(scanner.fault("expected `,` or `}`").into()),
            }
        }
    }
    scanner.space();
    if scanner.at == text.len() { Ok(scanner.deepest) } else { Err(scanner.fault("text after the object").into()) }
}

struct Scanner<'a> {
    bytes: &'a [u8],
    at: usize,
    deepest: usize,
}

impl Scanner<'_> {
    fn fault(&self, what: &'static str) -> ScanError {
        ScanError { at: self.at, what }
    }

    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\n' | b'\r' | b'\t')) {
            self.at += 1;
        }
    }

    fn expect(&mut self, byte: u8, what: &'static str) -> Result<(), ScanError> {
        if self.peek() == Some(byte) {
            self.at += 1;
            Ok(())
        } else {
            Err(self.fault(what))
        }
    }

    /// A key with its colon; stops at the value. Returns the span inside the quotes.
    fn key(&mut self) -> Result<Range<usize>, ScanError> {
        let start = self.at + 1;
        self.string()?;
        let key = start..self.at - 1;
        if key.len() > MAX_KEY {
            return Err(self.fault("a key of more than 1 KiB"));
        }
        self.space();
        self.expect(b':', "expected `:`")?;
        self.space();
        Ok(key)
    }

    fn value(&mut self, outside: usize) -> Result<(), ScanError> {
        match self.peek() {
            Some(b'{' | b'[') => self.container(outside),
            _ => self.scalar(),
        }
    }

    /// Skips a whole object or array. A bit per level tells which of the two is open, so nothing recurses.
    fn container(&mut self, outside: usize) -> Result<(), ScanError> {
        let mut objects: u64 = 0;
        let mut depth = 0;
        'open: loop {
            if outside + depth >= MAX_DEPTH {
                return Err(self.fault("nested more than 64 levels deep"));
            }
            let object = self.peek() == Some(b'{');
            objects = objects << 1 | u64::from(object);
            depth += 1;
            self.deepest = self.deepest.max(outside + depth);
            self.at += 1;
            self.space();
            let mut ended = self.peek() == Some(if object { b'}' } else { b']' });
            if !ended && object {
                self.key()?;
            }
            loop {
                if !ended {
                    match self.peek() {
                        Some(b'{' | b'[') => continue 'open,
                        _ => self.scalar()?,
                    }
                    self.space();
                }
                ended = false;
                match (self.peek(), objects & 1 == 1) {
                    (Some(b','), in_object) => {
                        self.at += 1;
                        self.space();
                        if in_object {
                            self.key()?;
                        }
                    }
                    (Some(b'}'), true) | (Some(b']'), false) => {
                        self.at += 1;
                        depth -= 1;
                        objects >>= 1;
                        if depth == 0 {
                            return Ok(());
                        }
                        self.space();
                        ended = true;
                    }
                    (_, true) => return Err(self.fault("expected `,` or `}`")),
                    (_, false) => return Err(self.fault("expected `,` or `]`")),
                }
            }
        }
    }

    fn scalar(&mut self) -> Result<(), ScanError> {
        match self.peek() {
            Some(b'"') => self.string(),
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(b't') => self.word(b"true"),
            Some(b'f') => self.word(b"false"),
            Some(b'n') => self.word(b"null"),
            _ => Err(self.fault("expected a value")),
        }
    }

    fn word(&mut self, word: &[u8]) -> Result<(), ScanError> {
        if self.rest().starts_with(word) {
            self.at += word.len();
            Ok(())
        } else {
            Err(self.fault("expected a value"))
        }
    }

    fn rest(&self) -> &[u8] {
        self.bytes.get(self.at..).unwrap_or_default()
    }

    fn string(&mut self) -> Result<(), ScanError> {
        self.expect(b'"', "expected a string")?;
        loop {
            self.at += plain_run(self.rest());
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(());
                }
                Some(b'\\') => self.escape()?,
                Some(_) => return Err(self.fault("control character in a string")),
                None => return Err(self.fault("unterminated string")),
            }
        }
    }

    fn escape(&mut self) -> Result<(), ScanError> {
        match self.bytes.get(self.at + 1) {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => self.at += 2,
            Some(b'u') => {
                let digits = self.bytes.get(self.at + 2..self.at + 6).unwrap_or_default();
                if digits.len() != 4 || !digits.iter().all(u8::is_ascii_hexdigit) {
                    return Err(self.fault("invalid \\u escape"));
                }
                self.at += 6;
            }
            _ => return Err(self.fault("invalid escape")),
        }
        Ok(())
    }

    fn digits(&mut self) -> Result<(), ScanError> {
        let start = self.at;
        while matches!(self.peek(), Some(b'0'..=b'9')) {
            self.at += 1;
        }
        if self.at == start { Err(self.fault("expected a digit")) } else { Ok(()) }
    }

    fn number(&mut self) -> Result<(), ScanError> {
        let start = self.at;
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        if self.peek() == Some(b'0') {
            self.at += 1;
        } else {
            self.digits()?;
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            self.digits()?;
        }
        if self.at - start > MAX_NUMBER { Err(self.fault("a number of more than 400 characters")) } else { Ok(()) }
    }
}

/// How many leading bytes are neither quote, backslash nor control character. Written so that the compiler uses vector
/// instructions: short strings eight bytes at a time, long ones sixty-four.
fn plain_run(bytes: &[u8]) -> usize {
    const ONES: u64 = u64::from_ne_bytes([1; 8]);
    const HIGH: u64 = u64::from_ne_bytes([0x80; 8]);
    let zero_byte = |word: u64| word.wrapping_sub(ONES) & !word & HIGH;
    let mut run = 0;
    for chunk in bytes.chunks_exact(8).take(4) {
        let word = chunk.iter().rev().fold(0u64, |word, &byte| word << 8 | u64::from(byte));
        let stops = zero_byte(word ^ (ONES * 0x22)) | zero_byte(word ^ (ONES * 0x5c)) | {
            word.wrapping_sub(ONES * 0x20) & !word & HIGH
        };
        if stops != 0 {
            return run + stops.trailing_zeros() as usize / 8;
        }
        run += 8;
    }
    let is_stop = |byte: &u8| *byte == b'"' || *byte == b'\\' || *byte < 0x20;
    for chunk in bytes.get(run..).unwrap_or_default().chunks_exact(64) {
        if chunk.iter().fold(false, |stop, byte| stop | is_stop(byte)) {
            break;
        }
        run += 64;
    }
    let tail = bytes.get(run..).unwrap_or_default();
    run + tail.iter().position(is_stop).unwrap_or(tail.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::value::RawValue;

    fn scan(text: &str) -> Result<Vec<(String, String)>, ScanError> {
        let mut members = Vec::new();
        object(text, |m| {
            members.push((m.key.into_owned(), text[m.value].to_owned()));
            Ok::<(), ScanError>(())
        })?;
        Ok(members)
    }

    #[test]
    fn members_are_shown_in_order_with_their_text_as_written() {
        let members = scan(r#" {"a" : 1.50 , "b":{"x":[1,{}, []]},"\u0063":"q\"\\" } "#).unwrap();
        let expected = [("a", "1.50"), ("b", r#"{"x":[1,{}, []]}"#), ("c", r#""q\"\\""#)];
        assert_eq!(members, expected.map(|(k, v)| (k.to_owned(), v.to_owned())));
    }

    #[test]
    fn what_is_not_one_object_is_refused() {
        let bad = [
            "",
            "[]",
            "1",
            "{",
            "{}x",
            r#"{"a"}"#,
            r#"{"a":}"#,
            r#"{"a":1,}"#,
            r"{a:1}",
            r#"{"a":01}"#,
            r#"{"a":1.}"#,
            r#"{"a":"\x"}"#,
            r#"{"a":"\u12"}"#,
            "{\"a\":\"\n\"}",
            r#"{"a":[1,]}"#,
            r#"{"a":{]}"#,
            r#"{"a":tru}"#,
            r#"{"a":"b"#,
        ];
        for text in bad {
            assert!(scan(text).is_err(), "{text}");
        }
    }

    #[test]
    fn depth_numbers_and_keys_have_limits() {
        let deep = |n: usize| format!(r#"{{"a":{}{}}}"#, "[".repeat(n), "]".repeat(n));
        assert_eq!(object(&deep(63), |_| Ok::<(), ScanError>(())), Ok(64));
        assert!(scan(&deep(64)).is_err());
        assert!(scan(&deep(100_000)).is_err());
        assert!(scan(&format!(r#"{{"a":{}}}"#, "1".repeat(401))).is_err());
        assert!(scan(&format!(r#"{{"{}":1}}"#, "k".repeat(1025))).is_err());
    }

    proptest! {
        #[test]
        fn it_accepts_what_serde_json_accepts_and_shows_the_same_members(text in r#"\{("[a-z"\\]{0,12}[^{}]{0,40}",?)?[-0-9a-z{}\[\]",:.\\u ]{0,60}\}"#) {
            let theirs: Result<serde_json::Map<String, serde_json::Value>, _> = serde_json::from_str(&text);
            let ours = scan(&text);
            if theirs.is_ok() { prop_assert!(ours.is_ok(), "{:?}", ours); }
            if ours.is_ok() { prop_assert!(serde_json::from_str::<&RawValue>(&text).is_ok()); }
        }

        #[test]
        fn it_reads_every_generated_document(value in document()) {
            let text = serde_json::to_string(&value).unwrap();
            let members = scan(&text).unwrap();
            let map = value.as_object().unwrap();
            prop_assert_eq!(members.len(), map.len());
            for ((key, raw), (k, v)) in members.iter().zip(map) {
                prop_assert_eq!(key, k);
                prop_assert_eq!(raw, &serde_json::to_string(v).unwrap());
            }
        }

        #[test]
        fn plain_runs_end_at_the_first_special_byte(bytes in proptest::collection::vec(any::<u8>().prop_map(|b| if b < 200 { b'a' } else { b }), 0..300)) {
            let expected = bytes.iter().position(|b| *b == b'"' || *b == b'\\' || *b < 0x20).unwrap_or(bytes.len());
            prop_assert_eq!(plain_run(&bytes), expected);
            let mut special = bytes.clone();
            if let Some(byte) = special.last_mut() { *byte = b'\\'; }
            let expected = special.iter().position(|b| *b == b'"' || *b == b'\\' || *b < 0x20).unwrap_or(special.len());
            prop_assert_eq!(plain_run(&special), expected);
        }
    }

    fn document() -> impl Strategy<Value = serde_json::Value> {
        use serde_json::Value;
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::Bool),
            any::<i64>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            "\\PC*".prop_map(Value::String),
            any::<String>().prop_map(Value::String),
        ];
        let value = leaf.prop_recursive(5, 40, 6, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..6).prop_map(Value::Array),
                proptest::collection::btree_map("[a-z\"\\\\é]{0,8}", inner, 0..6)
                    .prop_map(|m| Value::Object(m.into_iter().collect())),
            ]
        });
        proptest::collection::btree_map("\\PC{0,8}", value, 0..6).prop_map(|m| Value::Object(m.into_iter().collect()))
    }
}
