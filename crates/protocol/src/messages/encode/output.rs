//! The shape of the answer's text.
//!
//! A schema goes to `output_config.format` where the model knows it. A schema that the vendor's subset cannot express, or an
//! older model, gets a tool that must be called and whose input is the answer; the client's encoder unwraps it. JSON mode
//! has no counterpart and becomes an instruction.

use super::{
    super::models::Behaviour,
    draft::{ChoiceKind, Tool},
    parts::NAME_LIMIT,
    schema,
};
use crate::{
    Str,
    ir::{Losses, Names, OutputFormat, Stand, fit},
};
use std::borrow::Cow;

const PATH: &str = "response_format";
const JSON_ONLY: &str = "Answer with one JSON object and nothing else: no prose, no code fence.";

/// What a wish for a shape becomes.
#[derive(Debug, Default)]
pub(super) struct Shape<'a> {
    /// Schema of `output_config.format`.
    pub(super) format: Option<Cow<'a, str>>,
    /// An instruction at the end of `system`.
    pub(super) instruction: Option<Cow<'a, str>>,
    /// Whether a tool was added that must be called.
    pub(super) forces: bool,
}

/// Decides the shape; may add a tool to `tools` and force it through `choice`.
pub(super) fn shape<'a>(
    output: Option<&'a OutputFormat>,
    behaviour: &Behaviour,
    thinks: bool,
    (tools, choice): (&mut Vec<Tool<'a>>, &mut Option<ChoiceKind<'a>>),
    (losses, names): (&mut Losses, &mut Names),
) -> Shape<'a> {
    let (label, description, raw) = match output {
        None | Some(OutputFormat::Text) => return Shape::default(),
        Some(OutputFormat::JsonObject) => {
            losses.approximated(PATH, "asked for in words");
            return Shape { instruction: Some(Cow::Borrowed(JSON_ONLY)), ..Shape::default() };
        }
        Some(OutputFormat::JsonSchema { name, description, schema, .. }) => (name, description, schema),
    };
    let can_force = behaviour.forced_tools && !thinks;
    if behaviour.native_format {
        let fitted = schema::structured(raw);
        if let Some((schema, changed)) = fitted {
            if changed {
                losses.approximated("response_format.json_schema.schema", "constraints were moved to descriptions");
            }
            return Shape { format: Some(schema), ..Shape::default() };
        }
    }
    losses.approximated(PATH, if can_force { "asked for as a tool call" } else { "asked for in words" });
    if !can_force || !schema::is_object(raw) {
        let words = format!("{JSON_ONLY} It must fit this JSON Schema: {}", raw.as_str());
        return Shape { instruction: Some(Cow::Owned(words)), ..Shape::default() };
    }
    let taken =
        |name: &str| tools.iter().any(|tool| matches!(tool, Tool::Function { name: other, .. } if other == name));
    let mut name = fit(label.as_deref().unwrap_or("json"), NAME_LIMIT).into_owned();
    if taken(&name) {
        name = fit(&format!("{name}_answer"), NAME_LIMIT).into_owned();
    }
    names.push(name.clone(), Str::from_static("json"), Stand::Output);
    *choice = Some(if tools.is_empty() { ChoiceKind::Tool(Cow::Owned(name.clone())) } else { ChoiceKind::Any });
    let told = description.as_deref().unwrap_or("Gives the final answer.");
    tools.push(Tool::Function {
        name: Cow::Owned(name),
        description: Some(Cow::Borrowed(told)),
        schema: schema::input(raw).0,
        strict: None,
        mark: None,
        extras: &[],
    });
    Shape { forces: true, ..Shape::default() }
}
