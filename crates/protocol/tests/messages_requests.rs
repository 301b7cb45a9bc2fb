//! What a Messages upstream gets from a client of another protocol. Requests are made in the intermediate form, as the
//! Chat reader makes them.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::default_trait_access,
    clippy::needless_pass_by_value,
    reason = "tests"
)]

mod messages_support;

use messages_support::{OWNER, decode, encoded, target};
use rm_protocol::{
    Codec, Dialect, Protocol, Str, Target,
    ir::{
        CacheMark, CallKind, Effort, Extras, Form, OutputFormat, Part, PartKind, Raw, Reasoning, Request, Role,
        Sampling, Source, Stand, Thinking, Tool, ToolCall, ToolChoice, ToolKind, ToolResult, Turn, seal,
    },
    messages::{self, Messages},
};
use serde_json::{Value, json};

const MODEL: &str = "claude-sonnet-4-5";

fn raw(value: Value) -> Raw {
    Raw(value.to_string().into())
}

fn part(kind: PartKind) -> Part {
    Part::new(Protocol::Chat, kind)
}

fn text(text: &str) -> Part {
    part(PartKind::Text(text.into()))
}

fn turn(role: Role, parts: Vec<Part>) -> Turn {
    let form = if parts.len() == 1 { Form::Text } else { Form::List };
    Turn { role, name: None, parts, form, extras: Extras::none(Protocol::Chat) }
}

fn user(words: &str) -> Turn {
    turn(Role::User, vec![text(words)])
}

fn call(id: &str, arguments: &str) -> Part {
    let call = ToolCall { id: id.into(), name: "find".into(), kind: CallKind::Function, arguments: arguments.into() };
    part(PartKind::ToolCall(call))
}

fn result(id: &str, words: &str) -> Turn {
    let result = ToolResult { call_id: id.into(), content: vec![text(words)], form: Form::Text, is_error: None };
    turn(Role::Tool, vec![part(PartKind::ToolResult(result))])
}

fn reasoning(words: &str, signature: Option<String>) -> Part {
    part(PartKind::Reasoning(Reasoning { text: words.into(), signature: signature.map(Str::from), redacted: None }))
}

fn function(name: &str) -> Tool {
    let kind = ToolKind::Function {
        name: name.into(),
        description: None,
        schema: Some(raw(json!({"type": "object", "properties": {"q": {"type": "string"}}}))),
        strict: None,
    };
    Tool { kind, cache: None, extras: Extras::none(Protocol::Chat) }
}

fn chat(turns: Vec<Turn>) -> Request {
    Request {
        model: "m".into(),
        system: Vec::new(),
        system_form: Form::Absent,
        turns,
        tools: Vec::new(),
        tool_choice: None,
        parallel_tools: None,
        output: None,
        sampling: Sampling::default(),
        thinking: Thinking::default(),
        stream: None,
        include_usage: false,
        user: None,
        cache_key: None,
        cache: None,
        extras: Extras::none(Protocol::Chat),
    }
}

