//! Anthropic Messages on the upstream's side: answers, streams and errors in Anthropic's shapes.

use bytes::Bytes;
use serde_json::{Value, json};

use crate::answer::{Answer, Part, Stop, Usage, halves};
use crate::reply::Reply;

/// A JSON answer that says `text`.
pub fn text(text: &str) -> Reply {
    reply(&Answer::text(text))
}

/// A stream that says these pieces.
pub fn text_stream(pieces: &[&str]) -> Reply {
    stream(&Answer::pieces(pieces))
}

/// A JSON answer that calls one tool.
pub fn tool_call(name: &str, arguments: &Value) -> Reply {
    reply(&Answer::tool(name, arguments))
}

/// A stream that calls one tool.
pub fn tool_call_stream(name: &str, arguments: &Value) -> Reply {
    stream(&Answer::tool(name, arguments))
}

/// `answer` as one JSON body.
pub fn reply(answer: &Answer) -> Reply {
    Reply::json(200, &json(answer))
}

/// `answer` as a stream, one piece for each event.
pub fn stream(answer: &Answer) -> Reply {
    Reply::frames(frames(answer))
}

/// An error answer; its type fits the status. 429 comes without `retry-after`.
pub fn error(status: u16, message: &str) -> Reply {
    Reply::json(status, &error_body(status, message))
}

/// The error event that may open or end a stream; `status` is the one its type stands for.
pub fn error_event(status: u16, message: &str) -> Bytes {
    let body = error_body(status, message);
    frame("error", &json!({"type": "error", "error": body["error"]}))
}

/// The event that means nothing and may come at any time.
pub fn ping() -> Bytes {
    frame("ping", &json!({"type": "ping"}))
}

/// `answer` as a `message` object.
pub fn json(answer: &Answer) -> Value {
    let content: Vec<Value> = answer.parts.iter().map(block).collect();
    message(answer, &content, &json!(stop_reason(answer.stop)), &usage(&answer.usage, answer.usage.output))
}

/// `answer` as the events of a stream.
pub fn frames(answer: &Answer) -> Vec<Bytes> {
    let start = message(answer, &[], &Value::Null, &usage(&answer.usage, 1));
    let mut frames = vec![frame("message_start", &json!({"type": "message_start", "message": start}))];
    for (index, part) in answer.parts.iter().enumerate() {
        let start = json!({"type": "content_block_start", "index": index, "content_block": opening(part)});
        frames.push(frame("content_block_start", &start));
        if index == 0 {
            frames.push(ping());
        }
        for delta in deltas(part) {
            let event = json!({"type": "content_block_delta", "index": index, "delta": delta});
            frames.push(frame("content_block_delta", &event));
        }
        frames.push(frame("content_block_stop", &json!({"type": "content_block_stop", "index": index})));
    }
    let delta = json!({
        "type": "message_delta",
        "delta": {"stop_reason": stop_reason(answer.stop), "stop_sequence": null},
        "usage": {
            "output_tokens": answer.usage.output,
            "output_tokens_details": {"thinking_tokens": answer.usage.reasoning},
        },
    });
    frames.push(frame("message_delta", &delta));
    frames.push(frame("message_stop", &json!({"type": "message_stop"})));
    frames
}

fn message(answer: &Answer, content: &[Value], stop_reason: &Value, usage: &Value) -> Value {
    json!({
        "id": format!("msg_{}", answer.id),
        "type": "message",
        "role": "assistant",
        "model": answer.model,
        "content": content,
        "stop_reason": stop_reason,
        "stop_sequence": null,
        "usage": usage,
    })
}

/// A whole content block.
fn block(part: &Part) -> Value {
    match part {
        Part::Text(pieces) => json!({"type": "text", "text": pieces.concat()}),
        Part::Thinking { pieces, signature } => {
            json!({"type": "thinking", "thinking": pieces.concat(), "signature": signature})
        }
        Part::Redacted(data) => json!({"type": "redacted_thinking", "data": data}),
        Part::Tool { id, name, arguments } => {
            // A body cannot hold arguments that are not JSON; a stream can.
            let input: Value = serde_json::from_str(arguments).unwrap_or_else(|_| json!({}));
            json!({"type": "tool_use", "id": format!("toolu_{id}"), "name": name, "input": input})
        }
    }
}

/// A content block as it opens in a stream.
fn opening(part: &Part) -> Value {
    match part {
        Part::Text(_) => json!({"type": "text", "text": ""}),
        Part::Thinking { .. } => json!({"type": "thinking", "thinking": "", "signature": ""}),
        Part::Redacted(_) => block(part),
        Part::Tool { id, name, .. } => {
            json!({"type": "tool_use", "id": format!("toolu_{id}"), "name": name, "input": {}})
        }
    }
}

fn deltas(part: &Part) -> Vec<Value> {
    match part {
        Part::Text(pieces) => pieces.iter().map(|piece| json!({"type": "text_delta", "text": piece})).collect(),
        Part::Thinking { pieces, signature } => {
            let thinking = pieces.iter().map(|piece| json!({"type": "thinking_delta", "thinking": piece}));
            let signature = (!signature.is_empty()).then(|| json!({"type": "signature_delta", "signature": signature}));
            thinking.chain(signature).collect()
        }
        Part::Redacted(_) => Vec::new(),
        Part::Tool { arguments, .. } => {
            let (first, second) = halves(arguments);
            // Anthropic's first piece is empty.
            ["", first, second].map(|half| json!({"type": "input_json_delta", "partial_json": half})).to_vec()
        }
    }
}

fn frame(event: &str, data: &Value) -> Bytes {
    Bytes::from(format!("event: {event}\ndata: {data}\n\n"))
}

fn stop_reason(stop: Stop) -> &'static str {
    match stop {
        Stop::End => "end_turn",
        Stop::ToolUse => "tool_use",
        Stop::Length => "max_tokens",
        Stop::Refusal => "refusal",
    }
}

fn usage(usage: &Usage, output_so_far: u64) -> Value {
    let reasoning = if output_so_far == usage.output { usage.reasoning } else { 0 };
    json!({
        "input_tokens": usage.input,
        "cache_creation_input_tokens": usage.cache_write,
        "cache_read_input_tokens": usage.cache_read,
        "cache_creation": {"ephemeral_5m_input_tokens": usage.cache_write, "ephemeral_1h_input_tokens": 0},
        "output_tokens": output_so_far,
        "output_tokens_details": {"thinking_tokens": reasoning},
        "service_tier": "standard",
    })
}

fn error_body(status: u16, message: &str) -> Value {
    let kind = match status {
        401 => "authentication_error",
        402 => "billing_error",
        403 => "permission_error",
        404 => "not_found_error",
        409 => "conflict_error",
        413 => "request_too_large",
        429 => "rate_limit_error",
        504 => "timeout_error",
        529 => "overloaded_error",
        500.. => "api_error",
        _ => "invalid_request_error",
    };
    json!({"type": "error", "error": {"type": kind, "message": message}, "request_id": "req_scripted"})
}
