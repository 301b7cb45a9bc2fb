//! OpenAI itself.

use crate::provider::Provider;
use http::HeaderName;
use rm_catalog::ProviderKind;
use rm_protocol::Protocol;

/// `type: openai`.
pub(crate) struct OpenAi;

impl Provider for OpenAi {
    fn kind(&self) -> ProviderKind {
        ProviderKind::OpenAi
    }

    fn forwards(&self, protocol: Protocol) -> &'static [HeaderName] {
        static CHAT: [HeaderName; 1] = [HeaderName::from_static("openai-beta")];
        match protocol {
            Protocol::Chat => &CHAT,
            Protocol::Messages => &[],
        }
    }
}
