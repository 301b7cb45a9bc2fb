//! Tools and the choice among them.

use super::encode::Encoder;
use crate::{
    BadRequest, CannotEncode, Protocol, Str,
    chat::{
        extras,
        wire::{ChoiceWire, ToolWire, at, needed, read_at, string, string_of},
    },
    ir::{CacheMark, Extras, Raw, Sealed, Stand, Tool, ToolChoice, ToolKind},
    json::{List, ScanError, Text, Writer, own_raw, patch::Removals, scan},
};
use serde_json::value::RawValue;
use std::ops::Range;

/// The children of a tool that have members of their own.
const CHILDREN: [&str; 2] = ["function.", "custom."];

/// Reads `tools`.
pub(super) fn decode(source: &Str, list: &List<&RawValue>) -> Result<Vec<Tool>, BadRequest> {
    let tool = |(index, raw): (usize, &&RawValue)| decode_one(source, raw, &format!("tools[{index}]"));
    list.iter().enumerate().map(tool).collect()
}

fn decode_one(source: &Str, raw: &RawValue, path: &str) -> Result<Tool, BadRequest> {
    let wire: ToolWire<'_> = read_at(path, raw)?;
    let kind = needed(wire.kind, || format!("{path}.type"))?;
    let mut kept = extras::none();
    let kind = match &*kind {
        "function" => {
            let function = needed(wire.function, at(path, "function"))?;
            if function.parameters.is_some_and(|raw| !raw.get().starts_with('{')) {
                return Err(BadRequest::at(format!("{path}.function.parameters"), "expected an object"));
            }
            extras::keep(source, function.rest, "function.", &mut kept);
            ToolKind::Function {
                name: string(source, &needed(function.name, at(path, "function.name"))?),
                description: string_of(source, function.description.as_ref()),
                schema: function.parameters.map(|raw| own_raw(source, raw)),
                strict: function.strict,
            }
        }
        "custom" => {
            let custom = needed(wire.custom, at(path, "custom"))?;
            extras::keep(source, custom.rest, "custom.", &mut kept);
            ToolKind::Custom {
                name: string(source, &needed(custom.name, at(path, "custom.name"))?),
                description: string_of(source, custom.description.as_ref()),
                format: custom.format.map(|raw| own_raw(source, raw)),
            }
        }
        _ => {
            let sealed = Sealed { maker: Protocol::Chat, raw: own_raw(source, raw) };
            let kind = ToolKind::Hosted { what: string(source, &kind), sealed };
            return Ok(Tool { kind, cache: None, extras: kept });
        }
    };
    extras::keep(source, wire.rest, "", &mut kept);
    let cache = wire.cache_control.map(|raw| CacheMark { maker: Protocol::Messages, raw: own_raw(source, raw) });
    Ok(Tool { kind, cache, extras: kept })
}

/// Reads `tool_choice`. A choice that the intermediate form holds only in part is kept whole as well.
pub(super) fn decode_choice(source: &Str, raw: &RawValue, kept: &mut Extras) -> Result<ToolChoice, BadRequest> {
    let unknown = |word: &str| BadRequest::at("tool_choice", format_args!("unknown choice `{word}`"));
    if raw.get().starts_with('"') {
        let word: Text<'_> = read_at("tool_choice", raw)?;
        return match &*word {
            "auto" => Ok(ToolChoice::Auto),
            "required" => Ok(ToolChoice::Required),
            "none" => Ok(ToolChoice::None),
            other => Err(unknown(other)),
        };
    }
    let wire: ChoiceWire<'_> = read_at("tool_choice", raw)?;
    let kind = needed(wire.kind.as_ref(), || "tool_choice.type".into())?;
    let mut plain = wire.rest.is_empty();
    let choice = match &**kind {
        named @ ("function" | "custom") => {
            let custom = named == "custom";
            let tool = if custom { wire.custom } else { wire.function };
            let tool = needed(tool, || format!("tool_choice.{named}"))?;
            plain &= tool.rest.is_empty();
            let name = string(source, &needed(tool.name, || format!("tool_choice.{named}.name"))?);
            if custom { ToolChoice::Custom(name) } else { ToolChoice::Function(name) }
        }
        "allowed_tools" => {
            let allowed = needed(wire.allowed_tools, || "tool_choice.allowed_tools".into())?;
            let mode = needed(allowed.mode, || "tool_choice.allowed_tools.mode".into())?;
            if !["auto", "required"].contains(&&*mode) {
                return Err(BadRequest::at("tool_choice.allowed_tools.mode", "expected `auto` or `required`"));
            }
            plain &= allowed.rest.is_empty();
            let mut names = Vec::new();
            for tool in allowed.tools.iter().flat_map(|tools| tools.iter()) {
                let name = tool.function.as_ref().or(tool.custom.as_ref()).and_then(|tool| tool.name.as_ref());
                let inner = tool.function.as_ref().is_some_and(|function| function.rest.is_empty());
                plain &= inner && tool.rest.is_empty();
                names.extend(name.map(|name| string(source, name)));
            }
            ToolChoice::Allowed { names, required: &*mode == "required" }
        }
        other => return Err(unknown(other)),
    };
    if !plain {
        kept.fields.push((Str::from_static("tool_choice"), own_raw(source, raw)));
    }
    Ok(choice)
}

