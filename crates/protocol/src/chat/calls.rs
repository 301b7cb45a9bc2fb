//! Tool calls of a message.

use super::{
    extras, unwrap,
    wire::{CallWire, needed, string},
};
use crate::{
    BadRequest, Str,
    ir::{CallKind, Names, Part, PartKind, Stand, ToolCall},
    json::{List, Text, Writer, own},
};
use serde_json::value::RawValue;

/// The children of a call that have members of their own.
const CHILDREN: [&str; 2] = ["function.", "custom."];

/// Reads `tool_calls`.
pub(super) fn decode(source: &Str, wires: List<CallWire<'_>>, path: &str) -> Result<Vec<Part>, BadRequest> {
    let call = |(index, wire): (usize, CallWire<'_>)| decode_one(source, wire, &format!("{path}[{index}]"));
    wires.0.into_iter().enumerate().map(call).collect()
}

fn decode_one(source: &Str, wire: CallWire<'_>, path: &str) -> Result<Part, BadRequest> {
    let mut kept = extras::none();
    let id = wire.id.map(|id| string(source, &id)).unwrap_or_default();
    let call = match (wire.kind.as_deref(), wire.function, wire.custom) {
        // Sloppy histories leave `type` out.
        (Some("function") | None, Some(function), _) => {
            let name = string(source, &needed(function.name, || format!("{path}.function.name"))?);
            let arguments = function.arguments.map(|raw| arguments(source, raw)).unwrap_or_default();
            extras::keep(source, function.rest, "function.", &mut kept);
            ToolCall { id, name, kind: CallKind::Function, arguments }
        }
        (Some("custom"), _, Some(custom)) => {
            let name = string(source, &needed(custom.name, || format!("{path}.custom.name"))?);
            let input = custom.input.map(|input| string(source, &input)).unwrap_or_default();
            extras::keep(source, custom.rest, "custom.", &mut kept);
            ToolCall { id, name, kind: CallKind::Custom, arguments: input }
        }
        (Some(known @ ("function" | "custom")), ..) => {
            return Err(BadRequest::at(format!("{path}.{known}"), "this member is required"));
        }
        (Some(other), ..) => {
            return Err(BadRequest::at(format!("{path}.type"), format_args!("unknown kind of call `{other}`")));
        }
        (None, None, _) => return Err(BadRequest::at(format!("{path}.type"), "this member is required")),
    };
    extras::keep(source, wire.rest, "", &mut kept);
    Ok(Part { kind: PartKind::ToolCall(call), cache: None, extras: kept })
}

/// `arguments` is a string of JSON; an object in its place is taken as that JSON.
pub(super) fn arguments(source: &Str, raw: &RawValue) -> Str {
    let text: Result<Text<'_>, _> = serde_json::from_str(raw.get());
    text.map_or_else(|_| own(source, raw.get()), |text| string(source, &text))
}

/// Writes one entry of `tool_calls` with the id and name given; the arguments are the call's own.
pub(super) fn write(w: &mut Writer, part: &Part, call: &ToolCall, id: &str, name: &str, arguments: &str) {
    w.begin().key("id").text(id);
    match call.kind {
        CallKind::Function => {
            w.key("type").text("function").key("function").begin();
            w.key("name").text(name).key("arguments").text(arguments);
            extras::write(w, &part.extras, "function.", &[]);
        }
        CallKind::Custom => {
            w.key("type").text("custom").key("custom").begin();
            w.key("name").text(name).key("input").text(arguments);
            extras::write(w, &part.extras, "custom.", &[]);
        }
    }
    w.end();
    extras::write(w, &part.extras, "", &CHILDREN);
    w.end();
}

/// Writes a call of an answer for the client, under the name that the client gave the tool.
pub(super) fn write_answer(w: &mut Writer, part: &Part, call: &ToolCall, id: &str, names: &Names, made_here: bool) {
    let (name, stand) = names.original(&call.name);
    match stand {
        Stand::Custom if call.kind == CallKind::Function => {
            let call = ToolCall { kind: CallKind::Custom, ..call.clone() };
            write(w, part, &call, id, name, &unwrap::whole(&call.arguments));
        }
        Stand::Function | Stand::Custom | Stand::Output => {
            let none = call.arguments.is_empty() && call.kind == CallKind::Function && !made_here;
            write(w, part, call, id, name, if none { "{}" } else { &call.arguments });
        }
    }
}
