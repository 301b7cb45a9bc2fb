//! Token counts. `prompt_tokens` holds the cached tokens and `completion_tokens` the reasoning: totals, as in [`Usage`].

use crate::{ir::Usage, json::Writer, wire};
use serde_json::value::RawValue;

wire! {
    /// `usage`. Numbers are read leniently: a bad count must not fail an answer that is fine.
    struct UsageWire<'a> {
        prompt_tokens: &'a RawValue,
        completion_tokens: &'a RawValue,
        total_tokens: &'a RawValue,
        prompt_tokens_details: &'a RawValue,
        completion_tokens_details: &'a RawValue,
        prompt_cache_hit_tokens: &'a RawValue,
        cached_tokens: &'a RawValue,
    }
}

wire! {
    /// Both `…_details`.
    struct DetailsWire<'a> {
        cached_tokens: &'a RawValue,
        cache_write_tokens: &'a RawValue,
        reasoning_tokens: &'a RawValue,
    }
}

/// Reads `usage`; `None` when it is null or no object.
pub(super) fn read(raw: &RawValue) -> Option<Usage> {
    let wire: UsageWire<'_> = serde_json::from_str(raw.get()).ok()?;
    let details = |raw: Option<&'_ RawValue>| -> Option<(u64, u64, u64)> {
        let details: DetailsWire<'_> = serde_json::from_str(raw?.get()).ok()?;
        let counts = [details.cached_tokens, details.cache_write_tokens, details.reasoning_tokens].map(count);
        let [read, write, reasoning] = counts;
        Some((read, write, reasoning))
    };
    let (details_read, cache_write, _) = details(wire.prompt_tokens_details).unwrap_or_default();
    let (.., reasoning) = details(wire.completion_tokens_details).unwrap_or_default();
    // DeepSeek and Moonshot name cache hits at the top.
    let cache_read = details_read.max(count(wire.prompt_cache_hit_tokens)).max(count(wire.cached_tokens));
    let (input, mut output) = (count(wire.prompt_tokens), count(wire.completion_tokens));
    // Some vendors leave the reasoning out of `completion_tokens`; their total tells.
    if reasoning > 0 && count(wire.total_tokens) == input + output + reasoning {
        output += reasoning;
    }
    Some(Usage {
        input,
        cache_read: cache_read.min(input),
        cache_write: cache_write.min(input),
        output,
        reasoning: reasoning.min(output),
    })
}

/// What is shown when the upstream does not count: a token has about four bytes.
pub(super) fn estimate(input: u64, shown_bytes: u64) -> Usage {
    Usage { input, output: shown_bytes.div_ceil(4), ..Usage::default() }
}

/// A count, clamped to what is believable; nothing, a negative number or another type counts as zero.
fn count(raw: Option<&RawValue>) -> u64 {
    let number: f64 = raw.and_then(|raw| raw.get().parse().ok()).unwrap_or(0.0);
    // The cast saturates: negative and not-a-number become 0.
    (number as u64).min(Usage::LIMIT)
}

/// Writes the value of `usage`.
pub(super) fn write(w: &mut Writer, usage: &Usage) {
    w.begin();
    w.key("prompt_tokens").number(usage.input);
    w.key("completion_tokens").number(usage.output);
    w.key("total_tokens").number(usage.input + usage.output);
    w.key("prompt_tokens_details").begin();
    w.key("cached_tokens").number(usage.cache_read).key("cache_write_tokens").number(usage.cache_write).end();
    w.key("completion_tokens_details").begin().key("reasoning_tokens").number(usage.reasoning).end();
    w.end();
}

#[cfg(test)]
mod tests {
    use super::*;

    fn usage(text: &str) -> Option<Usage> {
        read(serde_json::from_str(text).unwrap())
    }

    #[test]
    fn cached_tokens_are_inside_the_prompt_and_reasoning_inside_the_completion() {
        let read = usage(
            r#"{"prompt_tokens":2000,"completion_tokens":40,"total_tokens":2040,
                "prompt_tokens_details":{"cached_tokens":1800,"cache_write_tokens":100},
                "completion_tokens_details":{"reasoning_tokens":25}}"#,
        );
        assert_eq!(read, Some(Usage { input: 2000, cache_read: 1800, cache_write: 100, output: 40, reasoning: 25 }));
    }

    #[test]
    fn absurd_counts_are_clamped_and_never_fail_the_answer() {
        let read =
            usage(r#"{"prompt_tokens":-5,"completion_tokens":1e300,"prompt_tokens_details":null,"cached_tokens":"x"}"#);
        assert_eq!(read, Some(Usage { output: Usage::LIMIT, ..Usage::default() }));
        assert_eq!(usage("7"), None);
        assert_eq!(usage("null"), None);
    }

    #[test]
    fn reasoning_that_a_vendor_leaves_out_of_the_completion_is_added_to_the_output() {
        let read = usage(
            r#"{"prompt_tokens":10,"completion_tokens":5,"total_tokens":35,"completion_tokens_details":{"reasoning_tokens":20}}"#,
        );
        assert_eq!(read.map(|usage| usage.output), Some(25));
    }
}
