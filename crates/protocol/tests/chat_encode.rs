//! Requests of another protocol, written for a Chat upstream; answers of another protocol, written for a Chat client.
#![expect(clippy::unwrap_used, reason = "tests")]

use rm_protocol::{
    CannotEncode, Dialect, MaxTokensField, Protocol, Str, StreamStart, Target,
    ir::{
        CacheMark, CallKind, Effort, Extras, Form, Names, OutputFormat, Part, PartKind, Raw, Reasoning, Request,
        Response, Role, Sampling, Sealed, Source, Stand, StopReason, Thinking, ThinkingMode, Tool, ToolCall,
        ToolChoice, ToolKind, ToolResult, Turn, Usage, fit, seal,
    },
};
use serde_json::{Value, json};

const MAKER: Protocol = Protocol::Messages;

fn part(kind: PartKind) -> Part {
    Part::new(MAKER, kind)
}

fn text(text: &'static str) -> Part {
    part(PartKind::Text(text.into()))
}

fn call(id: &'static str, name: &'static str, arguments: &'static str) -> Part {
    let call = ToolCall { id: id.into(), name: name.into(), kind: CallKind::Function, arguments: arguments.into() };
    part(PartKind::ToolCall(call))
}

fn result(id: &'static str, content: Vec<Part>, is_error: Option<bool>) -> Part {
    part(PartKind::ToolResult(ToolResult { call_id: id.into(), content, form: Form::List, is_error }))
}

fn image() -> Part {
    let source = Source::Base64 { media_type: "image/png".into(), data: "aGk=".into() };
    part(PartKind::Image { source, detail: None })
}

fn thinking(text: &'static str, signature: &'static str) -> Part {
    part(PartKind::Reasoning(Reasoning { text: text.into(), signature: Some(signature.into()), redacted: None }))
}

fn turn(role: Role, parts: Vec<Part>) -> Turn {
    Turn { role, name: None, parts, form: Form::List, extras: Extras::none(MAKER) }
}

