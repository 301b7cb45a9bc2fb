//! One entry of `providers.json` → one usable provider, or what is wrong with it.

use super::is_model_name;
use crate::{
    check::{join, shown},
    env::Env,
    origin::Origin,
    problem::{Findings, Problem},
    sections::providers::ProviderEntry,
    settings::{ModelSettings, ProviderSettings},
    suggest::did_you_mean,
};
use http::{HeaderMap, HeaderName, HeaderValue};
use rm_catalog::{Builtin, ProviderId, ProviderKind, builtin, builtin::Quirks};
use rm_protocol::Protocol;
use rm_providers::{BaseUrl, UrlPolicy};
use std::path::PathBuf;

/// Types that are known and come later.
const KINDS_TO_COME: [&str; 11] = [
    "gemini",
    "github-copilot",
    "copilot",
    "chatgpt",
    "openai-codex",
    "codex",
    "azure",
    "azure-openai",
    "bedrock",
    "vertex",
    "vertex-ai",
];

/// Protocols that are known and come later.
const PROTOCOLS_TO_COME: [&str; 2] = ["responses", "gemini"];

/// One entry on its way.
pub(super) struct Compiler<'a, 'f> {
    pub(super) source: &'a str,
    pub(super) path: String,
    pub(super) id: &'a str,
    pub(super) entry: &'a ProviderEntry,
    pub(super) env: &'a Env,
    pub(super) key_files: &'f mut Vec<PathBuf>,
    pub(super) findings: &'f mut Findings,
}

impl Compiler<'_, '_> {
    /// The provider; `None` when it is off, not built yet, or wrong (which is then reported).
    pub(super) fn provider(&mut self, origin: &Origin) -> Option<ProviderSettings> {
        if self.entry.enabled == Some(false) {
            return None;
        }
        let before = self.findings.problems.len();
        let vendor = builtin().iter().find(|vendor| vendor.id.eq_ignore_ascii_case(self.id));
        let kind = self.kind(vendor)?;
        let protocols = self.protocols(kind);
        let base_url = self.base_url(kind, vendor);
        let same_kind = vendor.filter(|vendor| vendor.kind == kind);
        let relative = base_url.as_ref().and_then(|base| same_kind.or_else(|| vendor_of_host(base.host(), kind)));
        let quirks = self.quirks(relative);
        let headers = self.headers();
        let models = self.models();
        self.check_mapping();
        let (base_url, protocols) = (base_url?, protocols?);
        let credentials = self.accounts(kind, vendor, &base_url, origin);
        let id = ProviderId::new(self.id);
        let accounts = self.endpoints(&id, kind, &base_url, quirks, &headers, credentials);
        if self.findings.problems.len() > before {
            return None;
        }
        if accounts.is_empty() {
            self.warn("accounts", "no account is in use, so the provider is left out");
            return None;
        }
        let display_name = self.entry.name.clone().or_else(|| Some(vendor?.name.clone()));
        Some(ProviderSettings {
            display_name: display_name.unwrap_or_else(|| self.id.to_owned()),
            id,
            kind,
            base_url,
            quirks,
            protocols,
            models,
            model_mapping: self.entry.model_mapping.0.clone(),
            accounts,
            timeout: self.entry.timeout,
            max_retries: self.entry.max_retries,
            origin: origin.clone(),
        })
    }

    fn kind(&mut self, vendor: Option<&Builtin>) -> Option<ProviderKind> {
        let Some(word) = self.entry.kind.as_deref() else {
            if vendor.is_none() {
                let advice = "give `type` (for most vendors `openai-compatible`) and `baseURL`";
                self.problem("type", format!("`{}` is no built-in provider", self.id), Some(advice.to_owned()));
            }
            return vendor.map(|vendor| vendor.kind);
        };
        if let Some(kind) = ProviderKind::parse(word) {
            return Some(kind);
        }
        if KINDS_TO_COME.contains(&word) {
            self.warn("type", &format!("type `{word}` is not built yet, so the provider is left out"));
            return None;
        }
        let suggestion = if builtin().iter().any(|vendor| vendor.id == word) {
            Some(format!("`{word}` is a built-in provider: call the provider `{word}` and leave `type` away"))
        } else {
            did_you_mean(word, ProviderKind::ALL.map(ProviderKind::name))
        };
        self.problem("type", format!("unknown type `{}`", shown(word)), suggestion);
        None
    }

    /// What the upstream speaks; `None` when nothing of it is built yet or a word is unknown.
    fn protocols(&mut self, kind: ProviderKind) -> Option<Vec<Protocol>> {
        let Some(words) = &self.entry.protocols else { return Some(kind.protocols().to_vec()) };
        let mut protocols = Vec::new();
        let mut to_come = Vec::new();
        for word in words {
            let known = Protocol::ALL.into_iter().find(|protocol| protocol.name() == word);
            match known {
                Some(protocol) if !protocols.contains(&protocol) => protocols.push(protocol),
                Some(_) => {}
                None if PROTOCOLS_TO_COME.contains(&word.as_str()) => to_come.push(word.as_str()),
                None => {
                    let known = Protocol::ALL.map(Protocol::name).into_iter().chain(PROTOCOLS_TO_COME);
                    let suggestion = did_you_mean(word, known);
                    self.problem("protocols", format!("unknown protocol `{}`", shown(word)), suggestion);
                }
            }
        }
        if words.is_empty() {
            self.problem("protocols", "must name at least one protocol".to_owned(), None);
        }
        if !to_come.is_empty() {
            let rest = if protocols.is_empty() { ", so the provider is left out" } else { " and is passed over" };
            self.warn("protocols", &format!("`{}` is not built yet{rest}", to_come.join("`, `")));
        }
        (!protocols.is_empty()).then_some(protocols)
    }

