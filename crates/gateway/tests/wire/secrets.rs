//! Planted secrets and prompts turn up nowhere but where they belong (R70-R73).

use crate::world::{KEY, Running, World, chat_body, messages_body};
use rm_testkit::{Reply, Response, Upstream, chat, messages};
use serde_json::json;
use std::{
    io::{self, Write},
    path::Path,
    sync::{Arc, Mutex},
};
use tracing_subscriber::fmt::MakeWriter;

const UPSTREAM_KEY: &str = "sk-planted-upstream-0123456789abcdef";
const PROMPT: &str = "planted prompt of a client";

/// Everything that is logged.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

/// Fails when one of `secrets` stands in `text`.
fn clean(what: &str, text: &[u8], secrets: &[&str]) {
    for secret in secrets {
        let found = memchr::memmem::find(text, secret.as_bytes());
        let around = found
            .map(|at| String::from_utf8_lossy(&text[at.saturating_sub(80)..(at + 80).min(text.len())]).into_owned());
        assert_eq!(around, None, "{what} holds {secret}");
    }
}

fn clean_answer(what: &str, answer: &Response) {
    clean(what, &answer.body, &[UPSTREAM_KEY, KEY]);
    for (name, value) in &answer.headers {
        clean(&format!("{what}, {name}"), value.as_bytes(), &[UPSTREAM_KEY, KEY]);
    }
}

fn clean_folder(folder: &Path) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            clean_folder(&path);
        } else {
            clean(&path.display().to_string(), &std::fs::read(&path).unwrap(), &[UPSTREAM_KEY, KEY, PROMPT]);
        }
    }
}

fn world(upstream: &Upstream) -> Running {
    let entry =
        |kind: &str| json!({ "type": kind, "baseURL": upstream.v1_url(), "apiKey": UPSTREAM_KEY, "models": ["m"] });
    World::new().provider("chat", entry("openai-compatible")).provider("native", entry("anthropic")).start()
}

/// Every way in which an upstream may hand a key back.
fn tales() -> Vec<Reply> {
    let text = format!("key {UPSTREAM_KEY} is not valid, you sent Bearer {UPSTREAM_KEY}");
    let mut tales = Vec::new();
    for status in [400, 401, 403, 404, 429, 500, 503] {
        tales.push(chat::error(status, &text).header("x-echo", UPSTREAM_KEY));
        tales.push(messages::error(status, &text));
        tales.push(Reply::status(status).header("content-type", "text/html").body(format!("<b>{text}</b>")));
    }
    tales.push(Reply::status(302).header("location", &format!("http://127.0.0.1/?key={UPSTREAM_KEY}")));
    tales.push(Reply::status(200).header("content-type", "application/json").body(format!("{{\"broken {text}")));
    tales.push(Reply::sse(chat::error_event(&text)));
    tales.push(Reply::sse(messages::error_event(500, &text)));
    tales.push(Reply::raw(format!("{text}\r\n\r\n")));
    tales
}

#[tokio::test]
async fn neither_answers_nor_logs_nor_files_hold_a_key_or_a_prompt() {
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE).with_writer(log.clone()).finish();
    let guard = tracing::subscriber::set_default(subscriber);
    let upstream = Upstream::start().await;
    let world = world(&upstream);
    for tale in tales() {
        for provider in ["chat", "native"] {
            for stream in [false, true] {
                let model = format!("{provider}/m");
                let (mut chat, mut messages) = (chat_body(&model, stream), messages_body(&model, stream));
                chat["messages"][0]["content"] = PROMPT.into();
                messages["messages"][0]["content"] = PROMPT.into();
                for (path, body) in [("/v1/chat/completions", chat), ("/v1/messages", messages)] {
                    upstream.script([tale.clone()]);
                    clean_answer(&format!("{path} {model} {stream} {tale:?}"), &world.post(path, &body).await);
                }
            }
        }
    }
    for path in ["/status", "/health", "/", "/v1/models", "/api/admin/models", "/api/admin/priorities"] {
        clean_answer(path, &world.get(path).await);
    }
    let folder = world.stopped().await;
    drop(guard);
    clean_folder(&folder.path().join("data"));
    let log = log.0.lock().unwrap();
    assert!(!log.is_empty());
    clean("the log", &log, &[UPSTREAM_KEY, KEY, PROMPT]);
}

#[tokio::test]
async fn a_key_in_a_broken_configuration_is_not_told_on() {
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE).with_writer(log.clone()).finish();
    let guard = tracing::subscriber::set_default(subscriber);
    let upstream = Upstream::start().await;
    let world = world(&upstream);
    for broken in [
        format!("{{\"providers\":{{\"chat\":{{\"apiKey\":\"{UPSTREAM_KEY}\""),
        format!("{{\"providers\":{{\"chat\":{{\"apiKey\":[\"{UPSTREAM_KEY}\"]}}}}}}"),
        format!("{{\"providers\":{{\"chat\":{{\"apiKey\":{{\"value\":\"{UPSTREAM_KEY}\"}}}}}}}}"),
        format!("{{\"providers\":{{\"chat\":{{\"accounts\":\"{UPSTREAM_KEY}\"}}}}}}"),
        format!("{{\"providers\":{{\"chat\":{{\"accounts\":[\"{UPSTREAM_KEY}\"]}}}}}}"),
        format!("{{\"providers\":{{\"chat\":\"{UPSTREAM_KEY}\"}}}}"),
        format!("{{\"providers\":\"{UPSTREAM_KEY}\"}}"),
        format!("\"{UPSTREAM_KEY}\""),
    ] {
        std::fs::write(world.config_file("providers.json"), &broken).unwrap();
        clean_answer(&broken, &world.post("/api/admin/models/refresh", &json!({})).await);
        clean_answer(&broken, &world.get("/status").await);
    }
    world.stopped().await;
    drop(guard);
    clean("the log", &log.0.lock().unwrap(), &[UPSTREAM_KEY, KEY]);
}
