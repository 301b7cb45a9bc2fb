//! Errors of Chat upstreams, and errors for Chat clients.
#![expect(clippy::unwrap_used, reason = "tests")]

use rm_protocol::{BadResponse, ErrorKind, ErrorView, Protocol, Str, UpstreamError, ir::PartKind};
use serde_json::{Value, json};

fn read(body: &str) -> Option<UpstreamError> {
    Protocol::Chat.codec().decode_error(body.as_bytes())
}

fn body(view: &ErrorView) -> Value {
    serde_json::from_slice(&Protocol::Chat.codec().error_body(view)).unwrap()
}

#[test]
fn the_words_of_an_upstream_tell_what_is_wrong() {
    let kind = |code: Value, kind: Value| {
        read(&json!({"error": {"message": "m", "type": kind, "code": code, "param": null}}).to_string()).unwrap().kind
    };
    let null = Value::Null;
    let table = [
        (json!("context_length_exceeded"), json!("invalid_request_error"), ErrorKind::ContextTooLong),
        (json!("model_max_prompt_tokens_exceeded"), null.clone(), ErrorKind::ContextTooLong),
        (json!("invalid_api_key"), json!("invalid_request_error"), ErrorKind::Auth),
        (json!("model_not_found"), json!("invalid_request_error"), ErrorKind::NotFound),
        (json!("rate_limit_exceeded"), json!("tokens"), ErrorKind::RateLimit),
        (json!("rate_limited"), null.clone(), ErrorKind::RateLimit),
        (null.clone(), json!("requests"), ErrorKind::RateLimit),
        (json!("insufficient_quota"), json!("insufficient_quota"), ErrorKind::Quota),
        (json!("quota_exceeded"), null.clone(), ErrorKind::Quota),
        (null.clone(), json!("service_unavailable"), ErrorKind::Overloaded),
        (null.clone(), json!("server_error"), ErrorKind::Upstream),
        (null.clone(), json!("invalid_request_error"), ErrorKind::BadRequest),
        (json!("model_not_supported"), null.clone(), ErrorKind::BadRequest),
        (json!(429), null.clone(), ErrorKind::RateLimit),
        (json!("503"), null.clone(), ErrorKind::Overloaded),
        (null.clone(), null, ErrorKind::Upstream),
    ];
    for (code, word, expected) in table {
        assert_eq!(kind(code.clone(), word.clone()), expected, "{code} {word}");
    }
}

