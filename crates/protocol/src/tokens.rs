//! Token counts without a network.

use crate::ir::{Part, PartKind, Request, Source, ToolKind};

/// Tokens that every message, the answer's priming and an image cost beyond their text.
const PER_MESSAGE: u64 = 4;
const PRIMING: u64 = 3;
const PER_IMAGE: u64 = 1_000;
const PER_TOOL: u64 = 8;

/// Counts a request with OpenAI's `o200k_base` tables: close for OpenAI models, an estimate for others. Bundled; takes
/// milliseconds for 100 KB.
pub fn count(request: &Request) -> u64 {
    let mut total = PRIMING;
    for part in &request.system {
        total += part_tokens(part);
    }
    for turn in &request.turns {
        total += PER_MESSAGE + turn.parts.iter().map(part_tokens).sum::<u64>();
    }
    for tool in &request.tools {
        total += PER_TOOL
            + match &tool.kind {
                ToolKind::Function { name, description, schema, .. } => {
                    text(name)
                        + description.as_deref().map_or(0, text)
                        + schema.as_ref().map_or(0, |schema| text(schema.as_str()))
                }
                ToolKind::Custom { name, description, format } => {
                    text(name)
                        + description.as_deref().map_or(0, text)
                        + format.as_ref().map_or(0, |format| text(format.as_str()))
                }
                ToolKind::Hosted { sealed, .. } => text(sealed.raw.as_str()),
            };
    }
    total
}

/// Counts plain text.
pub fn text(text: &str) -> u64 {
    bpe_openai::o200k_base().count(text) as u64
}

fn part_tokens(part: &Part) -> u64 {
    match &part.kind {
        PartKind::Text(shown) | PartKind::Refusal(shown) => text(shown),
        PartKind::Image { .. } => PER_IMAGE,
        PartKind::Document { source, .. } => match source {
            Source::Text(shown) => text(shown),
            // A page of a PDF is about 3 KB of base64 and costs its text and its picture.
            Source::Base64 { data, .. } => PER_IMAGE * (1 + data.len() as u64 / 100_000),
            Source::Url(_) | Source::File { .. } => PER_IMAGE,
        },
        PartKind::Audio { data, .. } => data.len() as u64 / 1_000,
        PartKind::ToolCall(call) => PER_MESSAGE + text(&call.name) + text(&call.arguments),
        PartKind::ToolResult(result) => PER_MESSAGE + result.content.iter().map(part_tokens).sum::<u64>(),
        PartKind::Reasoning(reasoning) => text(&reasoning.text),
        PartKind::Opaque { sealed, .. } => text(sealed.raw.as_str()),
    }
}
