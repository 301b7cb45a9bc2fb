//! What is known of models by their names: which refuse sampling, and which efforts they take.
//!
//! Only consulted for requests that come from another protocol; what a Chat client wrote is its own business.

use crate::ir::Effort;
use std::ops::RangeInclusive;

/// OpenAI models that reason: they take `max_completion_tokens` and neither sampling nor stop texts.
const REASONS: [&str; 6] = ["o1", "o3", "o4", "gpt-5", "gpt-6", "codex-"];
/// Names among those that do not.
const EXCEPT: [&str; 1] = ["gpt-5-chat"];

/// Prefix of a model's name, lowest and highest effort. The first that fits counts.
/// Vendors' model pages, read 2026-11.
const EFFORTS: [(&str, Effort, Effort); 12] = [
    ("gpt-5-chat", Effort::None, Effort::None),
    ("gpt-5.1", Effort::None, Effort::High),
    ("gpt-5.", Effort::None, Effort::XHigh),
    ("gpt-5", Effort::Minimal, Effort::High),
    ("gpt-6", Effort::None, Effort::Max),
    ("gpt-oss", Effort::Low, Effort::High),
    ("o1", Effort::Low, Effort::High),
    ("o3", Effort::Low, Effort::High),
    ("o4", Effort::Low, Effort::High),
    ("gemini-2.5", Effort::Low, Effort::High),
    ("gemini-3", Effort::Low, Effort::High),
    ("grok-3-mini", Effort::Low, Effort::High),
];

/// The name without the vendor that aggregators put before it.
fn bare(model: &str) -> &str {
    model.rsplit('/').next().unwrap_or(model)
}

/// Whether `model` is one of OpenAI's reasoning models.
pub(super) fn reasons(model: &str) -> bool {
    let model = bare(model);
    let any = |list: &[&str]| list.iter().any(|prefix| model.starts_with(prefix));
    any(&REASONS) && !any(&EXCEPT)
}

/// The efforts that `model` takes; `None` when it is not known to take any.
pub(super) fn efforts(model: &str) -> Option<RangeInclusive<Effort>> {
    let model = bare(model);
    let (_, low, high) = EFFORTS.iter().find(|(prefix, ..)| model.starts_with(prefix))?;
    (*high != Effort::None).then_some(*low..=*high)
}

/// Whether OpenAI refuses function tools beside any reasoning for `model`, also when no effort is said: gpt-5.4 and later
/// on the Chat endpoint. Names with a vendor before them are another service's.
pub(super) fn takes_tools_only_unthinking(model: &str) -> bool {
    let minor = model.strip_prefix("gpt-5.").and_then(|rest| rest.split(|next: char| !next.is_ascii_digit()).next());
    minor.and_then(|minor| minor.parse::<u32>().ok()).is_some_and(|minor| minor >= 4) || model.starts_with("gpt-6")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_fitting_prefix_counts_and_a_vendor_before_the_name_does_not() {
        assert_eq!(efforts("openai/gpt-5.5"), Some(Effort::None..=Effort::XHigh));
        assert_eq!(efforts("gpt-5-mini"), Some(Effort::Minimal..=Effort::High));
        assert_eq!(efforts("gpt-4.1"), None);
        assert_eq!(efforts("gpt-5-chat-latest"), None);
        assert!(takes_tools_only_unthinking("gpt-5.5") && !takes_tools_only_unthinking("openai/gpt-5.5"));
        assert!(!takes_tools_only_unthinking("gpt-5.1") && !takes_tools_only_unthinking("gpt-5-mini"));
        assert!(reasons("o3-mini") && reasons("gpt-5.5") && !reasons("gpt-5-chat-latest") && !reasons("gpt-oss-120b"));
    }
}
