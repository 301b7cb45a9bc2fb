//! How a body crosses: untouched in the byte lane, re-encoded in the translated lane.
//!
//! Both lanes read every event with the upstream protocol's decoder: it tells when content begins (commit), what was used,
//! and whether the terminal came. The byte lane forwards the bytes of whole events as they came and only looks; the
//! translated lane feeds the client protocol's encoder.

mod reading;
mod stream;
mod whole;

pub(crate) use reading::Reading;
pub(crate) use stream::StreamLane;
pub(crate) use whole::{WholeError, whole};
