//! The committed schemas are the generated ones. `UPDATE=1 cargo test -p rm-config --test files` rewrites them.

use std::path::Path;

#[test]
fn the_committed_schemas_are_fresh() {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/schemas");
    for (name, schema) in rm_config::schemas() {
        let path = dir.join(name);
        let fresh = serde_json::to_string_pretty(&schema).unwrap() + "\n";
        if std::env::var_os("UPDATE").is_some() {
            std::fs::create_dir_all(&dir).unwrap();
            std::fs::write(&path, &fresh).unwrap();
        }
        let committed = std::fs::read_to_string(&path).unwrap_or_default();
        assert_eq!(committed, fresh, "docs/schemas/{name} is stale: run with UPDATE=1");
    }
}

#[test]
fn every_setting_is_described() {
    fn undescribed(path: &str, schema: &serde_json::Value, found: &mut Vec<String>) {
        for (name, property) in schema["properties"].as_object().into_iter().flatten() {
            if property.get("description").is_none() {
                found.push(format!("{path}.{name}"));
            }
        }
        for (name, definition) in schema["$defs"].as_object().into_iter().flatten() {
            undescribed(name, definition, found);
        }
    }
    let mut found = Vec::new();
    for (name, schema) in rm_config::schemas() {
        undescribed(name, schema.as_value(), &mut found);
    }
    assert!(found.is_empty(), "{found:?}");
}
