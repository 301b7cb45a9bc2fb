//! A model as a caller writes it, checked before anything looks at it.

use crate::ProviderId;
use std::{fmt, sync::Arc};
use thiserror::Error;

/// Longest model name that is looked at, in bytes.
pub const MAX_NAME_BYTES: usize = 256;

/// What a name may not contain: it could end up in a path, a header or a template of some upstream.
const FORBIDDEN: &[char] = &['?', '#', '%', '\\', '<', '>', '"', '{', '}', '$', ';', '*'];

/// A model as a caller names it: `gpt-5`, or `openai/gpt-5` to pin the provider. The first slash splits.
///
/// Whether the part before the slash really is a provider, or the whole is the id of a model such as OpenRouter's
/// `openai/gpt-4.1`, depends on what is configured: routing decides.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ModelRef {
    provider: Option<ProviderId>,
    model: ModelName,
}

/// A model's name without a provider: not empty, at most [`MAX_NAME_BYTES`], no character that [`check_name`] refuses.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ModelName(Arc<str>);

/// Why a name is refused before any matching.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum BadName {
    /// Nothing there, or nothing before or after the first slash.
    #[error("the model name is empty or has an empty part around its slash")]
    Empty,
    /// Longer than [`MAX_NAME_BYTES`].
    #[error("the model name has {bytes} bytes; at most {MAX_NAME_BYTES} are allowed")]
    TooLong {
        /// Its length.
        bytes: usize,
    },
    /// A control character.
    #[error("the model name contains a control character")]
    Control,
    /// A character that no model name needs.
    #[error("the model name contains {0:?}, which is not allowed")]
    Character(char),
}

impl ModelRef {
    /// Reads a name. Fails when [`check_name`] does.
    pub fn parse(text: &str) -> Result<Self, BadName> {
        check_name(text)?;
        let (provider, model) = split_name(text);
        Ok(Self { provider: provider.map(ProviderId::new), model: ModelName(model.into()) })
    }

    /// The part before the first slash.
    pub fn provider(&self) -> Option<&ProviderId> {
        self.provider.as_ref()
    }

    /// The part after it, or the whole.
    pub fn model(&self) -> &ModelName {
        &self.model
    }
}

impl ModelName {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ModelName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for ModelRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.provider {
            Some(provider) => write!(f, "{provider}/{}", self.model),
            None => write!(f, "{}", self.model),
        }
    }
}

/// Whether `text` may be matched at all: length first, so that nothing else ever walks a huge name.
pub fn check_name(text: &str) -> Result<(), BadName> {
    if text.len() > MAX_NAME_BYTES {
        return Err(BadName::TooLong { bytes: text.len() });
    }
    for character in text.chars() {
        if character.is_control() {
            return Err(BadName::Control);
        }
        if FORBIDDEN.contains(&character) {
            return Err(BadName::Character(character));
        }
    }
    let (provider, model) = split_name(text);
    if provider.is_some_and(|part| part.trim().is_empty()) || model.trim().is_empty() {
        return Err(BadName::Empty);
    }
    Ok(())
}

/// Splits at the first slash, without checking anything.
pub fn split_name(text: &str) -> (Option<&str>, &str) {
    match text.split_once('/') {
        Some((provider, model)) => (Some(provider), model),
        None => (None, text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_first_slash_splits_and_later_ones_belong_to_the_model() {
        for (text, provider, model) in [
            ("gpt-5", None, "gpt-5"),
            ("openai/gpt-5", Some("openai"), "gpt-5"),
            ("openrouter/openai/gpt-4.1", Some("openrouter"), "openai/gpt-4.1"),
            ("Opus 4.6", None, "Opus 4.6"),
            ("ollama/llama3:8b", Some("ollama"), "llama3:8b"),
        ] {
            let name = ModelRef::parse(text).unwrap();
            assert_eq!((name.provider().map(ProviderId::as_str), name.model().as_str()), (provider, model), "{text}");
            assert_eq!(name.to_string(), text);
        }
    }

    #[test]
    fn names_that_could_break_out_of_a_path_or_template_are_refused_with_the_reason() {
        for character in FORBIDDEN {
            assert_eq!(check_name(&format!("gpt{character}5")), Err(BadName::Character(*character)));
        }
        for text in ["gpt\n5", "gpt\0", "\u{7f}", "a\u{85}b", "\tgpt"] {
            assert_eq!(check_name(text), Err(BadName::Control), "{text:?}");
        }
    }

    #[test]
    fn a_name_of_256_bytes_passes_and_one_more_does_not() {
        assert_eq!(check_name(&"a".repeat(256)), Ok(()));
        assert_eq!(check_name(&"a".repeat(257)), Err(BadName::TooLong { bytes: 257 }));
        assert_eq!(check_name(&"ä".repeat(129)), Err(BadName::TooLong { bytes: 258 }), "bytes count, not characters");
    }

    #[test]
    fn empty_parts_are_refused() {
        for text in ["", " ", "/", "openai/", "/gpt-5", " /gpt-5"] {
            assert_eq!(check_name(text), Err(BadName::Empty), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn whatever_parses_is_written_back_unchanged(text in "\\PC{0,300}") {
            if let Ok(name) = ModelRef::parse(&text) {
                prop_assert_eq!(name.to_string(), text);
            }
        }
    }
}
