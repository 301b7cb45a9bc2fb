//! The row of one attempt: written exactly once, however the attempt ends.

use crate::{
    lane::Reading,
    pipeline::{call::Call, fault::Fault},
};
use rm_protocol::Protocol;
use rm_routing::Candidate;
use rm_store::{AttemptRecord, CostState, Ending, Lane, Ledger, Outcome, Target, Tokens};
use std::{borrow::Cow, sync::Arc, time::Instant};

/// Writes the row when told how the attempt ended; dropped before that, the client went away.
pub(crate) struct AttemptGuard {
    ledger: Ledger,
    request: Request,
    number: u32,
    target: Target,
    upstream_protocol: &'static str,
    lane: Lane,
    started: Instant,
    first_event: Option<Instant>,
    status: Option<u16>,
    /// What the upstream may charge if the attempt ends now.
    cost: CostState,
    /// What was read before the first content.
    noted: Reading,
    open: bool,
}

/// What a row needs of the request. The request itself, with its body, is let go once a stream has begun.
struct Request {
    id: Arc<str>,
    protocol: Protocol,
    streamed: bool,
    model: Arc<str>,
    started: Instant,
    started_ms: i64,
}

impl Request {
    fn of(call: &Call) -> Self {
        Self {
            id: call.id.text.clone(),
            protocol: call.protocol,
            streamed: call.head.stream,
            model: call.requested.clone(),
            started: call.started,
            started_ms: call.started_ms,
        }
    }
}

impl AttemptGuard {
    pub(crate) fn new(
        ledger: Ledger,
        call: &Call,
        number: u32,
        candidate: &Candidate,
        names: (&rm_catalog::ProviderId, &rm_catalog::AccountName),
    ) -> Self {
        let (provider, account) = names;
        let target = Target {
            provider: provider.clone(),
            account: account.clone(),
            model: candidate.model.clone(),
            upstream_model: candidate.upstream_model.clone(),
        };
        let upstream_protocol = candidate.protocol.name();
        let lane = if candidate.protocol == call.protocol { Lane::Bytes } else { Lane::Translated };
        let started = Instant::now();
        Self {
            ledger,
            request: Request::of(call),
            number,
            target,
            upstream_protocol,
            lane,
            started,
            first_event: None,
            status: None,
            cost: CostState::None,
            noted: Reading::default(),
            open: true,
        }
    }

    /// The body crosses re-encoded after all.
    pub(crate) fn translated(&mut self) {
        self.lane = Lane::Translated;
    }

    /// The request is on its way: from now on the upstream may work on it.
    pub(crate) fn sent(&mut self) {
        self.cost = CostState::Possible;
    }

    /// The upstream answered with this status.
    pub(crate) fn answered(&mut self, status: u16) {
        self.status = Some(status);
    }

    /// The first content came.
    pub(crate) fn first_event(&mut self) {
        self.first_event = Some(Instant::now());
        self.cost = CostState::Certain;
    }

    /// Keeps what has been read so far, in case the attempt ends before its first content.
    pub(crate) fn note(&mut self, reading: &Reading) {
        self.noted.usage = reading.usage;
        self.noted.usage_known = reading.usage_known;
    }

    /// Writes the row of an attempt that failed before its first content.
    pub(crate) fn failed(&mut self, fault: &Fault) {
        let noted = std::mem::take(&mut self.noted);
        let cost = if noted.usage_known { CostState::Certain } else { fault.store_cost() };
        self.finish(Outcome::Failed, Some(fault.view.code), cost, &noted);
    }

    /// Writes the row.
    pub(crate) fn finish(&mut self, outcome: Outcome, code: Option<&'static str>, cost: CostState, reading: &Reading) {
        if !std::mem::replace(&mut self.open, false) {
            return;
        }
        let since = |at: Instant| i64::try_from(at.duration_since(self.started).as_millis()).unwrap_or(i64::MAX);
        let number = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
        let usage = &reading.usage;
        let offset = i64::try_from(self.started.duration_since(self.request.started).as_millis()).unwrap_or(0);
        self.ledger.record(AttemptRecord {
            request_id: self.request.id.clone(),
            attempt: self.number,
            at_ms: self.request.started_ms + offset,
            call: rm_store::Call {
                client_protocol: Cow::Borrowed(self.request.protocol.name()),
                upstream_protocol: Cow::Borrowed(self.upstream_protocol),
                lane: self.lane,
                streamed: self.request.streamed,
                requested_model: self.request.model.clone(),
            },
            target: self.target.clone(),
            ending: Ending {
                outcome,
                status: self.status,
                error_code: code.map(Cow::Borrowed),
                cost,
                first_event_ms: self.first_event.map(since),
                total_ms: since(Instant::now()),
            },
            tokens: Tokens {
                known: reading.usage_known,
                input: number(usage.input),
                cache_read: number(usage.cache_read),
                cache_write: number(usage.cache_write),
                output: number(usage.output),
                reasoning: number(usage.reasoning),
            },
        });
    }

    /// Writes the row of an attempt whose client went away, with what was read until then.
    pub(crate) fn cancelled(&mut self, reading: &Reading) {
        let cost = if reading.content || reading.usage_known { CostState::Certain } else { self.cost };
        self.finish(Outcome::Cancelled, Some("client_gone"), cost, reading);
    }
}

impl Drop for AttemptGuard {
    fn drop(&mut self) {
        let noted = std::mem::take(&mut self.noted);
        self.cancelled(&noted);
    }
}
