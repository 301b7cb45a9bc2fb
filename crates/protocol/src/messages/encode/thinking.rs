//! How much the model is to think.
//!
//! Newer models take an effort, older ones a budget of tokens; each model has its own word for "not at all". The client's
//! wish is never raised, except where a model has nothing that low. Thinking gives way where the API would answer 400: next
//! to a forced tool call, without room below `max_tokens`, and in manual mode when the thinking of the running tool loop
//! was lost on its way.

use super::{
    super::models::{Behaviour, Depth, Off},
    draft::{Block, Message},
};
use crate::ir::{Effort, Losses, Thinking, ThinkingMode};

/// Least budget that Anthropic takes.
const LEAST_BUDGET: u64 = 1024;

/// `thinking` and `output_config.effort` as they are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Plan {
    pub(super) mode: Option<ThinkingMode>,
    pub(super) effort: Option<Effort>,
    pub(super) show: Option<bool>,
}

impl Plan {
    /// Whether the model will think because of this.
    pub(super) fn thinks(&self) -> bool {
        match self.mode {
            Some(ThinkingMode::Budget(_) | ThinkingMode::Adaptive | ThinkingMode::BetweenTools) => true,
            Some(ThinkingMode::Disabled) | None => false,
        }
    }
}

/// What the client asked for, in the model's terms. `path` names the client's wish in losses.
pub(super) fn plan(asked: &Thinking, behaviour: &Behaviour, path: &'static str, losses: &mut Losses) -> Plan {
    let wish = match (asked.mode, asked.effort) {
        (_, Some(effort)) => Some(effort),
        (Some(ThinkingMode::Disabled), None) => Some(Effort::None),
        (Some(ThinkingMode::Budget(tokens)), None) => Some(Effort::of_budget(tokens)),
        (Some(ThinkingMode::Adaptive | ThinkingMode::BetweenTools), None) => Some(Effort::High),
        (None, None) => return Plan::default(),
    };
    let Some(wish) = wish else { return Plan::default() };
    match behaviour.depth {
        Depth::Never => {
            if wish > Effort::None {
                losses.dropped(path, "this model does not think");
            }
            Plan::default()
        }
        Depth::Budget => Plan { mode: Some(budget(asked.mode, wish)), ..Plan::default() },
        Depth::Adaptive { off, .. } if wish == Effort::None => turned_off(off, path, losses),
        Depth::Adaptive { xhigh, display, .. } => {
            let effort = match wish {
                Effort::None | Effort::Minimal | Effort::Low => Effort::Low,
                Effort::XHigh if !xhigh => {
                    losses.approximated(path, "the highest effort below it was asked for");
                    Effort::High
                }
                Effort::Medium | Effort::High | Effort::XHigh | Effort::Max => wish,
            };
            let show = asked.show.or(display.then_some(true));
            Plan { mode: Some(ThinkingMode::Adaptive), effort: Some(effort), show }
        }
    }
}

/// The client's own budget, or the one that stands for its effort.
fn budget(mode: Option<ThinkingMode>, wish: Effort) -> ThinkingMode {
    match mode {
        Some(ThinkingMode::Budget(tokens)) => ThinkingMode::Budget(tokens),
        _ => wish.budget().map_or(ThinkingMode::Disabled, ThinkingMode::Budget),
    }
}

fn turned_off(off: Off, path: &'static str, losses: &mut Losses) -> Plan {
    match off {
        Off::Disabled => Plan { mode: Some(ThinkingMode::Disabled), ..Plan::default() },
        Off::BetweenTools => {
            losses.approximated(path, "this model thinks at least between tool calls");
            Plan { mode: Some(ThinkingMode::BetweenTools), effort: Some(Effort::Low), show: None }
        }
        Off::Lowest => {
            losses.approximated(path, "this model always thinks; the lowest effort was asked for");
            Plan { mode: None, effort: Some(Effort::Low), show: None }
        }
    }
}

/// The plan without thinking, if the model has such a thing.
pub(super) fn without(behaviour: &Behaviour) -> Option<Plan> {
    match behaviour.depth {
        Depth::Never | Depth::Budget => Some(Plan::default()),
        Depth::Adaptive { off: Off::Disabled, .. } => {
            Some(Plan { mode: Some(ThinkingMode::Disabled), ..Plan::default() })
        }
        Depth::Adaptive { off: Off::BetweenTools | Off::Lowest, .. } => None,
    }
}

