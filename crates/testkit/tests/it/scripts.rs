//! The finished scripts for agents and SDK suites.

use std::net::SocketAddr;

use rm_testkit::{Upstream, agent, sdk};
use serde_json::{Value, json};

use crate::support::{BOTH, CHAT, MESSAGES, calls, hi, offer, post, said, tool_turn, with};

const PNG: &str = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";

async fn scripted() -> Upstream {
    let upstream = Upstream::start().await;
    upstream.handle_all(sdk::handler());
    upstream
}

async fn streamed(address: SocketAddr, path: &str, model: &str) -> rm_testkit::Response {
    post(address, path, &with(hi(model), &json!({"stream": true}))).await
}

#[tokio::test]
async fn the_agent_script_runs_one_bash_command_and_reports_its_output() {
    let upstream = Upstream::start().await;
    upstream.handle_all(agent::claude_code_bash());
    let schema = json!({"type": "object", "properties": {"command": {"type": "string"}}, "required": ["command"]});
    for path in BOTH {
        let mut request = with(hi("claude-x"), &offer(path, "Bash", &schema));
        let first = post(upstream.address(), path, &request).await;
        let (name, arguments) = calls(&first).remove(0);
        assert_eq!((name.as_str(), &arguments["command"]), ("Bash", &json!("echo router-maestro-was-here")));
        let mut turn = tool_turn(path, &first, agent::MARKER);
        // Claude Code puts its environment between the messages of a conversation.
        turn.push(json!({"role": "system", "content": "environment"}));
        request["messages"].as_array_mut().unwrap().extend(turn);
        let second = said(&post(upstream.address(), path, &request).await);
        assert_eq!(second, format!("{} {}", agent::REPORT, agent::MARKER), "{path}");
    }
}

#[tokio::test]
async fn the_agent_script_answers_side_requests_with_plain_text() {
    let upstream = Upstream::start().await;
    upstream.handle_all(agent::claude_code_bash());
    for path in BOTH {
        assert_eq!(said(&post(upstream.address(), path, &hi("small")).await), "Scripted");
    }
}

#[tokio::test]
async fn text_is_the_same_streamed_or_not() {
    let upstream = scripted().await;
    for path in BOTH {
        assert_eq!(said(&post(upstream.address(), path, &hi("text")).await), sdk::TEXT);
        assert_eq!(said(&streamed(upstream.address(), path, "stream").await), sdk::TEXT);
    }
}

#[tokio::test]
async fn parallel_tools_are_two_calls_and_then_both_results() {
    let upstream = scripted().await;
    let schema = json!({"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]});
    for path in BOTH {
        let mut request = with(hi("parallel-tools"), &offer(path, "weather", &schema));
        let first = post(upstream.address(), path, &request).await;
        let cities: Vec<Value> = calls(&first).into_iter().map(|(_, arguments)| arguments["city"].clone()).collect();
        assert_eq!(cities, ["Oslo", "Bergen"]);
        request["messages"].as_array_mut().unwrap().extend(tool_turn(path, &first, "cold"));
        let second = said(&post(upstream.address(), path, &request).await);
        assert_eq!(second, "The tools answered: cold and cold");
    }
}

#[tokio::test]
async fn a_picture_is_described_by_type_and_length() {
    let upstream = scripted().await;
    let chat = json!({"type": "image_url", "image_url": {"url": format!("data:image/png;base64,{PNG}")}});
    let source = json!({"type": "base64", "media_type": "image/png", "data": PNG});
    let message = json!({"type": "image", "source": source});
    for (path, part) in [(CHAT, chat), (MESSAGES, message)] {
        let request = with(hi("image"), &json!({"messages": [{"role": "user", "content": [part]}]}));
        assert_eq!(said(&post(upstream.address(), path, &request).await), "image/png 70 bytes");
    }
}

#[tokio::test]
async fn json_comes_only_when_the_schema_arrived() {
    let upstream = scripted().await;
    let schema = json!({"type": "object", "properties": {"city": {"type": "string"}, "pop": {"type": "integer"}}});
    let chat = json!({"response_format": {"type": "json_schema", "json_schema": {"name": "c", "schema": schema}}});
    let message = json!({"output_config": {"format": {"type": "json_schema", "schema": schema}}});
    for (path, format) in [(CHAT, chat), (MESSAGES, message)] {
        let answer = said(&post(upstream.address(), path, &with(hi("json-schema"), &format)).await);
        assert_eq!(serde_json::from_str::<Value>(&answer).unwrap(), json!({"city": "Oslo", "pop": 717_710}));
        assert_eq!(post(upstream.address(), path, &hi("json-schema")).await.status, 400);
    }
}

#[tokio::test]
async fn error_models_answer_their_status_in_native_shape() {
    let upstream = scripted().await;
    for status in [400, 401, 403, 404, 413, 429, 500, 503, 529] {
        for path in BOTH {
            let response = post(upstream.address(), path, &hi(&format!("e{status}"))).await;
            assert_eq!(response.status, status);
            assert_eq!(response.header("retry-after"), (status == 429).then_some("1"));
            assert_eq!(response.json()["type"] == "error", path == MESSAGES);
            assert!(response.json()["error"]["type"].is_string());
        }
    }
}

#[tokio::test]
async fn error_events_open_or_follow_a_200() {
    let upstream = scripted().await;
    for path in BOTH {
        let opening = streamed(upstream.address(), path, "e-stream").await;
        assert_eq!((opening.status, opening.events().len()), (200, 1));
        assert!(opening.events()[0].json()["error"].is_object());
        let later = streamed(upstream.address(), path, "e-mid").await;
        assert!(said(&later).starts_with("Hello from"));
        assert!(later.events().last().unwrap().json()["error"].is_object());
        let plain = post(upstream.address(), path, &hi("e-stream")).await;
        assert_eq!((plain.status, plain.json()["error"].is_object()), (200, true));
        assert_eq!(post(upstream.address(), path, &hi("e-mid")).await.status, 500);
    }
}

#[tokio::test]
async fn cut_breaks_off_streamed_or_not() {
    let upstream = scripted().await;
    for path in BOTH {
        assert!(!streamed(upstream.address(), path, "cut").await.complete);
        assert!(!post(upstream.address(), path, &hi("cut")).await.complete);
    }
}