#[test]
fn every_shape_of_error_body_in_the_field_is_read_and_plain_text_is_none() {
    for body in [
        r#"{"error":{"message":"no"}}"#,
        r#"{"error":"no"}"#,
        r#"{"message":"no"}"#,
        r#"{"detail":"no"}"#,
        r#"[{"error":{"message":"no","code":400,"status":"INVALID_ARGUMENT"}}]"#,
    ] {
        assert_eq!(read(body).unwrap().message, "no", "{body}");
    }
    assert_eq!(read("unauthorized: token expired"), None);
    assert_eq!(read(r#"{"id":"x"}"#), None);
    assert_eq!(Protocol::Chat.codec().decode_error(b"\xff"), None);
}

#[test]
fn a_too_long_prompt_is_known_by_its_sentence_when_the_code_says_little() {
    let body =
        r#"{"error":{"message":"This model's maximum context length is 8192 tokens.","type":"invalid_request_error"}}"#;
    assert_eq!(read(body).unwrap().kind, ErrorKind::ContextTooLong);
}

#[test]
fn an_error_is_written_in_the_envelope_of_openai_with_the_upstreams_message_param_and_code() {
    let mut view = ErrorView::new(ErrorKind::RateLimit, "upstream_refused", "own words");
    assert_eq!(
        body(&view),
        json!({"error": {"message": "own words", "type": "rate_limit_exceeded", "param": null, "code": "rate_limit_exceeded"}})
    );
    view.upstream = Some(UpstreamError {
        kind: ErrorKind::RateLimit,
        kind_word: Some("tokens".into()),
        code: Some("slow_down".into()),
        message: "Their \"words\"".into(),
        param: Some("messages".into()),
    });
    assert_eq!(
        body(&view),
        json!({"error": {"message": "Their \"words\"", "type": "rate_limit_exceeded", "param": "messages", "code": "slow_down"}})
    );
    let event = Protocol::Chat.codec().error_event(&view);
    assert!(event.starts_with(b"data: {\"error\":") && event.ends_with(b"}\n\n"));
}

#[test]
fn kinds_have_the_types_and_codes_that_openai_clients_know() {
    let words = |kind| {
        let error = body(&ErrorView::new(kind, "own_code", "m"))["error"].clone();
        (error["type"].as_str().unwrap().to_owned(), error["code"].as_str().unwrap().to_owned())
    };
    let pair = |a: &str, b: &str| (a.to_owned(), b.to_owned());
    assert_eq!(words(ErrorKind::ContextTooLong), pair("invalid_request_error", "context_length_exceeded"));
    assert_eq!(words(ErrorKind::Auth), pair("invalid_request_error", "invalid_api_key"));
    assert_eq!(words(ErrorKind::Quota), pair("insufficient_quota", "insufficient_quota"));
    assert_eq!(words(ErrorKind::Permission), pair("permission_error", "own_code"));
    assert_eq!(words(ErrorKind::NotFound), pair("invalid_request_error", "own_code"));
    assert_eq!(words(ErrorKind::Timeout), pair("server_error", "own_code"));
}

#[test]
fn an_error_in_a_200_answer_is_an_error_and_a_body_without_choices_is_malformed() {
    let decode = |body: &str| Protocol::Chat.codec().decode_response(&Str::from(body));
    let Err(BadResponse::Error(error)) = decode(r#"{"error":{"message":"no","code":503}}"#) else {
        unreachable!("an error")
    };
    assert_eq!((error.kind, error.message.as_str()), (ErrorKind::Overloaded, "no"));
    for body in ["{}", r#"{"choices":[]}"#, r#"{"choices":null}"#, r#"{"choices":[{}]}"#, "[]", "<html>"] {
        assert!(matches!(decode(body), Err(BadResponse::Malformed(_))), "{body}");
    }
}

#[test]
fn an_error_body_of_nested_lists_is_no_error_and_is_not_followed_down() {
    assert_eq!(read(&format!("{}{}", "[".repeat(200_000), "]".repeat(200_000))), None);
    assert_eq!(read(r#"[{"error":{"message":"m"}}]"#).unwrap().message, "m");
}

#[test]
fn an_answer_that_its_upstream_gave_up_is_an_error_and_no_answer() {
    let fault = |choice: Value| {
        let body = json!({"id": "c", "choices": [choice]});
        let error = Protocol::Chat.codec().decode_response(&Str::from(body.to_string())).unwrap_err();
        let BadResponse::Error(error) = error else { unreachable!("an error of the upstream") };
        error.message
    };
    let told = json!({"index": 0, "finish_reason": "error", "error": {"message": "provider died"},
        "message": {"role": "assistant", "content": "partial"}});
    assert_eq!(fault(told), "provider died");
    assert_ne!(fault(json!({"index": 0, "finish_reason": "error", "error": null})), "null");
}

#[test]
fn a_part_that_an_upstream_invents_does_not_cost_the_answer_and_its_thinking_is_reasoning() {
    let content = json!([
        {"type": "thinking", "thinking": [{"type": "text", "text": "h"}, {"type": "text", "text": "m"}]},
        {"type": "reference", "reference_ids": [1]},
        {"type": "thinking", "thinking": "of another shape"},
        {"type": "text", "text": "Hi"},
    ]);
    let body = json!({"id": "c", "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": content}}]});
    let response = Protocol::Chat.codec().decode_response(&Str::from(body.to_string())).unwrap();
    let what: Vec<&str> = response
        .parts
        .iter()
        .map(|part| match &part.kind {
            PartKind::Reasoning(reasoning) => &*reasoning.text,
            PartKind::Opaque { what, .. } => &**what,
            PartKind::Text(text) => &**text,
            _ => "?",
        })
        .collect();
    assert_eq!(what, ["hm", "reference", "thinking", "Hi"]);
    let request = json!({"model": "m", "messages": [{"role": "assistant", "content": content}]});
    let fault = Protocol::Chat.codec().decode(&Str::from(request.to_string())).unwrap_err();
    assert_eq!(fault.param.as_deref(), Some("messages[0].content[0].type"));
}
