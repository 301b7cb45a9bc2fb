//! One-line requests for the tests of this crate.

use std::net::SocketAddr;

use rm_testkit::{Client, Response, Upstream};
use serde_json::{Value, json};

pub(crate) const CHAT: &str = "/v1/chat/completions";
pub(crate) const MESSAGES: &str = "/v1/messages";
pub(crate) const BOTH: [&str; 2] = [CHAT, MESSAGES];

/// A request to `model` that says "hi".
pub(crate) fn hi(model: &str) -> Value {
    json!({"model": model, "max_tokens": 64, "messages": [{"role": "user", "content": "hi"}]})
}

/// `request` with further members.
pub(crate) fn with(mut request: Value, members: &Value) -> Value {
    for (name, member) in members.as_object().unwrap() {
        request[name] = member.clone();
    }
    request
}

pub(crate) async fn connect(upstream: &Upstream) -> Client {
    Client::connect(upstream.address()).await.unwrap()
}

/// Posts on a new connection and reads the answer.
pub(crate) async fn post(address: SocketAddr, path: &str, body: &Value) -> Response {
    let mut client = Client::connect(address).await.unwrap();
    client.post(path, body).await.unwrap();
    client.response().await.unwrap()
}

/// The visible text of an answer in either protocol, streamed or not.
pub(crate) fn said(response: &Response) -> String {
    if !response.text().starts_with('{') {
        return response.events().iter().map(|event| said_in_event(&event.json())).collect();
    }
    let body = response.json();
    if let Some(text) = body["choices"][0]["message"]["content"].as_str() {
        return text.to_owned();
    }
    body["content"].as_array().unwrap().iter().filter_map(|block| block["text"].as_str()).collect()
}

fn said_in_event(event: &Value) -> String {
    let chat = event["choices"][0]["delta"]["content"].as_str();
    chat.or(event["delta"]["text"].as_str()).unwrap_or_default().to_owned()
}

/// Name and arguments of the tool calls in an answer that is not streamed.
pub(crate) fn calls(response: &Response) -> Vec<(String, Value)> {
    let body = response.json();
    if let Some(calls) = body["choices"][0]["message"]["tool_calls"].as_array() {
        let parsed = |call: &Value| serde_json::from_str(call["function"]["arguments"].as_str().unwrap()).unwrap();
        return calls
            .iter()
            .map(|call| (call["function"]["name"].as_str().unwrap().to_owned(), parsed(call)))
            .collect();
    }
    let blocks = body["content"].as_array().unwrap().iter().filter(|block| block["type"] == "tool_use");
    blocks.map(|block| (block["name"].as_str().unwrap().to_owned(), block["input"].clone())).collect()
}

/// A tool offer in the shape of the protocol at `path`.
pub(crate) fn offer(path: &str, name: &str, schema: &Value) -> Value {
    if path == CHAT {
        json!({"tools": [{"type": "function", "function": {"name": name, "parameters": schema}}]})
    } else {
        json!({"tools": [{"name": name, "input_schema": schema}]})
    }
}

/// The messages that follow a tool call: the assistant's answer and the tool's result.
pub(crate) fn tool_turn(path: &str, answer: &Response, result: &str) -> Vec<Value> {
    let body = answer.json();
    if path == CHAT {
        let message = &body["choices"][0]["message"];
        let results = message["tool_calls"].as_array().unwrap().iter();
        let results = results.map(|call| json!({"role": "tool", "tool_call_id": call["id"], "content": result}));
        [message.clone()].into_iter().chain(results).collect()
    } else {
        let calls = body["content"].as_array().unwrap().iter().filter(|block| block["type"] == "tool_use");
        let results = calls.map(|call| {
            json!({"type": "tool_result", "tool_use_id": call["id"], "content": [{"type": "text", "text": result}]})
        });
        let results: Vec<Value> = results.collect();
        vec![json!({"role": "assistant", "content": body["content"]}), json!({"role": "user", "content": results})]
    }
}
