//! The row of one attempt.

use rm_catalog::{AccountName, ProviderId};
use serde::{Deserialize, Serialize};
use std::{borrow::Cow, sync::Arc};

/// One try at one candidate, as it ended. Request, number and time
/// identify it: storing it twice is storing it once.
///
/// Text that repeats is reference-counted, so building a record copies pointers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AttemptRecord {
    /// The request's id as sent in `x-request-id`.
    pub request_id: Arc<str>,
    /// Counts from 1 within the request.
    pub attempt: u32,
    /// When the attempt started, in milliseconds since the Unix epoch.
    pub at_ms: i64,
    /// What the client asked.
    pub call: Call,
    /// Where this attempt went.
    pub target: Target,
    /// How it ended.
    pub ending: Ending,
    /// What it used.
    pub tokens: Tokens,
}

/// What the client asked and how the body crossed.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Call {
    /// The client's protocol, e.g. `chat`.
    pub client_protocol: Cow<'static, str>,
    /// The protocol spoken to the upstream.
    pub upstream_protocol: Cow<'static, str>,
    /// How the body crossed.
    pub lane: Lane,
    /// Whether the client asked for a stream.
    pub streamed: bool,
    /// The model as the client named it.
    pub requested_model: Arc<str>,
}

/// The deployment that was tried.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Target {
    /// The configured provider.
    pub provider: ProviderId,
    /// Its account.
    pub account: AccountName,
    /// The model as the catalogue names it.
    pub model: Arc<str>,
    /// The model as the upstream names it.
    pub upstream_model: Arc<str>,
}

/// How an attempt ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ending {
    /// In one word.
    pub outcome: Outcome,
    /// The upstream's status, if it sent one.
    pub status: Option<u16>,
    /// The stable error code, if it failed.
    pub error_code: Option<Cow<'static, str>>,
    /// Whether the upstream will charge for it.
    pub cost: CostState,
    /// Milliseconds from the start to the first content event (streams) or to the head.
    pub first_event_ms: Option<i64>,
    /// Milliseconds from the start to the end.
    pub total_ms: i64,
}

/// Token counts as the upstream reported them. `input` holds the cached parts and `output` the reasoning.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tokens {
    /// Whether the upstream reported any usage; if not, the counts below are 0 and mean nothing.
    pub known: bool,
    /// All tokens of the prompt.
    pub input: i64,
    /// Those read from a prompt cache.
    pub cache_read: i64,
    /// Those written to a prompt cache.
    pub cache_write: i64,
    /// All tokens of the answer.
    pub output: i64,
    /// Those spent on reasoning.
    pub reasoning: i64,
}

/// An enum that is stored as one word.
macro_rules! word {
    ($(#[$doc:meta])* $type:ident { $($(#[$variant_doc:meta])* $variant:ident = $text:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
        pub enum $type {
            $($(#[$variant_doc])* #[serde(rename = $text)] $variant,)+
        }

        impl $type {
            /// The word in the database and in the spill file.
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $text,)+
                }
            }
        }
    };
}

word! {
    /// How a body crossed the gateway.
    Lane {
        /// Same protocol on both sides, bytes untouched.
        Bytes = "bytes",
        /// Re-encoded from the intermediate form.
        Translated = "translated",
    }
}

word! {
    /// How an attempt ended, in one word.
    Outcome {
        /// A complete, usable answer.
        Ok = "ok",
        /// No usable answer; the error code says why.
        Failed = "failed",
        /// The client went away, or another attempt won.
        Cancelled = "cancelled",
        /// The answer had begun and broke off.
        Truncated = "truncated",
    }
}

word! {
    /// Whether the upstream will charge for an attempt.
    CostState {
        /// It never got the request, or refused it before work began.
        None = "none",
        /// It may have worked on it.
        Possible = "possible",
        /// It answered.
        Certain = "certain",
    }
}
