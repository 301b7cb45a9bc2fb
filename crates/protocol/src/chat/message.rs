//! One message, of a request or of an answer.

use super::{
    calls,
    content::{self, Author},
    extras, reasoning,
    wire::{MessageWire, needed, string, string_of},
};
use crate::{
    BadRequest, Protocol, Str,
    ir::{Form, Part, PartKind, Role, ToolResult, Turn},
    json::Writer,
};

/// Reads a message. Parts stand in the order reasoning, content, refusal, calls.
pub(super) fn decode(
    source: &Str,
    mut wire: MessageWire<'_>,
    role: Role,
    author: Author,
    path: &str,
) -> Result<Turn, BadRequest> {
    let mut kept = extras::none();
    let mut parts = reasoning::decode(source, &mut wire, &mut kept);
    let null = wire.rest.iter().any(|(key, _)| key == "content");
    wire.rest.retain(|(key, _)| key != "content");
    let (said, form) = match wire.content {
        Some(raw) => content::decode(source, raw, author, &format!("{path}.content"))?,
        None => (Vec::new(), if null { Form::Null } else { Form::Absent }),
    };
    if let Role::Tool = role {
        let call_id = string(source, &needed(wire.tool_call_id, || format!("{path}.tool_call_id"))?);
        let result = ToolResult { call_id, content: said, form, is_error: None };
        parts.push(Part::new(Protocol::Chat, PartKind::ToolResult(result)));
    } else {
        parts.extend(said);
    }
    parts.extend(wire.refusal.map(|refusal| Part::new(Protocol::Chat, PartKind::Refusal(string(source, &refusal)))));
    if let Some(wires) = wire.tool_calls {
        parts.extend(calls::decode(source, wires, &format!("{path}.tool_calls"))?);
    }
    extras::keep(source, wire.rest, "", &mut kept);
    Ok(Turn { role, name: string_of(source, wire.name.as_ref()), parts, form, extras: kept })
}

/// The refusal that stands beside the content.
pub(super) fn refusal(parts: &[Part]) -> Option<&Str> {
    parts.iter().find_map(|part| match &part.kind {
        PartKind::Refusal(text) if !extras::marked(&part.extras, extras::IN_CONTENT) => Some(text),
        _ => None,
    })
}

/// Whether one of `parts` is a call.
pub(super) fn has_calls(parts: &[Part]) -> bool {
    parts.iter().any(|part| matches!(part.kind, PartKind::ToolCall(_)))
}

/// The text of an assistant's turn: neighbours are pieces of one text, others are set apart by an empty line.
pub(super) fn joined(parts: &[Part]) -> Vec<&str> {
    let mut pieces: Vec<&str> = Vec::new();
    let mut apart = false;
    for part in parts {
        match &part.kind {
            PartKind::Text(text) if text.is_empty() => {}
            PartKind::Text(text) => {
                if apart && !pieces.is_empty() {
                    pieces.push("\n\n");
                }
                pieces.push(text);
                apart = false;
            }
            _ => apart = true,
        }
    }
    pieces
}

/// Writes `role`.
pub(super) fn write_role(w: &mut Writer, role: Role, developer: bool) {
    w.key("role").text(match role {
        Role::Developer if developer => "developer",
        Role::System | Role::Developer => "system",
        Role::User => "user",
        Role::Assistant => "assistant",
        Role::Tool => "tool",
    });
}
