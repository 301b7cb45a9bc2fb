//! What Claude models accept, as data, by a part of the model's id.
//!
//! The API tells only some of this (`GET /v1/models`), so the table is kept by hand from the vendor's pages and from a
//! maintained client library (read 2026-11). It is used where a request is written from another protocol; a Messages
//! client's own body is never changed by it. An id that matches no row is a model of another vendor behind this
//! protocol: it gets the oldest, most widely understood behaviour.

/// How one family of models behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Behaviour {
    /// Most output tokens that may be asked for; `None` when unknown.
    pub(super) max_output: Option<u64>,
    /// What sampling parameters do.
    pub(super) sampling: SamplingRule,
    /// How thinking is asked for.
    pub(super) depth: Depth,
    /// Whether `tool_choice` may force a call.
    pub(super) forced_tools: bool,
    /// Whether the last message may be the assistant's.
    pub(super) prefill: bool,
    /// Whether `output_config.format` is understood.
    pub(super) native_format: bool,
    /// Whether a message may have the role `system`.
    pub(super) mid_system: bool,
}

/// What `temperature`, `top_p` and `top_k` do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SamplingRule {
    /// All are taken.
    Free,
    /// Not `temperature` and `top_p` together.
    NotBoth,
    /// Each is a 400.
    Refused,
}

/// How thinking is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Depth {
    /// Not at all.
    Never,
    /// `thinking.enabled` with a budget.
    Budget,
    /// `thinking.adaptive` with `output_config.effort`.
    Adaptive {
        /// Whether effort `xhigh` exists; otherwise it becomes `high`.
        xhigh: bool,
        /// Whether visible thinking must be asked for with `display`.
        display: bool,
        /// What "no thinking" is.
        off: Off,
    },
}

/// How thinking is turned off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Off {
    /// `thinking.disabled`.
    Disabled,
    /// `thinking.between_tools`; `disabled` is a 400.
    BetweenTools,
    /// Not possible: the lowest effort stands for it.
    Lowest,
}

const UNKNOWN: Behaviour = Behaviour {
    max_output: None,
    sampling: SamplingRule::Free,
    depth: Depth::Budget,
    forced_tools: true,
    prefill: true,
    native_format: false,
    mid_system: false,
};
const OLD: Behaviour = Behaviour { max_output: Some(4_096), depth: Depth::Never, ..UNKNOWN };
const V4_5: Behaviour =
    Behaviour { max_output: Some(64_000), sampling: SamplingRule::NotBoth, native_format: true, ..UNKNOWN };
const V4_6: Behaviour = Behaviour {
    max_output: Some(128_000),
    depth: Depth::Adaptive { xhigh: false, display: false, off: Off::Disabled },
    prefill: false,
    ..V4_5
};
const V4_7: Behaviour = Behaviour { sampling: SamplingRule::Refused, depth: adaptive(Off::Disabled), ..V4_6 };
const V5: Behaviour = Behaviour { mid_system: true, ..V4_7 };

const fn adaptive(off: Off) -> Depth {
    Depth::Adaptive { xhigh: true, display: true, off }
}

/// The first row whose key is part of the id counts.
const TABLE: [(&str, Behaviour); 19] = [
    ("sonnet-5-5", Behaviour { depth: adaptive(Off::BetweenTools), forced_tools: false, ..V5 }),
    ("opus-5-5", Behaviour { depth: adaptive(Off::Lowest), forced_tools: false, ..V5 }),
    ("haiku-5-5", V5),
    ("opus-5", V5),
    ("fable-5-1", Behaviour { depth: adaptive(Off::Lowest), forced_tools: false, ..V5 }),
    ("mythos-5", Behaviour { depth: adaptive(Off::Lowest), forced_tools: false, ..V5 }),
    ("fable-5", Behaviour { depth: adaptive(Off::Lowest), ..V5 }),
    ("sonnet-5", V5),
    ("opus-4-8", V4_7),
    ("opus-4-7", V4_7),
    ("sonnet-4-6", V4_6),
    ("opus-4-6", V4_6),
    ("-4-5", V4_5),
    ("sonnet-4", Behaviour { max_output: Some(64_000), ..UNKNOWN }),
    ("opus-4", Behaviour { max_output: Some(32_000), ..UNKNOWN }),
    ("claude-3-7", Behaviour { max_output: Some(64_000), ..UNKNOWN }),
    ("claude-3-5", Behaviour { max_output: Some(8_192), ..OLD }),
    ("claude-3", OLD),
    ("claude-2", OLD),
];

/// The behaviour of the model that `id` names. Dots count as dashes, as some vendors write `claude-opus-4.6`.
pub(super) fn behaviour(id: &str) -> Behaviour {
    let id: String = id.chars().map(|c| if c == '.' { '-' } else { c.to_ascii_lowercase() }).collect();
    TABLE.iter().find(|(key, _)| id.contains(key)).map_or(UNKNOWN, |(_, behaviour)| *behaviour)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_id_finds_the_row_of_its_family() {
        let of = behaviour;
        assert_eq!(of("claude-sonnet-4-5-20250929"), V4_5);
        assert_eq!(of("us.anthropic.claude-haiku-4-5-v1:0"), V4_5);
        assert_eq!(of("anthropic/claude-opus-4.6"), V4_6);
        assert_eq!(of("claude-sonnet-5"), V5);
        assert!(!of("claude-sonnet-5-5").forced_tools);
        assert!(of("claude-fable-5").forced_tools);
        assert!(!of("claude-fable-5-1").forced_tools);
        assert_eq!(of("claude-opus-4-1-20250805").max_output, Some(32_000));
        assert_eq!(of("claude-3-5-haiku-latest").depth, Depth::Never);
        assert_eq!(of("kimi-k2"), UNKNOWN);
    }
}
