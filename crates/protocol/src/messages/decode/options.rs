//! Tools and the objects that steer the answer.

use super::{
    super::{
        path::At,
        wire::{ChoiceDef, Metadata, OutputConfig, ThinkingDef, ToolDef},
    },
    extras, mark,
};
use crate::{
    BadRequest, Protocol, Str,
    ir::{Effort, OutputFormat, Raw, Sealed, Thinking, ThinkingMode, Tool, ToolChoice, ToolKind},
    json::{List, Rest, own_raw, wire::own_text},
};
use serde_json::value::RawValue;

/// Reads options; what has no place goes to `fields`.
pub(super) struct Options<'s, 'f> {
    pub(super) source: &'s Str,
    pub(super) fields: &'f mut Vec<(Str, Raw)>,
}

impl Options<'_, '_> {
    /// Keeps members of the object `of` under dotted names; an object without any member is kept whole.
    fn keep(&mut self, of: &str, known: bool, rest: Rest<'_>) {
        if !known && rest.is_empty() {
            self.fields.push((Str::from(of), Raw(Str::from_static("{}"))));
        }
        for (key, raw) in rest {
            self.fields.push((Str::from(format!("{of}.{key}")), own_raw(self.source, raw)));
        }
    }

    pub(super) fn tools(&mut self, tools: Option<List<&RawValue>>) -> Result<Vec<Tool>, BadRequest> {
        let Some(tools) = tools else { return Ok(Vec::new()) };
        if tools.is_empty() {
            self.fields.push((Str::from_static("tools"), Raw(Str::from_static("[]"))));
        }
        let at = At::Root.key("tools");
        tools.iter().enumerate().map(|(index, raw)| self.tool(raw, at.index(index))).collect()
    }

    fn tool(&self, raw: &RawValue, at: At<'_>) -> Result<Tool, BadRequest> {
        let source = self.source;
        let def: ToolDef<'_> = at.read(raw.get())?;
        if let Some(what) = &def.kind
            && &**what != "custom"
        {
            let sealed = Sealed { maker: Protocol::Messages, raw: own_raw(source, raw) };
            let kind = ToolKind::Hosted { what: own_text(source, what), sealed };
            return Ok(Tool { kind, cache: None, extras: extras(source, Vec::new()) });
        }
        let name = at.require("name", def.name)?;
        let schema = at.require("input_schema", def.input_schema)?;
        if !schema.get().starts_with('{') {
            return Err(at.key("input_schema").fault("expected an object"));
        }
        let mut extras = extras(source, def.rest);
        if def.kind.is_some() {
            extras.fields.push((Str::from_static("type"), Raw(Str::from_static("\"custom\""))));
        }
        let kind = ToolKind::Function {
            name: own_text(source, &name),
            description: def.description.map(|text| own_text(source, &text)),
            schema: Some(own_raw(source, schema)),
            strict: def.strict,
        };
        Ok(Tool { kind, cache: def.cache_control.map(|raw| mark(source, raw)), extras })
    }

    pub(super) fn choice(
        &mut self,
        choice: Option<ChoiceDef<'_>>,
    ) -> Result<(Option<ToolChoice>, Option<bool>), BadRequest> {
        let Some(choice) = choice else { return Ok((None, None)) };
        let at = At::Root.key("tool_choice");
        let kind = match &*at.require("type", choice.kind)? {
            "auto" => ToolChoice::Auto,
            "any" => ToolChoice::Required,
            "none" => ToolChoice::None,
            "tool" => ToolChoice::Function(own_text(self.source, &at.require("name", choice.name)?)),
            other => return Err(at.key("type").fault(format_args!("unknown tool choice `{other}`"))),
        };
        self.keep("tool_choice", true, choice.rest);
        Ok((Some(kind), choice.disable_parallel_tool_use.map(|disable| !disable)))
    }

    pub(super) fn thinking(&mut self, thinking: Option<ThinkingDef<'_>>) -> Result<Thinking, BadRequest> {
        let Some(thinking) = thinking else { return Ok(Thinking::default()) };
        let at = At::Root.key("thinking");
        let mode = match &*at.require("type", thinking.kind)? {
            "disabled" => ThinkingMode::Disabled,
            "enabled" => ThinkingMode::Budget(at.require("budget_tokens", thinking.budget_tokens)?),
            "adaptive" => ThinkingMode::Adaptive,
            "between_tools" => ThinkingMode::BetweenTools,
            other => return Err(at.key("type").fault(format_args!("unknown mode `{other}`"))),
        };
        let show = match thinking.display.as_deref() {
            Some("summarized") => Some(true),
            Some("omitted") => Some(false),
            Some(other) => {
                let word = serde_json::Value::from(other).to_string();
                self.fields.push((Str::from_static("thinking.display"), Raw(word.into())));
                None
            }
            None => None,
        };
        if let (ThinkingMode::Disabled | ThinkingMode::Adaptive | ThinkingMode::BetweenTools, Some(budget)) =
            (mode, thinking.budget_tokens)
        {
            self.fields.push((Str::from_static("thinking.budget_tokens"), Raw(budget.to_string().into())));
        }
        self.keep("thinking", true, thinking.rest);
        Ok(Thinking { mode: Some(mode), effort: None, show })
    }

    pub(super) fn output(
        &mut self,
        config: Option<OutputConfig<'_>>,
        thinking: &mut Thinking,
    ) -> Result<Option<OutputFormat>, BadRequest> {
        let Some(config) = config else { return Ok(None) };
        let known = config.effort.is_some() || config.format.is_some();
        self.keep("output_config", known, config.rest);
        if let Some(word) = config.effort.as_deref() {
            thinking.effort = Effort::parse(word);
            if thinking.effort.is_none() {
                let word = serde_json::Value::from(word).to_string();
                self.fields.push((Str::from_static("output_config.effort"), Raw(word.into())));
            }
        }
        let Some(format) = config.format else { return Ok(None) };
        let outer = At::Root.key("output_config");
        let at = outer.key("format");
        let kind = at.require("type", format.kind)?;
        if &*kind != "json_schema" {
            return Err(at.key("type").fault(format_args!("unknown format `{}`", &*kind)));
        }
        let schema = own_raw(self.source, at.require("schema", format.schema)?);
        self.keep("output_config.format", true, format.rest);
        Ok(Some(OutputFormat::JsonSchema { name: None, description: None, schema, strict: None }))
    }

    pub(super) fn user(&mut self, metadata: Option<Metadata<'_>>) -> Option<Str> {
        let metadata = metadata?;
        self.keep("metadata", metadata.user_id.is_some(), metadata.rest);
        metadata.user_id.map(|user| own_text(self.source, &user))
    }
}
