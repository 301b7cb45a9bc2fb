//! Drives the attempt machine until an attempt is committed or nothing is left to try.

use crate::{
    pipeline::{
        attempt::{Scene, Served},
        call::Call,
        fault::Fault,
    },
    server::Gateway,
    snapshot::Snapshot,
};
use bytes::Bytes;
use http::HeaderMap;
use rm_protocol::{ErrorKind, ErrorView};
use rm_routing::{Ended, Failover, Plan, Step, WhyGaveUp};
use std::{fmt::Write as _, sync::Arc, time::Instant};

/// How a request went.
pub(crate) struct Outcome {
    /// The answer, or why there is none.
    pub(crate) result: Result<Served, Refused>,
    /// Calls made, the answer's included.
    pub(crate) attempts: u32,
    /// Failed attempts as `provider/model=status`, joined by `, `.
    pub(crate) trail: String,
}

/// No answer.
#[derive(Debug)]
pub(crate) struct Refused {
    pub(crate) view: ErrorView,
    /// The upstream's own error body, when the client speaks its protocol.
    pub(crate) raw: Option<Bytes>,
    pub(crate) headers: HeaderMap,
    /// Whether an upstream said it.
    pub(crate) upstream: bool,
}

impl From<ErrorView> for Refused {
    fn from(view: ErrorView) -> Self {
        Self { view, raw: None, headers: HeaderMap::new(), upstream: false }
    }
}

impl From<Fault> for Refused {
    fn from(fault: Fault) -> Self {
        Self { view: fault.view, raw: fault.raw, headers: fault.headers, upstream: fault.upstream }
    }
}

/// Tries the candidates of `plan`. The future may be dropped at any point: that cancels the running attempt.
pub(crate) async fn run(gateway: Arc<Gateway>, snapshot: Arc<Snapshot>, call: Arc<Call>, plan: Plan) -> Outcome {
    let mut machine = Failover::new(&plan, snapshot.tuning.failover, call.started, call.deadline);
    let mut rng = fastrand::Rng::new();
    let mut last: Option<Fault> = None;
    let mut trail = String::new();
    loop {
        match machine.next(Instant::now()) {
            Step::Start { attempt, candidate } => {
                let Some(scene) = scene(&gateway, &snapshot, &call, &plan, candidate) else {
                    return outcome(Err(unplanned().into()), &machine, trail);
                };
                scene.provider.budget_request(first_at_provider(&machine, &plan, scene.candidate.provider));
                let (how, served) = match scene.attempt(attempt).await {
                    Ok(served) => (Ended::Committed, Some(served)),
                    Err(fault) => {
                        note(&mut trail, &scene, &fault);
                        let how = Ended::Failed(fault.failure);
                        // What an upstream said is worth more to the client than what failed here after it.
                        if fault.upstream || !last.as_ref().is_some_and(|last| last.upstream) {
                            last = Some(fault);
                        }
                        (how, None)
                    }
                };
                let now = Instant::now();
                machine.ended(attempt, how, now, &mut rng, &mut |provider| {
                    snapshot.provider(provider).is_some_and(|provider| provider.budget_repeat(now))
                });
                if let Some(served) = served {
                    return outcome(Ok(served), &machine, trail);
                }
            }
            Step::Wait { until } => tokio::time::sleep_until(until.into()).await,
            Step::Settled { .. } => return outcome(Err(unplanned().into()), &machine, trail),
            Step::GiveUp(give_up) => {
                let refused = match (last, give_up.why) {
                    (Some(fault), _) => fault.into(),
                    (None, WhyGaveUp::Abandoned) => unplanned().into(),
                    (None, _) => {
                        ErrorView::new(ErrorKind::Timeout, "deadline", "the request's time was over before an attempt")
                            .into()
                    }
                };
                return outcome(Err(refused), &machine, trail);
            }
        }
    }
}

fn outcome(result: Result<Served, Refused>, machine: &Failover, trail: String) -> Outcome {
    let attempts = u32::try_from(machine.attempts().len()).unwrap_or(u32::MAX);
    Outcome { result, attempts, trail }
}

/// Whether the attempt that has just begun is the request's first at this provider.
fn first_at_provider(machine: &Failover, plan: &Plan, provider: usize) -> bool {
    let at = |candidate: usize| plan.candidates.get(candidate).map(|candidate| candidate.provider);
    machine.attempts().iter().filter(|attempt| at(attempt.candidate) == Some(provider)).count() == 1
}

fn scene<'a>(
    gateway: &'a Gateway,
    snapshot: &'a Snapshot,
    call: &'a Arc<Call>,
    plan: &'a Plan,
    candidate: usize,
) -> Option<Scene<'a>> {
    let candidate = plan.candidates.get(candidate)?;
    let provider = snapshot.provider(candidate.provider)?;
    let account = provider.account(candidate.account)?;
    Some(Scene { gateway, snapshot, call, candidate, provider, account })
}

/// A plan that points nowhere: a fault of this program.
fn unplanned() -> ErrorView {
    ErrorView::new(ErrorKind::Internal, "internal", "the plan names a candidate that does not exist")
}

fn note(trail: &mut String, scene: &Scene<'_>, fault: &Fault) {
    let separator = if trail.is_empty() { "" } else { ", " };
    let what = fault.failure.status.map_or_else(|| fault.view.code.to_owned(), |status| status.to_string());
    let _ = write!(trail, "{separator}{}/{}={what}", scene.provider.id, scene.candidate.model);
    tracing::debug!(
        provider = %scene.provider.id,
        model = %scene.candidate.model,
        code = fault.view.code,
        status = fault.failure.status,
        "attempt failed: {}",
        fault.view.message
    );
}
