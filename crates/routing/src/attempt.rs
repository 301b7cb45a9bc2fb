//! How one call to an upstream ended, as far as the next step depends on it.

use std::time::{Duration, Instant};

/// How an attempt ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// Its first content went to the client, or its whole answer is good. Nothing may be tried after it.
    Committed,
    /// It produced nothing usable, and nothing of it reached the client.
    Failed(Failure),
    /// The client went away.
    Abandoned,
}

/// A failure before commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Failure {
    /// What may be done next.
    pub verdict: Verdict,
    /// Whether a retryable failure may pass at the same candidate too; not so for a quota that is used up.
    pub repeatable: bool,
    /// The upstream's status, or the one that an error event names; `None` when there was no answer.
    pub status: Option<u16>,
    /// `Retry-After` as the upstream gave it, however long.
    pub retry_after: Option<Duration>,
    /// Whether the upstream may charge for the call.
    pub cost: CostState,
}

/// What may follow a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// The same request may succeed later or elsewhere.
    Retryable,
    /// The credential was refused: only other credentials are worth a try.
    Credential,
    /// The request is at fault: it would fail everywhere.
    Final,
}

/// Whether a call costs money.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CostState {
    /// Nothing reached the upstream, or it refused before working.
    None,
    /// The upstream has the request; whether it worked on it is not known.
    Possible,
    /// It answered with content or usage.
    Certain,
}

/// One call of a request, for the record and for the list that an error carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// Counts from 1.
    pub number: u32,
    /// The candidate's position in the plan.
    pub candidate: usize,
    /// When it began.
    pub started: Instant,
    /// How and when it ended; `None` while it runs.
    pub ended: Option<(Ended, Instant)>,
}

impl Failure {
    /// No usable answer: connection failed or broke, a time-out, a malformed or cut answer.
    pub fn no_answer(cost: CostState) -> Self {
        Self { verdict: Verdict::Retryable, repeatable: true, status: None, retry_after: None, cost }
    }

    /// The candidate cannot take this request at all (its protocol cannot express it, its credential cannot be read):
    /// another may. Nothing was sent.
    pub fn not_sent() -> Self {
        Self { verdict: Verdict::Retryable, repeatable: false, status: None, retry_after: None, cost: CostState::None }
    }

    pub(crate) fn is_rate_limit(&self) -> bool {
        self.status == Some(429)
    }
}
