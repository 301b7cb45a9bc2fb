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
use std::borrow::Cow;

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

/// A call's argument as Chat has it. One that came over Chat is left alone; other JSON loses the white space between its
/// tokens, and no arguments are an empty object.
pub(super) fn sent(call: &ToolCall, made_here: bool) -> Cow<'_, str> {
    let text = &*call.arguments;
    if made_here || call.kind == CallKind::Custom {
        return Cow::Borrowed(text);
    }
    if text.is_empty() {
        return Cow::Borrowed("{}");
    }
    let mut scan = Scan::default();
    if text.chars().all(|next| scan.keeps(next)) {
        return Cow::Borrowed(text);
    }
    let mut scan = Scan::default();
    Cow::Owned(text.chars().filter(|next| scan.keeps(*next)).collect())
}

/// Tells white space between tokens from that in strings.
#[derive(Default)]
struct Scan {
    inside: bool,
    escaped: bool,
}

impl Scan {
    fn keeps(&mut self, next: char) -> bool {
        let keeps = self.inside || !next.is_ascii_whitespace();
        if next == '"' && !self.escaped {
            self.inside = !self.inside;
        }
        self.escaped = self.inside && next == '\\' && !self.escaped;
        keeps
    }
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
            write(w, part, call, id, name, &sent(call, made_here));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn white_space_between_tokens_goes_and_in_strings_stays() {
        let call = |arguments: &'static str| ToolCall {
            id: Str::new(),
            name: Str::new(),
            kind: CallKind::Function,
            arguments: Str::from_static(arguments),
        };
        let compact = |arguments| sent(&call(arguments), false).into_owned();
        assert_eq!(compact("{\n \"a b\" : \"c \\\" d\\\\\" , \"e\": 1.50 }"), "{\"a b\":\"c \\\" d\\\\\",\"e\":1.50}");
        assert_eq!((compact("").as_str(), compact("{\"cut").as_str()), ("{}", "{\"cut"));
        assert_eq!(sent(&call("{ }"), true), "{ }");
    }
}
