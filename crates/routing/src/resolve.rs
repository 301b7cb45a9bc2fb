//! From a name to the places it may mean.
//!
//! Decides from the name and the table alone. Exact beats alias beats fuzzy, in this order:
//!
//! 1. `router-maestro`, `auto`, `auto:…`, `openrouter/auto` (unless a provider `openrouter` exists) and no name at all mean the
//!    priority list.
//! 2. When the part before the first slash is a provider (case does not matter), the name is *pinned*: an exact id or a key of
//!    its `modelMapping`; then an alias (of the whole name, or of the rest if it leads to this provider, else it is ignored,
//!    even when it leads nowhere); then a fuzzy name of
//!    this provider; then, if the provider is open, the name as it is. Nothing else: a pinned name never goes to another provider
//!    unless the operator wrote an alias for it.
//! 3. Otherwise the whole name is looked for everywhere: an exact id (which may contain a slash: `openai/gpt-4.1` at
//!    OpenRouter); then an alias; then `claude-via-X`, the spelling under which Claude Code is offered foreign models; then
//!    fuzzy, where the best grade over all providers wins. A name found at several providers means the one first in the
//!    priority list, then the one configured first.
//! 4. A bare name that is listed nowhere goes to the only provider there is, if that one is open and its models are not known:
//!    that is no guess. With several providers the error suggests the pinned names of those whose models are not known. With
//!    a prefix that is no provider it is always an error.
//!
//! For an open provider a fuzzy match that would drop the name's own date is not taken: the upstream may well know that date.
//! A trailing `[1m]` asks for a context window and is taken off first.

use crate::{NoRoute, RouteTable, models::Known};
use rm_catalog::{
    matching::{Folded, Hits},
    model_ref::{check_name, split_name},
};
use smallvec::{SmallVec, smallvec};
use std::sync::Arc;

/// An alias may lead to an alias, this often.
const ALIAS_HOPS: u8 = 8;

/// Suggestions in an error.
const SUGGESTIONS: usize = 3;

/// How a name was found; `x-router-source`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// `provider/model`, exactly.
    Pinned,
    /// A bare name, or an id with a slash, exactly.
    Bare,
    /// An alias.
    Alias,
    /// A loosely written name.
    Fuzzy,
    /// Not listed; forwarded for the upstream to decide.
    Forwarded,
    /// The priority list.
    Priorities,
    /// The first model there is, as the priority list is empty.
    FirstAvailable,
}

impl Source {
    /// The word in headers and logs.
    pub fn name(self) -> &'static str {
        match self {
            Self::Pinned => "pinned",
            Self::Bare => "bare",
            Self::Alias => "alias",
            Self::Fuzzy => "fuzzy",
            Self::Forwarded => "forwarded",
            Self::Priorities => "priorities",
            Self::FirstAvailable => "first-available",
        }
    }
}

/// What a name means, for a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resolved {
    /// The provider's position in [`RouteTable::providers`].
    pub provider: usize,
    /// Its id.
    pub provider_id: rm_catalog::ProviderId,
    /// The model at this provider.
    pub model: Arc<str>,
    /// What the upstream calls it.
    pub upstream_model: Arc<str>,
    /// How it was found.
    pub source: Source,
}

/// One model at one provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Target {
    pub provider: usize,
    pub model: Arc<str>,
    pub upstream: Arc<str>,
}

/// Where an explicit name leads.
pub(crate) struct Found {
    /// Never empty; several only for a name without provider. Best first.
    pub targets: SmallVec<[Target; 2]>,
    pub source: Source,
}

/// What kind of name it is.
pub(crate) enum Named {
    List,
    Explicit(Found),
}

impl RouteTable {
    /// Finds what `name` means; `None` is no name at all.
    pub(crate) fn find(&self, name: Option<&str>) -> Result<Named, NoRoute> {
        match name.filter(|name| !is_blank(name)) {
            None => Ok(Named::List),
            Some(name) => {
                check_name(name).map_err(|reason| NoRoute::BadName { reason })?;
                self.follow(without_window(name.trim()), ALIAS_HOPS)
            }
        }
    }

    /// Finds a name that must mean a model, as an entry of the priority list does.
    pub(crate) fn find_explicit(&self, name: &str) -> Result<Found, NoRoute> {
        match self.find(Some(name))? {
            Named::Explicit(found) => Ok(found),
            Named::List => Err(unknown(name, Vec::new())),
        }
    }

    /// The first model there is at a usable provider.
    pub(crate) fn first_available(&self, usable: impl Fn(usize) -> bool) -> Option<Target> {
        let mut models = self.models.iter().enumerate().filter(|(provider, _)| usable(*provider));
        models.find_map(|(provider, models)| models.all().first().map(|known| target(provider, known)))
    }

