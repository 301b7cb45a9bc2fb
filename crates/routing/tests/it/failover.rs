//! What follows a failure.

use crate::world::{CALL, Reply, account, drive, four_in_a_list, provider, refused, run};
use rm_protocol::Protocol;
use rm_routing::{
    Ask, CostState, Ended, Failover, FailoverPolicy, Failure, Plan, RetryBudget, RetryBudgetPolicy, RouteSpec,
    RouteTable, Step, WhyGaveUp,
};
use std::time::{Duration, Instant};

fn planned(spec: RouteSpec) -> (RouteTable, Plan) {
    let table = RouteTable::new(spec);
    let plan = table.plan(&Ask::new(Some("router-maestro"), Protocol::Chat)).unwrap();
    (table, plan)
}

fn with_repeats(max_retries: u32) -> RouteSpec {
    let mut spec = four_in_a_list();
    spec.providers.iter_mut().for_each(|provider| provider.max_retries = max_retries);
    spec
}

#[test]
fn a_broken_answer_fails_over_like_a_status() {
    let story = run(four_in_a_list(), "router-maestro", &mut |label, _| {
        if label == "a/model-a" { Reply::Broken } else { Reply::Good }
    });
    assert_eq!(story.calls, ["a/model-a", "b/model-b"]);
}

#[test]
fn other_accounts_of_an_entry_are_free_and_come_before_the_next_entry() {
    let mut spec = four_in_a_list();
    spec.providers[0].accounts = (1..=4).map(|n| account(&format!("k{n}"), n)).collect();
    let story = run(spec, "router-maestro", &mut |_, _| Reply::Status(503));
    assert_eq!(story.calls, ["a/model-a@k1", "a/model-a@k2", "a/model-a@k3", "a/model-a@k4", "b/model-b", "c/model-c"]);
}

#[test]
fn a_refused_credential_is_not_sent_again_and_leaving_its_entry_is_not_counted() {
    let mut spec = four_in_a_list();
    spec.providers[0].models.push(rm_routing::ListedModel::new("other"));
    spec.priorities = ["a/model-a", "a/other", "b/model-b", "c/model-c", "d/model-d"].map(str::to_owned).into();
    let story =
        run(spec, "router-maestro", &mut |label, _| Reply::Status(if label.starts_with('a') { 401 } else { 503 }));
    assert_eq!(story.calls, ["a/model-a", "b/model-b", "c/model-c", "d/model-d"], "a's key is dead for a/other too");
    assert_eq!(story.status(), Some(503));
}

#[test]
fn a_refused_credential_with_nowhere_to_go_is_the_answer() {
    let story = run(four_in_a_list(), "d/model-d", &mut |_, _| Reply::Status(403));
    assert_eq!((story.calls.len(), story.status()), (1, Some(403)));
}

#[test]
fn repeats_belong_to_the_provider_and_not_to_each_account() {
    let mut spec = with_repeats(2);
    spec.providers.truncate(1);
    spec.providers[0].accounts = vec![account("k1", 1), account("k2", 2)];
    let story = run(spec, "model-a", &mut |_, _| Reply::Status(500));
    assert_eq!(story.calls, ["a/model-a@k1", "a/model-a@k1", "a/model-a@k1", "a/model-a@k2"]);
}

#[test]
fn a_short_retry_after_is_waited_for_while_repeats_are_left() {
    let mut script = |_: &str, before| if before == 0 { Reply::Later(429, 5) } else { Reply::Good };
    let story = run(with_repeats(1), "router-maestro", &mut script);
    assert_eq!(
        (story.calls.as_slice(), story.waits.as_slice()),
        (&["a/model-a".to_owned(), "a/model-a".to_owned()][..], &[Duration::from_secs(5)][..])
    );

    let story = run(four_in_a_list(), "router-maestro", &mut |label, _| {
        if label == "a/model-a" { Reply::Later(429, 1) } else { Reply::Good }
    });
    assert_eq!((story.calls.len(), story.waits.len()), (2, 0), "without repeats the next candidate comes at once");
}

#[test]
fn a_long_retry_after_means_the_next_candidate_at_once() {
    let mut script = |label: &str, _| if label == "a/model-a" { Reply::Later(503, 6) } else { Reply::Good };
    let story = run(with_repeats(3), "router-maestro", &mut script);
    assert_eq!((story.calls.as_slice(), story.waits.len()), (&["a/model-a".to_owned(), "b/model-b".to_owned()][..], 0));
}

#[test]
fn a_long_retry_after_with_nowhere_to_go_is_passed_on_unchanged() {
    let story = run(with_repeats(3), "d/model-d", &mut |_, _| Reply::Later(429, 7_200));
    let give_up = story.gave_up.unwrap();
    assert_eq!((story.calls.len(), give_up.why), (1, WhyGaveUp::Exhausted));
    assert_eq!(give_up.last.unwrap(), refused(429, Some(Duration::from_hours(2))));
}

#[test]
fn a_429_is_repeated_only_when_there_is_nowhere_else() {
    let story = run(with_repeats(1), "c/model-c", &mut |_, _| Reply::Status(429));
    assert_eq!(story.calls, ["c/model-c", "d/model-d", "d/model-d"]);
}

#[test]
fn a_used_up_quota_is_never_repeated_but_another_candidate_is_tried() {
    let story = run(with_repeats(3), "c/model-c", &mut |_, _| Reply::UsedUp);
    assert_eq!(
        (story.calls.as_slice(), story.status()),
        (&["c/model-c".to_owned(), "d/model-d".to_owned()][..], Some(429))
    );
    assert_eq!(story.gave_up.unwrap().last.unwrap().retry_after, None, "no wait is made up");
}

