//! `model …`: over HTTP, on this machine's server or another's.

use crate::world::World;
use serde_json::{Value, json};

const PROVIDERS: &str = r#"{"providers": {"a": {"type": "openai-compatible", "baseURL": "http://127.0.0.1:1",
    "models": {"one": {"name": "The One"}, "two\u202e": {}}, "modelMapping": {"one": "upstream-one"}}}}"#;

fn json(world: &World, arguments: &[&str]) -> Value {
    serde_json::from_str(&world.ok(&[arguments, &["--format", "json"]].concat())).unwrap()
}

#[test]
fn models_are_listed_in_every_format_without_control_characters() {
    let world = World::new().file("providers.json", PROVIDERS).file("priorities.json", r#"{"priorities": ["a/one"]}"#);
    let _server = world.start(&[]);
    insta::assert_snapshot!(world.ok(&["model", "list"]), @r"
    Priority  Model Key      Display Name  Provider
    1         a/one          The One       a
    -         a/two\u{202e}  two\u{202e}   a
    ");
    assert!(world.ok(&["model", "list", "--format", "kv"]).contains("Model Key: a/one\nDisplay Name: The One\n"));
    assert!(world.ok(&["model", "list", "--format", "yaml"]).contains("key: a/one"));
    assert_eq!(json(&world, &["model", "list"])[1]["key"], "a/two\u{202e}");
    assert!(!world.ok(&["model", "list", "--format", "json"]).contains('\u{202e}'));
}

#[test]
fn a_name_is_resolved_to_what_would_be_asked() {
    let world = World::new().file("providers.json", PROVIDERS);
    let _server = world.start(&[]);
    let resolved = json(&world, &["model", "resolve", "one"]);
    assert_eq!((&resolved["key"], &resolved["upstream_model"]), (&json!("a/one"), &json!("upstream-one")));
    let unknown = world.run(&["model", "resolve", "nothing of the kind"]);
    assert_eq!((unknown.code, unknown.err.lines().count()), (Some(1), 1), "{unknown:?}");
}

#[test]
fn a_priority_is_put_at_its_place_and_the_others_shift() {
    let world = World::new();
    let _server = world.start(&[]);
    let change = |arguments: &[&str]| json(&world, &[&["model", "priority"], arguments].concat());
    assert_eq!(change(&["add", "p/a"]), json!(["p/a"]));
    assert_eq!(change(&["add", "p/b"]), json!(["p/a", "p/b"]));
    assert_eq!(change(&["p/c", "--position", "1"]), json!(["p/c", "p/a", "p/b"]));
    assert_eq!(change(&["add", "p/d", "-p", "2"]), json!(["p/c", "p/d", "p/a", "p/b"]));
    assert_eq!(change(&["add", "p/b", "-p", "1"]), json!(["p/b", "p/c", "p/d", "p/a"]));
    assert_eq!(change(&["remove", "p/c"]), json!(["p/b", "p/d", "p/a"]));
    assert_eq!(world.ok(&["model", "priority"]), "Priority  Model Key\n1         p/b\n2         p/d\n3         p/a\n");
    let missing = world.run(&["model", "priority", "remove", "p/zzz"]);
    assert_eq!(missing.code, Some(1), "{missing:?}");
    assert_eq!(change(&["clear"]), json!([]));
}

#[test]
fn a_priority_that_cannot_be_is_refused_without_a_server() {
    let world = World::new();
    for arguments in [&["add", "bare"] as &[&str], &["add", "p/a", "-p", "0"], &["--position", "1"], &["add", "/x"]] {
        let outcome = world.run(&[&["model", "priority"], arguments].concat());
        assert_eq!(outcome.code, Some(2), "{arguments:?}: {outcome:?}");
    }
}

#[test]
fn the_fallback_is_shown_and_set() {
    let world = World::new();
    let _server = world.start(&[]);
    assert_eq!(json(&world, &["model", "fallback", "show"]), json!({ "strategy": "priority", "maxRetries": 2 }));
    let set = |arguments: &[&str]| json(&world, &[&["model", "fallback", "set"], arguments].concat());
    assert_eq!(set(&["-s", "same-model"]), json!({ "strategy": "same-model", "maxRetries": 2 }));
    assert_eq!(set(&["-r", "10"]), json!({ "strategy": "same-model", "maxRetries": 10 }));
    assert_eq!(world.ok(&["model", "fallback", "show"]), "Strategy: same-model\nMax Retries: 10\n");
}

#[test]
fn a_fallback_that_cannot_be_is_refused() {
    let world = World::new();
    let outcome = world.run(&["model", "fallback", "set", "-s", "sometimes"]);
    assert_eq!(outcome.code, Some(2));
    assert!(outcome.err.contains("Valid strategies: priority, same-model, none"), "{}", outcome.err);
    for arguments in [&["-r", "11"] as &[&str], &[]] {
        assert_eq!(world.run(&[&["model", "fallback", "set"], arguments].concat()).code, Some(2));
    }
}

#[test]
fn another_context_is_another_server() {
    let office = World::new();
    let server = office.start(&["--demo"]);
    let contexts = json!({ "current": "office", "contexts": {
        "office": { "endpoint": format!("{}/", server.url()), "api_key": office.key() },
        "wrong": { "endpoint": server.url(), "api_key": "sk-wrong" },
    } });
    let world = World::new().file("contexts.json", &contexts.to_string());
    assert!(world.ok(&["model", "list"]).contains("demo/hello"));
    let wrong = world.run(&["--context", "wrong", "status"]);
    assert_eq!(wrong.code, Some(1));
    assert!(wrong.err.contains("refuses the key") && !wrong.err.contains("sk-wrong"), "{}", wrong.err);
    let unknown = world.run(&["status", "--context", "home"]);
    assert_eq!(unknown.code, Some(2));
    assert!(unknown.err.contains("there are: local, office, wrong"), "{}", unknown.err);
    let world = world.env("ROUTER_MAESTRO_CONTEXT", "wrong");
    assert_eq!(world.run(&["status"]).code, Some(1));
}
