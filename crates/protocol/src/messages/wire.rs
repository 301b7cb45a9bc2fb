//! The documented JSON shapes of Anthropic Messages (platform reference, read 2026-11), as far as they are understood.

use crate::json::{List, Text};
use serde_json::value::RawValue;

crate::wire! {
    /// A generate or count request.
    pub(super) struct Body<'a> {
        model: Text<'a>,
        max_tokens: u64,
        messages: List<MessageDef<'a>>,
        system: &'a RawValue,
        stream: bool,
        stop_sequences: List<Text<'a>>,
        temperature: &'a RawValue,
        top_p: &'a RawValue,
        top_k: &'a RawValue,
        tools: List<&'a RawValue>,
        tool_choice: ChoiceDef<'a>,
        thinking: ThinkingDef<'a>,
        output_config: OutputConfig<'a>,
        cache_control: &'a RawValue,
        metadata: Metadata<'a>,
    }
}

crate::wire! {
    /// One message.
    pub(super) struct MessageDef<'a> {
        role: Text<'a>,
        content: &'a RawValue,
    }
}

crate::wire! {
    /// `tool_choice`.
    pub(super) struct ChoiceDef<'a> {
        kind: Text<'a> = "type",
        name: Text<'a>,
        disable_parallel_tool_use: bool,
    }
}

crate::wire! {
    /// `thinking`.
    pub(super) struct ThinkingDef<'a> {
        kind: Text<'a> = "type",
        budget_tokens: u64,
        display: Text<'a>,
    }
}

crate::wire! {
    /// `output_config`.
    pub(super) struct OutputConfig<'a> {
        effort: Text<'a>,
        format: FormatDef<'a>,
    }
}

crate::wire! {
    /// `output_config.format`.
    pub(super) struct FormatDef<'a> {
        kind: Text<'a> = "type",
        schema: &'a RawValue,
    }
}

crate::wire! {
    /// `metadata`.
    pub(super) struct Metadata<'a> {
        user_id: Text<'a>,
    }
}

crate::wire! {
    /// A tool the client runs.
    pub(super) struct ToolDef<'a> {
        kind: Text<'a> = "type",
        name: Text<'a>,
        description: Text<'a>,
        input_schema: &'a RawValue,
        strict: bool,
        cache_control: &'a RawValue,
    }
}

crate::wire! {
    /// Block `text`.
    pub(super) struct TextBlock<'a> {
        kind: Text<'a> = "type",
        text: Text<'a>,
        cache_control: &'a RawValue,
    }
}

crate::wire! {
    /// Block `image`.
    pub(super) struct ImageBlock<'a> {
        kind: Text<'a> = "type",
        source: &'a RawValue,
        cache_control: &'a RawValue,
    }
}

crate::wire! {
    /// Block `document`.
    pub(super) struct DocumentBlock<'a> {
        kind: Text<'a> = "type",
        source: &'a RawValue,
        title: Text<'a>,
        cache_control: &'a RawValue,
    }
}

crate::wire! {
    /// `source` of a picture or document.
    pub(super) struct SourceDef<'a> {
        kind: Text<'a> = "type",
        media_type: Text<'a>,
        data: Text<'a>,
        url: Text<'a>,
        file_id: Text<'a>,
    }
}

crate::wire! {
    /// Block `tool_use`.
    pub(super) struct ToolUseBlock<'a> {
        kind: Text<'a> = "type",
        id: Text<'a>,
        name: Text<'a>,
        input: &'a RawValue,
        cache_control: &'a RawValue,
    }
}

crate::wire! {
    /// Block `tool_result`.
    pub(super) struct ToolResultBlock<'a> {
        kind: Text<'a> = "type",
        tool_use_id: Text<'a>,
        content: &'a RawValue,
        is_error: bool,
        cache_control: &'a RawValue,
    }
}

crate::wire! {
    /// Block `thinking`.
    pub(super) struct ThinkingBlock<'a> {
        kind: Text<'a> = "type",
        thinking: Text<'a>,
        signature: Text<'a>,
    }
}

crate::wire! {
    /// Block `redacted_thinking`.
    pub(super) struct RedactedBlock<'a> {
        kind: Text<'a> = "type",
        data: Text<'a>,
    }
}

crate::wire! {
    /// A whole answer.
    pub(super) struct Reply<'a> {
        kind: Text<'a> = "type",
        role: Text<'a>,
        id: Text<'a>,
        model: Text<'a>,
        content: List<&'a RawValue>,
        stop_reason: Text<'a>,
        stop_sequence: Text<'a>,
        usage: &'a RawValue,
        error: &'a RawValue,
    }
}

crate::wire! {
    /// Token counts. Values are raw, because upstreams send nonsense here that must not fail the call.
    pub(super) struct UsageDef<'a> {
        input_tokens: &'a RawValue,
        cache_creation_input_tokens: &'a RawValue,
        cache_read_input_tokens: &'a RawValue,
        output_tokens: &'a RawValue,
        output_tokens_details: &'a RawValue,
    }
}

crate::wire! {
    /// `usage.output_tokens_details`.
    pub(super) struct OutputDetails<'a> {
        thinking_tokens: &'a RawValue,
    }
}

crate::wire! {
    /// One event of a stream: the union of all kinds.
    pub(super) struct StreamEvent<'a> {
        kind: Text<'a> = "type",
        index: u64,
        message: MessageStart<'a>,
        content_block: &'a RawValue,
        delta: Delta<'a>,
        usage: &'a RawValue,
        error: &'a RawValue,
    }
}

crate::wire! {
    /// `message` of `message_start`.
    pub(super) struct MessageStart<'a> {
        id: Text<'a>,
        model: Text<'a>,
        usage: &'a RawValue,
    }
}

crate::wire! {
    /// `delta` of `content_block_delta` and `message_delta`. Text stays as written: the reader resolves its escapes in a
    /// buffer that it keeps.
    pub(super) struct Delta<'a> {
        kind: Text<'a> = "type",
        text: &'a RawValue,
        partial_json: &'a RawValue,
        thinking: &'a RawValue,
        signature: &'a RawValue,
        citation: &'a RawValue,
        stop_reason: Text<'a>,
        stop_sequence: Text<'a>,
    }
}

crate::wire! {
    /// The body of an error.
    pub(super) struct ErrorBody<'a> {
        error: ErrorDef<'a>,
    }
}

crate::wire! {
    /// `error`.
    pub(super) struct ErrorDef<'a> {
        kind: Text<'a> = "type",
        message: Text<'a>,
        code: &'a RawValue,
        param: &'a RawValue,
        details: &'a RawValue,
    }
}

crate::wire! {
    /// `error.details`.
    pub(super) struct ErrorDetails<'a> {
        error_code: Text<'a>,
    }
}

crate::wire! {
    /// The router's own `provider` member.
    pub(super) struct ProviderWish<'a> {
        allow_fallbacks: bool,
    }
}
