//! Where a provider's keys come from.
//!
//! What an entry names (`apiKey`, `apiKeyEnv`, `apiKeyFile`, `passthrough`) is used and must work: an unset variable, a
//! missing or empty file is a problem, never "no key". When an entry names nothing, `<PROVIDER>_API_KEY` is looked at, then
//! the catalogue's own variables for that vendor, and then there is no key: right for local servers, wrong for OpenAI and
//! Anthropic themselves.

use crate::{
    check::shown,
    env::Env,
    files,
    origin::Origin,
    sections::{
        providers::{AccountEntry, ProviderEntry},
        secret::Secret,
    },
};
use rm_catalog::Builtin;
use rm_providers::Credential;
use std::path::{Path, PathBuf};

/// Variables that many programs set for other purposes: they never make a provider available.
const NEVER_ALONE: [&str; 2] = ["GITHUB_TOKEN", "GH_TOKEN"];

/// What one place says about its credential.
pub(super) struct Named<'a> {
    api_key: Option<&'a Secret>,
    api_key_env: Option<&'a str>,
    api_key_file: Option<&'a str>,
    passthrough: bool,
}

/// A credential, where it came from, and the key file that was read.
pub(super) struct Found {
    pub(super) credential: Credential,
    pub(super) origin: Option<Origin>,
    pub(super) file: Option<PathBuf>,
}

/// What is wrong with a credential: (member at fault, what, suggestion).
pub(super) type Refused = (&'static str, String, Option<String>);

impl<'a> Named<'a> {
    pub(super) fn of_provider(entry: &'a ProviderEntry) -> Self {
        Self {
            api_key: entry.api_key.as_ref(),
            api_key_env: entry.api_key_env.as_deref().or(entry.options.api_key_env.as_deref()),
            api_key_file: entry.api_key_file.as_deref(),
            passthrough: entry.passthrough,
        }
    }

    pub(super) fn of_account(entry: &'a AccountEntry) -> Self {
        Self {
            api_key: entry.api_key.as_ref(),
            api_key_env: entry.api_key_env.as_deref(),
            api_key_file: entry.api_key_file.as_deref(),
            passthrough: entry.passthrough,
        }
    }

    /// Whether anything is named.
    pub(super) fn is_some(&self) -> bool {
        self.count() > 0
    }

    /// Whether the caller's own credential is named, and nothing beside it.
    pub(super) fn is_passthrough(&self) -> bool {
        self.passthrough && self.count() == 1
    }

    fn count(&self) -> usize {
        [self.api_key.is_some(), self.api_key_env.is_some(), self.api_key_file.is_some(), self.passthrough]
            .into_iter()
            .filter(|named| *named)
            .count()
    }

    /// The credential that is named; `None` when nothing is. A relative key file lies beside the configuration file.
    pub(super) fn resolve(&self, env: &Env, beside: Option<&Path>) -> Result<Option<Found>, Refused> {
        if self.count() > 1 {
            let what = "only one of `apiKey`, `apiKeyEnv`, `apiKeyFile` and `passthrough` may be given";
            return Err(("apiKey", what.to_owned(), None));
        }
        if let Some(key) = self.api_key {
            check_key("apiKey", key.expose())?;
            return Ok(Some(Found { credential: Credential::Key(key.0.clone()), origin: None, file: None }));
        }
        if let Some(name) = self.api_key_env {
            check_name(name)?;
            return from_variable(name, env).map(Some);
        }
        if let Some(path) = self.api_key_file {
            return from_file(path, beside).map(Some);
        }
        Ok(self.passthrough.then_some(Found { credential: Credential::Passthrough, origin: None, file: None }))
    }
}

/// The key that the environment holds for a provider of this name.
pub(super) fn by_name(id: &str, builtin: Option<&Builtin>, env: &Env) -> Result<Option<Found>, Refused> {
    let derived = derived_variable(id);
    let vendor = builtin.into_iter().flat_map(|builtin| &builtin.key_env).map(String::as_str);
    match std::iter::once(derived.as_str()).chain(vendor).find(|name| env.get(name).is_some()) {
        Some(name) => from_variable(name, env).map(Some),
        None => Ok(None),
    }
}

/// The variable that alone makes a built-in provider available, if one is set.
pub(super) fn enabling_variable(builtin: &Builtin, env: &Env) -> Option<String> {
    let derived = derived_variable(&builtin.id);
    std::iter::once(&derived)
        .chain(&builtin.key_env)
        .find(|name| !NEVER_ALONE.contains(&name.as_str()) && env.get(name).is_some())
        .cloned()
}

/// `my-provider` → `MY_PROVIDER_API_KEY`.
pub(super) fn derived_variable(id: &str) -> String {
    let name: String =
        id.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' }).collect();
    format!("{name}_API_KEY")
}

/// The key in a variable that must hold one.
pub(super) fn from_variable(name: &str, env: &Env) -> Result<Found, Refused> {
    let Some(key) = env.get(name) else {
        let state = if env.is_set(name) { "is empty" } else { "is not set" };
        let advice = "set it, or remove the provider or set its `enabled` to false".to_owned();
        return Err(("apiKeyEnv", format!("{} {state}", called(name)), Some(advice)));
    };
    if let Err((_, what, advice)) = check_key("apiKeyEnv", key) {
        return Err(("apiKeyEnv", format!("{}: {what}", called(name)), advice));
    }
    Ok(Found { credential: Credential::Key(key.into()), origin: Some(Origin::Env(name.to_owned())), file: None })
}

/// A key that was pasted where a variable's name belongs is not repeated.
fn check_name(name: &str) -> Result<(), Refused> {
    let first = name.bytes().next().is_some_and(|byte| byte.is_ascii_alphabetic() || byte == b'_');
    if first && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
        return Ok(());
    }
    let advice = "to give the key itself use `apiKey`, or better put it into a variable or a file".to_owned();
    Err(("apiKeyEnv", "this is not the name of a variable".to_owned(), Some(advice)))
}

/// The variable in a message. Names with small letters are rare, keys with them are not.
fn called(name: &str) -> String {
    if name.bytes().any(|byte| byte.is_ascii_lowercase()) {
        "the variable that is named here".to_owned()
    } else {
        format!("the variable `{}`", shown(name))
    }
}

fn from_file(path: &str, beside: Option<&Path>) -> Result<Found, Refused> {
    let refuse = |what: String| ("apiKeyFile", what, None);
    let written = Path::new(path);
    let file = beside.map_or_else(|| written.to_owned(), |dir| dir.join(written));
    let bytes = files::read(&file)
        .map_err(|error| refuse(error.to_string()))?
        .ok_or_else(|| refuse(format!("there is no file {}", file.display())))?;
    let text = std::str::from_utf8(&bytes).map_err(|_| refuse(format!("{} is no text", file.display())))?.trim();
    if let Err((_, what, _)) = check_key("apiKeyFile", text) {
        return Err(refuse(format!("{}: {what}", file.display())));
    }
    let credential = Credential::Key(text.into());
    Ok(Found { credential, origin: Some(Origin::File(file.clone())), file: Some(file) })
}

fn check_key(member: &'static str, key: &str) -> Result<(), Refused> {
    let what = if key.is_empty() {
        "the key is empty"
    } else if !key.bytes().all(|byte| byte.is_ascii_graphic()) {
        "the key holds spaces, line breaks or characters that no header may hold"
    } else {
        return Ok(());
    };
    Err((member, what.to_owned(), None))
}
