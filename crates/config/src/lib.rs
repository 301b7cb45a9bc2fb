//! What the operator wrote: files, environment and flags, joined by [`load`] into the [`Settings`] the program runs on.
//!
//! ```text
//! providers.json ┐
//! priorities.json│  document ──► check ──► sections ──► compile ──► Settings
//! server.yaml    │  JSON, YAML   schema,   typed        defaults,   (or every problem at once)
//! contexts.json  ┘               folding                secrets
//! environment, flags ───────────────────────────────────┘
//! ```
//!
//! One schema per file, generated from the structs in [`sections`], is what is published and what is checked. Keys are
//! matched without regard to case, `_` and `-`, so `baseURL`, `base_url` and `baseUrl` are one key. A key that is still
//! unknown is a problem with a suggestion.
//!
//! With `--config FILE` (one `router-maestro.yaml`) only that file is read: `providers`, `server` and `contexts`/`current`
//! hold what the files of these names hold; the members of `priorities.json` stand beside them at the top.

mod check;
mod compile;
mod document;
mod edit;
mod entries;
mod env;
mod files;
mod fingerprint;
mod key;
mod origin;
mod paths;
mod problem;
mod schemas;
pub mod sections;
mod settings;
mod suggest;
mod units;

pub use compile::{Addition, Sources, load, load_contexts, variables};
pub use document::{BadDocument, Format};
pub use edit::{Edit, EditError, edit_priorities, edit_priorities_if, insert_at};
pub use entries::Entries;
pub use env::{DotenvError, Env};
pub use files::{FileError, update, write_atomic};
pub use fingerprint::Fingerprint;
pub use key::{KeyError, KeyOrigin, ServerKey, server_key};
pub use origin::{Origin, Setting};
pub use paths::{NoHome, PathFlags, Paths};
pub use problem::{Problem, Problems, Warnings};
pub use schemas::schemas;
pub use sections::{
    contexts::{Context, Contexts},
    priorities::{Fallback, GroupEntry, GroupStrategy, ModelOverride, Strategy, Thinking},
    secret::Secret,
    server::{
        Auth, Backoff, CircuitBreaker, Cooldown, Guards, Idempotency, Limits, Listen, LogLevel, Logs, Metrics, Otlp,
        Resilience, RetryBudget, ServerSettings, Stores, Switch, Telemetry, Timeouts,
    },
};
pub use settings::{AccountSettings, ModelSettings, ProviderSettings, Settings};
pub use units::{format_duration, format_size, parse_duration, parse_size};
