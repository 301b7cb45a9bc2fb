//! Server-sent events: an incremental splitter and a writer.

mod split;
mod write;

pub use split::{Frame, Limits, Splitter};
pub use write::{data, event};
