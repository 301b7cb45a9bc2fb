//! One attempt: send, read the head, and for streams wait for the first content.

use crate::{
    lane::{StreamLane, whole},
    pipeline::{
        call::Call,
        fault::Fault,
        prepare::{self, Lane},
        record::AttemptGuard,
    },
    server::Gateway,
    snapshot::{Account, Provider, Snapshot},
    transport::Segments,
};
use bytes::{Bytes, BytesMut};
use http::{HeaderMap, Response};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use rm_protocol::ir::Losses;
use rm_providers::{Call as ProviderCall, Operation};
use rm_routing::Candidate;
use rm_store::Outcome;
use std::{
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};
use tokio::time::timeout;

/// An attempt that produced an answer: from here on nothing else is tried.
pub(crate) struct Served {
    /// `provider/model`.
    pub(crate) model: String,
    pub(crate) account: Arc<Account>,
    /// Headers of the upstream that the client may see.
    pub(crate) headers: HeaderMap,
    pub(crate) translated: bool,
    pub(crate) losses: Losses,
    pub(crate) payload: Payload,
}

/// The answer's body.
pub(crate) enum Payload {
    /// Complete.
    Whole(Bytes),
    /// Just begun.
    Stream(Box<Flow>),
}

/// A stream whose first content has come.
pub(crate) struct Flow {
    pub(crate) upstream: Incoming,
    pub(crate) lane: StreamLane,
    pub(crate) guard: AttemptGuard,
    /// For errors later in the stream.
    pub(crate) account: Arc<Account>,
}

impl Drop for Flow {
    fn drop(&mut self) {
        let Self { lane, guard, .. } = self;
        guard.cancelled(lane.reading());
    }
}

/// What an attempt is made in.
pub(crate) struct Scene<'a> {
    pub(crate) gateway: &'a Gateway,
    pub(crate) snapshot: &'a Snapshot,
    pub(crate) call: &'a Arc<Call>,
    pub(crate) candidate: &'a Candidate,
    pub(crate) provider: &'a Provider,
    pub(crate) account: &'a Arc<Account>,
}

