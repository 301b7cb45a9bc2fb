//! Text of a file → one JSON value. JSON and YAML; a repeated key is an error in both.

use serde::{
    Deserialize, Deserializer,
    de::{Error, MapAccess, SeqAccess, Visitor},
};
use serde_json::{Map, Value};
use std::{fmt, path::Path};
use thiserror::Error as ThisError;

/// How a file is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// JSON, written with two spaces.
    Json,
    /// YAML. Comments are lost when the program rewrites the file.
    Yaml,
}

/// Why a text is no configuration document.
#[derive(Clone, Debug, PartialEq, Eq, ThisError)]
pub enum BadDocument {
    /// Nothing in it.
    #[error("the file is empty")]
    Empty,
    /// Bytes that are not UTF-8.
    #[error("the file is not UTF-8 text")]
    NotText,
    /// A syntax error, with the place when it is known.
    #[error("{0}")]
    Syntax(String),
    /// A list or a scalar at the top.
    #[error("the file must hold a map at its top")]
    NotAMap,
}

impl Format {
    /// YAML by extension; otherwise by the first character, so that a `.json` file may hold YAML.
    pub fn of(path: &Path, text: &str) -> Self {
        let yaml =
            path.extension().is_some_and(|ext| ext.eq_ignore_ascii_case("yaml") || ext.eq_ignore_ascii_case("yml"));
        if !yaml && text.trim_start().starts_with(['{', '[']) { Self::Json } else { Self::Yaml }
    }
}

/// Parses a whole file.
pub(crate) fn parse(path: &Path, bytes: &[u8]) -> Result<(Value, Format), BadDocument> {
    let text = std::str::from_utf8(bytes).map_err(|_| BadDocument::NotText)?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    if text.trim().is_empty() {
        return Err(BadDocument::Empty);
    }
    let format = Format::of(path, text);
    let strict: Strict = match format {
        Format::Json => {
            serde_json::from_str(text).map_err(|error| BadDocument::Syntax(one_line(&error.to_string())))?
        }
        Format::Yaml => {
            serde_saphyr::from_str(text).map_err(|error| BadDocument::Syntax(one_line(&error.to_string())))?
        }
    };
    match strict.0 {
        value @ Value::Object(_) => Ok((value, format)),
        Value::Null => Err(BadDocument::Empty),
        _ => Err(BadDocument::NotAMap),
    }
}

/// Writes a whole file.
pub(crate) fn render(value: &Value, format: Format) -> Result<String, String> {
    match format {
        Format::Json => serde_json::to_string_pretty(value).map(|text| text + "\n").map_err(|error| error.to_string()),
        Format::Yaml => serde_saphyr::to_string(value).map_err(|error| error.to_string()),
    }
}

/// The first line of a parser's message: the others quote the file, which may hold secrets.
fn one_line(message: &str) -> String {
    message.lines().next().unwrap_or("syntax error").trim().trim_end_matches(':').to_owned()
}

/// A value in which no map repeats a key.
struct Strict(Value);

impl<'de> Deserialize<'de> for Strict {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(StrictVisitor).map(Self)
    }
}

struct StrictVisitor;

impl<'de> Visitor<'de> for StrictVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_none<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        Strict::deserialize(deserializer).map(|strict| strict.0)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(Strict(value)) = seq.next_element()? {
            list.push(value);
        }
        Ok(list.into())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut members = Map::new();
        while let Some((key, Strict(value))) = map.next_entry::<String, Strict>()? {
            if members.contains_key(&key) {
                return Err(A::Error::custom(format!("the key `{key}` stands twice in one map")));
            }
            members.insert(key, value);
        }
        Ok(members.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(name: &str, text: &str) -> Result<(Value, Format), BadDocument> {
        parse(Path::new(name), text.as_bytes())
    }

    #[test]
    fn json_and_yaml_are_told_apart_by_extension_and_content() {
        assert_eq!(read("a.json", r#"{"a": 1}"#).unwrap(), (serde_json::json!({"a": 1}), Format::Json));
        assert_eq!(read("a.json", "a: 1\n").unwrap(), (serde_json::json!({"a": 1}), Format::Yaml));
        assert_eq!(read("a.yaml", "{a: 1, b: [x, null]}").unwrap().0, serde_json::json!({"a": 1, "b": ["x", null]}));
        assert_eq!(
            read("a.yml", "a:\n  b: 6s\n  c: true\n").unwrap().0,
            serde_json::json!({"a": {"b": "6s", "c": true}})
        );
        assert_eq!(read("a.json", "\u{feff}{}").unwrap().0, serde_json::json!({}));
    }

    #[test]
    fn empty_half_written_and_repeated_content_is_refused() {
        assert_eq!(read("a.json", ""), Err(BadDocument::Empty));
        assert_eq!(read("a.json", " \n"), Err(BadDocument::Empty));
        assert_eq!(read("a.json", "[1]"), Err(BadDocument::NotAMap));
        assert_eq!(parse(Path::new("a.json"), b"\xff\xfe"), Err(BadDocument::NotText));
        for (name, text) in [
            ("a.json", r#"{"a": "#),
            ("a.json", r#"{"a": 1, "a": 2}"#),
            ("a.yaml", "a: 1\na: 2\n"),
            ("a.yaml", "a: [1,"),
            ("a.json", &"[".repeat(10_000)),
        ] {
            assert!(matches!(read(name, text), Err(BadDocument::Syntax(_))), "{name}: {text:.20}");
        }
    }

    #[test]
    fn a_syntax_error_names_the_place_and_quotes_nothing_of_the_file() {
        let error = read("a.yaml", "apiKey: sk-secret-planted\n  b: [\n").unwrap_err().to_string();
        assert!(!error.contains("planted"), "{error}");
        let error = read("a.json", "{\"apiKey\": \"sk-secret-planted\" \"x\"}").unwrap_err().to_string();
        assert!(error.contains("line 1") && !error.contains("planted"), "{error}");
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "[\\PC\n\t]{0,80}") {
            let _ = (read("a.json", &text), read("a.yaml", &text));
        }
    }

    #[test]
    fn what_is_written_reads_back_with_its_order() {
        let value = serde_json::json!({"z": {"b": 1, "a": [true, null, "6s", "yes", "1"]}, "c": "x: y"});
        for (format, name) in [(Format::Json, "a.json"), (Format::Yaml, "a.yaml")] {
            let text = render(&value, format).unwrap();
            let (again, _) = read(name, &text).unwrap();
            assert_eq!(again.to_string(), value.to_string(), "{text}");
        }
    }
}
