//! Same protocol on both sides: bytes go through as they are.

use crate::world::{KEY, World};
use rm_testkit::{Answer, Reply, Upstream, chat, messages};
use serde_json::Value;

/// Odd spacing, key order, number digits, escapes and unknown members.
const ODD_CHAT: &str = "{ \"x_unknown\" : {\"b\":1.50,\"a\":[ ]},\n  \"model\":\"up/m\" , \"temperature\": 0.700,\"messages\" : [ {\"role\":\"user\",\"content\":\"caf\\u00e9 \\ud83d\"} ], \"stream\":false }";

#[tokio::test]
async fn a_request_leaves_as_the_client_wrote_it_but_for_the_model_name() {
    let upstream = Upstream::start().await;
    upstream.always(chat::text("Hello!"));
    let world = World::new().chat("up", &upstream).start();
    let answer = world.post_text("/v1/chat/completions", ODD_CHAT).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let sent = &upstream.requests()[0];
    assert_eq!(String::from_utf8_lossy(&sent.body), ODD_CHAT.replace("\"up/m\"", "\"m\""));
    assert_eq!(sent.path(), "/v1/chat/completions");
    assert_eq!(sent.header("authorization"), Some("Bearer sk-up-up"));
    assert_eq!(answer.header("x-router-lane"), Some("bytes"));
    assert_eq!(answer.header("x-router-model"), Some("up/m"));
    assert_eq!(answer.header("x-router-attempts"), Some("1"));
}

#[tokio::test]
async fn an_answer_comes_as_the_upstream_sent_it() {
    let odd = "{\"id\":\"c1\",\"object\":\"chat.completion\",\"created\":1,\"model\":\"m\", \"x_new\":[1.50],\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":\"Hi\",\"refusal\":null},\"finish_reason\":\"stop\"}]}";
    let upstream = Upstream::start().await;
    upstream.script([Reply::status(200)
        .header("content-type", "application/json")
        .header("set-cookie", "a=b")
        .header("x-ratelimit-limit-requests", "5")
        .body(odd)]);
    let world = World::new().chat("up", &upstream).start();
    let answer = world.chat("up/m").await;
    assert_eq!(answer.text(), odd);
    assert_eq!(answer.header("set-cookie"), None);
    assert_eq!(answer.header("x-ratelimit-limit-requests"), Some("5"));
}

#[tokio::test]
async fn a_stream_comes_byte_for_byte_however_it_is_cut() {
    let answer = Answer::pieces(&["Hé", "llo ", "😀!"]);
    let upstream = Upstream::start().await;
    let world = World::new().messages("up", &upstream).start();
    let whole: Vec<u8> = messages::frames(&answer).concat();
    for size in [1, 2, 7, 1000] {
        upstream.script([messages::stream(&answer).split_every(size)]);
        let got = world.messages_stream("up/m").await;
        assert_eq!((got.status, got.complete), (200, true));
        assert_eq!(got.body, whole, "pieces of {size}");
        assert_eq!(got.header("x-router-lane"), Some("bytes"));
    }
}

#[tokio::test]
async fn usage_is_asked_for_and_its_chunk_is_hidden_from_a_client_that_did_not_ask() {
    let upstream = Upstream::start().await;
    let world = World::new().chat("up", &upstream).start();
    let got = world.chat_stream("up/m").await;
    let sent: Value = upstream.requests()[0].json();
    assert_eq!(sent["stream_options"]["include_usage"], true);
    let events = got.events();
    assert!(events.iter().all(|event| !event.data.contains("\"choices\":[]")), "{}", got.text());
    assert_eq!(events.last().unwrap().data, "[DONE]");

    let mut body = crate::world::chat_body("up/m", true);
    body["stream_options"] = serde_json::json!({ "include_usage": true });
    let got = world.post("/v1/chat/completions", &body).await;
    assert!(got.text().contains("\"usage\":{"), "{}", got.text());
}

