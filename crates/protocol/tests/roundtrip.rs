//! Reading and writing the same protocol are inverse.
#![expect(clippy::unwrap_used, reason = "tests")]

use proptest::{collection::vec, option, prelude::*, sample::select};
use rm_protocol::{Codec, Dialect, Protocol, Str, StreamStart, Target};
use serde_json::{Map, Value, json};
use std::{fs, path::Path};

/// The protocols, and their names in the corpus.
const PROTOCOLS: &[(Protocol, &str)] = &[(Protocol::Chat, "openai-chat"), (Protocol::Messages, "anthropic-messages")];

/// An upstream that takes everything as its vendor's own clients send it.
const FAITHFUL: Dialect = Dialect {
    max_tokens: rm_protocol::MaxTokensField::Auto,
    replay_reasoning: true,
    stream_usage: false,
    developer_role: true,
    prompt_cache_key: false,
    anthropic: true,
    default_max_tokens: None,
};

fn request_and_back(codec: &dyn Codec, body: &str) -> Value {
    let request = codec.decode(&Str::from(body)).unwrap();
    let target = Target { model: &request.model, owner: "owner", dialect: FAITHFUL };
    let encoded = codec.encode(&request, &target).unwrap();
    assert!(encoded.losses.is_empty(), "{}", encoded.losses);
    assert!(encoded.names.is_empty());
    serde_json::from_slice(&encoded.body).unwrap()
}

fn response_and_back(codec: &dyn Codec, body: &str) -> Value {
    let response = codec.decode_response(&Str::from(body)).unwrap();
    let start = StreamStart {
        model: response.model.clone(),
        id: "0".into(),
        created: 0,
        include_usage: true,
        input_estimate: 0,
        owner: "owner".into(),
        names: rm_protocol::ir::Names::default(),
    };
    serde_json::from_slice(&codec.encode_response(&response, &start)).unwrap()
}

fn corpus(kind: &str) -> Vec<(Protocol, String, String)> {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus");
    let manifest: Value = serde_json::from_slice(&fs::read(corpus.join("manifest.json")).unwrap()).unwrap();
    let mut found = Vec::new();
    for entry in manifest["files"].as_array().unwrap().iter().filter(|entry| entry["kind"] == kind) {
        let protocol = PROTOCOLS.iter().find(|(_, name)| entry["protocol"] == *name);
        if let Some((protocol, _)) = protocol {
            let file = entry["file"].as_str().unwrap();
            found.push((*protocol, file.to_owned(), fs::read_to_string(corpus.join(file)).unwrap()));
        }
    }
    assert!(!found.is_empty());
    found
}

#[test]
fn every_recorded_request_comes_back_as_it_was() {
    for (protocol, file, body) in corpus("request") {
        // A body of the Responses API, posted to the wrong path: refused, see the tests of the head.
        if !file.contains("responses-body") {
            let expected: Value = serde_json::from_str(&body).unwrap();
            assert_eq!(request_and_back(protocol.codec(), &body), expected, "{file}");
        }
    }
}

#[test]
fn every_recorded_answer_comes_back_as_it_was() {
    for (protocol, file, body) in corpus("response") {
        // One answer spread over two choices is put together.
        if !file.contains("split-choices") {
            let expected: Value = serde_json::from_str(&body).unwrap();
            assert_eq!(response_and_back(protocol.codec(), &body), expected, "{file}");
        }
    }
}

/// A member that may be missing.
type Member = BoxedStrategy<Option<(&'static str, Value)>>;

fn must(key: &'static str, value: impl Strategy<Value = Value> + 'static) -> Member {
    value.prop_map(move |value| Some((key, value))).boxed()
}

fn may(key: &'static str, value: impl Strategy<Value = Value> + 'static) -> Member {
    option::weighted(0.4, value).prop_map(move |value| value.map(|value| (key, value))).boxed()
}

fn may_be_null(key: &'static str, value: impl Strategy<Value = Value> + 'static) -> Member {
    may(key, prop_oneof![3 => value, 1 => Just(Value::Null)])
}

fn object(mut members: Vec<Member>) -> BoxedStrategy<Value> {
    members.push(may("x_vendor", anything()));
    members
        .prop_map(|members| {
            Value::Object(
                members.into_iter().flatten().map(|(key, value)| (key.to_owned(), value)).collect::<Map<_, _>>(),
            )
        })
        .boxed()
}

fn anything() -> impl Strategy<Value = Value> {
    prop_oneof![text(), Just(json!({"a": [1, null, {"b": 1.5}]})), Just(json!(false))]
}

fn text() -> BoxedStrategy<Value> {
    prop_oneof!["[a-zA-Z \"\\\\\n\u{1}é😀]{0,12}", Just("<x>&</x>".to_owned())].prop_map(Value::from).boxed()
}

fn name() -> BoxedStrategy<Value> {
    "[a-z_]{1,12}".prop_map(Value::from).boxed()
}

fn word(words: &'static [&'static str]) -> BoxedStrategy<Value> {
    select(words).prop_map(Value::from).boxed()
}

