//! Streams, both ways.

mod blocks;
mod decode;
mod encode;

pub(super) use decode::Decoder;
pub(super) use encode::Encoder;

/// What keeps a silent stream alive; allowed at any time, any number of times.
pub(super) const PING: &[u8] = b"event: ping\ndata: {\"type\": \"ping\"}\n\n";
