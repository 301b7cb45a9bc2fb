//! The JSON of a draft: the one place that knows the order of members.

use super::{
    draft::{Block, Choice, ChoiceKind, Content, Draft, Mark, Message, Placed, System, Tool},
    source,
};
use crate::{
    Protocol,
    ir::{CallKind, Effort, Part, ThinkingMode, ToolCall},
    json::Writer,
};
use bytes::Bytes;

pub(super) fn body(draft: &Draft<'_>) -> Bytes {
    let mut w = Writer::with_capacity(4096);
    w.begin().key("model").text(draft.model);
    if let Some(cap) = draft.max_tokens {
        w.key("max_tokens").number(cap);
    }
    if let Some(stream) = draft.stream {
        w.key("stream").bool(stream);
    }
    object(&mut w, draft, "metadata", draft.user.is_some(), |w| {
        if let Some(user) = draft.user {
            w.key("user_id").text(user);
        }
    });
    for (key, raw) in &draft.extras {
        if !is_dotted(key) {
            w.key(key).raw(raw);
        }
    }
    let numbers = &draft.sampling;
    for (key, number) in [("temperature", numbers.temperature), ("top_p", numbers.top_p), ("top_k", numbers.top_k)] {
        if let Some(number) = number {
            w.key(key).raw(number);
        }
    }
    if !draft.stop.is_empty() {
        w.key("stop_sequences").begin_list();
        for text in &draft.stop {
            w.text(text);
        }
        w.end_list();
    }
    thinking(&mut w, draft);
    if let Some(choice) = &draft.choice {
        object(&mut w, draft, "tool_choice", true, |w| tool_choice(w, choice));
    }
    if let Some(mark) = &draft.cache {
        w.key("cache_control").raw(mark);
    }
    if !draft.tools.is_empty() {
        w.key("tools").begin_list();
        for each in &draft.tools {
            tool(&mut w, each);
        }
        w.end_list();
    }
    match &draft.system {
        System::Absent => {}
        System::Text(text) => {
            w.key("system").text(text);
        }
        System::Blocks(blocks) => {
            w.key("system");
            list(&mut w, blocks);
        }
    }
    w.key("messages").begin_list();
    for each in &draft.messages {
        message(&mut w, each);
    }
    w.end_list().end();
    w.finish()
}

/// Objects whose unknown members are kept under dotted names.
const OBJECTS: [&str; 4] = ["metadata", "thinking", "output_config", "tool_choice"];

fn is_dotted(key: &str) -> bool {
    key.split_once('.').is_some_and(|(object, _)| OBJECTS.contains(&object))
}

/// Writes the object `name` when something is known for it or a dotted member belongs into it.
fn object(w: &mut Writer, draft: &Draft<'_>, name: &str, known: bool, members: impl FnOnce(&mut Writer)) {
    let inside = |key: &str| key.strip_prefix(name).is_some_and(|rest| rest.starts_with('.'));
    if !known && !draft.extras.iter().any(|(key, _)| inside(key)) {
        return;
    }
    w.key(name).begin();
    members(w);
    dotted(w, draft, name);
    w.end();
}

/// Writes the members kept as `prefix.member`.
fn dotted(w: &mut Writer, draft: &Draft<'_>, prefix: &str) {
    for (key, raw) in &draft.extras {
        if let Some(member) = key.strip_prefix(prefix).and_then(|rest| rest.strip_prefix('.'))
            && !member.starts_with("format.")
        {
            w.key(member).raw(raw);
        }
    }
}

fn thinking(w: &mut Writer, draft: &Draft<'_>) {
    let plan = &draft.thinking;
    object(w, draft, "thinking", plan.mode.is_some(), |w| {
        match plan.mode {
            Some(ThinkingMode::Disabled) => w.key("type").text("disabled"),
            Some(ThinkingMode::Budget(tokens)) => w.key("type").text("enabled").key("budget_tokens").number(tokens),
            Some(ThinkingMode::Adaptive) => w.key("type").text("adaptive"),
            Some(ThinkingMode::BetweenTools) => w.key("type").text("between_tools"),
            None => w,
        };
        if let Some(show) = plan.show {
            w.key("display").text(if show { "summarized" } else { "omitted" });
        }
    });
    let known = plan.effort.is_some() || draft.format.is_some();
    object(w, draft, "output_config", known, |w| {
        if let Some(effort) = plan.effort {
            w.key("effort").text(Effort::word(effort));
        }
        if let Some(schema) = &draft.format {
            w.key("format").begin().key("type").text("json_schema").key("schema").raw(schema);
            dotted(w, draft, "output_config.format");
            w.end();
        }
    });
}

