//! What stands between a connection and the pipeline: framing, host and origin, key, body.

pub(crate) mod body;
pub(crate) mod check;
pub(crate) mod cors;
pub(crate) mod key;