    pub(crate) fn explain(&self, name: &str) -> Result<Resolved, NoRoute> {
        let (first, source) = match self.find(Some(name))? {
            Named::Explicit(found) => (found.targets.into_iter().next(), found.source),
            Named::List => match self.list.first() {
                Some(first) => (Some(first.clone()), Source::Priorities),
                None => (self.first_available(|_| true), Source::FirstAvailable),
            },
        };
        let Target { provider, model, upstream } = first.ok_or_else(|| self.nothing())?;
        let provider_id = self.providers.get(provider).map(|route| route.id.clone()).ok_or(NoRoute::NoProvider)?;
        Ok(Resolved { provider, provider_id, model, upstream_model: upstream, source })
    }

    /// Why the priority list gives nothing.
    pub(crate) fn nothing(&self) -> NoRoute {
        if self.providers.is_empty() { NoRoute::NoProvider } else { NoRoute::NoModel }
    }

    fn follow(&self, name: &str, hops: u8) -> Result<Named, NoRoute> {
        if self.is_list_name(name) {
            return Ok(Named::List);
        }
        let (prefix, rest) = split_name(name);
        match prefix.and_then(|prefix| self.position(prefix)) {
            Some(provider) => self.pinned(provider, name, rest, hops),
            None => self.anywhere(prefix, name, hops),
        }
    }

    fn is_list_name(&self, name: &str) -> bool {
        let is = |word: &str| name.eq_ignore_ascii_case(word);
        is("router-maestro")
            || is("auto")
            || name.get(..5).is_some_and(|start| start.eq_ignore_ascii_case("auto:"))
            || (is("openrouter/auto") && self.position("openrouter").is_none())
    }

    fn position(&self, provider: &str) -> Option<usize> {
        self.providers.iter().position(|route| route.id.as_str().eq_ignore_ascii_case(provider))
    }

    fn pinned(&self, provider: usize, name: &str, rest: &str, hops: u8) -> Result<Named, NoRoute> {
        let (Some(route), Some(models)) = (self.providers.get(provider), self.models.get(provider)) else {
            return Err(NoRoute::NoProvider);
        };
        if let Some(known) = models.exact(rest) {
            return Ok(one(target(provider, known), Source::Pinned));
        }
        if let Some(leads_to) = self.alias(name) {
            return self.follow_alias(name, leads_to, hops);
        }
        if let Some(leads_to) = self.alias(rest)
            && let Ok(Named::Explicit(found)) = self.follow_alias(rest, leads_to, hops)
            && let Some(target) = found.targets.into_iter().find(|target| target.provider == provider)
        {
            return Ok(one(target, Source::Alias));
        }
        let folded = Folded::new(rest);
        if let Some(hits) = models.fuzzy(&folded).filter(|hits| hits.grade.date_kept || !route.open) {
            let targets: SmallVec<[Target; 2]> =
                models.at(&hits.positions).map(|known| target(provider, known)).collect();
            if targets.len() > 1 {
                return Err(self.ambiguous(name, &targets));
            }
            return Ok(Named::Explicit(Found { targets, source: Source::Fuzzy }));
        }
        if route.open {
            return Ok(forwarded(provider, rest));
        }
        let similar = models.similar(&folded, SUGGESTIONS);
        Err(unknown(name, similar.map(|known| format!("{}/{}", route.id, known.id)).collect()))
    }

    fn anywhere(&self, prefix: Option<&str>, name: &str, hops: u8) -> Result<Named, NoRoute> {
        let exact = self.models.iter().enumerate();
        let targets: SmallVec<[Target; 2]> =
            exact.filter_map(|(provider, models)| models.exact(name).map(|known| target(provider, known))).collect();
        if !targets.is_empty() {
            return Ok(self.ranked(targets, Source::Bare));
        }
        if let Some(leads_to) = self.alias(name) {
            return self.follow_alias(name, leads_to, hops);
        }
        if let Some(foreign) = name.strip_prefix("claude-via-").filter(|foreign| !foreign.is_empty()) {
            return self.follow_alias(name, foreign, hops);
        }
        let folded = Folded::new(name);
        if let Some(targets) = self.fuzzy_anywhere(name, &folded)? {
            return Ok(self.ranked(targets, Source::Fuzzy));
        }
        if self.providers.is_empty() {
            return Err(NoRoute::NoProvider);
        }
        match prefix {
            Some(prefix) => Err(NoRoute::UnknownProvider {
                requested: name.to_owned(),
                provider: prefix.to_owned(),
                known: self.providers.iter().map(|route| route.id.to_string()).collect(),
            }),
            None if self.providers.len() == 1 && self.may_know_more(0) => Ok(forwarded(0, name)),
            None => Err(unknown(name, self.suggestions(name, &folded))),
        }
    }

