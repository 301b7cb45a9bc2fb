//! A whole answer on its way from upstream to client.

use super::reading::Reading;
use bytes::Bytes;
use rm_protocol::{BadResponse, Codec, Str, StreamStart};
use thiserror::Error;

/// Why a whole answer is of no use.
#[derive(Debug, Error)]
pub(crate) enum WholeError {
    /// Not the protocol's shape.
    #[error(transparent)]
    Bad(#[from] BadResponse),
}

/// Reads an answer and gives the bytes for the client: the upstream's own between equal protocols (`start` is `None`),
/// otherwise re-encoded.
///
/// # Errors
/// The answer is no answer of the protocol; it must not reach the client as a success.
pub(crate) fn whole(
    upstream: &'static dyn Codec,
    client: &'static dyn Codec,
    body: &Bytes,
    start: Option<&StreamStart>,
) -> Result<(Bytes, Reading), WholeError> {
    let text = Str::try_from(body.clone()).map_err(|_| BadResponse::Malformed("not UTF-8".into()))?;
    let response = upstream.decode_response(&text)?;
    let mut reading = Reading { content: true, ended: true, stop: Some(response.stop.clone()), ..Reading::default() };
    if let Some(usage) = &response.usage {
        reading.count(usage);
    }
    let out = start.map_or_else(|| body.clone(), |start| client.encode_response(&response, start));
    Ok((out, reading))
}