impl Scene<'_> {
    /// Makes attempt `number`.
    pub(crate) async fn attempt(&self, number: u32) -> Result<Served, Fault> {
        let names = (&self.provider.id, &self.account.name);
        let ledger = self.gateway.ledger.clone();
        let mut guard = AttemptGuard::new(ledger, self.call, number, self.candidate, names);
        match self.exchange(&mut guard).await {
            Ok(half) => Ok(half.finish(self, guard)),
            Err(fault) => {
                guard.failed(&fault);
                Err(fault)
            }
        }
    }

    async fn exchange(&self, guard: &mut AttemptGuard) -> Result<Half, Fault> {
        let prepared = prepare::prepare(self.call, self.candidate, self.account).map_err(Fault::not_sent)?;
        if matches!(prepared.lane, Lane::Translated { .. }) {
            guard.translated();
        }
        let same = matches!(prepared.lane, Lane::Bytes { .. });
        let call = ProviderCall {
            operation: Operation::Generate(self.candidate.protocol),
            stream: self.call.head.stream,
            client: same.then_some(&self.call.headers),
            request_id: Some(&self.call.id.header),
            passthrough: None,
        };
        guard.sent();
        let times = &self.snapshot.tuning.timeouts;
        if self.call.head.stream {
            let limit = times.first_event;
            let limit = self.at_most(limit);
            let stream = timeout(limit, self.stream(&call, prepared, guard));
            return stream.await.map_err(|_| Fault::timeout(&self.account.provider, limit))?;
        }
        let limit = self.provider.timeout.unwrap_or(times.upstream_head);
        let limit = self.at_most(limit);
        let sent = timeout(limit, self.send(&call, &prepared.body, guard)).await;
        let response = sent.map_err(|_| Fault::timeout(&self.account.provider, limit))??;
        let headers = self.success(&response)?;
        self.whole(response, headers, prepared.lane, guard).await
    }

    /// `limit`, but not beyond the request's deadline.
    fn at_most(&self, limit: Duration) -> Duration {
        limit.min(self.call.deadline.saturating_duration_since(Instant::now()))
    }

    /// Sends and reads the head; an answer that is not 2xx is a fault.
    async fn send(
        &self,
        call: &ProviderCall<'_>,
        body: &Segments,
        guard: &mut AttemptGuard,
    ) -> Result<Response<Incoming>, Fault> {
        let endpoint = &self.account.endpoint;
        let sent = self.gateway.transport.send(|| endpoint.head(call), body).await;
        let response = sent.map_err(|error| Fault::connect(&self.account.provider, endpoint, &error))?;
        guard.answered(response.status().as_u16());
        if response.status().is_success() { Ok(response) } else { Err(self.refusal(response).await) }
    }

    /// Reads what an upstream says with its error status.
    async fn refusal(&self, response: Response<Incoming>) -> Fault {
        const LONGEST: u64 = 256 << 10;
        let (parts, body) = response.into_parts();
        let idle = self.snapshot.tuning.timeouts.stream_idle.min(Duration::from_secs(10));
        // A body that breaks off or is too long still has its status.
        let body = collect(body, LONGEST, idle).await.unwrap_or_default();
        let endpoint = &self.account.endpoint;
        let protocol = self.candidate.protocol;
        let failure = endpoint.failure(protocol, parts.status, &parts.headers, &body, SystemTime::now());
        let raw = (protocol == self.call.protocol && failure.upstream.is_some() && !failure.credential)
            .then(|| std::str::from_utf8(&body).ok())
            .flatten()
            .map(|text| Bytes::from(endpoint.redactor().redact(text).into_owned()));
        Fault::refused(failure, raw, rm_providers::response_headers(&parts.headers))
    }

    /// The headers for the client; an encoding that nobody asked for makes the answer unreadable.
    fn success(&self, response: &Response<Incoming>) -> Result<HeaderMap, Fault> {
        let encoded = response.headers().get(http::header::CONTENT_ENCODING);
        if encoded.is_some_and(|encoding| !encoding.as_bytes().eq_ignore_ascii_case(b"identity")) {
            return Err(Fault::malformed(&self.account.provider, "it is encoded although no encoding was asked for"));
        }
        Ok(rm_providers::response_headers(response.headers()))
    }

    async fn whole(
        &self,
        response: Response<Incoming>,
        headers: HeaderMap,
        lane: Lane,
        guard: &mut AttemptGuard,
    ) -> Result<Half, Fault> {
        let provider = &self.account.provider;
        let limits = &self.snapshot.tuning;
        let left = self.call.deadline.saturating_duration_since(Instant::now());
        let body = timeout(left, collect(response.into_body(), limits.upstream_body, limits.timeouts.stream_idle))
            .await
            .map_err(|_| Fault::timeout(provider, left))?
            .map_err(|problem| problem.fault(provider, limits.timeouts.stream_idle))?;
        let (losses, start) = self.start(lane);
        let (upstream, client) = (self.candidate.protocol.codec(), self.call.protocol.codec());
        let (bytes, reading) = whole(upstream, client, &body, start.as_ref())
            .map_err(|error| Fault::unreadable(&self.account.endpoint, provider, error))?;
        guard.first_event();
        guard.finish(Outcome::Ok, None, rm_store::CostState::Certain, &reading);
        Ok(Half { headers, losses, translated: start.is_some(), body: HalfBody::Whole(bytes) })
    }

    fn start(&self, lane: Lane) -> (Losses, Option<rm_protocol::StreamStart>) {
        match lane {
            Lane::Bytes { losses, .. } => (losses, None),
            Lane::Translated { losses, names } => {
                let served = self.served_model();
                (losses, Some(prepare::start(self.call, self.candidate, self.account, names, &served)))
            }
        }
    }

    fn served_model(&self) -> String {
        format!("{}/{}", self.provider.id, self.candidate.upstream_model)
    }

    async fn stream(
        &self,
        call: &ProviderCall<'_>,
        prepared: prepare::Prepared,
        guard: &mut AttemptGuard,
    ) -> Result<Half, Fault> {
        let response = self.send(call, &prepared.body, guard).await?;
        let headers = self.success(&response)?;
        let (upstream, client) = (self.candidate.protocol.codec(), self.call.protocol.codec());
        let hide = matches!(prepared.lane, Lane::Bytes { hide_usage: true, .. });
        let (losses, start) = self.start(prepared.lane);
        let limits = self.snapshot.tuning.sse;
        let translated = start.is_some();
        let mut lane = match start {
            None => StreamLane::bytes(client, limits, hide),
            Some(start) => StreamLane::translated(upstream, client, limits, client.stream_encoder(start)),
        };
        let mut body = response.into_body();
        self.first_content(&mut lane, &mut body, guard).await?;
        guard.first_event();
        Ok(Half { headers, losses, translated, body: HalfBody::Stream(body, Box::new(lane)) })
    }

    /// Reads until the client has something to see. What comes before is held, so it is bounded.
    async fn first_content(
        &self,
        lane: &mut StreamLane,
        body: &mut Incoming,
        guard: &mut AttemptGuard,
    ) -> Result<(), Fault> {
        let provider = &self.account.provider;
        let mut held = 0;
        while !lane.reading().content {
            let result = match body.frame().await {
                None => {
                    lane.end().map_err(|error| Fault::stream(&self.account.endpoint, provider, error))?;
                    return Ok(());
                }
                Some(Err(error)) => return Err(Fault::cut(provider, &error)),
                Some(Ok(frame)) => frame.into_data().map_or(Ok(()), |data| {
                    held += data.len();
                    lane.take(&data)
                }),
            };
            guard.note(lane.reading());
            if held > self.snapshot.tuning.sse.event {
                return Err(Fault::malformed(provider, "it sends much and says nothing"));
            }
            result.map_err(|error| Fault::stream(&self.account.endpoint, provider, error))?;
        }
        Ok(())
    }
}

