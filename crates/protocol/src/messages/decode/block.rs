//! Reading content blocks, in requests and answers.

use super::{
    super::{
        path::At,
        wire::{
            DocumentBlock, ImageBlock, RedactedBlock, SourceDef, TextBlock, ThinkingBlock, ToolResultBlock,
            ToolUseBlock,
        },
    },
    extras, mark,
};
use crate::{
    BadRequest, Protocol, Str,
    ir::{CallKind, Extras, Form, Part, PartKind, Raw, Reasoning, Role, Sealed, Source, ToolCall, ToolResult},
    json::{List, Rest, ScanError, Text, own_raw, scan, wire::own_text},
};
use serde_json::value::RawValue;

/// Where a block stands, which decides what it may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum Place {
    /// `system` and messages of that role: only text.
    System,
    /// A user message.
    User,
    /// An assistant message of a request.
    Assistant,
    /// Inside a tool result.
    Result,
    /// An answer: blocks that nobody knows yet are let through whole.
    Answer,
}

impl Place {
    pub(super) fn of(role: Role) -> Self {
        match role {
            Role::User | Role::Tool => Self::User,
            Role::Assistant => Self::Assistant,
            Role::System | Role::Developer => Self::System,
        }
    }

    fn takes(self, what: &str) -> bool {
        match what {
            "text" => true,
            "tool_use" | "thinking" | "redacted_thinking" => matches!(self, Self::Assistant | Self::Answer),
            "tool_result" => self == Self::User,
            _ => self != Self::System,
        }
    }
}

/// Blocks that are carried whole: only a Messages upstream understands them.
fn is_opaque(what: &str) -> bool {
    const NAMES: [&str; 7] = [
        "server_tool_use",
        "search_result",
        "tool_reference",
        "container_upload",
        "compaction",
        "fallback",
        "mcp_tool_use",
    ];
    NAMES.contains(&what) || what.ends_with("_tool_result")
}

/// Where bytes are, and the whole `source` as an extra when it says more than is understood.
type Bytes = (Source, Option<(Str, Raw)>);

/// A reader of blocks.
#[derive(Clone, Copy, Debug)]
pub(in super::super) struct Blocks<'s> {
    pub(in super::super) source: &'s Str,
    pub(in super::super) place: Place,
}

impl<'s> Blocks<'s> {
    /// A reader for an answer.
    pub(in super::super) fn of_answer(source: &'s Str) -> Self {
        Self { source, place: Place::Answer }
    }

    /// `content`: a string or a list of blocks.
    pub(super) fn content(self, json: &str, at: At<'_>) -> Result<(Vec<Part>, Form), BadRequest> {
        if json.starts_with('"') {
            let text: Text<'_> = at.read(json)?;
            let part = Part::new(Protocol::Messages, PartKind::Text(own_text(self.source, &text)));
            return Ok((vec![part], Form::Text));
        }
        if !json.starts_with('[') {
            return Err(at.fault("expected a string or a list of blocks"));
        }
        let blocks: List<&RawValue> = at.read(json)?;
        Ok((self.list(&blocks, at)?, Form::List))
    }

    /// A list of blocks.
    pub(in super::super) fn list(self, blocks: &[&RawValue], at: At<'_>) -> Result<Vec<Part>, BadRequest> {
        blocks.iter().enumerate().map(|(index, raw)| self.block(raw, at.index(index))).collect()
    }

    fn block(self, raw: &RawValue, at: At<'_>) -> Result<Part, BadRequest> {
        let what = kind(raw.get(), at)?;
        if !self.place.takes(&what) {
            return Err(at.key("type").fault(format_args!("`{}` cannot stand here", &*what)));
        }
        match &*what {
            "text" => self.text(raw, at),
            "image" => self.image(raw, at),
            "document" => self.document(raw, at),
            "tool_use" => self.tool_use(raw, at),
            "tool_result" => self.tool_result(raw, at),
            "thinking" => self.thinking(raw, at),
            "redacted_thinking" => self.redacted(raw, at),
            other if is_opaque(other) || self.place == Place::Answer => Ok(self.opaque(&what, raw)),
            other => Err(at.key("type").fault(format_args!("unknown block type `{other}`"))),
        }
    }

    fn part(self, kind: PartKind, cache: Option<&RawValue>, rest: Rest<'_>) -> Part {
        Part { kind, cache: cache.map(|raw| mark(self.source, raw)), extras: extras(self.source, rest) }
    }

    fn opaque(self, what: &str, raw: &RawValue) -> Part {
        let sealed = Sealed { maker: Protocol::Messages, raw: own_raw(self.source, raw) };
        Part::new(Protocol::Messages, PartKind::Opaque { what: Str::from(what), sealed })
    }

    fn text(self, raw: &RawValue, at: At<'_>) -> Result<Part, BadRequest> {
        let block: TextBlock<'_> = at.read(raw.get())?;
        let text = own_text(self.source, &at.require("text", block.text)?);
        Ok(self.part(PartKind::Text(text), block.cache_control, block.rest))
    }

