//! The demo models in both protocols, streamed and not.

use rm_testkit::{Client, demo};
use serde_json::{Value, json};

use crate::support::{BOTH, CHAT, MESSAGES, calls, hi, offer, post, said, tool_turn, with};

fn streamed(request: Value) -> Value {
    with(request, &json!({"stream": true}))
}

#[tokio::test]
async fn hello_says_that_it_is_a_demo_and_quotes_the_user() {
    let demo = demo::start().await.unwrap();
    for path in BOTH {
        for request in [hi("hello"), streamed(hi("hello"))] {
            let text = said(&post(demo.address(), path, &request).await);
            assert!(text.contains("demo") && text.ends_with("“hi”"), "{path}: {text}");
        }
    }
}

#[tokio::test]
async fn tools_calls_the_offered_tool_and_reports_its_result() {
    let demo = demo::start().await.unwrap();
    let schema = json!({"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]});
    for path in BOTH {
        let mut request = with(hi("tools"), &offer(path, "weather", &schema));
        let first = post(demo.address(), path, &request).await;
        assert_eq!(calls(&first), [("weather".to_owned(), json!({"city": "Oslo"}))]);
        request["messages"].as_array_mut().unwrap().extend(tool_turn(path, &first, "4 degrees"));
        let second = said(&post(demo.address(), path, &request).await);
        assert!(second.contains("“4 degrees”"), "{path}: {second}");
    }
}

#[tokio::test]
async fn tools_without_a_tool_says_what_it_is_for() {
    let demo = demo::start().await.unwrap();
    for path in BOTH {
        assert!(said(&post(demo.address(), path, &hi("tools")).await).contains("offer it a tool"));
    }
}

#[tokio::test]
async fn thinker_thinks_before_it_answers() {
    let demo = demo::start().await.unwrap();
    let chat = post(demo.address(), CHAT, &hi("thinker")).await.json();
    assert!(chat["choices"][0]["message"]["reasoning_content"].is_string());
    let message = post(demo.address(), MESSAGES, &hi("thinker")).await.json();
    assert_eq!((&message["content"][0]["type"], &message["content"][1]["type"]), (&json!("thinking"), &json!("text")));
    assert!(!message["content"][0]["signature"].as_str().unwrap().is_empty());
}

#[tokio::test]
async fn flaky_fails_every_other_time() {
    let demo = demo::start().await.unwrap();
    let mut statuses = Vec::new();
    for path in [CHAT, CHAT, MESSAGES, MESSAGES] {
        statuses.push(post(demo.address(), path, &hi("flaky")).await.status);
    }
    assert_eq!(statuses, [503, 200, 503, 200]);
}

#[tokio::test]
async fn slow_streams_its_words_one_by_one() {
    let demo = demo::start().await.unwrap();
    for path in BOTH {
        let mut client = Client::connect(demo.address()).await.unwrap();
        client.post(path, &streamed(hi("slow"))).await.unwrap();
        assert_eq!(client.head().await.unwrap().0, 200);
        // The first events are enough; dropping the client ends the stream.
        for _ in 0..4 {
            assert!(client.event().await.unwrap().is_some());
        }
    }
}

#[tokio::test]
async fn the_model_list_has_the_shape_that_is_asked_for() {
    let demo = demo::start().await.unwrap();
    let mut client = Client::connect(demo.address()).await.unwrap();
    client.get("/v1/models", &[]).await.unwrap();
    let openai = client.response().await.unwrap().json();
    assert_eq!((&openai["object"], openai["data"].as_array().unwrap().len()), (&json!("list"), demo::MODELS.len()));
    client.get("/v1/models", &[("anthropic-version", "2023-06-01")]).await.unwrap();
    let anthropic = client.response().await.unwrap().json();
    assert_eq!((&anthropic["has_more"], &anthropic["data"][0]["type"]), (&json!(false), &json!("model")));
}

#[tokio::test]
async fn tokens_are_counted() {
    let demo = demo::start().await.unwrap();
    let counted = post(demo.address(), "/v1/messages/count_tokens", &hi("hello")).await.json();
    assert!(counted["input_tokens"].as_u64().unwrap() > 0);
}

#[tokio::test]
async fn bad_requests_are_refused_in_the_protocol_of_their_path() {
    let demo = demo::start().await.unwrap();
    let mut client = Client::connect(demo.address()).await.unwrap();
    for (body, status) in [("[[[[", 400), ("{\"model\":\"hello\"}", 400), (&hi("nobody").to_string(), 404)] {
        client.post_with(MESSAGES, &[], body.as_bytes()).await.unwrap();
        let refused = client.response().await.unwrap();
        assert_eq!((refused.status, &refused.json()["type"]), (status, &json!("error")), "{body}");
        client.post_with(CHAT, &[], body.as_bytes()).await.unwrap();
        let refused = client.response().await.unwrap();
        assert_eq!((refused.status, refused.json()["error"]["message"].is_string()), (status, true), "{body}");
    }
}

#[tokio::test]
async fn a_body_beyond_the_limit_is_refused_unread() {
    let demo = demo::start().await.unwrap();
    let mut client = Client::connect(demo.address()).await.unwrap();
    client.send(b"POST /v1/messages HTTP/1.1\r\ncontent-length: 999999999\r\n\r\n").await.unwrap();
    assert_eq!(client.response().await.unwrap().status, 413);
}
