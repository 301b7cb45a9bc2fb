//! The intermediate form: a union of what the protocols can say.
//!
//! One [`Turn`] is one message of the wire, so that decode and encode of the same protocol are inverse; merging and
//! regrouping is the business of the encoder that needs it. What only one protocol can say is kept in [`Extras`] or
//! [`Sealed`], tagged with its maker, and written back only by the maker; another encoder lists it in [`Losses`].

mod event;
mod loss;
mod names;
mod part;
mod request;
mod response;
mod sealed;
mod usage;

pub use event::{CallKind, Event, EventSink, Transcript};
pub use loss::{Loss, LossKind, Losses};
pub use names::{Names, Stand, fit};
pub use part::{CacheMark, Extras, Form, Part, PartKind, Raw, Reasoning, Sealed, Source, ToolCall, ToolResult};
pub use request::{
    Effort, OutputFormat, Request, Role, Sampling, Thinking, ThinkingMode, Tool, ToolChoice, ToolKind, Turn,
};
pub use response::{Response, StopReason};
pub use sealed::{seal, unseal};
pub use usage::Usage;
