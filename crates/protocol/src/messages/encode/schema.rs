//! JSON Schemas within the subset that Anthropic takes (platform reference, read 2026-11).

use crate::ir::Raw;
use serde_json::{Map, Value};
use std::{borrow::Cow, collections::HashMap};

/// Constraints that structured output does not know; they are told in the description instead.
const CONSTRAINTS: [&str; 14] = [
    "minimum",
    "maximum",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "multipleOf",
    "minLength",
    "maxLength",
    "pattern",
    "maxItems",
    "uniqueItems",
    "minProperties",
    "maxProperties",
    "contains",
    "propertyNames",
];
const FORMATS: [&str; 9] = ["date-time", "time", "date", "duration", "email", "hostname", "uri", "ipv4", "ipv6"];

/// Whether the schema is of an object.
pub(super) fn is_object(raw: &Raw) -> bool {
    let parsed: Result<Map<String, Value>, _> = serde_json::from_str(raw.as_str());
    parsed.is_ok_and(|schema| schema.get("type").is_none_or(|of| of == "object"))
}

/// A tool's `input_schema`: verbatim when its top level is a plain object, otherwise made one. Tells whether more than a
/// hint was changed.
pub(super) fn input(raw: &Raw) -> (Cow<'_, str>, bool) {
    const COMBINED: [&str; 3] = ["anyOf", "oneOf", "allOf"];
    let Ok(Value::Object(mut schema)) = serde_json::from_str(raw.as_str()) else {
        return (Cow::Borrowed(super::tools::NO_ARGUMENTS), true);
    };
    let is_object = schema.get("type").is_some_and(|of| of == "object");
    if is_object && !schema.contains_key("$schema") && !COMBINED.iter().any(|key| schema.contains_key(*key)) {
        return (Cow::Borrowed(raw.as_str()), false);
    }
    schema.shift_remove("$schema");
    let mut changed = false;
    if !is_object {
        changed = schema.contains_key("type");
        schema.insert("type".into(), "object".into());
    }
    for key in COMBINED {
        changed |= schema.shift_remove(key).is_some();
    }
    (Cow::Owned(Value::Object(schema).to_string()), changed)
}

/// The schema for structured output, and whether a constraint was moved to a description. `None` when the subset cannot
/// express it: open maps, recursion, references to elsewhere.
pub(super) fn structured(raw: &Raw) -> Option<(Cow<'_, str>, bool)> {
    let mut schema: Value = serde_json::from_str(raw.as_str()).ok()?;
    if is_recursive(&schema) {
        return None;
    }
    let mut fit = Fit { moved: false, changed: false, open: false };
    fit.schema(&mut schema);
    if fit.open {
        return None;
    }
    let text = if fit.changed { Cow::Owned(schema.to_string()) } else { Cow::Borrowed(raw.as_str()) };
    Some((text, fit.moved))
}

struct Fit {
    /// A constraint is only told in words now.
    moved: bool,
    /// The text must be written anew.
    changed: bool,
    /// An object takes members of any name.
    open: bool,
}

impl Fit {
    fn schema(&mut self, schema: &mut Value) {
        let Value::Object(schema) = schema else { return };
        self.changed |= schema.shift_remove("$schema").is_some();
        self.constraints(schema);
        if let Some(choices) = schema.shift_remove("oneOf") {
            schema.insert("anyOf".into(), choices);
            self.changed = true;
        }
        if schema.get("type").is_some_and(names_object) || schema.contains_key("properties") {
            match schema.get("additionalProperties") {
                Some(Value::Bool(false)) => {}
                None => {
                    schema.insert("additionalProperties".into(), Value::Bool(false));
                    self.changed = true;
                }
                Some(_) => self.open = true,
            }
            self.open |= schema.contains_key("patternProperties");
        }
        for key in ["properties", "$defs", "definitions"] {
            if let Some(Value::Object(named)) = schema.get_mut(key) {
                for inner in named.values_mut() {
                    self.schema(inner);
                }
            }
        }
        for key in ["anyOf", "allOf", "prefixItems"] {
            if let Some(Value::Array(list)) = schema.get_mut(key) {
                for inner in list {
                    self.schema(inner);
                }
            }
        }
        if let Some(items) = schema.get_mut("items") {
            self.schema(items);
        }
    }

    fn constraints(&mut self, schema: &mut Map<String, Value>) {
        let unknown_format = |of: &Value| of.as_str().is_some_and(|of| of != "uuid" && !FORMATS.contains(&of));
        let mut words = Vec::new();
        for key in CONSTRAINTS {
            if let Some(value) = schema.shift_remove(key) {
                words.push(format!("{key}: {value}"));
            }
        }
        if schema.get("minItems").is_some_and(|least| least.as_u64().is_none_or(|least| least > 1)) {
            words.extend(schema.shift_remove("minItems").map(|value| format!("minItems: {value}")));
        }
        if schema.get("format").is_some_and(unknown_format) {
            words.extend(schema.shift_remove("format").map(|value| format!("format: {value}")));
        }
        if words.is_empty() {
            return;
        }
        (self.moved, self.changed) = (true, true);
        let told = schema.get("description").and_then(Value::as_str).unwrap_or_default();
        let space = if told.is_empty() { "" } else { " " };
        let told = format!("{told}{space}({})", words.join(", "));
        schema.insert("description".into(), told.into());
    }
}