/// An answer without its guard.
struct Half {
    headers: HeaderMap,
    losses: Losses,
    translated: bool,
    body: HalfBody,
}

enum HalfBody {
    Whole(Bytes),
    Stream(Incoming, Box<StreamLane>),
}

impl Half {
    fn finish(self, scene: &Scene<'_>, guard: AttemptGuard) -> Served {
        let payload = match self.body {
            HalfBody::Whole(bytes) => Payload::Whole(bytes),
            HalfBody::Stream(upstream, lane) => {
                Payload::Stream(Box::new(Flow { upstream, lane: *lane, guard, account: scene.account.clone() }))
            }
        };
        Served {
            model: scene.served_model(),
            account: scene.account.clone(),
            headers: self.headers,
            translated: self.translated,
            losses: self.losses,
            payload,
        }
    }
}

/// Why a body could not be read.
pub(crate) enum BodyProblem {
    Cut(hyper::Error),
    TooLarge,
    Silent,
}

impl BodyProblem {
    pub(crate) fn fault(self, provider: &rm_catalog::ProviderId, idle: Duration) -> Fault {
        match self {
            Self::Cut(error) => Fault::cut(provider, &error),
            Self::TooLarge => Fault::malformed(provider, "it is over the size limit"),
            Self::Silent => Fault::timeout(provider, idle),
        }
    }
}

/// Reads a whole body of at most `limit` bytes, with at most `idle` between two pieces.
pub(crate) async fn collect(mut body: Incoming, limit: u64, idle: Duration) -> Result<Bytes, BodyProblem> {
    let mut first = Bytes::new();
    let mut buffer = BytesMut::new();
    while let Some(frame) = timeout(idle, body.frame()).await.map_err(|_| BodyProblem::Silent)? {
        let Ok(data) = frame.map_err(BodyProblem::Cut)?.into_data() else { continue };
        if (first.len().max(buffer.len()) + data.len()) as u64 > limit {
            return Err(BodyProblem::TooLarge);
        }
        if first.is_empty() && buffer.is_empty() {
            first = data;
        } else {
            if buffer.is_empty() {
                buffer.extend_from_slice(&first);
            }
            buffer.extend_from_slice(&data);
        }
    }
    Ok(if buffer.is_empty() { first } else { buffer.freeze() })
}
