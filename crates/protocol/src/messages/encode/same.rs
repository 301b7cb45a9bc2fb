//! A request of this protocol, written back: one message for one turn, forms and unknown members as they were.
//!
//! Left out: thinking that another upstream made (sealed by this gateway), and, for an upstream that is not Anthropic
//! itself, the billing block of Claude Code, which changes with every request and would void the upstream's prompt cache,
//! and hints of Anthropic's betas, which other vendors refuse.

use super::{
    cache,
    draft::{Choice, ChoiceKind, Draft, Message, Numbers, System, Tool},
    parts::{Blocks, Place},
    thinking::{self, Plan},
};
use crate::{
    CannotEncode, Target,
    ir::{Form, Losses, OutputFormat, Part, PartKind, Raw, Request, Role, ThinkingMode, ToolChoice, ToolKind},
};
use std::borrow::Cow;

/// How Claude Code's billing block begins.
pub(super) const BILLING: &str = "x-anthropic-billing-header:";

/// Beta members that steer but do not change what is asked for.
const BETA_HINTS: [&str; 5] = ["context_management", "diagnostics", "billing_policy", "fallback_credit_token", "speed"];

pub(super) fn draft<'a>(
    request: &'a Request,
    target: &'a Target<'a>,
    losses: &mut Losses,
) -> Result<Draft<'a>, CannotEncode> {
    let mut blocks = Blocks { target, losses };
    let system = system(request, &mut blocks)?;
    let messages = messages(request, &mut blocks)?;
    let plan = plan(request, &messages, losses);
    let tools = request.tools.iter().map(|tool| self::tool(tool, target, losses)).collect();
    Ok(Draft {
        model: target.model,
        max_tokens: request.sampling.max_tokens,
        stream: request.stream,
        user: request.user.as_deref(),
        sampling: Numbers {
            temperature: request.sampling.temperature.as_ref().map(Raw::as_str),
            top_p: request.sampling.top_p.as_ref().map(Raw::as_str),
            top_k: request.sampling.top_k.as_ref().map(Raw::as_str),
        },
        stop: request.sampling.stop.iter().map(|text| &**text).collect(),
        thinking: plan,
        format: match &request.output {
            Some(OutputFormat::JsonSchema { schema, .. }) => Some(Cow::Borrowed(schema.as_str())),
            Some(OutputFormat::Text | OutputFormat::JsonObject) | None => None,
        },
        choice: choice(request),
        cache: request.cache.as_ref().map(|mark| cache::of_maker(mark, target, losses)),
        extras: extras(request, plan.mode.is_some(), target, losses),
        tools,
        system,
        messages,
    })
}

fn system<'a>(request: &'a Request, blocks: &mut Blocks<'_, '_>) -> Result<System<'a>, CannotEncode> {
    match (request.system_form, request.system.as_slice()) {
        (Form::Absent | Form::Null, _) => Ok(System::Absent),
        (Form::Text, [Part { kind: PartKind::Text(text), .. }]) => Ok(System::Text(text)),
        (Form::Text | Form::List, parts) => {
            let mut out = Vec::with_capacity(parts.len());
            for (index, part) in parts.iter().enumerate() {
                if blocks.target.dialect.anthropic || !is_billing(part) {
                    out.extend(blocks.block(part, Place::System(index))?);
                }
            }
            Ok(if out.is_empty() && !parts.is_empty() { System::Absent } else { System::Blocks(out) })
        }
    }
}

/// Whether this is Claude Code's billing block: metadata of the transport, not an instruction.
pub(super) fn is_billing(part: &Part) -> bool {
    matches!(&part.kind, PartKind::Text(text) if text.starts_with(BILLING))
}

fn messages<'a>(request: &'a Request, blocks: &mut Blocks<'_, '_>) -> Result<Vec<Message<'a>>, CannotEncode> {
    let mut messages = Vec::with_capacity(request.turns.len());
    for (index, turn) in request.turns.iter().enumerate() {
        let mut out = Vec::with_capacity(turn.parts.len());
        for (part, each) in turn.parts.iter().enumerate() {
            out.extend(blocks.block(each, Place::Turn { turn, index, part })?);
        }
        if out.is_empty() && !turn.parts.is_empty() {
            continue;
        }
        let role = match turn.role {
            Role::Assistant => "assistant",
            Role::User | Role::Tool => "user",
            Role::System | Role::Developer => "system",
        };
        let as_text = turn.form == Form::Text;
        messages.push(Message { role, blocks: out, as_text, extras: &turn.extras.fields });
    }
    Ok(messages)
}

/// As the client asked, unless its thinking of the running tool loop had to be left out.
fn plan(request: &Request, messages: &[Message<'_>], losses: &mut Losses) -> Plan {
    let asked = &request.thinking;
    let plan = Plan { mode: asked.mode, effort: asked.effort, show: asked.show };
    let manual = matches!(asked.mode, Some(ThinkingMode::Budget(_)));
    let lost = losses.iter().any(|loss| loss.path.starts_with("messages["));
    if manual && lost && thinking::loop_lost_its_thinking(messages) {
        losses.dropped("thinking", "the thinking of this tool loop was made elsewhere");
        return Plan { effort: asked.effort, ..Plan::default() };
    }
    plan
}

fn tool<'a>(tool: &'a crate::ir::Tool, target: &Target<'_>, losses: &mut Losses) -> Tool<'a> {
    match &tool.kind {
        ToolKind::Function { name, description, schema, strict } => Tool::Function {
            name: Cow::Borrowed(name),
            description: description.as_deref().map(Cow::Borrowed),
            schema: Cow::Borrowed(schema.as_ref().map_or(super::tools::NO_ARGUMENTS, Raw::as_str)),
            strict: *strict,
            mark: tool.cache.as_ref().map(|mark| cache::of_maker(mark, target, losses)),
            extras: &tool.extras.fields,
        },
        ToolKind::Hosted { sealed, .. } => Tool::Raw(sealed.raw.as_str()),
        ToolKind::Custom { name, description, .. } => Tool::Function {
            name: Cow::Borrowed(name),
            description: description.as_deref().map(Cow::Borrowed),
            schema: Cow::Borrowed(super::tools::ONE_TEXT),
            strict: None,
            mark: None,
            extras: &[],
        },
    }
}

fn choice(request: &Request) -> Option<Choice<'_>> {
    let kind = match request.tool_choice.as_ref()? {
        ToolChoice::Auto | ToolChoice::Allowed { required: false, .. } => ChoiceKind::Auto,
        ToolChoice::Required | ToolChoice::Allowed { required: true, .. } => ChoiceKind::Any,
        ToolChoice::None => ChoiceKind::None,
        ToolChoice::Function(name) | ToolChoice::Custom(name) => ChoiceKind::Tool(Cow::Borrowed(name)),
    };
    Some(Choice { kind, disable_parallel: request.parallel_tools.map(|parallel| !parallel) })
}

fn extras<'a>(request: &'a Request, thinks: bool, target: &Target<'_>, losses: &mut Losses) -> Vec<(&'a str, &'a str)> {
    let mut out = Vec::with_capacity(request.extras.fields.len());
    for (key, raw) in &request.extras.fields {
        let refused_elsewhere = BETA_HINTS.contains(&&**key) && !raw.is_null();
        if refused_elsewhere && !target.dialect.anthropic {
            losses.dropped(&**key, "a beta of Anthropic's own API");
        } else if thinks || !key.starts_with("thinking.") {
            out.push((&**key, raw.as_str()));
        }
    }
    out
}