#[tokio::test]
async fn members_for_the_router_never_reach_an_upstream() {
    let upstream = Upstream::start().await;
    let world = World::new().chat("up", &upstream).start();
    let body = r#"{"provider":{"allow_fallbacks":false},"model":"up/m","allowed_models":["x"],"messages":[{"role":"user","content":"Hi"}],"models":["a"]}"#;
    assert_eq!(world.post_text("/v1/chat/completions", body).await.status, 200);
    let sent = String::from_utf8(upstream.requests()[0].body.to_vec()).unwrap();
    assert_eq!(sent, r#"{"model":"m","messages":[{"role":"user","content":"Hi"}]}"#);
}

#[tokio::test]
async fn the_clients_credentials_and_private_headers_stay_here() {
    let upstream = Upstream::start().await;
    let world = World::new().messages("up", &upstream).start();
    let mut client = world.client().await;
    let body = crate::world::messages_body("up/m", false).to_string();
    let headers = [
        ("authorization", &*format!("Bearer {KEY}")),
        ("x-api-key", KEY),
        ("cookie", "session=1"),
        ("x-forwarded-for", "10.0.0.1"),
        ("anthropic-beta", "a-2025,b-2026"),
        ("anthropic-version", "2026-10-21"),
        ("x-stainless-lang", "js"),
    ];
    client.post_with("/v1/messages", &headers, body.as_bytes()).await.unwrap();
    assert_eq!(client.response().await.unwrap().status, 200);
    let sent = &upstream.requests()[0];
    assert_eq!(sent.header("x-api-key"), Some("sk-up-up"));
    assert_eq!(sent.header("anthropic-beta"), Some("a-2025,b-2026"));
    assert_eq!(sent.header("anthropic-version"), Some("2026-10-21"));
    for gone in ["authorization", "cookie", "x-forwarded-for", "x-stainless-lang"] {
        assert_eq!(sent.header(gone), None, "{gone}");
    }
}

#[tokio::test]
async fn answers_never_cross_between_requests() {
    let upstream = Upstream::start().await;
    upstream.handler(|received| chat::text(received.json()["messages"][0]["content"].as_str().unwrap_or_default()));
    let world = std::sync::Arc::new(World::new().chat("up", &upstream).start());
    let mut running = tokio::task::JoinSet::new();
    for number in 0..50 {
        let world = world.clone();
        running.spawn(async move {
            let body = serde_json::json!({ "model": "up/m", "messages": [{ "role": "user", "content": format!("id-{number}") }] });
            let answer = world.post("/v1/chat/completions", &body).await;
            assert_eq!(answer.json()["choices"][0]["message"]["content"], format!("id-{number}"));
        });
    }
    while let Some(result) = running.join_next().await {
        result.unwrap();
    }
}

/// A Messages body with Claude Code's billing block.
fn billed(model: &str) -> serde_json::Value {
    let mut body = crate::world::messages_body(model, false);
    body["system"] = serde_json::json!([
        { "type": "text", "text": "x-anthropic-billing-header: cc_version=1; cch=abc;" },
        { "type": "text", "text": "Be kind." },
    ]);
    body
}

#[tokio::test]
async fn the_billing_block_reaches_anthropic_and_no_other_messages_upstream() {
    let (anthropic, other) = (Upstream::start().await, Upstream::start().await);
    let entry = serde_json::json!({ "type": "openai-compatible", "protocols": ["messages"], "baseURL": other.v1_url(), "apiKey": "k", "models": ["m"] });
    let world = World::new().messages("anthropic", &anthropic).provider("other", entry).start();
    for model in ["anthropic/m", "other/m"] {
        assert_eq!(world.post("/v1/messages", &billed(model)).await.status, 200);
    }
    let system = |upstream: &Upstream| upstream.requests()[0].json()["system"].to_string();
    assert!(system(&anthropic).contains("billing-header"), "{}", system(&anthropic));
    assert!(!system(&other).contains("billing-header") && system(&other).contains("Be kind."), "{}", system(&other));
}

#[tokio::test]
async fn reasoning_sealed_for_another_owner_is_taken_out_and_the_rest_keeps_its_headers() {
    let upstream = Upstream::start().await;
    let world = World::new().messages("up", &upstream).start();
    let sealed = rm_protocol::ir::seal("elsewhere:gpt", "");
    let body = serde_json::json!({ "model": "up/m", "max_tokens": 100, "messages": [
        { "role": "user", "content": "Hi" },
        { "role": "assistant", "content": [{ "type": "thinking", "thinking": "hm", "signature": sealed }, { "type": "text", "text": "Yes?" }] },
        { "role": "user", "content": "Go on" },
    ] });
    let mut client = world.client().await;
    let headers = [("x-api-key", KEY), ("anthropic-beta", "context-management-2025-06-27")];
    client.post_with("/v1/messages", &headers, body.to_string().as_bytes()).await.unwrap();
    let answer = client.response().await.unwrap();
    assert_eq!((answer.status, answer.header("x-router-lane")), (200, Some("bytes")));
    assert!(answer.header("x-router-loss").is_some(), "the reader is told");
    let sent = &upstream.requests()[0];
    assert_eq!(sent.header("anthropic-beta"), Some("context-management-2025-06-27"));
    let text = String::from_utf8_lossy(&sent.body).into_owned();
    assert!(!text.contains("rm1.") && text.contains("Yes?"), "{text}");
}

#[tokio::test]
async fn a_mapped_name_reaches_the_upstream_as_its_own_and_the_answer_names_what_served() {
    let upstream = Upstream::start().await;
    let entry = serde_json::json!({ "type": "openai-compatible", "baseURL": upstream.v1_url(), "apiKey": "k", "models": ["big"], "modelMapping": { "gpt-5": "big" } });
    let world = World::new().provider("up", entry).start();
    let answer = world.chat("up/gpt-5").await;
    assert_eq!((answer.status, answer.header("x-router-model")), (200, Some("up/big")));
    assert_eq!(upstream.requests()[0].json()["model"], "big");
}
