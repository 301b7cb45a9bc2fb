//! The priority list and the fallback rule, with a revision against lost updates.

use super::read;
use crate::{
    reply::{self, ReplyBody},
    server::Gateway,
};
use http::{HeaderValue, Response, StatusCode, header, request::Parts};
use hyper::body::Incoming;
use rm_config::{Edit, EditError, Fallback, Sources, Strategy, edit_priorities_if};
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
    let revision = revision(&settings.priorities, settings.fallback);
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

/// `PUT` or `PATCH /api/admin/priorities`: everything in it, or nothing. A revision, when given, must be that of the file.
///
/// # Errors
/// 409 when it is not, 400 when the change does not fit, 500 when the file cannot be read or written.
pub(super) async fn change(
    gateway: &Arc<Gateway>,
    parts: Parts,
    body: Incoming,
) -> Result<Response<ReplyBody>, ErrorView> {
    let change: Change = read(gateway, body).await?;
    let tag = parts.headers.get(header::IF_MATCH).and_then(|tag| tag.to_str().ok());
    let expected = change.revision.clone().or_else(|| tag.map(|tag| tag.trim_matches('"').to_owned()));
    let edits = edits(change).map_err(bad)?;
    let writer = gateway.clone();
    let written = tokio::task::spawn_blocking(move || write(writer.reload.sources(), edits, expected.as_deref()));
    let written = written.await.unwrap_or_else(|error| Err(failed(&error.to_string())));
    // Also when it was refused: the next reader sees what stands in the file.
    let taken_over = gateway.reload_now().await;
    written?;
    taken_over.map_err(bad)?;
    Ok(show(gateway))
}

/// Makes the edits when the file, with what is added to it while it is loaded, has the expected revision.
fn write(sources: &Sources, edits: Vec<Edit>, expected: Option<&str>) -> Result<(), ErrorView> {
    let file = sources.config_file.clone().unwrap_or_else(|| sources.paths.file("priorities"));
    let current = |written: &[String], fallback: Fallback| {
        let Some(expected) = expected else { return true };
        let mut list = written.to_vec();
        if let Some(addition) = &sources.addition {
            addition.append_to(&mut list);
        }
        revision(&list, fallback) == expected
    };
    edit_priorities_if(&file, edits, current).map(drop).map_err(|error| match error {
        EditError::File(error) => failed(&error.to_string()),
        EditError::Stale => ErrorView {
            status: ErrorStatus::or_bad_gateway(StatusCode::CONFLICT),
            ..ErrorView::new(
                ErrorKind::BadRequest,
                "stale_revision",
                "the priorities were changed meanwhile; read them again",
            )
        },
        other @ (EditError::NotAKey(_)
        | EditError::NotListed(_)
        | EditError::OutOfRange(_)
        | EditError::Shape { .. }) => bad(other.to_string()),
    })
}

fn bad(message: String) -> ErrorView {
    ErrorView::new(ErrorKind::BadRequest, "invalid_request", message)
}

fn failed(message: &str) -> ErrorView {
    ErrorView::new(ErrorKind::Internal, "not_written", message.to_owned())
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
fn revision(priorities: &[String], fallback: Fallback) -> String {
    let text = format!("{priorities:?}{fallback:?}");
    Sha256::digest(text.as_bytes()).iter().take(8).fold(String::new(), |mut out, byte| {
        let _ = write!(out, "{byte:02x}");
        out
    })
}
