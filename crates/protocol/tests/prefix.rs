//! Prompt caches live from equal beginnings: in an agent conversation the upstream bytes of tools, system and each earlier
//! message stay what they were, turn after turn, through every pair of protocols. Cache marks that the client moves and its
//! billing block are left out of the comparison.
#![expect(clippy::unwrap_used, reason = "tests")]

use proptest::prelude::*;
use rm_protocol::{Dialect, Protocol, Str, Target, ir::seal};
use serde_json::{Value, json, value::RawValue};

const TURNS: usize = 50;
const OWNER: &str = "demo:model";

/// One step of an agent: what it says and calls, and what it gets back.
#[derive(Clone, Debug)]
struct Step {
    thought: Option<String>,
    /// Whether the thinking was sealed by another account.
    elsewhere: bool,
    says: Option<String>,
    /// Arguments of each call, with its result.
    calls: Vec<(String, String)>,
    /// The results come in another order.
    shuffled: bool,
    picture: bool,
    asks: Option<String>,
}

fn words() -> impl Strategy<Value = String> {
    "[a-zé\"\\\\ ]{1,24}😀".prop_map(|text| format!("w{text}"))
}

fn step() -> impl Strategy<Value = Step> {
    let call = (words(), words());
    let said = (proptest::option::of(words()), any::<bool>(), proptest::option::of(words()));
    let done = (proptest::collection::vec(call, 0..3), any::<bool>(), any::<bool>(), words());
    (said, done).prop_map(|((thought, elsewhere, says), (calls, shuffled, picture, next))| {
        // A turn without calls says something and is followed by a question.
        let asks = calls.is_empty().then(|| next.clone());
        let says = says.or_else(|| calls.is_empty().then_some(next));
        Step { thought, elsewhere, says, calls, shuffled, picture, asks }
    })
}

fn picture() -> &'static str {
    "iVBORw0KGgo="
}

/// The body of a client after `turns` steps.
fn body(protocol: Protocol, steps: &[Step]) -> Value {
    match protocol {
        Protocol::Chat => chat_body(steps),
        Protocol::Messages => messages_body(steps),
    }
}

fn arguments(text: &str) -> Value {
    json!({"query": text, "n": 3})
}

fn messages_body(steps: &[Step]) -> Value {
    let mut messages = vec![json!({"role": "user", "content": [{"type": "text", "text": "Begin."}]})];
    for (turn, step) in steps.iter().enumerate() {
        let mut blocks = Vec::new();
        if let Some(thought) = &step.thought {
            let owner = if step.elsewhere { "other:model" } else { OWNER };
            blocks.push(json!({"type": "thinking", "thinking": thought, "signature": seal(owner, "c2ln")}));
        }
        blocks.extend(step.says.iter().map(|text| json!({"type": "text", "text": text})));
        let mut answers = Vec::new();
        for (call, (query, found)) in step.calls.iter().enumerate() {
            let id = format!("toolu_{turn}_{call}");
            blocks.push(json!({"type": "tool_use", "id": id, "name": "find", "input": arguments(query)}));
            let mut content = vec![json!({"type": "text", "text": found})];
            if step.picture {
                let source = json!({"type": "base64", "media_type": "image/png", "data": picture()});
                content.push(json!({"type": "image", "source": source}));
            }
            answers.push(json!({"type": "tool_result", "tool_use_id": id, "content": content}));
        }
        if step.shuffled {
            answers.reverse();
        }
        answers.extend(step.asks.iter().map(|text| json!({"type": "text", "text": text})));
        messages.push(json!({"role": "assistant", "content": blocks}));
        messages.push(json!({"role": "user", "content": answers}));
    }
    // Clients move their mark to the last block, and the billing block changes with every request.
    let last = messages.last_mut().and_then(|message| message["content"].as_array_mut()?.last_mut()).unwrap();
    last["cache_control"] = json!({"type": "ephemeral"});
    json!({
        "model": "m", "max_tokens": 32000, "stream": true, "thinking": {"type": "adaptive"},
        "system": [
            {"type": "text", "text": format!("x-anthropic-billing-header: cch={:05x};", steps.len())},
            {"type": "text", "text": "Rules.", "cache_control": {"type": "ephemeral"}},
        ],
        "tools": [{"name": "find", "description": "Finds", "input_schema": {"type": "object", "properties": {"query": {"type": "string"}}}}],
        "messages": messages,
    })
}

