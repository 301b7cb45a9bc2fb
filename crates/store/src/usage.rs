//! What every usage store can do.

use crate::{StoreError, record::AttemptRecord};
use std::future::Future;

/// Where attempts are kept for good.
pub trait UsageStore: Send {
    /// Stores all of `batch` or nothing of it. Rows that are there already (same request, attempt and time) are left as they are.
    /// Returns how many were new.
    fn append(&mut self, batch: &[AttemptRecord]) -> impl Future<Output = Result<u64, StoreError>> + Send;

    /// Totals per day, provider and model, newest day first. Fails with [`StoreError::TimedOut`] after five seconds.
    fn summarise(&self, query: &UsageQuery) -> impl Future<Output = Result<UsageSummary, StoreError>> + Send;
}

/// Which attempts to sum up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UsageQuery {
    /// Attempts that started at or after this time, in milliseconds since the Unix epoch.
    pub from_ms: i64,
    /// And before this time.
    pub until_ms: i64,
    /// What to add to UTC to get the time of day by which days are cut.
    pub utc_offset_ms: i64,
}

impl UsageQuery {
    /// Everything ever recorded, in UTC days.
    pub const ALL: Self = Self { from_ms: i64::MIN, until_ms: i64::MAX, utc_offset_ms: 0 };
}

/// Totals per day, provider and model.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UsageSummary {
    /// Newest day first, then by provider and model; at most [`UsageSummary::MAX_LINES`].
    pub lines: Vec<UsageLine>,
}

impl UsageSummary {
    /// Lines past this many are left out: the oldest.
    pub const MAX_LINES: u32 = 10_000;

    /// Attempts in all lines.
    pub fn attempts(&self) -> i64 {
        self.lines.iter().map(|line| line.attempts).sum()
    }
}

/// One day of one model at one provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UsageLine {
    /// Days since 1970-01-01 in the query's time of day.
    pub day: i64,
    /// The provider.
    pub provider: String,
    /// The model.
    pub model: String,
    /// How many attempts.
    pub attempts: i64,
    /// How many of them gave a complete answer.
    pub ok: i64,
    /// All prompt tokens.
    pub input_tokens: i64,
    /// Those read from a prompt cache.
    pub cache_read_tokens: i64,
    /// Those written to a prompt cache.
    pub cache_write_tokens: i64,
    /// All answer tokens.
    pub output_tokens: i64,
    /// Those spent on reasoning.
    pub reasoning_tokens: i64,
    /// Milliseconds spent, summed up.
    pub total_ms: i64,
}
