//! `content`: one string, or a list of parts.

use super::{
    extras, reasoning,
    wire::{AudioWire, FileWire, ImageWire, PartWire, at, needed, read_at, string, string_of},
};
use crate::{
    BadRequest, Protocol, Str,
    ir::{CacheMark, Form, Part, PartKind, Sealed, Source},
    json::{List, Text, Writer, own, own_raw},
};
use serde_json::value::RawValue;

/// The children of a part that have members of their own.
const CHILDREN: [&str; 3] = ["image_url.", "input_audio.", "file."];

/// Who wrote a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Author {
    /// The client, in a request: parts that nobody knows are refused.
    Client,
    /// The upstream, in an answer: what it invents must not cost the answer.
    Upstream,
}

/// Reads `content`. An empty string gives no part: the form says that it was there.
pub(super) fn decode(
    source: &Str,
    raw: &RawValue,
    author: Author,
    path: &str,
) -> Result<(Vec<Part>, Form), BadRequest> {
    if raw.get().starts_with('[') {
        let wires: List<&RawValue> = read_at(path, raw)?;
        let part = |(index, raw): (usize, &&RawValue)| decode_part(source, raw, author, &format!("{path}[{index}]"));
        let parts: Result<Vec<Part>, BadRequest> = wires.iter().enumerate().map(part).collect();
        return Ok((parts?, Form::List));
    }
    let text: Text<'_> =
        read_at(path, raw).map_err(|_| BadRequest::at(path, "expected a string or an array of parts"))?;
    let text = string(source, &text);
    let part = (!text.is_empty()).then(|| Part::new(Protocol::Chat, PartKind::Text(text)));
    Ok((part.into_iter().collect(), Form::Text))
}

fn decode_part(source: &Str, raw: &RawValue, author: Author, path: &str) -> Result<Part, BadRequest> {
    let wire: PartWire<'_> = read_at(path, raw)?;
    let mut kept = extras::none();
    let kind = needed(wire.kind, || format!("{path}.type"))?;
    let kind = match &*kind {
        "text" => PartKind::Text(string(source, &needed(wire.text, at(path, "text"))?)),
        "refusal" => {
            extras::mark(&mut kept, extras::IN_CONTENT);
            PartKind::Refusal(string(source, &needed(wire.refusal, at(path, "refusal"))?))
        }
        "image_url" => {
            let ImageWire { url, detail, rest } = needed(wire.image_url, at(path, "image_url"))?;
            extras::keep(source, rest, "image_url.", &mut kept);
            let url = string(source, &needed(url, at(path, "image_url.url"))?);
            PartKind::Image { source: located(url), detail: string_of(source, detail.as_ref()) }
        }
        "input_audio" => {
            let AudioWire { data, format, rest } = needed(wire.input_audio, at(path, "input_audio"))?;
            extras::keep(source, rest, "input_audio.", &mut kept);
            PartKind::Audio {
                data: string(source, &needed(data, at(path, "input_audio.data"))?),
                format: string(source, &needed(format, at(path, "input_audio.format"))?),
            }
        }
        "file" => {
            let FileWire { file_data, file_id, filename, rest } = needed(wire.file, at(path, "file"))?;
            extras::keep(source, rest, "file.", &mut kept);
            let from = match (file_id, file_data) {
                (Some(id), None) => Source::File { maker: Protocol::Chat, id: string(source, &id) },
                (None, Some(data)) => located(string(source, &data)),
                _ => return Err(BadRequest::at(format!("{path}.file"), "expected one of `file_data` and `file_id`")),
            };
            PartKind::Document { source: from, name: string_of(source, filename.as_ref()) }
        }
        other if author == Author::Upstream => {
            let sealed = Sealed { maker: Protocol::Chat, raw: own_raw(source, raw) };
            let opaque = || Part::new(Protocol::Chat, PartKind::Opaque { what: Str::from(other), sealed });
            let thinking = if other == "thinking" { reasoning::thinking(source, &wire.rest) } else { None };
            return Ok(thinking.unwrap_or_else(opaque));
        }
        other => return Err(BadRequest::at(format!("{path}.type"), format_args!("unknown part type `{other}`"))),
    };
    extras::keep(source, wire.rest, "", &mut kept);
    Ok(Part { kind, cache: cache(source, wire.prompt_cache_breakpoint, wire.cache_control, &mut kept), extras: kept })
}

/// A breakpoint in Chat's own words, or in those of Messages, which OpenRouter and LiteLLM take on Chat.
fn cache(
    source: &Str,
    own_mark: Option<&RawValue>,
    foreign: Option<&RawValue>,
    kept: &mut crate::ir::Extras,
) -> Option<CacheMark> {
    let mark = |maker, raw| CacheMark { maker, raw: own_raw(source, raw) };
    match (own_mark, foreign) {
        (Some(raw), also) => {
            kept.fields.extend(also.map(|raw| (Str::from_static("cache_control"), own_raw(source, raw))));
            Some(mark(Protocol::Chat, raw))
        }
        (None, foreign) => foreign.map(|raw| mark(Protocol::Messages, raw)),
    }
}