fn chat_body(steps: &[Step]) -> Value {
    let mut messages =
        vec![json!({"role": "system", "content": "Rules."}), json!({"role": "user", "content": "Begin."})];
    for (turn, step) in steps.iter().enumerate() {
        let mut said = json!({"role": "assistant", "content": step.says});
        if let Some(thought) = &step.thought {
            said["reasoning_content"] = thought.as_str().into();
        }
        let mut answers = Vec::new();
        let mut calls = Vec::new();
        for (call, (query, found)) in step.calls.iter().enumerate() {
            let id = format!("call_{turn}_{call}");
            let function = json!({"name": "find", "arguments": arguments(query).to_string()});
            calls.push(json!({"id": id, "type": "function", "function": function}));
            answers.push(json!({"role": "tool", "tool_call_id": id, "content": found}));
        }
        if !calls.is_empty() {
            said["tool_calls"] = calls.into();
        }
        if step.shuffled {
            answers.reverse();
        }
        if let Some(asks) = &step.asks {
            let mut parts = vec![json!({"type": "text", "text": asks})];
            if step.picture {
                let url = format!("data:image/png;base64,{}", picture());
                parts.push(json!({"type": "image_url", "image_url": {"url": url}}));
            }
            answers.push(json!({"role": "user", "content": parts}));
        }
        messages.push(said);
        messages.extend(answers);
    }
    json!({
        "model": "m", "stream": true, "messages": messages,
        "tools": [{"type": "function", "function": {"name": "find", "description": "Finds", "parameters": {"type": "object", "properties": {"query": {"type": "string"}}}}}],
    })
}

/// The JSON text of what an upstream caches, in its order: tools, system, then each message.
fn cached(body: &[u8]) -> Vec<String> {
    #[derive(serde::Deserialize)]
    struct Body<'a> {
        #[serde(borrow)]
        tools: Option<&'a RawValue>,
        system: Option<&'a RawValue>,
        messages: Vec<&'a RawValue>,
    }
    let body: Body<'_> = serde_json::from_slice(body).unwrap();
    let head = [body.tools, body.system].map(|raw| raw.map_or("", RawValue::get));
    head.into_iter().chain(body.messages.into_iter().map(RawValue::get)).map(without_marks).collect()
}

/// Cuts cache marks out of JSON text. A key cannot stand inside a string, where its quotes would be escaped.
fn without_marks(json: &str) -> String {
    let mut out = json.to_owned();
    for key in [",\"cache_control\":{", ",\"prompt_cache_breakpoint\":{"] {
        while let Some(begin) = out.find(key) {
            let end = begin + out[begin..].find('}').unwrap() + 1;
            out.replace_range(begin..end, "");
        }
    }
    out
}

fn model(protocol: Protocol) -> &'static str {
    match protocol {
        Protocol::Chat => "gpt-5.5",
        Protocol::Messages => "claude-opus-4-8",
    }
}

/// How a client's body becomes the upstream's.
type Lane = fn(Protocol, &str, Protocol, &Target<'_>) -> Vec<String>;

fn translated(from: Protocol, body: &str, to: Protocol, target: &Target<'_>) -> Vec<String> {
    let request = from.codec().decode(&Str::from(body)).unwrap();
    cached(&to.codec().encode(&request, target).unwrap().body)
}

/// The byte lane: what is cached goes out as it came.
fn patched(from: Protocol, body: &str, _: Protocol, target: &Target<'_>) -> Vec<String> {
    let head = from.codec().head(body).unwrap();
    let sent = from.codec().patches(&head, target).apply(&body.to_owned().into()).concat();
    assert_eq!(cached(&sent), cached(body.as_bytes()));
    cached(&sent)
}

/// Replays the conversation and holds each upstream body against the one before.
fn check(from: Protocol, to: Protocol, steps: &[Step], dialect: Dialect, lane: Lane) {
    let target = Target { model: model(to), owner: OWNER, dialect };
    let mut before: Vec<String> = Vec::new();
    for turns in 0..=steps.len() {
        let mut now = lane(from, &body(from, &steps[..turns]).to_string(), to, &target);
        now[1] = now[1].replace(&format!("cch={turns:05x};"), "");
        assert!(now.len() >= before.len(), "{from:?} to {to:?}, turn {turns}: messages vanished");
        for (place, (earlier, later)) in before.iter().zip(&now).enumerate() {
            assert_eq!(earlier, later, "{from:?} to {to:?}, turn {turns}, place {place}");
        }
        before = now;
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(6) })]

    #[test]
    fn earlier_bytes_stay_equal_from_turn_to_turn_through_every_pair(steps in proptest::collection::vec(step(), TURNS)) {
        for from in Protocol::ALL {
            for to in Protocol::ALL {
                for anthropic in [false, true] {
                    let dialect = Dialect { anthropic, ..Dialect::default() };
                    check(from, to, &steps, dialect, translated);
                    if from == to {
                        check(from, to, &steps, dialect, patched);
                    }
                }
            }
        }
    }
}
