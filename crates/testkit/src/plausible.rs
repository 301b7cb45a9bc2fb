//! Arguments that fit a tool's schema well enough to be taken for a model's.
//!
//! Only required properties are filled. Values are harmless, since a real agent may act on them: a command that only
//! prints, a file that does not exist.

use serde_json::{Map, Value, json};

/// Nesting at which a schema is no longer followed; it may refer to itself.
const MAX_DEPTH: u8 = 8;

/// An arguments object for `schema`.
pub(crate) fn arguments(schema: &Value) -> Value {
    let filled = value("", schema, schema, 0);
    if filled.is_object() { filled } else { json!({}) }
}

fn value(name: &str, schema: &Value, root: &Value, depth: u8) -> Value {
    if depth > MAX_DEPTH {
        return Value::Null;
    }
    if let Some(given) = given(schema) {
        return given;
    }
    if let Some(target) = schema["$ref"].as_str().and_then(|path| root.pointer(path.strip_prefix('#')?)) {
        return value(name, target, root, depth + 1);
    }
    let choices = ["anyOf", "oneOf", "allOf"].into_iter().filter_map(|key| schema[key].as_array());
    if let Some(first) = choices.flatten().find(|choice| choice["type"] != "null") {
        return value(name, first, root, depth + 1);
    }
    match kind(schema) {
        "string" => Value::String(string(name, schema)),
        "integer" => json!(schema["minimum"].as_i64().unwrap_or(1)),
        "number" => json!(schema["minimum"].as_f64().unwrap_or(1.5)),
        "boolean" => json!(true),
        "array" if schema["minItems"].as_u64().unwrap_or(1) == 0 => json!([]),
        "array" => json!([value(name, &schema["items"], root, depth + 1)]),
        "object" => object(schema, root, depth),
        "null" => Value::Null,
        _ => json!("demo"),
    }
}

/// A value that the schema itself names.
fn given(schema: &Value) -> Option<Value> {
    let listed = ["enum", "examples"].into_iter().find_map(|key| schema[key].as_array()?.first());
    ["const", "default"].into_iter().find_map(|key| schema.get(key)).or(listed).cloned()
}

/// The type, or the first that is not null; an object where it is left out but properties are given.
fn kind(schema: &Value) -> &str {
    let listed = || schema["type"].as_array()?.iter().filter_map(Value::as_str).find(|kind| *kind != "null");
    let implied = || schema["properties"].is_object().then_some("object");
    schema["type"].as_str().or_else(listed).or_else(implied).unwrap_or_default()
}

fn object(schema: &Value, root: &Value, depth: u8) -> Value {
    let required = schema["required"].as_array().map_or(&[][..], Vec::as_slice);
    let properties = required.iter().filter_map(Value::as_str);
    let filled = properties
        .map(|name| (name.to_owned(), value(name, &schema["properties"][name], root, depth + 1)))
        .collect::<Map<_, _>>();
    Value::Object(filled)
}

fn string(name: &str, schema: &Value) -> String {
    let by_format = match schema["format"].as_str().unwrap_or_default() {
        "date" => Some("2026-01-01"),
        "date-time" => Some("2026-01-01T12:00:00Z"),
        "email" => Some("demo@example.com"),
        "uri" | "url" => Some("https://example.com/"),
        "uuid" => Some("00000000-0000-4000-8000-000000000000"),
        _ => None,
    };
    let name = name.to_ascii_lowercase();
    let by_name = [
        ("command", "echo 'the router-maestro demo called this tool'"),
        ("path", "router-maestro-demo.txt"),
        ("file", "router-maestro-demo.txt"),
        ("url", "https://example.com/"),
        ("city", "Oslo"),
        ("location", "Oslo"),
        ("country", "Norway"),
        ("query", "router-maestro demo"),
        ("pattern", "router-maestro demo"),
        ("date", "2026-01-01"),
    ];
    let known = by_format.or_else(|| by_name.iter().find(|(part, _)| name.contains(part)).map(|(_, text)| *text));
    known.unwrap_or("demo").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn required_properties_get_values_of_their_type() {
        let schema = json!({
            "type": "object",
            "properties": {
                "city": {"type": "string"}, "unit": {"enum": ["c", "f"]}, "days": {"type": "integer", "minimum": 3},
                "exact": {"type": ["null", "boolean"]}, "tags": {"type": "array", "items": {"type": "string"}},
                "at": {"$ref": "#/$defs/at"}, "note": {"type": "string"},
            },
            "required": ["city", "unit", "days", "exact", "tags", "at"],
            "$defs": {"at": {"type": "object", "properties": {"x": {"type": "number"}}, "required": ["x"]}},
        });
        let expected =
            json!({"city": "Oslo", "unit": "c", "days": 3, "exact": true, "tags": ["demo"], "at": {"x": 1.5}});
        assert_eq!(arguments(&schema), expected);
    }

    #[test]
    fn a_schema_that_contains_itself_comes_to_an_end() {
        let schema = json!({"type": "object", "properties": {"child": {"$ref": "#"}}, "required": ["child"]});
        assert!(arguments(&schema).is_object());
    }

    #[test]
    fn no_schema_means_no_arguments() {
        assert_eq!(arguments(&Value::Null), json!({}));
    }
}