    fn image(self, raw: &RawValue, at: At<'_>) -> Result<Part, BadRequest> {
        let block: ImageBlock<'_> = at.read(raw.get())?;
        let source = at.require("source", block.source)?;
        let Some((source, odd)) = self.bytes(source, at.key("source"))? else { return Ok(self.opaque("image", raw)) };
        let mut part = self.part(PartKind::Image { source, detail: None }, block.cache_control, block.rest);
        part.extras.fields.extend(odd);
        Ok(part)
    }

    fn document(self, raw: &RawValue, at: At<'_>) -> Result<Part, BadRequest> {
        let block: DocumentBlock<'_> = at.read(raw.get())?;
        let source = at.require("source", block.source)?;
        let Some((source, odd)) = self.bytes(source, at.key("source"))? else {
            return Ok(self.opaque("document", raw));
        };
        let name = block.title.map(|title| own_text(self.source, &title));
        let mut part = self.part(PartKind::Document { source, name }, block.cache_control, block.rest);
        part.extras.fields.extend(odd);
        Ok(part)
    }

    /// A `source`; `None` for kinds that only the maker knows.
    fn bytes(self, raw: &RawValue, at: At<'_>) -> Result<Option<Bytes>, BadRequest> {
        let def: SourceDef<'_> = at.read(raw.get())?;
        let take = |text: Text<'_>| own_text(self.source, &text);
        let mut odd = !def.rest.is_empty();
        let source = match &*at.require("type", def.kind)? {
            "base64" => Source::Base64 {
                media_type: take(at.require("media_type", def.media_type)?),
                data: take(at.require("data", def.data)?),
            },
            "text" => {
                odd |= def.media_type.as_deref() != Some("text/plain");
                Source::Text(take(at.require("data", def.data)?))
            }
            "url" => Source::Url(take(at.require("url", def.url)?)),
            "file" => Source::File { maker: Protocol::Messages, id: take(at.require("file_id", def.file_id)?) },
            _ => return Ok(None),
        };
        let odd = odd.then(|| (Str::from_static("source"), own_raw(self.source, raw)));
        Ok(Some((source, odd)))
    }

    fn tool_use(self, raw: &RawValue, at: At<'_>) -> Result<Part, BadRequest> {
        let block: ToolUseBlock<'_> = at.read(raw.get())?;
        let input = at.require("input", block.input)?;
        if !input.get().starts_with('{') {
            return Err(at.key("input").fault("expected an object"));
        }
        let call = ToolCall {
            id: own_text(self.source, &at.require("id", block.id)?),
            name: own_text(self.source, &at.require("name", block.name)?),
            kind: CallKind::Function,
            arguments: own_raw(self.source, input).0,
        };
        Ok(self.part(PartKind::ToolCall(call), block.cache_control, block.rest))
    }

    fn tool_result(self, raw: &RawValue, at: At<'_>) -> Result<Part, BadRequest> {
        let block: ToolResultBlock<'_> = at.read(raw.get())?;
        let inside = Self { place: Place::Result, ..self };
        let (content, form) = match block.content {
            Some(content) => inside.content(content.get(), at.key("content"))?,
            None if block.rest.iter().any(|(key, _)| key == "content") => (Vec::new(), Form::Null),
            None => (Vec::new(), Form::Absent),
        };
        let result = ToolResult {
            call_id: own_text(self.source, &at.require("tool_use_id", block.tool_use_id)?),
            content,
            form,
            is_error: block.is_error,
        };
        Ok(self.part(PartKind::ToolResult(result), block.cache_control, block.rest))
    }

    fn thinking(self, raw: &RawValue, at: At<'_>) -> Result<Part, BadRequest> {
        let block: ThinkingBlock<'_> = at.read(raw.get())?;
        let reasoning = Reasoning {
            text: own_text(self.source, &at.require("thinking", block.thinking)?),
            signature: block.signature.map(|text| own_text(self.source, &text)),
            redacted: None,
        };
        Ok(self.part(PartKind::Reasoning(reasoning), None, block.rest))
    }

    fn redacted(self, raw: &RawValue, at: At<'_>) -> Result<Part, BadRequest> {
        let block: RedactedBlock<'_> = at.read(raw.get())?;
        let data = own_text(self.source, &at.require("data", block.data)?);
        let reasoning = Reasoning { text: Str::new(), signature: None, redacted: Some(data) };
        Ok(self.part(PartKind::Reasoning(reasoning), None, block.rest))
    }

    /// Extras of an answer.
    pub(in super::super) fn extras(self, rest: Rest<'_>) -> Extras {
        extras(self.source, rest)
    }
}

/// The value of `type`; stops reading behind it.
pub(in super::super) fn kind<'j>(json: &'j str, at: At<'_>) -> Result<Text<'j>, BadRequest> {
    enum Seen {
        Type(std::ops::Range<usize>),
        Fault(ScanError),
    }
    impl From<ScanError> for Seen {
        fn from(error: ScanError) -> Self {
            Self::Fault(error)
        }
    }
    let scanned =
        scan::object(json, |member| if member.key == "type" { Err(Seen::Type(member.value)) } else { Ok(()) });
    match scanned {
        Err(Seen::Type(value)) => at.key("type").read(json.get(value).unwrap_or_default()),
        Err(Seen::Fault(error)) => Err(at.fault(error.what)),
        Ok(_) => Err(at.key("type").fault("Field required")),
    }
}