fn names_object(of: &Value) -> bool {
    of == "object" || of.as_array().is_some_and(|list| list.iter().any(|of| of == "object"))
}

/// Whether a reference leads back to where it stands, or out of the schema, or over very many others.
fn is_recursive(root: &Value) -> bool {
    References { root, met: HashMap::new(), open: 0 }.lead_back(root)
}

/// A walk that follows every reference once.
struct References<'v> {
    root: &'v Value,
    /// Each reference met, and how far it was followed.
    met: HashMap<&'v str, Followed>,
    /// How many are being followed now.
    open: usize,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Followed {
    Begun,
    Wholly,
}

impl<'v> References<'v> {
    /// Longest chain of references; a longer one is of no schema that a person wrote, and would use up the stack.
    const LONGEST: usize = 100;

    fn lead_back(&mut self, at: &'v Value) -> bool {
        match at {
            Value::Array(list) => list.iter().any(|inner| self.lead_back(inner)),
            Value::Object(members) => match members.get("$ref").and_then(Value::as_str) {
                Some(target) => self.follow(target),
                None => members
                    .iter()
                    .filter(|(key, _)| *key != "$defs" && *key != "definitions")
                    .any(|(_, inner)| self.lead_back(inner)),
            },
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
        }
    }

    fn follow(&mut self, target: &'v str) -> bool {
        match self.met.get(target) {
            Some(Followed::Wholly) => return false,
            Some(Followed::Begun) => return true,
            None if self.open == Self::LONGEST => return true,
            None => {}
        }
        let path = target.strip_prefix('#').filter(|path| !path.is_empty());
        let Some(found) = path.and_then(|path| self.root.pointer(path)) else { return true };
        self.met.insert(target, Followed::Begun);
        self.open += 1;
        let recursive = self.lead_back(found);
        self.open -= 1;
        self.met.insert(target, Followed::Wholly);
        recursive
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raw(text: &str) -> Raw {
        Raw(text.to_owned().into())
    }

    #[test]
    fn a_plain_object_schema_is_sent_as_it_was_written() {
        let schema = raw(r#"{"type": "object","properties":{"n":{"type":["number","null"],"minimum":1.50}}}"#);
        assert_eq!(input(&schema), (Cow::Borrowed(schema.as_str()), false));
    }

    #[test]
    fn a_schema_without_type_or_properties_does_not_crash_and_becomes_an_object() {
        assert_eq!(input(&raw("{}")).0, r#"{"type":"object"}"#);
        assert_eq!(input(&raw("true")).0, r#"{"type":"object","properties":{}}"#);
        let listed = raw(r#"{"type":["object","null"],"$schema":"x"}"#);
        assert_eq!(input(&listed), (Cow::Owned(r#"{"type":"object"}"#.to_owned()), true));
    }

    #[test]
    fn constraints_of_structured_output_move_to_descriptions_and_objects_are_closed() {
        let schema = raw(
            r#"{"type":"object","properties":{"pattern":{"type":"string","pattern":"^a"}},"required":["pattern"]}"#,
        );
        let (text, moved) = structured(&schema).unwrap();
        assert!(moved);
        assert_eq!(
            text,
            r#"{"type":"object","properties":{"pattern":{"type":"string","description":"(pattern: \"^a\")"}},"required":["pattern"],"additionalProperties":false}"#
        );
    }

    #[test]
    fn open_maps_and_recursion_do_not_fit_structured_output() {
        assert!(structured(&raw(r#"{"type":"object","additionalProperties":{"type":"string"}}"#)).is_none());
        let tree =
            r##"{"$ref":"#/$defs/t","$defs":{"t":{"type":"object","properties":{"next":{"$ref":"#/$defs/t"}}}}}"##;
        assert!(structured(&raw(tree)).is_none());
        let shared = r##"{"type":"object","properties":{"a":{"$ref":"#/$defs/t"},"b":{"$ref":"#/$defs/t"}},"additionalProperties":false,"$defs":{"t":{"type":"string"}}}"##;
        assert_eq!(structured(&raw(shared)), Some((Cow::Borrowed(shared), false)));
    }

    #[test]
    fn definitions_that_refer_twice_to_the_next_are_followed_once_and_endless_chains_do_not_fit() {
        let chain = |length: usize| {
            let mut definitions: Vec<String> = (0..length)
                .map(|n| {
                    let next = format!(r##"{{"$ref":"#/$defs/d{}"}}"##, n + 1);
                    format!(r#""d{n}":{{"anyOf":[{next},{next}]}}"#)
                })
                .collect();
            definitions.push(format!(r#""d{length}":{{"type":"string"}}"#));
            raw(&format!(r##"{{"$ref":"#/$defs/d0","$defs":{{{}}}}}"##, definitions.join(",")))
        };
        assert!(structured(&chain(40)).is_some());
        assert!(structured(&chain(100_000)).is_none());
    }
}
