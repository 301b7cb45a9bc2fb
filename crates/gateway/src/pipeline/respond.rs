//! The body of a streamed answer: waiting (after an early head), flowing, ending.
//!
//! A head is held until the first content comes, so that early failures are real statuses; after `timeouts.holdHead` it is
//! sent and failover goes on behind it, with keep-alives for the client (R41). Polled by hyper only: an unread client stops
//! the upstream read (R44), a dropped body ends the upstream (R43).

use crate::{
    pipeline::{
        attempt::{Flow, Payload, Served},
        fault::Fault,
        run::{Outcome, Refused},
    },
    snapshot::Timeouts,
};
use bytes::Bytes;
use http_body::{Body, Frame};
use rm_protocol::{ErrorKind, ErrorView, Protocol};
use std::{
    convert::Infallible,
    future::Future,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll},
    time::{Duration, Instant},
};
use tokio::{sync::watch, time::Sleep};

/// A running search for an answer.
pub(crate) type Search = Pin<Box<dyn Future<Output = Outcome> + Send>>;

/// A streamed answer.
pub(crate) struct StreamBody {
    state: State,
    protocol: Protocol,
    request_id: String,
    timeouts: Timeouts,
    deadline: Instant,
    /// Wakes for whichever limit is next; set again only when it fires.
    timer: Pin<Box<Sleep>>,
    panics: Arc<AtomicU64>,
    last_read: Instant,
    last_write: Instant,
    /// Pieces since the limits were looked at: a fast upstream must not keep them from being.
    since_limits: u8,
    /// Becomes true when the drain time is over.
    cut: Pin<Box<dyn Future<Output = ()> + Send>>,
}

enum State {
    Waiting(Search),
    Flowing(Box<Flow>),
    /// What is left to send.
    Ending(Option<Bytes>),
}

/// What a streamed answer needs to know beside its source.
pub(crate) struct StreamSetting {
    pub(crate) protocol: Protocol,
    pub(crate) request_id: String,
    pub(crate) timeouts: Timeouts,
    pub(crate) deadline: Instant,
    /// Where panics are counted.
    pub(crate) panics: Arc<AtomicU64>,
    /// Becomes true when the drain time is over.
    pub(crate) cut: watch::Receiver<bool>,
}

/// The body of an answer whose first content has come.
pub(crate) fn respond(flow: Box<Flow>, setting: StreamSetting) -> StreamBody {
    StreamBody::new(State::Flowing(flow), setting)
}

impl StreamBody {
    /// The body of an answer that is still being searched for.
    pub(crate) fn waiting(search: Search, setting: StreamSetting) -> Self {
        Self::new(State::Waiting(search), setting)
    }

    fn new(state: State, setting: StreamSetting) -> Self {
        let now = Instant::now();
        let StreamSetting { protocol, request_id, timeouts, deadline, panics, mut cut } = setting;
        let first = now + timeouts.keep_alive.min(timeouts.stream_idle);
        Self {
            state,
            protocol,
            request_id,
            timeouts,
            deadline,
            timer: Box::pin(tokio::time::sleep_until(first.into())),
            panics,
            last_read: now,
            last_write: now,
            since_limits: 0,
            cut: Box::pin(async move {
                // An error means that the server is gone, and everything with it.
                let _ = cut.wait_for(|over| *over).await;
            }),
        }
    }

    fn view(&self, view: ErrorView) -> ErrorView {
        ErrorView { request_id: Some(self.request_id.clone()), ..view }
    }

    /// Ends a waiting stream with an error event.
    fn refuse(&mut self, view: ErrorView) {
        let event = self.protocol.codec().error_event(&self.view(view));
        self.state = State::Ending(Some(event));
    }

    /// Asks the search; true when it is over.
    fn poll_waiting(&mut self, cx: &mut Context<'_>) -> bool {
        let State::Waiting(search) = &mut self.state else { return false };
        let Poll::Ready(outcome) = search.as_mut().poll(cx) else { return false };
        match outcome.result {
            Ok(Served { payload: Payload::Stream(flow), .. }) => {
                self.last_read = Instant::now();
                self.state = State::Flowing(flow);
            }
            Ok(Served { payload: Payload::Whole(_), .. }) => {
                self.refuse(ErrorView::new(ErrorKind::Internal, "internal", "a stream was asked for"));
            }
            Err(Refused { view, .. }) => self.refuse(view),
        }
        true
    }

    /// Moves the stream on; true when something changed and it is worth looking again.
    fn poll_flow(&mut self, cx: &mut Context<'_>) -> bool {
        let State::Flowing(flow) = &mut self.state else { return false };
        match Pin::new(&mut flow.upstream).poll_frame(cx) {
            Poll::Pending => return false,
            Poll::Ready(Some(Ok(frame))) => {
                self.last_read = Instant::now();
                if let Ok(data) = frame.into_data()
                    && let Err(error) = flow.lane.take(&data)
                {
                    let fault = Fault::stream(&flow.account.endpoint, &flow.account.provider, error);
                    self.fail(fault.view);
                }
            }
            Poll::Ready(Some(Err(error))) => {
                let fault = Fault::cut(&flow.account.provider, &error);
                if flow.lane.finished() { self.complete() } else { self.fail(fault.view) }
            }
            Poll::Ready(None) => match flow.lane.end() {
                Ok(()) => self.complete(),
                Err(error) => {
                    let fault = Fault::stream(&flow.account.endpoint, &flow.account.provider, error);
                    self.fail(fault.view);
                }
            },
        }
        true
    }

