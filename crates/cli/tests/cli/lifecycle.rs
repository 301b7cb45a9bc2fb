//! `--detach`, `stop`, `restart`, `status`: looking after a server in the background.

use crate::world::World;
use rustix::process::Signal;
use serde_json::Value;
use std::{fs, os::unix::fs::PermissionsExt};

/// Ends a detached server even when a test fails.
struct StopAtEnd<'a>(&'a World);

impl Drop for StopAtEnd<'_> {
    fn drop(&mut self) {
        self.0.run(&["server", "stop"]);
    }
}

fn status(world: &World) -> Value {
    serde_json::from_str(&world.ok(&["status", "--format", "json"])).unwrap()
}

#[test]
fn a_detached_server_is_ready_when_the_command_returns_and_ends_on_stop() {
    let world = World::new();
    let _end = StopAtEnd(&world);
    let out = world.ok(&["server", "start", "--detach", "--port", "0", "--demo"]);
    assert!(out.contains("listens on http://127.0.0.1:") && out.contains("in the background"), "{out}");
    let pid = status(&world)["pid"].as_u64().unwrap();
    assert!(out.contains(&format!("pid {pid}")), "{out}");
    for file in ["state/server.json", "logs/server.log"] {
        assert_eq!(fs::metadata(world.data(file)).unwrap().permissions().mode() & 0o777, 0o600, "{file}");
    }
    assert!(!fs::read_to_string(world.data("logs/server.log")).unwrap().contains(&world.key()));

    let out = world.ok(&["server", "stop"]);
    assert!(out.starts_with("Stopped the server at http://127.0.0.1:") && out.contains(&pid.to_string()), "{out}");
    assert!(!world.data("state/server.json").exists());
    let again = world.run(&["server", "stop"]);
    assert_eq!((again.code, again.err.lines().count()), (Some(1), 1), "{again:?}");
}

#[test]
fn a_restart_keeps_address_options_and_key() {
    let world = World::new();
    let _end = StopAtEnd(&world);
    world.ok(&["server", "start", "--detach", "--port", "0", "--demo"]);
    let before: Value = serde_json::from_str(&fs::read_to_string(world.data("state/server.json")).unwrap()).unwrap();
    let key = world.key();
    let out = world.ok(&["server", "restart"]);
    assert!(out.contains("Stopped the server") && out.contains("demo/hello"), "{out}");
    let after: Value = serde_json::from_str(&fs::read_to_string(world.data("state/server.json")).unwrap()).unwrap();
    assert_eq!(after["address"], before["address"]);
    assert_ne!(after["pid"], before["pid"]);
    assert_eq!((world.key(), status(&world)["pid"].clone()), (key, after["pid"].clone()));
}

#[test]
fn a_restart_does_not_lose_a_key_that_was_given() {
    let world = World::new();
    let server = world.start(&["--api-key", "sk-planted"]);
    let refused = world.run(&["server", "restart"]);
    assert_eq!(refused.code, Some(2));
    assert!(refused.err.contains("ROUTER_MAESTRO_API_KEY"), "{}", refused.err);
    assert_eq!(server.stop().code, Some(0), "it was left running");
}

#[test]
fn a_detached_server_gets_its_key_in_the_environment() {
    let world = World::new().env("ROUTER_MAESTRO_API_KEY", "sk-planted-env");
    let _end = StopAtEnd(&world);
    world.ok(&["server", "start", "--detach", "--port", "0", "--api-key", "sk-planted-flag"]);
    let pid = serde_json::from_str::<Value>(&fs::read_to_string(world.data("state/server.json")).unwrap()).unwrap();
    let arguments = fs::read(format!("/proc/{}/cmdline", pid["pid"])).unwrap_or_default();
    assert!(!String::from_utf8_lossy(&arguments).contains("planted"));
    let refused = world.run(&["status"]);
    assert!(refused.err.contains("refuses the key"), "the flag's key counts: {refused:?}");
}

#[test]
fn a_record_that_a_killed_server_left_behind_is_no_server() {
    let world = World::new();
    let server = world.start(&[]);
    server.signal(Signal::KILL);
    server.ended();
    assert!(world.data("state/server.json").exists());
    let outcome = world.run(&["server", "stop"]);
    assert_eq!(outcome.code, Some(1), "{outcome:?}");
    assert!(world.start(&[]).stop().code == Some(0));
}

#[test]
fn stop_and_status_find_a_server_in_the_foreground_on_any_port() {
    let world = World::new();
    let server = world.start(&[]);
    let text = world.ok(&["server", "info"]);
    for word in ["Server is running", env!("CARGO_PKG_VERSION"), &server.url(), &server.pid().to_string()] {
        assert!(text.contains(word), "{word}: {text}");
    }
    assert!(world.ok(&["health"]).contains("healthy"));
    world.ok(&["server", "stop"]);
    assert_eq!(server.ended().code, Some(0));
}

#[test]
fn without_a_server_commands_say_how_to_start_one() {
    // A port on which nobody listens.
    let world = World::new().file("contexts.json", r#"{"contexts": {"local": {"endpoint": "http://127.0.0.1:1"}}}"#);
    for command in [&["status"] as &[&str], &["health"], &["model", "list"]] {
        let outcome = world.run(command);
        assert_eq!((outcome.code, outcome.err.lines().count()), (Some(1), 1), "{outcome:?}");
        assert!(outcome.err.contains("server start"), "{}", outcome.err);
    }
}
