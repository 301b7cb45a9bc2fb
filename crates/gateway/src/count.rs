//! Token counts asked of an upstream.

use crate::{
    pipeline::{attempt::collect, call::Call},
    reply::{self, ReplyBody},
    server::Gateway,
    snapshot::Snapshot,
    transport::Segments,
};
use http::Response;
use rm_protocol::{Protocol, Target};
use rm_providers::{Call as ProviderCall, Operation};
use rm_routing::Plan;
use std::time::Duration;

/// How long an upstream may take before the bundled tables answer instead.
const PATIENCE: Duration = Duration::from_secs(5);

/// The upstream's own count, when the first candidate speaks Messages and can count. `None` when it cannot or fails: the
/// caller's estimate is better than an error.
pub(crate) async fn upstream(
    gateway: &Gateway,
    snapshot: &Snapshot,
    call: &Call,
    plan: &Plan,
) -> Option<Response<ReplyBody>> {
    let candidate = plan.candidates.first()?;
    let account = snapshot.provider(candidate.provider)?.account(candidate.account)?;
    if candidate.protocol != Protocol::Messages || !account.endpoint.counts_tokens() || call.sealed {
        return None;
    }
    let target = Target { model: &candidate.upstream_model, owner: "", dialect: account.endpoint.dialect() };
    let body = call.bytes();
    let body = Segments::new(Protocol::Messages.codec().patches(&call.head, &target).apply(&body));
    let provider_call = ProviderCall {
        operation: Operation::CountTokens,
        stream: false,
        client: Some(&call.headers),
        request_id: Some(&call.id.header),
        passthrough: None,
    };
    let ask = async {
        let response = gateway.transport.send(|| account.endpoint.head(&provider_call), &body).await.ok()?;
        if !response.status().is_success() {
            return None;
        }
        let bytes = collect(response.into_body(), 64 << 10, PATIENCE).await.ok()?;
        let counted: serde_json::Value = serde_json::from_slice(&bytes).ok()?;
        counted.get("input_tokens")?.as_u64()?;
        Some(reply::json(http::StatusCode::OK, bytes))
    };
    tokio::time::timeout(PATIENCE, ask).await.ok().flatten()
}