fn kind(word: &'static str) -> Member {
    must("type", Just(json!(word)))
}

fn list(of: BoxedStrategy<Value>) -> BoxedStrategy<Value> {
    vec(of, 0..4).prop_map(Value::from).boxed()
}

fn text_part() -> BoxedStrategy<Value> {
    object(vec![
        kind("text"),
        must("text", text()),
        may("prompt_cache_breakpoint", Just(json!({"mode": "explicit"}))),
        may("cache_control", Just(json!({"type": "ephemeral"}))),
    ])
}

fn user_part() -> BoxedStrategy<Value> {
    let url = prop_oneof![
        Just(json!("https://images.example.com/a.png")),
        Just(json!("data:image/png;base64,aGk=")),
        Just(json!("data:image/png;charset=x;base64,aGk=")),
        Just(json!("data:,plain")),
    ];
    let image = object(vec![must("url", url), may_be_null("detail", word(&["low", "auto"]))]);
    let audio = object(vec![must("data", Just(json!("aGk="))), must("format", Just(json!("wav")))]);
    let file = prop_oneof![
        object(vec![
            must("file_data", Just(json!("data:application/pdf;base64,aGk="))),
            may_be_null("filename", text()),
        ]),
        object(vec![must("file_id", name())]),
    ];
    prop_oneof![
        text_part(),
        object(vec![kind("image_url"), must("image_url", image)]),
        object(vec![kind("input_audio"), must("input_audio", audio)]),
        object(vec![kind("file"), must("file", file)]),
    ]
    .boxed()
}

fn call() -> BoxedStrategy<Value> {
    let id = prop_oneof![name(), Just(json!("functions.get_weather:0"))].boxed();
    let arguments = prop_oneof![Just(json!("{\"a\": 1.50}")), Just(json!("")), Just(json!("{\"cut")), text()];
    prop_oneof![
        object(vec![
            must("id", id.clone()),
            kind("function"),
            must("function", object(vec![must("name", name()), must("arguments", arguments)])),
        ]),
        object(vec![
            must("id", id),
            kind("custom"),
            must("custom", object(vec![must("name", name()), must("input", text())])),
        ]),
    ]
    .boxed()
}

fn reasoning() -> Vec<Member> {
    let entry = prop_oneof![
        object(vec![kind("reasoning.text"), may_be_null("text", text()), may_be_null("signature", text())]),
        object(vec![kind("reasoning.summary"), must("summary", text()), may("id", name())]),
        object(vec![kind("reasoning.encrypted"), must("data", text()), may_be_null("index", Just(json!(0)))]),
        object(vec![kind("reasoning.text"), must("text", Just(json!("same")))]),
    ];
    vec![
        may_be_null("reasoning_content", prop_oneof![text(), Just(json!("same"))]),
        may_be_null("reasoning", text()),
        may_be_null("reasoning_text", text()),
        may_be_null("reasoning_opaque", text()),
        may_be_null("reasoning_details", vec(entry, 1..3).prop_map(Value::from)),
    ]
}

fn message() -> BoxedStrategy<Value> {
    let said = |parts: BoxedStrategy<Value>| prop_oneof![text(), list(parts)];
    let of = |role: &'static str| must("role", Just(json!(role)));
    let refusal = object(vec![kind("refusal"), must("refusal", text())]);
    let mut assistant = vec![
        of("assistant"),
        may_be_null("content", said(prop_oneof![text_part(), refusal].boxed())),
        may_be_null("refusal", text()),
        may_be_null("name", text()),
        may_be_null("tool_calls", vec(call(), 1..3).prop_map(Value::from)),
        may("audio", Just(json!({"id": "audio_1"}))),
        may("function_call", Just(Value::Null)),
    ];
    assistant.extend(reasoning());
    prop_oneof![
        object(vec![of("system"), must("content", said(text_part())), may_be_null("name", text())]),
        object(vec![of("developer"), must("content", said(text_part()))]),
        object(vec![of("user"), must("content", said(user_part())), may_be_null("name", text())]),
        object(assistant),
        object(vec![of("tool"), must("tool_call_id", name()), must("content", said(text_part()))]),
    ]
    .boxed()
}

