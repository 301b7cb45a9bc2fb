//! The attempt machine: which candidate of a plan is tried when, and when to stop.
//!
//! Decides from the plan, the policy and how each attempt ended; makes no calls and knows no clock. The caller asks
//! [`Failover::next`] for a step, does it, and reports with [`Failover::ended`].
//!
//! After a failure:
//!
//! | failure | next |
//! |---|---|
//! | final (400, 404, 422 …) | give up |
//! | credential refused (401, 403) | the next candidate with other credentials, also in another entry; the refused ones are not used again in this request, and the entry that is left is not counted |
//! | `Retry-After` over `retry_after_max` | the next candidate at once |
//! | `Retry-After` up to that | wait for it and repeat, if the provider has repeats left; else the next candidate at once |
//! | 429 without `Retry-After` | the next candidate; a repeat only when there is none |
//! | any other retryable one | repeat after a back-off, if the provider has repeats left; else the next candidate at once |
//!
//! *Repeats* are `maxRetries` of a provider, over all its candidates in one request, and each needs leave from the retry
//! budget. *The next candidate* is the next account of the same entry, which is free, or the first of the next entry, of which
//! `fallback.maxRetries` are allowed. The walk only goes forward, so no candidate is tried again but by a repeat.
//!
//! Everything is bounded by `max_upstream_calls` and by the deadline: no attempt starts at or after it, and a wait that would
//! end there is not begun. When nothing is left, [`GiveUp`] carries the last failure with the upstream's own `Retry-After`.
//! After commit, or when the client is gone, nothing is ever started again.

use crate::{
    attempt::{Attempt, Ended, Failure, Verdict},
    plan::Plan,
};
use smallvec::SmallVec;
use std::time::{Duration, Instant};

/// Bounds of one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FailoverPolicy {
    /// `resilience.maxUpstreamCalls`.
    pub max_upstream_calls: u32,
    /// `resilience.backoff.min`: the shortest wait before a repeat.
    pub backoff_min: Duration,
    /// `resilience.backoff.max`: the longest.
    pub backoff_max: Duration,
    /// `resilience.retryAfterMax`: the longest `Retry-After` that is waited for.
    pub retry_after_max: Duration,
}

impl Default for FailoverPolicy {
    fn default() -> Self {
        Self {
            max_upstream_calls: 12,
            backoff_min: Duration::from_millis(100),
            backoff_max: Duration::from_secs(2),
            retry_after_max: Duration::from_secs(5),
        }
    }
}

/// What to do now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Send the request to this candidate, and report its end under this number.
    Start {
        /// Counts from 1.
        attempt: u32,
        /// Position in the plan.
        candidate: usize,
    },
    /// Nothing to start before `until`. While an attempt runs this is the deadline: ask again when it has ended.
    Wait {
        /// When to ask again.
        until: Instant,
    },
    /// An attempt was committed: it is the answer.
    Settled {
        /// Its number.
        attempt: u32,
    },
    /// Nothing more will be tried.
    GiveUp(GiveUp),
}

/// Why there is no answer. The history is in [`Failover::attempts`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GiveUp {
    /// The reason.
    pub why: WhyGaveUp,
    /// The last failure; `None` when nothing was tried.
    pub last: Option<Failure>,
}

/// Why nothing more is tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WhyGaveUp {
    /// The last failure would be the same everywhere.
    Final,
    /// Every candidate that may be tried has been.
    Exhausted,
    /// As many calls as one request may make.
    CallLimit,
    /// No time left.
    Deadline,
    /// The client went away.
    Abandoned,
}

/// The machine of one request.
#[derive(Debug)]
pub struct Failover {
    slots: SmallVec<[Slot; 4]>,
    policy: FailoverPolicy,
    deadline: Instant,
    /// Entries that may still be entered after a failure.
    fallbacks_left: u32,
    state: State,
    /// Invariant: at most `policy.max_upstream_calls`; only the last one may lack its end.
    attempts: Vec<Attempt>,
}

/// A candidate, and what this request has learnt of it.
#[derive(Debug)]
struct Slot {
    entry: u32,
    provider: usize,
    account: usize,
    max_retries: u32,
    /// Not to be started again in this request.
    closed: bool,
}

