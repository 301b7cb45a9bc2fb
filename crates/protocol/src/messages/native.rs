//! Requests that cannot leave this protocol.

use crate::{
    CannotEncode, Protocol,
    ir::{Raw, Request, ToolChoice, ToolKind},
};

/// Top-level members that only a Messages upstream can honour and whose loss would change the answer's meaning.
const MEMBERS: [(&str, &str); 5] = [
    ("thread", "message threads are not kept by this gateway; send the whole history"),
    ("container", "containers and skills exist only at Anthropic"),
    ("mcp_servers", "MCP servers are called only by Anthropic"),
    ("fallbacks", "server-side fallbacks exist only at Anthropic"),
    ("compaction", "server-side compaction exists only at Anthropic"),
];

/// What in `request` only a Messages upstream can do, when leaving it out would change the meaning: message threads,
/// containers, MCP servers, fallbacks, compaction and a hosted tool that must be called. Asked before a Messages request is
/// translated to another protocol; `None` for requests of other makers.
pub fn needs_native(request: &Request) -> Option<CannotEncode> {
    if request.extras.maker != Protocol::Messages {
        return None;
    }
    let asked = |raw: &Raw| !matches!(raw.as_str(), "null" | "[]" | "{}");
    for (member, why) in MEMBERS {
        if request.extras.find(member).is_some_and(asked) {
            return Some(CannotEncode { path: member.to_owned(), why: why.to_owned() });
        }
    }
    forces_hosted_tool(request).then(|| CannotEncode {
        path: "tool_choice".to_owned(),
        why: "the tool that must be called is run by Anthropic".to_owned(),
    })
}

fn forces_hosted_tool(request: &Request) -> bool {
    let is_hosted = |kind: &ToolKind| matches!(kind, ToolKind::Hosted { .. });
    match &request.tool_choice {
        Some(ToolChoice::Function(name)) => request.tools.iter().any(|tool| match &tool.kind {
            ToolKind::Hosted { sealed, .. } => {
                let definition: Result<serde_json::Value, _> = serde_json::from_str(sealed.raw.as_str());
                definition.is_ok_and(|definition| definition.get("name").is_some_and(|own| *own == **name))
            }
            ToolKind::Function { .. } | ToolKind::Custom { .. } => false,
        }),
        Some(ToolChoice::Required) => {
            !request.tools.is_empty() && request.tools.iter().all(|tool| is_hosted(&tool.kind))
        }
        Some(ToolChoice::Auto | ToolChoice::None | ToolChoice::Custom(_) | ToolChoice::Allowed { .. }) | None => false,
    }
}

/// Whether a body holds reasoning that this gateway sealed for a client. Such a body must take the translated lane even to a
/// Messages upstream: only the encoder opens seals or removes those of another owner.
pub fn carries_seal(body: &[u8]) -> bool {
    memchr::memmem::find(body, b"\"rm1.").is_some()
}
