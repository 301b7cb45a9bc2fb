//! Anything with `/chat/completions`.

use crate::{anthropic, provider::Provider};
use http::HeaderName;
use rm_catalog::ProviderKind;
use rm_protocol::Protocol;

/// `type: openai-compatible`. Vendors that also speak Messages take their key as a Bearer token there.
pub(crate) struct Compatible;

impl Provider for Compatible {
    fn kind(&self) -> ProviderKind {
        ProviderKind::OpenAiCompatible
    }

    fn forwards(&self, protocol: Protocol) -> &'static [HeaderName] {
        match protocol {
            Protocol::Chat => &[],
            Protocol::Messages => &anthropic::FORWARDS,
        }
    }
}