fn function(name: &'static str) -> Tool {
    let schema = Some(Raw(Str::from_static(r#"{"type":"object"}"#)));
    let kind = ToolKind::Function { name: name.into(), description: None, schema, strict: None };
    Tool { kind, cache: None, extras: Extras::none(MAKER) }
}

fn hosted(name: &str) -> Tool {
    let raw = Raw(format!(r#"{{"type":"web_search_20250305","name":"{name}"}}"#).into());
    let kind = ToolKind::Hosted { what: "web_search_20250305".into(), sealed: Sealed { maker: MAKER, raw } };
    Tool { kind, cache: None, extras: Extras::none(MAKER) }
}

fn request(turns: Vec<Turn>) -> Request {
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
        extras: Extras::none(MAKER),
    }
}

struct Sent {
    text: String,
    body: Value,
    losses: String,
    names: Names,
}

fn try_send(request: &Request, model: &str, dialect: Dialect) -> Result<Sent, CannotEncode> {
    let target = Target { model, owner: "deepseek:chat", dialect };
    let encoded = Protocol::Chat.codec().encode(request, &target)?;
    Ok(Sent {
        text: String::from_utf8(encoded.body.to_vec()).unwrap(),
        body: serde_json::from_slice(&encoded.body).unwrap(),
        losses: encoded.losses.to_string(),
        names: encoded.names,
    })
}

fn send(request: &Request) -> Sent {
    try_send(request, "gpt-4.1", Dialect::default()).unwrap()
}

fn hello() -> Vec<Turn> {
    vec![turn(Role::User, vec![text("Hi")])]
}

#[test]
fn system_comes_first_as_one_text_and_the_billing_block_of_claude_code_is_gone_without_a_loss() {
    let mut request = request(hello());
    request.system =
        vec![text("x-anthropic-billing-header: cc_version=1; cch=ab;"), text("Be terse."), text("Be kind.")];
    let sent = send(&request);
    assert_eq!(
        sent.body["messages"],
        json!([{"role": "system", "content": "Be terse.\n\nBe kind."}, {"role": "user", "content": "Hi"}])
    );
    assert_eq!(sent.losses, "");
}

#[test]
fn tool_results_follow_their_call_in_its_order_before_any_user_text_and_pictures_move_behind_them() {
    let sent = send(&request(vec![
        turn(Role::User, vec![text("Look")]),
        turn(Role::Assistant, vec![text("I "), text("look."), call("a", "f", r#"{"x": 1.50}"#), call("b", "g", "")]),
        turn(Role::User, vec![text("and?"), result("b", vec![text("B"), image()], Some(true))]),
        turn(Role::User, vec![result("a", vec![text("A")], None), text("so?"), image()]),
    ]));
    let picture = json!({"type": "image_url", "image_url": {"url": "data:image/png;base64,aGk="}});
    let function = |id: &str, name: &str, arguments: &str| json!({"id": id, "type": "function", "function": {"name": name, "arguments": arguments}});
    assert_eq!(
        sent.body["messages"],
        json!([
            {"role": "user", "content": "Look"},
            {"role": "assistant", "content": "I look.",
             "tool_calls": [function("a", "f", r#"{"x":1.50}"#), function("b", "g", "{}")]},
            {"role": "tool", "tool_call_id": "a", "content": "A"},
            {"role": "tool", "tool_call_id": "b", "content": "Error: B\n[image]"},
            {"role": "user", "content": [{"type": "text", "text": "From the result of tool call b:"}, picture]},
            {"role": "user", "content": "and?"},
            {"role": "user", "content": [{"type": "text", "text": "so?"}, picture]},
        ])
    );
    assert_eq!(
        sent.losses,
        "approximated messages[2].content[1].content[1] (moved into a user message behind the results)\n\
         approximated messages[2].content[1].is_error (as text before the result)\n"
    );
}

#[test]
fn a_missing_result_is_made_up_a_second_one_is_dropped_and_one_without_a_call_becomes_text() {
    let sent = send(&request(vec![
        turn(Role::User, vec![result("z", vec![text("lost")], None)]),
        turn(Role::Assistant, vec![call("a", "f", "{}"), call("b", "f", "{}")]),
        turn(Role::User, vec![result("a", vec![text("1")], None), result("a", vec![text("2")], None)]),
    ]));
    let roles: Vec<(&str, &str)> = sent.body["messages"]
        .as_array()
        .unwrap()
        .iter()
        .map(|message| (message["role"].as_str().unwrap(), message["content"].as_str().unwrap_or("null")))
        .collect();
    assert_eq!(roles, [("user", "lost"), ("assistant", "null"), ("tool", "1"), ("tool", "(no result)")]);
    assert_eq!(
        sent.losses,
        "approximated messages[0].content[0] (a result without a call, sent as text)\n\
         dropped messages[2].content[1] (a second result of one call)\n\
         approximated messages[1].content[1] (a call without a result)\n"
    );
}

#[test]
fn an_empty_assistant_turn_is_left_out_and_so_is_empty_text() {
    let sent = send(&request(vec![
        turn(Role::User, vec![text("a"), text("")]),
        turn(Role::Assistant, vec![text(""), thinking("hm", "sig")]),
        turn(Role::User, vec![text("b")]),
    ]));
    assert_eq!(sent.body["messages"], json!([{"role": "user", "content": "a"}, {"role": "user", "content": "b"}]));
    assert_eq!(sent.losses, "dropped messages[1].content[1] (the upstream does not take reasoning back)\n");
}

#[test]
fn thinking_is_replayed_only_where_it_is_wanted_and_never_as_visible_text() {
    let history = request(vec![
        turn(Role::User, vec![text("Hi")]),
        turn(Role::Assistant, vec![thinking("why", "sig"), text("so"), call("a", "f", "{}")]),
        turn(Role::User, vec![result("a", vec![text("A")], None)]),
        turn(Role::Assistant, vec![call("b", "f", "{}")]),
        turn(Role::User, vec![result("b", vec![text("B")], None)]),
    ]);
    let plain = send(&history);
    assert!(!plain.text.contains("why") && plain.losses.contains("messages[1].content[0]"));
    let dialect = Dialect { replay_reasoning: true, ..Dialect::default() };
    let replayed = try_send(&history, "deepseek-reasoner", dialect).unwrap();
    assert_eq!(replayed.body["messages"][1]["reasoning_content"], "why");
    assert_eq!(replayed.body["messages"][1]["content"], "so");
    assert_eq!(replayed.body["messages"][3]["reasoning_content"], "", "a call without its reasoning is refused there");
    assert_eq!(
        replayed.losses,
        "dropped messages[1].content[0].signature (a signature means something to its maker only)\n"
    );
}

#[test]
fn sealed_reasoning_of_a_chat_client_goes_back_to_its_owner_only() {
    let body = json!({"model": "m", "messages": [
        {"role": "user", "content": "Hi"},
        {"role": "assistant", "content": "so", "reasoning_details": [
            {"type": "reasoning.text", "text": "why", "signature": seal("deepseek:chat", "mine")},
            {"type": "reasoning.encrypted", "data": seal("anthropic:claude", "theirs")},
        ]},
    ]});
    let request = Protocol::Chat.codec().decode(&Str::from(body.to_string())).unwrap();
    let dialect = Dialect { replay_reasoning: true, ..Dialect::default() };
    let sent = try_send(&request, "m", dialect).unwrap();
    assert_eq!(
        sent.body["messages"][1]["reasoning_details"],
        json!([{"type": "reasoning.text", "text": "why", "signature": "mine"}])
    );
    let plain = try_send(&request, "m", Dialect::default()).unwrap();
    assert_eq!(plain.body["messages"][1], json!({"role": "assistant", "content": "so"}));
    assert_eq!(plain.losses, "dropped messages[1].reasoning_details (the upstream does not take reasoning back)\n");
}

#[test]
fn long_names_and_odd_ids_are_shortened_the_same_way_everywhere_and_map_back() {
    const LONG: &str = "mcp__a_server_with_a_very_long_name__and_a_tool_with_a_name_that_is_as_long";
    const ID: &str = "toolu_01|odd";
    let mut request = request(vec![
        turn(Role::User, vec![text("Hi")]),
        turn(Role::Assistant, vec![call(ID, LONG, "{}")]),
        turn(Role::User, vec![result(ID, vec![text("A")], None)]),
    ]);
    request.tools = vec![function(LONG)];
    request.tool_choice = Some(ToolChoice::Function(LONG.into()));
    let sent = send(&request);
    let short = fit(LONG, 64);
    let id = fit(ID, 64);
    assert!(short.len() == 64 && sent.names.original(&short) == (LONG, Stand::Function));
    assert_eq!(sent.body["tools"][0]["function"]["name"], *short);
    assert_eq!(sent.body["tool_choice"]["function"]["name"], *short);
    assert_eq!(sent.body["messages"][1]["tool_calls"][0]["function"]["name"], *short);
    assert_eq!(sent.body["messages"][1]["tool_calls"][0]["id"], *id);
    assert_eq!(sent.body["messages"][2]["tool_call_id"], *id);
    assert_eq!(sent.text, send(&request).text);
}

#[test]
fn caps_stops_and_sampling_follow_the_model() {
    let mut request = request(hello());
    let number = |digits: &'static str| Some(Raw(Str::from_static(digits)));
    request.sampling = Sampling {
        max_tokens: Some(64),
        temperature: number("0.70"),
        top_p: number("0.9"),
        top_k: number("5"),
        stop: ["a", "b", "c", "d", "e"].map(Str::from_static).to_vec(),
        ..Sampling::default()
    };
    let older = send(&request);
    assert!(older.text.contains(r#""max_tokens":64,"temperature":0.70,"top_p":0.9,"stop":["a","b","c","d"]"#));
    assert_eq!(older.losses, "dropped top_k\napproximated stop_sequences (only the first four)\n");
    let newer = try_send(&request, "openai/gpt-5.5", Dialect::default()).unwrap();
    assert_eq!(newer.body["max_completion_tokens"], 64);
    assert!(newer.body["temperature"].is_null() && newer.body["stop"].is_null());
    assert!(newer.losses.contains("dropped temperature") && newer.losses.contains("dropped stop_sequences"));
    let forced = Dialect { max_tokens: MaxTokensField::MaxTokens, ..Dialect::default() };
    assert_eq!(try_send(&request, "gpt-5.5", forced).unwrap().body["max_tokens"], 64);
}

#[test]
fn a_chat_clients_cap_takes_the_name_that_the_model_wants() {
    let body = Str::from_static(r#"{"messages":[{"role":"user","content":"x"}],"max_tokens":9,"stop":"END"}"#);
    let request = Protocol::Chat.codec().decode(&body).unwrap();
    let reasoning = try_send(&request, "o3", Dialect::default()).unwrap().body;
    assert_eq!((&reasoning["max_completion_tokens"], &reasoning["max_tokens"]), (&json!(9), &Value::Null));
    assert_eq!(send(&request).body["max_tokens"], 9);
    assert_eq!(send(&request).body["stop"], "END");
}

#[test]
fn budgets_and_efforts_become_the_nearest_effort_that_the_model_takes() {
    let effort = |model: &str, mode, effort| {
        let mut request = request(hello());
        request.thinking = Thinking { mode, effort, show: None };
        let sent = try_send(&request, model, Dialect::default()).unwrap();
        (sent.body["reasoning_effort"].as_str().map(str::to_owned), sent.losses)
    };
    let word = |word: &str| Some(word.to_owned());
    assert_eq!(effort("gpt-5.5", None, Some(Effort::High)), (word("high"), String::new()));
    assert_eq!(effort("gpt-5.5", Some(ThinkingMode::Budget(9000)), None).0, word("high"));
    assert_eq!(effort("o3", None, Some(Effort::Max)).0, word("high"));
    assert!(effort("o3", None, Some(Effort::Max)).1.starts_with("approximated output_config.effort"));
    assert_eq!(effort("gpt-5.5", Some(ThinkingMode::Disabled), None), (word("none"), String::new()));
    assert_eq!(effort("gpt-4.1", Some(ThinkingMode::Disabled), None), (None, String::new()));
    assert_eq!(effort("o3", Some(ThinkingMode::Disabled), None).0, None);
    assert!(effort("gpt-4.1", Some(ThinkingMode::Adaptive), Some(Effort::High)).1.contains("output_config.effort"));
}

#[test]
fn a_stream_is_asked_for_its_usage_where_the_upstream_knows_how() {
    let mut request = request(hello());
    request.include_usage = true;
    assert!(send(&request).body["stream_options"].is_null(), "it is a fault without a stream");
    request.stream = Some(true);
    assert_eq!(send(&request).body["stream_options"], json!({"include_usage": true}));
    let dialect = Dialect { stream_usage: false, ..Dialect::default() };
    assert!(try_send(&request, "m", dialect).unwrap().body["stream_options"].is_null());
    let chat =
        r#"{"messages":[{"role":"user","content":"x"}],"stream":true,"stream_options":{"include_usage":false,"x":1}}"#;
    let own = Protocol::Chat.codec().decode(&Str::from(chat)).unwrap();
    assert_eq!(send(&own).body["stream_options"], json!({"include_usage": true, "x": 1}));
}

#[test]
fn tools_that_only_their_vendor_runs_are_losses_unless_one_is_forced() {
    let mut request = request(hello());
    request.tools = vec![hosted("web_search"), function("f")];
    request.parallel_tools = Some(false);
    let sent = send(&request);
    assert_eq!(
        sent.body["tools"],
        json!([{"type": "function", "function": {"name": "f", "parameters": {"properties": {}, "type": "object"}}}])
    );
    assert_eq!(sent.body["parallel_tool_calls"], false);
    assert_eq!(sent.losses, "dropped tools[0] (a tool that only its vendor runs)\n");
    request.tool_choice = Some(ToolChoice::Function("web_search".into()));
    assert_eq!(try_send(&request, "m", Dialect::default()).err().unwrap().path, "tool_choice");
    request.tools.pop();
    request.tool_choice = Some(ToolChoice::Auto);
    let sent = send(&request);
    assert!(sent.body["tools"].is_null() && sent.body["parallel_tool_calls"].is_null());
}

#[test]
fn files_kept_at_another_vendor_and_documents_by_address_are_refused_with_their_place() {
    let refused = |kind: PartKind| {
        let request = request(vec![turn(Role::User, vec![text("Read"), part(kind)])]);
        try_send(&request, "m", Dialect::default()).err().map(|fault| fault.path)
    };
    let file = || Source::File { maker: MAKER, id: "file_1".into() };
    let path = Some("messages[0].content[1]".to_owned());
    assert_eq!(refused(PartKind::Image { source: file(), detail: None }), path);
    assert_eq!(refused(PartKind::Document { source: file(), name: None }), path);
    let url = Source::Url("https://example.com/a.pdf".into());
    assert_eq!(refused(PartKind::Document { source: url, name: None }), path);
}

#[test]
fn documents_go_as_files_and_plain_text_as_text() {
    let pdf = Source::Base64 { media_type: "application/pdf".into(), data: "aGk=".into() };
    let sent = send(&request(vec![turn(
        Role::User,
        vec![
            part(PartKind::Document { source: pdf, name: Some("a.pdf".into()) }),
            part(PartKind::Document { source: Source::Text("notes".into()), name: None }),
        ],
    )]));
    assert_eq!(
        sent.body["messages"][0]["content"],
        json!([
            {"type": "file", "file": {"file_data": "data:application/pdf;base64,aGk=", "filename": "a.pdf"}},
            {"type": "text", "text": "notes"},
        ])
    );
    assert_eq!(sent.losses, "approximated messages[0].content[1] (a text document, sent as text)\n");
}

#[test]
fn a_schema_for_the_answer_gets_a_name_and_is_strict_when_it_fits() {
    let format = |schema: &'static str| {
        let mut request = request(hello());
        let schema = Raw(Str::from_static(schema));
        request.output = Some(OutputFormat::JsonSchema { name: None, description: None, schema, strict: None });
        send(&request).body["response_format"]["json_schema"].clone()
    };
    let closed =
        r#"{"type":"object","properties":{"a":{"type":"integer"}},"required":["a"],"additionalProperties":false}"#;
    assert_eq!(format(closed)["strict"], true);
    assert_eq!(format(closed)["name"], "output");
    assert!(format(r#"{"type":"object","properties":{"a":{}}}"#)["strict"].is_null());
}

#[test]
fn what_only_messages_can_say_is_listed_with_its_place() {
    let mut request = request(vec![turn(Role::User, vec![text("Hi")])]);
    let mark = || Some(CacheMark { maker: MAKER, raw: Raw(Str::from_static(r#"{"type":"ephemeral"}"#)) });
    let raw = |json: &'static str| Raw(Str::from_static(json));
    request.turns[0].parts[0].cache = mark();
    request.system = vec![text("S")];
    request.system[0].cache = mark();
    request.tools = vec![function("f")];
    request.tools[0].extras.fields = vec![("defer_loading".into(), raw("true")), ("x".into(), raw("null"))];
    request.extras.fields = vec![("context_management".into(), raw("{}")), ("service_tier".into(), raw("\"auto\""))];
    request.user = Some("user_0123456789abcdef0123456789abcdef_account__session_0123456789abcdef".into());
    let sent = send(&request);
    assert_eq!(
        sent.losses,
        "dropped tools[0].defer_loading\napproximated metadata.user_id (shortened to 64 characters)\n\
         dropped context_management\ndropped service_tier\ndropped system[0].cache_control\n\
         dropped messages[0].content[0].cache_control\n"
    );
    assert_eq!(sent.body["user"].as_str().map(str::len), Some(64));
}

#[test]
fn each_turn_leaves_the_bytes_of_all_that_came_before_as_they_were() {
    let mut turns = Vec::new();
    let mut before: Option<String> = None;
    for round in 0..12 {
        turns.push(turn(Role::User, vec![text("Go on"), image()]));
        turns.push(turn(
            Role::Assistant,
            vec![thinking("hm", "s"), text("ok"), call("a", "f", "{}"), call("b", "f", "")],
        ));
        let results = vec![result("b", vec![image()], Some(true)), result("a", vec![text("A")], None), text("next")];
        turns.push(turn(Role::User, results));
        let mut request = request(turns.clone());
        request.system = vec![text("Be terse.")];
        request.tools = vec![function("f"), function("g")];
        let sent = send(&request).text;
        if let Some(before) = before {
            assert!(sent.starts_with(before.strip_suffix("]}").unwrap()), "turn {round}");
        }
        before = Some(sent);
    }
}

#[test]
fn members_stand_in_the_clients_order_inside_opaque_values_and_messages_come_last() {
    let body = r#"{"messages":[{"role":"user","content":"x"}],"tools":[{"type":"function","function":{"name":"f",
        "parameters":{"z":1,"a":{"y":2,"b":3}}}}],"metadata":{"z":"1","a":"2"},"seed":7}"#;
    let request = Protocol::Chat.codec().decode(&Str::from(body)).unwrap();
    let sent = send(&request).text;
    assert!(sent.contains(r#""parameters":{"z":1,"a":{"y":2,"b":3}}"#), "{sent}");
    assert!(sent.contains(r#""metadata":{"z":"1","a":"2"},"seed":7,"messages":["#), "{sent}");
}

fn start(names: Names) -> StreamStart {
    StreamStart {
        model: "anthropic/claude".into(),
        id: "abc".into(),
        created: 7,
        include_usage: false,
        input_estimate: 0,
        owner: "anthropic:claude".into(),
        names,
    }
}

fn answer(parts: Vec<Part>, stop: StopReason) -> Response {
    let usage = Usage { input: 2000, cache_read: 1800, cache_write: 100, output: 40, reasoning: 25 };
    Response {
        id: "msg_1".into(),
        model: "claude".into(),
        created: None,
        parts,
        stop,
        usage: Some(usage),
        others: Vec::new(),
        extras: Extras::none(MAKER),
    }
}

fn written(response: &Response, names: Names) -> Value {
    serde_json::from_slice(&Protocol::Chat.codec().encode_response(response, &start(names))).unwrap()
}

#[test]
fn a_foreign_answer_is_a_whole_chat_completion_with_sealed_proof_of_its_thinking() {
    let redacted = Reasoning { text: Str::new(), signature: None, redacted: Some("blob".into()) };
    let mut cited = text("the report");
    let citation = r#"[{"type":"web_search_result_location","url":"https://example.com","title":"T"}]"#;
    cited.extras.fields = vec![("citations".into(), Raw(Str::from_static(citation)))];
    let parts = vec![
        thinking("why", "sig"),
        part(PartKind::Reasoning(redacted)),
        text("See "),
        cited,
        call("toolu_1", "f", ""),
    ];
    let owner = "anthropic:claude";
    assert_eq!(
        written(&answer(parts, StopReason::ToolCalls), Names::default()),
        json!({
            "id": "msg_1", "object": "chat.completion", "created": 7, "model": "anthropic/claude",
            "choices": [{"index": 0, "finish_reason": "tool_calls", "logprobs": null, "message": {
                "role": "assistant", "content": "See the report", "refusal": null,
                "reasoning_content": "why",
                "reasoning_details": [
                    {"type": "reasoning.text", "text": "why", "signature": seal(owner, "sig")},
                    {"type": "reasoning.encrypted", "data": seal(owner, "blob")},
                ],
                "annotations": [{"type": "url_citation", "url_citation":
                    {"start_index": 4, "end_index": 14, "title": "T", "url": "https://example.com"}}],
                "tool_calls": [{"id": "toolu_1", "type": "function", "function": {"name": "f", "arguments": "{}"}}],
            }}],
            "usage": {
                "prompt_tokens": 2000, "completion_tokens": 40, "total_tokens": 2040,
                "prompt_tokens_details": {"cached_tokens": 1800, "cache_write_tokens": 100},
                "completion_tokens_details": {"reasoning_tokens": 25},
            },
        })
    );
}

#[test]
fn stand_ins_of_custom_tools_and_structured_answers_are_unwrapped() {
    let mut names = Names::default();
    names.push("run_sql".into(), "run_sql".into(), Stand::Custom);
    names.push("json".into(), "json".into(), Stand::Output);
    let custom = call("a", "run_sql", r#"{"input":"select \"1\""}"#);
    let message = written(&answer(vec![custom], StopReason::ToolCalls), names.clone())["choices"][0].clone();
    assert_eq!(
        message["message"]["tool_calls"],
        json!([{"id": "a", "type": "custom", "custom": {"name": "run_sql", "input": "select \"1\""}}])
    );
    let output = call("b", "json", r#"{"city":"Oslo"}"#);
    let choice = written(&answer(vec![output], StopReason::ToolCalls), names)["choices"][0].clone();
    assert_eq!(choice["message"]["content"], r#"{"city":"Oslo"}"#);
    assert_eq!((&choice["message"]["tool_calls"], &choice["finish_reason"]), (&Value::Null, &json!("stop")));
}

#[test]
fn one_answer_spread_over_two_choices_is_given_to_the_client_as_one() {
    let body = include_str!("corpus/copilot.chat.response.split-choices.json");
    let response = Protocol::Chat.codec().decode_response(&Str::from(body)).unwrap();
    let written = written(&response, Names::default());
    assert_eq!(written["choices"].as_array().map(Vec::len), Some(1));
    let choice = &written["choices"][0];
    assert_eq!(choice["message"]["content"], "Looking up both.");
    assert_eq!(choice["message"]["tool_calls"][0]["id"], "toolu_oslo");
    assert_eq!(choice["finish_reason"], "tool_calls");
}

#[test]
fn models_that_take_tools_only_without_reasoning_are_told_so() {
    let mut asked = request(hello());
    asked.tools = vec![function("f")];
    asked.thinking.effort = Some(rm_protocol::ir::Effort::High);
    let sent = try_send(&asked, "gpt-5.5", Dialect::default()).unwrap();
    assert_eq!(sent.body["reasoning_effort"], "none");
    assert!(sent.losses.contains("output_config.effort"), "{}", sent.losses);
    asked.tools = vec![hosted("web_search")];
    assert_eq!(try_send(&asked, "gpt-5.5", Dialect::default()).unwrap().body["reasoning_effort"], "high");
    asked.tools = vec![function("f")];
    asked.thinking = Thinking { mode: Some(ThinkingMode::Disabled), effort: None, show: None };
    let sent = try_send(&asked, "gpt-5.10", Dialect::default()).unwrap();
    assert_eq!((&sent.body["reasoning_effort"], sent.losses.as_str()), (&json!("none"), ""));
}

#[test]
fn a_run_of_a_hundred_thousand_assistant_turns_is_written_at_once() {
    let calls = (0..100_000).map(|_| turn(Role::Assistant, vec![text("a"), call("c", "f", "{}")]));
    let results = (0..1000).map(|_| turn(Role::User, vec![result("c", vec![text("r")], None)]));
    let sent = send(&request(hello().into_iter().chain(calls).chain(results).collect()));
    assert!(sent.body["messages"].as_array().unwrap().len() > 100_000);
}

#[test]
fn a_document_of_text_blocks_goes_as_text_and_one_that_only_its_maker_reads_is_refused() {
    let sent = |raw: &'static str, what: &'static str| {
        let sealed = Sealed { maker: MAKER, raw: Raw(Str::from_static(raw)) };
        let opaque = part(PartKind::Opaque { what: what.into(), sealed });
        let request = request(vec![
            turn(Role::User, vec![text("Read")]),
            turn(Role::Assistant, vec![call("a", "f", "{}")]),
            turn(Role::User, vec![result("a", vec![opaque], None)]),
        ]);
        try_send(&request, "m", Dialect::default())
    };
    let blocks = r#"{"type":"document","source":{"type":"content","content":[{"type":"text","text":"a"},{"type":"text","text":"b"}]}}"#;
    let written = sent(blocks, "document").ok().unwrap();
    assert_eq!(written.body["messages"][2]["content"], "a\nb");
    assert!(written.losses.contains("approximated messages[2].content[0].content[0] "), "{}", written.losses);
    let plain = r#"{"type":"document","source":{"type":"content","content":"c"}}"#;
    assert_eq!(sent(plain, "document").ok().unwrap().body["messages"][2]["content"], "c");
    let pictures =
        r#"{"type":"document","source":{"type":"content","content":[{"type":"image","source":{"type":"url"}}]}}"#;
    let path = Some("messages[2].content[0].content[0]".to_owned());
    assert_eq!(sent(pictures, "document").err().map(|fault| fault.path), path);
    assert_eq!(sent(r#"{"type":"document","source":{"type":"new"}}"#, "document").err().map(|fault| fault.path), path);
    assert_eq!(sent(r#"{"type":"image","source":{"type":"new"}}"#, "image").err().map(|fault| fault.path), path);
}

#[test]
fn a_session_of_a_foreign_client_becomes_the_cache_key_where_the_upstream_takes_one() {
    let dialect = Dialect { prompt_cache_key: true, ..Dialect::default() };
    let key = |user: Option<&'static str>, own: Option<&'static str>, dialect: Dialect| {
        let mut request = request(hello());
        (request.user, request.cache_key) = (user.map(Str::from_static), own.map(Str::from_static));
        try_send(&request, "m", dialect).unwrap().body["prompt_cache_key"].as_str().map(str::to_owned)
    };
    let json = Some(r#"{"device_id":"d","account_uuid":"","session_id":"0199a2b4"}"#);
    assert_eq!(key(json, None, dialect).as_deref(), Some("0199a2b4"));
    assert_eq!(key(Some("user_d_account__session_abc"), None, dialect).as_deref(), Some("abc"));
    assert_eq!(key(json, Some("mine"), dialect).as_deref(), Some("mine"));
    for without in [None, Some("somebody"), Some("user_session_"), Some("{}"), Some(r#"{"session_id":7}"#)] {
        assert_eq!(key(without, None, dialect), None, "{without:?}");
    }
    assert_eq!(key(json, None, Dialect::default()), None);
    let own = Protocol::Chat
        .codec()
        .decode(&Str::from_static(r#"{"messages":[{"role":"user","content":"x"}],"user":"a_session_b"}"#));
    assert!(try_send(&own.unwrap(), "m", dialect).unwrap().body["prompt_cache_key"].is_null());
}