fn tool_choice(w: &mut Writer, choice: &Choice<'_>) {
    match &choice.kind {
        ChoiceKind::Auto => w.key("type").text("auto"),
        ChoiceKind::Any => w.key("type").text("any"),
        ChoiceKind::None => w.key("type").text("none"),
        ChoiceKind::Tool(name) => w.key("type").text("tool").key("name").text(name),
    };
    if let Some(disable) = choice.disable_parallel {
        w.key("disable_parallel_tool_use").bool(disable);
    }
}

fn tool(w: &mut Writer, tool: &Tool<'_>) {
    match tool {
        Tool::Raw(raw) => {
            w.raw(raw);
        }
        Tool::Function { name, description, schema, strict, mark: cache, extras } => {
            w.begin().key("name").text(name);
            if let Some(description) = description {
                w.key("description").text(description);
            }
            w.key("input_schema").raw(schema);
            if let Some(strict) = strict {
                w.key("strict").bool(*strict);
            }
            fields(w, extras);
            mark(w, cache.as_ref());
            w.end();
        }
    }
}

fn message(w: &mut Writer, message: &Message<'_>) {
    w.begin().key("role").text(message.role);
    fields(w, message.extras);
    w.key("content");
    match message.blocks.as_slice() {
        [Placed { block: Block::Text(text), .. }] if message.as_text => {
            w.text(text);
        }
        blocks => list(w, blocks),
    }
    w.end();
}

fn list(w: &mut Writer, blocks: &[Placed<'_>]) {
    w.begin_list();
    for each in blocks {
        block(w, each);
    }
    w.end_list();
}

fn block(w: &mut Writer, placed: &Placed<'_>) {
    if let Block::Raw(raw) = placed.block {
        w.raw(raw);
        return;
    }
    w.begin().key("type");
    let odd_source = placed.extras.iter().any(|(key, _)| key == "source");
    match &placed.block {
        Block::Text(text) => {
            w.text("text").key("text").text(text);
        }
        Block::Image(bytes) => {
            w.text("image");
            if !odd_source {
                source::write(w.key("source"), bytes);
            }
        }
        Block::Document { source: bytes, title } => {
            w.text("document");
            if !odd_source {
                source::write(w.key("source"), bytes);
            }
            if let Some(title) = title {
                w.key("title").text(title);
            }
        }
        Block::Call { id, name, call } => {
            w.text("tool_use").key("id").text(id).key("name").text(name).key("input");
            arguments(w, call);
        }
        Block::Result { id, content, is_error } => {
            w.text("tool_result").key("tool_use_id").text(id);
            match content {
                Content::Absent => {}
                Content::Text(text) => {
                    w.key("content").text(text);
                }
                Content::Blocks(blocks) => {
                    w.key("content");
                    list(w, blocks);
                }
            }
            if let Some(is_error) = is_error {
                w.key("is_error").bool(*is_error);
            }
        }
        Block::Thinking { text, signature } => {
            w.text("thinking").key("thinking").text(text);
            if let Some(signature) = signature {
                w.key("signature").text(signature);
            }
        }
        Block::Redacted(data) => {
            w.text("redacted_thinking").key("data").text(data);
        }
        Block::Raw(_) => {}
    }
    fields(w, placed.extras);
    mark(w, placed.mark.as_ref());
    w.end();
}

fn mark(w: &mut Writer, mark: Option<&Mark<'_>>) {
    if let Some(mark) = mark {
        w.key("cache_control").raw(mark);
    }
}

fn fields(w: &mut Writer, fields: super::draft::Fields<'_>) {
    for (key, raw) in fields {
        w.key(key).raw(raw.as_str());
    }
}

/// Writes what hangs on a part of this protocol.
pub(in super::super) fn block_extras(w: &mut Writer, part: &Part) {
    if part.extras.maker == Protocol::Messages {
        fields(w, &part.extras.fields);
        if let Some(cache) = &part.cache {
            w.key(super::cache::MEMBER).raw(cache.raw.as_str());
        }
    }
}

/// Writes the input of a call, which must be an object: text that is none is wrapped as `_raw`, free text as `input`.
pub(in super::super) fn arguments(w: &mut Writer, call: &ToolCall) {
    let text = call.arguments.trim();
    match call.kind {
        CallKind::Custom => w.begin().key("input").text(&call.arguments).end(),
        CallKind::Function if text.is_empty() => w.begin().end(),
        CallKind::Function if is_object(text) => w.raw(text),
        CallKind::Function => w.begin().key("_raw").text(&call.arguments).end(),
    };
}

/// Whether `text` is one JSON object.
pub(super) fn is_object(text: &str) -> bool {
    text.starts_with('{') && serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok()
}
