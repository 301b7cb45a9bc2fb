//! What a Chat request must be, and what it means.
#![expect(clippy::unwrap_used, reason = "tests")]

use rm_protocol::{
    Protocol, Str,
    ir::{Form, PartKind, Reasoning, Request, Role, Source, ToolChoice, ToolKind, seal},
};
use serde_json::{Value, json};

fn decode(body: &Value) -> Request {
    Protocol::Chat.codec().decode(&Str::from(body.to_string())).unwrap()
}

fn fault(body: &Value) -> String {
    Protocol::Chat.codec().decode(&Str::from(body.to_string())).unwrap_err().message
}

fn with_message(message: &Value) -> Value {
    json!({"model": "m", "messages": [message]})
}

#[test]
fn what_is_missing_unknown_or_of_the_wrong_type_is_named_with_its_path() {
    let call = |call: Value| json!({"role": "assistant", "tool_calls": [call]});
    let table = [
        (json!({"model": "m"}), "messages: this member is required"),
        (json!({"messages": []}), "messages: at least one message is needed"),
        (json!({"messages": {}}), "messages: invalid type: map, expected an array"),
        (with_message(&json!({"content": "x"})), "messages[0].role: this member is required"),
        (with_message(&json!({"role": "alien", "content": "x"})), "messages[0].role: unknown role `alien`"),
        (with_message(&json!({"role": "user"})), "messages[0].content: this member is required"),
        (with_message(&json!({"role": "user", "content": null})), "messages[0].content: this member is required"),
        (
            with_message(&json!({"role": "user", "content": 7})),
            "messages[0].content: expected a string or an array of parts",
        ),
        (
            with_message(&json!({"role": "user", "content": [{"type": "text", "text": 1}]})),
            "messages[0].content[0].text: expected a string",
        ),
        (
            with_message(&json!({"role": "user", "content": [{"type": "smell"}]})),
            "messages[0].content[0].type: unknown part type `smell`",
        ),
        (
            with_message(&json!({"role": "user", "content": [{"type": "image_url"}]})),
            "messages[0].content[0].image_url: this member is required",
        ),
        (
            with_message(&json!({"role": "user", "content": [{"type": "file", "file": {}}]})),
            "messages[0].content[0].file: expected one of `file_data` and `file_id`",
        ),
        (with_message(&json!({"role": "tool", "content": "x"})), "messages[0].tool_call_id: this member is required"),
        (
            with_message(&call(json!({"type": "function", "function": {"name": "f", "arguments": "{}"}}))),
            "messages[0].tool_calls[0].id: this member is required",
        ),
        (
            with_message(&call(json!({"id": "a", "type": "function", "function": {"arguments": "{}"}}))),
            "messages[0].tool_calls[0].function.name: this member is required",
        ),
        (
            with_message(&json!({"role": "function", "name": "f", "content": "x"})),
            "messages[0].role: `function` is deprecated and not supported; use `tool`",
        ),
    ];
    for (body, message) in table {
        assert_eq!(fault(&body), message);
    }
}

#[test]
fn faults_of_parameters_are_named_with_their_path() {
    let fault_of = |member: &str, value: Value| {
        let mut body = with_message(&json!({"role": "user", "content": "x"}));
        body[member] = value;
        fault(&body)
    };
    assert!(fault_of("max_tokens", json!("x")).starts_with("max_tokens: invalid type"));
    assert_eq!(fault_of("temperature", json!("hot")), "temperature: expected a number");
    assert_eq!(fault_of("stop", json!([1])), "stop[0]: expected a string");
    assert_eq!(fault_of("tool_choice", json!("maybe")), "tool_choice: unknown choice `maybe`");
    assert_eq!(fault_of("reasoning_effort", json!("hard")), "reasoning_effort: unknown effort `hard`");
    assert_eq!(fault_of("response_format", json!({"type": "xml"})), "response_format.type: unknown format `xml`");
    assert_eq!(fault_of("tools", json!([{"type": "function"}])), "tools[0].function: this member is required");
    assert!(fault_of("functions", json!([{"name": "f"}])).starts_with("functions: deprecated"));
}

