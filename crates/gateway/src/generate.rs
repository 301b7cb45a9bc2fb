//! Generate requests: read, plan, run, answer. And their smaller sibling, token counts.

use crate::{
    app::Endpoint,
    ingress::{body, check},
    pipeline::{
        self, Search, StreamBody, StreamSetting,
        attempt::{Payload, Served},
        call::{Call, RequestId, Times},
    },
    reply::{self, ReplyBody},
    server::Gateway,
    snapshot::Snapshot,
};
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, header, request::Parts};
use hyper::body::Incoming;
use rm_protocol::{ErrorView, Protocol, ir::Losses};
use rm_routing::{Ask, NoRoute, Plan};
use std::{
    sync::Arc,
    time::{Instant, SystemTime, UNIX_EPOCH},
};

const MODEL: HeaderName = HeaderName::from_static("x-router-model");
const PROVIDER: HeaderName = HeaderName::from_static("x-router-provider");
const ACCOUNT: HeaderName = HeaderName::from_static("x-router-account");
const LANE: HeaderName = HeaderName::from_static("x-router-lane");
const SOURCE: HeaderName = HeaderName::from_static("x-router-source");
const ATTEMPTS: HeaderName = HeaderName::from_static("x-router-attempts");
const FAILED: HeaderName = HeaderName::from_static("x-router-failed");
const LOSS: HeaderName = HeaderName::from_static("x-router-loss");
const COUNT: HeaderName = HeaderName::from_static("x-router-count");

/// Serves one generate request.
pub(crate) async fn generate(
    gateway: &Arc<Gateway>,
    parts: Parts,
    body: Incoming,
    endpoint: &Endpoint,
    id: &RequestId,
) -> Response<ReplyBody> {
    let (snapshot, call, plan) = match accept(gateway, parts, body, endpoint, id).await {
        Ok(accepted) => accepted,
        Err(view) => return reply::error(endpoint.protocol, view, id),
    };
    let source = plan.source.name();
    let mut search: Search = Box::pin(pipeline::run(gateway.clone(), snapshot.clone(), call.clone(), plan));
    let mut response = if call.head.stream {
        match tokio::time::timeout(snapshot.tuning.timeouts.hold_head, &mut search).await {
            Ok(outcome) => answer(gateway, &snapshot, &call, outcome),
            Err(_) => early(gateway, &snapshot, &call, search),
        }
    } else {
        answer(gateway, &snapshot, &call, search.await)
    };
    response.headers_mut().insert(SOURCE, HeaderValue::from_static(source));
    response
}

/// Reads a request and plans it.
async fn accept(
    gateway: &Arc<Gateway>,
    parts: Parts,
    body: Incoming,
    endpoint: &Endpoint,
    id: &RequestId,
) -> Result<(Arc<Snapshot>, Arc<Call>, Plan), ErrorView> {
    let call = read(gateway, parts, body, endpoint, id).await?;
    let call = Arc::new(call);
    let (snapshot, plan) = plan(gateway, &call).await?;
    Ok((snapshot, call, plan))
}

async fn read(
    gateway: &Gateway,
    parts: Parts,
    body: Incoming,
    endpoint: &Endpoint,
    id: &RequestId,
) -> Result<Call, ErrorView> {
    let started = Instant::now();
    let started_ms = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as i64);
    check::json(&parts.headers)?;
    let tuning = &gateway.snapshot().tuning;
    let body = body::read(body, &tuning.body).await?;
    let times = Times { started, started_ms, deadline: started + tuning.timeouts.request };
    let call = Call::new(id.clone(), (endpoint.protocol, endpoint.native_only), parts.headers, body, times)?;
    if call.head.depth > tuning.json_depth {
        let message = format!("the body nests more than {} levels deep", tuning.json_depth);
        return Err(ErrorView::new(rm_protocol::ErrorKind::BadRequest, "too_deep", message));
    }
    Ok(call)
}

/// Plans with the running configuration; an unknown bare name is looked for once more when a catalogue is missing.
async fn plan(gateway: &Arc<Gateway>, call: &Call) -> Result<(Arc<Snapshot>, Plan), ErrorView> {
    let ask = Ask {
        model: call.head.model.as_deref(),
        protocol: call.protocol,
        allow_fallbacks: call.head.allow_fallbacks.unwrap_or(true),
        native_only: call.native_only,
    };
    let snapshot = gateway.snapshot();
    match snapshot.table.plan(&ask) {
        Ok(plan) => Ok((snapshot, plan)),
        Err(NoRoute::UnknownModel { .. } | NoRoute::NoModel) if gateway.discovery.missing(&snapshot) => {
            gateway.discover().await;
            let snapshot = gateway.snapshot();
            let plan = snapshot.table.plan(&ask)?;
            Ok((snapshot, plan))
        }
        Err(error) => Err(error.into()),
    }
}

