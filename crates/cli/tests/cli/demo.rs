//! `server start --demo`: everything can be seen without a key, a file or the network.

use crate::world::{Outcome, World};
use serde_json::{Value, json};
use std::{fs, os::unix::fs::PermissionsExt};

fn chat(model: &str) -> Value {
    json!({ "model": model, "messages": [{ "role": "user", "content": "good morning" }] })
}

fn messages(model: &str) -> Value {
    json!({ "model": model, "max_tokens": 100, "messages": [{ "role": "user", "content": "good morning" }] })
}

fn streamed(mut body: Value) -> Value {
    body["stream"] = true.into();
    body
}

#[tokio::test]
async fn both_clients_are_answered_natively_and_translated() {
    let world = World::new();
    let server = world.start(&["--demo"]);
    let key = world.key();
    for provider in ["demo", "demo-chat", "demo-messages"] {
        let model = format!("{provider}/hello");
        let answer = server.post("/v1/chat/completions", &key, &chat(&model)).await;
        let json = answer.json();
        let text = json["choices"][0]["message"]["content"].as_str().unwrap_or_default();
        assert!(text.contains("Router-Maestro demo") && text.contains("good morning"), "{model}: {json}");
        let answer = server.post("/v1/messages", &key, &messages(&model)).await;
        let json = answer.json();
        let text = json["content"][0]["text"].as_str().unwrap_or_default();
        assert!(text.contains("Router-Maestro demo") && text.contains("good morning"), "{model}: {json}");
    }
}

#[tokio::test]
async fn both_clients_get_streams_natively_and_translated() {
    let world = World::new();
    let server = world.start(&["--demo"]);
    let key = world.key();
    for provider in ["demo", "demo-chat", "demo-messages"] {
        let model = format!("{provider}/hello");
        let events = server.post("/v1/chat/completions", &key, &streamed(chat(&model))).await.events();
        let text: String = events
            .iter()
            .filter_map(|event| event.json()["choices"][0]["delta"]["content"].as_str().map(str::to_owned))
            .collect();
        assert!(text.contains("good morning"), "{model}: {text}");
        assert_eq!(events.last().unwrap().data, "[DONE]", "{model}");
        let events = server.post("/v1/messages", &key, &streamed(messages(&model))).await.events();
        let text: String =
            events.iter().filter_map(|event| event.json()["delta"]["text"].as_str().map(str::to_owned)).collect();
        assert!(text.contains("good morning"), "{model}: {text}");
        assert_eq!(events.last().unwrap().name, "message_stop", "{model}");
    }
}

#[tokio::test]
async fn the_priority_list_shows_failover() {
    let world = World::new();
    let server = world.start(&["--demo"]);
    let answer = server.post("/v1/chat/completions", &world.key(), &chat("router-maestro")).await;
    assert_eq!((answer.status, answer.header("x-router-attempts")), (200, Some("2")));
    assert!(answer.text().contains("Router-Maestro demo"), "{}", answer.text());
}

#[tokio::test]
async fn each_command_that_is_printed_works_when_it_is_pasted() {
    let world = World::new();
    // Prints its arguments, each ended by a NUL.
    let stub = world.home().join("curl");
    fs::write(&stub, "#!/bin/sh\nprintf '%s\\0' \"$@\"\n").unwrap();
    fs::set_permissions(&stub, fs::Permissions::from_mode(0o755)).unwrap();
    let out = world.start(&["--demo"]).stop().out;
    assert!(out.contains("This is a demo"), "{out}");
    let server = world.start(&["--demo"]);

    let (_, commands) = out.split_once("Try it:\n").unwrap();
    let mut answers = Vec::new();
    for command in commands.split("\n\n").filter(|command| command.contains("curl")) {
        let mut shell = world.program("/bin/sh");
        let pasted = Outcome::of(shell.arg("-c").arg(command).env("PATH", world.home()));
        assert_eq!(pasted.code, Some(0), "{pasted:?}");
        let words: Vec<&str> = pasted.out.split_terminator('\0').collect();
        let after = |flag: &str| words.iter().zip(words.iter().skip(1)).find(|(word, _)| **word == flag).unwrap().1;
        assert_eq!(*after("-H"), format!("Authorization: Bearer {}", world.key()));
        let url = words.iter().find(|word| word.starts_with("http://")).unwrap();
        let path = url.splitn(4, '/').nth(3).unwrap();
        let body: Value = serde_json::from_str(after("-d")).unwrap();
        answers.push(server.post(&format!("/{path}"), &world.key(), &body).await.status);
    }
    assert_eq!(answers, [200, 200, 200]);
}

#[test]
fn the_operators_own_providers_and_priorities_come_first() {
    let world = World::new()
        .file(
            "providers.json",
            r#"{"providers": {"Demo": {"type": "openai-compatible", "baseURL": "http://127.0.0.1:1", "models": ["m"]}}}"#,
        )
        .file("priorities.json", r#"{"priorities": ["Demo/m", "demo-chat/hello"]}"#);
    let server = world.start(&["--demo"]);
    let list: Value = serde_json::from_str(&world.ok(&["model", "priority", "list", "--format", "json"])).unwrap();
    assert_eq!(list, json!(["Demo/m", "demo-chat/hello", "demo/flaky", "demo/hello"]));
    let outcome = server.stop();
    assert!(outcome.err.contains("--demo: providers.demo: "), "{}", outcome.err);
    assert!(!outcome.out.contains("failover"), "{}", outcome.out);
}