#[derive(Clone, Copy, Debug)]
enum State {
    /// To be started at `at` or later.
    Ready {
        candidate: usize,
        at: Instant,
    },
    Running,
    Settled {
        attempt: u32,
    },
    Over(GiveUp),
}

impl Failover {
    /// Begins at the first candidate. `deadline` bounds the whole request.
    pub fn new(plan: &Plan, policy: FailoverPolicy, started: Instant, deadline: Instant) -> Self {
        let slots = plan.candidates.iter().map(|candidate| Slot {
            entry: candidate.entry,
            provider: candidate.provider,
            account: candidate.account,
            max_retries: candidate.max_retries,
            closed: false,
        });
        Self {
            slots: slots.collect(),
            policy,
            deadline,
            fallbacks_left: plan.fallback_max,
            state: State::Ready { candidate: 0, at: started },
            attempts: Vec::new(),
        }
    }

    /// What to do at `now`.
    pub fn next(&mut self, now: Instant) -> Step {
        match self.state {
            State::Running => Step::Wait { until: self.deadline },
            State::Settled { attempt } => Step::Settled { attempt },
            State::Over(give_up) => Step::GiveUp(give_up),
            State::Ready { candidate, at } => self.start(candidate, at, now),
        }
    }

    /// Reports how the running attempt ended. `repeat_allowed` is asked at most once, with the provider's position, before the
    /// same provider is called again. A number that is not the running attempt's is ignored.
    pub fn ended(
        &mut self,
        attempt: u32,
        how: Ended,
        now: Instant,
        rng: &mut fastrand::Rng,
        repeat_allowed: &mut dyn FnMut(usize) -> bool,
    ) {
        let Some(record) = self.attempts.last_mut().filter(|record| record.number == attempt && record.ended.is_none())
        else {
            return;
        };
        record.ended = Some((how, now));
        let candidate = record.candidate;
        self.state = match how {
            Ended::Committed => State::Settled { attempt },
            Ended::Abandoned => self.over(WhyGaveUp::Abandoned),
            Ended::Failed(failure) => self.after(candidate, &failure, now, rng, repeat_allowed),
        };
    }

    /// All attempts so far, in order.
    pub fn attempts(&self) -> &[Attempt] {
        &self.attempts
    }

    fn start(&mut self, candidate: usize, at: Instant, now: Instant) -> Step {
        if now >= self.deadline {
            return self.finish(WhyGaveUp::Deadline);
        }
        if now < at {
            return Step::Wait { until: at };
        }
        if self.slots.get(candidate).is_none() {
            return self.finish(WhyGaveUp::Exhausted);
        }
        if self.calls() >= self.policy.max_upstream_calls {
            return self.finish(WhyGaveUp::CallLimit);
        }
        let number = self.calls() + 1;
        self.attempts.push(Attempt { number, candidate, started: now, ended: None });
        self.state = State::Running;
        Step::Start { attempt: number, candidate }
    }

    fn after(
        &mut self,
        candidate: usize,
        failure: &Failure,
        now: Instant,
        rng: &mut fastrand::Rng,
        repeat_allowed: &mut dyn FnMut(usize) -> bool,
    ) -> State {
        let patience = failure.retry_after.filter(|wait| *wait > self.policy.retry_after_max);
        match failure.verdict {
            Verdict::Final => self.over(WhyGaveUp::Final),
            Verdict::Credential => {
                self.close_account(candidate);
                self.advance(candidate, now, Leaving::Free)
            }
            Verdict::Retryable if patience.is_some() || !failure.repeatable => {
                self.advance(candidate, now, Leaving::Counted)
            }
            Verdict::Retryable => {
                let elsewhere_first = failure.is_rate_limit() && failure.retry_after.is_none();
                if elsewhere_first && self.following(candidate, Leaving::Counted).is_some() {
                    return self.advance(candidate, now, Leaving::Counted);
                }
                match self.repeat(candidate, failure, now, rng, repeat_allowed) {
                    Some(at) => State::Ready { candidate, at },
                    None => self.advance(candidate, now, Leaving::Counted),
                }
            }
        }
    }

