//! Caps and sampling parameters by what the model accepts.

use super::{
    super::models::{Behaviour, SamplingRule},
    draft::Numbers,
};
use crate::{
    Target,
    ir::{Losses, Raw, Sampling, ThinkingMode},
};

/// Cap written when neither the client nor the dialect gives one, for models of unknown limits and for known ones.
const DEFAULT_UNKNOWN: u64 = 8_192;
const DEFAULT_KNOWN: u64 = 32_000;
/// Room for the answer beside a thinking budget.
const ANSWER_RESERVE: u64 = 8_192;

/// `max_tokens`: the client's, not above the model's limit, or a default that leaves room beside `budget`.
pub(super) fn max_tokens(
    sampling: &Sampling,
    mode: Option<ThinkingMode>,
    behaviour: &Behaviour,
    target: &Target<'_>,
    losses: &mut Losses,
) -> u64 {
    let limit = behaviour.max_output.unwrap_or(u64::MAX);
    match sampling.max_tokens {
        Some(cap) if cap > limit => {
            let path = if sampling.max_tokens_is_completion { "max_completion_tokens" } else { "max_tokens" };
            losses.approximated(path, "lowered to the model's limit");
            limit
        }
        Some(cap) => cap,
        None => {
            let by_model = if behaviour.max_output.is_some() { DEFAULT_KNOWN } else { DEFAULT_UNKNOWN };
            let usual = target.dialect.default_max_tokens.map_or(by_model, u64::from);
            let needed = match mode {
                Some(ThinkingMode::Budget(budget)) => budget + ANSWER_RESERVE,
                Some(ThinkingMode::Disabled | ThinkingMode::Adaptive | ThinkingMode::BetweenTools) | None => 0,
            };
            usual.max(needed).min(limit)
        }
    }
}

/// `temperature`, `top_p` and `top_k` as far as the model takes them.
pub(super) fn numbers<'a>(
    sampling: &'a Sampling,
    thinks: bool,
    behaviour: &Behaviour,
    losses: &mut Losses,
) -> Numbers<'a> {
    let mut out = Numbers {
        temperature: sampling.temperature.as_ref().map(Raw::as_str),
        top_p: sampling.top_p.as_ref().map(Raw::as_str),
        top_k: sampling.top_k.as_ref().map(Raw::as_str),
    };
    let is_one = |number: &str| number.parse::<f64>().is_ok_and(|value| (value - 1.0).abs() < f64::EPSILON);
    // One is the default of both, so that leaving it out loses nothing.
    out.temperature = out.temperature.filter(|number| !is_one(number));
    out.top_p = out.top_p.filter(|number| !is_one(number));
    let refused = match (behaviour.sampling, thinks) {
        (SamplingRule::Refused, _) => Some("this model takes no sampling parameters"),
        (SamplingRule::Free | SamplingRule::NotBoth, true) => Some("not taken together with thinking"),
        (SamplingRule::Free | SamplingRule::NotBoth, false) => None,
    };
    if let Some(why) = refused {
        for (path, number) in [("temperature", out.temperature), ("top_p", out.top_p), ("top_k", out.top_k)] {
            if number.is_some() {
                losses.dropped(path, why);
            }
        }
        return Numbers::default();
    }
    if out.temperature.is_some_and(|number| number.parse::<f64>().is_ok_and(|value| value > 1.0)) {
        losses.approximated("temperature", "lowered to this protocol's highest, 1");
        out.temperature = Some("1");
    }
    if behaviour.sampling == SamplingRule::NotBoth && out.temperature.is_some() && out.top_p.take().is_some() {
        losses.dropped("top_p", "this model takes temperature or top_p, not both");
    }
    out
}

/// Stop texts without those of white space only, which are refused.
pub(super) fn stop<'a>(sampling: &'a Sampling, losses: &mut Losses) -> Vec<&'a str> {
    let (kept, blank): (Vec<_>, Vec<_>) =
        sampling.stop.iter().map(|text| &**text).partition(|text| !text.trim().is_empty());
    if !blank.is_empty() {
        losses.dropped("stop", "a stop text of white space only");
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::{super::super::models::behaviour, *};

    fn told(
        model: &str,
        temperature: &str,
        top_p: Option<&str>,
        thinks: bool,
    ) -> (Option<String>, Option<String>, String) {
        let raw = |text: &str| Raw(text.to_owned().into());
        let sampling = Sampling { temperature: Some(raw(temperature)), top_p: top_p.map(raw), ..Sampling::default() };
        let mut losses = Losses::default();
        let out = numbers(&sampling, thinks, &behaviour(model), &mut losses);
        (out.temperature.map(str::to_owned), out.top_p.map(str::to_owned), losses.header(500).unwrap_or_default())
    }

    #[test]
    fn sampling_parameters_follow_the_model() {
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(told("claude-opus-4-1", "0.20", Some("0.9"), false), (some("0.20"), some("0.9"), String::new()));
        assert_eq!(told("claude-opus-4-1", "1.7", None, false), (some("1"), None, "temperature=approximated".into()));
        assert_eq!(told("claude-sonnet-4-5", "0.2", Some("0.9"), false), (some("0.2"), None, "top_p=dropped".into()));
        assert_eq!(told("claude-sonnet-4-5", "0.2", None, true), (None, None, "temperature=dropped".into()));
        assert_eq!(told("claude-opus-4-7", "0.2", None, false), (None, None, "temperature=dropped".into()));
        assert_eq!(told("claude-opus-4-7", "1.0", Some("1"), false), (None, None, String::new()));
    }
}
