//! Caps, sampling, effort, the shape of the answer and what a stream carries.

use super::models;
use crate::{
    BadRequest, MaxTokensField, Str, Target,
    chat::{
        extras,
        wire::{FormatWire, RequestWire, StreamOptionsWire, needed, read_at, string, string_of},
    },
    ir::{Effort, Extras, Losses, OutputFormat, Raw, Request, Sampling, Thinking, ThinkingMode, Tool, ToolKind},
    json::{List, Text, Writer, own_raw},
};
use serde_json::{Value, value::RawValue};
use std::borrow::Cow;

/// How many stop texts OpenAI takes.
const MAX_STOPS: usize = 4;
/// The children of `response_format` that have members of their own.
const FORMAT_CHILDREN: [&str; 1] = ["json_schema."];

pub(super) fn decode_sampling(source: &Str, wire: &RequestWire<'_>, kept: &mut Extras) -> Result<Sampling, BadRequest> {
    let number = |path: &str, raw: Option<&RawValue>| match raw {
        Some(raw) if !raw.get().starts_with(|first: char| first == '-' || first.is_ascii_digit()) => {
            Err(BadRequest::at(path, "expected a number"))
        }
        raw => Ok(raw.map(|raw| own_raw(source, raw))),
    };
    let (stop, stop_is_text) = stop(source, wire.stop, kept)?;
    if let (Some(_), Some(older)) = (wire.max_completion_tokens, wire.max_tokens) {
        kept.fields.push((Str::from_static("max_tokens"), Raw(Str::from(older.to_string()))));
    }
    Ok(Sampling {
        max_tokens: wire.max_completion_tokens.or(wire.max_tokens),
        max_tokens_is_completion: wire.max_completion_tokens.is_some(),
        temperature: number("temperature", wire.temperature)?,
        top_p: number("top_p", wire.top_p)?,
        top_k: None,
        stop,
        stop_is_text,
    })
}

/// `stop`: a string or a list; an empty list is kept as it is.
fn stop(source: &Str, raw: Option<&RawValue>, kept: &mut Extras) -> Result<(Vec<Str>, bool), BadRequest> {
    let Some(raw) = raw else { return Ok((Vec::new(), false)) };
    if raw.get().starts_with('"') {
        let text: Text<'_> = read_at("stop", raw)?;
        return Ok((vec![string(source, &text)], true));
    }
    let texts: List<Text<'_>> = read_at("stop", raw)?;
    if texts.is_empty() {
        kept.fields.push((Str::from_static("stop"), own_raw(source, raw)));
    }
    Ok((texts.iter().map(|text| string(source, text)).collect(), false))
}

pub(super) fn decode_thinking(wire: &RequestWire<'_>) -> Result<Thinking, BadRequest> {
    let effort = wire.reasoning_effort.as_ref().map(|word| {
        let why = || BadRequest::at("reasoning_effort", format_args!("unknown effort `{}`", &**word));
        Effort::parse(word).ok_or_else(why)
    });
    Ok(Thinking { mode: None, effort: effort.transpose()?, show: None })
}

/// Reads `include_usage`; options that say more are kept whole.
pub(super) fn decode_stream_options(
    source: &Str,
    wire: &RequestWire<'_>,
    kept: &mut Extras,
) -> Result<bool, BadRequest> {
    let Some(raw) = wire.stream_options else { return Ok(false) };
    let options: StreamOptionsWire<'_> = read_at("stream_options", raw)?;
    let plain = options.include_usage == Some(true) && options.rest.is_empty();
    if !plain {
        kept.fields.push((Str::from_static("stream_options"), own_raw(source, raw)));
    }
    Ok(options.include_usage.unwrap_or(false))
}

pub(super) fn decode_format(source: &Str, wire: FormatWire<'_>, kept: &mut Extras) -> Result<OutputFormat, BadRequest> {
    let kind = needed(wire.kind, || "response_format.type".into())?;
    let format = match &*kind {
        "text" => OutputFormat::Text,
        "json_object" => OutputFormat::JsonObject,
        "json_schema" => {
            let schema = needed(wire.json_schema, || "response_format.json_schema".into())?;
            let raw = needed(schema.schema, || "response_format.json_schema.schema".into())?;
            extras::keep(source, schema.rest, "response_format.json_schema.", kept);
            OutputFormat::JsonSchema {
                name: string_of(source, schema.name.as_ref()),
                description: string_of(source, schema.description.as_ref()),
                schema: own_raw(source, raw),
                strict: schema.strict,
            }
        }
        other => return Err(BadRequest::at("response_format.type", format_args!("unknown format `{other}`"))),
    };
    extras::keep(source, wire.rest, "response_format.", kept);
    Ok(format)
}

