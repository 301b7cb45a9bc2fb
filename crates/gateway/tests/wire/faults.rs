//! What a broken or hostile upstream can do to a client: a clear 502 or an error event, in bounded memory, and the next
//! request is unharmed.

use crate::{
    raw::error_at,
    world::{Running, World, chat_body, messages_body},
};
use rm_testkit::{Answer, Reply, Response, Upstream, Usage, chat, messages, refused_address};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

const MOUNTS: [&str; 2] = ["/v1/chat/completions", "/v1/messages"];
const PROVIDERS: [&str; 2] = ["chat", "native"];

fn world(upstream: &Upstream) -> Running {
    World::new().chat("chat", upstream).messages("native", upstream).start()
}

async fn ask(world: &Running, path: &str, provider: &str, stream: bool) -> Response {
    let model = format!("{provider}/m");
    let body = if path.ends_with("messages") { messages_body(&model, stream) } else { chat_body(&model, stream) };
    world.post(path, &body).await
}

fn json_reply(body: impl Into<bytes::Bytes>) -> Reply {
    Reply::status(200).header("content-type", "application/json").body(body)
}

fn answer_json(provider: &str) -> Value {
    let answer = Answer::text("Hello!");
    if provider == "native" { messages::json(&answer) } else { chat::json(&answer) }
}

#[tokio::test]
async fn an_unusable_200_is_502_in_shape_and_the_next_request_is_unharmed() {
    let upstream = Upstream::start().await;
    let world = world(&upstream);
    for provider in PROVIDERS {
        let good = answer_json(provider).to_string();
        let mut faults = vec![
            ("nothing", json_reply("")),
            ("HTML", json_reply("<html><body>busy</body></html>")),
            ("null", json_reply("null")),
            ("a list", json_reply("[]")),
            ("another shape", json_reply("{\"ok\":true}")),
            ("half of it", json_reply(good[..good.len() / 2].to_owned())),
            ("bytes that are no UTF-8", json_reply(&b"{\"x\":\"\xff\"}"[..])),
            ("deep JSON", json_reply("[".repeat(100_000))),
            ("a wrong type", json_reply(good.replace("\"Hello!\"", "{\"a\":[5]}"))),
            ("a body over the limit", Reply::huge_body(80 << 20)),
            ("a body that was cut", json_reply(good.clone()).cut_at(20)),
            ("a body that was reset", json_reply(good.clone()).reset_at(20)),
            ("a longer length than body", json_reply(good.clone()).content_length(good.len() as u64 + 9)),
            ("a damaged chunk", json_reply(good.clone()).bad_chunk_at(5)),
            ("an encoding that nobody asked for", json_reply(good.clone()).header("content-encoding", "gzip")),
            ("a head without end", Reply::raw(format!("HTTP/1.1 200 OK\r\nx: {}", "y".repeat(100 << 10)))),
            (
                "two lengths",
                Reply::raw(format!("HTTP/1.1 200 OK\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\n{good}")),
            ),
            ("no content", Reply::status(204)),
        ];
        let fields = (0..600).fold(json_reply(good.clone()), |reply, n| reply.header(&format!("x-{n}"), "1"));
        faults.push(("too many fields", fields));
        for (what, fault) in faults {
            for path in MOUNTS {
                // A reused connection that breaks is tried once more on a fresh one.
                upstream.script([fault.clone(), fault.clone()]);
                let answer = ask(&world, path, provider, false).await;
                assert_eq!(answer.status, 502, "{what}, {path}, {provider}: {}", answer.text());
                error_at(path, &answer);
                while upstream.requests().len() % 2 == 1 {
                    ask(&world, path, provider, false).await;
                }
                assert_eq!(ask(&world, path, provider, false).await.status, 200, "after {what}");
                upstream.clear();
            }
        }
    }
}

#[tokio::test]
async fn an_endless_line_or_event_ends_the_stream_in_bounded_memory() {
    let upstream = Upstream::start().await;
    let world = world(&upstream);
    let event = Reply::sse("").fill("data: [1,2,3,4,5,6,7,8,9,10]\n", 256 << 20);
    for path in MOUNTS {
        for provider in PROVIDERS {
            for endless in [Reply::huge_line(256 << 20), event.clone()] {
                upstream.clear();
                upstream.script([endless]);
                let answer = ask(&world, path, provider, true).await;
                assert_eq!(answer.status, 502, "{path} {provider}: {:.200}", answer.text());
                error_at(path, &answer);
                let gone = upstream.client_gone().await;
                assert!(gone.sent_bytes < 32 << 20, "{} bytes were read", gone.sent_bytes);
            }
        }
    }
}