impl Encoder<'_> {
    /// Writes `tools`, `tool_choice` and `parallel_tool_calls`.
    pub(super) fn tools(&mut self) -> Result<(), CannotEncode> {
        let request = self.request;
        let hosted =
            |tool: &Tool| matches!(&tool.kind, ToolKind::Hosted { sealed, .. } if sealed.maker != Protocol::Chat);
        let any = !request.tools.iter().all(hosted);
        if any {
            self.w.key("tools").begin_list();
            for (index, tool) in request.tools.iter().enumerate() {
                self.tool(tool, &format!("tools[{index}]"));
            }
            self.w.end_list();
        } else {
            for (index, _) in request.tools.iter().enumerate() {
                self.losses.dropped(format!("tools[{index}]"), "a tool that only its vendor runs");
            }
        }
        self.choice(any)?;
        if let Some(parallel) = request.parallel_tools.filter(|_| any || self.made_here) {
            self.w.key("parallel_tool_calls").bool(parallel);
        }
        Ok(())
    }

    fn tool(&mut self, tool: &Tool, path: &str) {
        match &tool.kind {
            ToolKind::Function { name, description, schema, strict } => {
                let sent = self.name(name);
                if sent != **name {
                    self.names.push(sent.clone().into_owned(), name.clone(), Stand::Function);
                }
                self.w.begin().key("type").text("function").key("function").begin();
                self.w.key("name").text(&sent);
                if let Some(description) = description {
                    self.w.key("description").text(description);
                }
                if let Some(schema) = schema {
                    self.w.key("parameters");
                    if self.made_here {
                        self.w.raw(schema.as_str())
                    } else {
                        write_schema(&mut self.w, schema)
                    };
                }
                if let Some(strict) = strict {
                    self.w.key("strict").bool(*strict);
                }
                extras::write(&mut self.w, &tool.extras, "function.", &[]);
                self.w.end();
            }
            ToolKind::Custom { name, description, format } => {
                self.w.begin().key("type").text("custom").key("custom").begin().key("name").text(name);
                if let Some(description) = description {
                    self.w.key("description").text(description);
                }
                if let Some(format) = format {
                    self.w.key("format").raw(format.as_str());
                }
                extras::write(&mut self.w, &tool.extras, "custom.", &[]);
                self.w.end();
            }
            ToolKind::Hosted { sealed, .. } if sealed.maker == Protocol::Chat => {
                self.w.raw(sealed.raw.as_str());
                return;
            }
            ToolKind::Hosted { .. } => {
                return self.losses.dropped(path, "a tool that only its vendor runs");
            }
        }
        extras::write(&mut self.w, &tool.extras, "", &CHILDREN);
        if let Some(mark) = tool.cache.as_ref().filter(|_| self.made_here) {
            self.w.key("cache_control").raw(mark.raw.as_str());
        }
        self.w.end();
        self.note_cache(tool.cache.as_ref(), path);
        self.note_extras(&tool.extras, path);
    }

    fn choice(&mut self, any: bool) -> Result<(), CannotEncode> {
        let Some(choice) = &self.request.tool_choice else { return Ok(()) };
        if let Some(raw) = extras::find(&self.request.extras, "tool_choice") {
            self.w.key("tool_choice").raw(raw.as_str());
            return Ok(());
        }
        if !any && !self.made_here {
            return match choice {
                ToolChoice::Auto | ToolChoice::None | ToolChoice::Allowed { required: false, .. } => Ok(()),
                _ => Err(forced()),
            };
        }
        let gone = |name: &Str| {
            let is = |tool: &Tool| match &tool.kind {
                ToolKind::Hosted { sealed, .. } => sealed.maker != Protocol::Chat && names(&sealed.raw, name),
                _ => false,
            };
            self.request.tools.iter().any(is)
        };
        match choice {
            ToolChoice::Function(name) | ToolChoice::Custom(name) if gone(name) => return Err(forced()),
            ToolChoice::Auto => self.w.key("tool_choice").text("auto"),
            ToolChoice::Required => self.w.key("tool_choice").text("required"),
            ToolChoice::None => self.w.key("tool_choice").text("none"),
            ToolChoice::Function(name) => {
                let sent = self.name(name);
                self.w.key("tool_choice");
                write_named(&mut self.w, "function", &sent)
            }
            ToolChoice::Custom(name) => {
                self.w.key("tool_choice");
                write_named(&mut self.w, "custom", name)
            }
            ToolChoice::Allowed { names, required } => {
                self.w.key("tool_choice").begin().key("type").text("allowed_tools").key("allowed_tools").begin();
                self.w.key("mode").text(if *required { "required" } else { "auto" }).key("tools").begin_list();
                for name in names {
                    let sent = self.name(name);
                    write_named(&mut self.w, "function", &sent);
                }
                self.w.end_list().end().end()
            }
        };
        Ok(())
    }
}

