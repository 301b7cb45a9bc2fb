//! The requests around the conversation: model lists and token counts.

use serde_json::{Value, json};

use crate::ask::{Operation, Protocol, count_tokens};
use crate::chat;
use crate::reply::Reply;
use crate::wire::Received;

/// Answers model lists (in Anthropic's shape when `anthropic-version` is sent), single models and token counts; 404 for
/// everything else.
pub fn answer(request: &Received, models: &[&str]) -> Reply {
    let protocol = match request.header("anthropic-version") {
        Some(_) => Protocol::Messages,
        None => Protocol::Chat,
    };
    match Operation::of(request) {
        Operation::Models => Reply::json(200, &list(protocol, models)),
        Operation::Model(id) if models.contains(&id.as_str()) => Reply::json(200, &model(protocol, &id)),
        Operation::Model(id) => protocol.error(404, &format!("there is no model {id}")),
        Operation::CountTokens => match serde_json::from_slice(&request.body) {
            Ok(body) => Reply::json(200, &json!({"input_tokens": count_tokens(&body)})),
            Err(_) => Protocol::Messages.error(400, "the body is not JSON"),
        },
        Operation::Chat | Operation::Messages | Operation::Other => chat::error(404, "there is nothing at this path"),
    }
}

fn list(protocol: Protocol, models: &[&str]) -> Value {
    let data: Vec<Value> = models.iter().map(|id| model(protocol, id)).collect();
    match protocol {
        Protocol::Chat => json!({"object": "list", "data": data}),
        Protocol::Messages => {
            json!({"data": data, "has_more": false, "first_id": models.first(), "last_id": models.last()})
        }
    }
}

fn model(protocol: Protocol, id: &str) -> Value {
    match protocol {
        Protocol::Chat => json!({"id": id, "object": "model", "created": 1_767_225_600, "owned_by": "scripted"}),
        Protocol::Messages => json!({
            "type": "model", "id": id, "display_name": id, "created_at": "2026-01-01T00:00:00Z",
        }),
    }
}
