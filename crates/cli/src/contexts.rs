//! Which server a command talks to.
//!
//! `--context`, else `ROUTER_MAESTRO_CONTEXT`, else `current` of `contexts.json`, else `local`. The context `local` is
//! this machine's own server: while one runs, its address is the one it really listens on, whatever the file says, and
//! `ROUTER_MAESTRO_API_KEY` beats the file's key as it does at `server start`.

use crate::{failure::Failure, state, surroundings::Surroundings};
use rm_config::Contexts;
use secrecy::SecretString;

/// The context of this machine's own server.
pub(crate) const LOCAL: &str = "local";
/// The variable that holds the key.
pub(crate) const KEY_VARIABLE: &str = "ROUTER_MAESTRO_API_KEY";
/// Where `local` is when nothing says otherwise.
const DEFAULT_ENDPOINT: &str = "http://localhost:8080";

/// A server to talk to.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    /// The context's name.
    pub(crate) name: String,
    /// `http://host:port`, without a slash at its end.
    pub(crate) endpoint: String,
    /// The key it is called with.
    pub(crate) key: Option<SecretString>,
}

/// The server that is meant.
///
/// # Errors
/// The contexts are broken, or there is none of this name.
pub(crate) fn target(around: &Surroundings) -> Result<Target, Failure> {
    let contexts = rm_config::load_contexts(&around.sources(Vec::new(), None))?;
    let name = around.context.clone().or_else(|| contexts.current.clone()).unwrap_or_else(|| LOCAL.to_owned());
    let context = contexts.contexts.get(&name);
    if name == LOCAL {
        let running = state::running(&around.state_file()).map(|state| state.endpoint());
        let written = context.and_then(|context| context.endpoint.clone());
        let endpoint = running.or(written).unwrap_or_else(|| DEFAULT_ENDPOINT.to_owned());
        return Ok(Target { name, endpoint: trimmed(&endpoint), key: local_key(around, &contexts) });
    }
    let Some(context) = context else {
        let known: Vec<&str> = contexts.contexts.iter().map(|(name, _)| name).filter(|name| *name != LOCAL).collect();
        return Err(Failure::usage(format!(
            "there is no context `{name}`; there are: {}",
            [&[LOCAL], known.as_slice()].concat().join(", ")
        )));
    };
    let Some(endpoint) = &context.endpoint else {
        let file = around.contexts_file();
        return Err(Failure::usage(format!("{}: contexts.{name}.endpoint: is missing", file.display())));
    };
    let key = context.api_key.as_ref().map(|key| key.0.clone());
    Ok(Target { name, endpoint: trimmed(endpoint), key })
}

/// The key of this machine's own server, when it is known.
pub(crate) fn local_key(around: &Surroundings, contexts: &Contexts) -> Option<SecretString> {
    let written = || contexts.contexts.get(LOCAL).and_then(|context| context.api_key.as_ref().map(|key| key.0.clone()));
    around.env.get(KEY_VARIABLE).map(SecretString::from).or_else(written)
}

fn trimmed(endpoint: &str) -> String {
    endpoint.trim_end_matches('/').to_owned()
}
