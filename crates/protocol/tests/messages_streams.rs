//! Streams of Messages upstreams that are sloppy, and streams for Messages clients from any events.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::default_trait_access,
    clippy::needless_pass_by_value,
    reason = "tests"
)]

mod messages_support;

use messages_support::{outline, read_stream, start, view, written, written_for};
use proptest::prelude::*;
use rm_protocol::{
    Codec, Protocol, StreamError, StreamStart,
    ir::{CallKind, Event, Names, Stand, StopReason, Usage, seal},
    messages::Messages,
};
use serde_json::{Value, json};

const BEGIN: Event<'static> = Event::Start { id: "up1", model: "m" };

fn call(key: u32, id: &'static str, name: &'static str) -> Event<'static> {
    Event::CallStart { key, id, name, kind: CallKind::Function }
}

fn arguments(key: u32, arguments: &'static str) -> Event<'static> {
    Event::CallDelta { key, arguments }
}

fn stop(reason: StopReason) -> Event<'static> {
    Event::Stop(reason)
}

/// Only the lines about blocks and the end.
fn blocks(events: &[Event<'_>]) -> Vec<String> {
    outline(&written(events)).lines().filter(|line| !line.starts_with("message_start")).map(str::to_owned).collect()
}

/// A stream of these data objects.
fn sse(events: &[Value]) -> String {
    let event = |data: &Value| format!("event: {}\ndata: {data}\n\n", data["type"].as_str().unwrap());
    events.iter().map(event).collect::<Vec<_>>().concat()
}

fn read(events: &[Value]) -> (String, Result<(), StreamError>) {
    let (said, result) = read_stream(&Messages, &[sse(events).as_bytes()]);
    (said.lines, result)
}

fn opened() -> Value {
    json!({"type": "message_start", "message": {"id": "msg_1", "model": "m", "usage": {"input_tokens": 5, "output_tokens": 1}}})
}

fn block(index: u64, content_block: Value) -> Value {
    json!({"type": "content_block_start", "index": index, "content_block": content_block})
}

fn delta(index: u64, delta: Value) -> Value {
    json!({"type": "content_block_delta", "index": index, "delta": delta})
}

fn closed(index: u64) -> Value {
    json!({"type": "content_block_stop", "index": index})
}

fn ended(reason: &str) -> Value {
    json!({"type": "message_delta", "delta": {"stop_reason": reason}, "usage": {"output_tokens": 9}})
}

// What a client gets.

#[test]
fn thinking_text_and_calls_each_get_a_block_of_their_kind() {
    let out = blocks(&[
        BEGIN,
        Event::Reasoning("hm"),
        Event::Text("a"),
        call(0, "c1", "find"),
        arguments(0, "{\"q\":1}"),
        Event::CallEnd { key: 0 },
        stop(StopReason::End),
        Event::End,
    ]);
    let empty = seal("demo:model", "");
    assert_eq!(
        out,
        [
            r#"start 0 {"type":"thinking","thinking":"","signature":""}"#.to_owned(),
            r#"delta 0 {"type":"thinking_delta","thinking":"hm"}"#.to_owned(),
            format!(r#"delta 0 {{"type":"signature_delta","signature":"{empty}"}}"#),
            "stop 0".to_owned(),
            r#"start 1 {"type":"text","text":""}"#.to_owned(),
            r#"delta 1 {"type":"text_delta","text":"a"}"#.to_owned(),
            "stop 1".to_owned(),
            r#"start 2 {"type":"tool_use","id":"c1","name":"find","input":{}}"#.to_owned(),
            r#"delta 2 {"type":"input_json_delta","partial_json":"{\"q\":1}"}"#.to_owned(),
            "stop 2".to_owned(),
            r#"message_delta "tool_use" {"input_tokens":7,"cache_creation_input_tokens":0,"cache_read_input_tokens":0,"output_tokens":3}"#.to_owned(),
            "message_stop".to_owned(),
        ]
    );
}

#[test]
fn interleaved_calls_come_out_one_after_the_other() {
    let out = blocks(&[
        BEGIN,
        call(0, "a", "x"),
        call(1, "b", "y"),
        arguments(1, "{\"n\":"),
        arguments(0, "{}"),
        Event::Text("between"),
        arguments(1, "2}"),
        Event::CallEnd { key: 1 },
        call(2, "c", "z"),
        Event::CallEnd { key: 0 },
        arguments(2, "{\"k\":3}"),
        Event::CallEnd { key: 2 },
        Event::End,
    ]);
    let lines: Vec<&str> = out.iter().map(String::as_str).filter(|line| !line.starts_with("message")).collect();
    assert_eq!(
        lines,
        [
            r#"start 0 {"type":"tool_use","id":"a","name":"x","input":{}}"#,
            r#"delta 0 {"type":"input_json_delta","partial_json":"{}"}"#,
            "stop 0",
            r#"start 1 {"type":"tool_use","id":"b","name":"y","input":{}}"#,
            r#"delta 1 {"type":"input_json_delta","partial_json":"{\"n\":2}"}"#,
            "stop 1",
            r#"start 2 {"type":"text","text":""}"#,
            r#"delta 2 {"type":"text_delta","text":"between"}"#,
            "stop 2",
            r#"start 3 {"type":"tool_use","id":"c","name":"z","input":{}}"#,
            r#"delta 3 {"type":"input_json_delta","partial_json":"{\"k\":3}"}"#,
            "stop 3",
        ]
    );
}

#[test]
fn a_call_without_arguments_still_sends_an_empty_object() {
    let out = blocks(&[BEGIN, call(0, "", "shot"), arguments(0, ""), Event::CallEnd { key: 0 }, Event::End]);
    assert_eq!(out[0], r#"start 0 {"type":"tool_use","id":"toolu_abc_0","name":"shot","input":{}}"#);
    assert_eq!(out[1], r#"delta 0 {"type":"input_json_delta","partial_json":"{}"}"#);
}

#[test]
fn whole_arguments_in_one_event_are_one_delta() {
    let out =
        blocks(&[BEGIN, call(0, "a", "x"), arguments(0, "{\"a\":{\"b\":1}}"), Event::CallEnd { key: 0 }, Event::End]);
    assert_eq!(out[1], r#"delta 0 {"type":"input_json_delta","partial_json":"{\"a\":{\"b\":1}}"}"#);
}

#[test]
fn the_message_starts_once_with_an_estimate_and_ends_once_with_all_counts() {
    let usage = Usage { input: 100, cache_read: 60, cache_write: 10, output: 20, reasoning: 5 };
    let stream = written(&[
        BEGIN,
        BEGIN,
        Event::Text("a"),
        Event::Usage(usage),
        stop(StopReason::End),
        stop(StopReason::End),
        Event::End,
        Event::End,
        Event::Text("late"),
    ]);
    let outline = outline(&stream);
    let lines: Vec<&str> = outline.lines().collect();
    assert_eq!(
        lines[0],
        r#"message_start {"input_tokens":7,"cache_creation_input_tokens":0,"cache_read_input_tokens":0,"output_tokens":0}"#
    );
    assert_eq!(
        lines[4..],
        [
            r#"message_delta "end_turn" {"input_tokens":30,"cache_creation_input_tokens":10,"cache_read_input_tokens":60,"output_tokens":20,"output_tokens_details":{"thinking_tokens":5}}"#,
            "message_stop"
        ]
    );
    assert!(stream.contains(r#""id":"msg_up1","type":"message","role":"assistant","model":"demo/model""#));
}

#[test]
fn a_signature_without_visible_thinking_makes_an_empty_signed_block() {
    let out = blocks(&[
        BEGIN,
        Event::Signature("c2ln"),
        Event::Break,
        Event::Redacted("ZGF0YQ"),
        Event::Text("a"),
        Event::End,
    ]);
    let (signature, data) = (seal("demo:model", "c2ln"), seal("demo:model", "ZGF0YQ"));
    assert_eq!(
        out[..5],
        [
            r#"start 0 {"type":"thinking","thinking":"","signature":""}"#.to_owned(),
            format!(r#"delta 0 {{"type":"signature_delta","signature":"{signature}"}}"#),
            "stop 0".to_owned(),
            format!(r#"start 1 {{"type":"redacted_thinking","data":"{data}"}}"#),
            "stop 1".to_owned(),
        ]
    );
}

#[test]
fn a_signature_that_follows_the_end_of_its_thinking_still_closes_that_block() {
    let out = blocks(&[
        BEGIN,
        Event::Reasoning("hm"),
        Event::Break,
        Event::Signature("c2ln"),
        Event::Reasoning("more"),
        Event::End,
    ]);
    let signed = |index: u8, signature: &str| {
        format!(r#"delta {index} {{"type":"signature_delta","signature":"{}"}}"#, seal("demo:model", signature))
    };
    assert_eq!(out[2], signed(0, "c2ln"));
    assert_eq!(out[3], "stop 0");
    assert_eq!(out[6], signed(1, ""));
}

#[test]
fn a_refusal_is_shown_as_text_and_told_as_stop_reason() {
    let out = blocks(&[BEGIN, Event::Refusal("no"), stop(StopReason::End), Event::End]);
    assert_eq!(out[1], r#"delta 0 {"type":"text_delta","text":"no"}"#);
    assert!(out[3].starts_with("message_delta \"refusal\""));
}

#[test]
fn an_output_cap_inside_a_call_stays_an_output_cap() {
    let out = blocks(&[
        BEGIN,
        call(0, "a", "x"),
        arguments(0, "{\"q"),
        Event::CallEnd { key: 0 },
        stop(StopReason::Length),
        Event::End,
    ]);
    assert!(out[3].starts_with("message_delta \"max_tokens\""));
}

#[test]
fn a_failure_closes_the_block_and_ends_with_an_error_and_no_success() {
    let mut encoder = Messages.stream_encoder(start());
    for event in [BEGIN, Event::Text("a")] {
        encoder.event(&event);
    }
    encoder.fail(&view("cut"));
    encoder.fail(&view("again"));
    encoder.event(&Event::End);
    let stream = String::from_utf8(encoder.out().to_vec()).unwrap();
    assert!(outline(&stream).ends_with("stop 0\nerror {\"type\":\"api_error\",\"message\":\"cut\"}\n"));
    assert!(!stream.contains("message_delta") && !stream.contains("message_stop"));
}

#[test]
fn shortened_tool_names_come_back_under_the_name_the_client_knows() {
    let mut names = Names::default();
    names.push("short_1a2b3c4d".into(), "mcp.long.name".into(), Stand::Function);
    let stream = written_for(
        StreamStart { names, ..start() },
        &[BEGIN, call(0, "a", "short_1a2b3c4d"), Event::CallEnd { key: 0 }, Event::End],
    );
    assert!(stream.contains(r#""name":"mcp.long.name""#));
}

#[test]
fn pings_pass_and_keep_the_client_alive_once_the_message_began() {
    assert_eq!(written(&[Event::Ping]), "");
    assert!(written(&[BEGIN, Event::Ping]).ends_with("event: ping\ndata: {\"type\": \"ping\"}\n\n"));
    assert_eq!(&Messages.keep_alive()[..], b"event: ping\ndata: {\"type\": \"ping\"}\n\n");
}

#[test]
fn what_a_stream_cannot_carry_is_in_its_losses() {
    let mut encoder = Messages.stream_encoder(start());
    encoder.event(&Event::Citation { maker: Protocol::Chat, raw: "{}" });
    encoder.event(&Event::Opaque { what: "server_tool_use" });
    assert_eq!(encoder.losses().header(99).unwrap(), "citations=dropped, server_tool_use=dropped");
}

// What an upstream sends.

#[test]
fn a_stream_without_message_stop_is_complete_after_its_stop_reason() {
    let text = [
        opened(),
        block(0, json!({"type": "text", "text": ""})),
        delta(0, json!({"type": "text_delta", "text": "a"})),
        closed(0),
        ended("end_turn"),
    ];
    let (lines, result) = read(&text);
    assert_eq!(result, Ok(()));
    assert!(lines.ends_with("stop End\ndone\n"));
    assert_eq!(read(&text[..4]).1, Err(StreamError::Truncated));
    let open = [opened(), block(0, json!({"type": "text", "text": "a"})), ended("end_turn")];
    assert_eq!(read(&open).1, Err(StreamError::Truncated), "a block is open");
}

#[test]
fn truncated_arguments_are_never_a_success() {
    let cut = [
        opened(),
        block(0, json!({"type": "tool_use", "id": "a", "name": "x", "input": {}})),
        delta(0, json!({"type": "input_json_delta", "partial_json": "{\"q"})),
    ];
    let (lines, result) = read(&cut);
    assert_eq!(result, Err(StreamError::Truncated));
    assert!(!lines.contains("end 0") && !lines.contains("done"));
}

#[test]
fn everything_after_the_terminal_is_ignored() {
    let (lines, result) = read(&[
        opened(),
        ended("end_turn"),
        json!({"type": "message_stop"}),
        block(0, json!({"type": "text", "text": "x"})),
        json!({"type": "error", "error": {"type": "api_error", "message": "late"}}),
    ]);
    assert_eq!(result, Ok(()));
    assert!(lines.ends_with("done\n"));
}

#[test]
fn a_second_message_start_and_a_repeated_block_start_change_nothing() {
    let tool = json!({"type": "tool_use", "id": "a", "name": "x", "input": {}});
    let (lines, _) =
        read(&[opened(), opened(), block(0, tool.clone()), block(0, tool), closed(0), closed(0), ended("tool_use")]);
    assert_eq!(lines.matches("start id").count(), 1);
    assert_eq!(lines.matches("tool_call").count(), 1);
    assert_eq!(lines.matches("end 0").count(), 1);
}

#[test]
fn interleaved_blocks_of_an_imitator_keep_their_calls_apart() {
    let tool = |id: &str| json!({"type": "tool_use", "id": id, "name": "x", "input": {}});
    let more = |text: &str| json!({"type": "input_json_delta", "partial_json": text});
    let (lines, result) = read(&[
        opened(),
        block(0, tool("a")),
        block(1, tool("b")),
        delta(1, more("{1}")),
        delta(0, more("{0}")),
        closed(1),
        closed(0),
        ended("end_turn"),
        json!({"type": "message_stop"}),
    ]);
    assert_eq!(result, Ok(()));
    assert!(lines.contains("arguments 1 {1}\narguments 0 {0}\nend 1\nend 0\n"));
    assert!(lines.contains("stop ToolCalls"), "the stop reason follows from the calls");
}

#[test]
fn arguments_that_stand_in_the_start_are_used_when_no_delta_comes() {
    let tool = json!({"type": "tool_use", "id": "a", "name": "x", "input": {"q": 1}});
    let (lines, _) = read(&[opened(), block(0, tool.clone()), closed(0), ended("tool_use")]);
    assert!(lines.contains("arguments 0 {\"q\":1}\nend 0\n"));
    let (lines, _) = read(&[
        opened(),
        block(0, tool),
        delta(0, json!({"type": "input_json_delta", "partial_json": "{}"})),
        closed(0),
        ended("tool_use"),
    ]);
    assert!(lines.contains("arguments 0 {}\nend 0\n") && !lines.contains("\"q\""));
}

#[test]
fn a_signature_in_pieces_is_one_and_a_tool_call_without_a_name_is_a_fault() {
    let piece = |text: &str| delta(0, json!({"type": "signature_delta", "signature": text}));
    let (lines, _) = read(&[
        opened(),
        block(0, json!({"type": "thinking", "thinking": ""})),
        piece("ab"),
        piece("cd"),
        closed(0),
        ended("end_turn"),
    ]);
    assert!(lines.contains("signature abcd\nbreak\n"));
    let (_, result) = read(&[opened(), block(0, json!({"type": "tool_use", "id": "a", "name": "", "input": {}}))]);
    assert!(matches!(result, Err(StreamError::Malformed(_))));
}

#[test]
fn counts_are_merged_not_added_and_nonsense_is_clamped() {
    let late = |usage: Value| json!({"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": usage});
    let counts = |usage: Value| {
        read(&[opened(), late(usage)]).0.lines().rfind(|line| line.starts_with("usage")).unwrap().to_owned()
    };
    assert_eq!(
        counts(json!({"input_tokens": 5, "cache_read_input_tokens": 7, "output_tokens": 3})),
        "usage input=12 cache_read=7 cache_write=0 output=3 reasoning=0"
    );
    assert_eq!(
        counts(json!({"input_tokens": -4, "output_tokens": 1e30})),
        "usage input=5 cache_read=0 cache_write=0 output=100000000 reasoning=0"
    );
    assert_eq!(
        counts(json!({"input_tokens": "many", "output_tokens_details": 3})),
        "usage input=5 cache_read=0 cache_write=0 output=1 reasoning=0"
    );
}

#[test]
fn an_error_event_is_an_error_and_garbage_is_a_fault() {
    let (_, result) = read(&[json!({"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}})]);
    assert!(matches!(result, Err(StreamError::Upstream(error)) if error.message == "Overloaded"));
    let (_, result) = read_stream(&Messages, &[b"data: <html>\n\n"]);
    assert!(matches!(result, Err(StreamError::Malformed(_))));
    let (_, result) = read_stream(&Messages, &[b": nothing\n\n"]);
    assert_eq!(result, Err(StreamError::Truncated));
}

#[test]
fn line_ends_spaces_and_several_data_lines_are_read_alike() {
    let stream = sse(&[
        opened(),
        block(0, json!({"type": "text", "text": ""})),
        delta(0, json!({"type": "text_delta", "text": "aé😀"})),
        closed(0),
        ended("end_turn"),
        json!({"type": "message_stop"}),
    ]);
    let whole = read_stream(&Messages, &[stream.as_bytes()]);
    for other in [
        stream.replace('\n', "\r\n"),
        stream.replace("data: ", "data:"),
        stream.replace("data: {", "data: {\ndata: "),
        format!("\u{feff}: hi\n\n{stream}data: [DONE]\n\n"),
    ] {
        assert_eq!(read_stream(&Messages, &[other.as_bytes()]), whole);
    }
}

// Any order of events.

#[derive(Clone, Debug)]
enum Step {
    Text,
    Reasoning,
    Signature,
    Redacted,
    Refusal,
    Break,
    Ping,
    Start(u32),
    Delta(u32),
    End(u32),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        Just(Step::Text),
        Just(Step::Reasoning),
        Just(Step::Signature),
        Just(Step::Redacted),
        Just(Step::Refusal),
        Just(Step::Break),
        Just(Step::Ping),
        (0u32..4).prop_map(Step::Start),
        (0u32..4).prop_map(Step::Delta),
        (0u32..4).prop_map(Step::End),
    ]
}

/// Turns steps into events that keep the contract: a call is started once, fed while open, and ended.
fn lawful(steps: &[Step]) -> Vec<Event<'static>> {
    let mut state = [0u8; 4];
    let mut events = vec![BEGIN];
    for step in steps {
        events.extend(match *step {
            Step::Text => Some(Event::Text("t")),
            Step::Reasoning => Some(Event::Reasoning("r")),
            Step::Signature => Some(Event::Signature("s")),
            Step::Redacted => Some(Event::Redacted("d")),
            Step::Refusal => Some(Event::Refusal("n")),
            Step::Break => Some(Event::Break),
            Step::Ping => Some(Event::Ping),
            Step::Start(key) if state[key as usize] == 0 => {
                state[key as usize] = 1;
                Some(call(key, "i", "f"))
            }
            Step::Delta(key) if state[key as usize] == 1 => Some(arguments(key, "1")),
            Step::End(key) if state[key as usize] == 1 => {
                state[key as usize] = 2;
                Some(Event::CallEnd { key })
            }
            _ => None,
        });
    }
    events.extend((0..4).filter(|key| state[*key as usize] == 1).map(|key| Event::CallEnd { key }));
    events.extend([stop(StopReason::End), Event::End]);
    events
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(500) })]

    #[test]
    fn any_events_make_a_strict_stream_that_says_the_same(steps in proptest::collection::vec(step(), 0..40)) {
        let events = lawful(&steps);
        let stream = written(&events);
        let (mut open, mut next, mut starts, mut ends) = (None, 0, 0, 0);
        for line in outline(&stream).lines() {
            let mut words = line.split(' ');
            let what = words.next().unwrap();
            let index = words.next().and_then(|word| word.parse::<u64>().ok());
            match what {
                "message_start" => starts += 1,
                "message_stop" => ends += 1,
                "start" => { prop_assert_eq!((open, index), (None, Some(next))); open = index; next += 1; }
                "delta" => prop_assert_eq!(open, index),
                "stop" => { prop_assert_eq!(open, index); open = None; }
                _ => {}
            }
        }
        prop_assert_eq!((starts, ends, open), (1, 1, None));
        let (said, result) = read_stream(&Messages, &[stream.as_bytes()]);
        prop_assert_eq!(result, Ok(()));
        let count = |wanted: fn(&Event<'_>) -> bool| events.iter().filter(|event| wanted(event)).count();
        prop_assert_eq!(said.text.len(), count(|event| matches!(event, Event::Text(_) | Event::Refusal(_))));
        prop_assert_eq!(said.thinking.len(), count(|event| matches!(event, Event::Reasoning(_))));
        prop_assert_eq!(said.tools.len(), count(|event| matches!(event, Event::CallStart { .. })));
        prop_assert_eq!(said.redacted.len(), count(|event| matches!(event, Event::Redacted(_))));
    }

    #[test]
    fn no_bytes_make_the_stream_reader_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = read_stream(&Messages, &[&bytes]);
    }
}

#[test]
fn a_flood_beside_an_open_call_ends_the_stream_with_an_error_instead_of_filling_the_memory() {
    let flood = "x".repeat(1 << 20);
    let events = |floods: usize| {
        let mut events = vec![BEGIN, call(0, "a", "x"), arguments(0, "{")];
        events.extend((0..floods).map(|_| Event::Text(&flood)));
        events.extend([arguments(0, "}"), Event::CallEnd { key: 0 }, Event::End]);
        blocks(&events)
    };
    let over = events(5);
    assert!(over.last().unwrap().starts_with("error"), "{:?}", over.last());
    assert!(!over.iter().any(|line| line.starts_with("message_stop")));
    let within = events(3);
    assert!(!within.iter().any(|line| line.starts_with("error")));
}
