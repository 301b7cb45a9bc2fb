//! `/api/admin/*`: what the command line does, over HTTP.

mod models;
mod priorities;

use crate::{
    ingress::{body, check},
    reply::ReplyBody,
    server::Gateway,
};
use http::{Method, Response, header, request::Parts};
use hyper::body::{Body as _, Incoming};
use rm_protocol::{ErrorKind, ErrorView};
use serde::de::DeserializeOwned;
use std::sync::Arc;

/// The methods that a path takes; `None` when there is no such path.
pub(crate) fn methods(path: &str) -> Option<&'static str> {
    match path {
        "models" | "models/resolve" => Some("GET"),
        "models/refresh" => Some("POST"),
        "priorities" => Some("GET, PUT, PATCH"),
        _ => None,
    }
}

/// Serves one admin request; the key has been checked, and the method is one of the path's.
///
/// # Errors
/// No such path, or a body that does not fit.
pub(crate) async fn handle(
    gateway: &Arc<Gateway>,
    path: &str,
    parts: Parts,
    body: Incoming,
) -> Result<Response<ReplyBody>, ErrorView> {
    if parts.method != Method::GET {
        changes(&parts, &body)?;
    }
    match (path, &parts.method) {
        ("models", _) => Ok(models::list(gateway)),
        ("models/refresh", _) => models::refresh(gateway).await,
        ("models/resolve", _) => models::resolve(gateway, &parts),
        ("priorities", &Method::GET) => Ok(priorities::show(gateway)),
        ("priorities", _) => priorities::change(gateway, parts, body).await,
        _ => Err(ErrorView::new(ErrorKind::NotFound, "path_not_found", "there is nothing at this path")),
    }
}

/// What changes something says that it is JSON: a form of a web page cannot (R22). Without a body there is nothing to say.
fn changes(parts: &Parts, body: &Incoming) -> Result<(), ErrorView> {
    check::json(&parts.headers)?;
    if parts.headers.contains_key(header::CONTENT_TYPE) || body.is_end_stream() {
        return Ok(());
    }
    Err(check::media_type("Content-Type must be application/json in UTF-8"))
}

/// Reads a JSON body of an admin request. Unknown members are errors.
async fn read<T: DeserializeOwned>(gateway: &Gateway, body: Incoming) -> Result<T, ErrorView> {
    let limits = gateway.snapshot().tuning.admin_body;
    let text = body::read(body, &limits).await?;
    serde_json::from_str(&text)
        .map_err(|error| ErrorView::new(ErrorKind::BadRequest, "invalid_request", error.to_string()))
}