    /// The upstream is done and all was well.
    fn complete(&mut self) {
        let State::Flowing(flow) = &mut self.state else { return };
        let Flow { lane, guard, .. } = flow.as_mut();
        guard.finish(rm_store::Outcome::Ok, None, rm_store::CostState::Certain, lane.reading());
        if let Some(losses) = lane.losses().filter(|losses| !losses.is_empty()) {
            // The head is out; what the stream could not carry over is told here.
            tracing::debug!(request_id = %self.request_id, "lost in the stream: {losses}");
        }
        let rest = drain(flow);
        self.state = State::Ending(rest);
    }

    /// Ends a flowing stream with an error event: nothing else can follow what the client has seen.
    fn fail(&mut self, view: ErrorView) {
        let view = self.view(view);
        let State::Flowing(flow) = &mut self.state else { return self.refuse(view) };
        let Flow { lane, guard, .. } = flow.as_mut();
        lane.fail(&view);
        guard.finish(rm_store::Outcome::Truncated, Some(view.code), rm_store::CostState::Certain, lane.reading());
        let rest = drain(flow);
        self.state = State::Ending(rest);
    }

    /// Acts on limits that are due; true when something changed.
    fn poll_limits(&mut self, cx: &mut Context<'_>) -> bool {
        if self.cut.as_mut().poll(cx).is_ready() && !matches!(self.state, State::Ending(_)) {
            self.fail(ErrorView::new(ErrorKind::Overloaded, "shutting_down", "the gateway is shutting down"));
            return true;
        }
        if self.timer.as_mut().poll(cx).is_pending() {
            return false;
        }
        let now = Instant::now();
        let idle_at = self.last_read + self.timeouts.stream_idle;
        let alive_at = self.last_write + self.timeouts.keep_alive;
        let flowing = matches!(self.state, State::Flowing(_));
        if now >= self.deadline || (flowing && now >= idle_at) {
            let finished = matches!(&self.state, State::Flowing(flow) if flow.lane.finished());
            if finished {
                self.complete();
            } else {
                let (code, message) = if now >= self.deadline {
                    ("deadline", "the request took longer than timeouts.request allows")
                } else {
                    ("upstream_timeout", "the upstream fell silent")
                };
                self.fail(ErrorView::new(ErrorKind::Timeout, code, message));
            }
            return true;
        }
        let due = now >= alive_at;
        if due {
            self.last_write = now;
        }
        let next = self.deadline.min(self.last_write + self.timeouts.keep_alive);
        let next = if flowing { next.min(idle_at) } else { next };
        // Never sooner than a millisecond, so that rounding cannot spin.
        self.timer.as_mut().reset(next.max(now + Duration::from_millis(1)).into());
        due | self.poll_limits(cx)
    }

    fn next_piece(&mut self, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        loop {
            match &mut self.state {
                State::Ending(rest) => return Poll::Ready(rest.take()),
                State::Flowing(flow) => {
                    if let Some(piece) = flow.lane.pop() {
                        // It came with the last read, or is a sign of life that has set this already.
                        self.last_write = self.last_write.max(self.last_read);
                        return Poll::Ready(Some(piece));
                    }
                }
                State::Waiting(_) => {}
            }
            self.since_limits = (self.since_limits + 1) % LIMITS_EVERY;
            let moved = self.poll_waiting(cx) || self.poll_flow(cx);
            if moved && self.since_limits != 0 {
                continue;
            }
            if !self.poll_limits(cx) {
                if moved {
                    continue;
                }
                return Poll::Pending;
            }
            match &mut self.state {
                State::Waiting(_) => return Poll::Ready(Some(self.protocol.codec().keep_alive())),
                State::Flowing(flow) => flow.lane.keep_alive(),
                State::Ending(_) => {}
            }
        }
    }
}

/// What the lane still holds for the client, in one piece.
fn drain(flow: &mut Flow) -> Option<Bytes> {
    let first = flow.lane.pop()?;
    let Some(second) = flow.lane.pop() else { return Some(first) };
    let mut all = bytes::BytesMut::from(&first[..]);
    all.extend_from_slice(&second);
    while let Some(piece) = flow.lane.pop() {
        all.extend_from_slice(&piece);
    }
    Some(all.freeze())
}

/// Look at the limits at least this often, in reads.
const LIMITS_EVERY: u8 = 64;

impl StreamBody {
    /// Ends a stream whose codec panicked, and counts it.
    fn panicked(&mut self) -> Bytes {
        self.panics.fetch_add(1, Ordering::Relaxed);
        tracing::error!(request_id = %self.request_id, "a stream panicked");
        let view = ErrorView::new(ErrorKind::Internal, "internal", "the gateway failed on this stream");
        let event = self.protocol.codec().error_event(&self.view(view));
        self.state = State::Ending(None);
        event
    }
}

impl Body for StreamBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let this = self.get_mut();
        let polled = catch_unwind(AssertUnwindSafe(|| this.next_piece(cx)));
        let polled = polled.unwrap_or_else(|_| Poll::Ready(Some(this.panicked())));
        polled.map(|piece| piece.map(|piece| Ok(Frame::data(piece))))
    }
}