/// The fault of a choice that forces a tool which cannot be offered.
fn forced() -> CannotEncode {
    CannotEncode {
        path: "tool_choice".into(),
        why: "the forced tool is run by its vendor and cannot be offered to this upstream".into(),
    }
}

fn write_named<'w>(w: &'w mut Writer, kind: &str, name: &str) -> &'w mut Writer {
    w.begin().key("type").text(kind).key(kind).begin().key("name").text(name).end().end()
}

/// Whether a tool's definition says `"name": name`.
fn names(definition: &Raw, name: &str) -> bool {
    let mut found = false;
    let scanned = scan::object(definition.as_str(), |member| {
        let value = definition.as_str().get(member.value).unwrap_or_default();
        found |= member.key == "name" && serde_json::from_str::<Text<'_>>(value).is_ok_and(|text| &*text == name);
        Ok::<(), ScanError>(())
    });
    scanned.is_ok() && found
}

/// Writes a schema of another protocol: without `$schema`, and with the `properties` that OpenAI asks of every object.
fn write_schema<'w>(w: &'w mut Writer, schema: &Raw) -> &'w mut Writer {
    let text = schema.as_str();
    let (mut removals, mut properties, mut object, mut kept) = (Removals::default(), false, true, false);
    let scanned = scan::object(text, |member| {
        let gone = member.key == "$schema";
        removals.member(&member.span, gone);
        properties |= member.key == "properties";
        if member.key == "type" {
            object = text.get(member.value) == Some("\"object\"");
        }
        kept |= !gone;
        Ok::<(), ScanError>(())
    });
    if scanned.is_err() {
        return w.raw(text);
    }
    let mut out = String::with_capacity(text.len() + 40);
    let mut at = text.find('{').map_or(0, |brace| brace + 1);
    out.push('{');
    if object && !properties {
        out.push_str("\"properties\":{}");
        out.push_str(if kept { "," } else { "" });
    }
    let mut copy = |span: Range<usize>| out.push_str(text.get(span).unwrap_or_default());
    for span in removals.finish() {
        copy(at..span.start);
        at = span.end;
    }
    copy(at..text.len());
    w.raw(&out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_foreign_schema_loses_its_dialect_and_gains_properties_and_keeps_all_else_letter_for_letter() {
        let sent = |schema: &'static str| {
            let mut w = Writer::default();
            write_schema(&mut w, &Raw(Str::from_static(schema)));
            String::from_utf8(w.finish().to_vec()).unwrap()
        };
        assert_eq!(
            sent(r#"{"$schema":"x", "type":"object","properties":{"b":1.50}}"#),
            r#"{"type":"object","properties":{"b":1.50}}"#
        );
        assert_eq!(sent(r#"{"type":"object"}"#), r#"{"properties":{},"type":"object"}"#);
        assert_eq!(sent("{}"), r#"{"properties":{}}"#);
        assert_eq!(sent(r#"{"type":["object","null"],"$schema":"x"}"#), r#"{"type":["object","null"]}"#);
    }
}