#[tokio::test]
async fn bytes_behind_an_answer_belong_to_no_other_request() {
    let upstream = Upstream::start().await;
    let world = world(&upstream);
    let hidden = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 8\r\n\r\n\"hidden\"";
    for provider in PROVIDERS {
        for _ in 0..5 {
            upstream.script([json_reply(answer_json(provider).to_string()).trailing(hidden)]);
            for _ in 0..2 {
                let answer = ask(&world, "/v1/chat/completions", provider, false).await;
                assert_eq!(answer.status, 200);
                assert!(answer.text().contains("Hello!"), "{}", answer.text());
            }
        }
    }
}

#[tokio::test]
async fn odd_pauses_never_hold_a_request_up() {
    let upstream = Upstream::start().await;
    let entry = json!({ "type": "openai-compatible", "baseURL": upstream.v1_url(), "apiKey": "k", "models": ["m"], "maxRetries": 1 });
    let server = json!({ "resilience": { "backoff": { "min": "1ms", "max": "2ms" } } });
    let world = World::new().provider("up", entry).server(server).start();
    for pause in [
        "",
        "-1",
        "soon",
        "1e9",
        "99999999999999999999",
        "4294967296",
        "Fri, 31 Dec 9999 23:59:59 GMT",
        "Thu, 01 Jan 1970 00:00:00 GMT",
        "0",
    ] {
        let start = Instant::now();
        upstream.script([
            chat::error(429, "no").header("retry-after", pause),
            chat::error(429, "no").header("retry-after", pause),
        ]);
        let answer = world.chat("up/m").await;
        assert!(matches!(answer.status, 429 | 200), "{pause}: {}", answer.status);
        assert!(start.elapsed() < Duration::from_secs(10), "{pause}");
        while upstream.requests().len() % 2 == 1 {
            world.chat("up/m").await;
        }
    }
}

#[tokio::test]
async fn statuses_that_are_no_answers_become_errors() {
    let upstream = Upstream::start().await;
    let world = world(&upstream);
    for status in [300, 301, 302, 304, 307, 308, 399, 418, 451, 499, 507, 520, 599, 600, 999] {
        for path in MOUNTS {
            upstream.clear();
            upstream.always(Reply::status(status).header("location", "http://127.0.0.1:1/").body("x"));
            for stream in [false, true] {
                let answer = ask(&world, path, "chat", stream).await;
                assert!((400..600).contains(&answer.status), "{status}: {}", answer.status);
                assert!(answer.json()["error"]["message"].is_string(), "{status}: {}", answer.text());
                assert_eq!(answer.header("location"), None);
            }
        }
    }
}

#[tokio::test]
async fn senseless_usage_breaks_nothing() {
    let upstream = Upstream::start().await;
    let world = world(&upstream);
    for provider in PROVIDERS {
        let text = answer_json(provider).to_string();
        for odd in ["-5", "1e300", "99999999999999999999999", "null", "0.5"] {
            let odd = text.replace(":12,", &format!(":{odd},"));
            for path in MOUNTS {
                upstream.script([json_reply(odd.clone())]);
                let answer = ask(&world, path, provider, false).await;
                assert!(matches!(answer.status, 200 | 502), "{odd}: {}", answer.text());
            }
        }
    }
    let most = u64::MAX;
    let huge = Usage { input: most, cache_read: most, cache_write: most, output: most, reasoning: most };
    let huge = Answer::text("Hello!").usage(huge);
    for path in MOUNTS {
        upstream.script([messages::stream(&huge), messages::reply(&huge)]);
        for stream in [true, false] {
            let answer = ask(&world, path, "native", stream).await;
            assert!(matches!(answer.status, 200 | 502), "{}", answer.text());
        }
    }
    assert_eq!(world.get("/status").await.json()["panics"], 0);
    assert_eq!(world.chat("chat/m").await.status, 200);
}

#[tokio::test]
async fn an_upstream_that_is_not_there_is_502_and_its_address_is_not_told() {
    let address = refused_address().await.unwrap();
    let entry =
        |kind: &str| json!({ "type": kind, "baseURL": format!("http://{address}/v1"), "apiKey": "k", "models": ["m"] });
    let world =
        World::new().provider("chat", entry("openai-compatible")).provider("native", entry("anthropic")).start();
    for path in MOUNTS {
        for provider in PROVIDERS {
            for stream in [false, true] {
                let answer = ask(&world, path, provider, stream).await;
                assert_eq!((answer.status, &*error_at(path, &answer)), (502, "upstream_connect"));
                assert!(
                    answer.text().contains(provider) && !answer.text().contains(&address.to_string()),
                    "{}",
                    answer.text()
                );
            }
        }
    }
}
