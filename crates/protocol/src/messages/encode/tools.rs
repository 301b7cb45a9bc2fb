//! Tools and the choice among them, from another protocol.

use super::{
    cache,
    draft::{Block, ChoiceKind, Message, Tool},
    parts::{NAME_LIMIT, means_something},
    schema,
};
use crate::{
    CannotEncode, Protocol, Str, Target,
    ir::{self, Losses, Names, Raw, Request, Stand, ToolChoice, ToolKind, fit},
};
use serde_json::Value;
use std::{borrow::Cow, collections::HashSet, fmt::Write as _};

/// Schema of a tool without arguments.
pub(super) const NO_ARGUMENTS: &str = r#"{"type":"object","properties":{}}"#;
/// Schema of a function that stands for a custom tool.
pub(super) const ONE_TEXT: &str =
    r#"{"type":"object","properties":{"input":{"type":"string"}},"required":["input"],"additionalProperties":false}"#;

/// What becomes of tools.
pub(super) struct Tools<'t, 'l> {
    pub(super) target: &'t Target<'t>,
    /// Whether the model holds `strict` tools.
    pub(super) strict: bool,
    pub(super) losses: &'l mut Losses,
    pub(super) names: &'l mut Names,
}

impl Tools<'_, '_> {
    /// The tools on offer, in the client's order. With `allowed_tools` the others are left out: this protocol has no choice
    /// among some.
    pub(super) fn offer<'a>(&mut self, request: &'a Request) -> Vec<Tool<'a>> {
        let allowed = match &request.tool_choice {
            Some(ToolChoice::Allowed { names, .. }) => {
                self.losses.approximated("tool_choice", "tools that are not allowed were left out");
                Some(names.iter().collect::<HashSet<_>>())
            }
            _ => None,
        };
        let mut out = Vec::with_capacity(request.tools.len());
        for (index, tool) in request.tools.iter().enumerate() {
            let shown = |name: &Str| allowed.as_ref().is_none_or(|allowed| allowed.contains(name));
            match &tool.kind {
                ToolKind::Function { name, .. } | ToolKind::Custom { name, .. } if !shown(name) => {}
                _ => out.extend(self.tool(tool, index)),
            }
        }
        out
    }

    fn tool<'a>(&mut self, tool: &'a ir::Tool, index: usize) -> Option<Tool<'a>> {
        for (key, raw) in &tool.extras.fields {
            if means_something(raw) {
                self.losses.dropped(format!("tools[{index}].{key}"), "");
            }
        }
        let mark = tool.cache.as_ref().map(|mark| cache::of_maker(mark, self.target, self.losses));
        match &tool.kind {
            ToolKind::Function { name, description, schema, strict } => {
                let sent = self.name(name, Stand::Function);
                let strict = strict.filter(|strict| *strict);
                if strict.is_some() && !self.strict {
                    self.losses.dropped(format!("tools[{index}].function.strict"), "this model cannot hold it");
                }
                let strict = strict.filter(|_| self.strict);
                let (schema, changed) = match (schema, strict) {
                    (None, _) => (Cow::Borrowed(NO_ARGUMENTS), false),
                    (Some(schema), None) => schema::input(schema),
                    (Some(schema), Some(_)) => schema::structured(schema).unwrap_or_else(|| schema::input(schema)),
                };
                if changed {
                    self.losses.approximated(format!("tools[{index}].function.parameters"), "fitted to this protocol");
                }
                let description = description.as_deref().map(Cow::Borrowed);
                Some(Tool::Function { name: sent, description, schema, strict, mark, extras: &[] })
            }
            ToolKind::Custom { name, description, format } => {
                self.losses.approximated(format!("tools[{index}]"), "became a function with one text");
                let sent = self.name(name, Stand::Custom);
                let description = Some(Cow::Owned(custom_description(description.as_deref(), format.as_ref())));
                Some(Tool::Function {
                    name: sent,
                    description,
                    schema: Cow::Borrowed(ONE_TEXT),
                    strict: None,
                    mark,
                    extras: &[],
                })
            }
            ToolKind::Hosted { sealed, .. } if sealed.maker == Protocol::Messages => {
                Some(Tool::Raw(sealed.raw.as_str()))
            }
            ToolKind::Hosted { .. } => {
                self.losses.dropped(format!("tools[{index}]"), "run by another vendor");
                None
            }
        }
    }

    /// The name as sent, noted for the way back when it changed or stands for something else.
    fn name<'a>(&mut self, name: &'a Str, stand: Stand) -> Cow<'a, str> {
        let sent = fit(name, NAME_LIMIT);
        if sent != **name || stand != Stand::Function {
            self.names.push(sent.clone().into_owned(), name.clone(), stand);
        }
        sent
    }
}

/// The description of a function that stands for a custom tool; its grammar is told in words.
fn custom_description(description: Option<&str>, format: Option<&Raw>) -> String {
    let mut out = description.unwrap_or("Takes free text.").to_owned();
    let format: Value = format.and_then(|raw| serde_json::from_str(raw.as_str()).ok()).unwrap_or_default();
    let grammar = format.get("grammar").unwrap_or(&format);
    let told = |key: &str| grammar.get(key).and_then(Value::as_str);
    if let Some(definition) = told("definition") {
        let syntax = told("syntax").unwrap_or("following");
        let _ = write!(out, "\n\n`input` must match this {syntax} grammar:\n{definition}");
    }
    out
}

/// The client's choice.
///
/// # Errors
/// A tool that this upstream cannot offer must be called.
pub(super) fn choice(request: &Request) -> Result<Option<ChoiceKind<'_>>, CannotEncode> {
    let only_hosted = request
        .tools
        .iter()
        .all(|tool| matches!(&tool.kind, ToolKind::Hosted { sealed, .. } if sealed.maker != Protocol::Messages));
    Ok(Some(match &request.tool_choice {
        None => return Ok(None),
        Some(ToolChoice::Required | ToolChoice::Allowed { required: true, .. })
            if only_hosted && !request.tools.is_empty() =>
        {
            let why = "the tool that must be called is run by another vendor".to_owned();
            return Err(CannotEncode { path: "tool_choice".to_owned(), why });
        }
        Some(ToolChoice::Auto | ToolChoice::Allowed { required: false, .. }) => ChoiceKind::Auto,
        Some(ToolChoice::Required | ToolChoice::Allowed { required: true, .. }) => ChoiceKind::Any,
        Some(ToolChoice::None) => ChoiceKind::None,
        Some(ToolChoice::Function(name) | ToolChoice::Custom(name)) => ChoiceKind::Tool(fit(name, NAME_LIMIT)),
    }))
}

/// Stand-ins for the tools that a history without any tools calls: the API wants calls to be of tools on offer.
pub(super) fn of_history<'a>(messages: &[Message<'a>]) -> Vec<Tool<'a>> {
    let mut names: Vec<Cow<'a, str>> = Vec::new();
    let mut met: HashSet<&str> = HashSet::new();
    for placed in messages.iter().flat_map(|message| &message.blocks) {
        if let Block::Call { name, .. } = &placed.block
            && met.insert(name)
        {
            names.push(name.clone());
        }
    }
    let stand_in = |name| Tool::Function {
        name,
        description: None,
        schema: Cow::Borrowed(NO_ARGUMENTS),
        strict: None,
        mark: None,
        extras: &[],
    };
    names.into_iter().map(stand_in).collect()
}
