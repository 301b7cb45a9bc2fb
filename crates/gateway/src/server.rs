//! The running server: what all requests share, and the way of one request through it.

use crate::{
    app::{self, Endpoint, NoEndpoint, Operation},
    conn::Phase,
    discovery::Discovery,
    generate,
    ingress::{
        check::{self, Reach},
        cors,
        key::KeyCheck,
    },
    models,
    pipeline::call::RequestId,
    reply::{self, Held, ReplyBody},
    snapshot::Snapshot,
    transport::Transport,
    unwind,
};
use arc_swap::ArcSwap;
use http::{HeaderValue, Request, Response, StatusCode, header, request::Parts};
use hyper::body::{Body as _, Incoming};
use rm_protocol::{ErrorKind, ErrorStatus, ErrorView, Protocol};
use rm_store::Ledger;
use std::{
    future::Future as _,
    net::IpAddr,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    task::Poll,
    time::{Duration, Instant},
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

/// What all requests share.
pub(crate) struct Gateway {
    pub(crate) snapshot: ArcSwap<Snapshot>,
    pub(crate) transport: Transport,
    pub(crate) ledger: Ledger,
    pub(crate) discovery: Discovery,
    pub(crate) keys: KeyCheck,
    pub(crate) reach: Reach,
    /// Connections at most.
    pub(crate) connections: u32,
    pub(crate) started: Instant,
    pub(crate) reload: crate::reload::Reload,
    pub(crate) admission: Admission,
    /// Told when running streams must end.
    pub(crate) cut: watch::Sender<bool>,
    pub(crate) draining: AtomicBool,
    /// The drain time is over. Requests ask it whenever they are polled; connections see to it that they are.
    pub(crate) over: AtomicBool,
    pub(crate) panics: Arc<AtomicU64>,
    /// Held while a snapshot is made, so that an older one never replaces a newer.
    pub(crate) rebuilding: std::sync::Mutex<()>,
}

/// Requests being served and waiting to be.
pub(crate) struct Admission {
    pub(crate) serving: Arc<Semaphore>,
    pub(crate) waiting: Arc<Semaphore>,
    pub(crate) wait: Duration,
}

impl Admission {
    /// Takes a place, waiting a little when all are taken.
    ///
    /// # Errors
    /// 503 when the queue is full or the wait too long.
    async fn enter(&self) -> Result<OwnedSemaphorePermit, ErrorView> {
        if let Ok(permit) = self.serving.clone().try_acquire_owned() {
            return Ok(permit);
        }
        let busy = || {
            let mut view = ErrorView::new(ErrorKind::Overloaded, "overloaded", "too many requests are being served");
            view.retry_after = Some(Duration::from_secs(1));
            view
        };
        let _place = self.waiting.try_acquire().map_err(|_| busy())?;
        let entered = tokio::time::timeout(self.wait, self.serving.clone().acquire_owned()).await;
        entered.ok().and_then(Result::ok).ok_or_else(busy)
    }
}

impl Gateway {
    /// The running configuration.
    pub(crate) fn snapshot(&self) -> Arc<Snapshot> {
        self.snapshot.load_full()
    }

    /// hyper's own bound on fields: above ours, so that ours can answer in shape.
    pub(crate) fn head_fields_cap(&self) -> usize {
        self.snapshot.load().tuning.head.fields + 64
    }

    /// Bytes that one connection may hold before its key is checked: more than any head that is served.
    pub(crate) fn read_buffer(&self) -> usize {
        const LEAST: usize = 128 << 10;
        let head = &self.snapshot.load().tuning.head;
        usize::try_from(head.head.saturating_add(head.uri).saturating_mul(2)).unwrap_or(usize::MAX).max(LEAST)
    }

    /// Readiness turns false.
    pub(crate) fn begin_drain(&self) {
        self.draining.store(true, Ordering::Release);
    }

    /// Ends running requests and streams with an error in their own protocol.
    pub(crate) fn cut_streams(&self) {
        self.over.store(true, Ordering::Release);
        self.cut.send_replace(true);
    }

    /// Serves one request. Never fails; a panic is answered with 500 and counted.
    pub(crate) async fn serve(
        self: Arc<Self>,
        request: Request<Incoming>,
        peer: IpAddr,
        phase: Arc<Phase>,
    ) -> Response<ReplyBody> {
        let mut held = Held { phase, permit: None };
        let (parts, body) = request.into_parts();
        let id = RequestId::of(&parts.headers);
        let found = app::route(&parts.method, parts.uri.path());
        let shape = shape(&found, &parts);
        let origin = cors::invited(&parts.headers, &self.reach.origins);
        let carries = !body.is_end_stream();
        let reads = found.as_ref().is_ok_and(|endpoint| reads_body(&endpoint.operation));
        let answered = {
            let mut answer = pin!(self.clone().answer(parts, body, found, peer, shape, id.clone(), &mut held));
            unwind::catch(std::future::poll_fn(|cx| {
                if self.over.load(Ordering::Acquire) {
                    return Poll::Ready(reply::error(shape, shutting_down(), &id));
                }
                answer.as_mut().poll(cx)
            }))
            .await
        };
        let mut response = answered.unwrap_or_else(|panic| {
            self.panics.fetch_add(1, Ordering::Relaxed);
            tracing::error!(request_id = %id.text, "a request panicked: {panic}");
            let view = ErrorView::new(ErrorKind::Internal, "internal", "the gateway failed on this request");
            reply::error(shape, view, &id)
        });
        // A failure may come before, within or after the body; taking an unread one for read is the worse mistake.
        if carries && !(reads && response.status().is_success()) {
            held.phase.unread();
        }
        response.headers_mut().insert(reply::REQUEST_ID, id.header);
        if let Some(origin) = origin {
            cors::allow(response.headers_mut(), origin);
        }
        response.map(|body| body.holding(held))
    }

    #[expect(clippy::too_many_arguments, reason = "the head taken apart once, for the one caller above")]
    async fn answer(
        self: Arc<Self>,
        parts: Parts,
        body: Incoming,
        found: Result<Endpoint, NoEndpoint>,
        peer: IpAddr,
        shape: Protocol,
        id: RequestId,
        held: &mut Held,
    ) -> Response<ReplyBody> {
        let snapshot = self.snapshot();
        let framing = if held.phase.bare_lf() { Err(check::bare_lf()) } else { Ok(()) };
        if let Err(view) = framing.and_then(|()| check::framing(&parts, &snapshot.tuning.head)) {
            let mut response = reply::error(shape, view, &id);
            response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
            return response;
        }
        if let Err(view) = check::reach(&parts, &self.reach) {
            return reply::error(shape, view, &id);
        }
        if cors::is_preflight(&parts) && cors::invited(&parts.headers, &self.reach.origins).is_some() {
            return reply::empty(cors::preflight(&parts.headers));
        }
        let endpoint = match found {
            Ok(endpoint) => endpoint,
            Err(nowhere) => return lost(&nowhere, &parts, shape, &id),
        };
        if endpoint.keyed
            && let Err(view) = self.keys.admit(&parts.headers, peer, Instant::now())
        {
            return reply::error(shape, view, &id);
        }
        let result = match &endpoint.operation {
            Operation::Generate | Operation::CountTokens => {
                held.permit = match self.admission.enter().await {
                    Ok(permit) => Some(permit),
                    Err(view) => return reply::error(shape, view, &id),
                };
                let counting = endpoint.operation == Operation::CountTokens;
                if counting {
                    generate::count_tokens(&self, parts, body, &endpoint, &id).await
                } else {
                    Ok(generate::generate(&self, parts, body, &endpoint, &id).await)
                }
            }
            Operation::Models => models::list(&self, shape, &parts).await,
            Operation::Model(name) => models::one(&self, shape, name).await,
            Operation::Root => Ok(crate::status::root()),
            Operation::Health => Ok(crate::status::health(&self)),
            Operation::Live => Ok(crate::status::live()),
            Operation::Ready => Ok(crate::status::ready(&self)),
            Operation::Status => Ok(crate::status::status(&self)),
            Operation::Admin(path) => match crate::admin::methods(path) {
                Some(allowed) if !allowed.split(", ").any(|method| method == parts.method.as_str()) => {
                    return lost(&NoEndpoint::Method(shape, allowed), &parts, shape, &id);
                }
                _ => crate::admin::handle(&self, path, parts, body).await,
            },
        };
        result.unwrap_or_else(|view| reply::error(shape, view, &id))
    }
}

/// Whether a success of this operation means that the whole body was read.
fn reads_body(operation: &Operation) -> bool {
    match operation {
        Operation::Generate | Operation::CountTokens => true,
        Operation::Admin(_)
        | Operation::Models
        | Operation::Model(_)
        | Operation::Root
        | Operation::Health
        | Operation::Live
        | Operation::Ready
        | Operation::Status => false,
    }
}

/// The drain time is over.
fn shutting_down() -> ErrorView {
    ErrorView::new(ErrorKind::Overloaded, "shutting_down", "the gateway is shutting down")
}

/// The protocol in which to answer: the mount's, but `/v1/models` follows the client's `anthropic-version`.
fn shape(found: &Result<Endpoint, NoEndpoint>, parts: &Parts) -> Protocol {
    match found {
        Ok(Endpoint { operation: Operation::Models | Operation::Model(_), protocol, .. }) => {
            if parts.headers.contains_key("anthropic-version") { Protocol::Messages } else { *protocol }
        }
        Ok(endpoint) => endpoint.protocol,
        Err(NoEndpoint::NotFound(protocol) | NoEndpoint::Method(protocol, _)) => *protocol,
    }
}

fn lost(nowhere: &NoEndpoint, parts: &Parts, shape: Protocol, id: &RequestId) -> Response<ReplyBody> {
    match nowhere {
        NoEndpoint::NotFound(_) => {
            let view = ErrorView::new(ErrorKind::NotFound, "path_not_found", "there is nothing at this path");
            reply::error(shape, view, id)
        }
        NoEndpoint::Method(_, allowed) => {
            let message = format!("this path takes {allowed}, not {}", parts.method);
            let view = ErrorView {
                status: ErrorStatus::or_bad_gateway(StatusCode::METHOD_NOT_ALLOWED),
                ..ErrorView::new(ErrorKind::Method, "method_not_allowed", message)
            };
            let mut response = reply::error(shape, view, id);
            response.headers_mut().insert(header::ALLOW, HeaderValue::from_static(allowed));
            response
        }
    }
}
