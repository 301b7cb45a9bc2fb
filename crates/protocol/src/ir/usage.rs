//! Token counts by class.

/// Token counts of one call. `input` holds the cached parts and `output` the reasoning: totals, whatever the wire's own
/// convention is (Anthropic's `input_tokens` excludes the cache, OpenAI's `prompt_tokens` includes it).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// All tokens of the prompt.
    pub input: u64,
    /// Those read from a prompt cache.
    pub cache_read: u64,
    /// Those written to a prompt cache.
    pub cache_write: u64,
    /// All tokens of the answer.
    pub output: u64,
    /// Those spent on reasoning.
    pub reasoning: u64,
}

impl Usage {
    /// The largest count that is believed; a larger one is a fault of the upstream.
    pub const LIMIT: u64 = 100_000_000;

    /// Takes over counts that are not zero. Later counts of a stream are cumulative: they replace, they never add.
    pub fn merge(&mut self, later: &Self) {
        for (mine, theirs) in [
            (&mut self.input, later.input),
            (&mut self.cache_read, later.cache_read),
            (&mut self.cache_write, later.cache_write),
            (&mut self.output, later.output),
            (&mut self.reasoning, later.reasoning),
        ] {
            if theirs != 0 {
                *mine = theirs;
            }
        }
    }

    /// Input tokens that were neither read from nor written to a cache.
    pub fn input_uncached(&self) -> u64 {
        self.input.saturating_sub(self.cache_read).saturating_sub(self.cache_write)
    }

    /// Whether every class is zero.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}
