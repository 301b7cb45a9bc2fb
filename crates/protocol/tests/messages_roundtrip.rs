//! Decoding and encoding the same protocol are inverse, as JSON, unknown members, nulls and forms included.
#![expect(clippy::unwrap_used, clippy::panic, clippy::default_trait_access, reason = "tests")]

mod messages_support;

use messages_support::{corpus, decode, encoded, examples, start, target};
use proptest::prelude::*;
use rm_protocol::{Codec, Str, StreamStart, messages::Messages};
use serde_json::{Map, Value, json};

fn back(body: &Value) -> (Value, String) {
    let model = body["model"].as_str().unwrap();
    encoded(&decode(body), &target(model))
}

fn answer_back(body: &Value) -> Value {
    let response = Messages.decode_response(&Str::from(body.to_string())).unwrap();
    let start = StreamStart { model: response.model.clone(), ..start() };
    serde_json::from_slice(&Messages.encode_response(&response, &start)).unwrap()
}

#[test]
fn every_request_of_the_corpus_comes_back_as_it_was_without_a_loss() {
    let files = examples("anthropic.request.");
    assert!(files.len() >= 20);
    for file in files {
        let body: Value = serde_json::from_str(&corpus(&file)).unwrap();
        assert_eq!(back(&body), (body, String::new()), "{file}");
    }
}

#[test]
fn every_answer_of_the_corpus_comes_back_as_it_was() {
    for file in examples("anthropic.response.") {
        let body: Value = serde_json::from_str(&corpus(&file)).unwrap();
        assert_eq!(answer_back(&body), body, "{file}");
    }
}

#[test]
fn what_only_the_vendor_knows_comes_back_as_it_was() {
    let body = json!({
        "model": "claude-opus-5-5", "max_tokens": 1, "stream": false, "top_p": null, "new_member": {"a": [1.5]},
        "thinking": {"type": "adaptive", "display": "updates", "block_binding": {"x": 1}},
        "output_config": {"effort": "max", "task_budget": {"total": 5}, "format": {"type": "json_schema", "schema": {}, "z": 1}},
        "metadata": {"user_id": null, "more": 1}, "stop_sequences": [], "cache_control": {"type": "ephemeral"},
        "tool_choice": {"type": "auto", "disable_parallel_tool_use": false, "y": 2},
        "tools": [
            {"type": "custom", "name": "a", "input_schema": {"type": "object"}, "strict": false, "defer_loading": true},
            {"type": "web_search_20260318", "name": "web_search", "max_uses": 2, "cache_control": null},
        ],
        "system": [{"type": "text", "text": "x-anthropic-billing-header: cch=1;"}, {"type": "text", "text": "", "cache_control": {"type": "ephemeral", "scope": "global"}}],
        "messages": [
            {"role": "user", "content": [
                {"type": "image", "source": {"type": "file", "file_id": "file_1"}, "transformations": {}},
                {"type": "image", "source": {"type": "url", "url": "https://x.example/a", "odd": true}},
                {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "hi"}, "title": null, "citations": {"enabled": true}},
                {"type": "document", "source": {"type": "content", "content": []}},
                {"type": "search_result", "source": "s", "title": "t", "content": []},
            ], "extra": 1},
            {"role": "assistant", "content": [
                {"type": "thinking", "thinking": "", "signature": "c2ln"},
                {"type": "server_tool_use", "id": "s1", "name": "web_search", "input": {}},
                {"type": "web_search_tool_result", "tool_use_id": "s1", "content": []},
                {"type": "tool_use", "id": "a.b/é", "name": "a", "input": {"n": 1.50}, "caller": {"type": "direct"}},
            ]},
            {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "a.b/é", "content": null, "is_error": null}, {"type": "tool_result", "tool_use_id": "q"}]},
            {"role": "system", "content": "late"},
        ],
    });
    assert_eq!(back(&body), (body, String::new()));
}

#[test]
fn an_answer_with_unknown_blocks_and_reasons_comes_back_as_it_was() {
    let body = json!({
        "id": "m", "type": "message", "role": "assistant", "model": "x", "stop_reason": "compaction", "stop_sequence": null,
        "container": null, "context_management": {"applied_edits": []},
        "content": [{"type": "text", "text": "a", "citations": null}, {"type": "hologram", "x": 1}, {"type": "compaction", "content": "c"}],
        "usage": {"input_tokens": 1, "output_tokens": 2, "iterations": [], "server_tool_use": null},
    });
    assert_eq!(answer_back(&body), body);
}

fn text() -> impl Strategy<Value = String> {
    "[ -~é\n\t\"😀]{0,12}"
}

fn raw() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i32>().prop_map(Value::from),
        text().prop_map(Value::from)
    ];
    leaf.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
            proptest::collection::btree_map("[a-z]{1,4}", inner, 0..3).prop_map(|map| json!(map)),
        ]
    })
}

/// An object with these members and maybe unknown ones and a mark.
fn with_more(known: impl Strategy<Value = Value>, marks: bool) -> impl Strategy<Value = Value> {
    let mark = proptest::option::of(Just(json!({"type": "ephemeral", "ttl": "1h"})))
        .prop_map(move |mark| mark.filter(|_| marks));
    (known, proptest::collection::btree_map("x_[a-z]{1,3}", raw(), 0..2), mark).prop_map(|(mut known, more, mark)| {
        let members = known.as_object_mut().unwrap();
        members.extend(more);
        members.extend(mark.map(|mark| ("cache_control".to_owned(), mark)));
        known
    })
}

fn text_block() -> impl Strategy<Value = Value> {
    with_more(text().prop_map(|text| json!({"type": "text", "text": text})), true)
}

