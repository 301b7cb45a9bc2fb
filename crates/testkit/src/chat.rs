//! Chat Completions on the upstream's side: answers, streams and errors in OpenAI's shapes.
//!
//! Shapes after OpenAI's API reference; thinking goes out as `reasoning_content`, the extension most vendors share.

use bytes::Bytes;
use serde_json::{Map, Value, json};

use crate::answer::{Answer, Part, Stop, Usage, halves};
use crate::ask::UsageChunk;
use crate::reply::Reply;

/// Unix time of every answer.
const CREATED: u64 = 1_767_225_600;

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

/// `answer` as a stream that ends with usage, one piece for each event.
pub fn stream(answer: &Answer) -> Reply {
    Reply::frames(frames(answer, UsageChunk::Sent))
}

/// An error answer; type and code fit the status. 429 comes without `retry-after`.
pub fn error(status: u16, message: &str) -> Reply {
    Reply::json(status, &error_body(status, message))
}

/// The error event that may open or end a stream.
pub fn error_event(message: &str) -> Bytes {
    frame(&error_body(500, message))
}

/// `answer` as a `chat.completion` object.
pub fn json(answer: &Answer) -> Value {
    let mut message = Map::new();
    message.insert("role".to_owned(), json!("assistant"));
    let text = answer.visible();
    message.insert("content".to_owned(), if text.is_empty() { Value::Null } else { Value::String(text) });
    message.insert("refusal".to_owned(), Value::Null);
    message.insert("annotations".to_owned(), json!([]));
    let mut reasoning = String::new();
    let mut calls = Vec::new();
    for part in &answer.parts {
        match part {
            Part::Thinking { pieces, .. } => reasoning.push_str(&pieces.concat()),
            Part::Tool { id, name, arguments } => calls.push(json!({
                "id": format!("call_{id}"), "type": "function", "function": {"name": name, "arguments": arguments},
            })),
            Part::Text(_) | Part::Redacted(_) => {}
        }
    }
    if !reasoning.is_empty() {
        message.insert("reasoning_content".to_owned(), Value::String(reasoning));
    }
    if !calls.is_empty() {
        message.insert("tool_calls".to_owned(), Value::Array(calls));
    }
    json!({
        "id": format!("chatcmpl-{}", answer.id),
        "object": "chat.completion",
        "created": CREATED,
        "model": answer.model,
        "choices": [{
            "index": 0, "message": message, "logprobs": null, "finish_reason": finish_reason(answer.stop),
        }],
        "usage": usage(&answer.usage),
        "service_tier": "default",
        "system_fingerprint": "fp_scripted",
    })
}

/// `answer` as the events of a stream, `[DONE]` included.
pub fn frames(answer: &Answer, usage_chunk: UsageChunk) -> Vec<Bytes> {
    let writer = ChunkWriter { answer, usage_chunk };
    let mut frames = vec![writer.delta(&json!({"role": "assistant", "content": "", "refusal": null}))];
    let mut call = 0;
    for part in &answer.parts {
        match part {
            Part::Text(pieces) => {
                frames.extend(pieces.iter().map(|piece| writer.delta(&json!({"content": piece}))));
            }
            Part::Thinking { pieces, .. } => {
                frames.extend(pieces.iter().map(|piece| writer.delta(&json!({"reasoning_content": piece}))));
            }
            Part::Redacted(_) => {}
            Part::Tool { id, name, arguments } => {
                frames.extend(writer.call(call, id, name, arguments));
                call += 1;
            }
        }
    }
    frames.push(writer.choice(&json!({}), &json!(finish_reason(answer.stop))));
    if usage_chunk == UsageChunk::Sent {
        frames.push(writer.chunk(&json!([]), &usage(&answer.usage)));
    }
    frames.push(Bytes::from_static(b"data: [DONE]\n\n"));
    frames
}

struct ChunkWriter<'a> {
    answer: &'a Answer,
    usage_chunk: UsageChunk,
}

impl ChunkWriter<'_> {
    fn call(&self, index: usize, id: &str, name: &str, arguments: &str) -> [Bytes; 3] {
        let start = json!({
            "index": index, "id": format!("call_{id}"), "type": "function",
            "function": {"name": name, "arguments": ""},
        });
        let (first, second) = halves(arguments);
        let [first, second] = [first, second].map(|half| json!({"index": index, "function": {"arguments": half}}));
        [start, first, second].map(|entry| self.delta(&json!({"tool_calls": [entry]})))
    }

    fn delta(&self, delta: &Value) -> Bytes {
        self.choice(delta, &Value::Null)
    }

    fn choice(&self, delta: &Value, finish_reason: &Value) -> Bytes {
        let choices = json!([{"index": 0, "delta": delta, "logprobs": null, "finish_reason": finish_reason}]);
        self.chunk(&choices, &Value::Null)
    }

    fn chunk(&self, choices: &Value, usage: &Value) -> Bytes {
        let mut chunk = json!({
            "id": format!("chatcmpl-{}", self.answer.id),
            "object": "chat.completion.chunk",
            "created": CREATED,
            "model": self.answer.model,
            "choices": choices,
        });
        // Without `include_usage` the member is absent, with it every chunk has it.
        if self.usage_chunk == UsageChunk::Sent {
            chunk["usage"] = usage.clone();
        }
        frame(&chunk)
    }
}

fn frame(data: &Value) -> Bytes {
    Bytes::from(format!("data: {data}\n\n"))
}

fn finish_reason(stop: Stop) -> &'static str {
    match stop {
        Stop::End => "stop",
        Stop::ToolUse => "tool_calls",
        Stop::Length => "length",
        Stop::Refusal => "content_filter",
    }
}

fn usage(usage: &Usage) -> Value {
    json!({
        "prompt_tokens": usage.prompt(),
        "completion_tokens": usage.output,
        "total_tokens": usage.prompt() + usage.output,
        "prompt_tokens_details": {
            "cached_tokens": usage.cache_read, "cache_write_tokens": usage.cache_write, "audio_tokens": 0,
        },
        "completion_tokens_details": {
            "reasoning_tokens": usage.reasoning, "audio_tokens": 0,
            "accepted_prediction_tokens": 0, "rejected_prediction_tokens": 0,
        },
    })
}

fn error_body(status: u16, message: &str) -> Value {
    let (kind, code) = match status {
        401 => ("invalid_request_error", Some("invalid_api_key")),
        403 => ("permission_error", Some("unsupported_country_region_territory")),
        404 => ("invalid_request_error", Some("model_not_found")),
        429 => ("requests", Some("rate_limit_exceeded")),
        503 | 529 => ("service_unavailable", None),
        500.. => ("server_error", None),
        _ => ("invalid_request_error", None),
    };
    json!({"error": {"message": message, "type": kind, "param": null, "code": code}})
}
