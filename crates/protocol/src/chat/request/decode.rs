//! Reads a request body.

use super::{options, tools};
use crate::{
    BadRequest, Protocol, Str,
    chat::{
        content::Author,
        extras, head, message,
        wire::{MessageWire, RequestWire, needed, string, string_of},
    },
    ir::{Form, Request, Role, Turn},
    json::{own_raw, wire::read},
};

/// Reads a whole request.
pub(in crate::chat) fn decode(source: &Str) -> Result<Request, BadRequest> {
    let mut wire: RequestWire<'_> = read(source)?;
    let mut kept = extras::none();
    let turns = turns(source, &mut wire)?;
    let tools = match wire.tools.take() {
        // An empty list says nothing that another protocol could lose, but it is written back.
        Some(list) if list.is_empty() => {
            kept.fields.push((Str::from_static("tools"), crate::ir::Raw(Str::from_static("[]"))));
            Vec::new()
        }
        Some(list) => tools::decode(source, &list)?,
        None => Vec::new(),
    };
    let tool_choice = wire.tool_choice.map(|raw| tools::decode_choice(source, raw, &mut kept)).transpose()?;
    let output = wire.response_format.take().map(|wire| options::decode_format(source, wire, &mut kept)).transpose()?;
    let sampling = options::decode_sampling(source, &wire, &mut kept)?;
    let thinking = options::decode_thinking(&wire)?;
    let include_usage = options::decode_stream_options(source, &wire, &mut kept)?;
    let user = user(source, &wire, &mut kept);
    wire.rest.retain(|(key, _)| !head::ROUTER_MEMBERS.contains(&&**key) && key != "model" && key != "messages");
    for deprecated in ["functions", "function_call"] {
        if wire.rest.iter().any(|(key, raw)| key == deprecated && raw.get() != "null") {
            return Err(BadRequest::at(deprecated, "deprecated and not supported here; use `tools` and `tool_choice`"));
        }
    }
    let request = Request {
        model: string_of(source, wire.model.as_ref()).unwrap_or_default(),
        system: Vec::new(),
        system_form: Form::Absent,
        turns,
        tools,
        tool_choice,
        parallel_tools: wire.parallel_tool_calls,
        output,
        sampling,
        thinking,
        stream: wire.stream,
        include_usage,
        user,
        cache_key: string_of(source, wire.prompt_cache_key.as_ref()),
        cache: None,
        extras: kept,
    };
    Ok(with_rest(source, request, wire.rest))
}

fn with_rest(source: &Str, mut request: Request, rest: crate::json::Rest<'_>) -> Request {
    extras::keep(source, rest, "", &mut request.extras);
    request
}

/// `safety_identifier` is the newer word for `user`; when both are there the older one is kept beside it.
fn user(source: &Str, wire: &RequestWire<'_>, kept: &mut crate::ir::Extras) -> Option<Str> {
    let user = string_of(source, wire.user.as_ref());
    let Some(identifier) = &wire.safety_identifier else { return user };
    extras::mark(kept, extras::SAFETY_IDENTIFIER);
    if let Some(user) = user {
        let quoted = serde_json::value::to_raw_value(&*user).unwrap_or_default();
        kept.fields.push((Str::from_static("user"), own_raw(source, &quoted)));
    }
    Some(string(source, identifier))
}

fn turns(source: &Str, wire: &mut RequestWire<'_>) -> Result<Vec<Turn>, BadRequest> {
    let Some(messages) = wire.messages.take() else {
        let responses = wire.rest.iter().any(|(key, _)| key == "input");
        return Err(if responses {
            head::responses_body()
        } else {
            BadRequest::at("messages", "this member is required")
        });
    };
    if messages.is_empty() {
        return Err(BadRequest::at("messages", "at least one message is needed"));
    }
    let turn = |(index, message): (usize, MessageWire<'_>)| turn(source, message, &format!("messages[{index}]"));
    messages.0.into_iter().enumerate().map(turn).collect()
}

fn turn(source: &Str, wire: MessageWire<'_>, path: &str) -> Result<Turn, BadRequest> {
    let role = match &*needed(wire.role.as_ref(), || format!("{path}.role"))?.0 {
        "system" => Role::System,
        "developer" => Role::Developer,
        "user" => Role::User,
        "assistant" => Role::Assistant,
        "tool" => Role::Tool,
        "function" => {
            return Err(BadRequest::at(
                format!("{path}.role"),
                "`function` is deprecated and not supported; use `tool`",
            ));
        }
        other => return Err(BadRequest::at(format!("{path}.role"), format_args!("unknown role `{other}`"))),
    };
    if wire.function_call.is_some() {
        let why = "deprecated and not supported here; use `tool_calls`";
        return Err(BadRequest::at(format!("{path}.function_call"), why));
    }
    for (index, call) in wire.tool_calls.iter().flat_map(|calls| calls.iter()).enumerate() {
        needed(call.id.as_ref(), || format!("{path}.tool_calls[{index}].id"))?;
    }
    let turn = message::decode(source, wire, role, Author::Client, path)?;
    match (role, turn.form) {
        (Role::System | Role::Developer | Role::User, Form::Absent | Form::Null) => {
            Err(BadRequest::at(format!("{path}.content"), "this member is required"))
        }
        _ => Ok(turn),
    }
}

/// Whose wire this module reads.
pub(super) const MAKER: Protocol = Protocol::Chat;
