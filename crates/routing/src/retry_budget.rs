//! Keeps repeats from making an outage worse.
//!
//! One budget per provider, shared by all requests. It is asked before the *same* provider is called again in one request;
//! going on to another provider is not a repeat and is not charged.
//!
//! Two allowances, either is enough for one repeat:
//! - a share of the requests: each request puts `percent`/100 of a repeat aside, at most ten, so that hours without
//!   trouble do not pile up repeats for the first minute of an outage;
//! - `per_second` repeats in every second, counted in fixed seconds from the first one, for providers with little traffic.

use std::time::{Duration, Instant};

/// Whole repeats that the share of requests can put aside.
const SHARE_CAP: u64 = 10;

const ONE: u64 = 100;

/// How many repeats are allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetryBudgetPolicy {
    /// Repeats per hundred requests.
    pub percent: u32,
    /// Repeats per second in any case.
    pub per_second: u32,
}

impl Default for RetryBudgetPolicy {
    fn default() -> Self {
        Self { percent: 20, per_second: 10 }
    }
}

/// The budget of one provider.
#[derive(Clone, Debug)]
pub struct RetryBudget {
    policy: RetryBudgetPolicy,
    /// Hundredths of a repeat. Invariant: at most `SHARE_CAP * ONE`.
    share: u64,
    /// Start of the current second; `None` before the first repeat.
    second: Option<Instant>,
    /// Repeats in it. Invariant: at most `policy.per_second`.
    used: u32,
}

impl RetryBudget {
    /// A budget with nothing put aside.
    pub fn new(policy: RetryBudgetPolicy) -> Self {
        Self { policy, share: 0, second: None, used: 0 }
    }

    /// A request goes to this provider for the first time.
    pub fn request(&mut self) {
        self.share = (self.share + u64::from(self.policy.percent)).min(SHARE_CAP * ONE);
    }

    /// May one repeat go out at `now`? Charges it when it may.
    pub fn repeat(&mut self, now: Instant) -> bool {
        if self.take_second(now) {
            return true;
        }
        let allowed = self.share >= ONE;
        if allowed {
            self.share -= ONE;
        }
        allowed
    }

    fn take_second(&mut self, now: Instant) -> bool {
        let second = *self.second.get_or_insert(now);
        let elapsed = now.saturating_duration_since(second);
        if elapsed >= Duration::from_secs(1) {
            self.second = Some(second + Duration::from_secs(elapsed.as_secs()));
            self.used = 0;
        }
        let allowed = self.used < self.policy.per_second;
        if allowed {
            self.used += 1;
        }
        allowed
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn repeats(budget: &mut RetryBudget, at: Instant, asked: usize) -> usize {
        (0..asked).filter(|_| budget.repeat(at)).count()
    }

    #[test]
    fn a_quiet_provider_may_repeat_ten_times_a_second() {
        let mut budget = RetryBudget::new(RetryBudgetPolicy::default());
        let start = Instant::now();
        assert_eq!(repeats(&mut budget, start, 30), 10);
        assert_eq!(repeats(&mut budget, start + Duration::from_millis(999), 30), 0);
        assert_eq!(repeats(&mut budget, start + Duration::from_secs(1), 30), 10);
        assert_eq!(repeats(&mut budget, start + Duration::from_millis(7_900), 30), 10);
    }

    #[test]
    fn in_an_outage_repeats_are_a_fifth_of_the_requests_plus_ten_a_second() {
        let mut budget = RetryBudget::new(RetryBudgetPolicy::default());
        let start = Instant::now();
        let mut allowed = 0;
        for n in 0..10_000_u64 {
            budget.request();
            allowed += usize::from(budget.repeat(start + Duration::from_millis(n)));
        }
        assert_eq!(allowed, 2_000 + 100);
    }

    #[test]
    fn calm_hours_do_not_pile_up_repeats() {
        let mut budget = RetryBudget::new(RetryBudgetPolicy::default());
        (0..1_000_000).for_each(|_| budget.request());
        assert_eq!(repeats(&mut budget, Instant::now(), 1_000), 20);
    }

    #[test]
    fn a_budget_of_nothing_allows_nothing() {
        let mut budget = RetryBudget::new(RetryBudgetPolicy { percent: 0, per_second: 0 });
        (0..1_000).for_each(|_| budget.request());
        assert_eq!(repeats(&mut budget, Instant::now(), 10), 0);
    }

    proptest! {
        #[test]
        fn repeats_never_exceed_the_share_and_the_seconds(steps in proptest::collection::vec((any::<bool>(), 0_u64..400), 0..400)) {
            let mut budget = RetryBudget::new(RetryBudgetPolicy::default());
            let start = Instant::now();
            let (mut now, mut requests, mut allowed) = (start, 0_u64, 0_u64);
            for (request, pause) in steps {
                now += Duration::from_millis(pause);
                if request {
                    budget.request();
                    requests += 1;
                }
                allowed += u64::from(budget.repeat(now));
            }
            let seconds = now.duration_since(start).as_secs() + 1;
            prop_assert!(allowed <= requests / 5 + 10 * seconds);
        }
    }
}
