//! A small world of providers, and a run of one request through it.

use rm_protocol::Protocol;
use rm_routing::{
    AccountRoute, Ask, Candidate, CostState, Ended, Failover, FailoverPolicy, Failure, GiveUp, ListedModel, Plan,
    ProviderRoute, RouteSpec, RouteTable, Step, Strategy, Verdict,
};
use std::time::{Duration, Instant};

/// How long every attempt takes.
pub(crate) const CALL: Duration = Duration::from_millis(10);

/// What an upstream does.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Reply {
    Good,
    Status(u16),
    /// A status with `Retry-After` in seconds.
    Later(u16, u64),
    /// The quota of the account is used up.
    UsedUp,
    Broken,
}

impl Reply {
    pub(crate) fn ended(self) -> Ended {
        match self {
            Self::Good => Ended::Committed,
            Self::Status(status) => Ended::Failed(refused(status, None)),
            Self::Later(status, seconds) => Ended::Failed(refused(status, Some(Duration::from_secs(seconds)))),
            Self::UsedUp => Ended::Failed(Failure { repeatable: false, ..refused(429, None) }),
            Self::Broken => Ended::Failed(Failure::no_answer(CostState::Possible)),
        }
    }
}

/// What a status means where a test does not care about the finer rules.
pub(crate) fn refused(status: u16, retry_after: Option<Duration>) -> Failure {
    let verdict = match status {
        401 | 403 => Verdict::Credential,
        429 | 500 | 502..=504 | 529 => Verdict::Retryable,
        _ => Verdict::Final,
    };
    let repeatable = verdict == Verdict::Retryable;
    Failure { verdict, repeatable, status: Some(status), retry_after, cost: CostState::None }
}

/// A provider that speaks Chat, with one account; open when no models are given.
pub(crate) fn provider(id: &str, models: &[&str]) -> ProviderRoute {
    ProviderRoute {
        id: id.into(),
        protocols: vec![Protocol::Chat],
        models: models.iter().map(|model| ListedModel::new(model)).collect(),
        open: models.is_empty(),
        mapping: [].into(),
        accounts: vec![account("default", 1)],
        max_retries: 0,
    }
}

pub(crate) fn account(name: &str, priority: u32) -> AccountRoute {
    AccountRoute { name: name.into(), priority, weight: 1 }
}

/// The providers A, B, C and D with one model each, all in the priority list.
pub(crate) fn four_in_a_list() -> RouteSpec {
    RouteSpec {
        providers: ["a", "b", "c", "d"].into_iter().map(|id| provider(id, &[&format!("model-{id}")])).collect(),
        priorities: ["a", "b", "c", "d"].into_iter().map(|id| format!("{id}/model-{id}")).collect(),
        ..RouteSpec::default()
    }
}

pub(crate) fn with_strategy(mut spec: RouteSpec, strategy: Strategy) -> RouteSpec {
    spec.fallback.strategy = strategy;
    spec
}

/// `provider/model`, with `@account` when the provider has several.
pub(crate) fn label(table: &RouteTable, candidate: &Candidate) -> String {
    let route = &table.providers()[candidate.provider];
    let account = &route.accounts[candidate.account];
    match route.accounts.len() {
        1 => table.name_of(candidate),
        _ => format!("{}@{}", table.name_of(candidate), account.name),
    }
}

pub(crate) fn plan(spec: RouteSpec, model: &str) -> Vec<String> {
    let table = RouteTable::new(spec);
    let plan = table.plan(&Ask::new(Some(model), Protocol::Chat)).unwrap();
    plan.candidates.iter().map(|candidate| label(&table, candidate)).collect()
}

/// What one request did.
#[derive(Debug)]
pub(crate) struct Story {
    pub calls: Vec<String>,
    /// Waits between calls.
    pub waits: Vec<Duration>,
    /// `None` when some attempt was good.
    pub gave_up: Option<GiveUp>,
}

impl Story {
    /// The status of the last failure, when there was no answer.
    pub(crate) fn status(&self) -> Option<u16> {
        self.gave_up.and_then(|give_up| give_up.last).and_then(|last| last.status)
    }
}

/// Runs one request; `script` says what each call gets, by label and by how often that label was called before.
pub(crate) fn run(spec: RouteSpec, model: &str, script: &mut dyn FnMut(&str, usize) -> Reply) -> Story {
    let table = RouteTable::new(spec);
    let plan = table.plan(&Ask::new(Some(model), Protocol::Chat)).unwrap();
    drive(&table, &plan, FailoverPolicy::default(), Duration::from_hours(1), &mut |_| true, script)
}

pub(crate) fn drive(
    table: &RouteTable,
    plan: &Plan,
    policy: FailoverPolicy,
    limit: Duration,
    repeat_allowed: &mut dyn FnMut(usize) -> bool,
    script: &mut dyn FnMut(&str, usize) -> Reply,
) -> Story {
    let start = Instant::now();
    let mut now = start;
    let mut rng = fastrand::Rng::with_seed(7);
    let mut machine = Failover::new(plan, policy, start, start + limit);
    let mut story = Story { calls: Vec::new(), waits: Vec::new(), gave_up: None };
    loop {
        match machine.next(now) {
            Step::Start { attempt, candidate } => {
                let label = label(table, &plan.candidates[candidate]);
                let before = story.calls.iter().filter(|called| **called == label).count();
                let reply = script(&label, before);
                story.calls.push(label);
                now += CALL;
                machine.ended(attempt, reply.ended(), now, &mut rng, repeat_allowed);
            }
            Step::Wait { until } => {
                assert!(until > now, "a wait that is over");
                story.waits.push(until - now);
                now = until;
            }
            Step::Settled { .. } => return story,
            Step::GiveUp(give_up) => {
                story.gave_up = Some(give_up);
                return story;
            }
        }
    }
}