    fn base_url(&mut self, kind: ProviderKind, vendor: Option<&Builtin>) -> Option<BaseUrl> {
        let same_kind = vendor.filter(|vendor| vendor.kind == kind);
        let official = || builtin().iter().find(|vendor| vendor.id == kind.name());
        let Some(text) = self
            .entry
            .base_url
            .as_deref()
            .or_else(|| same_kind.or_else(official).map(|vendor| vendor.base_url.as_str()))
        else {
            let advice = format!("give the base URL of `{}`, such as https://api.example.com/v1", self.id);
            self.problem("baseURL", "is missing".to_owned(), Some(advice));
            return None;
        };
        let host = host_in(text);
        let relative = same_kind.filter(|_| self.entry.base_url.is_none()).or_else(|| vendor_of_host(&host, kind));
        let options = &self.entry.options;
        let policy = UrlPolicy {
            allow_insecure: options.allow_insecure,
            no_version_segment: options
                .no_version_segment
                .unwrap_or_else(|| relative.is_some_and(|vendor| vendor.quirks.no_version_segment)),
        };
        match BaseUrl::parse(text, policy) {
            Ok(base) => Some(base),
            Err(error) => {
                self.problem("baseURL", error.to_string(), None);
                None
            }
        }
    }

    fn quirks(&self, vendor: Option<&Builtin>) -> Quirks {
        let mut quirks = vendor.map(|vendor| vendor.quirks).unwrap_or_default();
        let options = &self.entry.options;
        let override_with = |known: &mut bool, written: Option<bool>| *known = written.unwrap_or(*known);
        quirks.max_tokens = options.max_tokens.or(quirks.max_tokens);
        override_with(&mut quirks.replay_reasoning, options.replay_reasoning);
        override_with(&mut quirks.no_stream_options, options.no_stream_options);
        override_with(&mut quirks.no_developer_role, options.no_developer_role);
        override_with(&mut quirks.no_version_segment, options.no_version_segment);
        quirks
    }

    fn headers(&mut self) -> HeaderMap {
        let options = &self.entry.options;
        let mut headers = HeaderMap::new();
        let billing = [("openai-organization", &options.organization), ("openai-project", &options.project)];
        let billing = billing.into_iter().filter_map(|(name, value)| Some((name, value.as_deref()?)));
        let written = options.headers.iter().map(|(name, value)| (name, value.as_str()));
        for (name, value) in billing.chain(written) {
            match (HeaderName::try_from(name), HeaderValue::from_str(value)) {
                (Ok(key), Ok(mut value)) if rm_providers::headers::is_settable(&key) => {
                    value.set_sensitive(is_secret_header(key.as_str()));
                    headers.insert(key, value);
                }
                _ => self.problem(
                    &join("options.headers", name),
                    "is no header that may be set, or its value is none".to_owned(),
                    None,
                ),
            }
        }
        headers
    }

    fn models(&mut self) -> Vec<ModelSettings> {
        let mut models: Vec<ModelSettings> = Vec::new();
        for (id, entry) in &self.entry.models.0 {
            if !is_model_name(id) {
                self.problem(&join("models", id), super::BAD_MODEL_NAME.to_owned(), None);
            } else if !models.iter().any(|model| model.id == *id) {
                models.push(ModelSettings {
                    id: id.clone(),
                    display_name: entry.name.clone(),
                    context_tokens: entry.context_window,
                    max_output_tokens: entry.max_output_tokens,
                });
            }
        }
        models
    }

    fn check_mapping(&mut self) {
        for (from, to) in self.entry.model_mapping.iter() {
            if !is_model_name(from) || !is_model_name(to) {
                self.problem(&join("modelMapping", from), super::BAD_MODEL_NAME.to_owned(), None);
            }
        }
    }

    pub(super) fn own_origin(&self) -> Origin {
        Origin::File(PathBuf::from(self.source))
    }

    pub(super) fn problem(&mut self, member: &str, what: String, suggestion: Option<String>) {
        let path = self.member(member);
        self.findings.problem(Problem { source: self.source.to_owned(), path, what, suggestion });
    }

    pub(super) fn warn(&mut self, member: &str, what: &str) {
        let path = self.member(member);
        self.findings.warn(Problem::new(self.source, path, what));
    }

    fn member(&self, member: &str) -> String {
        if member.is_empty() { self.path.clone() } else { format!("{}.{member}", self.path) }
    }
}

/// The vendor that serves this kind from a host: a provider under another name has the vendor's quirks too.
fn vendor_of_host(host: &str, kind: ProviderKind) -> Option<&'static Builtin> {
    builtin().iter().find(|vendor| !vendor.local && vendor.kind == kind && host_in(&vendor.base_url) == host)
}

/// The host in a URL's text, before it was checked.
fn host_in(url: &str) -> String {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let authority = rest.split('/').next().unwrap_or_default();
    authority.rsplit_once(':').map_or(authority, |(host, _)| host).to_ascii_lowercase()
}

/// Headers whose values are credentials.
pub(super) fn is_secret_header(name: &str) -> bool {
    ["authorization", "key", "token", "secret"].iter().any(|word| name.contains(word))
}
