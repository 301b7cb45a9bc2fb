//! The stream that a Chat client gets.
#![expect(clippy::unwrap_used, clippy::panic, reason = "tests")]

use rm_protocol::{
    ErrorKind, ErrorView, Protocol, StreamStart,
    codec::StreamEncoder,
    ir::{CallKind, Event, Names, Stand, StopReason, Usage, seal},
};
use serde_json::{Value, json};

fn start(include_usage: bool, names: Names) -> StreamStart {
    StreamStart {
        model: "anthropic/claude".into(),
        id: "abc".into(),
        created: 7,
        include_usage,
        input_estimate: 11,
        owner: "anthropic:claude".into(),
        names,
    }
}

fn encoder(include_usage: bool, names: Names, events: &[Event<'_>]) -> Box<dyn StreamEncoder> {
    let mut encoder = Protocol::Chat.codec().stream_encoder(start(include_usage, names));
    for event in events {
        encoder.event(event);
    }
    encoder
}

/// The data of the events, `[DONE]` as a string.
fn data(encoder: &mut dyn StreamEncoder) -> Vec<Value> {
    let text = String::from_utf8(encoder.out().split().to_vec()).unwrap();
    assert!(text.ends_with("\n\n"));
    let frames = text.split_terminator("\n\n").filter(|frame| !frame.starts_with(':'));
    frames
        .map(|frame| match frame.strip_prefix("data: ") {
            Some("[DONE]") => json!("[DONE]"),
            Some(json) => serde_json::from_str(json).unwrap(),
            None => panic!("{frame}"),
        })
        .collect()
}

/// The deltas between the role chunk and the finish chunk.
fn deltas(names: Names, events: &[Event<'_>]) -> Vec<Value> {
    let mut all = vec![Event::Start { id: "msg_1", model: "claude" }];
    all.extend_from_slice(events);
    all.push(Event::End);
    let chunks = data(&mut *encoder(false, names, &all));
    let inner = &chunks[1..chunks.len() - 2];
    inner.iter().map(|chunk| chunk["choices"][0]["delta"].clone()).collect()
}

#[test]
fn role_first_then_text_then_finish_once_then_usage_when_asked_then_done() {
    let usage = Usage { input: 9, output: 2, ..Usage::default() };
    let events = [
        Event::Start { id: "msg_1", model: "claude" },
        Event::Start { id: "msg_2", model: "claude" },
        Event::Text("Hi\n"),
        Event::Usage(usage),
        Event::Stop(StopReason::End),
        Event::End,
        Event::End,
    ];
    let base = |choices: Value, usage: Option<Value>| {
        let mut chunk = json!({"id": "msg_1", "object": "chat.completion.chunk", "created": 7,
            "model": "anthropic/claude", "choices": choices});
        if let Some(usage) = usage {
            chunk["usage"] = usage;
        }
        chunk
    };
    let choice =
        |delta: Value, finish: Value| json!([{"index": 0, "delta": delta, "logprobs": null, "finish_reason": finish}]);
    let role = choice(json!({"role": "assistant", "content": "", "refusal": null}), Value::Null);
    let said = choice(json!({"content": "Hi\n"}), Value::Null);
    let finish = choice(json!({}), json!("stop"));
    let counts = json!({"prompt_tokens": 9, "completion_tokens": 2, "total_tokens": 11,
        "prompt_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": 0}});
    let null = || Some(Value::Null);
    assert_eq!(
        data(&mut *encoder(true, Names::default(), &events)),
        [
            base(role.clone(), null()),
            base(said.clone(), null()),
            base(finish.clone(), null()),
            base(json!([]), Some(counts)),
            json!("[DONE]")
        ]
    );
    assert_eq!(
        data(&mut *encoder(false, Names::default(), &events)),
        [base(role, None), base(said, None), base(finish, None), json!("[DONE]")]
    );
}

#[test]
fn interleaved_calls_get_indexes_in_order_of_their_start_and_ids_only_once() {
    let call = |key, id, name| Event::CallStart { key, id, name, kind: CallKind::Function };
    let said = deltas(
        Names::default(),
        &[
            call(3, "a", "f"),
            call(1, "", "g"),
            Event::CallDelta { key: 1, arguments: "{\"y\":1}" },
            Event::CallDelta { key: 3, arguments: "" },
            Event::CallEnd { key: 3 },
            Event::CallEnd { key: 1 },
        ],
    );
    let start = |index: u8, id: &str, name: &str| {
        json!({"tool_calls": [{"index": index, "id": id, "type": "function",
            "function": {"name": name, "arguments": ""}}]})
    };
    let more = |index: u8, text: &str| json!({"tool_calls": [{"index": index, "function": {"arguments": text}}]});
    assert_eq!(said, [start(0, "a", "f"), start(1, "call_abc_1", "g"), more(1, "{\"y\":1}"), more(0, "{}")]);
}

#[test]
fn calls_make_the_finish_reason_tool_calls_whatever_the_source_said() {
    let call = Event::CallStart { key: 0, id: "a", name: "f", kind: CallKind::Function };
    let events = [call, Event::CallEnd { key: 0 }, Event::Stop(StopReason::End), Event::End];
    let chunks = data(&mut *encoder(false, Names::default(), &events));
    assert_eq!(chunks[chunks.len() - 2]["choices"][0]["finish_reason"], "tool_calls");
    for (reason, word) in [
        (StopReason::StopSequence(None), "stop"),
        (StopReason::ContextFull, "length"),
        (StopReason::Filtered, "content_filter"),
        (StopReason::Refusal, "content_filter"),
        (StopReason::Paused, "stop"),
    ] {
        let chunks = data(&mut *encoder(false, Names::default(), &[Event::Stop(reason), Event::End]));
        assert_eq!(chunks[1]["choices"][0]["finish_reason"], word);
    }
}

#[test]
fn shortened_names_come_back_and_a_stand_in_for_a_custom_tool_is_unwrapped_piece_by_piece() {
    let mut names = Names::default();
    names.push("mcp_long_12345678".into(), "mcp:long".into(), Stand::Function);
    names.push("run_sql".into(), "run_sql".into(), Stand::Custom);
    names.push("json".into(), "json".into(), Stand::Output);
    let call = |key, id, name| Event::CallStart { key, id, name, kind: CallKind::Function };
    let more = |key, arguments| Event::CallDelta { key, arguments };
    let said = deltas(
        names,
        &[
            call(0, "a", "mcp_long_12345678"),
            call(1, "b", "run_sql"),
            more(1, "{\"input\":\"sel"),
            more(1, "ect \\\"x"),
            more(1, "\\\"\"}"),
            call(2, "c", "json"),
            more(2, "{\"city\":1}"),
        ],
    );
    assert_eq!(said[0]["tool_calls"][0]["function"]["name"], "mcp:long");
    let custom = |text: &str| json!({"tool_calls": [{"index": 1, "custom": {"input": text}}]});
    assert_eq!(
        said[1..],
        [
            json!({"tool_calls": [{"index": 1, "id": "b", "type": "custom", "custom": {"name": "run_sql", "input": ""}}]}),
            custom("sel"),
            custom("ect \"x"),
            custom("\""),
            json!({"content": "{\"city\":1}"}),
        ]
    );
}

#[test]
fn thinking_goes_out_as_reasoning_and_its_proof_is_sealed_with_its_text() {
    let said = deltas(
        Names::default(),
        &[
            Event::Reasoning("I "),
            Event::Reasoning("think"),
            Event::Signature("sig=="),
            Event::Break,
            Event::Redacted("blob"),
            Event::Text("so"),
        ],
    );
    let owner = "anthropic:claude";
    assert_eq!(
        said,
        [
            json!({"reasoning_content": "I "}),
            json!({"reasoning_content": "think"}),
            json!({"reasoning_details": [{"type": "reasoning.text", "text": "I think", "signature": seal(owner, "sig==")}]}),
            json!({"reasoning_details": [{"type": "reasoning.encrypted", "data": seal(owner, "blob")}]}),
            json!({"content": "so"}),
        ]
    );
}

#[test]
fn citations_of_web_pages_become_annotations_of_their_text_and_others_are_losses() {
    let page = Event::Citation { maker: Protocol::Messages, raw: r#"{"url":"https://example.com","title":"T"}"# };
    let pages = Event::Citation { maker: Protocol::Messages, raw: r#"{"document_index":0}"# };
    let mut encoder = encoder(
        false,
        Names::default(),
        &[
            Event::Text("See "),
            Event::Break,
            page,
            pages,
            Event::Text("thé"),
            Event::Break,
            Event::Text("."),
            Event::End,
        ],
    );
    let chunks = data(&mut *encoder);
    assert_eq!(
        chunks[4]["choices"][0]["delta"]["annotations"],
        json!([{"type": "url_citation",
            "url_citation": {"start_index": 4, "end_index": 7, "title": "T", "url": "https://example.com"}}])
    );
    assert_eq!(encoder.losses().header(200).as_deref(), Some("citations=dropped"));
}

#[test]
fn a_failure_ends_the_stream_with_an_error_and_without_done() {
    let mut encoder = encoder(true, Names::default(), &[Event::Text("Hel")]);
    encoder.fail(&ErrorView::new(ErrorKind::Upstream, "upstream_truncated", "the stream broke off"));
    encoder.event(&Event::End);
    let chunks = data(&mut *encoder);
    assert_eq!(
        chunks.last(),
        Some(&json!({"error": {"message": "the stream broke off", "type": "server_error", "param": null,
            "code": "upstream_truncated"}}))
    );
    assert_eq!(chunks.len(), 3);
}

#[test]
fn a_ping_before_the_first_event_is_a_comment() {
    let mut encoder = encoder(true, Names::default(), &[Event::Ping]);
    assert_eq!(&encoder.out().split()[..], b": ping\n\n");
}

#[test]
fn what_an_upstream_does_not_count_is_estimated_from_what_was_shown() {
    let mut encoder = encoder(
        true,
        Names::default(),
        &[
            Event::Reasoning("12345678"),
            Event::Text("1234"),
            Event::CallStart { key: 0, id: "a", name: "f", kind: CallKind::Function },
            Event::CallDelta { key: 0, arguments: r#"{"a":1}"# },
            Event::CallEnd { key: 0 },
            Event::End,
        ],
    );
    let chunks = data(&mut *encoder);
    let usage = &chunks[chunks.len() - 2]["usage"];
    assert_eq!((&usage["prompt_tokens"], &usage["completion_tokens"]), (&json!(11), &json!(5)));
}

#[test]
fn reasoning_without_measure_is_shown_but_not_kept_and_its_proof_is_a_loss() {
    let mut encoder = encoder(false, Names::default(), &[]);
    let piece = "x".repeat(1 << 20);
    for _ in 0..5 {
        encoder.event(&Event::Reasoning(&piece));
    }
    encoder.event(&Event::Signature("sig"));
    encoder.event(&Event::Break);
    assert!(!String::from_utf8(encoder.out().split().to_vec()).unwrap().contains("reasoning_details"));
    assert_eq!(encoder.losses().header(200).as_deref(), Some("signature=dropped"));
    encoder.event(&Event::Reasoning("short"));
    encoder.event(&Event::Signature("sig"));
    assert!(String::from_utf8(encoder.out().split().to_vec()).unwrap().contains(r#""text":"short""#));
}

#[test]
fn citations_without_measure_are_not_kept() {
    let mut encoder = encoder(false, Names::default(), &[]);
    let raw = format!(r#"{{"url":"https://example.com/{}","title":"T"}}"#, "x".repeat(1 << 20));
    for _ in 0..5 {
        encoder.event(&Event::Citation { maker: Protocol::Messages, raw: &raw });
    }
    encoder.event(&Event::End);
    assert!(encoder.out().len() < 5 << 20);
    assert_eq!(encoder.losses().header(200).as_deref(), Some("citations=dropped"));
}

#[test]
fn a_custom_tools_text_that_never_begins_is_passed_on_as_it_is() {
    let mut names = Names::default();
    names.push("sql".into(), "sql".into(), Stand::Custom);
    let mut events = vec![Event::CallStart { key: 0, id: "a", name: "sql", kind: CallKind::Function }];
    events.extend(vec![Event::CallDelta { key: 0, arguments: " " }; 1025]);
    let said = deltas(names, &events);
    assert_eq!(said.last().unwrap()["tool_calls"][0]["custom"]["input"], " ".repeat(1025));
}
