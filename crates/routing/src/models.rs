//! The models of one provider, ready to be looked up.

use crate::spec::ProviderRoute;
use rm_catalog::matching::{Folded, FuzzyIndex, Hits};
use std::{collections::HashMap, sync::Arc};

/// A name that a provider answers to.
#[derive(Clone, Debug)]
pub(crate) struct Known {
    /// The name to ask for: a listed id, or a key of `modelMapping`.
    pub id: Arc<str>,
    /// What the upstream calls it.
    pub upstream: Arc<str>,
    /// Its name for people.
    pub name: Arc<str>,
}

/// All names of one provider: listed models in their order, then mapped names that are not listed.
#[derive(Clone, Debug)]
pub(crate) struct Models {
    known: Vec<Known>,
    exact: HashMap<Arc<str>, usize>,
    fuzzy: FuzzyIndex,
}

impl Models {
    pub(crate) fn new(route: &ProviderRoute) -> Self {
        let mut known: Vec<Known> = Vec::with_capacity(route.models.len() + route.mapping.len());
        let mut exact = HashMap::new();
        let listed = route.models.iter().map(|model| (model.id.as_str(), model.name.as_str()));
        let mapped = route.mapping.keys().map(|name| (name.as_str(), name.as_str()));
        for (id, name) in listed.chain(mapped) {
            if exact.contains_key(id) {
                continue;
            }
            let shared: Arc<str> = id.into();
            let upstream = route.mapping.get(id).map_or_else(|| shared.clone(), |upstream| upstream.as_str().into());
            exact.insert(shared.clone(), known.len());
            known.push(Known { id: shared, upstream, name: name.into() });
        }
        let fuzzy = FuzzyIndex::new(known.iter().map(|model| &*model.id));
        Self { known, exact, fuzzy }
    }

    pub(crate) fn all(&self) -> &[Known] {
        &self.known
    }

    pub(crate) fn exact(&self, name: &str) -> Option<&Known> {
        self.exact.get(name).and_then(|at| self.known.get(*at))
    }

    pub(crate) fn fuzzy(&self, name: &Folded) -> Option<Hits> {
        self.fuzzy.lookup(name)
    }

    pub(crate) fn at(&self, positions: &[usize]) -> impl Iterator<Item = &Known> {
        positions.iter().filter_map(|at| self.known.get(*at))
    }

    pub(crate) fn similar(&self, name: &Folded, limit: usize) -> impl Iterator<Item = &Known> {
        self.fuzzy.similar(name, limit).into_iter().filter_map(|at| self.known.get(at))
    }
}