/// Writes `stream` and `stream_options`. A stream is always asked to tell its usage where the upstream can.
pub(super) fn write_stream(w: &mut Writer, request: &Request, target: &Target<'_>) {
    if let Some(stream) = request.stream {
        w.key("stream").bool(stream);
    }
    let wanted = request.stream == Some(true) && target.dialect.stream_usage;
    let original = extras::find(&request.extras, "stream_options");
    // Without a stream the member is a fault at OpenAI; a Chat client that sent it gets that answer.
    let asked = request.include_usage && original.is_none() && request.extras.maker == super::decode::MAKER;
    if wanted || asked {
        let options: Option<StreamOptionsWire<'_>> = original.and_then(|raw| serde_json::from_str(raw.as_str()).ok());
        w.key("stream_options").begin().key("include_usage").bool(true);
        // The member itself is in the rest when it was null.
        let others = options.iter().flat_map(|options| &options.rest).filter(|(name, _)| name != "include_usage");
        for (name, raw) in others {
            w.key(name).raw(raw.get());
        }
        w.end();
    } else if let Some(raw) = original {
        w.key("stream_options").raw(raw.as_str());
    }
}

/// Writes the caps and the sampling.
pub(super) fn write_sampling(w: &mut Writer, request: &Request, target: &Target<'_>, losses: &mut Losses) {
    let sampling = &request.sampling;
    let made_here = request.extras.maker == super::decode::MAKER;
    let fixed = !made_here && models::reasons(target.model);
    if let Some(cap) = sampling.max_tokens {
        w.key(cap_name(request, target)).number(cap);
    }
    for (name, value) in [("temperature", &sampling.temperature), ("top_p", &sampling.top_p)] {
        match value {
            Some(_) if fixed => losses.dropped(name, "reasoning models take no sampling"),
            Some(raw) => {
                w.key(name).raw(raw.as_str());
            }
            None => {}
        }
    }
    if sampling.top_k.is_some() {
        losses.dropped("top_k", "");
    }
    if sampling.stop_is_text {
        if let Some(stop) = sampling.stop.first() {
            w.key("stop").text(stop);
        }
    } else if !sampling.stop.is_empty() {
        write_stops(w, sampling, made_here, fixed, losses);
    }
}

fn write_stops(w: &mut Writer, sampling: &Sampling, made_here: bool, fixed: bool, losses: &mut Losses) {
    if fixed {
        return losses.dropped("stop_sequences", "reasoning models take no stop texts");
    }
    let limit = if made_here { usize::MAX } else { MAX_STOPS };
    if sampling.stop.len() > limit {
        losses.approximated("stop_sequences", "only the first four");
    }
    w.key("stop").begin_list();
    for stop in sampling.stop.iter().take(limit) {
        w.text(stop);
    }
    w.end_list();
}

