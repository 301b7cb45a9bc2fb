//! Token counts as Anthropic tells them: `input_tokens` leaves the cached parts out, counts of a stream are cumulative.

use super::wire::{OutputDetails, UsageDef};
use crate::{ir::Usage, json::Writer};
use serde_json::value::RawValue;

/// The counts of the wire, merged over the events of a stream.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Counts {
    uncached: u64,
    cache_read: u64,
    cache_write: u64,
    output: u64,
    thinking: u64,
}

impl Counts {
    /// Takes over what `raw` says; zeros and nonsense change nothing.
    pub(super) fn merge(&mut self, raw: &RawValue) {
        let Ok(usage) = serde_json::from_str::<UsageDef<'_>>(raw.get()) else { return };
        let details = usage.output_tokens_details.and_then(|d| serde_json::from_str::<OutputDetails<'_>>(d.get()).ok());
        for (mine, theirs) in [
            (&mut self.uncached, usage.input_tokens),
            (&mut self.cache_read, usage.cache_read_input_tokens),
            (&mut self.cache_write, usage.cache_creation_input_tokens),
            (&mut self.output, usage.output_tokens),
            (&mut self.thinking, details.and_then(|details| details.thinking_tokens)),
        ] {
            match theirs.map_or(0, count) {
                0 => {}
                count => *mine = count,
            }
        }
    }

    /// Totals as the intermediate form has them.
    pub(super) fn total(&self) -> Usage {
        Usage {
            input: self.uncached + self.cache_read + self.cache_write,
            cache_read: self.cache_read,
            cache_write: self.cache_write,
            output: self.output,
            reasoning: self.thinking.min(self.output),
        }
    }
}

/// A count, clamped to what can be believed; negative, fractional and other values are brought near or are zero.
fn count(raw: &RawValue) -> u64 {
    let number: f64 = serde_json::from_str(raw.get()).unwrap_or(0.0);
    number.clamp(0.0, Usage::LIMIT as f64) as u64
}

/// Writes the object `usage`.
pub(super) fn write(w: &mut Writer, usage: &Usage) {
    w.begin().key("input_tokens").number(usage.input_uncached());
    w.key("cache_creation_input_tokens").number(usage.cache_write);
    w.key("cache_read_input_tokens").number(usage.cache_read);
    w.key("output_tokens").number(usage.output);
    if usage.reasoning > 0 {
        w.key("output_tokens_details").begin().key("thinking_tokens").number(usage.reasoning).end();
    }
    w.end();
}

/// What stands in for counts that an upstream never gave: about four bytes of text make a token.
pub(super) fn estimate(input: u64, output_bytes: u64) -> Usage {
    Usage { input, output: output_bytes.div_ceil(4), ..Usage::default() }
}