fn tool() -> BoxedStrategy<Value> {
    let schema = prop_oneof![
        Just(json!({"type": "object", "properties": {"city": {"type": ["string", "null"]}}, "required": ["city"]})),
        Just(json!({"type": "object"})),
        Just(json!({})),
    ];
    let function = object(vec![
        must("name", name()),
        may_be_null("description", text()),
        may_be_null("parameters", schema),
        may_be_null("strict", any::<bool>().prop_map(Value::from)),
    ]);
    let custom = object(vec![
        must("name", name()),
        may_be_null("description", text()),
        may("format", Just(json!({"type": "text"}))),
    ]);
    prop_oneof![
        object(vec![
            kind("function"),
            must("function", function),
            may("cache_control", Just(json!({"type": "ephemeral"})))
        ]),
        object(vec![kind("custom"), must("custom", custom)]),
        object(vec![kind("web_search"), may("max_uses", Just(json!(3)))]),
    ]
    .boxed()
}

fn choice() -> BoxedStrategy<Value> {
    let named = object(vec![must("name", name())]);
    let function = object(vec![kind("function"), must("function", named.clone())]);
    let allowed = object(vec![must("mode", word(&["auto", "required"])), must("tools", list(function.clone()))]);
    prop_oneof![
        word(&["auto", "none", "required"]),
        function,
        object(vec![kind("custom"), must("custom", named)]),
        object(vec![kind("allowed_tools"), must("allowed_tools", allowed)]),
    ]
    .boxed()
}

fn format() -> BoxedStrategy<Value> {
    let schema = object(vec![
        must("name", name()),
        may_be_null("description", text()),
        must("schema", Just(json!({"type": "object"}))),
        may_be_null("strict", any::<bool>().prop_map(Value::from)),
    ]);
    prop_oneof![
        object(vec![kind("text")]),
        object(vec![kind("json_object")]),
        object(vec![kind("json_schema"), must("json_schema", schema)]),
    ]
    .boxed()
}

fn request() -> BoxedStrategy<Value> {
    let number = || prop_oneof![Just(json!(1)), Just(json!(0.25)), Just(json!(-2))];
    let cap = || (1u64..100_000).prop_map(Value::from);
    object(vec![
        must("model", Just(json!("gpt-4.1"))),
        must("messages", vec(message(), 1..6).prop_map(Value::from)),
        may_be_null("stream", any::<bool>().prop_map(Value::from)),
        may_be_null("stream_options", object(vec![may_be_null("include_usage", any::<bool>().prop_map(Value::from))])),
        may_be_null("max_tokens", cap()),
        may_be_null("max_completion_tokens", cap()),
        may_be_null("temperature", number()),
        may_be_null("top_p", number()),
        may_be_null("stop", prop_oneof![text(), list(text())]),
        may_be_null("n", Just(json!(2))),
        may_be_null("tools", list(tool())),
        may_be_null("tool_choice", choice()),
        may_be_null("parallel_tool_calls", any::<bool>().prop_map(Value::from)),
        may_be_null("response_format", format()),
        may_be_null("reasoning_effort", word(&["none", "minimal", "low", "medium", "high", "xhigh", "max"])),
        may_be_null("user", text()),
        may_be_null("safety_identifier", text()),
        may_be_null("prompt_cache_key", text()),
        may_be_null("metadata", Just(json!({"team": "blue"}))),
        may_be_null("logit_bias", Just(json!({"50256": -100}))),
    ])
}

fn answer(alternatives: bool) -> BoxedStrategy<Value> {
    let said = if alternatives { Just(json!("said")).boxed() } else { prop_oneof![text(), Just(Value::Null)].boxed() };
    let mut message = vec![
        must("role", Just(json!("assistant"))),
        must("content", said),
        may_be_null("refusal", text()),
        may("annotations", Just(json!([]))),
        may("tool_calls", vec(call(), 1..3).prop_map(Value::from)),
    ];
    message.extend(reasoning());
    let finish = word(&["stop", "length", "tool_calls", "content_filter", "function_call", "eos"]);
    object(vec![
        must("index", Just(json!(0))),
        must("message", object(message)),
        may("logprobs", Just(Value::Null)),
        must("finish_reason", prop_oneof![4 => finish, 1 => Just(Value::Null)]),
    ])
}

fn response() -> BoxedStrategy<Value> {
    let choices = prop_oneof![vec(answer(false), 1..2), vec(answer(true), 1..4)].prop_map(Value::from);
    object(vec![
        must("id", name()),
        must("object", Just(json!("chat.completion"))),
        must("created", Just(json!(1_767_225_600))),
        must("model", name()),
        must("choices", choices),
        may_be_null("usage", Just(json!({"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3, "x": {}}))),
        may_be_null("service_tier", text()),
        may("error", Just(Value::Null)),
    ])
}

proptest! {
    #[test]
    fn any_chat_request_comes_back_as_it_was(request in request()) {
        let back = request_and_back(Protocol::Chat.codec(), &request.to_string());
        prop_assert_eq!(back, request);
    }

    #[test]
    fn any_chat_answer_comes_back_as_it_was(response in response()) {
        let back = response_and_back(Protocol::Chat.codec(), &response.to_string());
        prop_assert_eq!(back, response);
    }
}
