//! `/api/admin/*`: what the command line does, over HTTP.

mod models;
mod priorities;

use crate::{
    ingress::{body, check},
    reply::ReplyBody,
    server::Gateway,
};
use http::{Method, Response, StatusCode, request::Parts};
use hyper::body::Incoming;
use rm_protocol::{ErrorKind, ErrorStatus, ErrorView};
use serde::de::DeserializeOwned;
use std::sync::Arc;

/// Serves one admin request; the key has been checked.
///
/// # Errors
/// No such path or method, or a body that does not fit.
pub(crate) async fn handle(
    gateway: &Arc<Gateway>,
    path: &str,
    parts: Parts,
    body: Incoming,
) -> Result<Response<ReplyBody>, ErrorView> {
    match (path, &parts.method) {
        ("models", &Method::GET) => Ok(models::list(gateway)),
        ("models/refresh", &Method::POST) => models::refresh(gateway).await,
        ("models/resolve", &Method::GET) => models::resolve(gateway, &parts),
        ("priorities", &Method::GET) => Ok(priorities::show(gateway)),
        ("priorities", &Method::PUT | &Method::PATCH) => priorities::change(gateway, parts, body).await,
        ("models" | "models/refresh" | "models/resolve" | "priorities", method) => Err(ErrorView {
            status: ErrorStatus::or_bad_gateway(StatusCode::METHOD_NOT_ALLOWED),
            ..ErrorView::new(ErrorKind::Method, "method_not_allowed", format!("this path does not take {method}"))
        }),
        _ => Err(ErrorView::new(ErrorKind::NotFound, "path_not_found", "there is nothing at this path")),
    }
}

/// Reads a JSON body of an admin request. Unknown members are errors.
async fn read<T: DeserializeOwned>(gateway: &Gateway, parts: &Parts, body: Incoming) -> Result<T, ErrorView> {
    check::json(&parts.headers)?;
    let limits = gateway.snapshot().tuning.admin_body;
    let text = body::read(body, &limits).await?;
    serde_json::from_str(&text)
        .map_err(|error| ErrorView::new(ErrorKind::BadRequest, "invalid_request", error.to_string()))
}