/// The name under which the output cap travels.
pub(super) fn cap_name(request: &Request, target: &Target<'_>) -> &'static str {
    let completion = match target.dialect.max_tokens {
        MaxTokensField::MaxTokens => false,
        MaxTokensField::MaxCompletionTokens => true,
        MaxTokensField::Auto => models::reasons(target.model) || request.sampling.max_tokens_is_completion,
    };
    if completion { "max_completion_tokens" } else { "max_tokens" }
}

/// Writes `reasoning_effort`.
pub(super) fn write_effort(w: &mut Writer, request: &Request, target: &Target<'_>, losses: &mut Losses) {
    let thinking = &request.thinking;
    if request.extras.maker == super::decode::MAKER {
        if let Some(effort) = thinking.effort {
            w.key("reasoning_effort").text(effort.word());
        }
        return;
    }
    let sent = |tool: &Tool| !matches!(tool.kind, ToolKind::Hosted { .. });
    if request.tools.iter().any(sent) && models::takes_tools_only_unthinking(target.model) {
        w.key("reasoning_effort").text(Effort::None.word());
        if matches!((thinking.mode, thinking.effort), (Some(ThinkingMode::Disabled), _) | (_, Some(Effort::None))) {
            return;
        }
        let path = if thinking.effort.is_some() { "output_config.effort" } else { "thinking" };
        return losses.approximated(path, "on this endpoint the model takes tools only without reasoning");
    }
    let (wanted, path) = match (thinking.mode, thinking.effort) {
        (Some(ThinkingMode::Disabled), _) => (Effort::None, "thinking"),
        (_, Some(effort)) => (effort, "output_config.effort"),
        (Some(ThinkingMode::Budget(tokens)), None) => (Effort::of_budget(tokens), "thinking.budget_tokens"),
        (Some(ThinkingMode::Adaptive | ThinkingMode::BetweenTools) | None, None) => return,
    };
    let Some(range) = models::efforts(target.model) else {
        // Such a model either does not think, or thinks as much as it likes: off is what it does when nothing is said.
        if wanted != Effort::None {
            losses.dropped(path, "the model is not known to take an effort");
        }
        return;
    };
    if wanted == Effort::None && *range.start() != Effort::None {
        return losses.dropped(path, "the model cannot stop thinking");
    }
    let given = wanted.clamp(*range.start(), *range.end());
    if given != wanted || path == "thinking.budget_tokens" {
        losses.approximated(path, "as the nearest effort");
    }
    w.key("reasoning_effort").text(given.word());
}

/// The session in the `metadata.user_id` of Claude Code: the member `session_id` of a JSON object or, as older versions
/// have it, what follows `session_`.
pub(super) fn session(user: &str) -> Option<Cow<'_, str>> {
    let json: Option<Value> = serde_json::from_str(user).ok();
    let session = match json {
        Some(value) => Cow::Owned(value.get("session_id")?.as_str()?.to_owned()),
        None => Cow::Borrowed(user.rsplit_once("session_")?.1),
    };
    (!session.is_empty()).then_some(session)
}

/// Writes `response_format`.
pub(super) fn write_format(w: &mut Writer, request: &Request) {
    let Some(output) = &request.output else { return };
    let made_here = request.extras.maker == super::decode::MAKER;
    w.key("response_format").begin();
    match output {
        OutputFormat::Text => {
            w.key("type").text("text");
        }
        OutputFormat::JsonObject => {
            w.key("type").text("json_object");
        }
        OutputFormat::JsonSchema { name, description, schema, strict } => {
            w.key("type").text("json_schema").key("json_schema").begin();
            if let Some(name) = name.as_deref().or((!made_here).then_some("output")) {
                w.key("name").text(name);
            }
            if let Some(description) = description {
                w.key("description").text(description);
            }
            let strict = strict.or((!made_here && fits_strict(schema)).then_some(true));
            if let Some(strict) = strict {
                w.key("strict").bool(strict);
            }
            w.key("schema").raw(schema.as_str());
            extras::write(w, &request.extras, "response_format.json_schema.", &[]);
            w.end();
        }
    }
    extras::write(w, &request.extras, "response_format.", &FORMAT_CHILDREN);
    w.end();
}

/// Whether every object of a schema forbids further members and requires all of its own: what `strict` asks for.
fn fits_strict(schema: &Raw) -> bool {
    fn fits(value: &Value) -> bool {
        match value {
            Value::Object(members) => {
                let properties = members.get("properties").and_then(Value::as_object);
                let required = members.get("required").and_then(Value::as_array);
                let closed = members.get("additionalProperties") == Some(&Value::Bool(false));
                let complete = properties.is_none_or(|properties| {
                    let named =
                        |name: &String| required.is_some_and(|list| list.iter().any(|one| one == name.as_str()));
                    properties.keys().all(named)
                });
                let object = members.get("type").is_some_and(|kind| kind == "object");
                (!object || closed && complete) && members.values().all(fits)
            }
            Value::Array(items) => items.iter().all(fits),
            _ => true,
        }
    }
    let value: Option<Value> = serde_json::from_str(schema.as_str()).ok();
    value.is_some_and(|value| value.get("type").is_some_and(|kind| kind == "object") && fits(&value))
}
