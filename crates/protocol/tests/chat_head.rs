//! What the byte lane reads and edits of a Chat request.
#![expect(clippy::unwrap_used, reason = "tests")]

use bytes::Bytes;
use rm_protocol::{Dialect, Protocol, Target};
use std::borrow::Cow;

fn fault(body: &str) -> String {
    Protocol::Chat.codec().head(body).unwrap_err().message
}

fn sent_to(body: &'static str, dialect: Dialect) -> String {
    let codec = Protocol::Chat.codec();
    let head = codec.head(body).unwrap();
    let patches = codec.patches(&head, &Target { model: "up\"stream", owner: "o", dialect });
    String::from_utf8(patches.apply(&Bytes::from_static(body.as_bytes())).concat()).unwrap()
}

fn sent(body: &'static str) -> String {
    let sent = sent_to(body, Dialect::default());
    assert!(serde_json::from_str::<serde_json::Value>(&sent).is_ok(), "{sent}");
    sent
}

#[test]
fn the_head_knows_model_stream_usage_and_fallbacks_and_how_deep_the_body_is() {
    let body = r#" {"messages":[{"content":[]}],"mo\u0064el":"a\u002fb","stream":true,
        "stream_options":{"include_usage":true},"provider":{"allow_fallbacks":false}}"#;
    let head = Protocol::Chat.codec().head(body).unwrap();
    assert_eq!(head.model, Some(Cow::Borrowed("a/b")));
    assert_eq!(&body[head.model_span.unwrap()], r#""a\u002fb""#);
    assert!(head.stream && head.include_usage);
    assert_eq!(&body[head.stream_options_span.unwrap()], r#"{"include_usage":true}"#);
    assert_eq!((head.allow_fallbacks, head.depth), (Some(false), 4));
    assert_eq!(head.usage_edit, None);
}

#[test]
fn a_missing_null_or_empty_model_is_none_and_is_filled_in_for_the_upstream() {
    for body in [r#"{"messages":[]}"#, r#"{"messages":[],"model":null}"#, r#"{"messages":[],"model":""}"#] {
        assert_eq!(Protocol::Chat.codec().head(body).unwrap().model, None, "{body}");
    }
    assert_eq!(sent(r#"{"messages":[]}"#), r#"{"model":"up\"stream","messages":[]}"#);
    assert_eq!(sent(r#"{"messages":[],"model":null}"#), r#"{"messages":[],"model":"up\"stream"}"#);
    assert_eq!(sent(r#"{"provider":{},"messages":[]}"#), r#"{"model":"up\"stream","messages":[]}"#);
}

#[test]
fn wrong_types_and_repeated_keys_among_what_is_read_are_refused_with_their_name() {
    let table = [
        (r#"{"messages":[],"model":7}"#, "model: expected a string"),
        (r#"{"messages":[],"stream":"yes"}"#, "stream: expected true or false"),
        (r#"{"messages":[],"stream_options":true}"#, "stream_options: expected an object"),
        (
            r#"{"messages":[],"stream_options":{"include_usage":1}}"#,
            "stream_options.include_usage: expected true or false",
        ),
        (r#"{"messages":[],"provider":"x"}"#, "provider: expected an object"),
        (r#"{"messages":[],"provider":{"allow_fallbacks":0}}"#, "provider.allow_fallbacks: expected true or false"),
        (r#"{"model":"a","model":"b","messages":[]}"#, "model: given twice"),
        (r#"{"stream":true,"stream":true,"messages":[]}"#, "stream: given twice"),
        (r#"{"stream_options":{},"stream_options":{},"messages":[]}"#, "stream_options: given twice"),
        ("{}", "messages: this member is required"),
    ];
    for (body, message) in table {
        assert_eq!(fault(body), message);
    }
    assert!(fault("[]").starts_with("invalid JSON"));
    assert!(fault(r#"{"messages":["#).starts_with("invalid JSON"));
}

#[test]
fn a_body_of_the_responses_api_is_refused_by_name() {
    let body = include_str!("corpus/chat.request.cursor-responses-body.json");
    assert!(fault(body).contains("Responses API"), "{}", fault(body));
    let decoded = Protocol::Chat.codec().decode(&body.into()).unwrap_err();
    assert!(decoded.message.contains("Responses API"));
}

#[test]
fn members_of_the_router_never_reach_an_upstream_and_all_else_stays_letter_for_letter() {
    assert_eq!(
        sent(
            r#"{"models":["a"], "model":"m" ,"allowed_models":["x"],"messages": [1.50e1],"plugins":[],"provider":{"order":[]} }"#
        ),
        r#"{"model":"up\"stream","messages": [1.50e1] }"#
    );
}

#[test]
fn a_stream_without_usage_is_made_to_tell_it() {
    let table = [
        (
            r#"{"model":"m","messages":[],"stream":true}"#,
            r#"{"stream_options":{"include_usage":true},"model":M,"messages":[],"stream":true}"#,
        ),
        (
            r#"{"model":"m","messages":[],"stream":true,"stream_options":null}"#,
            r#"{"model":M,"messages":[],"stream":true,"stream_options":{"include_usage":true}}"#,
        ),
        (
            r#"{"model":"m","messages":[],"stream":true,"stream_options":{}}"#,
            r#"{"model":M,"messages":[],"stream":true,"stream_options":{"include_usage":true}}"#,
        ),
        (
            r#"{"model":"m","messages":[],"stream":true,"stream_options":{"x":1}}"#,
            r#"{"model":M,"messages":[],"stream":true,"stream_options":{"include_usage":true,"x":1}}"#,
        ),
        (
            r#"{"model":"m","messages":[],"stream":true,"stream_options":{"x":1,"include_usage":false}}"#,
            r#"{"model":M,"messages":[],"stream":true,"stream_options":{"x":1,"include_usage":true}}"#,
        ),
        (
            r#"{"model":"m","messages":[],"stream":true,"stream_options":{"include_usage":true}}"#,
            r#"{"model":M,"messages":[],"stream":true,"stream_options":{"include_usage":true}}"#,
        ),
        (r#"{"model":"m","messages":[],"stream":false}"#, r#"{"model":M,"messages":[],"stream":false}"#),
        (
            r#"{"plugins":[],"messages":[],"stream":true}"#,
            r#"{"model":M,"stream_options":{"include_usage":true},"messages":[],"stream":true}"#,
        ),
    ];
    for (body, expected) in table {
        assert_eq!(sent(body), expected.replace('M', r#""up\"stream""#));
    }
}

#[test]
fn the_usage_chunk_must_be_hidden_exactly_when_the_head_says_stream_without_usage() {
    let hide = |body: &str| {
        let head = Protocol::Chat.codec().head(body).unwrap();
        head.stream && !head.include_usage
    };
    assert!(hide(r#"{"messages":[],"stream":true}"#));
    assert!(!hide(r#"{"messages":[],"stream":true,"stream_options":{"include_usage":true}}"#));
    assert!(!hide(r#"{"messages":[]}"#));
}

#[test]
fn an_upstream_that_does_not_know_stream_options_is_not_sent_any() {
    let dialect = Dialect { stream_usage: false, ..Dialect::default() };
    let body = r#"{"model":"m","messages":[],"stream":true}"#;
    assert_eq!(sent_to(body, dialect), r#"{"model":"up\"stream","messages":[],"stream":true}"#);
}
