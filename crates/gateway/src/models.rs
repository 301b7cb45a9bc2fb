//! The model lists of the OpenAI and Anthropic mounts.

use crate::{
    reply::{self, ReplyBody},
    server::Gateway,
    snapshot::Snapshot,
};
use http::{Response, request::Parts};
use rm_protocol::{ErrorKind, ErrorView, Protocol};
use rm_routing::{Listed, ListedKind};
use serde_json::{Value, json};
use std::{collections::HashMap, sync::Arc};

/// Shown as the age of models whose maker tells none.
const EPOCH: &str = "2025-01-01T00:00:00Z";
const EPOCH_SECONDS: u64 = 1_735_689_600;
/// What `auto` is called.
const AUTO: &str = "auto";

/// `GET …/models`.
///
/// # Errors
/// A page parameter is no number or names no model.
pub(crate) async fn list(
    gateway: &Arc<Gateway>,
    shape: Protocol,
    parts: &Parts,
) -> Result<Response<ReplyBody>, ErrorView> {
    let snapshot = complete(gateway).await;
    let body = match shape {
        Protocol::Chat => json!({ "object": "list", "data": entries(&snapshot).map(|e| e.chat()).collect::<Vec<_>>() }),
        Protocol::Messages => page(&entries(&snapshot).collect::<Vec<_>>(), parts)?,
    };
    Ok(reply::json_value(&body))
}

/// `GET …/models/{id}`.
///
/// # Errors
/// There is no such model.
pub(crate) async fn one(gateway: &Arc<Gateway>, shape: Protocol, name: &str) -> Result<Response<ReplyBody>, ErrorView> {
    let snapshot = complete(gateway).await;
    if let Some(entry) = entries(&snapshot).find(|entry| entry.id == name) {
        return Ok(reply::json_value(&entry.show(shape)));
    }
    let resolved = snapshot.table.resolve(name)?;
    let id = format!("{}/{}", resolved.provider_id, resolved.model);
    match entries(&snapshot).find(|entry| entry.id == id) {
        Some(entry) => Ok(reply::json_value(&entry.show(shape))),
        None => Ok(reply::json_value(&Entry { id: &id, name: &id, owner: resolved.provider_id.as_str() }.show(shape))),
    }
}

/// The snapshot, after missing catalogues have been asked for once more.
async fn complete(gateway: &Arc<Gateway>) -> Arc<Snapshot> {
    let snapshot = gateway.snapshot();
    if !gateway.discovery.missing(&snapshot) {
        return snapshot;
    }
    gateway.discover().await;
    gateway.snapshot()
}

/// One line of a list.
struct Entry<'a> {
    id: &'a str,
    name: &'a str,
    owner: &'a str,
}

fn entries(snapshot: &Snapshot) -> impl Iterator<Item = Entry<'_>> {
    let auto = (!snapshot.table.providers().is_empty()).then_some(Entry {
        id: AUTO,
        name: "Auto: Router-Maestro chooses",
        owner: "router-maestro",
    });
    auto.into_iter().chain(snapshot.table.listed().map(|listed| Entry {
        id: &listed.name,
        name: &listed.display,
        owner: owner(snapshot, listed),
    }))
}

fn owner<'a>(snapshot: &'a Snapshot, listed: &Listed) -> &'a str {
    match &listed.kind {
        ListedKind::Model { provider, .. } => snapshot.provider(*provider).map_or("", |provider| provider.id.as_str()),
        ListedKind::Alias { .. } => "router-maestro",
    }
}

impl Entry<'_> {
    fn show(&self, shape: Protocol) -> Value {
        match shape {
            Protocol::Chat => self.chat(),
            Protocol::Messages => self.messages(),
        }
    }

    /// OpenAI's shape with OpenRouter's fields, empty ones left out.
    fn chat(&self) -> Value {
        json!({
            "id": self.id,
            "object": "model",
            "created": EPOCH_SECONDS,
            "owned_by": self.owner,
            "name": self.name,
            "canonical_slug": self.id,
        })
    }

    fn messages(&self) -> Value {
        json!({ "type": "model", "id": self.id, "display_name": self.name, "created_at": EPOCH })
    }
}

/// A page in Anthropic's shape: `limit` (20 at first, 1 to 1000), `after_id`, `before_id`.
fn page(entries: &[Entry<'_>], parts: &Parts) -> Result<Value, ErrorView> {
    let query: HashMap<&str, &str> =
        parts.uri.query().unwrap_or_default().split('&').filter_map(|pair| pair.split_once('=')).collect();
    let bad = |what: &'static str| {
        let mut view = ErrorView::new(ErrorKind::BadRequest, "invalid_page", format!("{what} is not valid"));
        view.param = Some(what.into());
        view
    };
    let limit = match query.get("limit") {
        None => 20,
        Some(text) => text.parse().ok().filter(|n| (1..=1000).contains(n)).ok_or_else(|| bad("limit"))?,
    };
    let position = |key: &'static str| -> Result<Option<usize>, ErrorView> {
        let Some(id) = query.get(key) else { return Ok(None) };
        let id = crate::app::decode(id).ok_or_else(|| bad(key))?;
        entries.iter().position(|entry| entry.id == id).map(Some).ok_or_else(|| bad(key))
    };
    let start = position("after_id")?.map_or(0, |at| at + 1);
    let (start, end) = match position("before_id")? {
        Some(before) => (before.saturating_sub(limit).max(start), before),
        None => (start, entries.len().min(start + limit)),
    };
    let shown: Vec<&Entry<'_>> = entries.iter().take(end).skip(start).collect();
    Ok(json!({
        "data": shown.iter().map(|entry| entry.messages()).collect::<Vec<_>>(),
        "first_id": shown.first().map(|entry| entry.id),
        "last_id": shown.last().map(|entry| entry.id),
        "has_more": end < entries.len(),
    }))
}
