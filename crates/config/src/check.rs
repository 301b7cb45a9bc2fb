//! Checks a document against the published schema, and brings its keys into their one spelling.
//!
//! The schema is the generated one, so what is published is what is checked. Only the words that these schemas use are
//! understood: `$ref`, `anyOf`, `oneOf`, `const`, `enum`, `type`, `properties`, `required`, `additionalProperties`,
//! `items`, the bounds of numbers and text, and our own formats. All problems are found, not only the first.

use crate::{
    problem::{Findings, Problem},
    sections::server::parse_host,
    suggest::{did_you_mean, fold},
    units::{parse_duration, parse_size},
};
use schemars::Schema;
use serde_json::{Map, Value};

/// Checks `document` in place. Nothing found means that it deserialises.
pub(crate) fn check(schema: &Schema, document: &mut Value, source: &str, path: &str, findings: &mut Findings) {
    let root = schema.as_value();
    Checker { root, source, findings }.visit(root, document, path);
}

/// The schema of one dotted path of properties, references followed.
pub(crate) fn schema_at<'a>(root: &'a Value, path: &str) -> Option<&'a Value> {
    let mut at = resolve(root, root);
    for key in path.split('.') {
        at = resolve(root, at.get("properties")?.get(key)?);
    }
    Some(at)
}

/// Whether a value of JSON type `name` may stand here.
pub(crate) fn accepts(root: &Value, schema: &Value, name: &str) -> bool {
    let schema = resolve(root, schema);
    if let Some(branches) = branches(schema) {
        return branches.iter().any(|branch| accepts(root, branch, name));
    }
    match schema.get("type") {
        Some(Value::String(one)) => one == name,
        Some(Value::Array(several)) => several.iter().any(|one| one == name),
        _ => schema.get("const").or_else(|| schema.get("enum")?.get(0)).is_none_or(|value| type_of(value) == name),
    }
}

struct Checker<'a, 'f> {
    root: &'a Value,
    source: &'a str,
    findings: &'f mut Findings,
}

impl<'a> Checker<'a, '_> {
    fn visit(&mut self, schema: &'a Value, value: &mut Value, path: &str) {
        let schema = resolve(self.root, schema);
        if let Some(branches) = branches(schema) {
            return self.visit_branches(branches, value, path);
        }
        if let Some(words) = words(schema) {
            return self.visit_word(&words, value, path);
        }
        if !self.has_type(schema, value) {
            return self.report(path, format!("expected {}, found {}", expected(schema), found(value)), None);
        }
        match value {
            Value::Object(members) => self.visit_object(schema, members, path),
            Value::Array(list) => {
                if let Some(items) = schema.get("items") {
                    for (index, item) in list.iter_mut().enumerate() {
                        self.visit(items, item, &format!("{path}[{index}]"));
                    }
                }
            }
            Value::String(text) => self.visit_text(schema, text, path),
            Value::Number(number) => self.visit_number(schema, number.as_f64().unwrap_or(f64::NAN), path),
            Value::Null | Value::Bool(_) => {}
        }
    }

    /// Alternatives: words, or shapes that differ by JSON type.
    fn visit_branches(&mut self, branches: &'a [Value], value: &mut Value, path: &str) {
        let all_words: Option<Vec<&str>> = branches
            .iter()
            .map(|branch| words(resolve(self.root, branch)))
            .collect::<Option<Vec<_>>>()
            .map(|w| w.concat());
        if let Some(all_words) = all_words {
            return self.visit_word(&all_words, value, path);
        }
        let name = type_of(value);
        let fits = |branch: &&Value| {
            accepts(self.root, branch, name) || (name == "integer" && accepts(self.root, branch, "number"))
        };
        if let Some(branch) = branches.iter().find(fits) {
            return self.visit(branch, value, path);
        }
        let expected: Vec<_> =
            branches.iter().map(|branch| expected(resolve(self.root, branch))).filter(|e| e != "null").collect();
        self.report(path, format!("expected {}, found {}", expected.join(" or "), found(value)), None);
    }

    fn visit_word(&mut self, words: &[&str], value: &Value, path: &str) {
        match value.as_str() {
            Some(word) if words.contains(&word) => {}
            Some(word) => self.report(
                path,
                format!("`{}` is not known here", shown(word)),
                did_you_mean(word, words.iter().copied()),
            ),
            None => self.report(
                path,
                format!("expected a word, found {}", found(value)),
                did_you_mean("", words.iter().copied()),
            ),
        }
    }

    fn visit_object(&mut self, schema: &'a Value, members: &mut Map<String, Value>, path: &str) {
        let Some(properties) = schema.get("properties").and_then(Value::as_object) else {
            if let Some(each) = schema.get("additionalProperties").filter(|each| each.is_object()) {
                for (key, value) in members.iter_mut() {
                    self.visit(each, value, &join(path, key));
                }
            }
            return;
        };
        let mut checked = Map::with_capacity(members.len());
        for (written, mut value) in std::mem::take(members) {
            let Some((key, property)) = property(properties, &written) else {
                self.unknown(schema, properties, &written, path);
                continue;
            };
            if checked.contains_key(key) {
                self.report(
                    &join(path, &written),
                    format!("is another spelling of `{key}`, which stands here too"),
                    None,
                );
                continue;
            }
            self.visit(property, &mut value, &join(path, &written));
            checked.insert(key.to_owned(), value);
        }
        // An explicit null means "absent", also where the schema has a default instead of null.
        checked.retain(|_, value| !value.is_null());
        *members = checked;
    }

    fn unknown(&mut self, schema: &Value, properties: &Map<String, Value>, written: &str, path: &str) {
        let names = properties.keys().map(String::as_str).filter(|name| *name != "$schema");
        let problem = Problem {
            source: self.source.to_owned(),
            path: join(path, written),
            what: format!("unknown key `{}`", shown(written)),
            suggestion: did_you_mean(written, names),
        };
        if schema.get("x-unknown").is_some_and(|rule| rule == "warn") {
            self.findings.warn(Problem { what: format!("{}, ignored", problem.what), ..problem });
        } else {
            self.findings.problem(problem);
        }
    }

    fn visit_text(&mut self, schema: &Value, text: &str, path: &str) {
        let shortest = schema.get("minLength").and_then(Value::as_u64).unwrap_or(0);
        if (text.chars().count() as u64) < shortest {
            return self.report(path, "must not be empty".to_owned(), None);
        }
        let wrong = match schema.get("format").and_then(Value::as_str) {
            Some("duration") => parse_duration(text).err(),
            Some("positive-duration") => match parse_duration(text) {
                Ok(duration) if duration.is_zero() => Some("must be longer than zero"),
                other => other.err(),
            },
            Some("byte-size") => match parse_size(text) {
                Ok(0) => Some("must be at least one byte"),
                other => other.err(),
            },
            Some("listen-host") => parse_host(text).err(),
            _ => None,
        };
        if let Some(wrong) = wrong {
            self.report(path, format!("`{}` {wrong}", shown(text)), None);
        }
    }

    fn visit_number(&mut self, schema: &Value, number: f64, path: &str) {
        let bound = |key: &str| schema.get(key).and_then(Value::as_f64);
        let (min, max) = (bound("minimum"), bound("maximum"));
        let positive = schema.get("format").is_some_and(|format| format == "positive-duration");
        if min.is_some_and(|min| number < min) || max.is_some_and(|max| number > max) {
            let range = match (min, max) {
                (Some(min), Some(max)) => format!("from {min} to {max}"),
                (Some(min), None) => format!("at least {min}"),
                (None, Some(max)) => format!("at most {max}"),
                (None, None) => "in range".to_owned(),
            };
            self.report(path, format!("{number} is out of range: must be {range}"), None);
        } else if positive && number == 0.0 {
            self.report(path, "must be longer than zero".to_owned(), None);
        }
    }

    /// `null` stands for "absent" everywhere.
    fn has_type(&self, schema: &Value, value: &Value) -> bool {
        let name = type_of(value);
        name == "null"
            || accepts(self.root, schema, name)
            || (name == "integer" && accepts(self.root, schema, "number"))
    }

    fn report(&mut self, path: &str, what: String, suggestion: Option<String>) {
        self.findings.problem(Problem { source: self.source.to_owned(), path: path.to_owned(), what, suggestion });
    }
}

