//! The gateway's own pages: what it is, whether it lives, whether it is ready.

use crate::{
    reply::{self, ReplyBody},
    server::Gateway,
};
use http::{Response, StatusCode};
use serde_json::json;
use std::sync::atomic::Ordering;

/// `GET /`.
pub(crate) fn root() -> Response<ReplyBody> {
    reply::json_value(&json!({ "name": "Router-Maestro", "version": env!("CARGO_PKG_VERSION"), "status": "running" }))
}

/// `GET /livez`: the process answers.
pub(crate) fn live() -> Response<ReplyBody> {
    reply::json_value(&json!({ "status": "alive" }))
}

/// `GET /readyz`: new requests are welcome.
pub(crate) fn ready(gateway: &Gateway) -> Response<ReplyBody> {
    if gateway.draining.load(Ordering::Acquire) {
        return reply::json(StatusCode::SERVICE_UNAVAILABLE, r#"{"status":"draining"}"#);
    }
    reply::json_value(&json!({ "status": "ready" }))
}

/// `GET /health`: open, so it says nothing that is not everybody's business.
pub(crate) fn health(gateway: &Gateway) -> Response<ReplyBody> {
    let config = if gateway.reload.problem().is_some() { "stale" } else { "ok" };
    reply::json_value(&json!({
        "status": "healthy",
        "ok": true,
        "version": env!("CARGO_PKG_VERSION"),
        "config": config,
    }))
}

/// `GET /status`: what runs and how it is doing.
pub(crate) fn status(gateway: &Gateway) -> Response<ReplyBody> {
    let snapshot = gateway.snapshot();
    let providers: Vec<_> = snapshot
        .providers
        .iter()
        .map(|provider| {
            json!({
                "id": provider.id,
                "type": provider.kind.name(),
                "origin": provider.origin,
                "accounts": provider.accounts.iter().map(|account| &account.name).collect::<Vec<_>>(),
                "models": provider.models,
            })
        })
        .collect();
    let ledger = gateway.ledger.stats();
    reply::json_value(&json!({
        "name": "Router-Maestro",
        "version": env!("CARGO_PKG_VERSION"),
        "status": if gateway.draining.load(Ordering::Acquire) { "draining" } else { "running" },
        "pid": std::process::id(),
        "uptime_seconds": gateway.started.elapsed().as_secs(),
        "generation": snapshot.generation,
        "config_problem": gateway.reload.problem(),
        "warnings": snapshot.warnings,
        "providers": providers,
        "panics": gateway.panics.load(Ordering::Relaxed),
        "ledger": {
            "queued": ledger.queued,
            "written": ledger.written,
            "spilled": ledger.spilled,
            "dropped": ledger.dropped,
        },
    }))
}
