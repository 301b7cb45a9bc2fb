//! `server show-key`.

use crate::{contexts, failure::Failure, show::put, surroundings::Surroundings};
use secrecy::ExposeSecret;

/// Prints the key of this machine's server, and nothing else, so that it fits into `$(…)`.
///
/// # Errors
/// The contexts are broken, or there is no key yet.
pub(super) fn show(around: &Surroundings) -> Result<(), Failure> {
    let contexts = rm_config::load_contexts(&around.sources(Vec::new(), None))?;
    let Some(key) = contexts::local_key(around, &contexts) else {
        let file = around.contexts_file();
        return Err(Failure::runtime(format!(
            "{}: no key yet; `router-maestro server start` makes one",
            file.display()
        )));
    };
    put(key.expose_secret())
}
