//! The running form: what the program reads, with nothing left to interpret.

use crate::{
    entries::Entries,
    origin::{Origin, Setting},
    sections::{
        contexts::Contexts,
        priorities::{Fallback, GroupEntry, ModelOverride, Thinking},
        server::ServerSettings,
    },
};
use rm_catalog::{AccountName, ProviderId, ProviderKind, builtin::Quirks};
use rm_protocol::Protocol;
use rm_providers::{BaseUrl, Credential, Endpoint};
use secrecy::SecretString;
use std::{path::PathBuf, sync::Arc, time::Duration};

/// Everything the operator decided.
#[derive(Clone, Debug)]
pub struct Settings {
    /// How the server listens, what it limits, how long it waits, how it recovers.
    pub server: ServerSettings,
    /// The usable providers, first choice first.
    pub providers: Vec<ProviderSettings>,
    /// `provider/model` names, best first: what `router-maestro` goes through.
    pub priorities: Vec<String>,
    /// What happens after a retryable failure.
    pub fallback: Fallback,
    /// Other names for models.
    pub aliases: Entries<String>,
    /// Named sets of models.
    pub groups: Entries<GroupEntry>,
    /// Facts that replace what upstreams say, by `provider/model`.
    pub model_overrides: Entries<ModelOverride>,
    /// What is assumed for models that can think.
    pub thinking: Thinking,
    /// The command line's servers.
    pub contexts: Contexts,
    /// Keys that clients may use besides the server's own (`INGRESS_API_KEYS`).
    pub ingress_keys: Vec<SecretString>,
    /// Every setting with its effective value and where it came from.
    pub listing: Vec<Setting>,
    /// The files that were looked for and the key files that were read, for [`crate::Fingerprint`].
    pub files: Vec<PathBuf>,
}

/// One usable provider.
#[derive(Clone, Debug)]
pub struct ProviderSettings {
    /// Its name, as written.
    pub id: ProviderId,
    /// Its name for people.
    pub display_name: String,
    /// Its adapter.
    pub kind: ProviderKind,
    /// Its base URL, version segment included.
    pub base_url: BaseUrl,
    /// How it departs from its protocol's vendor.
    pub quirks: Quirks,
    /// What it speaks, best first; never empty.
    pub protocols: Vec<Protocol>,
    /// The configured models; empty: the upstream is asked, and unlisted names are forwarded.
    pub models: Vec<ModelSettings>,
    /// Client's model name → upstream's model name.
    pub model_mapping: Vec<(String, String)>,
    /// Its usable accounts, by priority and then as written; never empty.
    pub accounts: Vec<AccountSettings>,
    /// Overrides `timeouts.upstreamHead`.
    pub timeout: Option<Duration>,
    /// How often a failed call is repeated at the same account.
    pub max_retries: u32,
    /// Which file, or which variable, made it available.
    pub origin: Origin,
}

/// One configured model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelSettings {
    /// The id to send.
    pub id: String,
    /// A name for people.
    pub display_name: Option<String>,
    /// Tokens that fit into its context.
    pub context_tokens: Option<u64>,
    /// Tokens it can write.
    pub max_output_tokens: Option<u64>,
}

/// One usable account, ready to be called.
#[derive(Clone, Debug)]
pub struct AccountSettings {
    /// Its name; `default` when it has none.
    pub name: AccountName,
    /// How it authorises itself.
    pub credential: Credential,
    /// 1 is tried first.
    pub priority: u32,
    /// Its share among accounts of one priority.
    pub weight: u32,
    /// Where its credential came from.
    pub origin: Origin,
    /// Prepared heads, failures and dialect.
    pub endpoint: Arc<Endpoint>,
}
