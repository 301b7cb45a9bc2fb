//! The server's own key: where it comes from, and how the first one is made.

use crate::{
    check::shown,
    env::Env,
    files::{FileError, update},
    sections::contexts::Contexts,
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Map, Value, json};
use std::path::Path;
use thiserror::Error;

/// The context of this machine's own server.
const LOCAL: &str = "local";
/// The variable that holds the key.
const VARIABLE: &str = "ROUTER_MAESTRO_API_KEY";

/// The key, and where it came from.
#[derive(Clone, Debug)]
pub struct ServerKey {
    /// The key.
    pub key: SecretString,
    /// Where it came from. Only a generated key may be printed.
    pub origin: KeyOrigin,
}

/// Where the key came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyOrigin {
    /// `--api-key`.
    Flag,
    /// `ROUTER_MAESTRO_API_KEY`.
    Env,
    /// The context `local`.
    Contexts,
    /// Made just now, and written to the context `local`.
    Generated,
}

/// Why there is no usable key.
#[derive(Debug, Error)]
pub enum KeyError {
    /// `contexts.json` cannot be read or written.
    #[error(transparent)]
    File(#[from] FileError),
    /// An empty key, or one that no header may hold.
    #[error("{0}: an API key must not be empty and must hold visible ASCII characters only")]
    Unusable(String),
}

/// The server's key: the flag, else the variable, else the context `local` (of `contexts`, the configuration as loaded),
/// else one made of `random` and written to the context `local` in `file` (0600), because the local command line needs it.
///
/// # Errors
/// See [`KeyError`]. An empty flag or a variable set to nothing is an error, never "no key".
pub fn server_key(
    flag: Option<SecretString>,
    env: &Env,
    contexts: &Contexts,
    file: &Path,
    random: [u8; 32],
) -> Result<ServerKey, KeyError> {
    if let Some(key) = flag {
        return usable(key, KeyOrigin::Flag, "--api-key");
    }
    if env.is_set(VARIABLE) {
        return usable(env.get(VARIABLE).unwrap_or_default().into(), KeyOrigin::Env, VARIABLE);
    }
    if let Some(key) = contexts.contexts.get(LOCAL).and_then(|context| context.api_key.as_ref()) {
        return usable(key.0.clone(), KeyOrigin::Contexts, "contexts.local.api_key");
    }
    let fresh = format!("sk-rm-{}", URL_SAFE_NO_PAD.encode(random));
    // Another process may have written one since `contexts` was read: the file's own wins.
    let key = update(file, |members| local_key(members, &fresh).ok_or_else(|| malformed(file)))?;
    let origin = if key == fresh { KeyOrigin::Generated } else { KeyOrigin::Contexts };
    usable(key.into(), origin, "contexts.local.api_key")
}

/// The key of the context `local`, which becomes `fresh` when there is none; `None` when the document has another shape.
fn local_key(members: &mut Map<String, Value>, fresh: &str) -> Option<String> {
    if !members.contains_key("current") {
        members.insert("current".to_owned(), json!(LOCAL));
    }
    let contexts = members.entry("contexts").or_insert_with(|| json!({})).as_object_mut()?;
    let local =
        contexts.entry(LOCAL).or_insert_with(|| json!({ "endpoint": "http://localhost:8080" })).as_object_mut()?;
    if let Some(key) = local.get("api_key").and_then(Value::as_str) {
        return Some(key.to_owned());
    }
    local.insert("api_key".to_owned(), json!(fresh));
    Some(fresh.to_owned())
}

fn malformed(file: &Path) -> FileError {
    FileError::Render { path: file.to_owned(), why: "`contexts` and `contexts.local` must be maps".to_owned() }
}

fn usable(key: SecretString, origin: KeyOrigin, place: &str) -> Result<ServerKey, KeyError> {
    let text = key.expose_secret();
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(KeyError::Unusable(shown(place)));
    }
    Ok(ServerKey { key, origin })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sections::contexts::Context;
    use std::os::unix::fs::PermissionsExt;

    fn contexts(key: &str) -> Contexts {
        let mut contexts = Contexts::default();
        contexts.contexts.0.push((LOCAL.into(), Context { endpoint: None, api_key: Some(key.into()) }));
        contexts
    }

    #[test]
    fn the_flag_beats_the_variable_beats_the_file() {
        let file = Path::new("/nonexistent/contexts.json");
        let env = Env::new([(VARIABLE, "from-env")]);
        let key = |flag: Option<&str>, env: &Env| {
            let key = server_key(flag.map(Into::into), env, &contexts("from-file"), file, [0; 32]).unwrap();
            (key.key.expose_secret().to_owned(), key.origin)
        };
        assert_eq!(key(Some("from-flag"), &env), ("from-flag".into(), KeyOrigin::Flag));
        assert_eq!(key(None, &env), ("from-env".into(), KeyOrigin::Env));
        assert_eq!(key(None, &Env::default()), ("from-file".into(), KeyOrigin::Contexts));
    }

    #[test]
    fn a_missing_key_is_generated_once_and_kept_privately() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("contexts.json");
        std::fs::write(&file, r#"{"current":"work","contexts":{"work":{"endpoint":"http://w"}}}"#).unwrap();
        let make = |random| server_key(None, &Env::default(), &Contexts::default(), &file, random).unwrap();
        let first = make([7; 32]);
        assert_eq!(first.origin, KeyOrigin::Generated);
        assert_eq!(first.key.expose_secret(), "sk-rm-BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc");
        let second = make([8; 32]);
        assert_eq!((second.key.expose_secret(), second.origin), (first.key.expose_secret(), KeyOrigin::Contexts));
        let value: Value = serde_json::from_str(&std::fs::read_to_string(&file).unwrap()).unwrap();
        assert_eq!((&value["current"], &value["contexts"]["work"]["endpoint"]), (&json!("work"), &json!("http://w")));
        assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn an_empty_key_is_an_error_and_never_no_key() {
        let file = Path::new("/nonexistent/contexts.json");
        let refused = |flag: Option<&str>, env: &[(&str, &str)]| {
            let env = Env::new(env.iter().copied());
            server_key(flag.map(Into::into), &env, &Contexts::default(), file, [0; 32]).unwrap_err().to_string()
        };
        assert!(refused(Some(""), &[]).starts_with("--api-key"));
        assert!(refused(None, &[(VARIABLE, " ")]).starts_with(VARIABLE));
        assert!(refused(Some("a b"), &[]).starts_with("--api-key"));
    }
}
