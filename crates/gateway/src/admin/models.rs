//! Models: what is routed, what a name means, reading everything anew.

use crate::{
    reply::{self, ReplyBody},
    server::Gateway,
};
use http::{Response, request::Parts};
use rm_protocol::{ErrorKind, ErrorView};
use rm_routing::{Listed, ListedKind};
use serde_json::{Value, json};
use std::sync::Arc;

/// `GET /api/admin/models`.
pub(super) fn list(gateway: &Gateway) -> Response<ReplyBody> {
    let snapshot = gateway.snapshot();
    let line = |listed: &Listed| -> Value {
        match &listed.kind {
            ListedKind::Model { provider, model, priority } => {
                let provider = snapshot.provider(*provider).map(|provider| provider.id.as_str());
                json!({ "key": listed.name, "provider": provider, "id": model, "name": listed.display, "priority": priority })
            }
            ListedKind::Alias { target } => json!({ "key": listed.name, "name": listed.display, "alias_of": target }),
        }
    };
    let models: Vec<Value> = snapshot.table.listed().map(line).collect();
    reply::json_value(&json!({ "models": models }))
}

/// `POST /api/admin/models/refresh`: reads the files and asks every upstream anew.
///
/// # Errors
/// The configuration on disk is broken.
pub(super) async fn refresh(gateway: &Arc<Gateway>) -> Result<Response<ReplyBody>, ErrorView> {
    gateway
        .reload_now()
        .await
        .map_err(|problem| ErrorView::new(ErrorKind::BadRequest, "invalid_configuration", problem))?;
    gateway.discover_all().await;
    let count = gateway.snapshot().table.listed().count();
    Ok(reply::json_value(&json!({ "success": true, "models_count": count })))
}

/// `GET /api/admin/models/resolve?name=…`.
///
/// # Errors
/// No name is given, or it means nothing.
pub(super) fn resolve(gateway: &Gateway, parts: &Parts) -> Result<Response<ReplyBody>, ErrorView> {
    let query = parts.uri.query().unwrap_or_default();
    let name = query.split('&').find_map(|pair| pair.strip_prefix("name="));
    let name = name
        .and_then(crate::app::decode)
        .ok_or_else(|| ErrorView::new(ErrorKind::BadRequest, "missing_name", "give the name as ?name=…"))?;
    let resolved = gateway.snapshot().table.resolve(&name)?;
    Ok(reply::json_value(&json!({
        "requested": name,
        "key": format!("{}/{}", resolved.provider_id, resolved.model),
        "provider": resolved.provider_id,
        "model": resolved.model,
        "upstream_model": resolved.upstream_model,
        "source": resolved.source.name(),
    })))
}
