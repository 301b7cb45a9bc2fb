//! What the operator configured, as far as routing needs it.

use rm_catalog::{AccountName, ProviderId};
use rm_protocol::Protocol;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Everything that routes are made of.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RouteSpec {
    /// The providers, in configured order; ids differ also without regard to case.
    pub providers: Vec<ProviderRoute>,
    /// The priority list: `provider/model`, first is best.
    pub priorities: Vec<String>,
    /// What may be tried after a failure.
    pub fallback: Fallback,
    /// Other names for models: alias to `provider/model`, a bare name, or another alias.
    pub aliases: BTreeMap<String, String>,
}

/// One provider as routing sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProviderRoute {
    /// Its name.
    pub id: ProviderId,
    /// What it speaks, best first. With none it is never a candidate.
    pub protocols: Vec<Protocol>,
    /// Its models as configured, or as discovered when none are configured.
    pub models: Vec<ListedModel>,
    /// Whether no models are configured: names that are not listed are forwarded and the upstream decides.
    pub open: bool,
    /// `modelMapping`: requested name to the name the upstream knows. A key is a name of its own, listed or not.
    pub mapping: BTreeMap<String, String>,
    /// Its credentials. With none it is never a candidate.
    pub accounts: Vec<AccountRoute>,
    /// `maxRetries`: repeats on this provider in one request.
    pub max_retries: u32,
}

/// A model that a provider has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedModel {
    /// Its id, without the provider.
    pub id: String,
    /// Its name for people; the id when there is none.
    pub name: String,
}

impl ListedModel {
    /// A model whose name is its id.
    pub fn new(id: &str) -> Self {
        Self { id: id.to_owned(), name: id.to_owned() }
    }
}

/// One set of credentials.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountRoute {
    /// Its name.
    pub name: AccountName,
    /// 1 is tried first.
    pub priority: u32,
    /// Among equal priorities the heavier is tried first.
    pub weight: u32,
}

/// What may be tried after a retryable failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fallback {
    /// Where to go.
    pub strategy: Strategy,
    /// How many further entries, at most. Other accounts of the same entry are not counted.
    pub max_retries: u32,
}

impl Default for Fallback {
    fn default() -> Self {
        Self { strategy: Strategy::Priority, max_retries: 2 }
    }
}

/// Where a request may go after a retryable failure.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Strategy {
    /// Down the priority list.
    #[default]
    Priority,
    /// To other providers that list the same model.
    SameModel,
    /// Nowhere: one candidate.
    None,
}

impl Strategy {
    /// All strategies.
    pub const ALL: [Self; 3] = [Self::Priority, Self::SameModel, Self::None];

    /// The word in configuration files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Priority => "priority",
            Self::SameModel => "same-model",
            Self::None => "none",
        }
    }

    /// From the word in configuration files.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|strategy| strategy.name() == word)
    }
}
