//! Text of others, made harmless for a terminal (R24).
//!
//! Model names, errors and warnings come from upstreams and files. Control characters in them could move the cursor, hide
//! text or fake a line, and bidirectional controls could show another name than the one meant: they are written out.

use serde_json::Value;
use std::borrow::Cow;

/// The text with every such character written as `\u{…}`.
pub(crate) fn shown(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_risky) {
        return Cow::Borrowed(text);
    }
    let escape = |c: char| if is_risky(c) { c.escape_unicode().to_string() } else { c.to_string() };
    Cow::Owned(text.chars().map(escape).collect())
}

/// A value whose texts and keys are all [`shown`].
pub(crate) fn shown_value(value: &Value) -> Value {
    match value {
        Value::String(text) => Value::String(shown(text).into_owned()),
        Value::Array(items) => items.iter().map(shown_value).collect(),
        Value::Object(members) => {
            members.iter().map(|(key, value)| (shown(key).into_owned(), shown_value(value))).collect()
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
    }
}

/// JSON text with such characters as `\uXXXX`: the same document, harmless on a terminal.
pub(crate) fn json(value: &Value) -> String {
    let text = serde_json::to_string_pretty(value).unwrap_or_default();
    // None of them needs a surrogate pair, and between the strings of a document the only one is the line end.
    let escape = |c: char| match c {
        '\n' => c.to_string(),
        _ if is_risky(c) => format!("\\u{:04x}", u32::from(c)),
        _ => c.to_string(),
    };
    text.chars().map(escape).collect()
}

fn is_risky(c: char) -> bool {
    let bidi = matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    c.is_control() || bidi || matches!(c, '\u{2028}' | '\u{2029}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn nothing_of_a_text_reaches_the_terminal_as_a_command() {
        let table = [
            ("gpt-5 <b>[red]</b> 模型", "gpt-5 <b>[red]</b> 模型"),
            ("a\u{1b}[31mred", "a\\u{1b}[31mred"),
            ("a\r\nb\tc", "a\\u{d}\\u{a}b\\u{9}c"),
            ("\u{9b}2J", "\\u{9b}2J"),
            ("abc\u{202e}fed", "abc\\u{202e}fed"),
            ("\u{7f}", "\\u{7f}"),
        ];
        for (text, expected) in table {
            assert_eq!(shown(text), expected);
        }
    }

    #[test]
    fn json_stays_the_same_document() {
        let value = json!({ "a\u{9b}": ["x\u{202e}y\u{7f}\n", 1, null, true] });
        let text = super::json(&value);
        assert!(!text.chars().any(|c| c != '\n' && is_risky(c)), "{text}");
        assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), value);
        assert_eq!(shown_value(&value)["a\\u{9b}"][0], "x\\u{202e}y\\u{7f}\\u{a}");
    }
}