#[test]
fn back_off_grows_and_stays_between_its_bounds() {
    let story = run(with_repeats(11), "d/model-d", &mut |_, _| Reply::Status(500));
    assert_eq!((story.calls.len(), story.gave_up.unwrap().why), (12, WhyGaveUp::Exhausted));
    let bounds = (1..).map(|n| Duration::from_millis(100 * 2_u64.pow(n)).min(Duration::from_secs(2)));
    for (wait, bound) in story.waits.iter().zip(bounds) {
        assert!((Duration::from_millis(100)..=bound).contains(wait), "{wait:?} within {bound:?}");
    }
}

#[test]
fn no_request_makes_more_than_twelve_calls() {
    let mut spec = with_repeats(9);
    spec.fallback.max_retries = 10;
    let story = run(spec, "router-maestro", &mut |_, _| Reply::Status(500));
    assert_eq!((story.calls.len(), story.gave_up.unwrap().why), (12, WhyGaveUp::CallLimit));
}

#[test]
fn an_exhausted_budget_turns_repeats_into_failover() {
    let (table, plan) = planned(with_repeats(5));
    let mut budget = RetryBudget::new(RetryBudgetPolicy { percent: 0, per_second: 1 });
    let at = Instant::now();
    let story = drive(
        &table,
        &plan,
        FailoverPolicy::default(),
        Duration::from_mins(1),
        &mut |provider| provider == 0 && budget.repeat(at),
        &mut |_, _| Reply::Status(500),
    );
    assert_eq!(story.calls, ["a/model-a", "a/model-a", "b/model-b", "c/model-c"]);
}

#[test]
fn nothing_starts_at_or_after_the_deadline() {
    let (table, plan) = planned(four_in_a_list());
    let mut failing = |_: &str, _| Reply::Status(503);
    let story = drive(&table, &plan, FailoverPolicy::default(), CALL * 2, &mut |_| true, &mut failing);
    let give_up = story.gave_up.unwrap();
    assert_eq!(
        (story.calls.len(), give_up.why, give_up.last.and_then(|last| last.status)),
        (2, WhyGaveUp::Deadline, Some(503))
    );

    let story = drive(&table, &plan, FailoverPolicy::default(), Duration::ZERO, &mut |_| true, &mut failing);
    assert_eq!((story.calls.len(), story.gave_up.unwrap().last), (0, None));
}

#[test]
fn a_wait_that_would_end_past_the_deadline_is_not_begun() {
    let (table, plan) = planned(with_repeats(3));
    let mut script = |label: &str, _| if label == "a/model-a" { Reply::Later(503, 4) } else { Reply::Good };
    let story = drive(&table, &plan, FailoverPolicy::default(), Duration::from_secs(3), &mut |_| true, &mut script);
    assert_eq!((story.calls.as_slice(), story.waits.len()), (&["a/model-a".to_owned(), "b/model-b".to_owned()][..], 0));
}

#[test]
fn after_commit_or_a_client_gone_nothing_is_started_again() {
    let (_, plan) = planned(with_repeats(3));
    let start = Instant::now();
    let mut rng = fastrand::Rng::with_seed(1);
    let mut machine = |how| {
        let mut machine = Failover::new(&plan, FailoverPolicy::default(), start, start + Duration::from_mins(1));
        assert_eq!(machine.next(start), Step::Start { attempt: 1, candidate: 0 });
        assert_eq!(machine.next(start), Step::Wait { until: start + Duration::from_mins(1) }, "one attempt at a time");
        machine.ended(1, how, start, &mut rng, &mut |_| true);
        machine.ended(1, Ended::Failed(refused(503, None)), start, &mut rng, &mut |_| true);
        let step = machine.next(start + Duration::from_secs(1));
        assert_eq!(step, machine.next(start + Duration::from_secs(90)), "and it stays so");
        (step, machine.attempts().len())
    };
    assert_eq!(machine(Ended::Committed), (Step::Settled { attempt: 1 }, 1));
    let (Step::GiveUp(give_up), 1) = machine(Ended::Abandoned) else { panic!("went on") };
    assert_eq!((give_up.why, give_up.last), (WhyGaveUp::Abandoned, None));
}

#[test]
fn every_attempt_is_in_the_history_with_its_end_and_cost() {
    let (_, plan) = planned(four_in_a_list());
    let start = Instant::now();
    let mut rng = fastrand::Rng::with_seed(1);
    let mut machine = Failover::new(&plan, FailoverPolicy::default(), start, start + Duration::from_mins(1));
    machine.next(start);
    let broken = Ended::Failed(Failure::no_answer(CostState::Possible));
    machine.ended(1, broken, start + CALL, &mut rng, &mut |_| true);
    machine.ended(7, Ended::Committed, start + CALL, &mut rng, &mut |_| true);
    assert_eq!(machine.next(start + CALL), Step::Start { attempt: 2, candidate: 1 });
    let [first, second] = machine.attempts() else { panic!("two attempts") };
    assert_eq!((first.candidate, first.started, first.ended), (0, start, Some((broken, start + CALL))));
    assert_eq!((second.candidate, second.ended), (1, None));
}

#[test]
fn a_fallback_limit_of_zero_keeps_the_first_entry_and_all_its_accounts() {
    let mut spec = four_in_a_list();
    spec.fallback.max_retries = 0;
    spec.providers[0] = provider("a", &["model-a"]);
    spec.providers[0].accounts.push(account("second", 2));
    let story = run(spec, "router-maestro", &mut |_, _| Reply::Status(503));
    assert_eq!(story.calls, ["a/model-a@default", "a/model-a@second"]);
}
