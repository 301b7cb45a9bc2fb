//! How to talk to a vendor: addresses, heads, dialects, and what its failures mean.
//!
//! Nothing here does I/O. The configuration makes one [`Endpoint`] per account; for each attempt [`Endpoint::head`] clones
//! what was prepared, and [`Endpoint::failure`] reads what went wrong.
//!
//! **Adding a provider.** OpenAI-compatible: a row in the catalogue's data file, no code. Otherwise:
//! 1. a variant of `ProviderKind` in the catalogue, with its word and its protocols;
//! 2. a file beside [`openai`](registry) with a unit struct that implements [`Provider`]: how it authorises, which headers
//!    it always wants, which client headers it may see, its dialect;
//! 3. a row in [`registry`];
//! 4. golden heads and failures in its tests.

mod address;
mod anthropic;
mod compatible;
pub mod endpoint;
pub mod failure;
pub mod headers;
pub mod models;
mod openai;
pub mod provider;
pub mod redact;
pub mod registry;
pub mod retry;
pub mod url;

pub use address::{Reach, reach};
pub use endpoint::{Endpoint, EndpointSpec};
pub use failure::UpstreamFailure;
pub use headers::response_headers;
pub use models::{BadModelList, ModelListing};
pub use provider::{Call, CannotPrepare, Credential, Operation, Provider};
pub use redact::Redactor;
pub use registry::provider;
pub use url::{BadBaseUrl, BaseUrl, UrlPolicy};
