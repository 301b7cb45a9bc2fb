//! The priority list and the fallback rule, with a revision against lost updates.

use super::read;
use crate::{
    reply::{self, ReplyBody},
    server::Gateway,
};
use http::{HeaderValue, Response, StatusCode, header, request::Parts};
use hyper::body::Incoming;
use rm_config::{Edit, Strategy, edit_priorities};
use rm_protocol::{ErrorKind, ErrorStatus, ErrorView};
use serde::Deserialize;
use serde_json::json;
use sha2::{Digest, Sha256};
use std::{fmt::Write as _, sync::Arc};

/// A change. What is absent stays as it is.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Change {
    /// As read before; `If-Match` may carry it instead.
    revision: Option<String>,
    priorities: Option<Vec<String>>,
    fallback: Option<FallbackChange>,
    /// Puts one model at a 1-based position, or at the end.
    insert: Option<Insert>,
    /// Takes one model out.
    remove: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct FallbackChange {
    strategy: Option<String>,
    max_retries: Option<u32>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Insert {
    model: String,
    position: Option<usize>,
}

/// `GET /api/admin/priorities`.
pub(super) fn show(gateway: &Gateway) -> Response<ReplyBody> {
    let settings = gateway.reload.settings();
    let revision = revision(gateway);
    let mut response = reply::json_value(&json!({
        "priorities": settings.priorities,
        "fallback": { "strategy": settings.fallback.strategy.name(), "maxRetries": settings.fallback.max_retries },
        "revision": revision,
    }));
    if let Ok(tag) = HeaderValue::from_str(&format!("\"{revision}\"")) {
        response.headers_mut().insert(header::ETAG, tag);
    }
    response
}

/// `PUT` or `PATCH /api/admin/priorities`. A revision, when given, must be the current one.
///
/// # Errors
/// 409 when it is not, 400 when the change does not fit.
pub(super) async fn change(
    gateway: &Arc<Gateway>,
    parts: Parts,
    body: Incoming,
) -> Result<Response<ReplyBody>, ErrorView> {
    let change: Change = read(gateway, &parts, body).await?;
    let tag = parts.headers.get(header::IF_MATCH).and_then(|tag| tag.to_str().ok()).map(|tag| tag.trim_matches('"'));
    if let Some(expected) = change.revision.as_deref().or(tag)
        && expected != revision(gateway)
    {
        let message = "the priorities were changed meanwhile; read them again";
        return Err(ErrorView {
            status: ErrorStatus::or_bad_gateway(StatusCode::CONFLICT),
            ..ErrorView::new(ErrorKind::BadRequest, "stale_revision", message)
        });
    }
    let bad = |message: String| ErrorView::new(ErrorKind::BadRequest, "invalid_request", message);
    let edits = edits(change).map_err(bad)?;
    let sources = gateway.reload.sources();
    let file = sources.config_file.clone().unwrap_or_else(|| sources.paths.file("priorities"));
    let written = tokio::task::spawn_blocking(move || {
        edits.into_iter().try_for_each(|edit| edit_priorities(&file, edit).map(|_| ()))
    });
    written.await.map_err(|error| bad(error.to_string()))?.map_err(|error| bad(error.to_string()))?;
    gateway.reload_now().await.map_err(bad)?;
    Ok(show(gateway))
}

fn edits(change: Change) -> Result<Vec<Edit>, String> {
    let mut edits = Vec::new();
    if let Some(models) = change.priorities {
        edits.push(if models.is_empty() { Edit::Clear } else { Edit::Replace { models } });
    }
    if let Some(Insert { model, position }) = change.insert {
        edits.push(Edit::Insert { model, position });
    }
    if let Some(model) = change.remove {
        edits.push(Edit::Remove { model });
    }
    if let Some(FallbackChange { strategy, max_retries }) = change.fallback {
        let strategy = match strategy {
            None => None,
            Some(word) => Some(
                Strategy::ALL
                    .into_iter()
                    .find(|strategy| strategy.name() == word)
                    .ok_or_else(|| format!("`{word}` is no strategy; there are priority, same-model, none"))?,
            ),
        };
        edits.push(Edit::SetFallback { strategy, max_retries });
    }
    Ok(edits)
}

/// A short digest of what can be changed here.
fn revision(gateway: &Gateway) -> String {
    let settings = gateway.reload.settings();
    let text = format!("{:?}{:?}", settings.priorities, settings.fallback);
    Sha256::digest(text.as_bytes()).iter().take(8).fold(String::new(), |mut out, byte| {
        let _ = write!(out, "{byte:02x}");
        out
    })
}
