//! JSON strings, borrowed where they have no escapes.

use serde::{Deserialize, Deserializer, de::Error as _};
use serde_json::value::RawValue;
use std::{borrow::Cow, ops::Deref};

/// A JSON string. Escapes are resolved; a lone surrogate becomes U+FFFD.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Text<'a>(pub Cow<'a, str>);

impl Deref for Text<'_> {
    type Target = str;
    fn deref(&self) -> &str {
        &self.0
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = <&'de RawValue>::deserialize(deserializer)?.get();
        match raw.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) {
            Some(inner) => Ok(Self(unescape(inner))),
            None => Err(D::Error::custom("expected a string")),
        }
    }
}

/// Resolves the escapes of the inside of a JSON string whose syntax has been checked.
pub fn unescape(inner: &str) -> Cow<'_, str> {
    if memchr::memchr(b'\\', inner.as_bytes()).is_none() {
        return Cow::Borrowed(inner);
    }
    let mut out = String::with_capacity(inner.len());
    unescape_into(inner, &mut out);
    Cow::Owned(out)
}

/// The text of a JSON string, or `None` when `json` is another value. Escapes are resolved in `scratch`, so that a reader of
/// many small strings needs no memory for each.
pub fn read<'t>(json: &'t str, scratch: &'t mut String) -> Option<&'t str> {
    let inner = json.strip_prefix('"')?.strip_suffix('"')?;
    if memchr::memchr(b'\\', inner.as_bytes()).is_none() {
        return Some(inner);
    }
    scratch.clear();
    unescape_into(inner, scratch);
    Some(scratch)
}

fn unescape_into(inner: &str, out: &mut String) {
    let mut rest = inner;
    while let Some((plain, after)) = rest.split_once('\\') {
        out.push_str(plain);
        let mut chars = after.chars();
        let escaped = chars.next();
        rest = chars.as_str();
        match escaped {
            Some('b') => out.push('\u{8}'),
            Some('f') => out.push('\u{c}'),
            Some('n') => out.push('\n'),
            Some('r') => out.push('\r'),
            Some('t') => out.push('\t'),
            Some('u') => rest = unicode(rest, out),
            Some(other) => out.push(other),
            None => {}
        }
    }
    out.push_str(rest);
}

/// Reads four hexadecimal digits, and a second escape when the first is a high surrogate; returns what follows.
fn unicode<'a>(rest: &'a str, out: &mut String) -> &'a str {
    let unit = |text: &str| text.get(..4).and_then(|digits| u16::from_str_radix(digits, 16).ok());
    let Some(first) = unit(rest) else {
        out.push(char::REPLACEMENT_CHARACTER);
        return rest;
    };
    let after = rest.get(4..).unwrap_or_default();
    if (0xD800..0xDC00).contains(&first)
        && let Some(tail) = after.strip_prefix("\\u")
        && let Some(second) = unit(tail)
        && let Some(Ok(pair)) = char::decode_utf16([first, second]).next()
    {
        out.push(pair);
        return tail.get(4..).unwrap_or_default();
    }
    out.push(char::from_u32(u32::from(first)).unwrap_or(char::REPLACEMENT_CHARACTER));
    after
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_lone_surrogate_becomes_the_replacement_character_and_a_pair_its_character() {
        assert_eq!(unescape(r"a\ud83d"), "a\u{fffd}");
        assert_eq!(unescape(r"\ud83d\ude00!"), "😀!");
        assert_eq!(unescape(r"\ude00\ud83d\n"), "\u{fffd}\u{fffd}\n");
        assert_eq!(unescape(r"\ud83dA"), "\u{fffd}A");
        assert_eq!(unescape(r"\ud83d\u0041"), "\u{fffd}A");
    }

    #[test]
    fn only_strings_are_text() {
        assert!(serde_json::from_str::<Text<'_>>("1").is_err());
        assert!(serde_json::from_str::<Text<'_>>("null").is_err());
        assert_eq!(&*serde_json::from_str::<Text<'_>>(r#""a\"b""#).unwrap(), "a\"b");
    }

    proptest! {
        #[test]
        fn what_serde_json_writes_is_read_back(text: String) {
            let json = serde_json::to_string(&text).unwrap();
            prop_assert_eq!(&*unescape(&json[1..json.len() - 1]), text.as_str());
        }
    }
}
