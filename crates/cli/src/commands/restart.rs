//! `server restart`: stops the server and starts it again in the background, as it was started.

use super::{start, stop};
use crate::{
    args::{Start, StartOptions},
    contexts::KEY_VARIABLE,
    failure::Failure,
    show::put,
    state,
    surroundings::Surroundings,
};

/// Stops the server, if one runs, and starts one.
///
/// # Errors
/// The old one does not end, its key is not known, or the new one does not start.
pub(super) fn run(mut around: Surroundings) -> Result<(), Failure> {
    let mut options = StartOptions::default();
    if let Some(state) = state::running(&around.state_file()) {
        around = around.moved_to(&state.directory)?;
        // Checked before the old one is stopped.
        if state.key_given && !around.env.is_set(KEY_VARIABLE) {
            return Err(Failure::usage(format!(
                "the running server was given its key, which is not stored; set {KEY_VARIABLE} and restart again"
            )));
        }
        around.config_file = state.config_file;
        around.paths.config_dir = state.config_dir;
        options = state.options;
        if options.port == Some(0) {
            // The system chose the port; clients know it by now.
            options.port = Some(state.address.port());
        }
    }
    match stop::stop(&around)? {
        Some(state) => put(&format!("Stopped the server at {} (pid {}).", state.endpoint(), state.pid))?,
        None => put("No server was running.")?,
    }
    start::run(&Start { options, api_key: None, detach: true, detached: false }, &around)
}
