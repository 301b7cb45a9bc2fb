//! Starting, stopping, and changing the configuration of a running server (R50, R55).

use crate::{
    raw::{chat_error, error_at, eventually, head},
    world::{KEY, Running, World, chat_body, messages_body},
};
use rm_gateway::{Server, StartError};
use rm_testkit::{Answer, Client, Gate, Reply, Response, Upstream, chat, messages};
use serde_json::{Value, json};
use tokio::net::TcpStream;

/// Starts a request and leaves its answer unread.
async fn begin(world: &Running, path: &str, model: &str, stream: bool) -> Client {
    let body = if path.ends_with("messages") { messages_body(model, stream) } else { chat_body(model, stream) };
    let mut client = world.client().await;
    client.post_with(path, &[("x-api-key", KEY)], body.to_string().as_bytes()).await.unwrap();
    client
}

/// Waits until nobody listens there any more.
async fn refused(world: &Running) {
    eventually("a closed port", async || TcpStream::connect(world.address).await.is_err()).await;
}

async fn refresh(world: &Running) -> Response {
    world.post("/api/admin/models/refresh", &json!({})).await
}

fn write_providers(world: &Running, text: &str) {
    std::fs::write(world.config_file("providers.json"), text).unwrap();
}

fn provider(name: &str, upstream: &Upstream) -> Value {
    json!({ "providers": { name: { "type": "openai-compatible", "baseURL": upstream.v1_url(), "apiKey": "k", "models": ["m"] } } })
}

#[tokio::test]
async fn on_shutdown_running_streams_finish_and_nobody_new_gets_in() {
    let upstream = Upstream::start().await;
    let mut world = World::new().chat("up", &upstream).start();
    let mut idle = world.client().await;
    idle.get("/readyz", &[]).await.unwrap();
    assert_eq!(idle.response().await.unwrap().json()["status"], "ready");
    let gate = Gate::new();
    let whole = chat::stream(&Answer::words("one two three"));
    upstream.script([whole.clone().gate_at(whole.body_len() - 1, &gate)]);
    let mut running = begin(&world, "/v1/chat/completions", "up/m", true).await;
    assert_eq!(running.head().await.unwrap().0, 200);
    running.event().await.unwrap();
    world.stop();
    refused(&world).await;
    assert_eq!(idle.closed().await.unwrap().len(), 0, "an idle connection is closed");
    gate.open();
    let events = running.events().await.unwrap();
    assert_eq!(events.last().unwrap().data, "[DONE]");
    world.stopped().await;
}

#[tokio::test]
async fn when_the_drain_time_is_over_every_answer_ends_in_its_own_protocol() {
    for path in ["/v1/chat/completions", "/v1/messages"] {
        for native in [false, true] {
            let upstream = Upstream::start().await;
            let world =
                if native { World::new().messages("up", &upstream) } else { World::new().chat("up", &upstream) };
            let mut world = world.server(json!({ "timeouts": { "drain": "50ms" } })).start();
            let answer = Answer::pieces(&["one ", "two"]);
            let whole = if native { messages::stream(&answer) } else { chat::stream(&answer) };
            upstream.script([whole.clone().hang_at(whole.body_len() - 1), Reply::hang(), Reply::hang()]);
            let mut flowing = begin(&world, path, "up/m", true).await;
            assert_eq!(flowing.head().await.unwrap().0, 200);
            let mut waiting = begin(&world, path, "up/m", true).await;
            let mut plain = begin(&world, path, "up/m", false).await;
            upstream.received(3).await;
            world.stop();
            let events = flowing.events().await.unwrap();
            let last = &events.last().unwrap().data;
            assert!(last.contains("\"error\"") && last.contains("shutting down"), "{path} {native}: {last}");
            for client in [&mut waiting, &mut plain] {
                let answer = client.response().await.unwrap();
                assert_eq!((answer.status, &*error_at(path, &answer)), (503, "shutting_down"), "{path} {native}");
            }
            drop((waiting, plain));
            world.stopped().await;
        }
    }
}

#[tokio::test]
async fn a_taken_port_is_told_at_once() {
    let upstream = Upstream::start().await;
    let world = World::new().chat("up", &upstream).start();
    let (start, _folder) = World::new().prepare(world.address.port());
    let error = Server::bind(start).err().unwrap();
    assert!(matches!(error, StartError::InUse(_)));
    assert!(error.to_string().contains(&world.address.to_string()), "{error}");
    assert_eq!(world.get("/livez").await.status, 200);
}

#[tokio::test]
async fn connections_over_the_limit_wait_until_one_closes() {
    let upstream = Upstream::start().await;
    let world = World::new().chat("up", &upstream).server(json!({ "limits": { "connections": 2 } })).start();
    let mut held = Vec::new();
    for _ in 0..2 {
        let mut client = world.client().await;
        client.get("/livez", &[]).await.unwrap();
        assert_eq!(client.response().await.unwrap().status, 200);
        held.push(client);
    }
    let mut third = world.client().await;
    third.get("/livez", &[]).await.unwrap();
    drop(held.pop());
    assert_eq!(third.response().await.unwrap().status, 200);
}