fn image_block() -> impl Strategy<Value = Value> {
    let source = prop_oneof![
        Just(json!({"type": "base64", "media_type": "image/png", "data": "aGk="})),
        Just(json!({"type": "url", "url": "https://images.example.com/a.png"})),
    ];
    with_more(source.prop_map(|source| json!({"type": "image", "source": source})), true)
}

fn user_block() -> impl Strategy<Value = Value> {
    let content = prop_oneof![
        text().prop_map(Value::from),
        proptest::collection::vec(prop_oneof![text_block(), image_block()], 0..3).prop_map(Value::from),
    ];
    let result = (content, proptest::option::of(any::<bool>())).prop_map(|(content, failed)| {
        let mut block = json!({"type": "tool_result", "tool_use_id": "t", "content": content});
        block.as_object_mut().unwrap().extend(failed.map(|failed| ("is_error".to_owned(), failed.into())));
        block
    });
    prop_oneof![text_block(), image_block(), with_more(result, true)]
}

fn assistant_block() -> impl Strategy<Value = Value> {
    let input = proptest::collection::btree_map("[a-z]{1,4}", raw(), 0..3);
    let call = input.prop_map(|input| json!({"type": "tool_use", "id": "t", "name": "n", "input": input}));
    let thinking = (text(), text()).prop_map(|(t, s)| json!({"type": "thinking", "thinking": t, "signature": s}));
    let redacted = text().prop_map(|data| json!({"type": "redacted_thinking", "data": data}));
    prop_oneof![text_block(), with_more(call, true), with_more(thinking, false), with_more(redacted, false)]
}

fn message() -> impl Strategy<Value = Value> {
    let user =
        proptest::collection::vec(user_block(), 0..4).prop_map(|blocks| json!({"role": "user", "content": blocks}));
    let assistant = proptest::collection::vec(assistant_block(), 0..4)
        .prop_map(|blocks| json!({"role": "assistant", "content": blocks}));
    let plain = (prop_oneof![Just("user"), Just("assistant"), Just("system")], text())
        .prop_map(|(role, text)| json!({"role": role, "content": text}));
    with_more(prop_oneof![user, assistant, plain], false)
}

fn options() -> impl Strategy<Value = Map<String, Value>> {
    let tool = with_more(
        raw().prop_map(|x| json!({"name": "n", "description": "d", "input_schema": {"type": "object", "x": x}})),
        true,
    );
    let choices = [
        (
            "system",
            prop_oneof![
                text().prop_map(Value::from),
                proptest::collection::vec(text_block(), 0..3).prop_map(Value::from)
            ]
            .boxed(),
        ),
        ("tools", proptest::collection::vec(tool, 0..3).prop_map(Value::from).boxed()),
        ("temperature", prop_oneof![Just(json!(0.25)), Just(Value::Null)].boxed()),
        (
            "thinking",
            prop_oneof![
                Just(json!({"type": "enabled", "budget_tokens": 2000})),
                Just(json!({"type": "between_tools"})),
                Just(json!({"type": "disabled", "q": null}))
            ]
            .boxed(),
        ),
        ("stream", prop_oneof![any::<bool>().prop_map(Value::from), Just(Value::Null)].boxed()),
        ("stop_sequences", proptest::collection::vec(text(), 0..3).prop_map(Value::from).boxed()),
        (
            "tool_choice",
            prop_oneof![
                Just(json!({"type": "any"})),
                Just(json!({"type": "tool", "name": "n", "disable_parallel_tool_use": true}))
            ]
            .boxed(),
        ),
        ("unknown", raw().boxed()),
    ];
    choices.into_iter().fold(Just(Map::new()).boxed(), |all, (key, value)| {
        (all, proptest::option::of(value))
            .prop_map(move |(mut all, value)| {
                all.extend(value.map(|value| (key.to_owned(), value)));
                all
            })
            .boxed()
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(300) })]

    #[test]
    fn any_request_comes_back_as_it_was(options in options(), messages in proptest::collection::vec(message(), 1..5)) {
        let mut body = json!({"model": "claude-opus-5-5", "max_tokens": 10, "messages": messages});
        body.as_object_mut().unwrap().extend(options);
        let (again, losses) = back(&body);
        prop_assert_eq!(again, body);
        prop_assert_eq!(losses, "");
    }

    #[test]
    fn any_answer_comes_back_as_it_was(content in proptest::collection::vec(assistant_block(), 0..5), more in raw()) {
        let called = content.iter().any(|block| block["type"] == "tool_use");
        let stop = if called { "tool_use" } else { "end_turn" };
        let body = json!({
            "id": "msg_1", "type": "message", "role": "assistant", "model": "m", "content": content,
            "stop_reason": stop, "stop_sequence": null, "usage": {"input_tokens": 3, "output_tokens": 2, "more": more},
        });
        prop_assert_eq!(answer_back(&body), body);
    }

    #[test]
    fn no_text_makes_a_reader_panic(body in "[\\[\\]{}:,\" a-z0-9\\\\]{0,80}") {
        let body = Str::from(body);
        let _ = Messages.head(&body);
        let _ = Messages.decode(&body);
        let _ = Messages.decode_response(&body);
        let _ = Messages.decode_error(body.as_bytes());
    }

    #[test]
    fn no_json_makes_a_reader_panic(mut body in proptest::collection::btree_map("model|messages|content|system|tools|thinking|usage|type|error", raw(), 0..9)) {
        body.insert("model".into(), "m".into());
        let body = Str::from(json!(body).to_string());
        let _ = Messages.head(&body);
        let _ = Messages.decode(&body);
        let _ = Messages.decode_response(&body);
    }
}