/// An address, or inline data when the address is a base64 data URL that can be put together again letter for letter.
fn located(url: Str) -> Source {
    let inline = url.strip_prefix("data:").and_then(|rest| rest.split_once(";base64,"));
    match inline {
        Some((media_type, data)) if !media_type.is_empty() => {
            // Slices of the text itself, which may be a copy when the body had escapes.
            let within = |part: &str| if part.is_empty() { Str::new() } else { own(&url, part) };
            Source::Base64 { media_type: within(media_type), data: within(data) }
        }
        _ => Source::Url(url),
    }
}

/// Writes a part as Chat has it; only for parts that [`expressible`] accepts.
pub(super) fn write(w: &mut Writer, part: &Part) {
    w.begin();
    let kind = |w: &mut Writer, word: &str| {
        w.key("type").text(word);
    };
    match &part.kind {
        PartKind::Text(text) | PartKind::Document { source: Source::Text(text), .. } => {
            kind(w, "text");
            w.key("text").text(text);
        }
        PartKind::Refusal(text) => {
            kind(w, "refusal");
            w.key("refusal").text(text);
        }
        PartKind::Image { source, detail } => {
            kind(w, "image_url");
            w.key("image_url").begin();
            w.key("url");
            write_source(w, source);
            if let Some(detail) = detail {
                w.key("detail").text(detail);
            }
            extras::write(w, &part.extras, "image_url.", &[]);
            w.end();
        }
        PartKind::Audio { data, format } => {
            kind(w, "input_audio");
            w.key("input_audio").begin().key("data").text(data).key("format").text(format);
            extras::write(w, &part.extras, "input_audio.", &[]);
            w.end();
        }
        PartKind::Document { source, name } => {
            kind(w, "file");
            w.key("file").begin();
            if let Source::File { id, .. } = source {
                w.key("file_id").text(id);
            } else {
                w.key("file_data");
                write_source(w, source);
            }
            // OpenAI wants a name beside inline data; a file that Chat wrote keeps what it had.
            let unnamed = matches!(source, Source::Base64 { .. }) && part.extras.maker != Protocol::Chat;
            if let Some(name) = name.as_deref().or(unnamed.then_some("document.pdf")) {
                w.key("filename").text(name);
            }
            extras::write(w, &part.extras, "file.", &[]);
            w.end();
        }
        PartKind::ToolCall(_) | PartKind::ToolResult(_) | PartKind::Reasoning(_) | PartKind::Opaque { .. } => {
            kind(w, "text");
            w.key("text").text("");
        }
    }
    extras::write(w, &part.extras, "", &CHILDREN);
    if let Some(CacheMark { maker, raw }) = part.cache.as_ref().filter(|_| part.extras.maker == Protocol::Chat) {
        let name = if *maker == Protocol::Chat { "prompt_cache_breakpoint" } else { "cache_control" };
        w.key(name).raw(raw.as_str());
    }
    w.end();
}

/// Whether `part` is something that stands in a list of content parts.
pub(super) fn expressible(part: &Part) -> bool {
    match part.kind {
        PartKind::Text(_) | PartKind::Image { .. } | PartKind::Document { .. } | PartKind::Audio { .. } => true,
        PartKind::Refusal(_) => extras::marked(&part.extras, extras::IN_CONTENT),
        PartKind::ToolCall(_) | PartKind::ToolResult(_) | PartKind::Reasoning(_) | PartKind::Opaque { .. } => false,
    }
}

fn write_source(w: &mut Writer, source: &Source) {
    match source {
        Source::Base64 { media_type, data } => w.text_of(["data:", media_type, ";base64,", data]),
        Source::Url(url) => w.text(url),
        Source::Text(text) => w.text(text),
        Source::File { id, .. } => w.text(id),
    };
}

/// Writes the parts that belong into `content` in the form in which the wire had them.
pub(super) fn write_content(w: &mut Writer, parts: &[Part], form: Form) {
    match form {
        Form::Text => {
            w.key("content").text_of(parts.iter().filter_map(text_of));
        }
        Form::List => {
            w.key("content").begin_list();
            for part in parts.iter().filter(|part| expressible(part)) {
                write(w, part);
            }
            w.end_list();
        }
        Form::Null => {
            w.key("content").null();
        }
        Form::Absent => {}
    }
}

/// The visible text of a part.
pub(super) fn text_of(part: &Part) -> Option<&str> {
    match &part.kind {
        PartKind::Text(text) => Some(text),
        _ => None,
    }
}
