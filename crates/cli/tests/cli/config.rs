//! `config …`: the files on this machine.

use crate::world::World;
use serde_json::Value;
use std::{fs, os::unix::fs::PermissionsExt};

#[test]
fn every_setting_is_shown_with_its_origin() {
    let world = World::new()
        .env("ROUTER_MAESTRO_TIMEOUTS_CONNECT", "7s")
        .env("GROQ_API_KEY", "sk-planted")
        .file("server.yaml", "listen:\n  port: 9000\n");
    let text = world.ok(&["config", "show", "--origin"]);
    let line = |setting: &str| {
        let line = text.lines().find(|line| line.starts_with(&format!("{setting} "))).unwrap_or_default();
        line.split_whitespace().skip(1).map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(line("server.listen.port"), ["9000", &world.config("server.yaml").display().to_string()]);
    assert_eq!(line("server.timeouts.connect"), ["7s", "$ROUTER_MAESTRO_TIMEOUTS_CONNECT"]);
    assert_eq!(line("server.auth.required"), ["true", "default"]);
    assert_eq!(line("providers.groq.accounts.default"), ["[redacted]", "$GROQ_API_KEY"]);
    assert!(!text.contains("planted"));
    let json: Value = serde_json::from_str(&world.ok(&["config", "show", "--format", "json"])).unwrap();
    assert_eq!(json["server.listen.port"], 9000);
    assert!(world.ok(&["config", "show", "--format", "yaml"]).contains("server.listen.port: 9000"));
}

#[test]
fn a_valid_configuration_is_said_to_be_valid() {
    let world = World::new().file("priorities.json", r#"{"priorities": ["nowhere/m"]}"#);
    let outcome = world.run(&["config", "validate"]);
    assert_eq!(outcome.code, Some(0));
    assert!(outcome.out.contains("is valid"), "{}", outcome.out);
    assert!(outcome.err.starts_with("warning: ") && outcome.err.contains("nowhere"), "{}", outcome.err);
}

#[test]
fn every_problem_is_told_at_once() {
    let world = World::new()
        .file("providers.json", r#"{"providers": {"x": {"type": "openai-compatable"}}}"#)
        .file("priorities.json", r#"{"priorities": ["bare"], "falback": {}}"#);
    let outcome = world.run(&["config", "validate"]);
    assert_eq!(outcome.code, Some(2));
    assert!(outcome.err.lines().count() >= 2 && outcome.err.lines().all(|line| line.starts_with("error: ")));
    assert!(outcome.err.contains("`openai-compatible`") && outcome.err.contains("`fallback`"), "{}", outcome.err);

    let one = |name: &str| world.run(&["config", "validate", &world.config(name).display().to_string()]);
    let providers = one("providers.json");
    assert_eq!(providers.code, Some(2));
    assert!(providers.err.lines().all(|line| line.contains("providers.json")), "{}", providers.err);
    world.write("server.yaml", "listen: {port: 9000}\n");
    assert_eq!(one("server.yaml").code, Some(0), "its neighbours' problems are theirs");
    assert_eq!(one("nothing.yaml").code, Some(2));
}

#[test]
fn a_file_with_all_sections_is_checked_by_its_own_schema() {
    let world = World::new();
    let file = world.work().join("all.yaml");
    fs::write(&file, "server: {listen: {port: 9000}}\npriorities: []\n").unwrap();
    world.ok(&["config", "validate", "all.yaml"]);
    fs::write(&file, "sever: {}\n").unwrap();
    let outcome = world.run(&["config", "validate", "all.yaml"]);
    assert_eq!(
        (outcome.code, outcome.err.as_str()),
        (Some(2), "error: all.yaml: sever: unknown key `sever`; did you mean `server`?\n")
    );
}

#[test]
fn schemas_are_listed_and_printed() {
    let world = World::new();
    assert_eq!(world.ok(&["config", "schema"]), "providers\npriorities\nserver\ncontexts\nrouter-maestro\n");
    for name in ["providers", "server.yaml", "router-maestro.schema.json"] {
        let schema: Value = serde_json::from_str(&world.ok(&["config", "schema", name])).unwrap();
        assert!(schema["properties"].is_object(), "{name}");
    }
    assert_eq!(world.run(&["config", "schema", "nothing"]).code, Some(2));
}

#[test]
fn init_writes_valid_private_files_and_overwrites_none() {
    let world = World::new().file("priorities.yaml", "priorities: [mine/m]\n");
    let out = world.ok(&["config", "init"]);
    assert_eq!(out.matches("wrote ").count(), 2, "{out}");
    assert!(out.contains("left alone") && !world.config("priorities.json").exists(), "{out}");
    for name in ["providers.json", "server.yaml"] {
        assert_eq!(fs::metadata(world.config(name)).unwrap().permissions().mode() & 0o777, 0o600);
    }
    world.ok(&["config", "validate"]);
    world.write("server.yaml", "listen: {port: 9000}\n");
    assert_eq!(world.ok(&["config", "init"]).matches("left alone ").count(), 3);
    assert_eq!(fs::read_to_string(world.config("server.yaml")).unwrap(), "listen: {port: 9000}\n");
}
