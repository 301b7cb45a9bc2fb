//! What Chat upstreams send, and what is made of it.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

use rm_protocol::{
    ErrorKind, Protocol, StreamError,
    ir::Transcript,
    sse::{Limits, Splitter},
};

fn read(stream: &str) -> (String, Result<(), StreamError>) {
    let mut decoder = Protocol::Chat.codec().stream_decoder();
    let mut splitter = Splitter::new(Limits::default());
    let mut events = Transcript::default();
    let ended = splitter
        .push(stream.as_bytes(), |frame| decoder.frame(frame, &mut events))
        .and_then(|()| splitter.end(|frame| decoder.frame(frame, &mut events)))
        .and_then(|()| decoder.end(&mut events));
    (events.0, ended)
}

/// A stream of chunks of choice 0: each item is a delta with what follows it inside the choice.
fn chunks(choices: &[&str]) -> String {
    let chunk = |choice: &&str| format!("data: {{\"id\":\"c\",\"model\":\"m\",\"choices\":[{choice}]}}\n\n");
    choices.iter().map(chunk).collect::<Vec<_>>().concat()
}

/// The events of deltas of choice 0, then a finish reason and `[DONE]`.
fn whole(deltas: &[&str], finish: &str) -> String {
    let choices: Vec<String> = deltas.iter().map(|delta| format!(r#"{{"index":0,"delta":{delta}}}"#)).collect();
    let mut choices: Vec<&str> = choices.iter().map(String::as_str).collect();
    let last = format!(r#"{{"index":0,"delta":{{}},"finish_reason":"{finish}"}}"#);
    choices.push(&last);
    let (events, ended) = read(&(chunks(&choices) + "data: [DONE]\n\n"));
    ended.expect("a clean end");
    events.strip_prefix("start id=c model=m\n").unwrap().to_owned()
}

#[test]
fn text_and_a_tool_call_in_one_chunk_are_both_passed_on() {
    let delta =
        r#"{"content":"Looking.","tool_calls":[{"index":0,"id":"a","function":{"name":"f","arguments":"{}"}}]}"#;
    assert_eq!(
        whole(&[delta], "tool_calls"),
        "text Looking.\ntool_call 0 id=a name=f\narguments 0 {}\nend 0\nstop ToolCalls\ndone\n"
    );
}

#[test]
fn text_and_tool_calls_in_different_choices_are_one_answer() {
    let (events, ended) = read(
        &(chunks(&[
            r#"{"index":0,"delta":{"content":"Looking."}}"#,
            r#"{"index":0,"delta":{},"finish_reason":"tool_calls"}"#,
            r#"{"index":1,"delta":{"tool_calls":[{"index":0,"id":"a","function":{"name":"f","arguments":"{}"}}]}}"#,
            r#"{"index":1,"delta":{},"finish_reason":"tool_calls"}"#,
        ]) + "data: [DONE]\n\n"),
    );
    assert_eq!(ended, Ok(()));
    assert_eq!(
        events,
        "start id=c model=m\ntext Looking.\ntool_call 0 id=a name=f\narguments 0 {}\nend 0\nstop ToolCalls\ndone\n"
    );
}

#[test]
fn an_alternative_answer_is_left_out_and_said_so_once() {
    let (events, ended) = read(&chunks(&[
        r#"{"index":0,"delta":{"content":"One"}},{"index":1,"delta":{"content":"Two"}}"#,
        r#"{"index":1,"delta":{"content":"."},"finish_reason":"stop"}"#,
        r#"{"index":0,"delta":{"content":"."},"finish_reason":"stop"}"#,
    ]));
    assert_eq!(ended, Ok(()));
    assert_eq!(events, "start id=c model=m\ntext One\nopaque choices\ntext .\nstop End\ndone\n");
}

#[test]
fn interleaved_parallel_calls_keep_their_own_arguments() {
    let events = whole(
        &[
            r#"{"tool_calls":[{"index":0,"id":"a","function":{"name":"f","arguments":""}},{"index":1,"id":"b","function":{"name":"g"}}]}"#,
            r#"{"tool_calls":[{"index":1,"function":{"arguments":"{\"y\":"}}]}"#,
            r#"{"tool_calls":[{"index":0,"function":{"arguments":"{\"x\":1}"}},{"index":1,"function":{"arguments":"2}"}}]}"#,
        ],
        "tool_calls",
    );
    assert_eq!(
        events,
        "tool_call 0 id=a name=f\ntool_call 1 id=b name=g\narguments 1 {\"y\":\narguments 0 {\"x\":1}\narguments 1 2}\n\
         end 0\nend 1\nstop ToolCalls\ndone\n"
    );
}

#[test]
fn a_call_whose_name_comes_late_starts_when_it_is_named_and_loses_no_argument() {
    let events = whole(
        &[
            r#"{"tool_calls":[{"index":0,"id":"a","function":{"name":"","arguments":""}}]}"#,
            r#"{"tool_calls":[{"index":0,"function":{"arguments":"{\"x\":"}}]}"#,
            r#"{"tool_calls":[{"index":0,"function":{"name":"f","arguments":"1}"}}]}"#,
        ],
        "tool_calls",
    );
    assert_eq!(events, "tool_call 0 id=a name=f\narguments 0 {\"x\":\narguments 0 1}\nend 0\nstop ToolCalls\ndone\n");
}

#[test]
fn an_id_that_follows_the_name_is_waited_for_until_arguments_come() {
    let late = [
        r#"{"tool_calls":[{"index":0,"function":{"name":"f"}}]}"#,
        r#"{"tool_calls":[{"index":0,"id":"a","function":{"arguments":"{}"}}]}"#,
    ];
    assert!(whole(&late, "stop").starts_with("tool_call 0 id=a name=f\n"));
    let never = [r#"{"tool_calls":[{"index":0,"function":{"name":"f","arguments":"{}"}}]}"#];
    assert!(whole(&never, "stop").starts_with("tool_call 0 id= name=f\n"));
}

#[test]
fn empty_calls_are_ignored_and_a_call_that_never_gets_a_name_is_a_fault() {
    let empty =
        [r#"{"content":"Hi","tool_calls":[]}"#, r#"{"tool_calls":[{"index":0,"id":"","function":{"name":""}}]}"#];
    assert_eq!(whole(&empty, "stop"), "text Hi\nstop End\ndone\n");
    let nameless = r#"{"index":0,"delta":{"tool_calls":[{"index":0,"id":"a","function":{"arguments":"{}"}}]}}"#;
    let (_, ended) = read(&(chunks(&[nameless]) + "data: [DONE]\n\n"));
    assert_eq!(ended, Err(StreamError::Malformed("a tool call without a name".into())));
}

#[test]
fn calls_without_an_index_are_told_apart_by_id_or_else_by_place() {
    let by_id = [
        r#"{"tool_calls":[{"id":"a","function":{"name":"f","arguments":"{"}}]}"#,
        r#"{"tool_calls":[{"function":{"arguments":"}"}}]}"#,
        r#"{"tool_calls":[{"id":"b","function":{"name":"f","arguments":"{}"}}]}"#,
    ];
    assert_eq!(
        whole(&by_id, "stop"),
        "tool_call 0 id=a name=f\narguments 0 {\narguments 0 }\ntool_call 1 id=b name=f\narguments 1 {}\n\
         end 0\nend 1\nstop ToolCalls\ndone\n"
    );
    let by_place = [
        r#"{"tool_calls":[{"function":{"name":"f"}},{"function":{"name":"g"}}]}"#,
        r#"{"tool_calls":[{"function":{"arguments":"1"}},{"function":{"arguments":"2"}}]}"#,
    ];
    assert_eq!(
        whole(&by_place, "stop"),
        "tool_call 0 id= name=f\narguments 0 1\ntool_call 1 id= name=g\narguments 1 2\nend 0\nend 1\nstop ToolCalls\ndone\n"
    );
}

#[test]
fn one_index_for_all_calls_is_no_obstacle_when_ids_or_names_differ() {
    let ids = [
        r#"{"tool_calls":[{"index":0,"id":"a","function":{"name":"f","arguments":"1"}}]}"#,
        r#"{"tool_calls":[{"index":0,"id":"b","function":{"name":"f","arguments":"2"}}]}"#,
        r#"{"tool_calls":[{"index":0,"id":"a","function":{"arguments":"3"}}]}"#,
    ];
    assert_eq!(
        whole(&ids, "stop"),
        "tool_call 0 id=a name=f\narguments 0 1\ntool_call 1 id=b name=f\narguments 1 2\narguments 0 3\n\
         end 0\nend 1\nstop ToolCalls\ndone\n"
    );
    let names = [
        r#"{"tool_calls":[{"index":0,"function":{"name":"f","arguments":"1"}}]}"#,
        r#"{"tool_calls":[{"index":0,"function":{"name":"g","arguments":"2"}}]}"#,
    ];
    assert!(whole(&names, "stop").contains("tool_call 1 id= name=g\narguments 1 2\n"));
}

#[test]
fn arguments_sent_as_an_object_are_taken_as_that_json() {
    let delta = r#"{"tool_calls":[{"index":0,"id":"a","function":{"name":"f","arguments":{"x": 1.50}}}]}"#;
    assert!(whole(&[delta], "stop").contains("arguments 0 {\"x\": 1.50}\n"));
}

#[test]
fn a_role_on_every_delta_starts_one_answer() {
    let events = whole(&[r#"{"role":"assistant","content":"a"}"#, r#"{"role":"assistant","content":"b"}"#], "stop");
    assert_eq!(events, "text a\ntext b\nstop End\ndone\n");
}

#[test]
fn crlf_comments_data_without_a_space_and_data_on_several_lines_are_read() {
    let stream = ": hello\r\n\r\ndata:{\"id\":\"c\",\"model\":\"m\",\r\ndata: \"choices\":[{\"delta\":{\"content\":\"é😀\"},\
                  \"finish_reason\":\"stop\"}]}\r\n\r\ndata:[DONE]\r\n\r\n";
    let (events, ended) = read(stream);
    assert_eq!((events.as_str(), ended), ("ping\nstart id=c model=m\ntext é😀\nstop End\ndone\n", Ok(())));
}

#[test]
fn chunks_after_done_are_ignored_and_done_without_a_finish_reason_still_ends() {
    let said = chunks(&[r#"{"index":0,"delta":{"content":"Hi"},"finish_reason":""}"#]);
    let (events, ended) = read(&format!("{said}data: [DONE]\n\n{said}data: [DONE]\n\n"));
    assert_eq!((events.as_str(), ended), ("start id=c model=m\ntext Hi\nstop End\ndone\n", Ok(())));
}

#[test]
fn usage_is_taken_from_whichever_chunk_has_it() {
    let finish = r#"{"index":0,"delta":{"content":"Hi"},"finish_reason":"stop"}"#;
    let usage = r#""usage":{"prompt_tokens":3,"completion_tokens":1}"#;
    let line = "usage input=3 cache_read=0 cache_write=0 output=1 reasoning=0\n";
    for stream in [
        format!("data: {{\"id\":\"c\",\"choices\":[{finish}],{usage}}}\n\ndata: [DONE]\n\n"),
        format!("data: {{\"id\":\"c\",\"choices\":[{finish}]}}\n\ndata: {{\"id\":\"c\",{usage}}}\n\ndata: [DONE]\n\n"),
        format!("data: {{\"id\":\"c\",{usage}}}\n\ndata: {{\"id\":\"c\",\"choices\":[{finish}]}}\n\n"),
    ] {
        let (events, ended) = read(&stream);
        assert_eq!(ended, Ok(()));
        assert!(events.contains(line) && events.ends_with("stop End\ndone\n"), "{events}");
    }
}

#[test]
fn reasoning_under_any_name_is_reasoning_once_and_never_text() {
    let twice =
        r#"{"reasoning":"why","reasoning_content":"why","reasoning_details":[{"type":"reasoning.text","text":"why"}]}"#;
    let signed = r#"{"reasoning_details":[{"type":"reasoning.text","signature":"sig"},{"type":"reasoning.encrypted","data":"x"}]}"#;
    assert_eq!(
        whole(&[twice, signed, r#"{"content":"so"}"#], "stop"),
        "reasoning why\nsignature sig\nredacted x\ntext so\nstop End\ndone\n"
    );
}

#[test]
fn annotations_are_citations_and_what_has_no_place_is_named() {
    let cited = r#"{"content":"so","annotations":[{"type":"url_citation","url_citation":{"url":"u"}}]}"#;
    let signed = r#"{"tool_calls":[{"index":0,"id":"a","function":{"name":"f","arguments":"{}"},"extra_content":{"google":{}}}]}"#;
    let events = whole(&[cited, signed, r#"{"audio":{"data":"aGk="}}"#], "stop");
    assert!(events.contains("text so\ncitation {\"type\":\"url_citation\""), "{events}");
    assert!(events.contains("opaque tool_calls.extra_content\n") && events.contains("opaque audio\n"), "{events}");
}

#[test]
fn content_in_parts_is_read_as_text_and_reasoning() {
    let parts =
        r#"{"content":[{"type":"thinking","thinking":[{"type":"text","text":"why"}]},{"type":"text","text":"so"}]}"#;
    assert_eq!(whole(&[parts], "stop"), "reasoning why\ntext so\nstop End\ndone\n");
}

#[test]
fn a_body_that_ends_without_a_finish_reason_is_truncated() {
    let (events, ended) = read(&chunks(&[r#"{"index":0,"delta":{"content":"Hel"}}"#]));
    assert_eq!((events.as_str(), ended), ("start id=c model=m\ntext Hel\n", Err(StreamError::Truncated)));
    assert_eq!(read("").1, Err(StreamError::Truncated));
    assert!(matches!(read("data: [DONE]\n\n").1, Err(StreamError::Malformed(_))));
}

#[test]
fn a_length_stop_inside_a_tool_call_stays_a_length_stop() {
    let cut = r#"{"tool_calls":[{"index":0,"id":"a","function":{"name":"f","arguments":"{\"x\":"}}]}"#;
    assert!(whole(&[cut], "length").ends_with("end 0\nstop Length\ndone\n"));
}

#[test]
fn calls_decide_the_stop_reason_and_so_does_a_refusal() {
    let call = r#"{"tool_calls":[{"index":0,"id":"a","function":{"name":"f","arguments":"{}"}}]}"#;
    assert!(whole(&[call], "stop").ends_with("stop ToolCalls\ndone\n"));
    assert!(whole(&[r#"{"content":"Hi"}"#], "tool_calls").ends_with("stop End\ndone\n"));
    assert!(whole(&[r#"{"refusal":"No."}"#], "stop").ends_with("refusal No.\nstop Refusal\ndone\n"));
}

#[test]
fn an_error_inside_the_stream_is_told_with_the_upstreams_words() {
    let said = chunks(&[r#"{"index":0,"delta":{"content":"Hi"}}"#]);
    for stream in [
        format!("{said}data: {{\"error\":{{\"message\":\"overloaded\",\"type\":\"server_error\",\"code\":503}}}}\n\n"),
        format!("{said}event: error\ndata: {{\"message\":\"overloaded\",\"code\":\"503\"}}\n\n"),
    ] {
        let Err(StreamError::Upstream(error)) = read(&stream).1 else { unreachable!("an error") };
        assert_eq!((error.message.as_str(), error.kind), ("overloaded", ErrorKind::Overloaded));
    }
    let failed = chunks(&[r#"{"index":0,"delta":{"content":""},"finish_reason":"error"}"#]);
    assert!(matches!(read(&failed).1, Err(StreamError::Upstream(_))));
    let told =
        chunks(&[r#"{"index":0,"delta":{"content":""},"finish_reason":"error","error":{"message":"provider died"}}"#]);
    assert!(matches!(read(&told).1, Err(StreamError::Upstream(error)) if error.message == "provider died"));
}

#[test]
fn arguments_that_break_off_are_no_clean_end_unless_the_cap_or_a_filter_says_why() {
    let cut =
        r#"{"index":0,"delta":{"tool_calls":[{"index":0,"id":"a","function":{"name":"f","arguments":"{\"x\":\"}"}}]}}"#;
    let after = |finish: &str| read(&(chunks(&[cut, finish]) + "data: [DONE]\n\n"));
    let finish = |word: &str| format!(r#"{{"index":0,"delta":{{}},"finish_reason":"{word}"}}"#);
    for word in ["tool_calls", "stop", ""] {
        let (events, ended) = after(&finish(word));
        assert_eq!(ended, Err(StreamError::Truncated), "{word}");
        assert!(!events.contains("end 0") && !events.contains("done"), "{events}");
    }
    assert_eq!(read(&chunks(&[cut, &finish("tool_calls")])).1, Err(StreamError::Truncated));
    assert_eq!(after(&finish("content_filter")).1, Ok(()));
    let second = cut.replace(r#""index":0,"delta""#, r#""index":1,"delta""#);
    let length = r#"{"index":1,"delta":{},"finish_reason":"length"}"#;
    let (events, ended) = read(&(chunks(&[&finish("tool_calls"), &second, length]) + "data: [DONE]\n\n"));
    assert_eq!(ended, Ok(()));
    assert!(events.ends_with("stop Length\ndone\n"), "{events}");
    let free = r#"{"tool_calls":[{"index":0,"id":"a","custom":{"name":"f","input":"if (x) {"}}]}"#;
    assert!(whole(&[free], "tool_calls").ends_with("stop ToolCalls\ndone\n"));
}

#[test]
fn a_stream_keeps_no_more_of_nameless_arguments_calls_and_choices_than_an_answer_needs() {
    let mut decoder = Protocol::Chat.codec().stream_decoder();
    let mut push = |choice: &str| {
        let mut splitter = Splitter::new(Limits::default());
        let stream = chunks(&[choice]);
        splitter.push(stream.as_bytes(), |frame| decoder.frame(frame, &mut Transcript::default()))
    };
    let piece = "x".repeat(1 << 20);
    let nameless =
        format!(r#"{{"index":0,"delta":{{"tool_calls":[{{"index":0,"function":{{"arguments":"{piece}"}}}}]}}}}"#);
    let fault = (0..5).find_map(|_| push(&nameless).err());
    assert!(matches!(fault, Some(StreamError::Malformed(_))), "{fault:?}");
    let calls: Vec<String> =
        (0..2000).map(|n| format!(r#"{{"index":{n},"id":"c{n}","function":{{"name":"f"}}}}"#)).collect();
    let calls = format!(r#"{{"index":0,"delta":{{"tool_calls":[{}]}}}}"#, calls.join(","));
    assert!(matches!(read(&chunks(&[&calls])).1, Err(StreamError::Malformed(_))));
    let choices: Vec<String> = (0..200).map(|n| format!(r#"{{"index":{n},"delta":{{}}}}"#)).collect();
    assert!(matches!(read(&chunks(&[&choices.join(",")])).1, Err(StreamError::Malformed(_))));
}

#[test]
fn a_deprecated_function_call_is_named_and_does_not_end_the_stream() {
    let call = r#"{"function_call":{"name":"f","arguments":"{}"}}"#;
    assert_eq!(whole(&[call], "function_call"), "opaque function_call\nstop End\ndone\n");
}