#[test]
fn a_tool_schema_without_properties_or_with_a_list_of_types_is_kept_letter_for_letter() {
    let body = r#"{"messages":[{"role":"user","content":"x"}],"tools":[
        {"type":"function","function":{"name":"a","parameters":{"type": ["object","null"],"x":1.50}}},
        {"type":"function","function":{"name":"b"}}]}"#;
    let request = Protocol::Chat.codec().decode(&Str::from_static(body)).unwrap();
    let schemas: Vec<Option<&str>> = request
        .tools
        .iter()
        .filter_map(|tool| match &tool.kind {
            ToolKind::Function { schema, .. } => Some(schema.as_ref().map(rm_protocol::ir::Raw::as_str)),
            ToolKind::Custom { .. } | ToolKind::Hosted { .. } => None,
        })
        .collect();
    assert_eq!(schemas, [Some(r#"{"type": ["object","null"],"x":1.50}"#), None]);
}

#[test]
fn text_of_the_request_is_not_copied() {
    let body = Str::from_static(r#"{"messages":[{"role":"user","content":"no escapes here"}]}"#);
    let request = Protocol::Chat.codec().decode(&body).unwrap();
    let PartKind::Text(text) = &request.turns[0].parts[0].kind else { unreachable!("text") };
    assert_eq!(text.as_ptr(), body[body.find("no escapes").unwrap()..].as_ptr());
}

#[test]
fn a_data_url_becomes_its_media_type_and_data_and_an_address_stays_one() {
    let image = |url: &str| {
        let part = json!({"type": "image_url", "image_url": {"url": url, "detail": "low"}});
        match &decode(&with_message(&json!({"role": "user", "content": [part]}))).turns[0].parts[0].kind {
            PartKind::Image { source, .. } => source.clone(),
            _ => unreachable!("an image"),
        }
    };
    let inline = Source::Base64 { media_type: "image/png".into(), data: "aGk=".into() };
    assert_eq!(image("data:image/png;base64,aGk="), inline);
    assert_eq!(image("https://images.example.com/a.png"), Source::Url("https://images.example.com/a.png".into()));
}

#[test]
fn a_tool_message_is_one_result_and_roles_stay_where_they_are() {
    let request = decode(&json!({"model": "m", "messages": [
        {"role": "user", "content": "a"},
        {"role": "system", "content": "b"},
        {"role": "tool", "tool_call_id": "c", "content": "d"},
    ]}));
    let roles: Vec<Role> = request.turns.iter().map(|turn| turn.role).collect();
    assert_eq!(roles, [Role::User, Role::System, Role::Tool]);
    let PartKind::ToolResult(result) = &request.turns[2].parts[0].kind else { unreachable!("a result") };
    assert_eq!((&*result.call_id, result.form, result.is_error), ("c", Form::Text, None));
}

#[test]
fn reasoning_that_this_router_gave_out_twice_is_read_once() {
    let request = decode(&with_message(&json!({
        "role": "assistant", "content": "so",
        "reasoning_content": "one two",
        "reasoning_details": [
            {"type": "reasoning.text", "text": "one ", "signature": seal("o", "s1")},
            {"type": "reasoning.encrypted", "data": seal("o", "blob")},
            {"type": "reasoning.text", "text": "two", "signature": seal("o", "s2")},
        ],
    })));
    let blocks: Vec<&Reasoning> = request.turns[0]
        .parts
        .iter()
        .filter_map(|part| match &part.kind {
            PartKind::Reasoning(reasoning) => Some(reasoning),
            _ => None,
        })
        .collect();
    let shown: Vec<(&str, bool)> = blocks.iter().map(|block| (&*block.text, block.redacted.is_some())).collect();
    assert_eq!(shown, [("one ", false), ("", true), ("two", false)]);
    assert_eq!(blocks[0].signature.as_deref(), Some(&*seal("o", "s1")));
}

#[test]
fn choices_caps_and_the_end_user_are_read_in_both_spellings() {
    let request = decode(&json!({
        "messages": [{"role": "user", "content": "x"}],
        "max_tokens": 5, "max_completion_tokens": 7, "user": "u", "safety_identifier": "s", "stop": "END",
        "tool_choice": {"type": "allowed_tools", "allowed_tools": {"mode": "required",
            "tools": [{"type": "function", "function": {"name": "f"}}]}},
        "provider": {"order": []}, "models": [], "allowed_models": [], "plugins": [],
    }));
    assert_eq!((request.sampling.max_tokens, request.sampling.max_tokens_is_completion), (Some(7), true));
    assert_eq!(request.user.as_deref(), Some("s"));
    assert_eq!((request.sampling.stop.len(), request.sampling.stop_is_text), (1, true));
    assert_eq!(request.tool_choice, Some(ToolChoice::Allowed { names: vec!["f".into()], required: true }));
    let said: Vec<&str> =
        request.extras.fields.iter().filter(|(_, raw)| !raw.is_null()).map(|(key, _)| &**key).collect();
    assert_eq!(said, ["max_tokens", "user"], "members of the router are nobody's loss");
}