/// A tool loop: question, calls, answers.
fn tool_loop(answers: Vec<Turn>) -> Request {
    let calls = vec![text(""), call("a", r#"{"q": 1.50}"#), call("b", "")];
    let mut turns = vec![user("hi"), turn(Role::Assistant, calls)];
    turns.extend(answers);
    Request { tools: vec![function("find")], ..chat(turns) }
}

/// The body without marks, and the losses.
fn plain(request: &Request, model: &str) -> (Value, String) {
    fn strip(value: &mut Value) {
        match value {
            Value::Object(members) => {
                members.shift_remove("cache_control");
                members.values_mut().for_each(strip);
            }
            Value::Array(list) => list.iter_mut().for_each(strip),
            _ => {}
        }
    }
    let (mut body, losses) = encoded(request, &target(model));
    strip(&mut body);
    (body, losses)
}

fn said(words: &str) -> Value {
    json!([{"type": "text", "text": words}])
}

#[test]
fn results_lead_the_next_user_message_in_call_order_and_doubles_are_left_out() {
    let (body, losses) =
        plain(&tool_loop(vec![result("b", "two"), user("go on"), result("a", "one"), result("a", "again")]), MODEL);
    assert_eq!(
        body["messages"][2],
        json!({"role": "user", "content": [
            {"type": "tool_result", "tool_use_id": "a", "content": "one"},
            {"type": "tool_result", "tool_use_id": "b", "content": "two"},
            {"type": "text", "text": "go on"},
        ]})
    );
    assert_eq!(losses, "dropped messages[5].content (a second result of one call)\n");
}

#[test]
fn a_missing_result_is_made_up_as_an_error_and_an_orphan_becomes_user_text() {
    let (body, losses) = plain(&tool_loop(vec![result("b", "two"), result("zz", "lost")]), MODEL);
    assert_eq!(
        body["messages"][2]["content"],
        json!([
            {"type": "tool_result", "tool_use_id": "a", "content": "(no result)", "is_error": true},
            {"type": "tool_result", "tool_use_id": "b", "content": "two"},
            {"type": "text", "text": "Result of the tool call zz:"},
            {"type": "text", "text": "lost"},
        ])
    );
    assert!(losses.contains("approximated messages[3].content") && losses.contains("messages[1].tool_calls[0]"));
}

#[test]
fn empty_text_beside_calls_vanishes_and_arguments_become_objects_with_their_digits() {
    let encoded = Messages.encode(&tool_loop(vec![result("a", ""), result("b", "x")]), &target(MODEL)).unwrap();
    let body = String::from_utf8(encoded.body.to_vec()).unwrap();
    assert!(body.contains(r#"{"role":"assistant","content":[{"type":"tool_use","id":"a","name":"find","input":{"q": 1.50}},{"type":"tool_use","id":"b","name":"find","input":{}}]}"#), "{body}");
    assert!(!body.contains(r#""text":"""#));
}

#[test]
fn arguments_that_are_no_json_object_are_kept_as_raw_text() {
    let calls = turn(Role::Assistant, vec![call("a", r#"{"q": "Os"#), call("b", "[1]")]);
    let (body, _) = plain(&chat(vec![user("hi"), calls, result("a", "1"), result("b", "2")]), MODEL);
    assert_eq!(body["messages"][1]["content"][0]["input"], json!({"_raw": "{\"q\": \"Os"}));
    assert_eq!(body["messages"][1]["content"][1]["input"], json!({"_raw": "[1]"}));
}

#[test]
fn ids_and_names_outside_the_pattern_are_shortened_the_same_way_everywhere_and_mapped_back() {
    let id = "call|1/é".repeat(20);
    let name = "mcp.server/".repeat(20);
    let mut request = chat(vec![user("hi"), turn(Role::Assistant, vec![call(&id, "{}")]), result(&id, "x")]);
    request.tools = vec![function(&name)];
    request.tool_choice = Some(ToolChoice::Function(name.as_str().into()));
    let encoded = Messages.encode(&request, &target(MODEL)).unwrap();
    let body: Value = serde_json::from_slice(&encoded.body).unwrap();
    let sent_id = body["messages"][1]["content"][0]["id"].as_str().unwrap();
    let sent_name = body["tools"][0]["name"].as_str().unwrap();
    assert_eq!(body["messages"][2]["content"][0]["tool_use_id"], sent_id);
    assert_eq!(body["tool_choice"]["name"], sent_name);
    assert_eq!(encoded.names.original(sent_name), (name.as_str(), Stand::Function));
    for sent in [sent_id, sent_name] {
        assert!(sent.len() <= 128 && sent.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-".contains(&b)));
    }
}

#[test]
fn an_id_that_a_later_turn_uses_again_gets_a_number_with_its_result() {
    let step = || [turn(Role::Assistant, vec![call("call_0", "{}")]), result("call_0", "x")];
    let turns = [vec![user("hi")], step().to_vec(), step().to_vec()].concat();
    let (body, _) = plain(&chat(turns), MODEL);
    assert_eq!(body["messages"][1]["content"][0]["id"], "call_0");
    assert_eq!(body["messages"][3]["content"][0]["id"], "call_0_2");
    assert_eq!(body["messages"][4]["content"][0]["tool_use_id"], "call_0_2");
}

#[test]
fn neighbours_of_one_role_are_joined_and_the_first_message_is_the_users() {
    let turns = vec![
        turn(Role::Assistant, vec![text("one")]),
        turn(Role::Assistant, vec![text("two")]),
        user("a"),
        turn(Role::Assistant, vec![text("")]),
        user("b"),
    ];
    let (body, losses) = plain(&chat(turns), MODEL);
    let two = |a: &str, b: &str| json!([{"type": "text", "text": a}, {"type": "text", "text": b}]);
    assert_eq!(body["messages"][1], json!({"role": "assistant", "content": two("one", "two")}));
    assert_eq!(body["messages"][2], json!({"role": "user", "content": two("a", "b")}));
    assert_eq!(body["messages"][0]["role"], "user");
    assert!(losses.contains("approximated messages "));
}

#[test]
fn leading_instructions_become_system_blocks_and_later_ones_keep_their_place() {
    let turns = vec![
        turn(Role::System, vec![text("one")]),
        turn(Role::Developer, vec![text("two")]),
        user("hi"),
        turn(Role::System, vec![text("late")]),
        user("again"),
    ];
    let request = chat(turns);
    let (body, losses) = plain(&request, "claude-opus-5-5");
    assert_eq!(body["system"], json!([{"type": "text", "text": "one"}, {"type": "text", "text": "two"}]));
    assert_eq!(body["messages"][1], json!({"role": "system", "content": said("late")}));
    assert_eq!(losses, "");
    let (body, losses) = plain(&request, MODEL);
    assert_eq!(body["messages"][0]["content"][1]["text"], "<system>\nlate\n</system>");
    assert!(losses.contains("approximated messages[3]"));
}

#[test]
fn a_beginning_of_the_answer_is_kept_by_old_models_and_newer_ones_are_told_to_go_on() {
    let request = chat(vec![user("bird?"), turn(Role::Assistant, vec![text("A fine bird is the ")])]);
    let (body, _) = plain(&request, MODEL);
    assert_eq!(body["messages"][1]["content"], said("A fine bird is the"));
    let (body, losses) = plain(&request, "claude-sonnet-4-6");
    assert_eq!(body["messages"][2], json!({"role": "user", "content": said("Continue.")}));
    assert!(losses.contains("approximated messages"));
}

#[test]
fn a_request_without_marks_gets_four_and_explicit_ones_map_one_to_one() {
    let mut request =
        tool_loop(vec![result("a", "1"), result("b", "2"), turn(Role::Assistant, vec![text("ok")]), user("next")]);
    request.turns.insert(0, turn(Role::System, vec![text("rules")]));
    let (body, _) = encoded(&request, &target(MODEL));
    let mark = json!({"type": "ephemeral"});
    for path in ["/tools/0", "/system/0", "/messages/2/content/1", "/messages/4/content/0"] {
        assert_eq!(body.pointer(path).unwrap()["cache_control"], mark, "{path}");
    }
    assert_eq!(body.to_string().matches("cache_control").count(), 4);
    let breakpoint = raw(json!({"mode": "explicit", "ttl": "12h"}));
    request.turns[0].parts[0].cache = Some(CacheMark { maker: Protocol::Chat, raw: breakpoint });
    let (body, _) = encoded(&request, &target(MODEL));
    assert_eq!(body["system"][0]["cache_control"], json!({"type": "ephemeral", "ttl": "1h"}));
    assert_eq!(body.to_string().matches("cache_control").count(), 1);
}

#[test]
fn sealed_thinking_returns_to_its_owner_and_all_other_reasoning_is_left_out_never_shown_as_text() {
    let parts = vec![
        reasoning("mine", Some(seal(OWNER, "c2ln"))),
        reasoning("theirs", Some(seal("other:x", "c2ln"))),
        reasoning("unsigned", None),
        text("said"),
    ];
    let (body, losses) = plain(&chat(vec![user("hi"), turn(Role::Assistant, parts), user("on")]), "claude-opus-4-8");
    assert_eq!(
        body["messages"][1]["content"],
        json!([{"type": "thinking", "thinking": "mine", "signature": "c2ln"}, {"type": "text", "text": "said"}])
    );
    assert!(
        losses.contains("dropped messages[1].reasoning_details") && losses.contains("messages[1].reasoning_content")
    );
}

#[test]
fn manual_thinking_is_turned_off_when_the_tool_loop_lost_its_thinking() {
    let mut request = tool_loop(vec![result("a", "1"), result("b", "2")]);
    request.thinking.effort = Some(Effort::High);
    let (body, losses) = plain(&request, MODEL);
    assert_eq!(body.get("thinking"), None);
    assert!(losses.contains("dropped reasoning_effort"));
    request.turns[1].parts.insert(0, reasoning("why", Some(seal(OWNER, "c2ln"))));
    assert_eq!(plain(&request, MODEL).0["thinking"], json!({"type": "enabled", "budget_tokens": 8192}));
    let (body, _) = plain(&request, "claude-opus-4-8");
    assert_eq!(body["thinking"], json!({"type": "adaptive", "display": "summarized"}));
    assert_eq!(body["output_config"], json!({"effort": "high"}));
}

#[test]
fn the_thinking_budget_stays_below_the_cap_on_output() {
    let mut request = chat(vec![user("hi")]);
    request.thinking.effort = Some(Effort::Max);
    request.sampling.max_tokens = Some(5000);
    let (body, losses) = plain(&request, MODEL);
    assert_eq!(body["thinking"]["budget_tokens"], 4999);
    assert!(losses.contains("approximated reasoning_effort"));
    request.sampling.max_tokens = None;
    let (body, _) = plain(&request, MODEL);
    assert!(body["max_tokens"].as_u64().unwrap() > body["thinking"]["budget_tokens"].as_u64().unwrap());
}

#[test]
fn a_forced_call_excludes_thinking_and_models_that_take_no_force_are_asked_freely() {
    let mut request = chat(vec![user("hi")]);
    request.tools = vec![function("find")];
    request.tool_choice = Some(ToolChoice::Required);
    request.parallel_tools = Some(false);
    request.thinking.effort = Some(Effort::Low);
    let (body, losses) = plain(&request, "claude-opus-4-8");
    assert_eq!(body["tool_choice"], json!({"type": "any", "disable_parallel_tool_use": true}));
    assert_eq!(body["thinking"], json!({"type": "disabled"}));
    assert!(losses.contains("dropped reasoning_effort"));
    let (body, losses) = plain(&request, "claude-opus-5-5");
    assert_eq!(body["tool_choice"]["type"], "auto");
    assert_eq!(body["output_config"]["effort"], "low");
    assert!(losses.contains("approximated tool_choice"));
}

#[test]
fn parallel_calls_off_without_a_choice_becomes_auto_with_the_flag() {
    let request = Request { tools: vec![function("find")], parallel_tools: Some(false), ..chat(vec![user("hi")]) };
    let (body, _) = plain(&request, MODEL);
    assert_eq!(body["tool_choice"], json!({"type": "auto", "disable_parallel_tool_use": true}));
}

fn schema_request() -> Request {
    let schema = raw(
        json!({"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"], "additionalProperties": false}),
    );
    let output =
        OutputFormat::JsonSchema { name: Some("reading".into()), description: None, schema, strict: Some(true) };
    Request { output: Some(output), ..chat(vec![user("hi")]) }
}

#[test]
fn a_schema_goes_to_the_format_of_newer_models_and_older_ones_answer_through_a_forced_tool() {
    let request = schema_request();
    let (body, losses) = plain(&request, MODEL);
    assert_eq!(body["output_config"]["format"]["schema"]["required"], json!(["n"]));
    assert_eq!(losses, "");
    let encoded = Messages.encode(&request, &target("claude-opus-4-1")).unwrap();
    let body: Value = serde_json::from_slice(&encoded.body).unwrap();
    assert_eq!(body["tool_choice"], json!({"type": "tool", "name": "reading"}));
    assert_eq!(body["tools"][0]["input_schema"]["required"], json!(["n"]));
    assert_eq!(encoded.names.original("reading").1, Stand::Output);
    assert_eq!(encoded.losses.header(99).unwrap(), "response_format=approximated");
}

#[test]
fn json_mode_becomes_an_instruction() {
    let request = Request { output: Some(OutputFormat::JsonObject), ..chat(vec![user("hi")]) };
    let (body, losses) = plain(&request, MODEL);
    assert!(body["system"][0]["text"].as_str().unwrap().contains("JSON object"));
    assert_eq!(losses, "approximated response_format (asked for in words)\n");
}

#[test]
fn a_custom_tool_becomes_a_function_with_one_text_in_the_offer_and_in_the_history() {
    let kind = ToolKind::Custom {
        name: "sql".into(),
        description: Some("Runs SQL".into()),
        format: Some(raw(json!({"type": "text"}))),
    };
    let made =
        ToolCall { id: "c".into(), name: "sql".into(), kind: CallKind::Custom, arguments: "select \"1\"".into() };
    let mut request =
        chat(vec![user("hi"), turn(Role::Assistant, vec![part(PartKind::ToolCall(made))]), result("c", "1")]);
    request.tools = vec![Tool { kind, cache: None, extras: Extras::none(Protocol::Chat) }];
    let encoded = Messages.encode(&request, &target(MODEL)).unwrap();
    let body: Value = serde_json::from_slice(&encoded.body).unwrap();
    assert_eq!(body["tools"][0]["input_schema"]["required"], json!(["input"]));
    assert_eq!(body["messages"][1]["content"][0]["input"], json!({"input": "select \"1\""}));
    assert_eq!(encoded.names.original("sql"), ("sql", Stand::Custom));
}

#[test]
fn calls_in_a_history_without_tools_get_stand_ins_that_cannot_be_called() {
    let mut request = tool_loop(vec![result("a", "1"), result("b", "2")]);
    request.tools.clear();
    let (body, losses) = plain(&request, MODEL);
    assert_eq!(body["tools"][0]["name"], "find");
    assert_eq!(body["tool_choice"], json!({"type": "none"}));
    assert!(losses.contains("approximated tools"));
}

#[test]
fn pictures_and_documents_stay_what_they_are() {
    let image = |url: &str| part(PartKind::Image { source: Source::Url(url.into()), detail: None });
    let base64 = |media: &str, data: &str| Source::Base64 { media_type: media.into(), data: data.into() };
    let document = |source| part(PartKind::Document { source, name: Some("a".into()) });
    let parts = vec![
        image("https://images.example.com/a.png"),
        image("data:image/png;base64,aGk="),
        document(base64("application/pdf", "JVBE")),
        document(base64("text/plain", "aGk=")),
    ];
    let (body, losses) = plain(&chat(vec![turn(Role::User, parts)]), MODEL);
    let content = &body["messages"][0]["content"];
    assert_eq!(content[0]["source"], json!({"type": "url", "url": "https://images.example.com/a.png"}));
    assert_eq!(content[1]["source"], json!({"type": "base64", "media_type": "image/png", "data": "aGk="}));
    assert_eq!(
        content[2],
        json!({"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": "JVBE"}, "title": "a"})
    );
    assert_eq!(content[3]["source"], json!({"type": "text", "media_type": "text/plain", "data": "hi"}));
    assert_eq!(losses, "");
}

#[test]
fn what_would_change_the_meaning_is_refused_with_its_path() {
    let refused = |request: &Request| Messages.encode(request, &target(MODEL)).unwrap_err().path;
    let with = |key: &'static str, value: Value| {
        let mut request = chat(vec![user("hi")]);
        request.extras.fields.push((Str::from_static(key), raw(value)));
        request
    };
    assert_eq!(refused(&with("n", json!(2))), "n");
    assert_eq!(refused(&with("modalities", json!(["text", "audio"]))), "modalities");
    let of = |kind| chat(vec![turn(Role::User, vec![text("a"), part(kind)])]);
    let sound = PartKind::Audio { data: "aGk=".into(), format: "wav".into() };
    assert_eq!(refused(&of(sound)), "messages[0].content[1]");
    let file = Source::File { maker: Protocol::Chat, id: "file-1".into() };
    assert_eq!(refused(&of(PartKind::Document { source: file, name: None })), "messages[0].content[1]");
    let word = Source::Base64 { media_type: "application/msword".into(), data: "aGk=".into() };
    assert_eq!(refused(&of(PartKind::Document { source: word, name: None })), "messages[0].content[1]");
}

#[test]
fn hints_without_a_counterpart_are_listed_and_values_that_say_nothing_are_not() {
    let mut request = chat(vec![user("hi")]);
    request.cache_key = Some("k".into());
    for (key, value) in [
        ("n", json!(1)),
        ("store", json!(false)),
        ("metadata", json!({"a": "b"})),
        ("seed", json!(7)),
        ("logit_bias", json!({})),
        ("modalities", json!(["text"])),
    ] {
        request.extras.fields.push((Str::from_static(key), raw(value)));
    }
    let header = Messages.encode(&request, &target(MODEL)).unwrap().losses.header(200).unwrap();
    assert_eq!(header, "metadata=dropped, seed=dropped, prompt_cache_key=dropped");
}

#[test]
fn the_cap_on_output_is_filled_in_by_model_and_never_above_its_limit() {
    let mut request = chat(vec![user("hi")]);
    let cap = |request: &Request, model: &str| plain(request, model).0["max_tokens"].as_u64().unwrap();
    assert_eq!(cap(&request, MODEL), 32_000);
    assert_eq!(cap(&request, "claude-3-5-haiku"), 8192);
    assert_eq!(cap(&request, "kimi-k2"), 8192);
    request.sampling.max_tokens = Some(1_000_000);
    assert_eq!(cap(&request, MODEL), 64_000);
    assert_eq!(cap(&request, "kimi-k2"), 1_000_000);
}

#[test]
fn members_stand_in_a_fixed_order_with_the_messages_last() {
    let mut request = tool_loop(vec![result("a", "1"), result("b", "2")]);
    request.turns.insert(0, turn(Role::System, vec![text("rules")]));
    request.stream = Some(true);
    request.user = Some("u".into());
    let encoded = Messages.encode(&request, &target(MODEL)).unwrap();
    let body: serde_json::Map<String, Value> = serde_json::from_slice(&encoded.body).unwrap();
    let keys: Vec<_> = body.keys().map(String::as_str).collect();
    assert_eq!(keys, ["model", "max_tokens", "stream", "metadata", "tools", "system", "messages"]);
}

fn claude_code() -> Value {
    json!({
        "model": "claude-opus-5-5", "max_tokens": 100,
        "system": [
            {"type": "text", "text": "x-anthropic-billing-header: cch=abc;"},
            {"type": "text", "text": "Rules.", "cache_control": {"type": "ephemeral", "scope": "global", "ttl": "1h"}},
        ],
        "context_management": {"edits": []},
        "messages": [{"role": "user", "content": "hi"}],
    })
}

#[test]
fn the_billing_block_and_beta_fields_reach_anthropic_and_no_other_upstream() {
    let request = decode(&claude_code());
    assert_eq!(encoded(&request, &target("claude-opus-5-5")), (claude_code(), String::new()));
    let elsewhere = Target { dialect: Dialect::default(), ..target("glm-5") };
    let (body, losses) = encoded(&request, &elsewhere);
    assert_eq!(
        body["system"],
        json!([{"type": "text", "text": "Rules.", "cache_control": {"type": "ephemeral", "ttl": "1h"}}])
    );
    assert_eq!(body.get("context_management"), None);
    assert!(losses.contains("dropped context_management") && losses.contains("cache_control.scope"));
    assert!(!losses.contains("system[0]"), "the billing block is no loss");
}

#[test]
fn thinking_that_another_upstream_made_is_taken_out_of_a_messages_request_too() {
    let body = |signature: String| {
        json!({"model": "claude-opus-4-1", "max_tokens": 9000, "thinking": {"type": "enabled", "budget_tokens": 2000},
        "tools": [{"name": "find", "input_schema": {"type": "object"}}],
        "messages": [
            {"role": "user", "content": "hi"},
            {"role": "assistant", "content": [{"type": "thinking", "thinking": "x", "signature": signature}, {"type": "tool_use", "id": "a", "name": "find", "input": {}}]},
            {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "a", "content": "1"}]},
        ]})
    };
    let sent = |body: Value| encoded(&decode(&body), &target("claude-opus-4-1"));
    let (own, _) = sent(body(seal(OWNER, "c2ln")));
    assert_eq!(own["messages"][1]["content"][0]["signature"], "c2ln");
    let (foreign, losses) = sent(body(seal("deepseek:r", "")));
    assert_eq!(foreign["messages"][1]["content"][0]["type"], "tool_use");
    assert_eq!(foreign.get("thinking"), None, "manual thinking is off for this call");
    assert!(losses.contains("dropped messages[1].content[0]") && losses.contains("dropped thinking"));
    assert!(messages::carries_seal(body(seal("o", "")).to_string().as_bytes()));
    assert!(!messages::carries_seal(body("c2ln".into()).to_string().as_bytes()));
}

#[test]
fn what_only_a_messages_upstream_can_do_is_told_before_a_translation() {
    let needs = |more: Value| {
        let mut body = claude_code();
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        messages::needs_native(&decode(&body)).map(|error| error.path)
    };
    assert_eq!(needs(json!({})), None);
    assert_eq!(needs(json!({"thread": null, "mcp_servers": []})), None);
    assert_eq!(needs(json!({"thread": {"type": "create"}})).as_deref(), Some("thread"));
    assert_eq!(needs(json!({"container": "c"})).as_deref(), Some("container"));
    let search = json!({"tools": [{"type": "web_search_20250305", "name": "web_search"}]});
    assert_eq!(needs(search.clone()), None);
    let mut forced = search;
    forced["tool_choice"] = json!({"type": "tool", "name": "web_search"});
    assert_eq!(needs(forced).as_deref(), Some("tool_choice"));
}

#[test]
fn a_refused_thread_is_answered_with_the_details_the_sdk_looks_for() {
    let mut body = claude_code();
    body["thread"] = json!({"type": "create"});
    let refusal = messages::needs_native(&decode(&body)).unwrap();
    let json: Value = serde_json::from_slice(&Messages.error_body(&refusal.into())).unwrap();
    let details = json!({"error_code": "thread_unsupported_request", "unsupported": ["thread"]});
    assert_eq!((&json["error"]["details"], &json["error"]["type"]), (&details, &json!("invalid_request_error")));
}

#[test]
fn faults_name_the_field() {
    let param = |change: &dyn Fn(&mut Value)| {
        let mut body = claude_code();
        change(&mut body);
        Messages.decode(&Str::from(body.to_string())).unwrap_err().param.unwrap()
    };
    let messages = |value: Value| param(&move |body: &mut Value| body["messages"] = value.clone());
    assert_eq!(param(&|body| drop(body.as_object_mut().unwrap().shift_remove("max_tokens"))), "max_tokens");
    assert_eq!(param(&|body| body["max_tokens"] = json!("9")), "max_tokens");
    assert_eq!(param(&|body| body["temperature"] = json!("hot")), "temperature");
    assert_eq!(param(&|body| body["system"] = json!([{"type": "image"}])), "system[0].type");
    assert_eq!(param(&|body| body["tools"] = json!([{"name": "a"}])), "tools[0].input_schema");
    assert_eq!(param(&|body| body["thinking"] = json!({"type": "enabled"})), "thinking.budget_tokens");
    assert_eq!(messages(json!([])), "messages");
    assert_eq!(messages(json!([{"role": "tool", "content": ""}])), "messages[0].role");
    assert_eq!(messages(json!([{"role": "user", "content": [{"type": "hologram"}]}])), "messages[0].content[0].type");
    assert_eq!(messages(json!([{"role": "user", "content": [{"type": "tool_use"}]}])), "messages[0].content[0].type");
    assert_eq!(
        messages(
            json!([{"role": "assistant", "content": [{"type": "tool_use", "id": "a", "name": "b", "input": "{}"}]}])
        ),
        "messages[0].content[0].input"
    );
    let nested = json!([{"role": "user", "content": [{"type": "tool_result", "tool_use_id": "a", "content": [{"type": "text", "text": 1}]}]}]);
    assert_eq!(messages(nested), "messages[0].content[0].content[0].text");
}

#[test]
fn a_count_request_needs_no_cap() {
    let body = Str::from(messages_support::corpus("anthropic.count-tokens.request.json"));
    assert!(Messages.decode(&body).is_err());
    assert_eq!(messages::decode_count(&body).unwrap().sampling.max_tokens, None);
}

#[test]
fn a_mark_inside_a_tool_result_counts_so_that_never_more_than_four_are_sent() {
    let mut request = tool_loop(vec![result("a", "1"), user("next")]);
    let PartKind::ToolResult(answer) = &mut request.turns[2].parts[0].kind else { panic!("a result") };
    answer.form = Form::List;
    let mark = || Some(CacheMark { maker: Protocol::Chat, raw: raw(json!({"mode": "explicit"})) });
    answer.content = (0..6).map(|n| Part { cache: mark(), ..text(&n.to_string()) }).collect();
    let (body, losses) = encoded(&request, &target(MODEL));
    let marked = body["messages"][2]["content"][0]["content"].as_array().unwrap().iter();
    assert_eq!(marked.filter(|block| block.get("cache_control").is_some()).count(), 4);
    assert_eq!(body.to_string().matches("cache_control").count(), 4);
    assert!(losses.contains("the last four were kept"), "{losses}");
}

#[test]
fn what_a_second_assistant_turn_says_stands_before_the_calls_of_the_first() {
    let mut request = tool_loop(vec![turn(Role::Assistant, vec![call("c", "{}"), text("more")]), result("c", "3")]);
    request.turns[1].parts.push(text("after"));
    let (body, _) = plain(&request, MODEL);
    let blocks = body["messages"][1]["content"].as_array().unwrap().iter();
    let order: Vec<_> = blocks.map(|block| block["id"].as_str().or(block["text"].as_str()).unwrap()).collect();
    assert_eq!(order, ["more", "a", "b", "after", "c"]);
}

#[test]
fn very_long_conversations_take_time_in_proportion() {
    const MANY: usize = 100_000;
    let named = |n: usize| {
        let PartKind::ToolCall(call) = call(&format!("c{n}"), "{}").kind else { panic!("a call") };
        part(PartKind::ToolCall(ToolCall { name: format!("tool{n}").as_str().into(), ..call }))
    };
    let mut turns = vec![user("hi")];
    turns.extend(
        (0..MANY).flat_map(|n| [turn(Role::Assistant, vec![named(n)]), turn(Role::Assistant, vec![text("so")])]),
    );
    turns.extend((0..MANY).rev().map(|n| result(&format!("c{n}"), "found")));
    turns.extend((0..MANY).map(|n| result(&format!("c{n}"), "again")));
    let encoded = Messages.encode(&chat(turns), &target(MODEL)).unwrap();
    let body: Value = serde_json::from_slice(&encoded.body).unwrap();
    assert_eq!(body["messages"][1]["content"].as_array().unwrap().len(), 2 * MANY);
    assert_eq!(body["messages"][2]["content"][0]["tool_use_id"], "c0");
    assert_eq!(body["messages"][2]["content"].as_array().unwrap().len(), MANY);
    assert_eq!(body["tools"].as_array().unwrap().len(), MANY);
}
