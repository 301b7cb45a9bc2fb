//! Everything that is decided before the server listens.

use crate::{args::Start, contexts::KEY_VARIABLE, failure::Failure, surroundings::Surroundings};
use rm_config::{Addition, KeyError, ServerKey, Settings, Sources, Warnings, server_key};

/// A configuration that can be started.
#[derive(Debug)]
pub(super) struct Prepared {
    pub(super) sources: Sources,
    pub(super) settings: Settings,
    pub(super) warnings: Warnings,
    /// `None` only when `auth.required` is false.
    pub(super) key: Option<ServerKey>,
}

impl Prepared {
    /// Loads the configuration and finds the key, making one when there is none.
    ///
    /// # Errors
    /// Everything that is wrong with the configuration or the key.
    pub(super) fn load(start: &Start, around: &Surroundings, addition: Option<Addition>) -> Result<Self, Failure> {
        let sources = around.sources(start.options.flags(), addition);
        let (settings, warnings) = rm_config::load(&sources)?;
        let key = if settings.server.auth.required { Some(key(start, around, &settings)?) } else { None };
        Ok(Self { sources, settings, warnings, key })
    }
}

fn key(start: &Start, around: &Surroundings, settings: &Settings) -> Result<ServerKey, Failure> {
    let mut random = [0; 32];
    getrandom::fill(&mut random).map_err(|error| Failure::runtime(format!("no randomness for a key: {error}")))?;
    server_key(start.api_key.clone(), &around.env, &settings.contexts, &around.contexts_file(), random).map_err(
        |error| match error {
            KeyError::File(error) => Failure::usage(format!("{error}; a key in {KEY_VARIABLE} needs no file")),
            KeyError::Unusable(_) => Failure::usage(error),
        },
    )
}
