//! The configured routes, indexed once per configuration.

use crate::{
    NoRoute,
    listing::{self, Listed},
    models::Models,
    plan::{Candidate, Rejected, WhyRejected},
    resolve::{Resolved, Target},
    spec::{AccountRoute, Fallback, ProviderRoute, RouteSpec},
};
use std::{cmp::Reverse, collections::BTreeMap};

/// All routes of one configuration. Immutable: a reload builds another.
#[derive(Clone, Debug)]
pub struct RouteTable {
    pub(crate) providers: Vec<ProviderRoute>,
    /// Per provider, same order.
    pub(crate) models: Vec<Models>,
    /// Per provider: its accounts as positions, in the order they are tried.
    pub(crate) accounts: Vec<Vec<usize>>,
    /// The priority list without entries that mean nothing and without repetitions.
    pub(crate) list: Vec<Target>,
    pub(crate) aliases: BTreeMap<String, String>,
    pub(crate) fallback: Fallback,
    unresolved: Vec<Rejected>,
    listed: Vec<Listed>,
}

impl RouteTable {
    /// Indexes a configuration. Never fails: entries of the priority list that mean nothing are left out and reported by
    /// [`Self::unresolved_priorities`], because a provider may come back later.
    pub fn new(spec: RouteSpec) -> Self {
        let models = spec.providers.iter().map(Models::new).collect();
        let accounts = spec.providers.iter().map(|provider| in_order(&provider.accounts)).collect();
        let mut table = Self {
            providers: spec.providers,
            models,
            accounts,
            list: Vec::new(),
            aliases: spec.aliases,
            fallback: spec.fallback,
            unresolved: Vec::new(),
            listed: Vec::new(),
        };
        table.read_priorities(&spec.priorities);
        table.listed = listing::list(&table);
        table
    }

    /// The providers, in configured order: what [`crate::Candidate::provider`] points into.
    pub fn providers(&self) -> &[ProviderRoute] {
        &self.providers
    }

    /// Every name a client may use, in listing order: the priority list, then by provider, then aliases. `auto` and
    /// `router-maestro` are not models and are not in it.
    pub fn listed(&self) -> impl Iterator<Item = &Listed> {
        self.listed.iter()
    }

    /// Entries of the priority list that mean nothing at the moment, with the reason.
    pub fn unresolved_priorities(&self) -> &[Rejected] {
        &self.unresolved
    }

    /// What a name means, for a person: the first place it would go and how that was found.
    pub fn resolve(&self, name: &str) -> Result<Resolved, NoRoute> {
        self.explain(name)
    }

    /// A candidate's model as `provider/model`.
    pub fn name_of(&self, candidate: &Candidate) -> String {
        let provider = self.providers.get(candidate.provider).map_or("", |route| route.id.as_str());
        format!("{provider}/{}", candidate.model)
    }

    fn read_priorities(&mut self, priorities: &[String]) {
        let mut list: Vec<Target> = Vec::with_capacity(priorities.len());
        for entry in priorities {
            match self.find_explicit(entry) {
                Ok(found) => {
                    if let Some(target) = found.targets.into_iter().next()
                        && !list.contains(&target)
                    {
                        list.push(target);
                    }
                }
                Err(why) => {
                    self.unresolved
                        .push(Rejected { name: entry.as_str().into(), why: WhyRejected::Unresolved(Box::new(why)) });
                }
            }
        }
        self.list = list;
    }
}

/// Positions of accounts by priority, then weight, then as configured.
fn in_order(accounts: &[AccountRoute]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..accounts.len()).collect();
    order.sort_by_key(|at| accounts.get(*at).map(|account| (account.priority, Reverse(account.weight))));
    order
}
