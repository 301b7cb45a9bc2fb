//! What exists: ids, model names and how they match, and the built-in providers.
//!
//! Nothing here does I/O; the data files are compiled in.

pub mod builtin;
pub mod id;
pub mod kind;
pub mod matching;
pub mod model_ref;

pub use builtin::{Builtin, Quirks, builtin};
pub use id::{AccountName, ProviderId};
pub use kind::ProviderKind;
pub use model_ref::{BadName, ModelName, ModelRef};