/// Follows `$ref`s, which these schemas use only as `#/$defs/NAME`.
fn resolve<'a>(root: &'a Value, schema: &'a Value) -> &'a Value {
    let target =
        schema.get("$ref").and_then(Value::as_str).and_then(|reference| root.pointer(reference.strip_prefix('#')?));
    target.map_or(schema, |target| resolve(root, target))
}

fn branches(schema: &Value) -> Option<&[Value]> {
    schema.get("anyOf").or_else(|| schema.get("oneOf"))?.as_array().map(Vec::as_slice)
}

/// The words of an enumeration.
fn words(schema: &Value) -> Option<Vec<&str>> {
    if let Some(word) = schema.get("const") {
        return Some(vec![word.as_str()?]);
    }
    schema.get("enum")?.as_array().map(|words| words.iter().filter_map(Value::as_str).collect())
}

/// The property that a written key means: exactly, or without regard to case, `_` and `-`.
fn property<'a>(properties: &'a Map<String, Value>, written: &str) -> Option<(&'a str, &'a Value)> {
    let exact = properties.get_key_value(written);
    let folded = || properties.iter().find(|(name, _)| fold(name) == fold(written));
    exact.or_else(folded).map(|(name, schema)| (name.as_str(), schema))
}

/// `path.key`; a key that is no plain word stands in quotes.
pub(crate) fn join(path: &str, key: &str) -> String {
    let plain = key.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | '$'));
    let key = if plain { shown(key) } else { format!("\"{}\"", shown(key)) };
    if path.is_empty() { key } else { format!("{path}.{key}") }
}

/// Text for a message: without control characters, and not too much of it.
pub(crate) fn shown(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(80).collect()
}

fn type_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() => "number",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

fn found(value: &Value) -> &'static str {
    word_for(type_of(value))
}

fn word_for(name: &str) -> &'static str {
    match name {
        "null" => "null",
        "boolean" => "true or false",
        "integer" => "a whole number",
        "number" => "a number",
        "string" => "text",
        "array" => "a list",
        _ => "a map",
    }
}

fn expected(schema: &Value) -> String {
    match schema.get("type") {
        Some(Value::String(name)) => word_for(name).to_owned(),
        Some(Value::Array(names)) => {
            let names: Vec<_> = names.iter().filter_map(Value::as_str).filter(|n| *n != "null").map(word_for).collect();
            names.join(" or ")
        }
        _ => "another value".to_owned(),
    }
}
