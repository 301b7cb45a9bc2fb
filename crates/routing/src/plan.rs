//! What one request may try, in order.
//!
//! Decides from the table and what the client asked; no clock, no health, no randomness, so the same question always has the
//! same answer. Two words matter:
//!
//! - an *entry* is one model at one provider;
//! - a *candidate* is an entry through one account. An entry's accounts stand next to each other, by priority.
//!
//! Which entries, after the rule of failover:
//!
//! | asked for | `priority` | `same-model` | `none` |
//! |---|---|---|---|
//! | the priority list | the list | its first, then other providers with that id | its first |
//! | the list, and it is empty | the first model there is, alone | same | same |
//! | a model in the list | it, then the entries after it | it, then other providers with that id | it |
//! | a pinned model not in the list | it | it, then other providers with that id | it |
//! | a bare name not in the list | every provider that has it | every provider that has it | the first of them |
//!
//! So an explicit model that is not in the list never changes model. `none`, and a client that refuses fallbacks, leave one
//! account of one entry. `fallback.maxRetries` counts entries after the first, not accounts: another account of the same entry
//! changes neither model nor provider, and all calls of a request are bounded anyway. The counting is done by
//! [`crate::Failover`], because an entry that was left over a refused credential is not counted.
//!
//! Providers that cannot serve the request (no account, or another protocol on a native mount) are left out before anything
//! is counted.

use crate::{
    NoRoute, RouteTable,
    resolve::{Found, Named, Source, Target, is_blank},
    spec::Strategy,
};
use rm_protocol::Protocol;
use smallvec::SmallVec;
use std::sync::Arc;

/// What a client asks for, as far as routing needs to know.
#[derive(Clone, Copy, Debug)]
pub struct Ask<'a> {
    /// The requested model; `None` when absent.
    pub model: Option<&'a str>,
    /// What the client speaks.
    pub protocol: Protocol,
    /// The client's `provider.allow_fallbacks`; true when it says nothing.
    pub allow_fallbacks: bool,
    /// Only providers that speak the client's protocol themselves: the `/openai` and `/anthropic` mounts.
    pub native_only: bool,
}

impl<'a> Ask<'a> {
    /// An ask without restrictions.
    pub fn new(model: Option<&'a str>, protocol: Protocol) -> Self {
        Self { model, protocol, allow_fallbacks: true, native_only: false }
    }
}

/// The ordered result of routing one request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// What to try, best first; never empty.
    pub candidates: SmallVec<[Candidate; 4]>,
    /// How the name was found.
    pub source: Source,
    /// Entries after the first that may be tried.
    pub fallback_max: u32,
    /// Entries that were left out, with the reason.
    pub rejected: Vec<Rejected>,
}

/// One deployment that a request can be sent to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// Position in [`RouteTable::providers`].
    pub provider: usize,
    /// Position in that provider's `accounts`.
    pub account: usize,
    /// The model as it is listed there.
    pub model: Arc<str>,
    /// The model as the upstream knows it.
    pub upstream_model: Arc<str>,
    /// What to speak: the client's own protocol where the provider speaks it, else the provider's first.
    pub protocol: Protocol,
    /// Which entry it belongs to, from 0. Candidates of one entry differ only in the account.
    pub entry: u32,
    /// Repeats the provider allows in one request.
    pub max_retries: u32,
}

/// An entry that was left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejected {
    /// As `provider/model`, or as it stands in the priority list.
    pub name: Arc<str>,
    /// The reason.
    pub why: WhyRejected,
}

/// Why an entry was left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WhyRejected {
    /// The provider does not speak the client's protocol and the mount never translates.
    NotNative,
    /// The provider has no usable account, or speaks nothing.
    NoAccount,
    /// An entry of the priority list that means nothing at the moment.
    Unresolved(Box<NoRoute>),
}

