//! The order in which models are shown.

use crate::{RouteTable, resolve::Target};
use std::{cmp::Ordering, sync::Arc};

/// One name a client may use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// What to write: `provider/model`, or an alias.
    pub name: Arc<str>,
    /// Its name for people.
    pub display: Arc<str>,
    /// What stands behind it.
    pub kind: ListedKind,
}

/// What stands behind a listed name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ListedKind {
    /// A model.
    Model {
        /// The provider's position.
        provider: usize,
        /// The model there, without provider.
        model: Arc<str>,
        /// Its place in the priority list, 1 first.
        priority: Option<usize>,
    },
    /// An alias.
    Alias {
        /// What it stands for.
        target: Arc<str>,
    },
}

/// The priority list, then by provider with the newest versions first, then aliases.
pub(crate) fn list(table: &RouteTable) -> Vec<Listed> {
    let mut listed: Vec<Listed> = Vec::new();
    for (at, target) in table.list.iter().enumerate() {
        listed.push(entry(table, target, Some(at + 1)));
    }
    for (provider, models) in table.models.iter().enumerate() {
        let known = models.all().iter().map(|known| Target {
            provider,
            model: known.id.clone(),
            upstream: known.upstream.clone(),
        });
        let mut rest: Vec<Target> = known.filter(|target| !table.list.contains(target)).collect();
        rest.sort_by(|a, b| newest_first(&a.model, &b.model));
        listed.extend(rest.iter().map(|target| entry(table, target, None)));
    }
    let aliases = table.aliases.iter().filter(|(name, _)| !listed.iter().any(|model| *model.name == ***name));
    let aliases: Vec<Listed> = aliases
        .map(|(name, target)| Listed {
            name: name.as_str().into(),
            display: name.as_str().into(),
            kind: ListedKind::Alias { target: target.as_str().into() },
        })
        .collect();
    listed.extend(aliases);
    listed
}

fn entry(table: &RouteTable, target: &Target, priority: Option<usize>) -> Listed {
    let known = table.models.get(target.provider).and_then(|models| models.exact(&target.model));
    Listed {
        name: table.full_name(target).into(),
        display: known.map_or_else(|| target.model.clone(), |known| known.name.clone()),
        kind: ListedKind::Model { provider: target.provider, model: target.model.clone(), priority },
    }
}

/// Words ascending, numbers descending: `gpt-5` before `gpt-4`, and `gpt-4o-2024-11-20` before `gpt-4o-2024-08-06`.
fn newest_first(a: &str, b: &str) -> Ordering {
    let (mut left, mut right) = (a, b);
    loop {
        let (Some(one), Some(two)) = (run(left), run(right)) else { return left.len().cmp(&right.len()) };
        let digits = |text: &str| text.starts_with(|c: char| c.is_ascii_digit());
        let order = if digits(one) && digits(two) {
            let (one, two) = (one.trim_start_matches('0'), two.trim_start_matches('0'));
            two.len().cmp(&one.len()).then_with(|| two.cmp(one))
        } else {
            one.cmp(two)
        };
        if order != Ordering::Equal {
            return order;
        }
        left = left.strip_prefix(one).unwrap_or_default();
        right = right.strip_prefix(two).unwrap_or_default();
    }
}

/// The run of digits or of anything else at the start.
fn run(text: &str) -> Option<&str> {
    let digit = text.chars().next()?.is_ascii_digit();
    let end = text.find(|c: char| c.is_ascii_digit() != digit).unwrap_or(text.len());
    text.get(..end)
}

#[cfg(test)]
mod tests {
    use super::newest_first;

    #[test]
    fn newer_versions_stand_before_older_ones() {
        let mut ids =
            ["gpt-4", "gpt-10", "gpt-4o-2024-08-06", "claude-3", "gpt-4o-2024-11-20", "gpt-4o", "gpt-5.1", "gpt-5"];
        ids.sort_by(|a, b| newest_first(a, b));
        assert_eq!(
            ids,
            ["claude-3", "gpt-10", "gpt-5", "gpt-5.1", "gpt-4", "gpt-4o", "gpt-4o-2024-11-20", "gpt-4o-2024-08-06"]
        );
    }
}
