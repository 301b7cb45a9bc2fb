//! `providers.json` and the vendors' variables → the usable providers.
//!
//! An entry starts from the built-in vendor of its name, if there is one, or of its base URL's host, which knows the quirks.
//! What is switched off or not built yet is left out, the latter with a warning. Vendors that no entry names become
//! available through their variable alone.

use super::{
    Section,
    credentials::{enabling_variable, from_variable},
    provider::Compiler,
};
use crate::{
    check::join,
    env::Env,
    origin::{Origin, Setting},
    problem::{Findings, Problem},
    sections::providers::{ProviderEntry, ProvidersFile},
    settings::ProviderSettings,
};
use rm_catalog::{Builtin, ProviderKind, builtin};
use rm_providers::Credential;
use std::path::PathBuf;

/// Names that mean a policy.
const RESERVED: [&str; 2] = ["router-maestro", "auto"];

/// The usable providers, and the key files that were read.
pub(super) fn compile<'a>(
    sections: impl IntoIterator<Item = &'a Section<ProvidersFile>>,
    env: &Env,
    key_files: &mut Vec<PathBuf>,
    listing: &mut Vec<Setting>,
    findings: &mut Findings,
) -> Vec<ProviderSettings> {
    let mut found: Vec<(u32, ProviderSettings)> = Vec::new();
    let mut seen: Vec<String> = Vec::new();
    for section in sections {
        let mut inline_keys = false;
        for (id, entry) in section.value.providers.iter() {
            let path = join("providers", id);
            if let Err(problem) = check_id(id, &seen) {
                findings.problem(Problem { source: section.source.clone(), path, ..problem });
                continue;
            }
            seen.push(id.to_ascii_lowercase());
            inline_keys |= entry.api_key.is_some() || entry.accounts.iter().any(|account| account.api_key.is_some());
            let mut compiler = Compiler { source: &section.source, path, id, entry, env, key_files, findings };
            if let Some(provider) = compiler.provider(&section.origin) {
                list(id, entry, &provider, &section.origin, listing);
                found.push((entry.priority.unwrap_or(u32::MAX), provider));
            }
        }
        section.warn_if_exposed(inline_keys, findings);
    }
    found.sort_by_key(|(priority, _)| *priority);
    let mut providers: Vec<_> = found.into_iter().map(|(_, provider)| provider).collect();
    for vendor in builtin().iter().filter(|vendor| !vendor.local && !seen.contains(&vendor.id.to_ascii_lowercase())) {
        if let Some(variable) = enabling_variable(vendor, env) {
            providers.extend(from_environment(vendor, &variable, env, listing, findings));
        }
    }
    if providers.is_empty() && seen.is_empty() {
        providers.extend(backend(env, listing, findings));
    }
    providers
}

/// `BACKEND_BASE_URL` and `BACKEND_API_KEY`, when nothing else is configured.
fn backend(env: &Env, listing: &mut Vec<Setting>, findings: &mut Findings) -> Option<ProviderSettings> {
    const ID: &str = "backend";
    let base = env.get("BACKEND_BASE_URL")?;
    let mut entry = ProviderEntry {
        kind: Some(ProviderKind::OpenAiCompatible.name().to_owned()),
        base_url: Some(base.to_owned()),
        ..ProviderEntry::default()
    };
    // Whoever sets the variable names a backend on purpose, and it was always allowed to be anywhere.
    entry.options.allow_insecure = true;
    entry.options.allow_unauthenticated = true;
    let origin = Origin::Env("BACKEND_BASE_URL".to_owned());
    let mut key_files = Vec::new();
    let path = "BACKEND_BASE_URL".to_owned();
    let mut compiler =
        Compiler { source: "environment", path, id: ID, entry: &entry, env, key_files: &mut key_files, findings };
    let provider = compiler.provider(&origin)?;
    list(ID, &entry, &provider, &origin, listing);
    Some(provider)
}

/// A vendor that its variable alone makes available.
fn from_environment(
    vendor: &Builtin,
    variable: &str,
    env: &Env,
    listing: &mut Vec<Setting>,
    findings: &mut Findings,
) -> Option<ProviderSettings> {
    let entry = ProviderEntry { api_key_env: Some(variable.to_owned()), ..ProviderEntry::default() };
    let origin = Origin::Env(variable.to_owned());
    // A variable that holds no key must not stop a server that never asked for this vendor.
    if let Err((_, what, _)) = from_variable(variable, env) {
        findings.warn(Problem::new("environment", variable, format!("{what}; {} is left out", vendor.name)));
        return None;
    }
    let mut key_files = Vec::new();
    let mut compiler = Compiler {
        source: "environment",
        path: variable.to_owned(),
        id: &vendor.id,
        entry: &entry,
        env,
        key_files: &mut key_files,
        findings,
    };
    let provider = compiler.provider(&origin)?;
    list(&vendor.id, &entry, &provider, &origin, listing);
    Some(provider)
}

fn check_id(id: &str, seen: &[String]) -> Result<(), Problem> {
    let refuse = |what: String| Err(Problem::new("", "", what));
    let valid = id.len() <= 64
        && id.starts_with(|c: char| c.is_ascii_alphanumeric())
        && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte));
    if !valid {
        return refuse(
            "a provider's name must be 1 to 64 letters, digits, `.`, `_` or `-`, and begin with a letter or digit"
                .to_owned(),
        );
    }
    if RESERVED.iter().any(|name| name.eq_ignore_ascii_case(id)) {
        return refuse(format!("`{id}` means a routing policy and cannot name a provider"));
    }
    if seen.contains(&id.to_ascii_lowercase()) {
        return refuse("differs from another provider's name only in case".to_owned());
    }
    Ok(())
}

/// The provider's lines of `config show --origin`.
fn list(id: &str, entry: &ProviderEntry, provider: &ProviderSettings, origin: &Origin, listing: &mut Vec<Setting>) {
    let mut push = |key: &str, value: serde_json::Value, origin: Origin| {
        let path = format!("{}.{key}", join("providers", id));
        listing.push(Setting { path, value: value.to_string(), origin });
    };
    let written = |is: bool, otherwise: Origin| if is { origin.clone() } else { otherwise };
    push("type", provider.kind.name().into(), written(entry.kind.is_some(), Origin::Catalogue));
    push("baseURL", provider.base_url.as_str().into(), written(entry.base_url.is_some(), Origin::Catalogue));
    let protocols: Vec<_> = provider.protocols.iter().map(|protocol| protocol.name()).collect();
    push("protocols", protocols.into(), written(entry.protocols.is_some(), Origin::Default));
    let models: Vec<_> = provider.models.iter().map(|model| model.id.as_str()).collect();
    push("models", models.into(), written(!entry.models.0.is_empty(), Origin::Default));
    push("maxRetries", provider.max_retries.into(), written(entry.max_retries > 0, Origin::Default));
    if let Some(timeout) = provider.timeout {
        push("timeout", crate::format_duration(timeout).into(), origin.clone());
    }
    for (from, to) in &provider.model_mapping {
        push(&join("modelMapping", from), to.as_str().into(), origin.clone());
    }
    for account in &provider.accounts {
        let credential = match account.credential {
            Credential::Key(_) => "[redacted]",
            Credential::Passthrough => "passthrough",
            Credential::None => "none",
        };
        push(&join("accounts", account.name.as_str()), credential.into(), account.origin.clone());
    }
}
