//! A request of another protocol.

use super::{
    cache, conversation,
    draft::{Choice, ChoiceKind, Draft, Placed, System},
    output,
    parts::means_something,
    sampling,
    thinking::{self, Plan},
    tools::{self, Tools},
};
use crate::{
    CannotEncode, Target,
    ir::{Losses, Names, Raw, Request, ThinkingMode},
    messages::models::{self, Behaviour},
};

/// The client's wish to think, in losses.
const EFFORT: &str = "reasoning_effort";

/// Members of Chat that say nothing with these values.
const SAYS_NOTHING: [(&str, &str); 9] = [
    ("n", "1"),
    ("store", "false"),
    ("logprobs", "false"),
    ("presence_penalty", "0"),
    ("frequency_penalty", "0"),
    ("service_tier", "\"auto\""),
    ("service_tier", "\"default\""),
    ("verbosity", "\"medium\""),
    ("top_logprobs", "0"),
];

pub(super) fn draft<'a>(
    request: &'a Request,
    target: &'a Target<'a>,
    losses: &mut Losses,
    names: &mut Names,
) -> Result<Draft<'a>, CannotEncode> {
    let behaviour = models::behaviour(target.model);
    options(request, losses)?;
    let mut talk = conversation::build(request, target, &behaviour, losses)?;
    let mut offer = Tools { target, strict: behaviour.native_format, losses, names };
    let mut tools = offer.offer(request);
    let mut kind = tools::choice(request)?.filter(|_| !tools.is_empty());
    if tools.is_empty() {
        tools = tools::of_history(&talk.messages);
        if !tools.is_empty() {
            losses.approximated("tools", "stand-ins for the tools that the history calls");
            kind = Some(ChoiceKind::None);
        }
    }
    let mut plan = thinking::plan(&request.thinking, &behaviour, EFFORT, losses);
    if matches!(plan.mode, Some(ThinkingMode::Budget(_))) && thinking::loop_lost_its_thinking(&talk.messages) {
        losses.dropped(EFFORT, "the thinking of this tool loop was lost on its way");
        plan = Plan::default();
    }
    let shape =
        output::shape(request.output.as_ref(), &behaviour, plan.thinks(), (&mut tools, &mut kind), (losses, names));
    if let Some(words) = shape.instruction {
        talk.system.push(Placed::text(words));
    }
    if kind.as_ref().is_some_and(ChoiceKind::is_forced) && !shape.forces {
        allow_force(&mut kind, &mut plan, &behaviour, losses);
    }
    let max_tokens = sampling::max_tokens(&request.sampling, plan.mode, &behaviour, target, losses);
    thinking::fit_budget(&mut plan, max_tokens, EFFORT, losses);
    conversation::end_with_user(&mut talk.messages, behaviour.prefill && !plan.thinks(), losses);
    let mut draft = Draft {
        model: target.model,
        max_tokens: Some(max_tokens),
        stream: request.stream,
        user: request.user.as_deref(),
        sampling: sampling::numbers(&request.sampling, plan.thinks(), &behaviour, losses),
        stop: sampling::stop(&request.sampling, losses),
        thinking: plan,
        format: shape.format,
        choice: with_parallel(kind, request.parallel_tools, !tools.is_empty()),
        tools,
        system: if talk.system.is_empty() { System::Absent } else { System::Blocks(talk.system) },
        messages: talk.messages,
        ..Draft::default()
    };
    cache::settle(&mut draft, losses);
    Ok(draft)
}

/// Looks through the members that have no place in the intermediate form.
///
/// # Errors
/// One of them changes what the answer means.
fn options(request: &Request, losses: &mut Losses) -> Result<(), CannotEncode> {
    for (key, raw) in &request.extras.fields {
        let says_nothing = SAYS_NOTHING.iter().any(|(name, value)| **name == **key && *value == raw.as_str());
        if !means_something(raw) || says_nothing {
            continue;
        }
        if let Some(why) = changes_meaning(key, raw) {
            return Err(CannotEncode { path: key.to_string(), why: why.to_owned() });
        }
        if &**key != "modalities" {
            losses.dropped(&**key, "");
        }
    }
    if request.cache_key.is_some() {
        losses.dropped("prompt_cache_key", "this upstream finds its cache by the prompt");
    }
    Ok(())
}

fn changes_meaning(key: &str, raw: &Raw) -> Option<&'static str> {
    match key {
        "n" => Some("this upstream gives one answer"),
        "modalities" if raw.as_str().contains("\"audio\"") => Some("this upstream gives no sound"),
        "audio" => Some("this upstream gives no sound"),
        "functions" => Some("use `tools`"),
        _ => None,
    }
}

/// A forced call and thinking exclude each other, and some models take no forced call at all.
fn allow_force(kind: &mut Option<ChoiceKind<'_>>, plan: &mut Plan, behaviour: &Behaviour, losses: &mut Losses) {
    let quiet = thinking::without(behaviour).filter(|_| behaviour.forced_tools);
    match quiet {
        _ if !plan.thinks() && behaviour.forced_tools => {}
        Some(quiet) => {
            losses.dropped(EFFORT, "a forced tool call excludes thinking");
            *plan = quiet;
        }
        None => {
            losses.approximated("tool_choice", "this model takes no forced tool call");
            *kind = Some(ChoiceKind::Auto);
        }
    }
}

fn with_parallel(kind: Option<ChoiceKind<'_>>, parallel: Option<bool>, tools: bool) -> Option<Choice<'_>> {
    let one_at_a_time = parallel == Some(false) && tools;
    let kind = kind.or(one_at_a_time.then_some(ChoiceKind::Auto))?;
    let disable_parallel = (one_at_a_time && kind != ChoiceKind::None).then_some(true);
    Some(Choice { kind, disable_parallel })
}