#[tokio::test]
async fn a_refresh_takes_a_changed_file_over_at_once_and_cuts_no_stream() {
    let (old, new) = (Upstream::start().await, Upstream::start().await);
    let world = World::new().chat("old", &old).start();
    let gate = Gate::new();
    let whole = chat::stream(&Answer::words("one two three"));
    old.script([whole.clone().gate_at(whole.body_len() - 1, &gate)]);
    let mut running = begin(&world, "/v1/chat/completions", "old/m", true).await;
    assert_eq!(running.head().await.unwrap().0, 200);
    let generation = world.get("/status").await.json()["generation"].as_u64().unwrap();
    write_providers(&world, &provider("new", &new).to_string());
    let answer = refresh(&world).await;
    assert_eq!(
        (answer.status, &answer.json()),
        (200, &json!({ "success": true, "models_count": 1 })),
        "{}",
        answer.text()
    );
    assert!(world.get("/status").await.json()["generation"].as_u64().unwrap() > generation);
    assert_eq!(world.chat("new/m").await.status, 200);
    assert_eq!(world.chat("old/m").await.status, 404);
    gate.open();
    assert_eq!(running.events().await.unwrap().last().unwrap().data, "[DONE]");
}

#[tokio::test]
async fn a_changed_file_is_noticed_without_being_told() {
    let (old, new) = (Upstream::start().await, Upstream::start().await);
    let world = World::new().chat("old", &old).start();
    write_providers(&world, &provider("new", &new).to_string());
    eventually("the new provider", async || world.get("/v1/models/new/m").await.status == 200).await;
    assert_eq!(world.chat("new/m").await.status, 200);
}

#[tokio::test]
async fn a_broken_file_keeps_the_last_good_one_and_shows() {
    let upstream = Upstream::start().await;
    let world = World::new().chat("up", &upstream).start();
    let good = std::fs::read_to_string(world.config_file("providers.json")).unwrap();
    assert_eq!(world.get("/health").await.json()["config"], "ok");
    let deep = "[".repeat(100_000);
    for broken in
        ["", "{", &good[..good.len() / 2], "[]", r#"{"providers":{"up":{"typ":"openai"}}}"#, &deep, "\u{0}\u{0}"]
    {
        write_providers(&world, broken);
        let answer = refresh(&world).await;
        assert_eq!((answer.status, &*chat_error(&answer)), (400, "invalid_configuration"), "{broken:.40}");
        assert!(answer.text().contains("providers.json"), "{}", answer.text());
        assert_eq!(world.get("/health").await.json()["config"], "stale");
        assert!(world.get("/status").await.json()["config_problem"].as_str().unwrap().contains("providers.json"));
        assert!(world.handle.reload().await.is_err());
        assert_eq!(world.chat("up/m").await.status, 200, "{broken:.40}");
    }
    write_providers(&world, &good);
    assert_eq!(refresh(&world).await.status, 200);
    assert_eq!(world.get("/health").await.json()["config"], "ok");
    assert_eq!(world.get("/status").await.json()["config_problem"], Value::Null);
}

#[tokio::test]
async fn the_open_pages_tell_nothing_that_is_not_everybodys_business() {
    let upstream = Upstream::start().await;
    let world = World::new().chat("up", &upstream).start();
    for path in ["/", "/health", "/livez", "/readyz"] {
        let mut client = world.client().await;
        client.get(path, &[]).await.unwrap();
        let answer = client.response().await.unwrap();
        assert_eq!((answer.status, answer.header("content-type")), (200, Some("application/json")), "{path}");
        for told in ["127.0.0.1", "up", "/tmp", "pid"] {
            assert!(!answer.text().contains(&format!("\"{told}")), "{path}: {}", answer.text());
        }
    }
    assert_eq!(world.get("/health").await.json()["status"], "healthy");
}

#[tokio::test]
async fn a_changed_retry_budget_counts_after_a_reload() {
    let upstream = Upstream::start().await;
    upstream.always(chat::error(503, "busy"));
    let budget = |per_second: u32| {
        let backoff = json!({ "min": "1ms", "max": "1ms" });
        json!({ "resilience": { "backoff": backoff, "retryBudget": { "percent": 0, "perSecond": per_second } } })
    };
    let entry = json!({ "type": "openai-compatible", "baseURL": upstream.v1_url(), "apiKey": "k", "models": ["m"], "maxRetries": 1 });
    let world = World::new().provider("up", entry).server(budget(0)).start();
    let attempts = async || world.chat("up/m").await.header("x-router-attempts").unwrap().to_owned();
    assert_eq!(attempts().await, "1");
    std::fs::write(world.config_file("server.json"), budget(1000).to_string()).unwrap();
    assert_eq!(refresh(&world).await.status, 200);
    assert_eq!(attempts().await, "2");
}

#[tokio::test]
async fn an_upload_still_on_its_way_when_the_drain_time_ends_learns_why_it_is_not_served() {
    let upstream = Upstream::start().await;
    let mut world = World::new().chat("up", &upstream).server(json!({ "timeouts": { "drain": "50ms" } })).start();
    let mut client = world.client().await;
    let upload = vec![b' '; 5 << 20];
    client.send(&head("POST /v1/chat/completions", &[&format!("content-length: {}", upload.len())])).await.unwrap();
    client.send(&upload[..1000]).await.unwrap();
    let status = world.get("/livez").await.status;
    assert_eq!(status, 200);
    world.stop();
    refused(&world).await;
    // It sends everything before it looks for an answer.
    let _ = client.send(&upload[1000..]).await;
    let answer = client.response().await.unwrap();
    assert!([400, 503].contains(&answer.status), "{}", answer.status);
    world.stopped().await;
}
