//! The documented JSON shapes of requests, messages and whole answers.

use crate::{
    BadRequest, Str,
    json::{List, Text, wire},
    wire,
};
use serde::Deserialize;
use serde_json::value::RawValue;

wire! {
    /// A request body. What is missing here has no meaning for other protocols and is kept as it is.
    pub(super) struct RequestWire<'a> {
        model: Text<'a>,
        messages: List<MessageWire<'a>>,
        stream: bool,
        stream_options: &'a RawValue,
        max_tokens: u64,
        max_completion_tokens: u64,
        temperature: &'a RawValue,
        top_p: &'a RawValue,
        stop: &'a RawValue,
        tools: List<&'a RawValue>,
        tool_choice: &'a RawValue,
        parallel_tool_calls: bool,
        response_format: FormatWire<'a>,
        reasoning_effort: Text<'a>,
        user: Text<'a>,
        safety_identifier: Text<'a>,
        prompt_cache_key: Text<'a>,
    }
}

wire! {
    /// `stream_options`.
    pub(super) struct StreamOptionsWire<'a> {
        include_usage: bool,
    }
}

wire! {
    /// A message, of a request or of an answer.
    pub(super) struct MessageWire<'a> {
        role: Text<'a>,
        content: &'a RawValue,
        name: Text<'a>,
        refusal: Text<'a>,
        tool_calls: List<CallWire<'a>>,
        tool_call_id: Text<'a>,
        reasoning_content: Text<'a>,
        reasoning: &'a RawValue,
        reasoning_text: Text<'a>,
        reasoning_opaque: Text<'a>,
        reasoning_details: &'a RawValue,
        function_call: &'a RawValue,
    }
}

wire! {
    /// A content part.
    pub(super) struct PartWire<'a> {
        kind: Text<'a> = "type",
        text: Text<'a>,
        refusal: Text<'a>,
        image_url: ImageWire<'a>,
        input_audio: AudioWire<'a>,
        file: FileWire<'a>,
        prompt_cache_breakpoint: &'a RawValue,
        cache_control: &'a RawValue,
    }
}

wire! {
    /// An entry of the list `thinking` of Mistral's part of that name.
    pub(super) struct ThoughtWire<'a> {
        text: Text<'a>,
    }
}

wire! {
    /// `image_url`.
    pub(super) struct ImageWire<'a> {
        url: Text<'a>,
        detail: Text<'a>,
    }
}

wire! {
    /// `input_audio`.
    pub(super) struct AudioWire<'a> {
        data: Text<'a>,
        format: Text<'a>,
    }
}

wire! {
    /// `file`.
    pub(super) struct FileWire<'a> {
        file_data: Text<'a>,
        file_id: Text<'a>,
        filename: Text<'a>,
    }
}

wire! {
    /// An entry of `tool_calls`.
    pub(super) struct CallWire<'a> {
        id: Text<'a>,
        kind: Text<'a> = "type",
        function: FunctionCallWire<'a>,
        custom: CustomCallWire<'a>,
    }
}

wire! {
    /// What a call of a function says. `arguments` should be a string; some upstreams send the object itself.
    pub(super) struct FunctionCallWire<'a> {
        name: Text<'a>,
        arguments: &'a RawValue,
    }
}

wire! {
    /// What a call of a custom tool says.
    pub(super) struct CustomCallWire<'a> {
        name: Text<'a>,
        input: Text<'a>,
    }
}

wire! {
    /// An entry of `reasoning_details`.
    pub(super) struct DetailWire<'a> {
        kind: Text<'a> = "type",
        text: Text<'a>,
        summary: Text<'a>,
        signature: Text<'a>,
        data: Text<'a>,
    }
}

wire! {
    /// An entry of `tools`.
    pub(super) struct ToolWire<'a> {
        kind: Text<'a> = "type",
        function: FunctionWire<'a>,
        custom: CustomWire<'a>,
        cache_control: &'a RawValue,
    }
}

wire! {
    /// A function on offer.
    pub(super) struct FunctionWire<'a> {
        name: Text<'a>,
        description: Text<'a>,
        parameters: &'a RawValue,
        strict: bool,
    }
}

wire! {
    /// A custom tool on offer.
    pub(super) struct CustomWire<'a> {
        name: Text<'a>,
        description: Text<'a>,
        format: &'a RawValue,
    }
}

wire! {
    /// `tool_choice` as an object, and each entry of its `tools`.
    pub(super) struct ChoiceWire<'a> {
        kind: Text<'a> = "type",
        function: NameWire<'a>,
        custom: NameWire<'a>,
        allowed_tools: AllowedWire<'a>,
    }
}

wire! {
    /// `{"name": …}`.
    pub(super) struct NameWire<'a> {
        name: Text<'a>,
    }
}

wire! {
    /// `allowed_tools`.
    pub(super) struct AllowedWire<'a> {
        mode: Text<'a>,
        tools: List<ChoiceWire<'a>>,
    }
}

wire! {
    /// `response_format`.
    pub(super) struct FormatWire<'a> {
        kind: Text<'a> = "type",
        json_schema: SchemaWire<'a>,
    }
}

wire! {
    /// `json_schema` of `response_format`.
    pub(super) struct SchemaWire<'a> {
        name: Text<'a>,
        description: Text<'a>,
        schema: &'a RawValue,
        strict: bool,
    }
}

wire! {
    /// A whole answer.
    pub(super) struct ResponseWire<'a> {
        id: Text<'a>,
        object: Text<'a>,
        created: &'a RawValue,
        model: Text<'a>,
        choices: List<&'a RawValue>,
        usage: &'a RawValue,
        error: &'a RawValue,
    }
}

wire! {
    /// An entry of `choices`.
    pub(super) struct AnswerWire<'a> {
        index: u32,
        message: MessageWire<'a>,
        finish_reason: Text<'a>,
    }
}

/// Reads the value at `path`; faults name the whole path.
pub(super) fn read_at<'a, T: Deserialize<'a>>(path: &str, raw: &'a RawValue) -> Result<T, BadRequest> {
    wire::read(raw.get()).map_err(|inner| under(path, &inner))
}

/// A fault of a nested value, seen from outside.
pub(super) fn under(path: &str, inner: &BadRequest) -> BadRequest {
    match &inner.param {
        Some(param) => {
            let message = inner.message.strip_prefix(&format!("{param}: ")).unwrap_or(&inner.message);
            let dot = if param.starts_with('[') || path.is_empty() { "" } else { "." };
            BadRequest::at(format!("{path}{dot}{param}"), message)
        }
        None => BadRequest::at(path, inner.message.strip_prefix("invalid JSON: ").unwrap_or(&inner.message)),
    }
}

/// The value of a member that must be there.
pub(super) fn needed<T>(value: Option<T>, path: impl FnOnce() -> String) -> Result<T, BadRequest> {
    value.ok_or_else(|| BadRequest::at(path(), "this member is required"))
}

/// A string as text that shares the memory of `source` where it can.
pub(super) fn string(source: &Str, text: &Text<'_>) -> Str {
    wire::own_text(source, text)
}

/// An optional string.
pub(super) fn string_of(source: &Str, text: Option<&Text<'_>>) -> Option<Str> {
    text.map(|text| string(source, text))
}

/// The path of a member, for [`needed`].
pub(super) fn at<'p>(path: &'p str, member: &'p str) -> impl FnOnce() -> String + 'p {
    move || format!("{path}.{member}")
}
