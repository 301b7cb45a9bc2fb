//! JSON as the wire has it: scanned in place, read once without losing unknown members, patched by spans, written in a
//! fixed order.

pub mod patch;
pub mod scan;
pub mod text;
pub mod wire;
pub mod write;

pub use scan::{MAX_DEPTH, ScanError};
pub use text::Text;
pub use wire::{List, Rest, own, own_raw};
pub use write::Writer;
