//! Anthropic itself, or who speaks exactly like it.

use crate::provider::{CannotPrepare, Provider, bearer, secret_value};
use http::{HeaderName, HeaderValue};
use rm_catalog::{ProviderKind, builtin::Quirks};
use rm_protocol::{Dialect, Protocol};
use secrecy::SecretString;

/// The version header, and the value sent when the client names none (Messages reference, "Versions").
pub(crate) const VERSION: (HeaderName, HeaderValue) =
    (HeaderName::from_static("anthropic-version"), HeaderValue::from_static("2023-06-01"));

/// Beta flags are an open list and go on verbatim; the client's version wins over the default.
pub(crate) static FORWARDS: [HeaderName; 2] =
    [HeaderName::from_static("anthropic-beta"), HeaderName::from_static("anthropic-version")];

/// `type: anthropic`.
pub(crate) struct Anthropic;

impl Provider for Anthropic {
    fn kind(&self) -> ProviderKind {
        ProviderKind::Anthropic
    }

    /// `x-api-key` for Messages; the vendor's Chat endpoint takes a Bearer token.
    fn authorization(
        &self,
        protocol: Protocol,
        key: &SecretString,
    ) -> Result<(HeaderName, HeaderValue), CannotPrepare> {
        match protocol {
            Protocol::Messages => Ok((HeaderName::from_static("x-api-key"), secret_value("", key)?)),
            Protocol::Chat => bearer(key),
        }
    }

    fn forwards(&self, protocol: Protocol) -> &'static [HeaderName] {
        match protocol {
            Protocol::Messages => &FORWARDS,
            Protocol::Chat => &[],
        }
    }

    fn dialect(&self, quirks: Quirks) -> Dialect {
        Dialect {
            max_tokens: quirks.max_tokens.unwrap_or(Dialect::default().max_tokens),
            anthropic: true,
            ..Dialect::default()
        }
    }

    fn counts_tokens(&self) -> bool {
        true
    }

    fn models_path(&self) -> &'static str {
        "models?limit=1000"
    }

    fn models_protocol(&self) -> Protocol {
        Protocol::Messages
    }
}