    /// The targets of the best grade over all providers; an error when one provider has several of them.
    fn fuzzy_anywhere(&self, name: &str, folded: &Folded) -> Result<Option<SmallVec<[Target; 2]>>, NoRoute> {
        let found: SmallVec<[(usize, Hits); 2]> = self
            .models
            .iter()
            .enumerate()
            .filter_map(|(at, models)| models.fuzzy(folded).map(|hits| (at, hits)))
            .collect();
        let Some(best) = found.iter().map(|(_, hits)| hits.grade).max() else { return Ok(None) };
        let winners = || found.iter().filter(|(_, hits)| hits.grade == best);
        let targets: SmallVec<[Target; 2]> = winners()
            .filter_map(|(at, hits)| self.models.get(*at).map(|models| (*at, models, hits)))
            .flat_map(|(at, models, hits)| models.at(&hits.positions).map(move |known| target(at, known)))
            .collect();
        if winners().any(|(_, hits)| hits.positions.len() > 1) {
            return Err(self.ambiguous(name, &targets));
        }
        Ok(Some(targets))
    }

    /// Whether a provider takes unlisted names and its models are not known at the moment.
    fn may_know_more(&self, provider: usize) -> bool {
        let open = self.providers.get(provider).is_some_and(|route| route.open);
        open && self.models.get(provider).is_some_and(|models| models.all().is_empty())
    }

    fn alias(&self, name: &str) -> Option<&str> {
        let folded = || self.aliases.iter().find(|(alias, _)| alias.eq_ignore_ascii_case(name)).map(|(_, to)| to);
        self.aliases.get(name).or_else(folded).map(String::as_str)
    }

    fn follow_alias(&self, alias: &str, leads_to: &str, hops: u8) -> Result<Named, NoRoute> {
        let Some(hops) = hops.checked_sub(1) else { return Err(NoRoute::AliasLoop { alias: alias.to_owned() }) };
        check_name(leads_to).map_err(|reason| NoRoute::BadName { reason })?;
        Ok(match self.follow(leads_to, hops)? {
            Named::Explicit(found) => Named::Explicit(Found { source: Source::Alias, ..found }),
            Named::List => Named::List,
        })
    }

    /// Puts targets of one name in order: place in the priority list, then provider order.
    fn ranked(&self, mut targets: SmallVec<[Target; 2]>, source: Source) -> Named {
        targets.sort_by_key(|target| self.list.iter().position(|entry| entry == target).unwrap_or(usize::MAX));
        Named::Explicit(Found { targets, source })
    }

    fn ambiguous(&self, name: &str, targets: &[Target]) -> NoRoute {
        NoRoute::Ambiguous {
            requested: name.to_owned(),
            choices: targets.iter().map(|target| self.full_name(target)).collect(),
        }
    }

    /// Listed names that look like it, then the name at each provider that might have it.
    fn suggestions(&self, name: &str, folded: &Folded) -> Vec<String> {
        let each = self.models.iter().enumerate();
        let named = each.flat_map(|(at, models)| models.similar(folded, 1).map(move |known| target(at, known)));
        let mut suggestions: Vec<String> = named.map(|target| self.full_name(&target)).collect();
        let unknown = self.providers.iter().enumerate().filter(|(at, _)| self.may_know_more(*at));
        suggestions.extend(unknown.map(|(_, route)| format!("{}/{name}", route.id)));
        suggestions.truncate(SUGGESTIONS);
        suggestions
    }

    pub(crate) fn full_name(&self, target: &Target) -> String {
        let provider = self.providers.get(target.provider).map_or("", |route| route.id.as_str());
        format!("{provider}/{}", target.model)
    }
}

fn target(provider: usize, known: &Known) -> Target {
    Target { provider, model: known.id.clone(), upstream: known.upstream.clone() }
}

fn one(target: Target, source: Source) -> Named {
    Named::Explicit(Found { targets: smallvec![target], source })
}

fn forwarded(provider: usize, name: &str) -> Named {
    let model: Arc<str> = name.into();
    one(Target { provider, upstream: model.clone(), model }, Source::Forwarded)
}

fn unknown(name: &str, suggestions: Vec<String>) -> NoRoute {
    NoRoute::UnknownModel { requested: name.to_owned(), suggestions }
}

/// Whether a name is as good as absent. A control character is not: it is refused.
pub(crate) fn is_blank(name: &str) -> bool {
    name.trim_matches(' ').is_empty()
}

/// The name without the suffix that asks for a window of a million tokens.
fn without_window(name: &str) -> &str {
    let start = name.len().saturating_sub(4);
    let suffix = name.get(start..).is_some_and(|end| end.eq_ignore_ascii_case("[1m]"));
    if suffix && start > 0 { name.get(..start).unwrap_or(name) } else { name }
}