impl RouteTable {
    /// What to try for one request. Fails when there is nothing.
    pub fn plan(&self, ask: &Ask<'_>) -> Result<Plan, NoRoute> {
        let missing = ask.model.is_none_or(is_blank);
        if missing && ask.protocol == Protocol::Messages {
            return Err(NoRoute::MissingModel);
        }
        let alone = !ask.allow_fallbacks || self.fallback.strategy == Strategy::None;
        let (entries, source) = match self.find(ask.model)? {
            Named::List => self.list_entries(ask)?,
            Named::Explicit(found) => self.explicit_entries(found, ask)?,
        };
        let mut rejected = Vec::new();
        let mut candidates = SmallVec::new();
        let mut kept = 0;
        for entry in &entries {
            if let Some(why) = self.refuses(entry.provider, ask) {
                rejected.push(Rejected { name: self.full_name(entry).into(), why });
                continue;
            }
            self.add_candidates(entry, kept, ask.protocol, &mut candidates);
            kept += 1;
            if alone {
                candidates.truncate(1);
                break;
            }
        }
        if candidates.is_empty() {
            return Err(self.none_usable(ask, &entries));
        }
        Ok(Plan { candidates, source, fallback_max: if alone { 0 } else { self.fallback.max_retries }, rejected })
    }

    fn list_entries(&self, ask: &Ask<'_>) -> Result<(SmallVec<[Target; 4]>, Source), NoRoute> {
        let usable = |provider: usize| self.refuses(provider, ask).is_none();
        if self.list.is_empty() {
            let first = self.first_available(usable).ok_or_else(|| self.nothing())?;
            return Ok((SmallVec::from_iter([first]), Source::FirstAvailable));
        }
        let entries = match self.fallback.strategy {
            Strategy::Priority | Strategy::None => self.list.iter().cloned().collect(),
            Strategy::SameModel => match self.list.iter().find(|entry| usable(entry.provider)).or(self.list.first()) {
                Some(first) => self.with_same_model(first),
                None => SmallVec::new(),
            },
        };
        Ok((entries, Source::Priorities))
    }

    fn explicit_entries(&self, found: Found, ask: &Ask<'_>) -> Result<(SmallVec<[Target; 4]>, Source), NoRoute> {
        let Found { targets, source } = found;
        let Some(first) = targets.iter().find(|target| self.refuses(target.provider, ask).is_none()) else {
            return Err(self.none_usable(ask, &targets));
        };
        let entries = match self.fallback.strategy {
            Strategy::SameModel if targets.len() == 1 => self.with_same_model(first),
            Strategy::SameModel | Strategy::None => targets.into_iter().collect(),
            Strategy::Priority => match self.list.iter().position(|entry| entry == first) {
                Some(at) => self.list.iter().skip(at).cloned().collect(),
                None => targets.into_iter().collect(),
            },
        };
        Ok((entries, source))
    }

    fn with_same_model(&self, first: &Target) -> SmallVec<[Target; 4]> {
        let mut entries = SmallVec::from_iter([first.clone()]);
        for (provider, models) in self.models.iter().enumerate().filter(|(provider, _)| *provider != first.provider) {
            if let Some(known) = models.exact(&first.model) {
                entries.push(Target { provider, model: known.id.clone(), upstream: known.upstream.clone() });
            }
        }
        entries
    }

    fn refuses(&self, provider: usize, ask: &Ask<'_>) -> Option<WhyRejected> {
        let route = self.providers.get(provider)?;
        if route.accounts.is_empty() || route.protocols.is_empty() {
            Some(WhyRejected::NoAccount)
        } else if ask.native_only && !route.protocols.contains(&ask.protocol) {
            Some(WhyRejected::NotNative)
        } else {
            None
        }
    }

    fn add_candidates(&self, entry: &Target, number: u32, client: Protocol, to: &mut SmallVec<[Candidate; 4]>) {
        let Some(route) = self.providers.get(entry.provider) else { return };
        let own = route.protocols.iter().find(|protocol| **protocol == client);
        let Some(protocol) = own.or(route.protocols.first()) else { return };
        for account in self.accounts.get(entry.provider).into_iter().flatten() {
            to.push(Candidate {
                provider: entry.provider,
                account: *account,
                model: entry.model.clone(),
                upstream_model: entry.upstream.clone(),
                protocol: *protocol,
                entry: number,
                max_retries: route.max_retries,
            });
        }
    }

    fn none_usable(&self, ask: &Ask<'_>, entries: &[Target]) -> NoRoute {
        let requested = ask.model.unwrap_or("router-maestro").to_owned();
        if entries.iter().any(|entry| self.refuses(entry.provider, ask) == Some(WhyRejected::NotNative)) {
            return NoRoute::NotNative { requested, protocol: ask.protocol };
        }
        match entries.first().and_then(|entry| self.providers.get(entry.provider)) {
            Some(route) => NoRoute::NoAccount { requested, provider: route.id.to_string() },
            None => self.nothing(),
        }
    }
}
