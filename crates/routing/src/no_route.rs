//! Why a request has nothing to try.

use rm_catalog::BadName;
use rm_protocol::{ErrorKind, ErrorView, Protocol};
use thiserror::Error;

/// Why no candidate exists. Names in it come from the request or the configuration, never from credentials.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum NoRoute {
    /// No provider in question has a model of that name.
    #[error("model '{requested}' does not exist{}", hint(" Did you mean: ", suggestions))]
    UnknownModel {
        /// As the client wrote it.
        requested: String,
        /// Names that look like it, best first.
        suggestions: Vec<String>,
    },
    /// The part before the slash is not a provider, and the whole is not a model.
    #[error("model '{requested}' does not exist: there is no provider '{provider}'{}", hint(" Providers: ", known))]
    UnknownProvider {
        /// As the client wrote it.
        requested: String,
        /// The part before the slash.
        provider: String,
        /// The providers that exist.
        known: Vec<String>,
    },
    /// Several models have equal claims to the name.
    #[error("model '{requested}' is ambiguous; it may mean: {}", choices.join(", "))]
    Ambiguous {
        /// As the client wrote it.
        requested: String,
        /// Every name that would be exact.
        choices: Vec<String>,
    },
    /// The name was refused before matching.
    #[error("{reason}")]
    BadName {
        /// What is wrong with it.
        reason: BadName,
    },
    /// The protocol requires a model and the request has none.
    #[error("model: the field is required")]
    MissingModel,
    /// Aliases that lead to each other.
    #[error("alias '{alias}' leads back to itself or through too many other aliases")]
    AliasLoop {
        /// Where it began.
        alias: String,
    },
    /// Nothing is configured.
    #[error(
        "no provider is available: set a key such as OPENAI_API_KEY or ANTHROPIC_API_KEY, or describe one in providers.json, \
         then try again"
    )]
    NoProvider,
    /// There are providers, but no model of theirs is known and the priority list is empty.
    #[error("no model is available: name one as provider/model, or fill the priority list")]
    NoModel,
    /// The model exists only at providers without usable credentials.
    #[error("model '{requested}' has no usable account: check the credentials of provider '{provider}'")]
    NoAccount {
        /// As the client wrote it.
        requested: String,
        /// Where it would be.
        provider: String,
    },
    /// The mount never translates, and nobody who has the model speaks its protocol.
    #[error("no provider of model '{requested}' speaks {} itself, and this path never translates", protocol.name())]
    NotNative {
        /// As the client wrote it.
        requested: String,
        /// What the client speaks.
        protocol: Protocol,
    },
}

impl NoRoute {
    /// One stable string for answers, logs and metrics.
    pub fn code(&self) -> &'static str {
        match self {
            Self::UnknownModel { .. } | Self::UnknownProvider { .. } => "model_not_found",
            Self::Ambiguous { .. } => "ambiguous_model",
            Self::BadName { .. } => "invalid_model",
            Self::MissingModel => "missing_model",
            Self::AliasLoop { .. } => "alias_loop",
            Self::NoProvider => "no_provider",
            Self::NoModel => "no_model",
            Self::NoAccount { .. } => "no_account",
            Self::NotNative { .. } => "not_native",
        }
    }

    fn kind(&self) -> ErrorKind {
        match self {
            Self::UnknownModel { .. } | Self::UnknownProvider { .. } | Self::NotNative { .. } => ErrorKind::NotFound,
            Self::Ambiguous { .. } | Self::BadName { .. } | Self::MissingModel => ErrorKind::BadRequest,
            Self::NoProvider | Self::NoModel | Self::NoAccount { .. } | Self::AliasLoop { .. } => ErrorKind::Overloaded,
        }
    }
}

impl From<NoRoute> for ErrorView {
    fn from(error: NoRoute) -> Self {
        let kind = error.kind();
        let param = matches!(kind, ErrorKind::NotFound | ErrorKind::BadRequest).then(|| "model".to_owned());
        Self { param, ..Self::new(kind, error.code(), error.to_string()) }
    }
}

fn hint(lead: &str, names: &[String]) -> String {
    if names.is_empty() { String::new() } else { format!(".{lead}{}", names.join(", ")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_has_its_status_and_says_what_to_do() {
        let view = |error: NoRoute| ErrorView::from(error);
        let unknown =
            view(NoRoute::UnknownModel { requested: "gpt-9".into(), suggestions: vec!["openai/gpt-5".into()] });
        assert_eq!((unknown.status.as_u16(), unknown.code), (404, "model_not_found"));
        assert_eq!(unknown.message, "model 'gpt-9' does not exist. Did you mean: openai/gpt-5");
        assert_eq!(unknown.param.as_deref(), Some("model"));

        let ambiguous = view(NoRoute::Ambiguous { requested: "x".into(), choices: vec!["a/x".into(), "a/X".into()] });
        assert_eq!((ambiguous.status.as_u16(), ambiguous.message.contains("a/x, a/X")), (400, true));

        let nothing = view(NoRoute::NoProvider);
        assert_eq!((nothing.status.as_u16(), nothing.message.contains("OPENAI_API_KEY")), (503, true));
    }
}