/// Makes the budget fit below `max_tokens`; without room thinking is turned off.
pub(super) fn fit_budget(plan: &mut Plan, max_tokens: u64, path: &'static str, losses: &mut Losses) {
    let Some(ThinkingMode::Budget(tokens)) = plan.mode else { return };
    let room = max_tokens.saturating_sub(1);
    if room < LEAST_BUDGET {
        losses.dropped(path, "the cap on output tokens leaves no room to think");
        *plan = Plan::default();
    } else if tokens > room {
        losses.approximated(path, "the budget was cut below the cap on output tokens");
        plan.mode = Some(ThinkingMode::Budget(room));
    } else if tokens < LEAST_BUDGET {
        plan.mode = Some(ThinkingMode::Budget(LEAST_BUDGET));
    }
}

/// Whether the conversation stands inside a tool loop whose assistant message does not begin with its thinking: in manual
/// mode the API then answers 400.
pub(super) fn loop_lost_its_thinking(messages: &[Message<'_>]) -> bool {
    let results = |message: &Message<'_>| {
        message.role == "user" && message.blocks.iter().any(|placed| matches!(placed.block, Block::Result { .. }))
    };
    let calls = |message: &&Message<'_>| message.blocks.iter().any(|placed| matches!(placed.block, Block::Call { .. }));
    if !messages.iter().rev().find(|message| message.role == "user").is_some_and(results) {
        return false;
    }
    let last = messages.iter().rev().find(|message| message.role == "assistant").filter(calls);
    last.is_some_and(|message| {
        let first = message.blocks.first().map(|placed| &placed.block);
        !matches!(first, Some(Block::Thinking { .. } | Block::Redacted(_)))
    })
}

#[cfg(test)]
mod tests {
    use super::{super::super::models::behaviour, *};

    fn planned(model: &str, effort: Effort) -> (Plan, String) {
        let mut losses = Losses::default();
        let asked = Thinking { effort: Some(effort), ..Thinking::default() };
        let plan = plan(&asked, &behaviour(model), "reasoning_effort", &mut losses);
        (plan, losses.to_string())
    }

    #[test]
    fn effort_becomes_what_the_model_understands_and_is_never_raised() {
        let adaptive = |effort, show| Plan { mode: Some(ThinkingMode::Adaptive), effort: Some(effort), show };
        assert_eq!(planned("claude-opus-4-8", Effort::XHigh).0, adaptive(Effort::XHigh, Some(true)));
        assert_eq!(planned("claude-sonnet-4-6", Effort::XHigh).0, adaptive(Effort::High, None));
        assert_eq!(planned("claude-sonnet-4-6", Effort::Minimal).0, adaptive(Effort::Low, None));
        let budget = |tokens| Plan { mode: Some(ThinkingMode::Budget(tokens)), ..Plan::default() };
        assert_eq!(planned("claude-sonnet-4-5", Effort::Medium).0, budget(4096));
        assert_eq!(planned("claude-opus-4-1", Effort::Max).0, budget(32_768));
        assert_eq!(planned("claude-3-haiku", Effort::High).0, Plan::default());
    }

    #[test]
    fn no_thinking_is_told_in_the_way_each_model_accepts() {
        assert_eq!(planned("claude-opus-4-7", Effort::None).0.mode, Some(ThinkingMode::Disabled));
        assert_eq!(planned("claude-sonnet-5-5", Effort::None).0.mode, Some(ThinkingMode::BetweenTools));
        let (plan, losses) = planned("claude-opus-5-5", Effort::None);
        assert_eq!((plan.mode, plan.effort), (None, Some(Effort::Low)));
        assert!(losses.starts_with("approximated reasoning_effort"));
    }

    #[test]
    fn a_budget_stays_below_the_output_cap_or_thinking_is_off() {
        let fitted = |tokens, cap| {
            let mut plan = Plan { mode: Some(ThinkingMode::Budget(tokens)), ..Plan::default() };
            fit_budget(&mut plan, cap, "reasoning_effort", &mut Losses::default());
            plan.mode
        };
        assert_eq!(fitted(8192, 16_000), Some(ThinkingMode::Budget(8192)));
        assert_eq!(fitted(8192, 4096), Some(ThinkingMode::Budget(4095)));
        assert_eq!(fitted(8192, 1024), None);
    }
}