fn answer(gateway: &Gateway, snapshot: &Snapshot, call: &Arc<Call>, outcome: pipeline::Outcome) -> Response<ReplyBody> {
    let mut response = match outcome.result {
        Ok(served) => success(gateway, snapshot, call, served),
        Err(refused) => {
            let mut view = refused.view;
            view.request_id = Some(call.id.text.to_string());
            let body = refused.raw.unwrap_or_else(|| call.protocol.codec().error_body(&view));
            let mut response = reply::json(view.status.get(), body);
            merge(response.headers_mut(), &refused.headers);
            reply::mark_error(&mut response, &view, refused.upstream);
            response
        }
    };
    let headers = response.headers_mut();
    headers.insert(ATTEMPTS, HeaderValue::from(outcome.attempts));
    if !outcome.trail.is_empty()
        && let Ok(trail) = HeaderValue::from_str(&outcome.trail)
    {
        headers.insert(FAILED, trail);
    }
    response
}

fn success(gateway: &Gateway, snapshot: &Snapshot, call: &Arc<Call>, served: Served) -> Response<ReplyBody> {
    let Served { model, account, headers, translated, losses, payload } = served;
    let streamed = matches!(payload, Payload::Stream(_));
    let body = match payload {
        Payload::Whole(bytes) => ReplyBody::whole(bytes),
        Payload::Stream(flow) => ReplyBody::stream(pipeline::respond(flow, setting(gateway, snapshot, call))),
    };
    let mut response = Response::new(body);
    let to = response.headers_mut();
    *to = headers;
    if streamed {
        stream_headers(to);
    } else {
        to.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    }
    to.reserve(8);
    name(to, &MODEL, &model);
    for (name, value) in [PROVIDER, ACCOUNT].into_iter().zip(&account.names) {
        if let Some(value) = value {
            to.insert(name, value.clone());
        }
    }
    to.insert(LANE, HeaderValue::from_static(if translated { "translated" } else { "bytes" }));
    note_losses(to, &losses);
    response
}

/// The head that is sent when the wait for content gets long.
fn early(gateway: &Gateway, snapshot: &Snapshot, call: &Arc<Call>, search: Search) -> Response<ReplyBody> {
    let body = StreamBody::waiting(search, setting(gateway, snapshot, call));
    let mut response = Response::new(ReplyBody::stream(body));
    stream_headers(response.headers_mut());
    response
}

fn setting(gateway: &Gateway, snapshot: &Snapshot, call: &Call) -> StreamSetting {
    StreamSetting {
        protocol: call.protocol,
        request_id: call.id.text.to_string(),
        timeouts: snapshot.tuning.timeouts,
        deadline: call.deadline,
        panics: gateway.panics.clone(),
        cut: gateway.cut.subscribe(),
    }
}

fn stream_headers(headers: &mut HeaderMap) {
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream; charset=utf-8"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    headers.insert(HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"));
}

fn name(headers: &mut HeaderMap, name: &HeaderName, value: &str) {
    // Names come from the configuration; one that no header can hold is left out.
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}

fn note_losses(headers: &mut HeaderMap, losses: &Losses) {
    const LONGEST: usize = 1024;
    if let Some(text) = losses.header(LONGEST) {
        name(headers, &LOSS, &text);
    }
}

fn merge(headers: &mut HeaderMap, more: &HeaderMap) {
    for name in more.keys().filter(|name| !headers.contains_key(*name)).cloned().collect::<Vec<_>>() {
        for value in more.get_all(&name) {
            headers.append(name.clone(), value.clone());
        }
    }
}

/// Counts the tokens of a Messages request: upstream when the model's provider can, else with the bundled tables.
pub(crate) async fn count_tokens(
    gateway: &Arc<Gateway>,
    parts: Parts,
    body: Incoming,
    endpoint: &Endpoint,
    id: &RequestId,
) -> Result<Response<ReplyBody>, ErrorView> {
    let (snapshot, call, plan) = accept(gateway, parts, body, endpoint, id).await?;
    if let Some(response) = crate::count::upstream(gateway, &snapshot, &call, &plan).await {
        return Ok(response);
    }
    let request = rm_protocol::messages::decode_count(&call.body)?;
    let tokens = rm_protocol::tokens::count(&request);
    let mut response = reply::json(StatusCode::OK, format!("{{\"input_tokens\":{tokens}}}"));
    name(response.headers_mut(), &COUNT, "estimate");
    debug_assert_eq!(endpoint.protocol, Protocol::Messages);
    Ok(response)
}