    /// When the same candidate may be called again, if at all.
    fn repeat(
        &self,
        candidate: usize,
        failure: &Failure,
        now: Instant,
        rng: &mut fastrand::Rng,
        repeat_allowed: &mut dyn FnMut(usize) -> bool,
    ) -> Option<Instant> {
        let slot = self.slots.get(candidate)?;
        let used = self.repeats(slot.provider);
        if used >= slot.max_retries || self.calls() >= self.policy.max_upstream_calls {
            return None;
        }
        let wait = failure.retry_after.unwrap_or_else(|| self.backoff(used, rng));
        let at = now.checked_add(wait).filter(|at| *at < self.deadline)?;
        repeat_allowed(slot.provider).then_some(at)
    }

    /// Full jitter between the shortest wait and a bound that doubles with every repeat.
    fn backoff(&self, used: u32, rng: &mut fastrand::Rng) -> Duration {
        let FailoverPolicy { backoff_min: min, backoff_max: max, .. } = self.policy;
        let bound = min.saturating_mul(2_u32.saturating_pow(used.saturating_add(1))).min(max).max(min);
        min + bound.saturating_sub(min).mul_f64(rng.f64())
    }

    /// Goes to the next candidate, or ends.
    fn advance(&mut self, from: usize, now: Instant, leaving: Leaving) -> State {
        let Some(candidate) = self.following(from, leaving) else { return self.over(WhyGaveUp::Exhausted) };
        let entry = |slots: &[Slot], at: usize| slots.get(at).map(|slot| slot.entry);
        if leaving == Leaving::Counted && entry(&self.slots, candidate) != entry(&self.slots, from) {
            self.fallbacks_left = self.fallbacks_left.saturating_sub(1);
        }
        State::Ready { candidate, at: now }
    }

    /// The next candidate that may be tried: another account of this entry, or of a later one if one may be entered.
    fn following(&self, from: usize, leaving: Leaving) -> Option<usize> {
        let entry = self.slots.get(from)?.entry;
        let may_leave = leaving == Leaving::Free || self.fallbacks_left > 0;
        let mut later = self.slots.iter().enumerate().skip(from + 1);
        later.find(|(_, slot)| !slot.closed && (slot.entry == entry || may_leave)).map(|(at, _)| at)
    }

    /// A refused credential is not sent again, whatever the model.
    fn close_account(&mut self, candidate: usize) {
        let Some((provider, account)) = self.slots.get(candidate).map(|slot| (slot.provider, slot.account)) else {
            return;
        };
        for slot in self.slots.iter_mut().filter(|slot| slot.provider == provider && slot.account == account) {
            slot.closed = true;
        }
    }

    /// Repeats on a provider so far: attempts at a candidate beyond its first.
    fn repeats(&self, provider: usize) -> u32 {
        let repeated = self.attempts.windows(2).filter(|pair| {
            let [one, two] = pair else { return false };
            let same = self.slots.get(two.candidate).is_some_and(|slot| slot.provider == provider);
            same && one.candidate == two.candidate
        });
        u32::try_from(repeated.count()).unwrap_or(u32::MAX)
    }

    fn calls(&self) -> u32 {
        u32::try_from(self.attempts.len()).unwrap_or(u32::MAX)
    }

    fn finish(&mut self, why: WhyGaveUp) -> Step {
        let give_up = self.give_up(why);
        self.state = State::Over(give_up);
        Step::GiveUp(give_up)
    }

    fn over(&self, why: WhyGaveUp) -> State {
        State::Over(self.give_up(why))
    }

    fn give_up(&self, why: WhyGaveUp) -> GiveUp {
        let last = self.attempts.iter().rev().find_map(|attempt| match attempt.ended {
            Some((Ended::Failed(failure), _)) => Some(failure),
            Some((Ended::Committed | Ended::Abandoned, _)) | None => None,
        });
        GiveUp { why, last }
    }
}

/// Whether entering another entry uses up one of `fallback.maxRetries`.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Leaving {
    Counted,
    Free,
}
