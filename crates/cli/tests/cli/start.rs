//! `server start`: what it says, what it refuses, how it ends.

use crate::world::World;
use rm_testkit::Client;
use rustix::process::Signal;
use serde_json::json;
use std::{fs, net::TcpListener, os::unix::fs::PermissionsExt};

#[test]
fn a_first_start_without_a_provider_says_what_to_do_next() {
    let world = World::new();
    let outcome = world.start(&[]).stop();
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    for word in ["No provider is configured yet", "OPENAI_API_KEY", "providers.json", "server start --demo"] {
        assert!(outcome.out.contains(word), "{word}: {}", outcome.out);
    }
}

#[test]
fn a_generated_key_is_kept_privately_and_not_printed_into_a_pipe() {
    let world = World::new();
    let outcome = world.start(&[]).stop();
    let key = world.key();
    assert!(key.starts_with("sk-rm-"), "{key}");
    assert!(!outcome.out.contains(&key) && !outcome.err.contains(&key), "{outcome:?}");
    assert_eq!(fs::metadata(world.config("contexts.json")).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(world.ok(&["server", "show-key"]), format!("{key}\n"));
    assert!(world.start(&[]).stop().out.contains("server show-key"));
    assert_eq!(world.key(), key, "a second start keeps the key");
}

#[test]
fn a_given_key_is_neither_printed_nor_stored() {
    let world = World::new().env("ROUTER_MAESTRO_API_KEY", "sk-planted-env");
    for arguments in [&[] as &[&str], &["--api-key", "sk-planted-flag"], &["--demo", "--log-level", "trace"]] {
        let outcome = world.start(arguments).stop();
        assert!(!outcome.out.contains("planted") && !outcome.err.contains("planted"), "{outcome:?}");
    }
    assert!(!world.config("contexts.json").exists());
    assert_eq!(world.ok(&["server", "show-key"]), "sk-planted-env\n");
}

#[test]
fn an_empty_key_is_refused() {
    let outcome = World::new().env("ROUTER_MAESTRO_API_KEY", "").run(&["server", "start", "--port", "0"]);
    assert_eq!(outcome.code, Some(2));
    assert!(outcome.err.starts_with("error: ROUTER_MAESTRO_API_KEY"), "{}", outcome.err);
}

#[test]
fn a_server_that_others_can_reach_needs_a_key() {
    let world = World::new().file("server.yaml", "auth:\n  required: false\n");
    let outcome = world.run(&["server", "start", "--host", "0.0.0.0", "--port", "0"]);
    assert_eq!(outcome.code, Some(2));
    assert!(outcome.err.contains("auth.required"), "{}", outcome.err);
}

#[tokio::test]
async fn on_loopback_a_key_can_be_done_without() {
    let world = World::new().file("server.yaml", "auth:\n  required: false\n");
    let server = world.start(&["--demo"]);
    let mut client = Client::connect(server.address).await.unwrap();
    client.get("/v1/models", &[]).await.unwrap();
    assert_eq!(client.response().await.unwrap().status, 200);
    assert!(!server.stop().out.contains("Authorization"));
}

#[test]
fn a_dotenv_file_adds_to_the_environment_and_does_not_override_it() {
    let world = World::new().env("BACKEND_API_KEY", "sk-of-the-process");
    fs::write(world.work().join(".env"), "BACKEND_BASE_URL=http://127.0.0.1:1/v1\nROUTER_MAESTRO_LOG_LEVEL=error\n")
        .unwrap();
    let out = world.start(&[]).stop().out;
    assert!(out.contains("backend") && out.contains("$BACKEND_BASE_URL"), "{out}");
    fs::write(world.work().join(".env"), "half a line\n").unwrap();
    let outcome = world.run(&["server", "start"]);
    assert_eq!((outcome.code, outcome.err.as_str()), (Some(2), "error: .env: line 1: expected NAME=value\n"));
}

#[test]
fn a_taken_port_is_one_clear_line() {
    let holder = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = holder.local_addr().unwrap().port().to_string();
    for detach in [&[] as &[&str], &["--detach"]] {
        let arguments = [&["server", "start", "--port", &port], detach].concat();
        let outcome = World::new().run(&arguments);
        assert_eq!(outcome.code, Some(1), "{outcome:?}");
        assert_eq!(outcome.err.lines().count(), 1, "{}", outcome.err);
        assert!(outcome.err.contains(&format!("127.0.0.1:{port} is already in use")), "{}", outcome.err);
        assert_eq!(outcome.out, "");
    }
}

#[test]
fn a_broken_configuration_is_told_with_file_path_and_suggestion_before_anything_starts() {
    let world = World::new()
        .file("providers.json", r#"{"providers": {"groq": {"maxRetrys": 1}}}"#)
        .file("server.yaml", "timeouts:\n  connect: soon\n");
    for arguments in [&["server", "start"] as &[&str], &["serve"], &["server", "start", "--detach"]] {
        let outcome = world.run(arguments);
        assert_eq!((outcome.code, outcome.out.as_str()), (Some(2), ""));
        let lines: Vec<_> = outcome.err.lines().collect();
        assert_eq!(lines.len(), 2, "{lines:?}");
        assert!(lines[0].starts_with(&format!("error: {}: timeouts.connect: ", world.config("server.yaml").display())));
        let providers = world.config("providers.json");
        assert_eq!(
            lines[1],
            format!(
                "error: {}: providers.groq.maxRetrys: unknown key `maxRetrys`; did you mean `maxRetries`?",
                providers.display()
            )
        );
    }
}

#[tokio::test]
async fn sigterm_lets_a_running_stream_finish() {
    let world = World::new();
    let server = world.start(&["--demo"]);
    let body = json!({ "model": "demo/slow", "stream": true, "messages": [{ "role": "user", "content": "x" }] });
    let mut client = server.asked("/v1/chat/completions", &world.key(), &body).await;
    assert_eq!(client.head().await.unwrap().0, 200);
    server.signal(Signal::TERM);
    let events = client.events().await.unwrap();
    assert_eq!(events.last().unwrap().data, "[DONE]");
    assert_eq!(server.ended().code, Some(0));
    assert!(!world.data("state/server.json").exists());
}

#[tokio::test]
async fn a_second_signal_ends_at_once() {
    let world = World::new();
    let mut server = world.start(&["--demo"]);
    let body = json!({ "model": "demo/slow", "stream": true, "messages": [{ "role": "user", "content": "x" }] });
    let mut client = server.asked("/v1/chat/completions", &world.key(), &body).await;
    assert_eq!(client.head().await.unwrap().0, 200);
    server.signal(Signal::INT);
    server.wait_for_log("a second signal ends at once");
    server.signal(Signal::TERM);
    assert_eq!(server.ended().code, Some(1));
    assert!(client.events().await.is_err(), "the stream was cut");
    assert!(!world.data("state/server.json").exists());
}

#[tokio::test]
async fn a_changed_file_is_taken_over_and_a_broken_one_is_not() {
    let world = World::new();
    let mut server = world.start(&["--demo"]);
    let listed = || world.ok(&["model", "list"]);
    assert!(!listed().contains("extra/one"));
    let provider = r#"{"providers": {"extra": {"type": "openai-compatible", "baseURL": "http://127.0.0.1:1", "models": ["one"]}}}"#;
    world.write("providers.json", provider);
    // Nobody asks for it: the files are watched.
    server.wait_for_log("configuration taken over");
    assert!(listed().contains("extra/one"));
    assert!(listed().contains("demo/hello"), "the demo's providers stay");

    world.write("providers.json", "{");
    server.signal(Signal::HUP);
    server.wait_for_log("the last good one goes on");
    assert!(listed().contains("extra/one"));
    assert!(world.ok(&["status"]).contains("The configuration on disk is broken"));
    let refresh = world.run(&["model", "refresh"]);
    assert_eq!(refresh.code, Some(2));
    assert!(refresh.err.contains("providers.json"), "{}", refresh.err);

    world.write("providers.json", r#"{"providers": {}}"#);
    server.signal(Signal::HUP);
    server.wait_for_log("configuration taken over");
    assert!(!listed().contains("extra/one"));
}

#[test]
fn one_file_can_hold_everything() {
    let world = World::new();
    let file = world.work().join("router-maestro.yaml");
    fs::write(
        &file,
        "server:\n  auth:\n    required: false\nproviders:\n  mine:\n    type: openai-compatible\n    baseURL: http://127.0.0.1:1\n    models: [m]\npriorities: [mine/m]\n",
    )
    .unwrap();
    let out = world.start(&["--config", "router-maestro.yaml"]).stop().out;
    assert!(out.contains("mine") && out.contains(r#""model":"router-maestro""#), "{out}");
}
