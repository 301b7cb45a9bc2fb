//! The one table of providers.

use crate::{Provider, anthropic::Anthropic, compatible::Compatible, openai::OpenAi};
use rm_catalog::ProviderKind;

/// The adapter of a kind.
pub fn provider(kind: ProviderKind) -> &'static dyn Provider {
    match kind {
        ProviderKind::OpenAi => &OpenAi,
        ProviderKind::Anthropic => &Anthropic,
        ProviderKind::OpenAiCompatible => &Compatible,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_finds_its_own_adapter() {
        for kind in ProviderKind::ALL {
            assert_eq!(provider(kind).kind(), kind);
        }
    }
}
