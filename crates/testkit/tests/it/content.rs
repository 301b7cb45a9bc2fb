//! What the builders write, in both protocols.

use rm_testkit::{Answer, Part, SIGNATURE, Stop, Usage, UsageChunk, chat, messages};
use serde_json::{Value, json};

/// Thinking, text and two calls, with every class of usage.
fn rich() -> Answer {
    let usage = Usage { input: 10, cache_read: 20, cache_write: 30, output: 40, reasoning: 5 };
    Answer::thinking("Let me see.")
        .and_pieces(&["Looking ", "up both."])
        .and_tool("weather", &json!({"city": "Oslo"}))
        .and_tool("weather", &json!({"city": "Bergen"}))
        .usage(usage)
}

fn data(frames: &[bytes::Bytes]) -> Vec<Value> {
    let lines = frames.iter().filter_map(|frame| {
        let text = std::str::from_utf8(frame).unwrap();
        let line = text.lines().find_map(|line| line.strip_prefix("data: "))?;
        serde_json::from_str(line).ok()
    });
    lines.collect()
}

#[test]
fn chat_counts_cached_tokens_inside_the_prompt() {
    let usage = &chat::json(&rich())["usage"];
    assert_eq!((&usage["prompt_tokens"], &usage["total_tokens"]), (&json!(60), &json!(100)));
    assert_eq!(usage["prompt_tokens_details"]["cached_tokens"], 20);
    assert_eq!(usage["completion_tokens_details"]["reasoning_tokens"], 5);
}

#[test]
fn messages_counts_cached_tokens_beside_the_input() {
    let usage = &messages::json(&rich())["usage"];
    assert_eq!((&usage["input_tokens"], &usage["output_tokens"]), (&json!(10), &json!(40)));
    assert_eq!(usage["cache_read_input_tokens"], 20);
    assert_eq!(usage["cache_creation_input_tokens"], 30);
}

#[test]
fn a_chat_answer_has_text_reasoning_and_calls_with_distinct_ids() {
    let choice = &chat::json(&rich())["choices"][0];
    assert_eq!(choice["finish_reason"], "tool_calls");
    assert_eq!(choice["message"]["content"], "Looking up both.");
    assert_eq!(choice["message"]["reasoning_content"], "Let me see.");
    let calls = &choice["message"]["tool_calls"];
    assert_eq!(calls[1]["function"]["arguments"], "{\"city\":\"Bergen\"}");
    assert_ne!(calls[0]["id"], calls[1]["id"]);
}

#[test]
fn a_messages_answer_has_its_blocks_in_order_and_thinking_is_signed() {
    let body = messages::json(&rich());
    let kinds: Vec<&Value> = body["content"].as_array().unwrap().iter().map(|block| &block["type"]).collect();
    assert_eq!(kinds, ["thinking", "text", "tool_use", "tool_use"]);
    assert_eq!(body["content"][0]["signature"], SIGNATURE);
    assert_eq!(body["stop_reason"], "tool_use");
}

#[test]
fn a_chat_stream_gives_arguments_in_pieces_under_their_index() {
    let chunks = data(&chat::frames(&rich(), UsageChunk::Sent));
    let fragments = |index: u64| -> String {
        let entries = chunks.iter().map(|chunk| &chunk["choices"][0]["delta"]["tool_calls"][0]);
        entries.filter(|e| e["index"] == index).filter_map(|e| e["function"]["arguments"].as_str()).collect()
    };
    assert_eq!((fragments(0), fragments(1)), ("{\"city\":\"Oslo\"}".to_owned(), "{\"city\":\"Bergen\"}".to_owned()));
    assert_eq!(chunks.last().unwrap()["usage"]["completion_tokens"], 40);
}

#[test]
fn a_chat_stream_has_usage_only_when_asked() {
    let chunks = data(&chat::frames(&rich(), UsageChunk::Withheld));
    assert!(chunks.iter().all(|chunk| chunk.get("usage").is_none()));
}

#[test]
fn a_messages_stream_starts_and_stops_each_block_and_signs_thinking_last() {
    let events = data(&messages::frames(&rich()));
    let count = |kind: &str| events.iter().filter(|event| event["type"] == kind).count();
    assert_eq!((count("content_block_start"), count("content_block_stop"), count("message_stop")), (4, 4, 1));
    let first: Vec<&Value> = events.iter().filter(|event| event["index"] == 0).collect();
    assert_eq!(first[first.len() - 2]["delta"]["type"], "signature_delta");
}

#[test]
fn redacted_thinking_is_for_messages_only() {
    let answer = Answer::empty().and_redacted("b3BhcXVl").and_text("done").stop(Stop::Length);
    assert_eq!(messages::json(&answer)["content"][0], json!({"type": "redacted_thinking", "data": "b3BhcXVl"}));
    assert_eq!(chat::json(&answer)["choices"][0]["message"]["content"], "done");
    assert_eq!(chat::json(&answer)["choices"][0]["finish_reason"], "length");
}

#[test]
fn tool_ids_of_different_turns_differ() {
    let id = |turn| match &Answer::tool("t", &json!({})).turn(turn).parts[0] {
        Part::Tool { id, .. } => id.clone(),
        other => format!("{other:?}"),
    };
    assert_ne!(id(1), id(3));
}
